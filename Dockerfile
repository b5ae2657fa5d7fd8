# gazetted in a container: docker build -t gazetted . && docker run -v gazetted:/data -p 127.0.0.1:7878:7878 gazetted
#
# The image has no shell and no package manager. The daemon runs as user 65532, and writes only into the volume /data.

FROM rust:1.91-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin gazetted \
    && install -D -m 755 target/release/gazetted /image/usr/bin/gazetted \
    && install -D -m 644 config/container.toml /image/etc/gazetted/gazetted.toml \
    && install -d /image/data

# With libgcc, certificates and time zones.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image/usr /usr
COPY --from=build /image/etc/gazetted /etc/gazetted
COPY --from=build --chown=65532:65532 /image/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 7878
ENV GAZETTED_CONFIG=/etc/gazetted/gazetted.toml
# One arena of the allocator for all threads: less memory is held after many polls at once.
ENV MALLOC_ARENA_MAX=1
# The first poll may come after a migration of a large store.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/usr/bin/gazetted", "status", "--ready"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/gazetted"]
CMD ["run"]

# The verbs of this repository; each is one or two cargo lines. `just` alone lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
list:
    @just --list --unsorted

# the habit before every commit: format, lints, house rules, unit tests
check: format lint
    cargo test --quiet --lib --bins --test tidy

# With CI_EXPECTED_SKIPS set (names of what is missing, separated by `;`), any other skip is an error.
#
# all tests, then a list of those that could not run here
test *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    export GAZETTED_SKIPS="$(mktemp)"
    trap 'rm "$GAZETTED_SKIPS"' EXIT
    ended=0
    cargo test {{ ARGS }} || ended=$?
    sort -u "$GAZETTED_SKIPS" | while IFS=$'\t' read -r what test; do echo "SKIPPED for want of $what: $test"; done
    if [ -n "${CI_EXPECTED_SKIPS+set}" ]; then
        expected="$(tr ';' '\n' <<< "$CI_EXPECTED_SKIPS")"
        if cut -f 1 "$GAZETTED_SKIPS" | sort -u | grep -vxF "$expected"; then
            echo "test: the above is missing, but .ci/run does not expect that"
            exit 1
        fi
    fi
    exit "$ended"

# The Python packages are pinned and go into a virtual environment below target/. The program is the one that the
# tests use, so that CI does not build its dependencies a second time without their features.
#
# judge exports and feeds by programs that share no code with ours (Python)
oracle:
    #!/usr/bin/env bash
    set -euo pipefail
    environment="${CARGO_TARGET_DIR:-target}/external-checks"
    [ -x "$environment/bin/python" ] || python3 -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/external_checks/requirements.txt
    cargo test --locked --quiet --no-run --test it
    program="${CARGO_TARGET_DIR:-target}/debug/gazetted"
    "$environment/bin/python" tests/external_checks/check_exports.py "$program"
    for folder in tests/feeds fuzz/seeds/document; do
        "$environment/bin/python" tests/external_checks/compare_feedparser.py "$program" "$folder" --limit 0
    done

# The flags are those of cargo-fuzz without its address sanitizer, which needs a nightly compiler and has little to
# find here: unsafe code is forbidden. A long run is built with optimisation, and the coverage of the dependencies counts
# too. With FUZZ_PROFILE=dev only the project's own crates are built for it: the dependencies are those of the tests. Found
# inputs and the growing corpus are below target/fuzz. FUZZ_SEED fixes the series of inputs; without it each run tries
# others. An input that takes longer than FUZZ_TIMEOUT seconds (5) is a finding; FUZZ_MAX_LEN is the longest input in bytes
# (65,536), because work that grows with the square of the length does not show in short ones.
#
# run every fuzz target on its seeds, then for so many seconds: `just fuzz 60`, `just fuzz 600 document`
fuzz SECONDS="60" *TARGETS:
    #!/usr/bin/env bash
    set -euo pipefail
    build="${CARGO_TARGET_DIR:-target}"
    found="$build/fuzz"
    flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
    for part in inline-8bit-counters pc-table trace-compares; do
        flags="$flags -Cllvm-args=-sanitizer-coverage-$part"
    done
    if [ "${FUZZ_PROFILE:-release}" = dev ]; then
        export FUZZ_FLAGS="$flags" RUSTC_WRAPPER="$PWD/fuzz/instrumented-rustc"
        cargo build --manifest-path fuzz/Cargo.toml --locked --bins --target-dir "$build"
        programs="$build/debug"
    else
        # With a target named, the flags are not for build scripts.
        host="$(rustc -vV | sed -n 's/^host: //p')"
        RUSTFLAGS="$flags" cargo build --release --manifest-path fuzz/Cargo.toml --locked --bins --target "$host" --target-dir "$found"
        programs="$found/$host/release"
    fi
    targets="{{ TARGETS }}"
    for target in ${targets:-$(basename -s .rs -a fuzz/fuzz_targets/*.rs)}; do
        echo "fuzz: $target, {{ SECONDS }} seconds"
        corpus="$found/corpus/$target"
        mkdir -p "$corpus"
        "$programs/$target" -max_total_time={{ SECONDS }} -seed="${FUZZ_SEED:-0}" -timeout="${FUZZ_TIMEOUT:-5}" -report_slow_units=1 -max_len="${FUZZ_MAX_LEN:-65536}" \
            -rss_limit_mb=2048 -verbosity=0 \
            -print_final_stats=1 -artifact_prefix="$found/$target-" "$corpus" "fuzz/seeds/$target"
    done

# The LLVM tools must be of the LLVM version that rustc uses, because the format of the profiles changes with it.
# They come from rustup (llvm-tools) or from the system (Debian's package llvm-22 for LLVM 22).
#
# the share of src/ that the tests reach, as a table: `just coverage`, `just coverage --lib`
coverage *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! cargo llvm-cov --version >/dev/null 2>&1; then
        echo "coverage: cargo-llvm-cov is missing: cargo install cargo-llvm-cov"
        exit 1
    fi
    version="$(rustc -vV | sed -nE 's/^LLVM version: ([0-9]+).*/\1/p')"
    tools="$(rustc --print target-libdir)/../bin"
    if [ ! -x "$tools/llvm-profdata" ]; then
        if ! { command -v "llvm-profdata-$version" && command -v "llvm-cov-$version"; } >/dev/null; then
            echo "coverage: the tools of LLVM $version are missing: rustup component add llvm-tools, or apt-get install llvm-$version"
            exit 1
        fi
        export LLVM_PROFDATA="$(command -v "llvm-profdata-$version")" LLVM_COV="$(command -v "llvm-cov-$version")"
    fi
    cargo llvm-cov --locked --ignore-filename-regex '(^|/)tests/' {{ ARGS }}

# review changed snapshots (wants cargo-insta)
snap:
    cargo insta test --review

# the documentation, with broken links as errors
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# Files that are not below docs have no page in it, so links to them become their names. A remark of mdBook is an error.
#
# docs/ as a book, below target/book (wants mdbook)
book:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v mdbook >/dev/null; then
        echo "book: SKIPPED for want of mdbook"
        [ -z "${CI_EXPECTED_SKIPS+set}" ] || [[ ";$CI_EXPECTED_SKIPS;" == *";mdbook;"* ]]
        exit
    fi
    source="$(mktemp -d)"
    trap 'rm -r "$source"' EXIT
    cp -r docs config "$source"
    sed -Ei 's#\[([^]]*)\]\(\.\./[^)]*\)#\1#g' "$source"/docs/*.md
    sed -Ei 's#\[([^]]*)\]\(\.\./\.\./[^)]*\)#\1#g' "$source"/docs/*/*.md
    said=$(mdbook build "$source/docs" --dest-dir "$PWD/target/book" 2>&1) || { echo "$said"; exit 1; }
    if grep -E 'WARN|ERROR' <<< "$said"; then exit 1; fi

# licences, bans and sources of the dependencies; offline, so fetched first
deps:
    cargo fetch --locked
    cargo deny --offline --locked check --hide-inclusion-graph bans licenses sources

# the daemon, in the foreground
run *ARGS:
    cargo run -- {{ ARGS }} run

# fetch and normalise one document, print what would be stored, write nothing
try URL *ARGS:
    cargo run --quiet -- {{ ARGS }} inspect {{ quote(URL) }}

# start the next migration: `just migration add_article_language`
migration NAME:
    #!/usr/bin/env bash
    set -euo pipefail
    last=$(ls migrations/sqlite | grep -E '^[0-9]{4}_' | tail -n 1 | cut -c 1-4 || true)
    file=$(printf 'migrations/sqlite/%04d_%s.sql' $((10#${last:-0} + 1)) {{ quote(NAME) }})
    touch "$file"
    echo "$file"

# The program that makes them may be named by PROGRAM, so that a finished one is not built again.
#
# manual pages and completions, into target/package
[private]
pages:
    #!/usr/bin/env bash
    set -euo pipefail
    program="${PROGRAM:-}"
    if [ -z "$program" ]; then
        cargo build --release --locked --bin gazetted
        program="${CARGO_TARGET_DIR:-target}/release/gazetted"
    fi
    rm -rf target/package
    mkdir -p target/package/completions
    "$program" --quiet man --folder target/package/man
    "$program" completions bash > target/package/completions/gazetted
    "$program" completions zsh > target/package/completions/_gazetted
    "$program" completions fish > target/package/completions/gazetted.fish

# Files go below DESTDIR if it is set. An existing configuration stays as it is, because none is written: the sample of the
# service's is in share/doc/gazetted.
#
# install the program, manual pages, completions and the service: `just install`, `just install PREFIX=$HOME/.local`
install PREFIX="/usr/local": pages
    #!/usr/bin/env bash
    set -euo pipefail
    prefix={{ quote(PREFIX) }}
    prefix="${prefix#PREFIX=}"
    to="${DESTDIR:-}$prefix"
    install -D -m 755 "${PROGRAM:-${CARGO_TARGET_DIR:-target}/release/gazetted}" "$to/bin/gazetted"
    install -D -m 644 -t "$to/share/man/man1" target/package/man/*.1
    install -D -m 644 -t "$to/share/man/man5" target/package/man/*.5
    install -D -m 644 -t "$to/share/bash-completion/completions" target/package/completions/gazetted
    install -D -m 644 -t "$to/share/zsh/site-functions" target/package/completions/_gazetted
    install -D -m 644 -t "$to/share/fish/vendor_completions.d" target/package/completions/gazetted.fish
    install -D -m 644 -t "$to/share/doc/gazetted" config/service.toml config/gazetted.example.toml README.md
    mkdir -p "$to/lib/systemd/system"
    sed "s#/usr/bin/gazetted#$prefix/bin/gazetted#" systemd/gazetted.service > "$to/lib/systemd/system/gazetted.service"
    chmod 644 "$to/lib/systemd/system/gazetted.service"
    echo "installed below $to; for the service, the first time: install -D -m 644 $to/share/doc/gazetted/service.toml /etc/gazetted/gazetted.toml"

# A static-pie binary still has a loader for `ldd` to name, but needs no library.
#
# a static binary for any x86_64 Linux (wants `rustup target add x86_64-unknown-linux-musl`, and musl-gcc)
static *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    target=x86_64-unknown-linux-musl
    cargo build --release --locked --bin gazetted --target "$target" {{ ARGS }}
    binary="${CARGO_TARGET_DIR:-target}/$target/release/gazetted"
    if ldd "$binary" 2>&1 | grep '=>'; then
        echo "static: the binary needs the above"
        exit 1
    fi
    echo "$binary"

# With PROGRAM set, `just deb --no-build` packages what is in the target folder.
#
# the Debian package (wants cargo-deb), below target/debian
deb *ARGS: pages
    #!/usr/bin/env bash
    set -euo pipefail
    version="$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)"
    maintainer="$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)"
    # The changelog of the package, as Debian wants one beside ours.
    printf 'gazetted (%s-1) unstable; urgency=medium\n\n  * Version %s: see changelog.gz.\n\n -- %s  %s\n' \
        "$version" "$version" "$maintainer" "$(LC_ALL=C date -R)" > target/package/changelog
    cargo deb --locked {{ ARGS }}

# By default those that write most of what a store can hold; `just postgres ""` runs all.
#
# tests/it with stores in PostgreSQL, on a server of its own below /tmp
postgres *FILTERS="databases::a_ databases::characters databases::feeds databases::languages databases::several databases::workers cli::copy stories:: poll::identity":
    #!/usr/bin/env bash
    set -euo pipefail
    if ! url="$(.ci/postgres)"; then
        echo "postgres: SKIPPED for want of PostgreSQL"
        [ -z "${CI_EXPECTED_SKIPS+set}" ] || [[ ";$CI_EXPECTED_SKIPS;" == *";PostgreSQL;"* ]]
        exit
    fi
    folder="${url#*host=}"
    trap '.ci/postgres stop "${folder%%&*}"' EXIT
    export GAZETTED_TEST_POSTGRES="$url" RUST_TEST_THREADS=4
    just test --locked --test it -- {{ FILTERS }}

# the end-to-end benchmark (docs/benchmarks.md): `just bench --feeds 200`
bench *ARGS:
    cargo bench --bench end_to_end -- {{ ARGS }}

# Wants valgrind. After a change that is meant to cost more or less, record the counts again, see docs/benchmarks.md.
#
# compare the instruction counts of the end-to-end benchmark with the recorded ones
count:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v valgrind >/dev/null; then
        echo "count: SKIPPED for want of valgrind"
        [ -z "${CI_EXPECTED_SKIPS+set}" ] || [[ ";$CI_EXPECTED_SKIPS;" == *";valgrind;"* ]]
        exit
    fi
    cargo bench --locked --quiet --profile dev --bench end_to_end -- --feeds 100 --shrink 30 --count --compare benches/instruction-counts.json

# Valgrind uses one core and the longest test another one, so that both take as long as one of them, and so do the tests on
# PostgreSQL behind it. Counts do not depend on what else runs.
[private]
test-and-count:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo test --locked --no-run
    cargo bench --locked --profile dev --bench end_to_end --no-run
    counts="$(mktemp)"
    trap 'rm "$counts"' EXIT
    { just count && just postgres; } > "$counts" 2>&1 &
    counting=$!
    ended=0
    just test --locked || ended=$?
    wait "$counting" || ended=$?
    cat "$counts"
    exit "$ended"

# everything a change must pass; .ci/run calls this and nothing else
ci: format lint test-and-count oracle (fuzz "2") docs book deps unit

[private]
format:
    cargo fmt --check

[private]
lint:
    cargo clippy --all-targets --locked -- -D warnings

# The service file names an installed binary, which is replaced by /bin/true here. A remark on the unit is an
# error here, though systemd-analyze itself would let it pass.
[private]
unit:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v systemd-analyze >/dev/null; then
        echo "unit: SKIPPED for want of systemd-analyze"
        [ -z "${CI_EXPECTED_SKIPS+set}" ] || [[ ";$CI_EXPECTED_SKIPS;" == *";systemd-analyze;"* ]]
        exit
    fi
    folder=$(mktemp -d)
    trap 'rm -r "$folder"' EXIT
    sed -E 's#^(Exec[A-Za-z]*=[-@:+!]*)[^ ]+#\1/bin/true#' systemd/gazetted.service > "$folder/gazetted.service"
    said=$(systemd-analyze verify --recursive-errors=no "$folder/gazetted.service" 2>&1) || { echo "$said"; exit 1; }
    if grep gazetted.service <<< "$said"; then exit 1; fi

//! Connections: their number, their time limits and their end.
//!
//! A client that sends no request, or sends it byte by byte (slow loris), is disconnected after
//! [`HEADER_TIMEOUT`]; a client that reads nothing, after [`WRITE_TIMEOUT`]; every client after
//! [`CONNECTION_LIMIT`]. It cannot keep others out before that, because the clients share the connections
//! (see `places`). A client that gets none may still ask for the probes on a few connections in [`RESERVE`].

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};

use super::places::{Client, Place, Places};
use super::view::locate;
use super::{Site, error_response};
use crate::telemetry::events;

/// The most connections. The usual limit of file descriptors is 1024, and polls need some of them.
const MAX_CONNECTIONS: usize = 512;

/// Further connections that answer the probes only.
const RESERVE: usize = 16;

/// The paths of the probes.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Connections that may wait to be taken; the system has a say in it as well. Beyond it a client tries again
/// after a second: 128, as is usual, are too few for those who want to keep others out.
const BACKLOG: u32 = 4_096;

/// For the whole head of a request, from the connection or the last answer on: also how long an idle
/// connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that reads nothing for this time is disconnected.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest life of a connection. Clients of the event stream reconnect by themselves.
const CONNECTION_LIMIT: Duration = Duration::from_hours(1);

/// Of a request's head: cookies of other programs on the same host come along.
const MAX_HEAD: usize = 32 * 1024;

/// The wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on {address} ([server] listen)")]
pub struct BindError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// Binds the address. Connections are queued from then on.
///
/// # Errors
/// When the port is taken or not ours to take.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?; // Else a restart would wait for the last one's connections.
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| BindError { address, source })
}

/// Accepts connections until `shutdown` is true, then waits for the requests in progress.
pub(super) async fn serve(
    listener: TcpListener,
    site: Site,
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let places = Places::new(MAX_CONNECTIONS, Duration::ZERO);
    let reserve = Places::new(RESERVE, Duration::ZERO);
    loop {
        let accepted = tokio::select! {
            () = end(&mut shutdown) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let client = Client::of(address.ip());
                let place = places.take(client).map(|place| (place, false));
                let place = place.or_else(|| Some((reserve.take(client)?, true)));
                let Some((place, is_reserve)) = place else { continue };
                let connection = Connection {
                    client,
                    place: Arc::new(place),
                    is_reserve,
                    site: site.clone(),
                    router: router.clone(),
                };
                connections.spawn(connection.converse(stream, shutdown.clone()));
            }
            Err(error) => {
                events::accept_failed(&error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits until `shutdown` is true or its sender is dropped.
pub(super) async fn end(shutdown: &mut watch::Receiver<bool>) {
    shutdown.wait_for(|end| *end).await.ok();
}

/// A connection and what it may ask for.
struct Connection {
    client: Client,
    place: Arc<Place>,
    is_reserve: bool,
    site: Site,
    router: Router,
}

impl Connection {
    async fn converse(self, stream: TcpStream, mut shutdown: watch::Receiver<bool>) {
        stream.set_nodelay(true).ok(); // Only slower without it.
        let place = Arc::clone(&self.place);
        let stream = Watched { stream, place: Arc::clone(&place), stalled: None };
        let router = TowerToHyperService::new(self.router);
        let (client, is_reserve) = (self.client, self.is_reserve);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let place = Arc::clone(&self.place);
            let moved = locate(self.site.access().base(), &mut request);
            let is_refused = is_reserve && !PROBES.contains(&request.uri().path());
            request.extensions_mut().insert(client);
            place.set_busy(true);
            let answer = match moved {
                Some(moved) => Err(moved),
                None if is_refused => {
                    Err(error_response::busy("too many connections; try again in a moment"))
                }
                None => Ok(router.call(request)),
            };
            async move {
                let answer = match answer {
                    Ok(answer) => answer.await,
                    Err(response) => Ok(response),
                };
                // An event stream is silent most of the time, and is not idle.
                if !answer.as_ref().is_ok_and(|answer| is_event_stream(answer.headers())) {
                    place.set_busy(false);
                }
                answer
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .keep_alive(!is_reserve)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        // Errors are those of the client: it disconnected, or it does not speak HTTP and got a 400.
        tokio::select! {
            ended = timeout(CONNECTION_LIMIT, connection.as_mut()) => { ended.ok(); }
            () = place.revoked() => {}
            () = end(&mut shutdown) => {
                connection.as_mut().graceful_shutdown();
                connection.await.ok();
            }
        }
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) == Some(b"text/event-stream")
}

/// A connection whose place learns of each byte, and which fails when the client reads nothing for
/// [`WRITE_TIMEOUT`].
struct Watched {
    stream: TcpStream,
    place: Arc<Place>,
    /// Runs while the client reads nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    fn wrote(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            self.place.moved();
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.place.moved();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! Connections: their number, their time limits and their end.
//!
//! A client that sends no request, or sends it byte by byte (slow loris), is disconnected after
//! [`HEADER_TIMEOUT`]. It cannot keep others out before that: at the limit, a new connection replaces the one
//! that has been silent for longest.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::telemetry::events;

/// The most connections. The usual limit of file descriptors is 1024, and polls need some of them.
const MAX_CONNECTIONS: usize = 512;

/// Connections that may wait to be taken; the system has a say in it as well. Beyond it a client tries again
/// after a second: 128, as is usual, are too few for those who want to keep others out.
const BACKLOG: u32 = 4_096;

/// For the whole head of a request, from the connection or the last answer on: also how long an idle
/// connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

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
    router: Router,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let mut silent: VecDeque<Silent> = VecDeque::new();
    loop {
        let stream = tokio::select! {
            () = end(&mut shutdown) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match stream {
            Ok((stream, _)) => {
                while MAX_CONNECTIONS <= connections.len() && make_room(&mut silent) {
                    connections.join_next().await;
                }
                if MAX_CONNECTIONS <= connections.len() {
                    continue; // All of them are being served: this one is closed.
                }
                let heard = Arc::new(AtomicBool::new(false));
                let connection =
                    converse(stream, router.clone(), Arc::clone(&heard), shutdown.clone());
                let abort = connections.spawn(connection);
                silent.retain(Silent::is_silent);
                silent.push_back(Silent { heard, abort });
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

/// A connection that has not sent a complete request yet.
struct Silent {
    heard: Arc<AtomicBool>,
    abort: AbortHandle,
}

impl Silent {
    fn is_silent(&self) -> bool {
        !self.heard.load(Ordering::Relaxed) && !self.abort.is_finished()
    }
}

/// Closes the connection that has been silent for longest. Returns whether there was one.
fn make_room(silent: &mut VecDeque<Silent>) -> bool {
    while let Some(oldest) = silent.pop_front() {
        if oldest.is_silent() {
            oldest.abort.abort();
            return true;
        }
    }
    false
}

async fn converse(
    stream: TcpStream,
    router: Router,
    heard: Arc<AtomicBool>,
    mut shutdown: watch::Receiver<bool>,
) {
    stream.set_nodelay(true).ok(); // Only slower without it.
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        heard.store(true, Ordering::Relaxed);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // Errors are those of the client: it disconnected, or it does not speak HTTP and got a 400.
    tokio::select! {
        ended = connection.as_mut() => { ended.ok(); }
        () = end(&mut shutdown) => {
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        }
    }
}

//! Response bodies that are written while they are sent, so that memory use does not depend on their size.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream::{Stream, poll_fn};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::places::Place;
use super::reader_pool::ReadError;
use crate::passes::export::ExportError;
use crate::store::StoreError;
use crate::telemetry::events;

/// The size of a chunk in bytes.
const CHUNK: usize = 32 * 1024;

/// The most chunks that wait for the client. Usual exports fit, so that they are finished at once.
const AHEAD: usize = 16;

/// A client that reads nothing for this time is disconnected, because it occupies a thread.
const STALL: Duration = Duration::from_secs(30);

/// The most bodies that are being written, which bounds their threads and their memory.
pub(super) const MAX_DOWNLOADS: usize = 32;

/// A client that reads nothing for this time gives up its place when another one waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The bodies that are computed at the same time; the others wait for their clients or for their turn. More would
/// compete for the cores with everything else.
static TURNS: Semaphore = Semaphore::const_new(3);

/// Why a body could not be written completely.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client disconnected or stopped reading.
    #[error("the client is gone")]
    Client(#[source] io::Error),
}

impl From<ExportError> for Broken {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => Self::Store(error),
            ExportError::Write(error) => Self::Client(error),
            ExportError::Deliver(error) => Self::Client(io::Error::other(error)),
        }
    }
}

/// The sending half of a body that is written while it is sent.
pub(super) struct BodySender<E> {
    chunks: mpsc::Sender<Result<Bytes, E>>,
    is_complete: Arc<AtomicBool>,
}

impl<E> BodySender<E> {
    /// Sends a chunk. Waits at most [`STALL`] for a client that does not read.
    ///
    /// # Errors
    /// `BrokenPipe` if the client is gone, `TimedOut` if it does not read.
    pub(super) async fn send(&self, chunk: Result<Bytes, E>) -> io::Result<()> {
        match tokio::time::timeout(STALL, self.chunks.send(chunk)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Marks the end of the document. A body whose sender is dropped without this breaks the connection, so
    /// that no client takes a part for the whole.
    pub(super) fn complete(self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

/// The receiving half.
struct BodyReceiver<E> {
    chunks: mpsc::Receiver<Result<Bytes, E>>,
    is_complete: Arc<AtomicBool>,
}

impl<E: Into<axum::BoxError> + Send + 'static> BodyReceiver<E> {
    /// The body that begins with `first`.
    fn into_body(mut self, mut first: Option<Result<Bytes, E>>) -> Body {
        let mut has_ended = false;
        Body::from_stream(poll_fn(move |context| {
            let next = match first.take() {
                Some(chunk) => Some(chunk),
                None if has_ended => None,
                None => ready!(self.chunks.poll_recv(context)),
            };
            let next = next.map(|chunk| chunk.map_err(Into::into));
            has_ended |= next.is_none();
            if has_ended && !self.is_complete.swap(true, Ordering::Acquire) {
                return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())));
            }
            Poll::Ready(next.inspect(|chunk: &Result<Bytes, axum::BoxError>| {
                if let Err(error) = chunk {
                    events::request_failed(&**error);
                }
            }))
        }))
    }
}

fn halves<E>() -> (BodySender<E>, BodyReceiver<E>) {
    let (sender, chunks) = mpsc::channel(AHEAD);
    let is_complete = Arc::<AtomicBool>::default();
    let sender = BodySender { chunks: sender, is_complete: Arc::clone(&is_complete) };
    (sender, BodyReceiver { chunks, is_complete })
}

/// A body and what it is written to.
pub(super) fn channel<E: Into<axum::BoxError> + Send + 'static>() -> (BodySender<E>, Body) {
    let (sender, receiver) = halves();
    (sender, receiver.into_body(None))
}

/// Writes a body by `produce` on a blocking thread.
///
/// # Errors
/// When nothing could be read at all. A failure after the first bytes breaks the connection.
pub(super) async fn body(
    place: Place,
    produce: impl FnOnce(&mut dyn io::Write) -> Result<(), Broken> + Send + 'static,
) -> Result<Body, ReadError> {
    let (sender, mut receiver) = halves();
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let turn = runtime.block_on(TURNS.acquire()).ok();
        let mut out = Chunks { buffer: Vec::with_capacity(CHUNK), sender, runtime, place, turn };
        let produced =
            produce(&mut out).and_then(|()| io::Write::flush(&mut out).map_err(Broken::Client));
        match produced {
            Ok(()) => out.sender.complete(),
            Err(Broken::Store(error)) => {
                out.send(Err(Broken::Store(error))).ok(); // The client may be gone.
                out.sender.complete(); // The error has broken the connection.
            }
            Err(Broken::Client(_)) => {}
        }
    });
    match receiver.chunks.recv().await {
        Some(Err(Broken::Store(error))) => Err(ReadError::Store(error)),
        first => Ok(receiver.into_body(first)),
    }
}

/// The empty body of a response to HEAD, whose length is unknown as that of the GET is.
pub(super) fn nothing() -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    poll_fn(|_| Poll::Ready(None))
}

/// Collects what is written into chunks.
struct Chunks {
    buffer: Vec<u8>,
    sender: BodySender<Broken>,
    runtime: Handle,
    place: Place,
    turn: Option<SemaphorePermit<'static>>,
}

impl Chunks {
    fn send(&mut self, chunk: Result<Bytes, Broken>) -> io::Result<()> {
        let chunk = match self.sender.chunks.try_send(chunk) {
            Ok(()) => {
                self.place.moved();
                return Ok(());
            }
            Err(TrySendError::Full(chunk)) => chunk,
            Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        self.turn = None; // Others can have it while the client reads.
        let sent = self.runtime.block_on(async {
            tokio::select! {
                sent = self.sender.send(chunk) => sent,
                () = self.place.revoked() => Err(io::ErrorKind::TimedOut.into()),
            }
        });
        self.place.moved();
        self.turn = self.runtime.block_on(TURNS.acquire()).ok();
        sent
    }
}

impl io::Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if CHUNK <= self.buffer.len() {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.send(Ok(chunk.into()))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn a_body_without_its_end_is_an_error() {
        for is_complete in [true, false] {
            let (sender, body) = channel::<io::Error>();
            sender.send(Ok(Bytes::from_static(b"[1,"))).await.unwrap();
            if is_complete {
                sender.complete();
            } else {
                drop(sender);
            }
            assert_eq!(to_bytes(body, 100).await.is_ok(), is_complete);
        }
    }
}

//! Bodies that are written while they are sent: memory does not grow with them.

use std::convert::Infallible;
use std::io;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream::{Stream, poll_fn};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::reader_pool::{ReadError, Readers};
use crate::passes::export::ExportError;
use crate::store::{Reader, StoreError};
use crate::telemetry::events;

/// Bytes that are sent at once.
const CHUNK: usize = 32 * 1024;

/// Chunks written ahead of the client.
const AHEAD: usize = 2;

/// A client that takes nothing for so long is let go of: it keeps a connection to the store.
const STALL: Duration = Duration::from_secs(30);

/// Why a body came to nothing, or to an end before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client went away, or stopped reading.
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

/// Has `produce` write a body on a blocking thread.
///
/// # Errors
/// When nothing could be read at all. A failure after the first bytes breaks the connection, so that
/// nobody takes half a document for a whole one.
pub(super) async fn body(
    readers: &Readers,
    produce: impl FnOnce(&Reader, &mut dyn io::Write) -> Result<(), Broken> + Send + 'static,
) -> Result<Body, ReadError> {
    let place = readers.place().await?;
    let readers = readers.clone();
    let (sender, mut chunks) = mpsc::channel::<Result<Bytes, Broken>>(AHEAD);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut out = Chunks { buffer: Vec::with_capacity(CHUNK), sender, runtime };
        let produced = readers.lend(place).map_err(Broken::from).and_then(|loan| {
            let reader = loan.reader().ok_or(StoreError::ReaderStopped)?;
            produce(reader, &mut out)?;
            io::Write::flush(&mut out).map_err(Broken::Client)
        });
        if let Err(Broken::Store(error)) = produced {
            out.send(Err(Broken::Store(error))).ok(); // Nobody there: nobody to tell.
        }
    });
    let mut first = match chunks.recv().await {
        Some(Err(Broken::Store(error))) => return Err(ReadError::Store(error)),
        first => first,
    };
    Ok(Body::from_stream(poll_fn(move |context| match first.take() {
        Some(chunk) => Poll::Ready(Some(chunk)),
        None => chunks.poll_recv(context).map(|chunk| {
            chunk.inspect(|chunk| {
                if let Err(broken) = chunk {
                    events::request_failed(broken);
                }
            })
        }),
    })))
}

/// The body of an answer that says what a body would be, without one.
pub(super) fn nothing() -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    poll_fn(|_| Poll::Ready(None))
}

struct Chunks {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Result<Bytes, Broken>>,
    runtime: Handle,
}

impl Chunks {
    fn send(&mut self, chunk: Result<Bytes, Broken>) -> io::Result<()> {
        let sent = async { tokio::time::timeout(STALL, self.sender.send(chunk)).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
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

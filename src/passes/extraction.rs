//! Extracts articles of pages on threads of their own.
//!
//! The engines recurse over the tree of a page and cannot be interrupted. So each page is read on a thread with a large
//! stack, whose panic is an error and which is waited for only so long. A thread that takes longer goes on until it is
//! done; bounds of the page keep that short.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use url::Url;

use crate::article_page::extract::{Received, extract};
use crate::article_page::model::{ArticlePage, Mode, NotExtracted, SiteRules};
use crate::domain::time::Timestamp;

/// Bytes of stack. With 2 MiB, the engines overflow it on pages that nest as deeply as is allowed.
const STACK: usize = 64 * 1024 * 1024;

/// How long the extraction of one page may take. Long articles take a tenth of a second.
pub const LONGEST: Duration = Duration::from_secs(5);

/// A page as it was received, with what it takes to extract it.
#[derive(Clone, Debug)]
pub struct Page {
    pub body: Vec<u8>,
    pub content_type: Option<String>,
    /// After redirects.
    pub address: Url,
    pub mode: Mode,
    pub rules: SiteRules,
    pub now: Timestamp,
}

/// Why a page gave no article.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractionError {
    #[error(transparent)]
    Refused(#[from] NotExtracted),
    #[error("extracting it took more than {} s", .0.as_secs_f64())]
    TookTooLong(Duration),
    #[error("extracting it failed (a fault of the program)")]
    Panicked,
    #[error("cannot start a thread: {0}")]
    Thread(String),
}

/// Extracts the article of a page, and waits at most `longest` for it.
///
/// # Errors
/// When the page has no article, takes too long, or a library panics.
pub fn extracted(page: Page, longest: Duration) -> Result<ArticlePage, ExtractionError> {
    let (sender, receiver) = channel();
    let work = move || {
        let received = Received {
            body: &page.body,
            content_type: page.content_type.as_deref(),
            address: &page.address,
            now: page.now,
        };
        let done = catch_unwind(AssertUnwindSafe(|| extract(&received, page.mode, &page.rules)));
        // The receiver is gone when the work took too long.
        sender.send(done).ok();
    };
    let thread = thread::Builder::new().name("extract".into()).stack_size(STACK).spawn(work);
    thread.map_err(|error| ExtractionError::Thread(error.to_string()))?;
    match receiver.recv_timeout(longest) {
        Ok(Ok(done)) => Ok(done?),
        Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(ExtractionError::Panicked),
        Err(RecvTimeoutError::Timeout) => Err(ExtractionError::TookTooLong(longest)),
    }
}

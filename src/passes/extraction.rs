//! Extracts articles of pages on threads of their own.
//!
//! The engines recurse over the tree of a page and cannot be interrupted. So each page is read on a thread with a large
//! stack, whose panic is an error and which is waited for only so long. A thread that takes longer goes on until it is
//! done; bounds of the page keep that short.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use url::Url;

use crate::article_page::extract::{Received, extract};
use crate::article_page::model::{ArticlePage, Mode, NotExtracted, SiteRules};
use crate::article_page::reservation::Headers;
use crate::domain::time::Timestamp;

/// Bytes of stack. With 2 MiB, the engines overflow it on pages that nest as deeply as is allowed.
const STACK: usize = 64 * 1024 * 1024;

/// How long the extraction of one page may take. Long articles take a tenth of a second; engines that are not optimised
/// take twenty times as long.
pub const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 5 });

/// A page as it was received, with what it takes to extract it.
#[derive(Clone, Debug)]
pub struct Page {
    pub body: Vec<u8>,
    pub content_type: Option<String>,
    /// After redirects.
    pub address: Url,
    pub mode: Mode,
    pub rules: SiteRules,
    /// The values of its `X-Robots-Tag` header fields, and that of `TDM-Reservation`.
    pub robots_tags: Vec<String>,
    pub tdm_reservation: Option<String>,
    /// The product token by which the page may address this program.
    pub token: String,
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
        let source = Received {
            body: &page.body,
            content_type: page.content_type.as_deref(),
            address: &page.address,
            headers: Headers {
                robots_tags: &page.robots_tags,
                tdm_reservation: page.tdm_reservation.as_deref(),
            },
            token: &page.token,
            now: page.now,
        };
        let done = catch_unwind(AssertUnwindSafe(|| extract(&source, page.mode, &page.rules)));
        // The receiver is gone when the work took too long.
        sender.send(done).ok();
    };
    let thread = thread::Builder::new().name("extract".into()).stack_size(STACK).spawn(work);
    thread.map_err(|error| ExtractionError::Thread(error.to_string()))?;
    awaited(&receiver, longest)
}

/// What a thread does: its result, or what it panicked with.
type Done = thread::Result<Result<ArticlePage, NotExtracted>>;

fn awaited(receiver: &Receiver<Done>, longest: Duration) -> Result<ArticlePage, ExtractionError> {
    match receiver.recv_timeout(longest) {
        Ok(Ok(done)) => Ok(done?),
        Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(ExtractionError::Panicked),
        Err(RecvTimeoutError::Timeout) => Err(ExtractionError::TookTooLong(longest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article_page::reservation::TOKEN;

    fn page(html: String) -> Page {
        Page {
            body: html.into_bytes(),
            content_type: None,
            address: "https://example.org/a".parse().unwrap(),
            mode: Mode::Best,
            rules: SiteRules::default(),
            robots_tags: Vec::new(),
            tdm_reservation: None,
            token: TOKEN.to_owned(),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    fn document(body: &str) -> String {
        format!("<!doctype html><title>A page</title><body><h1>A page of some length</h1>{body}")
    }

    const SENTENCE: &str =
        "After nine years the ferry to the island sails again, every morning and every evening. ";

    #[test]
    fn malicious_pages_are_read_or_refused() {
        let paragraph = format!("<p>{SENTENCE}</p>");
        for (name, html, is_refused) in [
            ("5,000 nested blocks", document(&"<div>".repeat(5_000)), true),
            ("50,000 nested blocks", document(&"<div>".repeat(50_000)), true),
            ("40,000 unclosed inline elements", document(&"<b>a ".repeat(40_000)), true),
            ("3,000 nested tables", document(&"<table><tr><td>a".repeat(3_000)), true),
            ("unknown elements in each other", document(&"<x-y>".repeat(20_000)), true),
            ("more than 5 MiB", document(&paragraph.repeat(60_000)), true),
            ("400,000 tags", document(&"<p>a</p>".repeat(200_000)), true),
            (
                "20,000 bytes of a class",
                document(&format!("<p class='{}'>{SENTENCE}</p>", "a ".repeat(10_000))),
                false,
            ),
            ("empty", String::new(), true),
            ("NUL bytes", document(&format!("<p>{}\0{SENTENCE}</p>", "\0".repeat(1_000))), false),
            ("line breaks", document(&format!("{SENTENCE}{}", "<br>".repeat(3_000))), false),
            (
                "deep JSON-LD",
                document(&format!(
                    "<script type='application/ld+json'>{}</script>{}",
                    "[".repeat(100_000),
                    paragraph.repeat(5)
                )),
                false,
            ),
            (
                "links",
                document(&format!(
                    "{}{}",
                    paragraph.repeat(5),
                    "<p><a href='/b'>Read more of it</a></p>".repeat(1_000)
                )),
                false,
            ),
        ] {
            let found = extracted(page(html), LONGEST);
            match found {
                Ok(article) => assert!(!is_refused && article.html.is_some(), "{name}"),
                Err(error) => {
                    assert!(is_refused, "{name}: {error}");
                    assert!(matches!(error, ExtractionError::Refused(_)), "{name}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_thread_that_takes_too_long_or_panics_is_an_error() {
        let (sender, receiver) = channel();
        let found = awaited(&receiver, Duration::ZERO);
        assert_eq!(found.unwrap_err(), ExtractionError::TookTooLong(Duration::ZERO));
        sender.send(Err(Box::new("a panic"))).unwrap();
        assert_eq!(awaited(&receiver, Duration::ZERO).unwrap_err(), ExtractionError::Panicked);
    }
}

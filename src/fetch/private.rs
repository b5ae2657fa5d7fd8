//! Keeps the address of a private feed out of replies and errors.

use crate::domain::feed::FeedUrl;
use crate::domain::poll::Reply;
use crate::fetch::error::FetchError;
use crate::fetch::redirect::RedirectFault;

/// Removes the addresses from a reply. `url`, which stands for the feed's address, takes the place of the reply's;
/// only scheme, host and port are kept beside it. Redirects are left out, so that no move is stored, and validators
/// that came by one as well.
pub(super) fn conceal(mut reply: Reply, url: &FeedUrl) -> Reply {
    if !reply.hops.is_empty() {
        reply.hops.clear();
        reply.headers.etag = None;
        reply.headers.last_modified = None;
    }
    let mut origin = std::mem::replace(&mut reply.url, url.as_url().clone());
    origin.set_path("");
    origin.set_query(None);
    reply.hidden_origin = Some(origin).filter(|_| !url.is_file());
    reply
}

/// Removes the addresses that a server named from an error.
pub(super) fn conceal_error(error: FetchError) -> FetchError {
    match error {
        FetchError::Redirect { url, source } => {
            let source = match *source {
                RedirectFault::Loop(_) => RedirectFault::Loop("a private address".to_owned()),
                RedirectFault::Syntax(_) => RedirectFault::Syntax("…".to_owned()),
                fault @ (RedirectFault::TooMany(_) | RedirectFault::Scheme(_)) => fault,
            };
            FetchError::Redirect { url, source: Box::new(source) }
        }
        FetchError::Private { url, source, own } => {
            FetchError::Private { url, source: Box::new(source.concealed()), own }
        }
        error => error,
    }
}

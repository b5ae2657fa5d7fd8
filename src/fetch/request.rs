//! The arguments of one request for a document.

use url::Url;

use crate::domain::feed::FeedUrl;
use crate::domain::poll::Validators;
use crate::domain::request::RequestSpec;
use crate::fetch::memory::MemoryShare;

/// A request for one document.
#[derive(Clone, Copy, Debug)]
pub struct FetchRequest<'a> {
    /// The configured address. The configured headers and password are only sent to its origin.
    pub url: &'a FeedUrl,
    /// The address of the first request, which differs from `url` when the feed has moved.
    pub at: &'a Url,
    /// They are sent, byte for byte, only to the address that they came from.
    pub validators: &'a Validators,
    pub spec: &'a RequestSpec,
    /// The maximum size of the body in bytes before decompression.
    pub max_body: u64,
    pub wanted: Wanted,
    /// Whether another request to the host is expected within [`KEPT_FOR`](crate::fetch::KEPT_FOR), so that the connection is
    /// kept for it.
    pub more_follow: bool,
    /// What the body may take of the memory budget; `None` for all that it needs.
    pub memory: Option<&'a MemoryShare>,
}

/// What kind of document is requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    #[default]
    Feed,
    /// A web page.
    Page,
    /// The icon of a site.
    Icon,
    /// A text of which only the first `max_body` bytes are read, such as `robots.txt`.
    Beginning,
}

impl<'a> FetchRequest<'a> {
    /// A request for the feed at the configured address, after which no other one is expected.
    pub fn new(
        url: &'a FeedUrl,
        validators: &'a Validators,
        spec: &'a RequestSpec,
        max_body: u64,
    ) -> Self {
        Self {
            url,
            at: url.as_url(),
            validators,
            spec,
            max_body,
            wanted: Wanted::Feed,
            more_follow: false,
            memory: None,
        }
    }
}

//! Bodies, read in bounds.

use std::time::Duration;

use reqwest::Response;
use tokio::time::timeout;

use crate::domain::feed::FeedUrl;
use crate::fetch::error::FetchError;

/// Reserved at most on the word of a `Content-Length` alone.
const MAX_RESERVED: u64 = 1024 * 1024;

/// What is read of a body that is no document: an error page, the text of a redirect.
const PART_LIMIT: usize = 64 * 1024;

/// How long such a body may keep us.
const PART_TIMEOUT: Duration = Duration::from_secs(2);

/// The body as transferred, of at most `limit` bytes, and whether it breaks off before its announced end.
///
/// # Errors
/// [`FetchError::TooLarge`], at once when `Content-Length` says so; [`FetchError::Body`] if nothing of the body
/// arrived, or not in time.
pub(super) async fn whole(
    url: &FeedUrl,
    mut response: Response,
    limit: u64,
) -> Result<(Vec<u8>, bool), FetchError> {
    let too_large = || FetchError::TooLarge { url: url.clone(), limit_bytes: limit };
    let announced = response.content_length().unwrap_or(0);
    if limit < announced {
        return Err(too_large());
    }
    let reserved = usize::try_from(announced.min(MAX_RESERVED)).unwrap_or(0);
    let mut body = Vec::with_capacity(reserved);
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok((body, false)),
            Err(error) if body.is_empty() || error.is_timeout() => {
                return Err(FetchError::body(url, error));
            }
            Err(_) => return Ok((body, true)),
        };
        if limit < (body.len() + chunk.len()) as u64 {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}

/// The beginning of a body whose end does not matter. Neither errors nor a stall do.
pub(super) async fn first_part(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = PART_LIMIT - body.len();
            body.extend(chunk.iter().take(room));
            if room <= chunk.len() {
                break;
            }
        }
    };
    timeout(PART_TIMEOUT, read).await.ok();
    body
}

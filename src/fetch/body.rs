//! Reads bodies up to a maximum size.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::time::timeout;

use crate::domain::feed::FeedUrl;
use crate::fetch::error::FetchError;
use crate::fetch::memory::MemoryShare;

/// The maximum number of bytes reserved for an announced `Content-Length`.
const MAX_RESERVED: u64 = 1024 * 1024;

/// The maximum number of bytes read of an error page or the body of a redirect.
const PART_LIMIT: usize = 64 * 1024;

/// The maximum time spent on reading such a body.
const PART_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads the body, still compressed, of at most `limit` bytes, when there is memory for it. Also returns whether it breaks off before its
/// announced end.
///
/// # Errors
/// [`FetchError::TooLarge`], before anything is read when `Content-Length` exceeds the limit;
/// [`FetchError::Body`] when nothing of the body arrived, or not in time.
pub(super) async fn whole(
    url: &FeedUrl,
    mut response: Response,
    limit: u64,
    memory: Option<&MemoryShare>,
) -> Result<(Vec<u8>, bool), FetchError> {
    let too_large = || FetchError::TooLarge { url: url.clone(), limit_bytes: limit };
    let announced = response.content_length();
    if announced.is_some_and(|announced| limit < announced) {
        return Err(too_large());
    }
    let is_packed = response.headers().contains_key(CONTENT_ENCODING);
    if let Some(memory) = memory {
        memory.reserve(announced, is_packed).await;
    }
    let reserved = usize::try_from(announced.unwrap_or(0).min(MAX_RESERVED)).unwrap_or(0);
    let mut body = Vec::with_capacity(reserved);
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                if let Some(memory) = memory {
                    memory.settle(body.len() as u64, is_packed);
                }
                return Ok((body, false));
            }
            Err(error) if body.is_empty() || error.is_timeout() => {
                return Err(FetchError::body(url, error));
            }
            Err(_) => return Ok((body, true)),
        };
        if limit < (body.len() + chunk.len()) as u64 {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
        if let Some(memory) = memory {
            memory.grow(body.len() as u64, is_packed).await;
        }
    }
}

/// Reads the first `limit` bytes of a body, which may break off.
///
/// # Errors
/// [`FetchError::Body`] when nothing of the body arrived, or not in time.
pub(super) async fn beginning(
    url: &FeedUrl,
    mut response: Response,
    limit: u64,
) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while (body.len() as u64) < limit {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) if body.is_empty() || error.is_timeout() => {
                return Err(FetchError::body(url, error));
            }
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(body)
}

/// Reads the beginning of a body. Errors and time-outs only end it.
pub(super) async fn first_part(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let left = PART_LIMIT - body.len();
            body.extend(chunk.iter().take(left));
            if left <= chunk.len() {
                break;
            }
        }
    };
    timeout(PART_TIMEOUT, read).await.ok();
    body
}

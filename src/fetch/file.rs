//! `file:` feeds. A file is served like a reply over HTTP, with an `ETag` and with status 304.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tokio::task;
use url::Url;

use crate::domain::poll::{Reply, ReplyHeaders};
use crate::fetch::error::FetchError;
use crate::fetch::request::FetchRequest;

/// Reads the file at `address`, or returns status 304 when it has not changed since the validators of the request
/// were made. Messages name it by the address of the request.
///
/// # Errors
/// [`FetchError::File`] with the path; [`FetchError::TooLarge`].
pub(super) async fn read(address: &Url, request: FetchRequest<'_>) -> Result<Reply, FetchError> {
    let FetchRequest { url, validators, max_body: limit, .. } = request;
    let Ok(path) = address.to_file_path() else {
        let source = io::Error::other("a file: URL must name an absolute path on this machine");
        return Err(FetchError::File { path: url.as_str().into(), source });
    };
    let known = validators.etag.clone();
    let opened = path.clone();
    let path = if address == url.as_url() { path } else { url.as_str().into() };
    let read = task::spawn_blocking(move || read_blocking(&opened, known.as_deref(), limit));
    let (status, etag, body) = read
        .await
        .map_err(io::Error::other)
        .and_then(|done| done)
        .map_err(|source| FetchError::File { path, source })?;
    if limit < body.len() as u64 {
        return Err(FetchError::TooLarge { url: url.clone(), limit_bytes: limit });
    }
    let headers = ReplyHeaders { etag: Some(etag), ..ReplyHeaders::default() };
    let url = url.as_url().clone();
    Ok(Reply {
        status,
        url,
        hidden_origin: None,
        hops: Vec::new(),
        headers,
        body,
        cut: false,
        elapsed: Duration::ZERO,
    })
}

/// Returns status, entity tag and body. A body that is too large is cut one byte after the limit.
fn read_blocking(
    path: &Path,
    known: Option<&[u8]>,
    limit: u64,
) -> io::Result<(u16, Vec<u8>, Vec<u8>)> {
    // This is checked before opening, because opening a named pipe waits for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?; // Taken before reading, so that a change meanwhile is noticed by the next poll.
    let etag = tag(&metadata);
    if known == Some(etag.as_slice()) {
        return Ok((304, etag, Vec::new()));
    }
    let mut body = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut body)?;
    Ok((200, etag, body))
}

/// The entity tag of a version of a file. The inode number changes when another file is renamed to this
/// path, the change time when the modification time was set back.
fn tag(file: &Metadata) -> Vec<u8> {
    let modified = (file.mtime(), file.mtime_nsec());
    let changed = (file.ctime(), file.ctime_nsec());
    format!("\"{}-{}-{modified:?}-{changed:?}\"", file.ino(), file.len()).into_bytes()
}

//! `file:` feeds.

use std::fs;
use std::os::unix::fs::symlink;

use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::{Failure, Validators};
use gazetted::domain::request::RequestSpec;
use gazetted::fetch::{FetchRequest, Fetcher, advice};
use url::Url;

use crate::support::{LIMIT, failure, fetch, permitted};

#[tokio::test]
async fn a_file_is_read_once_for_each_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed with space.xml");
    fs::write(&path, "<rss>1</rss>").unwrap();
    let url = FeedUrl::from_url(Url::from_file_path(&path).unwrap()).unwrap();
    let fetcher = Fetcher::new(&permitted()).unwrap();
    let spec = RequestSpec::default();

    let first =
        fetcher.fetch(FetchRequest::new(&url, &Validators::default(), &spec, LIMIT)).await.unwrap();
    assert_eq!((first.status, first.body.as_slice()), (200, b"<rss>1</rss>".as_slice()));
    assert_eq!(first.url, *url.as_url());
    let known = Validators {
        etag: first.headers.etag.clone(),
        last_modified: None,
        ..Validators::default()
    };
    let again = fetcher.fetch(FetchRequest::new(&url, &known, &spec, LIMIT)).await.unwrap();
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.headers.etag, first.headers.etag);

    // Put in place by renaming, of the same length.
    let new = folder.path().join("new");
    fs::write(&new, "<rss>2</rss>").unwrap();
    fs::rename(&new, &path).unwrap();
    let changed = fetcher.fetch(FetchRequest::new(&url, &known, &spec, LIMIT)).await.unwrap();
    assert_eq!((changed.status, changed.body.as_slice()), (200, b"<rss>2</rss>".as_slice()));
    assert_ne!(changed.headers.etag, first.headers.etag);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.xml");
    fs::write(&large, "x".repeat(2_000_000)).unwrap();
    let endless = folder.path().join("endless");
    symlink("/dev/zero", &endless).unwrap();
    for (path, expected, words) in [
        (folder.path().join("missing.xml"), Failure::File, "No such file"),
        (folder.path().to_owned(), Failure::File, "not a regular file"),
        (endless, Failure::File, "not a regular file"),
        (large, Failure::TooLarge, "1048576"),
    ] {
        let url = FeedUrl::from_url(Url::from_file_path(&path).unwrap()).unwrap();
        let error = fetch(&url).await.unwrap_err();
        assert_eq!(Failure::from(&error), expected);
        let line = advice(&error);
        assert!(line.contains(&path.display().to_string()) && line.contains(words), "{line}");
    }
    let elsewhere = FeedUrl::parse("file://elsewhere/feed.xml").unwrap();
    assert_eq!(failure(&elsewhere).await, Failure::File);
}

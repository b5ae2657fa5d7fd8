//! A list of feeds, however broken: no panic, lines in order, folders bounded; and what we write of it is
//! read back with every feed, name and tag, twice the same.
#![no_main]

use gazetted::domain::feed::FeedRef;
use gazetted::export::opml::write;
use gazetted::feed::newsboat::newsboat;
use gazetted::feed::opml::{Outline, opml};
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|body: &[u8]| {
    if let Some(outlines) = newsboat(body) {
        assert!(outlines.iter().all(|outline| outline.url.is_some()));
    }
    let Ok(outlines) = opml(body) else { return };
    assert!(outlines.iter().all(|outline| outline.line >= 1));
    let feeds: Vec<FeedRef> = outlines.into_iter().filter_map(feed).collect();
    let once = round(&feeds);
    assert_eq!(addresses(&once), addresses(&feeds), "nothing is lost, nothing is made up");
    assert_eq!(round(&once), once, "the second time as the first");
});

/// As `feeds import` would take it.
fn feed(outline: Outline) -> Option<FeedRef> {
    let url = Url::parse(outline.url?.trim()).ok()?;
    Some(FeedRef {
        name: outline.name.unwrap_or_else(|| url.to_string()),
        url: url.into(),
        title: None,
        home_page_url: None,
        tags: outline.tags,
    })
}

fn round(feeds: &[FeedRef]) -> Vec<FeedRef> {
    let mut list = Vec::new();
    let written = write(feeds, &mut list).expect("memory does not fail");
    assert_eq!(written, feeds.len() as u64);
    if feeds.is_empty() {
        return Vec::new();
    }
    let read = opml(&list).expect("it has outlines");
    read.into_iter().map(|outline| feed(outline).expect("with an address")).collect()
}

/// Sorted: writing puts the feeds of a folder together.
fn addresses(feeds: &[FeedRef]) -> Vec<&str> {
    let mut addresses: Vec<&str> = feeds.iter().map(|feed| feed.url.as_str()).collect();
    addresses.sort_unstable();
    addresses
}

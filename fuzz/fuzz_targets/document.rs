//! A document is decoded, compared with the known items, parsed and normalised. No bytes make that panic,
//! and the result is the same when the document is read whole, read again, or read with some of its items
//! known from before.
#![no_main]

use std::collections::{HashMap, HashSet};

use gazetted::domain::article::{ArticleDraft, ArticleKey};
use gazetted::domain::poll::{Document, KnownItem, Remembered};
use gazetted::feed::document::document;
use gazetted::html::to_text::html_to_text;
use libfuzzer_sys::fuzz_target;
use url::Url;

const CONTENT_TYPES: [Option<&str>; 8] = [
    None,
    Some("application/rss+xml"),
    Some("text/xml; charset=iso-8859-1"),
    Some("text/xml; charset=shift_jis"),
    Some("application/json; charset=utf-8"),
    Some("text/html; charset=utf-16"),
    Some("text/xml; charset=iso-2022-jp"),
    Some("text/xml; charset=\"gb2312"),
];

fuzz_target!(|input: (u8, u64, &[u8])| {
    let (choice, chosen, body) = input;
    let base = Url::parse("https://example.org/dir/feed.xml").unwrap();
    let content_type = CONTENT_TYPES[usize::from(choice) % CONTENT_TYPES.len()];
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let read = |remembered: &Remembered| {
        document(body, &base, content_type, remembered, usize::MAX, now.into())
    };
    let Ok(whole) = read(&Remembered::default()) else { return };
    for draft in &whole.drafts {
        check(draft);
    }
    assert_eq!(read(&Remembered::default()).unwrap(), whole, "the same twice");
    let again = read(&whole.remembered).expect("it was a feed");
    assert_eq!(again.entries, whole.entries);
    if whole.remembered.items.len() == whole.entries {
        in_slices(&whole, chosen, |remembered| read(remembered).expect("it was a feed"));
    }
});

/// What the store and the exporters rely on.
fn check(draft: &ArticleDraft) {
    let lines = [&draft.title, &draft.summary].into_iter().flatten();
    for line in lines.chain(&draft.tags) {
        assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
    }
    let files = draft.attachments.iter().map(|file| &file.url);
    let addresses = [&draft.url, &draft.external_url, &draft.image].into_iter().flatten();
    for address in addresses.chain(files) {
        let scheme = Url::parse(address).expect("an absolute address").scheme().to_owned();
        assert!(matches!(&*scheme, "http" | "https"), "{address}");
    }
    if let Some(html) = &draft.content_html {
        assert!(!html.trim().is_empty());
        html_to_text(html);
    }
}

/// Reads the document once more with some of its items known: what is read and what is carried over
/// must be what the whole document holds.
fn in_slices(whole: &Document, chosen: u64, read: impl Fn(&Remembered) -> Document) {
    let bit = |n: usize| chosen.rotate_right(u32::try_from(n % 64).unwrap()) & 1 == 1;
    let items = || whole.remembered.items.iter().enumerate();
    let known: Vec<KnownItem> = items().filter(|(n, _)| bit(*n)).map(|(_, item)| *item).collect();
    let remembered =
        Remembered { body_hash: None, items: known, key_policy: whole.remembered.key_policy };
    let part = read(&remembered);
    assert_eq!(
        (part.entries, &part.meta, &part.hints, part.remembered.key_policy),
        (whole.entries, &whole.meta, &whole.hints, whole.remembered.key_policy)
    );
    let items_of = |document: &Document| -> HashSet<(u64, ArticleKey)> {
        document.remembered.items.iter().map(|item| (item.hash, item.key)).collect()
    };
    assert_eq!(items_of(&part), items_of(whole));
    // Of items with one key, the one changed last stays; which of them are read differs.
    let mut times: HashMap<ArticleKey, usize> = HashMap::new();
    for item in &whole.remembered.items {
        *times.entry(item.key).or_default() += 1;
    }
    let drafts: HashMap<ArticleKey, &ArticleDraft> =
        whole.drafts.iter().map(|draft| (draft.key, draft)).collect();
    for draft in &part.drafts {
        if times.get(&draft.key) == Some(&1) {
            assert_eq!(Some(&draft), drafts.get(&draft.key));
        }
    }
}

//! Decode, canonicalise, parse, normalise: whatever the bytes, no panic, and the same answer twice.
//!
//! A panic that `parse` would contain is a finding all the same: the message of such an error says
//! "a fault of", and that ends the run.
#![no_main]

use gazetted::domain::poll::Remembered;
use gazetted::rules::document::document;
use libfuzzer_sys::fuzz_target;
use url::Url;

const CONTENT_TYPES: [Option<&str>; 4] = [
    None,
    Some("application/rss+xml"),
    Some("text/xml; charset=iso-8859-1"),
    Some("text/xml; charset=shift_jis"),
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, body) = input;
    let base = Url::parse("https://example.org/dir/feed.xml").unwrap();
    let content_type = CONTENT_TYPES[usize::from(choice) % CONTENT_TYPES.len()];
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let read = |remembered: &Remembered| {
        document(body, &base, content_type, remembered, 1_000, now.into())
    };
    match read(&Remembered::default()) {
        Ok(first) => {
            let again = read(&first.remembered).expect("it was a feed");
            assert_eq!(again.entries, first.entries);
        }
        Err(error) => assert!(!error.detail.contains("a fault of"), "{error}"),
    }
});

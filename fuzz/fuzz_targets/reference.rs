//! Whatever feed-rs reads, our readers read as well, and they find no fewer entries.
//!
//! feed-rs panics on some documents. Those panics are caught in `compare` and are no finding; the hook that
//! libFuzzer installs would end the run at each, so it is taken out for the time that feed-rs reads.
#![no_main]

use gazetted::feed::comparison::compare;
use libfuzzer_sys::fuzz_target;
use url::Url;

/// Entries of one document that our readers keep at most.
const MAX_ENTRIES: usize = 10_000;

fuzz_target!(|body: &[u8]| {
    let hook = std::panic::take_hook();
    let base = Url::parse("https://example.org/dir/feed.xml").unwrap();
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let comparison = compare(body, &base, None, now.into());
    std::panic::set_hook(hook);
    if let Ok(theirs) = comparison.reference
        && !theirs.is_empty()
    {
        let ours = comparison.ours.expect("feed-rs reads it");
        assert!(theirs.len().min(MAX_ENTRIES) <= ours.len(), "{} of {}", ours.len(), theirs.len());
    }
});

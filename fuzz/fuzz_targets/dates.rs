//! A date in any spelling: read or not, never a panic; what is read lies after 1970 and is read again
//! from RFC 3339 as the same second.
#![no_main]

use gazetted::domain::time::{Timestamp, rfc3339};
use gazetted::feed::dates::parse::date;
use gazetted::feed::dates::published_and_modified;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now: Timestamp =
        (std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)).into();
    let found = date(text);
    if let Some(at) = found {
        assert!(Timestamp::UNIX_EPOCH < at, "{at}");
        let written = rfc3339(at);
        let again = date(&written).map(|at| at.timestamp());
        assert_eq!(again, Some(at.timestamp()), "{written}");
    }
    let _dates = published_and_modified(found, None, now);
    let (first, second) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let _dates = published_and_modified(date(first), date(second), now);
});

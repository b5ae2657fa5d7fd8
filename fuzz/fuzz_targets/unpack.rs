//! A compressed body, with a limit: whatever it is, nothing panics, and no more than the limit is unpacked. gzip is unpacked by a
//! library in C.
#![no_main]

use gazetted::feed::unpack::unpack;
use libfuzzer_sys::fuzz_target;

const CODINGS: [Option<&str>; 6] =
    [None, Some("gzip"), Some("deflate"), Some("br"), Some("zstd"), Some("deflate, gzip")];

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (coding, limit, body) = input;
    let coding = CODINGS[usize::from(coding) % CODINGS.len()];
    if let Ok(unpacked) = unpack(body.to_vec(), coding, limit.into()) {
        assert!(unpacked.body.len() <= usize::from(limit));
    }
});

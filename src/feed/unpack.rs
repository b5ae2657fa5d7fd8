//! Removes the content codings of a body (RFC 9110 section 8.4), with a limit on its size.
//!
//! The output is produced in pieces and stops at the limit. A body that unpacks to gigabytes therefore takes
//! no more memory than one that is just too large.

use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::read::Decoder;

use crate::reading_time::{Bounded, is_over_now};

/// Why a body cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    #[error("larger than {0} bytes when unpacked (raise [fetch] max_body if that is right)")]
    TooLarge(u64),
    #[error("the body is not what its Content-Encoding says: {0}")]
    Corrupt(String),
    #[error("the Content-Encoding `{0}` is not known")]
    Unknown(String),
}

/// The most codings that one body may have. Two are seen in the wild, by mistake.
const MAX_CODINGS: usize = 3;

/// The window that a `zstd` decoder must support, as a power of two: 8 MiB (RFC 9659 section 3).
const ZSTD_WINDOW_LOG: u32 = 23;

/// The output buffer grows by this many bytes at a time.
const MIN_STEP: usize = 16 * 1024;
const MAX_STEP: usize = 4 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Returns the body without its codings, of at most `limit` bytes.
///
/// `content_encoding` is the header field as sent. It names the codings in the order in which they were
/// applied. A body that is plain text despite the field is returned as it is, because some servers and
/// proxies send the field by mistake. Bytes after the end of a gzip stream are dropped.
///
/// # Errors
/// When the body is too large, breaks off, or has an unknown coding.
pub fn unpack(
    body: Vec<u8>,
    content_encoding: Option<&str>,
    limit: u64,
) -> Result<Vec<u8>, UnpackError> {
    let mut body = body;
    for coding in codings(content_encoding.unwrap_or_default())? {
        if body.is_empty() {
            break; // An empty body stays empty.
        }
        body = match coding {
            Ok(coding) => match decode(coding, &body, limit) {
                Ok(unpacked) => unpacked,
                Err(UnpackError::Corrupt(_)) if is_text(&body) => body,
                Err(error) => return Err(error),
            },
            Err(_) if is_text(&body) => body,
            Err(name) => return Err(UnpackError::Unknown(name)),
        };
    }
    if limit < body.len() as u64 {
        return Err(UnpackError::TooLarge(limit));
    }
    Ok(body)
}

/// The codings to remove, the last applied first. The error is the name of one that is not known.
fn codings(list: &str) -> Result<Vec<Result<Coding, String>>, UnpackError> {
    let codings: Vec<_> = list.rsplit(',').filter_map(coding).take(MAX_CODINGS + 1).collect();
    if MAX_CODINGS < codings.len() {
        return Err(UnpackError::Corrupt(format!("more than {MAX_CODINGS} codings")));
    }
    Ok(codings)
}

fn coding(name: &str) -> Option<Result<Coding, String>> {
    match name.trim().to_ascii_lowercase().as_str() {
        "" | "identity" | "none" => None,
        "gzip" | "x-gzip" => Some(Ok(Coding::Gzip)),
        "deflate" | "x-deflate" => Some(Ok(Coding::Deflate)),
        "br" => Some(Ok(Coding::Brotli)),
        "zstd" => Some(Ok(Coding::Zstd)),
        other => Some(Err(other.chars().take(40).flat_map(char::escape_debug).collect())),
    }
}

fn decode(coding: Coding, body: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
    match coding {
        Coding::Gzip => gzip(body, limit),
        Coding::Deflate => deflate(body, limit),
        Coding::Brotli => read(Decompressor::new(body, 4096), "br", body, limit),
        Coding::Zstd => {
            let corrupt = |error: io::Error| UnpackError::Corrupt(format!("zstd: {error}"));
            let mut decoder = Decoder::with_buffer(body).map_err(corrupt)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(corrupt)?;
            read(decoder, "zstd", body, limit)
        }
    }
}

/// Decodes gzip (RFC 1952), one member or several. Bytes after the last member are ignored, as by every
/// gzip program.
fn gzip(body: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
    let mut out = Vec::new();
    out.reserve_exact(gzip_hint(body, limit));
    let mut rest = body;
    loop {
        let used = inflate(Decompress::new_gzip(15), rest, &mut out, limit)?;
        rest = rest.get(used..).unwrap_or_default();
        if !rest.starts_with(&[0x1f, 0x8b]) {
            return Ok(out);
        }
    }
}

/// Decodes deflate. RFC 9110 section 8.4.1.2 means the zlib format (RFC 1950). Some servers send the bare
/// stream (RFC 1951) instead, which all browsers accept.
fn deflate(body: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
    let inflated = |zlib_header: bool| {
        let mut out = Vec::new();
        inflate(Decompress::new(zlib_header), body, &mut out, limit).map(|_| out)
    };
    match inflated(true) {
        Err(UnpackError::Corrupt(why)) => match inflated(false) {
            Err(UnpackError::Corrupt(_)) => Err(UnpackError::Corrupt(why)),
            other => other,
        },
        other => other,
    }
}

/// Appends one inflated stream to `out` and returns the number of bytes of `input` that it took.
fn inflate(
    mut stream: Decompress,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: u64,
) -> Result<usize, UnpackError> {
    loop {
        if is_over_now() {
            return Ok(input.len());
        }
        if out.len() == out.capacity() {
            out.reserve_exact(out.len().clamp(MIN_STEP, MAX_STEP));
        }
        let used = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let before = (stream.total_in(), stream.total_out());
        let rest = input.get(used..).unwrap_or_default();
        let status = stream
            .decompress_vec(rest, out, FlushDecompress::None)
            .map_err(|error| UnpackError::Corrupt(error.to_string()))?;
        if limit < out.len() as u64 {
            return Err(UnpackError::TooLarge(limit));
        }
        if status == Status::StreamEnd {
            return Ok(usize::try_from(stream.total_in()).unwrap_or(usize::MAX));
        }
        if before == (stream.total_in(), stream.total_out()) {
            return Err(UnpackError::Corrupt("it breaks off".to_owned()));
        }
    }
}

/// The size that the last member states (RFC 1952 section 2.3.1), if it is credible: a feed shrinks 2 to 30
/// times. One byte is added, so that the end is found before the buffer grows.
fn gzip_hint(body: &[u8], limit: u64) -> usize {
    let stated = body.last_chunk().map_or(0, |size| u64::from(u32::from_le_bytes(*size)));
    let packed = body.len() as u64;
    let hint = if (packed..64 * packed).contains(&stated) { stated } else { 4 * packed };
    usize::try_from(hint.min(limit).saturating_add(1)).unwrap_or(0)
}

fn read(decoder: impl Read, name: &str, body: &[u8], limit: u64) -> Result<Vec<u8>, UnpackError> {
    let room = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(room));
    Bounded(decoder)
        .take(limit.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|error| UnpackError::Corrupt(format!("{name}: {error}")))?;
    if limit < out.len() as u64 {
        return Err(UnpackError::TooLarge(limit));
    }
    Ok(out)
}

/// Whether a body begins as XML, HTML or JSON does. For compressed data the chance is one in many
/// millions.
fn is_text(body: &[u8]) -> bool {
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return true; // UTF-16.
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    matches!(body.first(), Some(b'<' | b'{' | b'[')) && !body.iter().take(64).any(is_control)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const FEED: &str = "<rss version=\"2.0\"><channel><title>Brotli</title></channel></rss>\n";

    /// Four times [`FEED`].
    const FEED_BR: &[u8] = &[
        0x1b, 0x07, 0x01, 0x40, 0x2c, 0x0a, 0xec, 0x36, 0xa6, 0xf4, 0xb5, 0x73, 0x45, 0x09, 0xb0,
        0x4b, 0x7b, 0xec, 0x6b, 0x1e, 0x05, 0x21, 0xba, 0x29, 0xe7, 0x22, 0x92, 0x30, 0x32, 0x6f,
        0x3d, 0xe7, 0xc3, 0x96, 0x36, 0x5e, 0x60, 0x03, 0x4e, 0x80, 0xe2, 0x00, 0x07, 0xda, 0x26,
        0xb5, 0xfb, 0x81, 0xd1, 0x9c, 0x04, 0xbe, 0x4f, 0xb5, 0x52, 0x20, 0x73, 0xe6, 0x7f, 0x90,
        0x70, 0x00, 0x54, 0x03,
    ];

    /// 64 MiB of zeros in 106 bytes.
    const BOMB_BR: &[u8] = &[
        0xcb, 0xff, 0xff, 0x3f, 0xf8, 0x27, 0x00, 0xe2, 0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x8f, 0xff,
        0xff, 0x7f, 0xf0, 0x4f, 0x00, 0xc4, 0x61, 0x11, 0x80, 0xee, 0xfd, 0x1f, 0xff, 0xff, 0xff,
        0xe0, 0x9f, 0x00, 0x88, 0xc3, 0x02, 0x00, 0xdd, 0xfb, 0x3f, 0xfe, 0xff, 0xff, 0xc1, 0x3f,
        0x01, 0x10, 0x87, 0x05, 0x00, 0xba, 0xf7, 0x7f, 0xfc, 0xff, 0xff, 0x83, 0x7f, 0x02, 0x20,
        0x0e, 0x0b, 0x00, 0x74, 0xef, 0xff, 0xf8, 0xff, 0xff, 0x07, 0xff, 0x04, 0x40, 0x1c, 0x16,
        0x00, 0xe8, 0xde, 0xff, 0xf1, 0xff, 0xff, 0x0f, 0xfe, 0x09, 0x80, 0x38, 0x2c, 0x00, 0xd0,
        0xbd, 0xff, 0xcb, 0xff, 0xff, 0x3f, 0xfc, 0x13, 0x00, 0x71, 0x58, 0x00, 0xa0, 0x7b, 0xff,
        0x07,
    ];

    const LIMIT: u64 = 1024 * 1024;

    fn gz(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn raw_deflate(plain: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zst(plain: &[u8]) -> Vec<u8> {
        zstd::encode_all(plain, 3).unwrap()
    }

    fn feed() -> Vec<u8> {
        FEED.repeat(4).into_bytes()
    }

    #[test]
    fn a_coded_feed_comes_out_as_it_was() {
        let feed = feed();
        let half = feed.len() / 2;
        let (first, second) = feed.split_at(half);
        for (coding, body) in [
            ("gzip", gz(&feed)),
            ("x-gzip", gz(&feed)),
            (" GZip ", gz(&feed)),
            ("identity", feed.clone()),
            ("", feed.clone()),
            ("gzip, identity", gz(&feed)),
            ("gzip", [gz(first), gz(second)].concat()),
            ("gzip", [gz(&feed), vec![0; 512]].concat()),
            ("deflate", zlib(&feed)),
            ("deflate", raw_deflate(&feed)),
            ("br", FEED_BR.to_vec()),
            ("zstd", zst(&feed)),
            ("zstd", [zst(first), zst(second)].concat()),
            ("gzip, zstd", zst(&gz(&feed))),
            ("deflate, gzip, zstd", zst(&gz(&zlib(&feed)))),
        ] {
            let found = unpack(body, Some(coding), LIMIT);
            assert_eq!(found.as_ref(), Ok(&feed), "{coding}");
        }
        assert_eq!(unpack(feed.clone(), None, LIMIT), Ok(feed));
    }

    #[test]
    fn plain_text_under_a_false_claim_is_taken_as_it_is() {
        for text in
            ["<?xml version='1.0'?><rss/>", "\r\n  <feed/>", "{\"version\": 1}", "\u{feff}<rss/>"]
        {
            for claim in ["gzip", "deflate", "br", "zstd", "UTF-8", "gzip, gzip"] {
                let found = unpack(text.as_bytes().to_vec(), Some(claim), LIMIT);
                assert_eq!(found.as_deref(), Ok(text.as_bytes()), "{claim}: {text}");
            }
        }
        // Coded once and labelled twice.
        assert_eq!(unpack(gz(&feed()), Some("gzip, gzip"), LIMIT), Ok(feed()));
        assert_eq!(unpack(Vec::new(), Some("gzip"), LIMIT), Ok(Vec::new()));
    }

    #[test]
    fn a_stream_that_breaks_off_is_corrupt_wherever_it_does() {
        for (coding, whole) in [
            ("gzip", gz(&feed())),
            ("deflate", zlib(&feed())),
            ("deflate", raw_deflate(&feed())),
            ("br", FEED_BR.to_vec()),
            ("zstd", zst(&feed())),
        ] {
            for length in 1..whole.len() {
                let cut = whole.iter().copied().take(length).collect();
                let found = unpack(cut, Some(coding), LIMIT);
                assert!(
                    matches!(found, Err(UnpackError::Corrupt(_))),
                    "{coding} cut to {length} of {}: {found:?}",
                    whole.len()
                );
            }
        }
    }

    #[test]
    fn what_is_damaged_or_unknown_is_refused() {
        let mut damaged = gz(&feed());
        let checksum = damaged.len() - 6;
        damaged[checksum] ^= 1;
        for (coding, body, expected) in [
            ("gzip", damaged, "Corrupt"),
            ("gzip", b"\0\0\0\0".to_vec(), "Corrupt"),
            ("gzip,gzip,gzip,gzip", gz(&feed()), "Corrupt"),
            ("compress", b"\x1f\x9d\x90".to_vec(), "Unknown"),
        ] {
            let found = format!("{:?}", unpack(body, Some(coding), LIMIT).unwrap_err());
            assert!(found.starts_with(expected), "{coding}: {found}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let feed = feed();
        let size = feed.len() as u64;
        for (coding, body) in [
            ("", feed.clone()),
            ("gzip", gz(&feed)),
            ("deflate", zlib(&feed)),
            ("br", FEED_BR.to_vec()),
            ("zstd", zst(&feed)),
        ] {
            assert!(unpack(body.clone(), Some(coding), size).is_ok(), "{coding}");
            let short = unpack(body, Some(coding), size - 1);
            assert_eq!(short, Err(UnpackError::TooLarge(size - 1)), "{coding}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        // Up to 10 GiB: members and frames that are each but a byte too large.
        let zeros = vec![0; 1024 * 1024 + 1];
        let packed = gz(&zeros);
        for (coding, body) in [
            ("gzip", packed.repeat(10 * 1024)),
            ("gzip, gzip", gz(&packed.repeat(64))),
            ("zstd", zst(&zeros).repeat(10 * 1024)),
            ("gzip", packed),
            ("deflate", zlib(&zeros)),
            ("br", BOMB_BR.to_vec()),
            ("zstd", zst(&zeros)),
        ] {
            assert_eq!(
                unpack(body, Some(coding), LIMIT),
                Err(UnpackError::TooLarge(LIMIT)),
                "{coding}"
            );
        }
    }

    #[test]
    fn a_window_beyond_the_agreed_size_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
        let body = encoder.finish().unwrap();
        let found = unpack(body, Some("zstd"), 64 * LIMIT);
        assert!(matches!(found, Err(UnpackError::Corrupt(_))), "{found:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_exceed_the_limit(
            body in proptest::collection::vec(any::<u8>(), 0..512),
            magic in proptest::sample::select(vec![
                &b""[..], b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"\x78\x9c", b"\x28\xb5\x2f\xfd", b"<",
            ]),
            coding in "(gzip|deflate|br|zstd|, ?){0,3}",
            limit in 0_u64..2048,
        ) {
            let body = [magic, &body].concat();
            if let Ok(unpacked) = unpack(body, Some(&coding), limit) {
                prop_assert!(unpacked.len() as u64 <= limit);
            }
        }

        #[test]
        fn what_was_packed_is_unpacked(plain in proptest::collection::vec(any::<u8>(), 1..4096)) {
            for (coding, body) in [
                ("gzip", gz(&plain)), ("deflate", zlib(&plain)), ("zstd", zst(&plain)),
            ] {
                prop_assert_eq!(unpack(body, Some(coding), LIMIT), Ok(plain.clone()));
            }
        }
    }
}

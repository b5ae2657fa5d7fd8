//! Removes the content codings of a body (RFC 9110 section 8.4), with a limit on its size.
//!
//! The header field `Content-Encoding` is only a hint, because it is often missing or wrong: static files such as
//! `feed.xml.gz`, bodies that were compressed twice, fields that a proxy forgot to change. The first bytes of gzip,
//! zstd and zlib decide. Brotli and bare deflate have no such bytes, so that they are tried for a body that is no
//! text. A body that is text is never decoded.
//!
//! The output is produced in pieces and stops at the limit. A body that unpacks to gigabytes therefore takes
//! no more memory than one that is just too large.

use std::fmt;
use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::Decompressor as WholeDecompressor;
use memchr::memmem;
use zstd::stream::read::Decoder;

use crate::reading_time::{Bounded, is_over_now};

/// Why a body cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    #[error("larger than {0} bytes when unpacked (raise [fetch] max_body if that is right)")]
    TooLarge(u64),
    #[error("the body cannot be unpacked: {0}")]
    Corrupt(String),
    #[error("the Content-Encoding `{0}` is not known")]
    Unknown(String),
}

/// A body without its codings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    pub body: Vec<u8>,
    /// Why the body is only the first part of what was packed; `None` if it is whole.
    pub fault: Option<StreamFault>,
}

/// What is wrong with a compressed stream. The bytes before the fault are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamFault {
    /// The stream ends too early. Only its trailer may be missing.
    BreaksOff,
    /// The stream is damaged. The text says in which way.
    Damaged(String),
}

impl fmt::Display for StreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreaksOff => f.write_str("it breaks off"),
            Self::Damaged(how) => f.write_str(how),
        }
    }
}

/// The most codings that one body may have. Two are seen in the wild, by mistake.
const MAX_CODINGS: usize = 3;

/// The window that a `zstd` decoder must support, as a power of two: 8 MiB (RFC 9659 section 3).
const ZSTD_WINDOW_LOG: u32 = 23;

/// The output buffer grows by this many bytes at a time.
const MIN_STEP: usize = 16 * 1024;
const MAX_STEP: usize = 4 * 1024 * 1024;

/// The first bytes of a gzip member that is compressed by deflate (RFC 1952 section 2.3.1).
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 0x08];

/// A stated length is believed if it is at most so many times the length of the compressed body.
const LARGEST_RATIO: u64 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Returns the body without its codings, of at most `limit` bytes.
///
/// `content_encoding` is the header field as sent. It names the codings in the order in which they were
/// applied. Bytes after the end of a compressed stream are dropped. Of a stream that breaks off or is damaged, the
/// text before the fault is returned, but none of a stream whose checksum is wrong: there the fault may be anywhere.
///
/// # Errors
/// When the body is too large, contains nothing that can be read, or has an unknown coding.
pub fn unpack(
    body: Vec<u8>,
    content_encoding: Option<&str>,
    limit: u64,
) -> Result<Unpacked, UnpackError> {
    // The last applied coding is removed first.
    let mut labels = content_encoding.unwrap_or_default().rsplit(',').filter_map(coding);
    let mut whole = Unpacked { body, fault: None };
    for _ in 0..MAX_CODINGS {
        let Some(inner) = remove_coding(&whole.body, labels.next(), limit)? else { break };
        whole = Unpacked { body: inner.body, fault: whole.fault.or(inner.fault) };
    }
    if magic(&whole.body).is_some_and(|coding| coding != Coding::Deflate) {
        return Err(UnpackError::Corrupt(format!("it has more than {MAX_CODINGS} codings")));
    }
    if limit < whole.body.len() as u64 {
        return Err(UnpackError::TooLarge(limit));
    }
    Ok(whole)
}

/// A coding that the header field names. The error is the name of one that is not known.
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

/// Removes the outermost coding. `None` if the body has none. `label` is what the header field says of it.
fn remove_coding(
    body: &[u8],
    label: Option<Result<Coding, String>>,
    limit: u64,
) -> Result<Option<Unpacked>, UnpackError> {
    if body.is_empty() || is_text(body) {
        return Ok(None);
    }
    let input = without_text_before(body);
    let by_magic = magic(input);
    let by_label = label.as_ref().and_then(|label| label.as_ref().ok()).copied();
    let mut fault = None;
    for coding in by_magic.into_iter().chain(by_label.filter(|_| by_label != by_magic)) {
        let found = decode(coding, input, limit)?;
        match &found.fault {
            Some(why) if !is_text(&found.body) && magic(&found.body).is_none() => {
                // Other data may begin as zlib does.
                if coding != Coding::Deflate || label.is_some() {
                    let why = format!("{}: {why}", coding.name());
                    fault.get_or_insert(UnpackError::Corrupt(why));
                }
            }
            _ => return Ok(Some(found)),
        }
    }
    for guess in [Coding::Deflate, Coding::Brotli] {
        if let Ok(found) = decode(guess, body, limit)
            && found.fault.is_none()
            && is_text(&found.body)
        {
            return Ok(Some(found));
        }
    }
    match (fault, label) {
        (None, Some(Err(name))) => Err(UnpackError::Unknown(name)),
        (Some(fault), _) => Err(fault),
        (None, _) => Ok(None),
    }
}

/// The coding whose first bytes a body has. Those of zlib are only two, so that other data may have them too.
fn magic(body: &[u8]) -> Option<Coding> {
    match body {
        // RFC 1952 section 2.3.1: the method is deflate, and the reserved flags are zero.
        [0x1f, 0x8b, 0x08, flags, ..] if flags & 0xe0 == 0 => Some(Coding::Gzip),
        // RFC 8878 sections 3.1.1 and 3.1.2: a frame, or one to be skipped.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Coding::Zstd),
        // RFC 1950 section 2.2: a window of up to 32 KiB, and a check of the header.
        [cmf @ (0x08 | 0x18 | 0x28 | 0x38 | 0x48 | 0x58 | 0x68 | 0x78), flags, ..]
            if (u16::from(*cmf) << 8 | u16::from(*flags)) % 31 == 0 =>
        {
            Some(Coding::Deflate)
        }
        _ => None,
    }
}

/// Drops white space and a byte order mark before the first bytes of gzip or zstd. PHP sends what a script file has
/// before its code.
fn without_text_before(body: &[u8]) -> &[u8] {
    let rest = body.trim_ascii_start();
    let rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest).trim_ascii_start();
    match magic(rest) {
        Some(Coding::Gzip | Coding::Zstd) => rest,
        Some(Coding::Deflate | Coding::Brotli) | None => body,
    }
}

/// Decodes one coding.
///
/// # Errors
/// [`UnpackError::TooLarge`] only.
fn decode(coding: Coding, body: &[u8], limit: u64) -> Result<Unpacked, UnpackError> {
    match coding {
        Coding::Gzip => gzip(body, limit),
        Coding::Deflate => deflate(body, limit),
        Coding::Brotli => {
            let mut out = Vec::with_capacity(room(body, limit));
            let fault = read(&mut Decompressor::new(body, 4096), &mut out, limit)?;
            Ok(Unpacked { body: out, fault })
        }
        Coding::Zstd => zstd(body, limit),
    }
}

/// Decodes gzip (RFC 1952), one member or several. Bytes after the last member are ignored, as by every
/// gzip program.
fn gzip(body: &[u8], limit: u64) -> Result<Unpacked, UnpackError> {
    match one_gzip_member(body, limit) {
        Some(whole) => Ok(Unpacked { body: whole, fault: None }),
        None => gzip_members(body, limit),
    }
}

/// Decodes gzip in pieces, so that of a damaged or cut body the beginning is known.
fn gzip_members(body: &[u8], limit: u64) -> Result<Unpacked, UnpackError> {
    let mut out = Vec::new();
    out.reserve_exact(gzip_hint(body, limit));
    let mut rest = body;
    loop {
        let (used, fault) = inflate(Decompress::new_gzip(15), rest, &mut out, limit)?;
        rest = rest.get(used..).unwrap_or_default();
        if fault.is_some() || magic(rest) != Some(Coding::Gzip) {
            return Ok(Unpacked { body: out, fault });
        }
    }
}

/// Decodes zstd (RFC 8878), one frame or several. Bytes after the last frame are ignored.
fn zstd(body: &[u8], limit: u64) -> Result<Unpacked, UnpackError> {
    let mut out = Vec::with_capacity(room(body, limit));
    let mut rest = body;
    loop {
        let opened = Decoder::with_buffer(rest).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Ok(decoder.single_frame())
        });
        let mut decoder = match opened {
            Ok(decoder) => decoder,
            Err(error) => return Ok(Unpacked { body: out, fault: Some(fault_of(&error)) }),
        };
        let start = out.len();
        let fault = read(&mut decoder, &mut out, limit)?;
        if matches!(&fault, Some(StreamFault::Damaged(how)) if how.contains("checksum")) {
            out.truncate(start);
        }
        rest = decoder.finish();
        if fault.is_some() || magic(rest) != Some(Coding::Zstd) {
            return Ok(Unpacked { body: out, fault });
        }
    }
}

/// Decodes deflate. RFC 9110 section 8.4.1.2 means the zlib format (RFC 1950). Some servers send the bare
/// stream (RFC 1951) instead, which all browsers accept.
fn deflate(body: &[u8], limit: u64) -> Result<Unpacked, UnpackError> {
    let inflated = |zlib_header: bool| {
        let mut out = Vec::new();
        let (_, fault) = inflate(Decompress::new(zlib_header), body, &mut out, limit)?;
        Ok(Unpacked { body: out, fault })
    };
    let zlib = inflated(true);
    match &zlib {
        Ok(found) if found.fault.is_some() && !is_text(&found.body) => {}
        Ok(_) | Err(_) => return zlib,
    }
    match inflated(false) {
        Ok(bare) if bare.fault.is_some() && !is_text(&bare.body) => zlib,
        bare => bare,
    }
}

/// Appends one inflated stream to `out`. Returns the number of bytes of `input` that it took, and its fault.
fn inflate(
    mut stream: Decompress,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: u64,
) -> Result<(usize, Option<StreamFault>), UnpackError> {
    let start = out.len();
    loop {
        if is_over_now() {
            return Ok((input.len(), None));
        }
        if out.len() == out.capacity() {
            out.reserve_exact(out.len().clamp(MIN_STEP, MAX_STEP));
        }
        let used = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let before = (stream.total_in(), stream.total_out());
        let rest = input.get(used..).unwrap_or_default();
        let status = stream.decompress_vec(rest, out, FlushDecompress::None);
        if limit < out.len() as u64 {
            return Err(UnpackError::TooLarge(limit));
        }
        let used = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        match status {
            Err(error) => {
                if matches!(
                    error.message(),
                    Some("incorrect data check" | "incorrect length check")
                ) {
                    out.truncate(start);
                }
                return Ok((used, Some(StreamFault::Damaged(error.to_string()))));
            }
            Ok(Status::StreamEnd) => return Ok((used, None)),
            Ok(_) if before == (stream.total_in(), stream.total_out()) => {
                return Ok((used, Some(StreamFault::BreaksOff)));
            }
            Ok(_) => {}
        }
    }
}

/// Decodes a body that is one whole gzip member and nothing else, in one step. This takes two thirds of the instructions
/// of [`inflate`].
///
/// `None` if the body is anything else, or if it is not certain: the decoder does not tell where the member ended, so a
/// body in which another member may begin is left to [`inflate`], as is one with bytes behind its end, where the stated
/// length is wrong.
fn one_gzip_member(body: &[u8], limit: u64) -> Option<Vec<u8>> {
    let stated = stated_length(body);
    let is_credible = stated <= limit && stated <= LARGEST_RATIO * body.len() as u64;
    if !is_credible || is_over_now() || memmem::find(body.get(1..)?, GZIP_MAGIC).is_some() {
        return None;
    }
    let mut out = vec![0; usize::try_from(stated).ok()?];
    let length = WholeDecompressor::new().gzip_decompress(body, &mut out).ok()?;
    (length == out.len()).then_some(out)
}

/// The size that the last member states (RFC 1952 section 2.3.1), if it is credible: a feed shrinks 2 to 30
/// times. One byte is added, so that the end is found before the buffer grows.
fn gzip_hint(body: &[u8], limit: u64) -> usize {
    let stated = stated_length(body);
    let packed = body.len() as u64;
    let hint = if (packed..LARGEST_RATIO * packed).contains(&stated) { stated } else { 4 * packed };
    usize::try_from(hint.min(limit).saturating_add(1)).unwrap_or(0)
}

/// What the end of a gzip stream says of its unpacked length (RFC 1952 section 2.3.1, `ISIZE`).
fn stated_length(gzip: &[u8]) -> u64 {
    gzip.last_chunk().map_or(0, |size| u64::from(u32::from_le_bytes(*size)))
}

/// The length of a body in bytes without its coding, as far as it is known before it is unpacked. It may be wrong.
pub fn expected_length(body: &[u8]) -> u64 {
    match magic(body) {
        Some(Coding::Gzip) => stated_length(body),
        _ => body.len() as u64,
    }
}

/// The room for the output of a decoder that states no size.
fn room(body: &[u8], limit: u64) -> usize {
    body.len().saturating_mul(4).min(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Appends what a decoder returns to `out`. Returns the fault of its stream.
fn read(
    decoder: &mut impl Read,
    out: &mut Vec<u8>,
    limit: u64,
) -> Result<Option<StreamFault>, UnpackError> {
    let left = limit.saturating_add(1).saturating_sub(out.len() as u64);
    let read = Bounded(decoder).take(left).read_to_end(out);
    if limit < out.len() as u64 {
        return Err(UnpackError::TooLarge(limit));
    }
    Ok(read.err().map(|error| fault_of(&error)))
}

fn fault_of(error: &io::Error) -> StreamFault {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => StreamFault::BreaksOff,
        _ => StreamFault::Damaged(error.to_string()),
    }
}

/// The number of bytes by which text and compressed data are told apart.
const TEXT_START: usize = 64;

/// The fewest bytes of ASCII that count as text whatever they begin with.
const PLAIN_ASCII: usize = 16;

/// Whether a body begins as XML, HTML or JSON does, in UTF-8, UTF-16 or UTF-32, or with plain ASCII. For compressed
/// data the chance is one in many millions.
fn is_text(body: &[u8]) -> bool {
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return true; // The byte order mark of UTF-16 or UTF-32.
    }
    if matches!(
        body,
        [b'<' | b'{' | b'[', 0, ..]
            | [0, b'<' | b'{' | b'[', ..]
            | [0, 0, 0, b'<' | b'{' | b'[', ..]
    ) {
        return true; // UTF-16 or UTF-32 without a mark.
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let start = body.get(..body.len().min(TEXT_START)).unwrap_or_default();
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    let is_ascii = PLAIN_ASCII <= start.len() && start.is_ascii();
    (matches!(start.first(), Some(b'<' | b'{' | b'[')) || is_ascii) && !start.iter().any(is_control)
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

    fn whole(body: &[u8]) -> Unpacked {
        Unpacked { body: body.to_vec(), fault: None }
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
            assert_eq!(found, Ok(whole(&feed)), "{coding}");
        }
        assert_eq!(unpack(feed.clone(), None, LIMIT), Ok(whole(&feed)));
    }

    #[test]
    fn plain_text_under_a_false_claim_is_taken_as_it_is() {
        for text in [
            "<?xml version='1.0'?><rss/>",
            "\r\n  <feed/>",
            "{\"version\": 1}",
            "\u{feff}<rss/>",
            "Notice: undefined index <rss/>",
        ] {
            for claim in ["gzip", "deflate", "br", "zstd", "UTF-8", "gzip, gzip"] {
                let found = unpack(text.as_bytes().to_vec(), Some(claim), LIMIT);
                assert_eq!(found, Ok(whole(text.as_bytes())), "{claim}: {text}");
            }
        }
        // Coded once and labelled twice.
        assert_eq!(unpack(gz(&feed()), Some("gzip, gzip"), LIMIT), Ok(whole(&feed())));
        assert_eq!(unpack(Vec::new(), Some("gzip"), LIMIT), Ok(whole(b"")));
    }

    /// The header field is wrong or missing in the way that the name of each case says.
    #[test]
    fn a_false_or_missing_label_does_no_harm() {
        let feed = feed();
        let utf16: Vec<u8> = FEED.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7][..], &zst(&feed)].concat();
        for (name, label, body, expected) in [
            ("gzip without a label", None, gz(&feed), &feed),
            ("zstd without a label", None, zst(&feed), &feed),
            ("zstd behind a frame to be skipped", None, skipped, &feed),
            ("zlib without a label", None, zlib(&feed), &feed),
            ("bare deflate without a label", None, raw_deflate(&feed), &feed),
            ("br without a label", None, FEED_BR.to_vec(), &feed),
            ("gzip that is called br", Some("br"), gz(&feed), &feed),
            ("gzip that is called deflate", Some("deflate"), gz(&feed), &feed),
            ("gzip that is called zstd", Some("zstd"), gz(&feed), &feed),
            ("zstd that is called gzip", Some("gzip"), zst(&feed), &feed),
            ("br that is called gzip", Some("gzip"), FEED_BR.to_vec(), &feed),
            ("zlib that is called gzip", Some("gzip"), zlib(&feed), &feed),
            ("bare deflate that is called gzip", Some("gzip"), raw_deflate(&feed), &feed),
            ("a label that is a charset", Some("utf-8"), gz(&feed), &feed),
            ("a label of the storage", Some("aws-chunked, gzip"), gz(&feed), &feed),
            ("a label of the storage last", Some("gzip,aws-chunked"), gz(&feed), &feed),
            ("packed twice, one label", Some("gzip"), gz(&gz(&feed)), &feed),
            ("packed twice, no label", None, zst(&gz(&feed)), &feed),
            ("packed twice, the wrong way round", Some("zstd, gzip"), zst(&gz(&feed)), &feed),
            ("zlib in gzip, one label", Some("gzip"), gz(&zlib(&feed)), &feed),
            ("three times", None, gz(&zst(&gz(&feed))), &feed),
            ("a line before", Some("gzip"), [b"\r\n", &*gz(&feed)].concat(), &feed),
            ("a mark before", None, [b"\xef\xbb\xbf", &*gz(&feed)].concat(), &feed),
            ("bytes after zstd", Some("zstd"), [zst(&feed), b"\0\0\0".to_vec()].concat(), &feed),
            ("UTF-16 in gzip", None, gz(&utf16), &utf16),
            ("UTF-16 under a false label", Some("br"), utf16.clone(), &utf16),
            (
                "bytes that begin as zlib does",
                Some("gzip"),
                gz(b"hby\t\x1e\x17\xd6"),
                &b"hby\t\x1e\x17\xd6".to_vec(),
            ),
            (
                "a picture",
                None,
                b"\x89PNG\r\n\x1a\n\0\0".to_vec(),
                &b"\x89PNG\r\n\x1a\n\0\0".to_vec(),
            ),
        ] {
            assert_eq!(unpack(body, label, LIMIT), Ok(whole(expected)), "{name}");
        }
    }

    #[test]
    fn of_a_stream_that_breaks_off_the_text_before_is_kept() {
        let mut text = String::from("<rss>");
        for n in 0..60_000_u32 {
            text.push_str(&n.wrapping_mul(2_654_435_761).to_string());
        }
        let plain = text.into_bytes();
        for (coding, label, packed) in [
            ("gzip", Some("gzip"), gz(&plain)),
            ("gzip without a label", None, gz(&plain)),
            ("zlib", Some("deflate"), zlib(&plain)),
            ("bare deflate", Some("deflate"), raw_deflate(&plain)),
            ("zstd", Some("zstd"), zst(&plain)),
            ("gzip in gzip", Some("gzip"), gz(&gz(&plain))),
        ] {
            for part in [2, 3, 5] {
                let cut = packed.iter().copied().take(packed.len() * (part - 1) / part).collect();
                let found = unpack(cut, label, LIMIT).unwrap();
                assert_eq!(found.fault, Some(StreamFault::BreaksOff), "{coding}");
                assert!(plain.starts_with(&found.body), "{coding}");
                assert!(plain.len() / 4 < found.body.len(), "{coding}: {}", found.body.len());
            }
        }
        for length in 1..FEED_BR.len() {
            let cut = FEED_BR.iter().copied().take(length).collect();
            match unpack(cut, Some("br"), LIMIT) {
                Ok(found) => assert!(feed().starts_with(&found.body) && found.fault.is_some()),
                Err(error) => assert!(matches!(error, UnpackError::Corrupt(_))),
            }
        }
    }

    #[test]
    fn of_a_damaged_stream_the_text_before_is_kept() {
        let mut damaged = gz(&feed());
        let checksum = damaged.len() - 6;
        damaged[checksum] ^= 1;
        let found = unpack([gz(&feed()), damaged.clone()].concat(), None, LIMIT).unwrap();
        assert_eq!(found.body, feed(), "nothing of the member with the wrong checksum");
        assert!(matches!(found.fault, Some(StreamFault::Damaged(_))), "{found:?}");
        let found = unpack(damaged, Some("gzip"), LIMIT);
        assert!(matches!(found, Err(UnpackError::Corrupt(_))), "{found:?}");
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(&feed()).unwrap();
        let mut damaged = encoder.finish().unwrap();
        *damaged.last_mut().unwrap() ^= 1;
        let found = unpack(damaged, Some("zstd"), LIMIT);
        assert!(matches!(found, Err(UnpackError::Corrupt(_))), "{found:?}");
        let mut second = gz(b"no member");
        second[11] ^= 0xff;
        let found = unpack([gz(&feed()), second].concat(), Some("gzip"), LIMIT).unwrap();
        assert!(found.body.starts_with(&feed()) && found.fault.is_some(), "{found:?}");
    }

    #[test]
    fn what_cannot_be_read_or_is_unknown_is_refused() {
        for (coding, body, expected) in [
            ("gzip", b"\0\0\0\0".to_vec(), "Corrupt"),
            ("gzip", gz(&feed()).iter().copied().take(10).collect(), "Corrupt"),
            ("", gz(&gz(&gz(&gz(&feed())))), "Corrupt"),
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
                prop_assert!(unpacked.body.len() as u64 <= limit);
            }
        }

        #[test]
        fn both_decoders_of_gzip_return_the_same(
            members in proptest::collection::vec("(<p>[a-c]{0,9}|The ferry ){0,60}", 1..3),
            changed in proptest::option::of((any::<proptest::sample::Index>(), any::<u8>())),
            kept in proptest::option::of(any::<proptest::sample::Index>()),
            behind in proptest::sample::select(vec![&b""[..], b"\0\0", b"\x1f\x8b\x08", b"behind"]),
            limit in prop_oneof![Just(LIMIT), 0_u64..1000],
        ) {
            let mut body = members.iter().flat_map(|plain| gz(plain.as_bytes())).collect::<Vec<_>>();
            if let Some((place, byte)) = changed {
                let place = place.index(body.len());
                body[place] = byte;
            }
            body.truncate(kept.map_or(usize::MAX, |kept| kept.index(body.len())));
            body.extend(behind);
            prop_assert_eq!(gzip(&body, limit), gzip_members(&body, limit));
        }

        #[test]
        fn what_was_packed_is_unpacked(plain in proptest::collection::vec(any::<u8>(), 1..4096)) {
            for (coding, body) in [
                ("gzip", gz(&plain)), ("deflate", zlib(&plain)), ("zstd", zst(&plain)),
            ] {
                prop_assert_eq!(unpack(body, Some(coding), LIMIT), Ok(whole(&plain)));
            }
        }
    }
}

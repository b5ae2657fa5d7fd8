//! Decodes the bytes of a document to text, even when its encoding labels are wrong.
//!
//! The bytes themselves count more than the labels, because a third of all wrong labels are on documents
//! that are plain UTF-8. [`decide`] looks at the whole document once, so that a part of it is later decoded
//! in the same way.

use std::borrow::Cow;

use crate::html::entities::WINDOWS_1252_C1;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GB18030, GBK, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::memmem;

/// The XML declaration is searched for in this many bytes.
const DECLARATION_WITHIN: usize = 1024;

/// An encoding that a document can be decoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    /// UTF-8 in which some bytes are windows-1252, as in texts pasted together from two sources.
    Mixed,
    Utf32 {
        big_endian: bool,
    },
    Other(&'static Encoding),
}

impl Charset {
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Mixed => "UTF-8 with windows-1252",
            Self::Utf32 { big_endian: true } => "UTF-32BE",
            Self::Utf32 { big_endian: false } => "UTF-32LE",
            Self::Other(encoding) => encoding.name(),
        }
    }
}

/// The charset of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub charset: Charset,
    /// What the choice is based on, in words.
    pub because: &'static str,
    /// Whether a label names another charset than the one chosen.
    pub mislabelled: bool,
}

/// Chooses the charset of a document by its bytes, else by its labels, else by a guess. `content_type` is
/// the value of the HTTP header.
pub fn decide(body: &[u8], content_type: Option<&str>) -> Decision {
    let http = content_type.and_then(http_label);
    let declared = declared_label(body);
    let labels = [(http, "the HTTP header"), (declared, "the XML declaration")];
    let named =
        |encoding: &'static Encoding| labels.iter().any(|(label, _)| *label == Some(encoding));
    let decided = |charset, because| {
        let says = |label: Option<&'static Encoding>| match charset {
            Charset::Utf8 => label.is_some_and(|label| label != UTF_8 && !body.is_ascii()),
            Charset::Other(encoding) => label.is_some_and(|label| label != encoding),
            Charset::Mixed | Charset::Utf32 { .. } => true,
        };
        // The XML declaration describes the bytes before they were converted to UTF-16.
        Decision { charset, because, mislabelled: says(http.or(declared)) }
    };
    if let Some(charset) = by_first_bytes(body) {
        return decided(charset, "its first bytes");
    }
    // ISO-2022-JP is seven-bit, so all of it is valid UTF-8 too.
    if named(ISO_2022_JP) && body.contains(&0x1B) {
        return decided(Charset::Other(ISO_2022_JP), "its label");
    }
    if std::str::from_utf8(body).is_ok() {
        return decided(Charset::Utf8, "it is valid UTF-8");
    }
    for (label, because) in labels {
        if let Some(encoding) = label
            && encoding != UTF_8
            && !matches!(encoding.name(), "UTF-16LE" | "UTF-16BE")
            && encoding.decode_without_bom_handling_and_without_replacement(body).is_some()
        {
            return decided(Charset::Other(encoding), because);
        }
    }
    if is_mostly_utf8(body) {
        return decided(Charset::Mixed, "most of it is valid UTF-8");
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(body, true);
    decided(Charset::Other(detector.guess(None, Utf8Detection::Deny)), "its letters look like it")
}

/// Decodes a document. Removes the byte order mark and the characters that no XML document may hold (XML
/// 1.0, 2.2), and turns carriage returns into line feeds (2.11). Also returns the number of those
/// characters and of undecodable bytes.
pub fn decode(body: &[u8], charset: Charset) -> (Cow<'_, str>, u32) {
    let (text, mut bad) = match charset {
        Charset::Utf8 => {
            let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
            // Nearly all documents are valid; this check reads sixteen bytes at a time.
            let valid = std::str::from_utf8(body).map(Cow::Borrowed);
            (valid.unwrap_or_else(|_| String::from_utf8_lossy(body)), 0)
        }
        Charset::Mixed => (Cow::Owned(mixed(body)), 1),
        Charset::Utf32 { big_endian } => (Cow::Owned(utf32(body, big_endian)), 0),
        Charset::Other(encoding) => {
            let (text, _, errors) = encoding.decode(body);
            (text, u32::from(errors))
        }
    };
    let text = without_c1(text);
    // Loops without a branch check sixteen bytes at a time.
    let has = |is_one: fn(u8) -> bool| text.bytes().fold(false, |found, byte| found | is_one(byte));
    if !has(is_doubtful) {
        return (text, bad);
    }
    // Most such documents have Windows line breaks and nothing else.
    let has_others = has(|byte| is_doubtful(byte) && byte != b'\r');
    let next = |rest: &str| {
        if has_others {
            rest.bytes().position(is_doubtful)
        } else {
            memchr::memchr(b'\r', rest.as_bytes())
        }
    };
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = next(rest) {
        let (before, after) = rest.split_at(at);
        clean.push_str(before);
        let newline = after.starts_with('\r');
        rest = after.get(1..).unwrap_or_default();
        if newline {
            if !rest.starts_with('\n') {
                clean.push('\n');
            }
        } else {
            bad = bad.saturating_add(1);
        }
    }
    clean.push_str(rest);
    (Cow::Owned(clean), bad)
}

/// Replaces the control characters from U+0080 to U+009F. They are bytes of windows-1252 that were decoded
/// as ISO-8859-1, and become the characters that were meant.
fn without_c1(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_c1 = |c: char| matches!(c, '\u{80}'..='\u{9F}');
    let doubtful = memchr::memchr_iter(0xC2, text.as_bytes())
        .any(|at| text.as_bytes().get(at + 1).is_some_and(|next| *next < 0xA0));
    if !doubtful {
        return text;
    }
    let meant = |c: char| {
        let place = (u32::from(c)).checked_sub(0x80).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| WINDOWS_1252_C1.get(place)).copied().unwrap_or(c)
    };
    Cow::Owned(text.chars().map(|c| if is_c1(c) { meant(c) } else { c }).collect())
}

fn is_doubtful(byte: u8) -> bool {
    byte < 0x20 && byte != b'\n' && byte != b'\t'
}

/// Recognises a byte order mark, or the NUL bytes that ASCII has in UTF-16 and UTF-32 (XML 1.0, F.1).
fn by_first_bytes(body: &[u8]) -> Option<Charset> {
    let utf16 = |encoding| Some(Charset::Other(encoding));
    let head = [0, 1, 2, 3].map(|n| body.get(n).copied());
    match head {
        [Some(0), Some(0), Some(0xFE), Some(0xFF)] => Some(Charset::Utf32 { big_endian: true }),
        [Some(0xFF), Some(0xFE), Some(0), Some(0)] => Some(Charset::Utf32 { big_endian: false }),
        [Some(0xFE), Some(0xFF), ..] => utf16(UTF_16BE),
        [Some(0xFF), Some(0xFE), ..] => utf16(UTF_16LE),
        [Some(0), Some(0), Some(0), Some(c)] if c.is_ascii() => {
            Some(Charset::Utf32 { big_endian: true })
        }
        [Some(c), Some(0), Some(0), Some(0)] if c.is_ascii() => {
            Some(Charset::Utf32 { big_endian: false })
        }
        [Some(0), Some(c), Some(0), Some(_)] if c != 0 => utf16(UTF_16BE),
        [Some(c), Some(0), Some(_), Some(0)] if c != 0 => utf16(UTF_16LE),
        _ => None,
    }
}

fn http_label(content_type: &str) -> Option<&'static Encoding> {
    let lower = content_type.to_ascii_lowercase();
    let (_, value) = lower.split_once("charset")?;
    let value = value.trim_start().strip_prefix('=')?;
    by_label(value.split(';').next()?)
}

fn declared_label(body: &[u8]) -> Option<&'static Encoding> {
    let head = body.get(..body.len().min(DECLARATION_WITHIN))?;
    let start = memmem::find(head, b"<?xml")?;
    let declaration = head.get(start..)?;
    let declaration = declaration.get(..memchr::memchr(b'>', declaration)?)?;
    let value = declaration.get(memmem::find(declaration, b"encoding")? + 8..)?;
    let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let quote = value.first().filter(|quote| matches!(quote, b'"' | b'\''))?;
    let value = value.get(1..)?;
    by_label(std::str::from_utf8(value.get(..memchr::memchr(*quote, value)?)?).ok()?)
}

/// The encoding that a label means, including the misspellings of publishers.
fn by_label(label: &str) -> Option<&'static Encoding> {
    let label = label.trim_matches(|c: char| c.is_whitespace() || "\"'".contains(c));
    let label = label.to_ascii_lowercase().replace('_', "-");
    let label = match label.as_str() {
        "latin-1" | "iso-latin-1" => "latin1",
        "unicode" | "ucs-2" => "utf-16",
        "macroman" | "mac-roman" => "macintosh",
        "ks-c-5601-1987" | "cp949" | "uhc" => "euc-kr",
        "shift-jis" | "cp932" | "windows-932" => "shift_jis",
        "cp936" | "euc-cn" => "gbk",
        "cp950" => "big5",
        other => other,
    };
    let spelt =
        [("win-", "windows-"), ("win", "windows-"), ("windows", "windows-"), ("iso", "iso-")];
    let found = Encoding::for_label(label.as_bytes()).or_else(|| {
        spelt.iter().find_map(|(wrong, right)| {
            let rest = label.strip_prefix(wrong)?;
            Encoding::for_label(format!("{right}{rest}").as_bytes())
        })
    })?;
    // The label says GB2312 where the text is GB18030, which contains GB2312.
    Some(if found == GBK { GB18030 } else { found })
}

/// Whether most of the sequences that are not ASCII are valid UTF-8.
fn is_mostly_utf8(body: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in body.utf8_chunks() {
        good += chunk.valid().bytes().filter(|byte| 0xC0 <= *byte).count();
        bad += chunk.invalid().len();
    }
    bad < good
}

fn mixed(body: &[u8]) -> String {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut text = String::with_capacity(body.len() + body.len() / 8);
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    text
}

fn utf32(body: &[u8], big_endian: bool) -> String {
    let (words, _) = body.as_chunks::<4>();
    words
        .iter()
        .map(|word| if big_endian { u32::from_be_bytes(*word) } else { u32::from_le_bytes(*word) })
        .filter(|code| *code != 0xFEFF)
        .map(|code| char::from_u32(code).unwrap_or('\u{FFFD}'))
        .collect()
}

/// Restores a text in UTF-8 that was decoded as windows-1252 and encoded once more (`FÃ¼nf`). A text that
/// cannot be restored as a whole is returned unchanged. Eleven of the captured feeds have such texts.
pub fn fix_mojibake(text: String) -> String {
    // The first byte of a sequence became a character from U+00C2 to U+00F4. All of these begin with C3.
    if memchr::memchr(0xC3, text.as_bytes()).is_none() {
        return text;
    }
    // In most texts, the first character that is not ASCII shows that they are right.
    let mut foreign = text.chars().skip_while(char::is_ascii);
    let first = foreign.next().and_then(windows_1252);
    let second = foreign.next().and_then(windows_1252);
    let begins = first.is_some_and(|byte| 0xC2 <= byte);
    let continues = second.is_some_and(|byte| (0x80..0xC0).contains(&byte));
    if !(begins && continues) {
        return text;
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match windows_1252(c) {
            Some(byte) => bytes.push(byte),
            None => return text,
        }
    }
    match String::from_utf8(bytes) {
        Ok(undone) if is_likely(&undone) => undone,
        Ok(_) | Err(_) => text,
    }
}

/// The byte of a character in windows-1252, where the bytes without a character are controls.
fn windows_1252(c: char) -> Option<u8> {
    u8::try_from(u32::from(c)).ok().or_else(|| {
        let place = WINDOWS_1252_C1.iter().position(|known| *known == c)?;
        u8::try_from(0x80 + place).ok()
    })
}

/// Whether a restored text is likely. Some correct texts can be "restored" too: in a French heading, `É`
/// before a no-break space has the bytes of `ɠ`, and `é` before one and a dash those of `頗`.
fn is_likely(undone: &str) -> bool {
    let (mut ascii, mut latin, mut other) = (0_u32, 0_u32, 0_u32);
    for c in undone.chars() {
        match c {
            '\0'..='\u{7F}' => ascii += u32::from(c.is_ascii_alphabetic()),
            // Letters, punctuation and signs of Europe and Vietnam, and emoji.
            '\u{A0}'..='\u{17F}'
            | '\u{1A1}'..='\u{1B0}'
            | '\u{1E00}'..='\u{1EFF}'
            | '\u{2000}'..='\u{27BF}'
            | '\u{FE0F}'
            | '\u{1F000}'.. => latin += 1,
            '\u{80}'..='\u{9F}' | '\u{180}'..='\u{36F}' => return false,
            _ => other += 1,
        }
    }
    // The text has whole words in another script.
    other == 0 && 0 < latin || 3 <= other && ascii < other
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, EUC_JP, EUC_KR, ISO_8859_2, KOI8_R, SHIFT_JIS, WINDOWS_1251};
    use proptest::prelude::*;

    fn read(body: &[u8], content_type: Option<&str>) -> String {
        decode(body, decide(body, content_type).charset).0.into_owned()
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    #[test]
    fn every_encoding_is_told_from_its_bytes_and_labels() {
        let xml = |label: &str, text: &str| {
            format!("<?xml version=\"1.0\" encoding=\"{label}\"?><rss>{text}</rss>")
        };
        let coded = |encoding: &'static Encoding, label: &str, text: &str| {
            encoding.encode(&xml(label, text)).0.into_owned()
        };
        let plain = |encoding: &'static Encoding, text: &str| {
            encoding.encode(&format!("<rss>{text}</rss>")).0.into_owned()
        };
        let russian = "Сегодня в столице открылась новая станция метро";
        let bom = |text: &str| [b"\xEF\xBB\xBF", text.as_bytes()].concat();
        for (name, body, header, text) in [
            ("utf-8", xml("utf-8", "é").into_bytes(), None, "é"),
            ("nothing said", "<rss>é</rss>".into(), None, "é"),
            (
                "utf-8 under a latin-1 label (5 real feeds)",
                xml("iso-8859-1", "é").into(),
                None,
                "é",
            ),
            (
                "utf-8 under a wrong header",
                xml("utf-8", "é").into(),
                Some("text/xml; charset=iso-8859-1"),
                "é",
            ),
            ("utf-8 with byte order mark", bom(&xml("iso-8859-1", "é")), None, "é"),
            ("utf-8 declared as utf-16 (a Kagi feed)", xml("utf-16", "é").into(), None, "é"),
            ("latin-1", coded(WINDOWS_1252, "iso-8859-1", "é"), None, "é"),
            ("windows-1252 under latin-1", coded(WINDOWS_1252, "ISO-8859-1", "“é”"), None, "“é”"),
            ("cp1251", coded(WINDOWS_1251, "cp1251", russian), None, russian),
            ("windows_1251", coded(WINDOWS_1251, "WINDOWS_1251", russian), None, russian),
            ("koi8-r", coded(KOI8_R, "koi8-r", russian), None, russian),
            ("iso-8859-2", coded(ISO_8859_2, "iso-8859-2", "Żółć"), None, "Żółć"),
            (
                "only the header says it",
                plain(WINDOWS_1251, russian),
                Some("text/xml;charset=\"windows-1251\""),
                russian,
            ),
            (
                "the header overrides the declaration",
                coded(WINDOWS_1251, "iso-8859-1", russian),
                Some("text/xml; charset=windows-1251"),
                russian,
            ),
            (
                "gb2312 with characters of gb18030",
                coded(GB18030, "gb2312", "汉字\u{3447}"),
                None,
                "汉字\u{3447}",
            ),
            ("gbk", coded(GB18030, "GBK", "汉字"), None, "汉字"),
            ("big5", coded(BIG5, "big5", "漢字"), None, "漢字"),
            ("shift_jis", coded(SHIFT_JIS, "Shift_JIS", "日本語"), None, "日本語"),
            ("euc-jp", coded(EUC_JP, "euc-jp", "日本語"), None, "日本語"),
            ("iso-2022-jp", coded(ISO_2022_JP, "iso-2022-jp", "日本語"), None, "日本語"),
            ("euc-kr", coded(EUC_KR, "ks_c_5601-1987", "한국어"), None, "한국어"),
            (
                "utf-16le with mark",
                [b"\xFF\xFE".to_vec(), utf16(&xml("utf-16", "é"), u16::to_le_bytes)].concat(),
                None,
                "é",
            ),
            (
                "utf-16be with mark",
                [b"\xFE\xFF".to_vec(), utf16(&xml("utf-16", "é"), u16::to_be_bytes)].concat(),
                None,
                "é",
            ),
            ("utf-16le declared utf-8", utf16(&xml("utf-8", "é"), u16::to_le_bytes), None, "é"),
            ("utf-16be without mark", utf16(&xml("utf-16", "é"), u16::to_be_bytes), None, "é"),
            (
                "utf-32be",
                xml("utf-32", "é").chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
                None,
                "é",
            ),
            (
                "utf-32le",
                xml("utf-32", "é").chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
                None,
                "é",
            ),
            (
                "declared utf-8, bytes windows-1252",
                coded(WINDOWS_1252, "utf-8", "Un été déjà à Orléans"),
                None,
                "Un été déjà à Orléans",
            ),
            (
                "one bad byte in utf-8",
                [xml("utf-8", "é à ü").as_bytes(), b"\x96"].concat(),
                None,
                "é à ü",
            ),
            ("no label and not utf-8", plain(WINDOWS_1251, &russian.repeat(5)), None, russian),
        ] {
            let found = read(&body, header);
            assert!(found.contains(text), "{name}: {found}");
        }
    }

    #[test]
    fn what_xml_forbids_is_dropped() {
        for (body, expected, bad) in [
            (&b"a\r\nb\rc\n"[..], "a\nb\nc\n", 0),
            (b"a\x00b\x1Fc\t", "abc\t", 2),
            (b"\xEF\xBB\xBFa", "a", 0),
        ] {
            assert_eq!(decode(body, Charset::Utf8), (Cow::Borrowed(expected), bad));
        }
    }

    #[test]
    fn what_was_encoded_twice_is_undone() {
        for (text, expected) in [
            ("FÃ¼nf â€“ â€œsoâ€\u{9d}", "Fünf – “so”"),
            ("6Â\u{a0}million Ã ", "6Â\u{a0}million Ã "),
            ("Ã¥ å", "Ã¥ å"),
            ("Ã 漢", "Ã 漢"),
            ("LIBERTÉ\u{a0}: MARCHÉ", "LIBERTÉ\u{a0}: MARCHÉ"),
            ("LIBERTÉ\u{a0}: oui", "LIBERTÉ\u{a0}: oui"),
            ("café\u{a0}— x", "café\u{a0}— x"),
            ("Ð\u{9f}Ñ€Ð¸Ð²ÐµÑ‚", "Привет"),
            ("Tiáº¿ng Viá»‡t", "Tiếng Việt"),
            ("æ—¥æœ¬èªž", "日本語"),
            ("ok ðŸ‘\u{8d}", "ok 👍"),
            ("été", "été"),
            ("plain", "plain"),
        ] {
            assert_eq!(fix_mojibake(text.to_owned()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_text(body: Vec<u8>, label in "[a-z0-9_ -]{0,12}") {
            let text = read(&body, Some(&format!("text/xml; charset={label}")));
            prop_assert!(!text.bytes().any(is_doubtful));
        }
    }
}

//! Character encodings: declared, not declared, and declared wrongly.

use crate::{field, read};

const TITLE: &str = "Größe – Æ";

/// A document in a Latin encoding, with the declaration that it contains.
fn document(declared: Option<&str>, title: &str) -> String {
    let declaration = declared.map(|name| format!("<?xml version=\"1.0\" encoding=\"{name}\"?>\n"));
    format!(
        "{}<rss version=\"2.0\"><channel><title>F</title><item><title>{title}</title></item></channel></rss>",
        declaration.unwrap_or_default()
    )
}

fn one_byte(text: &str, table: &[(char, u8)]) -> Vec<u8> {
    let byte = |c: char| {
        let known = table.iter().find(|(known, _)| *known == c).map(|(_, byte)| *byte);
        known.unwrap_or_else(|| u8::try_from(u32::from(c)).unwrap_or(b'?'))
    };
    text.chars().map(byte).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn characters_are_right_whatever_encoding_is_declared() {
    let windows = |text: &str| one_byte(text, &[('–', 0x96), ('’', 0x92), ('€', 0x80)]);
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| {
        text.encode_utf16().flat_map(order).collect::<Vec<u8>>()
    };
    let wider = |text: &str, order: fn(u32) -> [u8; 4]| {
        text.chars().flat_map(|c| order(c.into())).collect::<Vec<u8>>()
    };
    let marked = |mark: &[u8], body: Vec<u8>| [mark, &body].concat();
    let utf8 = |declared| document(declared, TITLE).into_bytes();
    let cyrillic = |encoding: &str, bytes: &[u8]| {
        let text = document(Some(encoding), "@");
        let (before, after) = text.split_once('@').unwrap();
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    let mut faults = Vec::new();
    for (name, body, content_type, expected) in [
        ("utf-8, declared", utf8(Some("utf-8")), None, TITLE),
        ("utf-8, undeclared", utf8(None), None, TITLE),
        ("utf-8 with a mark", marked(b"\xEF\xBB\xBF", utf8(None)), None, TITLE),
        (
            "utf-8 with a mark, declared latin",
            marked(b"\xEF\xBB\xBF", utf8(Some("iso-8859-1"))),
            None,
            TITLE,
        ),
        ("utf-8 declared as latin", utf8(Some("iso-8859-1")), None, TITLE),
        ("utf-8 declared as utf-16", utf8(Some("utf-16")), None, TITLE),
        ("utf-8 declared as us-ascii", utf8(Some("us-ascii")), None, TITLE),
        ("utf-8 served as latin", utf8(None), Some("text/xml; charset=iso-8859-1"), TITLE),
        ("an unknown label", utf8(Some("x-nonsense")), None, TITLE),
        ("windows-1252, declared", windows(&document(Some("windows-1252"), TITLE)), None, TITLE),
        (
            "windows-1252 declared as latin",
            windows(&document(Some("iso-8859-1"), TITLE)),
            None,
            TITLE,
        ),
        ("windows-1252 declared as utf-8", windows(&document(Some("utf-8"), TITLE)), None, TITLE),
        ("windows-1252, undeclared", windows(&document(None, TITLE)), None, TITLE),
        (
            "windows-1252, served",
            windows(&document(None, TITLE)),
            Some("application/xml; charset=\"windows-1252\""),
            TITLE,
        ),
        ("cp1252", windows(&document(Some("cp1252"), TITLE)), None, TITLE),
        (
            "latin in capitals and underscores",
            windows(&document(Some("ISO_8859_1"), TITLE)),
            None,
            TITLE,
        ),
        (
            "single quotes round the label",
            windows(&document(Some("windows-1252"), TITLE).replace('"', "'")),
            None,
            TITLE,
        ),
        (
            "control characters of windows-1252",
            document(Some("utf-8"), "don\u{92}t \u{80}5").into_bytes(),
            None,
            "don’t €5",
        ),
        ("references to them", document(None, "don&#146;t &#x80;5").into_bytes(), None, "don’t €5"),
        ("encoded twice", document(Some("utf-8"), "GrÃ¶ÃŸe â€“ Ã†").into_bytes(), None, TITLE),
        (
            "utf-16 little-endian with a mark",
            marked(&[0xFF, 0xFE], wide(&document(Some("utf-16"), TITLE), u16::to_le_bytes)),
            None,
            TITLE,
        ),
        (
            "utf-16 big-endian with a mark",
            marked(&[0xFE, 0xFF], wide(&document(Some("utf-16"), TITLE), u16::to_be_bytes)),
            None,
            TITLE,
        ),
        (
            "utf-16 without a mark",
            wide(&document(Some("utf-16le"), TITLE), u16::to_le_bytes),
            None,
            TITLE,
        ),
        (
            "utf-16 big-endian without a mark",
            wide(&document(None, TITLE), u16::to_be_bytes),
            None,
            TITLE,
        ),
        (
            "utf-16 declared as utf-8",
            marked(&[0xFF, 0xFE], wide(&document(Some("utf-8"), TITLE), u16::to_le_bytes)),
            None,
            TITLE,
        ),
        (
            "utf-32 with a mark",
            marked(&[0xFF, 0xFE, 0, 0], wider(&document(None, TITLE), u32::to_le_bytes)),
            None,
            TITLE,
        ),
        ("utf-32 big-endian", wider(&document(None, TITLE), u32::to_be_bytes), None, TITLE),
        ("koi8-r", cyrillic("koi8-r", b"\xF0\xD2\xC9\xD7\xC5\xD4"), None, "Привет"),
        ("windows-1251", cyrillic("windows-1251", b"\xCF\xF0\xE8\xE2\xE5\xF2"), None, "Привет"),
        ("shift_jis", cyrillic("Shift_JIS", b"\x93\xFA\x96\x7B"), None, "日本"),
        ("x-sjis", cyrillic("x-sjis", b"\x93\xFA\x96\x7B"), None, "日本"),
        ("euc-jp", cyrillic("EUC-JP", b"\xC6\xFC\xCB\xDC"), None, "日本"),
        ("iso-2022-jp", cyrillic("ISO-2022-JP", b"\x1B$BF|K\\\x1B(B"), None, "日本"),
        ("gb2312", cyrillic("gb2312", b"\xD6\xD0\xCE\xC4"), None, "中文"),
        ("gb2312 with letters of gbk", cyrillic("gb2312", b"\xE9F"), None, "镕"),
        ("big5", cyrillic("big5", b"\xA4\xA4\xA4\xE5"), None, "中文"),
        ("euc-kr", cyrillic("euc-kr", b"\xC7\xD1\xB1\xDB"), None, "한글"),
        (
            "one bad byte in utf-8",
            cyrillic("utf-8", b"Gr\xC3\xB6\xC3\x9Fe \x96 \xC3\x86"),
            None,
            TITLE,
        ),
    ] {
        let found = read(&body, content_type).map(|document| field(&document, "title"));
        if found.as_deref() != Ok(expected) {
            faults.push(format!("{name}: want {expected}, got {found:?}"));
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

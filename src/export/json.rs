//! JSON: an array of records, or one record on each line (NDJSON). Both contain a [`Record`] for each article.

use std::io;

use memchr::memchr2_iter;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::domain::article::Article;
use crate::export::record::Record;

/// Writes an array with one item on each line, so that tools that work by lines can process it too.
pub(super) fn write_array<T, E: From<io::Error>>(
    items: &mut dyn Iterator<Item = Result<T, E>>,
    out: &mut dyn io::Write,
    write_item: impl Fn(&T, &mut dyn io::Write) -> io::Result<()>,
) -> Result<(), E> {
    out.write_all(b"[")?;
    write_elements(items, out, write_item)?;
    Ok(out.write_all(b"]\n")?)
}

pub(super) fn write_lines<T, E: From<io::Error>>(
    items: &mut dyn Iterator<Item = Result<T, E>>,
    out: &mut dyn io::Write,
    write_item: impl Fn(&T, &mut dyn io::Write) -> io::Result<()>,
) -> Result<(), E> {
    for item in items {
        write_item(&item?, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes the elements of an array, one on each line, without the brackets.
pub(super) fn write_elements<T, E: From<io::Error>>(
    items: &mut dyn Iterator<Item = Result<T, E>>,
    out: &mut dyn io::Write,
    write_item: impl Fn(&T, &mut dyn io::Write) -> io::Result<()>,
) -> Result<(), E> {
    let (mut before, mut end) = ("\n", "");
    for item in items {
        let item = item?;
        out.write_all(before.as_bytes())?;
        write_item(&item, out)?;
        (before, end) = (",\n", "\n");
    }
    Ok(out.write_all(end.as_bytes())?)
}

pub(super) fn write_article(article: &Article, out: &mut dyn io::Write) -> io::Result<()> {
    to_writer(out, &Record::of(article))
}

/// Writes a value as JSON without line breaks.
pub(super) fn to_writer<T: Serialize>(out: &mut dyn io::Write, value: &T) -> io::Result<()> {
    /// The size of most articles in bytes.
    const USUAL: usize = 8 * 1024;
    // The serialiser writes each quotation mark by itself, which is quicker into a buffer than through `dyn`.
    let mut buffer = Vec::with_capacity(USUAL);
    value.serialize(&mut Serializer::with_formatter(&mut buffer, EscapeControls))?;
    out.write_all(&buffer)
}

/// Escapes DEL and the C1 controls as well. JSON does not require it (RFC 8259 section 7), but the output may be
/// shown on a terminal, where U+009B starts an escape sequence.
struct EscapeControls;

impl Formatter for EscapeControls {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let bytes = fragment.as_bytes();
        let mut written = 0;
        // 0x7f is DEL. 0xc2 is the first byte of U+0080 to U+00BF, of which those below U+00A0 are the C1 controls.
        for at in memchr2_iter(0x7f, 0xc2, bytes) {
            let (control, length) = match bytes.get(at..) {
                Some([0x7f, ..]) => (0x7f, 1),
                Some([0xc2, second @ 0x80..=0x9f, ..]) => (*second, 2),
                _ => continue,
            };
            out.write_all(bytes.get(written..at).unwrap_or_default())?;
            write!(out, "\\u{control:04x}")?;
            written = at + length;
        }
        out.write_all(bytes.get(written..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_escaped_and_reads_back() {
        for (text, json) in [
            ("plain", r#""plain""#),
            ("\u{1b}[31m\u{7f}", r#""\u001b[31m\u007f""#),
            ("\u{9b}31m é £ \u{80}\u{9f}\u{a0}", "\"\\u009b31m é £ \\u0080\\u009f\u{a0}\""),
            ("a\"\\\n\u{9b}\"", r#""a\"\\\n\u009b\"""#),
        ] {
            let mut out = Vec::new();
            to_writer(&mut out, &text).unwrap();
            assert_eq!(std::str::from_utf8(&out).unwrap(), json, "{text:?}");
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn no_article_makes_an_empty_array_and_no_line() {
        let mut out = Vec::new();
        let none = || std::iter::empty::<io::Result<Article>>();
        write_array(&mut none(), &mut out, write_article).unwrap();
        write_lines(&mut none(), &mut out, write_article).unwrap();
        assert_eq!(out, b"[]\n");
    }
}

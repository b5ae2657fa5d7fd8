//! Writes XML elements for the XML formats. Text and attributes are escaped, and forbidden characters are removed.

use std::io;

use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::domain::article::Article;
use crate::export::{present, without_controls};

/// The namespace of `<media:thumbnail>` (Media RSS 1.5.1), the usual element for the image of an entry.
pub(super) const MEDIA: &str = "http://search.yahoo.com/mrss/";

pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

/// An XML document that is written element by element, indented by two spaces. Text is escaped and never written as
/// a CDATA section. Characters that XML forbids are removed (`without_controls`).
pub(super) struct Xml<'a> {
    writer: Writer<&'a mut dyn io::Write>,
}

impl<'a> Xml<'a> {
    pub(super) fn begin(out: &'a mut dyn io::Write) -> io::Result<Self> {
        let mut writer = Writer::new_with_indent(out, b' ', 2);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        Ok(Self { writer })
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.writer.get_mut().write_all(b"\n")
    }

    pub(super) fn open(&mut self, name: &str, attributes: Attributes<'_>) -> io::Result<()> {
        self.writer.write_event(Event::Start(start(name, attributes)))
    }

    pub(super) fn close(&mut self, name: &str) -> io::Result<()> {
        self.writer.write_event(Event::End(BytesEnd::new(name)))
    }

    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) -> io::Result<()> {
        self.writer.write_event(Event::Empty(start(name, attributes)))
    }

    pub(super) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.element(name, &[], text)
    }

    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        text: &str,
    ) -> io::Result<()> {
        let text = partial_escape(without_controls(text));
        self.open(name, attributes)?;
        self.writer.write_event(Event::Text(BytesText::from_escaped(text)))?;
        self.close(name)
    }
}

fn start<'a>(name: &'a str, attributes: Attributes<'_>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for &(key, value) in attributes {
        start.push_attribute((key, &*without_controls(value)));
    }
    start
}

/// The language of the article, if it is valid in `xml:lang` and `dc:language` (XML Schema part 2, section 3.3.3).
pub(super) fn language(article: &Article) -> Option<&str> {
    valid_language(article.language.as_deref())
}

/// The same for a language (BCP 47).
pub(super) fn valid_language(tag: Option<&str>) -> Option<&str> {
    let is_part = |letters_only: bool, part: &str| {
        (1..=8).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphabetic() || !letters_only && b.is_ascii_digit())
    };
    present(tag).filter(|tag| tag.split('-').enumerate().all(|(i, part)| is_part(i == 0, part)))
}

/// The media type, if the schemas of the formats accept it: `.+/.+`.
pub(super) fn media_type(text: Option<&str>) -> Option<&str> {
    text.filter(|text| {
        text.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_survive_any_character_that_xml_allows() {
        let text = "a ]]> <b> & \"q\" 'q'\r\n\t\u{85}\u{2028}\u{202e}é😀";
        let mut out = Vec::new();
        let mut xml = Xml::begin(&mut out).unwrap();
        xml.element("e", &[("a", text)], text).unwrap();
        xml.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        // NEL is gone: legal in XML 1.0, but a control character.
        assert_eq!(
            text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap(),
            "<e a=\"a ]]&gt; &lt;b&gt; &amp; &quot;q&quot; &apos;q&apos;&#13;&#10;&#9;\u{2028}\u{202e}é😀\">\
             a ]]&gt; &lt;b&gt; &amp; \"q\" 'q'&#13;\n\t\u{2028}\u{202e}é😀</e>\n"
        );
    }

    #[test]
    fn an_empty_text_leaves_an_empty_element() {
        let mut out = Vec::new();
        let mut xml = Xml::begin(&mut out).unwrap();
        xml.text("title", "\u{1}").unwrap();
        xml.finish().unwrap();
        assert!(String::from_utf8(out).unwrap().ends_with("\n<title></title>\n"));
    }
}

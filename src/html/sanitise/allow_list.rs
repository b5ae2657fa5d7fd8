//! The elements and attributes that the sanitiser keeps: one table for its writer and for its tree.

use Kind::{Block, Frame, Heading, Inline, Link, Other, Part, Rule, Void};

/// What a parser does at the start tag of an element, as far as the writer has to know (HTML, 13.2.6.4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Would close an open paragraph.
    Block,
    /// Would close an open paragraph or heading.
    Heading,
    /// May only be a child of one of these elements.
    Part(&'static [&'static str]),
    /// May be anywhere.
    Inline,
    /// May be anywhere, and would close an open link.
    Link,
    /// Has no content and no end tag.
    Void,
    /// Has no content and no end tag, and would close an open paragraph.
    Rule,
    /// Its content is not markup, and is left out.
    Frame,
    /// Left to the tree.
    Other,
}

/// Name, kind and attributes of an element.
pub(super) type Element = (&'static str, Kind, &'static [&'static str]);

/// The elements that are kept, by name: those of text, tables, images and media.
#[rustfmt::skip]
pub(super) const ELEMENTS: &[Element] = &[
    ("a", Link, &["href", "hreflang"]),
    ("abbr", Inline, &[]),
    ("acronym", Inline, &[]),
    ("area", Other, &[]),
    ("article", Block, &[]),
    ("aside", Block, &[]),
    ("audio", Inline, &["controls", "src"]),
    ("b", Inline, &[]),
    ("bdi", Inline, &[]),
    ("bdo", Inline, &[]),
    ("blockquote", Block, &["cite"]),
    ("br", Void, &[]),
    ("caption", Other, &[]),
    ("center", Block, &[]),
    ("cite", Inline, &[]),
    ("code", Inline, &[]),
    ("col", Other, &["align", "char", "charoff", "span"]),
    ("colgroup", Other, &["align", "char", "charoff", "span"]),
    ("data", Inline, &[]),
    ("dd", Part(&["dl"]), &[]),
    ("del", Inline, &["cite", "datetime"]),
    ("details", Block, &["open"]),
    ("dfn", Inline, &[]),
    ("div", Block, &[]),
    ("dl", Block, &[]),
    ("dt", Part(&["dl"]), &[]),
    ("em", Inline, &[]),
    ("figcaption", Block, &[]),
    ("figure", Block, &[]),
    ("footer", Block, &[]),
    ("h1", Heading, &[]),
    ("h2", Heading, &[]),
    ("h3", Heading, &[]),
    ("h4", Heading, &[]),
    ("h5", Heading, &[]),
    ("h6", Heading, &[]),
    ("header", Block, &[]),
    ("hgroup", Other, &[]),
    ("hr", Rule, &["align", "size", "width"]),
    ("i", Inline, &[]),
    ("iframe", Frame, &["allowfullscreen", "height", "src", "width"]),
    ("img", Void, &["align", "alt", "height", "sizes", "src", "srcset", "width"]),
    ("ins", Inline, &["cite", "datetime"]),
    ("kbd", Inline, &[]),
    ("li", Part(&["ul", "ol"]), &["value"]),
    ("map", Other, &[]),
    ("mark", Inline, &[]),
    ("nav", Block, &[]),
    ("ol", Block, &["reversed", "start", "type"]),
    ("p", Block, &[]),
    ("picture", Inline, &[]),
    ("pre", Block, &[]),
    ("q", Inline, &["cite"]),
    ("rp", Other, &[]),
    ("rt", Other, &[]),
    ("rtc", Other, &[]),
    ("ruby", Other, &[]),
    ("s", Inline, &[]),
    ("samp", Inline, &[]),
    ("section", Block, &[]),
    ("small", Inline, &[]),
    ("source", Void, &["media", "sizes", "src", "srcset", "type"]),
    ("span", Inline, &[]),
    ("strike", Inline, &[]),
    ("strong", Inline, &[]),
    ("sub", Inline, &[]),
    ("summary", Block, &[]),
    ("sup", Inline, &[]),
    ("table", Block, &["align", "char", "charoff", "summary"]),
    ("tbody", Part(&["table"]), &["align", "char", "charoff"]),
    ("td", Part(&["tr"]), &["align", "char", "charoff", "colspan", "headers", "rowspan"]),
    ("th", Part(&["tr"]), &["align", "char", "charoff", "colspan", "headers", "rowspan", "scope"]),
    ("thead", Part(&["table"]), &["align", "char", "charoff"]),
    ("time", Inline, &[]),
    ("tr", Part(&["tbody", "thead"]), &["align", "char", "charoff"]),
    ("tt", Inline, &[]),
    ("u", Inline, &[]),
    ("ul", Block, &[]),
    ("var", Inline, &[]),
    ("video", Inline, &["controls", "height", "poster", "src", "width"]),
    ("wbr", Void, &[]),
];

/// The attributes that every element may have.
pub(super) const EVERYWHERE: [&str; 3] = ["dir", "lang", "title"];

/// Elements whose content is not markup (HTML, 13.2.6.4.7), apart from scripts and styles.
pub(super) const RAW: [&str; 6] = ["iframe", "noembed", "noframes", "textarea", "title", "xmp"];

/// Elements that are removed with all their content, although it is markup.
pub(super) const HIDDEN: [&str; 6] =
    ["annotation", "annotation-xml", "noscript", "select", "svg", "template"];

/// Formatting elements: an unclosed one is opened again in each paragraph that follows (HTML, 13.2.4.3).
pub(super) const FORMATTING: [&str; 10] =
    ["b", "code", "em", "i", "s", "small", "strike", "strong", "tt", "u"];

/// Schemes of addresses in links.
pub(super) const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

/// Frames are kept when they show a video from one of these hosts.
pub const VIDEO_HOSTS: [&str; 9] = [
    "www.youtube.com",
    "youtube.com",
    "www.youtube-nocookie.com",
    "youtube-nocookie.com",
    "player.vimeo.com",
    "www.dailymotion.com",
    "geo.dailymotion.com",
    "player.twitch.tv",
    "embed.ted.com",
];

/// The element of this name, if it is kept.
pub(super) fn element(name: &str) -> Option<&'static Element> {
    let letter = usize::from(name.bytes().next()?.checked_sub(b'a')?);
    let range = *STARTS.get(letter)?..*STARTS.get(letter + 1)?;
    ELEMENTS.get(range)?.iter().find(|(known, ..)| *known == name)
}

/// For each letter, how many names of [`ELEMENTS`] begin with an earlier one. Nearly every tag is looked up, and few
/// names share their first letter.
const STARTS: [usize; 27] = {
    let mut starts = [0; 27];
    let mut letter = 0;
    let mut place = 0;
    while letter < 26 {
        starts[letter] = place;
        while place < ELEMENTS.len() && ELEMENTS[place].0.as_bytes()[0] as usize == 97 + letter {
            place += 1;
        }
        letter += 1;
    }
    starts[26] = place;
    starts
};

/// The name of the attribute in lower case, if it is kept on the element.
pub(super) fn kept_name(element: &Element, attribute: &str) -> Option<&'static str> {
    let mut names = element.2.iter().chain(&EVERYWHERE);
    names.find(|name| name.eq_ignore_ascii_case(attribute)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::recognise::is_element;

    #[test]
    fn every_name_of_the_tables_is_that_of_an_element() {
        let kept = ELEMENTS.iter().map(|(name, ..)| *name);
        for name in kept.chain(RAW).chain(HIDDEN) {
            assert!(is_element(name), "{name}");
        }
    }

    #[test]
    fn every_element_of_the_table_is_found() {
        for element in ELEMENTS {
            assert_eq!(super::element(element.0), Some(element));
        }
        assert_eq!(element("script"), None);
    }
}

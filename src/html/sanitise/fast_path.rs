//! The short way through the sanitiser: clean HTML, rewritten tag by tag without building a tree.
//!
//! Building a tree and tearing it down is the dearest step of a poll, and most articles do not need it:
//! their elements nest so that HTML's repair rules have nothing to do. This copies such HTML exactly as
//! the sanitiser would write it, and gives up at the first doubt: unknown or misnested elements, a block
//! in a paragraph, an item outside a list, an odd attribute, an unsafe address.
//! The tests compare the two, byte for byte, on all that is accepted.

use memchr::{memchr, memchr2, memmem};
use url::Url;

use crate::html::entities::{Context, decode};
use crate::html::escape::{push_attribute, push_text};
use crate::html::sanitise::kept_value;

/// Deeper nesting is left to the tree.
const MAX_OPEN: usize = 64;

/// Each is compared with all before it.
const MAX_ATTRIBUTES: usize = 32;

/// What the parser does at an element's start tag, as far as it can matter here (HTML, 13.2.6.4.7).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Would close an open paragraph.
    Block,
    /// As a block; and would close a heading.
    Heading,
    /// Belongs into one of the named parents, and nowhere else.
    Part(&'static [&'static str]),
    /// Goes anywhere. A link would close an open link.
    Inline,
    Link,
    /// Has no content and no end tag.
    Void,
    /// As void; and would close an open paragraph.
    Rule,
    /// Its content is no markup; here it must be empty.
    Frame,
}

fn kind(element: &str) -> Option<Kind> {
    Some(match element {
        "p" | "div" | "blockquote" | "ul" | "ol" | "dl" | "figure" | "figcaption" | "section"
        | "article" | "header" | "footer" | "aside" | "nav" | "center" | "details" | "summary"
        | "pre" => Kind::Block,
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Kind::Heading,
        "li" => Kind::Part(&["ul", "ol"]),
        "dt" | "dd" => Kind::Part(&["dl"]),
        "a" => Kind::Link,
        "b" | "code" | "em" | "i" | "s" | "small" | "strike" | "strong" | "tt" | "u" | "span"
        | "abbr" | "cite" | "q" | "sub" | "sup" | "del" | "ins" | "mark" | "kbd" | "var"
        | "samp" | "time" | "dfn" | "picture" => Kind::Inline,
        "br" | "img" | "wbr" | "source" => Kind::Void,
        "hr" => Kind::Rule,
        "iframe" => Kind::Frame,
        _ => return None,
    })
}

/// The attributes that the sanitiser keeps; a test holds this against its own lists.
fn keeps(element: &str, attribute: &str) -> bool {
    match attribute {
        "dir" | "lang" | "title" => true,
        "href" | "hreflang" => element == "a",
        "cite" => matches!(element, "blockquote" | "q" | "del" | "ins"),
        "datetime" => matches!(element, "del" | "ins"),
        "alt" => element == "img",
        "align" => matches!(element, "img" | "hr"),
        "width" => matches!(element, "img" | "hr" | "iframe"),
        "height" => matches!(element, "img" | "iframe"),
        "src" => matches!(element, "img" | "source" | "iframe"),
        "srcset" | "sizes" => matches!(element, "img" | "source"),
        "allowfullscreen" => element == "iframe",
        "media" => element == "source",
        "type" => matches!(element, "source" | "ol"),
        "size" => element == "hr",
        "start" | "reversed" => element == "ol",
        "value" => element == "li",
        "open" => element == "details",
        _ => false,
    }
}

/// What the sanitiser would write, or `None` when that takes a tree to know.
pub(super) fn rewrite(html: &str, base: &Url) -> Option<String> {
    if html.starts_with('\u{FEFF}') || memchr2(b'\r', b'\0', html.as_bytes()).is_some() {
        return None;
    }
    let mut writer = Writer {
        out: String::with_capacity(html.len() + html.len() / 8),
        open: Vec::new(),
        seen: Vec::new(),
        base,
    };
    let mut rest = html;
    while let Some(start) = memchr(b'<', rest.as_bytes()) {
        let (text, tag) = rest.split_at(start);
        writer.text(text);
        rest = if let Some(comment) = tag.strip_prefix("<!--") {
            after_comment(comment)?
        } else if let Some(tag) = tag.strip_prefix("</") {
            writer.end_tag(tag)?
        } else {
            writer.start_tag(tag.strip_prefix('<')?)?
        };
    }
    writer.text(rest);
    writer.open.is_empty().then_some(writer.out)
}

fn after_comment(comment: &str) -> Option<&str> {
    let end = memmem::find(comment.as_bytes(), b"--")?;
    let inside = comment.get(..end)?;
    let odd = inside.starts_with(['>', '-']) || inside.contains('<');
    comment.get(end..)?.strip_prefix("-->").filter(|_| !odd)
}

struct Writer<'a> {
    out: String,
    open: Vec<&'a str>,
    /// Attributes of the tag being read.
    seen: Vec<&'a str>,
    base: &'a Url,
}

impl<'a> Writer<'a> {
    fn text(&mut self, text: &str) {
        push_text(&mut self.out, &decode(text, Context::Text));
    }

    fn end_tag(&mut self, tag: &'a str) -> Option<&'a str> {
        let (name, after) = tag.split_once('>')?;
        let name = name.trim_end_matches([' ', '\n', '\t']);
        if matches!(name, "img" | "hr" | "wbr" | "source") {
            return Some(after); // Nothing to close: ignored.
        }
        if self.open.pop()? != name {
            return None;
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Some(after)
    }

    fn start_tag(&mut self, tag: &'a str) -> Option<&'a str> {
        let length = tag.bytes().position(|b| !(b.is_ascii_lowercase() || b.is_ascii_digit()))?;
        let (name, mut rest) = tag.split_at(length);
        let kind = kind(name)?;
        self.admit(name, kind)?;
        self.out.push('<');
        self.out.push_str(name);
        self.seen.clear();
        loop {
            let trimmed = rest.trim_start_matches([' ', '\n', '\t']);
            if let Some(after) = trimmed.strip_prefix('>') {
                rest = after;
                break;
            }
            if let Some(after) = trimmed.strip_prefix("/>") {
                if !matches!(kind, Kind::Void | Kind::Rule) {
                    return None;
                }
                rest = after;
                break;
            }
            if trimmed.len() == rest.len() {
                return None; // No space before the attribute.
            }
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            let (attribute, after) = trimmed.split_at(trimmed.bytes().position(|b| !plain(b))?);
            let crowded = MAX_ATTRIBUTES < self.seen.len();
            if attribute.is_empty() || crowded || self.seen.contains(&attribute) {
                return None;
            }
            self.seen.push(attribute);
            let value = if let Some(quoted) = after.strip_prefix('=') {
                let quote = quoted.chars().next().filter(|c| matches!(c, '"' | '\''))?;
                let (value, after) = quoted.get(1..)?.split_once(quote)?;
                rest = after;
                value
            } else {
                // Without a value, unless what follows is neither space nor the tag's end.
                rest = after;
                ""
            };
            if keeps(name, attribute) {
                self.attribute(name, attribute, value)?;
            }
        }
        if kind == Kind::Link {
            self.out.push_str(" rel=\"noopener noreferrer\"");
        }
        self.out.push('>');
        if name == "pre" && rest.starts_with(['\n', '&']) {
            return None; // A newline here, or a reference to one, would go.
        }
        match kind {
            Kind::Void | Kind::Rule => {}
            Kind::Frame => {
                self.out.push_str("</iframe>");
                rest = rest.strip_prefix("</iframe>")?;
            }
            Kind::Block | Kind::Heading | Kind::Part(_) | Kind::Inline | Kind::Link => {
                self.open.push(name);
            }
        }
        Some(rest)
    }

    /// Whether the element may start here without anything else being closed.
    fn admit(&self, name: &str, kind: Kind) -> Option<()> {
        let is_open = |names: &[&str]| self.open.iter().any(|open| names.contains(open));
        let closes = match kind {
            Kind::Block | Kind::Rule => is_open(&["p"]),
            Kind::Heading => is_open(&["p", "h1", "h2", "h3", "h4", "h5", "h6"]),
            Kind::Part(parents) => {
                !self.open.last().is_some_and(|open| parents.contains(open)) || is_open(&["p"])
            }
            Kind::Link => is_open(&["a"]),
            Kind::Inline => self.open.iter().filter(|open| **open == name).count() == 3,
            Kind::Void | Kind::Frame => false,
        };
        (!closes && self.open.len() < MAX_OPEN).then_some(())
    }

    fn attribute(&mut self, element: &str, attribute: &str, value: &str) -> Option<()> {
        let decoded = decode(value, Context::Attribute);
        let kept = kept_value(element, attribute, &decoded, self.base)?;
        self.out.push(' ');
        self.out.push_str(attribute);
        self.out.push_str("=\"");
        push_attribute(&mut self.out, &kept);
        self.out.push('"');
        Some(())
    }
}

#[cfg(test)]
mod tests;

//! The fast path of the sanitiser: it rewrites well nested HTML tag by tag, without building a tree.
//!
//! To build a tree is the most expensive step of a poll, and most articles do not need it, because their
//! elements nest so that the repair rules of HTML have nothing to do. This module writes such HTML exactly as
//! the tree path would. It gives up at the first doubt: an unknown or misnested element, a block in a
//! paragraph, an item outside a list, an unusual attribute name, an unsafe address. The tests compare the two
//! paths byte for byte.

use memchr::{memchr, memchr2, memmem};
use url::Url;

use crate::html::entities::{Context, decode};
use crate::html::escape::{push_attribute, push_text};
use crate::html::sanitise::allow_list::{Kind, element, keeps};
use crate::html::sanitise::kept_value;
use crate::html::tokenizer::attribute;

/// HTML that nests deeper is left to the tree path.
const MAX_OPEN: usize = 64;

/// Each attribute of a tag is compared with all before it.
const MAX_ATTRIBUTES: usize = 32;

/// The HTML as the tree path would sanitise it, or `None` when only the tree path can tell.
pub(super) fn sanitise(html: &str, base: &Url) -> Option<String> {
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
    /// The attributes of the current tag.
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
            return Some(after); // A parser ignores it.
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
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let (name, mut rest) = tag.split_at(tag.bytes().position(|b| !plain(b))?);
        if !rest.starts_with([' ', '\n', '\t', '/', '>']) {
            return None;
        }
        let element = element(name)?;
        let kind = element.1;
        self.admit(name, kind)?;
        self.out.push('<');
        self.out.push_str(name);
        self.seen.clear();
        while let Some(found) = attribute(rest) {
            let is_plain = found.name.bytes().all(|b| plain(b) || b == b'-');
            let is_crowded = MAX_ATTRIBUTES < self.seen.len();
            if !found.is_complete
                || found.seems_unclosed()
                || !is_plain
                || is_crowded
                || self.seen.contains(&found.name)
            {
                return None;
            }
            self.seen.push(found.name);
            if keeps(element, found.name) {
                self.attribute(name, found.name, found.value)?;
            }
            rest = found.rest;
        }
        let (slashes, after) = rest.split_at(rest.find('>')?);
        rest = after.strip_prefix('>')?;
        if slashes.contains('/') && !matches!(kind, Kind::Void | Kind::Rule) {
            return None;
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
            Kind::Other => return None,
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
            Kind::Other => true,
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

//! Sanitised HTML, cut into text and tags.

use crate::html::entities::{Context, decode};

pub(super) enum Piece<'a> {
    Text(&'a str),
    Tag { name: &'a str, attributes: &'a str, closing: bool },
}

/// Cuts what a serialiser wrote: tags in lower case, attributes in double quotes. Anything else is
/// text, and escaped like it.
pub(super) struct Pieces<'a>(pub(super) &'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.0;
        if let Some((piece, after)) = tag(rest) {
            self.0 = after;
            return Some(piece);
        }
        let first = rest.chars().next()?;
        let from = first.len_utf8();
        let end = rest.get(from..)?.find('<').map_or(rest.len(), |at| at + from);
        let (text, after) = rest.split_at(end);
        self.0 = after;
        Some(Piece::Text(text))
    }
}

fn tag(text: &str) -> Option<(Piece<'_>, &str)> {
    let inner = text.strip_prefix('<')?;
    let (closing, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric()).filter(|end| 0 < *end)?;
    let (name, rest) = inner.split_at(end);
    let mut quoted = false;
    let close = rest.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'>' && !quoted
    })?;
    let (attributes, after) = (rest.get(..close)?, rest.get(close + 1..)?);
    Some((Piece::Tag { name, attributes, closing }, after))
}

/// The value of an attribute, decoded.
pub(super) fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"')?;
        if name.trim() == wanted {
            return Some(decode(value, Context::Attribute).into_owned());
        }
        rest = after;
    }
    None
}

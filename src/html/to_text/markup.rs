//! Whether a text that claims to be plain is HTML, or only speaks of it.

use crate::html::to_text::{Piece, Pieces};

/// Whether a text that claims to be plain is HTML: it has a tag that HTML knows, and uses it.
///
/// A tag is spoken of when it has no attributes and stands apart, as a word does: "the `<b>` tag".
pub fn looks_like_html(text: &str) -> bool {
    if !text.contains('<') {
        return false;
    }
    let text = text.trim();
    let mut pieces = Pieces::of(text);
    pieces.prose = true;
    let (mut start, mut first, mut breaks) = (0, None, 0);
    while let Some(piece) = pieces.next() {
        let end = text.len() - pieces.rest.len();
        let place = std::mem::replace(&mut start, end);
        let tag = match piece {
            Piece::Other => {
                let declares = text.get(place..).is_some_and(|rest| {
                    rest.starts_with("<?") || rest.starts_with("<!") && !rest.starts_with("<!--")
                });
                if declares {
                    continue;
                }
                return true; // A script, a style, a comment.
            }
            Piece::Tag(tag) if tag.is_known() => tag,
            Piece::Text(_) | Piece::Tag(_) => continue,
        };
        let whole = tag.closing
            && pieces.rest.is_empty()
            && first.is_some_and(|name: &str| name.eq_ignore_ascii_case(tag.name));
        breaks += usize::from(tag.is(&["br", "p", "li"]) && !tag.closing);
        if whole || 1 < breaks || tag.attributes.contains('=') || !stands_apart(text, place, end) {
            return true;
        }
        if place == 0 && !tag.closing {
            first = Some(tag.name);
        }
    }
    false
}

/// Whether what is from `start` to `end` is a word of its own.
pub(super) fn stands_apart(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    let after = text.get(end..).and_then(|after| after.chars().next());
    before.is_none_or(|c| c.is_whitespace() || "([{\"'“‘«„`/,".contains(c))
        && after.is_none_or(|c| c.is_whitespace() || ".,;:!?)]}\"'”’»“`/".contains(c))
}

/// Whether a text is, from its first character to its last, a row of complete elements of HTML, and not
/// a sentence between two tags that it speaks of.
pub fn is_whole_html(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let (mut tags, mut attributes, mut apart) = (0, false, false);
    let mut pieces = Pieces::of(text);
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) if open.is_empty() && !text.trim().is_empty() => return false,
            Piece::Text(_) => {}
            Piece::Other => return false,
            Piece::Tag(tag) if !tag.is_known() => return false,
            Piece::Tag(tag) if tag.closing => {
                if open.pop().is_none_or(|name| !name.eq_ignore_ascii_case(tag.name)) {
                    return false;
                }
            }
            Piece::Tag(tag) => {
                tags += 1;
                attributes |= tag.attributes.contains('=');
                apart |= tags == 1 && pieces.rest.starts_with(' ');
                if !tag.is(&["br", "hr", "img", "wbr"]) {
                    open.push(tag.name);
                }
            }
        }
    }
    open.is_empty() && 0 < tags && (attributes || !apart || 1 < tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_told_from_talk_of_it() {
        for (text, html) in [
            ("Vec<String>", false),
            ("a < b > c", false),
            ("<p>x", true),
            ("x<br/>", true),
            ("x <A HREF='y'>z</A>", true),
            ("<b>Bold</b> news", true),
            ("<p> x </p>", true),
            ("one <br> two <br> three", true),
            ("one<br>two", true),
            ("x <img src='y'> z", true),
            ("x <script>y()</script>", true),
            ("x <script>y()", true),
            ("x<!-- y -->", true),
            ("Use <b> for bold", false),
            ("The <br> tag", false),
            ("<b>", false),
            ("<b> and <strong>: what differs", false),
            ("Between <b> and </b> (or \"<i>\", '</i>')", false),
            ("How the <script> tag works", false),
            ("<?php tags", false),
            ("the <!DOCTYPE html> line", false),
        ] {
            assert_eq!(looks_like_html(text), html, "{text}");
        }
    }
}

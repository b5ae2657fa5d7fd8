//! A bound on how deep HTML nests, before a tree is built from it.
//!
//! The tree builder looks through all open elements at many a tag: half a megabyte of nested `<div>`
//! keeps it busy for most of a minute.

use memchr::memchr_iter;

/// Articles nest some tens of elements.
const MAX_DEPTH: usize = 256;

/// Elements that their parent's end, or their sibling's start, closes.
const CLOSED_BY_OTHERS: [&str; 13] =
    ["p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option", "colgroup", "a"];

const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Whether more elements may be open at once than any article needs. An end tag counts only for the
/// innermost open element, so that misnested ones err towards yes.
pub(super) fn is_excessive(html: &str) -> bool {
    let is_one_of =
        |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let mut open: Vec<&str> = Vec::new();
    for start in memchr_iter(b'<', html.as_bytes()) {
        let tag = html.get(start + 1..).unwrap_or_default();
        let (closing, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let length = tag.bytes().position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'));
        let name = tag.get(..length.unwrap_or(tag.len())).unwrap_or_default();
        if is_one_of(&VOID, name) || is_one_of(&CLOSED_BY_OTHERS, name) {
            continue;
        }
        if !closing {
            open.push(name);
        } else if open.last().is_some_and(|last| last.eq_ignore_ascii_case(name)) {
            open.pop();
        }
        if MAX_DEPTH < open.len() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_open_counts() {
        for (name, html, expected) in [
            ("flat", "<div>a</div>".repeat(1000), false),
            ("never closed paragraphs", "<p>a<br><li>b".repeat(1000), false),
            ("upper and lower case", "<DIV></div >".repeat(1000), false),
            ("nested", "<div>".repeat(1000), true),
            ("closed by another name", "<div></span>".repeat(1000), true),
            ("closed out of reach", "<div><marquee></div></marquee>".repeat(1000), true),
            ("a little misnested", "<b><i></b></i>".repeat(100), false),
        ] {
            assert_eq!(is_excessive(&html), expected, "{name}");
        }
    }
}

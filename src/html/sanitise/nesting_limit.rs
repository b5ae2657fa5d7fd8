//! Bounds on HTML before a tree is built from it: on how deep it nests, on what repairing it multiplies,
//! and on the attributes of one tag.
//!
//! The tree builder looks through all open elements at many a tag: half a megabyte of nested `<div>`
//! keeps it busy for most of a minute. It opens every unclosed `<b>` anew in each paragraph (HTML,
//! 13.2.4.3): 4 MB of `<p>` after 200 of them are gigabytes. And it compares each attribute with all
//! before it in its tag.

use memchr::{memchr_iter, memchr2_iter};

use crate::html::tokenizer::attribute;

/// Articles nest some tens of elements.
const MAX_DEPTH: usize = 256;

/// In bytes. The tree takes more than ten times as much, and as much again for each error in it.
const MOST: usize = 1024 * 1024;

/// The serialiser looks for the next `<` or `>` at each `&` and each U+0080 to U+00BF: this many bytes
/// are looked at in no time.
const MOST_LOOKED_AT: usize = 4_000_000_000;

/// Elements that are opened anew, for each tag of the text: of sound HTML a few.
const REOPENED_PER_TAG: usize = 16;
const REOPENED_ANYWAY: usize = 64_000;

/// No element has a tenth of these.
const MAX_ATTRIBUTES: usize = 2_000;

/// No more than 8,000 attributes fit in here, and so many are compared in no time.
const FEW_BYTES: usize = 16 * 1024;

/// Longer names are no element's.
const LONGEST_NAME: usize = 24;

/// What an element does to the nesting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Void, or closed by its parent's end or its sibling's start.
    Shallow,
    /// Opened anew after what closed it by the way (HTML, 13.2.4.3).
    Formatting,
    Other,
}

/// Names are compared in lower case, as one word: this is asked for every tag there is.
fn kind(name: &str) -> Kind {
    let mut lower = [0; 8];
    let Some(lower) = lower.get_mut(..name.len()) else { return Kind::Other };
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    match &*lower {
        b"area" | b"base" | b"br" | b"col" | b"embed" | b"hr" | b"img" | b"input" | b"link"
        | b"meta" | b"param" | b"source" | b"track" | b"wbr" | b"p" | b"li" | b"dt" | b"dd"
        | b"tr" | b"td" | b"th" | b"tbody" | b"thead" | b"tfoot" | b"option" | b"colgroup"
        | b"a" => Kind::Shallow,
        b"b" | b"big" | b"code" | b"em" | b"font" | b"i" | b"nobr" | b"s" | b"small"
        | b"strike" | b"strong" | b"tt" | b"u" => Kind::Formatting,
        _ => Kind::Other,
    }
}

/// Whether building a tree from this may take far more time or memory than its length promises.
pub(super) fn is_excessive(html: &str) -> bool {
    MOST < html.len()
        || MOST_LOOKED_AT / html.len().max(1) < memchr2_iter(b'&', 0xC2, html.as_bytes()).count()
        || nests_too_deep(html)
        || FEW_BYTES < html.len() && has_a_crowded_tag(html)
}

/// An end tag counts only for the innermost open element, so that misnested ones err towards yes;
/// `<b><i></b></i>` is forgiven.
fn nests_too_deep(html: &str) -> bool {
    let mut open: Vec<(&str, bool)> = Vec::new();
    let (mut formatting, mut tags, mut reopened) = (0, 0, 0);
    for start in memchr_iter(b'<', html.as_bytes()) {
        let tag = html.get(start + 1..).unwrap_or_default();
        let (closing, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        tags += 1;
        reopened += formatting;
        if REOPENED_ANYWAY + REOPENED_PER_TAG * tags < reopened {
            return true;
        }
        let mut bytes = tag.bytes().take(LONGEST_NAME);
        let length = bytes.position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'));
        let name = length.and_then(|length| tag.get(..length)).unwrap_or("?");
        let kind = kind(name);
        if kind == Kind::Shallow {
            continue;
        }
        let is_formatting = kind == Kind::Formatting;
        if closing {
            let names = |open: Option<&(&str, bool)>| {
                open.is_some_and(|(open, _)| open.eq_ignore_ascii_case(name))
            };
            if names(open.last()) {
                open.pop();
                formatting -= usize::from(is_formatting);
            } else if is_formatting && names(open.iter().nth_back(1)) {
                open.swap_remove(open.len() - 2);
                formatting -= 1;
            }
        } else {
            open.push((name, is_formatting));
            formatting += usize::from(is_formatting);
        }
        if MAX_DEPTH < open.len() {
            return true;
        }
    }
    false
}

/// Whether a tag that may begin anywhere has more attributes than any element. Tags that overlap, which takes
/// a `<` within a tag, so much that reading each costs far more than the length of the text, count as one.
fn has_a_crowded_tag(html: &str) -> bool {
    let mut budget = 8 * html.len();
    for start in memchr_iter(b'<', html.as_bytes()) {
        let tag = html.get(start + 1..).unwrap_or_default();
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>');
        let length = tag.bytes().take(budget).position(ends).unwrap_or(tag.len());
        let (mut rest, mut count) = (tag.get(length..).unwrap_or_default(), 0);
        budget = budget.saturating_sub(length);
        if budget == 0 {
            return true;
        }
        while let Some(found) = attribute(rest) {
            count += 1;
            let after = if found.is_complete { found.rest } else { "" };
            budget = budget.saturating_sub(rest.len() - after.len());
            if MAX_ATTRIBUTES < count || budget == 0 {
                return true;
            }
            rest = after;
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
            ("a little misnested", "<b><i></b></i>".repeat(1000), false),
            ("no name at all", "<a<b".repeat(100), false),
            ("references", "&".repeat(60_000), false),
            ("far too many references", "&".repeat(100_000), true),
            ("long", "<!--".repeat(300_000), true),
        ] {
            assert_eq!(is_excessive(&html), expected, "{name}");
        }
    }

    #[test]
    fn what_is_opened_anew_in_every_paragraph_counts() {
        let unclosed = |n: usize| (0..n).fold(String::new(), |all, n| all + &format!("<b a={n}>"));
        for (name, html, expected) in [
            ("a few", unclosed(5) + &"<p>x".repeat(100_000), false),
            ("many in a short text", unclosed(200) + &"<p>x".repeat(100), false),
            ("many in a long text", unclosed(200) + &"<p>x".repeat(10_000), true),
            ("closed", "<b><i>x</i></b><p>".repeat(10_000), false),
        ] {
            assert_eq!(is_excessive(&html), expected, "{name}");
        }
    }

    #[test]
    fn attributes_of_one_tag_are_counted() {
        let many = |one: &str| one.repeat(20_000);
        for (name, html, expected) in [
            ("without values", format!("<a{}>", many(" a")), true),
            ("never ended", format!("x<A{}", many(" a")), true),
            ("with values", format!("<a{}>", many(" a=b")), true),
            ("between slashes", format!("<a{}>", many("/a")), true),
            ("quoted, with a tag's end", format!("<a{}>", many(" a='>'\tb=\">\"")), true),
            ("without space between", format!("<a{}>", many("a='>'").replacen('a', " a", 1)), true),
            (
                "after a quote that only seems to open",
                format!("<b c=d'><a{}>", many(" a='>'")),
                true,
            ),
            ("one long value", format!("<a b=\"{}\">", many(" a=b")), false),
            ("many tags", many("<a b c='d e f'>g h i j</a>"), false),
            ("tags within tags", many("<a b='<c "), true),
            ("text", many("a b c "), false),
        ] {
            assert_eq!(is_excessive(&html), expected, "{name}");
        }
    }
}

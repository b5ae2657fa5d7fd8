//! Limits for HTML from which a tree is built: its nesting depth, the elements that the tree builder repeats, and
//! the attributes of one tag.
//!
//! For many tags the tree builder searches all open elements. Half a megabyte of nested `<div>` takes it most
//! of a minute. It reopens every unclosed `<b>` in each paragraph (HTML, 13.2.4.3), so that 4 MB of `<p>` after
//! 200 unclosed `<b>` become gigabytes. It also compares each attribute with all attributes before it in its tag.

use memchr::{memchr_iter, memchr2_iter};

use crate::html::tokenizer::attribute;

/// The deepest nesting. Articles nest a few dozen elements.
const MAX_DEPTH: usize = 256;

/// The longest HTML, in bytes. The tree takes more than ten times as much memory, and more for each error.
const MOST: usize = 1024 * 1024;

/// The most bytes that the serialiser may search. At each `&` and each U+0080 to U+00BF it searches the next `<`
/// or `>`. This many bytes take less than half a second.
const MOST_LOOKED_AT: usize = 4_000_000_000;

/// The most elements that the tree builder may reopen, per tag. Correct HTML has few.
const REOPENED_PER_TAG: usize = 16;
/// As many elements may be reopened in addition, whatever the number of tags.
const REOPENED_ANYWAY: usize = 64_000;

/// The most attributes of one tag. No real element has a tenth of them.
const MAX_ATTRIBUTES: usize = 2_000;

/// Shorter HTML is not checked for attributes: at most 8,000 fit in, and comparing them takes little time.
const FEW_BYTES: usize = 16 * 1024;

/// The longest name of an element.
const LONGEST_NAME: usize = 24;

/// How an element affects the nesting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The element is void, or the end of its parent or the start of a sibling closes it.
    Shallow,
    /// The element is reopened when the end of another element closed it (HTML, 13.2.4.3).
    Formatting,
    Other,
}

/// Names are compared in lower case as one machine word, because this function runs for every tag.
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

/// Whether building a tree from this HTML may take far more time or memory than usual for its length.
pub(crate) fn is_excessive(html: &str) -> bool {
    MOST < html.len()
        || MOST_LOOKED_AT / html.len().max(1) < memchr2_iter(b'&', 0xC2, html.as_bytes()).count()
        || nests_too_deep(html)
        || FEW_BYTES < html.len() && has_a_crowded_tag(html)
}

/// Whether the elements nest too deeply. An end tag closes only the innermost open element, so that misnested
/// HTML counts as deeper than it is. `<b><i></b></i>` is an exception and closes both.
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

/// Whether a tag has too many attributes. Every `<` may begin a tag, so tags may overlap. When reading them all
/// would cost far more than the length of the HTML, the answer is yes.
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
    fn only_elements_that_stay_open_count() {
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
    fn elements_that_are_reopened_in_every_paragraph_count() {
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

//! HTML and half-HTML to plain text, by one linear scan each; no tree is built.

mod markup;
mod page;

use std::borrow::Cow;

use memchr::{memchr, memmem};

use crate::html::chars::collapse;
use crate::html::entities::{Context, decode};

pub use markup::{is_whole_html, looks_like_html};
pub use page::html_to_text;

/// Which `<…>` in a text are tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// The text is HTML: all.
    Html,
    /// The text claims to be plain: only names that HTML has, so that `Vec<String>` stays whole.
    Doubtful,
}

/// A text on one line: tags gone, entities decoded, white space single. `None` when nothing is left.
///
/// Entities are decoded once more when some survive: many publishers escape twice.
pub fn plain(text: &str, markup: Markup) -> Option<String> {
    let is_html = match markup {
        Markup::Html => text.contains('<'),
        Markup::Doubtful => looks_like_html(text),
    };
    let mut text = if is_html { Cow::Owned(strip(text, markup)) } else { Cow::Borrowed(text) };
    let context = match markup {
        Markup::Html => Context::Text,
        Markup::Doubtful => Context::MaybePlain,
    };
    for _ in 0..2 {
        if !text.contains('&') {
            break;
        }
        text = Cow::Owned(decode(&text, context).into_owned());
    }
    Some(collapse(&text)).filter(|text| !text.is_empty())
}

/// Whether HTML says the same as a text, white space and tags aside.
pub fn says_the_same(html: &str, text: &str) -> bool {
    let mut rest = text;
    for piece in Pieces::of(html) {
        let Piece::Text(seen) = piece else { continue };
        let seen = decode(seen, Context::Text);
        let mut seen: &str = &seen;
        loop {
            (seen, rest) = (seen.trim_start(), rest.trim_start());
            if seen.is_empty() {
                break;
            }
            // What is alike up to the next white space of either.
            let alike = seen.bytes().zip(rest.bytes()).take_while(|(a, b)| a == b && 0x20 < *a);
            match alike.count() {
                // Not within a character: white space is told by characters.
                0 => return false,
                alike => {
                    let alike = seen.floor_char_boundary(alike);
                    let (Some(more), Some(after)) = (seen.get(alike..), rest.get(alike..)) else {
                        return false;
                    };
                    if alike == 0 {
                        return false;
                    }
                    (seen, rest) = (more, after);
                }
            }
        }
    }
    rest.trim_start().is_empty()
}

/// A stretch of HTML.
enum Piece<'a> {
    Text(&'a str),
    Tag(Tag<'a>),
    /// A comment, a declaration, a whole script or style.
    Other,
}

struct Tag<'a> {
    /// As written.
    name: &'a str,
    /// What follows the name, as written.
    attributes: &'a str,
    closing: bool,
}

impl Tag<'_> {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.name.eq_ignore_ascii_case(name))
    }

    fn is_known(&self) -> bool {
        self.is(&[
            "a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "img", "ins", "kbd",
        ]) || self.is(&[
            "mark", "nobr", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "tt", "u",
        ]) || self.is(&["wbr", "iframe", "video", "audio", "script", "style"])
            || self.breaks()
    }

    /// Whether words on both sides of it are apart.
    fn breaks(&self) -> bool {
        self.is(&[
            "br", "p", "div", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre",
        ]) || self.is(&[
            "blockquote",
            "table",
            "tbody",
            "thead",
            "tr",
            "td",
            "th",
            "figure",
            "figcaption",
        ]) || self
            .is(&["dl", "dt", "dd", "section", "article", "header", "footer", "center", "aside"])
    }
}

/// Cuts HTML into pieces. What begins like a tag and never ends is text.
struct Pieces<'a> {
    rest: &'a str,
    /// Whether a `>`, or the end of a comment, may still come: else a row of beginnings would be searched
    /// to the end for each.
    tags_end: bool,
    comments_end: bool,
    /// Whether the text may be prose that speaks of scripts: then nothing is hidden by the mere word.
    prose: bool,
}

impl<'a> Pieces<'a> {
    fn of(html: &'a str) -> Self {
        Self { rest: html, tags_end: true, comments_end: true, prose: false }
    }

    /// The tag or comment that the rest begins with, and what follows it.
    fn markup(&mut self) -> Option<(Piece<'a>, &'a str)> {
        let inner = self.rest.strip_prefix('<')?;
        if let Some(comment) = inner.strip_prefix("!--") {
            let end = self.comments_end.then(|| memmem::find(comment.as_bytes(), b"-->")).flatten();
            self.comments_end = end.is_some();
            return Some((Piece::Other, comment.get(end? + 3..)?));
        }
        let (closing, inner) = match inner.strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?')
            || !self.tags_end
        {
            return None;
        }
        let end = memchr(b'>', inner.as_bytes());
        self.tags_end = end.is_some();
        let (tag, after) = (inner.get(..end?)?, inner.get(end? + 1..)?);
        let length = tag.bytes().position(|b| b.is_ascii_whitespace() || b == b'/');
        let (name, attributes) = tag.split_at(length.unwrap_or(tag.len()));
        if name.starts_with(['!', '?']) {
            return Some((Piece::Other, after));
        }
        let tag = Tag { name, attributes, closing };
        if !closing && tag.is(&["script", "style"]) {
            // Its content is no text either.
            let end = memmem::find_iter(after.as_bytes(), "</").find(|at| {
                after.get(at + 2..at + 2 + name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name))
            });
            if self.prose && end.is_none() && speaks_of(tag.attributes, after) {
                return None;
            }
            let after =
                end.and_then(|at| after.get(at..)?.split_once('>')).map_or("", |(_, after)| after);
            return Some((Piece::Other, after));
        }
        Some((Piece::Tag(tag), after))
    }
}

/// Whether a script that never ends is only spoken of: what follows are words.
fn speaks_of(attributes: &str, after: &str) -> bool {
    attributes.is_empty()
        && after.is_empty()
            | after.starts_with(|c: char| c.is_whitespace() || ".,;:!?)".contains(c))
        && !after.contains(['(', '{', '=', '['])
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.rest;
        if rest.is_empty() {
            return None;
        }
        let start = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        if 0 < start {
            let (text, after) = rest.split_at(start);
            self.rest = after;
            return Some(Piece::Text(text));
        }
        if let Some((piece, after)) = self.markup() {
            self.rest = after;
            return Some(piece);
        }
        // A `<` that opens nothing: text, up to the next.
        let end =
            rest.get(1..).and_then(|rest| rest.find('<')).map_or(rest.len(), |found| found + 1);
        let (text, after) = rest.split_at(end);
        self.rest = after;
        Some(Piece::Text(text))
    }
}

fn strip(text: &str, markup: Markup) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut pieces = Pieces::of(text);
    pieces.prose = markup == Markup::Doubtful;
    while let Some(piece) = pieces.next() {
        let source = rest.get(..rest.len() - pieces.rest.len()).unwrap_or_default();
        rest = pieces.rest;
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Tag(tag) => {
                if markup == Markup::Doubtful && !tag.is_known() {
                    out.push_str(source);
                } else if tag.breaks() {
                    out.push(' ');
                }
            }
            Piece::Other => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::chars::excerpt;
    use proptest::prelude::*;

    #[test]
    fn a_title_becomes_one_line_of_plain_text() {
        use Markup::{Doubtful, Html};
        for (markup, text, expected) in [
            (Doubtful, "  two\n words ", Some("two words")),
            (Doubtful, "AT&amp;T", Some("AT&T")),
            (Doubtful, "AT&amp;amp;T", Some("AT&T")),
            (Doubtful, "a &amp;amp;amp; b", Some("a &amp; b")),
            (Doubtful, "a & b, R&D; &bogus;", Some("a & b, R&D; &bogus;")),
            (Doubtful, "<b>Bold</b> news", Some("Bold news")),
            (Doubtful, "Vec<String> and 1 < 2 > 0", Some("Vec<String> and 1 < 2 > 0")),
            (Html, "a<br/>b <i title='x'>c</i><!-- d -->", Some("a b c")),
            (Html, "<p>x</p><script>if (a<b) {}</script><STYLE>p{}</STYLE >y", Some("x y")),
            (Html, "H<sub>2</sub>O &lt;gas&gt;", Some("H2O <gas>")),
            (Html, "open <b", Some("open <b")),
            (
                Doubtful,
                "it&#8217;s &#x201C;so&#148; &#146; &#0;&#xD800;",
                Some("it’s “so” ’ \u{FFFD}\u{FFFD}"),
            ),
            (Doubtful, "\u{7}\u{FEFF}bell&nbsp;&nbsp;x", Some("bell x")),
            (Doubtful, "a\u{202E}b\u{2069}&#x202E;c\u{200F}", Some("abc\u{200F}")),
            (Doubtful, "日本語 &copy;", Some("日本語 ©")),
            (Html, " <p> </p> ", None),
            (Doubtful, "", None),
        ] {
            assert_eq!(plain(text, markup).as_deref(), expected, "{text}");
        }
    }

    /// Each was searched to its end for every beginning in it.
    #[test]
    fn a_row_of_beginnings_is_read_once() {
        for beginning in ["<a ", "<!--", "<a", "&", "&#", "<script", "</", "<a b='", "<!x"] {
            let text = beginning.repeat(100_000);
            assert!(plain(&text, Markup::Html).is_none_or(|line| line.len() <= text.len()));
            assert!(html_to_text(&text).len() <= text.len(), "{beginning}");
            assert!(!says_the_same(&text, "x"), "{beginning}");
        }
    }

    #[test]
    fn html_and_text_are_compared_by_what_is_seen() {
        assert!(says_the_same("<p>a <b>b</b>&amp;</p>", "a b &"));
        assert!(!says_the_same("<p>a b c</p>", "a b"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "(?s)([<>&;#/!a-z '\"\n-]|<[a-z/]{1,6}>|&[a-z#0-9]{1,5};|.){0,60}") {
            let line = plain(&text, Markup::Html).unwrap_or_default();
            prop_assert!(!line.contains(['\n', '\t']));
            let _text = (html_to_text(&text), plain(&text, Markup::Doubtful), looks_like_html(&text));
            prop_assert!(excerpt(&text, 20).chars().count() <= 21);
        }
    }
}

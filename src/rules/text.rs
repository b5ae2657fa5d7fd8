//! HTML and half-HTML to plain text, by one linear scan each; no tree is built.

use std::borrow::Cow;

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
    let mut text =
        if text.contains('<') { Cow::Owned(strip(text, markup)) } else { Cow::Borrowed(text) };
    for _ in 0..2 {
        if !text.contains('&') {
            break;
        }
        text = Cow::Owned(decode(&text).into_owned());
    }
    Some(collapse(&text)).filter(|text| !text.is_empty())
}

/// White space single, none at the ends, no control characters.
pub fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            space = true;
        } else if !c.is_control() && c != '\u{FEFF}' {
            if space && !out.is_empty() {
                out.push(' ');
            }
            space = false;
            out.push(c);
        }
    }
    out
}

/// Whether a text that claims to be plain is HTML: it has a tag that HTML knows.
pub fn looks_like_html(text: &str) -> bool {
    text.contains('<')
        && Pieces(text).any(|piece| matches!(piece, Piece::Tag(tag) if tag.is_known()))
}

/// Whether HTML says the same as a text, white space and tags aside.
pub fn says_the_same(html: &str, text: &str) -> bool {
    let visible = Pieces(html).flat_map(|piece| match piece {
        Piece::Text(text) => decode(text).chars().filter(|c| !c.is_whitespace()).collect(),
        Piece::Tag(_) | Piece::Other => Vec::new(),
    });
    visible.eq(text.chars().filter(|c| !c.is_whitespace()))
}

/// At most `n` characters of a text, cut between words, with `…` where it was cut.
pub fn excerpt(text: &str, n: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(n) else { return Cow::Borrowed(text) };
    let head = text.get(..end).unwrap_or_default();
    let words = head.rfind(char::is_whitespace).and_then(|space| head.get(..space));
    let kept = words.filter(|words| end / 2 < words.len()).unwrap_or(head);
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// Sanitised HTML as plain text: a blank line between paragraphs, `- ` before list items, `> ` before
/// the lines of a quotation.
pub fn html_to_text(sanitised: &str) -> String {
    let mut page = Page { out: String::with_capacity(sanitised.len() / 2), ..Page::default() };
    for piece in Pieces(sanitised) {
        match piece {
            Piece::Text(text) => page.text(&decode(text)),
            Piece::Tag(tag) => page.tag(&tag),
            Piece::Other => {}
        }
    }
    page.out
}

/// What is owed before the next visible character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Blank,
}

#[derive(Default)]
struct Page {
    out: String,
    gap: Gap,
    quotes: usize,
    /// The fewest quotations open since the last visible character.
    common_quotes: usize,
    lists: usize,
    preformatted: usize,
    item: bool,
}

impl Page {
    fn owe(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        let step = |depth: usize| if tag.closing { depth.saturating_sub(1) } else { depth + 1 };
        match tag.name {
            "br" => {
                // Two of them make a paragraph.
                self.gap = if self.gap < Gap::Line { Gap::Line } else { Gap::Blank };
            }
            "li" => {
                self.owe(Gap::Line);
                self.item = !tag.closing;
            }
            "ul" | "ol" => {
                // A list in a list goes on without a blank line.
                self.owe(if usize::from(tag.closing) < self.lists {
                    Gap::Line
                } else {
                    Gap::Blank
                });
                self.lists = step(self.lists);
            }
            "blockquote" => {
                self.owe(Gap::Blank);
                self.quotes = step(self.quotes);
                self.common_quotes = self.common_quotes.min(self.quotes);
            }
            "pre" => {
                self.owe(Gap::Blank);
                self.preformatted = step(self.preformatted);
            }
            // A paragraph right inside a list item starts on the item's line.
            "p" if self.item && !tag.closing => {}
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "figure" | "table" | "hr" | "dl"
            | "section" | "article" | "details" => self.owe(Gap::Blank),
            "div" | "tr" | "dt" | "dd" | "figcaption" | "caption" | "summary" | "header"
            | "footer" | "aside" | "nav" | "center" | "main" | "address" => self.owe(Gap::Line),
            "td" | "th" => self.owe(Gap::Space),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            if 0 < self.preformatted && c == '\n' {
                if self.gap == Gap::Line {
                    self.flush();
                }
                self.owe(Gap::Line);
            } else if 0 < self.preformatted && matches!(c, ' ' | '\t' | '\u{A0}') {
                self.flush();
                self.out.push(' ');
            } else if c.is_whitespace() {
                self.owe(Gap::Space);
            } else if !c.is_control() {
                self.flush();
                self.out.push(c);
            }
        }
    }

    /// Pays what is owed.
    fn flush(&mut self) {
        let starts = self.out.is_empty();
        if !starts {
            match self.gap {
                Gap::None => return,
                Gap::Space => {
                    self.out.push(' ');
                    self.gap = Gap::None;
                    return;
                }
                Gap::Line => self.out.push('\n'),
                Gap::Blank => {
                    self.out.push('\n');
                    self.out.extend(std::iter::repeat_n('>', self.common_quotes));
                    self.out.push('\n');
                }
            }
        }
        self.gap = Gap::None;
        self.common_quotes = self.quotes;
        self.out.extend(std::iter::repeat_n("> ", self.quotes));
        if 0 < self.lists {
            self.out.extend(std::iter::repeat_n("  ", self.lists - 1));
            self.out.push_str(if std::mem::take(&mut self.item) { "- " } else { "  " });
        }
    }
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
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.0;
        if rest.is_empty() {
            return None;
        }
        let start = rest.find('<').unwrap_or(rest.len());
        if 0 < start {
            let (text, after) = rest.split_at(start);
            self.0 = after;
            return Some(Piece::Text(text));
        }
        if let Some((piece, after)) = markup(rest) {
            self.0 = after;
            return Some(piece);
        }
        // A `<` that opens nothing: text, up to the next.
        let end =
            rest.get(1..).and_then(|rest| rest.find('<')).map_or(rest.len(), |found| found + 1);
        let (text, after) = rest.split_at(end);
        self.0 = after;
        Some(Piece::Text(text))
    }
}

/// The tag or comment that a text begins with, and what follows it.
fn markup(text: &str) -> Option<(Piece<'_>, &str)> {
    let inner = text.strip_prefix('<')?;
    if let Some(comment) = inner.strip_prefix("!--") {
        let (_, after) = comment.split_once("-->")?;
        return Some((Piece::Other, after));
    }
    let (closing, inner) = match inner.strip_prefix('/') {
        Some(inner) => (true, inner),
        None => (false, inner),
    };
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!' || c == '?') {
        return None;
    }
    let (tag, after) = inner.split_once('>')?;
    let name = tag.split(|c: char| c.is_ascii_whitespace() || c == '/').next().unwrap_or(tag);
    if name.starts_with(['!', '?']) {
        return Some((Piece::Other, after));
    }
    let tag = Tag { name, closing };
    if !closing && tag.is(&["script", "style"]) {
        // Its content is no text either.
        let end = memchr::memmem::find_iter(after.as_bytes(), "</").find(|at| {
            after.get(at + 2..at + 2 + name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name))
        });
        let after =
            end.and_then(|at| after.get(at..)?.split_once('>')).map_or("", |(_, after)| after);
        return Some((Piece::Other, after));
    }
    Some((Piece::Tag(tag), after))
}

fn strip(text: &str, markup: Markup) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut pieces = Pieces(text);
    while let Some(piece) = pieces.next() {
        let source = rest.get(..rest.len() - pieces.0.len()).unwrap_or_default();
        rest = pieces.0;
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

/// Character references resolved, HTML's names and numbers; what is none stays.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let name = after.split_once(';').map(|(name, _)| name).filter(|name| name.len() <= 31);
        rest = after;
        let resolved = name.is_some_and(|name| match name.strip_prefix('#') {
            Some(number) => match character(number) {
                Some(c) => {
                    out.push(c);
                    true
                }
                None => false,
            },
            None => match quick_xml::escape::resolve_html5_entity(name) {
                Some(text) => {
                    out.push_str(text);
                    true
                }
                None => false,
            },
        });
        match name {
            Some(name) if resolved => rest = after.get(name.len() + 1..).unwrap_or_default(),
            Some(_) | None => out.push('&'),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// `#…` of a character reference. 128 to 159 mean windows-1252, as in every browser (HTML, 13.2.5.80).
fn character(number: &str) -> Option<char> {
    const C1: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    match code {
        0x80..=0x9F => C1.get(usize::try_from(code - 0x80).ok()?).copied(),
        0 => Some('\u{FFFD}'),
        code => Some(char::from_u32(code).unwrap_or('\u{FFFD}')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            (Doubtful, "日本語 &copy;", Some("日本語 ©")),
            (Html, " <p> </p> ", None),
            (Doubtful, "", None),
        ] {
            assert_eq!(plain(text, markup).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn html_becomes_readable_text() {
        for (html, expected) in [
            ("<p>one</p><p>two<br>lines</p>", "one\n\ntwo\nlines"),
            ("a<br><br>b", "a\n\nb"),
            ("<h1>T</h1>\n<p>a  <b>b</b>c &amp;&nbsp;d</p>", "T\n\na bc & d"),
            ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><p>d</p>", "- a\n- b\n  - c\n\nd"),
            ("<ol><li><p>a</p><p>b</p></li></ol>", "- a\n\n  b"),
            ("x<blockquote><p>a</p><p>b</p></blockquote>y", "x\n\n> a\n>\n> b\n\ny"),
            ("<pre>fn a() {\n    b\n}</pre>", "fn a() {\n    b\n}"),
            (
                "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>",
                "a b\nc",
            ),
            ("<img src=\"x\" alt=\"y\">", ""),
            ("1 &lt; 2", "1 < 2"),
            ("</ul></blockquote></pre>a", "a"),
        ] {
            assert_eq!(html_to_text(html), expected, "{html}");
        }
    }

    #[test]
    fn an_excerpt_ends_between_words() {
        for (text, n, expected) in [
            ("short", 5, "short"),
            ("one two three", 9, "one two…"),
            ("Donaudampfschiff", 5, "Donau…"),
            ("é è ê", 3, "é è…"),
        ] {
            assert_eq!(excerpt(text, n), expected, "{text} {n}");
        }
    }

    #[test]
    fn plain_text_and_html_are_told_apart() {
        for (text, html) in [
            ("Vec<String>", false),
            ("a < b > c", false),
            ("<p>x", true),
            ("x<br/>", true),
            ("x <A HREF='y'>z</A>", true),
        ] {
            assert_eq!(looks_like_html(text), html, "{text}");
        }
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

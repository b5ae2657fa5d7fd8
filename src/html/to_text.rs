//! HTML, and text that may be HTML, as plain text. Each function is one linear scan without a tree.

use std::borrow::Cow;

use crate::html::blocks::{Blocks, Gap, Layout, Level, Page, next_marker, walk};
use crate::html::chars::collapse;
use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{CODE, HtmlToken, HtmlTokens, Tag};

/// Which `<…>` of a text are read as tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// The text is HTML. All are tags.
    Html,
    /// The text is declared as plain text but may be HTML. Only names of HTML are tags, so that `Vec<String>` is kept.
    Doubtful,
}

/// A text on one line: without tags, with references resolved and white space collapsed. `None` when nothing is
/// left.
///
/// References are resolved a second time when some are left, because many publishers escape twice.
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

/// Whether the text of HTML is the same as a text, ignoring white space and tags.
pub fn has_same_text(html: &str, text: &str) -> bool {
    let is_visible = |c: &char| !c.is_whitespace();
    let mut expected = text.chars().filter(is_visible);
    for token in HtmlTokens::new(html) {
        let HtmlToken::Text(text) = token else { continue };
        let text = decode(text, Context::Text);
        if text.chars().filter(is_visible).any(|c| expected.next() != Some(c)) {
            return false;
        }
    }
    expected.next().is_none()
}

/// Elements within a line.
const INLINE: [&str; 29] = [
    "a", "abbr", "audio", "b", "big", "cite", "code", "del", "em", "font", "i", "iframe", "img",
    "ins", "kbd", "mark", "nobr", "q", "s", "small", "span", "strike", "strong", "sub", "sup",
    "tt", "u", "video", "wbr",
];

/// Whether an element separates the words before it from those after it.
fn is_breaking(tag: &Tag<'_>) -> bool {
    matches!(
        &*tag.lower_name(),
        "article"
            | "aside"
            | "blockquote"
            | "br"
            | "center"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "figcaption"
            | "figure"
            | "footer"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "li"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "table"
            | "tbody"
            | "td"
            | "th"
            | "thead"
            | "tr"
            | "ul"
    )
}

fn is_known(tag: &Tag<'_>) -> bool {
    tag.is(&INLINE) || is_breaking(tag) || tag.is(&CODE)
}

/// Whether a text that is declared as plain text is HTML: it uses a tag of HTML.
///
/// A tag without attributes that is separated like a word is only mentioned, as in "the `<b>` tag".
pub fn looks_like_html(text: &str) -> bool {
    if !text.contains('<') {
        return false;
    }
    let text = text.trim();
    let mut tokens = HtmlTokens::of_prose(text);
    let (mut start, mut first, mut breaks) = (0, None, 0);
    while let Some(token) = tokens.next() {
        let end = text.len() - tokens.rest().len();
        let place = std::mem::replace(&mut start, end);
        let tag = match token {
            HtmlToken::Hidden => {
                let declares = text.get(place..).is_some_and(|rest| {
                    rest.starts_with("<?") || rest.starts_with("<!") && !rest.starts_with("<!--")
                });
                if declares {
                    continue;
                }
                return true; // A script, a style, a comment.
            }
            HtmlToken::Tag(tag) if is_known(&tag) => tag,
            HtmlToken::Text(_) | HtmlToken::Tag(_) => continue,
        };
        let whole = tag.closing
            && tokens.rest().is_empty()
            && first.is_some_and(|name: &str| name.eq_ignore_ascii_case(tag.name));
        breaks += usize::from(tag.is(&["br", "p", "li"]) && !tag.closing);
        if whole
            || 1 < breaks
            || tag.attributes.0.contains('=')
            || !is_separate_word(text, place, end)
        {
            return true;
        }
        if place == 0 && !tag.closing {
            first = Some(tag.name);
        }
    }
    false
}

/// Whether the text from `start` to `end` is separated from its neighbours like a word.
fn is_separate_word(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    let after = text.get(end..).and_then(|after| after.chars().next());
    before.is_none_or(|c| c.is_whitespace() || "([{\"'“‘«„`/,".contains(c))
        && after.is_none_or(|c| c.is_whitespace() || ".,;:!?)]}\"'”’»“`/".contains(c))
}

/// Whether a text consists of complete elements of HTML only, and is not a sentence between two tags that it
/// mentions.
pub fn is_whole_html(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let (mut tags, mut attributes, mut apart) = (0, false, false);
    let mut tokens = HtmlTokens::new(text);
    while let Some(token) = tokens.next() {
        match token {
            HtmlToken::Text(text) if open.is_empty() && !text.trim().is_empty() => return false,
            HtmlToken::Text(_) => {}
            HtmlToken::Hidden => return false,
            HtmlToken::Tag(tag) if !is_known(&tag) => return false,
            HtmlToken::Tag(tag) if tag.closing => {
                if open.pop().is_none_or(|name| !name.eq_ignore_ascii_case(tag.name)) {
                    return false;
                }
            }
            HtmlToken::Tag(tag) => {
                tags += 1;
                attributes |= tag.attributes.0.contains('=');
                apart |= tags == 1 && tokens.rest().starts_with(' ');
                if !tag.is(&["br", "hr", "img", "wbr"]) {
                    open.push(tag.name);
                }
            }
        }
    }
    open.is_empty() && 0 < tags && (attributes || !apart || 1 < tags)
}

/// The text without its tags.
fn strip(text: &str, markup: Markup) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut tokens = match markup {
        Markup::Html => HtmlTokens::new(text),
        Markup::Doubtful => HtmlTokens::of_prose(text),
    };
    while let Some(token) = tokens.next() {
        let source = rest.get(..rest.len() - tokens.rest().len()).unwrap_or_default();
        rest = tokens.rest();
        match token {
            HtmlToken::Text(text) => out.push_str(text),
            HtmlToken::Tag(tag) if markup == Markup::Doubtful && !is_known(&tag) => {
                out.push_str(source);
            }
            HtmlToken::Tag(tag) if is_breaking(&tag) => out.push(' '),
            HtmlToken::Tag(_) | HtmlToken::Hidden => {}
        }
    }
    out
}

/// Quotations and lists that are nested deeper are written at this depth. Otherwise each line would repeat
/// the marks of all levels.
const DEEPEST: usize = 8;

/// Sanitised HTML as plain text: a blank line between paragraphs, `- ` or a number before list items,
/// `> ` before the lines of a quotation, ` | ` between the cells of a table. The addresses of links are
/// left out; [`html_to_markdown`](crate::html::to_markdown::html_to_markdown) keeps them.
pub fn html_to_text(sanitised: &str) -> String {
    let mut page = TextPage { out: String::with_capacity(sanitised.len()), ..TextPage::default() };
    walk(sanitised, &mut page);
    page.out
}

#[derive(Default)]
struct TextPage {
    out: String,
    blocks: Blocks,
    preformatted: usize,
    /// How many players are open. Their content is for browsers that have none.
    players: usize,
    superscript: bool,
}

impl Page for TextPage {
    const LAYOUT: Layout = Layout {
        line_break: Gap::Line,
        part: Gap::Line,
        row: Gap::Line,
        cell: Gap::Cell,
        numbers_as_in_html: true,
        nests_without_item: true,
    };

    fn blocks(&mut self) -> &mut Blocks {
        &mut self.blocks
    }

    fn tag(&mut self, name: &str, tag: &Tag<'_>) -> bool {
        let step = |depth: usize| if tag.closing { depth.saturating_sub(1) } else { depth + 1 };
        match name {
            "pre" => {
                self.require(Gap::Blank);
                self.preformatted = step(self.preformatted);
            }
            "audio" | "video" => {
                self.require(Gap::Line);
                self.players = step(self.players);
            }
            "sup" => self.superscript = !tag.closing,
            "q" if tag.closing => self.out.push('”'),
            "q" => self.text("“"),
            _ => return false,
        }
        true
    }

    fn text(&mut self, text: &str) {
        if 0 < self.players {
            return;
        }
        for c in text.chars() {
            if 0 < self.preformatted && c == '\n' {
                if self.blocks.gap == Gap::Line {
                    self.flush();
                }
                self.require(Gap::Line);
            } else if 0 < self.preformatted && matches!(c, ' ' | '\t' | '\u{A0}') {
                self.flush();
                self.out.push(' ');
            } else if c.is_whitespace() {
                self.require(Gap::Space);
            } else if !c.is_control() {
                self.flush();
                self.out.push(if self.superscript { superscript(c) } else { c });
            }
        }
    }
}

impl TextPage {
    /// Writes the gap.
    fn flush(&mut self) {
        let blocks = &mut self.blocks;
        let gap = std::mem::take(&mut blocks.gap);
        if !self.out.is_empty() {
            match gap {
                Gap::None => return,
                Gap::Space => return self.out.push(' '),
                Gap::Cell => return self.out.push_str(" | "),
                Gap::Break | Gap::Line => self.out.push('\n'),
                Gap::Blank => {
                    self.out.push('\n');
                    self.out.extend(std::iter::repeat_n('>', blocks.common_quotes.min(DEEPEST)));
                    self.out.push('\n');
                }
            }
        }
        let quotes = blocks.quotes();
        blocks.common_quotes = quotes;
        self.out.extend(std::iter::repeat_n("> ", quotes.min(DEEPEST)));
        self.start_of_item();
    }

    /// Writes the indents of the lists, and the marker if this line is the first of an item.
    fn start_of_item(&mut self) {
        /// Sanitised HTML does not nest deeper.
        const MOST_LEVELS: usize = 256;
        let mut starts = None;
        for level in self.blocks.levels.iter_mut().rev().take(MOST_LEVELS) {
            if let Level::Item { written, .. } = level {
                starts = starts.or(Some(!*written));
                *written = true;
            }
        }
        let lists =
            self.blocks.levels.iter_mut().take(MOST_LEVELS).filter_map(|level| match level {
                Level::List(next) => Some(next),
                _ => None,
            });
        let mut lists = lists.take(DEEPEST).peekable();
        while let Some(next) = lists.next() {
            if starts == Some(true) && lists.peek().is_none() {
                self.out.push_str(&next_marker(next));
            } else {
                self.out.push_str(if next.is_some() { "   " } else { "  " });
            }
        }
    }
}

/// The superscript form of a digit, so that `10<sup>6</sup>` is not read as 106.
fn superscript(c: char) -> char {
    match c {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        c => c,
    }
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

    #[test]
    fn html_is_distinguished_from_text_that_mentions_tags() {
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

    #[test]
    fn html_becomes_readable_text() {
        for (html, expected) in [
            ("<p>one</p><p>two<br>lines</p>", "one\n\ntwo\nlines"),
            ("a<br><br>b", "a\n\nb"),
            ("<h1>T</h1>\n<p>a  <b>b</b>c &amp;&nbsp;d</p>", "T\n\na bc & d"),
            ("<H1>T</H1><P>a<BR>b", "T\n\na\nb"),
            ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul><p>d</p>", "- a\n- b\n  - c\n\nd"),
            ("<ol><li><p>a</p><p>b</p></li></ol>", "1. a\n\n   b"),
            (
                "<ol start=\"9\"><li>a<ul><li>b</li></ul></li><li>c<br>d</li><li value=\"3\">e</li></ol>",
                "9. a\n   - b\n10. c\n   d\n3. e",
            ),
            ("<ol reversed=\"\"><li>a</li></ol>", "- a"),
            ("x<blockquote><p>a</p><p>b</p></blockquote>y", "x\n\n> a\n>\n> b\n\ny"),
            ("<pre>fn a() {\n    b\n}</pre>", "fn a() {\n    b\n}"),
            (
                "<table><tbody><tr><th>a</th><th>b</th></tr><tr><td>c</td><td><p>d</p></td></tr></tbody></table>",
                "a | b\nc\n\nd",
            ),
            ("<table><tr><td>a</td> <td></td> <td>1</td></tr><tr><td>b", "a | 1\nb"),
            ("<img src=\"x\" alt=\"y\">", ""),
            ("1 &lt; 2", "1 < 2"),
            ("a<sup>2</sup> and the 1<sup>st</sup>", "a² and the 1st"),
            ("say <q>a <b>b</b></q>.", "say “a b”."),
            ("a<video src=\"x\">Your browser plays no video.</video>b", "a\nb"),
            ("</ul></blockquote></pre>a", "a"),
        ] {
            assert_eq!(html_to_text(html), expected, "{html}");
        }
    }

    #[test]
    fn deep_nesting_does_not_multiply_the_output() {
        for (open, line) in [("<ul>", "<li>x"), ("<blockquote>", "x<br>")] {
            let html = open.repeat(50_000) + &line.repeat(50_000);
            assert!(html_to_text(&html).len() < 40 * 50_000, "{open}");
        }
    }

    #[test]
    fn repeated_beginnings_of_markup_take_linear_time() {
        for beginning in [
            "<a ",
            "<!--",
            "<a",
            "&",
            "&#",
            "<script",
            "<script> ",
            "</",
            "<a b='",
            "<a b=' > ' ",
            "<a b='>'c ",
            "<!x",
            "<style>(",
            "<math/>",
        ] {
            let text = beginning.repeat(20_000);
            assert!(plain(&text, Markup::Doubtful).is_none_or(|line| line.len() <= text.len()));
            let _is_html = (looks_like_html(&text), is_whole_html(&text));
            assert!(plain(&text, Markup::Html).is_none_or(|line| line.len() <= text.len()));
            assert!(html_to_text(&text).len() <= text.len(), "{beginning}");
            assert!(!has_same_text(&text, "x"), "{beginning}");
        }
    }

    #[test]
    fn html_and_text_are_compared_by_their_visible_text() {
        assert!(has_same_text("<p>a <b>b</b>&amp;</p>", "a b &"));
        assert!(has_same_text("<p>é\u{A0}a&nbsp;</p>b", " éab"));
        assert!(!has_same_text("<p>a b c</p>", "a b"));
        assert!(!has_same_text("<p>a b</p>", "a b c"));
        assert!(!has_same_text("<p>é</p>", "è"));
    }

    proptest! {
        #[test]
        fn any_text_is_accepted(text in "(?s)([<>&;#/!a-z '\"\n-]|<[a-z/]{1,6}>|&[a-z#0-9]{1,5};|.){0,60}") {
            let line = plain(&text, Markup::Html).unwrap_or_default();
            prop_assert!(!line.contains(['\n', '\t']));
            let _text = (html_to_text(&text), plain(&text, Markup::Doubtful), looks_like_html(&text));
            prop_assert!(excerpt(&text, 20).chars().count() <= 21);
        }
    }
}

//! HTML, and text that may be HTML, as plain text. Each function is one linear scan without a tree.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr_iter;

use crate::html::blocks::{Blocks, Gap, Layout, Level, Page, next_marker, walk};
use crate::html::chars::{collapse, collapsed_length};
use crate::html::double_escaped;
use crate::html::entities::{Context, decode};
use crate::html::recognise::{Brackets, has_markup, is_breaking, is_known, looks_like_html};
use crate::html::tokenizer::{HtmlToken, HtmlTokens, Tag};

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
/// References are resolved a second time when some are left, because many publishers escape twice. Only `&lt;` and
/// `&gt;` stay then: their author writes about them.
pub fn plain(text: &str, markup: Markup) -> Option<String> {
    let text = &*match markup {
        Markup::Html => double_escaped::unescape(text),
        Markup::Doubtful => double_escaped::unescape_line(text),
    };
    let (is_html, context) = match markup {
        Markup::Html => (has_markup(text), Context::Text),
        Markup::Doubtful => (looks_like_html(text), Context::MaybePlain),
    };
    let text = if is_html { Cow::Owned(strip(text, markup)) } else { Cow::Borrowed(text) };
    let once = decode(&text, context);
    let twice = decode_all_but_brackets(&once, context);
    Some(collapse(&twice)).filter(|text| !text.is_empty())
}

/// Resolves the references of a text apart from `&lt;` and `&gt;`.
pub(crate) fn decode_all_but_brackets<'a>(text: &'a str, context: Context<'_>) -> Cow<'a, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let is_bracket = |text: &str| ["&lt;", "&gt;"].iter().any(|found| text.starts_with(found));
    let next = |text: &str| {
        memchr_iter(b'&', text.as_bytes()).find(|at| text.get(*at..).is_some_and(is_bracket))
    };
    while let Some(at) = next(rest) {
        let (before, after) = rest.split_at(at);
        let (bracket, after) = after.split_at("&lt;".len());
        out.extend([&*decode(before, context), bracket]);
        rest = after;
    }
    out.push_str(&decode(rest, context));
    Cow::Owned(out)
}

/// Whether the text of HTML is the same as a text, ignoring white space and tags.
pub fn has_same_text(html: &str, text: &str) -> bool {
    let is_visible = |c: &char| !c.is_whitespace();
    let mut expected = text.chars().filter(is_visible);
    for token in shown(html) {
        let HtmlToken::Text(text) = token else { continue };
        let text = decode(text, Context::Text);
        if text.chars().filter(is_visible).any(|c| expected.next() != Some(c)) {
            return false;
        }
    }
    expected.next().is_none()
}

/// The tokens of HTML without the text in players, which is for browsers that have none.
fn shown(html: &str) -> impl Iterator<Item = HtmlToken<'_>> {
    let mut players = 0_usize;
    HtmlTokens::new(html).filter(move |token| match token {
        HtmlToken::Text(_) => players == 0,
        HtmlToken::Tag(tag) => {
            if tag.is(&["audio", "video"]) {
                players = if tag.closing { players.saturating_sub(1) } else { players + 1 };
            }
            true
        }
        HtmlToken::Hidden => false,
    })
}

/// Elements whose content is for programs that cannot show them, or is no part of the text.
const FALLBACKS: [&str; 16] = [
    "annotation",
    "annotation-xml",
    "audio",
    "canvas",
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "select",
    "svg",
    "template",
    "textarea",
    "title",
    "video",
    "xmp",
];

/// The text without its tags.
fn strip(text: &str, markup: Markup) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // The open elements whose content goes when they end, and where their content begins.
    let mut open: Vec<(&str, usize)> = Vec::new();
    let mut code = 0_usize;
    let mut tokens = match markup {
        Markup::Html => HtmlTokens::new(text),
        Markup::Doubtful => HtmlTokens::of_prose(text),
    };
    while let Some(token) = tokens.next() {
        let source = rest.get(..rest.len() - tokens.rest().len()).unwrap_or_default();
        rest = tokens.rest();
        match token {
            HtmlToken::Text(text) => out.push_str(without_open_comment(text)),
            HtmlToken::Tag(tag)
                if is_shown(&tag, source, markup, &out, code, rest)
                    && (markup == Markup::Doubtful || !tokens.is_closed(&tag.lower_name())) =>
            {
                out.push_str(source);
            }
            HtmlToken::Tag(tag) => {
                if tag.is(&["code", "pre", "kbd", "samp"]) {
                    code = if tag.closing { code.saturating_sub(1) } else { code + 1 };
                }
                if tag.is(&FALLBACKS) && tag.closing {
                    let at = open.iter().rposition(|(name, _)| tag.is(&[name]));
                    if let Some((_, start)) = at.and_then(|at| open.drain(at..).next()) {
                        out.truncate(start);
                    }
                } else if tag.is(&FALLBACKS) && open.len() < DEEPEST {
                    open.push((tag.name, out.len()));
                }
                if is_breaking(&tag) {
                    out.push(' ');
                }
            }
            HtmlToken::Hidden => {}
        }
    }
    out
}

/// The text without the beginning of a comment that has no end. Such a comment ends with a `>`, else where the next
/// `<` is.
fn without_open_comment(text: &str) -> &str {
    match text.strip_prefix("<!--") {
        Some(comment) => comment.split_once('>').map_or("", |(_, after)| after),
        None => text,
    }
}

/// Whether a tag is a part of the text: a name that HTML does not have, in a text that is declared as plain or
/// as the parameter of a type (`Vec<T>`), if no end tag follows. `source` is the tag as it is written.
fn is_shown(
    tag: &Tag<'_>,
    source: &str,
    markup: Markup,
    before: &str,
    code: usize,
    after: &str,
) -> bool {
    match markup {
        Markup::Doubtful => !is_known(tag) && !tag.is(&FALLBACKS),
        Markup::Html => {
            let brackets = Brackets {
                name: tag.name,
                attributes: tag.attributes,
                is_empty: source.ends_with("/>"),
                before,
                after,
            };
            !tag.closing && brackets.may_be_text(|| 0 < code)
        }
    }
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

/// As [`html_to_text`], with the addresses of the links: `[1]` after the text of a link stands for the first address of the
/// list. An address has one number, however often it is linked. A link whose text is its address has none, and neither has
/// one without visible text.
pub fn html_to_text_with_links(sanitised: &str) -> (String, Vec<String>) {
    let links = Some(Links::default());
    let mut page =
        TextPage { out: String::with_capacity(sanitised.len()), links, ..TextPage::default() };
    walk(sanitised, &mut page);
    (page.out, page.links.unwrap_or_default().addresses)
}

/// The words of sanitised HTML in their order, without layout: blocks are separated by spaces. This is faster than
/// [`html_to_text`], for those who compare words.
pub fn words_of(sanitised: &str) -> String {
    let mut out = String::with_capacity(sanitised.len());
    for token in shown(sanitised) {
        match token {
            HtmlToken::Text(text) => out.push_str(&decode(text, Context::Text)),
            HtmlToken::Tag(tag) if is_breaking(&tag) => out.push(' '),
            HtmlToken::Tag(_) | HtmlToken::Hidden => {}
        }
    }
    out
}

#[derive(Default)]
struct TextPage {
    out: String,
    blocks: Blocks,
    preformatted: usize,
    /// How many players are open. Their content is for browsers that have none.
    players: usize,
    superscript: bool,
    /// `None` leaves the addresses of links out.
    links: Option<Links>,
}

/// The links of a text.
#[derive(Default)]
struct Links {
    addresses: Vec<String>,
    numbers: HashMap<String, usize>,
    /// The address of the link that is open, and where its text begins.
    open: Option<(String, usize)>,
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
            "a" => {
                self.link(tag);
                return false;
            }
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
        if 0 < self.preformatted || self.superscript {
            return text.chars().for_each(|c| self.character(c));
        }
        let mut rest = text;
        loop {
            // Most text has words with single spaces between them, which are copied at once.
            let (words, after) = rest.split_at(collapsed_length(rest));
            let shown = words.strip_suffix(' ').unwrap_or(words);
            if !shown.is_empty() {
                self.flush();
                self.out.push_str(shown);
            }
            if shown.len() < words.len() {
                self.require(Gap::Space);
            }
            let mut after = after.chars();
            let Some(c) = after.next() else { return };
            self.character(c);
            rest = after.as_str();
        }
    }
}

impl TextPage {
    fn character(&mut self, c: char) {
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

    /// Notes the address of a link that begins, and writes the number of one that ends. Links do not nest.
    fn link(&mut self, tag: &Tag<'_>) {
        let Some(links) = &mut self.links else { return };
        if let Some((address, start)) = links.open.take() {
            let text = self.out.get(start..).unwrap_or_default().trim();
            let address_alone = address.strip_prefix("mailto:").unwrap_or(&address);
            let is_shown = text == address_alone
                || address_alone.split_once("://").is_some_and(|(_, rest)| {
                    text.trim_end_matches('/') == rest.trim_end_matches('/')
                });
            if !text.is_empty() && !is_shown {
                let next = links.addresses.len() + 1;
                let number = *links.numbers.entry(address.clone()).or_insert(next);
                if number == next {
                    links.addresses.push(address);
                }
                self.out.extend([" [", &number.to_string(), "]"]);
            }
        }
        if !tag.closing
            && let Some(href) = tag.attributes.raw("href")
        {
            let address = decode(href, Context::Attribute);
            let address = address.trim();
            if !address.is_empty() && !address.starts_with('#') {
                links.open = Some((address.to_owned(), self.out.len()));
            }
        }
    }

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
    use crate::html::recognise::is_whole_html;
    use proptest::prelude::*;

    #[test]
    fn links_are_numbered_and_their_addresses_listed_once() {
        for (html, text, addresses) in [
            (
                "<p>See <a href=\"https://a.example/?x=1&amp;y=2\">the report</a>, <a href=\"/b\">b</a> and \
                 <a href=\"https://a.example/?x=1&amp;y=2\">again</a>.</p>",
                "See the report [1], b [2] and again [1].",
                &["https://a.example/?x=1&y=2", "/b"][..],
            ),
            // The text is the address.
            ("<a href=\"https://a.example/\">https://a.example/</a>", "https://a.example/", &[]),
            ("<a href=\"https://a.example/\">a.example</a>", "a.example", &[]),
            ("<a href=\"mailto:me@a.example\">me@a.example</a>", "me@a.example", &[]),
            // Nothing of the link is visible, or it leads nowhere.
            ("a<a href=\"https://a.example/\"><img src=\"x\"></a>b", "ab", &[]),
            ("a <a href=\"#note\">b</a> <a>c</a>", "a b c", &[]),
            // It does not end, and another begins.
            (
                "<a href=\"/1\">one <a href=\"/2\">two</a> three",
                "one [1] two [2] three",
                &["/1", "/2"],
            ),
            ("<ul><li><a href=\"/1\">one </a></li><li>two</li></ul>", "- one [1]\n- two", &["/1"]),
        ] {
            let (found, list) = html_to_text_with_links(html);
            assert_eq!(
                (&*found, list),
                (text, addresses.iter().map(|a| (*a).to_owned()).collect())
            );
        }
    }

    #[test]
    fn the_words_of_html_are_those_of_its_text() {
        for html in [
            "<p>One <b>t</b>wo&amp;three</p><p>four<br>five</p>",
            "<h2>A</h2><blockquote>b<p>c</p></blockquote><pre>d\n e</pre>",
            "<table><tr><td>1</td><td>2</td></tr></table>x<hr>y <q>z</q>",
            "a<video src=\"https://a.example/v\">no player</video>b<img src=\"x\" alt=\"y\">c",
            "plain &lt;b&gt; text",
        ] {
            let words = |text: &str| {
                let words = text.split(|c: char| !c.is_alphanumeric());
                words.filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(words(&words_of(html)), words(&html_to_text(html)), "{html}");
        }
    }

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
            (Html, "<p>a<!-- b</p><p>c</p>", Some("a c")),
            (Html, "<p>a</p><!-- b > c", Some("a c")),
            (Html, "<p>a Vec<T></p>", Some("a Vec<T>")),
            (Html, "<p>a<o:p>b</o:p></p>", Some("ab")),
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
            let _is_html = (looks_like_html(&text), has_markup(&text), is_whole_html(&text));
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

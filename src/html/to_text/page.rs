//! Sanitised HTML as a page of plain text.

use std::borrow::Cow;

use crate::html::entities::{Context, decode};
use crate::html::to_text::{Piece, Pieces, Tag};

/// Deeper quotations and lists look like these: each line would repeat all their marks.
const DEEPEST: usize = 8;

/// Sanitised HTML as plain text: a blank line between paragraphs, `- ` or a number before list items,
/// `> ` before the lines of a quotation, ` | ` between the cells of a table. Addresses of links are
/// left out; who wants them wants Markdown.
pub fn html_to_text(sanitised: &str) -> String {
    let mut page = Page { out: String::with_capacity(sanitised.len()), ..Page::default() };
    for piece in Pieces::of(sanitised) {
        match piece {
            Piece::Text(text) => page.text(&decode(text, Context::Text)),
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
    Cell,
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
    /// The number of each open list's next item; `None` when its items have none.
    lists: Vec<Option<i64>>,
    preformatted: usize,
    /// Whether an item has begun of which nothing is visible yet.
    item: bool,
    /// Players open: what is in them is for browsers without any.
    players: usize,
    superscript: bool,
}

impl Page {
    fn owe(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        let step = |depth: usize| if tag.closing { depth.saturating_sub(1) } else { depth + 1 };
        let name = if tag.name.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(tag.name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(tag.name)
        };
        match &*name {
            "br" => {
                // Two of them make a paragraph.
                self.gap = if self.gap < Gap::Line { Gap::Line } else { Gap::Blank };
            }
            "li" => {
                self.owe(Gap::Line);
                self.item = !tag.closing;
                let number = whole(tag, "value").filter(|_| self.item);
                if let (Some(list), Some(_)) = (self.lists.last_mut(), number) {
                    *list = number;
                }
            }
            "ul" | "ol" => self.list(&name, tag),
            "blockquote" => {
                self.owe(Gap::Blank);
                self.quotes = step(self.quotes);
                self.common_quotes = self.common_quotes.min(self.quotes);
            }
            "pre" => {
                self.owe(Gap::Blank);
                self.preformatted = step(self.preformatted);
            }
            "audio" | "video" => {
                self.owe(Gap::Line);
                self.players = step(self.players);
            }
            "sup" => self.superscript = !tag.closing,
            "q" if tag.closing => self.out.push('”'),
            "q" => self.text("“"),
            // A paragraph right inside a list item starts on the item's line.
            "p" if self.item && !tag.closing => {}
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "figure" | "table" | "hr" | "dl"
            | "section" | "article" | "details" => self.owe(Gap::Blank),
            "div" | "tr" | "dt" | "dd" | "figcaption" | "caption" | "summary" | "header"
            | "footer" | "aside" | "nav" | "center" | "main" | "address" => self.owe(Gap::Line),
            "td" | "th" if !tag.closing => self.owe(Gap::Cell),
            _ => {}
        }
    }

    fn list(&mut self, name: &str, tag: &Tag<'_>) {
        if tag.closing {
            self.lists.pop();
        }
        // A list in a list goes on without a blank line.
        self.owe(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
        if !tag.closing {
            let counts = name == "ol" && !tag.attributes.contains("reversed");
            self.lists.push(counts.then(|| whole(tag, "start").unwrap_or(1)));
        }
    }

    fn text(&mut self, text: &str) {
        if 0 < self.players {
            return;
        }
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
                self.out.push(if self.superscript { raised(c) } else { c });
            }
        }
    }

    /// Pays what is owed.
    fn flush(&mut self) {
        let starts = self.out.is_empty();
        if !starts {
            match self.gap {
                Gap::None => return,
                Gap::Space | Gap::Cell => {
                    self.out.push_str(if self.gap == Gap::Cell { " | " } else { " " });
                    self.gap = Gap::None;
                    return;
                }
                Gap::Line => self.out.push('\n'),
                Gap::Blank => {
                    self.out.push('\n');
                    self.out.extend(std::iter::repeat_n('>', self.common_quotes.min(DEEPEST)));
                    self.out.push('\n');
                }
            }
        }
        self.gap = Gap::None;
        self.common_quotes = self.quotes;
        self.out.extend(std::iter::repeat_n("> ", self.quotes.min(DEEPEST)));
        let indent = |list: &Option<i64>| if list.is_some() { "   " } else { "  " };
        let deepest = self.lists.len().min(DEEPEST);
        if let Some((list, outer)) = self.lists.get_mut(..deepest).and_then(<[_]>::split_last_mut) {
            self.out.extend(outer.iter().map(indent));
            match list {
                _ if !std::mem::take(&mut self.item) => self.out.push_str(indent(list)),
                None => self.out.push_str("- "),
                Some(number) => {
                    self.out.extend([&*number.to_string(), ". "]);
                    *number = number.saturating_add(1);
                }
            }
        }
    }
}

/// The value of an attribute, as the sanitiser writes it, that is a whole number.
fn whole(tag: &Tag<'_>, attribute: &str) -> Option<i64> {
    let mut rest = tag.attributes;
    loop {
        rest = rest.split_once(attribute)?.1;
        if let Some(value) = rest.strip_prefix("=\"") {
            return value.split_once('"')?.0.trim().parse().ok();
        }
    }
}

/// `10<sup>6</sup>` is not 106.
fn raised(c: char) -> char {
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
    fn marks_of_nesting_do_not_multiply() {
        for (open, line) in [("<ul>", "<li>x"), ("<blockquote>", "x<br>")] {
            let html = open.repeat(50_000) + &line.repeat(50_000);
            assert!(html_to_text(&html).len() < 40 * 50_000, "{open}");
        }
    }
}

//! Sanitised HTML as Markdown (CommonMark 0.31), and plain text that stays plain in Markdown.
//!
//! Text is escaped so that nothing a feed says becomes markup, a link or HTML; what was a link, an
//! emphasis or a list in the HTML is one in the Markdown. The ready-made converters leave other things
//! unescaped than a stranger's text needs, and bring a second HTML parser with them.

use std::borrow::Cow;

use crate::html::chars::is_control;
use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{Attributes, HtmlToken, HtmlTokens};

/// Levels that quotations and lists are indented by. Beyond it the text goes on at the last one, or a
/// hostile nesting would repeat its prefix before every line.
const DEEPEST: usize = 12;

/// Headings of a body begin at this level plus one: above them stand the document, day and article.
const HEADINGS_ABOVE: usize = 3;

/// Sanitised HTML as Markdown, without a line break at its end; empty when there is nothing to show.
/// Headings become levels 4 to 6. Only `http`, `https` and `mailto` addresses stay links.
pub fn html_to_markdown(sanitised: &str) -> String {
    let mut page = Page { out: String::with_capacity(sanitised.len()), ..Page::default() };
    let mut tokens = HtmlTokens::new(sanitised);
    let mut rest = sanitised;
    while let Some(token) = tokens.next() {
        let source = rest.get(..rest.len() - tokens.rest().len()).unwrap_or_default();
        rest = tokens.rest();
        match token {
            HtmlToken::Text(text) => page.text(&decode(text, Context::Text)),
            HtmlToken::Tag(tag) if tag.closing => page.close(&tag.lower_name()),
            HtmlToken::Tag(tag) => page.open(&tag.lower_name(), tag.attributes),
            // The sanitiser writes nothing of this kind: it is shown as it is.
            HtmlToken::Hidden => page.text(&decode(source, Context::Text)),
        }
    }
    page.finish()
}

/// Plain text as one line of Markdown that shows exactly it: white space is collapsed, controls and
/// characters that reorder their surroundings are gone, everything with a meaning is escaped.
pub fn escape(text: &str) -> String {
    // As in a heading, whose end a row of number signs would be.
    let mut page = Page { heading: Some((0, true)), ..Page::default() };
    page.text(text);
    page.out
}

/// An address as the destination of a link, escaped; `None` unless it is `http`, `https` or `mailto`.
pub fn destination(url: &str) -> Option<String> {
    let scheme = url.split_once(':')?.0;
    if !["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '(' | ')' | '&' | '*' | '_' | '[' | ']' | '~' | '|' => out.extend(['\\', c]),
            ' ' => out.push_str("%20"),
            '<' | '>' | '\\' | '`' | '"' | '\'' => {
                out.extend(url::form_urlencoded::byte_serialize(
                    c.encode_utf8(&mut [0; 4]).as_bytes(),
                ));
            }
            c if c.is_whitespace() || is_control(c) => {}
            c => out.push(c),
        }
    }
    Some(out)
}

/// What is owed before the next visible character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    /// A line break that is shown.
    Break,
    /// A new line: the next item.
    Line,
    Blank,
}

/// What stands before each line.
#[derive(Debug)]
enum Level {
    Quote,
    List {
        ordered: bool,
        items: u32,
    },
    /// The marker, until it is written; then so many spaces.
    Item {
        marker: String,
        written: bool,
    },
}

/// Inline markup that is open in the HTML. It is written with the first character within it, and
/// closed and opened anew around a paragraph's end.
#[derive(Debug)]
struct Mark {
    tag: &'static str,
    before: &'static str,
    after: Cow<'static, str>,
    written: bool,
}

#[derive(Default)]
struct Page {
    out: String,
    gap: Gap,
    levels: Vec<Level>,
    marks: Vec<Mark>,
    /// Level of the heading that is open, and whether its sign is written.
    heading: Option<(usize, bool)>,
    /// The text of `<code>` or `<pre>` that is being gathered.
    code: Option<(bool, String)>,
    /// Whether the line has nothing but digits so far.
    digits_only: bool,
    /// What went before on this line; `\n` at its start.
    last: Option<char>,
}

impl Page {
    fn owe(&mut self, gap: Gap) {
        if Gap::Break < gap {
            self.close_marks();
        }
        self.gap = self.gap.max(gap);
    }

    fn close_marks(&mut self) {
        for mark in self.marks.iter_mut().rev().filter(|mark| mark.written) {
            self.out.push_str(&mark.after);
            mark.written = false;
        }
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        if self.code.is_some() {
            if name == "br" {
                self.text("\n");
            }
            return;
        }
        match name {
            "br" if self.heading.is_some() => self.owe(Gap::Space),
            "br" => {
                let gap = if self.gap < Gap::Break { Gap::Break } else { Gap::Blank };
                self.owe(gap);
            }
            "hr" => {
                self.owe(Gap::Blank);
                self.block("* * *");
            }
            "ul" | "ol" => {
                let nested = self.levels.iter().any(|level| matches!(level, Level::Item { .. }));
                self.owe(if nested { Gap::Line } else { Gap::Blank });
                self.levels.push(Level::List { ordered: name == "ol", items: 0 });
            }
            "li" => self.item(),
            "blockquote" => {
                self.owe(Gap::Blank);
                self.levels.push(Level::Quote);
            }
            "pre" => {
                self.owe(Gap::Blank);
                self.code = Some((true, String::new()));
            }
            "code" | "kbd" | "samp" | "tt" => self.code = Some((false, String::new())),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.owe(Gap::Blank);
                let level = usize::from(name.as_bytes().get(1).map_or(1, |digit| digit - b'0'));
                self.heading = Some(((level + HEADINGS_ABOVE).min(6), false));
            }
            "b" | "strong" => self.mark("b", "**", "**".into()),
            "i" | "em" | "cite" => self.mark("i", "*", "*".into()),
            "a" => {
                let to = attribute(attributes, "href").and_then(|url| destination(&url));
                if let Some(to) = to {
                    self.mark("a", "[", format!("]({to})").into());
                }
            }
            "img" => self.image(attributes),
            "iframe" | "video" | "audio" | "source" => {
                let to = attribute(attributes, "src").and_then(|url| destination(&url));
                if let (Some(to), false) = (to, self.marks.iter().any(|mark| mark.tag == "a")) {
                    let what = if name == "audio" { "Audio" } else { "Video" };
                    self.raw(&format!("[{what}]({to})"));
                }
            }
            // A paragraph right inside an item starts on the item's line.
            "p" if matches!(self.levels.last(), Some(Level::Item { written: false, .. })) => {}
            name => self.owe(around(name)),
        }
    }

    fn close(&mut self, name: &str) {
        match (name, &self.code) {
            ("pre", Some((true, _))) => return self.code_block(),
            ("code" | "kbd" | "samp" | "tt", Some((false, _))) => return self.code_span(),
            (_, Some(_)) => return,
            (_, None) => {}
        }
        match name {
            "b" | "strong" => self.unmark("b"),
            "i" | "em" | "cite" => self.unmark("i"),
            "a" => self.unmark("a"),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.owe(Gap::Blank);
                self.heading = None;
            }
            "blockquote" => self.leave(Gap::Blank, |level| matches!(level, Level::Quote)),
            "li" => self.leave(Gap::Line, |level| matches!(level, Level::Item { .. })),
            "ul" | "ol" => {
                self.leave(Gap::Line, |level| matches!(level, Level::List { .. }));
                if !self.levels.iter().any(|level| matches!(level, Level::Item { .. })) {
                    self.owe(Gap::Blank);
                }
            }
            "hr" | "br" => {}
            name => self.owe(around(name)),
        }
    }

    /// Ends the innermost level of a kind, and whatever was left open in it.
    fn leave(&mut self, gap: Gap, is: impl Fn(&Level) -> bool) {
        self.owe(gap);
        if let Some(at) = self.levels.iter().rposition(is) {
            self.levels.truncate(at);
        }
    }

    fn item(&mut self) {
        self.owe(Gap::Line);
        let list = self.levels.iter().rposition(|level| matches!(level, Level::List { .. }));
        if let Some(list) = list {
            self.levels.truncate(list + 1); // An item that was never closed.
        }
        let marker = match self.levels.last_mut() {
            Some(Level::List { ordered: true, items }) => {
                *items += 1;
                format!("{items}. ")
            }
            _ => "- ".to_owned(),
        };
        self.levels.push(Level::Item { marker, written: false });
    }

    fn mark(&mut self, tag: &'static str, before: &'static str, after: Cow<'static, str>) {
        // Emphasis within the same emphasis, or a link in a link, would end the outer one.
        if !self.marks.iter().any(|mark| mark.tag == tag) {
            self.marks.push(Mark { tag, before, after, written: false });
        }
    }

    fn unmark(&mut self, tag: &str) {
        let Some(at) = self.marks.iter().rposition(|mark| mark.tag == tag) else { return };
        // Those within it that are still open go on behind it.
        for mark in self.marks.iter_mut().skip(at).rev().filter(|mark| mark.written) {
            self.out.push_str(&mark.after);
            mark.written = false;
        }
        self.marks.remove(at);
    }

    fn image(&mut self, attributes: Attributes<'_>) {
        let Some(to) = attribute(attributes, "src").and_then(|url| destination(&url)) else {
            return;
        };
        let alt = attribute(attributes, "alt").unwrap_or_default();
        self.raw(&format!("![{}]({to})", escape(&alt)));
    }

    fn code_span(&mut self) {
        let Some((_, text)) = self.code.take() else { return };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return self.owe(Gap::Space);
        }
        let fence = "`".repeat(longest_run(&text) + 1);
        let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        self.raw(&format!("{fence}{pad}{text}{pad}{fence}"));
    }

    fn code_block(&mut self) {
        let Some((_, text)) = self.code.take() else { return };
        let text = text.trim_matches('\n').trim_end();
        if text.is_empty() {
            return;
        }
        let fence = "`".repeat(longest_run(text).max(2) + 1);
        self.block(&format!("{fence}\n{text}\n{fence}"));
    }

    /// Lines of Markdown as they are; neither inline markup nor a heading may go around them.
    fn block(&mut self, lines: &str) {
        self.owe(Gap::Blank);
        let (marks, heading) = (std::mem::take(&mut self.marks), self.heading.take());
        for (number, line) in lines.split('\n').enumerate() {
            if number == 0 {
                self.flush();
            } else {
                self.new_line();
            }
            self.out.push_str(line);
        }
        self.owe(Gap::Blank);
        self.marks = marks;
        self.heading = heading.map(|(level, _)| (level, false));
    }

    /// Markdown as it is.
    fn raw(&mut self, markdown: &str) {
        self.flush();
        self.out.push_str(markdown);
        self.last = Some('x');
        self.digits_only = false;
    }

    fn text(&mut self, text: &str) {
        if let Some((_, code)) = &mut self.code {
            code.extend(text.chars().filter_map(|c| match c {
                '\n' => Some('\n'),
                '\t' => Some(' '),
                c if is_control(c) => None,
                c => Some(c),
            }));
            return;
        }
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c.is_whitespace() {
                self.owe(Gap::Space);
            } else if !is_control(c) {
                self.flush();
                if self.needs_escape(c, rest.as_str()) {
                    self.out.push('\\');
                }
                self.out.push(c);
                let starts = self.last == Some('\n') || self.last.is_none();
                self.digits_only = c.is_ascii_digit() && (starts || self.digits_only);
                self.last = Some(c);
            }
        }
    }

    fn needs_escape(&self, c: char, rest: &str) -> bool {
        let starts = matches!(self.last, None | Some('\n'));
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '$' | '^' => true,
            // Before the end of a piece, whatever comes next may complete it.
            '&' => {
                let name = |c: char| c.is_ascii_alphanumeric() || c == '#';
                let after = rest.trim_start_matches(name);
                after.is_empty() || (after.starts_with(';') && rest.starts_with(name))
            }
            '!' => rest.is_empty() || rest.starts_with('['),
            '#' => starts || self.heading.is_some(),
            '+' | '-' | '=' => starts,
            '.' => self.digits_only || (self.last == Some('w') && self.out.ends_with("www")),
            ')' => self.digits_only,
            // Bare addresses are links in some dialects.
            ':' => rest.is_empty() || rest.starts_with('/'),
            _ => false,
        }
    }

    /// Pays what is owed, then opens the marks that wait.
    fn flush(&mut self) {
        if self.out.is_empty() {
            self.prefix();
        } else {
            match self.gap {
                Gap::None => {}
                Gap::Space => {
                    self.out.push(' ');
                    self.last = Some(' ');
                    self.digits_only = false;
                }
                Gap::Break => {
                    self.out.push('\\');
                    self.new_line();
                }
                Gap::Line => self.new_line(),
                Gap::Blank => {
                    self.new_blank_line();
                    self.new_line();
                }
            }
        }
        self.gap = Gap::None;
        if let Some((level, written @ false)) = &mut self.heading {
            self.out.extend(std::iter::repeat_n('#', *level));
            self.out.push(' ');
            *written = true;
        }
        for mark in self.marks.iter_mut().filter(|mark| !mark.written) {
            self.out.push_str(mark.before);
            mark.written = true;
        }
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.prefix();
        self.last = Some('\n');
        self.digits_only = false;
    }

    /// Quotations go on in a blank line, or it would end them; those that begin only with the next line
    /// may as well begin here.
    fn new_blank_line(&mut self) {
        self.out.push('\n');
        let start = self.out.len();
        for level in self.levels.iter().take(DEEPEST) {
            match level {
                Level::Quote => self.out.push_str("> "),
                Level::List { .. } => {}
                Level::Item { marker, written: true } => {
                    self.out.extend(std::iter::repeat_n(' ', marker.len()));
                }
                Level::Item { written: false, .. } => break,
            }
        }
        let kept = self.out.get(start..).map_or(0, |prefix| prefix.trim_end().len());
        self.out.truncate(start + kept);
    }

    fn prefix(&mut self) {
        for level in self.levels.iter_mut().take(DEEPEST) {
            match level {
                Level::Quote => self.out.push_str("> "),
                Level::List { .. } => {}
                Level::Item { marker, written: true } => {
                    self.out.extend(std::iter::repeat_n(' ', marker.len()));
                }
                Level::Item { marker, written } => {
                    self.out.push_str(marker);
                    *written = true;
                }
            }
        }
    }

    fn finish(mut self) -> String {
        match self.code {
            Some((true, _)) => self.code_block(),
            Some((false, _)) => self.code_span(),
            None => {}
        }
        self.close_marks();
        self.out
    }
}

/// The gap around an element that is not handled by itself.
fn around(name: &str) -> Gap {
    match name {
        "p" | "div" | "figure" | "table" | "dl" | "dt" | "section" | "article" | "details"
        | "header" | "footer" | "aside" | "nav" | "center" | "main" | "address" | "figcaption"
        | "caption" | "summary" => Gap::Blank,
        "tr" | "dd" => Gap::Break,
        "td" | "th" => Gap::Space,
        _ => Gap::None,
    }
}

/// The value of an attribute, decoded.
fn attribute(attributes: Attributes<'_>, name: &str) -> Option<String> {
    Some(decode(attributes.raw(name)?, Context::Attribute).into_owned())
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests;

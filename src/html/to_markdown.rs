//! Sanitised HTML as Markdown (CommonMark 0.31), and plain text that stays plain in Markdown.
//!
//! Text is escaped, so that no text of a feed becomes markup, a link or HTML. Links, emphasis and lists of the HTML
//! are kept. The available converters do not escape untrusted text completely, and each brings a second HTML
//! parser.

use std::borrow::Cow;

use crate::html::blocks::{Blocks, Gap, Layout, Level, Page, walk};
use crate::html::chars::is_control;
use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{Attributes, Tag};

/// Quotations and lists that are nested deeper are written at this depth. Otherwise a malicious nesting would
/// repeat its prefix before every line.
const DEEPEST: usize = 12;

/// The levels of the headings above those of an article: document, day and article.
const HEADINGS_ABOVE: usize = 3;

/// Sanitised HTML as Markdown, without a line break at its end. The result is empty when nothing is visible.
/// Headings become levels 4 to 6. Only `http`, `https` and `mailto` addresses stay links.
pub fn html_to_markdown(sanitised: &str) -> String {
    let out = String::with_capacity(sanitised.len());
    let mut page = MarkdownPage { out, ..MarkdownPage::default() };
    walk(sanitised, &mut page);
    page.finish()
}

/// Plain text as one line of Markdown that is rendered as this text. White space is collapsed, control characters
/// (see [`is_control`]) are removed, and every character with a meaning in Markdown is escaped.
pub fn escape(text: &str) -> String {
    // Number signs are escaped as in a heading, because a row of them would end it.
    let mut page = MarkdownPage { heading: Some((0, true)), ..MarkdownPage::default() };
    page.text(text);
    page.out
}

/// An address as the destination of a link, escaped. `None` unless it is `http`, `https` or `mailto`.
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
struct MarkdownPage {
    out: String,
    blocks: Blocks,
    marks: Vec<Mark>,
    /// The level of the heading that is open, and whether its number signs were written.
    heading: Option<(usize, bool)>,
    /// The text of the open `<code>` or `<pre>`, and whether it is a block.
    code: Option<(bool, String)>,
    /// Whether the line has nothing but digits so far.
    digits_only: bool,
    /// The character before on this line; `\n` at its start.
    last: Option<char>,
}

impl Page for MarkdownPage {
    const LAYOUT: Layout = Layout {
        line_break: Gap::Break,
        part: Gap::Blank,
        row: Gap::Break,
        cell: Gap::Space,
        numbers_as_in_html: false,
        nests_without_item: false,
    };

    fn blocks(&mut self) -> &mut Blocks {
        &mut self.blocks
    }

    fn require(&mut self, gap: Gap) {
        if Gap::Break < gap {
            self.close_marks();
        }
        self.blocks.gap = self.blocks.gap.max(gap);
    }

    fn tag(&mut self, name: &str, tag: &Tag<'_>) -> bool {
        let (open, attributes) = (!tag.closing, tag.attributes);
        match (name, &self.code) {
            ("br", Some(_)) if open => self.text("\n"),
            ("pre", Some((true, _))) if tag.closing => self.code_block(),
            ("code" | "kbd" | "samp" | "tt", Some((false, _))) if tag.closing => self.code_span(),
            (_, Some(_)) => {}
            ("br", None) if self.heading.is_some() => self.require(Gap::Space),
            ("hr", None) if open => self.block("* * *"),
            ("pre", None) if open => {
                self.require(Gap::Blank);
                self.code = Some((true, String::new()));
            }
            ("code" | "kbd" | "samp" | "tt", None) => {
                self.code = open.then(|| (false, String::new()));
            }
            ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", None) => {
                self.require(Gap::Blank);
                let level = usize::from(name.as_bytes().get(1).map_or(1, |digit| digit - b'0'));
                self.heading = open.then(|| ((level + HEADINGS_ABOVE).min(6), false));
            }
            ("b" | "strong", None) => self.mark(open, "b", "**", "**".into()),
            ("i" | "em" | "cite", None) => self.mark(open, "i", "*", "*".into()),
            ("a", None) => {
                let to = attribute(attributes, "href").and_then(|url| destination(&url));
                if tag.closing || to.is_some() {
                    let after = to.map_or_else(String::new, |to| format!("]({to})"));
                    self.mark(open, "a", "[", after.into());
                }
            }
            ("img", None) if open => self.image(attributes),
            ("iframe" | "video" | "audio" | "source", None) => {
                let to = attribute(attributes, "src").and_then(|url| destination(&url));
                if let (Some(to), false) = (to, self.marks.iter().any(|mark| mark.tag == "a")) {
                    let what = if name == "audio" { "Audio" } else { "Video" };
                    self.raw(&format!("[{what}]({to})"));
                }
            }
            (_, None) => return false,
        }
        true
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
                self.require(Gap::Space);
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
}

impl MarkdownPage {
    fn close_marks(&mut self) {
        for mark in self.marks.iter_mut().rev().filter(|mark| mark.written) {
            self.out.push_str(&mark.after);
            mark.written = false;
        }
    }

    /// Opens or closes inline markup.
    fn mark(
        &mut self,
        open: bool,
        tag: &'static str,
        before: &'static str,
        after: Cow<'static, str>,
    ) {
        if !open {
            return self.unmark(tag);
        }
        // Emphasis within the same emphasis, or a link in a link, would end the outer one.
        if !self.marks.iter().any(|mark| mark.tag == tag) {
            self.marks.push(Mark { tag, before, after, written: false });
        }
    }

    fn unmark(&mut self, tag: &str) {
        let Some(at) = self.marks.iter().rposition(|mark| mark.tag == tag) else { return };
        // Inner markup that is still open is opened again after it.
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
            return self.require(Gap::Space);
        }
        // The fences of two spans without anything between them would be read as one longer fence.
        if self.last == Some('x') && self.out.ends_with('`') {
            self.require(Gap::Space);
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

    /// Writes lines of Markdown without escaping. Inline markup and headings are closed around them.
    fn block(&mut self, lines: &str) {
        self.require(Gap::Blank);
        let (marks, heading) = (std::mem::take(&mut self.marks), self.heading.take());
        for (number, line) in lines.split('\n').enumerate() {
            if number == 0 {
                self.flush();
            } else {
                self.new_line();
            }
            self.out.push_str(line);
        }
        self.require(Gap::Blank);
        self.marks = marks;
        self.heading = heading.map(|(level, _)| (level, false));
    }

    /// Writes Markdown without escaping.
    fn raw(&mut self, markdown: &str) {
        self.flush();
        self.out.push_str(markdown);
        self.last = Some('x');
        self.digits_only = false;
    }

    fn needs_escape(&self, c: char, rest: &str) -> bool {
        let starts = matches!(self.last, None | Some('\n'));
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '$' | '^' => true,
            // At the end of a text node the next node may complete the reference.
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
            // Some dialects turn bare addresses into links.
            ':' => rest.is_empty() || rest.starts_with('/'),
            _ => false,
        }
    }

    /// Writes the gap, then opens the inline markup that was not written yet.
    fn flush(&mut self) {
        if self.out.is_empty() {
            self.prefix();
        } else {
            match self.blocks.gap {
                Gap::None => {}
                Gap::Space | Gap::Cell => {
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
        self.blocks.gap = Gap::None;
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

    /// Starts a blank line. It repeats the marks of quotations, or it would end them. The marks of quotations that
    /// begin with the next line are written already here.
    fn new_blank_line(&mut self) {
        self.out.push('\n');
        let start = self.out.len();
        for level in self.blocks.levels.iter().take(DEEPEST) {
            match level {
                Level::Quote => self.out.push_str("> "),
                Level::List(_) => {}
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
        for level in self.blocks.levels.iter_mut().take(DEEPEST) {
            match level {
                Level::Quote => self.out.push_str("> "),
                Level::List(_) => {}
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

/// The value of an attribute, decoded.
fn attribute(attributes: Attributes<'_>, name: &str) -> Option<String> {
    Some(decode(attributes.raw(name)?, Context::Attribute).into_owned())
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests;

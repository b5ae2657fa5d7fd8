//! One pass over the tokens of HTML that writes only what is kept: known elements, known attributes, safe addresses.
//!
//! It repairs faults that would hide text. A browser hides the text after an `<iframe>`, `<svg>` or `<!--` that is not
//! closed, the text in a tag whose quotation mark is missing, and the text in `<![CDATA[` or after `<!`. In an
//! article this is text that its author meant to be read. Scripts and styles are never text.
//!
//! To build a tree is the most expensive step of a poll, and most articles do not need it, because their elements
//! nest so that the repair rules of HTML have nothing to do. So this pass also judges the [`Nesting`].

use std::ops::Range;

use url::Url;

use crate::html::chars::remove_controls;
use crate::html::entities::{Context, decode};
use crate::html::escape::{push_attribute, push_text};
use crate::html::recognise::Brackets;
use crate::html::sanitise::allow_list::{
    Element, FORMATTING, HIDDEN, Kind, RAW, element, kept_name,
};
use crate::html::sanitise::kept_value;
use crate::html::sanitise::lazy_images::{is_thin, sources};
use crate::html::to_text::{Markup, plain};
use crate::html::tokenizer::{Attributes, Token, Tokens, lower};

/// HTML that nests deeper is left to the tree.
const DEEPEST_WITHOUT_TREE: usize = 64;

/// The deepest nesting. Articles nest a few dozen elements. For many tags the tree builder searches all open
/// elements: half a megabyte of nested `<div>` takes it most of a minute.
const MAX_DEPTH: usize = 256;

/// The most elements that the tree builder may reopen, per tag. Correct HTML has few. 4 MB of `<p>` after 200
/// unclosed `<b>` would become gigabytes.
const REOPENED_PER_TAG: usize = 16;
/// As many elements may be reopened in addition, whatever the number of tags.
const REOPENED_ANYWAY: usize = 64_000;

/// How the elements of written HTML nest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    /// As the tags show it. The HTML is sanitised.
    Sound,
    /// As only a tree can tell.
    Doubtful,
    /// So that building a tree may take far more time or memory than usual.
    Excessive,
}

/// HTML of which only what is kept was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) html: String,
    pub(super) nesting: Nesting,
    /// How many links stand for what was embedded.
    pub(super) embeds: usize,
}

/// Writes the HTML that is kept. Fragments point into `page`, other relative addresses start from `base`.
pub(super) fn write(html: &str, base: &Url, page: &Url) -> Written {
    let mut writer = Writer {
        out: String::with_capacity(html.len() + html.len() / 8),
        base,
        page,
        open: Vec::new(),
        seen: Vec::new(),
        hidden: None,
        start_of_pre: None,
        nesting: Nesting::Sound,
        tags: 0,
        reopened: 0,
        in_link: false,
        in_noscript: false,
        last_image: None,
        picture: None,
        object: None,
        embeds: 0,
    };
    writer.markup(html);
    if writer.nesting == Nesting::Sound {
        // A parser ends what is open at the end.
        while let Some(open) = writer.open.last().copied() {
            if open == "picture" {
                writer.end_picture();
            }
            writer.open.pop();
            writer.out.extend(["</", open, ">"]);
        }
    }
    Written { html: writer.out, nesting: writer.nesting, embeds: writer.embeds }
}

pub(super) struct Writer<'a> {
    pub(super) out: String,
    pub(super) base: &'a Url,
    page: &'a Url,
    /// Once the nesting is doubtful, without the elements that others close.
    pub(super) open: Vec<&'static str>,
    /// The attributes of the current tag.
    pub(super) seen: Vec<&'static str>,
    hidden: Option<Hidden>,
    /// Where the content of the last `<pre>` begins in `out`.
    start_of_pre: Option<usize>,
    pub(super) nesting: Nesting,
    /// Tags, and elements that are reopened at them, since the nesting is doubtful.
    tags: usize,
    reopened: usize,
    pub(super) in_link: bool,
    pub(super) in_noscript: bool,
    pub(super) last_image: Option<Image>,
    pub(super) picture: Option<Picture>,
    pub(super) object: Option<Object>,
    /// How many links stand for what was embedded.
    pub(super) embeds: usize,
}

/// An image that was written.
pub(super) struct Image {
    /// Its place in the output.
    pub(super) place: Range<usize>,
    pub(super) address: String,
    /// Whether another attribute than `src` gave the address.
    pub(super) is_lazy: bool,
    pub(super) is_of_noscript: bool,
}

/// An open `<picture>`.
#[derive(Default)]
pub(super) struct Picture {
    /// The address of a source, and whether it is for small screens only.
    pub(super) source: Option<(String, bool)>,
    pub(super) has_image: bool,
}

/// An open `<object>`.
pub(super) struct Object {
    pub(super) address: Option<String>,
    pub(super) label: Option<String>,
    pub(super) is_image: bool,
    /// Where its content begins in the output.
    pub(super) start: usize,
    pub(super) depth: usize,
}

/// An open element that is left out with its content.
struct Hidden {
    name: &'static str,
    depth: usize,
    /// Whether a part of a drawing is HTML.
    holds_html: bool,
}

impl Writer<'_> {
    fn markup(&mut self, html: &str) {
        let mut tokens = Tokens::html(html);
        loop {
            let start = tokens.offset();
            let Some(token) = tokens.next() else { return };
            match token {
                Token::Text(text) if tokens.rest().is_empty() => self.text(without_cut_tag(text)),
                Token::Text(text) => self.text(text),
                Token::CData { text, .. } => self.markup(text),
                Token::Start { name, attributes, empty } => {
                    let before = html.get(..start).unwrap_or_default();
                    let tag = Brackets {
                        name,
                        attributes,
                        is_empty: empty,
                        before,
                        after: tokens.rest(),
                    };
                    if tag.may_be_text(|| self.is_in_code()) && !tokens.is_closed(&lower(name)) {
                        self.text(html.get(start..tokens.offset()).unwrap_or_default());
                    } else {
                        self.start_tag(&lower(name), attributes, empty, &mut tokens);
                    }
                }
                Token::End { name } => self.end_tag(&lower(name), &mut tokens),
                Token::Doctype(_) | Token::Hidden => {}
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        if is_plain(text) {
            let text = self.placed(text);
            self.out.push_str(text);
        } else {
            self.plain(&remove_controls(decode(text, Context::Text)));
        }
    }

    fn is_in_code(&self) -> bool {
        self.open.iter().any(|open| ["code", "pre", "kbd", "samp"].contains(open))
    }

    /// Writes text that is not markup.
    pub(super) fn plain(&mut self, text: &str) {
        let text = self.placed(text);
        push_text(&mut self.out, text);
    }

    /// Takes a text into account that is written next, and returns what is written of it.
    fn placed<'t>(&mut self, text: &'t str) -> &'t str {
        // A parser moves text that stands between the cells of a table out of the table.
        if self.is_between_cells() && text.contains(|c| !matches!(c, ' ' | '\n' | '\t')) {
            self.doubt();
        }
        // A browser drops the line break at the start of `<pre>`.
        let is_first = self.start_of_pre == Some(self.out.len());
        if is_first { text.trim_start_matches('\n') } else { text }
    }

    fn start_tag(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        empty: bool,
        tokens: &mut Tokens<'_>,
    ) {
        if let Some(hidden) = &mut self.hidden {
            hidden.depth += usize::from(name == hidden.name && !empty);
            hidden.holds_html |= name == "foreignobject";
            // An element of HTML ends a drawing that was not closed.
            let ends = hidden.name == "svg" && !hidden.holds_html && name != "a";
            if !ends || element(name).is_none() {
                return;
            }
            self.hidden = None;
        }
        let (written, name) = (name, alias(name, attributes));
        let is = |names: &[&'static str]| names.iter().copied().find(|known| *known == name);
        if name == "math" {
            self.formula(attributes, empty, tokens);
        } else if let Some(name) = is(&RAW) {
            self.raw(name, attributes, empty, tokens);
        } else if name == "noscript" {
            if let Some(inside) = tokens.skip_element(name, empty) {
                self.noscript(inside);
            }
        } else if let Some(name) = is(&HIDDEN) {
            if !empty && tokens.is_closed(name) {
                self.hidden = Some(Hidden { name, depth: 1, holds_html: false });
            }
        } else {
            if let Some(element) = element(name) {
                let is_cut = matches!(name, "audio" | "video") && !tokens.is_closed(written);
                let (start, depth) = (self.out.len(), self.open.len());
                self.element(element, attributes);
                if is_cut && self.source(start).is_some() {
                    self.end(element); // What follows is no message to browsers without players.
                } else if is_cut {
                    self.out.truncate(start);
                    self.open.truncate(depth);
                }
            }
            self.embedded(name, attributes, empty, tokens);
        }
    }

    fn end_tag(&mut self, name: &str, tokens: &mut Tokens<'_>) {
        if let Some(hidden) = &mut self.hidden {
            hidden.depth -= usize::from(name == hidden.name);
            if hidden.depth == 0 || !tokens.is_closed(hidden.name) {
                self.hidden = None;
            }
            return;
        }
        match name {
            "object" => self.end_object(),
            "picture" => self.end_picture(),
            _ => {}
        }
        let name = alias(name, Attributes::default());
        if let Some(element) = element(name) {
            self.end(element);
        }
    }

    /// Writes the end tag of an element that is kept.
    pub(super) fn end(&mut self, (name, kind, _): &Element) {
        if *kind == Kind::Frame || matches!(*name, "img" | "hr" | "wbr" | "source") {
            return; // A parser ignores it.
        }
        self.in_link &= *kind != Kind::Link;
        if *name == "p" && self.is_sound_outside("p") {
            // A parser reads the end of a paragraph that was not begun as an empty one.
            return self.out.push_str("<p></p>");
        }
        self.end_within(name, *kind);
        if *name == "table" && self.nesting == Nesting::Sound {
            // The end of a table is also the end of the group of rows in it.
            if let Some(rows) = self.open.pop_if(|open| matches!(*open, "tbody" | "thead")) {
                self.out.extend(["</", rows, ">"]);
            }
        }
        self.out.extend(["</", name, ">"]);
        if self.open.last() != Some(name) {
            self.doubt();
        }
        self.count_tag();
        // An end tag closes only the innermost element, so that misnested HTML counts as deeper than it is.
        // `<b><i></b></i>` is an exception and closes both.
        let second = self.open.len().checked_sub(2).filter(|_| FORMATTING.contains(name));
        if self.open.last() == Some(name) {
            self.open.pop();
        } else if let Some(second) = second.filter(|at| self.open.get(*at) == Some(name)) {
            self.open.swap_remove(second);
        }
    }

    /// Writes the start tag of an element that is kept.
    pub(super) fn element(&mut self, element: &Element, attributes: Attributes<'_>) {
        let (name, kind, _) = *element;
        self.end_before(name, kind);
        if name == "tr" && self.nesting == Nesting::Sound && self.open.last() == Some(&"table") {
            self.out.push_str("<tbody>"); // A parser adds it.
            self.open("tbody", Kind::Part(&["table"]));
        }
        let start = self.out.len();
        self.out.extend(["<", name]);
        self.seen.clear();
        let mut is_lazy = false;
        if matches!(name, "img" | "source" | "iframe" | "video" | "audio") {
            for (name, value) in sources(name, attributes) {
                value.inspect(|value| self.attribute(element, name, value));
                is_lazy |= !self.seen.is_empty();
            }
        }
        for (name, value) in attributes.iter() {
            self.attribute(element, name, value);
        }
        if !self.is_shown(element, attributes, start, is_lazy) {
            return self.out.truncate(start);
        }
        if kind == Kind::Link {
            self.in_link = true;
            self.out.push_str(" rel=\"noopener noreferrer\"");
        }
        self.out.push_str(if kind == Kind::Frame { "></iframe>" } else { ">" });
        self.open(name, kind);
    }

    pub(super) fn attribute(&mut self, element: &Element, name: &str, value: &str) {
        let Some(name) = kept_name(element, name).filter(|name| !self.seen.contains(name)) else {
            return;
        };
        if element.0 == "img" && is_thin(name, value) {
            return;
        }
        self.seen.push(name);
        let value = remove_controls(decode(value, Context::Attribute));
        let is_fragment = name == "href" && value.trim_start().starts_with('#');
        let base = if is_fragment { self.page } else { self.base };
        if let Some(kept) = kept_value(element.0, name, &value, base) {
            self.out.extend([" ", name, "=\""]);
            push_attribute(&mut self.out, &kept);
            self.out.push('"');
        }
    }

    /// Handles an element whose content is not markup.
    fn raw(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        empty: bool,
        tokens: &mut Tokens<'_>,
    ) {
        if name == "iframe" && !self.frame(attributes) {
            return; // Its content replaces a frame that is not shown.
        }
        match (name, tokens.skip_element(name, empty || name == "iframe")) {
            // The title of a whole page that was put into an article.
            ("title", Some(inside)) => {
                element("p").inspect(|element| self.element(element, Attributes::default()));
                self.text(inside);
                self.end_tag("p", tokens);
            }
            ("xmp", Some(inside)) => self.plain(inside),
            _ => {}
        }
    }

    /// Writes a formula as text: its description in words, or else its letters and signs.
    fn formula(&mut self, attributes: Attributes<'_>, empty: bool, tokens: &mut Tokens<'_>) {
        let inside = Some(tokens).filter(|_| !empty).and_then(|tokens| {
            let inside = tokens.skip_element("math", false)?;
            (!is_repeated_for_display(tokens.rest())).then_some(inside)
        });
        let Some(inside) = inside else { return };
        let words = attributes.raw("alttext").and_then(|words| plain(words, Markup::Doubtful));
        let shown = inside.split("<annotation").next().unwrap_or_default();
        if let Some(words) = words.or_else(|| plain(shown, Markup::Html)) {
            self.plain(&words);
        }
    }

    /// Writes the end tags of the innermost elements that the start of this element ends: a paragraph before a block, an
    /// item before the next one.
    fn end_before(&mut self, name: &str, kind: Kind) {
        if self.nesting != Nesting::Sound {
            return;
        }
        let siblings: &[&str] = match name {
            "li" => &["li"],
            "dd" | "dt" => &["dd", "dt"],
            _ => &[],
        };
        if !siblings.is_empty() || matches!(kind, Kind::Block | Kind::Heading | Kind::Rule) {
            self.end_innermost(&["p"]);
        }
        self.end_innermost(siblings);
    }

    /// Writes the end tags of paragraphs and items that the end of this element ends.
    fn end_within(&mut self, name: &str, kind: Kind) {
        if self.nesting != Nesting::Sound
            || !matches!(kind, Kind::Block | Kind::Heading | Kind::Part(_))
        {
            return;
        }
        let Some(at) = self.open.iter().rposition(|open| *open == name) else { return };
        let within = self.open.get(at + 1..).unwrap_or_default();
        if within.iter().all(|open| matches!(*open, "p" | "li" | "dd" | "dt")) {
            for open in self.open.drain(at + 1..).rev() {
                self.out.extend(["</", open, ">"]);
            }
        }
    }

    /// Writes the end tag of the innermost element if it is one of these.
    fn end_innermost(&mut self, names: &[&str]) {
        if let Some(open) = self.open.pop_if(|open| names.contains(open)) {
            self.out.extend(["</", open, ">"]);
        }
    }

    /// Whether the nesting is sound, and here text may be outside of this element.
    fn is_sound_outside(&self, name: &str) -> bool {
        self.nesting == Nesting::Sound && !self.open.contains(&name) && !self.is_between_cells()
    }

    /// Takes an element into account whose start tag was written.
    fn open(&mut self, name: &'static str, kind: Kind) {
        let is_open = |names: &[&str]| self.open.iter().any(|open| names.contains(open));
        let is_doubtful = self.nesting != Nesting::Sound
            || match kind {
                _ if self.is_between_cells() && !matches!(kind, Kind::Part(_)) => true,
                Kind::Block | Kind::Rule => is_open(&["p"]),
                Kind::Heading => is_open(&["p", "h1", "h2", "h3", "h4", "h5", "h6"]),
                Kind::Part(parents) => {
                    !self.open.last().is_some_and(|open| parents.contains(open)) || is_open(&["p"])
                }
                Kind::Link => is_open(&["a"]),
                Kind::Inline => {
                    FORMATTING.contains(&name)
                        && self.open.iter().filter(|open| **open == name).count() == 3
                }
                Kind::Void | Kind::Frame => false,
                Kind::Other => true,
            };
        if is_doubtful || DEEPEST_WITHOUT_TREE <= self.open.len() {
            self.doubt();
        }
        self.count_tag();
        let has_content = !matches!(kind, Kind::Void | Kind::Rule | Kind::Frame);
        if has_content && (self.nesting == Nesting::Sound || !closes_itself(name)) {
            self.open.push(name);
        }
        if name == "pre" {
            self.start_of_pre = Some(self.out.len());
        }
        if MAX_DEPTH < self.open.len() {
            self.nesting = Nesting::Excessive;
        }
    }

    /// Whether the innermost open element is a part of a table that holds no text.
    fn is_between_cells(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(*open, "table" | "tbody" | "thead" | "tr"))
    }

    fn doubt(&mut self) {
        if self.nesting == Nesting::Sound {
            self.nesting = Nesting::Doubtful;
            self.open.retain(|name| !closes_itself(name));
        }
    }

    /// Counts what the tree builder does at a tag.
    fn count_tag(&mut self) {
        if self.nesting == Nesting::Doubtful {
            self.tags += 1;
            self.reopened += self.open.iter().filter(|name| FORMATTING.contains(name)).count();
            if REOPENED_ANYWAY + REOPENED_PER_TAG * self.tags < self.reopened {
                self.nesting = Nesting::Excessive;
            }
        }
    }
}

/// The name of the element that an element is read as.
fn alias<'a>(name: &'a str, attributes: Attributes<'_>) -> &'a str {
    match name {
        "image" => "img", // As a browser reads it.
        "amp-video" => "video",
        "amp-audio" => "audio",
        name if name.ends_with("-img") || matches!(name, "amp-anim" | "amp-image") => {
            if attributes.raw("placeholder").is_some() { name } else { "img" }
        }
        name => name,
    }
}

/// Whether the end of its parent or the start of a sibling closes an element.
fn closes_itself(name: &str) -> bool {
    matches!(
        name,
        "p" | "li"
            | "dt"
            | "dd"
            | "tr"
            | "td"
            | "th"
            | "tbody"
            | "thead"
            | "tfoot"
            | "a"
            | "col"
            | "colgroup"
            | "area"
            | "br"
    )
}

/// Whether it is certain that a text stays as it is: without references, controls, and characters that are escaped.
fn is_plain(text: &str) -> bool {
    // 0xC2 and 0xE2 are the first bytes of controls and of the no-break space.
    let may_change = |b: u8| {
        b.is_ascii_control() && !matches!(b, b'\n' | b'\t')
            || matches!(b, b'&' | b'<' | b'>' | 0xC2 | 0xE2)
    };
    // The loop has no branch, so that the compiler makes it compare many bytes at once.
    !text.bytes().fold(false, |found, b| found | may_change(b))
}

/// The last text of HTML without the tag that was cut off together with the text after it.
fn without_cut_tag(text: &str) -> &str {
    let (before, last) = text.split_at(text.rfind('<').unwrap_or(text.len()));
    let name = last.get(1..).unwrap_or_default();
    let name = name.strip_prefix('/').unwrap_or(name);
    let is_tag = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.contains('>')
        && (!name.contains(char::is_whitespace) || name.contains('='));
    if is_tag { before } else { text }
}

/// Whether a formula is followed by the same formula as an image or as styled text. Screen readers skip it
/// because it is `aria-hidden` (`KaTeX`, `MediaWiki`).
fn is_repeated_for_display(after: &str) -> bool {
    let mut rest = after.trim_start();
    while let Some(end) = rest.strip_prefix("</") {
        rest = end.split_once('>').map_or("", |(_, rest)| rest).trim_start();
    }
    let tag = rest.strip_prefix('<').and_then(|tag| tag.get(..=tag.find('>')?));
    let attributes = tag.and_then(|tag| tag.get(tag.find(|c: char| !c.is_ascii_alphanumeric())?..));
    attributes.is_some_and(|attributes| {
        Attributes(attributes).raw("aria-hidden").is_some_and(|value| value != "false")
    })
}

#[cfg(test)]
mod tests;

//! The blocks of sanitised HTML: paragraphs, quotations, lists and tables, and the gaps between them.
//!
//! Plain text and Markdown are both written by [`walk`]. They differ in their [`Layout`], in what they write at
//! the start of a line, and in the elements that each of them handles itself.

use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{HtmlToken, HtmlTokens, Tag};

/// What must be written before the next visible character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    #[default]
    None,
    Space,
    /// The border between two cells of a table.
    Cell,
    /// A line break inside a paragraph.
    Break,
    /// A new line, such as that of the next list item.
    Line,
    /// A blank line.
    Blank,
}

/// An element that changes the start of each line in it.
#[derive(Debug)]
pub(super) enum Level {
    Quote,
    /// The number of the next item; `None` when the items have no numbers.
    List(Option<i64>),
    /// The marker of a list item, and whether it was written.
    Item {
        marker: String,
        written: bool,
    },
}

impl Level {
    fn kind(&self) -> usize {
        match self {
            Self::Quote => QUOTE,
            Self::List(_) => LIST,
            Self::Item { .. } => ITEM,
        }
    }
}

const QUOTE: usize = 0;
const LIST: usize = 1;
const ITEM: usize = 2;

/// The rules in which two formats differ.
pub(super) struct Layout {
    /// The gap of one `<br>`. A second `<br>` makes a blank line.
    pub(super) line_break: Gap,
    /// The gap around a block that usually is part of a larger one, such as `<div>`.
    pub(super) part: Gap,
    /// The gap around a table row or the description of a term.
    pub(super) row: Gap,
    /// The gap before a table cell.
    pub(super) cell: Gap,
    /// Whether items are numbered as in HTML: from `start` and `value`, and only when something in them is
    /// visible. Otherwise each list counts its items from 1, and [`walk`] writes the markers.
    pub(super) numbers_as_in_html: bool,
    /// Whether a list is nested in every list around it. Otherwise only an item makes a list a nested one.
    pub(super) nests_without_item: bool,
}

/// The gap and the levels at the current place.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) gap: Gap,
    /// From the outermost to the innermost.
    pub(super) levels: Vec<Level>,
    /// How many levels there are of each kind.
    open: [usize; 3],
    /// The fewest quotations that were open since the last visible character.
    pub(super) common_quotes: usize,
}

impl Blocks {
    pub(super) fn quotes(&self) -> usize {
        self.open[QUOTE]
    }

    /// Whether an item has begun of which nothing is visible yet.
    fn is_at_item_start(&self) -> bool {
        matches!(self.levels.last(), Some(Level::Item { written: false, .. }))
    }

    fn enter(&mut self, level: Level) {
        self.open[level.kind()] += 1;
        self.levels.push(level);
    }

    /// Ends the innermost level of a kind, and all levels in it.
    fn leave(&mut self, kind: usize) {
        if self.open[kind] == 0 {
            return;
        }
        while let Some(level) = self.levels.pop() {
            self.open[level.kind()] -= 1;
            if level.kind() == kind {
                break;
            }
        }
        self.common_quotes = self.common_quotes.min(self.quotes());
    }
}

/// A document of one format that is being written.
pub(super) trait Page {
    const LAYOUT: Layout;

    fn blocks(&mut self) -> &mut Blocks;

    /// Writes text, in which references are resolved.
    fn text(&mut self, text: &str);

    /// Handles a tag. Returns whether it did; otherwise [`walk`] handles it as that of a block.
    fn tag(&mut self, name: &str, tag: &Tag<'_>) -> bool;

    /// Requires at least this gap before the next visible character.
    fn require(&mut self, gap: Gap) {
        let blocks = self.blocks();
        blocks.gap = blocks.gap.max(gap);
    }
}

/// Writes sanitised HTML to a page. Comments, scripts and styles are skipped.
pub(super) fn walk<P: Page>(html: &str, page: &mut P) {
    for token in HtmlTokens::new(html) {
        match token {
            HtmlToken::Text(text) => page.text(&decode(text, Context::Text)),
            HtmlToken::Tag(tag) => {
                let name = tag.lower_name();
                if !page.tag(&name, &tag) {
                    block(page, &name, &tag);
                }
            }
            HtmlToken::Hidden => {}
        }
    }
}

fn block<P: Page>(page: &mut P, name: &str, tag: &Tag<'_>) {
    match name {
        "br" => {
            let (one, gap) = (P::LAYOUT.line_break, page.blocks().gap);
            page.require(if gap < one { one } else { Gap::Blank });
        }
        "ul" | "ol" => list(page, name, tag),
        "li" => {
            page.require(Gap::Line);
            if tag.closing {
                page.blocks().leave(ITEM);
            } else {
                item::<P>(page.blocks(), tag);
            }
        }
        "blockquote" => {
            page.require(Gap::Blank);
            if tag.closing {
                page.blocks().leave(QUOTE);
            } else {
                page.blocks().enter(Level::Quote);
            }
        }
        // A paragraph at the start of an item begins on the item's line.
        "p" if !tag.closing && page.blocks().is_at_item_start() => {}
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "figure" | "table" | "hr" | "dl"
        | "section" | "article" | "details" => page.require(Gap::Blank),
        "div" | "dt" | "figcaption" | "caption" | "summary" | "header" | "footer" | "aside"
        | "nav" | "center" | "main" | "address" => page.require(P::LAYOUT.part),
        "tr" | "dd" => page.require(P::LAYOUT.row),
        "td" | "th" if tag.closing => page.require(Gap::Space),
        "td" | "th" => page.require(P::LAYOUT.cell),
        _ => {}
    }
}

fn list<P: Page>(page: &mut P, name: &str, tag: &Tag<'_>) {
    let blocks = page.blocks();
    if tag.closing {
        blocks.leave(LIST);
    }
    let nested = 0 < blocks.open[ITEM] || P::LAYOUT.nests_without_item && 0 < blocks.open[LIST];
    page.require(if nested { Gap::Line } else { Gap::Blank });
    if !tag.closing {
        let as_in_html = P::LAYOUT.numbers_as_in_html;
        let has_numbers = name == "ol" && !(as_in_html && tag.attributes.raw("reversed").is_some());
        let start = integer(tag, "start").filter(|_| as_in_html).unwrap_or(1);
        page.blocks().enter(Level::List(has_numbers.then_some(start)));
    }
}

fn item<P: Page>(blocks: &mut Blocks, tag: &Tag<'_>) {
    if 0 < blocks.open[LIST] {
        // The item before this one may not have been closed.
        while blocks.levels.last().is_some_and(|level| level.kind() != LIST) {
            blocks.leave(blocks.levels.last().map_or(ITEM, Level::kind));
        }
    }
    let mut marker = String::new();
    let next = match blocks.levels.last_mut() {
        Some(Level::List(next)) => next,
        _ => &mut None,
    };
    if !P::LAYOUT.numbers_as_in_html {
        marker = next_marker(next);
    } else if let (Some(next), Some(value)) = (next, integer(tag, "value")) {
        *next = value;
    }
    blocks.enter(Level::Item { marker, written: false });
}

/// The marker of the next item of a list.
pub(super) fn next_marker(next: &mut Option<i64>) -> String {
    let Some(number) = next else { return "- ".to_owned() };
    let marker = format!("{number}. ");
    *number = number.saturating_add(1);
    marker
}

/// The value of an attribute that is a whole number.
fn integer(tag: &Tag<'_>, attribute: &str) -> Option<i64> {
    tag.attributes.raw(attribute)?.trim().parse().ok()
}

//! The lines below the title: standfirst, byline, date and counters, up to the first paragraph.

use dom_query::NodeRef;

use crate::article_page::tree::lines_after;
use crate::feed::normalise::furniture::{date_in, is_byline, is_furniture, normal};

/// The lines between the title and the text.
pub(super) struct Head<'a> {
    /// The heading that is the title.
    pub(super) heading: Option<NodeRef<'a>>,
    pub(super) lines: Vec<(NodeRef<'a>, String)>,
    /// Where the first line is that dates or counts.
    pub(super) furniture: Option<usize>,
}

impl<'a> Head<'a> {
    /// Reads the lines that follow a heading with the text `title`.
    pub(super) fn after(heading: Option<&NodeRef<'a>>, title: &str) -> Self {
        /// Lines that are examined.
        const LINES: usize = 12;
        let title = normal(title);
        let lines = heading.map(|heading| lines_after(heading, LINES)).unwrap_or_default();
        let lines: Vec<_> = lines.into_iter().filter(|(_, text)| normal(text) != title).collect();
        let furniture = lines.iter().position(|(_, text)| {
            is_furniture(text) || is_short(text) && date_in(text, false).is_some()
        });
        Self { heading: heading.copied(), lines, furniture }
    }

    /// The single sentence between the title and the date, if there is one.
    pub(super) fn before_furniture(&self) -> Option<&(NodeRef<'a>, String)> {
        let before = self.lines.get(..self.furniture?)?;
        let mut said = before.iter().filter(|(_, text)| !is_byline(text) && is_sentence(text));
        said.next().filter(|_| said.next().is_none())
    }
}

fn is_short(text: &str) -> bool {
    text.chars().count() < 100
}

/// Whether a line says something, and is not a label or a name.
pub(super) fn is_sentence(text: &str) -> bool {
    6 <= text.split_whitespace().count()
        || 18 <= text.chars().filter(|c| c.is_alphanumeric() && !c.is_ascii()).count()
            && text.split_whitespace().count() <= 3
}

//! The entries of one document, with a bound on what they hold together.

use crate::feed::parse::model::ParsedEntry;

/// Links, authors, categories and files of one document before its entries keep a few of each only. A
/// category of 20 bytes in the document takes 200 bytes in memory.
pub(super) const MAX_PARTS: usize = 100_000;

const FEW_PARTS: usize = 3;

#[derive(Debug, Default)]
pub(super) struct EntryList {
    entries: Vec<ParsedEntry>,
    parts: usize,
}

impl EntryList {
    pub(super) fn push(&mut self, mut parsed: ParsedEntry) {
        let ParsedEntry { entry, extension } = &mut parsed;
        self.parts += entry.links.len() + entry.authors.len() + entry.categories.len();
        self.parts += extension.files.len();
        if MAX_PARTS < self.parts {
            entry.links.truncate(FEW_PARTS);
            entry.authors.truncate(FEW_PARTS);
            entry.categories.truncate(FEW_PARTS);
            extension.files.truncate(FEW_PARTS);
        }
        self.entries.push(parsed);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn into_entries(self) -> Vec<ParsedEntry> {
        self.entries
    }
}

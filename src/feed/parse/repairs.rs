//! The repairs that a document needed, counted by kind.

use crate::domain::poll::RepairCount;

/// The kind of repair of a document that breaks off.
pub(in crate::feed) const TRUNCATED: &str = "truncated";

/// A kind of damage to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// A label names another encoding than the bytes are in.
    Label,
    /// Bytes that are not text, or characters that no XML document may hold.
    Bytes,
    /// Text or other elements before the root element.
    Junk,
    /// An `&` that does not begin a reference.
    Ampersand,
    /// A `<` that does not open a tag.
    Markup,
    /// An element without end tag, or an end tag without element.
    Unclosed,
    /// A prefix that is not bound to a namespace.
    Namespace,
    /// The document breaks off: its root is not closed.
    Truncated,
    /// The document is deeper, or has more children or items, than is read.
    Limit,
    /// A date that could not be read.
    Date,
    /// The syntax of a JSON document.
    Json,
    /// A JSON value of another type than the format has.
    Type,
}

impl Repair {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Label, "label"),
        (Self::Bytes, "bytes"),
        (Self::Junk, "junk"),
        (Self::Ampersand, "amp"),
        (Self::Markup, "lt"),
        (Self::Unclosed, "unclosed"),
        (Self::Namespace, "namespace"),
        (Self::Truncated, TRUNCATED),
        (Self::Limit, "limit"),
        (Self::Date, "date"),
        (Self::Json, "json"),
        (Self::Type, "type"),
    ];
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Repairs([u32; Repair::ALL.len()]);

impl Repairs {
    pub(super) fn add(&mut self, repair: Repair, count: u32) {
        if let Some(slot) = self.0.get_mut(repair as usize) {
            *slot = slot.saturating_add(count);
        }
    }

    /// The kinds that occurred.
    pub(super) fn counts(self) -> Vec<RepairCount> {
        let kinds = Repair::ALL.iter().zip(self.0);
        kinds
            .filter(|(_, count)| 0 < *count)
            .map(|((_, kind), count)| RepairCount { kind, count })
            .collect()
    }
}

//! What had to be mended in a document, counted by kind.

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// A label names another encoding than the bytes are in.
    Label,
    /// Bytes that are no text, characters that no document may hold.
    Bytes,
    /// Text or other elements before the root element.
    Junk,
    /// `&` that begins no reference.
    Ampersand,
    /// `<` that opens no tag.
    Markup,
    /// An element that nothing closes, or an end tag too many.
    Unclosed,
    /// A prefix that is bound to nothing.
    Namespace,
    /// The document ends inside an element.
    Truncated,
    /// More depth, children or items than are read.
    Limit,
    /// A date that cannot be read.
    Date,
    /// A JSON value of another type than the format has.
    Type,
}

impl Repair {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Label, "label"),
        (Self::Bytes, "bytes"),
        (Self::Junk, "junk"),
        (Self::Ampersand, "amp"),
        (Self::Markup, "lt"),
        (Self::Unclosed, "unclosed"),
        (Self::Namespace, "namespace"),
        (Self::Truncated, "truncated"),
        (Self::Limit, "limit"),
        (Self::Date, "date"),
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

    /// Those that occurred, by name.
    pub(super) fn named(self) -> Vec<(&'static str, u32)> {
        let names = Repair::ALL.iter().map(|(_, name)| *name);
        names.zip(self.0).filter(|(_, count)| 0 < *count).collect()
    }
}

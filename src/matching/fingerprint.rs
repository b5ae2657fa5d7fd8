//! Exact fingerprints of what an entry says: they find an article again when its feed comes from another program, with
//! other GUIDs and links.

use xxhash_rust::xxh3::Xxh3;

use crate::matching::words::for_each_word;

/// Hashes of the words of an entry. Markup, white space, letter case and typography make no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of title and text; `None` without text.
    pub content: Option<u64>,
    /// Of the title alone; `None` without title.
    pub title: Option<u64>,
}

impl Fingerprint {
    /// `text` is the plain text of the content, else of the summary.
    pub fn of(title: Option<&str>, text: Option<&str>) -> Self {
        let mut hasher = Xxh3::new();
        let has_title = 0 < feed(&mut hasher, title.unwrap_or_default());
        let title = has_title.then(|| hasher.digest());
        hasher.update(b"\n");
        let has_text = 0 < feed(&mut hasher, text.unwrap_or_default());
        Self { content: has_text.then(|| hasher.digest()), title }
    }
}

/// Hashes the words of a text, and returns their number.
fn feed(hasher: &mut Xxh3, text: &str) -> usize {
    let mut count = 0;
    for_each_word(text, |word| {
        hasher.update(word.as_bytes());
        hasher.update(b" ");
        count += 1;
        true
    });
    count
}

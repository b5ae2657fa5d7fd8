//! Exact fingerprints of what an entry says: they find an article again when its feed comes from another program, with
//! other GUIDs and links.

use xxhash_rust::xxh3::xxh3_64;

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
        let mut words = String::new();
        let has_title = push_words(&mut words, title.unwrap_or_default());
        let title = has_title.then(|| xxh3_64(words.as_bytes()));
        words.push('\n');
        let has_text = push_words(&mut words, text.unwrap_or_default());
        Self { content: has_text.then(|| xxh3_64(words.as_bytes())), title }
    }
}

/// Appends the words of a text, each with a space. Returns whether there are any.
fn push_words(out: &mut String, text: &str) -> bool {
    let before = out.len();
    for_each_word(text, |word| {
        out.push_str(word);
        out.push(' ');
        true
    });
    before < out.len()
}

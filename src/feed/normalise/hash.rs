//! The content hash: a hash of everything that is stored of an entry. Whether a change of it is an edit is decided in
//! [`edit`](super::edit).

use xxhash_rust::xxh3::Xxh3;

use crate::domain::article::{ArticleDraft, ContentHash};

/// Raise it when the hash is computed in another way: then every article that is in a feed is stored again.
const HASH_VERSION: u8 = 2;

/// Absent fields are not hashed, so that a field that is added later changes no hash.
pub fn content_hash(draft: &ArticleDraft) -> ContentHash {
    fn text(number: Option<impl ToString>) -> Option<String> {
        number.map(|number| number.to_string())
    }
    let mut hasher = Xxh3::new();
    hasher.update(&[HASH_VERSION]);
    let mut field = |tag: u8, text: Option<&str>| {
        if let Some(text) = text {
            hasher.update(&[tag]);
            hasher.update(&text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        }
    };
    field(1, draft.title.as_deref());
    field(2, draft.summary.as_deref());
    field(3, draft.content_html.as_deref());
    field(4, draft.url.as_deref());
    field(5, draft.external_url.as_deref());
    field(6, draft.image.as_deref());
    for author in &draft.authors {
        field(7, author.name.as_deref());
        field(8, author.url.as_deref());
        field(9, author.email.as_deref());
    }
    for tag in &draft.tags {
        field(10, Some(tag));
    }
    for attachment in &draft.attachments {
        field(11, Some(&attachment.url));
        field(12, attachment.mime_type.as_deref());
        field(14, attachment.title.as_deref());
        field(15, text(attachment.size_in_bytes).as_deref());
        field(16, text(attachment.duration_in_seconds).as_deref());
    }
    field(13, draft.language.as_deref());
    field(17, text(draft.published.map(|at| at.timestamp())).as_deref());
    field(18, text(draft.modified.map(|at| at.timestamp())).as_deref());
    let podcast = draft.podcast.as_ref().and_then(|podcast| serde_json::to_string(podcast).ok());
    field(19, podcast.as_deref());
    ContentHash(hasher.digest())
}

//! What feed-rs alone reads of a document, and where our readers differ from it.
//!
//! Both results go through the same normalisation, so only differences that a user would notice are left.
//! [`Reason`] lists the kinds that are intended. The differential test fails on any other difference: until
//! somebody has looked at it, it is a fault of ours.

use url::Url;

use crate::domain::article::ArticleDraft;
use crate::domain::poll::KeyPolicy;
use crate::domain::time::{Timestamp, rfc3339};
use crate::feed::charset::{decide, fix_mojibake};
use crate::feed::normalise::entries;
use crate::feed::parse::model::{FeedType, ParsedFeed};
use crate::feed::parse::reference::parse_with_feed_rs;
use crate::feed::parse::{NotAFeed, parse};
use crate::html::to_text::{Markup, plain};

/// Why we read something else than feed-rs does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// feed-rs reads no value: it does not know the element, its namespace, the form of a date.
    NotRead,
    /// feed-rs reads some of the names in a list: it does not know all elements that hold them.
    PartlyRead,
    /// The text is UTF-8 that was decoded as windows-1252 and encoded once more. feed-rs leaves it so.
    Mojibake,
    /// The texts differ in other characters than ASCII letters and digits: feed-rs leaves named character
    /// references, undecodable bytes and escaped markup in place.
    Characters,
    /// Several entries have the same link, as with `<link href="">`, which is the address of the document.
    /// We take the GUID, which is an address.
    SharedLink,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRead => "feed-rs does not read this value",
            Self::PartlyRead => "feed-rs reads some of these names",
            Self::Mojibake => "UTF-8 encoded twice, which feed-rs leaves so",
            Self::Characters => "character references or markup, which feed-rs leaves so",
            Self::SharedLink => "one link for several entries; the GUID is the address",
        }
    }
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The position of the entry among ours, from 1.
    pub entry: usize,
    pub field: &'static str,
    /// Empty when there is none.
    pub reference: String,
    /// Empty when there is none.
    pub ours: String,
    pub reason: Option<Reason>,
}

/// The results for one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What feed-rs reads, or why it reads nothing.
    pub reference: Result<Vec<ArticleDraft>, String>,
    /// What our readers read, or why they read nothing.
    pub ours: Result<Vec<ArticleDraft>, NotAFeed>,
    pub differences: Vec<Difference>,
}

/// Reads a document with both parsers and compares what they read.
pub fn compare(body: &[u8], base: &Url, content_type: Option<&str>, now: Timestamp) -> Comparison {
    let drafts = |mut feed: ParsedFeed| -> Vec<ArticleDraft> {
        // They would stand in for the authors of an entry. feed-rs copies those of a JSON Feed.
        if feed.feed.feed_type != FeedType::JSON {
            feed.feed.authors.clear();
        }
        let entries = entries(&feed, base, KeyPolicy::Trusting, usize::MAX, now);
        entries.into_iter().filter_map(|entry| entry.draft).collect()
    };
    let reference = parse_with_feed_rs(body).map(drafts);
    let ours = parse(body, base, decide(body, content_type), content_type).map(drafts);
    let differences = match (&reference, &ours) {
        (Ok(reference), Ok(ours)) => differences(reference, ours),
        _ => Vec::new(),
    };
    Comparison { reference, ours, differences }
}

fn differences(reference: &[ArticleDraft], ours: &[ArticleDraft]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut rest = reference.iter();
    let is_shared = |url: &Option<String>| {
        reference.iter().filter(|draft| draft.url.is_some() && draft.url == *url).nth(1).is_some()
    };
    for (n, our) in ours.iter().enumerate() {
        // feed-rs loses entries in some documents, but it never changes their order.
        let their = if reference.len() == ours.len() {
            rest.next()
        } else {
            rest.clone().position(|their| is_same(their, our)).and_then(|at| rest.nth(at))
        };
        let Some(their) = their else { continue };
        for ((field, theirs), (_, ours)) in fields(their).into_iter().zip(fields(our)) {
            if theirs != ours {
                let is_guid = our.guid.as_ref() == ours.first();
                let reason = if field == "link" && is_guid && is_shared(&their.url) {
                    Some(Reason::SharedLink)
                } else {
                    reason(&theirs, &ours)
                };
                let (reference, ours) = (theirs.join(", "), ours.join(", "));
                found.push(Difference { entry: n + 1, field, reference, ours, reason });
            }
        }
    }
    found
}

fn is_same(a: &ArticleDraft, b: &ArticleDraft) -> bool {
    match (&a.guid, &b.guid) {
        (Some(a), Some(b)) => a == b,
        _ if a.url.is_some() => a.url == b.url,
        _ => a.title == b.title,
    }
}

/// The fields that are compared; each has a list of values.
fn fields(draft: &ArticleDraft) -> [(&'static str, Vec<String>); 8] {
    let text = |text: &Option<String>| text.clone().into_iter().collect();
    let date = |date: Option<Timestamp>| date.map(rfc3339).into_iter().collect();
    let authors = draft.authors.iter().map(|author| {
        let parts = [&author.name, &author.email, &author.url];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    });
    let has_text = draft.content_html.is_some() || draft.summary.is_some();
    [
        ("title", text(&draft.title)),
        ("link", text(&draft.url)),
        ("id", text(&draft.guid)),
        ("published", date(draft.published)),
        ("modified", date(draft.modified)),
        ("authors", authors.collect()),
        ("categories", draft.tags.clone()),
        ("text", has_text.then(|| "present".to_owned()).into_iter().collect()),
    ]
}

fn reason(reference: &[String], ours: &[String]) -> Option<Reason> {
    let same =
        |change: fn(&String) -> String| reference.iter().map(change).eq(ours.iter().map(change));
    if reference.is_empty() {
        Some(Reason::NotRead)
    } else if reference.len() < ours.len() && reference.iter().all(|known| ours.contains(known)) {
        Some(Reason::PartlyRead)
    } else if same(|text| fix_mojibake(text.clone())) {
        Some(Reason::Mojibake)
    } else if same(|text| visible_letters(text)) {
        Some(Reason::Characters)
    } else {
        None
    }
}

/// The ASCII letters and digits of a text, without tags and character references.
fn visible_letters(text: &str) -> String {
    let text = plain(text, Markup::Html).unwrap_or_default();
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests;

//! From a feed as its document has it to articles as the store keeps them: one rule a file.

pub mod authors;
pub mod double_escaped;
pub mod furniture;
pub mod hash;
pub mod identity;
pub mod language;
pub mod links;
pub mod media;
pub mod tags;
pub mod tracking;

use std::borrow::Cow;

use url::Url;

use crate::domain::article::{ArticleDraft, ArticleKey, ContentHash};
use crate::domain::feed::FeedMeta;
use crate::domain::poll::KeyPolicy;
use crate::domain::time::Timestamp;
use crate::feed::dates;
use crate::feed::normalise::identity::Identity;
use crate::feed::parse::model::{ParsedEntry, ParsedFeed, Text, TextKind};
use crate::html::chars;
use crate::html::sanitise;
use crate::html::sanitise::{SanitisedHtml, Sanitiser};
use crate::html::to_text::{self, Markup};

/// A description without any content beside it is both: the content, and when it is this short
/// (characters) the standfirst as well.
const STANDFIRST: usize = 500;

/// Titles and summaries are cut here (characters): they stand in lists. Microblogs put a whole post into
/// the title, some thousand at most.
const LONGEST_LINE: usize = 10_000;

/// An entry, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    pub key: ArticleKey,
    /// `None` for an entry beyond the limit.
    pub draft: Option<ArticleDraft>,
}

/// What a feed says about itself. `base` is where the document came from.
pub fn meta(feed: &ParsedFeed, base: &Url) -> FeedMeta {
    FeedMeta {
        title: feed.title.as_ref().and_then(line),
        home_page_url: links::home_page(&feed.links, base),
        description: feed.description.as_ref().and_then(line),
        language: feed.language.as_deref().and_then(language::language),
    }
}

/// One for each entry, in document order. Of more than `max_entries`, the newest become drafts.
pub fn entries(
    feed: &ParsedFeed,
    base: &Url,
    policy: KeyPolicy,
    max_entries: usize,
    now: Timestamp,
) -> Vec<Normalised> {
    let base = feed
        .base
        .as_deref()
        .filter(|own| own.len() <= links::LONGEST_BASE)
        .and_then(|own| base.join(own.trim()).ok())
        .unwrap_or_else(|| base.clone());
    let wanted = newest(&feed.entries, max_entries, now);
    let mut sanitiser = Sanitiser::new(&base);
    let mut normalised = Vec::with_capacity(feed.entries.len());
    for (entry, wanted) in feed.entries.iter().zip(wanted) {
        let entry_base = links::base_of(entry, &base);
        if *sanitiser.base() != entry_base {
            sanitiser = Sanitiser::new(&entry_base);
        }
        let mut draft = outline(feed, entry, &entry_base, now);
        if wanted {
            fill(&mut draft, entry, &sanitiser);
        }
        identify(&mut draft, policy);
        normalised.push(Normalised { key: draft.key, draft: wanted.then_some(draft) });
    }
    normalised
}

/// Gives a draft the keys of a policy.
pub fn identify(draft: &mut ArticleDraft, policy: KeyPolicy) {
    let (key, former) = Identity::of(draft).keys(policy);
    draft.key = key;
    draft.former_key = former;
}

/// Which entries are among the newest: by date if all have one, else by their place in the document.
fn newest(entries: &[ParsedEntry], limit: usize, now: Timestamp) -> Vec<bool> {
    if entries.len() <= limit {
        return vec![true; entries.len()];
    }
    let date =
        |entry: &ParsedEntry| dates::published_and_modified(entry.published, entry.updated, now).0;
    let mut order: Vec<(usize, Option<Timestamp>)> = entries.iter().map(date).enumerate().collect();
    if order.iter().all(|(_, date)| date.is_some()) {
        order.sort_by_key(|(_, date)| std::cmp::Reverse(*date));
    }
    let mut wanted = vec![false; entries.len()];
    for (n, _) in order.into_iter().take(limit) {
        if let Some(slot) = wanted.get_mut(n) {
            *slot = true;
        }
    }
    wanted
}

/// All that is cheap, and all that a key is made of except the content.
fn outline(feed: &ParsedFeed, entry: &ParsedEntry, base: &Url, now: Timestamp) -> ArticleDraft {
    let (published, modified) = dates::published_and_modified(entry.published, entry.updated, now);
    // As the feed has it, but for what no reader sees and a terminal obeys.
    let guid = entry.guid.as_deref().map(chars::without_controls);
    let guid = guid.as_deref().map(str::trim).filter(|guid| !guid.is_empty());
    let inherited = || feed.language.as_deref().and_then(language::language);
    let language = match entry.language.as_deref().map(str::trim) {
        Some("") => None, // Said to be in none.
        own => own.and_then(language::language).or_else(inherited),
    };
    ArticleDraft {
        key: ArticleKey(0),
        former_key: None,
        hash: ContentHash(0),
        guid: guid.map(ToOwned::to_owned),
        url: links::article_url(entry, base).map(tracking::without),
        external_url: links::external_url(entry, base),
        title: entry.title.as_ref().and_then(line),
        summary: None,
        content_html: None,
        image: None,
        authors: authors::authors(&entry.authors, &feed.authors, base),
        tags: tags::tags(&entry.tags),
        language,
        published,
        modified,
        attachments: media::attachments(entry, base),
    }
}

/// The content, and all that follows from it.
fn fill(draft: &mut ArticleDraft, entry: &ParsedEntry, sanitiser: &Sanitiser) {
    (draft.content_html, draft.summary) = body(entry, sanitiser);
    draft.image =
        media::image(entry, &draft.attachments, draft.content_html.as_deref(), sanitiser.base());
    draft.hash = hash::content_hash(draft);
}

/// Content and summary. The summary beside a content is the standfirst, unless it only repeats the
/// content; alone it is the content, as in most RSS, and if it is short it is the standfirst too, so that
/// lists have something to show.
fn body(entry: &ParsedEntry, sanitiser: &Sanitiser) -> (Option<SanitisedHtml>, Option<String>) {
    let summary = || {
        let text = entry.summary.as_ref()?;
        let line = line(text)?;
        let said = furniture::without_furniture(&line, beginning(text));
        (!said.is_empty()).then(|| said.to_owned())
    };
    if let Some(content) = entry.content.as_ref().and_then(|content| html(content, sanitiser)) {
        // Many generators write the whole content into both.
        if entry.content.as_ref().map(|text| &text.text)
            == entry.summary.as_ref().map(|text| &text.text)
        {
            return (Some(content), None);
        }
        let summary = summary().filter(|summary| !to_text::says_the_same(&content, summary));
        return (Some(content), summary);
    }
    if let Some(content) = entry.summary.as_ref().and_then(|content| html(content, sanitiser)) {
        return (Some(content), summary().filter(|summary| summary.chars().count() <= STANDFIRST));
    }
    let mut described = entry.media.iter().filter_map(|media| media.description.as_ref());
    (described.find_map(|text| html(text, sanitiser)), None)
}

fn html(text: &Text, sanitiser: &Sanitiser) -> Option<SanitisedHtml> {
    match text.kind {
        TextKind::Html => sanitiser.clean(&double_escaped::healed(&text.text)),
        TextKind::Plain if to_text::looks_like_html(&text.text) => sanitiser.clean(&text.text),
        TextKind::Plain => sanitise::from_plain(&text.text),
    }
}

fn line(text: &Text) -> Option<String> {
    let markup = match text.kind {
        TextKind::Html => Markup::Html,
        TextKind::Plain => Markup::Doubtful,
    };
    let line = to_text::plain(beginning(text), markup)?;
    Some(match chars::excerpt(&line, LONGEST_LINE) {
        Cow::Borrowed(_) => line,
        Cow::Owned(cut) => cut,
    })
}

/// What a line is made of: more than it can hold, markup included, and no more than that.
fn beginning(text: &Text) -> &str {
    let end = text.text.floor_char_boundary(64 * LONGEST_LINE);
    text.text.get(..end).unwrap_or_default()
}

//! Turns a parsed feed into articles as the store keeps them. Each file holds one rule.

pub mod article_lines;
pub mod authors;
pub mod detected_language;
pub mod edit;
pub mod furniture;
pub mod hash;
pub mod identity;
pub mod image;
pub mod language;
pub mod links;
pub mod media;
pub mod noise;
pub mod opening;
pub mod order;
pub mod podcast;
pub mod tags;
pub mod tracking;

use std::borrow::Cow;

use url::Url;

use crate::domain::article::{ArticleDraft, ArticleKey, ContentHash};
use crate::domain::feed::FeedMeta;
use crate::domain::poll::KeyPolicy;
use crate::domain::time::Timestamp;
use crate::feed::dates;
use crate::feed::normalise::article_lines::Known;
use crate::feed::normalise::identity::Identity;
use crate::feed::normalise::links::Origin;
use crate::feed::normalise::tags::Lists;
use crate::feed::parse::model::{MarkedText, ParsedEntry, ParsedFeed, TextKind};
use crate::html::chars;
use crate::html::double_escaped;
use crate::html::entities::{Context, decode};
use crate::html::escape::push_text;
use crate::html::recognise;
use crate::html::sanitise;
use crate::html::sanitise::{SanitisedHtml, Sanitiser};
use crate::html::to_text::{self, Markup};
use crate::reading_time::is_over_now;

/// A description without content beside it is the content. It is also the summary when it has at most this
/// many characters.
const MAX_SUMMARY: usize = 500;

/// Titles and summaries are cut at this many characters, because they are shown in lists. Microblogs put a
/// whole post into the title, which has some thousand characters at most.
const LONGEST_LINE: usize = 10_000;

/// A normalised entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    pub key: ArticleKey,
    /// `None` for an entry beyond the limit.
    pub draft: Option<ArticleDraft>,
    /// Whether the content links to a frame or player that is not shown.
    pub links_to_embeds: bool,
}

/// What a feed states about itself. `base` is the address of the document, after redirects.
pub fn meta(parsed: &ParsedFeed, base: &Url) -> FeedMeta {
    let feed = &parsed.feed;
    let line = |text| line(MarkedText::from(text));
    FeedMeta {
        title: feed.title.as_ref().and_then(line),
        home_page_url: links::home_page(&feed.links, base),
        description: feed.description.as_ref().and_then(line),
        language: feed.language.as_deref().and_then(language::of_feed),
    }
}

/// Normalises each entry, in document order. When there are more than `max_entries`, only the newest become
/// drafts.
pub fn entries(
    feed: &ParsedFeed,
    base: &Url,
    policy: KeyPolicy,
    max_entries: usize,
    now: Timestamp,
) -> Vec<Normalised> {
    let origin = Origin::of(feed, base);
    let wanted = order::newest(&feed.entries, max_entries, now);
    let mut sanitiser = Sanitiser::new(base);
    let lists = Lists::of(&feed.entries);
    let mut normalised = Vec::with_capacity(feed.entries.len());
    for (entry, wanted) in feed.entries.iter().zip(wanted) {
        if is_over_now() {
            break;
        }
        let links = origin.of_links(entry);
        let page = origin.page_of(entry, &links);
        let text = origin.of_text(entry, &links, page.as_ref());
        let mut draft = outline(feed, entry, (&links, &text), &lists, now);
        if wanted {
            if *sanitiser.base() != text {
                sanitiser = Sanitiser::new(&text);
            }
            sanitiser.set_page(page.as_ref().unwrap_or(&text));
            fill(&mut draft, entry, &sanitiser);
        }
        identify(&mut draft, policy);
        let key = draft.key;
        let links_to_embeds = 0 < sanitiser.take_embeds();
        let draft = Some(draft).filter(|_| wanted);
        normalised.push(Normalised { key, draft, links_to_embeds });
    }
    complete(&mut normalised, feed);
    normalised
}

/// Sets the keys of a draft by a policy.
pub fn identify(draft: &mut ArticleDraft, policy: KeyPolicy) {
    let (key, former) = Identity::of(draft).keys(policy);
    draft.key = key;
    draft.former_key = former;
}

/// A draft without its content and what depends on it. These fields are cheap, and a key is made of them.
/// `base` is that of links and that of the text.
fn outline(
    feed: &ParsedFeed,
    parsed: &ParsedEntry,
    (base, text_base): (&Url, &Url),
    lists: &Lists,
    now: Timestamp,
) -> ArticleDraft {
    let (feed, entry) = (&feed.feed, &parsed.entry);
    let (published, modified) = dates::published_and_modified(entry.published, entry.updated, now);
    // As in the feed, but without control characters, which a terminal would obey.
    let guid = chars::without_controls(&entry.id);
    let guid = Some(guid.trim()).filter(|guid| !guid.is_empty());
    let inherited = || feed.language.as_deref().and_then(language::of_feed);
    let language = match entry.language.as_deref().map(str::trim) {
        Some("") => None, // Stated to be in no language.
        own => own.and_then(language::of_feed).or_else(inherited),
    };
    ArticleDraft {
        key: ArticleKey(0),
        former_key: None,
        hash: ContentHash(0),
        guid: guid.map(ToOwned::to_owned),
        url: links::article_url(parsed, base).map(tracking::without),
        external_url: links::external_url(parsed, base),
        title: entry.title.as_ref().and_then(|title| line(title.into())),
        summary: None,
        content_html: None,
        image: None,
        authors: authors::authors(&entry.authors, &feed.authors, base),
        tags: tags::tags(&entry.categories, lists),
        language,
        published,
        modified,
        attachments: media::attachments(parsed, text_base),
        podcast: podcast::podcast(&parsed.extension.podcast, text_base),
    }
}

/// Sets the content and the fields that depend on it.
fn fill(draft: &mut ArticleDraft, entry: &ParsedEntry, sanitiser: &Sanitiser) {
    (draft.content_html, draft.summary) = body(entry, sanitiser);
    clean(draft, entry, sanitiser);
    draft.image = image::image(entry, draft.content_html.as_deref(), sanitiser.base());
}

/// Removes the lines of a web page from the content, if the entry was made from one. The line between title and date is the
/// summary of an entry that has no other, and the date of that line is that of an entry without date.
fn clean(draft: &mut ArticleDraft, entry: &ParsedEntry, sanitiser: &Sanitiser) {
    let Some(html) = draft.content_html.as_deref() else { return };
    let known = Known { title: draft.title.as_deref(), ..Known::default() };
    let Some(cleaned) = article_lines::clean(html, known) else { return };
    let Some(html) = sanitiser.clean(&cleaned.html) else { return };
    let is_repeated = entry.entry.content.is_none() && draft.summary.is_some();
    if is_repeated {
        // The summary was the whole text.
        draft.summary = to_text::plain(&html, Markup::Html);
    }
    if is_repeated || draft.summary.is_none() {
        draft.summary = cleaned.standfirst.or(draft.summary.take());
    }
    draft.published = draft.published.or(cleaned.date.map(|date| date.at));
    draft.content_html = Some(html);
}

/// Sets what depends on all articles of a document, and their hashes.
fn complete(normalised: &mut [Normalised], feed: &ParsedFeed) {
    let about = [&feed.feed.title, &feed.feed.description]
        .map(|text| text.as_ref().map(|text| text.content.as_str()).unwrap_or_default());
    let mut drafts: Vec<(&mut ArticleDraft, bool)> = normalised
        .iter_mut()
        .zip(&feed.entries)
        .filter_map(|(normalised, entry)| {
            let stated = entry.entry.language.as_deref().map(str::trim);
            Some((normalised.draft.as_mut()?, stated != Some("")))
        })
        .collect();
    detected_language::complete(&mut drafts, &about.join("\n"));
    for (draft, _) in drafts {
        draft.hash = hash::content_hash(draft);
    }
}

/// Returns content and summary. A description beside a content is the summary, unless it only repeats the
/// content. A description alone is the content, as in most RSS feeds. If it is short, it is the summary as
/// well, so that lists have a text to show.
fn body(parsed: &ParsedEntry, sanitiser: &Sanitiser) -> (Option<SanitisedHtml>, Option<String>) {
    let entry = &parsed.entry;
    let content = entry.content.as_ref().map(MarkedText::from);
    let description = entry.summary.as_ref().map(MarkedText::from);
    let summary = || {
        let text = description?;
        let line = line(text)?;
        let said = furniture::without_furniture(&line, beginning(text));
        (!said.is_empty()).then(|| said.to_owned())
    };
    if let Some(html) = content.and_then(|content| html(content, sanitiser)) {
        // Many generators write the whole content into both.
        if content.map(|text| text.text) == description.map(|text| text.text) {
            return (Some(html), None);
        }
        let summary = summary().filter(|summary| !to_text::has_same_text(&html, summary));
        return (Some(html), summary);
    }
    if let Some(html) = description.and_then(|text| html(text, sanitiser)) {
        let summary = if description.is_some_and(is_long) { None } else { summary() };
        return (Some(html), summary.filter(|summary| summary.chars().count() <= MAX_SUMMARY));
    }
    let mut described = entry.media.iter().filter_map(|media| media.description.as_ref());
    (described.find_map(|text| html(text.into(), sanitiser)), None)
}

fn html(text: MarkedText<'_>, sanitiser: &Sanitiser) -> Option<SanitisedHtml> {
    let source = double_escaped::unescape(text.text);
    let is_html = match text.kind {
        TextKind::Html => !source.contains('<') || recognise::has_markup(&source),
        TextKind::Unstated => recognise::has_markup(&source),
        TextKind::Plain => recognise::looks_like_html(&source),
    };
    if is_html {
        return sanitiser.clean(&recognise::escape_false_tags(&source));
    }
    let plain = match text.kind {
        TextKind::Html | TextKind::Unstated => {
            let once = decode(&source, Context::Text);
            Cow::Owned(to_text::decode_all_but_brackets(&once, Context::Text).into_owned())
        }
        TextKind::Plain => to_text::decode_all_but_brackets(&source, Context::MaybePlain),
    };
    if text.kind == TextKind::Plain || plain.trim().contains(['\n', '\r']) {
        return sanitise::from_plain(&plain.replace("\r\n", "\n").replace('\r', "\n"));
    }
    let mut escaped = String::with_capacity(plain.len());
    push_text(&mut escaped, &plain);
    sanitiser.clean(&escaped)
}

fn line(text: MarkedText<'_>) -> Option<String> {
    let markup = match text.kind {
        TextKind::Html | TextKind::Unstated => Markup::Html,
        TextKind::Plain => Markup::Doubtful,
    };
    let line = to_text::plain(beginning(text), markup)?;
    Some(match chars::excerpt(&line, LONGEST_LINE) {
        Cow::Borrowed(_) => line,
        Cow::Owned(cut) => cut,
    })
}

/// Whether it is certain from the beginning of a text that it is no summary.
fn is_long(text: MarkedText<'_>) -> bool {
    /// In bytes.
    const BEGINNING: usize = 4 * 1024;
    /// In characters. What [`furniture`] removes is far shorter than the difference.
    const LONG: usize = 3 * MAX_SUMMARY;
    if text.text.len() <= BEGINNING {
        return false;
    }
    let end = text.text.floor_char_boundary(BEGINNING);
    let beginning = MarkedText { text: text.text.get(..end).unwrap_or_default(), ..text };
    line(beginning).is_some_and(|line| LONG < line.chars().count())
}

/// The part of a text that a line is made of, markup included. It is longer than any line.
fn beginning(text: MarkedText<'_>) -> &str {
    let end = text.text.floor_char_boundary(64 * LONGEST_LINE);
    text.text.get(..end).unwrap_or_default()
}

//! `gazetted show`.

use std::io::{self, Write};

use anstyle::Style;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::changes::marked;
use super::output::{DIM, Output, data, json_data, short_date, short_id, width, without_nulls};
use super::stories::short;
use super::{Context, Exit, reader};
use crate::clock;
use crate::domain::article::{Article, Person, Sighting, Version};
use crate::domain::story::Story;
use crate::domain::time::{Timestamp, Zone, rfc3339};
use crate::export::record::{FeedRecord, Record};
use crate::export::word_diff::word_diff;
use crate::export::{Format, stories};
use crate::html::to_text::{html_to_text, html_to_text_with_links};
use crate::passes::export::with_text;
use crate::present::terminal::{clean_line, wrapped};
use crate::present::{count, exact, reading_minutes, text_source};

/// The most columns of text. Longer lines are difficult to read.
const WIDEST: usize = 88;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The article's id, or what stands behind its dash, as `search` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// Show what the feed said, where the article shows the text of its page (`full_text`)
    #[arg(long)]
    feed_version: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load_without_lists()?;
    let reader = reader(&config)?;
    let id = reader.id(&args.id);
    let Some(article) = reader.article(&id)? else {
        bail!("there is no article `{}`; `gazetted search` shows ids", args.id.escape_debug());
    };
    let article = if args.feed_version { reader.feed_version(article)? } else { article };
    let article = with_text(article, Format::Json);
    let story = article.story.as_ref().map(|story| reader.story(&story.id, clock::now()));
    let shown = Shown {
        sightings: reader.sightings(&id)?,
        versions: reader.versions(&id)?,
        story: story.transpose()?.flatten(),
        article,
    };
    if args.json {
        json_data(&as_json(&shown)?)?;
    } else {
        print(&shown, (config.zone, &context.output))?;
    }
    Ok(Exit::Done)
}

/// What the command shows.
struct Shown {
    article: Article,
    sightings: Vec<Sighting>,
    versions: Vec<Version>,
    story: Option<Story>,
}

fn as_json(shown: &Shown) -> Result<Value> {
    let Shown { article, sightings, versions, story } = shown;
    let mut value = serde_json::to_value(Record::of(article))?;
    let sightings = sightings
        .iter()
        .map(|sighting| {
            Ok(json!({ "id": sighting.article.0, "feed": FeedRecord::of(&sighting.feed) }))
        })
        .collect::<Result<Value>>()?;
    let versions = versions.iter().map(|version| {
        without_nulls(json!({
            "revision": version.revision,
            "date_seen": version.seen_at.map(rfc3339),
            "date_replaced": rfc3339(version.replaced_at),
            "title": version.title,
            "url": version.url,
            "summary": version.summary,
            "content_html": version.content_html,
        }))
    });
    if let Some(fields) = value.as_object_mut() {
        fields.insert("sightings".to_owned(), sightings);
        fields.insert("versions".to_owned(), versions.collect());
        fields.extend(story.as_ref().map(|story| ("story".to_owned(), stories::record(story))));
    }
    Ok(value)
}

fn print(shown: &Shown, (zone, output): (Zone, &Output)) -> io::Result<()> {
    let Shown { article, sightings, versions, story } = shown;
    let exact = |at: Timestamp| exact(at, zone);
    let columns = width().map_or(WIDEST, |width| usize::from(width).min(WIDEST)).max(20);
    data(|out| {
        let title = article.title.as_deref().unwrap_or("(no title)");
        for line in wrapped(title, columns) {
            writeln!(out, "{}", output.styled(Style::new().bold(), &line))?;
        }
        let mut field = |name: &str, value: &str| {
            let value = clean_line(value);
            if value.is_empty() {
                return Ok(());
            }
            writeln!(out, "{} {value}", output.styled(DIM, &format!("{name:<10}")))
        };
        field("feed", &article.feed.name)?;
        field("published", &article.published.map(exact).unwrap_or_default())?;
        field("modified", &article.modified.map(exact).unwrap_or_default())?;
        field("first seen", &exact(article.first_seen))?;
        let authors = article.authors.iter().filter_map(Person::display_name);
        let authors = authors.collect::<Vec<_>>();
        field("by", &authors.join(", "))?;
        field("url", article.url.as_deref().unwrap_or_default())?;
        field("about", article.external_url.as_deref().unwrap_or_default())?;
        field("tags", &article.tags.join(", "))?;
        field("language", article.language.as_deref().unwrap_or_default())?;
        for attachment in &article.attachments {
            field("attached", &attachment.url)?;
        }
        field("id", &article.id.0)?;
        field("text", &article.full_text.as_ref().map(text_source).unwrap_or_default())?;
        let minutes = reading_minutes(article).map(|minutes| count(minutes, "minute"));
        field("reading", &minutes.unwrap_or_default())?;
        let original = article.duplicate_of.as_ref();
        field("same as", original.map(|id| &*id.0).unwrap_or_default())?;
        let html = article.content_html.as_deref();
        let (text, links) = html.map(html_to_text_with_links).unwrap_or_default();
        let text = Some(text).filter(|text| !text.is_empty()).or(article.content_text.clone());
        for text in body(article, text.as_deref()) {
            writeln!(out)?;
            for line in text.lines().flat_map(|line| wrapped(line, columns)) {
                writeln!(out, "{line}")?;
            }
        }
        for (n, link) in (1..).zip(&links) {
            let blank = if n == 1 { "\n" } else { "" };
            writeln!(out, "{blank}{} {}", output.styled(DIM, &format!("[{n}]")), clean_line(link))?;
        }
        print_sightings(article, sightings, output, out)?;
        if let Some(story) = story.as_ref().filter(|story| 1 < story.articles.len()) {
            print_story(article, story, zone, output, out)?;
        }
        print_versions(article, versions, (zone, output), out)
    })
}

/// Prints the feeds in which the article was seen, with their addresses on lines of their own where they are long.
fn print_sightings(
    article: &Article,
    sightings: &[Sighting],
    output: &Output,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "\n{}", output.styled(DIM, "Seen in"))?;
    for sighting in sightings {
        let (name, url) = (clean_line(&sighting.feed.name), clean_line(&sighting.feed.url));
        let other = (sighting.article != article.id).then(|| short_id(&sighting.article));
        let other = other.map(|id| format!("  as {id}")).unwrap_or_default();
        let other = format!("{url}{other}");
        let is_long =
            width().is_some_and(|width| usize::from(width) < name.width() + other.width() + 4);
        let between = if is_long { "\n    " } else { "  " };
        writeln!(out, "  {name}{between}{}", output.styled(DIM, &other))?;
    }
    Ok(())
}

/// Prints the other articles of the story, the newest first.
fn print_story(
    article: &Article,
    story: &Story,
    zone: Zone,
    output: &Output,
    out: &mut dyn Write,
) -> io::Result<()> {
    let words = clean_line(&story.words.join(", ")).into_owned();
    let head = format!("Story {} ({}) {words}", short(&story.id), stories::counts(story));
    writeln!(out, "\n{}", output.styled(DIM, head.trim_end()))?;
    let now = clock::now();
    for other in story.articles.iter().rev().filter(|other| other.id != article.id) {
        let (date, feed) = (short_date(other.at, now, zone), clean_line(&other.feed.name));
        writeln!(out, "  {}  {}", short_id(&other.id), stories::title(other))?;
        writeln!(out, "    {}", output.styled(DIM, &format!("{date}  {feed}")))?;
    }
    Ok(())
}

/// The summary, unless the text begins with it, and then the text.
fn body<'a>(article: &'a Article, text: Option<&'a str>) -> Vec<&'a str> {
    let summary = article.summary.as_deref().filter(|summary| {
        let start: String = summary.trim_end_matches('…').chars().take(80).collect();
        // The text as shown has numbers after its links.
        let text = article.content_text.as_deref().or(text);
        text.is_none_or(|text| !clean_line(text).starts_with(&*clean_line(&start)))
    });
    summary.into_iter().chain(text).collect()
}

/// Prints the words that each edit changed, the last edit first.
fn print_versions(
    article: &Article,
    versions: &[Version],
    (zone, output): (Zone, &Output),
    out: &mut dyn Write,
) -> io::Result<()> {
    if article.revision == 0 {
        return Ok(());
    }
    writeln!(out, "\n{}", output.styled(DIM, "Edited"))?;
    let text_of = |html: Option<&str>| html.map(html_to_text).unwrap_or_default();
    let mut newer_title = article.title.clone();
    let mut newer_text = text_of(article.content_html.as_deref());
    let mut newer_summary = article.summary.clone();
    for version in versions {
        writeln!(out, "  {}", edit_time(version.replaced_at, zone, version.revision + 1))?;
        let older_text = text_of(version.content_html.as_deref());
        let mut changed = false;
        for (name, old, new) in [
            ("title", version.title.as_deref(), newer_title.as_deref()),
            ("summary", version.summary.as_deref(), newer_summary.as_deref()),
            ("text", Some(&*older_text), Some(&*newer_text)),
        ] {
            let parts = word_diff(old.unwrap_or_default(), new.unwrap_or_default());
            if !parts.is_empty() {
                let line: String = parts.iter().map(|part| marked(part, output)).collect();
                writeln!(out, "    {name}: {}", line.trim())?;
                changed = true;
            }
        }
        if !changed {
            writeln!(out, "    links, tags or the like")?;
        }
        newer_title.clone_from(&version.title);
        newer_summary.clone_from(&version.summary);
        newer_text = older_text;
    }
    let missing = usize::try_from(article.revision).unwrap_or(0).saturating_sub(versions.len());
    if missing != 0 {
        writeln!(out, "  and before that {missing} times; those versions are not kept")?;
    }
    Ok(())
}

fn edit_time(at: Timestamp, zone: Zone, revision: u32) -> String {
    format!("{}  revision {revision}", exact(at, zone))
}

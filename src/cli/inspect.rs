//! `gazetted inspect`.

mod reference;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

use super::address::file_url;
use super::extract;
use super::feeds::offer;
use super::output::{DIM, GREEN, Output, RED, YELLOW, count, data, json_data};
use super::{Context, Exit, run::runtime};
use crate::clock;
use crate::config::{FeedSettings, NotFound};
use crate::domain::article::{
    Article, ArticleDraft, ArticleId, DateSource, Person, effective_date,
};
use crate::domain::feed::{FeedRef, FeedUrl, InvalidFeedUrl};
use crate::domain::json_map::JsonMap;
use crate::domain::poll::{Document, Observed};
use crate::domain::request::{FetchSettings, RequestSpec};
use crate::domain::time::{Timestamp, rfc3339};
use crate::export::Format;
use crate::export::record::Record;
use crate::feed::entry_filter::EntryFilter;
use crate::passes::export::with_text;
use crate::passes::preview::Previewer;
use crate::present::terminal::clean_line;
use crate::search::filter::without_user_info;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A feed's address, or a file on this machine
    #[arg(value_name = "URL|FILE")]
    document: String,
    /// Print JSON: what is stored of the feed and of each article
    #[arg(long)]
    json: bool,
    /// Compare with what the feed-rs library alone reads of the document
    #[arg(long)]
    reference: bool,
    /// The document is the web page of an article: show what is found in it, by which rules, and what is
    /// removed
    #[arg(long, conflicts_with = "reference")]
    page: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    if args.page {
        return extract::inspect(&args.document, args.json, context);
    }
    let url = address(&args.document)?;
    let (settings, request, entries, map, filter) = settings(&url, context)?;
    let now = clock::now();
    let mut previewer = Previewer::new(&settings)?;
    if args.reference {
        let comparison = runtime()?.block_on(previewer.compare(&url, &request));
        let comparison = comparison.map_err(|error| anyhow!("{url}: {error}"))?;
        reference::print(&comparison, args.json, &context.output)?;
        return Ok(Exit::Done);
    }
    let observed = runtime()?.block_on(previewer.preview(&url, &request, entries, map));
    let Some(document) = observed.outcome.document() else {
        let offers =
            observed.message.offers.iter().map(|url| format!("\n  {}", offer(url.as_str())));
        bail!("{url}: {}{}", observed.message.detail, offers.collect::<String>());
    };
    let complaints = complaints(document);
    if args.json {
        json_data(&as_json(&url, &observed, document, (&complaints, &filter), now)?)?;
    } else {
        print(&url, &observed, document, (&complaints, &filter), now, &context.output)?;
    }
    Ok(Exit::Done)
}

/// The address of the document: the URL of an existing file, or the text as a URL.
fn address(text: &str) -> Result<FeedUrl> {
    if let Some(file) = file_url(text)? {
        return Ok(FeedUrl::from_url(file)?);
    }
    FeedUrl::parse(text).map_err(|error| match error {
        InvalidFeedUrl::Credentials => anyhow!(
            "{}: on a command line everybody on this machine can read the password; name the feed \
             with it in the configuration, and give its URL without it here",
            without_user_info(text)
        ),
        other
        @ (InvalidFeedUrl::Syntax(_) | InvalidFeedUrl::Scheme(_) | InvalidFeedUrl::NoHost) => {
            let shown = without_user_info(text);
            anyhow::Error::new(other)
                .context(format!("{shown} is neither a file here nor a feed's URL"))
        }
    })
}

/// The settings of the configuration for this address; the defaults if there is no configuration file.
fn settings(
    url: &FeedUrl,
    context: &Context,
) -> Result<(FetchSettings, RequestSpec, usize, Option<JsonMap>, EntryFilter)> {
    const ENTRIES: usize = 2_000;
    let config = match context.load() {
        Ok(config) => config,
        Err(error) if error.is::<NotFound>() => {
            let (request, filter) = (RequestSpec::default(), EntryFilter::default());
            return Ok((FetchSettings::default(), request, ENTRIES, None, filter));
        }
        Err(error) => return Err(error),
    };
    let feed = config.feeds.iter().find(|feed| feed.spec.url == *url);
    let (request, entries, map, filter) =
        feed.map_or((RequestSpec::default(), ENTRIES, None, config.entry_filter), |feed| {
            let settings = FeedSettings::clone(&feed.settings);
            (settings.request, settings.max_entries, settings.map, settings.entry_filter)
        });
    Ok((config.fetch, request, entries, map, filter))
}

/// The index of the entry, `None` for the whole feed, and the message.
type Complaint = (Option<usize>, &'static str);

/// The faults of the document that matter for the stored articles.
fn complaints(document: &Document) -> Vec<Complaint> {
    let mut list = Vec::new();
    if document.meta.title.is_none() {
        list.push((None, "the feed has no title"));
    }
    if document.entries == 0 {
        list.push((None, "the feed has no entries"));
    }
    let mut guids = HashSet::new();
    for (i, draft) in document.drafts.iter().enumerate() {
        let mut say = |words| list.push((Some(i), words));
        match &draft.guid {
            None if draft.url.is_none() => {
                say("no GUID and no link: known by its title and date, an edit may look like news");
            }
            None => say("no GUID: known by its link"),
            Some(guid) if !guids.insert(guid) => say("its GUID is another entry's too"),
            Some(_) => {}
        }
        if document.links_to_embeds.contains(&draft.key) {
            say("a frame or player is not shown: a link stands for it");
        }
        if draft.title.is_none() {
            say("no title");
        }
        if draft.url.is_none() {
            say("no link");
        }
        if draft.published.is_none() {
            say("no readable date: ordered by first sighting");
        }
        if draft.content_html.is_none() && draft.summary.is_none() {
            say("no text");
        }
    }
    list
}

/// The article that would be stored for a draft, except its id and its sequence number.
fn article(draft: &ArticleDraft, feed: &Arc<FeedRef>, now: Timestamp) -> Article {
    let article = Article {
        id: ArticleId("unstored".to_owned()),
        seq: 0,
        feed: Arc::clone(feed),
        guid: draft.guid.clone(),
        url: draft.url.clone(),
        external_url: draft.external_url.clone(),
        title: draft.title.clone(),
        summary: draft.summary.clone(),
        content_html: draft.content_html.clone(),
        content_text: None,
        image: draft.image.clone(),
        authors: draft.authors.clone(),
        tags: draft.tags.clone(),
        language: draft.language.clone(),
        published: draft.published,
        modified: draft.modified,
        first_seen: now,
        order_at: effective_date(draft.published, now),
        date_source: match draft.published {
            Some(_) => DateSource::Feed,
            None => DateSource::FirstSeen,
        },
        attachments: draft.attachments.clone(),
        podcast: draft.podcast.clone(),
        revision: 0,
        duplicate_of: None,
        story: None,
        also_in: Vec::new(),
        full_text: None,
    };
    with_text(article, Format::Json)
}

fn feed_ref(url: &FeedUrl, document: &Document) -> Arc<FeedRef> {
    let meta = &document.meta;
    Arc::new(FeedRef {
        name: meta.title.clone().unwrap_or_else(|| url.to_string()),
        url: url.to_string(),
        title: meta.title.clone(),
        home_page_url: meta.home_page_url.clone(),
        tags: Vec::new(),
    })
}

fn as_json(
    url: &FeedUrl,
    observed: &Observed,
    document: &Document,
    (complaints, filter): (&[Complaint], &EntryFilter),
    now: Timestamp,
) -> Result<Value> {
    let feed = feed_ref(url, document);
    let articles = document.drafts.iter().map(|draft| {
        let mut value = serde_json::to_value(Record::of(&article(draft, &feed, now)))?;
        if let Some(fields) = value.as_object_mut() {
            for of_the_store in ["id", "seq", "feed"] {
                fields.remove(of_the_store);
            }
            if let Some(reason) = filter.exclusion_reason(draft) {
                fields.insert("left_out".to_owned(), json!(reason));
            }
        }
        Ok(value)
    });
    let articles = articles.collect::<Result<Vec<Value>, serde_json::Error>>()?;
    let complaints: Vec<Value> = complaints
        .iter()
        .map(|(entry, words)| json!({ "entry": entry.map(|i| i + 1), "complaint": words }))
        .collect();
    let repairs: serde_json::Map<String, Value> = document
        .repairs
        .iter()
        .map(|repair| (repair.kind.to_owned(), json!(repair.count)))
        .collect();
    Ok(json!({
        "url": url.as_str(),
        "http_status": observed.transfer.status,
        "bytes": observed.transfer.bytes,
        "feed": {
            "title": document.meta.title, "home_page_url": document.meta.home_page_url,
            "description": document.meta.description, "language": document.meta.language,
            "new_feed_url": document.new_feed_url.as_ref().map(url::Url::as_str),
        },
        "articles": articles,
        "complaints": complaints,
        "entries": document.entries,
        "encoding": { "name": document.encoding.name, "because": document.encoding.because },
        "repairs": repairs,
    }))
}

fn print(
    url: &FeedUrl,
    observed: &Observed,
    document: &Document,
    (complaints, filter): (&[Complaint], &EntryFilter),
    now: Timestamp,
    output: &Output,
) -> io::Result<()> {
    let feed = feed_ref(url, document);
    data(|out| {
        let mut field = |name: &str, value: Option<&str>| match value {
            Some(value) => writeln!(out, "{name:<10} {}", clean_line(value)),
            None => Ok(()),
        };
        field("feed", Some(&feed.name))?;
        field("address", Some(&feed.url))?;
        field("home page", feed.home_page_url.as_deref())?;
        field("about", document.meta.description.as_deref())?;
        field("language", document.meta.language.as_deref())?;
        field("moves to", document.new_feed_url.as_ref().map(url::Url::as_str))?;
        let (bytes, ms) = (observed.transfer.bytes, observed.transfer.elapsed.as_millis());
        field("fetched", Some(&format!("{bytes} bytes in {ms} ms")))?;
        let encoding = document.encoding;
        field("encoding", Some(&format!("{}: {}", encoding.name, encoding.because)))?;
        let repairs = document.repairs.iter().map(|r| format!("{} ({})", r.kind, r.count));
        let repairs = repairs.collect::<Vec<_>>().join(", ");
        field("repaired", Some(repairs.as_str()).filter(|repairs| !repairs.is_empty()))?;
        field("entries", Some(&document.entries.to_string()))?;
        for (i, draft) in document.drafts.iter().enumerate() {
            let article = article(draft, &feed, now);
            let title = article.title.as_deref().unwrap_or("(no title)");
            let title = output.styled(GREEN, &clean_line(title));
            writeln!(out, "\n{}. {title}", i + 1)?;
            entry(&article, output, out)?;
            if let Some(reason) = filter.exclusion_reason(draft) {
                let left_out = output.styled(YELLOW, "left out:");
                writeln!(out, "   {left_out} {}", clean_line(&reason))?;
            }
            for (_, words) in complaints.iter().filter(|(entry, _)| *entry == Some(i)) {
                writeln!(out, "   {} {words}", output.styled(YELLOW, "complaint:"))?;
            }
        }
        for (_, words) in complaints.iter().filter(|(entry, _)| entry.is_none()) {
            writeln!(out, "{} {words}", output.styled(RED, "complaint:"))?;
        }
        let exclusions = document.drafts.iter().filter_map(|draft| filter.exclusion_reason(draft));
        let left_out = exclusions.count();
        if left_out != 0 {
            writeln!(
                out,
                "\n{} left out by include and exclude",
                count(left_out as u64, "article")
            )?;
        }
        writeln!(out, "\n{}", count(complaints.len() as u64, "complaint"))
    })
}

/// Prints the fields of the article that would be stored.
fn entry(article: &Article, output: &Output, out: &mut dyn io::Write) -> io::Result<()> {
    let mut field = |name: &str, value: &str| {
        let name = output.styled(DIM, &format!("{name:<11}"));
        writeln!(out, "   {name} {}", clean_line(value))
    };
    let mut text = |name: &str, value: Option<&str>| value.map_or(Ok(()), |v| field(name, v));
    text("guid", article.guid.as_deref())?;
    text("url", article.url.as_deref())?;
    text("external", article.external_url.as_deref())?;
    text("published", article.published.map(rfc3339).as_deref())?;
    text("modified", article.modified.map(rfc3339).as_deref())?;
    let authors = article.authors.iter().filter_map(Person::display_name);
    let authors = authors.collect::<Vec<_>>();
    text("authors", Some(authors.join(", ")).filter(|t| !t.is_empty()).as_deref())?;
    text("tags", Some(article.tags.join(", ")).filter(|t| !t.is_empty()).as_deref())?;
    text("language", article.language.as_deref())?;
    text("image", article.image.as_deref())?;
    for attachment in &article.attachments {
        let kind = attachment.mime_type.as_deref().unwrap_or("unknown type");
        text("attachment", Some(&format!("{} ({kind})", attachment.url)))?;
    }
    text("summary", article.summary.as_deref())?;
    text("html", article.content_html.as_deref())?;
    text("text", article.content_text.as_deref())
}

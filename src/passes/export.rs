//! Exports: reads the articles that match a query from the store and writes them in a format, row by row.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::clock;
use crate::config::{ExportHeading, FileTarget};
use crate::deliver::{self, DeliverError, WriteError};
use crate::domain::article::Article;
use crate::domain::feed::FeedRef;
use crate::domain::query::{Order, Query};
use crate::domain::time::{Timestamp, Zone, from_unix};
use crate::export::{self, Channel, Format, Shape, TableStyle, Template};
use crate::html::to_text::html_to_text;
use crate::present::export_title;
use crate::store::{FeedRow, Location, Reader, StoreError};

/// The reason why an export failed. A file that should have been replaced is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("could not write the export")]
    Write(#[from] io::Error),
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

impl WriteError for ExportError {
    fn into_output_error(self) -> Result<io::Error, Self> {
        match self {
            Self::Write(error) => Ok(error),
            other => Err(other),
        }
    }
}

/// The most articles that are read ahead of a template.
const READ_AHEAD: usize = 16;

/// The result of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The number of articles or of other records.
    pub records: u64,
    /// The sequence number of the last record; `None` if there was no record.
    pub last_seq: Option<i64>,
}

/// Writes the articles that match the query.
///
/// # Errors
/// As [`write_format`], and [`ExportError::Write`] for faults of a template.
pub fn write(
    reader: &Reader,
    query: &Query,
    shape: &Shape,
    style: TableStyle,
    out: &mut dyn io::Write,
) -> Result<Written, ExportError> {
    let channel = channel(reader, query, shape, style)?;
    write_shape(reader, query, shape, &channel, out)
}

fn write_shape(
    reader: &Reader,
    query: &Query,
    shape: &Shape,
    channel: &Channel,
    out: &mut dyn io::Write,
) -> Result<Written, ExportError> {
    match shape {
        Shape::Format(format) => write_format(reader, query, *format, channel, out),
        Shape::Template(template) => {
            write_template(&reader.location(), query, channel, template, out)
        }
    }
}

/// Writes the articles that match the query in one format.
///
/// # Errors
/// [`ExportError::Store`] when they cannot be read, [`ExportError::Write`] when `out` fails.
pub fn write_format(
    reader: &Reader,
    query: &Query,
    format: Format,
    channel: &Channel,
    out: &mut dyn io::Write,
) -> Result<Written, ExportError> {
    let mut last_seq = None;
    let records = reader.articles(query, channel.table.now, |rows| {
        let articles = rows.map(|row| {
            let article = with_text(row?, format);
            last_seq = Some(article.seq);
            Ok::<_, ExportError>(article)
        });
        export::write(format, channel, articles, out)
    })??;
    Ok(Written { records, last_seq })
}

/// Renders a template. A template owns the articles that it loops over. They are therefore read on a thread with its
/// own connection, at most [`READ_AHEAD`] of them ahead of the template.
fn write_template(
    store: &Location,
    query: &Query,
    channel: &Channel,
    template: &Template,
    out: &mut dyn io::Write,
) -> Result<Written, ExportError> {
    let (sender, articles) = sync_channel(READ_AHEAD);
    let (store, query, now) = (store.clone(), query.clone(), channel.table.now);
    let reading = thread::spawn(move || -> Result<Written, StoreError> {
        store.reader()?.articles(&query, now, |rows| {
            let mut read = Written::default();
            for row in rows {
                let article = with_text(row?, Format::Json);
                read = Written { records: read.records + 1, last_seq: Some(article.seq) };
                // The template has ended before the articles did.
                if sender.send(article).is_err() {
                    break;
                }
            }
            Ok(read)
        })?
    });
    let filled = template.write(channel, Received(Mutex::new(articles)), out);
    match reading.join() {
        Ok(read) => {
            let read = read?;
            filled?;
            Ok(read)
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// minijinja requires an iterator that can be shared between threads; a receiver alone cannot be shared.
struct Received(Mutex<Receiver<Article>>);

impl Iterator for Received {
    type Item = Article;

    fn next(&mut self) -> Option<Article> {
        self.0.get_mut().ok()?.recv().ok()
    }
}

/// Writes the file of one entry of `[[exports]]`. The old file is replaced once the new one is complete. A named
/// pipe without a reader is waited for until `give_up` is true.
///
/// # Errors
/// When the store cannot be read or the file cannot be written.
pub fn write_file(
    reader: &Reader,
    file: &FileTarget,
    query: &Query,
    (zone, hub): (Zone, Option<&str>),
    give_up: &dyn Fn() -> bool,
) -> Result<Written, ExportError> {
    let style = TableStyle { width: None, color: false, zone, now: clock::now() };
    let mut channel = channel(reader, query, &file.shape, style)?;
    let ExportHeading { title, home_page_url, feed_url } = file.heading.clone();
    channel.title = title.unwrap_or(channel.title);
    // A hub tells of the document at an address; without one there is nothing to subscribe to.
    channel.hub_url = hub.filter(|_| feed_url.is_some()).map(str::to_owned);
    channel.home_page_url = home_page_url;
    channel.feed_url = feed_url;
    let write = |out: &mut dyn io::Write| write_shape(reader, query, &file.shape, &channel, out);
    deliver::to_file_until(&file.path, write, give_up)
}

/// The metadata of an export. `updated` is the time of the newest article and not of the export, so that the same
/// articles always give the same bytes.
fn channel(
    reader: &Reader,
    query: &Query,
    shape: &Shape,
    table: TableStyle,
) -> Result<Channel, StoreError> {
    let updated = updated(reader, query, table.now)?;
    let feeds = match shape {
        Shape::Format(Format::Opml) => feeds(reader, query)?,
        Shape::Format(_) | Shape::Template(_) => Vec::new(),
    };
    Ok(Channel {
        title: export_title(query),
        home_page_url: None,
        feed_url: None,
        next_url: None,
        hub_url: None,
        description: None,
        updated,
        table,
        feeds,
    })
}

/// The time when the newest article was published or edited; the Unix epoch if there is no article.
pub fn updated(reader: &Reader, query: &Query, now: Timestamp) -> Result<Timestamp, StoreError> {
    let newest = Query { limit: Some(1), order: Order::Newest, ..query.clone() };
    reader.articles(&newest, now, |rows| {
        let newest = rows.next().transpose()?;
        Ok(newest.map_or(from_unix(0), |a| a.modified.max(a.published).unwrap_or(a.first_seen)))
    })?
}

/// The configured feeds that match the query, sorted by name.
pub fn feeds(reader: &Reader, query: &Query) -> Result<Vec<FeedRef>, StoreError> {
    let wanted = |feed: &FeedRow| {
        let named = query.feeds.is_empty() || query.feeds.iter().any(|text| feed.is_called(text));
        let tagged = query.tags.is_empty() || feed.tags.iter().any(|tag| query.tags.contains(tag));
        feed.configured && named && tagged
    };
    let mut feeds: Vec<FeedRef> =
        reader.feeds()?.into_iter().filter(wanted).map(FeedRow::into_ref).collect();
    feeds.sort_by_cached_key(|feed| feed.name.to_lowercase());
    Ok(feeds)
}

/// Adds the plain text of the article if the format contains it. The text is not stored.
pub fn with_text(mut article: Article, format: Format) -> Article {
    if format.shows_content_text(&article) {
        let text = article.content_html.as_deref().map(html_to_text);
        article.content_text = text.filter(|text| !text.is_empty());
    }
    article
}

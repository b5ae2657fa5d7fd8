//! Exporting: from a query to the bytes of a format, row by row.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::clock;
use crate::config::FileTarget;
use crate::deliver::{self, DeliverError};
use crate::domain::article::Article;
use crate::domain::feed::FeedRef;
use crate::domain::query::{Order, Query};
use crate::domain::time::{Timestamp, from_unix};
use crate::export::{self, Channel, Format, Shape, TableStyle, Template};
use crate::html::to_text::html_to_text;
use crate::store::{FeedRow, Reader, StoreError};

/// Why an export came to nothing. The target, if it is a file, is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("could not write the export")]
    Write(#[source] io::Error),
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

/// Articles read ahead for a template.
const READ_AHEAD: usize = 16;

/// Writes what the query asks for; answers the number of articles.
pub fn write(
    reader: &Reader,
    query: &Query,
    shape: &Shape,
    style: TableStyle,
    out: &mut dyn io::Write,
) -> Result<u64, ExportError> {
    write_noting(reader, query, shape, style, out, &mut 0)
}

/// As [`write`], and notes the sequence number of the last article.
pub(super) fn write_noting(
    reader: &Reader,
    query: &Query,
    shape: &Shape,
    style: TableStyle,
    out: &mut dyn io::Write,
    last: &mut i64,
) -> Result<u64, ExportError> {
    let channel = channel(reader, query, shape, style)?;
    let format = match shape {
        Shape::Format(format) => *format,
        Shape::Template(template) => {
            return fill(reader.path(), query, &channel, template, out, last);
        }
    };
    copy_noting(reader, query, format, &channel, out, last)
}

/// Writes the query's articles in one format; answers their number.
///
/// # Errors
/// [`ExportError::Store`] when they cannot be read, [`ExportError::Write`] when `out` fails.
pub fn copy(
    reader: &Reader,
    query: &Query,
    format: Format,
    channel: &Channel,
    out: &mut dyn io::Write,
) -> Result<u64, ExportError> {
    copy_noting(reader, query, format, channel, out, &mut 0)
}

fn copy_noting(
    reader: &Reader,
    query: &Query,
    format: Format,
    channel: &Channel,
    out: &mut dyn io::Write,
    last: &mut i64,
) -> Result<u64, ExportError> {
    reader.articles(query, channel.table.now, |rows| {
        // A writer takes articles, not results: the first error ends them and is kept for here.
        let mut failed = None;
        let mut articles = rows
            .map_while(|row| row.map_err(|error| failed = Some(error)).ok())
            .inspect(|article| *last = article.seq)
            .map(|article| with_text(article, format));
        let written = export::write(format, channel, &mut articles, out);
        drop(articles);
        match failed {
            Some(error) => Err(ExportError::Store(error)),
            None => written.map_err(ExportError::Write),
        }
    })?
}

/// A template owns what it loops over, so its articles come from a thread with a connection of its own,
/// a few at a time.
fn fill(
    store: &Path,
    query: &Query,
    channel: &Channel,
    template: &Template,
    out: &mut dyn io::Write,
    last: &mut i64,
) -> Result<u64, ExportError> {
    let (sender, articles) = sync_channel(READ_AHEAD);
    let (store, query, now) = (store.to_owned(), query.clone(), channel.table.now);
    let reading = thread::spawn(move || -> Result<(u64, i64), StoreError> {
        Reader::open(&store)?.articles(&query, now, |rows| {
            let (mut count, mut last) = (0, 0);
            for row in rows {
                let article = with_text(row?, Format::Json);
                (count, last) = (count + 1, article.seq);
                // A template that wants no more ends the reading.
                if sender.send(article).is_err() {
                    break;
                }
            }
            Ok((count, last))
        })?
    });
    let written = template.write(channel, Received(Mutex::new(articles)), out);
    match reading.join() {
        Ok(Ok((count, seq))) => {
            *last = seq.max(*last);
            written.map(|()| count).map_err(ExportError::Write)
        }
        Ok(Err(error)) => Err(ExportError::Store(error)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// What a template loops over must be shareable, which a receiver alone is not.
struct Received(Mutex<Receiver<Article>>);

impl Iterator for Received {
    type Item = Article;

    fn next(&mut self) -> Option<Article> {
        self.0.get_mut().ok()?.recv().ok()
    }
}

/// One of `[[exports]]`, now: written beside the target, which it then replaces.
pub fn write_file(reader: &Reader, file: &FileTarget, query: &Query) -> Result<u64, ExportError> {
    let style = TableStyle { width: None, color: false, now: clock::now() };
    let mut failed = None;
    let delivered = deliver::to_file(&file.path, |out| {
        write(reader, query, &file.shape, style, out).map_err(|error| {
            let text = error.to_string();
            match error {
                ExportError::Write(error) => error,
                other => {
                    failed = Some(other);
                    io::Error::other(text)
                }
            }
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(delivered?),
    }
}

/// What the export says of itself. `updated` is the newest article's: the same articles give the same
/// bytes, whenever they are written.
fn channel(
    reader: &Reader,
    query: &Query,
    shape: &Shape,
    table: TableStyle,
) -> Result<Channel, StoreError> {
    let updated = updated(reader, query, table.now)?;
    let title = match (query.feeds.as_slice(), query.tags.as_slice()) {
        ([], []) => "gazetted: latest articles".to_owned(),
        (feeds, []) => format!("gazetted: {}", feeds.join(", ")),
        (_, tags) => format!("gazetted: {}", tags.join(", ")),
    };
    let feeds = match shape {
        Shape::Format(Format::Opml) => feeds(reader, query)?,
        Shape::Format(_) | Shape::Template(_) => Vec::new(),
    };
    Ok(Channel {
        title,
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

/// When the newest of the articles was published or edited; the epoch where there are none.
pub fn updated(reader: &Reader, query: &Query, now: Timestamp) -> Result<Timestamp, StoreError> {
    let newest = Query { limit: Some(1), order: Order::Newest, ..query.clone() };
    reader.articles(&newest, now, |rows| {
        let newest = rows.next().transpose()?;
        Ok(newest.map_or(from_unix(0), |a| a.modified.max(a.published).unwrap_or(a.first_seen)))
    })?
}

/// The feeds of the configuration that the query's articles come from, by name.
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

/// Plain text is derived when a format shows it, not stored.
pub fn with_text(mut article: Article, format: Format) -> Article {
    if format.shows_content_text(&article) {
        let text = article.content_html.as_deref().map(html_to_text);
        article.content_text = text.filter(|text| !text.is_empty());
    }
    article
}

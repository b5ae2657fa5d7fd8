//! Exporting: from a query to the bytes of a format, row by row.

use std::io;

use crate::clock;
use crate::config::ExportConfig;
use crate::deliver::{self, DeliverError};
use crate::domain::article::Article;
use crate::domain::query::Query;
use crate::domain::time::{Timestamp, from_unix};
use crate::export::{self, Channel, Format, TableStyle};
use crate::rules::text::html_to_text;
use crate::store::{Reader, StoreError};

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

/// Writes what the query asks for; answers the number of articles.
pub fn write(
    reader: &Reader,
    query: &Query,
    format: Format,
    style: TableStyle,
    out: &mut dyn io::Write,
) -> Result<u64, ExportError> {
    let channel = channel(reader, query, style)?;
    reader.articles(query, style.now, |rows| {
        // A writer takes articles, not results: the first error ends them and is kept for here.
        let mut failed = None;
        let mut articles = rows
            .map_while(|row| row.map_err(|error| failed = Some(error)).ok())
            .map(|article| with_text(article, format));
        let written = export::write(format, &channel, &mut articles, out);
        drop(articles);
        match failed {
            Some(error) => Err(ExportError::Store(error)),
            None => written.map_err(ExportError::Write),
        }
    })?
}

/// One of `[[exports]]`, now: written beside the target, which it then replaces.
pub fn write_file(reader: &Reader, config: &ExportConfig) -> Result<u64, ExportError> {
    let style = TableStyle { width: None, color: false, now: clock::now() };
    let mut failed = None;
    let delivered = deliver::to_file(&config.path, |out| {
        write(reader, &config.query, config.format, style, out).map_err(|error| {
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
fn channel(reader: &Reader, query: &Query, table: TableStyle) -> Result<Channel, StoreError> {
    let newest = Query { limit: Some(1), ..query.clone() };
    let updated =
        reader.articles(&newest, table.now, |rows| -> Result<Timestamp, StoreError> {
            let newest = rows.next().transpose()?;
            Ok(newest.map_or(from_unix(0), |a| a.modified.max(a.published).unwrap_or(a.first_seen)))
        })??;
    let title = match (query.feeds.as_slice(), query.tags.as_slice()) {
        ([], []) => "gazetted: latest articles".to_owned(),
        (feeds, []) => format!("gazetted: {}", feeds.join(", ")),
        (_, tags) => format!("gazetted: {}", tags.join(", ")),
    };
    Ok(Channel { title, home_page_url: None, feed_url: None, description: None, updated, table })
}

/// Plain text is derived when a format shows it, not stored.
fn with_text(mut article: Article, format: Format) -> Article {
    if format.shows_content_text(&article) {
        let text = article.content_html.as_deref().map(html_to_text);
        article.content_text = text.filter(|text| !text.is_empty());
    }
    article
}

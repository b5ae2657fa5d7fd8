//! The table for terminals: one line for each article. The columns have fixed widths, so that lines can be written
//! one by one.

use std::io;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::domain::article::Article;
use crate::export::{TableStyle, headline};
use crate::present::terminal::{clean_line, fit};
use crate::present::{short_date, short_id};

/// The width in columns when that of the terminal is unknown. Most windows have it, and most titles fit.
const WIDTH: u16 = 100;
/// The width of `Aug 20 06:18` and of `Aug 20  2024`.
const DATE_WIDTH: usize = 12;
const GAP: usize = 2;
/// In a narrower table the column is left out, because it would leave no space for the title.
const NARROWEST_WITH_DATE: usize = 30;
const NARROWEST_WITH_FEED: usize = 44;
const NARROWEST_WITH_ID: usize = 60;
/// The usual width of an id. A longer one moves the rest of its line.
const ID_WIDTH: usize = 6;

pub(super) fn write<E: From<io::Error>>(
    style: TableStyle,
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    let columns = Columns::of(style.width.unwrap_or(WIDTH).into());
    let paint = Paint::of(style.color);
    columns.line(&paint.head, ["ID", "DATE", "FEED", "TITLE"], out)?;
    for article in articles {
        let article = article?;
        let date = short_date(article.effective_date(), style.now, style.zone);
        let feed = clean_line(&article.feed.name);
        let id = clean_line(short_id(&article.id));
        columns.line(&paint.row, [&id, &date, &feed, &headline(&article)], out)?;
    }
    Ok(())
}

/// The columns of the table and their widths.
struct Columns {
    id: bool,
    date: bool,
    feed: Option<usize>,
    title: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let id = NARROWEST_WITH_ID <= width;
        let date = NARROWEST_WITH_DATE <= width;
        let feed = (NARROWEST_WITH_FEED <= width).then(|| (width / 5).clamp(8, 24));
        let taken = if id { ID_WIDTH + GAP } else { 0 }
            + if date { DATE_WIDTH + GAP } else { 0 }
            + feed.map_or(0, |feed| feed + GAP);
        Self { id, date, feed, title: width.saturating_sub(taken).max(1) }
    }

    fn line(
        &self,
        [date_style, feed_style, title_style]: &[Style; 3],
        [id, date, feed, title]: [&str; 4],
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut room = self.title;
        if self.id {
            write!(out, "{date_style}{id:ID_WIDTH$}{date_style:#}{:GAP$}", "")?;
            room = room.saturating_sub(id.width().saturating_sub(ID_WIDTH)).max(1);
        }
        if self.date {
            write!(out, "{date_style}{date:DATE_WIDTH$}{date_style:#}{:GAP$}", "")?;
        }
        if let Some(width) = self.feed {
            let feed = fit(feed, width);
            let padding = width.saturating_sub(feed.width()) + GAP;
            write!(out, "{feed_style}{feed}{feed_style:#}{:padding$}", "")?;
        }
        writeln!(out, "{title_style}{}{title_style:#}", fit(title, room))
    }
}

/// The styles of the columns in the header and in a row. Plain styles write nothing.
struct Paint {
    head: [Style; 3],
    row: [Style; 3],
}

impl Paint {
    fn of(color: bool) -> Self {
        let plain = Style::new();
        if !color {
            return Self { head: [plain; 3], row: [plain; 3] };
        }
        let feed = AnsiColor::Cyan.on_default();
        Self { head: [plain.bold(); 3], row: [plain.dimmed(), feed, plain] }
    }
}

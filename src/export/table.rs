//! The table for terminals: a line an article, in fixed columns, so that it streams.

use std::io;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use crate::domain::article::Article;
use crate::export::{TableStyle, headline};
use crate::present::short_date;
use crate::present::terminal::{clean_line, fit};

/// Columns assumed when nothing is known: enough for most titles, and most windows have them.
const WIDTH: u16 = 100;
/// `Aug 20 06:18`, and `Aug 20  2024` for another year.
const DATE_WIDTH: usize = 12;
const GAP: usize = 2;
/// Below these widths a column would leave the title no room, so it is left out.
const NARROWEST_WITH_DATE: usize = 30;
const NARROWEST_WITH_FEED: usize = 44;

pub(super) fn write<E: From<io::Error>>(
    style: TableStyle,
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<u64, E> {
    let columns = Columns::of(style.width.unwrap_or(WIDTH).into());
    let paint = Paint::of(style.color);
    columns.line(&paint.head, ["DATE", "FEED", "TITLE"], out)?;
    let mut count = 0;
    for article in articles {
        let article = article?;
        let date = short_date(article.effective_date(), style.now);
        let feed = clean_line(&article.feed.name);
        columns.line(&paint.row, [&date, &feed, &headline(&article)], out)?;
        count += 1;
    }
    Ok(count)
}

/// Which columns there are, and how wide.
struct Columns {
    date: bool,
    feed: Option<usize>,
    title: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let date = NARROWEST_WITH_DATE <= width;
        let feed = (NARROWEST_WITH_FEED <= width).then(|| (width / 5).clamp(8, 24));
        let taken = if date { DATE_WIDTH + GAP } else { 0 } + feed.map_or(0, |feed| feed + GAP);
        Self { date, feed, title: width.saturating_sub(taken).max(1) }
    }

    fn line(
        &self,
        [date_style, feed_style, title_style]: &[Style; 3],
        [date, feed, title]: [&str; 3],
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        if self.date {
            write!(out, "{date_style}{date:DATE_WIDTH$}{date_style:#}{:GAP$}", "")?;
        }
        if let Some(width) = self.feed {
            let feed = fit(feed, width);
            let padding = width.saturating_sub(feed.width()) + GAP;
            write!(out, "{feed_style}{feed}{feed_style:#}{:padding$}", "")?;
        }
        writeln!(out, "{title_style}{}{title_style:#}", fit(title, self.title))
    }
}

/// A style for each column of the header and of a row; plain ones write nothing.
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

//! A digest in Markdown (CommonMark): a heading for each day, and below it a heading and the text of each article.
//! Text from feeds is escaped; see [`to_markdown`](crate::html::to_markdown).

use std::io;

use crate::domain::article::{Article, Person};
use crate::domain::time::Zone;
use crate::export::{Channel, headline, present};
use crate::html::to_markdown::{destination, escape, html_to_markdown};
use crate::present::day;

pub(super) fn write<E: From<io::Error>>(
    channel: &Channel,
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    writeln!(out, "# {}", escape(&channel.title))?;
    if let Some(description) = present(channel.description.as_deref()) {
        writeln!(out, "\n{}", escape(description))?;
    }
    let zone = channel.table.zone;
    let mut today = None;
    for article in articles {
        let article = article?;
        let day = day(article.effective_date(), zone);
        if today.as_ref() != Some(&day) {
            writeln!(out, "\n## {day}")?;
            today = Some(day);
        }
        write_article(&article, zone, out)?;
    }
    Ok(())
}

fn write_article(article: &Article, zone: Zone, out: &mut dyn io::Write) -> io::Result<()> {
    let title = escape(&headline(article));
    match present(article.url.as_deref()).and_then(destination) {
        Some(url) => writeln!(out, "\n### [{title}]({url})")?,
        None => writeln!(out, "\n### {title}")?,
    }
    let feed = escape(&article.feed.name);
    write!(out, "\n{feed} · {}", article.effective_date().with_timezone(&zone).format("%H:%M"))?;
    for name in article.authors.iter().filter_map(Person::display_name) {
        write!(out, " · {}", escape(name))?;
    }
    if !article.also_in.is_empty() {
        let names: Vec<_> = article.also_in.iter().map(|name| escape(name)).collect();
        write!(out, " · also in {}", names.join(", "))?;
    }
    writeln!(out)?;
    let html = present(article.content_html.as_deref()).map(html_to_markdown);
    let body = html.filter(|body| !body.is_empty());
    let short = || present(article.summary.as_deref()).map(escape).filter(|line| !line.is_empty());
    if let Some(body) = body.or_else(short) {
        writeln!(out, "\n{body}")?;
    }
    for attachment in &article.attachments {
        if let Some(url) = destination(&attachment.url) {
            let name = present(attachment.title.as_deref()).unwrap_or("Attachment");
            writeln!(out, "\n[{}]({url})", escape(name))?;
        }
    }
    Ok(())
}

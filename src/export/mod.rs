//! Export formats: each file writes articles in one format to a stream. Nothing here reads the store or opens files.
//!
//! [`write()`] writes all formats. Characters that would break a parser or control a terminal are escaped (JSON) or
//! removed (XML, CSV, table).

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use chrono::Datelike;

use crate::domain::article::Article;
use crate::domain::feed::FeedRef;
use crate::domain::named_enum::named_enum;
use crate::domain::time::{Timestamp, Zone, rfc3339};
use crate::html::chars::without_forbidden_in_xml;
use crate::present::line;

mod atom;
mod csv;
pub mod edits;
pub mod events;
pub mod feed_health;
mod html;
mod json;
mod jsonfeed;
mod markdown;
pub mod opml;
pub mod record;
mod rss;
pub mod stories;
mod table;
mod template;
pub mod word_diff;
mod xml;

pub use template::{Template, TemplateFault};

named_enum! {
    /// A format of an export.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Format {
        Json = "json",
        JsonLines = "jsonl",
        JsonFeed = "jsonfeed",
        Atom = "atom",
        Rss = "rss",
        Csv = "csv",
        Table = "table",
        Markdown = "markdown",
        Html = "html",
        /// The list of feeds instead of articles.
        Opml = "opml",
    }
}

/// A format of this module, or a template of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    Format(Format),
    Template(Template),
}

impl Shape {
    /// The name of the format for the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Format(format) => format.as_str(),
            Self::Template(_) => "template",
        }
    }
}

/// The metadata of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub title: String,
    /// The web page that shows the same articles.
    pub home_page_url: Option<String>,
    /// The address of the export.
    pub feed_url: Option<String>,
    /// The address of the next page, with older articles (RFC 5005 section 3).
    pub next_url: Option<String>,
    /// The address of the `WebSub` hub.
    pub hub_url: Option<String>,
    pub description: Option<String>,
    /// The time of the last change.
    pub updated: Timestamp,
    pub table: TableStyle,
    /// The feeds for [`Format::Opml`]; other formats ignore them.
    pub feeds: Vec<FeedRef>,
}

/// The appearance of [`Format::Table`]; other formats ignore it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStyle {
    /// The time zone of all times that are shown for people.
    pub zone: Zone,
    /// The width of the terminal in columns; 100 is assumed if it is unknown.
    pub width: Option<u16>,
    /// Whether to write ANSI colours.
    pub color: bool,
    /// Dates in the year of `now` are shown with the time, other dates with the year.
    pub now: Timestamp,
}

/// Writes all articles in one format and returns their number. Memory use does not depend on the number.
///
/// # Errors
/// The first error of `articles` or of `out`, unchanged. The document is incomplete then.
pub fn write<E: From<io::Error>>(
    format: Format,
    channel: &Channel,
    articles: impl Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<u64, E> {
    if format == Format::Opml {
        return Ok(opml::write(&channel.feeds, out)?);
    }
    let count = Cell::new(0);
    let articles = &mut articles.inspect(|_| count.update(|n| n + 1));
    match format {
        Format::Json => json::write_array(articles, out, json::write_article),
        Format::JsonLines => json::write_lines(articles, out, json::write_article),
        Format::JsonFeed => jsonfeed::write(channel, articles, out),
        Format::Atom => atom::write(channel, articles, out),
        Format::Rss => rss::write(channel, articles, out),
        Format::Csv => csv::write(articles, out),
        Format::Table => table::write(channel.table, articles, out),
        Format::Markdown => markdown::write(channel, articles, out),
        Format::Html => html::write(channel, articles, out),
        Format::Opml => Ok(()),
    }?;
    Ok(count.get())
}

impl Format {
    /// The extensions that [`Format::from_path`] knows, for messages.
    pub const EXTENSIONS: &str =
        ".json, .jsonl, .ndjson, .atom, .rss, .xml, .csv, .md, .markdown, .html, .htm and .opml";

    /// The format that belongs to the extension of a file name, in upper or lower case.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "atom" => Some(Self::Atom),
            "rss" | "xml" => Some(Self::Rss),
            "csv" => Some(Self::Csv),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            "opml" => Some(Self::Opml),
            _ => None,
        }
    }

    /// The media type for `Content-Type`. Sources: RFC 8259, JSON Feed 1.1, RFC 4287, RFC 7111, RFC 7763. The types
    /// of NDJSON, RSS and OPML are not registered; these are the usual ones.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::JsonFeed => "application/feed+json",
            Self::Atom => "application/atom+xml",
            Self::Rss => "application/rss+xml",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Table => "text/plain; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8; variant=CommonMark",
            Self::Html => "text/html; charset=utf-8",
            Self::Opml => "text/x-opml; charset=utf-8",
        }
    }

    /// Whether the format contains [`Article::content_text`] of this article. If not, the caller does not need to
    /// convert the HTML to text.
    pub fn shows_content_text(self, article: &Article) -> bool {
        match self {
            Self::Json | Self::JsonLines | Self::JsonFeed | Self::Csv => true,
            Self::Atom | Self::Rss => article.content_html.is_none(),
            // The headline converts the HTML itself if it needs to.
            Self::Table | Self::Markdown | Self::Html | Self::Opml => false,
        }
    }
}

/// The time in RFC 3339; `None` if the year is not in 0000 to 9999 (section 5.6).
fn date(at: Timestamp) -> Option<String> {
    has_four_digits(at).then(|| rfc3339(at))
}

fn has_four_digits(at: Timestamp) -> bool {
    (0..=9999).contains(&at.year())
}

/// The time in RFC 822 with a year of four digits, as RSS requires; `None` if the year has more digits.
fn rfc822(at: Timestamp) -> Option<String> {
    has_four_digits(at).then(|| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// The name of an article in one line: its headline, else its URL.
fn headline(article: &Article) -> Cow<'_, str> {
    crate::present::headline(article)
        .or_else(|| line(article.url.as_deref()?))
        .unwrap_or(Cow::Borrowed("(no title)"))
}

/// The text without the characters that XML forbids. Bidirectional controls are not removed.
fn without_controls(text: &str) -> Cow<'_, str> {
    without_forbidden_in_xml(text)
}

/// The text, or `None` if it is empty.
fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_known_by_its_name_and_no_other() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.as_str()), Some(format));
        }
        for name in ["", "JSON", " json", "yaml"] {
            assert_eq!(Format::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn what_has_no_title_is_called_by_how_it_begins() {
        let words = "word ".repeat(60);
        let begun = format!("{}…", "word ".repeat(24).trim_end());
        for (title, summary, content, url, expected) in [
            (Some("A title"), Some("Summary"), None, None, "A title"),
            (Some(" \n"), Some("A\nsummary"), None, None, "A summary"),
            (Some(&*words), None, None, None, words.trim_end()),
            (None, Some(&*words), None, None, &*begun),
            (None, None, Some(&*words), None, &*begun),
            (None, None, None, Some("https://a.example/"), "https://a.example/"),
            (None, None, None, None, "(no title)"),
        ] {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let article = Article {
                title: own(title),
                summary: own(summary),
                content_html: None,
                content_text: own(content),
                url: own(url),
                ..record::tests::full()
            };
            assert_eq!(headline(&article), expected);
        }
        let html = Some(crate::html::sanitise::SanitisedHtml::from_store(
            "<p>Only <b>HTML</b></p>".to_owned(),
        ));
        let untitled =
            Article { title: None, summary: None, content_text: None, ..record::tests::full() };
        assert_eq!(headline(&Article { content_html: html, ..untitled }), "Only HTML");
    }

    #[test]
    fn a_path_tells_its_format_by_its_extension() {
        for (path, format) in [
            ("latest.json", Some(Format::Json)),
            ("a.b/latest.JSONL", Some(Format::JsonLines)),
            ("latest.ndjson", Some(Format::JsonLines)),
            ("latest.atom", Some(Format::Atom)),
            ("latest.rss", Some(Format::Rss)),
            ("latest.xml", Some(Format::Rss)),
            ("latest.csv", Some(Format::Csv)),
            ("digest.md", Some(Format::Markdown)),
            ("page.HTML", Some(Format::Html)),
            ("feeds.opml", Some(Format::Opml)),
            ("latest.txt", None),
            ("latest", None),
            (".json", None),
            ("", None),
        ] {
            assert_eq!(Format::from_path(Path::new(path)), format, "{path}");
        }
    }

    #[test]
    fn the_listed_extensions_are_those_that_are_known() {
        let listed = Format::EXTENSIONS.split([',', ' ']).filter(|word| word.starts_with('.'));
        for extension in listed.clone() {
            assert!(
                Format::from_path(Path::new(&format!("a{extension}"))).is_some(),
                "{extension}"
            );
        }
        assert_eq!(listed.count(), 12);
    }

    #[test]
    fn control_characters_go_and_text_stays() {
        for (text, kept) in [
            ("plain", "plain"),
            ("a\tb\r\nc", "a\tb\r\nc"),
            ("a\0b\u{1b}[31mc\u{7f}d\u{9b}e", "ab[31mcde"),
            ("\u{fffe}\u{ffff}\u{fffd}", "\u{fffd}"),
            ("\u{202e}abc\u{200f}", "\u{202e}abc\u{200f}"),
            ("\u{1fffe}", "\u{1fffe}"),
        ] {
            assert_eq!(without_controls(text), kept, "{text:?}");
        }
    }

    #[test]
    fn a_year_of_five_digits_has_no_rfc_3339_form() {
        let far = Timestamp::from_timestamp(253_402_300_800, 0).unwrap();
        assert_eq!(date(far), None);
        assert_eq!(date(Timestamp::UNIX_EPOCH).as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}

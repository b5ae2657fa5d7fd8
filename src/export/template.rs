//! Templates of the user in the language of Jinja 2 (minijinja).
//!
//! A template has the variables `channel` (`title`, `home_page_url`, `feed_url`, `description`, `updated`) and
//! `articles`, which are records as in [`record`](crate::export::record). A value that a record lacks is `none` and
//! is printed as nothing; a name that no record has is an error. The loop of the template reads the articles one by
//! one. Therefore there can be one loop only, and memory use does not depend on the number of articles.
//!
//! The extension of the template's name, without `.j2` or `.jinja`, decides how values are escaped: as HTML for
//! `html`, `htm`, `xhtml`, `xml`, `svg`, `atom`, `rss` and `opml`, as JSON for `json`, as Markdown for `md` and
//! `markdown`, otherwise not at all. There are four filters in addition to those of minijinja: `markdown` (HTML to
//! Markdown), `link` (a URL as the destination of a Markdown link), `excerpt(characters)` and `date(format)`.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use chrono::DateTime;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::Map;

use crate::domain::article::Article;
use crate::domain::time::Zone;
use crate::export::record::{self, Record};
use crate::export::{Channel, date};
use crate::html::chars::excerpt;
use crate::html::to_markdown::{destination, escape, html_to_markdown};

/// The keys whose value is an empty list, not `none`, if the record lacks them.
const LISTS: [&str; 3] = ["authors", "tags", "attachments"];

const MARKDOWN: &str = "markdown";

/// A template whose syntax is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    name: Arc<str>,
    source: Arc<str>,
}

/// The fault of a template in one line, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateFault(String);

impl Template {
    /// Parses a template. `name` is its file name, which decides how values are escaped.
    ///
    /// # Errors
    /// When the syntax is wrong.
    pub fn parse(name: &str, source: &str) -> Result<Self, TemplateFault> {
        let template = Self { name: name.into(), source: source.into() };
        template.environment(Zone::UTC).map_err(|error| fault(&error, source))?;
        Ok(template)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Renders the template. Its loop reads the articles one by one.
    ///
    /// # Errors
    /// The error of `out`, with its kind; or [`io::ErrorKind::InvalidInput`] with a [`TemplateFault`] inside for an
    /// error of the template, such as an unknown name.
    pub fn write(
        &self,
        channel: &Channel,
        articles: impl Iterator<Item = Article> + Send + Sync + 'static,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let environment =
            self.environment(channel.table.zone).map_err(|error| self.invalid(&error))?;
        let template =
            environment.get_template(&self.name).map_err(|error| self.invalid(&error))?;
        let values = articles.map(|article| value(&article));
        let context = minijinja::context! {
            channel => channel_value(channel),
            articles => Value::make_one_shot_iterator(values),
        };
        let mut failed = Keeping { out, error: None };
        match (template.render_captured_to(context, &mut failed), failed.error) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(self.invalid(&error)),
            (Ok(_), None) => Ok(()),
        }
    }

    fn invalid(&self, error: &Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, fault(error, &self.source))
    }

    fn environment(&self, zone: Zone) -> Result<Environment<'_>, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(escaping);
        environment.set_formatter(|out, state, value| {
            if value.is_none() {
                return Ok(()); // Unknown values are printed as nothing.
            }
            match state.auto_escape() {
                AutoEscape::Custom(_) if value.is_safe() => Ok(out.write_str(&value.to_string())?),
                AutoEscape::Custom(_) => Ok(out.write_str(&escape(&value.to_string()))?),
                _ => minijinja::escape_formatter(out, state, value),
            }
        });
        environment.add_filter("markdown", markdown);
        environment.add_filter("link", link);
        environment.add_filter("excerpt", beginning);
        environment
            .add_filter("date", move |at: Value, format: String| formatted(&at, &format, zone));
        environment.add_template(&self.name, &self.source)?;
        Ok(environment)
    }
}

/// How values are escaped in a template of this name.
fn escaping(name: &str) -> AutoEscape {
    let inner = [".j2", ".jinja", ".jinja2"].iter().find_map(|end| name.strip_suffix(end));
    let ending = inner.unwrap_or(name).rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "html" | "htm" | "xhtml" | "xml" | "svg" | "atom" | "rss" | "opml" => AutoEscape::Html,
        "json" => AutoEscape::Json,
        "md" | "markdown" => AutoEscape::Custom(MARKDOWN.into()),
        _ => AutoEscape::None,
    }
}

/// `{{ article.content_html | markdown }}`
fn markdown(html: &Value) -> Value {
    html.as_str().map_or(Value::from(()), |html| Value::from_safe_string(html_to_markdown(html)))
}

/// `[{{ article.title }}]({{ article.url | link }})`. The result is `none` if the address is not an http(s) URL.
fn link(url: &Value) -> Value {
    let url = url.as_str().and_then(destination);
    url.map_or(Value::from(()), Value::from_safe_string)
}

/// `{{ article.summary | excerpt(280) }}`: the beginning, cut between words, of at most this many characters.
fn beginning(text: &Value, characters: usize) -> Value {
    text.as_str().map_or(Value::from(()), |text| Value::from(excerpt(text, characters).as_ref()))
}

/// `{{ article.date_published | date("%d %B %Y") }}`: the date in the configured time zone, in the format
/// language of chrono.
fn formatted(at: &Value, format: &str, zone: Zone) -> Result<Value, Error> {
    if at.kind() == ValueKind::None {
        return Ok(Value::from(()));
    }
    let wrong = |what: &str| Error::new(ErrorKind::InvalidOperation, what.to_owned());
    let text = at.as_str().ok_or_else(|| wrong("date wants a date of a record"))?;
    let at = DateTime::parse_from_rfc3339(text)
        .map_err(|_| wrong("date wants a date of a record, as RFC 3339 writes it"))?;
    let mut out = String::new();
    write!(out, "{}", at.with_timezone(&zone).format(format))
        .map_err(|_| wrong("date does not know a letter of this format; see chrono's strftime"))?;
    Ok(Value::from(out))
}

fn channel_value(channel: &Channel) -> Value {
    minijinja::context! {
        title => channel.title.clone(),
        home_page_url => channel.home_page_url.clone(),
        feed_url => channel.feed_url.clone(),
        description => channel.description.clone(),
        updated => date(channel.updated),
    }
}

fn value(article: &Article) -> Value {
    let mut record = match serde_json::to_value(Record::of(article)) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => Map::new(), // A record always becomes an object.
    };
    if let Some(serde_json::Value::Object(feed)) = record.get_mut("feed") {
        complete(feed, &record::FEED_KEYS);
    }
    complete(&mut record, &record::KEYS);
    Value::from(Serde(&record))
}

fn complete(members: &mut Map<String, serde_json::Value>, keys: &[&str]) {
    for key in keys {
        let empty =
            if LISTS.contains(key) { serde_json::json!([]) } else { serde_json::Value::Null };
        members.entry(*key).or_insert(empty);
    }
}

fn fault(error: &Error, source: &str) -> TemplateFault {
    let place = match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!("{name}, line {line}: "),
        _ => String::new(),
    };
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    // The message of minijinja does not contain the undefined name, so it is taken from the source.
    let what = error.range().filter(|_| error.kind() == ErrorKind::UndefinedError);
    let what = what.and_then(|range| source.get(range)).map(str::trim);
    let what = what.map(|what| format!(": {what}")).unwrap_or_default();
    TemplateFault(format!("{place}{}{what}{detail}", error.kind()))
}

/// Keeps an error of the output, because minijinja only reports that there was one.
struct Keeping<'a> {
    out: &'a mut dyn io::Write,
    error: Option<io::Error>,
}

impl io::Write for Keeping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.error = Some(error);
            }
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;

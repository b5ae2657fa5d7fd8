//! Templates of the user's own, in the language of Jinja 2 (minijinja).
//!
//! A template sees `channel` (title, `home_page_url`, `feed_url`, description, updated) and `articles`,
//! records as in [`record`](crate::export::record); what a record lacks is `none` and shows as nothing,
//! while a name that no record has is an error. Articles are read one by one as the template's loop
//! asks for them, so there is one loop over them, and memory stays flat unless a filter gathers them.
//!
//! What is printed is escaped by the ending of the template's name, `.j2` or `.jinja` aside: as HTML for
//! `html`, `htm`, `xhtml`, `xml`, `svg`, `atom`, `rss` and `opml`, as JSON for `json`, as Markdown for `md` and `markdown`, else not
//! at all. Filters beside minijinja's own: `markdown` (HTML to Markdown), `link` (a URL as the
//! destination of a Markdown link), `excerpt(characters)`, `date(format)`.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use chrono::DateTime;
use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::Map;

use crate::domain::article::Article;
use crate::export::record::{self, Record};
use crate::export::{Channel, date};
use crate::html::chars::excerpt;
use crate::html::to_markdown::{destination, escape, html_to_markdown};

/// Those whose absence is an empty list, to loop over.
const LISTS: [&str; 3] = ["authors", "tags", "attachments"];

const MARKDOWN: &str = "markdown";

/// A template whose syntax was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    name: Arc<str>,
    source: Arc<str>,
}

/// Why a template cannot be used; one line, with the line of the template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateFault(String);

impl Template {
    /// `name` is the file's, and decides how values are escaped.
    ///
    /// # Errors
    /// For faults of syntax.
    pub fn parse(name: &str, source: &str) -> Result<Self, TemplateFault> {
        let template = Self { name: name.into(), source: source.into() };
        template.environment().map_err(|error| fault(&error, source))?;
        Ok(template)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fills the template. The articles are taken as its loop asks for them.
    ///
    /// # Errors
    /// Those of `out`, with their kind; and [`io::ErrorKind::InvalidInput`] holding a [`TemplateFault`]
    /// for what goes wrong in the template itself, such as a name that nothing has.
    pub fn write(
        &self,
        channel: &Channel,
        articles: impl Iterator<Item = Article> + Send + Sync + 'static,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let environment = self.environment().map_err(|error| self.invalid(&error))?;
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

    fn environment(&self) -> Result<Environment<'_>, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(escaping);
        environment.set_formatter(|out, state, value| {
            if value.is_none() {
                return Ok(()); // What is unknown is not written.
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
        environment.add_filter("date", formatted);
        environment.add_template(&self.name, &self.source)?;
        Ok(environment)
    }
}

/// By the ending of the name within `.j2`.
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

/// `[{{ article.title }}]({{ article.url | link }})`; nothing for an address that is not of the web.
fn link(url: &Value) -> Value {
    let url = url.as_str().and_then(destination);
    url.map_or(Value::from(()), Value::from_safe_string)
}

/// `{{ article.summary | excerpt(280) }}`: so many characters at most, cut between words.
fn beginning(text: &Value, characters: usize) -> Value {
    text.as_str().map_or(Value::from(()), |text| Value::from(excerpt(text, characters).as_ref()))
}

/// `{{ article.date_published | date("%d %B %Y") }}`: chrono's letters, UTC.
fn formatted(at: &Value, format: &str) -> Result<Value, Error> {
    if at.kind() == ValueKind::None {
        return Ok(Value::from(()));
    }
    let wrong = |what: &str| Error::new(ErrorKind::InvalidOperation, what.to_owned());
    let text = at.as_str().ok_or_else(|| wrong("date wants a date of a record"))?;
    let at = DateTime::parse_from_rfc3339(text)
        .map_err(|_| wrong("date wants a date of a record, as RFC 3339 writes it"))?;
    let mut out = String::new();
    write!(out, "{}", at.to_utc().format(format))
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
        _ => Map::new(), // A record is an object of texts and numbers; it always can be written.
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
    // minijinja says that something is undefined, and where, but not what.
    let what = error.range().filter(|_| error.kind() == ErrorKind::UndefinedError);
    let what = what.and_then(|range| source.get(range)).map(str::trim);
    let what = what.map(|what| format!(": {what}")).unwrap_or_default();
    TemplateFault(format!("{place}{}{what}{detail}", error.kind()))
}

/// Keeps an error of the output, of which minijinja would tell that there was one.
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

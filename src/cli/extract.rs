//! `gazetted extract`.

use std::io::{self, IsTerminal, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use url::Url;

use super::output::{DIM, Output, data, json_data, width};
use super::{Context, Exit, run::runtime};
use crate::article_page::model::{ArticlePage, Engine, Finding, MOST_BYTES, Mode, SiteRules};
use crate::article_page::reservation::TOKEN;
use crate::clock;
use crate::config::NotFound;
use crate::domain::feed::{FeedUrl, InvalidFeedUrl};
use crate::domain::request::{FetchSettings, RequestSpec};
use crate::domain::time::rfc3339;
use crate::feed::dates::parse::WrittenDate;
use crate::feed::unpack::unpack;
use crate::html::escape::{push_attribute, push_text};
use crate::html::to_markdown::{self, html_to_markdown};
use crate::html::to_text::html_to_text;
use crate::passes::extraction::{LONGEST, Page, extracted};
use crate::passes::preview::{FetchedPage, Previewer};
use crate::present::terminal::clean_line;
use crate::search::filter::without_user_info;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A file on this machine, the address of a page, or - for standard input
    #[arg(value_name = "FILE|URL|-")]
    page: String,
    /// json, html, text or markdown [default: text on a terminal, else json]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    format: Option<PageFormat>,
    /// Show which rule found each part, and what was removed from the text: in json under `explain`, else
    /// on standard error
    #[arg(long)]
    explain: bool,
    /// The CSS selector of the article's text, where the page needs help
    #[arg(long, value_name = "CSS")]
    select: Option<String>,
    /// The CSS selector of what is removed from the page first; may be given several times
    #[arg(long, value_name = "CSS")]
    remove: Vec<String>,
    /// The address of a page that is read from a file or from standard input: the base of its links
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// Ask the second engine only if the first finds little
    #[arg(long)]
    fast: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PageFormat {
    Json,
    Html,
    Text,
    Markdown,
}

/// Explains how the article of a page is found, for `inspect --page`.
pub(super) fn inspect(page: &str, as_json: bool, context: &Context) -> Result<Exit> {
    let format = Some(if as_json { PageFormat::Json } else { PageFormat::Text });
    let args = Args {
        page: page.to_owned(),
        format,
        explain: true,
        select: None,
        remove: Vec::new(),
        url: None,
        fast: false,
    };
    let article = article(args, context)?;
    if as_json {
        json_data(&self::as_json(&article, true))?;
    } else {
        let text = as_text(&article, columns());
        let explained = explanation(&article, &context.output);
        data(|out| writeln!(out, "{explained}\n\n{}", text.trim_end()))?;
    }
    Ok(Exit::Done)
}

pub(super) fn run(args: Args, context: &Context) -> Result<Exit> {
    let (format, explain) = (args.format, args.explain);
    let article = article(args, context)?;
    let otherwise = if io::stdout().is_terminal() { PageFormat::Text } else { PageFormat::Json };
    let format = format.unwrap_or(otherwise);
    if format == PageFormat::Json {
        json_data(&as_json(&article, explain))?;
        return Ok(Exit::Done);
    }
    let text = match format {
        PageFormat::Html => as_html(&article),
        PageFormat::Markdown => as_markdown(&article),
        PageFormat::Text | PageFormat::Json => as_text(&article, columns()),
    };
    data(|out| writeln!(out, "{}", text.trim_end()))?;
    if explain {
        context.output.note(&explanation(&article, &context.output));
    }
    Ok(Exit::Done)
}

/// Obtains the page and extracts its article.
fn article(args: Args, context: &Context) -> Result<ArticlePage> {
    let fetched = received(&args, context)?;
    let page = Page {
        body: fetched.body,
        content_type: fetched.content_type,
        address: fetched.address,
        mode: if args.fast { Mode::Fast } else { Mode::Best },
        rules: SiteRules { select: args.select, remove: args.remove },
        robots_tags: fetched.robots_tags,
        tdm_reservation: fetched.tdm_reservation,
        token: TOKEN.to_owned(),
        now: clock::now(),
    };
    extracted(page, LONGEST).map_err(|error| anyhow!("{}: {error}", without_user_info(&args.page)))
}

/// The page: from standard input, from a file, or from its server.
fn received(args: &Args, context: &Context) -> Result<FetchedPage> {
    let limit = MOST_BYTES as u64;
    let path = Path::new(&args.page);
    let local = if args.page == "-" {
        let mut body = Vec::new();
        io::stdin().take(limit + 1).read_to_end(&mut body).context("cannot read standard input")?;
        Some((body, "stdin:".parse()?))
    } else if path.exists() {
        let mut body = Vec::new();
        let file =
            std::fs::File::open(path).with_context(|| format!("cannot open {}", args.page))?;
        file.take(limit + 1)
            .read_to_end(&mut body)
            .with_context(|| format!("cannot read {}", args.page))?;
        let path = path.canonicalize().with_context(|| format!("cannot find {}", args.page))?;
        let address =
            Url::from_file_path(&path).map_err(|()| anyhow!("the path is not absolute"))?;
        Some((body, address))
    } else {
        None
    };
    if let Some((body, address)) = local {
        // One byte more than allowed, so that a page that is too long is refused and not cut.
        let body =
            unpack(body, None, limit + 1).map_err(|error| anyhow!("{}: {error}", args.page))?.body;
        let address = args.url.clone().unwrap_or(address);
        return Ok(FetchedPage {
            body,
            content_type: None,
            robots_tags: Vec::new(),
            tdm_reservation: None,
            address,
        });
    }
    let url = FeedUrl::parse(&args.page).map_err(|error| {
        let shown = without_user_info(&args.page);
        match error {
            InvalidFeedUrl::Credentials => anyhow!(
                "{shown}: a password on a command line is seen by everybody on this machine"
            ),
            other @ (InvalidFeedUrl::Syntax(_)
            | InvalidFeedUrl::Scheme(_)
            | InvalidFeedUrl::NoHost) => anyhow::Error::new(other)
                .context(format!("{shown} is neither a file here nor the address of a page")),
        }
    })?;
    if args.url.is_some() {
        bail!("--url is for a page that is read from a file or from standard input");
    }
    let mut settings = match context.load_without_lists() {
        Ok(config) => config.fetch,
        Err(error) if error.is::<NotFound>() => FetchSettings::default(),
        Err(error) => return Err(error),
    };
    settings.max_body = settings.max_body.min(limit + 1);
    let mut previewer = Previewer::new(&settings)?;
    let fetched = runtime()?.block_on(previewer.page(&url, &RequestSpec::default()));
    fetched.map_err(|error| anyhow!("{url}: {error}"))
}

/// A date as exactly as the page states it: without a zone the local time, without a time the day.
fn written(date: &WrittenDate) -> String {
    if !date.has_time {
        return date.local.date().to_string();
    }
    let local = date.local.format("%Y-%m-%dT%H:%M:%S");
    let east = date.local.and_utc().signed_duration_since(date.at).num_minutes();
    match (date.has_zone, east) {
        (false, _) => local.to_string(),
        (true, 0) => rfc3339(date.at),
        (true, east) => {
            let (sign, minutes) = (if east < 0 { '-' } else { '+' }, east.abs());
            format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

fn as_json(article: &ArticlePage, explain: bool) -> Value {
    let mut record = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            record.insert(key.to_owned(), value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::String);
    set("url", text(&article.url));
    set("title", text(&article.title));
    set("summary", text(&article.standfirst));
    set("content_html", article.html.as_ref().map(|html| json!(html.as_str())));
    set("content_text", article.html.as_ref().map(|html| json!(html_to_text(html))));
    set("image", article.image.as_ref().map(|image| json!(image.url)));
    set("image_caption", article.image.as_ref().and_then(|image| text(&image.caption)));
    let authors: Vec<_> = article.authors.iter().map(|name| json!({ "name": name })).collect();
    set("authors", Some(authors).filter(|authors| !authors.is_empty()).map(Value::Array));
    set("language", text(&article.language));
    set("date_published", article.published.as_ref().map(|date| json!(written(date))));
    set("date_modified", article.modified.as_ref().map(|date| json!(written(date))));
    set("site_name", text(&article.site_name));
    let engine = article.engine.map(Engine::name);
    let state = if article.is_paywalled { "paywall" } else { "complete" };
    set(
        "full_text",
        Some(json!({ "state": state, "engine": engine, "word_count": article.words })),
    );
    if explain {
        let findings = |findings: &[Finding]| -> Vec<Value> {
            let as_json = |f: &Finding| json!({ "what": f.what, "rule": f.rule, "text": f.text });
            findings.iter().map(as_json).collect()
        };
        let explained =
            json!({ "found": findings(&article.found), "removed": findings(&article.removed) });
        set("explain", Some(explained));
    }
    Value::Object(record)
}

/// The byline, the date and the address on one line.
fn byline(article: &ArticlePage) -> String {
    let authors = Some(article.authors.join(", ")).filter(|authors| !authors.is_empty());
    let date = article.published.as_ref().map(|date| written(date).replace('T', " "));
    [authors, date].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn as_text(article: &ArticlePage, width: Option<usize>) -> String {
    let html = article.html.as_ref();
    let body = html.map(|html| html_to_text(html)).unwrap_or_default();
    let parts = [
        article.title.clone(),
        article.standfirst.clone(),
        Some(byline(article)),
        article.url.clone(),
    ];
    let mut text = String::new();
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        text.push_str(&clean_line(&part));
        text.push_str("\n\n");
    }
    text.push_str(&body);
    match width {
        Some(width) => text.lines().map(|line| wrapped(line, width)).collect(),
        None => text,
    }
}

/// The width of the terminal, if the text goes to one.
fn columns() -> Option<usize> {
    Some(usize::from(width().filter(|_| io::stdout().is_terminal())?))
}

/// A line in lines of a width, broken between words.
fn wrapped(line: &str, width: usize) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in clean_line(line).split(' ') {
        let length = unicode_width::UnicodeWidthStr::width(word);
        if column != 0 && width < column + 1 + length {
            out.push('\n');
            column = 0;
        } else if column != 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

fn as_html(article: &ArticlePage) -> String {
    let mut html = String::from("<article>\n");
    let mut element = |open: &str, text: &str, close: &str| {
        html.push_str(open);
        push_text(&mut html, text);
        html.push_str(close);
    };
    if let Some(title) = &article.title {
        element("<h1>", title, "</h1>\n");
    }
    if let Some(standfirst) = &article.standfirst {
        element("<p class=\"standfirst\">", standfirst, "</p>\n");
    }
    let byline = byline(article);
    if !byline.is_empty() {
        element("<p class=\"byline\">", &byline, "</p>\n");
    }
    let body = article.html.as_deref().unwrap_or_default();
    if let Some(image) = article.image.as_ref().filter(|image| !body.contains(&image.url)) {
        html.push_str("<figure><img src=\"");
        push_attribute(&mut html, &image.url);
        html.push_str("\" alt=\"\">");
        if let Some(caption) = &image.caption {
            html.push_str("<figcaption>");
            push_text(&mut html, caption);
            html.push_str("</figcaption>");
        }
        html.push_str("</figure>\n");
    }
    html.push_str(body);
    html.push_str("\n</article>");
    html
}

fn as_markdown(article: &ArticlePage) -> String {
    let mut text = String::new();
    if let Some(title) = &article.title {
        text.extend(["# ", &to_markdown::escape(title), "\n\n"]);
    }
    for part in [article.standfirst.clone(), Some(byline(article))].into_iter().flatten() {
        if !part.is_empty() {
            text.extend([&*to_markdown::escape(&part), "\n\n"]);
        }
    }
    text.push_str(&article.html.as_deref().map(html_to_markdown).unwrap_or_default());
    text
}

/// What was found by which rule, and what was removed.
fn explanation(article: &ArticlePage, output: &Output) -> String {
    let engine = article.engine.map(Engine::name).unwrap_or_default();
    let mut lines = Vec::new();
    for found in &article.found {
        let rule = output.styled(DIM, &format!("({})", found.rule));
        lines.push(format!("{:<11} {} {rule}", found.what, clean_line(&found.text)));
    }
    lines.push(format!("{:<11} {} words by {engine}", "body", article.words));
    for removed in &article.removed {
        let rule = output.styled(DIM, &format!("({})", removed.rule));
        lines.push(format!("{:<11} {} {rule}", "removed", clean_line(&removed.text)));
    }
    lines.join("\n")
}

//! Extracts the article of a page.

use std::cmp::Reverse;

use dom_query::{Document, Matcher};
use url::Url;

use crate::article_page::engines::{self, Body};
use crate::article_page::head::Head;
use crate::article_page::model::{
    ArticlePage, Engine, Finding, MOST_BYTES, MainImage, Mode, NotExtracted, SiteRules,
};
use crate::article_page::reservation::{Headers, reservation};
use crate::article_page::structured_data::StructuredData;
use crate::article_page::tree::all;
use crate::article_page::{
    access, byline, clean, client_state, date, image, paywall, prepare, standfirst, title, tree,
};
use crate::domain::time::Timestamp;
use crate::feed::charset;
use crate::feed::normalise::article_lines::{self, Known};
use crate::feed::normalise::image as content_image;
use crate::feed::normalise::{detected_language, language, tracking};
use crate::html::chars::{collapse, excerpt};
use crate::html::sanitise::{SanitisedHtml, Sanitiser};
use crate::html::to_text::html_to_text;
use crate::html::web_address::{is_web, web_url};

/// A page as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub body: &'a [u8],
    /// The value of the HTTP header field.
    pub content_type: Option<&'a str>,
    /// After redirects.
    pub address: &'a Url,
    /// What the header fields reserve.
    pub headers: Headers<'a>,
    /// The product token by which the page may address this program.
    pub token: &'a str,
    pub now: Timestamp,
}

/// Extracts the article. The work may take seconds and needs a stack of 64 MiB; it cannot be interrupted.
///
/// # Errors
/// When the page is too large, is no HTML, is a bot wall, or has no article.
pub fn extract(
    received: &Received<'_>,
    mode: Mode,
    rules: &SiteRules,
) -> Result<ArticlePage, NotExtracted> {
    if MOST_BYTES < received.body.len() {
        return Err(NotExtracted::TooLong);
    }
    let html = decoded(received);
    if html.trim().is_empty() {
        return Err(NotExtracted::NoArticle);
    }
    if !html.contains('<') {
        return Err(NotExtracted::NotHtml);
    }
    let page = tree::parse(&html)?;
    if let Some(name) = access::bot_wall(&html, &page) {
        return Err(NotExtracted::BotWall(name));
    }
    let base = base(&page, received.address);
    let reservation = reservation(received.headers, &page, received.token, received.now);
    let mut found = ArticlePage { reservation, ..ArticlePage::default() };
    if let Some(reservation) = &found.reservation {
        let reservation = reservation.to_string();
        found.note("reserved", "rule of the publisher", &reservation);
    }
    let standfirst = metadata(&page, &base, received, &mut found);
    body(page, &base, mode, rules, &mut found)?;
    finish(&base, standfirst, &mut found)?;
    Ok(found)
}

/// Whether a text is a CSS selector that [`SiteRules`] can have.
pub fn is_selector(text: &str) -> bool {
    Matcher::new(text).is_ok()
}

/// The base of relative addresses: what the page states, else its address. For a page that is read from a file, its canonical
/// address.
fn base(page: &Document, address: &Url) -> Url {
    let stated = |selector: &str, attribute: &str| {
        let element = all(page, selector).into_iter().next()?;
        web_url(&element.attr(attribute)?, address)
    };
    let known = stated("base[href]", "href");
    let canonical = || {
        let link = stated("link[rel~=canonical]", "href");
        link.or_else(|| stated("meta[property='og:url']", "content"))
    };
    let unknown = || if is_web(address) { None } else { canonical() };
    known.or_else(unknown).unwrap_or_else(|| address.clone())
}

/// The text of a page. What a page declares in a `meta` element counts like the header field (HTML, 13.2.3.2).
fn decoded(received: &Received<'_>) -> String {
    let http = received.content_type.filter(|value| value.to_lowercase().contains("charset="));
    let declared = http.is_none().then(|| meta_charset(received.body)).flatten();
    let label = declared.map(|label| format!("text/html; charset={label}"));
    let decision = charset::decide(received.body, http.or(label.as_deref()));
    charset::decode(received.body, decision.charset).0.into_owned()
}

fn meta_charset(body: &[u8]) -> Option<String> {
    /// Bytes that are searched. The standard demands 1024; browsers look further.
    const PRESCAN: usize = 8 * 1024;
    let head = String::from_utf8_lossy(body.get(..PRESCAN).unwrap_or(body)).to_lowercase();
    let (_, rest) = head.split_once("charset=")?;
    let label: String = rest
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c))
        .collect();
    (!label.is_empty()).then_some(label)
}

/// Sets all fields but the body. Returns the standfirst, which decides about lines of the body.
fn metadata(
    page: &Document,
    base: &Url,
    received: &Received<'_>,
    out: &mut ArticlePage,
) -> Option<standfirst::Standfirst> {
    let data = StructuredData::of(page);
    out.site_name = data.site_name();
    let title = title::title(page, &data);
    let (text, heading) = match &title {
        Some(title) => (charset::fix_mojibake(title.text.clone()), title.heading),
        None => (String::new(), None),
    };
    if let Some(title) = &title {
        out.note("title", title.rule, &text);
        out.title = Some(text.clone());
    }
    let head = Head::after(heading.as_ref(), &text);
    let standfirst = standfirst::standfirst(page, &data, &head);
    if let Some(found) = &standfirst {
        out.note("standfirst", found.rule, &found.text);
    }
    if let Some(found) = byline::byline(page, &data, &head) {
        out.note("authors", found.rule, &found.names.join(", "));
        out.authors = found.names;
    }
    language_of(page, &data, out);
    let is_american =
        out.language.as_deref().is_none_or(|language| matches!(language, "en" | "en-US" | "en-us"));
    let dates = date::Page {
        tree: page,
        data: &data,
        head: &head,
        address: received.address,
        is_american,
        now: received.now,
    };
    if let Some((date, rule)) = dates.published() {
        out.note("published", rule, &date.local.to_string());
        out.published = Some(date);
    }
    out.modified = dates.modified().map(|(date, _)| date);
    if let Some((image, rule)) = image::image(page, &data, base) {
        out.note("image", rule, &image.url);
        out.image = Some(image);
    }
    let (url, rule) = canonical(page, &data, base, received.address);
    out.note("url", rule, &url);
    out.url = Some(url);
    out.is_paywalled = paywall::is_stated(page, &data);
    standfirst
}

impl ArticlePage {
    fn detect_language(&mut self, text: &str) {
        if self.language.is_none()
            && let Some(language) = detected_language::of_text(text)
        {
            self.note("language", "language of the text", language);
            self.language = Some(language.to_owned());
        }
    }

    fn note(&mut self, what: &'static str, rule: &'static str, text: &str) {
        self.found.push(Finding { what, rule, text: excerpt(text, 200).into_owned() });
    }
}

fn language_of(page: &Document, data: &StructuredData, out: &mut ArticlePage) {
    let element = all(page, "html")
        .first()
        .and_then(|html| html.attr("lang").or_else(|| html.attr("xml:lang")));
    let json = || data.text_of_article("inLanguage");
    let meta = || {
        data.meta(&["og:locale", "content-language", "language", "dc.language"])
            .map(|text| text.replace('_', "-"))
    };
    let found = [
        ("lang of the html element", element.map(|lang| lang.to_string())),
        ("JSON-LD inLanguage", json()),
        ("meta element", meta()),
    ];
    let known =
        found.into_iter().find_map(|(rule, text)| Some((language::language(&text?)?, rule)));
    if let Some((language, rule)) = known {
        out.note("language", rule, &language);
        out.language = Some(language);
        return;
    }
    // The longest paragraphs are those of the article.
    let mut paragraphs: Vec<_> = all(page, "p").iter().map(tree::line).collect();
    paragraphs.sort_by_key(|text| Reverse(text.len()));
    paragraphs.truncate(3);
    out.detect_language(&paragraphs.join("\n"));
}

/// The canonical address that the page states, if it is one of the same site and not that of the home page.
fn canonical(
    page: &Document,
    data: &StructuredData,
    base: &Url,
    address: &Url,
) -> (String, &'static str) {
    let link = all(page, "link[rel~=canonical]").first().and_then(|link| link.attr("href"));
    let stated = [
        ("canonical link", link.map(|href| href.to_string())),
        ("og:url", data.meta(&["og:url"]).map(ToOwned::to_owned)),
    ];
    let domain = |url: &Url| {
        let host = url.host_str()?.to_owned();
        psl::domain_str(&host).map(ToOwned::to_owned).or(Some(host))
    };
    let is_same_site = |url: &Url| !is_web(address) || domain(url) == domain(address);
    let is_home = |url: &Url| {
        url.path() == "/" && url.query().is_none() && address.path() != "/" && is_web(address)
    };
    let known = stated.into_iter().find_map(|(rule, href)| {
        let url = web_url(&href?, base).filter(|url| is_same_site(url) && !is_home(url))?;
        Some((url.to_string(), rule))
    });
    let (url, rule) = known.unwrap_or_else(|| (address.to_string(), "address of the page"));
    (tracking::without(url), rule)
}

/// Finds the body: by the configured selector, by the engines, or in the state of a script.
fn body(
    page: Document,
    base: &Url,
    mode: Mode,
    rules: &SiteRules,
    out: &mut ArticlePage,
) -> Result<(), NotExtracted> {
    prepare::remove(&page, &rules.remove, &mut out.removed)?;
    let is_prompted = paywall::take_prompts(&page, &mut out.removed);
    let selected = match &rules.select {
        Some(selector) => {
            let matcher =
                Matcher::new(selector).map_err(|_| NotExtracted::NotASelector(selector.clone()))?;
            let found = page.select_matcher(&matcher);
            let html: String = found.nodes().iter().map(|node| node.html().to_string()).collect();
            Some(Body::of(html, Engine::Selector)).filter(|body| 0 < body.length)
        }
        None => None,
    };
    let states = client_state::states(&page);
    let data = StructuredData::of(&page);
    prepare::prepare(&page, &mut out.removed);
    let text = page.html().to_string();
    let found = selected.or_else(|| engines::body(page, &text, base, mode));
    // What a paywall hides from readers is not taken from the scripts of the page.
    let is_hidden = is_prompted || out.is_paywalled;
    let of_script = || {
        let html = client_state::body(&states, &data).filter(|_| !is_hidden)?;
        Some(Body::of(html, Engine::ClientState))
    };
    // A script would show the text: the page itself has a fraction of it.
    let found = match found {
        Some(body) if body.engine == Engine::Selector => Some(body),
        Some(body) => of_script().filter(|other| body.length * 3 < other.length).or(Some(body)),
        None => of_script(),
    };
    let Some(found) = found.filter(|body| 0 < body.length) else {
        return Err(NotExtracted::NoArticle);
    };
    if found.engine == Engine::ClientState {
        let of = |keys: &[&str]| client_state::text_beside_body(&states, keys);
        let headline = || of(&["headline", "title"]).map(|text| collapse(&text));
        out.title = out.title.take().or_else(headline);
        if out.published.is_none() {
            let written = of(&[
                "datePublished",
                "publishedAt",
                "published_at",
                "publishDate",
                "publicationDate",
                "date",
                "pubDate",
            ]);
            out.published = written.and_then(|text| crate::feed::dates::parse::written_date(&text));
        }
    }
    out.engine = Some(found.engine);
    let tree = tree::parse(&found.html)?;
    clean::clean(&tree, &mut out.removed);
    let html = tree.body().map_or_else(|| tree.html(), |body| body.inner_html());
    out.html = Sanitiser::new(base).clean(&html);
    let text = out.html.as_deref().map(html_to_text).unwrap_or_default();
    out.is_paywalled |= is_prompted && paywall::breaks_off(&text);
    Ok(())
}

/// Removes the lines of the page from the body, and counts its words.
fn finish(
    base: &Url,
    standfirst: Option<standfirst::Standfirst>,
    out: &mut ArticlePage,
) -> Result<(), NotExtracted> {
    let Some(html) = out.html.take() else { return Err(NotExtracted::NoArticle) };
    let shown = standfirst.as_ref().filter(|found| found.is_shown).map(|found| found.text.as_str());
    let known = Known { title: out.title.as_deref(), standfirst: shown, is_page: true };
    let cleaned = article_lines::clean(&html, known);
    let mut inferred = None;
    let html: Option<SanitisedHtml> = match cleaned {
        Some(cleaned) => {
            let removed = cleaned.removed.into_iter().map(|(rule, text)| Finding {
                what: "line",
                rule,
                text,
            });
            out.removed.extend(removed);
            inferred = cleaned.standfirst;
            if out.published.is_none()
                && let Some(date) = cleaned.date
            {
                out.note("published", "line of the body", &date.local.to_string());
                out.published = Some(date);
            }
            Sanitiser::new(base).clean(&cleaned.html)
        }
        None => Some(html),
    };
    let Some(html) = html else { return Err(NotExtracted::NoArticle) };
    if out.image.is_none()
        && let Some(url) = content_image::of_content(&html)
    {
        out.note("image", "first image of the body", &url);
        out.image = Some(MainImage { url, caption: None });
    }
    let text = html_to_text(&html);
    out.detect_language(&text);
    out.words = text.split_whitespace().count();
    out.standfirst = inferred.or(standfirst.map(|found| found.text));
    out.html = Some(html);
    Ok(())
}

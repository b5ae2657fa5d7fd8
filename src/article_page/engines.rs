//! The engines that find the body in a page.
//!
//! `dom_smoothie` is a port of Mozilla's Readability; it keeps figures and links, and is fast. trafilatura (a port of the
//! Python library) finds more on pages that are not one column of paragraphs, but its HTML is thinner. So the second one
//! only decides when the first one found little (docs/decisions/0029 has the measurements).

use dom_query::Document;
use dom_smoothie::{Config, Readability};
use trafilatura::Options;
use url::Url;

use crate::article_page::model::{Engine, Mode};
use crate::html::to_text::html_to_text;

/// A body with fewer characters is asked for from the second engine too.
const LITTLE: usize = 250;

/// The first engine found little when it has a smaller share of the text of the second one, in percent.
const LITTLE_SHARE: usize = 35;

/// A body, as HTML that is not sanitised, and the engine that found it.
pub(super) struct Body {
    pub(super) html: String,
    pub(super) engine: Engine,
    /// Characters of its text.
    pub(super) length: usize,
}

impl Body {
    pub(super) fn of(html: String, engine: Engine) -> Self {
        let length = html_to_text(&html).chars().filter(|c| !c.is_whitespace()).count();
        Self { html, engine, length }
    }
}

/// Finds the body. `page` is the page as prepared, `html` the same as text.
pub(super) fn body(page: Document, html: &str, address: &Url, mode: Mode) -> Option<Body> {
    let first = by_dom_smoothie(page, address);
    let is_little = first.as_ref().is_none_or(|body| body.length < LITTLE);
    if mode == Mode::Fast && !is_little {
        return first;
    }
    let second = by_trafilatura(html, address);
    match (first, second) {
        (Some(first), Some(second)) => {
            let is_short = first.length * 100 < second.length * LITTLE_SHARE;
            Some(if is_little && first.length < second.length || is_short { second } else { first })
        }
        (first, second) => first.or(second),
    }
}

fn by_dom_smoothie(page: Document, address: &Url) -> Option<Body> {
    let config = Config { keep_classes: true, disable_json_ld: true, ..Config::default() };
    let web = Some(address.as_str()).filter(|_| matches!(address.scheme(), "http" | "https"));
    let mut engine = Readability::with_document(page, web, Some(config)).ok()?;
    let article = engine.parse().ok()?;
    Some(Body::of(article.content.to_string(), Engine::DomSmoothie)).filter(|body| 0 < body.length)
}

fn by_trafilatura(html: &str, address: &Url) -> Option<Body> {
    let options = Options::default()
        .with_fallback(true)
        .with_links(true)
        .with_images(true)
        .with_exclude_comments(true)
        .with_url(address.clone());
    let found = trafilatura::extract(html, &options).ok()?;
    Some(Body::of(found.content_html, Engine::Trafilatura)).filter(|body| 0 < body.length)
}

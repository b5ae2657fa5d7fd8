//! The main image of the article, and its caption.

use dom_query::{Document, NodeRef};
use serde_json::Value;
use url::Url;

use crate::article_page::model::MainImage;
use crate::article_page::structured_data::StructuredData;
use crate::article_page::tree::{all, below, has_word, line, names};
use crate::feed::normalise::furniture::is_placeholder;
use crate::html::web_address::web;

/// Returns the image and the rule that found it.
pub(super) fn image(
    page: &Document,
    data: &StructuredData,
    base: &Url,
) -> Option<(MainImage, &'static str)> {
    let absolute = |text: &str| web(text.trim(), base).filter(|url| !is_stand_in(url));
    let og = data
        .meta_all(&["og:image:secure_url", "og:image", "og:image:url"])
        .find_map(absolute)
        .map(|url| (url, "og:image"));
    let json = || {
        let found = data
            .articles()
            .filter_map(|article| article.get("image").or_else(|| article.get("thumbnailUrl")));
        found.filter_map(address).find_map(|text| absolute(&text)).map(|url| (url, "JSON-LD image"))
    };
    let twitter = || {
        data.meta_all(&["twitter:image", "twitter:image:src"])
            .find_map(absolute)
            .map(|url| (url, "twitter:image"))
    };
    let figure = || {
        let images =
            all(page, "figure img, article img, main img, figure amp-img, article amp-img");
        images
            .iter()
            .filter(|node| !is_small(node))
            .find_map(|node| absolute(&source(node)?))
            .map(|url| (url, "first large image"))
    };
    let (url, rule) = og.or_else(json).or_else(twitter).or_else(figure)?;
    let caption = caption(page, &url, base);
    Some((MainImage { url, caption }, rule))
}

fn address(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => values.iter().find_map(address),
        Value::Object(object) => {
            ["url", "contentUrl", "@id"].iter().find_map(|key| address(object.get(*key)?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Whether an address is that of a logo or a placeholder.
fn is_stand_in(url: &str) -> bool {
    let file = url.rsplit('/').next().unwrap_or(url).to_lowercase();
    has_word(
        &file,
        &[
            "placeholder",
            "blank",
            "spacer",
            "logo",
            "favicon",
            "default",
            "lazy",
            "pixel",
            "transparent",
        ],
    )
}

/// The address of an image, of a lazy one too.
fn source(node: &NodeRef<'_>) -> Option<String> {
    let of_set = |name: &str| {
        let set = node.attr(name)?;
        let largest = set.split(", ").last()?.split_whitespace().next()?.to_owned();
        Some(largest)
    };
    let of = |name: &str| node.attr(name).map(|value| value.to_string());
    let lazy = ["data-src", "data-lazy-src", "data-original"].iter().find_map(|name| of(name));
    let lazy = lazy.or_else(|| of_set("data-srcset"));
    lazy.or_else(|| of("src").filter(|src| !src.starts_with("data:"))).or_else(|| of_set("srcset"))
}

fn is_small(node: &NodeRef<'_>) -> bool {
    let is_below = |name: &str| {
        let size =
            node.attr(name).and_then(|value| value.trim_end_matches("px").parse::<u32>().ok());
        size.is_some_and(|size| size < 200)
    };
    is_below("width")
        || is_below("height")
        || has_word(&names(node), &["avatar", "logo", "icon", "author"])
}

/// The caption of the figure that shows the image, else that of the first figure of the article.
fn caption(page: &Document, url: &str, base: &Url) -> Option<String> {
    let stem = |url: &str| {
        let path = url.split(['?', '#']).next().unwrap_or(url).to_owned();
        path.rsplit('/').next().map(|file| file.split('.').next().unwrap_or(file).to_lowercase())
    };
    let wanted = stem(url);
    let text = |figure: &NodeRef<'_>| {
        let captions = below(figure, "figcaption, [class*=caption]");
        captions.iter().map(line).find(|text| !text.is_empty() && !is_placeholder(text))
    };
    let figures = all(page, "figure, [class*=figure], [class*=wp-caption]");
    let shows = |figure: &&NodeRef<'_>| {
        below(figure, "img, amp-img, source").iter().any(|image| {
            let source = source(image).and_then(|source| web(&source, base));
            source.is_some_and(|source| stem(&source) == wanted)
        })
    };
    figures.iter().find(shows).and_then(text)
}

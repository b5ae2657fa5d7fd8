//! The pages in `tests/pages`: one article in several markups and languages, as careless sites show it. Each page has the
//! title twice, a line with date and counter, a placeholder of an image, a quotation with the name of its speaker, a
//! link to another article, buttons for sharing and a consent banner.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::article_page::extract::{Received, extract};
use crate::article_page::model::{ArticlePage, Mode, SiteRules};
use crate::article_page::reservation::{Headers, TOKEN};
use crate::html::to_markdown::html_to_markdown;
use crate::html::to_text::html_to_text;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages")
}

fn extracted(name: &str, mode: Mode) -> ArticlePage {
    let body = fs::read(folder().join(format!("{name}.html"))).unwrap();
    let address = "https://news.example.org/ferry".parse().unwrap();
    let now = "2024-09-01T00:00:00Z".parse().unwrap();
    let received = Received {
        body: &body,
        content_type: None,
        address: &address,
        headers: Headers::default(),
        token: TOKEN,
        now,
    };
    extract(&received, mode, &SiteRules::default()).unwrap()
}

/// Every difference between what was found and what is expected.
fn faults(found: &ArticlePage, expected: &Value) -> Vec<String> {
    let html = found.html.as_deref().unwrap_or_default();
    let text = html_to_text(html);
    let mut faults = Vec::new();
    let mut check = |is_right: bool, what: String| {
        if !is_right {
            faults.push(what);
        }
    };
    let of = |key: &str| expected[key].as_str();
    check(found.title.as_deref() == of("title"), format!("title {:?}", found.title));
    check(
        found.standfirst.as_deref() == of("standfirst"),
        format!("standfirst {:?}", found.standfirst),
    );
    check(found.language.as_deref() == of("language"), format!("language {:?}", found.language));
    let published = found.published.map(|date| {
        let zone = date.local.and_utc().signed_duration_since(date.at).num_hours();
        let zone = if date.has_zone { format!("+{zone:02}:00") } else { String::new() };
        format!("{}{zone}", date.local.format("%Y-%m-%dT%H:%M:%S"))
    });
    check(published.as_deref() == of("published"), format!("published {published:?}"));
    if let Some(author) = of("author") {
        check(found.authors == [author], format!("authors {:?}", found.authors));
    }
    let image = found.image.as_ref();
    check(image.map(|image| &*image.url) == of("image"), format!("image {image:?}"));
    check(
        image.and_then(|image| image.caption.as_deref()) == of("caption"),
        format!("caption {image:?}"),
    );
    check(
        html.contains("src=\"https://news.example.org/media/ferry"),
        format!("no image in {html}"),
    );
    let absent = expected["absent"].as_array().unwrap().iter().filter_map(Value::as_str);
    for words in absent.chain([of("title").unwrap(), of("standfirst").unwrap()]) {
        check(!text.contains(words), format!("{words:?} in {text}"));
    }
    let placeholder = of("placeholder").unwrap();
    check(!text.lines().any(|line| line.trim() == placeholder), format!("placeholder in {text}"));
    let mut rest = text.as_str();
    for paragraph in expected["paragraphs"].as_array().unwrap().iter().filter_map(Value::as_str) {
        let place = rest.find(paragraph);
        check(place.is_some(), format!("{paragraph:?} is missing or out of order in {text}"));
        rest = place.and_then(|place| rest.get(place..)).unwrap_or(rest);
    }
    let quotation =
        html.split_once("<blockquote").and_then(|(_, rest)| rest.split_once("</blockquote>"));
    let quotation =
        quotation.map(|(inner, _)| html_to_text(&format!("<div{inner}</div>"))).unwrap_or_default();
    for part in ["quote", "speaker"] {
        check(quotation.contains(of(part).unwrap()), format!("{part} in {quotation:?} of {html}"));
        check(text.matches(of(part).unwrap()).count() == 1, format!("{part} once in {text}"));
    }
    check(html_to_markdown(html).contains("\n> "), "no quotation in Markdown".into());
    faults
}

#[test]
fn each_sample_page_comes_out_clean() {
    let expected = fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Value> = serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.len(), 20);
    let languages: std::collections::BTreeSet<_> =
        expected.values().filter_map(|page| page["language"].as_str()).collect();
    assert_eq!(languages.len(), 10);
    let mut all = Vec::new();
    for (name, expected) in &expected {
        let found = faults(&extracted(name, Mode::Best), expected);
        all.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(all.is_empty(), "{} faults\n{}", all.len(), all.join("\n"));
}

#[test]
fn the_fast_mode_reads_the_sample_pages_too() {
    for name in ["divs-en", "graph-fr", "nextdata-pt"] {
        let (best, fast) = (extracted(name, Mode::Best), extracted(name, Mode::Fast));
        assert_eq!(best.html, fast.html, "{name}");
    }
}

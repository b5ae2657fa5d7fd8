//! Whether the page lets everybody read the article: paywalls and bot walls. They are named, not worked around.

use dom_query::Document;
use serde_json::Value;

use crate::article_page::structured_data::StructuredData;
use crate::article_page::tree::{all, line};

/// Texts of the pages that products show instead of the article, in lower case, and the names of the products.
const WALLS: [(&str, &str); 16] = [
    ("/cdn-cgi/challenge-platform/", "Cloudflare"),
    ("cf-browser-verification", "Cloudflare"),
    ("cf_chl_opt", "Cloudflare"),
    ("anubis_challenge", "Anubis"),
    ("/.within.website/x/cmd/anubis", "Anubis"),
    ("captcha-delivery.com", "DataDome"),
    ("geo.captcha-delivery", "DataDome"),
    ("_px-captcha", "PerimeterX"),
    ("px-captcha", "PerimeterX"),
    ("_incapsula_resource", "Imperva"),
    ("awswafintegration", "AWS WAF"),
    ("aws-waf-token", "AWS WAF"),
    ("ak_bmsc_challenge", "Akamai"),
    ("sec-if-cpt-container", "Akamai"),
    ("/_sec/cp_challenge/", "Akamai"),
    ("g-recaptcha", "reCAPTCHA"),
];

/// The product whose challenge the page is. A page with an article may also load such scripts, so a page counts only if it
/// has little text.
pub(super) fn bot_wall(html: &str, page: &Document) -> Option<&'static str> {
    /// In characters. A challenge says a sentence or two.
    const LONGEST: usize = 1_500;
    let html = html.to_lowercase();
    let (_, name) = WALLS.iter().find(|(text, _)| html.contains(text))?;
    let text = all(page, "body").first().map(line).unwrap_or_default();
    let has_article = 2 <= all(page, "article p, main p").len();
    (text.chars().count() < LONGEST && !has_article).then_some(*name)
}

/// Whether the page states that the article is not free (`isAccessibleForFree` of schema.org).
pub(super) fn is_paywalled(data: &StructuredData) -> bool {
    let stated = data.articles().find_map(|article| article.get("isAccessibleForFree"));
    let stated = match stated {
        Some(Value::Bool(free)) => Some(*free),
        Some(Value::String(text)) => Some(!text.eq_ignore_ascii_case("false")),
        _ => None,
    };
    let tier = data
        .meta(&["article:content_tier"])
        .is_some_and(|tier| matches!(tier, "locked" | "metered"));
    stated == Some(false) || stated.is_none() && tier
}

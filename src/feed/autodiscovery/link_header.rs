//! Feed links in the `Link` header fields of a reply (RFC 8288).

use url::Url;

use crate::domain::address_origin::AddressOrigin;
use crate::feed::autodiscovery::html_links::{FEED_TYPES, MOST_FEEDS};

/// The feed links of a `Link` field: those with `rel=alternate` and the media type of a feed.
pub fn linked(field: &str, base: &Url) -> Vec<Url> {
    let origin = AddressOrigin::Document(base);
    let mut found = Vec::new();
    let mut rest = field;
    while let Some((_, after)) = rest.split_once('<')
        && let Some((target, after)) = after.split_once('>')
        && found.len() < MOST_FEEDS
    {
        let (parameters, after) = after.split_at(end_of_parameters(after));
        rest = after;
        let value = |name: &str| parameter(parameters, name).unwrap_or_default();
        let media_type = value("type").to_ascii_lowercase();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let is_alternate =
            value("rel").split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("alternate"));
        if is_alternate
            && FEED_TYPES.contains(&media_type)
            && let Ok(url) = base.join(target.trim())
            && origin.admits(&url)
            && !found.contains(&url)
        {
            found.push(url);
        }
    }
    found
}

/// Where the parameters of a link end: at the first comma outside of quotation marks.
fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// The first parameter of this name.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_links_are_told_from_the_others() {
        let base = Url::parse("https://example.org/a/page").unwrap();
        for (field, expected) in [
            ("</feed>; rel=alternate; type=application/rss+xml", "https://example.org/feed"),
            (
                "<f.xml>;rel=\"alternate\";type=\"application/atom+xml\";title=\"News, all\"",
                "https://example.org/a/f.xml",
            ),
            (
                "<https://api.example/>; rel=\"https://api.w.org/\", <https://b.example/f>; TYPE=\"application/feed+json\"; REL=\"Alternate home\"",
                "https://b.example/f",
            ),
            (
                "</a>; rel=alternate; type=\"application/rss+xml; charset=utf-8\", </b>; rel=alternate; type=text/xml",
                "https://example.org/a https://example.org/b",
            ),
            ("</de>; rel=alternate; hreflang=de", ""),
            ("</style.css>; rel=preload; as=style", ""),
            ("</wp-json/p/1>; rel=\"alternate\"; type=\"application/json\"", ""),
            ("</feed>; rel=self; type=application/rss+xml", ""),
            ("<file:///etc/passwd>; rel=alternate; type=application/rss+xml", ""),
            ("<javascript:x>; rel=alternate; type=application/rss+xml", ""),
            ("</feed", ""),
            ("", ""),
        ] {
            let found: Vec<String> = linked(field, &base).into_iter().map(Into::into).collect();
            assert_eq!(found.join(" "), expected, "{field}");
        }
    }
}

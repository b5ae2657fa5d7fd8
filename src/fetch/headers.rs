//! Header fields: those that a request sends, and those of a reply that a rule reads.

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE,
    COOKIE, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, LINK, RETRY_AFTER, USER_AGENT,
};
use url::Url;

use crate::domain::poll::{ReplyHeaders, Validators};
use crate::domain::request::{FetchSettings, RequestSpec, Secret};
use crate::fetch::error::FetchError;
use crate::fetch::request::Wanted;

/// Feed types first. Other types are accepted too, because many feeds have a wrong type and a server might
/// answer 406 otherwise.
const ACCEPTED: HeaderValue = HeaderValue::from_static(
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, \
     application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1",
);

/// The types of web pages.
const PAGES: HeaderValue =
    HeaderValue::from_static("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.1");

/// The types of icons that `domain::icon` knows.
const ICONS: HeaderValue = HeaderValue::from_static(
    "image/png, image/x-icon, image/vnd.microsoft.icon, image/webp, image/gif, image/jpeg;q=0.9, */*;q=0.1",
);

/// The content codings that `feed::unpack` supports.
const CODINGS: HeaderValue = HeaderValue::from_static("gzip, br, zstd, deflate");

/// The header fields of every request for a document.
///
/// # Errors
/// [`FetchError::Setup`] for a user agent that is no header value.
pub(super) fn common(
    settings: &FetchSettings,
    spec: &RequestSpec,
    wanted: Wanted,
) -> Result<HeaderMap, FetchError> {
    let agent = spec.user_agent.as_ref().unwrap_or(&settings.user_agent);
    let agent = HeaderValue::from_str(agent)
        .map_err(|error| FetchError::setup("the user_agent is no header value", error))?;
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(USER_AGENT, agent);
    let accepted = match wanted {
        Wanted::Feed => ACCEPTED,
        Wanted::Page | Wanted::Beginning => PAGES,
        Wanted::Icon => ICONS,
    };
    headers.insert(ACCEPT, accepted);
    headers.insert(ACCEPT_ENCODING, CODINGS);
    Ok(headers)
}

/// The fields that make a request to `at` conditional: none, unless the validators came from there.
pub(super) fn conditional(validators: &Validators, at: &Url, wanted: Wanted) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if validators.sent_by.as_ref() != Some(at) {
        return headers;
    }
    for (name, bytes) in
        [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)]
    {
        // A value from a reply is always valid; an invalid one from a damaged store is left out.
        if let Some(value) = bytes.as_ref().and_then(|bytes| HeaderValue::from_bytes(bytes).ok()) {
            headers.insert(name, value);
        }
    }
    if wanted == Wanted::Feed && headers.contains_key(IF_NONE_MATCH) {
        // RFC 3229: the server may send only the entries that are new since that version.
        headers.insert(HeaderName::from_static("a-im"), HeaderValue::from_static("feed"));
    }
    headers
}

/// The header fields that a feed or webhook configures. They are only sent to the configured origin.
///
/// # Errors
/// [`FetchError::Setup`] for an invalid name or value; the error does not repeat the value.
pub(super) fn configured(fields: &[(String, Secret)]) -> Result<HeaderMap, FetchError> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let what =
            || format!("`{}` is no header name, or its value no header value", name.escape_debug());
        let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.expose()))
        else {
            return Err(FetchError::Setup { what: what(), source: None });
        };
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The one `Cookie` field of a request that has the given ones (RFC 6265 section 5.4). No field without any.
pub(super) fn cookie(fields: &[HeaderValue]) -> HeaderMap {
    let joined = fields.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    let mut headers = HeaderMap::new();
    if let Some(mut field) = HeaderValue::from_bytes(&joined).ok().filter(|f| !f.is_empty()) {
        field.set_sensitive(true);
        headers.insert(COOKIE, field);
    }
    headers
}

/// The header fields of a reply that rules read.
pub(super) fn of_reply(headers: &HeaderMap) -> ReplyHeaders {
    let bytes = |name: HeaderName| {
        headers.get(name).map(|value| value.as_bytes().to_vec()).filter(|value| !value.is_empty())
    };
    let text = |name: HeaderName| headers.get(name).map(as_text).filter(|text| !text.is_empty());
    let list = |name: HeaderName| {
        let all: Vec<String> =
            headers.get_all(name).iter().map(as_text).filter(|text| !text.is_empty()).collect();
        (!all.is_empty()).then(|| all.join(", "))
    };
    let named = |name: &'static str| text(HeaderName::from_static(name));
    // `RateLimit: "default";r=0;t=50`, a draft of the IETF's HTTPAPI working group.
    let rate_limit = named("ratelimit").unwrap_or_default();
    let parameter = |name: &str| {
        let parameters = rate_limit.split([';', ',']).filter_map(|pair| pair.split_once('='));
        let mut values = parameters.filter(|(key, _)| key.trim() == name).map(|(_, value)| value);
        values.next().map(|value| value.trim().to_owned())
    };
    ReplyHeaders {
        etag: bytes(ETAG),
        last_modified: bytes(LAST_MODIFIED),
        content_type: text(CONTENT_TYPE),
        content_language: list(CONTENT_LANGUAGE),
        content_encoding: list(CONTENT_ENCODING),
        link: list(LINK),
        cache_control: list(CACHE_CONTROL),
        expires: text(EXPIRES),
        age: text(AGE),
        date: text(DATE),
        retry_after: text(RETRY_AFTER),
        rate_remaining: named("x-ratelimit-remaining").or_else(|| parameter("r")),
        rate_reset: named("x-ratelimit-reset").or_else(|| parameter("t")),
        challenge: named("cf-mitigated"),
        robots_tags: headers.get_all("x-robots-tag").iter().map(as_text).collect(),
        tdm_reservation: named("tdm-reservation"),
    }
}

fn as_text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes().trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_joined_and_empty_fields_are_absent() {
        let mut headers = HeaderMap::new();
        headers.append(CACHE_CONTROL, HeaderValue::from_static("public"));
        headers.append(CACHE_CONTROL, HeaderValue::from_static(" max-age=60 "));
        headers.append(ETAG, HeaderValue::from_static(""));
        headers.append(LAST_MODIFIED, HeaderValue::from_bytes(b"yesterd\xe4y").unwrap());
        let found = of_reply(&headers);
        assert_eq!(found.cache_control.as_deref(), Some("public, max-age=60"));
        assert_eq!(found.etag, None);
        assert_eq!(found.last_modified.as_deref(), Some(b"yesterd\xe4y".as_slice()));
        assert_eq!(found.content_encoding, None);
    }
}

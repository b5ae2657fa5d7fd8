//! The pages: HTML rendered on the server, one style sheet, and no script unless `[server] shortcuts` adds the one for
//! keyboard shortcuts. No page needs it.
//!
//! `maud` escapes all text except the content of articles, which was sanitised before it was stored. A page
//! has one `h1`, landmarks, and a link that skips the header.

mod article;
mod feed;
mod feeds;
mod latest;
mod parts;
mod stories;

pub(super) use article::article;
pub(super) use feed::feed;
pub(super) use feeds::feeds;
pub(super) use latest::{latest, search};
pub(super) use stories::{stories, story};

use std::sync::LazyLock;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
};
use axum::http::uri::PathAndQuery;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::conditional::{Version, hash};
use super::error_response::ErrorReason;
use super::view::{LIST_VIEW, View};
use super::{POLICY_WITH_SCRIPT, Site, error_response};
use crate::domain::time::Timestamp;
use crate::present::zone_name;

const STYLE: &str = include_str!("style.css");
const SHORTCUTS: &str = include_str!("shortcuts.js");
const ICON: &str = include_str!("icon.svg");

/// The address of the style sheet changes with its content, so that clients may cache it without limit.
static STYLE_ADDRESS: LazyLock<String> =
    LazyLock::new(|| format!("/style.css?v={:08x}", hash(&[STYLE.as_bytes()]) >> 32));

/// As [`STYLE_ADDRESS`], of the script.
static SHORTCUTS_ADDRESS: LazyLock<String> =
    LazyLock::new(|| format!("/shortcuts.js?v={:08x}", hash(&[SHORTCUTS.as_bytes()]) >> 32));

/// The keys of the script and what they do.
const KEYS: [(&str, &str); 5] = [
    ("j", "next article; at the end of a page, the next page"),
    ("k", "previous article"),
    ("o", "open the original in a new tab"),
    ("/", "search"),
    ("?", "show these keys"),
];

/// The time limit for reading an icon.
const DEADLINE: Duration = Duration::from_secs(10);

const FOR_EVER: &str = "public, max-age=31536000, immutable";

pub(super) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, FOR_EVER)], STYLE).into_response()
}

/// The script with keyboard shortcuts, if it is switched on.
pub(super) async fn shortcuts(Extension(view): Extension<View>, uri: Uri) -> Response {
    if !view.shortcuts {
        return error_response::not_found(uri).await;
    }
    let kind = (CONTENT_TYPE, "text/javascript; charset=utf-8");
    ([kind, (CACHE_CONTROL, FOR_EVER)], SHORTCUTS).into_response()
}

/// The icon of a site. Its name changes with its content.
pub(super) async fn site_icon(
    State(site): State<Site>,
    Extension(view): Extension<View>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Response> {
    if !view.has_icons() {
        return Err(error_response::not_found(uri).await);
    }
    let read = site.reader_pool().read(DEADLINE, move |reader| reader.icon(&name)).await;
    let Some(icon) = read.map_err(IntoResponse::into_response)? else {
        return Err(error_response::not_found(uri).await);
    };
    let headers = [(CONTENT_TYPE, icon.kind().as_str()), (CACHE_CONTROL, FOR_EVER)];
    Ok((headers, icon.bytes().to_vec()).into_response())
}

pub(super) async fn icon() -> Response {
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "public, max-age=86400")], ICON)
        .into_response()
}

/// The content of a page, and what its header and footer need.
struct Page<'a> {
    view: &'a View,
    title: &'a str,
    /// The path of the menu entry to highlight.
    at: &'static str,
    /// The search as typed.
    words: &'a str,
    /// The filters as `?…`, for the links in the footer to exports of the same articles.
    filters: &'a str,
    main: Markup,
}

impl Page<'_> {
    fn markup(&self) -> Markup {
        let view = self.view;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · gazetted" }
                    link rel="stylesheet" href={ (view.base) (*STYLE_ADDRESS) };
                    link rel="icon" type="image/svg+xml" href={ (view.base) "/icon.svg" };
                    link rel="alternate" type="application/atom+xml" title="Atom"
                        href={ (view.base) "/export.atom" (self.filters) };
                    link rel="alternate" type="application/feed+json" title="JSON Feed"
                        href={ (view.base) "/export.jsonfeed" (self.filters) };
                    @if view.shortcuts { script src={ (view.base) (*SHORTCUTS_ADDRESS) } defer {} }
                }
                body {
                    a .skip href="#main" { "Skip to the content" }
                    (self.header())
                    main #main .wrap tabindex="-1" { (self.main) }
                    footer .foot {
                        div .wrap {
                            span {
                                @if self.filters.is_empty() { "All articles as a feed:" }
                                @else { "These articles as a feed:" }
                            }
                            @for (format, name) in
                                [("atom", "Atom"), ("rss", "RSS"), ("jsonfeed", "JSON Feed"), ("csv", "CSV")]
                            {
                                a href={ (view.base) "/export." (format) (self.filters) } { (name) }
                            }
                            span { "Times are " (zone_name(view.zone)) "." }
                        }
                    }
                    @if view.shortcuts { (keys()) }
                }
            }
        }
    }

    /// The links to the pages, and the search field.
    fn header(&self) -> Markup {
        let view = self.view;
        html! {
            header .top {
                div .wrap {
                    a .brand href={ (view.base) (view.list_at("/")) } { "gazetted" }
                    nav aria-label="Pages" {
                        ul {
                            @for (path, name) in [("/", "Latest"), ("/stories", "Stories"), ("/feeds", "Feeds")] {
                                @let address = if path == "/" { view.list_at(path) } else { path.to_owned() };
                                li {
                                    a href={ (view.base) (address) } aria-current=[(path == self.at).then_some("page")] {
                                        (name)
                                    }
                                }
                            }
                        }
                    }
                    search {
                        form .find action={ (view.base) "/search" } {
                            @if let Some(list) = view.chosen_list() {
                                input type="hidden" name=(LIST_VIEW) value=(list.as_str());
                            }
                            label .sr for="q" { "Search the articles" }
                            input #q type="search" name="q" value=(self.words)
                                placeholder="Words, \"phrase\", -not" maxlength="1000";
                            button { "Search" }
                        }
                    }
                }
            }
        }
    }

    /// 200 with the page, or 304 if the client has this version. The page does not depend on the host name of
    /// the request, so path and query identify it.
    fn respond(self, site: &Site, (uri, headers): (&Uri, &HeaderMap), now: Timestamp) -> Response {
        let address = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let text = self.markup().into_string();
        let version = Version::of(hash(&[text.as_bytes()]));
        let version = site.changes().date(hash(&[address.as_bytes()]), version, now);
        if version.is_known(headers) {
            return version.not_modified();
        }
        let mut response = html_response(text, self.view);
        version.stamp(response.headers_mut());
        response
    }
}

/// The list of keys, which `?` shows.
fn keys() -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { "Keys" }
            dl {
                @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } }
            }
            form method="dialog" { button { "Close" } }
        }
    }
}

fn html_response(text: String, view: &View) -> Response {
    let mut response = ([(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response();
    if view.shortcuts {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY_WITH_SCRIPT.clone());
    }
    response
}

/// Replaces the text of an error response by a page if the client is a browser.
pub(super) async fn error_page(request: Request, next: Next) -> Response {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let browser = accept.is_some_and(|accept| accept.contains("text/html"));
    let view = request.extensions().get::<View>().cloned().unwrap_or_default();
    let response = next.run(request).await;
    let Some(ErrorReason(why)) = response.extensions().get().filter(|_| browser) else {
        return response;
    };
    let status = response.status();
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::BAD_REQUEST => "That was not understood",
        StatusCode::UNAUTHORIZED => "A token is needed",
        StatusCode::FORBIDDEN => "Not from here",
        StatusCode::SERVICE_UNAVAILABLE => "Too busy right now",
        status if status.is_server_error() => "Something went wrong",
        _ => "That does not work",
    };
    let main = html! {
        h1 { (title) }
        p { (sentence(why)) }
        p { a href={ (view.base) "/" } { "To the latest articles" } }
    };
    let page = Page { view: &view, title, at: "", words: "", filters: "", main };
    let page = html_response(page.markup().into_string(), &view);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    let (own, body) = page.into_parts();
    parts.headers.extend(own.headers);
    Response::from_parts(parts, body)
}

/// The text with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2).
    fn luminance(colour: &str) -> f64 {
        let digits = colour.trim_start_matches('#');
        let wide: String = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => digits.to_owned(),
        };
        let all = u32::from_str_radix(&wide, 16).unwrap();
        let linear = |shift: u32| {
            let part = f64::from(all >> shift & 0xff) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// WCAG 2.2, success criteria 1.4.3 (text) and 1.4.11 (what is drawn).
    #[test]
    fn colours_stand_out_from_the_paper_in_both_schemes() {
        let schemes: Vec<String> =
            STYLE.split("--paper:").skip(1).map(|scheme| format!("--paper:{scheme}")).collect();
        assert_eq!(schemes.len(), 3, "light, dark and on paper");
        let text = [("ink", 7.0), ("quiet", 4.5), ("link", 4.5)];
        let others = [("good", 4.5), ("bad", 4.5), ("warn", 4.5), ("bar", 3.0), ("faint", 3.0)];
        for (n, scheme) in schemes.iter().enumerate() {
            let colour = |name: &str| {
                let (_, value) = scheme.split_once(&format!("--{name}: ")).unwrap();
                value.split(';').next().unwrap()
            };
            let is_screen = n < 2;
            for (name, least) in text.into_iter().chain(others.into_iter().filter(|_| is_screen)) {
                for ground in ["paper", "card"] {
                    let found = contrast(colour(name), colour(ground));
                    assert!(least <= found, "{name} on {ground} {}: {found:.2}", colour(ground));
                }
            }
            if is_screen {
                let marked = contrast(colour("ink"), colour("mark"));
                assert!(4.5 <= marked, "a hit: {marked:.2}");
            }
        }
    }
}

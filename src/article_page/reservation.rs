//! What a publisher reserves: header fields and meta elements by which a page says that its text may not be kept or shown.
//!
//! - `X-Robots-Tag` and `<meta name=robots>`, for all crawlers or for one, as Google and Bing document them. Only the rules
//!   about the text count: `noarchive`, its synonym `nocache`, `nosnippet`, `max-snippet:0`, `noai` and `unavailable_after`.
//!   `none` means `noindex, nofollow`; both are about search engines and are not a reservation of the text. `noimageai`
//!   is about images, which are linked and not kept.
//! - The TDM Reservation Protocol of the W3C (`tdm-reservation: 1`), of which the page goes before the header field. Its file
//!   `/.well-known/tdmrep.json` is not read.
//!
//! Where several rules apply, the strictest counts, as at Google.

use dom_query::Document;

use crate::article_page::model::{Place, Reservation, Rule};
use crate::article_page::structured_data::StructuredData;
use crate::domain::time::Timestamp;
use crate::feed::dates::parse::date;

/// The product token of this program where the user gives it no other name.
pub const TOKEN: &str = env!("CARGO_PKG_NAME");

/// The header fields of a reply that may reserve the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// The values of all `X-Robots-Tag` fields, each one alone: a user agent in one field does not count for the next.
    pub robots_tags: &'a [String],
    /// The value of `TDM-Reservation`.
    pub tdm_reservation: Option<&'a str>,
}

/// The reservation of a page for a crawler: of its header fields and its meta elements. `token` is the product token of the
/// crawler ([`product_token`](crate::article_page::robots::product_token)).
pub(super) fn reservation(
    headers: Headers<'_>,
    page: &Document,
    token: &str,
    now: Timestamp,
) -> Option<Reservation> {
    let data = StructuredData::of(page);
    let tdm_of_page = data.meta(&["tdm-reservation"]);
    let names = ["robots", "x-robots-tag", token];
    let meta = data.meta_all(&names).flat_map(directives).find_map(|directive| directive.rule(now));
    let of_meta = |rule| Reservation { rule, place: Place::Meta };
    let mined = tdm_of_page.filter(|value| is_reserved(value)).map(|_| Rule::TextAndDataMining);
    let headers = match tdm_of_page {
        Some(_) => Headers { tdm_reservation: None, ..headers },
        None => headers,
    };
    of_headers(headers, token, now).or_else(|| meta.or(mined).map(of_meta))
}

/// The reservation of the header fields alone, with which a caller can do without the page.
pub fn of_headers(headers: Headers<'_>, token: &str, now: Timestamp) -> Option<Reservation> {
    let of_tag = |tag: &String| {
        let mut user_agent: Option<&str> = None;
        directives(tag).into_iter().find_map(|directive| {
            if let Directive::UserAgent(name) = directive {
                user_agent = Some(name);
            }
            let is_ours =
                user_agent.is_none_or(|name| name == "*" || name.eq_ignore_ascii_case(token));
            directive.rule(now).filter(|_| is_ours)
        })
    };
    let tag = headers.robots_tags.iter().find_map(of_tag);
    let mined = headers.tdm_reservation.filter(|value| is_reserved(value));
    let rule = tag.or(mined.map(|_| Rule::TextAndDataMining))?;
    Some(Reservation { rule, place: Place::Header })
}

fn is_reserved(value: &str) -> bool {
    value.trim() == "1"
}

/// A part of an `X-Robots-Tag` or of a robots meta element.
#[derive(Clone, Copy, Debug)]
enum Directive<'a> {
    /// `noarchive`
    Name(&'a str),
    /// `max-snippet: 0`
    Value(&'a str, &'a str),
    /// `otherbot:`, to which the parts after it belong.
    UserAgent(&'a str),
}

impl Directive<'_> {
    /// The rule, if it reserves the text at `now`.
    fn rule(self, now: Timestamp) -> Option<Rule> {
        match self {
            Self::Name(name) => match &*name.to_ascii_lowercase() {
                "noarchive" | "nocache" => Some(Rule::NoArchive),
                "nosnippet" => Some(Rule::NoSnippet),
                "noai" => Some(Rule::NoAi),
                _ => None,
            },
            Self::Value(name, value) if name.eq_ignore_ascii_case("max-snippet") => {
                (value == "0").then_some(Rule::NoSnippet)
            }
            Self::Value(name, value) if name.eq_ignore_ascii_case("unavailable_after") => {
                date(value).filter(|date| *date <= now).map(Rule::UnavailableAfter)
            }
            Self::Value(..) | Self::UserAgent(_) => None,
        }
    }
}

/// The parts of a value, separated by commas, or by spaces as some publishers write it. A date may have a comma in it.
fn directives(value: &str) -> Vec<Directive<'_>> {
    let mut found = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let (part, after) = rest.split_once([',', ';']).unwrap_or((rest, ""));
        let Some((name, value)) = part.split_once(':') else {
            found.extend(part.split_whitespace().map(Directive::Name));
            rest = after;
            continue;
        };
        let name = name.trim();
        if name.eq_ignore_ascii_case("unavailable_after") {
            let whole = rest.split_once(':').unwrap_or_default().1;
            // `Friday, 25-Jun-10 15:00:00 GMT`
            let next = after.split([',', ';']).next().unwrap_or_default();
            let with_weekday =
                || whole.get(..value.len() + 1 + next.len()).filter(|text| date(text).is_some());
            let length =
                with_weekday().filter(|_| date(value).is_none()).map_or(value.len(), str::len);
            let (value, after) = whole.split_at_checked(length).unwrap_or((whole, ""));
            found.push(Directive::Value(name, value));
            rest = after.trim_start_matches([',', ';']);
        } else if VALUED.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            found.push(Directive::Value(name, value.trim()));
            rest = after;
        } else {
            found.push(Directive::UserAgent(name));
            rest = rest.split_once(':').unwrap_or_default().1;
        }
    }
    found
}

/// The names that have a value. Any other name before a colon is that of a user agent.
const VALUED: [&str; 3] = ["max-snippet", "max-image-preview", "max-video-preview"];

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn of_tags(tags: &[&str]) -> Option<String> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let headers = Headers { robots_tags: &tags, tdm_reservation: None };
        of_headers(headers, "gazetted", now()).map(|found| found.to_string())
    }

    fn of_page(page: &str, tdm: Option<&str>) -> Option<String> {
        let headers = Headers { robots_tags: &[], tdm_reservation: tdm };
        reservation(headers, &Document::from(page), "gazetted", now())
            .map(|found| found.to_string())
    }

    #[test]
    fn header_fields_reserve_the_text_for_all_or_for_one() {
        for (tags, expected) in [
            (&["noarchive"][..], Some("noarchive in X-Robots-Tag")),
            (&["NoIndex, NoSnippet"], Some("nosnippet in X-Robots-Tag")),
            (&["nocache"], Some("noarchive in X-Robots-Tag")),
            (&["noai, noimageai"], Some("noai in X-Robots-Tag")),
            (&["noimageai"], None),
            (&["none"], None),
            (&["noindex, nofollow"], None),
            (&["all"], None),
            (&[""], None),
            (&[", ,;:"], None),
            (&["noindex nosnippet"], Some("nosnippet in X-Robots-Tag")),
            (&["max-snippet:0"], Some("nosnippet in X-Robots-Tag")),
            (&["max-snippet: 0, max-image-preview:large"], Some("nosnippet in X-Robots-Tag")),
            (&["max-snippet:-1"], None),
            (&["max-snippet:160"], None),
            (&["max-image-preview:none"], None),
            (&["gazetted: noarchive"], Some("noarchive in X-Robots-Tag")),
            (&["Gazetted: noindex, noarchive"], Some("noarchive in X-Robots-Tag")),
            (&["*: noarchive"], Some("noarchive in X-Robots-Tag")),
            (&["googlebot: noarchive"], None),
            (&["googlebot: noindex, nosnippet"], None),
            (&["googlebot: noarchive", "nosnippet"], Some("nosnippet in X-Robots-Tag")),
            (&["BadBot: noarchive, gazetted: nofollow"], None),
            (&["BadBot: nofollow, gazetted: max-snippet:0"], Some("nosnippet in X-Robots-Tag")),
            (&["gazetted: nofollow, BadBot: noarchive"], None),
            (
                &["unavailable_after: 25 Jun 2010 15:00:00 PST"],
                Some("unavailable_after 2010-06-25 in X-Robots-Tag"),
            ),
            (
                &["noindex, unavailable_after: Friday, 25-Jun-10 15:00:00 UTC"],
                Some("unavailable_after 2010-06-25 in X-Robots-Tag"),
            ),
            (&["unavailable_after: 2030-06-25T15:00:00Z"], None),
            (
                &["unavailable_after: 2030-06-25T15:00:00Z, noarchive"],
                Some("noarchive in X-Robots-Tag"),
            ),
            (
                &["unavailable_after: Tue, 25 Jun 2030 15:00:00 GMT, noai"],
                Some("noai in X-Robots-Tag"),
            ),
            (&["unavailable_after: soon"], None),
            (&["googlebot: unavailable_after: 25 Jun 2010 15:00:00 PST"], None),
        ] {
            assert_eq!(of_tags(tags).as_deref(), expected, "{tags:?}");
        }
    }

    #[test]
    fn meta_elements_reserve_the_text_for_all_or_for_one() {
        for (page, expected) in [
            ("<meta name=robots content='noarchive'>", Some("noarchive in a meta element")),
            ("<META NAME=ROBOTS CONTENT='INDEX,NOARCHIVE'>", Some("noarchive in a meta element")),
            ("<meta name=gazetted content=nosnippet>", Some("nosnippet in a meta element")),
            ("<meta name=googlebot content=nosnippet>", None),
            ("<meta name=robots content='index, follow, max-snippet:-1'>", None),
            ("<meta name=robots content='max-snippet: 0'>", Some("nosnippet in a meta element")),
            ("<meta name=robots content=none>", None),
            (
                "<meta name=robots content=all><meta name=robots content=noai>",
                Some("noai in a meta element"),
            ),
            (
                "<meta name=robots content='unavailable_after: 2020-01-01'>",
                Some("unavailable_after 2020-01-01 in a meta element"),
            ),
            (
                "<meta http-equiv=X-Robots-Tag content=noarchive>",
                Some("noarchive in a meta element"),
            ),
            ("<meta name=tdm-reservation content=1>", Some("tdm-reservation in a meta element")),
            ("<meta name=tdm-reservation content=0>", None),
            ("<meta name=description content=noarchive><p>noarchive</p>", None),
        ] {
            assert_eq!(of_page(page, None).as_deref(), expected, "{page}");
        }
    }

    #[test]
    fn the_page_goes_before_the_header_field_for_text_and_data_mining() {
        let meta = |value: &str| format!("<meta name=tdm-reservation content={value}>");
        for (page, header, expected) in [
            (String::new(), Some("1"), Some("tdm-reservation in the header fields")),
            (String::new(), Some("0"), None),
            (String::new(), None, None),
            (meta("0"), Some("1"), None),
            (meta("1"), Some("0"), Some("tdm-reservation in a meta element")),
        ] {
            assert_eq!(of_page(&page, header).as_deref(), expected, "{page} {header:?}");
        }
    }
}

//! The forms of a GUID that are compared, when a publisher writes one GUID in several ways.

use crate::html::web_address::has_web_scheme;
use crate::matching::canonical_url::CanonicalUrl;

/// A GUID and its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guid {
    /// As the feed gave it.
    pub raw: String,
    /// GUIDs with a common form are one, written in two ways. The form of a URL is a key of [`CanonicalUrl`].
    pub forms: Vec<String>,
    /// What stays when the site moves to another host.
    pub hostless: Option<String>,
}

impl Guid {
    /// `None` for a GUID without any character.
    pub fn of(text: &str) -> Option<Self> {
        let raw = text.trim();
        if raw.is_empty() {
            return None;
        }
        let (forms, hostless) = uuid(raw)
            .or_else(|| tag(raw))
            .or_else(|| address(raw))
            .or_else(|| drupal(raw))
            .unwrap_or_else(|| (vec![raw.to_owned()], None));
        Some(Self { raw: raw.to_owned(), forms, hostless })
    }

    /// The GUID of an entry whose link has a known canonical form. Most feeds give the link as the GUID.
    pub fn beside(text: &str, link: &str, canonical: &CanonicalUrl) -> Option<Self> {
        if text != link || text.contains('#') || canonical.keys.is_empty() {
            return Self::of(text);
        }
        let (forms, hostless) = (canonical.keys.clone(), canonical.hostless.clone());
        Some(Self { raw: text.to_owned(), forms, hostless })
    }

    /// Whether two GUIDs are one, written in two ways.
    pub fn is_same(&self, other: &Self) -> bool {
        self.forms.iter().any(|form| other.forms.contains(form))
    }
}

/// The forms of a GUID, and what stays on another host.
type Forms = (Vec<String>, Option<String>);

fn uuid(text: &str) -> Option<Forms> {
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_prefix("urn:").unwrap_or(&lower);
    let bare = bare.strip_prefix("uuid:").unwrap_or(bare);
    let bare = bare.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(bare);
    let lengths = bare.split('-').map(str::len);
    let grouped = lengths.eq([8, 4, 4, 4, 12]);
    let hex: String = bare.chars().filter(|c| *c != '-').collect();
    let is_hex = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hex && (grouped || !bare.contains('-'))).then(|| (vec![format!("uuid:{hex}")], None))
}

/// `tag:AUTHORITY,DATE:SPECIFIC`.
fn tag(text: &str) -> Option<Forms> {
    let (scheme, rest) = text.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("tag") {
        return None;
    }
    let (entity, specific) = rest.split_once(':')?;
    let (authority, date) = entity.split_once(',')?;
    let authority = authority.to_ascii_lowercase();
    let authority = authority.strip_prefix("www.").unwrap_or(&authority);
    let mut forms = vec![format!("tag:{authority},{date}:{specific}")];
    let mut hostless = (!specific.is_empty()).then(|| format!("tag:{specific}"));
    let page = if has_web_scheme(specific) {
        CanonicalUrl::of(specific)
    } else if specific.starts_with('/') && !authority.contains('@') {
        CanonicalUrl::of(&format!("https://{authority}{specific}"))
    } else {
        None
    };
    if let Some(page) = page {
        forms.extend(page.keys);
        hostless = page.hostless.or(hostless);
    }
    Some((forms, hostless))
}

/// An address. A fragment is a part of a GUID, although it is no part of the address of a page.
fn address(text: &str) -> Option<Forms> {
    let bare = text.strip_prefix("//").unwrap_or(text);
    let absolute = if has_web_scheme(text) {
        text.to_owned()
    } else if bare.len() < text.len() || is_host_and_path(bare) {
        format!("https://{bare}")
    } else {
        return None;
    };
    let page = CanonicalUrl::of(&absolute)?;
    let fragment = absolute.split_once('#').map(|(_, fragment)| fragment).unwrap_or_default();
    let fragment = if fragment.is_empty() || fragment.starts_with('!') {
        String::new()
    } else {
        format!("#{fragment}")
    };
    let mut forms: Vec<String> = page.keys.iter().map(|key| format!("{key}{fragment}")).collect();
    if forms.is_empty() {
        forms.push(text.to_owned());
    }
    let hostless = page.hostless.map(|rest| format!("{rest}{fragment}"));
    Some((forms, hostless))
}

/// Whether a text begins with a host name and a path.
fn is_host_and_path(text: &str) -> bool {
    let Some((host, path)) = text.split_once('/') else { return false };
    let known = psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    known && host.contains('.') && host.chars().all(is_name) && !path.is_empty()
}

/// `12345 at https://example.org`, as Drupal writes it.
fn drupal(text: &str) -> Option<Forms> {
    let (number, site) = text.split_once(" at ")?;
    if !number.bytes().all(|b| b.is_ascii_digit()) || !has_web_scheme(site) {
        return None;
    }
    let host = site.split("://").nth(1)?.trim_end_matches('/').to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    Some((vec![format!("{number} at {host}")], Some(format!("{number} at"))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Guid {
        Guid::of(text).unwrap()
    }

    #[test]
    fn forms_of_one_guid_are_the_same() {
        for (one, other) in [
            ("http://a.example/x", "https://www.a.example/x/"),
            ("http://A.example/?p=123", "https://a.example/?p=123"),
            ("https://a.example/x?utm_source=rss", "https://a.example/x"),
            ("//a.example/x", "https://a.example/x"),
            ("a.example.org/x", "https://a.example.org/x"),
            ("https://a.example/x#7", "http://a.example/x#7"),
            ("https://a.example/", "https://a.example/"),
            ("TAG:Example.org,2026-01-02:/x", "tag:www.example.org,2026-01-02:/x"),
            ("tag:example.org,2026:/x", "https://example.org/x"),
            ("tag:example.org,2026-01-02:http://example.org/x", "http://example.org/x"),
            (
                "urn:uuid:1225C695-CFB8-4EBB-AAAA-80DA344EFA6A",
                "{1225c695-cfb8-4ebb-aaaa-80da344efa6a}",
            ),
            ("1225c695cfb84ebbaaaa80da344efa6a", "uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a"),
            (" 12345 ", "12345"),
            ("123 at https://www.a.example", "123 at http://a.example/"),
            ("post-1", "post-1"),
        ] {
            assert!(of(one).is_same(&of(other)), "{one} {other}: {:?} {:?}", of(one), of(other));
        }
    }

    #[test]
    fn different_guids_have_no_common_form() {
        for (one, other) in [
            ("https://a.example/?p=1", "https://a.example/?p=2"),
            ("https://a.example/x#0", "https://a.example/x#1"),
            ("https://a.example/", "https://b.example/"),
            ("https://a.example/#1", "https://a.example/#2"),
            ("tag:a.example,2026:1", "tag:a.example,2026:2"),
            ("tag:a.example,2026:1", "tag:a.example,2025:1"),
            ("tag:me@a.example,2026:/x", "https://a.example/x"),
            ("1225c695-cfb8-4ebb-aaaa-80da344efa6a", "1225c695-cfb8-4ebb-aaaa-80da344efa6b"),
            ("1", "01"),
            ("AbC", "abc"),
            ("1 at https://a.example", "2 at https://a.example"),
            ("//", "https://a.example/"),
        ] {
            assert!(!of(one).is_same(&of(other)), "{one} {other}: {:?} {:?}", of(one), of(other));
        }
        assert_eq!(Guid::of("  "), None);
    }

    #[test]
    fn the_part_without_host_stays_when_a_site_moves() {
        for (one, other) in [
            ("https://old.example/?p=123", "https://new.example/?p=123"),
            ("https://old.example/2026/x/", "http://www.new.example/2026/x"),
            ("tag:old.example,2026:/x", "https://new.example/x"),
            ("tag:old.example,2026:post-7", "tag:new.example,2026:post-7"),
            ("123 at https://old.example", "123 at https://new.example"),
        ] {
            let (one, other) = (of(one), of(other));
            assert!(one.hostless.is_some() && one.hostless == other.hostless, "{one:?} {other:?}");
            assert!(!one.is_same(&other));
        }
        for text in ["https://old.example/", "12345", "post-7"] {
            assert_eq!(of(text).hostless, None, "{text}");
        }
    }

    #[test]
    fn a_guid_that_is_the_link_has_the_forms_of_any_guid() {
        for link in [
            "https://a.example/x?b=1",
            "http://www.a.example/x/",
            "https://a.example/",
            "https://a.example/x#1",
        ] {
            let canonical = CanonicalUrl::of(link).unwrap();
            for text in [link, "https://a.example/y", "post-1"] {
                assert_eq!(Guid::beside(text, link, &canonical), Guid::of(text), "{text} {link}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_guid_is_the_same_as_itself(text in "(https?://|tag:|urn:uuid:|//)?([a-z0-9./,:#?=&-]|\\PC){1,20}") {
            if let Some(guid) = Guid::of(&text) {
                prop_assert!(guid.is_same(&guid) && !guid.forms.is_empty());
            }
        }
    }
}

//! Whether an address is one of the web: absolute, and `http` or `https`.

use std::borrow::Cow;

use url::Url;

use crate::html::address_repair::repaired;

/// The longest address that is kept, in bytes. No server accepts longer ones (RFC 9110 section 4.1 asks for
/// 8,000), and they would be repeated in every export.
pub const LONGEST: usize = 8 * 1024;

/// The address as exports show it, resolved against `base`. `None` unless it is `http` or `https`.
pub fn web(text: &str, base: &Url) -> Option<String> {
    web_url(text, base).map(Into::into)
}

/// The address that [`web`] returns, with its parts.
pub fn web_url(text: &str, base: &Url) -> Option<Url> {
    checked(text, |text| base.join(text).ok())
}

/// The parts of an absolute address, as [`web`] returns it.
pub fn absolute_web_url(text: &str) -> Option<Url> {
    checked(text, |text| Url::parse(text).ok())
}

fn checked(text: &str, read: impl Fn(&str) -> Option<Url>) -> Option<Url> {
    let text = repaired(text);
    if text.is_empty() || LONGEST < text.len() {
        return None;
    }
    let mut url = read(&text)?;
    // A relative address may hold another one, so the result is damaged in its turn.
    if url.as_str() != text
        && let Cow::Owned(again) = repaired(url.as_str())
    {
        url = Url::parse(&again).ok().filter(|url| repaired(url.as_str()) == url.as_str())?;
    }
    (is_web(&url) && url.as_str().len() <= LONGEST).then_some(url)
}

/// Whether a text begins with `http://` or `https://`, in any case.
pub fn has_web_scheme(text: &str) -> bool {
    let begins_with = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    begins_with("https://") || begins_with("http://")
}

/// Whether an address is `http` or `https` and names a host. A host may not contain a double quotation mark,
/// although the URL standard allows it.
pub fn is_web(url: &Url) -> bool {
    let is_host = |host: &str| !host.is_empty() && !host.contains('"');
    matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(is_host)
}

/// Whether a host is this domain or one of its subdomains.
pub fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> Url {
        Url::parse("https://example.org/blog/feed").unwrap()
    }

    #[test]
    fn only_web_addresses_remain_and_are_absolute() {
        for (text, expected) in [
            ("https://a.example/x?y=1&z#f", Some("https://a.example/x?y=1&z#f")),
            (" /a b ", Some("https://example.org/a%20b")),
            ("post", Some("https://example.org/blog/post")),
            ("//cdn.example/x", Some("https://cdn.example/x")),
            ("javascript:alert(1)", None),
            ("java\nscript:alert(1)", None),
            ("data:text/html,x", None),
            ("mailto:a@b.example", None),
            ("http://", None),
            ("//\"", None),
            ("  ", None),
        ] {
            assert_eq!(web(text, &base()).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_absolute_of_the_web_and_stays_itself(
            text in "(https?:|//|/|\\.\\./|\\?|#|@|:|%|javascript:|data:|[a-z0-9.]{1,4}|\\PC){0,10}"
        ) {
            let base = Url::parse("https://a.example/b/c?d#e").unwrap();
            if let Some(url) = web(&text, &base) {
                prop_assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
                prop_assert_eq!(web(&url, &base), Some(url.clone()));
                prop_assert!(!url.contains(|c: char| c.is_control() || "<>\" ".contains(c)), "{url}");
            }
        }
    }
}

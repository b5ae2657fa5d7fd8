//! Language tags in the spelling that BCP 47 recommends (RFC 5646 section 2.1.1).

use icu_locale::{Locale, LocaleCanonicalizer};

/// Normalises a language tag: `EN_us` becomes `en-US`, `zh-hans-cn` becomes `zh-Hans-CN`. `None` for a text
/// that is not a language tag (`English`).
pub fn language(text: &str) -> Option<String> {
    let text = text.trim().replace('_', "-");
    let mut parts = text.split('-');
    let primary = parts.next()?;
    if !(2..=3).contains(&primary.len()) || !primary.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let mut tag = primary.to_ascii_lowercase();
    let mut private = false;
    for part in parts {
        if !(1..=8).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let lower = part.to_ascii_lowercase();
        tag.push('-');
        match part.len() {
            2 if !private => tag.push_str(&lower.to_ascii_uppercase()),
            4 if !private && part.bytes().all(|b| b.is_ascii_alphabetic()) => {
                let mut letters = lower.chars();
                tag.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                tag.push_str(letters.as_str());
            }
            _ => tag.push_str(&lower),
        }
        // All subtags after a singleton are lower-case.
        private |= part.len() == 1;
    }
    Some(tag)
}

/// The language that a feed or an entry states. Feeds also state locales (`en_GB.UTF-8`), lists, codes of three letters
/// (`deu`), former codes (`iw`) and countries (`jp`). Former codes and those that have shorter ones are replaced by CLDR's data.
/// `None` for several languages, and for the codes that mean no language in particular.
pub fn of_feed(text: &str) -> Option<String> {
    one_of(text, |text| {
        let end = text.find([';', '.', '@']).unwrap_or(text.len());
        let tag = language(text.get(..end)?.trim_end_matches(['-', '_']))?;
        Some(canonical(match tag.as_str() {
            "jp" => "ja",
            "cn" => "zh",
            "cz" => "cs",
            "dk" => "da",
            "gr" => "el",
            tag => tag,
        }))
    })
}

fn canonical(tag: &str) -> String {
    let Ok(mut locale) = tag.parse::<Locale>() else { return tag.to_owned() };
    LocaleCanonicalizer::new_extended().canonicalize(&mut locale);
    locale.to_string()
}

/// The language of a `Content-Language` field (RFC 9110 section 8.5). `None` if it names several languages, because they
/// are those of the audience, or none in particular.
pub fn of_http(field: &str) -> Option<String> {
    one_of(field, language)
}

fn one_of(list: &str, language: impl Fn(&str) -> Option<String>) -> Option<String> {
    let list = list.split(',').map(str::trim);
    let mut tags = list.filter(|tag| !tag.is_empty()).map(language);
    let first = tags.next()??;
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_owned();
    let mut found = first;
    for tag in tags {
        let tag = tag?;
        if primary(&tag) != primary(&found) {
            return None;
        }
        if tag != found {
            found = primary(&found);
        }
    }
    (!matches!(primary(&found).as_str(), "mis" | "mul" | "und" | "xx" | "zxx")).then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{language, of_feed, of_http};

    #[test]
    fn languages_get_their_usual_spelling() {
        for (text, expected) in [
            ("en", Some("en")),
            (" EN-us ", Some("en-US")),
            ("pt_br", Some("pt-BR")),
            ("zh-hans-cn", Some("zh-Hans-CN")),
            ("de-CH-1996", Some("de-CH-1996")),
            ("en-x-US", Some("en-x-us")),
            ("es-419", Some("es-419")),
            ("gsw", Some("gsw")),
            ("English", None),
            ("en us", None),
            ("e", None),
            ("en-", None),
            ("", None),
        ] {
            assert_eq!(language(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_feeds_state_as_their_language_becomes_a_tag() {
        for (text, expected) in [
            ("en-us", Some("en-US")),
            ("en_GB.UTF-8", Some("en-GB")),
            ("ca_ES@valencia", Some("ca-ES")),
            ("en-", Some("en")),
            ("en US", None),
            ("en;q=0.8", Some("en")),
            ("en-AU,en", Some("en")),
            ("en, fr", None),
            ("eng", Some("en")),
            ("deu", Some("de")),
            ("ger", Some("de")),
            ("fre-FR", Some("fr-FR")),
            ("gsw", Some("gsw")),
            ("iw", Some("he")),
            ("in", Some("id")),
            ("en-UK", Some("en-GB")),
            ("jp", Some("ja")),
            ("cz", Some("cs")),
            ("zh-TW", Some("zh-TW")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("sr-latn-rs", Some("sr-Latn-RS")),
            ("de-CH-1901", Some("de-CH-1901")),
            ("es-419", Some("es-419")),
            ("nb-no", Some("nb-NO")),
            ("no", Some("no")),
            ("und", None),
            ("mul", None),
            ("xx", None),
            ("root", None),
            ("English", None),
            ("*", None),
            ("12", None),
        ] {
            assert_eq!(of_feed(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn one_language_of_an_http_field_counts() {
        for (field, expected) in [
            ("de", Some("de")),
            ("DE_at", Some("de-AT")),
            ("en-US, en-US", Some("en-US")),
            ("en-US, en", Some("en")),
            ("en-US,en-GB", Some("en")),
            ("fr,", Some("fr")),
            ("de, en", None),
            ("German", None),
            ("de, German", None),
            ("und", None),
            ("mul", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(of_http(field).as_deref(), expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn what_is_a_language_stays_one(text in "[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{1,9}){0,4}|\\PC*") {
            if let Some(tag) = language(&text) {
                prop_assert_eq!(language(&tag), Some(tag.clone()));
                prop_assert!(tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
            }
        }
    }
}

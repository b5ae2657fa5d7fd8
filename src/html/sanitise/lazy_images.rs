//! Images that a script loads later. Their address is in an attribute such as `data-src`, and `src` is missing or
//! holds a placeholder.
//!
//! This step precedes the sanitiser, so that the sanitiser checks the addresses it writes.

use std::borrow::Cow;

use memchr::memchr;

use crate::html::tokenizer::{look_ahead, split_tag};

/// Attributes in which scripts find the address, the most common first.
const SOURCES: [&str; 8] = [
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-orig-src",
    "data-hi-res-src",
    "data-actualsrc",
    "data-lazyload",
    "data-echo",
];

const SETS: [&str; 3] = ["data-srcset", "data-lazy-srcset", "data-original-set"];

const ELEMENTS: [&str; 3] = ["img", "source", "iframe"];

/// Copies the addresses of lazily loaded images to `src` and `srcset`, where browsers look for them.
pub(super) fn load(html: &str) -> Cow<'_, str> {
    let lazy = ["data-src", "data-lazy", "data-o", "data-hi", "data-actualsrc", "data-echo"];
    if memchr::memmem::find(html.as_bytes(), b" data-").is_none()
        || !lazy.iter().any(|name| html.contains(name))
    {
        return Cow::Borrowed(html);
    }
    let mut out = String::with_capacity(html.len());
    let (mut rest, mut look_ahead) = (html, look_ahead(html.len()));
    while let Some(start) = memchr(b'<', rest.as_bytes()) {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let name = ELEMENTS.iter().find(|name| starts_with(tag, name));
        let Some(name) = name else {
            out.push('<');
            rest = tag.get(1..).unwrap_or_default();
            continue;
        };
        let tail = tag.get(1 + name.len()..).unwrap_or_default();
        let Some((attributes, after)) = split_tag(tail, &mut look_ahead) else {
            out.push('<');
            rest = tag.get(1..).unwrap_or_default();
            continue;
        };
        let (tag, _) = tag.split_at(tag.len() - after.len());
        match eager(&attributes.iter().collect::<Vec<_>>()) {
            Some(attributes) => out.extend(["<", name, &attributes, ">"]),
            None => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn starts_with(tag: &str, name: &str) -> bool {
    let found = tag.get(1..=name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
    let next = tag.as_bytes().get(1 + name.len());
    found && next.is_some_and(|b| b.is_ascii_whitespace() || *b == b'/')
}

/// The attributes of a lazily loaded image, with its address in `src` or `srcset`. `None` when the image is not
/// loaded lazily.
fn eager(attributes: &[(&str, &str)]) -> Option<String> {
    let value = |names: &[&str]| {
        names.iter().find_map(|name| {
            let named = |(other, _): &&(&str, &str)| other.eq_ignore_ascii_case(name);
            let (_, value) = attributes.iter().find(named)?;
            is_address(value).then(|| value.trim())
        })
    };
    let set = value(&SETS);
    let first = || set?.split([',', ' ', '\n', '\t']).next();
    let shown = value(&["src"]).filter(|source| !is_inline(source));
    let source = value(&SOURCES).or_else(|| if shown.is_some() { None } else { first() });
    if source.is_none() && set.is_none() {
        return None;
    }
    let mut out = String::new();
    let mut push = |name: &str, value: &str| {
        let quote = if value.contains('"') { "'" } else { "\"" };
        if !(value.contains('"') && value.contains('\'')) {
            out.extend([" ", name, "=", quote, value, quote]);
        }
    };
    for (name, given) in [("src", source), ("srcset", set)] {
        if let Some(given) = given {
            push(name, given);
        }
    }
    for (name, value) in attributes {
        let replaced = |other: &str, given: bool| given && name.eq_ignore_ascii_case(other);
        if !replaced("src", source.is_some()) && !replaced("srcset", set.is_some()) {
            push(name, value);
        }
    }
    Some(out)
}

/// Whether a value looks like an address, and not like a number, a word or JSON for a script.
fn is_address(value: &str) -> bool {
    let value = value.trim();
    value.contains(['/', '.']) && !value.starts_with(['{', '[', '<']) && !is_inline(value)
}

fn is_inline(value: &str) -> bool {
    value.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_lazy_image_becomes_its_source() {
        for (html, expected) in [
            (
                "<img src='data:x' data-src='/a.png' alt='b'>",
                "<img src=\"/a.png\" data-src=\"/a.png\" alt=\"b\">",
            ),
            (
                "<IMG data-lazy-src=/a.png SRC=/blank.gif />",
                "<img src=\"/a.png\" data-lazy-src=\"/a.png\">",
            ),
            (
                "<img data-original=\"/a'b.png\">c",
                "<img src=\"/a'b.png\" data-original=\"/a'b.png\">c",
            ),
            (
                "<img src='data:x' data-srcset='/a 1x, /b 2x' srcset='data:y'>",
                "<img src=\"/a\" srcset=\"/a 1x, /b 2x\" data-srcset=\"/a 1x, /b 2x\">",
            ),
            (
                "<img src='/a' data-srcset='/a 1x'>",
                "<img srcset=\"/a 1x\" src=\"/a\" data-srcset=\"/a 1x\">",
            ),
            (
                "<picture><source data-srcset='/a.webp'><img data-src='/a'></picture>",
                "<picture><source src=\"/a.webp\" srcset=\"/a.webp\" data-srcset=\"/a.webp\"><img src=\"/a\" data-src=\"/a\"></picture>",
            ),
            (
                "<iframe data-src='//youtube.com/embed/x'></iframe>",
                "<iframe src=\"//youtube.com/embed/x\" data-src=\"//youtube.com/embed/x\"></iframe>",
            ),
        ] {
            assert_eq!(load(html), expected, "{html}");
        }
    }

    #[test]
    fn other_images_are_not_changed() {
        for html in [
            "<img src='/a' data-id='data-src'>",
            "<img src='/a' data-src='{\"a\":1}'>",
            "<img src='/a' data-src='data:x/y'>",
            "<img src='/a' data-src",
            "<img data-src='/a",
            "<p data-src='/a'>x</p><imgs data-src='/a'>",
            "1 < 2 data-src",
            "a <img alt='é' data-echo='é'>",
        ] {
            assert_eq!(load(html), html, "{html}");
        }
    }

    #[test]
    fn repeated_beginnings_of_markup_take_linear_time() {
        for beginning in
            ["<img data-src='", "<img data-src ", "<img a=\"data-src", "<img data-src=/"]
        {
            assert!(load(&beginning.repeat(20_000)).len() < 8_000_000, "{beginning}");
        }
    }
}

//! Images that a script loads later. Their address is in an attribute such as `data-src`, and `src` is missing or
//! holds a placeholder.

use crate::html::tokenizer::Attributes;

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

/// The `src` and the `srcset` of an image that is loaded lazily. Both are `None` for other images.
pub(super) fn sources(attributes: Attributes<'_>) -> [(&'static str, Option<&str>); 2] {
    if !attributes.0.contains("data-") {
        return [("src", None), ("srcset", None)];
    }
    let value = |names: &[&str]| {
        names.iter().find_map(|name| attributes.raw(name).filter(|v| is_address(v)).map(str::trim))
    };
    let set = value(&SETS);
    let first = || set?.split([',', ' ', '\n', '\t']).next();
    let shown = value(&["src"]).filter(|source| !is_inline(source));
    let source = value(&SOURCES).or_else(|| if shown.is_some() { None } else { first() });
    [("src", source), ("srcset", set)]
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
        for (attributes, src, srcset) in [
            (" src='data:x' data-src='/a.png' alt='b'", Some("/a.png"), None),
            (" data-lazy-src=/a.png SRC=/blank.gif ", Some("/a.png"), None),
            (" data-original=\"/a'b.png\"", Some("/a'b.png"), None),
            (" src='data:x' data-srcset='/a 1x, /b 2x'", Some("/a"), Some("/a 1x, /b 2x")),
            (" src='/a' data-srcset='/a 1x'", None, Some("/a 1x")),
            (" data-srcset='/a.webp'", Some("/a.webp"), Some("/a.webp")),
            (" src='/a' data-id='data-src'", None, None),
            (" src='/a' data-src='{\"a\":1}'", None, None),
            (" src='/a' data-src='data:x/y'", None, None),
            (" src='/a' data-src", None, None),
            (" alt='é' data-echo='é'", None, None),
        ] {
            let expected = [("src", src), ("srcset", srcset)];
            assert_eq!(sources(Attributes(attributes)), expected, "{attributes}");
        }
    }
}

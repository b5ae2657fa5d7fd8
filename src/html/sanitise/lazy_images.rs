//! Images that a script loads later. Their address is in an attribute such as `data-src`, and `src` is missing or
//! holds a placeholder.

use std::borrow::Cow;

use crate::html::sanitise::srcset::best;
use crate::html::tokenizer::Attributes;

/// Attributes that hold the address even if `src` holds another one, the most common first.
const SOURCES: [&str; 17] = [
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-orig-src",
    "data-hi-res-src",
    "data-actualsrc",
    "data-lazyload",
    "data-echo",
    "data-lazy",
    "data-cfsrc",
    "data-ezsrc",
    "nitro-lazy-src",
    "data-pagespeed-lazy-src",
    "data-pagespeed-high-res-src",
    "data-litespeed-src",
    "data-lazyload-src",
    "zoomfile",
];

/// Attributes that hold an address of the image. They count when `src` is of no use, the largest image first.
const OTHERS: [&str; 6] = [
    "data-large-file",
    "data-orig-file",
    "data-full-url",
    "file",
    "data-image",
    "data-medium-file",
];

/// Words in the names of attributes whose image is shown before, instead of, or over the one of the article.
const STAND_INS: [&str; 9] =
    ["placeholder", "fallback", "default", "error", "loading", "hover", "blank", "lqip", "thumb"];

/// The `src` and the `srcset` of an image, frame or player that is loaded lazily, or whose `src` is of no use. Both
/// are `None` for other elements.
pub(super) fn sources<'a>(
    element: &str,
    attributes: Attributes<'a>,
) -> [(&'static str, Option<Cow<'a, str>>); 2] {
    let shown = attributes.raw("src").filter(|v| is_address(v) && !is_placeholder(v));
    let others = || attributes.iter().filter(|(name, _)| !is_usual(name));
    let found = others().filter(|(_, value)| is_address(value));
    let found = found.filter_map(|(name, value)| Some((rank(name, value)?, value.trim())));
    let last = match (shown, element) {
        (Some(_), _) => OVER_ANY_SOURCE,
        (None, "img" | "source") => usize::MAX,
        (None, _) => SOURCE,
    };
    // A script replaces `{width}`.
    let found = found.filter(|((rank, _), value)| {
        *rank <= last && (shown.is_none() || !value.contains("{width}"))
    });
    let source = found.min_by_key(|(rank, _)| *rank).map(|(_, value)| value);
    let source = source.map(|value| {
        if value.contains("{width}") {
            Cow::Owned(value.replace("{width}", "1080"))
        } else {
            Cow::Borrowed(value)
        }
    });
    let set = others().find(|(name, value)| is_set(name) && is_address(value));
    let set = set.map(|(_, value)| value.trim());
    let own_set = || attributes.raw("srcset").filter(|value| is_address(value));
    let first = || best(set.or_else(own_set)?).filter(|_| shown.is_none() && element == "img");
    [("src", source.or_else(first)), ("srcset", set.map(Cow::Borrowed))]
}

/// Whether an attribute is one of HTML and says nothing of another image.
fn is_usual(name: &str) -> bool {
    const USUAL: [&str; 16] = [
        "src", "alt", "width", "height", "class", "title", "style", "loading", "sizes", "decoding",
        "id", "srcset", "href", "poster", "longdesc", "usemap",
    ];
    USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(name))
}

/// Ranks of attributes: those that hold the address even if `src` does, and those whose name says so.
const OVER_ANY_SOURCE: usize = 0;
const SOURCE: usize = 1;

/// How far behind others an attribute comes that may hold the address of an image. `None` for other attributes.
fn rank(name: &str, value: &str) -> Option<(usize, usize)> {
    let name = name.to_ascii_lowercase();
    let place = |names: &[&str]| names.iter().position(|known| *known == name);
    if name.ends_with("srcset") || name.ends_with("-link") {
        return None;
    }
    if let Some(place) = place(&SOURCES) {
        return Some((OVER_ANY_SOURCE, place));
    }
    if STAND_INS.iter().any(|word| name.contains(word)) {
        return None;
    }
    if name.ends_with("src") || name.starts_with("data-src") {
        return Some((SOURCE, 0));
    }
    if let Some(place) = place(&OTHERS) {
        return Some((2, place));
    }
    (value.contains('/') && has_image_extension(value)).then_some((3, 0))
}

fn is_set(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.len() > "srcset".len() && name.ends_with("srcset") || name == "data-original-set"
}

/// Whether a value looks like an address, and not like a number, a word or JSON for a script.
fn is_address(value: &str) -> bool {
    let value = value.trim();
    value.contains(['/', '.']) && !value.starts_with(['{', '[', '<', '#']) && !is_inline(value)
}

fn is_inline(value: &str) -> bool {
    let has = |scheme: &str| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    has("data:") || has("blob:") || has("about:")
}

/// Whether the image of an address is empty, by its name: it only keeps the place of another one.
pub(super) fn is_blank(address: &str) -> bool {
    let (name, extension) = file_name(address);
    is_blank_file(&name, &extension)
}

fn is_blank_file(name: &str, extension: &str) -> bool {
    matches!(extension, "gif" | "png" | "svg")
        && matches!(
            name,
            "blank"
                | "spacer"
                | "pixel"
                | "1x1"
                | "transparent"
                | "clear"
                | "trans"
                | "empty"
                | "clear-dot"
                | "cleardot"
                | "transparent-pixel"
                | "1px"
                | "pixel-trans"
                | "space"
        )
}

/// Whether an image seems to be shown only until another one is loaded.
pub(super) fn is_placeholder(address: &str) -> bool {
    const WORDS: [&str; 15] = [
        "lazy",
        "placeholder",
        "blank",
        "spacer",
        "transparent",
        "loading",
        "loader",
        "preload",
        "preloader",
        "grey",
        "gray",
        "none",
        "dummy",
        "empty",
        "pixel",
    ];
    let (name, extension) = file_name(address);
    is_blank_file(&name, &extension)
        || ["placeholder", "1x1", "lazyload"].iter().any(|part| name.contains(part))
        || name.split('-').any(|word| WORDS.contains(&word))
}

/// The name of the file of an address, and its extension, in lower case. Underscores are hyphens.
fn file_name(address: &str) -> (String, String) {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace('_', "-");
    let (name, extension) = file.rsplit_once('.').unwrap_or((&file, ""));
    (name.to_owned(), extension.to_owned())
}

/// Whether an address ends with the extension of an image.
pub fn has_image_extension(address: &str) -> bool {
    let (_, extension) = file_name(address);
    matches!(&*extension, "jpg" | "jpeg" | "png" | "webp" | "gif" | "avif")
        && !address.trim().contains(|c: char| c.is_ascii_whitespace())
}

/// Whether an image is a dot, or not shown at all: such images count visits. An image that fills the width of the page
/// is none, although its height may be given as a single pixel.
pub(super) fn is_dot(image: Attributes<'_>) -> bool {
    let sides = sides(image);
    let long = |side: Option<&str>| {
        side.is_some_and(|side| side.contains('%') || pixels(side).is_some_and(|n| LONG <= n))
    };
    sides.into_iter().any(is_thin_side) && !sides.into_iter().any(long)
}

/// Whether a page hides an image for good, as mails hide the image of their preview.
pub(super) fn is_invisible(image: Attributes<'_>) -> bool {
    let style = image.raw("style").unwrap_or_default().to_ascii_lowercase();
    let mut rules = style.split(';').filter_map(|rule| rule.split_once(':'));
    rules.any(|(name, value)| {
        let value = value.split('!').next().unwrap_or_default().trim();
        matches!((name.trim(), value), ("display", "none") | ("visibility", "hidden"))
    })
}

/// Whether both sides of a frame are a single pixel long, or none.
pub(super) fn is_dot_frame(frame: Attributes<'_>) -> bool {
    sides(frame).into_iter().all(is_thin_side)
}

/// The sides of an image that is no dot have at least one of this length, in pixels.
const LONG: u32 = 100;

fn is_thin_side(side: Option<&str>) -> bool {
    side.is_some_and(|side| is_thin("width", side))
}

/// The width and the height of an element, by its attributes or its style.
fn sides(image: Attributes<'_>) -> [Option<&str>; 2] {
    let styled = |name: &str| {
        let style = image.raw("style").unwrap_or_default();
        let mut parts = style.split(';').filter_map(|part| part.split_once(':'));
        parts.find(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    ["width", "height"].map(|name| Some(image.raw(name).or_else(|| styled(name))?.trim()))
}

/// Whether an attribute says that a side of an image is a single pixel long, or none.
pub(super) fn is_thin(name: &str, value: &str) -> bool {
    matches!(name, "width" | "height")
        && !value.contains('%')
        && pixels(value).is_some_and(|n| n < 2)
}

/// A length in pixels.
fn pixels(value: &str) -> Option<u32> {
    let value = value.trim();
    let (number, unit) =
        value.split_at(value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len()));
    let unit = unit.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).trim();
    let unit = unit.split(['!', ' ', ';']).next().unwrap_or_default();
    number.parse().ok().filter(|n| *n == 0 || unit.is_empty() || unit.eq_ignore_ascii_case("px"))
}

/// Whether two addresses are of one image, perhaps in two sizes (`boat.jpg`, `boat-300x200.jpg`).
pub(super) fn is_same_image(a: &str, b: &str) -> bool {
    fn whole(address: &str) -> Option<(&str, &str)> {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let (_, path) = path.split_once("//")?;
        let (name, extension) = path.rsplit_once('.').unwrap_or((path, ""));
        let (stem, size) = name.rsplit_once('-').unwrap_or((name, ""));
        let is_size = size.split_once('x').is_some_and(|(width, height)| {
            width.parse::<u16>().is_ok() && height.parse::<u16>().is_ok()
        });
        Some((if is_size { stem } else { name }, extension))
    }
    a == b || whole(a).is_some_and(|a| Some(a) == whole(b))
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
            (" src='data:x' data-srcset='/a 1x, /b 2x'", Some("/b"), Some("/a 1x, /b 2x")),
            (" src='/a' data-srcset='/a 1x'", None, Some("/a 1x")),
            (" data-srcset='/a.webp'", Some("/a.webp"), Some("/a.webp")),
            (" srcset='/a 1x, /b 2x'", Some("/b"), None),
            (" src='' srcset='/a'", Some("/a"), None),
            (" src='data:x' nitro-lazy-srcset='/a 1x'", Some("/a"), Some("/a 1x")),
            (" src='/s/placeholder.svg' data-orig-file='/a.jpg'", Some("/a.jpg"), None),
            (" data-medium-file='/m.jpg' data-large-file='/l.jpg'", Some("/l.jpg"), None),
            (" src='data:x' file='/a' zoomfile='/b'", Some("/b"), None),
            (" src='/lazy_placeholder.gif' data-anything='/a.JPG?x=1'", Some("/a.JPG?x=1"), None),
            (" src='/loading.gif' data-x-src='/a'", Some("/a"), None),
            (" src='about:blank' data-src-cmplz='/a'", Some("/a"), None),
            (" src='data:x' data-thumb='/t.jpg' data-image='/a'", Some("/a"), None),
            (" src='/common/none.gif' zoomfile='/a' file='/b'", Some("/a"), None),
            (" data-src='/a_{width}x.jpg'", Some("/a_1080x.jpg"), None),
            (" data-src='/a_{width}x.jpg' src='/a_300x.jpg'", None, None),
            // These are right as they are.
            (" src='/a' data-id='data-src'", None, None),
            (" src='/a' data-src='{\"a\":1}'", None, None),
            (" src='/a' data-src='data:x/y'", None, None),
            (" src='/a' data-src", None, None),
            (" alt='é' data-echo='é'", None, None),
            (" src='/a-300x200.jpg' data-orig-file='/a.jpg'", None, None),
            (" src='/a' data-full-url='/b.jpg' data-hover-src='/c.jpg'", None, None),
            (" src='/a' srcset='/a 1x'", None, None),
            (" src='data:x' data-permalink='https://a.example/b/'", None, None),
            (" src='data:x' data-fallback-src='/no.png'", None, None),
            (" data-filename='a.jpg'", None, None),
        ] {
            let [(_, found), (_, set)] = sources("img", Attributes(attributes));
            assert_eq!((found.as_deref(), set.as_deref()), (src, srcset), "{attributes}");
        }
    }

    #[test]
    fn one_image_in_two_sizes_is_the_same_image() {
        for (a, b, expected) in [
            ("https://a.example/b.jpg", "https://a.example/b.jpg?w=100", true),
            ("https://a.example/b.jpg", "http://a.example/b-300x200.jpg", true),
            ("https://a.example/b-1.jpg", "https://a.example/b-2.jpg", false),
            ("https://a.example/b.jpg", "https://a.example/c.jpg", false),
        ] {
            assert_eq!(is_same_image(a, b), expected, "{a} {b}");
        }
    }
}

//! The sanitiser. Its HTML is safe on any page: it has no scripts, styles, event handlers or forms, no frames except
//! those of video hosts, and all its addresses are absolute.

mod allow_list;
mod balance;
mod fast_path;
mod lazy_images;
mod nesting_limit;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::Deref;

use ammonia::Builder;
use memchr::memchr2_iter;
use serde::Serialize;
use url::Url;

use crate::html::chars::{is_control, without_controls};
use crate::html::escape::push_text;
use crate::html::to_text::html_to_text;
use crate::html::tokenizer::{Attributes, CODE};
use allow_list::{ELEMENTS, EVERYWHERE, HIDDEN, RAW, SCHEMES};

use crate::html::web_address::{self, is_web};
pub use allow_list::VIDEO_HOSTS;
pub(crate) use nesting_limit::is_excessive;

/// HTML that the sanitiser wrote. Pages, exports and the store take HTML of feeds in this form only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SanitisedHtml(String);

impl SanitisedHtml {
    /// HTML that was sanitised before it was stored. Only the store may call this, and tests.
    pub fn from_store(html: String) -> Self {
        Self(html)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for SanitisedHtml {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Sanitises HTML whose relative addresses are resolved against one base.
pub struct Sanitiser {
    base: Url,
    /// Built when the first text needs a tree.
    builder: OnceCell<Builder<'static>>,
}

impl Sanitiser {
    pub fn new(base: &Url) -> Self {
        Self { base: base.clone(), builder: OnceCell::new() }
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Sanitises the HTML. Returns `None` when nothing visible is left.
    pub fn clean(&self, html: &str) -> Option<SanitisedHtml> {
        self.clean_text(html).map(SanitisedHtml)
    }

    fn clean_text(&self, html: &str) -> Option<String> {
        let html = &*lazy_images::load(html);
        let cleaned = if let Some(cleaned) = fast_path::sanitise(html, &self.base) {
            finish(cleaned)
        } else {
            let keeps_frame =
                |address: &str| kept_value("iframe", "src", address, &self.base).is_some();
            let html = balance::balance(html, keeps_frame);
            if nesting_limit::is_excessive(&html) {
                return paragraphs(&html_to_text(&html));
            }
            self.sanitise_by_tree(&html)?
        };
        // At the very start a parser would drop a byte order mark, so that sanitising again would change the text.
        let trimmed = cleaned.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let whole = trimmed.len() == cleaned.len(); // The common case, which needs no copy.
        match trimmed {
            "" => None,
            _ if whole => Some(cleaned),
            trimmed => Some(trimmed.to_owned()),
        }
    }

    /// Sanitises by building a tree. After elements were removed the rest may nest as HTML does not, and a
    /// browser would build another tree from it. So the result is sanitised again until it does not change.
    fn sanitise_by_tree(&self, html: &str) -> Option<String> {
        /// Two rounds are rare.
        const ROUNDS: usize = 4;
        let builder = self.builder.get_or_init(|| builder(&self.base));
        let mut cleaned = finish(builder.clean(html).to_string());
        for _ in 0..ROUNDS {
            let again = match fast_path::sanitise(&cleaned, &self.base) {
                Some(again) => finish(again),
                None => finish(builder.clean(&cleaned).to_string()),
            };
            if again == cleaned {
                return Some(cleaned);
            }
            cleaned = again;
        }
        paragraphs(&html_to_text(&cleaned))
    }
}

fn finish(cleaned: String) -> String {
    remove_controls(remove_invisible_media(cleaned))
}

fn builder(base: &Url) -> Builder<'static> {
    let attributes = ELEMENTS.iter().map(|(name, _, kept)| (*name, kept.iter().copied().collect()));
    // These elements are removed with their content. The content of frames and `<xmp>` stays as text.
    let raw = RAW.into_iter().filter(|name| !matches!(*name, "iframe" | "xmp"));
    let removed = raw.chain(HIDDEN).chain(CODE).chain(["head"]);
    let mut builder = Builder::default();
    builder
        .tags(ELEMENTS.iter().map(|(name, ..)| *name).collect())
        .tag_attributes(attributes.collect())
        .generic_attributes(HashSet::from(EVERYWHERE))
        .clean_content_tags(removed.collect())
        .url_schemes(HashSet::from(SCHEMES));
    let base = base.clone();
    builder.attribute_filter(move |element, attribute, value| {
        kept_value(element, attribute, value, &base)
    });
    builder
}

/// The value of an attribute as it is kept, with its address absolute. `None` when it must go.
fn kept_value<'a>(
    element: &str,
    attribute: &str,
    value: &'a str,
    base: &Url,
) -> Option<Cow<'a, str>> {
    match (element, attribute) {
        (element, "src" | "href" | "poster" | "cite")
            if element != "iframe" && is_plainly_web(value) =>
        {
            Some(Cow::Borrowed(value))
        }
        ("a", "href") => {
            absolute(value, base, |url| is_web(url) || matches!(url.scheme(), "mailto" | "tel"))
        }
        ("iframe", "src") => absolute(value, base, |url| {
            is_web(url) && url.host_str().is_some_and(|host| VIDEO_HOSTS.contains(&host))
        }),
        (_, "src" | "href" | "poster" | "cite") => absolute(value, base, is_web),
        (_, "srcset") => candidates(value, base).map(Cow::Owned),
        _ => Some(Cow::Borrowed(value)),
    }
}

/// An absolute address stays byte for byte, a relative one is resolved.
fn absolute<'a>(
    value: &'a str,
    base: &Url,
    allowed: impl Fn(&Url) -> bool,
) -> Option<Cow<'a, str>> {
    let value = value.trim();
    if web_address::LONGEST < value.len() {
        return None;
    }
    match Url::parse(value) {
        Ok(url) => allowed(&url).then_some(Cow::Borrowed(value)),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let url = base.join(value).ok()?;
            allowed(&url).then(|| Cow::Owned(url.into()))
        }
        Err(_) => None,
    }
}

/// Whether an address is certain to parse and to be one of the web: most are, and parsing costs. The
/// host is ASCII, no number and not encoded; nothing after it can fail.
fn is_plainly_web(value: &str) -> bool {
    let Some(rest) = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"))
    else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let last = host.rsplit('.').next().unwrap_or_default();
    host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && last.starts_with(|c: char| c.is_ascii_alphabetic())
        && !host.contains("--")
        && !value.ends_with(char::is_whitespace)
        && value.len() <= web_address::LONGEST
}

/// The image candidates of a `srcset` (HTML, 4.8.4.2.1), absolute. None when one of them is no address.
fn candidates(value: &str, base: &Url) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            break;
        }
        let (url, after) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
        let address = url.trim_end_matches(',');
        let (descriptor, after) = if address.len() < url.len() {
            ("", after)
        } else {
            after.split_once(',').unwrap_or((after, ""))
        };
        let url = web_address::web(address, base)?;
        found.push(match descriptor.trim() {
            "" => url,
            descriptor => format!("{url} {descriptor}"),
        });
        rest = after;
    }
    (!found.is_empty()).then(|| found.join(", "))
}

/// Removes images of one pixel, and images and frames without an address, from canonical HTML. In it every `<`
/// begins a tag and every `>` ends one, except in the content of frames.
fn remove_invisible_media(html: String) -> String {
    if !html.contains("<img") && !html.contains("<iframe") {
        return html;
    }
    let mut out = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some((before, tag)) = rest.split_once("<i") {
        out.push_str(before);
        let (inside, after) = tag.split_once('>').unwrap_or((tag, ""));
        rest = after;
        let (name, attributes) = inside.split_once(' ').unwrap_or((inside, ""));
        let attributes = Attributes(attributes);
        let is_frame = name == "frame";
        if is_frame {
            rest = rest.split_once("</iframe>").map_or("", |(_, after)| after);
        }
        if if name == "mg" {
            is_visible(attributes)
        } else {
            !is_frame || attributes.raw("src").is_some()
        } {
            out.extend(["<i", inside, ">"]);
            if is_frame {
                out.push_str("</iframe>");
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether an image has an address, and no side of a single pixel.
fn is_visible(image: Attributes<'_>) -> bool {
    let side = |name: &str| -> Option<u32> {
        image.raw(name)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    image.raw("src").is_some_and(|source| !source.is_empty())
        && side("width").is_none_or(|width| 1 < width)
        && side("height").is_none_or(|height| 1 < height)
}

/// Removes control characters: terminals obey them, and no page shows them. Those that change the direction
/// of text would reach beyond the article (HTML has `dir` and `bdi` for that). In canonical HTML they occur in
/// text and attribute values only, and always as themselves.
fn remove_controls(html: String) -> String {
    let bytes = html.as_bytes();
    let next = |n: usize| bytes.get(n).copied().unwrap_or_default();
    let other = |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t');
    // The loop has no branch, so that the compiler makes it compare sixteen bytes at once.
    let ascii = bytes.iter().fold(false, |found, &byte| found | other(byte));
    let doubtful = |n: usize| match next(n) {
        0xC2 => next(n + 1) < 0xA0, // U+0080 to U+009F.
        _ => matches!((next(n + 1), next(n + 2)), (0x80, 0xAA..=0xAE) | (0x81, 0xA6..=0xA9)),
    };
    if ascii || memchr2_iter(0xC2, 0xE2, bytes).any(doubtful) {
        let kept = |c: &char| matches!(c, '\n' | '\t') || !is_control(*c);
        return html.chars().filter(kept).collect();
    }
    html
}

/// Plain text as HTML: paragraphs where there are blank lines, line breaks where there are lines.
pub fn from_plain(text: &str) -> Option<SanitisedHtml> {
    paragraphs(text).map(SanitisedHtml)
}

fn paragraphs(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 16);
    let mut open = false;
    let mut line_before = false;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            line_before = false;
            continue;
        }
        if line_before {
            out.push_str("<br>");
        } else {
            out.push_str(if open { "</p><p>" } else { "<p>" });
            open = true;
        }
        line_before = true;
        push_text(&mut out, &without_controls(line));
    }
    open.then(|| out + "</p>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(html: &str) -> String {
        let base = Url::parse("https://example.org/blog/").unwrap();
        Sanitiser::new(&base).clean_text(html).unwrap_or_default()
    }

    #[test]
    fn scripts_and_trackers_are_removed_and_text_is_kept() {
        for (html, expected) in [
            ("<p onclick='x()' style='a' class='b' id='c'>t</p>", "<p>t</p>"),
            ("a<script>x</script><style>y</style>b", "ab"),
            ("<form action='/x'><input name='a'><button>go</button></form>", "go"),
            ("<object data='x'><p>y</p></object><svg><a href='x'>z</a></svg>", "<p>y</p>"),
            ("<math><mi>a</mi><annotation>x</annotation></math>", "a"),
            ("<noscript><img src='https://i.example/x'></noscript>t", "t"),
            ("<a href='javascript:x'>t</a>", "<a rel=\"noopener noreferrer\">t</a>"),
            ("<a href=' java&#10;script:x'>t</a>", "<a rel=\"noopener noreferrer\">t</a>"),
            ("<a href='data:text/html,x'>t</a>", "<a rel=\"noopener noreferrer\">t</a>"),
            ("<img src='data:image/png,x'>", ""),
            ("<img src='https://t.example/p.gif' width='1' height='1'>t", "t"),
            ("<img src='https://t.example/p.gif' height='0px'>t<i>u</i>", "t<i>u</i>"),
            ("<img alt='no source'>", ""),
            ("<iframe src='https://evil.example/'>x</iframe>t", "xt"),
            ("<iframe src='javascript:x'></iframe>", ""),
            (
                "<iframe src='//www.youtube.com/embed/x' onload='y' width='5'><b>z</b></iframe>",
                "<iframe src=\"https://www.youtube.com/embed/x\" width=\"5\"></iframe>",
            ),
            ("<p>unclosed <b>bold", "<p>unclosed <b>bold</b></p>"),
            // Found by fuzzing: what a parser drops at the very start it must not find there.
            ("\r\0\u{feff}<td>a", "a"),
            ("<!-- c -->t", "t"),
            ("<marquee>t</marquee>", "t"),
            (" \n ", ""),
            ("’\u{202e}&#x2066;«\u{200f}»", "’«\u{200f}»"),
            (
                "a\u{1b}[2J&#27;&#155;\u{9b}1m\u{7f}b<i title='\u{1b}'>c</i>",
                "a[2J›1mb<i title=\"\">c</i>",
            ),
            // An item inside an item, once the form between them is gone.
            ("<li>x<form><li>y</li></form></li>", "<li>x</li><li>y</li>"),
        ] {
            assert_eq!(clean(html), expected, "{html}");
        }
    }

    #[test]
    fn addresses_become_absolute() {
        let rel = "rel=\"noopener noreferrer\"";
        for (html, expected) in [
            ("<a href='post'>t</a>", format!("<a href=\"https://example.org/blog/post\" {rel}>t</a>")),
            ("<a href='/x?a=1&amp;b=2'>t</a>", format!("<a href=\"https://example.org/x?a=1&amp;b=2\" {rel}>t</a>")),
            ("<a href='mailto:a@b.example'>t</a>", format!("<a href=\"mailto:a@b.example\" {rel}>t</a>")),
            ("<img src='../i.png' alt='a'>", "<img src=\"https://example.org/i.png\" alt=\"a\">".into()),
            (
                "<img src='/i' srcset='/i 1x, /j,k 2x,'>",
                "<img src=\"https://example.org/i\" srcset=\"https://example.org/i 1x, https://example.org/j,k 2x\">".into(),
            ),
            (
                "<picture><source srcset='/a.webp' type='image/webp' onerror='x'><img src='/a'></picture>",
                "<picture><source srcset=\"https://example.org/a.webp\" type=\"image/webp\"><img src=\"https://example.org/a\"></picture>".into(),
            ),
            (
                "<video controls src='/v.mp4' poster='/p' autoplay></video>",
                "<video controls=\"\" src=\"https://example.org/v.mp4\" poster=\"https://example.org/p\"></video>".into(),
            ),
            (
                "<blockquote cite='javascript:x'><figure><figcaption>c</figcaption></figure></blockquote>",
                "<blockquote><figure><figcaption>c</figcaption></figure></blockquote>".into(),
            ),
            ("<details open><summary>s</summary>t</details>", "<details open=\"\"><summary>s</summary>t</details>".into()),
        ] {
            assert_eq!(clean(html), expected, "{html}");
        }
    }

    #[test]
    fn every_plain_address_is_accepted_by_the_parser() {
        for (value, plain) in [
            ("https://example.org", true),
            ("http://www.example-site.co.uk/a b?c=d|e#f[g]", true),
            ("https://localhost/", true),
            ("https://example.org:80/", false),
            ("https://127.0.0.1/", false),
            ("https://a.0x7f/", false),
            ("https://xn--a/", false),
            ("https://user@example.org/", false),
            ("https://[/", false),
            ("https:///x", false),
            ("HTTPS://example.org/", false),
            ("https://example.org/ ", false),
        ] {
            assert_eq!(is_plainly_web(value), plain, "{value}");
            assert!(!plain || Url::parse(value).is_ok_and(|url| is_web(&url)), "{value}");
        }
    }

    #[test]
    fn html_that_nests_too_deeply_becomes_text() {
        let html = format!("<p>a</p>{}b &lt;c&gt;<table>", "<div>".repeat(100_000));
        assert_eq!(clean(&html), "<p>a</p><p>b &lt;c&gt;</p>");
    }

    #[test]
    fn plain_text_keeps_its_lines() {
        for (text, expected) in [
            ("a", Some("<p>a</p>")),
            ("a\nb\r\n\r\n\n c <d> & e \n", Some("<p>a<br>b</p><p>c &lt;d&gt; &amp; e</p>")),
            (" \n", None),
        ] {
            assert_eq!(from_plain(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sanitised_html_holds_nothing_executable(
            html in "(<(p|a|b|i|img|iframe|td|table|svg|math|li|pre|style|script|select|noscript|title) ?(src|href|onload|width)?(=['\"]?(javascript:|data:|[a-z:/1&<])?[a-z]{0,3}['\"]?)?>|</(p|a|b|table|svg|iframe|script|style|title)>|<!--|-->|[a-z <&\n\u{feff}]){0,12}"
        ) {
            let once = clean(&html);
            prop_assert_eq!(clean(&once), &*once, "sanitised twice");
            // Once more, as a browser would read it again.
            for cleaned in [clean(&once), once] {
                for unsafe_part in ["<script", "<style", "<svg", "\"javascript:", "\"data:", " onload=", "<!--"] {
                    prop_assert!(!cleaned.contains(unsafe_part), "{html}: {cleaned}");
                }
            }
        }
    }
}

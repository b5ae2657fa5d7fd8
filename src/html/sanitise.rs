//! The sanitiser. Its HTML is safe on any page: it has no scripts, styles, event handlers or forms, no frames except
//! those of video hosts, and all its addresses are absolute.

mod allow_list;
mod embeds;
mod lazy_images;
mod media;
mod srcset;
mod writer;

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::ops::Deref;

use ammonia::Builder;
use memchr::{memchr2, memchr2_iter};
use serde::Serialize;
use url::Url;

use crate::html::address_repair::{repaired, sound_host};
use crate::html::chars::{remove_controls, without_controls};
use crate::html::escape::push_text;
use crate::html::to_text::html_to_text;
use crate::html::web_address::{self, is_web};
use crate::reading_time::Bounded;
pub use allow_list::VIDEO_HOSTS;
use allow_list::{ELEMENTS, EVERYWHERE, SCHEMES};
pub use lazy_images::has_image_extension;
use writer::Nesting;

/// The most trees that are built from one text.
const ROUNDS: usize = 5;

/// The longest HTML from which a tree is built, in bytes.
const MOST: usize = 1024 * 1024;

/// The longest page from which a tree is built, in bytes.
const MOST_OF_A_PAGE: usize = 8 * 1024 * 1024;

/// The most bytes that the serialiser may search. It does so in less than half a second.
const MOST_LOOKED_AT: usize = 4_000_000_000;

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
    page: Url,
    /// Built when the first text needs a tree.
    builder: OnceCell<Builder<'static>>,
    embeds: Cell<usize>,
}

impl Sanitiser {
    pub fn new(base: &Url) -> Self {
        Self {
            base: base.clone(),
            page: base.clone(),
            builder: OnceCell::new(),
            embeds: Cell::default(),
        }
    }

    /// Sets the page into which fragments (`#note`) point, if it is another one than the base.
    pub fn set_page(&mut self, page: &Url) {
        if self.page != *page {
            self.page = page.clone();
        }
    }

    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Sanitises the HTML. Returns `None` when nothing visible is left.
    pub fn clean(&self, html: &str) -> Option<SanitisedHtml> {
        self.clean_text(html).map(SanitisedHtml)
    }

    fn clean_text(&self, html: &str) -> Option<String> {
        let html = remove_controls(with_line_feeds(html));
        let mut written = writer::write(&html, &self.base, &self.page);
        self.embeds.set(self.embeds.get() + written.embeds);
        let mut cleaned = String::new();
        // After a tree was repaired its HTML may nest as HTML does not, and a browser would build another tree
        // from it. So the result is sanitised again until it does not change. Three rounds are rare.
        for _ in 0..ROUNDS {
            if written.nesting == Nesting::Sound {
                return trimmed(written.html);
            }
            if written.nesting == Nesting::Excessive || is_too_long(&written.html) {
                break;
            }
            let builder = self.builder.get_or_init(|| builder(&self.base));
            let again = tidied(builder, &written.html);
            if again == cleaned {
                return trimmed(cleaned);
            }
            cleaned = again;
            written = writer::write(&cleaned, &self.base, &self.page);
        }
        paragraphs(&html_to_text(&written.html))
    }

    /// How many frames and players were replaced by links since this was asked last.
    pub fn take_embeds(&self) -> usize {
        self.embeds.take()
    }
}

/// The HTML without white space around it. At the very start a parser would drop a byte order mark, so that
/// sanitising again would change the text. `None` when nothing is left.
fn trimmed(html: String) -> Option<String> {
    let trimmed = html.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let whole = trimmed.len() == html.len(); // The common case, which needs no copy.
    match trimmed {
        "" => None,
        _ if whole => Some(html),
        trimmed => Some(trimmed.to_owned()),
    }
}

/// The HTML with its line breaks as a parser reads them (HTML, 13.2.3.5).
fn with_line_feeds(html: &str) -> Cow<'_, str> {
    if memchr2(b'\r', b'\x0c', html.as_bytes()).is_none() {
        return Cow::Borrowed(html);
    }
    Cow::Owned(html.replace("\r\n", "\n").replace(['\r', '\x0c'], "\n"))
}

/// The HTML of the tree that a browser builds from this. It ends early when the time for reading is over.
fn tidied(builder: &Builder<'_>, html: &str) -> String {
    // Reading from a slice of memory cannot fail.
    let tree = builder.clean_from_reader(Bounded(html.as_bytes()));
    tree.map(|tree| tree.to_string()).unwrap_or_default()
}

/// Whether the tree of a whole page would take far more memory than usual. Unlike the text of an article, a page is
/// not cut down to what the sanitiser keeps before its tree is built.
pub(crate) fn is_excessive(page: &str) -> bool {
    let base = Url::parse("about:blank");
    MOST_OF_A_PAGE < page.len()
        || base.is_ok_and(|base| writer::write(page, &base, &base).nesting == Nesting::Excessive)
}

/// Whether building a tree may take far more time or memory than usual. The tree takes more than ten times as much
/// memory as the HTML. At each `&` and each U+0080 to U+00BF the serialiser searches the next `<` or `>`.
fn is_too_long(html: &str) -> bool {
    MOST < html.len()
        || MOST_LOOKED_AT / html.len().max(1) < memchr2_iter(b'&', 0xC2, html.as_bytes()).count()
}

fn builder(base: &Url) -> Builder<'static> {
    let attributes = ELEMENTS.iter().map(|(name, _, kept)| (*name, kept.iter().copied().collect()));
    let mut builder = Builder::default();
    builder
        .tags(ELEMENTS.iter().map(|(name, ..)| *name).collect())
        .tag_attributes(attributes.collect())
        .generic_attributes(HashSet::from(EVERYWHERE))
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
        // An empty one would be the page itself.
        (_, "src" | "poster") if value.trim().is_empty() => None,
        (_, "src" | "href" | "poster" | "cite") => absolute(value, base, is_web),
        (_, "srcset") => set(value, base).map(Cow::Owned),
        _ => Some(Cow::Borrowed(value)),
    }
}

/// An absolute address stays byte for byte, apart from repairs and white space; a relative one is resolved.
fn absolute<'a>(
    value: &'a str,
    base: &Url,
    allowed: impl Fn(&Url) -> bool,
) -> Option<Cow<'a, str>> {
    let value = repaired(value);
    if web_address::LONGEST < value.len() {
        return None;
    }
    match Url::parse(&value) {
        Ok(url) if value.contains(|c: char| c.is_ascii_whitespace() || c == '\\') => {
            allowed(&url).then(|| Cow::Owned(url.into()))
        }
        Ok(url) => allowed(&url).then_some(value),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let url = base.join(&value).ok()?;
            allowed(&url).then(|| Cow::Owned(url.into()))
        }
        Err(_) => None,
    }
}

/// Whether an address is certain to parse and to be one of the web: most are, and parsing costs. The host is no
/// number and not encoded; nothing after it can fail.
fn is_plainly_web(value: &str) -> bool {
    let is_name = |host: &str| {
        let last = host.rsplit('.').next().unwrap_or_default();
        let is_encoded = host.as_bytes().windows(2).any(|pair| pair == b"--");
        last.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_encoded
    };
    value.len() <= web_address::LONGEST && sound_host(value).is_some_and(is_name)
}

/// A `srcset` with absolute addresses. Candidates that are no address of the web are left out.
fn set(value: &str, base: &Url) -> Option<String> {
    let found = srcset::candidates(value).into_iter().filter_map(|(address, descriptor)| {
        let url = web_address::web(&address, base)?;
        Some(if descriptor.is_empty() { url } else { format!("{url} {descriptor}") })
    });
    let found: Vec<String> = found.collect();
    (!found.is_empty()).then(|| found.join(", "))
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
            ("<object><p>y</p></object><svg><a href='x'>z</a></svg>", "<p>y</p>"),
            ("<math><mi>a</mi><annotation>x</annotation></math>", "a"),
            ("<noscript><b>x</b></noscript>t", "t"),
            ("<a href='javascript:x'>t</a>", "<a rel=\"noopener noreferrer\">t</a>"),
            ("<a href=' java&#10;script:x'>t</a>", "<a rel=\"noopener noreferrer\">t</a>"),
            ("<a href='data:text/html,x'>t</a>", "<a rel=\"noopener noreferrer\">t</a>"),
            ("<img src='data:image/png,x'>", ""),
            ("<img src='https://t.example/p.gif' width='1' height='1'>t", "t"),
            ("<img src='https://t.example/p.gif' height='0px'>t<i>u</i>", "t<i>u</i>"),
            ("<img alt='no source'>", ""),
            ("<iframe src='javascript:x'>x</iframe>t", "xt"),
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
            ("http://www.example-site.co.uk/ab?c=d|e#f[g]", true),
            ("http://www.example.org/a b", false),
            ("http://https//example.org/", false),
            ("https://localhost/", false),
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
                for tag in cleaned.split('<').skip(1) {
                    // The text behind the tag may say anything: its `<` is always escaped.
                    let tag = tag.split_once('>').map_or(tag, |(tag, _text)| tag);
                    for unsafe_start in ["script", "style", "svg", "!"] {
                        prop_assert!(!tag.starts_with(unsafe_start), "{html}: {cleaned}");
                    }
                    for unsafe_part in ["\"javascript:", "\"data:", " onload="] {
                        prop_assert!(!tag.contains(unsafe_part), "{html}: {cleaned}");
                    }
                }
            }
        }
    }
}

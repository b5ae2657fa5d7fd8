//! Lists of feeds as other feed readers export them: OPML 1.0 to 2.0, in any encoding. Damaged documents are
//! read as far as possible.

use std::collections::HashSet;

use crate::feed::charset::{decide, decode};
use crate::html::entities::Entities;
use crate::html::tokenizer::{Attributes, Token, Tokens};

/// The deepest level of folders. Folders below it count as being on it.
const MAX_DEPTH: usize = 32;

/// The most characters of a folder's name that its feeds get as a tag.
const LONGEST_TAG: usize = 200;

/// The names of attributes that have settings of a feed for which there is no key, or none with the same meaning: those of
/// miniflux, and those of `FreshRSS` but for `frss:CURLOPT_…`.
const OTHER_SETTINGS: [&str; 10] = [
    "miniflux:rewriteRules",
    "miniflux:urlRewriteRules",
    "miniflux:blocklistRules",
    "miniflux:keeplistRules",
    "miniflux:blockFilterEntryRules",
    "miniflux:keepFilterEntryRules",
    "miniflux:userAgent",
    "miniflux:proxyUrl",
    "miniflux:allowSelfSignedCertificates",
    "frss:cssFullContentConditions",
];

/// An outline that is a feed, or should be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The line on which its tag begins, from 1.
    pub line: usize,
    pub name: Option<String>,
    /// As written. `None` is a fault of the list.
    pub url: Option<String>,
    /// The folders that it is in, outermost first, and then its OPML 2.0 categories.
    pub tags: Vec<String>,
    pub settings: Settings,
}

/// What `FreshRSS`, miniflux and Tiny Tiny RSS set for a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The address is that of a web page or of a JSON document, from which `FreshRSS` takes entries by `XPath` or dot notation.
    pub is_scraped: bool,
    /// The feed is not polled.
    pub is_disabled: bool,
    /// The pages of the articles are fetched.
    pub full_text: bool,
    /// The CSS selector of the text in these pages, as written.
    pub select: Option<String>,
    /// The CSS selector of what is removed from these pages, as written.
    pub remove: Option<String>,
    /// The names of other settings, as written.
    pub others: Vec<String>,
}

impl Settings {
    fn read(kind: &str, attributes: Attributes<'_>) -> Self {
        let get = |name: &str| value(attributes, name);
        let is_true = |name: &str| get(name).is_some_and(|value| value == "true" || value == "1");
        let is_other = |name: &str| {
            let name = name.to_ascii_lowercase();
            let among = OTHER_SETTINGS.iter().any(|other| other.eq_ignore_ascii_case(&name));
            among || name.starts_with("frss:curlopt_")
        };
        let names = attributes.iter().map(|(name, _)| name);
        let select = get("frss:cssFullContent").or_else(|| get("miniflux:scraperRules"));
        Self {
            is_scraped: kind.contains("+xpath") || kind.contains("+dot"),
            // FreshRSS and Tiny Tiny RSS have a negative interval for these.
            is_disabled: is_true("miniflux:disabled")
                || ["frss:ttl", "ttrssUpdateInterval"]
                    .into_iter()
                    .any(|name| get(name).is_some_and(|interval| interval.starts_with('-'))),
            full_text: select.is_some() || is_true("miniflux:crawler"),
            select,
            remove: get("frss:cssContentFilter"),
            others: names
                .filter(|name| is_other(name) && get(name).is_some())
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// The document has no outline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no OPML: it has no <outline>")]
pub struct NotOpml;

/// Reads the feeds of a list, in its order. An outline that has no address, and neither the type of a feed nor the address
/// of a web site, is a folder; an empty one has no feeds. Tiny Tiny RSS writes its preferences as such outlines.
///
/// The named character references of XML and HTML are resolved. Entities that a document type declares are
/// not.
///
/// # Errors
/// When there is no outline in the document.
pub fn opml(body: &[u8]) -> Result<Vec<Outline>, NotOpml> {
    let (text, _) = decode(body, decide(body, None).charset);
    let mut reader = Reader::default();
    let mut tokens = Tokens::new(&text);
    let (mut line, mut counted, mut any) = (1, 0, false);
    while let Some(token) = tokens.next() {
        match token {
            Token::Start { name, attributes, empty } if is_outline(name) => {
                any = true;
                // This is the line on which the tag ends. It begins as many lines before as its attributes have.
                let until = tokens.offset();
                line += text.get(counted..until).unwrap_or_default().matches('\n').count();
                counted = until;
                let begins = line - attributes.0.matches('\n').count();
                reader.open(begins, attributes, empty);
            }
            Token::End { name } if is_outline(name) => reader.close(),
            _ => {}
        }
    }
    while !reader.open.is_empty() {
        reader.close();
    }
    reader.found.sort_by_key(|(order, _)| *order);
    if any {
        Ok(reader.found.into_iter().map(|(_, outline)| outline).collect())
    } else {
        Err(NotOpml)
    }
}

/// Whether the document has an `<opml>` element that does not end: the rest of the list is missing.
pub fn is_cut_off(body: &[u8]) -> bool {
    let (text, _) = decode(body, decide(body, None).charset);
    let is_root = |name: &str| name.eq_ignore_ascii_case("opml");
    let mut is_open = false;
    for token in Tokens::new(&text) {
        match token {
            Token::Start { name, empty, .. } if is_root(name) => is_open = !empty,
            Token::End { name } if is_root(name) => is_open = false,
            _ => {}
        }
    }
    is_open
}

fn is_outline(name: &str) -> bool {
    name.rsplit(':').next().unwrap_or(name).eq_ignore_ascii_case("outline")
}

/// The value of an attribute in one line, if it is not empty.
fn value(attributes: Attributes<'_>, name: &str) -> Option<String> {
    let value = attributes.get(name, &Entities::default())?;
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    (!value.is_empty()).then_some(value)
}

/// An outline whose end tag has not been read yet.
struct Open {
    order: usize,
    outline: Outline,
    says_feed: bool,
    is_folder: bool,
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    seen: usize,
    found: Vec<(usize, Outline)>,
}

impl Reader {
    fn open(&mut self, line: usize, attributes: Attributes<'_>, empty: bool) {
        let get = |name: &str| value(attributes, name);
        if let Some(parent) = self.open.last_mut() {
            parent.is_folder = true;
        }
        let mut tags: Vec<String> = self
            .open
            .iter()
            .filter(|open| open.outline.url.is_none())
            .filter_map(|open| open.outline.name.as_deref())
            .map(|name| name.chars().take(LONGEST_TAG).collect())
            .collect();
        // OPML 2.0: categories are separated by commas. Those with a slash are paths in a directory.
        let categories = get("category").unwrap_or_default();
        tags.extend(categories.split([',', '/']).map(|tag| tag.trim().to_owned()));
        let mut seen = HashSet::new();
        tags.retain(|tag| !tag.is_empty() && seen.insert(tag.clone()));
        let kind = get("type").unwrap_or_default().to_ascii_lowercase();
        let url = ["xmlUrl", "url"].into_iter().find_map(get);
        self.open.push(Open {
            order: self.seen,
            // An outline with `type="link"` and `url` is a bookmark or another list.
            says_feed: matches!(kind.as_str(), "rss" | "atom" | "pie" | "rss1" | "jsonfeed"),
            is_folder: get("htmlUrl").is_none() || matches!(kind.as_str(), "link" | "include"),
            outline: Outline {
                line,
                name: ["text", "title"].into_iter().find_map(get),
                url: url.filter(|_| !matches!(kind.as_str(), "link" | "include")),
                tags,
                settings: Settings::read(&kind, attributes),
            },
        });
        self.seen += 1;
        if empty || MAX_DEPTH < self.open.len() {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some(Open { order, outline, says_feed, is_folder }) = self.open.pop() else {
            return;
        };
        if outline.url.is_some() || says_feed || !is_folder {
            self.found.push((order, outline));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let show = |o: Outline| {
            let name = o.name.unwrap_or_default();
            format!("{}:{name}={}[{}]", o.line, o.url.unwrap_or_default(), o.tags.join(","))
        };
        opml(text.as_bytes()).map_or_else(
            |error| error.to_string(),
            |found| found.into_iter().map(show).collect::<Vec<_>>().join(" "),
        )
    }

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn lists_are_read_as_readers_write_them() {
        for (name, text, expected) in [
            (
                "flat",
                "<opml version='2.0'><body><outline text='A' type='rss' xmlUrl='http://a/'/></body></opml>",
                "1:A=http://a/[]",
            ),
            (
                "folders",
                "<opml><body>\n<outline text='News'>\n<outline text='World'>\n<outline title='A' xmlUrl='http://a/'></outline>\n</outline>\n<outline text='B' xmlUrl='http://b/'/></outline><outline text='C' xmlUrl='http://c/'/></body></opml>",
                "4:A=http://a/[News,World] 6:B=http://b/[News] 6:C=http://c/[]",
            ),
            (
                "categories",
                "<outline text='A' xmlUrl='http://a/' category='/x/y,z, x'/>",
                "1:A=http://a/[x,y,z]",
            ),
            (
                "other letter case",
                "<OPML><OUTLINE TEXT='A' XMLURL='http://a/'/></OPML>",
                "1:A=http://a/[]",
            ),
            (
                "a namespace",
                "<o:opml><o:outline text='A' xmlUrl='http://a/'/></o:opml>",
                "1:A=http://a/[]",
            ),
            (
                "feeds within a feed's outline",
                "<outline text='A' xmlUrl='http://a/'><outline text='B' xmlUrl='http://b/'/></outline>",
                "1:A=http://a/[] 1:B=http://b/[]",
            ),
            ("no address", "<outline type='rss' text='A'/>", "1:A=[]"),
            (
                "no address but that of a site",
                "<outline\ntext='A'/>\n<outline text='B' htmlUrl='http://b/'/>",
                "3:B=[]",
            ),
            ("empty folders", "<outline text='F'></outline><outline text='G'/><outline/>", ""),
            (
                "preferences of Tiny Tiny RSS",
                "<outline text='tt-rss-prefs' schema-version='151'><outline pref-name='X' value='1'/></outline>",
                "",
            ),
            (
                "a bookmark and another list",
                "<outline type='link' text='A' url='http://a/'/><outline type='include' url='http://b/'/>",
                "",
            ),
            (
                "references",
                "<outline text='A &amp; B&eacute;' xmlUrl='http://a/?x=1&amp;y=2'/>",
                "1:A & Bé=http://a/?x=1&y=2[]",
            ),
            (
                "bare ampersands",
                "<outline text='A & B' xmlUrl='http://a/?x=1&y=2'/>",
                "1:A & B=http://a/?x=1&y=2[]",
            ),
            (
                "declared entities",
                "<!DOCTYPE opml [<!ENTITY x SYSTEM 'file:///etc/passwd'><!ENTITY y 'z'>]><outline text='&x;&y;' xmlUrl='http://a/'/>",
                "1:&x;&y;=http://a/[]",
            ),
            (
                "broken off",
                "<opml><body><outline text='F'><outline text='A' xmlUrl='http://a/'>",
                "1:A=http://a/[F]",
            ),
            (
                "no end tags",
                "<outline text='F'><outline text='A' xmlUrl='http://a/'/></body>",
                "1:A=http://a/[F]",
            ),
            (
                "a comment",
                "<!-- <outline xmlUrl='http://x/'/> --><outline text='A' xmlUrl='http://a/'/>",
                "1:A=http://a/[]",
            ),
            (
                "line breaks in a name",
                "<outline text='A\n  B' xmlUrl='http://a/'/>",
                "1:A B=http://a/[]",
            ),
            ("no OPML", "<html/>", "this is no OPML: it has no <outline>"),
            ("nothing", "", "this is no OPML: it has no <outline>"),
        ] {
            assert_eq!(shown(text), expected, "{name}");
        }
    }

    #[test]
    fn settings_of_other_readers_are_read() {
        let list = "<outline type='HTML+XPath' xmlUrl='http://a/' frss:xPathItem='//a' frss:ttl='-3600'/>\
            <outline type='rss' xmlUrl='http://b/' frss:ttl='3600' frss:cssFullContent='article &gt; p'\
            frss:cssContentFilter='.ad' frss:CURLOPT_PROXY='p:1' frss:priority='main'/>\
            <outline type='rss' xmlUrl='http://c/' miniflux:crawler='true' miniflux:keeplistRules='a|b'/>\
            <outline type='rss' xmlUrl='http://d/' miniflux:scraperRules='.x' miniflux:disabled='true'\
            miniflux:crawler='true' miniflux:proxyUrl=''/>";
        let text = |text: &str| Some(text.to_owned());
        let plain = Settings::default;
        let expected = [
            Settings { is_scraped: true, is_disabled: true, ..plain() },
            Settings {
                full_text: true,
                select: text("article > p"),
                remove: text(".ad"),
                others: vec!["frss:CURLOPT_PROXY".to_owned()],
                ..plain()
            },
            Settings {
                full_text: true,
                others: vec!["miniflux:keeplistRules".to_owned()],
                ..plain()
            },
            Settings { full_text: true, is_disabled: true, select: text(".x"), ..plain() },
        ];
        let found = opml(list.as_bytes()).unwrap();
        assert!(found.into_iter().map(|outline| outline.settings).eq(expected));
    }

    #[test]
    fn any_encoding_is_read() {
        let text = "<?xml version='1.0' encoding='E'?><opml><outline text='Größe' xmlUrl='http://a/'/></opml>";
        let latin: Vec<u8> = text.replace('E', "iso-8859-1").chars().map(|c| c as u8).collect();
        let wide: Vec<u8> = [0xFF, 0xFE]
            .into_iter()
            .chain(text.replace('E', "utf-16").encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let marked = format!("\u{feff}{text}").into_bytes();
        for (name, body) in [("iso-8859-1", latin), ("utf-16", wide), ("utf-8 with a mark", marked)]
        {
            assert_eq!(opml(&body).unwrap()[0].name.as_deref(), Some("Größe"), "{name}");
        }
    }

    #[test]
    fn folders_without_end_are_bounded() {
        let text = "<outline text='f'>".repeat(10_000) + "<outline text='A' xmlUrl='http://a/'/>";
        let found = opml(text.as_bytes()).unwrap();
        assert_eq!(found.last().unwrap().tags, ["f"]);
        let text = format!("<outline text='{}'><outline xmlUrl='http://a/'/>", "f".repeat(10_000));
        let found = opml(text.as_bytes()).unwrap();
        assert_eq!(found.last().unwrap().tags, ["f".repeat(LONGEST_TAG)]);
    }
}

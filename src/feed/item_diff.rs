//! Of a changed document only the items whose bytes are new are parsed.
//!
//! [`cut`] finds the top-level items of an XML feed with one scan over the raw bytes, ten times cheaper
//! than parsing them; [`reduce`] leaves out those whose bytes are known. The scan understands just
//! enough XML (comments, CDATA, quoted attributes) to be sure where an item begins and ends. At the
//! first doubt there is no cut, and the whole document is parsed: that is never wrong, only slower.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3, memmem};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// Goes into every slice hash. Raise it when `parse` or `normalise` begins to make something else of
/// the same bytes: every item of every feed is then parsed once more, at the feed's next change.
const RULES_VERSION: u64 = 3;

/// Of more, none are told apart: to know where they lie would take more memory than the document.
const MOST_ITEMS: usize = 20_000;

/// Where the items of an XML feed document lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// In document order, disjoint.
    pub items: Vec<Slice>,
    /// The deepest nesting of elements; the root alone is 1.
    pub depth: usize,
}

/// One item: its bytes, and their hash together with all that gives them their meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    pub range: Range<usize>,
    pub hash: u64,
}

/// A document without the items that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduced<'a> {
    /// Well-formed if the original was.
    pub document: Cow<'a, [u8]>,
    /// The items still in it, in document order.
    pub kept: Vec<u64>,
    /// The items left out, in document order.
    pub carried: Vec<u64>,
}

/// Leaves the items out whose hash is `known`.
pub fn reduce<'a>(body: &'a [u8], layout: &Layout, known: impl Fn(u64) -> bool) -> Reduced<'a> {
    let (carried, kept): (Vec<&Slice>, Vec<&Slice>) =
        layout.items.iter().partition(|item| known(item.hash));
    let hashes = |items: &[&Slice]| items.iter().map(|item| item.hash).collect();
    let document = if carried.is_empty() {
        Cow::Borrowed(body)
    } else {
        let left_out: usize = carried.iter().map(|item| item.range.len()).sum();
        let mut document = Vec::with_capacity(body.len().saturating_sub(left_out));
        let mut at = 0;
        for item in &carried {
            document.extend_from_slice(body.get(at..item.range.start).unwrap_or_default());
            at = item.range.end;
        }
        document.extend_from_slice(body.get(at..).unwrap_or_default());
        Cow::Owned(document)
    };
    Reduced { document, kept: hashes(&kept), carried: hashes(&carried) }
}

/// Finds the items of an RSS, RDF or Atom document. `None` for anything else, and for a document
/// that leaves any doubt about where an item begins or ends.
///
/// `salt` goes into the hashes; whatever else decides what becomes of an item belongs there.
pub fn cut(body: &[u8], salt: u64) -> Option<Layout> {
    let mut scan = Scan { body, at: prolog_start(body)? };
    let mut hasher = Xxh3::with_seed(RULES_VERSION ^ salt.rotate_left(32));
    // An end tag of another name ends more than one element, or none: what is left out would show outside.
    let mut open: Vec<&[u8]> = Vec::new();
    let mut deepest = 0_usize;
    let mut root: Option<Root> = None;
    let mut channels = 0_u32;
    // The name of the element at depth 2, while the scan is in it.
    let mut second: &[u8] = b"";
    let mut item: Option<(usize, usize)> = None; // Its depth and its first byte.
    let mut ranges: Vec<Range<usize>> = Vec::new();

    while let Some(token) = scan.next()? {
        match token {
            Token::Declaration(text) => {
                if root.is_some() || !ascii_compatible(text) {
                    return None;
                }
                hasher.update(text);
            }
            Token::Start { name, range, empty } => {
                open.push(name);
                let depth = open.len();
                deepest = deepest.max(depth);
                let Some(root) = root else {
                    root = Some(Root::named(name)?);
                    hasher.update(body.get(range)?);
                    if empty {
                        return None;
                    }
                    continue;
                };
                if name == root.item() {
                    let expected = match root {
                        Root::Rss => depth == 2 || depth == 3 && second == b"channel",
                        Root::Rdf | Root::Feed => depth == 2,
                    };
                    if !expected || item.is_some() {
                        return None;
                    }
                    if MOST_ITEMS <= ranges.len() {
                        return None;
                    }
                    if empty {
                        ranges.push(range);
                    } else {
                        item = Some((depth, range.start));
                    }
                } else if depth == 2 {
                    second = name;
                    if name == b"channel" {
                        channels += 1;
                        hasher.update(body.get(range)?);
                    }
                    if 1 < channels {
                        return None;
                    }
                }
                if empty {
                    open.pop();
                }
            }
            Token::End { name, end } => {
                if let Some((opened, start)) = item
                    && opened == open.len()
                {
                    ranges.push(start..end);
                    item = None;
                }
                if open.pop() != Some(name) {
                    return None;
                }
                if open.len() == 1 {
                    second = b"";
                }
            }
        }
        if open.is_empty() && root.is_some() {
            // What follows the root is not our business, as long as it is no other element.
            while let Some(token) = scan.next()? {
                if !matches!(token, Token::Declaration(_)) {
                    return None;
                }
            }
            break;
        }
    }
    if !open.is_empty() || root.is_none() {
        return None;
    }
    let seed = hasher.digest();
    let items = ranges
        .into_iter()
        .map(|range| {
            let hash = xxh3_64_with_seed(body.get(range.clone()).unwrap_or_default(), seed);
            Slice { range, hash }
        })
        .collect();
    Some(Layout { items, depth: deepest })
}

/// The first byte of markup, after a UTF-8 byte order mark and white space. `None` when other text
/// comes first, or when the bytes look like UTF-16 or UTF-32.
fn prolog_start(body: &[u8]) -> Option<usize> {
    let bom = if body.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let rest = body.get(bom..)?;
    let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let head = rest.get(blank..)?;
    let plain = head.first() == Some(&b'<') && !head.iter().take(4).any(|byte| *byte == 0);
    plain.then_some(bom + blank)
}

/// Whether `<`, `>` and quotes mean themselves in every byte of a document with this XML declaration.
fn ascii_compatible(declaration: &[u8]) -> bool {
    const FAMILIES: [&[u8]; 15] = [
        b"utf-8",
        b"utf8",
        b"iso-8859",
        b"iso8859",
        b"latin",
        b"windows-",
        b"cp125",
        b"us-ascii",
        b"ascii",
        b"koi8",
        b"gb",
        b"big5",
        b"euc-",
        b"shift_jis",
        b"tis-620",
    ];
    let lower = declaration.to_ascii_lowercase();
    let Some(found) = memmem::find(&lower, b"encoding") else { return true };
    let value: Vec<u8> = lower
        .iter()
        .skip(found + b"encoding".len())
        .copied()
        .skip_while(|byte| byte.is_ascii_whitespace() || b"='\"".contains(byte))
        .collect();
    FAMILIES.iter().any(|family| value.starts_with(family))
}

#[derive(Clone, Copy)]
enum Root {
    Rss,
    Rdf,
    Feed,
}

impl Root {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"rss" => Some(Self::Rss),
            b"rdf:RDF" | b"RDF" => Some(Self::Rdf),
            b"feed" => Some(Self::Feed),
            _ => None,
        }
    }

    fn item(self) -> &'static [u8] {
        match self {
            Self::Rss | Self::Rdf => b"item",
            Self::Feed => b"entry",
        }
    }
}

enum Token<'a> {
    Start {
        name: &'a [u8],
        range: Range<usize>,
        empty: bool,
    },
    End {
        name: &'a [u8],
        end: usize,
    },
    /// `<?xml …?>`, and any other processing instruction.
    Declaration(&'a [u8]),
}

/// Reads tags, and steps over text, comments, CDATA and a document type without a subset.
struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// The next tag; the outer `None` is doubt, the inner one the end of the document.
    #[expect(clippy::option_option, reason = "doubt is passed up by `?`, the end ends the loop")]
    fn next(&mut self) -> Option<Option<Token<'a>>> {
        loop {
            let Some(found) = memchr(b'<', self.body.get(self.at..)?) else { return Some(None) };
            let start = self.at + found;
            match self.body.get(start + 1)? {
                b'!' => {
                    let rest = self.body.get(start..)?;
                    let (skip, until): (usize, &[u8]) = if rest.starts_with(b"<!--") {
                        (4, b"-->")
                    } else if rest.starts_with(b"<![CDATA[") {
                        (9, b"]]>")
                    } else if rest.starts_with(b"<!DOCTYPE") {
                        (9, b">")
                    } else {
                        return None;
                    };
                    let inner = rest.get(skip..)?;
                    let length = memmem::find(inner, until)?;
                    if until == b">" && memchr(b'[', inner.get(..length)?).is_some() {
                        return None; // An internal subset has rules of its own.
                    }
                    self.at = start + skip + length + until.len();
                }
                b'?' => {
                    let length = memmem::find(self.body.get(start..)?, b"?>")?;
                    self.at = start + length + 2;
                    return Some(Some(Token::Declaration(self.body.get(start..self.at)?)));
                }
                b'/' => {
                    let length = memchr(b'>', self.body.get(start..)?)?;
                    self.at = start + length + 1;
                    let name = self.body.get(start + 2..start + length)?.trim_ascii_end();
                    return Some(Some(Token::End { name, end: self.at }));
                }
                first if first.is_ascii_alphabetic() || *first == b'_' || 0x80 <= *first => {
                    return Some(Some(self.start_tag(start)?));
                }
                _ => return None,
            }
        }
    }

    fn start_tag(&mut self, start: usize) -> Option<Token<'a>> {
        let mut at = start + 1;
        loop {
            at += memchr3(b'>', b'"', b'\'', self.body.get(at..)?)?;
            match self.body.get(at)? {
                b'>' => break,
                quote => at += memchr(*quote, self.body.get(at + 1..)?)? + 2,
            }
        }
        self.at = at + 1;
        let inside = self.body.get(start + 1..at)?;
        let empty = inside.ends_with(b"/");
        let length = inside
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'/')
            .unwrap_or(inside.len());
        Some(Token::Start { name: inside.get(..length)?, range: start..self.at, empty })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use proptest::prelude::*;

    fn items(text: &str) -> Option<Vec<&str>> {
        let layout = cut(text.as_bytes(), 0)?;
        layout.items.iter().map(|item| text.get(item.range.clone())).collect()
    }

    #[test]
    fn items_of_every_xml_dialect_are_found() {
        for (name, text, expected) in [
            (
                "rss",
                "<?xml version='1.0'?><rss><channel><title>t</title><item>a</item> <item/></channel></rss>",
                vec!["<item>a</item>", "<item/>"],
            ),
            (
                "rdf, whose list of items is no item",
                "<rdf:RDF><channel><items><li/></items></channel><item rdf:about='x'>a</item ></rdf:RDF>",
                vec!["<item rdf:about='x'>a</item >"],
            ),
            (
                "atom",
                "<feed xmlns='x'><entry><a b='>'/></entry></feed>\n",
                vec!["<entry><a b='>'/></entry>"],
            ),
            (
                "rss without channel around its items",
                "<rss><channel/><item>a</item></rss>",
                vec!["<item>a</item>"],
            ),
            ("none", "\u{feff} <rss><channel/></rss>", vec![]),
            (
                "an item in a comment or in CDATA is text",
                "<rss><channel><!-- <item>x</item> --><item><![CDATA[</item><item>]]></item></channel></rss>",
                vec!["<item><![CDATA[</item><item>]]></item>"],
            ),
            (
                "a name that only begins like it",
                "<rss><channel><items/><item-x></item-x><item>a</item></channel></rss>",
                vec!["<item>a</item>"],
            ),
        ] {
            assert_eq!(items(text), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_doubtful_document_is_not_cut() {
        for (name, text) in [
            ("json", r#"{"version":"https://jsonfeed.org/version/1"}"#),
            ("web page", "<!DOCTYPE html><html><item></item></html>"),
            ("item in an item", "<rss><channel><item><item/></item></channel></rss>"),
            ("item elsewhere", "<rss><channel><x><item/></x></channel></rss>"),
            ("two channels", "<rss><channel/><channel><item/></channel></rss>"),
            ("bare less-than", "<rss><channel><item>1 < 2</item></channel></rss>"),
            ("closed by another name", "<rss><channel><item></x></item></channel></rss>"),
            // The item ends the text, so without it the text would go on (found by fuzzing).
            ("a text closed so", "<rss><channel><description>a</d><item/>b</channel></rss>"),
            ("unclosed", "<rss><channel><item></item></channel>"),
            ("cut off in CDATA", "<rss><channel><item><![CDATA[</item></channel></rss>"),
            ("cut off in a tag", "<rss><channel><item"),
            (
                "internal subset",
                "<!DOCTYPE rss [<!ENTITY x 'y'>]><rss><channel><item/></channel></rss>",
            ),
            ("text first", "warning: x<rss><channel><item/></channel></rss>"),
            ("utf-16", "<\0r\0s\0s\0>\0"),
            (
                "utf-7",
                "<?xml version='1.0' encoding='utf-7'?><rss><channel><item/></channel></rss>",
            ),
            ("two roots", "<rss><channel><item/></channel></rss><rss/>"),
            ("empty", ""),
        ] {
            assert_eq!(items(text), None, "{name}");
        }
    }

    #[test]
    fn depth_is_that_of_the_deepest_element() {
        for (depth, text) in [
            (1, "<rss></rss>"),
            (3, "<rss><channel><item/></channel></rss>"),
            (4, "<rss><channel><item><a/><b></b></item></channel></rss>"),
        ] {
            assert_eq!(cut(text.as_bytes(), 0).unwrap().depth, depth, "{text}");
        }
    }

    #[test]
    fn a_hash_tells_what_gives_the_bytes_their_meaning() {
        let hash = |text: &str, salt| cut(text.as_bytes(), salt).unwrap().items[0].hash;
        let plain = "<rss><channel><title>a</title><item>a</item></channel></rss>";
        let base = hash(plain, 0);
        for (same, text, salt) in [
            (true, "<rss><channel><title>b</title><!-- c --><item>a</item></channel></rss>", 0),
            (false, "<rss><channel><title>a</title><item>b</item></channel></rss>", 0),
            (
                false,
                "<?xml version='1.0' encoding='koi8-r'?><rss><channel><item>a</item></channel></rss>",
                0,
            ),
            (false, "<rss xmlns='x'><channel><item>a</item></channel></rss>", 0),
            (false, "<rss><channel xml:base='x'><item>a</item></channel></rss>", 0),
            (false, plain, 1),
        ] {
            assert_eq!(hash(text, salt) == base, same, "{text}");
        }
    }

    #[test]
    fn known_items_are_left_out_and_nothing_else() {
        let text = "<rss><channel><item>a</item>\n<item>b</item>\n<item>c</item></channel></rss>";
        let layout = cut(text.as_bytes(), 0).unwrap();
        let known = HashSet::from([layout.items[1].hash, 7]);
        let reduced = reduce(text.as_bytes(), &layout, |hash| known.contains(&hash));
        assert_eq!(
            String::from_utf8_lossy(&reduced.document),
            "<rss><channel><item>a</item>\n\n<item>c</item></channel></rss>"
        );
        assert_eq!(reduced.kept, [layout.items[0].hash, layout.items[2].hash]);
        assert_eq!(reduced.carried, [layout.items[1].hash]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body: Vec<u8>) {
            let _layout = cut(&body, 0);
        }

        #[test]
        fn arbitrary_markup_never_panics(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "<rss>", "</rss>", "<channel>", "</channel>", "<item>", "</item>", "<item/>", "<!--", "-->",
                    "<![CDATA[", "]]>", "<?xml ?>", "text", "<a b='", "'", "\"", ">", "<", "</", "<!", "<?",
                ]),
                0..40,
            ),
        ) {
            let text = parts.concat();
            if let Some(layout) = cut(text.as_bytes(), 0) {
                let mut end = 0;
                for item in &layout.items {
                    prop_assert!(end <= item.range.start && item.range.start < item.range.end);
                    end = item.range.end;
                }
                let known: HashSet<u64> = layout.items.iter().map(|item| item.hash).collect();
                let reduced = reduce(text.as_bytes(), &layout, |hash| known.contains(&hash));
                let rest = cut(&reduced.document, 0);
                prop_assert_eq!(rest.map(|rest| rest.items), Some(Vec::new()));
            }
        }
    }
}

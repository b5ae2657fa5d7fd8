//! Finds the items of a changed document whose bytes are new, so that only those are parsed.
//!
//! [`find_items`] finds the top-level items of an XML feed with one scan over the raw bytes, which costs a
//! tenth of parsing them. [`drop_known`] removes the items whose bytes are known. The scan understands just
//! enough XML (comments, CDATA, quoted attributes) to be sure where an item begins and ends. At the first
//! doubt it finds nothing, and the whole document is parsed: the result is never wrong, only slower.
//!
//! It does not use the tokenizer of [`html`](crate::html). That one reads decoded text and accepts any
//! damage; this one reads bytes of an unknown encoding and must refuse damage.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3, memmem};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// A part of every item hash. Raise it when `parse` or `normalise` begins to make something else of the
/// same bytes: then each item of each feed is parsed once more, at the next change of its feed.
pub const RULES_VERSION: u32 = 9;

/// In a document with more items none are found: their positions would take more memory than the document.
const MAX_ITEMS: usize = 20_000;

/// The items of an XML feed document, in document order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentShape {
    /// They do not overlap.
    pub items: Vec<ItemBytes>,
}

/// The bytes of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemBytes {
    pub range: Range<usize>,
    /// Hash of the bytes and of everything outside the item that gives them their meaning: the declaration,
    /// the start tags of the root and of `channel`, and the salt.
    pub hash: u64,
}

/// A document without the items that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItems<'a> {
    /// It is well-formed if the whole document was.
    pub document: Cow<'a, [u8]>,
    /// The hashes of the items that are still in it, in document order.
    pub new: Vec<u64>,
    /// The hashes of the items that were removed, in document order.
    pub unchanged: Vec<u64>,
}

/// Removes the items whose hash is `known`.
pub fn drop_known<'a>(
    body: &'a [u8],
    shape: &DocumentShape,
    known: impl Fn(u64) -> bool,
) -> NewItems<'a> {
    let (unchanged, new): (Vec<&ItemBytes>, Vec<&ItemBytes>) =
        shape.items.iter().partition(|item| known(item.hash));
    let hashes = |items: &[&ItemBytes]| items.iter().map(|item| item.hash).collect();
    let document = if unchanged.is_empty() {
        Cow::Borrowed(body)
    } else {
        let removed: usize = unchanged.iter().map(|item| item.range.len()).sum();
        let mut document = Vec::with_capacity(body.len().saturating_sub(removed));
        let mut at = 0;
        for item in &unchanged {
            document.extend_from_slice(body.get(at..item.range.start).unwrap_or_default());
            at = item.range.end;
        }
        document.extend_from_slice(body.get(at..).unwrap_or_default());
        Cow::Owned(document)
    };
    NewItems { document, new: hashes(&new), unchanged: hashes(&unchanged) }
}

/// Finds the items of an RSS, RDF or Atom document. `None` for any other document, and for one that leaves
/// a doubt about where an item begins or ends.
///
/// `salt` is a part of the hashes. It must differ when anything else differs that decides how an item is
/// read.
pub fn find_items(body: &[u8], salt: u64) -> Option<DocumentShape> {
    let mut scanner = Scanner { body, at: prolog_start(body)? };
    let mut finder = Finder::new(body, salt);
    while !finder.is_complete() {
        match scanner.next()?? {
            Token::Declaration(text) => finder.declaration(text)?,
            Token::Start { name, range, empty } => finder.start(name, range, empty)?,
            Token::End { name, end } => finder.end(name, end)?,
        }
    }
    // No other element may follow the root.
    while let Some(token) = scanner.next()? {
        if !matches!(token, Token::Declaration(_)) {
            return None;
        }
    }
    Some(finder.into_shape())
}

/// The state of [`find_items`]. Each method returns `None` at a doubt.
struct Finder<'a> {
    body: &'a [u8],
    /// Hashes what gives the items their meaning.
    hasher: Xxh3,
    root: Option<Root>,
    /// The names of the open elements.
    open: Vec<&'a [u8]>,
    has_channel: bool,
    is_in_channel: bool,
    /// The depth and the first byte of the open item.
    item: Option<(usize, usize)>,
    ranges: Vec<Range<usize>>,
}

impl<'a> Finder<'a> {
    fn new(body: &'a [u8], salt: u64) -> Self {
        Self {
            body,
            hasher: Xxh3::with_seed(u64::from(RULES_VERSION) ^ salt.rotate_left(32)),
            root: None,
            open: Vec::new(),
            has_channel: false,
            is_in_channel: false,
            item: None,
            ranges: Vec::new(),
        }
    }

    /// Whether the root element has ended.
    fn is_complete(&self) -> bool {
        self.root.is_some() && self.open.is_empty()
    }

    fn declaration(&mut self, text: &[u8]) -> Option<()> {
        if self.root.is_some() || !is_ascii_compatible(text) {
            return None;
        }
        self.hasher.update(text);
        Some(())
    }

    fn start(&mut self, name: &'a [u8], range: Range<usize>, empty: bool) -> Option<()> {
        self.open.push(name);
        match self.root {
            None => {
                self.root = Some(Root::named(name).filter(|_| !empty)?);
                self.hasher.update(self.body.get(range)?);
                return Some(());
            }
            Some(root) if name == root.item() => self.start_item(root, range, empty)?,
            Some(_) if self.open.len() == 2 => self.start_second(name, range)?,
            Some(_) => {}
        }
        if empty {
            self.close();
        }
        Some(())
    }

    /// An item begins. It may be in the root or, in RSS, in `channel`, and in no other item.
    fn start_item(&mut self, root: Root, range: Range<usize>, empty: bool) -> Option<()> {
        let depth = self.open.len();
        let is_expected =
            depth == 2 || depth == 3 && matches!(root, Root::Rss) && self.is_in_channel;
        if !is_expected || self.item.is_some() || MAX_ITEMS <= self.ranges.len() {
            return None;
        }
        if empty {
            self.ranges.push(range);
        } else {
            self.item = Some((depth, range.start));
        }
        Some(())
    }

    /// Another child of the root begins. Only one may be a `channel`.
    fn start_second(&mut self, name: &[u8], range: Range<usize>) -> Option<()> {
        self.is_in_channel = name == b"channel";
        if self.is_in_channel {
            if self.has_channel {
                return None;
            }
            self.has_channel = true;
            self.hasher.update(self.body.get(range)?);
        }
        Some(())
    }

    fn end(&mut self, name: &[u8], end: usize) -> Option<()> {
        if let Some((depth, start)) = self.item
            && depth == self.open.len()
        {
            self.ranges.push(start..end);
            self.item = None;
        }
        // An end tag of another name ends more than one element, or none. The parser would read what
        // follows differently without the item.
        (self.close() == Some(name)).then_some(())
    }

    fn close(&mut self) -> Option<&'a [u8]> {
        let name = self.open.pop();
        if self.open.len() == 1 {
            self.is_in_channel = false;
        }
        name
    }

    fn into_shape(self) -> DocumentShape {
        let seed = self.hasher.digest();
        let items = self.ranges.into_iter().map(|range| {
            let bytes = self.body.get(range.clone()).unwrap_or_default();
            ItemBytes { hash: xxh3_64_with_seed(bytes, seed), range }
        });
        DocumentShape { items: items.collect() }
    }
}

/// The position of the first `<`, after a UTF-8 byte order mark and white space. `None` when other text
/// comes first, or when the bytes look like UTF-16 or UTF-32.
fn prolog_start(body: &[u8]) -> Option<usize> {
    let bom = if body.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let rest = body.get(bom..)?;
    let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let head = rest.get(blank..)?;
    let plain = head.first() == Some(&b'<') && !head.iter().take(4).any(|byte| *byte == 0);
    plain.then_some(bom + blank)
}

/// Whether in a document with this XML declaration each byte that equals `<`, `>` or a quote is one.
fn is_ascii_compatible(declaration: &[u8]) -> bool {
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

/// Reads tags and declarations. It skips text, comments, CDATA and a document type without a subset.
struct Scanner<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The next token. The outer `None` is a doubt, the inner one the end of the document.
    #[expect(
        clippy::option_option,
        reason = "`?` passes a doubt on, and the end of the document is no doubt"
    )]
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
                        return None; // An internal subset has a syntax of its own.
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
        let shape = find_items(text.as_bytes(), 0)?;
        shape.items.iter().map(|item| text.get(item.range.clone())).collect()
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
    fn no_items_are_found_in_a_doubtful_document() {
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
    fn a_hash_covers_what_gives_the_bytes_their_meaning() {
        let hash = |text: &str, salt| find_items(text.as_bytes(), salt).unwrap().items[0].hash;
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
    fn known_items_are_removed_and_nothing_else() {
        let text = "<rss><channel><item>a</item>\n<item>b</item>\n<item>c</item></channel></rss>";
        let shape = find_items(text.as_bytes(), 0).unwrap();
        let known = HashSet::from([shape.items[1].hash, 7]);
        let reduced = drop_known(text.as_bytes(), &shape, |hash| known.contains(&hash));
        assert_eq!(
            String::from_utf8_lossy(&reduced.document),
            "<rss><channel><item>a</item>\n\n<item>c</item></channel></rss>"
        );
        assert_eq!(reduced.new, [shape.items[0].hash, shape.items[2].hash]);
        assert_eq!(reduced.unchanged, [shape.items[1].hash]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body: Vec<u8>) {
            let _shape = find_items(&body, 0);
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
            if let Some(shape) = find_items(text.as_bytes(), 0) {
                let mut end = 0;
                for item in &shape.items {
                    prop_assert!(end <= item.range.start && item.range.start < item.range.end);
                    end = item.range.end;
                }
                let known: HashSet<u64> = shape.items.iter().map(|item| item.hash).collect();
                let reduced = drop_known(text.as_bytes(), &shape, |hash| known.contains(&hash));
                let rest = find_items(&reduced.document, 0);
                prop_assert_eq!(rest.map(|rest| rest.items), Some(Vec::new()));
            }
        }
    }
}

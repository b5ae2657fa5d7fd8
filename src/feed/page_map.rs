//! Reads the entries of a web page by the CSS selectors that `[feeds.map]` has.
//!
//! The author of the configuration chose the selectors, and the author of the page decides how much work they are. So a
//! page may have only so many tags and levels, the parts of all entries may be only so long together (an element may be a
//! part of many entries), and the search for elements ends when the time for reading is over.

use std::cell::Cell;
use std::iter;

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use memchr::memchr_iter;
use scraper::{ElementRef, Html, HtmlTreeSink, Selector};
use serde_json::{Map, Value, json};
use url::Url;

use crate::domain::json_map::{ElementPath, PageMap};
use crate::feed::parse::{MAX_ITEMS, NotAFeed};
use crate::html::sanitise::is_excessive;
use crate::reading_time::{Bounded, is_over, is_over_now};

/// The most tags of a page. Each takes some 200 bytes in a tree. Pages with the comments of a day have a fifth.
const MOST_TAGS: usize = 200_000;

/// The most levels of elements. A browser has 512.
const MOST_LEVELS: usize = 512;

/// The most bytes of the parts of all entries.
const MOST_OF_ALL_PARTS: usize = 16 * 1024 * 1024;

/// Whether a text is a CSS selector.
pub fn is_selector(text: &str) -> bool {
    Selector::parse(text).is_ok()
}

/// The entries of a page as items of a JSON Feed. `base` is the base of relative addresses, if the map has one.
///
/// # Errors
/// When the page is too large or nested too deeply, or no element matches the selector of the entries.
pub(super) fn entries(
    text: &str,
    map: &PageMap,
    base: Option<&Url>,
) -> Result<Vec<Value>, NotAFeed> {
    let too_large =
        || NotAFeed::because("the page is too large or nested too deeply for selectors");
    if MOST_TAGS < memchr_iter(b'<', text.as_bytes()).count() || is_excessive(text) {
        return Err(too_large());
    }
    let parser = parse_document(HtmlTreeSink::new(Html::new_document()), ParseOpts::default());
    let page = parser.from_utf8().read_from(&mut Bounded(text.as_bytes()));
    let page = page.map_err(|error| NotAFeed::because(error.to_string()))?;
    if MOST_LEVELS < levels(&page) {
        return Err(too_large());
    }
    let parts = Parts::of(map, base, &page);
    let selected = Selector::parse(&map.items).ok();
    let root = page.root_element();
    let items: Vec<Value> = selected
        .iter()
        .flat_map(|items| {
            iter::once(root).filter(|root| items.matches(root)).chain(select(root, items))
        })
        .take(MAX_ITEMS)
        .map(|item| parts.entry(item))
        .collect();
    if parts.left.get().is_none() {
        return Err(NotAFeed::because(
            "the parts of the entries that the map selects are too long",
        ));
    }
    if items.is_empty() {
        let detail = format!("no element of the page matches the map's items, `{}`", map.items);
        return Err(NotAFeed::because(detail));
    }
    Ok(items)
}

/// How deep the elements are nested. The checks before know the elements that HTML has, and no others.
fn levels(page: &Html) -> usize {
    let (mut open, mut most) = (Vec::new(), 0);
    for node in page.tree.root().descendants() {
        let parent = node.parent().map(|parent| parent.id());
        while open.last().copied() != parent && open.pop().is_some() {}
        open.push(node.id());
        most = most.max(open.len());
    }
    most
}

/// The elements below an element that a selector matches. [`ElementRef::select`] would not end before it has found
/// one.
fn select<'a>(within: ElementRef<'a>, selector: &Selector) -> impl Iterator<Item = ElementRef<'a>> {
    within
        .descendent_elements()
        .skip(1) // The element itself.
        .take_while(|_| !is_over())
        .filter(move |element| selector.matches_with_scope(element, Some(within)))
}

/// A part of an entry, with its selector parsed.
struct Part {
    selector: Option<Selector>,
    attribute: Option<String>,
}

impl Part {
    fn of(path: Option<&ElementPath>) -> Option<Self> {
        let path = path?;
        let selector = match &path.selector {
            Some(text) => Some(Selector::parse(text).ok()?),
            None => None,
        };
        Some(Self { selector, attribute: path.attribute.clone() })
    }

    /// The elements of this part below the element of an entry.
    fn all<'a>(&'a self, item: ElementRef<'a>) -> Box<dyn Iterator<Item = ElementRef<'a>> + 'a> {
        match &self.selector {
            Some(selector) => Box::new(select(item, selector)),
            None => Box::new(iter::once(item)),
        }
    }

    /// The first value of this part that is not empty: the named attribute, else one of `attributes`, else the text.
    fn first(&self, item: ElementRef<'_>, attributes: &[&str]) -> Option<String> {
        self.all(item).find_map(|element| self.value(element, attributes))
    }

    /// The markup inside of the first element, or the attribute that the path names.
    fn html(&self, item: ElementRef<'_>) -> Option<String> {
        let found = match self.attribute {
            Some(_) => self.first(item, &[]),
            None => self.all(item).next().map(|element| element.inner_html()),
        };
        found.filter(|html| !html.trim().is_empty())
    }

    fn value(&self, element: ElementRef<'_>, attributes: &[&str]) -> Option<String> {
        let attribute = |name: &str| element.attr(name).map(str::trim).filter(|v| !v.is_empty());
        let found = match &self.attribute {
            Some(name) => attribute(name).map(str::to_owned),
            None => attributes.iter().find_map(|name| attribute(name)).map(str::to_owned),
        };
        found.or_else(|| {
            let words = || element.text().flat_map(str::split_whitespace).collect::<Vec<_>>();
            Some(words().join(" ")).filter(|text| self.attribute.is_none() && !text.is_empty())
        })
    }
}

struct Parts {
    id: Option<Part>,
    url: Option<Part>,
    title: Option<Part>,
    summary: Option<Part>,
    content: Option<Part>,
    date: Option<Part>,
    author: Option<Part>,
    image: Option<Part>,
    tags: Option<Part>,
    base: Option<Url>,
    /// How many bytes may follow; `None` when there were too many.
    left: Cell<Option<usize>>,
}

impl Parts {
    fn of(map: &PageMap, base: Option<&Url>, page: &Html) -> Self {
        let own = || {
            let element = page.select(&Selector::parse("base[href]").ok()?).next()?;
            Url::parse(element.attr("href")?).ok()
        };
        Self {
            id: Part::of(map.id.as_ref()),
            url: Part::of(map.url.as_ref()),
            title: Part::of(map.title.as_ref()),
            summary: Part::of(map.summary.as_ref()),
            content: Part::of(map.content.as_ref()),
            date: Part::of(map.date.as_ref()),
            author: Part::of(map.author.as_ref()),
            image: Part::of(map.image.as_ref()),
            tags: Part::of(map.tags.as_ref()),
            base: base.cloned().or_else(own),
            left: Cell::new(Some(MOST_OF_ALL_PARTS)),
        }
    }

    /// The value, unless it or one before was too much.
    fn bounded(&self, value: String) -> Option<String> {
        self.left.set(self.left.get().and_then(|left| left.checked_sub(value.len())));
        self.left.get().map(|_| value)
    }

    fn entry(&self, item: ElementRef<'_>) -> Value {
        let mut entry = Map::new();
        if self.left.get().is_none() || is_over_now() {
            return Value::Object(entry); // It is of no use.
        }
        let mut put = |key: &str, value: Option<Value>| {
            entry.extend(value.map(|value| (key.to_owned(), value)));
        };
        let text = |part: &Option<Part>, attributes: &[&str]| {
            let found = part.as_ref().and_then(|part| part.first(item, attributes));
            found.and_then(|text| self.bounded(text))
        };
        let address = |part: &Option<Part>, attributes: &[&str]| {
            let found = text(part, attributes)?;
            match &self.base {
                Some(base) => base.join(&found).ok().map(Into::into),
                None => Some(found),
            }
        };
        put("id", text(&self.id, &[]).map(Value::String));
        put("url", address(&self.url, &["href", "src"]).map(Value::String));
        put("title", text(&self.title, &[]).map(Value::String));
        put("summary", text(&self.summary, &[]).map(Value::String));
        let date = text(&self.date, &["datetime", "content"]);
        put("date_published", date.map(Value::String));
        let author = text(&self.author, &[]).map(|name| json!([{ "name": name }]));
        put("authors", author);
        put(
            "image",
            address(&self.image, &["src", "data-src", "href", "content"]).map(Value::String),
        );
        let content = self.content.as_ref().and_then(|part| part.html(item));
        put("content_html", content.and_then(|html| self.bounded(html)).map(Value::String));
        let tags = |part: &Part| {
            let tags = part.all(item).filter_map(|element| part.value(element, &[]));
            let tags: Vec<String> = tags.map_while(|tag| self.bounded(tag)).collect();
            (!tags.is_empty()).then(|| json!(tags))
        };
        put("tags", self.tags.as_ref().and_then(tags));
        Value::Object(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reading_time::ReadingTime;

    fn read(pairs: &[(&str, &str)], page: &str) -> Result<Value, String> {
        let get = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name).map(|(_, path)| *path);
            found.map(ElementPath::parse)
        };
        let map = PageMap {
            items: get("items").and_then(|path| path.selector).unwrap_or_default(),
            id: get("id"),
            url: get("url"),
            title: get("title"),
            summary: get("summary"),
            content: get("content"),
            date: get("date"),
            author: get("author"),
            image: get("image"),
            tags: get("tags"),
        };
        entries(page, &map, None).map(Value::from).map_err(|error| error.detail)
    }

    #[test]
    fn selectors_find_the_parts_of_each_entry() {
        let card = "<article class='card wide'><h2> A <b>title</b>\n&amp; more</h2><a class=more href='/a?x=1&amp;y=2'>More</a>\
                    <time datetime='2024-08-20T10:00:00Z'>Tuesday</time><p class=lead>Lead</p><div class=body><p>One</p><p>Two</p></div>\
                    <img data-src=/i.jpg alt=''><span class=by>Ada</span><li>x</li><li>y</li></article>";
        for (name, pairs, page, expected) in [
            (
                "all of it",
                &[
                    ("items", "article.card"),
                    ("title", "h2"),
                    ("url", "a@href"),
                    ("date", "time@datetime"),
                    ("summary", "p.lead"),
                    ("content", ".body"),
                    ("image", "img@data-src"),
                    ("author", ".by"),
                    ("tags", "li"),
                    ("id", "a@href"),
                ][..],
                card,
                json!([{
                    "id": "/a?x=1&y=2", "url": "/a?x=1&y=2", "title": "A title & more", "date_published": "2024-08-20T10:00:00Z",
                    "summary": "Lead", "content_html": "<p>One</p><p>Two</p>", "image": "/i.jpg",
                    "authors": [{ "name": "Ada" }], "tags": ["x", "y"],
                }]),
            ),
            (
                "the usual attributes without naming them",
                &[("items", "article"), ("url", "a"), ("date", "time"), ("image", "img")],
                card,
                json!([{ "url": "/a?x=1&y=2", "date_published": "2024-08-20T10:00:00Z", "image": "/i.jpg" }]),
            ),
            (
                "the element itself",
                &[("items", "ul > li > a"), ("url", "@href"), ("title", "@title")],
                "<ul><li><a href=1 title=One>x</a><li><a href=2 title=Two>y</a></ul><a href=3>z</a>",
                json!([{ "url": "1", "title": "One" }, { "url": "2", "title": "Two" }]),
            ),
            (
                "what is missing is left out",
                &[("items", "li"), ("title", "b"), ("url", "a@href"), ("date", "time")],
                "<li><b>One</b></li><li><a>x</a></li>",
                json!([{ "title": "One" }, {}]),
            ),
            (
                "a base of the page",
                &[("items", "li"), ("url", "a[href]:not(.x)@href")],
                "<base href='https://a.example/n/'><li><a class=x href=0></a><a href=1></a>",
                json!([{ "url": "https://a.example/n/1" }]),
            ),
        ] {
            assert_eq!(read(pairs, page), Ok(expected), "{name}");
        }
    }

    #[test]
    fn a_page_without_entries_is_reported() {
        let nothing = read(&[("items", "article.card")], "<p>Maintenance</p>");
        let expected = "no element of the page matches the map's items, `article.card`";
        assert_eq!(nothing, Err(expected.to_owned()));
        let deep = read(&[("items", "div")], &"<div>".repeat(100_000));
        assert!(deep.unwrap_err().contains("nested too deeply"));
    }

    /// Pages on which the work or the memory of selectors would grow with the square of the length.
    #[test]
    fn a_page_that_repeats_its_entries_in_themselves_is_refused() {
        let map = [
            ("items", ".post"),
            ("title", ".post .title"),
            ("content", ".post"),
            ("tags", ".title"),
        ];
        let nested = "<x class='post title'>a".repeat(100_000);
        let levels = "<x class='post title'>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".repeat(500);
        let large = format!("<div class=post>{}", "<x>".repeat(200_000));
        let long = format!("{levels}{}", "a".repeat(100_000));
        for (name, page, reason) in [
            ("levels of elements that HTML does not have", &*nested, "nested too deeply"),
            ("a text in many entries", &*long, "are too long"),
            ("many tags", &*large, "too large"),
        ] {
            let error = read(&map, page).unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
        }
        let some = read(&map, &"<x class='post title'>a".repeat(50)).unwrap();
        assert_eq!(some.as_array().unwrap().len(), 50);
    }

    #[test]
    fn no_more_entries_are_taken_than_of_any_document() {
        let page = "<p class=post>a".repeat(MAX_ITEMS + 100);
        let items = read(&[("items", ".post"), ("title", "@class")], &page).unwrap();
        assert_eq!(items.as_array().unwrap().len(), MAX_ITEMS);
    }

    #[test]
    fn the_search_for_elements_ends_with_the_time_for_reading() {
        thread_local!(static READ: Cell<u64> = const { Cell::new(0) });
        let clock = || Duration::from_millis(READ.replace(READ.get() + 1));
        let time = ReadingTime { limit: Duration::from_millis(2), clock };
        let page = Html::parse_document(&"<p>".repeat(5_000));
        let selector = Selector::parse("p").unwrap();
        let mut found = 0;
        let ended = time.bound(|| found = select(page.root_element(), &selector).count());
        assert!(ended.is_err());
        assert!(found < 1_500, "{found} elements were looked at");
    }
}

//! The mapping of a JSON document or a web page, which is no feed, to entries: `[feeds.map]`.

use url::Url;

/// A path in a JSON document: names of members and indexes of arrays. The empty path is the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JsonPath(pub Vec<String>);

/// The paths of the parts of a feed. All paths except `items` start at the entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JsonMap {
    /// The array of entries.
    pub items: JsonPath,
    pub id: Option<JsonPath>,
    pub url: Option<JsonPath>,
    pub title: Option<JsonPath>,
    pub summary: Option<JsonPath>,
    /// The content, which is HTML or text.
    pub content: Option<JsonPath>,
    pub date: Option<JsonPath>,
    pub author: Option<JsonPath>,
    pub image: Option<JsonPath>,
    pub tags: Option<JsonPath>,
    /// The base of relative addresses. The default is the address of the document.
    pub base: Option<Url>,
    /// The same keys as selectors, for a web page; `None` if one of them is no selector.
    pub page: Option<PageMap>,
}

/// A part of an element: the first element below it that matches a CSS selector, and of this an attribute if one is
/// named after an `@`. Without a selector (`@href`) it is the element itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ElementPath {
    pub selector: Option<String>,
    pub attribute: Option<String>,
}

impl ElementPath {
    /// Reads `a.more@href`. Whether the selector is valid is not checked.
    pub fn parse(text: &str) -> Self {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:".contains(&b))
        };
        let (selector, attribute) = match text.rsplit_once('@') {
            Some((selector, name)) if is_name(name) => (selector, Some(name.to_ascii_lowercase())),
            _ => (text, None),
        };
        let selector = Some(selector.trim()).filter(|selector| !selector.is_empty());
        Self { selector: selector.map(str::to_owned), attribute }
    }
}

/// The parts of a web page. All except `items` start at the element of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageMap {
    /// The selector of the entries.
    pub items: String,
    pub id: Option<ElementPath>,
    pub url: Option<ElementPath>,
    pub title: Option<ElementPath>,
    pub summary: Option<ElementPath>,
    pub content: Option<ElementPath>,
    pub date: Option<ElementPath>,
    pub author: Option<ElementPath>,
    pub image: Option<ElementPath>,
    pub tags: Option<ElementPath>,
}

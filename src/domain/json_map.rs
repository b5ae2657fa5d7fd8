//! How a JSON document that is no feed is read as one: `[feeds.map]`.

use url::Url;

/// A place in a JSON document: names of members, or numbers of places in a list. Empty: the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JsonPath(pub Vec<String>);

/// Where the parts of a feed are found. Paths of an entry start at the entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JsonMap {
    /// The list of entries.
    pub items: JsonPath,
    pub id: Option<JsonPath>,
    pub url: Option<JsonPath>,
    pub title: Option<JsonPath>,
    pub summary: Option<JsonPath>,
    /// HTML or text.
    pub content: Option<JsonPath>,
    pub date: Option<JsonPath>,
    pub author: Option<JsonPath>,
    pub image: Option<JsonPath>,
    pub tags: Option<JsonPath>,
    /// Where relative addresses start; without it, at the document.
    pub base: Option<Url>,
}

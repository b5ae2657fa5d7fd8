//! The mapping of a JSON document, which is no feed, to entries: `[feeds.map]`.

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
}

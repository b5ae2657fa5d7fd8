//! The tree of a page: its bounds, and how its texts are read.

use dom_query::{Document, Matcher, NodeRef};
use memchr::memchr_iter;

use crate::article_page::model::NotExtracted;
use crate::html::chars::collapse;
use crate::html::sanitise::is_excessive;

/// The most tags of a page: start tags and end tags of 100,000 elements. Long articles with all their comments have a
/// tenth.
const MOST_TAGS: usize = 200_000;

/// The most levels of elements. A browser has 512. The engines recurse once for each level or so.
const MOST_LEVELS: usize = 512;

/// Parses a page whose tree has reasonable bounds.
///
/// # Errors
/// When the page has too many tags or nests them too deeply.
pub(super) fn parse(html: &str) -> Result<Document, NotExtracted> {
    if MOST_TAGS < memchr_iter(b'<', html.as_bytes()).count() || is_excessive(html) {
        return Err(NotExtracted::TooComplex);
    }
    let page = Document::from(html);
    if MOST_LEVELS < levels(&page) { Err(NotExtracted::TooComplex) } else { Ok(page) }
}

/// How deep the elements are nested. The check before knows the elements that HTML has, and no others.
fn levels(page: &Document) -> usize {
    let (mut level, mut most) = (0_usize, 0);
    let root = page.root();
    let mut next = root.first_child();
    while let Some(node) = next {
        most = most.max(level);
        if let Some(child) = node.first_child() {
            level += 1;
            next = Some(child);
            continue;
        }
        let mut up = node;
        next = loop {
            if let Some(sibling) = up.next_sibling() {
                break Some(sibling);
            }
            match up.parent() {
                Some(parent) if parent.id != root.id => {
                    up = parent;
                    level = level.saturating_sub(1);
                }
                _ => break None,
            }
        };
    }
    most
}

/// The elements that match a selector of our own, in document order.
pub(super) fn all<'a>(page: &'a Document, selector: &str) -> Vec<NodeRef<'a>> {
    page.try_select(selector).map(|found| found.nodes().to_vec()).unwrap_or_default()
}

/// The elements below an element that match a selector of our own.
pub(super) fn below<'a>(node: &NodeRef<'a>, selector: &str) -> Vec<NodeRef<'a>> {
    let Ok(matcher) = Matcher::new(selector) else { return Vec::new() };
    let elements = node.descendants_it().filter(NodeRef::is_element);
    elements.filter(|node| node.is_match(&matcher)).collect()
}

/// The text of an element on one line, without that of scripts and styles.
pub(super) fn line(node: &NodeRef<'_>) -> String {
    let mut text = String::new();
    push_text(node, &mut text);
    collapse(&text)
}

/// The text of an element with a space between the texts of all elements, of inline ones too: `<b>Ada</b><i>May 5</i>`.
pub(super) fn spaced(node: &NodeRef<'_>) -> String {
    let texts = node.descendants_it().filter(NodeRef::is_text).map(|text| text.text());
    collapse(&texts.map(|text| text.to_string()).collect::<Vec<_>>().join(" "))
}

fn push_text(node: &NodeRef<'_>, out: &mut String) {
    if node.is_text() {
        out.push_str(&node.text());
        return;
    }
    let mut skipped: Option<NodeRef<'_>> = None;
    for node in node.descendants_it() {
        if let Some(hidden) = &skipped {
            if node.ancestors_it(None).any(|above| above.id == hidden.id) {
                continue;
            }
            skipped = None;
        }
        if node.is_text() {
            out.push_str(&node.text());
        } else if is_hidden(&node) {
            skipped = Some(node);
        } else if node.is_element() && !is_inline(&node) {
            out.push(' ');
        }
    }
}

fn is_hidden(node: &NodeRef<'_>) -> bool {
    named(node, &["script", "style", "template", "noscript", "svg", "iframe", "select"])
}

/// Whether an element has one of these names, which are in lower case.
pub(super) fn named(node: &NodeRef<'_>, names: &[&str]) -> bool {
    node.qual_name_ref().is_some_and(|name| names.contains(&&*name.local))
}

/// Whether an element is a part of a line.
pub(super) fn is_inline(node: &NodeRef<'_>) -> bool {
    named(
        node,
        &[
            "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font",
            "i", "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup",
            "time", "u", "var", "wbr",
        ],
    )
}

/// The names by which a page calls an element: its class, id and roles, in lower case.
pub(super) fn names(node: &NodeRef<'_>) -> String {
    let mut names = String::new();
    for attribute in ["class", "id", "itemprop", "role", "data-component", "data-testid"] {
        if let Some(value) = node.attr(attribute) {
            names.push_str(&value.to_lowercase());
            names.push(' ');
        }
    }
    names
}

/// Whether one of the words of `names` is one of these. A name such as `post-share_buttons` has three words.
pub(super) fn has_word(names: &str, words: &[&str]) -> bool {
    names.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

/// The lines of the blocks that follow an element in the document, at most `most`, which are not empty.
pub(super) fn lines_after<'a>(node: &NodeRef<'a>, most: usize) -> Vec<(NodeRef<'a>, String)> {
    /// Nodes that are looked at.
    const NODES: usize = 400;
    let mut found = Vec::new();
    let mut next = after(node);
    for _ in 0..NODES {
        let Some(node) = next else { break };
        if most <= found.len() {
            break;
        }
        let is_leaf = node.is_text() || is_inline(&node) || is_leaf_block(&node);
        if is_leaf || is_hidden(&node) {
            let text = if is_hidden(&node) { String::new() } else { line(&node) };
            if !text.is_empty() {
                found.push((node, text));
            }
            next = after(&node);
        } else {
            next = node.first_child().or_else(|| after(&node));
        }
    }
    found
}

/// Whether a block has only text and inline elements in it.
pub(super) fn is_leaf_block(node: &NodeRef<'_>) -> bool {
    node.is_element()
        && node.descendants_it().all(|below| {
            !below.is_element()
                || is_inline(&below)
                || named(&below, &["br", "img", "svg", "path", "use"])
        })
}

/// The next node in the document that is not below this one.
fn after<'a>(node: &NodeRef<'a>) -> Option<NodeRef<'a>> {
    let mut node = *node;
    loop {
        if let Some(sibling) = node.next_sibling() {
            return Some(sibling);
        }
        node = node.parent()?;
    }
}

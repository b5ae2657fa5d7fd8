//! Finds the root element of a feed, also behind other text and under unusual names.

use crate::feed::parse::repairs::{Repair, Repairs};
use crate::html::entities::Entities;
use crate::html::tokenizer::{Attributes, Token, Tokens};

/// The root element is searched for in this many bytes.
const ROOT_WITHIN: usize = 200 * 1024;

/// The kind of document that a root element begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Rss,
    Atom,
    /// A sitemap. It is a feed if it contains `news:news`.
    Sitemap,
}

/// What a document is that has no root element of a feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rootless<'a> {
    WebPage,
    /// Another XML document, with the name of its root element.
    Other(&'a str),
    /// A document without any element.
    Nothing,
}

/// Reads tokens up to and including the root element.
pub(super) fn find_root<'a>(
    tokens: &mut Tokens<'a>,
    repairs: &mut Repairs,
) -> Result<(Root, &'a str, Attributes<'a>, Entities), Rootless<'a>> {
    let mut entities = Entities::default();
    let mut first: Option<&'a str> = None;
    let mut page = false;
    while let Some(token) = tokens.next() {
        if ROOT_WITHIN < tokens.offset() && first.is_some() {
            break;
        }
        match token {
            Token::Doctype(text) => {
                page |= text.trim_start().get(..4).is_some_and(|n| n.eq_ignore_ascii_case("html"));
                entities = Entities::declared(text);
            }
            Token::Text(text) if !text.trim().is_empty() => repairs.add(Repair::Junk, 1),
            Token::Start { name, attributes, .. } => {
                let local = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
                let root = match local.as_str() {
                    "rss" | "rdf" | "channel" => Some(Root::Rss),
                    "feed" | "entry" => Some(Root::Atom),
                    "urlset" => Some(Root::Sitemap),
                    "html" => {
                        page = true;
                        None
                    }
                    _ => None,
                };
                // A web page may show the source of a feed. The root of a real feed has a version or namespaces.
                let says_more = || {
                    attributes.raw("version").is_some()
                        || attributes.iter().any(|(name, _)| name.starts_with("xmlns"))
                };
                if let Some(root) = root.filter(|_| !page || says_more()) {
                    repairs.add(Repair::Junk, u32::from(first.is_some()));
                    return Ok((root, name, attributes, entities));
                }
                first = first.or(Some(name));
            }
            Token::End { .. } | Token::Text(_) | Token::CData { .. } | Token::Hidden => {}
        }
    }
    Err(match first {
        _ if page => Rootless::WebPage,
        Some(name) => Rootless::Other(name),
        None => Rootless::Nothing,
    })
}

//! The root element, wherever it stands and whatever it is called.

use crate::feed::parse::repairs::{Repair, Repairs};
use crate::html::entities::Entities;
use crate::html::tokenizer::{Attributes, Token, Tokens};

/// Where a root element is looked for.
const ROOT_WITHIN: usize = 200 * 1024;

/// What kind of document the root element makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Rss,
    Atom,
    /// A sitemap; with `news:news` in it, a feed.
    Sitemap,
}

/// What a document without a feed's root is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rootless<'a> {
    WebPage,
    /// Some other XML, by its root's name.
    Other(&'a str),
    /// No element at all.
    Nothing,
}

/// Steps to the root element, over whatever precedes it.
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
                // A page may show a feed's source; a feed's root says more of itself.
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
            Token::End { .. } | Token::Text(_) | Token::CData { .. } => {}
        }
    }
    Err(match first {
        _ if page => Rootless::WebPage,
        Some(name) => Rootless::Other(name),
        None => Rootless::Nothing,
    })
}

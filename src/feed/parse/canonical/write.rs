//! Atom, in the few forms that the parser reads best: every text in CDATA, nothing empty.

use crate::domain::time::rfc3339;
use crate::feed::parse::canonical::{Channel, Item, LinkTo, Somebody, Words};
use crate::feed::parse::tree::escape_value;

pub(super) fn entry(out: &mut String, item: &Item<'_>) {
    out.push_str("<entry>");
    if let Some(id) = &item.id {
        text(out, "id", id);
    }
    words(out, "title", item.title.as_ref());
    for link in &item.links {
        link_to(out, link);
    }
    for author in &item.authors {
        somebody(out, author);
    }
    for (term, label) in &item.tags {
        out.extend(["<category term=\"", &escape_value(term.trim())]);
        if let Some(label) = label {
            out.extend(["\" label=\"", &escape_value(label.trim())]);
        }
        out.push_str("\"/>");
    }
    for (name, date) in [("published", item.published), ("updated", item.updated)] {
        if let Some(date) = date {
            out.extend(["<", name, ">", &rfc3339(date), "</", name, ">"]);
        }
    }
    words(out, "summary", item.summary.as_ref());
    words(out, "content", item.content.as_ref());
    out.push_str("</entry>");
}

pub(super) fn channel(out: &mut String, channel: &Channel<'_>) {
    words(out, "title", channel.title.as_ref());
    words(out, "subtitle", channel.description.as_ref());
    for link in &channel.links {
        link_to(out, link);
    }
    for author in &channel.authors {
        somebody(out, author);
    }
    out.push_str("</feed>");
}

fn words(out: &mut String, name: &str, words: Option<&Words<'_>>) {
    let Some(words) = words else { return };
    out.extend(["<", name, if words.html { " type=\"html\">" } else { ">" }]);
    cdata(out, &words.text);
    out.extend(["</", name, ">"]);
}

fn text(out: &mut String, name: &str, text: &str) {
    out.extend(["<", name, ">"]);
    cdata(out, text.trim());
    out.extend(["</", name, ">"]);
}

/// A section cannot hold its own end: there it is cut in two.
fn cdata(out: &mut String, text: &str) {
    out.push_str("<![CDATA[");
    let mut rest = text;
    while let Some(end) = memchr::memmem::find(rest.as_bytes(), b"]]>") {
        let (before, after) = rest.split_at(end + 2);
        out.extend([before, "]]><![CDATA["]);
        rest = after;
    }
    out.extend([rest, "]]>"]);
}

fn link_to(out: &mut String, link: &LinkTo<'_>) {
    out.extend(["<link href=\"", &escape_value(link.href.trim())]);
    let attributes = [("rel", &link.rel), ("type", &link.mime_type), ("title", &link.title)];
    for (name, value) in attributes {
        if let Some(value) = value {
            out.extend(["\" ", name, "=\"", &escape_value(value)]);
        }
    }
    if let Some(size) = link.size {
        out.extend(["\" length=\"", &size.to_string()]);
    }
    out.push_str("\"/>");
}

fn somebody(out: &mut String, author: &Somebody<'_>) {
    if author.name.is_none() && author.email.is_none() && author.url.is_none() {
        return;
    }
    out.push_str("<author>");
    // The parser drops a person without a name: the address stands in, and is told by being twice.
    let only_url = author.name.is_none() && author.email.is_none();
    let name = if only_url { &author.url } else { &author.name };
    for (name, value) in [("name", name), ("uri", &author.url), ("email", &author.email)] {
        if let Some(value) = value {
            text(out, name, value);
        }
    }
    out.push_str("</author>");
}

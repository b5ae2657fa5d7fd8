//! The list of feeds as OPML 2.0 (<https://opml.org/spec2.opml>), which other feed readers can import.

use std::io;

use crate::domain::feed::{FeedRef, is_stand_in};
use crate::export::present;
use crate::export::xml::Xml;

/// Writes the feeds and returns their number. A feed with tags is in the folder of its first tag; the folders are in
/// the order of their first feeds. The attribute `category` contains all tags. A private feed has a name and no address.
///
/// # Errors
/// When `out` fails.
pub fn write(feeds: &[FeedRef], out: &mut dyn io::Write) -> io::Result<u64> {
    let mut folders: Vec<(Option<&str>, Vec<&FeedRef>)> = Vec::new();
    for feed in feeds {
        let folder = feed.tags.first().map(String::as_str);
        match folders.iter_mut().find(|(known, _)| *known == folder) {
            Some((_, members)) => members.push(feed),
            None => folders.push((folder, vec![feed])),
        }
    }
    let mut xml = Xml::begin(out)?;
    xml.open("opml", &[("version", "2.0")])?;
    xml.open("head", &[])?;
    xml.text("title", "Feeds of gazetted")?;
    xml.close("head")?;
    xml.open("body", &[])?;
    for (folder, members) in folders {
        if let Some(folder) = folder {
            xml.open("outline", &[("text", folder), ("title", folder)])?;
        }
        for feed in members {
            outline(&mut xml, feed)?;
        }
        if folder.is_some() {
            xml.close("outline")?;
        }
    }
    xml.close("body")?;
    xml.close("opml")?;
    xml.finish()?;
    Ok(feeds.len() as u64)
}

fn outline(xml: &mut Xml<'_>, feed: &FeedRef) -> io::Result<()> {
    let category =
        feed.tags.iter().map(|tag| tag.replace([',', '/'], " ")).collect::<Vec<_>>().join(",");
    let mut attributes =
        vec![("text", feed.name.as_str()), ("title", feed.title.as_deref().unwrap_or(&feed.name))];
    if !is_stand_in(&feed.url) {
        // The specification requires this type for all feed formats.
        attributes.splice(0..0, [("type", "rss")]);
        attributes.push(("xmlUrl", feed.url.as_str()));
    }
    attributes.extend(present(feed.home_page_url.as_deref()).map(|url| ("htmlUrl", url)));
    if !category.is_empty() {
        attributes.push(("category", &category));
    }
    xml.empty("outline", &attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_stand_in_the_folder_of_their_first_tag() {
        let feed = |name: &str, tags: &[&str]| FeedRef {
            name: name.to_owned(),
            url: format!("https://{name}.example/f?a=1&b=2"),
            title: None,
            home_page_url: Some("https://h.example/".to_owned()).filter(|_| tags.is_empty()),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let feeds = [feed("a", &["x", "y"]), feed("b", &[]), feed("c", &["x"])];
        let mut out = Vec::new();
        assert_eq!(write(&feeds, &mut out).unwrap(), 3);
        let text = String::from_utf8(out).unwrap();
        insta::assert_snapshot!(text, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <opml version="2.0">
          <head>
            <title>Feeds of gazetted</title>
          </head>
          <body>
            <outline text="x" title="x">
              <outline type="rss" text="a" title="a" xmlUrl="https://a.example/f?a=1&amp;b=2" category="x,y"/>
              <outline type="rss" text="c" title="c" xmlUrl="https://c.example/f?a=1&amp;b=2" category="x"/>
            </outline>
            <outline type="rss" text="b" title="b" xmlUrl="https://b.example/f?a=1&amp;b=2" htmlUrl="https://h.example/"/>
          </body>
        </opml>
        "#);
    }
}

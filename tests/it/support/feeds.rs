//! Feed documents.

use std::fmt::Write as _;

/// One `<item>` of RSS. What is `None` is left out.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) guid: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) title: String,
    pub(crate) date: Option<String>,
    pub(crate) text: String,
}

/// An item with everything: `n` makes its GUID, link, title and date.
pub(crate) fn item(n: u32) -> Item {
    Item {
        guid: Some(format!("guid-{n}")),
        link: Some(format!("https://news.example/{n}")),
        title: format!("Title {n}"),
        date: Some(date(n)),
        text: format!("<p>Text of number {n}.</p>"),
    }
}

/// A moment of 20 August 2024, the later the greater `n`, as RSS writes it.
pub(crate) fn date(n: u32) -> String {
    let (hour, minute) = (n / 60 % 24, n % 60);
    format!("Tue, 20 Aug 2024 {hour:02}:{minute:02}:00 GMT")
}

/// The same moment as our exports write it.
pub(crate) fn exported_date(n: u32) -> String {
    let (hour, minute) = (n / 60 % 24, n % 60);
    format!("2024-08-20T{hour:02}:{minute:02}:00Z")
}

/// A document of RSS 2.0.
pub(crate) fn rss(title: &str, items: &[Item]) -> String {
    let mut document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\"><channel><title>{title}</title>\
         <link>https://news.example/</link><description>All of it</description>\n"
    );
    for item in items {
        document.push_str("<item>");
        for (name, value) in [
            ("title", Some(&item.title)),
            ("link", item.link.as_ref()),
            ("pubDate", item.date.as_ref()),
            ("description", Some(&item.text)),
        ] {
            if let Some(value) = value {
                write!(document, "<{name}>{}</{name}>", escaped(value)).unwrap();
            }
        }
        if let Some(guid) = &item.guid {
            write!(document, "<guid isPermaLink=\"false\">{}</guid>", escaped(guid)).unwrap();
        }
        document.push_str("</item>\n");
    }
    document.push_str("</channel></rss>\n");
    document
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

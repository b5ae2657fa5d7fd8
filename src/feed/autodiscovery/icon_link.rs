//! The icon that a web page names for its site.

use url::Url;

use crate::domain::address_origin::AddressOrigin;
use crate::html::entities::Entities;
use crate::html::tokenizer::{Token, Tokens};

/// The address of the first icon in the head of a page (`rel=icon`; HTML, 4.6.7.9) that is not SVG. `apple-touch-icon` and
/// `mask-icon` are other relations, for larger pictures.
pub(crate) fn icon_link(text: &str, page: &Url) -> Option<Url> {
    let origin = AddressOrigin::Document(page);
    let entities = Entities::default();
    let mut base = page.clone();
    for token in Tokens::new(text) {
        let Token::Start { name, attributes, .. } = token else { continue };
        if name.eq_ignore_ascii_case("body") {
            return None;
        }
        let value = |name: &str| attributes.get(name, &entities).unwrap_or_default().into_owned();
        if name.eq_ignore_ascii_case("base")
            && let Ok(own) = page.join(&value("href"))
        {
            base = own;
        }
        let is_icon = name.eq_ignore_ascii_case("link")
            && value("rel").split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("icon"));
        let is_svg = |url: &Url| {
            value("type").to_ascii_lowercase().contains("svg")
                || url.path().to_ascii_lowercase().ends_with(".svg")
        };
        if is_icon
            && let Ok(url) = base.join(&value("href"))
            && !is_svg(&url)
            && origin.admits(&url)
        {
            return Some(url);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_icon_that_is_not_svg_is_found() {
        let page = Url::parse("https://news.example/world/").unwrap();
        for (text, found) in [
            ("<link rel=icon href=/i.png>", Some("https://news.example/i.png")),
            (
                "<LINK REL='shortcut ICON' HREF='i.ico?a=1&amp;b=2'>",
                Some("https://news.example/world/i.ico?a=1&b=2"),
            ),
            (
                "<base href='https://cdn.example/'><link rel=icon href=i.png>",
                Some("https://cdn.example/i.png"),
            ),
            (
                "<link rel=icon type=image/svg+xml href=a><link rel=icon href=b.SVG><link rel=icon href=/c.png>",
                Some("https://news.example/c.png"),
            ),
            ("<link rel=apple-touch-icon href=/big.png>", None),
            ("<link rel=icon href='data:image/png;base64,AAAA'>", None),
            ("<link rel=icon href='file:///etc/passwd'>", None),
            ("<link rel=icon href='javascript:x()'>", None),
            ("<body><link rel=icon href=/i.png>", None),
            ("<link rel=stylesheet href=/icon.css>", None),
        ] {
            assert_eq!(icon_link(text, &page).as_ref().map(Url::as_str), found, "{text}");
        }
    }
}

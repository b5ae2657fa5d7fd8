//! Images, frames and players: which are shown, and what stands for those that are not.

use std::borrow::Cow;

use crate::html::chars::collapse;
use crate::html::entities::{Context, decode};
use crate::html::escape::push_attribute;
use crate::html::sanitise::allow_list::{Element, element};
use crate::html::sanitise::embeds::{self, is_counter, is_furniture};
use crate::html::sanitise::kept_value;
use crate::html::sanitise::lazy_images::{
    has_image_extension, is_blank, is_dot, is_dot_frame, is_invisible, is_placeholder,
    is_same_image, sources,
};
use crate::html::sanitise::srcset::best;
use crate::html::sanitise::writer::{Image, Nesting, Object, Picture, Writer};
use crate::html::tokenizer::{Attributes, Token, Tokens, lower};
use crate::html::web_address::web;

/// How far apart in the output two images are beside each other, and an embed and a link to it, in bytes.
const BESIDE: usize = 600;

impl Writer<'_> {
    /// Whether an element is shown whose start tag was written from `start` on, apart from its last character.
    pub(super) fn is_shown(
        &mut self,
        element: &Element,
        attributes: Attributes<'_>,
        start: usize,
        is_lazy: bool,
    ) -> bool {
        match element.0 {
            "img" => {
                if self.source(start).is_none()
                    && let Some(picture) =
                        self.picture.as_ref().filter(|picture| !picture.has_image)
                    && let Some((source, _)) = picture.source.clone()
                {
                    self.seen.retain(|name| *name != "src");
                    self.attribute(element, "src", &source);
                }
                // A script shows a lazy image in time.
                let is_hidden = is_dot(attributes)
                    || !is_lazy && is_invisible(attributes)
                    || self.is_stand_in_for_last(attributes, start);
                let is_image = !is_hidden && self.is_new_image(start, is_lazy);
                if let Some(picture) = self.picture.as_mut().filter(|_| is_image) {
                    picture.has_image = true;
                }
                is_image
            }
            "iframe" => self.source(start).is_some() && !is_dot_frame(attributes),
            "picture" => {
                self.picture = Some(Picture::default());
                true
            }
            "source" => {
                // Only what was written is an address of the web.
                let source = self.written(start, " srcset=\"").and_then(best).map(Cow::into_owned);
                if let Some(picture) = &mut self.picture
                    && picture.source.as_ref().is_none_or(|(_, is_small)| *is_small)
                {
                    let media = attributes.raw("media").unwrap_or_default();
                    picture.source = source
                        .map(|source| (source, media.contains("max-width")))
                        .or(picture.source.take());
                }
                true
            }
            _ => true,
        }
    }

    /// The address in the tag that was written from `start` on.
    pub(super) fn source(&self, start: usize) -> Option<&str> {
        self.written(start, " src=\"")
    }

    /// The value of an attribute in the tag that was written from `start` on, with its references. `attribute` is its name
    /// between a space and the beginning of the value.
    fn written(&self, start: usize, attribute: &str) -> Option<&str> {
        let (_, value) = self.out.get(start..)?.split_once(attribute)?;
        value.split('"').next().filter(|value| !value.is_empty())
    }

    /// Whether an image of AMP is only shown until the image around it is there, or if it cannot be shown.
    fn is_stand_in_for_last(&self, attributes: Attributes<'_>, start: usize) -> bool {
        ["fallback", "placeholder"].iter().any(|name| attributes.raw(name).is_some())
            && self.last_image.as_ref().is_some_and(|before| {
                self.out.get(before.place.end..start).is_some_and(is_without_text)
            })
    }

    /// Whether an image is one that is not shown already. Removes the image before it if it was its placeholder.
    fn is_new_image(&mut self, start: usize, is_lazy: bool) -> bool {
        let Some(address) = self.source(start).map(ToOwned::to_owned) else { return false };
        if is_blank(&address) || self.in_noscript && is_counter(&address) {
            return false;
        }
        let mut place = start..self.out.len() + 1; // Its last character is not written yet.
        if let Some(before) = &self.last_image
            && let Some(between) = self.out.get(before.place.end..start)
            && is_without_text(between)
        {
            let is_same = is_same_image(&before.address, &address);
            if is_same && (self.in_noscript || before.is_of_noscript)
                || before.is_of_noscript && is_placeholder(&address)
            {
                return false;
            }
            let is_stand_in =
                is_placeholder(&before.address) || between.trim().is_empty() && !before.is_lazy;
            if self.in_noscript && !before.is_of_noscript && is_stand_in {
                let length = before.place.len();
                self.out.replace_range(before.place.clone(), "");
                place = place.start - length..place.end - length;
            }
        }
        let is_of_noscript = self.in_noscript;
        self.last_image = Some(Image { place, address, is_lazy, is_of_noscript });
        true
    }

    /// Writes the images and videos that are for browsers without scripts. Its text is a message to their users.
    pub(super) fn noscript(&mut self, html: &str) {
        let is_escaped = !html.contains('<') && html.contains("&lt;i");
        let html = if is_escaped { decode(html, Context::Text) } else { Cow::Borrowed(html) };
        self.in_noscript = true;
        let (at_first, mut set) = (self.out.len(), None);
        for token in Tokens::html(&html) {
            let Token::Start { name, attributes, .. } = token else { continue };
            let name = lower(name);
            let start = self.out.len();
            match &*name {
                "img" => {
                    element(&name).inspect(|element| self.element(element, attributes));
                }
                "iframe" => {
                    self.frame(attributes);
                }
                "amp-img" => {
                    element("img").inspect(|element| self.element(element, attributes));
                }
                "source" => set = set.or_else(|| attributes.raw("srcset").and_then(best)),
                _ => {}
            }
            // It may be shown already.
            let before =
                self.out.get(self.out.floor_char_boundary(start.saturating_sub(BESIDE))..start);
            let is_twice = |source: &str| before.is_some_and(|before| before.contains(source));
            let is_known_link = name == "iframe"
                && self.out.get(start..).is_some_and(|link| !link.is_empty() && is_twice(link));
            if is_known_link || name != "source" && self.source(start).is_some_and(is_twice) {
                self.out.truncate(start);
            }
        }
        if let Some(source) = set.filter(|_| self.out.len() == at_first) {
            self.write("img", "src", &decode(&source, Context::Attribute));
        }
        self.in_noscript = false;
    }

    /// Shows a picture that has sources but no image.
    pub(super) fn end_picture(&mut self) {
        if let Some(Picture { source: Some((source, _)), has_image: false }) = self.picture.take() {
            self.write("img", "src", &decode(&source, Context::Attribute));
        }
    }

    /// Writes an element with one attribute.
    fn write(&mut self, name: &str, attribute: &str, value: &str) {
        let mut attributes = format!(" {attribute}=\"");
        push_attribute(&mut attributes, value);
        attributes.push('"');
        element(name).inspect(|element| self.element(element, Attributes(&attributes)));
    }

    /// Writes a frame, or a link to it. Returns whether the frame is shown.
    pub(super) fn frame(&mut self, attributes: Attributes<'_>) -> bool {
        let start = self.out.len();
        element("iframe").inspect(|element| self.element(element, attributes));
        if start < self.out.len() {
            return true;
        }
        let [(_, lazy), _] = sources("iframe", attributes);
        if let Some(address) = lazy.or_else(|| attributes.raw("src").map(Cow::Borrowed))
            && !is_dot_frame(attributes)
        {
            self.embed(&address, attributes);
        }
        false
    }

    /// Handles an element that may embed something.
    pub(super) fn embedded(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        empty: bool,
        tokens: &mut Tokens<'_>,
    ) {
        let value = |name: &str| attributes.raw(name).map(ToOwned::to_owned);
        match (name, &mut self.object) {
            ("object", Some(object)) => object.depth += usize::from(!empty),
            ("object", None) if !empty && tokens.is_closed("object") => {
                let (address, label, depth) = (value("data"), label(attributes), 1);
                let is_image =
                    attributes.raw("type").is_some_and(|kind| kind.starts_with("image/"));
                let start = self.out.len();
                self.object = Some(Object { address, label, is_image, start, depth });
            }
            ("object", None) => {
                attributes.raw("data").inspect(|address| self.embed(address, attributes));
            }
            ("param", Some(object)) => {
                let name = attributes.raw("name").unwrap_or_default().to_ascii_lowercase();
                if matches!(&*name, "movie" | "src" | "url" | "filename" | "href") {
                    object.address = object.address.take().or_else(|| value("value"));
                }
            }
            ("embed", Some(object)) => {
                object.address = object.address.take().or_else(|| value("src"));
            }
            ("embed" | "frame" | "portal", None) => {
                attributes.raw("src").inspect(|address| self.embed(address, attributes));
            }
            _ => {
                if let Some(address) = embeds::address(name, attributes)
                    && !(name != "script" && shows_itself(tokens.rest(), name))
                {
                    self.embed(&address, attributes);
                }
            }
        }
    }

    /// Writes a link to an object, unless its content holds one.
    pub(super) fn end_object(&mut self) {
        let Some(object) = &mut self.object else { return };
        object.depth -= 1;
        if 0 < object.depth {
            return;
        }
        let Some(object) = self.object.take() else { return };
        let Some(address) = object.address else { return };
        let address = decode(&address, Context::Attribute);
        let Some(url) = web(&address, self.base) else { return };
        let mut escaped = String::new();
        push_attribute(&mut escaped, &url);
        let content = self.out.get(object.start..).unwrap_or_default();
        if content.contains(&format!("\"{escaped}\""))
            || object.is_image && content.contains("<img")
        {
            return;
        }
        self.link(&address, object.label, object.is_image);
    }

    /// Writes what stands for something that is embedded: a frame of a video host, an image, or a link.
    fn embed(&mut self, address: &str, attributes: Attributes<'_>) {
        let is_image = attributes.raw("type").is_some_and(|kind| kind.starts_with("image/"));
        self.link(&decode(address, Context::Attribute), label(attributes), is_image);
    }

    /// Whether a link to the address was written just before.
    fn is_linked_before(&self, url: &str) -> bool {
        let before =
            self.out.get(self.out.floor_char_boundary(self.out.len().saturating_sub(BESIDE))..);
        let mut link = "<a href=\"".to_owned();
        push_attribute(&mut link, url);
        link.push('"');
        before.is_some_and(|before| before.contains(&link))
    }

    fn link(&mut self, address: &str, label: Option<String>, is_image: bool) {
        if address.trim().is_empty() || address.trim().starts_with('#') {
            return;
        }
        let Some(url) = web(address, self.base) else { return };
        // The pages of a video host are no players.
        let is_page =
            ["/watch", "/v/", "/shorts/", "/playlist"].iter().any(|page| url.contains(page));
        if !is_page && kept_value("iframe", "src", address, self.base).is_some() {
            return self.write("iframe", "src", address);
        }
        if is_image || has_image_extension(&url) {
            return self.write("img", "src", &url);
        }
        if is_furniture(&url) || self.in_link || self.is_linked_before(&url) {
            return;
        }
        self.embeds += 1;
        let host = || {
            let (_, rest) = url.split_once("://")?;
            let host = rest.split(['/', '?', '#']).next()?;
            Some(host.strip_prefix("www.").unwrap_or(host).to_owned())
        };
        let label = label.or_else(host).unwrap_or_default();
        // A paragraph of its own, unless it may be within one.
        let is_inline = self.nesting != Nesting::Sound
            || self.open.last().is_some_and(|open| {
                !matches!(*open, "div" | "figure" | "section" | "article" | "blockquote" | "center")
            })
            || self.open.contains(&"p");
        let pad = |writer: &mut Self| {
            if is_inline && !writer.out.is_empty() && !writer.out.ends_with(char::is_whitespace) {
                writer.out.push(' ');
            }
        };
        pad(self);
        if !is_inline {
            element("p").inspect(|p| self.element(p, Attributes::default()));
        }
        self.write("a", "href", &url);
        self.plain(&label);
        element("a").inspect(|a| self.end(a));
        if !is_inline {
            element("p").inspect(|p| self.end(p));
        }
        pad(self);
    }
}

/// Whether the content of an element that a script replaces seems to show what is embedded, or to link to it.
fn shows_itself(content: &str, name: &str) -> bool {
    const SHOWN: [&str; 7] =
        ["<iframe", "<video", "<audio", "<object", "<embed", "<blockquote", "<a "];
    let content = content.get(..content.floor_char_boundary(BESIDE)).unwrap_or_default();
    let content = content.split(&format!("</{name}")).next().unwrap_or_default();
    SHOWN.iter().any(|shown| content.contains(shown))
}

/// What an element is called.
fn label(attributes: Attributes<'_>) -> Option<String> {
    let value = attributes.raw("title").or_else(|| attributes.raw("aria-label"))?;
    Some(collapse(&decode(value, Context::Attribute))).filter(|label| !label.is_empty())
}

/// Whether a part of the output is short and holds nothing but tags and white space.
fn is_without_text(html: &str) -> bool {
    html.len() <= BESIDE
        && html.split('<').enumerate().all(|(place, part)| {
            let text =
                if place == 0 { part } else { part.split_once('>').map_or("", |(_, text)| text) };
            text.trim().is_empty()
        })
}

#[cfg(test)]
mod tests;

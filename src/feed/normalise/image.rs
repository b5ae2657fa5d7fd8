//! The image of an entry: the largest sensible rendition of a picture that belongs to the article. Emoji, buttons,
//! counters, portraits of authors and other decoration are none; no image is better than a wrong one.

use std::borrow::Cow;

use url::Url;

use crate::feed::normalise::links::is_enclosure;
use crate::feed::normalise::media::{self, mime_type};
use crate::feed::parse::model::ParsedEntry;
use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{Attributes, HtmlToken, HtmlTokens, Tag};
use crate::html::web_address::{is_within, web};

/// In pixels. A larger rendition is for printing and takes long to load.
const LARGEST: u32 = 2_560;

/// In pixels. A picture with no longer side is decoration.
const DECORATION: u32 = 63;

/// In pixels. A stated image with no longer side gives way to one in the text.
const SMALL: u32 = 200;

/// In pixels: what is assumed of a thumbnail without a stated size, and of any other image.
const THUMBNAIL: u32 = 320;
const PICTURE: u32 = 640;

/// A picture and its longer side.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    url: String,
    side: u32,
}

impl Candidate {
    /// How good the rendition is: the larger the better, unless it is too large.
    fn rank(&self) -> (bool, i64) {
        let side = i64::from(self.side);
        let is_sensible = self.side <= LARGEST;
        (is_sensible, if is_sensible { side } else { -side })
    }
}

/// The image that the feed states, else the first of the sanitised content that is a picture. A small thumbnail
/// gives way to a picture of the content.
pub fn image(parsed: &ParsedEntry, content_html: Option<&str>, base: &Url) -> Option<String> {
    let stated = best(stated(parsed, base));
    if stated.as_ref().is_some_and(|image| SMALL < image.side) {
        return stated.map(|image| image.url);
    }
    let shown = content_html.and_then(shown);
    let is_larger = |shown: &Candidate| stated.as_ref().is_none_or(|own| own.side < shown.side);
    shown.filter(is_larger).or(stated).map(|image| image.url)
}

/// The first picture of sanitised HTML.
pub fn of_content(html: &str) -> Option<String> {
    shown(html).map(|image| image.url)
}

/// The first of the best.
fn best(candidates: Vec<Candidate>) -> Option<Candidate> {
    candidates.into_iter().rev().max_by_key(Candidate::rank)
}

/// Thumbnails, and files that are images.
fn stated(parsed: &ParsedEntry, base: &Url) -> Vec<Candidate> {
    let ParsedEntry { entry, extension } = parsed;
    let thumbnails = entry.media.iter().flat_map(|media| &media.thumbnails).map(|thumbnail| {
        let image = &thumbnail.image;
        (web(&image.uri, base), (image.width, image.height), THUMBNAIL)
    });
    let is_image =
        |mime: Option<&str>, url: &str| media::is_image(mime.and_then(mime_type).as_deref(), url);
    let links = entry.links.iter().filter(|link| is_enclosure(link));
    let links = links.filter(|link| is_image(link.media_type.as_deref(), &link.href));
    let links = links.map(|link| (web(&link.href, base), (None, None), PICTURE));
    let files = extension.files.iter();
    let files = files.filter(|file| is_image(file.mime_type.as_deref(), &file.url));
    let files = files.map(|file| (web(&file.url, base), (file.width, file.height), PICTURE));
    let found = thumbnails.chain(links).chain(files).filter_map(|(url, sides, assumed)| {
        let url = url.filter(|url| !is_never_a_picture(url))?;
        Some(Candidate { url, side: side(sides, assumed)? })
    });
    found.collect()
}

/// The longer side. `None` when the picture is too small or too narrow for one.
fn side((width, height): (Option<u32>, Option<u32>), assumed: u32) -> Option<u32> {
    /// The longer side of a line or a bar is more than this many times as long as the other one.
    const NARROW: u32 = 8;
    let (width, height) = (width.filter(|w| 0 < *w), height.filter(|h| 0 < *h));
    if let (Some(width), Some(height)) = (width, height)
        && NARROW < width.max(height) / width.min(height)
    {
        return None;
    }
    let known = width.max(height);
    // One short side says nothing of the other one, but a line of text is not higher.
    let tiny = known.is_some_and(|side| side <= DECORATION);
    (!tiny).then(|| known.unwrap_or(assumed))
}

/// The first picture of sanitised HTML, or the poster of its first video. A small picture gives way to a later
/// one that is not small.
fn shown(html: &str) -> Option<Candidate> {
    if !html.contains("<img") && !html.contains(" poster=") {
        return None;
    }
    let (mut small, mut poster, mut link) = (None, None, None);
    for token in HtmlTokens::new(html) {
        let HtmlToken::Tag(tag) = token else { continue };
        if tag.is(&["a"]) {
            link = if tag.closing { None } else { value(&tag, "href") };
        } else if tag.is(&["img"]) {
            let Some(found) = picture(&tag, link.as_deref()) else { continue };
            if SMALL < found.side {
                return Some(found);
            }
            small.get_or_insert(found);
        } else if tag.is(&["video"]) && poster.is_none() {
            poster = value(&tag, "poster").filter(|url| !is_never_a_picture(url));
        }
    }
    small.or_else(|| poster.map(|url| Candidate { url: url.into_owned(), side: PICTURE }))
}

fn value<'a>(tag: &Tag<'a>, name: &str) -> Option<Cow<'a, str>> {
    let value = tag.attributes.raw(name)?;
    (!value.is_empty()).then(|| decode(value, Context::Attribute))
}

/// The largest sensible rendition of an image of the content, unless it is decoration.
fn picture(tag: &Tag<'_>, link: Option<&str>) -> Option<Candidate> {
    let url = web_only(value(tag, "src")?)?;
    let pixels = |name: &str| pixels(tag.attributes, name);
    let (width, height) = (pixels("width"), pixels("height"));
    let side = side((width, height), PICTURE)?;
    let alt = value(tag, "alt").unwrap_or_default();
    let is_small = width.max(height).is_some_and(|side| side <= SMALL);
    if is_never_a_picture(&url)
        || is_decoration(&url, is_small)
        || is_label_of_decoration(&alt)
        || link.is_some_and(is_button)
    {
        return None;
    }
    let source = Candidate { url, side };
    let renditions = value(tag, "srcset").map(|set| renditions(&set)).unwrap_or_default();
    // The size in the page is no size of the file, so a rendition counts if it is larger.
    best([source].into_iter().chain(renditions).collect())
}

fn web_only(url: Cow<'_, str>) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web.then(|| url.into_owned())
}

/// The candidates of a sanitised `srcset` that state their width.
fn renditions(set: &str) -> Vec<Candidate> {
    let found = set.split(", ").filter_map(|candidate| {
        let (url, descriptor) = candidate.trim().rsplit_once(' ')?;
        let side = descriptor.strip_suffix('w')?.parse().ok()?;
        let url = web_only(Cow::Borrowed(url)).filter(|url| !is_never_a_picture(url))?;
        Some(Candidate { url, side })
    });
    found.collect()
}

/// The value of an attribute in pixels: `640`, `640px`. A share of the page (`100%`) is none.
fn pixels(attributes: Attributes<'_>, name: &str) -> Option<u32> {
    let text = attributes.raw(name)?.trim();
    let digits = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (!unit.contains('%')).then(|| number.parse().ok())?
}

/// Domains, and parts of paths, of what is never a picture of an article: emoji, portraits of authors, counters,
/// advertisements, the buttons that services add to feeds.
const NEVER: [(&str, &str); 59] = [
    ("2o7.net", ""),
    ("abs.twimg.com", "/emoji/"),
    ("addtoany.com", ""),
    ("addthis.com", ""),
    ("amazon-adsystem.com", ""),
    ("api.flattr.com", ""),
    ("assoc-amazon.com", ""),
    ("badge.fury.io", ""),
    ("badges.gitter.im", ""),
    ("blogger.googleusercontent.com", "/tracker/"),
    ("button.flattr.com", ""),
    ("buysellads.com", ""),
    ("cdn.jsdelivr.net", "/emojione/"),
    ("chartbeat.net", ""),
    ("codecov.io", ""),
    ("counter.theconversation.com", ""),
    ("counter.theconversation.edu.au", ""),
    ("delicious.com", ""),
    ("discourse-cdn.com", "/images/emoji/"),
    ("doubleclick.net", ""),
    ("facebook.com", "/tr"),
    ("fbcdn.net", "/images/emoji.php"),
    ("feedblitz.com", ""),
    ("feedburner.com", ""),
    ("feedproxy.google.com", ""),
    ("feeds.wordpress.com", "/1.0/"),
    ("feedsportal.com", ""),
    ("flattr.com", "/_img/"),
    ("fonts.gstatic.com", "/s/e/notoemoji/"),
    ("github.githubassets.com", "/images/icons/"),
    ("google-analytics.com", ""),
    ("googlesyndication.com", ""),
    ("gravatar.com", ""),
    ("hits.dwyl.com", ""),
    ("images-na.ssl-images-amazon.com", "/images/g/01/"),
    ("img.shields.io", ""),
    ("imrworldwide.com", ""),
    ("ioam.de", ""),
    ("ivwbox.de", ""),
    ("ko-fi.com", ""),
    ("media.tumblr.com", "/avatar_"),
    ("medium.com", "/_/stat"),
    ("paypal.com", ""),
    ("paypalobjects.com", ""),
    ("pbs.twimg.com", "/profile_images/"),
    ("pheedo.com", ""),
    ("pixel.wp.com", ""),
    ("quantserve.com", ""),
    ("s.w.org", "/images/core/emoji/"),
    ("scorecardresearch.com", ""),
    ("sitemeter.com", ""),
    ("sstatic.net", "/img/"),
    ("statcounter.com", ""),
    ("stats.wordpress.com", ""),
    ("stats.wp.com", ""),
    ("travis-ci.org", ""),
    ("twemoji.maxcdn.com", ""),
    ("vgwort.de", ""),
    ("yt3.ggpht.com", ""),
];

/// Folders of decoration, in any site.
const FOLDERS: [&str; 24] = [
    "avatar",
    "avatars",
    "badge",
    "badges",
    "beacon",
    "buttons",
    "counter",
    "emoji",
    "emojis",
    "emoticons",
    "favicon",
    "favicons",
    "gravatar",
    "pixel",
    "profile_images",
    "smileys",
    "smiley",
    "smilies",
    "spacer",
    "sprites",
    "tracker",
    "tracking",
    "twemoji",
    "userpic",
];

/// Whether an address is of a counter, an emoji, a portrait of an author or a button, whatever its name.
fn is_never_a_picture(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return true };
    let host = url.host_str().unwrap_or_default();
    let path = url.path().to_ascii_lowercase();
    let mut folders = path.split('/');
    let name = folders.next_back().unwrap_or_default();
    host.starts_with("avatar")
        || NEVER.iter().any(|(domain, start)| is_within(host, domain) && path.contains(start))
        || folders.any(|folder| FOLDERS.contains(&folder))
        || path.contains("/matomo.php")
        || path.contains("/piwik.php")
        || is_placeholder(name)
}

/// Whether the name of a file is that of a counter, of an empty image, or of one that is shown while the real one is
/// loaded.
fn is_placeholder(name: &str) -> bool {
    const EMPTY: [&str; 22] = [
        "1",
        "1px",
        "1x1",
        "b",
        "beacon",
        "blank",
        "c",
        "clear",
        "dot",
        "empty",
        "gray",
        "grey",
        "lazy",
        "loader",
        "loading",
        "pixel",
        "placeholder",
        "s",
        "spacer",
        "spinner",
        "trans",
        "transparent",
    ];
    let Some((stem, end)) = name.rsplit_once('.') else { return false };
    let is_drawn = end == "gif" || matches!(end, "png" | "svg") && 1 < stem.len();
    let is_empty = |word: &str| EMPTY.contains(&word) || word.bytes().all(|b| b.is_ascii_digit());
    is_drawn && words(stem).any(|word| EMPTY.contains(&word)) && words(stem).all(is_empty)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// Services that articles are shared on, and what is asked of readers.
const SERVICES: [&str; 46] = [
    "blogger",
    "bluesky",
    "bookmark",
    "buffer",
    "delicious",
    "digg",
    "discord",
    "donate",
    "email",
    "facebook",
    "fb",
    "feed",
    "flattr",
    "flipboard",
    "follow",
    "google",
    "googleplus",
    "gplus",
    "instagram",
    "like",
    "linkedin",
    "mail",
    "mastodon",
    "patreon",
    "paypal",
    "pinterest",
    "pocket",
    "print",
    "printfriendly",
    "reddit",
    "rss",
    "share",
    "sharing",
    "stumbleupon",
    "subscribe",
    "technorati",
    "telegram",
    "threads",
    "tumblr",
    "tweet",
    "twitter",
    "vk",
    "whatsapp",
    "xing",
    "youtube",
    "yahoo",
];

/// Words that stand beside the name of a service in the name of a button.
const OF_BUTTONS: [&str; 44] = [
    "add", "b", "badge", "big", "bird", "black", "blue", "btn", "button", "buttons", "circle",
    "color", "dark", "f", "grey", "gray", "icon", "icons", "large", "light", "logo", "me",
    "medium", "mini", "new", "now", "on", "plus", "post", "round", "small", "social", "square",
    "t", "this", "thumb", "tiny", "to", "us", "via", "white", "with", "x", "site",
];

/// Names that only decoration has, however small or large the image is.
const ALWAYS: [&str; 18] = [
    "avatar",
    "avatars",
    "badge",
    "btn",
    "emoji",
    "emoticon",
    "favicon",
    "gravatar",
    "hitcounter",
    "icon",
    "icons",
    "smiley",
    "smilies",
    "spacer",
    "sprite",
    "sprites",
    "button",
    "buttons",
];

/// Whether the name of a file in the text is that of a button, an icon or a logo.
fn is_decoration(url: &str, is_small: bool) -> bool {
    /// A name with more words describes a picture: `icons-of-the-golden-age.jpg`.
    const MOST_WORDS: usize = 4;
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let is_number =
        |word: &str| word.trim_start_matches('x').bytes().all(|b| b.is_ascii_digit() || b == b'x');
    let all: Vec<&str> = words(stem).filter(|word| !is_number(word)).collect();
    let is_photo = matches!(end, "jpg" | "jpeg" | "webp" | "avif");
    let has = |names: &[&str]| all.iter().any(|word| names.contains(word));
    let of_button = |word: &&str| SERVICES.contains(word) || OF_BUTTONS.contains(word);
    let is_button = has(&SERVICES) && all.iter().all(of_button);
    let is_icon = has(&ALWAYS) && all.len() <= if is_photo { 1 } else { MOST_WORDS };
    let is_logo = all.contains(&"logo") && (is_small || all.len() <= 2 && !is_photo);
    is_button || is_icon || is_logo
}

/// Whether the words for an image are those for an emoji, a button or a portrait of the author.
fn is_label_of_decoration(alt: &str) -> bool {
    const STARTS: [&str; 17] = [
        "add to ",
        "avatar",
        "digg ",
        "email this",
        "follow ",
        "gravatar",
        "like this",
        "print this",
        "save to ",
        "share by ",
        "share on ",
        "share this",
        "share to ",
        "share via ",
        "subscribe",
        "tweet ",
        "user avatar",
    ];
    /// In characters. Longer words describe a picture.
    const LONGEST: usize = 40;
    let alt = alt.trim().to_lowercase();
    let is_emoji = !alt.is_empty()
        && alt.chars().count() <= 8
        && !alt.chars().any(char::is_alphanumeric)
        && alt.chars().any(|c| !c.is_ascii() || ":;=".contains(c));
    let is_short = alt.chars().count() <= LONGEST;
    is_emoji
        || SERVICES.contains(&&*alt)
        || is_short && STARTS.iter().any(|start| alt.starts_with(start))
        || is_short && (alt.ends_with(" avatar") || alt.ends_with("’s avatar"))
}

/// Whether a link shares an article, or belongs to a service that adds buttons to feeds.
fn is_button(link: &str) -> bool {
    const SHARING: [(&str, &str); 28] = [
        ("addthis.com", ""),
        ("addtoany.com", ""),
        ("api.whatsapp.com", ""),
        ("bsky.app", "/intent/"),
        ("buffer.com", "/add"),
        ("bufferapp.com", ""),
        ("delicious.com", ""),
        ("del.icio.us", ""),
        ("digg.com", "/submit"),
        ("facebook.com", "/share"),
        ("feedburner.com", ""),
        ("feedburner.google.com", ""),
        ("feeds.wordpress.com", ""),
        ("flattr.com", ""),
        ("flipboard.com", "/bookmarklet"),
        ("getpocket.com", ""),
        ("linkedin.com", "/share"),
        ("news.ycombinator.com", "/submitlink"),
        ("pinterest.com", "/pin/create"),
        ("plus.google.com", "/share"),
        ("reddit.com", "/submit"),
        ("stumbleupon.com", "/submit"),
        ("t.me", "/share"),
        ("tumblr.com", "/share"),
        ("twitter.com", "/home"),
        ("twitter.com", "/intent"),
        ("twitter.com", "/share"),
        ("x.com", "/intent"),
    ];
    let Ok(url) = Url::parse(link) else { return false };
    let path = url.path().to_ascii_lowercase();
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "mailto"
        || SHARING.iter().any(|(domain, start)| is_within(host, domain) && path.contains(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_picture_of_a_text_is_its_image() {
        let p = "https://a.example/boat.jpg";
        for (html, expected) in [
            (
                "<p><img alt=\"x\" src=\"https://i.example/?a=1&amp;b=2\"></p>",
                Some("https://i.example/?a=1&b=2"),
            ),
            (
                "<img src=\"https://a.example/small.jpg\" width=\"120\"><img src=\"https://a.example/boat.jpg\">",
                Some(p),
            ),
            ("<img src=\"https://a.example/boat.jpg\" width=\"120\">", Some(p)),
            ("<img src=\"https://a.example/boat.jpg\" width=\"100%\" height=\"1em\">", None),
            ("<img src=\"https://a.example/boat.jpg\" width=\"100%\">", Some(p)),
            (
                "<img src=\"https://a.example/s.jpg\" srcset=\"https://a.example/s.jpg 300w, https://a.example/boat.jpg 1200w, https://a.example/huge.jpg 6000w\">",
                Some(p),
            ),
            (
                "<img src=\"https://a.example/boat.jpg\" srcset=\"https://a.example/boat2.jpg 2x\">",
                Some(p),
            ),
            ("<video poster=\"https://a.example/boat.jpg\"></video>", Some(p)),
            ("<p>x</p>", None),
        ] {
            assert_eq!(shown(html).map(|image| image.url).as_deref(), expected, "{html}");
        }
    }

    #[test]
    fn decoration_is_no_image() {
        for (name, tag, is_image) in [
            ("emoji", "src=\"https://s.w.org/images/core/emoji/15/72x72/1f642.png\"", false),
            ("emoji by its name", "src=\"https://a.example/x.png\" alt=\"🙂\"", false),
            ("smiley", "src=\"https://a.example/smilies/icon_wink.gif\" alt=\";)\"", false),
            ("small", "src=\"https://a.example/x.png\" width=\"16\" height=\"16\"", false),
            ("line", "src=\"https://a.example/x.png\" width=\"600\" height=\"4\"", false),
            ("button", "src=\"https://a.example/sd/twitter_icon_large.png\"", false),
            ("button of one word", "src=\"https://a.example/share.png\"", false),
            (
                "button by its name",
                "src=\"https://a.example/x.png\" alt=\"Share on Facebook\"",
                false,
            ),
            ("badge", "src=\"https://img.shields.io/npm/v/x.svg\"", false),
            ("counter", "src=\"https://pixel.wp.com/b.gif?x=1\"", false),
            ("counter by its folder", "src=\"https://a.example/tracking/17\"", false),
            ("pixel", "src=\"https://a.example/pixel.gif\"", false),
            ("spacer", "src=\"https://a.example/i/spacer.gif\"", false),
            ("portrait", "src=\"https://1.gravatar.com/avatar/0123?s=96\"", false),
            ("portrait by its folder", "src=\"https://a.example/avatars/ann.jpg\"", false),
            ("flare", "src=\"http://feeds.feedburner.com/~ff/x?d=y\"", false),
            ("logo", "src=\"https://a.example/logo.png\"", false),
            ("small logo", "src=\"https://a.example/the-logo-of-acme.png\" width=\"120\"", false),
            ("icon", "src=\"https://a.example/external-link-icon.svg\"", false),
            ("photograph", "src=\"https://a.example/boat.jpg\"", true),
            ("photograph of icons", "src=\"https://a.example/icons-of-jazz.jpg\"", true),
            ("photograph of a logo", "src=\"https://a.example/new-logo-of-acme.jpg\"", true),
            ("photograph of a bird", "src=\"https://a.example/blue-bird.jpg\"", true),
            ("photograph at Twitter", "src=\"https://a.example/twitter-office-in-fog.jpg\"", true),
            ("numbered", "src=\"https://a.example/1234.jpg\"", true),
            ("in a folder", "src=\"https://a.example/share/boat.png\"", true),
            ("screenshot", "src=\"https://a.example/button-styles-in-css-explained.png\"", true),
            ("described", "src=\"https://a.example/x.jpg\" alt=\"Share of votes by party\"", true),
        ] {
            let html = format!("<p><img {tag}></p>");
            assert_eq!(shown(&html).is_some(), is_image, "{name}");
        }
        for (link, is_image) in [
            ("http://twitter.com/home?status=x", false),
            ("https://www.facebook.com/sharer.php?u=x", false),
            ("mailto:?subject=x", false),
            ("https://twitter.com/ann/status/1", true),
            ("https://a.example/share", true),
        ] {
            let html = format!("<a href=\"{link}\"><img src=\"https://a.example/x.png\"></a>");
            assert_eq!(shown(&html).is_some(), is_image, "{link}");
        }
    }
}

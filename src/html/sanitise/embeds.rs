//! The addresses of embedded players, charts and posts.

use std::borrow::Cow;

use crate::html::sanitise::lazy_images::has_image_extension;
use crate::html::tokenizer::Attributes;

/// Elements that hold a part of the address of what they embed: name, attribute, and the text before and after the
/// part. Those of a kept video host become frames.
#[rustfmt::skip]
const ELEMENTS: [(&str, &str, &str, &str); 20] = [
    ("amp-youtube", "data-videoid", "https://www.youtube.com/embed/", ""),
    ("lite-youtube", "videoid", "https://www.youtube.com/embed/", ""),
    ("amp-vimeo", "data-videoid", "https://player.vimeo.com/video/", ""),
    ("lite-vimeo", "videoid", "https://player.vimeo.com/video/", ""),
    ("amp-dailymotion", "data-videoid", "https://www.dailymotion.com/embed/video/", ""),
    ("amp-twitter", "data-tweetid", "https://twitter.com/i/status/", ""),
    ("twitter-widget", "data-tweet-id", "https://twitter.com/i/status/", ""),
    ("amp-instagram", "data-shortcode", "https://www.instagram.com/p/", "/"),
    ("amp-tiktok", "data-src", "https://www.tiktok.com/embed/v2/", ""),
    ("amp-gist", "data-gistid", "https://gist.github.com/", ""),
    ("amp-soundcloud", "data-trackid", "https://api.soundcloud.com/tracks/", ""),
    ("amp-soundcloud", "data-playlistid", "https://api.soundcloud.com/playlists/", ""),
    ("amp-imgur", "data-imgur-id", "https://imgur.com/", ""),
    ("amp-wistia-player", "data-media-hashed-id", "https://fast.wistia.net/embed/iframe/", ""),
    ("amp-jwplayer", "data-media-id", "https://cdn.jwplayer.com/previews/", ""),
    ("amp-jwplayer", "data-playlist-id", "https://cdn.jwplayer.com/previews/", ""),
    ("amp-vine", "data-vineid", "https://vine.co/v/", ""),
    ("amp-hulu", "data-eid", "https://www.hulu.com/embed.html?eid=", ""),
    ("amp-playbuzz", "data-item", "https://www.playbuzz.com/item/", ""),
    ("amp-megaphone", "data-episode", "https://player.megaphone.fm/", ""),
];

/// Scripts that write what they embed: the beginning of their address, and the attribute with the page of it. Without
/// an attribute the page is at the address of the script without its extension.
type EmbedScript = (&'static str, &'static str, Option<(&'static str, &'static str)>);

const SCRIPTS: [EmbedScript; 15] = [
    ("gist.github.com/", "https://gist.github.com/", None),
    ("asciinema.org/a/", "https://asciinema.org/a/", None),
    ("pastebin.com/embed_js/", "https://pastebin.com/", None),
    ("gitlab.com/", "https://gitlab.com/", None),
    ("static.polldaddy.com/p/", "https://poll.fm/", None),
    ("secure.polldaddy.com/p/", "https://poll.fm/", None),
    ("www.buzzsprout.com/", "https://www.buzzsprout.com/", None),
    ("fast.wistia.com/embed/medias/", "https://fast.wistia.net/embed/iframe/", None),
    ("fast.wistia.net/embed/medias/", "https://fast.wistia.net/embed/iframe/", None),
    ("content.jwplatform.com/players/", "https://cdn.jwplayer.com/previews/", None),
    ("cdn.jwplayer.com/players/", "https://cdn.jwplayer.com/previews/", None),
    ("telegram.org/js/telegram-widget", "", Some(("data-telegram-post", "https://t.me/"))),
    ("speakerdeck.com/assets/embed", "", Some(("data-id", "https://speakerdeck.com/player/"))),
    ("www.reddit.com/", "", Some(("data-url", ""))),
    ("embed.bsky.app/", "", Some(("data-url", ""))),
];

/// Words in the names of elements that are no part of an article.
const NO_EMBEDS: [&str; 17] = [
    "-ad",
    "-img",
    "-anim",
    "image",
    "analytics",
    "pixel",
    "share",
    "consent",
    "comments",
    "like",
    "state",
    "list",
    "form",
    "page",
    "worker",
    "font",
    "geo",
];

/// The address of what a custom element, a script, or an element that a script replaces embeds.
pub(super) fn address<'a>(element: &str, attributes: Attributes<'a>) -> Option<Cow<'a, str>> {
    let first = |names: &[&str]| names.iter().find_map(|name| absolute(attributes.raw(name)?));
    if element == "script" {
        return script(attributes);
    }
    if matches!(element, "div" | "section" | "span" | "figure" | "blockquote" | "p" | "center") {
        let class = attributes.raw("class").unwrap_or_default();
        let lazy =
            ["data-src", "data-bg", "data-background", "data-background-image", "data-original"];
        let image = || lazy.iter().find_map(|name| attributes.raw(name).filter(|v| is_image(v)));
        if class.contains("lazy")
            && let Some(image) = image()
        {
            return Some(Cow::Borrowed(image.trim()));
        }
        let is_embed = |word: &str| {
            word.contains("embed") || matches!(word, "fb-post" | "fb-video" | "instagram-media")
        };
        if !class.split_ascii_whitespace().any(is_embed) {
            return None;
        }
        let chart = attributes.raw("data-src").filter(|_| class.contains("flourish-embed"));
        let chart = chart.filter(|path| absolute(path).is_none());
        let chart = chart.map(|path| format!("https://public.flourish.studio/{path}"));
        let graphic = attributes.raw("data-id").filter(|_| class.contains("infogram-embed"));
        let graphic = graphic.map(|id| format!("https://infogram.com/{id}"));
        return first(&["data-href", "data-url", "data-src", "data-instgrm-permalink", "cite"])
            .or_else(|| chart.or(graphic).map(Cow::Owned));
    }
    if !element.contains(['-', ':']) {
        return None;
    }
    for (name, attribute, before, after) in ELEMENTS {
        let part = attributes.raw(attribute).map(str::trim).filter(|_| name == element);
        let is_part = |part: &&str| !part.is_empty() && absolute(part).is_none();
        if let Some(part) = part.filter(is_part) {
            return Some(Cow::Owned(format!("{before}{part}{after}")));
        }
    }
    let is_player = [
        "amp-", "embed", "player", "video", "audio", "iframe", "tweet", "card", "viewer", "chart",
        "fb:post",
    ];
    if !is_player.iter().any(|word| element.contains(word))
        || NO_EMBEDS.iter().any(|word| element.contains(word))
    {
        return None;
    }
    if element == "amp-brightcove"
        && let (Some(account), Some(video)) =
            (attributes.raw("data-account"), attributes.raw("data-video-id"))
    {
        let player = attributes.raw("data-player").unwrap_or("default");
        return Some(Cow::Owned(format!(
            "https://players.brightcove.net/{account}/{player}_default/index.html?videoId={video}"
        )));
    }
    first(&["src", "data-src", "data-href", "href", "data-url", "url", "data-embed-url"])
}

/// The page of what a script writes. `None` for a script that does not stand for a part of an article.
fn script(attributes: Attributes<'_>) -> Option<Cow<'_, str>> {
    let source = attributes.raw("src")?.trim();
    let (_, place) = source.split_once("//")?;
    if let Some((_, target)) = place.split_once("target=")
        && place.starts_with("emgithub.com/")
    {
        let target = target.split('&').next().unwrap_or_default();
        return Some(Cow::Owned(percent_decoded(target)));
    }
    let (start, page, attribute) = SCRIPTS.iter().find(|(start, ..)| place.starts_with(start))?;
    if let Some((attribute, page)) = attribute {
        let part = attributes.raw(attribute).map(str::trim).filter(|part| !part.is_empty())?;
        return Some(Cow::Owned(format!("{page}{part}")));
    }
    let part = place.get(start.len()..)?.split(['?', '#']).next()?;
    let part = part.strip_suffix(".js").or_else(|| part.strip_suffix(".jsonp"))?;
    Some(Cow::Owned(format!("{page}{part}")))
}

fn percent_decoded(text: &str) -> String {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.map(|(name, _)| name.into_owned()).next().unwrap_or_default()
}

fn is_image(address: &str) -> bool {
    address.contains('/') && has_image_extension(address)
}

/// The address, if it begins with a host.
fn absolute(address: &str) -> Option<Cow<'_, str>> {
    let address = address.trim();
    let has = |start: &str| {
        address.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
    };
    (has("https://") || has("http://") || has("//")).then_some(Cow::Borrowed(address))
}

/// Whether a frame belongs to a button, a counter or an advertisement, and not to the article.
pub(super) fn is_furniture(address: &str) -> bool {
    const FURNITURE: [&str; 12] = [
        "googletagmanager.com/",
        "facebook.com/plugins/like",
        "facebook.com/plugins/share",
        "doubleclick.net/",
        "platform.twitter.com/widgets/tweet_button",
        "platform.twitter.com/widgets/follow_button",
        "googlesyndication.com/",
        "amazon-adsystem.com/",
        "facebook.com/plugins/follow",
        "google.com/recaptcha",
        "plusone.google.com/",
        "disqus.com/embed/comments",
    ];
    FURNITURE.iter().any(|part| address.contains(part))
}

/// Whether an image counts visits. Only such images are loaded from these addresses.
pub(super) fn is_counter(address: &str) -> bool {
    const COUNTERS: [&str; 13] = [
        "facebook.com/tr",
        "c.statcounter.com/",
        "mc.yandex.",
        "scorecardresearch.com/",
        "quantserve.com/",
        "doubleclick.net/",
        "google-analytics.com/",
        "googleadservices.com/",
        "bat.bing.com/",
        "pixel.wp.com/",
        "px.ads.linkedin.com/",
        "counter.yadro.ru/",
        "matomo.php",
    ];
    COUNTERS.iter().any(|part| address.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_an_embed_is_found() {
        for (element, attributes, expected) in [
            ("amp-youtube", "data-videoid='x'", Some("https://www.youtube.com/embed/x")),
            ("amp-instagram", "data-shortcode=x", Some("https://www.instagram.com/p/x/")),
            ("amp-facebook", "data-href='https://f.example/1'", Some("https://f.example/1")),
            ("amp-iframe", "src='//c.example/1'", Some("//c.example/1")),
            ("amp-tiktok", "data-src='https://t.example/1'", Some("https://t.example/1")),
            (
                "amp-brightcove",
                "data-account=1 data-video-id=2",
                Some("https://players.brightcove.net/1/default_default/index.html?videoId=2"),
            ),
            ("audio-player", "src='https://a.example/a.mp3'", Some("https://a.example/a.mp3")),
            (
                "script",
                "src='https://gist.github.com/a/1.js?file=b'",
                Some("https://gist.github.com/a/1"),
            ),
            ("script", "src=https://asciinema.org/a/1.js id=x", Some("https://asciinema.org/a/1")),
            (
                "script",
                "src='https://telegram.org/js/telegram-widget.js?22' data-telegram-post='a/1'",
                Some("https://t.me/a/1"),
            ),
            (
                "script",
                "src='https://emgithub.com/embed-v2.js?target=https%3A%2F%2Fg.example%2Fa&style=x'",
                Some("https://g.example/a"),
            ),
            ("div", "class='fb-post' data-href='https://f.example/1'", Some("https://f.example/1")),
            (
                "div",
                "class='flourish-embed flourish-chart' data-src='visualisation/1'",
                Some("https://public.flourish.studio/visualisation/1"),
            ),
            ("div", "class=infogram-embed data-id=x", Some("https://infogram.com/x")),
            // These are no part of an article.
            ("amp-ad", "src='https://a.example/'", None),
            ("amp-social-share", "data-url='https://a.example/'", None),
            ("amp-analytics", "src='https://a.example/'", None),
            ("amp-list", "src='https://a.example/'", None),
            ("div", "class='fb-like' data-href='https://f.example/1'", None),
            ("div", "data-url='https://f.example/1'", None),
            ("script", "src='https://platform.example/widgets.js'", None),
            ("script", "src='/x.js'", None),
            ("script", "", None),
            ("custom-tag", "src='https://a.example/'", None),
            ("p", "", None),
        ] {
            let found = address(element, Attributes(attributes));
            assert_eq!(found.as_deref(), expected, "{element} {attributes}");
        }
    }
}

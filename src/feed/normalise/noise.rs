//! What changes in an entry although nobody edited it: signatures and counters in the addresses of files, tracking
//! pixels, white space, and counts of comments.
//!
//! White space is what a browser collapses: spaces and line breaks between words, and in a text without other markup than
//! paragraphs and line breaks also these, because a text that was plain has them where its lines were wrapped. In `<pre>` it
//! is a part of the text (the indentation of a program), apart from the ends of lines.
//!
//! A file is the same if only the signature of its address, the server of a group (`img1.`, `img2.`), the size of an
//! image or a counter differs. What is compared here is stored as the feed gives it all the same.

use std::borrow::Cow;

use memchr::{memchr, memrchr};
use url::Url;

use crate::feed::normalise::tracking;
use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{Attributes, Token, Tokens};
use crate::html::web_address::{has_web_scheme, is_within};

/// Query parameters that sign an address, let it expire or name a session, lower-case. A name that ends in `*` is a prefix.
const SIGNATURES: [&str; 42] = [
    // Signatures: Amazon, Google, CloudFront, Azure, Akamai, and common names.
    "x-amz-*",
    "x-goog-*",
    "awsaccesskeyid",
    "googleaccessid",
    "signature",
    "sig",
    "sign",
    "signed",
    "expires",
    "expire",
    "expiry",
    "exp",
    "policy",
    "key-pair-id",
    "token",
    "token-*",
    "access_token",
    "auth",
    "auth_key",
    "hash",
    "hmac",
    "md5",
    "hdnea",
    "hdnts",
    "hdntl",
    "verify",
    "nonce",
    "skoid",
    "sktid",
    "oh",
    "oe",
    "ohc",
    "ccb",
    "_nc_*",
    "stp",
    "itok",
    // Sessions.
    "session*",
    "phpsessid",
    "jsessionid",
    "aspsessionid*",
    "cfid",
    "cftoken",
];

/// Query parameters that name a version of a file, count or only refresh its address.
const VERSIONS: [&str; 25] = [
    "v",
    "ver",
    "version",
    "rev",
    "t",
    "ts",
    "timestamp",
    "time",
    "mtime",
    "updated",
    "modified",
    "cb",
    "cache*",
    "nocache",
    "rand",
    "random",
    "rnd",
    "_",
    "count",
    "hits",
    "views",
    "comments",
    "downloads",
    "impressions",
    "sid",
];

/// Query parameters that say how a player looks and behaves.
const PLAYER: [&str; 32] = [
    "api",
    "app_id",
    "autoplay",
    "autopause",
    "badge",
    "byline",
    "cc_load_policy",
    "color",
    "controls",
    "dnt",
    "enablejsapi",
    "feature",
    "fs",
    "h",
    "iv_load_policy",
    "loop",
    "modestbranding",
    "mute",
    "muted",
    "origin",
    "parent",
    "player_id",
    "playsinline",
    "portrait",
    "rel",
    "showinfo",
    "si",
    "theme",
    "title",
    "transparent",
    "widgetid",
    "wmode",
];

/// Parameters that mean such a thing only behind the name of a file: the shorter names of signatures, and the size of
/// an image.
const FILE_PARAMETERS: [&str; 38] = [
    "s", "e", "r", "c", "n", "m", "w", "h", "q", "ex", "is", "hm", "se", "sp", "sr", "sv", "st",
    "spr", "width", "height", "quality", "fit", "crop", "resize", "scale", "size", "ssl", "strip",
    "auto", "format", "dpr", "zoom", "fm", "ixlib", "ixid", "rect", "usqp", "beta",
];

/// Endings of the files of which the name identifies the file.
const ENDINGS: [&str; 20] = [
    "jpg", "jpeg", "png", "gif", "webp", "avif", "svg", "bmp", "mp3", "m4a", "mp4", "m4v", "ogg",
    "oga", "opus", "aac", "wav", "webm", "mov", "pdf",
];

/// The part of a file's address that identifies the file. It is only compared.
pub fn file_identity(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    url.set_fragment(None);
    let host = url.host_str().map(group_of_servers).unwrap_or_default();
    if AVATARS.iter().any(|domain| is_within(&host, domain)) {
        url.set_query(None);
    }
    let is_file = has_ending(url.path());
    let path = unsized_path(&unsigned_path(url.path()), &host);
    let place = format!("{host}{path}");
    let place = behind_counters(&place).unwrap_or(&place);
    let mut kept: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        url.query_pairs().filter(|(name, value)| !is_noise(name, value, is_file)).collect();
    kept.sort_unstable();
    let query: Vec<String> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // Whether it is fetched with http or https makes no other file of it.
    format!("{place}?{}", query.join("&"))
}

/// The part of a player's address that identifies what it plays.
fn player_identity(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    if url.host_str().is_some_and(|host| is_within(host, "youtube-nocookie.com")) {
        url.set_host(Some("www.youtube.com")).ok();
    }
    let is_kept = |name: &str| !is_listed(&name.to_ascii_lowercase(), &PLAYER);
    without_parameters(&mut url, |name, _| is_kept(name));
    file_identity(url.as_str())
}

/// The part of a link that identifies the page, or the file.
fn link_identity(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    if has_ending(path) {
        return file_identity(address);
    }
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    if url.path().ends_with("/email-protection") {
        url.set_fragment(None); // Cloudflare encodes a mail address anew each time.
    }
    if let Some((path, _)) = url.path().split_once(";jsessionid=") {
        let path = path.to_owned();
        url.set_path(&path);
    }
    without_parameters(&mut url, |name, _| {
        let name = name.to_ascii_lowercase();
        !is_listed(&name, &SIGNATURES) && !tracking::is_tracking(&name)
    });
    url.into()
}

fn without_parameters(url: &mut Url, is_kept: impl Fn(&str, &str) -> bool) {
    if url.query().is_none() {
        return;
    }
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, value)| is_kept(name, value))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
}

/// Services whose addresses of portraits have only a size or a stand-in in their query.
const AVATARS: [&str; 3] = ["gravatar.com", "libravatar.org", "avatars.githubusercontent.com"];

/// Services that have the size of an image in the last or the last but one part of the path.
const SIZED: [&str; 4] = ["googleusercontent.com", "ggpht.com", "bp.blogspot.com", "blogger.com"];

/// The address of a file behind services that count its downloads, each of which is written before it:
/// `pdst.fm/e/chrt.fm/track/X/example.org/a.mp3`. `None` without such services.
fn behind_counters(place: &str) -> Option<&str> {
    let (folders, _) = place.rsplit_once('/').filter(|_| has_ending(place))?;
    let is_host = |text: &str| {
        text.rsplit_once('.').is_some_and(|(name, top)| {
            let is_top = 2 <= top.len() && top.bytes().all(|b| b.is_ascii_lowercase());
            is_top && !name.is_empty() && !ENDINGS.contains(&top)
        })
    };
    let mut end = folders.len();
    loop {
        let start = folders.get(..end)?.rfind('/')?;
        if folders.get(start + 1..end).is_some_and(is_host) {
            return place.get(start + 1..);
        }
        end = start;
    }
}

/// The path without the size of an image: `a-300x200.jpg`, `/s320/a.jpg`, `/w_300,h_200/a.jpg`, `/avatar/48/a.png`.
fn unsized_path(path: &str, host: &str) -> String {
    let is_sized_host = SIZED.iter().any(|domain| is_within(host, domain));
    let is_portrait = path.contains("avatar") || host.contains("avatar");
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let segments: Vec<&str> = folders.split('/').collect();
    let last = segments.len() - 1;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // `s320`, `s1600-c`, `w300-h200-p`.
    let is_google_size = |text: &str| {
        text.split('-').enumerate().all(|(n, part)| {
            let is_length = part.get(1..).is_some_and(is_number);
            part.starts_with(['s', 'w', 'h']) && is_length || 0 < n && part.len() <= 3
        })
    };
    // `w_300,h_200,c_fill` of Cloudinary and Wix.
    let is_transformation = |text: &str| {
        text.split(',').all(|part| {
            part.split_once('_').is_some_and(|(key, value)| {
                (1..=3).contains(&key.len())
                    && !value.is_empty()
                    && key.bytes().all(|b| b.is_ascii_lowercase())
            })
        }) && (text.contains(',')
            || text.starts_with("w_")
            || text.starts_with("h_")
            || text.starts_with("q_"))
    };
    let is_size = |n: usize, text: &str| {
        is_pixels(text)
            || is_transformation(text)
            || is_sized_host && is_google_size(text)
            || is_portrait && n == last && is_number(text) && text.len() <= 4
    };
    let mut kept: Vec<&str> = Vec::with_capacity(segments.len() + 1);
    kept.extend(
        segments.iter().enumerate().filter(|(n, text)| !is_size(*n, text)).map(|(_, text)| *text),
    );
    let name = if is_sized_host { name.split('=').next().unwrap_or(name) } else { name };
    let unsized_name = unsized_name(name);
    kept.push(&unsized_name);
    kept.join("/")
}

/// `300x200`, `300x`, `x200`.
fn is_pixels(text: &str) -> bool {
    text.split_once('x').is_some_and(|(width, height)| {
        let is_side = |side: &str| side.len() <= 4 && side.bytes().all(|b| b.is_ascii_digit());
        is_side(width) && is_side(height) && 1 < text.len()
    })
}

/// The name of a file without the size of an image: `a-300x200.jpg`, `a_300x200.jpg`, `a@2x.png`, `a-scaled.jpg`.
fn unsized_name(name: &str) -> Cow<'_, str> {
    let Some((stem, ending)) = name.rsplit_once('.') else { return Cow::Borrowed(name) };
    let short = stem
        .rsplit_once(['-', '_', '@'])
        .filter(|(stem, size)| !stem.is_empty() && (is_pixels(size) || *size == "scaled"));
    short.map_or(Cow::Borrowed(name), |(stem, _)| Cow::Owned(format!("{stem}.{ending}")))
}

fn has_ending(path: &str) -> bool {
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    ending.is_some_and(|(_, ending)| ENDINGS.contains(&&*ending.to_ascii_lowercase()))
}

fn is_listed(name: &str, list: &[&str]) -> bool {
    list.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *known,
    })
}

fn is_noise(name: &str, value: &str, is_file: bool) -> bool {
    let name = name.to_ascii_lowercase();
    let listed = |list: &[&str]| is_listed(&name, list);
    tracking::is_tracking(&name)
        || listed(&SIGNATURES)
        || listed(&VERSIONS)
        || is_file && listed(&FILE_PARAMETERS)
        || is_signature(value)
}

/// Whether a value can only be a signature: at least 32 characters of hexadecimal or base64 without a word in them.
fn is_signature(value: &str) -> bool {
    let is_code = |c: char| c.is_ascii_alphanumeric() || "+/=_-~".contains(c);
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    32 <= value.len() && value.chars().all(is_code) && value.len() <= 8 * digits
}

/// `img2.example.org` as `img.example.org`, `scontent-ber1-1.xx.fbcdn.net` as `fbcdn.net`.
fn group_of_servers(host: &str) -> String {
    const SHARDED: [&str; 4] = ["fbcdn.net", "cdninstagram.com", "googlevideo.com", "ggpht.com"];
    if let Some(domain) = SHARDED.iter().find(|domain| is_within(host, domain)) {
        return (*domain).to_owned();
    }
    match host.split_once('.') {
        Some((first, rest)) if rest.contains('.') => {
            let group = first.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
            format!("{group}.{rest}")
        }
        Some(_) | None => host.to_owned(),
    }
}

/// The path without signatures: a time and a code beside each other (`/1700000000/0cc175b9c0f1b6a831c399e269772661/`),
/// and what Substack puts before the size of an image.
fn unsigned_path(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').collect();
    let is_time = |text: &str| text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit());
    let is_code = |text: &str| {
        20 <= text.len()
            && !text.contains('.')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let beside = |n: usize, is: &dyn Fn(&str) -> bool| {
        let before = n.checked_sub(1).and_then(|n| segments.get(n));
        before.into_iter().chain(segments.get(n + 1)).any(|text| is(text))
    };
    let kept = segments.iter().enumerate().filter(|(n, text)| {
        !(text.starts_with("$s_!")
            || is_time(text) && beside(*n, &is_code)
            || is_code(text) && beside(*n, &is_time))
    });
    kept.map(|(_, text)| *text).collect::<Vec<_>>().join("/")
}

/// Whether an image only counts its readers.
fn is_pixel(address: &str) -> bool {
    const NAMES: [&str; 16] = [
        "pixel",
        "pixels",
        "1x1",
        "spacer",
        "blank",
        "transparent",
        "clear",
        "beacon",
        "track",
        "tracking",
        "tracker",
        "counter",
        "count",
        "stats",
        "b",
        "open",
    ];
    let Ok(url) = Url::parse(address) else { return false };
    let host = url.host_str().unwrap_or_default();
    let is_named = |text: &str| {
        let stem = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
        NAMES.contains(&&*stem)
    };
    let Some(mut segments) = url.path_segments() else { return false };
    is_named(host)
        || host == "feeds.wordpress.com"
        || url.path().contains("/~r/")
        || segments.next_back().is_some_and(is_named)
}

/// Words beside which a number is a count of readers or comments.
const COUNTED: [&str; 19] = [
    "comment",
    "comments",
    "reply",
    "replies",
    "view",
    "views",
    "reads",
    "like",
    "likes",
    "shares",
    "vote",
    "votes",
    "point",
    "points",
    "score",
    "kommentare",
    "commentaires",
    "comentarios",
    "reacties",
];

/// Elements that hold nothing but a count, if they begin or end with one.
const HOLDERS: [&str; 6] = ["a", "p", "li", "div", "small", "span"];

/// Whether two texts have the same words, counts of comments aside.
pub fn is_same_text(a: Option<&str>, b: Option<&str>) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    a == b || words(a) == words(b)
}

/// Whether two sanitised texts show the same words, links and files, counts and tracking pixels aside.
pub fn is_same_html(a: Option<&str>, b: Option<&str>) -> bool {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    if a == b {
        return true;
    }
    let (common, [changed, into]) = changed_part(a, b);
    let (changed, into) = (pieces(changed), pieces(into));
    let are_plain = || {
        is_plain(&changed) && is_plain(&into) && common.iter().all(|part| is_plain(&pieces(part)))
    };
    changed == into || visible(&changed).eq(visible(&into)) && are_plain()
}

/// Splits two sanitised texts into what they have in common at the beginning and at the end, and what is between. The
/// parts begin where a tag begins and outside of `<pre>`, so that each can be compared by itself.
fn changed_part<'a>(a: &'a str, b: &'a str) -> ([&'a str; 2], [&'a str; 2]) {
    let is_outside_of_pre =
        |part: &str| part.matches("<pre").count() == part.matches("</pre").count();
    let is_alike = |(x, y): &(u8, u8)| x == y;
    let start = a.bytes().zip(b.bytes()).take_while(is_alike).count();
    let start = memrchr(b'<', a.as_bytes().get(..start).unwrap_or_default()).unwrap_or(0);
    let start = if is_outside_of_pre(a.get(..start).unwrap_or_default()) { start } else { 0 };
    let ((first, a), (_, b)) = (a.split_at(start), b.split_at(start));
    let length = a.bytes().rev().zip(b.bytes().rev()).take_while(is_alike).count();
    let end = memchr(b'<', a.as_bytes().get(a.len() - length..).unwrap_or_default());
    let length = end.map_or(0, |end| length - end);
    let (whole, (a, last)) = (a, a.split_at(a.len() - length));
    if is_outside_of_pre(last) {
        ([first, last], [a, b.split_at(b.len() - length).0])
    } else {
        ([first, ""], [whole, b])
    }
}

/// The tags of a text that was plain.
const OF_PLAIN_TEXT: [&str; 3] = ["<p", "</p>", "<br"];

fn is_plain(pieces: &[Piece<'_>]) -> bool {
    pieces.iter().all(|piece| match piece {
        Piece::Tag(tag) => OF_PLAIN_TEXT.contains(&&**tag),
        Piece::Text(_) => true,
    })
}

fn visible<'a>(pieces: &'a [Piece<'_>]) -> impl Iterator<Item = &'a str> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(&**text),
        Piece::Tag(_) => None,
    })
}

/// The words of a text, with `#` for counts that nobody would write into a sentence: `(12 comments)`, `Points: 12`.
fn words(text: &str) -> Vec<Cow<'_, str>> {
    let mut words: Vec<Cow<'_, str>> = text.split_whitespace().map(word).collect();
    let is_in_brackets = |number: &str, word: &str| {
        number.starts_with(['(', '[']) && word.ends_with([')', ']']) && is_counted(word)
    };
    let counts: Vec<usize> = words
        .iter()
        .zip(words.iter().skip(1))
        .enumerate()
        .filter_map(|(n, (a, b))| {
            if is_count(a) && is_in_brackets(a, b) {
                Some(n)
            } else if is_count(b) && a.ends_with("s:") && is_counted(a) {
                Some(n + 1)
            } else {
                None
            }
        })
        .collect();
    for n in counts {
        if let Some(word) = words.get_mut(n) {
            *word = Cow::Borrowed("#");
        }
    }
    words
}

/// A word, or what identifies the page or file if it is an address.
fn word(word: &str) -> Cow<'_, str> {
    let start = word.find("http").filter(|_| word.contains("://"));
    let address = start.and_then(|start| word.get(start..));
    match address.filter(|address| has_web_scheme(address)) {
        None => Cow::Borrowed(word),
        Some(address) => {
            let end = address.trim_end_matches(|c: char| ".,;:!?)]}>\"'”»".contains(c));
            Cow::Owned(link_identity(&decode(end, Context::Text)))
        }
    }
}

fn is_count(word: &str) -> bool {
    let word = word.trim_matches(|c: char| "()[]:,;.".contains(c));
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || ".,kKM".contains(c))
}

fn is_counted(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    COUNTED.contains(&&*bare)
}

/// Whether a text is a count and nothing else: `12 comments`.
fn is_only_a_count(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (number, word) = (words.next(), words.next());
    words.next().is_none() && number.is_some_and(is_count) && word.is_some_and(is_counted)
}

/// A part of HTML for the comparison.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// A word, or all of the text between two tags in `<pre>`.
    Text(Cow<'a, str>),
    Tag(String),
}

/// The words and tags of HTML. White space between them is left out, but not in `<pre>`.
fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut holder = "";
    let mut preformatted = 0_usize;
    for token in Tokens::html(html) {
        match token {
            Token::Text(text) if 0 < preformatted => {
                found.push(Piece::Text(Cow::Owned(without_ends_of_lines(text))));
            }
            Token::Text(text) if HOLDERS.contains(&holder) && is_only_a_count(text) => {
                found.push(Piece::Text(Cow::Borrowed("#")));
            }
            Token::Text(text) if text.contains("&nbsp;") => {
                let text = text.replace("&nbsp;", " ");
                let words = words(&text).into_iter().map(Cow::into_owned);
                found.extend(words.map(|word| Piece::Text(Cow::Owned(word))));
            }
            Token::Text(text) => found.extend(words(text).into_iter().map(Piece::Text)),
            Token::End { name } => {
                if name == "pre" {
                    preformatted = preformatted.saturating_sub(1);
                    if let Some(Piece::Text(text)) = found.last_mut() {
                        *text = Cow::Owned(text.trim_end().to_owned());
                    }
                }
                found.push(Piece::Tag(format!("</{name}>")));
                holder = "";
            }
            Token::Start { name, attributes, .. } => {
                preformatted += usize::from(name == "pre");
                found.extend(tag(name, attributes).map(Piece::Tag));
                holder = name;
            }
            Token::CData { .. } | Token::Doctype(_) | Token::Hidden => {}
        }
    }
    found
}

/// The text without the white space before its line breaks, which nobody sees.
fn without_ends_of_lines(text: &str) -> String {
    let mut lines = text.split('\n').peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        if lines.peek().is_some() {
            out.extend([line.trim_end(), "\n"]);
        } else {
            out.push_str(line);
        }
    }
    out
}

/// A start tag for the comparison; `None` for a tracking pixel.
fn tag(name: &str, attributes: Attributes<'_>) -> Option<String> {
    let mut shown = format!("<{name}");
    for (attribute, value) in attributes.iter() {
        let value = match attribute {
            // They only say how large an image is shown.
            "srcset" | "sizes" | "width" | "height" | "loading" | "decoding" => continue,
            "src" | "href" | "poster" => {
                let address = decode(value, Context::Attribute);
                if name == "img" && is_pixel(&address) {
                    return None;
                }
                Cow::Owned(match (name, attribute) {
                    ("iframe", _) => player_identity(&address),
                    (_, "href") => link_identity(&address),
                    _ => file_identity(&address),
                })
            }
            _ => Cow::Borrowed(value),
        };
        shown.push(' ');
        shown.push_str(attribute);
        shown.push('=');
        shown.push_str(&value);
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::html::sanitise::Sanitiser;

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn an_address_of_a_file_is_the_same_without_its_noise() {
        for (name, a, b, same) in [
            (
                "amazon",
                "https://s3.example/a.jpg?X-Amz-Signature=1&X-Amz-Date=2",
                "https://s3.example/a.jpg?X-Amz-Signature=3&X-Amz-Date=4",
                true,
            ),
            (
                "token",
                "https://c.example/dl?id=7&token=abc&expires=1",
                "https://c.example/dl?id=7&token=def&expires=2",
                true,
            ),
            (
                "another id",
                "https://c.example/dl?id=7&token=abc",
                "https://c.example/dl?id=8&token=abc",
                false,
            ),
            ("signature appears", "https://c.example/a.mp3", "https://c.example/a.mp3?sig=1", true),
            (
                "facebook",
                "https://scontent-ber1-1.xx.fbcdn.net/v/t39/4_n.jpg?_nc_cat=1&oh=00_A&oe=6",
                "https://scontent-fra3-2.xx.fbcdn.net/v/t39/4_n.jpg?_nc_cat=2&oh=00_B&oe=7",
                true,
            ),
            ("shards", "https://img1.example.org/a.png", "https://img2.example.org/a.png", true),
            (
                "shards with hyphens",
                "https://cdn-12.example.org/a.png",
                "https://cdn-3.example.org/a.png",
                true,
            ),
            (
                "photon",
                "https://i0.wp.com/x.example/a.jpg?w=640&ssl=1",
                "https://i2.wp.com/x.example/a.jpg?resize=1,2&ssl=1",
                true,
            ),
            ("version", "https://c.example/a.css?v=123", "https://c.example/a.css?v=124", true),
            ("https", "http://c.example/a.jpg", "https://c.example/a.jpg", true),
            (
                "order of parameters",
                "https://c.example/i?a=1&b=2",
                "https://c.example/i?b=2&a=1",
                true,
            ),
            (
                "signed path",
                "https://c.example/1700000000/0cc175b9c0f1b6a831c399e269772661/a.mp3",
                "https://c.example/1700009999/92eb5ffee6ae2fec3ad71c777531578f/a.mp3",
                true,
            ),
            (
                "unknown name of a signature",
                "https://c.example/a?id=1&zz=0cc175b9c0f1b6a831c399e269772661",
                "https://c.example/a?id=1&zz=92eb5ffee6ae2fec3ad71c777531578f",
                true,
            ),
            (
                "size in the name",
                "https://c.example/a-300x200.jpg",
                "https://c.example/a-1024x683.jpg",
                true,
            ),
            ("scaled", "https://c.example/a-scaled.jpg", "https://c.example/a.jpg", true),
            ("twice as large", "https://c.example/a@2x.png", "https://c.example/a@1x.png", true),
            ("a year", "https://c.example/a-2024.jpg", "https://c.example/a-2025.jpg", false),
            (
                "transformation",
                "https://c.example/upload/w_300,h_200/v1/a.jpg",
                "https://c.example/upload/w_900,q_auto/v1/a.jpg",
                true,
            ),
            (
                "blogger",
                "https://blogger.googleusercontent.com/img/b/abc/s320/a.jpg",
                "https://blogger.googleusercontent.com/img/b/abc/s1600/a.jpg",
                true,
            ),
            (
                "google",
                "https://lh3.googleusercontent.com/abc=s64-c",
                "https://lh3.googleusercontent.com/abc=w1200-h630",
                true,
            ),
            (
                "portrait",
                "https://secure.gravatar.com/avatar/0cc175b9c0?s=48&d=mm",
                "https://secure.gravatar.com/avatar/0cc175b9c0?s=96",
                true,
            ),
            (
                "size of a portrait in the path",
                "https://f.example/user_avatar/f.example/ada/48/1_2.png",
                "https://f.example/user_avatar/f.example/ada/120/1_2.png",
                true,
            ),
            (
                "another portrait",
                "https://avatars.githubusercontent.com/u/1?s=40",
                "https://avatars.githubusercontent.com/u/2?s=40",
                false,
            ),
            (
                "counted downloads",
                "https://pdst.fm/e/chrt.fm/track/X1/c.example/a.mp3",
                "https://op3.dev/e/c.example/a.mp3",
                true,
            ),
            (
                "counted downloads begin",
                "https://dts.podtrac.com/redirect.mp3/c.example/a.mp3",
                "https://c.example/a.mp3",
                true,
            ),
            (
                "another file with counted downloads",
                "https://op3.dev/e/c.example/a.mp3",
                "https://op3.dev/e/c.example/b.mp3",
                false,
            ),
            ("another file", "https://c.example/a.jpg?v=1", "https://c.example/b.jpg?v=1", false),
            ("another folder", "https://c.example/1/a.jpg", "https://c.example/2/a.jpg", false),
            ("another host", "https://c.example.org/a.jpg", "https://d.example.org/a.jpg", false),
            ("another site", "https://img1.example/a.jpg", "https://img2.example/a.jpg", false),
            (
                "a name as parameter",
                "https://c.example/get?file=a.mp3",
                "https://c.example/get?file=b.mp3",
                false,
            ),
            (
                "an episode",
                "https://c.example/play.mp3?episode=1",
                "https://c.example/play.mp3?episode=2",
                false,
            ),
        ] {
            assert_eq!(file_identity(a) == file_identity(b), same, "{name}");
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    #[test]
    fn text_is_the_same_without_its_noise() {
        for (name, a, b, same) in [
            ("white space", "<p>a  b</p>\n<p>c</p>", "<p>a b</p><p>c </p>", true),
            ("lines of plain text", "<p>a b<br>c d</p>", "<p>a<br>b c d</p>", true),
            ("paragraphs of plain text", "<p>a</p><p>b</p>", "<p>a<br>b</p>", true),
            ("plain text", "<p>a<br>b</p>", "<p>a<br>c</p>", false),
            ("lines of an address", "<h2>x</h2><p>a<br>b</p>", "<h2>x</h2><p>a b</p>", false),
            ("a list", "<ul><li>a</li><li>b</li></ul>", "<ul><li>a b</li></ul>", false),
            ("no-break space", "<p>5 km</p>", "<p>5\u{a0}km</p>", true),
            ("indentation", "<pre>if a:\n  b\nc</pre>", "<pre>if a:\n  b\n  c</pre>", false),
            ("lines of a program", "<pre>a\nb</pre>", "<pre>a b</pre>", false),
            ("coloured program", "<pre><b>if</b> a</pre>", "<pre><b>if</b>  a</pre>", false),
            ("ends of lines", "<pre>a  \nb\n\n</pre>", "<pre>a\nb</pre>", true),
            ("around a program", "<p>a</p>\n<pre>b</pre> c", "<p>a</p><pre>b</pre>\n\nc", true),
            ("code in a line", "<p>a <code>b  c</code></p>", "<p>a <code>b c</code></p>", true),
            (
                "comments",
                "<p>Text</p><a href=\"https://x.example/1#c\">12 comments</a>",
                "<p>Text</p><a href=\"https://x.example/1#c\">13 comments</a>",
                true,
            ),
            (
                "points",
                "<p>Points: 12</p><p># Comments: 3</p>",
                "<p>Points: 99</p><p># Comments: 40</p>",
                true,
            ),
            ("a number in the text", "<p>12 people came</p>", "<p>13 people came</p>", false),
            (
                "a year beside a colon",
                "<p>Points of view: 12</p>",
                "<p>Points of view: 13</p>",
                false,
            ),
            (
                "pixel",
                "<p>a</p><img src=\"https://pixel.example.org/b.gif?rand=1\">",
                "<p>a</p><img src=\"https://pixel.example.org/b.gif?rand=2&amp;x=y\">",
                true,
            ),
            ("pixel comes", "<p>a</p>", "<p>a</p><img src=\"https://x.example/~r/feed/1\">", true),
            (
                "signed image",
                "<img src=\"https://c.example/a.jpg?sig=1\">",
                "<img src=\"https://c.example/a.jpg?sig=2\" width=\"7\">",
                true,
            ),
            (
                "another image",
                "<img src=\"https://c.example/a.jpg\">",
                "<img src=\"https://c.example/b.jpg\">",
                false,
            ),
            (
                "another link",
                "<a href=\"https://c.example/a\">x</a>",
                "<a href=\"https://c.example/b\">x</a>",
                false,
            ),
            (
                "tracked link",
                "<a href=\"https://c.example/a?utm_id=1\">x</a>",
                "<a href=\"https://c.example/a\">x</a>",
                true,
            ),
            ("emphasis", "<p>a <b>b</b></p>", "<p>a b</p>", false),
            ("a word", "<p>a</p>", "<p>b</p>", false),
            ("words parted", "<p>ab</p>", "<p>a b</p>", false),
        ] {
            assert_eq!(is_same_html(Some(a), Some(b)), same, "{name}");
        }
        assert!(is_same_text(Some("A  title (3 comments)"), Some("A title (4 comments)")));
        assert!(!is_same_text(Some("Version 3"), Some("Version 4")));
        assert!(!is_same_text(None, Some("x")));
        assert!(is_same_text(None, None));
    }

    #[test]
    fn what_a_text_shows_is_the_same_without_the_noise_of_its_addresses() {
        for (name, a, b, same) in [
            (
                "player",
                "<iframe src=\"https://www.youtube.com/embed/abc?feature=oembed&amp;si=1\"></iframe>",
                "<iframe src=\"https://www.youtube-nocookie.com/embed/abc?enablejsapi=1\"></iframe>",
                true,
            ),
            (
                "another video",
                "<iframe src=\"https://www.youtube.com/embed/abc\"></iframe>",
                "<iframe src=\"https://www.youtube.com/embed/abd\"></iframe>",
                false,
            ),
            (
                "another list",
                "<iframe src=\"https://www.youtube.com/embed/videoseries?list=PLa\"></iframe>",
                "<iframe src=\"https://www.youtube.com/embed/videoseries?list=PLb\"></iframe>",
                false,
            ),
            (
                "signed address in the text",
                "<p>See (https://s3.example/a?X-Amz-Signature=1&amp;id=7), please</p>",
                "<p>See (https://s3.example/a?X-Amz-Signature=2&amp;id=7), please</p>",
                true,
            ),
            (
                "another address in the text",
                "<p>See https://s3.example/a?id=7</p>",
                "<p>See https://s3.example/a?id=8</p>",
                false,
            ),
            (
                "signed page",
                "<a href=\"https://c.example/dl?id=1&amp;token=a\">x</a>",
                "<a href=\"https://c.example/dl?id=1&amp;token=b\">x</a>",
                true,
            ),
            (
                "session",
                "<a href=\"https://c.example/p;jsessionid=A1?x=1\">x</a>",
                "<a href=\"https://c.example/p;jsessionid=B2?x=1\">x</a>",
                true,
            ),
            (
                "version of a page",
                "<a href=\"https://c.example/doc?v=1\">x</a>",
                "<a href=\"https://c.example/doc?v=2\">x</a>",
                false,
            ),
            (
                "encoded mail address",
                "<a href=\"https://c.example/cdn-cgi/l/email-protection#aa\">x</a>",
                "<a href=\"https://c.example/cdn-cgi/l/email-protection#bb\">x</a>",
                true,
            ),
            ("space", "<p>one&nbsp;two</p>", "<p>one two</p>", true),
        ] {
            assert_eq!(is_same_html(Some(a), Some(b)), same, "{name}");
        }
    }

    proptest! {
        #[test]
        fn texts_are_compared_by_their_changed_part_as_they_are_whole(
            a in "(<p>|</p>|<br>|<pre>|</pre>|<b>|</b>|<img src=\"/a\">| |\n|1|2 comments|é|x)*",
            first in 0..40_usize, last in 0..40_usize, new in "(<p>|</pre>|<br>| |\n|3|<b>|y)*",
        ) {
            let (first, last) = (a.floor_char_boundary(first), a.floor_char_boundary(a.len().saturating_sub(last)));
            let b = format!("{}{new}{}", a.get(..first).unwrap_or(&a), a.get(last.max(first)..).unwrap_or_default());
            let sanitiser = Sanitiser::new(&Url::parse("https://a.example/").unwrap());
            if let (Some(a), Some(b)) = (sanitiser.clean(&a), sanitiser.clean(&b)) {
                let (one, other) = (pieces(&a), pieces(&b));
                let is_same = one == other
                    || is_plain(&one) && is_plain(&other) && visible(&one).eq(visible(&other));
                prop_assert_eq!(is_same_html(Some(&a), Some(&b)), is_same, "{} {}", &*a, &*b);
            }
        }
    }
}

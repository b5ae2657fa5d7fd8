//! HTML: one page that contains its style sheet and no script. A policy in the page (Content Security Policy level
//! 3) restricts what a browser may load, also when the page is opened as a file.

use std::borrow::Cow;
use std::io;

use quick_xml::escape::escape;

use crate::domain::article::{Article, Person};
use crate::domain::time::{Timestamp, Zone, rfc3339};
use crate::export::{Channel, headline, present, without_controls};
use crate::html::web_address::has_web_scheme;
use crate::present::day;

const STYLE: &str = include_str!("page.css");

/// Allows only the style sheet of the page, and images, audio and video from the web. A test compares the hash
/// with that of the style sheet.
const POLICY: &str = "default-src 'none'; style-src 'sha256-K8DNgWntdcoVk3oTs19kpZvMtOCM1e5XrkYvr9URSUI='; \
     img-src http: https:; media-src http: https:; base-uri 'none'; form-action 'none'";

pub(super) fn write<E: From<io::Error>>(
    channel: &Channel,
    articles: &mut dyn Iterator<Item = Result<Article, E>>,
    out: &mut dyn io::Write,
) -> Result<(), E> {
    let title = text(&channel.title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"generator\" content=\"gazetted\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n"
    )?;
    if let Some(description) = present(channel.description.as_deref()) {
        writeln!(out, "<p>{}</p>", text(description))?;
    }
    out.write_all(b"</header>\n<main>\n")?;
    let zone = channel.table.zone;
    let mut today: Option<String> = None;
    for article in articles {
        let article = article?;
        let day = day(article.effective_date(), zone);
        if today.as_ref() != Some(&day) {
            let end = if today.is_some() { "</section>\n" } else { "" };
            writeln!(out, "{end}<section>\n<h2>{day}</h2>")?;
            today = Some(day);
        }
        write_article(&article, zone, out)?;
    }
    let end = if today.is_some() { "</section>\n" } else { "" };
    let updated = time(channel.updated, zone, "%e %B %Y, %H:%M %Z");
    let footer = format!("<footer><p>Last change {updated}</p></footer>");
    Ok(write!(out, "{end}</main>\n{footer}\n</body>\n</html>\n")?)
}

fn write_article(article: &Article, zone: Zone, out: &mut dyn io::Write) -> io::Result<()> {
    let language = present(article.language.as_deref())
        .map(|tag| format!(" lang=\"{}\"", text(tag)))
        .unwrap_or_default();
    let title = headline(article);
    let title = text(&title);
    writeln!(out, "<article{language}>")?;
    match present(article.url.as_deref()).filter(|url| has_web_scheme(url)) {
        Some(url) => writeln!(
            out,
            "<h3><a href=\"{}\" rel=\"noopener noreferrer\"><bdi>{title}</bdi></a></h3>",
            text(url)
        )?,
        None => writeln!(out, "<h3><bdi>{title}</bdi></h3>")?,
    }
    write!(out, "<p class=\"by\"><bdi>{}</bdi> · ", text(&article.feed.name))?;
    out.write_all(time(article.effective_date(), zone, "%H:%M").as_bytes())?;
    for name in article.authors.iter().filter_map(Person::display_name) {
        write!(out, " · <bdi>{}</bdi>", text(name))?;
    }
    for (n, name) in article.also_in.iter().enumerate() {
        let before = if n == 0 { " · also in" } else { "," };
        write!(out, "{before} <bdi>{}</bdi>", text(name))?;
    }
    out.write_all(b"</p>\n")?;
    if let Some(summary) = present(article.summary.as_deref()) {
        writeln!(out, "<p><bdi>{}</bdi></p>", text(summary))?;
    }
    if let Some(html) = present(article.content_html.as_deref()) {
        // The HTML was sanitised before it was stored.
        let html = characters(html);
        writeln!(
            out,
            "<details><summary>All of it</summary>\n<div class=\"body\">{html}</div>\n</details>"
        )?;
    }
    for attachment in
        article.attachments.iter().filter(|attachment| has_web_scheme(&attachment.url))
    {
        let name = present(attachment.title.as_deref()).unwrap_or(&attachment.url);
        writeln!(
            out,
            "<p class=\"by\"><a href=\"{}\" rel=\"noopener noreferrer\"><bdi>{}</bdi></a></p>",
            text(&attachment.url),
            text(name)
        )?;
    }
    out.write_all(b"</article>\n")
}

/// The time as text, in a `<time>` element if the year can be written in RFC 3339 and HTML.
fn time(at: Timestamp, zone: Zone, format: &str) -> String {
    let shown = at.with_timezone(&zone).format(format).to_string();
    let shown = shown.trim();
    if super::has_four_digits(at) && super::date(at).is_some_and(|date| !date.starts_with("0000")) {
        format!("<time datetime=\"{}\">{shown}</time>", rfc3339(at))
    } else {
        shown.to_owned()
    }
}

/// Escapes text for the content of an element and for quoted attributes.
fn text(text: &str) -> String {
    escape(characters(text)).into_owned()
}

/// Removes the characters that are parse errors in HTML: controls and noncharacters (HTML Living Standard, section
/// 13.2.3.5).
fn characters(text: &str) -> Cow<'_, str> {
    let text = without_controls(text);
    let is_none = |c: char| {
        let code = u32::from(c);
        c == '\r' || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    if text.contains(is_none) { Cow::Owned(text.replace(is_none, "")) } else { text }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Base64, as the policy has it (RFC 4648 section 4).
    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digit = |bits: usize| char::from(DIGITS[bits & 63]);
        bytes
            .chunks(3)
            .flat_map(|part| {
                let byte = |i: usize| usize::from(part.get(i).copied().unwrap_or_default());
                let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
                [18, 12, 6, 0]
                    .into_iter()
                    .enumerate()
                    .map(move |(i, shift)| if part.len() < i { '=' } else { digit(bits >> shift) })
            })
            .collect()
    }

    #[test]
    fn the_policy_names_the_style_sheet_that_is_there() {
        let hash = base64(&Sha256::digest(STYLE.as_bytes()));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "style-src 'sha256-{hash}'");
    }

    #[test]
    fn no_character_is_left_that_html_calls_an_error() {
        for (raw, kept) in
            [("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&apos;"), ("\u{fdd0}\u{1ffff}\u{85}\0\rx", "x")]
        {
            assert_eq!(text(raw), kept, "{raw:?}");
        }
    }
}

//! Page furniture: lines at the top of an article that belong to its web page and not to its text, such as
//! dates and counters.

use crate::feed::dates::parse::date;
use crate::html::chars::collapse;
use crate::html::to_text::html_to_text;

/// Removes date lines and counters from the beginning of `line`, which is the text of `html` in one line.
pub fn without_furniture<'a>(line: &'a str, html: &str) -> &'a str {
    /// Lines that are examined.
    const LINES: usize = 3;
    /// Bytes that these lines need at most, including markup and an image before them.
    const ENOUGH: usize = 8 * 1024;
    // Each date, time and count has a digit, and few articles begin with one.
    if !line.chars().take(LONGEST_FURNITURE).any(char::is_numeric) {
        return line;
    }
    let end = html.floor_char_boundary(ENOUGH);
    let page = html_to_text(html.get(..end).unwrap_or_default());
    let mut rest = line;
    for line in page.lines().map(collapse).filter(|line| !line.is_empty()).take(LINES) {
        match rest.strip_prefix(&*line) {
            Some(after) if is_furniture(&line) => rest = after.trim_start(),
            Some(_) | None => break,
        }
    }
    rest
}

/// In characters. A longer line is a sentence.
const LONGEST_FURNITURE: usize = 100;

/// Whether each part of a line, between bullets and bars, is a date, a time or a count.
fn is_furniture(line: &str) -> bool {
    const COUNTED: [&str; 12] = [
        "view", "views", "read", "reads", "comment", "comments", "share", "shares", "min",
        "minutes", "aufrufe", "vues",
    ];
    let is_count = |part: &str| {
        let (number, noun) = part.split_once(' ').unwrap_or((part, ""));
        let mut nouns = noun.split(' ');
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|b| b.is_ascii_digit() || b".,kKM".contains(&b))
            && nouns.next().is_some_and(|noun| COUNTED.contains(&&*noun.to_lowercase()))
            && nouns.all(|noun| noun == "read")
    };
    let parts = line.split(['•', '|', '·', '–', '—']).map(str::trim).filter(|p| !p.is_empty());
    line.chars().count() < LONGEST_FURNITURE && parts.clone().next().is_some() && {
        let mut parts = parts;
        parts.all(|part| is_count(part) || date(part).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::without_furniture;
    use crate::html::to_text::{Markup, plain};

    #[test]
    fn furniture_at_the_top_is_no_summary() {
        for (html, expected) in [
            (
                "<p>August 20 2024 , 06:18 AM • 982 views</p><p>The ferry returns.</p>",
                "The ferry returns.",
            ),
            ("<div>20 Aug 2024</div><div>5 min read</div><p>a</p>", "a"),
            ("1,204 views | 3 comments<br>a", "a"),
            ("<p>In 2024 the ferry returned.</p>", "In 2024 the ferry returned."),
            ("<p>982 views of the harbour</p><p>a</p>", "982 views of the harbour a"),
            ("<p>2024-08-20</p>", ""),
        ] {
            let line = plain(html, Markup::Html).unwrap();
            assert_eq!(without_furniture(&line, html), expected, "{html}");
        }
    }
}

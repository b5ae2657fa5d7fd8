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

/// Whether each part of a line, between bullets and bars, is a date, a time, a count or a byline, and not all
/// are bylines: a name alone may be the subject of the article.
fn is_furniture(line: &str) -> bool {
    let parts = line.split(['•', '|', '·', '–', '—']).map(str::trim).filter(|p| !p.is_empty());
    line.chars().count() < LONGEST_FURNITURE
        && parts.clone().any(is_counted_or_dated)
        && parts.clone().all(|part| is_counted_or_dated(part) || is_byline(part))
}

/// Whether a part is a date, a count, or several of them with commas between: `20 August 2024, 1,234 views`.
fn is_counted_or_dated(part: &str) -> bool {
    is_count(part)
        || is_date(part)
        || part
            .rsplit_once(", ")
            .is_some_and(|(rest, last)| is_count(last.trim()) && is_counted_or_dated(rest.trim()))
        || part
            .split_once(", ")
            .is_some_and(|(first, rest)| is_count(first.trim()) && is_counted_or_dated(rest.trim()))
}

fn is_count(part: &str) -> bool {
    const COUNTED: [&str; 12] = [
        "view", "views", "read", "reads", "comment", "comments", "share", "shares", "min",
        "minutes", "aufrufe", "vues",
    ];
    let (number, noun) = part.split_once(' ').unwrap_or((part, ""));
    let mut nouns = noun.split(' ');
    number.starts_with(|c: char| c.is_ascii_digit())
        && number.bytes().all(|b| b.is_ascii_digit() || b".,kKM".contains(&b))
        && nouns.next().is_some_and(|noun| COUNTED.contains(&&*noun.to_lowercase()))
        && nouns.all(|noun| noun == "read")
}

/// Whether a part is a date, a time, or both, and nothing else. A sentence that holds a date is none, nor is a
/// place with a date, nor a year alone.
fn is_date(part: &str) -> bool {
    let words = || {
        let words = part.split(|c: char| c.is_whitespace() || ",()[]".contains(c));
        words.filter(|word| !word.is_empty())
    };
    let groups = part.split(|c: char| !c.is_numeric()).filter(|group| !group.is_empty()).count();
    let is_word_of_date = |word: &str| {
        let word = word.trim_end_matches(['.', ':']);
        word.starts_with(char::is_numeric) && is_number_of_date(word)
            || is_filler(word)
            || is_month(word)
    };
    1 < groups && words().all(is_word_of_date) && (date(part).is_some() || is_time(part))
        || groups == 1 && words().all(is_word_of_date) && words().any(is_month)
}

/// Whether a word that begins with a digit belongs to a date: `20`, `20th`, `2024-08-20T06:18Z`, `8pm`, `2024年`.
fn is_number_of_date(word: &str) -> bool {
    const LETTERS: [&str; 22] = [
        "",
        "st",
        "nd",
        "rd",
        "th",
        "am",
        "pm",
        "a.m",
        "p.m",
        "h",
        "uhr",
        "t",
        "z",
        "tz",
        "er",
        "º",
        "ª",
        "年",
        "月",
        "日",
        "年月日",
        "년",
    ];
    let is_mark = |c: char| c.is_numeric() || "-/.:+".contains(c);
    let letters: String = word.chars().filter(|c| !is_mark(*c)).collect();
    let dotted = word.trim_start_matches(is_mark).to_lowercase();
    LETTERS.contains(&&*letters.to_lowercase()) || ["a.m", "p.m"].contains(&&*dotted)
}

/// Whether a word is the name of a month in any language that dates are read in.
fn is_month(word: &str) -> bool {
    word.chars().all(char::is_alphabetic) && date(&format!("12 {word} 2001")).is_some()
}

/// Whether a text is a time of day, and not only a number with a point.
fn is_time(text: &str) -> bool {
    text.contains(|c: char| c == ':' || c.is_alphabetic())
        && date(&format!("2001-02-03 {text}")).is_some()
}

/// Days of the week, zones, and words that stand before or between the parts of a date.
#[rustfmt::skip]
const FILLERS: [&str; 102] = [
    "-", "/", "a", "am", "a.m", "at", "às", "by", "cest", "cet",
    "date", "de", "del", "den", "di", "die", "dim", "do", "dom", "domingo",
    "donnerstag", "du", "edt", "el", "est", "fr", "freitag", "fri", "friday", "gmt",
    "h", "ist", "jeu", "jeudi", "jueves", "kl", "last", "le", "lun", "lundi",
    "lunes", "mar", "mardi", "martes", "mer", "mercredi", "mi", "mittwoch", "mo", "mon",
    "monday", "montag", "of", "on", "pdt", "pm", "p.m", "posted", "pst", "published",
    "sa", "sam", "samedi", "samstag", "sat", "saturday", "so", "sonntag", "sun", "sunday",
    "the", "thu", "thursday", "tue", "tuesday", "um", "updated", "utc", "bst", "dienstag",
    "dimanche", "jst", "miércoles", "msk", "publicado", "publié", "uhr", "sábado", "sunday", "thurs",
    "tues", "u", "veröffentlicht", "vendredi", "ven", "viernes", "vom", "wed", "wednesday", "weds",
    "à", "z",
];

fn is_filler(word: &str) -> bool {
    FILLERS.contains(&&*word.to_lowercase())
}

/// Whether a part names who wrote the article: `By Ada Lovelace`.
fn is_byline(part: &str) -> bool {
    /// A name has no more words.
    const MOST: usize = 5;
    let Some((by, name)) = part.split_once(' ') else { return false };
    let is_name = |word: &str| {
        word.starts_with(char::is_uppercase)
            || ["and", "und", "et", "y", "de", "van", "von", "&"].contains(&word)
    };
    ["by", "von", "par", "por", "door", "di"].contains(&&*by.to_lowercase())
        && !part.ends_with(['.', '!', '?'])
        && name.split_whitespace().count() <= MOST
        && name.split_whitespace().all(is_name)
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
            ("<p>Published on Tuesday, 20th August 2024 at 8:15 pm GMT</p>a", "a"),
            ("<p>20. August 2024, 18.15 Uhr</p>a", "a"),
            ("<p>Le 20 août 2024 à 18h15</p>a", "a"),
            ("<p>By Ada Lovelace | 20 May 2024 | 3 min read</p>a", "a"),
            ("<p>06:18 AM</p>a", "a"),
            ("<p>2024年8月20日</p>a", "a"),
            ("<p>By Ada Lovelace</p>1 a", "By Ada Lovelace 1 a"),
            (
                "<p>The mill burned down on 3 May 1987.</p>a",
                "The mill burned down on 3 May 1987. a",
            ),
            ("<p>20 August 2024, 1,234 views</p>a", "a"),
            ("<p>1,234 views, 5 comments, Tuesday, 20 August 2024, 6:18 pm</p>a", "a"),
            ("<p>20 August 2024, 1,234 voters</p>a", "20 August 2024, 1,234 voters a"),
            ("<p>20 May 2024, Berlin</p>a", "20 May 2024, Berlin a"),
            ("<p>May 5 2024: the council met.</p>a", "May 5 2024: the council met. a"),
            (
                "<p>Concert: 14 Sep 2025, 8 pm, Town Hall</p>a",
                "Concert: 14 Sep 2025, 8 pm, Town Hall a",
            ),
            ("<p>20 May 2024 | Berlin</p>a", "20 May 2024 | Berlin a"),
            ("<p>1984</p>a", "1984 a"),
            ("<p>10 – 4</p>a", "10 – 4 a"),
            ("<p>3.14</p>a", "3.14 a"),
            ("<p>May</p>1", "May 1"),
            ("<p>2024-08-20 release notes</p>a", "2024-08-20 release notes a"),
            ("<p>Version 2.0 of 3 May 2024</p>a", "Version 2.0 of 3 May 2024 a"),
        ] {
            let line = plain(html, Markup::Html).unwrap();
            assert_eq!(without_furniture(&line, html), expected, "{html}");
        }
    }
}

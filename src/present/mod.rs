//! Text forms of times, counts and titles. The command line, the pages and the exports use the same functions, so
//! that a value looks the same everywhere.

use std::borrow::Cow;

use chrono::Datelike;

use crate::domain::article::{Article, ArticleId, FullText, FullTextState};
use crate::domain::query::{Query, Search, Term};
use crate::domain::time::{TimeDelta, Timestamp, Zone};
use crate::html::chars::{excerpt, first_characters};
use crate::html::to_text::html_to_text;

pub mod terminal;

use terminal::clean_line;

/// `12 s`, `3 min`, `5 h`, `9 d`, `4 y`: the span in the largest unit of which it has at least two. A year is 365 days.
pub fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds().abs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        172_800..63_072_000 => format!("{} d", seconds / 86_400),
        _ => format!("{} y", seconds / 31_536_000),
    }
}

/// `3 min ago`, `in 5 h`, `now`: a short form for the columns of a table.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let distance = at - now;
    match distance.num_seconds() {
        0 => "now".to_owned(),
        ..0 => format!("{} ago", span(distance)),
        1.. => format!("in {}", span(distance)),
    }
}

/// `just now`, `3 min ago`, `in 2 days`: a form for sentences, with a precision of one minute at most.
pub fn relative_in_words(at: Timestamp, now: Timestamp) -> String {
    let distance = (at - now).abs();
    let text = match distance {
        d if d < TimeDelta::minutes(1) => {
            return if now < at { "in a moment" } else { "just now" }.to_owned();
        }
        d if d < TimeDelta::hours(1) => format!("{} min", d.num_minutes()),
        d if d < TimeDelta::days(2) => format!("{} h", d.num_hours()),
        d if d < TimeDelta::days(365) => count(d.num_days().unsigned_abs(), "day"),
        d => count((d.num_days() / 365).unsigned_abs(), "year"),
    };
    if now < at { format!("in {text}") } else { format!("{text} ago") }
}

/// The time in the format of `ls -l`: `Aug 20 06:18`, or `Aug 20  2024` if the year is not that of `now`.
pub fn short_date(at: Timestamp, now: Timestamp, zone: Zone) -> String {
    let (at, now) = (at.with_timezone(&zone), now.with_timezone(&zone));
    let format = if at.year() == now.year() { "%b %d %H:%M" } else { "%b %d  %Y" };
    at.format(format).to_string()
}

/// `2026-08-20 06:18:00 CEST`: the time to the second, with its zone.
pub fn exact(at: Timestamp, zone: Zone) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// `Thursday, 20 August 2026`: the heading above the articles of a day.
pub fn day(at: Timestamp, zone: Zone) -> String {
    at.with_timezone(&zone).format("%A, %-d %B %Y").to_string()
}

/// The name of a time zone, such as `Europe/Berlin`; `UTC` for all names of that.
pub fn zone_name(zone: Zone) -> &'static str {
    match zone {
        Zone::Etc__UTC | Zone::Etc__UCT | Zone::Etc__Zulu | Zone::Etc__Universal => "UTC",
        zone => zone.name(),
    }
}

/// The part of the id after the dash, which identifies an article within its store.
pub fn short_id(id: &ArticleId) -> &str {
    id.0.rsplit('-').next().unwrap_or(&id.0)
}

/// `1 feed`, `2 feeds`, `12,345 feeds`.
pub fn count(n: u64, noun: &str) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i != 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if n == 1 { "" } else { "s" };
    format!("{grouped} {noun}{plural}")
}

/// Where the text of an article is from whose page is fetched, and why it is not from the page.
pub fn text_source(full_text: &FullText) -> String {
    let FullText { state, words, engine, reason } = full_text;
    let words = words.map(|words| format!(", {}", count(words, "word")));
    let source = match engine {
        Some(engine) => format!("of the page{}, found by {engine}", words.unwrap_or_default()),
        None => format!("of the feed{}", words.unwrap_or_default()),
    };
    let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match state {
        FullTextState::Page => source,
        FullTextState::Feed => format!("{source}{reason}"),
        state => format!("{source}; page {}{reason}", state.as_str()),
    }
}

/// How many characters of scripts without spaces are read in the time of one word.
const CHARACTERS_PER_WORD: usize = 2;

/// Words that most people read in a minute.
const WORDS_PER_MINUTE: usize = 230;

/// How many minutes it takes to read the content of an article; `None` for less than two.
pub fn reading_minutes(article: &Article) -> Option<u64> {
    minutes_to_read(&html_to_text(article.content_html.as_ref()?))
}

fn minutes_to_read(text: &str) -> Option<u64> {
    // The iteration mark, kana and Han.
    let is_unspaced = |c: &char| {
        let kana_or_han =
            ['\u{3040}'..='\u{30ff}', '\u{3400}'..='\u{9fff}', '\u{f900}'..='\u{faff}'];
        *c == '\u{3005}' || kana_or_han.iter().any(|range| range.contains(c))
    };
    let unspaced = text.chars().filter(is_unspaced).count();
    let words = text.split_whitespace().count() + unspaced / CHARACTERS_PER_WORD;
    let minutes = words.div_ceil(WORDS_PER_MINUTE);
    u64::try_from(minutes).ok().filter(|minutes| 1 < *minutes)
}

/// The name of an article in one line: its title, else the beginning of its summary or of its text.
pub fn headline(article: &Article) -> Option<Cow<'_, str>> {
    /// The most characters of a headline that is made from the text.
    const BEGINNING: usize = 120;
    let beginning = |text: &str| Some(excerpt(&line(text)?, BEGINNING).into_owned());
    let content = || match (&article.content_text, &article.content_html) {
        (Some(text), _) => beginning(text),
        (None, Some(html)) => beginning(&html_to_text(html)),
        (None, None) => None,
    };
    article
        .title
        .as_deref()
        .and_then(line)
        .or_else(|| article.summary.as_deref().and_then(beginning).or_else(content).map(Cow::Owned))
}

/// The first 2,000 characters of the text as one line for a terminal; `None` if no character is visible.
pub fn line(text: &str) -> Option<Cow<'_, str>> {
    const CHARS: usize = 2_000;
    Some(clean_line(first_characters(text, CHARS))).filter(|line| !line.is_empty())
}

/// The title of an export of the articles of these feeds or tags; of all articles if there are none.
pub fn export_title(query: &Query) -> String {
    let mut parts: Vec<String> = query.feeds.iter().chain(&query.tags).cloned().collect();
    let more = [
        ("in", query.languages.join(", ")),
        ("by", query.authors.join(", ")),
        ("about", query.search.as_ref().map(words).unwrap_or_default()),
        ("of story", query.stories.iter().map(|id| id.0.as_str()).collect::<Vec<_>>().join(", ")),
    ];
    let more = more.into_iter().filter(|(_, values)| !values.is_empty());
    parts.extend(more.map(|(what, values)| format!("{what} {values}")));
    match parts.as_slice() {
        [] => "gazetted: latest articles".to_owned(),
        parts => format!("gazetted: {}", parts.join(", ")),
    }
}

/// The words of a search as a user may type them.
fn words(search: &Search) -> String {
    let word = |term: &Term| {
        let is_phrase = term.text.contains(char::is_whitespace);
        if is_phrase { format!("\"{}\"", term.text) } else { term.text.clone() }
    };
    let wanted = search.wanted.iter().map(word);
    let unwanted = search.unwanted.iter().map(|term| format!("-{}", word(term)));
    wanted.chain(unwanted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::from_unix;

    #[test]
    fn the_time_to_read_counts_words_and_characters_of_scripts_without_spaces() {
        for (text, expected) in [
            ("word ".repeat(230), None),
            ("word ".repeat(231), Some(2)),
            ("слово ".repeat(1_000), Some(5)),
            ("港は人々で".repeat(300), Some(4)),
        ] {
            assert_eq!(minutes_to_read(&text), expected, "{}", text.len());
        }
        assert_eq!(minutes_to_read(""), None);
    }

    #[test]
    fn relative_times_name_the_largest_fitting_unit() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        for (seconds, expected) in [
            (0, "now"),
            (-5, "5 s ago"),
            (119, "in 119 s"),
            (180, "in 3 min"),
            (-7_200, "2 h ago"),
            (864_000, "in 10 d"),
            (-86_400 * 729, "729 d ago"),
            (-86_400 * 730, "2 y ago"),
            (-86_400 * 7_560, "20 y ago"),
        ] {
            assert_eq!(relative(now + TimeDelta::seconds(seconds), now), expected);
        }
    }

    #[test]
    fn relative_times_in_words_are_exact_to_the_minute_at_best() {
        let now = from_unix(1_000_000_000);
        for (seconds, words) in [
            (0, "just now"),
            (-59, "just now"),
            (59, "in a moment"),
            (60, "in 1 min"),
            (-3_600, "1 h ago"),
            (-86_400, "24 h ago"),
            (-172_800, "2 days ago"),
            (86_400 * 800, "in 2 years"),
        ] {
            let shown = relative_in_words(now + TimeDelta::seconds(seconds), now);
            assert_eq!(shown, words, "{seconds}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_nouns_agree_with_them() {
        for (n, expected) in
            [(0, "0 feeds"), (1, "1 feed"), (999, "999 feeds"), (1_234_567, "1,234,567 feeds")]
        {
            assert_eq!(count(n, "feed"), expected);
        }
    }
}

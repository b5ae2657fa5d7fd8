//! The order in which a document lists its entries, and which of them are the newest.
//!
//! Most documents list the newest entry first. Archives, changelogs and some podcasts list it last. Dates show the
//! order; without dates, the numbers in links and identifiers do (`?p=101`, `/2024/08/01/`, `episode-12`).

use crate::domain::time::Timestamp;
use crate::feed::dates;
use crate::feed::parse::model::ParsedEntry;

/// The order of the entries of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Also when nothing shows the order.
    NewestFirst,
    OldestFirst,
}

/// Finds the order of a document: that of most pairs of neighbours.
pub fn order(entries: &[ParsedEntry], now: Timestamp) -> Order {
    let date = |entry: &ParsedEntry| date(entry, now);
    let dated: Vec<Timestamp> = entries.iter().filter_map(date).collect();
    let (up, down) = steps(&dated);
    if up != down {
        return of_steps(up, down);
    }
    let links: Vec<Vec<u64>> = entries.iter().map(|entry| numbers(link(entry))).collect();
    let (up, down) = steps(&links);
    if up != down {
        return of_steps(up, down);
    }
    let ids: Vec<Vec<u64>> = entries.iter().map(|entry| numbers(&entry.entry.id)).collect();
    let (up, down) = steps(&ids);
    of_steps(up, down)
}

/// Whether each entry is among the `limit` newest. An entry without date is as old as its older neighbour with one.
pub fn newest(entries: &[ParsedEntry], limit: usize, now: Timestamp) -> Vec<bool> {
    if entries.len() <= limit {
        return vec![true; entries.len()];
    }
    let mut places: Vec<usize> = (0..entries.len()).collect();
    if order(entries, now) == Order::OldestFirst {
        places.reverse();
    }
    // From the oldest entry on, so that the date of the older neighbour is at hand.
    let mut older = None;
    let mut aged: Vec<(Option<Timestamp>, usize)> = Vec::with_capacity(entries.len());
    for place in places.into_iter().rev() {
        older = entries.get(place).and_then(|entry| date(entry, now)).or(older);
        aged.push((older, place));
    }
    aged.reverse();
    // The sort is stable, so that the order of the document decides between equal dates.
    aged.sort_by_key(|(date, _)| std::cmp::Reverse(*date));
    let mut wanted = vec![false; entries.len()];
    for (_, place) in aged.into_iter().take(limit) {
        if let Some(slot) = wanted.get_mut(place) {
            *slot = true;
        }
    }
    wanted
}

fn date(parsed: &ParsedEntry, now: Timestamp) -> Option<Timestamp> {
    let entry = &parsed.entry;
    dates::published_and_modified(entry.published, entry.updated, now).0
}

fn link(parsed: &ParsedEntry) -> &str {
    parsed.entry.links.first().map_or("", |link| &link.href)
}

fn of_steps(up: usize, down: usize) -> Order {
    if down < up { Order::OldestFirst } else { Order::NewestFirst }
}

/// How many neighbours ascend and how many descend.
fn steps<T: PartialOrd>(values: &[T]) -> (usize, usize) {
    let pairs = || values.iter().zip(values.iter().skip(1));
    (pairs().filter(|(a, b)| a < b).count(), pairs().filter(|(a, b)| b < a).count())
}

/// The numbers in a text. Those of a link before its host's end do not matter: they are the same in each entry.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::parse::model::Link;

    fn entries(values: &[(&str, &str)]) -> Vec<ParsedEntry> {
        let entry = |(date, link): &(&str, &str)| {
            let mut parsed = ParsedEntry::default();
            parsed.entry.published = date.parse().ok();
            parsed.entry.links = vec![Link {
                href: (*link).to_owned(),
                rel: None,
                media_type: None,
                href_lang: None,
                title: None,
                length: None,
                target: None,
            }];
            parsed
        };
        values.iter().map(entry).collect()
    }

    #[test]
    fn the_newest_entries_are_found_whichever_way_the_document_is_ordered() {
        let now = "2024-09-01T00:00:00Z".parse().unwrap();
        let day = |n: u32| format!("2024-08-0{n}T00:00:00Z");
        let (one, two, three) = (day(1), day(2), day(3));
        for (name, listed, kept) in [
            ("descending", [(&*three, ""), (&two, ""), (&one, "")], [true, true, false]),
            ("ascending", [(&*one, ""), (&two, ""), (&three, "")], [false, true, true]),
            ("mixed", [(&*two, ""), (&one, ""), (&three, "")], [true, false, true]),
            ("ascending, one undated", [(&*one, ""), ("", ""), (&three, "")], [false, true, true]),
            ("descending, one undated", [(&*three, ""), ("", ""), (&one, "")], [true, true, false]),
            ("ascending, equal dates", [(&*one, ""), (&two, ""), (&two, "")], [false, true, true]),
            ("no dates", [("", "/a"), ("", "/b"), ("", "/c")], [true, true, false]),
            (
                "rising numbers",
                [("", "/?p=9"), ("", "/?p=10"), ("", "/?p=11")],
                [false, true, true],
            ),
            ("falling numbers", [("", "/11"), ("", "/10"), ("", "/9")], [true, true, false]),
            (
                "dates in links",
                [("", "/2023/12/31/x"), ("", "/2024/01/02/a"), ("", "/2024/02/01/y")],
                [false, true, true],
            ),
        ] {
            assert_eq!(newest(&entries(&listed), 2, now), kept, "{name}");
        }
    }
}

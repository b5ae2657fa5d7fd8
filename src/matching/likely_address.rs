//! Which feed that left the configuration is likely to be the same as one that has come into it under another address.
//! It is a suggestion for the user, who decides.

use std::collections::BTreeMap;

use url::Url;

use crate::matching::words::words;

/// A feed, by what is compared.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub url: &'a str,
    /// Its configured name, and its title.
    pub names: [Option<&'a str>; 2],
}

/// Why two feeds are likely to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// They have the same name or title.
    Name,
    /// Their addresses differ in nothing but what sites change: the ending of the domain, `www.`, the ending of the path.
    Address,
}

/// Two feeds that are likely to be the same, by their places in the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Likely {
    pub old: usize,
    pub new: usize,
    pub likeness: Likeness,
}

/// The pairs of a feed that left the configuration and one that is new in it, which are likely to be the same, in the
/// order of `new`. A feed that is like several others is in no pair.
pub fn likely(old: &[Known<'_>], new: &[Known<'_>]) -> Vec<Likely> {
    let mut found: Vec<Likely> = Vec::new();
    for likeness in [Likeness::Name, Likeness::Address] {
        let mut sharing: BTreeMap<String, [Vec<usize>; 2]> = BTreeMap::new();
        for (side, feeds) in [old, new].into_iter().enumerate() {
            for (place, feed) in feeds.iter().enumerate() {
                for key in keys(feed, likeness) {
                    if let Some(places) = sharing.entry(key).or_default().get_mut(side) {
                        places.push(place);
                    }
                }
            }
        }
        let pairs = sharing.into_values().filter_map(|[old, new]| match (&old[..], &new[..]) {
            ([old], [new]) => Some(Likely { old: *old, new: *new, likeness }),
            _ => None,
        });
        let mut pairs: Vec<Likely> = pairs.collect();
        pairs.sort_unstable();
        pairs.dedup();
        let is_one = |pair: &Likely| {
            let same = |other: &&Likely| other.old == pair.old || other.new == pair.new;
            pairs.iter().filter(same).count() == 1 && !found.iter().any(|other| same(&other))
        };
        let alone: Vec<Likely> = pairs.iter().copied().filter(is_one).collect();
        found.extend(alone);
    }
    found.sort_unstable_by_key(|pair| pair.new);
    found
}

/// Feeds with a common key are alike.
fn keys(feed: &Known<'_>, likeness: Likeness) -> Vec<String> {
    match likeness {
        Likeness::Address => address(feed.url).into_iter().collect(),
        Likeness::Name => {
            let names = feed.names.into_iter().flatten();
            let mut keys: Vec<String> = names.map(name).filter(|name| !name.is_empty()).collect();
            keys.dedup();
            keys
        }
    }
}

/// Words that stand for the feed itself, not for what it is about.
const GENERIC: [&str; 15] = [
    "www", "feed", "feeds", "rss", "rss2", "rss20", "atom", "index", "default", "xml", "rdf",
    "json", "jsonfeed", "type", "format",
];

fn is_specific(word: &str) -> bool {
    !word.is_empty() && !GENERIC.contains(&word)
}

/// The words of a name. `Example (RSS)` is `Example`.
fn name(name: &str) -> String {
    let words = words(name);
    words.iter().map(String::as_str).filter(|word| is_specific(word)).collect::<Vec<_>>().join(" ")
}

/// What stays of an address when a site changes the ending of its domain or of its paths; `None` for a file, which is
/// on no site.
fn address(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let host = url.host_str()?.to_ascii_lowercase();
    let suffix = psl::suffix(host.as_bytes()).filter(psl::Suffix::is_known);
    let suffix = suffix.and_then(|suffix| str::from_utf8(suffix.as_bytes()).ok());
    let site = suffix.and_then(|suffix| host.strip_suffix(suffix)).unwrap_or(&host);
    let site = site.split('.').filter(|label| is_specific(label));
    let path = url.path().to_ascii_lowercase();
    let path = path.split('/').map(|segment| match segment.rsplit_once('.') {
        Some((before, ending)) if ending.len() <= 4 && !is_page_number(ending) => before,
        _ => segment,
    });
    let mut query: Vec<String> = url
        .query_pairs()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_ascii_lowercase()))
        .filter(|(name, value)| is_specific(name) || is_specific(value))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    query.sort_unstable();
    let parts = [
        site.collect::<Vec<_>>().join("."),
        path.filter(|segment| is_specific(segment)).collect::<Vec<_>>().join("/"),
        query.join("&"),
    ];
    (!parts[0].is_empty()).then(|| parts.join("\n"))
}

/// Whether what follows a dot is a number, and not the ending of a file's name: `/v1.2`.
fn is_page_number(ending: &str) -> bool {
    ending.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<'a>(url: &'a str, name: Option<&'a str>) -> Known<'a> {
        Known { url, names: [name, None] }
    }

    #[test]
    fn addresses_of_one_feed_are_alike_and_those_of_neighbours_are_not() {
        for (one, other, alike) in [
            ("https://a.example.org/feed", "http://a.example.org/rss.xml", true),
            ("https://example.com/blog/feed/", "https://www.example.com/blog/atom.xml", true),
            ("https://example.com/world.xml", "https://example.net/world.rss", true),
            ("https://example.co.uk/world", "https://feeds.example.org/world/rss", true),
            ("https://example.com/?feed=rss2", "https://example.com/feed", true),
            ("https://example.com/feed?tag=a", "https://example.com/atom?tag=a", true),
            ("https://example.com/feed?tag=a", "https://example.com/feed?tag=b", false),
            ("https://example.com/sports.xml", "https://example.com/world.xml", false),
            ("https://sports.example.com/feed", "https://world.example.com/feed", false),
            ("https://a.github.io/feed", "https://b.github.io/feed", false),
            ("https://a.example.com/feed", "https://other.com/feed", false),
            ("https://example.com/v1.2/feed", "https://example.com/v1.3/feed", false),
            ("http://192.0.2.1/feed", "http://192.0.2.2/feed", false),
            ("file:///a/feed.xml", "file:///b/feed.xml", false),
        ] {
            let found = likely(&[known(one, None)], &[known(other, None)]);
            assert_eq!(!found.is_empty(), alike, "{one} {other}");
            let back = likely(&[known(other, None)], &[known(one, None)]);
            assert_eq!(!back.is_empty(), alike, "{other} {one}");
        }
    }

    #[test]
    fn a_name_or_title_counts_more_than_an_address_and_what_is_ambiguous_counts_nothing() {
        let old = [
            known("https://a.example.com/one", Some("Harbour News")),
            known("https://a.example.com/two", Some("Library")),
            known("https://a.example.com/three", Some("Twice")),
            known("https://a.example.com/four", Some("Twice")),
        ];
        let new = [
            known("https://b.other.org/x", Some("HARBOUR – news (RSS)")),
            known("https://a.example.com/one.xml", Some("Museum")),
            known("https://b.other.org/y", Some("Twice")),
            Known { url: "https://b.other.org/z", names: [Some("Mine"), Some("Library")] },
        ];
        let found = likely(&old, &new);
        let expected = [(0, 0, Likeness::Name), (1, 3, Likeness::Name)];
        assert_eq!(found, expected.map(|(old, new, likeness)| Likely { old, new, likeness }));
        assert!(likely(&[], &new).is_empty() && likely(&old, &[]).is_empty());
    }
}

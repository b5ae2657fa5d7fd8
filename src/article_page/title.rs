//! The title of the article.
//!
//! What stands above the article is its title; what the page states for search engines and social networks is often a
//! variant of it, with the name of the site. So the first heading counts, if the stated titles confirm it.

use std::collections::HashSet;

use dom_query::{Document, NodeRef};
use url::Url;

use crate::article_page::head::Head;
use crate::article_page::structured_data::StructuredData;
use crate::article_page::tree::{all, below, has_word, line, names};
use crate::html::chars::collapse;
use crate::html::to_text::{Markup, plain};

/// A title, the rule that found it, and the heading that it was read from.
pub(super) struct FoundTitle<'a> {
    pub(super) text: String,
    pub(super) rule: &'static str,
    pub(super) heading: Option<NodeRef<'a>>,
}

pub(super) fn title<'a>(page: &'a Document, data: &StructuredData) -> Option<FoundTitle<'a>> {
    let stated = stated(page, data);
    let headings: Vec<_> = headings(page);
    let confirmed = |share: f64| {
        let ranked = headings.iter().filter_map(|(node, text)| {
            let best = stated.iter().map(|title| shared(text, title)).fold(0.0, f64::max);
            (share <= best).then_some((node, text, best))
        });
        // The first of the best.
        ranked.fold(None, |best: Option<(_, _, f64)>, next| match best {
            Some(known) if next.2 <= known.2 => Some(known),
            Some(_) | None => Some(next),
        })
    };
    let of_heading = |(node, text): (&NodeRef<'a>, &String), rule| FoundTitle {
        text: text.clone(),
        rule,
        heading: Some(*node),
    };
    if let Some((node, text, _)) = confirmed(0.6) {
        return Some(of_heading((node, text), "h1 that the stated title confirms"));
    }
    // A heading that has nothing in common with a stated title is that of another part of the page.
    let telling: Vec<_> =
        stated.iter().filter(|title| 3 <= title.split_whitespace().count()).collect();
    let is_denied =
        |text: &str| !telling.is_empty() && telling.iter().all(|title| shared(text, title) < 0.3);
    let mut long = headings
        .iter()
        .filter(|(_, text)| 3 <= text.split_whitespace().count() && !is_denied(text));
    if let (Some((node, text)), None) = (long.next(), long.next()) {
        return Some(of_heading((node, text), "the only h1"));
    }
    // What is above the date and the counter of the article is its title, although search engines get another one.
    let is_above_date = |node: &NodeRef<'a>, text: &str| {
        Head::after(Some(node), text).furniture.is_some_and(|line| line <= 2)
    };
    let mut long = headings.iter().filter(|(_, text)| 3 <= text.split_whitespace().count());
    if let (Some((node, text)), None) = (long.next(), long.next())
        && is_above_date(node, text)
    {
        return Some(of_heading((node, text), "h1 above the date"));
    }
    let site = data.site_name();
    let other = |rule, text: Option<String>| {
        let text = without_site(&text?, site.as_deref());
        // A heading of another rank may be the title.
        let heading =
            all(page, "h1, h2, h3").into_iter().find(|node| 0.8 <= shared(&line(node), &text));
        Some(FoundTitle { text, rule, heading }).filter(|found| !found.text.is_empty())
    };
    other("JSON-LD headline", data.text_of_article("headline"))
        .or_else(|| {
            other(
                "og:title",
                data.meta(&["og:title", "twitter:title"])
                    .and_then(|text| plain(text, Markup::Doubtful)),
            )
        })
        .or_else(|| other("title element", all(page, "title").first().map(line)))
        .or_else(|| headings.first().map(|(node, text)| of_heading((node, text), "first h1")))
}

/// The titles that the page states.
fn stated(page: &Document, data: &StructuredData) -> Vec<String> {
    let element = all(page, "head title, title").first().map(line);
    let og =
        data.meta(&["og:title", "twitter:title"]).and_then(|text| plain(text, Markup::Doubtful));
    let site = data.site_name();
    let titles = [og, element, data.text_of_article("headline")].into_iter().flatten();
    titles.map(|title| without_site(&title, site.as_deref())).filter(|t| !t.is_empty()).collect()
}

fn headings(page: &Document) -> Vec<(NodeRef<'_>, String)> {
    let named: &[&str] =
        &["logo", "brand", "masthead", "breadcrumb", "breadcrumbs", "cookie", "modal"];
    let is_title = |node: &NodeRef<'_>| !has_word(&names(node), named) && !links_home(node);
    let found = all(page, "h1").into_iter().filter(is_title);
    found.map(|node| (node, heading_text(&node))).filter(|(_, text)| !text.is_empty()).collect()
}

/// Whether a heading is the name of the site: it leads to the home page.
fn links_home(node: &NodeRef<'_>) -> bool {
    let root = Url::parse("https://unknown.invalid/a/b");
    below(node, "a[href]").iter().chain(node.parent().iter()).any(|link| {
        let Some(href) = link.attr("href").filter(|href| !href.starts_with('#')) else {
            return false;
        };
        let url = root.as_ref().ok().and_then(|root| root.join(&href).ok());
        url.is_some_and(|url| url.path() == "/" && url.query().is_none())
    })
}

/// The text of a heading without the label of its section and other notes in it.
fn heading_text(node: &NodeRef<'_>) -> String {
    let text = line(node);
    let notes: &[&str] =
        &["kicker", "label", "badge", "category", "eyebrow", "overline", "topline", "hidden", "sr"];
    let inner = below(node, "[class]").into_iter().filter(|inner| has_word(&names(inner), notes));
    let rest = inner.fold(text.clone(), |text, note| text.replacen(&line(&note), "", 1));
    let rest = collapse(&rest);
    let rest = rest.trim_start_matches([':', '|', '·', '•']).trim().to_owned();
    if rest.is_empty() { text } else { rest }
}

/// The share of the words of the shorter text that the longer one has too.
pub(super) fn shared(a: &str, b: &str) -> f64 {
    let words = |text: &str| -> HashSet<String> {
        let mut words = HashSet::new();
        for word in
            text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty())
        {
            // Chinese, Japanese and Thai have no spaces between words.
            if word.chars().any(is_unspaced) {
                let chars: Vec<char> = word.chars().collect();
                words.extend(chars.windows(2).map(|pair| pair.iter().collect::<String>()));
            } else {
                words.insert(word.to_owned());
            }
        }
        words
    };
    let (a, b) = (words(a), words(b));
    #[expect(clippy::cast_precision_loss, reason = "titles have few words")]
    let share = a.intersection(&b).count() as f64 / a.len().min(b.len()).max(1) as f64;
    share
}

fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// A title without the name of the site before or after it.
pub(super) fn without_site(title: &str, site: Option<&str>) -> String {
    let title = title.trim();
    let folded = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let is_site = |part: &str| {
        site.is_some_and(|site| {
            let (site, part) = (folded(site), folded(part));
            !part.is_empty() && (site == part || 3 < part.len() && site.contains(&part))
        })
    };
    let separators =
        [" | ", " – ", " — ", " - ", " · ", " • ", " :: ", " » ", " ‹ ", " / ", "｜", "_"];
    // What the site calls itself goes on both sides.
    for separator in separators {
        if let Some((rest, last)) = title.rsplit_once(separator)
            && is_site(last)
        {
            return without_site(rest, site);
        }
        if let Some((first, rest)) = title.split_once(separator)
            && is_site(first)
        {
            return without_site(rest, site);
        }
    }
    // A short part after the last separator is the site, if a title is left.
    let is_short = |rest: &str, last: &str| {
        last.split_whitespace().count() <= 4 && last.chars().count() * 2 < rest.chars().count()
    };
    let separators = [" | ", " – ", " — ", " - ", " · ", " • ", " :: ", " » ", "｜"];
    let cut = separators.iter().filter_map(|separator| title.rsplit_once(separator));
    let cut = cut.filter(|(rest, last)| is_short(rest, last)).max_by_key(|(rest, _)| rest.len());
    cut.filter(|_| site.is_none()).map_or(title, |(rest, _)| rest).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(html: &str) -> (String, &'static str) {
        let page = Document::from(html);
        let found = title(&page, &StructuredData::of(&page)).unwrap();
        (found.text, found.rule)
    }

    #[test]
    fn the_heading_counts_that_the_stated_titles_confirm() {
        for (html, expected) in [
            (
                "<title>Ferry returns to the harbour | The Gazette</title><h1>The Gazette</h1><h1>The ferry returns to the harbour</h1>",
                "The ferry returns to the harbour",
            ),
            (
                "<title>Gazette</title><h1>The ferry returns to the harbour</h1>",
                "The ferry returns to the harbour",
            ),
            (
                "<title>Ferry returns to the harbour - Gazette</title><h2>News</h2>",
                "Ferry returns to the harbour",
            ),
            (
                "<meta property=og:site_name content='The Daily Gazette'><title>Ferry – Harbour – Daily Gazette</title>",
                "Ferry – Harbour",
            ),
            (
                "<title>Ferry returns to the harbour</title><h1><span class=kicker>Transport</span> Ferry returns to the harbour</h1>",
                "Ferry returns to the harbour",
            ),
            (
                "<script type='application/ld+json'>{\"@type\":\"Article\",\"headline\":\"Ferry returns\"}</script><title>x</title><h1>News</h1><h1>Sport</h1>",
                "Ferry returns",
            ),
            (
                "<title>Old mills: a history</title><h1><a href='/'>Mills and history</a></h1><h2>Old mills: a history</h2>",
                "Old mills: a history",
            ),
            (
                "<title>Old mills and their history</title><h1>A message from our founder</h1>",
                "Old mills and their history",
            ),
            (
                "<title>Ferry service to the island resumes</title><h1>The boats sail again</h1><p>The first crossing in nine years.</p><p>August 20 2024, 06:18 AM • 982 views</p>",
                "The boats sail again",
            ),
            ("<title>渡船返回港口 - 公报</title><h1>渡船返回港口</h1>", "渡船返回港口"),
        ] {
            assert_eq!(found(html).0, expected, "{html}");
        }
    }
}

//! A year of several feeds with the same articles, while their publishers change programs, hosts and GUIDs: readers see each
//! article once, and no two different articles are taken for one.

use std::collections::BTreeMap;

use crate::domain::article::Article;
use crate::domain::query::Query;
use crate::store::sql::duplicates_tests::{Home, at, host, prose};

const WEEKS: usize = 52;
const MINUTES_OF_A_WEEK: i64 = 7 * 24 * 60;

/// How a publisher's program writes GUIDs and links at a time.
#[derive(Clone, Copy, Debug)]
enum Period {
    /// `http`, a numbered GUID on the site.
    First,
    /// Links are `https` and without `www.`.
    LinksAreHttps,
    /// There are no GUIDs any more.
    NoGuids,
    /// The site moves to another host.
    OtherHost,
    /// Another program: other GUIDs, other paths.
    OtherProgram,
}

const PERIODS: [Period; 5] = [
    Period::First,
    Period::LinksAreHttps,
    Period::NoGuids,
    Period::OtherHost,
    Period::OtherProgram,
];

/// A feed as its publisher writes it in one week.
struct Feed {
    number: usize,
    /// The site without `www.`.
    site: String,
    week: usize,
    period: Period,
}

impl Feed {
    /// The feeds of a publisher change one after the other, three weeks apart.
    fn in_week(number: usize, site: String, week: usize) -> Self {
        let period = week.saturating_sub(3 * (number % 5)) * PERIODS.len() / WEEKS;
        Self { number, site, week, period: PERIODS[period] }
    }

    /// An item of article `n`, which was published in `week`. The text begins with a word that only this article has.
    fn item(&self, n: usize, week: usize, title: &str, text: &str) -> String {
        let Self { number, site, period, .. } = self;
        let words = title.to_lowercase().replace(' ', "-");
        let (guid, link) = match period {
            Period::First => (
                format!("http://www.{site}/?p={n}"),
                format!("http://www.{site}/news/{n}/{words}/"),
            ),
            Period::LinksAreHttps => {
                (format!("http://www.{site}/?p={n}"), format!("https://{site}/news/{n}/{words}"))
            }
            Period::NoGuids => (String::new(), format!("https://{site}/news/{n}/{words}")),
            Period::OtherHost => (String::new(), format!("https://new.{site}/news/{n}/{words}")),
            Period::OtherProgram => (
                format!("{number}-{}", n * 31 + 5),
                format!("https://new.{site}/artikel/{}", n * 31 + 5),
            ),
        };
        // One in twenty has a GUID that is random at each fetch.
        let guid = match n % 20 {
            3 => format!("<guid>{}</guid>", prose(self.week * 7_919 + n * 31 + number, 3)),
            _ if guid.is_empty() => guid,
            _ => format!("<guid isPermaLink=\"false\">{guid}</guid>"),
        };
        let age = self.week - week;
        // One in ten gets another headline a week later, and one in fifteen another date.
        let title =
            if n % 10 == 4 && 0 < age { format!("{title} (updated)") } else { title.to_owned() };
        let dated = if n % 15 == 7 && 0 < age { week + 1 } else { week };
        let date = start_of(dated).saturating_add(i64::try_from(n).unwrap() % 600);
        let date = at(date).to_rfc2822();
        format!(
            "<item>{guid}<link>{link}</link><title>{title}</title><pubDate>{date}</pubDate>\
             <description><![CDATA[<p>{text}</p>]]></description></item>"
        )
    }
}

fn start_of(week: usize) -> i64 {
    i64::try_from(week).unwrap() * MINUTES_OF_A_WEEK
}

/// A word that only article `n` has.
fn mark(n: usize) -> String {
    format!("mark{}", prose(n + 500_000, 2).replace(' ', ""))
}

fn title(n: usize) -> String {
    format!("The {} closes", prose(n + 100_000, 4))
}

fn text(n: usize) -> String {
    format!("{} {}", mark(n), prose(n, 60))
}

/// Asserts that readers see each of these articles once, and that what was merged was one article.
#[track_caller]
fn assert_each_once(home: &Home, articles: usize) {
    let numbers: BTreeMap<String, usize> = (0..articles).map(|n| (mark(n), n)).collect();
    let all = home.articles(&Query { with_duplicates: true, ..Query::default() });
    let number_of = |article: &Article| {
        let html = article.content_html.as_deref().unwrap_or_default();
        let mark = html.split(|c: char| !c.is_ascii_lowercase()).find(|w| w.starts_with("mark"));
        numbers[mark.unwrap()]
    };
    let by_id: BTreeMap<_, _> =
        all.iter().map(|article| (article.id.0.clone(), number_of(article))).collect();
    let merged_wrongly: Vec<_> = all
        .iter()
        .filter_map(|article| Some((number_of(article), by_id[&article.duplicate_of.as_ref()?.0])))
        .filter(|(article, original)| article != original)
        .collect();
    assert_eq!(merged_wrongly, [], "different articles that were taken for one");
    let mut counts = vec![0; articles];
    for article in home.articles(&Query::default()) {
        counts[number_of(&article)] += 1;
    }
    let wrong: Vec<_> = counts.iter().enumerate().filter(|(_, count)| **count != 1).collect();
    assert_eq!(wrong, [], "articles that readers do not see exactly once");
}

#[tokio::test]
async fn five_feeds_of_one_publisher_have_each_article_of_a_year_once() {
    const A_WEEK: usize = 4;
    let site = || "paper.example".to_owned();
    let home = Home::on(vec![site(); 5]).await;
    for week in 0..WEEKS {
        for feed in 0..5 {
            let feed = Feed::in_week(feed, site(), week);
            let listed = (week * A_WEEK).saturating_sub(2 * A_WEEK)..(week + 1) * A_WEEK;
            let items: Vec<String> =
                listed.rev().map(|n| feed.item(n, n / A_WEEK, &title(n), &text(n))).collect();
            home.poll_and_match(feed.number, start_of(week) + 600, &items).await;
        }
    }
    assert_each_once(&home, WEEKS * A_WEEK);
}

/// Each newspaper prints the agency's article under its own headline or the agency's, with its own first and last words,
/// and one in twenty words is another one. Beside it, each newspaper has an article of its own.
#[tokio::test]
async fn twenty_newspapers_that_print_one_agency_have_each_article_of_a_year_once() {
    const PAPERS: usize = 20;
    const STEP: usize = 4;
    let home = Home::on((0..PAPERS).map(host).collect()).await;
    let mut articles = 0;
    let mut printed: Vec<Vec<(usize, usize, String, String)>> = vec![Vec::new(); PAPERS];
    for week in (0..WEEKS).step_by(STEP) {
        let agency = articles;
        for (paper, printed) in printed.iter_mut().enumerate() {
            let own = agency + 1 + paper;
            let headline = if paper % 3 == 0 {
                format!("{} says {}", prose(own, 3), title(agency))
            } else {
                title(agency)
            };
            let mut words: Vec<String> = text(agency).split(' ').map(str::to_owned).collect();
            for (place, word) in words.iter_mut().enumerate().skip(1) {
                if (place * 7 + paper) % 20 == 0 {
                    *word = prose(own * 100 + place, 1);
                }
            }
            let framed = format!(
                "{} (agency) {}. Subscribe to our letter number {paper}.",
                prose(paper + 900_000, 2),
                words.join(" ")
            );
            printed.push((agency, week, headline, framed));
            printed.push((own, week, title(own), text(own)));
            let feed = Feed::in_week(paper, host(paper), week);
            let items: Vec<String> = printed
                .iter()
                .rev()
                .take(8)
                .map(|(n, week, title, text)| feed.item(*n, *week, title, text))
                .collect();
            let minutes = start_of(week) + 600 + i64::try_from(paper).unwrap();
            home.poll_and_match(paper, minutes, &items).await;
        }
        articles += 1 + PAPERS;
    }
    assert_each_once(&home, articles);
}

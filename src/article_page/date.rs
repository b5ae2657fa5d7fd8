//! When the article was published and changed.
//!
//! The rules are tried in the order of how often they are right: what is stated for programs, the address, `time`
//! elements, elements that are named as dates, the lines below the title. A date before 1995 or more than a day ahead
//! is none.

use std::sync::LazyLock;

use chrono::Datelike;
use dom_query::{Document, NodeRef};
use regex::Regex;
use url::Url;

use crate::article_page::head::Head;
use crate::article_page::structured_data::{StructuredData, microdata};
use crate::article_page::tree::{all, has_word, is_leaf_block, line, names};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::feed::dates::parse::{WrittenDate, written_date};
use crate::feed::normalise::furniture::date_in;

/// A date, and the rule that found it.
pub(super) type Dated = (WrittenDate, &'static str);

/// What is known of a page when its dates are searched.
pub(super) struct Page<'a> {
    pub(super) tree: &'a Document,
    pub(super) data: &'a StructuredData,
    pub(super) head: &'a Head<'a>,
    pub(super) address: &'a Url,
    pub(super) is_american: bool,
    pub(super) now: Timestamp,
}

#[rustfmt::skip]
const PUBLISHED: [&str; 52] = [
    "article:published_time", "article:published", "og:published_time", "og:article:published_time", "datepublished",
    "date.published", "published_time", "publisheddate", "published_date", "publish_date", "publish-date", "publishdate",
    "publication_date", "publication-date", "pubdate", "pub_date", "rnews:datepublished", "sailthru.date", "parsely-pub-date",
    "cxenseparse:recs:publishtime", "article.published", "article_date_original", "article:post_date", "articlepublicationdate",
    "originalpublicationdate", "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created", "dcterms.date", "dc.date",
    "dcsext.articlefirstpublished", "citation_publication_date", "citation_date", "citation_online_date", "bt:pubdate",
    "cre-date", "created", "creation_date", "date_created", "datecreated", "date", "displaydate", "display_date",
    "firstpublished", "gentime", "issuedate", "ptime", "timestamp", "vr:published_time", "release_date", "dc.date.available",
];

#[rustfmt::skip]
const MODIFIED: [&str; 14] = [
    "article:modified_time", "og:updated_time", "og:modified_time", "datemodified", "modified_time", "last-modified", "lastmod",
    "dcterms.modified", "dc.date.modified", "article:modified", "revision_date", "date_modified", "updated_time", "modified_date",
];

impl Page<'_> {
    pub(super) fn published(&self) -> Option<Dated> {
        self.stated(&["datePublished", "dateCreated", "uploadDate"], "JSON-LD datePublished")
            .or_else(|| self.meta(&PUBLISHED, "meta element of publication"))
            .or_else(|| {
                self.first(microdata(self.tree, "datePublished"), "microdata datePublished")
            })
            .or_else(|| self.of_address())
            .or_else(|| self.of_time_elements())
            .or_else(|| self.of_attributes())
            .or_else(|| self.of_scripts())
            .or_else(|| self.of_names())
            .or_else(|| self.of_head())
            .or_else(|| self.modified().map(|(date, _)| (date, "date of modification")))
            .or_else(|| self.of_any_line())
            .map(|found| self.with_time(self.earlier_below_title(found)))
    }

    /// Programs that write a page anew state the day of that as the day of publication. The page itself then shows an
    /// earlier day below the title.
    fn earlier_below_title(&self, (date, rule): Dated) -> Dated {
        /// In characters. A longer line is a sentence that may be about another day.
        const LONGEST: usize = 60;
        let lines = self.head.lines.iter().map(|(_, text)| text);
        let lines = lines.filter(|text| text.chars().count() <= LONGEST && !is_update(text));
        let mut shown = lines.filter_map(|text| date_in(text, self.is_american));
        let shown = shown.find(|found| self.is_credible(found));
        let is_earlier = |found: &WrittenDate| found.at + TimeDelta::days(1) < date.at;
        shown
            .filter(is_earlier)
            .map_or((date, rule), |found| (found, "earlier day below the title"))
    }

    pub(super) fn modified(&self) -> Option<Dated> {
        self.stated(&["dateModified"], "JSON-LD dateModified")
            .or_else(|| self.meta(&MODIFIED, "meta element of modification"))
            .or_else(|| self.first(microdata(self.tree, "dateModified"), "microdata dateModified"))
    }

    fn stated(&self, keys: &[&str], rule: &'static str) -> Option<Dated> {
        let of_articles = keys.iter().filter_map(|key| self.data.text_of_article(key));
        let of_any = keys.iter().filter_map(|key| self.data.text_of_any(key));
        self.first(of_articles.chain(of_any), rule)
    }

    fn meta(&self, names: &[&str], rule: &'static str) -> Option<Dated> {
        names.iter().find_map(|name| {
            self.first(self.data.meta_all(&[name]).map(ToOwned::to_owned).collect::<Vec<_>>(), rule)
        })
    }

    fn first(&self, texts: impl IntoIterator<Item = String>, rule: &'static str) -> Option<Dated> {
        texts.into_iter().find_map(|text| Some((self.read(&text)?, rule)))
    }

    /// Reads a text that is a date and nothing else, or has one in it.
    fn read(&self, text: &str) -> Option<WrittenDate> {
        let text = text.trim();
        let slashed = text.contains('/') && !self.is_american;
        let whole = if slashed { None } else { written_date(text) };
        // A year alone is no day.
        let whole = whole.filter(|_| 6 <= text.len());
        whole.or_else(|| date_in(text, self.is_american)).filter(|date| self.is_credible(date))
    }

    fn is_credible(&self, date: &WrittenDate) -> bool {
        1995 <= date.local.year() && date.at <= self.now + TimeDelta::days(1)
    }

    fn of_address(&self) -> Option<Dated> {
        static DAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?:^|[/_-])((?:19|20)\d\d)[/_-]?(0[1-9]|1[0-2])[/_-]?(0[1-9]|[12]\d|3[01])(?:[/_.-]|$)").ok()
        });
        static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"/((?:19|20)\d\d)/([a-z]{3})[a-z]*/(\d{1,2})(?:/|$)").ok()
        });
        let path = self.address.path();
        let day = DAY.as_ref()?.captures(path).or_else(|| NAMED.as_ref()?.captures(path))?;
        let (year, month, day) = (day.get(1)?, day.get(2)?, day.get(3)?);
        let text = format!("{} {} {}", day.as_str(), month.as_str(), year.as_str());
        let numbered = format!("{}-{}-{}", year.as_str(), month.as_str(), day.as_str());
        let is_number = month.as_str().bytes().all(|byte| byte.is_ascii_digit());
        let date = written_date(if is_number { &numbered } else { &text })?;
        Some((date, "address")).filter(|(date, _)| self.is_credible(date))
    }

    fn of_time_elements(&self) -> Option<Dated> {
        let times = all(self.tree, "time, abbr.published, abbr.date");
        let own: Vec<_> = times.iter().copied().filter(|node| !is_of_another(node)).collect();
        // The only one is that of the article, wherever it is.
        let times = if own.is_empty() && times.len() == 1 { times } else { own };
        let date = |node: &NodeRef<'_>| {
            let stated = node.attr("datetime").or_else(|| node.attr("title"));
            stated.and_then(|text| self.read(&text)).or_else(|| self.read(&line(node)))
        };
        let is_update = |node: &NodeRef<'_>| {
            let names =
                format!("{} {}", names(node), node.parent().map(|p| names(&p)).unwrap_or_default());
            is_update(&names)
        };
        let (updates, others): (Vec<_>, Vec<_>) = times.into_iter().partition(is_update);
        let found = others.iter().chain(&updates).find_map(date);
        found.map(|date| (date, "time element"))
    }

    fn of_attributes(&self) -> Option<Dated> {
        const NAMES: [&str; 8] = [
            "data-published",
            "data-publish-date",
            "data-date",
            "data-datetime",
            "data-timestamp",
            "data-time",
            "data-pubdate",
            "data-published-at",
        ];
        let found = NAMES.iter().find_map(|name| {
            let nodes = all(self.tree, &format!("[{name}]"));
            nodes
                .iter()
                .filter(|node| !is_of_another(node))
                .find_map(|node| self.read(&node.attr(name)?))
        });
        found.map(|date| (date, "data attribute"))
    }

    fn of_scripts(&self) -> Option<Dated> {
        static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r#"(?i)["']?(?:publishedat|published_at|publishedtime|publishdate|publish_date|pubdate|publicationdate|publication_date|datepublished|published_time|firstpublished(?:at)?|firstpublicationdate|posteddate|articlepublishdate)["']?\s*[:=]\s*["']?([0-9][0-9TZ:.+\- /]{7,30})"#).ok()
        });
        let key = KEY.as_ref()?;
        all(self.tree, "script").iter().find_map(|script| {
            let text = script.text();
            let found = key.captures_iter(&text).filter_map(|found| found.get(1));
            let dates: Vec<_> =
                found.take(50).filter_map(|found| self.read(found.as_str())).collect();
            // A script that lists articles has many dates.
            Some((
                *dates
                    .first()
                    .filter(|first| dates.iter().all(|d| d.local.date() == first.local.date()))?,
                "key in a script",
            ))
        })
    }

    /// Short elements that are named as the date.
    fn of_names(&self) -> Option<Dated> {
        const WORDS: [&str; 24] = [
            "date",
            "dateline",
            "datetime",
            "time",
            "timestamp",
            "published",
            "publish",
            "pubdate",
            "publication",
            "posted",
            "byline",
            "meta",
            "postdate",
            "datum",
            "fecha",
            "data",
            "info",
            "article-date",
            "created",
            "pubtime",
            "stand",
            "dato",
            "entry",
            "submitted",
        ];
        let found = all(self.tree, "[class], [id], [itemprop]")
            .into_iter()
            .filter(|node| has_word(&names(node), &WORDS) && !is_of_another(node));
        let mut dates = found.filter_map(|node| {
            let text = line(&node);
            let is_short = text.chars().count() <= 120;
            Some((
                date_in(&text, self.is_american)
                    .filter(|date| is_short && self.is_credible(date))?,
                "element named as date",
            ))
        });
        dates.next()
    }

    /// The lines below the title.
    fn of_head(&self) -> Option<Dated> {
        let lines =
            self.head.lines.iter().map(|(_, text)| text).filter(|text| text.chars().count() < 160);
        let mut dates = lines
            .filter_map(|text| date_in(text, self.is_american))
            .filter(|date| self.is_credible(date));
        dates.next().map(|date| (date, "line below the title"))
    }

    /// Any short line of the page with a date, the first in the document.
    fn of_any_line(&self) -> Option<Dated> {
        let nodes = all(self.tree, "p, span, div, li, small, em, b, strong, td");
        let lines =
            nodes.iter().filter(|node| is_leaf_block(node) && !is_of_another(node)).map(line);
        let lines = lines.filter(|text| text.chars().count() < 80);
        let mut dates = lines.filter_map(|text| date_in(&text, self.is_american));
        let date = dates.find(|date| self.is_credible(date))?;
        Some((date, "text of the page"))
    }

    /// A day without a time takes the time of the line below the title, if that is of the same day.
    fn with_time(&self, (date, rule): Dated) -> Dated {
        if date.has_time {
            return (date, rule);
        }
        let lines =
            self.head.lines.iter().map(|(_, text)| text).filter(|text| text.chars().count() < 160);
        let mut timed = lines.filter_map(|text| date_in(text, self.is_american));
        let timed = timed.find(|found| found.has_time && found.local.date() == date.local.date());
        (timed.unwrap_or(date), rule)
    }
}

/// Whether a text is about a change of the article.
fn is_update(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "updat",
        "modif",
        "aktualis",
        "actualiz",
        "mis à jour",
        "aggiornat",
        "atualizad",
        "обновл",
        "bijgewerkt",
        "revis",
        "edited",
        "güncel",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// Whether an element is about another article, a comment or the site.
fn is_of_another(node: &NodeRef<'_>) -> bool {
    const WORDS: [&str; 17] = [
        "comment",
        "comments",
        "related",
        "sidebar",
        "footer",
        "recommended",
        "widget",
        "copyright",
        "trending",
        "latest",
        "popular",
        "nav",
        "menu",
        "teaser",
        "card",
        "events",
        "calendar",
    ];
    let is = |node: &NodeRef<'_>| {
        super::tree::named(node, &["footer", "nav", "aside"]) || has_word(&names(node), &WORDS)
    };
    is(node)
        || node
            .ancestors_it(None)
            .any(|above| !super::tree::named(&above, &["body", "html"]) && is(&above))
}

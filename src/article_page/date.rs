//! When the article was published and changed.
//!
//! The rules are tried in the order of how often they are right: what is stated for programs, the address, `time`
//! elements, elements that are named as dates, the lines below the title, lines that say that their date is that of
//! publication, other short lines, the title, the address of the image. A date before 1995 or more than a day ahead is none,
//! nor is one in a footer, a sentence, or beside another article.

use std::sync::LazyLock;

use chrono::Datelike;
use dom_query::{Document, NodeRef};
use regex::Regex;
use url::Url;

use crate::article_page::head::Head;
use crate::article_page::structured_data::StructuredData;
use crate::article_page::tree::{all, has_word, is_leaf_block, line, named, names, spaced};
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

/// Meta elements that say when the article was published. Their names are compared without `-`, `_` and spaces.
#[rustfmt::skip]
const PUBLISHED: [&str; 43] = [
    "article:published_time", "article:published", "article:published_date", "article:publicationdate", "article:post_date",
    "og:published_time", "og:article:published_time", "og:article:published", "og:publish_date", "og:datepublished", "og:pubdate",
    "shareaholic:article_published_time", "vr:published_time", "mediator_published_time", "twt-published-at",
    "datepublished", "date.published", "published_time", "publisheddate", "published", "publish_date", "publish_time", "publishdate",
    "publication_date", "article.published", "articlepublicationdate", "article_date_original", "originalpublicationdate",
    "pubdate", "rbpubdate", "bt:pubdate", "parsely-pub-date", "rnews:datepublished", "cxenseparse:recs:publishtime", "firstpublished",
    "dcsext.articlefirstpublished", "dc.date.issued", "dcterms.issued", "dc.date.publication", "citation_publication_date",
    "citation_online_date", "dateposted", "issuedate",
];

/// Meta elements that may say it, if no other one does.
#[rustfmt::skip]
const CREATED: [&str; 33] = [
    "sailthru.date", "dcterms.created", "dc.date.created", "dc.created", "dcterms.date", "dc.date", "dc:created", "dc:date",
    "article.created", "analyticsattributes.articledate", "citation_date", "content_create_date", "cre-date", "created",
    "creation_date", "date_created", "datecreated", "date", "displaydate", "display_date", "doc_date", "field-name-post-date", "gentime",
    "og:regdate", "og:question:published_time", "pdate", "ptime", "timestamp", "release_date", "video:release_date",
    "dc.date.available", "article:created_time", "search_date",
];

#[rustfmt::skip]
const MODIFIED: [&str; 26] = [
    "article:modified_time", "og:updated_time", "og:modified_time", "datemodified", "modified_time", "last-modified", "lastmod",
    "dcterms.modified", "dc.date.modified", "article:modified", "revision_date", "date_modified", "updated_time", "modified_date",
    "article:modified_date", "article:post_modified", "og:article:modified_time", "bt:moddate", "dc.modified", "modificationdate",
    "dateupdate", "dateupdated", "updated", "modified", "lastdate", "utime",
];

impl Page<'_> {
    pub(super) fn published(&self) -> Option<Dated> {
        self.stated_publication()
            .or_else(|| self.meta(&CREATED, "meta element of creation"))
            .or_else(|| self.of_address(self.address.path(), "address"))
            .or_else(|| self.of_canonical())
            .or_else(|| self.of_time_elements())
            .or_else(|| self.of_attributes())
            .or_else(|| self.of_scripts())
            .or_else(|| self.of_names())
            .or_else(|| self.of_head())
            .or_else(|| self.of_labelled_line())
            .or_else(|| self.of_dateline())
            .or_else(|| self.modified().map(|(date, _)| (date, "date of modification")))
            .or_else(|| self.of_any_line())
            .or_else(|| self.of_title_or_image())
            .map(|found| self.with_time(self.earlier_below_title(found)))
    }

    /// What the page states for programs. Some programs state the day of the last change as that of publication as well;
    /// another statement of the page then has the earlier day.
    fn stated_publication(&self) -> Option<Dated> {
        let json =
            self.stated(&["datePublished", "dateCreated", "uploadDate"], "JSON-LD datePublished");
        let others = || {
            let metas = PUBLISHED
                .iter()
                .filter_map(|name| self.meta(&[name], "meta element of publication"));
            let micro = self.of_itemprop("datePublished", "microdata datePublished");
            let marked = all(self.tree, "time[pubdate]")
                .into_iter()
                .filter(|node| !self.is_of_another(node));
            let marked = marked
                .filter_map(|node| Some((self.of_element(&node)?, "time element with pubdate")));
            metas.chain(micro).chain(marked).collect::<Vec<_>>()
        };
        let earliest = |others: Vec<Dated>| {
            let first = others.first().copied()?;
            let earliest = others.into_iter().min_by_key(|(date, _)| date.at)?;
            Some(if is_earlier_day(&earliest.0, &first.0) { earliest } else { first })
        };
        let Some(json) = json else { return earliest(others()) };
        let modified = self.stated(&["dateModified"], "JSON-LD dateModified");
        if modified.is_none_or(|(date, _)| date.at != json.0.at) {
            return Some(json);
        }
        earliest(others()).filter(|(other, _)| is_earlier_day(other, &json.0)).or(Some(json))
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
        shown
            .filter(|found| is_earlier_day(found, &date))
            .map_or((date, rule), |found| (found, "earlier day below the title"))
    }

    pub(super) fn modified(&self) -> Option<Dated> {
        self.stated(&["dateModified"], "JSON-LD dateModified")
            .or_else(|| self.meta(&MODIFIED, "meta element of modification"))
            .or_else(|| self.of_itemprop("dateModified", "microdata dateModified"))
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

    fn of_itemprop(&self, property: &str, rule: &'static str) -> Option<Dated> {
        let nodes = all(self.tree, &format!("[itemprop~=\"{property}\"]"));
        let date = nodes
            .iter()
            .filter(|node| !self.is_of_another(node))
            .find_map(|node| self.of_element(node))?;
        Some((date, rule))
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

    /// The day in the path of an address: `/2024/08/20/`.
    fn of_address(&self, path: &str, rule: &'static str) -> Option<Dated> {
        static DAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?:^|[/_-])((?:19|20)\d\d)[/_-]?(0[1-9]|1[0-2])[/_-]?(0[1-9]|[12]\d|3[01])(?:[/_.-]|$)").ok()
        });
        static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"/((?:19|20)\d\d)/([a-z]{3})[a-z]*/(\d{1,2})(?:/|$)").ok()
        });
        let day = DAY.as_ref()?.captures(path).or_else(|| NAMED.as_ref()?.captures(path))?;
        let (year, month, day) = (day.get(1)?, day.get(2)?, day.get(3)?);
        let text = format!("{} {} {}", day.as_str(), month.as_str(), year.as_str());
        let numbered = format!("{}-{}-{}", year.as_str(), month.as_str(), day.as_str());
        let is_number = month.as_str().bytes().all(|byte| byte.is_ascii_digit());
        let date = written_date(if is_number { &numbered } else { &text })?;
        Some((date, rule)).filter(|(date, _)| self.is_credible(date))
    }

    fn of_canonical(&self) -> Option<Dated> {
        let link =
            all(self.tree, "link[rel~=canonical]").first().and_then(|link| link.attr("href"));
        let link = link.map(|href| href.to_string());
        let stated = link.into_iter().chain(self.data.meta_all(&["og:url"]).map(ToOwned::to_owned));
        stated
            .filter_map(|href| self.address.join(&href).ok())
            .find_map(|url| self.of_address(url.path(), "canonical address"))
    }

    /// The date that an element states in an attribute, else in its text.
    fn of_element(&self, node: &NodeRef<'_>) -> Option<WrittenDate> {
        self.of_attributes_alone(node).or_else(|| self.read(&line(node)))
    }

    fn of_attributes_alone(&self, node: &NodeRef<'_>) -> Option<WrittenDate> {
        let stated = ["datetime", "title", "content"].iter().filter_map(|name| node.attr(name));
        stated.filter(|text| text.chars().count() <= 60).find_map(|text| self.read(&text))
    }

    fn of_time_elements(&self) -> Option<Dated> {
        let times = all(self.tree, "time, abbr.published, abbr.date");
        let own: Vec<_> = times.iter().copied().filter(|node| !self.is_of_another(node)).collect();
        // The only one is that of the article, wherever it is.
        let times = if own.is_empty() && times.len() == 1 { times } else { own };
        let date = |node: &NodeRef<'_>| self.of_element(node);
        let is_update = |node: &NodeRef<'_>| {
            let names =
                format!("{} {}", names(node), node.parent().map(|p| names(&p)).unwrap_or_default());
            is_update(&names) || is_update(&line(node))
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
                .filter(|node| !self.is_of_another(node))
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
        let found = all(self.tree, "[class], [id], [itemprop]");
        let found = found.into_iter().filter(|node| {
            let names = names(node);
            (has_word(&names, &WORDS) || has_date_in_word(&names)) && !self.is_of_another(node)
        });
        let dated = found.filter_map(|node| {
            let text = line(&node);
            let date = || (text.chars().count() <= 120).then(|| self.date_of(&node, &text))?;
            let date = self.of_attributes_alone(&node).or_else(date);
            Some((
                date.filter(|date| self.is_credible(date))?,
                is_update(&text) || is_update(&names(&node)),
            ))
        });
        not_of_update(dated).map(|date| (date, "element named as date"))
    }

    /// The lines below the title.
    fn of_head(&self) -> Option<Dated> {
        /// In characters. A longer line is a paragraph.
        const LONGEST: usize = 160;
        /// Standfirst and first paragraph. What follows them may be about other articles.
        const PARAGRAPHS: usize = 2;
        let mut paragraphs = 0;
        let lines = self.head.lines.iter().take_while(|(_, text)| {
            paragraphs += usize::from(25 <= text.split_whitespace().count());
            paragraphs < PARAGRAPHS
        });
        let lines = lines.filter(|(node, text)| {
            text.chars().count() < LONGEST && !is_said(text) && !is_after_article(node)
        });
        let dated =
            lines.filter_map(|(node, text)| Some((self.date_of(node, text)?, is_update(text))));
        not_of_update(dated).map(|date| (date, "line below the title"))
    }

    /// A line of the page that says that its date is that of publication, wherever it is.
    fn of_labelled_line(&self) -> Option<Dated> {
        static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?i)^\W*(?:(?:first\s+|originally\s+)?(?:published|posted|created|written|submitted|added|release[d]?|date|publication\s+date|date\s+published|posting\s+date|issued)|veröffentlicht|erschienen|eingestellt|erstellt|geschrieben|verfasst|datum|stand|publié|paru|mis\s+en\s+ligne|publicado|publicada|fecha|pubblicato|data|geplaatst|gepubliceerd|publicerad|publisert|udgivet|offentliggjort|julkaistu|opublikowano|dodano|publikováno|közzétéve|publicat|опубликовано|дата|опубліковано|δημοσιεύθηκε|yayınlanma|yayımlanma|eklenme|diterbitkan|نشر|发布|發布|发表|公開|投稿|등록|입력)").ok()
        });
        let label = LABEL.as_ref()?;
        self.short_lines().into_iter().find_map(|(_, text)| {
            let date = date_in(&text, self.is_american)
                .filter(|date| label.is_match(&text) && self.is_credible(date))?;
            Some((date, "labelled line"))
        })
    }

    /// The beginning of the first paragraph, as in `BERLIN, 20 August 2024 – The ferry …`.
    fn of_dateline(&self) -> Option<Dated> {
        static DASH: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"^(.{6,70}?)(?:\s[-–—]{1,2}\s?|[–—]|//)").ok());
        let dash = DASH.as_ref()?;
        self.head.lines.iter().find_map(|(_, text)| {
            let start = dash.captures(text)?.get(1)?.as_str();
            let date = date_in(start, self.is_american).filter(|date| self.is_credible(date))?;
            Some((date, "beginning of the text"))
        })
    }

    /// Any short line of the page with a date: right before the title, else the first one after the title, else the first
    /// one. What is far before the title may be the day of today.
    fn of_any_line(&self) -> Option<Dated> {
        /// Lines right before the title. One line may be counted twice, with the element around it.
        const BEFORE: usize = 4;
        let lines = self.short_lines();
        let title = self
            .head
            .heading
            .and_then(|heading| lines.iter().position(|(node, _)| node.id == heading.id));
        let (before, after) = lines.split_at_checked(title.unwrap_or_default())?;
        let near = before.iter().rev().take(BEFORE);
        let mut ranked = near.chain(after).chain(before);
        let date = ranked.find_map(|(node, text)| self.date_of(node, text))?;
        Some((date, "text of the page"))
    }

    /// The credible date in the line of an element. Some pages separate the parts of a line only by their layout.
    fn date_of(&self, node: &NodeRef<'_>, line: &str) -> Option<WrittenDate> {
        let found =
            date_in(line, self.is_american).or_else(|| date_in(&spaced(node), self.is_american));
        found.filter(|date| self.is_credible(date))
    }

    fn short_lines(&self) -> Vec<(NodeRef<'_>, String)> {
        /// In characters. A longer line is a sentence.
        const LONGEST: usize = 80;
        let nodes = all(
            self.tree,
            "p, span, div, li, small, em, b, i, strong, font, center, td, dd, h1, h2, h3, h4, h5, h6, a",
        );
        let is_title =
            |node: &NodeRef<'_>| self.head.heading.is_some_and(|heading| heading.id == node.id);
        let own = nodes
            .into_iter()
            .filter(|node| is_title(node) || is_leaf_block(node) && !self.is_of_another(node));
        own.map(|node| (node, line(&node)))
            .filter(|(node, text)| {
                is_title(node) || text.chars().count() < LONGEST && !is_said(text)
            })
            .collect()
    }

    /// The title of the page, or the address of its main image.
    fn of_title_or_image(&self) -> Option<Dated> {
        let title = all(self.tree, "title").first().map(line).unwrap_or_default();
        let date = date_in(&title, self.is_american).filter(|date| self.is_credible(date));
        let image = || {
            let image = self.data.meta(&["og:image", "twitter:image"])?;
            self.of_address(self.address.join(image).ok()?.path(), "address of the image")
        };
        date.map(|date| (date, "title element")).or_else(image)
    }

    /// Whether an element is about another article, a comment or the site. What is around the title is not, whatever its
    /// name is: pages leave elements open, and layouts are named after what they have at the side.
    fn is_of_another(&self, node: &NodeRef<'_>) -> bool {
        is_of_another(node)
            || node.ancestors_it(None).any(|above| {
                is_of_another(&above)
                    && !named(&above, &["body", "html"])
                    && !self.has_title(&above)
            })
    }

    fn has_title(&self, node: &NodeRef<'_>) -> bool {
        self.head
            .heading
            .is_some_and(|heading| heading.ancestors_it(None).any(|above| above.id == node.id))
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

/// The first date that is not that of a change, else the first one.
fn not_of_update(dated: impl Iterator<Item = (WrittenDate, bool)>) -> Option<WrittenDate> {
    let mut first = None;
    for (date, is_update) in dated {
        if !is_update {
            return Some(date);
        }
        first = first.or(Some(date));
    }
    first
}

/// Whether an element is a footer, and not one that is named as that of the author and the date.
fn is_end(node: &NodeRef<'_>) -> bool {
    let dated = ["author", "byline", "meta", "submitted", "date"];
    named(node, &["footer"]) && !has_word(&names(node), &dated)
}

/// Whether a line near the title is of what comes after the article. The other names by which elements are of another article
/// are also those of boxes around the date.
fn is_after_article(node: &NodeRef<'_>) -> bool {
    let is = |node: &NodeRef<'_>| {
        named(node, &["footer", "aside"])
            || has_word(&names(node), &["comment", "comments", "related"])
    };
    let mut around = node.ancestors_it(None).filter(|above| !named(above, &["body", "html"]));
    is(node) || around.any(|above| is(&above))
}

/// Whether a line is a sentence. A date in it may be any.
fn is_said(line: &str) -> bool {
    7 <= line.split_whitespace().count() && line.ends_with(['.', '!', '?', '。', '।', '؟'])
}

/// Whether an element is named as one about another article, a comment or the site.
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
    is_end(node) || named(node, &["nav", "aside"]) || has_word(&names(node), &WORDS)
}

/// Whether a name has the word "date" in it, as `articledate` and `pubdate` have it.
fn has_date_in_word(names: &str) -> bool {
    let mut words = names.split(|c: char| !c.is_alphanumeric());
    words.any(|word| {
        ["date", "datum", "publish", "fecha"].iter().any(|part| word.contains(part))
            && !["candidate", "validate", "mandate", "datepicker", "accommodate", "publisher"]
                .iter()
                .any(|other| word.contains(other))
    })
}

/// Whether a date is of an earlier day, in whatever zones both were written.
fn is_earlier_day(date: &WrittenDate, other: &WrittenDate) -> bool {
    date.at + TimeDelta::hours(36) < other.at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article_page::title;

    /// The day that is found in a page, and the rule.
    fn found(address: &str, html: &str, is_american: bool) -> Option<(String, &'static str)> {
        let tree = Document::from(html);
        let data = StructuredData::of(&tree);
        let title = title::title(&tree, &data);
        let heading = title.as_ref().and_then(|title| title.heading);
        let text = title.map(|title| title.text).unwrap_or_default();
        let head = Head::after(heading.as_ref(), &text);
        let address = Url::parse(address).unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let page =
            Page { tree: &tree, data: &data, head: &head, address: &address, is_american, now };
        page.published().map(|(date, rule)| (date.local.date().to_string(), rule))
    }

    #[track_caller]
    fn check(html: &str, expected: Option<&str>) {
        let found = found("https://example.org/a", html, false);
        assert_eq!(found.as_ref().map(|(day, _)| day.as_str()), expected, "{html} {found:?}");
    }

    const TITLE: &str = "<title>The ferry returns</title>";
    const H1: &str = "<h1>The ferry returns</h1>";

    #[test]
    fn the_day_is_found_in_what_pages_state_for_programs() {
        for html in [
            "<script type='application/ld+json'>{\"@type\":\"NewsArticle\",\"datePublished\":\"2024-08-20T06:18:00Z\",\"dateModified\":\"2024-09-01\"}</script>",
            "<meta property='article:published_time' content='2024-08-20T06:18:00+02:00'><meta property='article:modified_time' content='2024-09-20'>",
            "<meta name='published' content='August 20, 2024'>",
            "<meta name='dc.date.issued' content='2024-08-20'>",
            "<meta name='article:published_date' content='2024-08-20'>",
            "<meta name='twt-published-at' content='2024-08-20'>",
            "<meta itemprop='datePublished' content='2024-08-20'>",
            "<meta name='date' content='20.08.2024'>",
            "<meta name='published-time' content='2025-03-09T08:45:32Z'><meta name='published-date' content='2024-08-20'>",
            "<link rel=canonical href='/2024/08/20/ferry'>",
            "<meta property='og:url' content='https://example.org/news/2024-08-20-ferry'>",
            "<abbr class=published title='2024-08-20T06:18:00'>Tuesday</abbr>",
            "<time datetime='2024-08-20'>yesterday</time>",
            "<span class=post-date title='2024-08-20'>Posted: 2 days ago</span><span class=modified-date title='2024-08-22'>x</span>",
            "<time class=updated datetime='2024-09-01'></time><time class=entry-date datetime='2024-08-20'></time>",
            "<span itemprop=dateModified content='2024-09-01'></span><span itemprop=datePublished content='2024-08-20'></span>",
            "<p data-publish-date='1724134680'>a</p>",
            "<script>window.page = {\"publishDate\": \"2024-08-20T06:18:00\"}</script>",
            // A program that states the day of the last change as that of publication as well.
            "<script type='application/ld+json'>{\"@type\":\"Article\",\"datePublished\":\"2025-03-01\",\"dateModified\":\"2025-03-01\"}</script><div><time pubdate datetime='2024-08-20'></time></div>",
        ] {
            check(&format!("{TITLE}{html}{H1}<p>Text.</p>"), Some("2024-08-20"));
        }
    }

    #[test]
    fn the_day_is_found_in_what_pages_show() {
        for html in [
            "<h1>The ferry returns</h1><p>20 August 2024</p>",
            "<h1>The ferry returns</h1><p>Von Ada Lovelace | 20. August 2024</p>",
            "<h2 class=date-header>Tuesday, August 20, 2024</h2><h1>The ferry returns</h1>",
            "<div class='widget Blog'><h2 class=date-header>Tuesday, August 20, 2024</h2><h1>The ferry returns</h1></div>",
            "<h1>The ferry returns</h1><footer class=author__meta><span>20 August 2024</span></footer>",
            "<h1>The ferry returns</h1><div class=card><p>Feature</p><p><span>Aug 20, 2024</span><span>5 mins</span></p></div>",
            "<nav><h1>The ferry returns</h1><div><span>Aug 20, 2024</span><span>5 mins</span></div>",
            "<div class='main right-sidebar'><h1>The ferry returns</h1><p>a</p><i class=articledate>20.08.2024</i></div>",
            "<div>Dec 17, 2025</div><div>a</div><div>b</div><div>c</div><div>d</div><h1>The ferry returns</h1><p>Text.</p><span>Aug 20, 2024</span>",
            "<div><span>Aug 20, 2024</span><span>Ada Lovelace</span></div><h1>The ferry returns</h1><p>Text.</p><p>The ferry sails every morning.</p>",
            "<h1>The ferry returns</h1><p>GENEVA, 20 August 2024 – The ferry sails again.</p>",
            "<h1>The ferry returns</h1><p>LYON (August 20, 2024) — The ferry sails again.</p>",
            "<h1>The ferry returns</h1><p>Text.</p><p>Stand: 20.08.2024</p>",
            "<h1>The ferry returns</h1><p>Text.</p><small>Publié le 20 août 2024</small>",
            "<h1>The ferry returns</h1><p>a</p><p class=date>Updated on 5 September 2024</p><p class=date>20 August 2024</p>",
            "<h1>The ferry returns</h1><p>a</p><div class=x>發布 2024年8月20日</div>",
            "<h1>The ferry returns</h1><p>Text.</p><td>20/08/2024</td><footer>© 2010, 1 May 2010</footer>",
            "<title>The ferry returns - 20 August 2024</title><p>Text.</p>",
            "<meta property='og:image' content='https://example.org/img/2024/08/20/a.jpg'><p>Text.</p>",
        ] {
            let title = if html.contains("<title>") { "" } else { TITLE };
            let text = "<p>The ferry sails every morning.</p>";
            check(&format!("{title}{html}{text}"), Some("2024-08-20"));
        }
    }

    #[test]
    fn days_of_other_things_are_not_that_of_the_article() {
        for html in [
            "<p>The mill burned down on 3 May 2007, and nobody was hurt in the fire that lasted for two days and more.</p>",
            "<footer>Last change: 3 May 2007</footer>",
            "<div class=related><time datetime='2007-05-03'></time><time datetime='2007-05-04'></time></div><aside><p>3 May 2007</p></aside>",
            "<p>© 2007</p>",
            "<p>The mill burned down on 3 May 2007.</p>",
            "<p>3 May 1987</p>",
            "<p>3 May 2031</p>",
            "<div class=comments><span class=date>3 May 2007</span></div>",
            "<div class=related><span itemprop=datePublished content='2007-05-03'></span></div>",
        ] {
            check(&format!("{TITLE}{H1}{html}"), None);
        }
    }

    #[test]
    fn the_address_has_a_day() {
        let day = |address: &str| found(address, TITLE, false).map(|(day, _)| day);
        for address in [
            "https://example.org/2024/08/20/ferry",
            "https://example.org/news/2024-08-20-ferry.html",
            "https://example.org/a/20240820/ferry",
            "https://example.org/2024/aug/20/ferry",
        ] {
            assert_eq!(day(address).as_deref(), Some("2024-08-20"), "{address}");
        }
        for address in ["https://example.org/2024/08/ferry", "https://example.org/id/12024082099"] {
            assert_eq!(day(address), None, "{address}");
        }
    }

    #[test]
    fn a_day_in_another_zone_is_no_earlier_day() {
        // 18:30 of the day before in San Francisco.
        let html = "<meta property='article:published_time' content='2024-08-21T01:30:00Z'><title>The ferry returns</title><h1>The ferry returns</h1><p>August 20, 2024</p>";
        check(html, Some("2024-08-21"));
        check(&html.replace("August 20", "August 10"), Some("2024-08-10"));
    }

    #[test]
    fn slashes_are_read_as_the_country_writes_them() {
        let html = format!("{TITLE}{H1}<p>05/08/2024</p>");
        let day = |american| found("https://example.org/a", &html, american).map(|(day, _)| day);
        assert_eq!(day(false).as_deref(), Some("2024-08-05"));
        assert_eq!(day(true).as_deref(), Some("2024-05-08"));
    }
}

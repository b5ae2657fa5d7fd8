//! Whether an article is one that another feed had before: by the same canonical address, or by nearly the same text.
//!
//! Neither is enough by itself. Two bloggers may link to one article and say different things about it, and all episodes
//! of a podcast may have one description. So an address counts only if title or text agree, or if it belongs to the
//! publisher of both feeds; and a text counts only if nothing shows that it is a template: other numbers, titles of a
//! series, other audio files, or several articles of one feed with the same text.

use std::fmt;

use url::Url;

use crate::matching::canonical_url::CanonicalUrl;
use crate::matching::features::Features;
use crate::matching::sketch::{MANY_NUMBERS, Overlap, SAME_NUMBERS};
use crate::matching::title::{Title, TitleLikeness};

/// An article with the feed that it comes from.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// The number of the article in the store; an earlier article has a lower one.
    pub article: i64,
    pub feed: i64,
    /// The registrable domain of the publisher of the feed; see [`publisher`].
    pub publisher: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    pub features: Features,
}

/// An article that is the same as an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Duplicate {
    pub of: i64,
    pub reason: Reason,
    /// 0 to 1.
    pub score: f64,
}

/// Why two articles are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The same canonical address, and title or text agree.
    Address,
    /// The same canonical address on the site of the publisher of both feeds.
    PublisherAddress,
    /// Nearly the same text: so many of so many sampled passages are shared.
    Text { shared: usize, of: usize },
}

impl Reason {
    /// The name in the store. It does not change.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::PublisherAddress => "publisher_address",
            Self::Text { .. } => "text",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("the same canonical address"),
            Self::PublisherAddress => f.write_str("the same canonical address of one publisher"),
            Self::Text { shared, of } => write!(f, "{shared} of {of} sampled passages shared"),
        }
    }
}

/// The registrable domain of a host, by the Public Suffix List: `example.co.uk` of `feeds.example.co.uk`.
pub fn publisher(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let domain = psl::domain(host.as_bytes())?;
    std::str::from_utf8(domain.as_bytes()).ok().map(str::to_owned)
}

/// Whether two addresses are of one publisher.
pub fn is_one_publisher(one: &Url, other: &Url) -> bool {
    let of = |url: &Url| url.domain().and_then(publisher);
    one.host() == other.host() || of(one).zip(of(other)).is_some_and(|(one, other)| one == other)
}

/// On one host, texts must have this resemblance. Weather and market reports of one publisher share most sentences.
const SAME_HOST: f64 = 0.9;

/// Under titles of a series, texts must have this resemblance or containment.
const SERIES: (f64, f64) = (0.7, 0.85);

/// Under the same title, texts may differ more: so much resemblance or containment is enough.
const SAME_TITLE: (f64, f64) = (0.25, 0.4);

/// Under different titles, a text that is contained in the other one must be so much of it.
const WHOLE: f64 = 0.3;

/// Texts with less resemblance than this may be of one template although they have one title.
const UNLIKELY_TEMPLATE: f64 = 0.6;

/// A few numbers count only if titles or texts differ, or the dates are apart.
const FEW_NUMBERS: usize = 3;

/// Texts that were published at times further apart must share half of their numbers: reports of weather and markets
/// appear daily. In seconds.
const NEXT_DAY: i64 = 18 * 3_600;

/// Texts that were published at times further apart must be equal. In seconds.
const LATE: i64 = 3 * 86_400;

/// Recordings with other addresses are one episode only if they were published at nearly the same time. In seconds.
const ONE_EPISODE: i64 = 10 * 60;

/// The earlier article that `article` is the same as, among candidates that share a key of
/// [`Features::lookup_across_feeds`]. Candidates of the article's own feed are never the answer, but they show templates,
/// so they should be among the candidates. The result does not depend on their order.
pub fn duplicate<'a>(
    article: &'a Sighted,
    candidates: impl IntoIterator<Item = &'a Sighted>,
) -> Option<Duplicate> {
    let near: Vec<Compared<'_>> = candidates
        .into_iter()
        .filter(|other| other.article != article.article)
        .map(|other| Compared::new(article, other))
        .filter(|compared| compared.same_page || compared.is_near())
        .collect();
    let found =
        near.iter().filter(|compared| compared.other.feed != article.feed).filter_map(|one| {
            let reason = one.reason(&near)?;
            let score = match reason {
                Reason::Text { .. } => one.overlap.score(),
                Reason::Address | Reason::PublisherAddress => 1.0,
            };
            Some(Duplicate { of: one.other.article, reason, score })
        });
    found.min_by(|a, b| b.score.total_cmp(&a.score).then(a.of.cmp(&b.of)))
}

/// An article and a candidate.
struct Compared<'a> {
    article: &'a Sighted,
    other: &'a Sighted,
    title: TitleLikeness,
    overlap: Overlap,
    same_page: bool,
    /// Seconds between the dates.
    gap: Option<i64>,
}

impl<'a> Compared<'a> {
    fn new(article: &'a Sighted, other: &'a Sighted) -> Self {
        let (a, b) = (&article.features, &other.features);
        Self {
            article,
            other,
            title: a.title.likeness(&b.title),
            overlap: a.sketch.overlap(&b.sketch),
            same_page: matches!((&a.link, &b.link), (Some(a), Some(b)) if a.is_same_page(b)),
            gap: a.published.zip(b.published).map(|(a, b)| (a - b).num_seconds().abs()),
        }
    }

    fn reason(&self, near: &[Self]) -> Option<Reason> {
        if self.same_page && self.is_same_by_address() {
            return Some(Reason::Address);
        }
        if self.same_page && self.is_of_one_publisher() && !self.is_shared_page(near) {
            return Some(Reason::PublisherAddress);
        }
        let Overlap { shared, union, .. } = self.overlap;
        self.is_same_by_text(near).then_some(Reason::Text { shared, of: union })
    }

    fn is_same_by_address(&self) -> bool {
        let (a, b) = (&self.article.features, &self.other.features);
        match self.title {
            TitleLikeness::Same | TitleLikeness::Similar => {
                !self.anchors_differ() || self.is_title()
            }
            TitleLikeness::Different => self.overlap.is_near_text() && !self.is_short(),
            TitleLikeness::Series => self.is_near_in_series() && !self.is_short(),
            TitleLikeness::Unknown => {
                let says_nothing = a.sketch.is_empty() || b.sketch.is_empty();
                self.overlap.is_near_text() || says_nothing && !self.anchors_differ()
            }
        }
    }

    fn is_title(&self) -> bool {
        self.title == TitleLikeness::Same
    }

    fn is_short(&self) -> bool {
        self.article.features.sketch.is_short() || self.other.features.sketch.is_short()
    }

    fn is_near_in_series(&self) -> bool {
        let (resemblance, containment) = SERIES;
        let near =
            resemblance <= self.overlap.resemblance() || containment <= self.overlap.containment();
        near && self.has_same_numbers()
    }

    /// Whether the numbers of the texts are those of copies, as far as there are numbers.
    fn has_same_numbers(&self) -> bool {
        let is_next_day = self.gap.is_some_and(|gap| NEXT_DAY < gap);
        let agrees = matches!(self.title, TitleLikeness::Same | TitleLikeness::Similar);
        let (most, share) = match (is_next_day, agrees) {
            (true, _) => (FEW_NUMBERS, 0.5),
            (false, false) => (FEW_NUMBERS, SAME_NUMBERS),
            (false, true) if self.overlap.resemblance() < UNLIKELY_TEMPLATE => {
                (FEW_NUMBERS, SAME_NUMBERS)
            }
            (false, true) => (MANY_NUMBERS, SAME_NUMBERS),
        };
        SAME_HOST <= self.overlap.resemblance()
            || self.overlap.same_numbers(most).is_none_or(|found| share <= found)
    }

    /// Whether the texts are nearly equal, as far as the titles suggest it.
    fn is_near(&self) -> bool {
        let (resemblance, containment) = SAME_TITLE;
        let alike =
            resemblance <= self.overlap.resemblance() || containment <= self.overlap.containment();
        self.overlap.is_near()
            || self.is_title() && self.article.features.title.is_distinctive() && alike
    }

    /// Whether the links lead to different places of one page, as those of a list of changes do.
    fn anchors_differ(&self) -> bool {
        let anchor = |sighted: &'a Sighted| {
            let url = sighted.features.url.as_deref().unwrap_or_default();
            url.split_once('#').map(|(_, anchor)| anchor)
        };
        anchor(self.article).zip(anchor(self.other)).is_some_and(|(a, b)| a != b)
    }

    /// Whether one is in another language. A site may give its translations one address.
    fn languages_differ(&self) -> bool {
        let primary = |sighted: &'a Sighted| sighted.language.as_deref()?.split('-').next();
        primary(self.article).zip(primary(self.other)).is_some_and(|(a, b)| a != b)
    }

    /// Whether one text is only a part of the other. A digest of the day has the texts of several articles.
    fn is_part(&self) -> bool {
        self.overlap.resemblance() < WHOLE
    }

    /// Whether the page belongs to the publisher of both feeds, who would not give one address to two articles.
    fn is_of_one_publisher(&self) -> bool {
        let owner = self
            .article
            .publisher
            .as_ref()
            .filter(|owner| Some(*owner) == self.other.publisher.as_ref());
        let link = self.article.features.link.as_ref();
        owner.zip(link).is_some_and(|(owner, link)| publisher(link.host()).as_ref() == Some(owner))
            && !self.anchors_differ()
            && !self.languages_differ()
    }

    /// Whether several articles of one feed have this address, as an overview has it.
    fn is_shared_page(&self, near: &[Self]) -> bool {
        let others = || near.iter().filter(|one| one.same_page);
        others().any(|one| one.other.feed == self.article.feed)
            || 1 < others().filter(|one| one.other.feed == self.other.feed).count()
    }

    fn is_same_by_text(&self, near: &[Self]) -> bool {
        if !self.is_near() || !self.has_same_numbers() || !self.is_one_recording() {
            return false;
        }
        let is_late = self.gap.is_some_and(|gap| LATE < gap);
        if self.is_short() || self.is_template(near) {
            let is_distinctive = self.article.features.title.is_distinctive();
            return self.is_title() && is_distinctive && !is_late;
        }
        if is_late && self.overlap.resemblance() < SAME_HOST {
            return false;
        }
        if self.is_on_one_host() {
            let is_equal = SAME_HOST <= self.overlap.resemblance();
            return match self.title {
                TitleLikeness::Same => is_equal || self.gap == Some(0),
                TitleLikeness::Similar | TitleLikeness::Unknown => is_equal,
                TitleLikeness::Different => is_equal && self.gap == Some(0),
                TitleLikeness::Series => false,
            };
        }
        match self.title {
            TitleLikeness::Series => self.is_near_in_series(),
            TitleLikeness::Different => !self.is_part(),
            TitleLikeness::Same | TitleLikeness::Similar | TitleLikeness::Unknown => true,
        }
    }

    /// Whether the recordings may be one. Episodes often have one description, and bulletins one title too.
    fn is_one_recording(&self) -> bool {
        let (a, b) = (&self.article.features.media, &self.other.features.media);
        let other_media = a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a != b);
        !other_media || self.is_title() && self.gap.is_some_and(|gap| gap <= ONE_EPISODE)
    }

    /// Whether a feed has several articles with this text under different titles.
    fn is_template(&self, near: &[Self]) -> bool {
        let differs = |one: &Title, other: &Title| {
            matches!(one.likeness(other), TitleLikeness::Series | TitleLikeness::Different)
        };
        let (article, other) = (self.article, self.other);
        near.iter().filter(|one| one.overlap.is_near()).any(|one| {
            let title = &one.other.features.title;
            one.other.feed == article.feed && differs(title, &article.features.title)
                || one.other.feed == other.feed && differs(title, &other.features.title)
        })
    }

    fn is_on_one_host(&self) -> bool {
        let host = |sighted: &'a Sighted| {
            let link = sighted.features.link.as_ref().map(CanonicalUrl::host);
            link.filter(|host| !host.is_empty()).or(sighted.publisher.as_deref())
        };
        host(self.article).zip(host(self.other)).is_some_and(|(a, b)| a == b)
    }
}

#[cfg(test)]
mod tests;

//! Whether an article is one that another feed had before: by the same canonical address, or by nearly the same text.

use std::fmt;

use crate::matching::features::Features;
use crate::matching::sketch::Overlap;
use crate::matching::title::TitleLikeness;

/// An article with the feed that it comes from.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// The number of the article in the store; an earlier article has a lower one.
    pub article: i64,
    pub feed: i64,
    /// The registrable domain of the publisher of the feed; see [`publisher`].
    pub publisher: Option<String>,
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
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// The registrable domain of a host: `example.co.uk` of `feeds.example.co.uk`.
pub fn publisher(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let domain = psl::domain(host.as_bytes())?;
    std::str::from_utf8(domain.as_bytes()).ok().map(str::to_owned)
}

/// The earlier article that `article` is the same as, among candidates that share a key of
/// [`Features::lookup_across_feeds`]. Candidates of the article's own feed are no duplicates, but they show templates,
/// so they should be among the candidates.
pub fn duplicate(article: &Sighted, candidates: &[Sighted]) -> Option<Duplicate> {
    let others = candidates
        .iter()
        .filter(|other| other.feed != article.feed && other.article != article.article);
    let found = others.filter_map(|other| {
        let (reason, score) = same(article, other)?;
        Some(Duplicate { of: other.article, reason, score })
    });
    found.min_by(|a, b| b.score.total_cmp(&a.score).then(a.of.cmp(&b.of)))
}

fn same(a: &Sighted, b: &Sighted) -> Option<(Reason, f64)> {
    let title = a.features.title.likeness(&b.features.title);
    let overlap = a.features.sketch.overlap(&b.features.sketch);
    let same_page = matches!(
        (&a.features.link, &b.features.link),
        (Some(one), Some(other)) if one.is_same_page(other)
    );
    let similar = matches!(title, TitleLikeness::Same | TitleLikeness::Similar);
    if same_page && (similar || overlap.is_near()) {
        return Some((Reason::Address, 1.0));
    }
    text(a, b, title, overlap)
}

fn text(a: &Sighted, b: &Sighted, title: TitleLikeness, overlap: Overlap) -> Option<(Reason, f64)> {
    let short = a.features.sketch.is_short() || b.features.sketch.is_short();
    if !overlap.is_near() || short && title != TitleLikeness::Same {
        return None;
    }
    let reason = Reason::Text { shared: overlap.shared, of: overlap.union };
    Some((reason, overlap.score()))
}

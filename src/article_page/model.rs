//! What is found in a page, and by which rules.

use std::fmt;

use crate::domain::time::Timestamp;
use crate::feed::dates::parse::WrittenDate;
use crate::html::sanitise::SanitisedHtml;

/// The article in a page. What the page does not state is `None` or empty.
#[derive(Clone, Debug, Default)]
pub struct ArticlePage {
    /// Plain text on one line.
    pub title: Option<String>,
    /// The text between the title and the body that sums the article up. It is not repeated in the body.
    pub standfirst: Option<String>,
    /// The names of the authors, in the order of the page.
    pub authors: Vec<String>,
    pub published: Option<WrittenDate>,
    pub modified: Option<WrittenDate>,
    /// BCP 47.
    pub language: Option<String>,
    pub image: Option<MainImage>,
    /// The canonical address of the page, else the address that it was fetched from.
    pub url: Option<String>,
    pub site_name: Option<String>,
    /// The body, with absolute addresses.
    pub html: Option<SanitisedHtml>,
    pub engine: Option<Engine>,
    /// Words of the body.
    pub words: usize,
    /// Whether the page says that only a part of the article is free (`isAccessibleForFree` of schema.org).
    pub is_paywalled: bool,
    /// Why the text may not be kept, if the publisher reserves it. The text is extracted nevertheless: a caller that fetches
    /// pages by itself drops it, and one whose user named this page does not.
    pub reservation: Option<Reservation>,
    /// What was found, and by which rule, in the order of the search.
    pub found: Vec<Finding>,
    /// What was removed from the body, and by which rule.
    pub removed: Vec<Finding>,
}

/// A rule by which the publisher reserves the text of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub(super) rule: Rule,
    pub(super) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    NoArchive,
    NoSnippet,
    NoAi,
    UnavailableAfter(Timestamp),
    TextAndDataMining,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    Meta,
}

impl fmt::Display for Reservation {
    /// Names the rule and its place: `noarchive in X-Robots-Tag`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Rule::NoArchive => f.write_str("noarchive")?,
            Rule::NoSnippet => f.write_str("nosnippet")?,
            Rule::NoAi => f.write_str("noai")?,
            Rule::UnavailableAfter(date) => {
                write!(f, "unavailable_after {}", date.date_naive())?;
            }
            Rule::TextAndDataMining => f.write_str("tdm-reservation")?,
        }
        f.write_str(match (self.place, self.rule) {
            (Place::Header, Rule::TextAndDataMining) => " in the header fields",
            (Place::Header, _) => " in X-Robots-Tag",
            (Place::Meta, _) => " in a meta element",
        })
    }
}

/// The image that stands for the article.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MainImage {
    /// Absolute.
    pub url: String,
    pub caption: Option<String>,
}

/// A text that a rule found or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field, or the kind of what was removed.
    pub what: &'static str,
    pub rule: &'static str,
    /// The text, or its beginning.
    pub text: String,
}

/// What found the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    DomSmoothie,
    Trafilatura,
    /// The state of a script in the page.
    ClientState,
    /// The configured selector.
    Selector,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::DomSmoothie => "dom_smoothie",
            Self::Trafilatura => "trafilatura",
            Self::ClientState => "client state",
            Self::Selector => "selector",
        }
    }
}

/// How much work the search for the body may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The second engine is asked only when the first one finds little.
    Fast,
    /// Both engines are asked.
    #[default]
    Best,
}

/// What the user says about the pages of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteRules {
    /// The CSS selector of the body. No engine is asked where it matches.
    pub select: Option<String>,
    /// The CSS selectors of what is removed from the page first.
    pub remove: Vec<String>,
}

/// The most bytes of a page that is read. Pages of articles have a tenth, with all their scripts.
pub const MOST_BYTES: usize = 5 * 1024 * 1024;

/// Why no article was extracted from a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotExtracted {
    /// The page has more than [`MOST_BYTES`].
    TooLong,
    /// The page has too many elements, or nests them too deeply.
    TooComplex,
    /// The document is no HTML.
    NotHtml,
    /// Neither engine found a text.
    NoArticle,
    /// The page asks for a proof that the reader is a person. Holds the name of the product.
    BotWall(&'static str),
    /// A text that should be a CSS selector is none.
    NotASelector(String),
}

impl fmt::Display for NotExtracted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "the page is longer than {} MiB", MOST_BYTES / (1024 * 1024))
            }
            Self::TooComplex => {
                f.write_str("the page has too many elements or nests them too deeply")
            }
            Self::NotHtml => f.write_str("the document is not HTML"),
            Self::NoArticle => f.write_str("the page has no article text"),
            Self::BotWall(name) => write!(f, "the page is not the article but a bot wall ({name})"),
            Self::NotASelector(text) => write!(f, "`{text}` is not a CSS selector"),
        }
    }
}

impl std::error::Error for NotExtracted {}

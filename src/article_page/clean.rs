//! Removes from a body what its elements name as something else: buttons, newsletters, lists of other articles.

use dom_query::{Document, NodeRef};

use crate::article_page::model::Finding;
use crate::article_page::prepare::take;
use crate::article_page::tree::{all, below, has_word, line, named, names};

/// Words in the names of elements that are no part of an article, and what they are.
const NAMED: [(&str, &[&str]); 6] = [
    (
        "sharing",
        &[
            "share",
            "sharing",
            "social",
            "socials",
            "addthis",
            "sharedaddy",
            "sharebar",
            "shareaholic",
            "addtoany",
            "teilen",
            "compartir",
            "partage",
        ],
    ),
    (
        "other articles",
        &[
            "related",
            "readmore",
            "readalso",
            "recirc",
            "recirculation",
            "recommended",
            "recommendations",
            "recommendation",
            "morefrom",
            "seealso",
            "yarpp",
            "outbrain",
            "taboola",
            "jp-relatedposts",
            "relatedposts",
            "interlinking",
            "trending",
            "teaserlist",
        ],
    ),
    (
        "newsletter",
        &["newsletter", "subscribe", "subscription", "signup", "optin", "mailchimp", "paywall"],
    ),
    (
        "advertisement",
        &[
            "advert",
            "advertisement",
            "ad",
            "ads",
            "adslot",
            "adunit",
            "sponsor",
            "sponsored",
            "anzeige",
            "werbung",
            "promo",
            "promobox",
            "dfp",
        ],
    ),
    (
        "navigation",
        &[
            "breadcrumb",
            "breadcrumbs",
            "pagination",
            "toc",
            "skip",
            "tags",
            "taglist",
            "tagcloud",
            "postnavigation",
        ],
    ),
    ("comments", &["comments", "commentlist", "disqus", "respond", "commentform"]),
];

/// Names of which one word alone says nothing.
const PHRASES: [(&str, &[&str]); 3] = [
    (
        "other articles",
        &[
            "read-also",
            "read_also",
            "read-more",
            "read_more",
            "see-also",
            "also-read",
            "more-on",
            "more-from",
            "read-next",
            "you-may",
            "also-like",
        ],
    ),
    (
        "author's biography",
        &[
            "author-bio",
            "author_bio",
            "author-box",
            "about-author",
            "about-the-author",
            "authorbox",
            "author-card",
            "author-info",
            "author__bio",
            "saboxplugin",
            "author-description",
            "about_author",
            "post-author-box",
            "molongui",
        ],
    ),
    (
        "counter",
        &[
            "view-count",
            "views-count",
            "post-views",
            "reading-time",
            "read-time",
            "view-counter",
            "viewcount",
            "entry-views",
        ],
    ),
];

/// Removes such elements. An element with a large part of the text is kept whatever its name is.
pub(super) fn clean(body: &Document, removed: &mut Vec<Finding>) {
    let whole = line(&body.root()).chars().count();
    for node in all(body, "[class], [id], [role], [data-component], [data-testid]") {
        if !is_attached(&node, body) || named(&node, &["body", "html", "article", "main"]) {
            continue;
        }
        let Some(kind) = kind(&names(&node)) else { continue };
        let length = line(&node).chars().count();
        // A heading is no box.
        let is_heading =
            named(&node, &["h1", "h2", "h3", "h4", "h5", "h6", "p", "li"]) && kind == "navigation";
        if length * 5 < whole && length < 1_500 && !is_heading && !is_text(&node, kind) {
            take(&node, kind, removed);
        }
    }
    for node in all(body, "button, form, input, textarea, nav, dialog") {
        if is_attached(&node, body) && line(&node).chars().count() * 5 < whole {
            take(&node, "form or navigation", removed);
        }
    }
    link_lists(body, whole, removed);
}

fn kind(names: &str) -> Option<&'static str> {
    let of_words = NAMED.iter().find(|(_, words)| has_word(names, words)).map(|(kind, _)| *kind);
    of_words.or_else(|| {
        PHRASES
            .iter()
            .find(|(_, phrases)| phrases.iter().any(|p| names.contains(p)))
            .map(|(kind, _)| *kind)
    })
}

/// Whether an element with a name that may mean something else has the text of an article: paragraphs without links.
fn is_text(node: &NodeRef<'_>, kind: &str) -> bool {
    if matches!(kind, "sharing" | "comments" | "counter" | "advertisement") {
        return false;
    }
    let paragraphs = below(node, "p");
    let said: usize = paragraphs
        .iter()
        .filter(|p| below(p, "a").is_empty())
        .map(|p| line(p).chars().count())
        .sum();
    400 < said
}

fn is_attached(node: &NodeRef<'_>, body: &Document) -> bool {
    let root = body.root().id;
    node.id == root || node.ancestors_it(None).any(|above| above.id == root)
}

/// Lists at the end of the body that are nothing but links to other pages.
fn link_lists(body: &Document, whole: usize, removed: &mut Vec<Finding>) {
    let lists = all(body, "ul, ol");
    for list in lists.iter().rev() {
        let length = line(list).chars().count();
        let linked: usize = below(list, "a").iter().map(|link| line(link).chars().count()).sum();
        let items = below(list, "li").len();
        let is_last = {
            let root = body.root().id;
            let mut node = *list;
            loop {
                if node.next_element_sibling().is_some_and(|next| !line(&next).is_empty()) {
                    break false;
                }
                match node.parent() {
                    Some(parent) if parent.id != root => node = parent,
                    _ => break true,
                }
            }
        };
        if is_last
            && 2 <= items
            && length * 4 < whole
            && length * 9 <= linked * 10
            && is_attached(list, body)
        {
            take(list, "list of links", removed);
        }
    }
}

//! Changes a page before the engines read it: what is not the article goes, and what they would lose gets a form that
//! they keep.

use dom_query::{Document, Matcher, NodeRef};

use crate::article_page::model::{Finding, NotExtracted};
use crate::article_page::tree::{all, below, has_word, line, named, names};
use crate::html::chars::excerpt;

/// Removes what the configured selectors match.
///
/// # Errors
/// When a text is no selector.
pub(super) fn remove(
    page: &Document,
    selectors: &[String],
    removed: &mut Vec<Finding>,
) -> Result<(), NotExtracted> {
    for selector in selectors {
        let matcher =
            Matcher::new(selector).map_err(|_| NotExtracted::NotASelector(selector.clone()))?;
        for node in page.select_matcher(&matcher).nodes() {
            take(node, "configured selector", removed);
        }
    }
    Ok(())
}

/// Removes an element and remembers it.
pub(super) fn take(node: &NodeRef<'_>, what: &'static str, removed: &mut Vec<Finding>) {
    let text = line(node);
    if !text.is_empty() {
        removed.push(Finding { what, rule: what, text: excerpt(&text, 120).into_owned() });
    }
    node.remove_from_parent();
}

pub(super) fn prepare(page: &Document, removed: &mut Vec<Finding>) {
    amp(page);
    consent(page, removed);
    newsletters(page, removed);
    separate(page);
    quotations(page);
}

/// The elements of AMP are those of HTML with another name.
fn amp(page: &Document) {
    for (from, to) in [("amp-img", "img"), ("amp-video", "video"), ("amp-iframe", "iframe")] {
        for node in all(page, from) {
            node.rename(to);
        }
    }
    for node in all(
        page,
        "amp-ad, amp-analytics, amp-sticky-ad, amp-consent, amp-sidebar, amp-social-share",
    ) {
        node.remove_from_parent();
    }
}

/// Banners that ask for consent may hold more text than a short article.
fn consent(page: &Document, removed: &mut Vec<Finding>) {
    const WORDS: [&str; 14] = [
        "cookie",
        "cookies",
        "consent",
        "gdpr",
        "onetrust",
        "didomi",
        "cookiebar",
        "cookiebanner",
        "cookiebot",
        "cmp",
        "usercentrics",
        "cookieconsent",
        "osano",
        "sp_message_container",
    ];
    let whole =
        all(page, "body").first().map(|body| line(body).chars().count()).unwrap_or_default();
    for node in all(page, "div, section, aside, dialog, form") {
        if has_word(&names(&node), &WORDS)
            && below(&node, "article, h1, main").is_empty()
            && line(&node).chars().count() * 2 < whole
        {
            take(&node, "consent banner", removed);
        }
    }
}

/// Boxes around a field for a mail address: the largest element around it that has little text.
fn newsletters(page: &Document, removed: &mut Vec<Finding>) {
    /// In characters.
    const LONGEST: usize = 700;
    let whole =
        all(page, "body").first().map(|body| line(body).chars().count()).unwrap_or_default();
    for field in all(page, "input[type=email]") {
        let boxes = field.ancestors_it(Some(8)).take_while(|above| {
            let length = line(above).chars().count();
            length < LONGEST && length * 3 < whole && below(above, "h1, article, main").is_empty()
        });
        if let Some(around) = boxes.last().filter(|around| around.parent().is_some()) {
            take(&around, "newsletter", removed);
        }
    }
}

/// Puts a mark between the elements of a short line that only the layout of the page separates: date, counter and name.
fn separate(page: &Document) {
    /// In characters.
    const LONGEST: usize = 160;
    for node in all(page, "div, p, header, li, td") {
        let children = node.children_it(false).collect::<Vec<_>>();
        let is_part =
            |child: &NodeRef<'_>| named(child, &["span", "time", "a", "i", "em", "small"]);
        let glued: Vec<_> = children
            .windows(2)
            .filter_map(|pair| {
                if let [a, b] = pair { (is_part(a) && is_part(b)).then_some(*a) } else { None }
            })
            .collect();
        let has_text = |node: &NodeRef<'_>| node.is_text() && !node.text().trim().is_empty();
        if glued.is_empty()
            || children.iter().any(has_text)
            || LONGEST <= line(&node).chars().count()
        {
            continue;
        }
        for part in glued.iter().filter(|part| !line(part).is_empty()) {
            part.after_html(" · ");
        }
    }
}

/// Pull quotes become block quotations, with their attribution inside.
fn quotations(page: &Document) {
    const QUOTES: [&str; 9] = [
        "quote",
        "pullquote",
        "blockquote",
        "quotation",
        "zitat",
        "citation",
        "cita",
        "citazione",
        "pq",
    ];
    /// In characters.
    const LONGEST: usize = 900;
    for node in all(page, "aside, div, figure, section, q, p") {
        let names = names(&node);
        if !has_word(&names, &QUOTES) || is_attribution(&node) {
            continue;
        }
        let length = line(&node).chars().count();
        if length == 0
            || LONGEST < length
            || node.ancestors_it(None).any(|above| named(&above, &["blockquote"]))
        {
            continue;
        }
        let inner = below(&node, "blockquote");
        if inner.is_empty() && below(&node, "h1, h2, ul, ol, table, img").is_empty() {
            if named(&node, &["p", "q"]) {
                node.wrap_html("<blockquote></blockquote>");
            } else {
                node.rename("blockquote");
            }
        } else if let [quote] = inner.as_slice() {
            // The attribution beside the quotation, in the element around both.
            for part in below(&node, "figcaption, cite, footer, [class]") {
                let is_outside = !part.ancestors_it(None).any(|above| above.id == quote.id);
                if is_outside
                    && part.id != quote.id
                    && (named(&part, &["figcaption", "cite", "footer"]) || is_attribution(&part))
                {
                    adopt(quote, &part);
                }
            }
        }
    }
    attributions(page);
}

/// Moves the attributions beside block quotations into them.
fn attributions(page: &Document) {
    for quote in all(page, "blockquote") {
        let beside = [quote.next_element_sibling(), quote.prev_element_sibling()];
        let is_source = |part: &NodeRef<'_>| is_attribution(part) || is_dashed(part);
        if let Some(part) = beside.into_iter().flatten().find(is_source)
            && line(&part).chars().count() < 150
        {
            adopt(&quote, &part);
        }
        // Engines drop the footer of a quotation, and lines that they take for bylines.
        for part in below(&quote, "footer, figcaption, cite, [class]") {
            if named(&part, &["footer", "figcaption"]) || is_attribution(&part) {
                if !named(&part, &["p", "span", "cite", "em", "strong", "a"]) {
                    part.rename("p");
                }
                part.remove_attrs(&["class", "id", "rel", "itemprop"]);
            }
        }
        quote.remove_attrs(&["class", "id"]);
    }
}

/// Whether an element is a line with a dash and a name: `— Ada Lovelace, engineer`.
fn is_dashed(node: &NodeRef<'_>) -> bool {
    let text = line(node);
    let name = text.trim_start_matches(['—', '–', '―', ' ']);
    name.len() < text.len()
        && named(node, &["p", "div", "cite", "footer", "span"])
        && name.chars().next().is_some_and(|c| !c.is_lowercase())
        && name.split_whitespace().count() <= 12
        && !name.ends_with(['.', '!', '?', '”', '"', '»'])
}

/// Moves the attribution of a quotation to its end.
fn adopt(quote: &NodeRef<'_>, part: &NodeRef<'_>) {
    part.remove_from_parent();
    quote.append_child(part);
    part.rename("p");
    part.remove_attrs(&["class", "id", "rel", "itemprop"]);
}

/// Whether an element is named as the source of a quotation.
fn is_attribution(node: &NodeRef<'_>) -> bool {
    const WORDS: [&str; 11] = [
        "attribution",
        "cite",
        "source",
        "author",
        "credit",
        "speaker",
        "byline",
        "name",
        "autor",
        "quelle",
        "auteur",
    ];
    let names = names(node);
    has_word(&names, &WORDS)
        && (has_word(&names, &["quote", "pullquote", "blockquote", "attribution", "cite", "zitat"])
            || node.ancestors_it(Some(4)).any(|above| named(&above, &["blockquote"])))
}

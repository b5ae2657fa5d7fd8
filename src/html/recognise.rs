//! Whether a text is HTML or plain text that only looks like it: `Vec<T>`, `a < b`, "the `<b>` tag".
//!
//! Feeds declare neither reliably. The evidence is the names of the elements, their attributes, their end tags,
//! and whether a tag stands apart like a word. Each function is one or two linear scans.

use std::borrow::Cow;

use memchr::memchr_iter;

use crate::html::tokenizer::{Attributes, CODE, HtmlToken, HtmlTokens, Tag, lower};

/// Elements within a line.
const INLINE: [&str; 29] = [
    "a", "abbr", "audio", "b", "big", "cite", "code", "del", "em", "font", "i", "iframe", "img",
    "ins", "kbd", "mark", "nobr", "q", "s", "small", "span", "strike", "strong", "sub", "sup",
    "tt", "u", "video", "wbr",
];

/// Elements that separate the words before them from those after them.
const BREAKING: [&str; 56] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "noscript",
    "ol",
    "optgroup",
    "option",
    "p",
    "pre",
    "search",
    "section",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Other elements of HTML. Their names are words or abbreviations that a text may well have in angle
/// brackets (`#include <map>`), so they need an attribute or an end tag.
const OTHER: [&str; 64] = [
    "acronym",
    "annotation",
    "annotation-xml",
    "applet",
    "area",
    "base",
    "basefont",
    "bdi",
    "bdo",
    "blink",
    "canvas",
    "col",
    "colgroup",
    "data",
    "datalist",
    "dfn",
    "embed",
    "frame",
    "frameset",
    "input",
    "label",
    "link",
    "map",
    "marquee",
    "math",
    "mathml",
    "menclose",
    "meta",
    "meter",
    "mfrac",
    "mi",
    "mn",
    "mo",
    "mover",
    "mroot",
    "mrow",
    "msqrt",
    "mstyle",
    "msub",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "noframes",
    "object",
    "output",
    "param",
    "picture",
    "progress",
    "rb",
    "rp",
    "rt",
    "rtc",
    "ruby",
    "samp",
    "select",
    "source",
    "textarea",
    "time",
    "title",
    "track",
    "var",
];

/// Elements of old versions of HTML, of browsers and of drafts. A text with one of these names in angle brackets is no
/// HTML for that.
const OBSOLETE: [&str; 20] = [
    "bgsound",
    "command",
    "content",
    "ilayer",
    "image",
    "isindex",
    "keygen",
    "layer",
    "listing",
    "menuitem",
    "multicol",
    "nextid",
    "noembed",
    "noindex",
    "nolayer",
    "plaintext",
    "portal",
    "slot",
    "spacer",
    "xmp",
];

/// Elements of drawings and formulas (SVG 2, SVG 1.1, `MathML` 3) that HTML does not have. One of them that stands in a text
/// is neither shown nor hides what follows. `int` is left out: it is the type of a program.
#[rustfmt::skip]
const FOREIGN: [&str; 238] = [
    "abs", "altglyph", "and", "animate", "animatecolor", "animatemotion", "animatetransform",
    "apply", "approx", "arccos", "arccosh", "arccot", "arccoth", "arccsc", "arccsch", "arcsec",
    "arcsech", "arcsin", "arcsinh", "arctan", "arctanh", "arg", "bind", "bvar", "card",
    "cartesianproduct", "cbytes", "ceiling", "cerror", "ci", "circle", "clippath", "cn",
    "codomain", "complexes", "compose", "condition", "conjugate", "cos", "cosh", "cot", "coth",
    "cs", "csc", "csch", "csymbol", "curl", "cursor", "declare", "defs", "degree", "desc",
    "determinant", "diff", "divergence", "divide", "domain", "domainofapplication", "ellipse",
    "emptyset", "eq", "equivalent", "eulergamma", "exists", "exp", "exponentiale", "factorial",
    "factorof", "false", "feblend", "fecolormatrix", "fecomponenttransfer", "fecomposite",
    "feconvolvematrix", "fediffuselighting", "fedisplacementmap", "fedistantlight", "fedropshadow",
    "feflood", "fefunca", "fefuncb", "fefuncg", "fefuncr", "fegaussianblur", "feimage", "femerge",
    "femergenode", "femorphology", "feoffset", "fepointlight", "fespecularlighting", "fespotlight",
    "fetile", "feturbulence", "filter", "floor", "fn", "forall", "foreignobject", "g", "gcd",
    "geq", "glyph", "glyphref", "grad", "gt", "hatch", "hatchpath", "hkern", "ident", "imaginary",
    "imaginaryi", "implies", "in", "infinity", "integers", "intersect", "interval", "inverse",
    "lambda", "laplacian", "lcm", "leq", "limit", "line", "lineargradient", "list", "ln", "log",
    "logbase", "lowlimit", "lt", "maction", "maligngroup", "malignmark", "marker", "mask",
    "matrix", "matrixrow", "max", "mean", "median", "merror", "mesh", "metadata", "mfenced",
    "mglyph", "min", "minus", "mlabeledtr", "mlongdiv", "mmultiscripts", "mode", "moment",
    "momentabout", "mpadded", "mpath", "mphantom", "mprescripts", "ms", "mscarries", "mscarry",
    "msgroup", "msline", "mspace", "msrow", "mstack", "msubsup", "munderover", "naturalnumbers",
    "neq", "none", "not", "notanumber", "notin", "notprsubset", "notsubset", "or", "otherwise",
    "outerproduct", "partialdiff", "path", "pattern", "pi", "piece", "piecewise", "plus",
    "polygon", "polyline", "power", "primes", "product", "prsubset", "quotient", "radialgradient",
    "rationals", "real", "reals", "rect", "reln", "rem", "root", "scalarproduct", "sdev", "sec",
    "sech", "selector", "semantics", "sep", "set", "setdiff", "share", "sin", "sinh", "stop",
    "subset", "sum", "switch", "symbol", "tan", "tanh", "tendsto", "text", "textpath", "times",
    "transpose", "tref", "true", "tspan", "union", "uplimit", "use", "variance", "vector",
    "vectorproduct", "view", "vkern", "xor",
];

/// Elements without content.
const VOID: [&str; 4] = ["br", "hr", "img", "wbr"];

/// Whether an element separates the words before it from those after it.
pub(super) fn is_breaking(tag: &Tag<'_>) -> bool {
    // These are nearly all tags of articles.
    match tag.name {
        "p" | "br" | "li" | "div" => true,
        "a" | "em" | "img" | "span" | "strong" => false,
        _ => is_in(&BREAKING, tag) || tag.is(&["audio", "video", "iframe", "object", "canvas"]),
    }
}

/// Whether the name of a tag is that of an element which texts have.
pub(super) fn is_known(tag: &Tag<'_>) -> bool {
    tag.is(&INLINE) || is_in(&BREAKING, tag) || tag.is(&CODE)
}

/// Whether the name of a tag is that of an element of HTML.
pub(super) fn is_html(tag: &Tag<'_>) -> bool {
    is_known(tag) || is_in(&OTHER, tag)
}

/// Whether a name, in lower case, is that of an element of any version of HTML, or of a formula.
pub(super) fn is_element(name: &str) -> bool {
    // These are nearly all tags of articles.
    matches!(name, "p" | "a" | "br" | "li" | "em" | "img" | "div" | "span" | "strong")
        || CODE.contains(&name)
        || [&INLINE[..], &BREAKING, &OTHER, &OBSOLETE]
            .iter()
            .any(|names| names.binary_search(&name).is_ok())
}

fn is_in(names: &[&str], tag: &Tag<'_>) -> bool {
    names.binary_search(&&*tag.lower_name()).is_ok()
}

/// A start tag in HTML that may be text, such as the type in `List<Boat>`.
pub(super) struct Brackets<'a> {
    /// The name as it is written.
    pub(super) name: &'a str,
    pub(super) attributes: Attributes<'a>,
    /// Whether it is of the form `<a/>`.
    pub(super) is_empty: bool,
    pub(super) before: &'a str,
    pub(super) after: &'a str,
}

impl Brackets<'_> {
    /// Whether this is text, if no end tag follows: the parameter of a type, or a word in angle brackets whose name is
    /// that of no element.
    pub(super) fn may_be_text(&self, is_in_code: impl Fn() -> bool) -> bool {
        let (name, attributes) = (lower(self.name), self.attributes.0);
        if attributes.contains(['=', '"', '\'']) || name.contains(':') {
            return false;
        }
        let is_capital = self.name.starts_with(|c: char| c.is_ascii_uppercase());
        let is_type = is_capital
            && (self.name.len() == 1 || self.name.contains(|c: char| c.is_ascii_lowercase()));
        let is_glued = self.before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
            || self.before.ends_with("::");
        // At most one space is taken off, because all white space would be looked at anew for each tag.
        let before = self.before.strip_suffix(' ').unwrap_or(self.before);
        if before.ends_with("#include") {
            true
        } else if is_element(&name) {
            // `Option<S>`, but not `word<B>bold`.
            let is_letter = is_capital && ["a", "b", "i", "q", "s", "u"].contains(&&*name);
            is_letter
                && (is_glued || is_in_code())
                && !self.after.starts_with(|c: char| c.is_alphanumeric())
        } else if is_in_code() {
            true
        } else if name.contains('-') {
            false // A custom element.
        } else if is_glued {
            true
        } else if self.is_empty {
            is_type && attributes.trim_matches([' ', '/']).is_empty()
        } else {
            FOREIGN.binary_search(&&*name).is_err()
        }
    }
}

/// Whether what follows a name can be attributes, and is not the rest of a comparison as in
/// `a<b and c>d`.
fn has_sound_attributes(tag: &Tag<'_>) -> bool {
    const WITHOUT_VALUE: [&str; 10] = [
        "allowfullscreen",
        "async",
        "autoplay",
        "checked",
        "controls",
        "disabled",
        "hidden",
        "loop",
        "muted",
        "open",
    ];
    let is_bare = |name: &str| WITHOUT_VALUE.iter().any(|known| known.eq_ignore_ascii_case(name));
    tag.attributes.0.contains('=') || tag.attributes.iter().all(|(name, _)| is_bare(name))
}

/// A tag and its neighbours.
struct Place<'a> {
    tag: Tag<'a>,
    before: Option<char>,
    after: Option<char>,
    /// Whether nothing is before it.
    is_first: bool,
}

impl Place<'_> {
    /// Whether it is separated from its neighbours like a word.
    fn is_separate_word(&self) -> bool {
        self.before.is_none_or(|c| c.is_whitespace() || "([{\"'“‘«„`/,".contains(c))
            && self.after.is_none_or(|c| c.is_whitespace() || ".,;:!?)]}\"'”’»“`/".contains(c))
    }

    /// Whether it is mentioned in a line: a separate word without attributes.
    fn is_mentioned(&self) -> bool {
        let is_line = |c: Option<char>| c != Some('\n') && c != Some('\r');
        self.tag.attributes.0.is_empty()
            && !self.is_first
            && self.is_separate_word()
            && is_line(self.before)
            && is_line(self.after)
    }

    /// Whether it is the parameter of a type, as in `List<Table>`, and not the tag of an element.
    fn is_type_parameter(&self) -> bool {
        let starts_type = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        self.tag.attributes.0.is_empty()
            && !self.tag.closing
            && self.tag.name.starts_with(|c: char| c.is_ascii_uppercase())
            && !(1 < self.tag.name.len() && self.tag.name.bytes().all(|b| !b.is_ascii_lowercase()))
            && self.before.is_some_and(starts_type)
            && self.after.is_none_or(|c| !c.is_alphanumeric())
    }
}

impl Place<'_> {
    /// Whether it is one of the pair of tags around a word, of which the other one was cut off with its text.
    fn is_cut(&self) -> bool {
        let is_word = |c: char| c.is_alphanumeric();
        let is_gap = |c: char| c.is_whitespace() || ".,;:!?)".contains(c);
        self.tag.is(&["b", "em", "i", "strong", "u"])
            && self.tag.attributes.0.is_empty()
            && if self.tag.closing {
                self.before.is_some_and(is_word) && self.after.is_none_or(is_gap)
            } else {
                self.before.is_none_or(char::is_whitespace) && self.after.is_some_and(is_word)
            }
    }
}

enum Evidence<'a> {
    /// A comment, or a whole script or style.
    Hidden,
    Tag(Place<'a>),
}

/// The tags of HTML in a text. Declarations such as `<?php` and other names are left out.
fn evidence(text: &str) -> impl Iterator<Item = Evidence<'_>> {
    let mut tokens = HtmlTokens::of_prose(text);
    let mut start = 0;
    std::iter::from_fn(move || {
        while let Some(token) = tokens.next() {
            let end = text.len() - tokens.rest().len();
            let place = std::mem::replace(&mut start, end);
            match token {
                HtmlToken::Hidden => {
                    let rest = text.get(place..).unwrap_or_default();
                    let declares = rest.starts_with("<?")
                        || rest.starts_with("<!")
                            && !["<!--", "<!["].iter().any(|start| rest.starts_with(start));
                    if !declares {
                        return Some(Evidence::Hidden);
                    }
                }
                HtmlToken::Tag(tag)
                    if (is_html(&tag) || tag.name.contains(['-', ':']))
                        && has_sound_attributes(&tag) =>
                {
                    let before = text.get(..place).and_then(|before| before.chars().next_back());
                    let after = tokens.rest().chars().next();
                    return Some(Evidence::Tag(Place { tag, before, after, is_first: place == 0 }));
                }
                HtmlToken::Text(_) | HtmlToken::Tag(_) => {}
            }
        }
        None
    })
}

/// The names of all end tags in a text, in lower case, once each.
fn closed_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for found in evidence(text) {
        let Evidence::Tag(Place { tag, .. }) = found else { continue };
        if tag.closing && !names.iter().any(|name| tag.is(&[name])) {
            names.push(tag.lower_name().into_owned());
        }
    }
    names
}

/// Whether a text that is usually HTML has any markup. Otherwise it is plain text.
///
/// An element within a line needs an attribute or an end tag, so that `Option<S>` and "the `<b>` tag" are text.
pub fn has_markup(text: &str) -> bool {
    if !text.contains('<') {
        return false;
    }
    let (mut closed, mut paragraphs) = (None, 0);
    let mut found = evidence(text);
    let by_tags = found.any(|found| {
        let place = match found {
            Evidence::Hidden => return true,
            Evidence::Tag(place) => place,
        };
        let tag = &place.tag;
        paragraphs += usize::from(tag.is(&["p", "li"]) && !tag.closing);
        tag.attributes.0.contains('=')
            || is_known(tag) && tag.is(&VOID)
            || 1 < paragraphs
            || is_known(tag)
                && is_breaking(tag)
                && !place.is_type_parameter()
                && !place.is_mentioned()
            || place.is_cut()
            || !tag.closing && {
                let closed: &Vec<String> = closed.get_or_insert_with(|| closed_names(text));
                closed.iter().any(|name| tag.is(&[name]))
            }
    });
    by_tags
        || text.contains("<![CDATA[")
        || text.contains("</ ")
        || text.contains("</>")
        || ends_in_a_tag(text)
}

/// Whether a text was cut off in a tag.
fn ends_in_a_tag(text: &str) -> bool {
    /// In bytes. A longer name is none.
    const LONGEST_NAME: usize = 12;
    let Some((_, last)) = text.rsplit_once('<') else { return false };
    let (name, rest) = last.split_once(|c: char| c.is_whitespace()).unwrap_or((last, ""));
    let is_end = name.starts_with('/') && rest.is_empty() && name.len() < LONGEST_NAME;
    let tag = Tag { name, attributes: Attributes(rest), closing: false };
    !last.contains('>') && (is_end || rest.contains('=') && is_html(&tag))
}

/// Whether a text that is declared as plain text is HTML: it uses a tag of HTML.
///
/// A tag without attributes that is separated like a word is only mentioned, as in "the `<b>` tag".
pub fn looks_like_html(text: &str) -> bool {
    if !text.contains('<') {
        return false;
    }
    let text = text.trim();
    let (mut first, mut breaks) = (None, 0);
    let mut closed = None;
    for found in evidence(text) {
        let place = match found {
            Evidence::Hidden => return true,
            Evidence::Tag(place) if is_known(&place.tag) => place,
            Evidence::Tag(_) => continue,
        };
        let tag = &place.tag;
        let whole = tag.closing
            && place.after.is_none()
            && first.as_ref().is_some_and(|name: &String| tag.is(&[name]));
        breaks += usize::from(tag.is(&["br", "p", "li"]) && !tag.closing);
        if whole || 1 < breaks || tag.attributes.0.contains('=') {
            return true;
        }
        if !place.is_separate_word() && !place.is_type_parameter() {
            let needs_end = !tag.closing && !is_breaking(tag) && !tag.is(&VOID);
            let closed: &Vec<String> = closed.get_or_insert_with(|| closed_names(text));
            if !needs_end || closed.iter().any(|name| tag.is(&[name])) {
                return true;
            }
        }
        if place.is_first && !tag.closing {
            first = Some(tag.name.to_owned());
        }
    }
    false
}

/// Whether a text consists of complete elements of HTML only, and is not a sentence between two tags that it
/// mentions.
pub fn is_whole_html(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let (mut tags, mut attributes, mut apart) = (0, false, false);
    let mut tokens = HtmlTokens::new(text);
    while let Some(token) = tokens.next() {
        match token {
            HtmlToken::Text(text) if open.is_empty() && !text.trim().is_empty() => return false,
            HtmlToken::Text(_) => {}
            HtmlToken::Hidden => return false,
            HtmlToken::Tag(tag) if !is_known(&tag) => return false,
            HtmlToken::Tag(tag) if tag.closing => {
                if open.pop().is_none_or(|name| !name.eq_ignore_ascii_case(tag.name)) {
                    return false;
                }
            }
            HtmlToken::Tag(tag) => {
                tags += 1;
                attributes |= tag.attributes.0.contains('=');
                apart |= tags == 1 && tokens.rest().starts_with(' ');
                if !tag.is(&VOID) {
                    open.push(tag.name);
                }
            }
        }
    }
    open.is_empty() && 0 < tags && (attributes || !apart || 1 < tags)
}

/// What the tags of a text that may be HTML say about it. Nothing, unless each element ends where it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Balance {
    /// A link or an image has its address.
    pub(super) has_address: bool,
    /// An element encloses words, as in `<i>this</i>`.
    pub(super) encloses: bool,
    /// A line break joins the words around it.
    pub(super) joins: bool,
}

/// Reads the tags of a text.
pub(super) fn balance(text: &str) -> Balance {
    let mut open: Vec<(String, bool)> = Vec::new();
    let mut found = Balance::default();
    let (mut tags, mut all) = (0, 0);
    for place in evidence(text) {
        let Evidence::Tag(place) = place else { return Balance::default() };
        let tag = &place.tag;
        tags += 1;
        let is_word = |c: char| !c.is_whitespace();
        if tag.closing {
            match open.pop() {
                Some((name, tight)) if tag.is(&[&name]) => {
                    found.encloses |= tight && place.before.is_some_and(|c| is_word(c) && c != '>');
                }
                _ => return Balance::default(),
            }
        } else {
            let address = tag.attributes.raw("href").or_else(|| tag.attributes.raw("src"));
            found.has_address |= address.is_some_and(|address| !address.is_empty());
            if tag.is(&VOID) {
                found.joins |= tag.is(&["br"]) && !place.is_separate_word();
            } else {
                let tight = place.after.is_some_and(|c| is_word(c) && c != '<');
                open.push((tag.lower_name().into_owned(), tight));
            }
        }
    }
    for token in HtmlTokens::of_prose(text) {
        all += usize::from(matches!(token, HtmlToken::Tag(_)));
    }
    let is_balanced = open.is_empty() && 0 < tags && tags == all;
    if is_balanced { found } else { Balance::default() }
}

/// Escapes what is no tag of any vocabulary: the parameter of a type (`List<Boat>`), an address of mail or web in
/// angle brackets.
pub fn escape_false_tags(html: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for at in memchr_iter(b'<', html.as_bytes()) {
        let (before, after) = (html.get(copied..at), html.get(at + 1..).unwrap_or_default());
        if is_false_tag(html.get(..at).unwrap_or_default(), after) {
            out.extend([before.unwrap_or_default(), "&lt;"]);
            copied = at + 1;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(html);
    }
    out.push_str(html.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

fn is_false_tag(before: &str, after: &str) -> bool {
    /// In bytes. What is longer is no address in brackets.
    const LONGEST: usize = 254;
    let first = after.as_bytes().first().copied().unwrap_or_default();
    if first.is_ascii_uppercase() && before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        let length = after.bytes().take(LONGEST).position(|b| !b.is_ascii_alphanumeric());
        let (name, rest) = after.split_at(length.unwrap_or_default());
        let tag = Tag { name, attributes: Attributes(""), closing: false };
        return !name.is_empty() && rest.starts_with(['>', ',', '<', '[']) && !is_html(&tag);
    }
    if !first.is_ascii_alphanumeric() {
        return false;
    }
    let is_inside = |b: u8| b.is_ascii_graphic() && !b"<>\"'=".contains(&b);
    let length = after.bytes().take(LONGEST).position(|b| !is_inside(b)).unwrap_or_default();
    let (inside, rest) = after.split_at(length);
    let is_mail = || inside.split_once('@').is_some_and(|(_, host)| host.contains('.'));
    rest.starts_with('>')
        && (is_mail() || ["http://", "https://"].iter().any(|scheme| inside.starts_with(scheme)))
}

/// Whether the text of an element begins with words or with an element of HTML, and not with one of another
/// vocabulary.
pub fn begins_with_html(text: &str) -> bool {
    for token in HtmlTokens::new(text) {
        match token {
            HtmlToken::Hidden => {}
            HtmlToken::Text(text) if text.trim().is_empty() => {}
            HtmlToken::Text(_) => return true,
            HtmlToken::Tag(tag) => return is_html(&tag) && !tag.is(&["svg", "math"]),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        for names in [&INLINE[..], &BREAKING, &OTHER, &OBSOLETE, &FOREIGN] {
            assert!(names.is_sorted(), "{names:?}");
        }
    }

    #[test]
    fn html_is_distinguished_from_text_that_mentions_tags() {
        for (text, html) in [
            ("Vec<String>", false),
            ("a < b > c", false),
            ("<p>x", true),
            ("x<br/>", true),
            ("x <A HREF='y'>z</A>", true),
            ("<b>Bold</b> news", true),
            ("<p> x </p>", true),
            ("one <br> two <br> three", true),
            ("one<br>two", true),
            ("x <img src='y'> z", true),
            ("x <script>y()</script>", true),
            ("x <script>y()", true),
            ("x<!-- y -->", true),
            ("Use <b> for bold", false),
            ("The <br> tag", false),
            ("<b>", false),
            ("<b> and <strong>: what differs", false),
            ("Between <b> and </b> (or \"<i>\", '</i>')", false),
            ("How the <script> tag works", false),
            ("<?php tags", false),
            ("the <!DOCTYPE html> line", false),
            ("if a<b and c>d", false),
            ("Option<S> and Result<A>", false),
            ("List<Table>", false),
        ] {
            assert_eq!(looks_like_html(text), html, "{text}");
        }
    }

    #[test]
    fn what_is_no_tag_is_escaped() {
        for (html, expected) in [
            ("<p>Use Vec<T>.</p>", Some("<p>Use Vec&lt;T>.</p>")),
            ("Map<String, List<Boat>>", Some("Map&lt;String, List&lt;Boat>>")),
            ("Ann <ann@a.example>", Some("Ann &lt;ann@a.example>")),
            ("at <https://a.example/x>", Some("at &lt;https://a.example/x>")),
            ("x<B>y</B>", None),
            ("x<P>y", None),
            ("x<o:p>y</o:p>", None),
            ("x<Foo bar=1>y</Foo>", None),
            ("<T>", None),
            ("<a href=mailto:a@a.example>x</a>", None),
            ("x<", None),
        ] {
            assert_eq!(escape_false_tags(html), expected.unwrap_or(html), "{html}");
        }
    }

    #[test]
    fn a_text_that_is_usually_html_needs_one_sound_tag() {
        for (text, html) in [
            ("<p>x", true),
            ("x<P>y", true),
            ("one <br> two", true),
            ("one<br />two", true),
            ("<b>x</b>", true),
            ("x <a href='y'>z</a>", true),
            ("x <img src=y>", true),
            ("<IFRAME SRC='y' allowfullscreen></IFRAME>", true),
            ("<video controls src='y'></video>", true),
            ("<time>x</time>", true),
            ("x<!-- y -->", true),
            ("<script>y()</script>", true),
            ("x</p>", true),
            ("<b>Breaking: the mayor", true),
            ("the mayor</b> came.", true),
            ("a <i>b", true),
            ("vector<i>x", false),
            ("one\n<p>\ntwo", true),
            ("one <p> two <p> three", true),
            ("<div> x", true),
            ("x <noscript>y", true),
            ("<mi>x</mi>", true),
            ("x <a href=\"https://a.example/", true),
            ("<b>x</", true),
            ("", false),
            ("List<Boat>, Vec<T>, Map<String, List<Boat>>", false),
            ("a < b", false),
            ("x<y and y>z", false),
            ("if a<b and c>d", false),
            ("i<p && q>r", false),
            ("Bob <bob@example.org>", false),
            ("I <3 you", false),
            ("<https://example.org/>", false),
            ("Use <b> for bold", false),
            ("#include <map>", false),
            ("How to use <div> and <p> tags", false),
            ("Vec<Section> or List<Table>.", false),
            ("<T> and <U>", false),
            ("Option<S>", false),
            ("std::vector<i>", false),
            ("<?php echo", false),
            ("x <a", false),
            ("x <y z=1", false),
        ] {
            assert_eq!(has_markup(text), html, "{text}");
        }
    }
}

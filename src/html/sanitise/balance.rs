//! Repairs faults of HTML that would hide text, before a tree is built from it.
//!
//! A browser hides the text after an `<iframe>`, `<svg>` or `<!--` that is not closed, the text in a tag whose
//! quotation mark is missing, and the text in `<![CDATA[` or after `<!`. In an article this is text that its
//! author meant to be read. Scripts and styles are not changed, because their content is never text.
//!
//! The HTML is scanned once. Each search for an end tag that may reach the end of the HTML is made once, and
//! its result is kept.

use memchr::{memchr, memmem};

use crate::html::entities::{Context, decode};
use crate::html::escape::push_text;
use crate::html::sanitise::allow_list::{HIDDEN, RAW};
use crate::html::to_text::{Markup, plain};
use crate::html::tokenizer::{Attributes, CODE, look_ahead, split_tag};

/// Returns the repaired HTML. `keeps_frame` decides by its address whether a frame is kept.
pub(super) fn balance(html: &str, keeps_frame: impl Fn(&str) -> bool) -> String {
    let out = String::with_capacity(html.len());
    let look_ahead = look_ahead(html.len());
    let (next_end, last, in_drawing) = (None, Vec::new(), false);
    let keeps_frame = &keeps_frame;
    Balancer { html, out, look_ahead, next_end, last, keeps_frame, in_drawing }.balance()
}

struct Balancer<'a> {
    html: &'a str,
    out: String,
    /// How many bytes [`split_tag`] may still read without finding the end of a tag.
    look_ahead: usize,
    /// The offset of the next `>`, if it was searched.
    next_end: Option<usize>,
    /// The offset of the last occurrence of each end that was searched.
    last: Vec<(&'static str, Option<usize>)>,
    keeps_frame: &'a dyn Fn(&str) -> bool,
    /// Whether an `<svg>` is open. A `<title>` in it is that of the drawing.
    in_drawing: bool,
}

impl<'a> Balancer<'a> {
    fn balance(mut self) -> String {
        let mut rest = self.html;
        while let Some(start) = memchr(b'<', rest.as_bytes()) {
            let (text, markup) = rest.split_at(start);
            self.out.push_str(text);
            rest = if self.has_an_end(markup) {
                let inner = markup.get(1..).unwrap_or_default();
                match inner.bytes().next() {
                    Some(b'!') => self.declaration(inner),
                    Some(b'?') => after(inner, '>'),
                    Some(b'/') => self.end_tag(inner),
                    Some(b) if b.is_ascii_alphabetic() => self.start_tag(inner),
                    _ => self.no_markup(inner),
                }
            } else {
                self.cut_off(markup)
            };
        }
        self.out.push_str(rest);
        self.out
    }

    fn place(&self, rest: &str) -> usize {
        self.html.len() - rest.len()
    }

    /// Whether a `>` follows.
    fn has_an_end(&mut self, rest: &str) -> bool {
        let here = self.place(rest);
        if self.next_end.is_none_or(|end| end < here) {
            let end = memchr(b'>', rest.as_bytes());
            self.next_end = end.map(|end| here + end);
        }
        self.next_end.is_some()
    }

    /// Whether `what` occurs in `rest`. It is `-->`, `]]>`, `]]&gt;`, or the name of an element whose end tag is
    /// meant.
    fn occurs_in(&mut self, what: &'static str, rest: &str) -> bool {
        let here = self.place(rest);
        let known = self.last.iter().find(|(name, _)| *name == what).map(|(_, last)| *last);
        let last = known.unwrap_or_else(|| {
            let bytes = self.html.as_bytes();
            let last = if what.ends_with(['>', ';']) {
                memmem::rfind(bytes, what.as_bytes())
            } else {
                memmem::rfind_iter(bytes, "</").find(|at| is_end_of(what, self.html, *at))
            };
            self.last.push((what, last));
            last
        });
        last.is_some_and(|last| here <= last)
    }

    /// Writes a `<` that opens nothing. Returns the text after it.
    fn no_markup(&mut self, inner: &'a str) -> &'a str {
        self.out.push_str("&lt;");
        inner
    }

    /// Writes the end of HTML that has no `>` any more, so that no tag in it is complete. The last tag may have
    /// been cut off together with the text after it.
    fn cut_off(&mut self, markup: &'a str) -> &'a str {
        let (text, comment) = markup.split_once("<!--").map_or((markup, false), |(t, _)| (t, true));
        let (before, last) = text.split_at(text.rfind('<').unwrap_or(text.len()));
        self.out.push_str(&before.replace('<', "&lt;"));
        let inner = last.strip_prefix('<').unwrap_or_default();
        let name = inner.strip_prefix('/').unwrap_or(inner);
        let is_tag = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && (!name.contains(char::is_whitespace) || name.contains('='));
        if !comment && !last.is_empty() && !is_tag {
            return self.no_markup(inner);
        }
        if comment {
            self.out.push_str(&last.replace('<', "&lt;"));
        }
        ""
    }

    fn declaration(&mut self, inner: &'a str) -> &'a str {
        if let Some(comment) = inner.strip_prefix("!--") {
            let abrupt = comment.strip_prefix('>').or_else(|| comment.strip_prefix("->"));
            return match abrupt {
                Some(rest) => rest,
                None if self.occurs_in("-->", comment) => {
                    comment.split_once("-->").map_or("", |(_, rest)| rest)
                }
                None => after(comment, '>'),
            };
        }
        if let Some(text) = inner.strip_prefix("![CDATA[") {
            // Some publishers escape the end of the section.
            let Some(end) = ["]]>", "]]&gt;"].into_iter().find(|end| self.occurs_in(end, text))
            else {
                return text;
            };
            let (inside, rest) = text.split_once(end).unwrap_or((text, ""));
            self.out.push_str(&balance(inside, self.keeps_frame));
            return rest;
        }
        if inner.get(1..).is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())) {
            return after(inner, '>');
        }
        self.no_markup(inner)
    }

    fn end_tag(&mut self, inner: &'a str) -> &'a str {
        let name = inner.get(1..).unwrap_or_default();
        if name.starts_with(|c: char| c.is_ascii_whitespace() || c == '>') {
            return after(inner, '>'); // `</ br>`, `</>`.
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.no_markup(inner);
        }
        let (tag, rest) = inner.split_once('>').unwrap_or((inner, ""));
        self.in_drawing &= !tag.trim_end().eq_ignore_ascii_case("/svg");
        self.out.extend(["<", tag, ">"]);
        rest
    }

    fn start_tag(&mut self, inner: &'a str) -> &'a str {
        let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>');
        let (name, tail) = inner.split_at(inner.bytes().position(ends).unwrap_or(inner.len()));
        let Some((attributes, rest)) = split_tag(tail, &mut self.look_ahead) else {
            let (tag, rest) = inner.split_once('>').unwrap_or((inner, ""));
            let odd = |quote: &char| tag.matches(*quote).count() % 2 == 1;
            self.out.extend(["<", tag]);
            self.out.extend(['"', '\''].iter().find(|quote| odd(quote)));
            self.out.push('>');
            return rest;
        };
        let tag = inner.get(..inner.len() - rest.len()).unwrap_or_default();
        let is = |names: &[&'static str]| {
            names.iter().copied().find(|known| name.eq_ignore_ascii_case(known))
        };
        if name.eq_ignore_ascii_case("plaintext") {
            return rest; // No tag would end it, its own end tag included.
        }
        if name.eq_ignore_ascii_case("math") {
            return self.formula(tag, attributes, rest);
        }
        let empty = tag.ends_with("/>");
        if let Some(name) = is(&CODE).or_else(|| is(&RAW)) {
            let frame = name == "iframe";
            if frame && !self.is_kept_frame(attributes) {
                return rest; // Its content replaces a frame that is not shown.
            }
            // In XML an element of the form `<script/>` has no content.
            let closed = self.occurs_in(name, rest) && !(empty && opens_again(name, rest));
            let (inside, after) = match closed.then(|| end_of(name, rest)).flatten() {
                Some(ends) => ends,
                None if CODE.contains(&name) && !empty => return "",
                None => ("", rest),
            };
            if name == "title" && closed && !self.in_drawing {
                // The title of a whole page that was put into an article.
                self.out.extend(["<p>", &inside.replace('<', "&lt;"), "</p>"]);
                return after;
            }
            if frame || closed {
                self.out.extend(["<", tag, if frame { "" } else { inside }, "</", name, ">"]);
            }
            return after;
        }
        let hidden = is(&HIDDEN);
        if hidden.is_none_or(|name| empty || self.occurs_in(name, rest)) {
            self.out.extend(["<", tag]);
            self.in_drawing |= hidden == Some("svg") && !empty;
        }
        rest
    }

    fn is_kept_frame(&self, attributes: Attributes<'_>) -> bool {
        attributes
            .raw("src")
            .is_some_and(|address| (self.keeps_frame)(&decode(address, Context::Attribute)))
    }

    /// Writes a formula as text: its description in words, or else its letters and signs.
    fn formula(&mut self, tag: &str, attributes: Attributes<'_>, rest: &'a str) -> &'a str {
        let is_closed = !tag.ends_with("/>") && self.occurs_in("math", rest);
        let ends = is_closed.then(|| end_of("math", rest)).flatten();
        let Some((inside, after)) = ends else { return rest };
        if is_repeated_for_display(after) {
            return after;
        }
        let words = attributes.raw("alttext").and_then(|words| plain(words, Markup::Doubtful));
        let shown = inside.split("<annotation").next().unwrap_or_default();
        if let Some(words) = words.or_else(|| plain(shown, Markup::Html)) {
            push_text(&mut self.out, &words);
        }
        after
    }
}

/// Whether a formula is followed by the same formula as an image or as styled text. Screen readers skip it
/// because it is `aria-hidden` (`KaTeX`, `MediaWiki`).
fn is_repeated_for_display(after: &str) -> bool {
    let mut rest = after.trim_start();
    while let Some(end) = rest.strip_prefix("</") {
        rest = end.split_once('>').map_or("", |(_, rest)| rest).trim_start();
    }
    let tag = rest.strip_prefix('<').and_then(|tag| tag.get(..=tag.find('>')?));
    let attributes = tag.and_then(|tag| tag.get(tag.find(|c: char| !c.is_ascii_alphanumeric())?..));
    attributes.is_some_and(|attributes| {
        Attributes(attributes).raw("aria-hidden").is_some_and(|value| value != "false")
    })
}

/// The text after the first `end`, or an empty text when there is none.
fn after(text: &str, end: char) -> &str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

/// Whether the end tag of an element is at this offset.
fn is_end_of(name: &str, html: &str, at: usize) -> bool {
    let found = html.get(at + 2..at + 2 + name.len());
    let next = html.as_bytes().get(at + 2 + name.len());
    found.is_some_and(|found| found.eq_ignore_ascii_case(name))
        && next.is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>'))
}

/// The text before the end tag of an element, and the text after it.
fn end_of<'a>(name: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let at = memmem::find_iter(rest.as_bytes(), "</").find(|at| is_end_of(name, rest, *at))?;
    let (inside, tag) = rest.split_at(at);
    Some((inside, after(tag, '>')))
}

/// Whether a start tag of the element comes before an end tag.
fn opens_again(name: &str, rest: &str) -> bool {
    let is =
        |at: usize| rest.get(at..at + name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name));
    let mut tags = memmem::find_iter(rest.as_bytes(), "<");
    tags.find_map(|at| {
        (is(at + 1).then_some(true)).or_else(|| is_end_of(name, rest, at).then_some(false))
    })
    .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faulty_markup_does_not_hide_text() {
        for (html, expected) in [
            ("a<iframe src='/x'>b", "ab"),
            ("a<iframe src='/x'>b</iframe>c", "ab</iframe>c"),
            ("a<IFRAME src='ok'><b>c</iframe>d", "a<IFRAME src='ok'></iframe>d"),
            ("a<iframe src='ok'/>b", "a<iframe src='ok'/></iframe>b"),
            ("a<svg>b</p>c", "ab</p>c"),
            ("a<svg><path/></svg>b", "a<svg><path/></svg>b"),
            ("a<svg/>b", "a<svg/>b"),
            ("a<noscript>b<p>c</p>", "ab<p>c</p>"),
            ("a<title>b<select>c", "abc"),
            ("a<title>b<c</TITLE >d", "a<p>b&lt;c</p>d"),
            ("<svg><title>a</title></svg><title>b</title>", "<svg><title>a</title></svg><p>b</p>"),
            ("<math><mi>a</mi><mo>+</mo></math>b", "a+b"),
            ("<math alttext='a < b'><mi>a</mi></math>c", "a &lt; bc"),
            ("<math><mi>a</mi><annotation>x</annotation></math>", "a"),
            ("<math>a<p>b</p>", "a<p>b</p>"),
            (
                "<i><math><mi>a</mi></math></i><i class='k' aria-hidden=\"true\">b</i>",
                "<i></i><i class='k' aria-hidden=\"true\">b</i>",
            ),
            ("a</ br>b</>c", "abc"),
            ("a<plaintext>b<b>c</b>", "ab<b>c</b>"),
            ("a<script>b<b>", "a"),
            ("a<script>'</b>'</script>c", "a<script>'</b>'</script>c"),
            ("a<script src='x'/>b<b>c</b>", "ab<b>c</b>"),
            ("a<script src='x'/>b<script>d</script>c", "ab<script>d</script>c"),
            ("a<style>b", "a"),
            ("a <!-- b -->c", "a c"),
            ("a <!-- b <p>c</p>", "a c</p>"),
            ("a <!-->b", "a b"),
            ("a <!-- b", "a "),
            ("a <b <!-- b", "a &lt;b "),
            ("<![CDATA[a <b>b</b>]]>c", "a <b>b</b>c"),
            ("<![CDATA[a<br>b]]&gt;c", "a<br>bc"),
            ("<![CDATA[a", "&lt;![CDATA[a"),
            ("<![CDATA[a<b>c</b>", "a<b>c</b>"),
            ("a <!doctype html>b", "a b"),
            ("a <! b> c <? d> e", "a &lt;! b> c  e"),
            (
                "<a href=\"x>b</a> c <a href=\"y\">d</a>",
                "<a href=\"x\">b</a> c <a href=\"y\">d</a>",
            ),
            ("<a href='x>b</a> c", "<a href='x'>b</a> c"),
            ("<a title='1 > 0' href=x>b</a>", "<a title='1 > 0' href=x>b</a>"),
            ("a </3 b> c", "a &lt;/3 b> c"),
            ("a < b > c", "a &lt; b > c"),
            ("a <b", "a "),
            ("a </b", "a "),
            ("a <img src=\"x", "a "),
            ("a <b and c", "a &lt;b and c"),
            ("1 < 2 <p", "1 &lt; 2 "),
            ("<p>é<", "<p>é&lt;"),
        ] {
            assert_eq!(balance(html, |address| address == "ok"), expected, "{html}");
        }
    }

    #[test]
    fn repeated_beginnings_of_markup_take_linear_time() {
        for beginning in [
            "<",
            "<a ",
            "<a x=\"",
            "<a x='>",
            "<svg>",
            "<!--",
            "<!-->",
            "<!-- >",
            "<![CDATA[",
            "</",
            "<title>",
            "<script/>",
            "<![CDATA[]]>",
            "<a x=\">b",
            "<! ",
            "<iframe src='",
            "<?",
            "<a b=' > ' ",
            "<a b='>'c ",
            "<math/>",
            "<script> ",
            "<svg/>",
            "&",
        ] {
            for end in ["", ">", "\"", "</svg>", "-->", "]]>", "</title>", "</script>", "</math>"] {
                let html = beginning.repeat(20_000) + end;
                assert!(balance(&html, |_| true).len() < 8_000_000, "{beginning} {end}");
            }
        }
    }
}

//! Removes the lines from sanitised HTML that belong to a web page and not to its article: the title once more, the line
//! with date and counter, placeholders of images, links to other articles. A quotation with the name of its speaker on a
//! line of its own becomes a block quotation.
//!
//! The pages of articles are cleaned so, and entries of feeds that were made from such pages. What is doubtful stays: a
//! date goes only above the first paragraph, and a text is left only if something remains of it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use memchr::{memchr, memchr2};

use crate::feed::dates::parse::WrittenDate;
use crate::feed::normalise::furniture::{
    self, date_in, has_count, is_byline, is_furniture, is_placeholder, normal, other_article,
};
use crate::feed::normalise::opening::Opening;
use crate::html::chars::{collapse, collapsed, excerpt};
use crate::html::entities::{Context, decode};
use crate::html::tokenizer::{HtmlToken, HtmlTokens};

/// What is known of the article.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    pub title: Option<&'a str>,
    /// The standfirst that is shown apart from the body.
    pub standfirst: Option<&'a str>,
    /// Whether the text is that of a web page, in which a line with the author's name is no text.
    pub is_page: bool,
}

/// A text without such lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleaned {
    /// Not sanitised again.
    pub html: String,
    /// The line between title and date, which is removed.
    pub standfirst: Option<String>,
    /// The date of the line with the date.
    pub date: Option<WrittenDate>,
    /// The kinds of the removed lines, and their texts.
    pub removed: Vec<(&'static str, String)>,
}

/// Lines above which the article has not begun.
const HEAD: usize = 14;

/// A line of this many characters is a paragraph.
const PARAGRAPH: usize = 80;

/// A longer text stays as it is, in bytes. No article is longer, and its lines would take several times its memory.
const LONGEST: usize = 256 * 1024;

/// Removes the lines. `None` when there are none.
pub fn clean(html: &str, known: Known<'_>) -> Option<Cleaned> {
    if LONGEST < html.len() {
        return None;
    }
    let lines = lines(html);
    let mut kinds: Vec<Option<&'static str>> = vec![None; lines.len()];
    let (standfirst, date) = mark_head(&lines, known, &mut kinds);
    mark_others(&lines, known, &mut kinds);
    let quotes = quotations(&lines, &kinds);
    let left = lines.iter().zip(&kinds).filter(|(_, kind)| kind.is_none());
    if kinds.iter().all(Option::is_none) && quotes.is_empty()
        || !left.into_iter().any(|(line, _)| line.has_text() || line.has_media)
    {
        return None;
    }
    let removed = lines
        .iter()
        .zip(&kinds)
        .filter_map(|(line, kind)| Some(((*kind)?, excerpt(line.text(), 120).into_owned())));
    let removed = removed.collect();
    Some(Cleaned { html: rewritten(html, &lines, &kinds, &quotes), standfirst, date, removed })
}

/// The text between two borders of blocks or line breaks.
#[derive(Debug, Default)]
struct Line<'a> {
    range: Range<usize>,
    /// The HTML of the range.
    html: &'a str,
    /// See [`Self::text`].
    text: OnceCell<Cow<'a, str>>,
    shape: Shape,
    /// Characters of the text that are links.
    linked: usize,
    has_media: bool,
    /// Whether its inline elements begin and end in it.
    is_balanced: bool,
    /// The innermost block.
    block: &'a str,
    place: Place,
    is_after_break: bool,
}

/// A line of this many characters is a paragraph, of which the text is not needed in most cases. All lines that are removed
/// are shorter, unless they repeat the title or the standfirst.
const LONG: usize = 300;

/// How the text of a line begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Beginning {
    /// There is no text.
    #[default]
    None,
    /// With a quotation mark, or with a reference, which may be one.
    Mark,
    Other,
}

/// What is known of a line without its text in one piece.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    beginning: Beginning,
    /// Whether the line has [`LONG`] characters or more.
    is_long: bool,
    /// Of a line that is not long: how it begins.
    opening: Opening,
    /// Of a line that is not long: whether it may have a digit.
    may_have_digit: bool,
}

impl Shape {
    /// The shape of a line with these texts between its tags.
    fn of(texts: &[&str]) -> Self {
        let begins = |text: &&str| Some(beginning(text)).filter(|found| *found != Beginning::None);
        let beginning = texts.iter().find_map(begins).unwrap_or_default();
        let mut shape = Self { beginning, is_long: are_long(texts), ..Self::default() };
        if !shape.is_long {
            for text in texts {
                let text = decode(text, Context::Text);
                shape.opening.read(&text);
                shape.may_have_digit |= may_have_digit(&text);
            }
        }
        shape
    }
}

impl Line<'_> {
    fn has_text(&self) -> bool {
        self.shape.beginning != Beginning::None
    }

    /// The text of the line. It is decoded when it is needed, because most lines are paragraphs.
    fn text(&self) -> &str {
        self.text.get_or_init(|| {
            if memchr2(b'<', b'&', self.html.as_bytes()).is_none() {
                return collapsed(self.html);
            }
            let mut text = String::with_capacity(self.html.len());
            for token in HtmlTokens::new(self.html) {
                if let HtmlToken::Text(source) = token {
                    text.push_str(&decode(source, Context::Text));
                }
            }
            Cow::Owned(collapse(&text))
        })
    }

    /// The text, unless there is none or the line is long.
    fn short_text(&self) -> Option<&str> {
        (self.has_text() && !self.shape.is_long).then(|| self.text())
    }

    /// Whether the line may be one that is no text wherever it is: a placeholder, a counter or a link to another article.
    /// Most lines are not, so that their text is not needed.
    fn may_be_furniture(&self) -> bool {
        let is_short = self.has_text() && !self.shape.is_long;
        is_short
            && self.place != Place::Fixed
            && (self.shape.opening.is_known() || self.shape.may_have_digit)
    }

    fn is_placeholder(&self) -> bool {
        self.shape.opening.is_known() && self.short_text().is_some_and(is_placeholder)
    }

    /// Whether all of the text is a link.
    fn is_link(&self) -> bool {
        let most = self.linked + 3;
        let is_longer = self.shape.is_long && most < LONG;
        self.has_text() && !is_longer && self.text().chars().count() <= most
    }
}

/// Where a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Usual,
    Quotation,
    /// In a table, preformatted text or a list of terms, which stay as they are.
    Fixed,
}

/// Whether an element is inline. The name is in lower case.
fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "acronym"
            | "b"
            | "bdi"
            | "bdo"
            | "cite"
            | "code"
            | "data"
            | "del"
            | "dfn"
            | "em"
            | "i"
            | "iframe"
            | "img"
            | "ins"
            | "kbd"
            | "mark"
            | "picture"
            | "q"
            | "rp"
            | "rt"
            | "ruby"
            | "s"
            | "samp"
            | "small"
            | "source"
            | "span"
            | "strong"
            | "sub"
            | "sup"
            | "time"
            | "tt"
            | "u"
            | "var"
            | "wbr"
    )
}

/// The lines of sanitised HTML, in which all names of elements are in lower case.
fn lines(html: &str) -> Vec<Line<'_>> {
    let mut reader = LineReader { html, ..LineReader::default() };
    let mut tokens = HtmlTokens::new(html);
    let mut at = 0;
    while let Some(token) = tokens.next() {
        let after = html.len() - tokens.rest().len();
        match token {
            HtmlToken::Text(source) => reader.read_text(source),
            HtmlToken::Tag(tag) if is_inline(tag.name) => reader.read_inline(tag.name, tag.closing),
            HtmlToken::Tag(tag) => reader.read_border(tag.name, tag.closing, at, after),
            HtmlToken::Hidden => {}
        }
        at = after;
    }
    reader.finish(at);
    reader.lines
}

/// Reads the lines of HTML, token by token.
#[derive(Default)]
struct LineReader<'a> {
    html: &'a str,
    lines: Vec<Line<'a>>,
    /// The names of the open blocks.
    blocks: Vec<&'a str>,
    /// The names of the open inline elements of the line.
    inline: Vec<&'a str>,
    line: Line<'a>,
    /// The texts of the line, between its tags.
    texts: Vec<&'a str>,
    /// Open links.
    links: usize,
    /// Where the line begins.
    begins: usize,
    /// Whether an inline element of a line before goes on in this one.
    goes_on: bool,
}

impl<'a> LineReader<'a> {
    fn read_text(&mut self, source: &'a str) {
        if 0 < self.links {
            self.line.linked += decode(source, Context::Text).trim().chars().count();
        }
        self.texts.push(source);
    }

    fn read_inline(&mut self, name: &'a str, closing: bool) {
        self.line.has_media |= matches!(name, "img" | "iframe" | "source");
        if name == "a" {
            self.links = if closing { self.links.saturating_sub(1) } else { self.links + 1 };
        }
        if closing {
            self.goes_on |= self.inline.pop() != Some(name);
        } else if !matches!(name, "img" | "source" | "wbr") {
            self.inline.push(name);
        }
    }

    /// Reads a tag at which a line ends. It begins at `at`, the next line at `after`.
    fn read_border(&mut self, name: &'a str, closing: bool, at: usize, after: usize) {
        self.finish(at);
        (self.begins, self.goes_on, self.links) = (after, !self.inline.is_empty(), 0);
        if name == "br" {
            self.line.is_after_break = true;
        } else if closing {
            if let Some(open) = self.blocks.iter().rposition(|block| *block == name) {
                self.blocks.truncate(open);
            }
            self.inline.clear();
        } else if name != "hr" {
            self.line.has_media |= matches!(name, "video" | "audio");
            self.blocks.push(name);
        }
    }

    /// Ends the line at `end`, if it has anything in it.
    fn finish(&mut self, end: usize) {
        let line = Line { shape: Shape::of(&self.texts), ..std::mem::take(&mut self.line) };
        self.texts.clear();
        if !line.has_text() && !line.has_media {
            return;
        }
        let within = |names: &[&str]| self.blocks.iter().any(|block| names.contains(block));
        let place = if within(&["table", "pre", "dl"]) {
            Place::Fixed
        } else if within(&["blockquote"]) {
            Place::Quotation
        } else {
            Place::Usual
        };
        self.lines.push(Line {
            range: self.begins..end,
            html: self.html.get(self.begins..end).unwrap_or_default(),
            is_balanced: !self.goes_on && self.inline.is_empty(),
            block: self.blocks.last().copied().unwrap_or_default(),
            place,
            ..line
        });
    }
}

fn beginning(source: &str) -> Beginning {
    let text = source.trim_start();
    let Some(first) = text.chars().next() else { return Beginning::None };
    if first.is_alphanumeric() {
        return Beginning::Other;
    }
    if !first.is_ascii_graphic() || first == '&' {
        let text = collapse(&decode(text, Context::Text));
        return match text.chars().next() {
            None => Beginning::None,
            Some(c) if !c.is_alphanumeric() => Beginning::Mark,
            Some(_) => Beginning::Other,
        };
    }
    if first == '"' { Beginning::Mark } else { Beginning::Other }
}

/// Whether texts of HTML are long together. Neither spaces nor references are counted, nor characters of Unicode blocks that
/// have spaces.
fn are_long(texts: &[&str]) -> bool {
    // Most lines are so short that nothing need be counted.
    let mut left = LONG;
    LONG <= texts.iter().map(|text| text.len()).sum()
        && texts.iter().any(|text| {
            left = left.saturating_sub(count_shown(text, left));
            left == 0
        })
}

/// The number of characters of a text of HTML, or a smaller one if it is `enough`; see [`are_long`].
fn count_shown(source: &str, enough: usize) -> usize {
    /// In bytes. No more are looked at.
    const MOST: usize = 8 * LONG;
    /// The count of so many bytes is a byte, so that the compiler makes it count many at once.
    const CHUNK: usize = 255;
    let is_shown = |byte: &u8| matches!(byte, 0x21..=0x7e | 0xc3..=0xdf | 0xe4..=0xed);
    let source = source.as_bytes().get(..MOST).unwrap_or(source.as_bytes());
    if memchr(b'&', source).is_none() {
        let mut count = 0;
        for chunk in source.chunks(CHUNK) {
            count += usize::from(chunk.iter().map(|byte| u8::from(is_shown(byte))).sum::<u8>());
            if enough <= count {
                break;
            }
        }
        return count;
    }
    // A part begins with what a reference has behind its `&`.
    let mut parts = source.split(|byte| *byte == b'&');
    let first = parts.next().unwrap_or_default().iter().filter(|byte| is_shown(byte)).count();
    let after = |part: &[u8]| {
        part.iter().skip_while(|byte| **byte != b';').filter(|byte| is_shown(byte)).count()
    };
    first + parts.map(|part| after(part).saturating_sub(1)).sum::<usize>()
}

/// Whether a text may have a digit of any script.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches, many bytes are compared at once"
)]
fn may_have_digit(text: &str) -> bool {
    let is_digit = |byte: u8| byte.wrapping_sub(b'0') < 10;
    // The first bytes of the blocks of Unicode that have digits.
    let may_begin_digit = |byte: u8| {
        (byte == 0xc2) | (byte.wrapping_sub(0xd9) <= 0xe3 - 0xd9) | (byte == 0xea) | (0xef <= byte)
    };
    text.bytes().fold(false, |any, byte| any | is_digit(byte) | may_begin_digit(byte))
}

/// Marks the lines above the first paragraph. Returns the standfirst between them, and the date of the date line.
fn mark_head(
    lines: &[Line<'_>],
    known: Known<'_>,
    kinds: &mut [Option<&'static str>],
) -> (Option<String>, Option<WrittenDate>) {
    let head = read_head(lines, known);
    for (place, kind) in &head.marked {
        mark(kinds, *place, kind);
    }
    let border = head.dated.max(head.titles.last().copied());
    let above = head.others.iter().filter(|place| border.is_some_and(|border| **place < border));
    let above: Vec<_> = above.collect();
    let may_be_above =
        head.dated.is_some() && known.standfirst.is_none() && !head.titles.is_empty();
    if let (true, [place]) = (may_be_above, above.as_slice())
        && let Some(line) = lines.get(**place)
        && is_said(line.text())
        && !line.has_media
    {
        mark(kinds, **place, "standfirst");
        return (Some(line.text().to_owned()), head.date);
    }
    (None, head.date)
}

/// Whether a line has the words of a sentence. Chinese, Japanese and Thai have no spaces between them.
fn is_said(text: &str) -> bool {
    5 <= text.split_whitespace().count() || 12 <= text.chars().filter(|c| '\u{e00}' <= *c).count()
}

/// Whether a title is so long that a line with the same words repeats it. A word of the text may be the same as a short one.
fn is_distinctive(title: &str) -> bool {
    10 <= title.chars().count() || 4 <= title.chars().filter(|c| '\u{e00}' <= *c).count()
}

/// What the lines above the first paragraph are.
#[derive(Default)]
struct HeadLines {
    marked: Vec<(usize, &'static str)>,
    /// Where the title is repeated.
    titles: Vec<usize>,
    /// Where the first line with a date or counter is, and its date.
    dated: Option<usize>,
    date: Option<WrittenDate>,
    /// The lines that are none of these.
    others: Vec<usize>,
}

fn read_head(lines: &[Line<'_>], known: Known<'_>) -> HeadLines {
    let title = known.title.map(normal).filter(|title| is_distinctive(title));
    let given = known.standfirst.map(normal).filter(|text| !text.is_empty());
    let mut head = HeadLines::default();
    for (place, line) in lines.iter().enumerate().take(HEAD) {
        if !line.has_text() || line.place == Place::Fixed {
            continue;
        }
        let short = line.short_text().filter(|_| !line.has_media);
        let repeats =
            |known: &Option<String>| known.as_ref().is_some_and(|text| is_same(line, text));
        if repeats(&title) {
            head.titles.push(place);
            if !line.has_media {
                head.marked.push((place, "title"));
            }
        } else if repeats(&given) {
            head.marked.push((place, "standfirst"));
        } else if let Some(text) = short.filter(|text| is_furniture(text))
            && is_certain(text, head.dated.is_some())
        {
            head.date = head.date.or_else(|| date_in(text, false));
            head.dated = head.dated.or(Some(place));
            head.marked.push((place, "date or counter"));
        } else if known.is_page && short.is_some_and(is_byline) {
            head.marked.push((place, "byline"));
        } else if !line.is_placeholder() {
            head.others.push(place);
            // Only one paragraph may be above the date or the title: the standfirst.
            let is_paragraph =
                line.short_text().is_none_or(|text| PARAGRAPH <= text.chars().count());
            if is_paragraph && (head.dated.is_some() || 1 < head.others.len()) {
                break;
            }
        }
    }
    // A date below the first text is not that of the article, unless the title is there too.
    let is_below = |dated: &usize| head.others.first().is_some_and(|first| first < dated);
    if head.titles.is_empty() && head.dated.as_ref().is_some_and(is_below) {
        (head.dated, head.date) = (None, None);
        let first = head.others.first().copied().unwrap_or_default();
        let is_kept = |place: usize, kind: &str| {
            kind != "date or counter" || place < first || has_counter(lines, place)
        };
        head.marked.retain(|(place, kind)| is_kept(*place, kind));
    }
    head
}

/// Whether a line has the letters and digits of `normal`. A line of more than three times its length is not compared.
fn is_same(line: &Line<'_>, normal: &str) -> bool {
    let most = 3 * normal.len() + 32;
    !(line.shape.is_long && most < LONG)
        && normal.len() <= 2 * line.text().len()
        && line.text().len() <= most
        && furniture::normal_chars(line.text()).eq(normal.chars())
}

/// Whether a line of dates and counts is certain to be one: opening hours and names with a number look alike. A mere time
/// may follow the date.
fn is_certain(text: &str, is_after_date: bool) -> bool {
    is_after_date || has_count(text) || date_in(text, false).is_some()
}

fn has_counter(lines: &[Line<'_>], place: usize) -> bool {
    lines
        .get(place)
        .and_then(Line::short_text)
        .is_some_and(|text| has_count(text) && date_in(text, false).is_none())
}

fn mark(kinds: &mut [Option<&'static str>], place: usize, kind: &'static str) {
    if let Some(known) = kinds.get_mut(place) {
        *known = known.or(Some(kind));
    }
}

/// Marks placeholders, counters and links to other articles anywhere.
fn mark_others(lines: &[Line<'_>], known: Known<'_>, kinds: &mut [Option<&'static str>]) {
    let mut in_list_of_others = false;
    for (place, line) in lines.iter().enumerate() {
        if in_list_of_others && line.is_link() && !line.has_media {
            mark(kinds, place, "link to another article");
            continue;
        }
        in_list_of_others = false;
        let Some(text) = line.short_text().filter(|_| line.may_be_furniture()) else { continue };
        // The notes of a podcast list where its guests are found.
        let is_note = !known.is_page && line.block == "li" && 0 < line.linked;
        if line.is_placeholder() && !is_note && (!line.has_media || line.block == "figcaption") {
            mark(kinds, place, "placeholder");
        } else if line.linked == 0 && names_other(text) {
            mark(kinds, place, "link to another article");
        } else if let Some(rest) = leads_on(lines, place).then(|| other_article(text)).flatten() {
            let words = rest.chars().count();
            let is_short = text.chars().count() < 250;
            let leads_to_link =
                || lines.get(place + 1).is_some_and(|next| 0 < next.linked && next.is_link());
            if is_short && 0 < words && words <= line.linked + 3 && 0 < line.linked {
                mark(kinds, place, "link to another article");
            } else if words == 0 && leads_to_link() {
                mark(kinds, place, "link to another article");
                in_list_of_others = true;
            }
        } else if !line.has_media && has_counter(lines, place) && is_furniture(text) {
            mark(kinds, place, "date or counter");
        }
    }
}

/// Whether a line names another article without a link, which an entry of a feed may have lost: `Read also: The old mill`.
fn names_other(text: &str) -> bool {
    /// In bytes. A longer line says more than a title.
    const LONGEST: usize = 160;
    if LONGEST < text.len() {
        return false;
    }
    let Some((label, title)) = text.split_once([':', '：']) else { return false };
    // A single word such as "Related" may begin a sentence of the article.
    let is_label = 2 <= label.split_whitespace().count() || !label.is_ascii();
    is_label
        && other_article(label).is_some_and(str::is_empty)
        && !title.trim().is_empty()
        && !text.ends_with(['.', '。'])
}

/// Whether a link is in the line or in the next one.
fn leads_on(lines: &[Line<'_>], place: usize) -> bool {
    lines.iter().skip(place).take(2).any(|line| 0 < line.linked)
}

/// The pairs of lines that are a quotation and the name of its speaker, in either order.
fn quotations(lines: &[Line<'_>], kinds: &[Option<&'static str>]) -> Vec<[usize; 2]> {
    let mut found: Vec<[usize; 2]> = Vec::new();
    let is_free = |place: usize| {
        let line = lines.get(place)?;
        let is_text =
            matches!(line.block, "p" | "div" | "" | "section" | "article" | "aside" | "figure");
        let kept = kinds.get(place).is_some_and(Option::is_none);
        (is_text && kept && line.place == Place::Usual && !line.has_media && line.is_balanced)
            .then_some(line)
    };
    for place in 0..lines.len() {
        let is_quotation =
            |line: &&Line<'_>| line.shape.beginning == Beginning::Mark && is_quoted(line.text());
        let Some(line) = is_free(place).filter(is_quotation) else { continue };
        // Both lines of a pair are next to each other, so only the last pair may have a line near this one.
        let is_taken = |other: usize| found.last().is_some_and(|pair| pair.contains(&other));
        let speaks = |other: Option<usize>, dash: bool| {
            let other = other.filter(|other| !is_taken(*other))?;
            let near = is_free(other)?;
            let text = near.short_text()?;
            (is_dashed(text) && dash || !dash && near.linked == 0 && is_speaker(text))
                .then_some(other)
        };
        let (after, before) = (Some(place + 1), place.checked_sub(1));
        // A dash is certain; a mere name usually follows.
        let other = speaks(after, true)
            .or_else(|| speaks(before, true))
            .or_else(|| speaks(after, false))
            .or_else(|| speaks(before, false));
        if let Some(other) =
            other.filter(|_| 4 <= line.text().split_whitespace().count() || !line.text().is_ascii())
        {
            found.push([place, other]);
        }
    }
    found
}

/// Whether a whole line is in quotation marks.
fn is_quoted(text: &str) -> bool {
    const MARKS: [(char, &[char]); 10] = [
        ('"', &['"']),
        ('“', &['”', '“']),
        ('„', &['“', '”']),
        ('«', &['»']),
        ('»', &['«', '»']),
        ('「', &['」']),
        ('『', &['』']),
        ('‘', &['’']),
        ('”', &['”']),
        ('‚', &['‘']),
    ];
    let text = text.trim_end_matches(['.', ',', '。']);
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        return false;
    };
    let inner = text.chars().skip(1).take(text.chars().count().saturating_sub(2));
    let closes = |marks: &&(char, &[char])| marks.0 == first && marks.1.contains(&last);
    // `"A", he said, "b"` is a sentence of the text.
    MARKS.iter().find(closes).is_some_and(|(open, close)| {
        inner.clone().filter(|c| c == open || close.contains(c)).count() == 0 || *open == '‘'
    })
}

/// Whether a line is a dash and a name: `— Ada Lovelace, engineer`.
fn is_dashed(text: &str) -> bool {
    let name = text.trim_start_matches(['-', '–', '—', '―', '~', ' ']);
    name.len() < text.len() && !name.is_empty() && name.chars().count() < 120
}

/// Whether a line may be the name of a speaker: few words, no sentence, the names with capitals.
fn is_speaker(text: &str) -> bool {
    let words = || text.split_whitespace();
    let is_name = |word: &str| word.starts_with(|c: char| c.is_uppercase() || !c.is_lowercase());
    let name = text.split([',', '(', '|', ';', '–', '—', '/']).next().unwrap_or_default();
    let named: Vec<_> = name.split_whitespace().collect();
    let particles = [
        "de", "von", "van", "der", "den", "da", "di", "del", "al", "bin", "el", "la", "le", "du",
        "dos", "y", "e",
    ];
    text.chars().count() <= 100
        && words().count() <= 14
        && !text.ends_with(['.', '!', '?', ':', '…', '。', '»', '”', '"', '؟', '।'])
        && (2..=5).contains(&named.len())
        && named.iter().all(|word| is_name(word) || particles.contains(word))
        && named.iter().filter(|word| is_name(word)).count() >= 2
        && !named.iter().any(|word| word.contains(char::is_numeric))
}

/// The HTML without the marked lines, and with the quotations.
fn rewritten(
    html: &str,
    lines: &[Line<'_>],
    kinds: &[Option<&'static str>],
    quotes: &[[usize; 2]],
) -> String {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (line, _) in lines.iter().zip(kinds).filter(|(_, kind)| kind.is_some()) {
        edits.push((
            whole(html, line),
            if line.has_media { media_of(html, line) } else { String::new() },
        ));
    }
    for [quote, speaker] in quotes {
        let (Some(said), Some(by)) = (lines.get(*quote), lines.get(*speaker)) else { continue };
        let inner = |line: &Line<'_>| html.get(line.range.clone()).unwrap_or_default().trim();
        let block = format!("<blockquote><p>{}</p><p>{}</p></blockquote>", inner(said), inner(by));
        let (first, second) = if quote < speaker { (said, by) } else { (by, said) };
        // A quotation cannot be in a paragraph, so the paragraph ends before a line between two breaks.
        let is_within = first.is_after_break || second.is_after_break;
        let block = if is_within && first.block == "p" { format!("</p>{block}<p>") } else { block };
        edits.push((whole(html, first), block));
        edits.push((whole(html, second), String::new()));
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(html.len());
    let mut at = 0;
    for (range, text) in edits {
        if range.start < at {
            // Two lines emptied one element; the second range begins in the first one.
            out.push_str(&text);
            at = at.max(range.end);
            continue;
        }
        out.push_str(html.get(at..range.start).unwrap_or_default());
        out.push_str(&text);
        at = range.end;
    }
    out.push_str(html.get(at..).unwrap_or_default());
    without_empty_blocks(out)
}

/// The media in a line whose text is removed.
fn media_of(html: &str, line: &Line<'_>) -> String {
    let source = html.get(line.range.clone()).unwrap_or_default();
    let mut tokens = HtmlTokens::new(source);
    let (mut kept, mut at) = (String::new(), 0);
    while let Some(token) = tokens.next() {
        let after = source.len() - tokens.rest().len();
        if !matches!(token, HtmlToken::Text(_)) {
            kept.push_str(source.get(at..after).unwrap_or_default());
        }
        at = after;
    }
    kept
}

/// The range of a line with the line break beside it, or with the elements that hold nothing else. A line whose inline
/// elements go on after it keeps them.
fn whole(html: &str, line: &Line<'_>) -> Range<usize> {
    let mut range = line.range.clone();
    if !line.is_balanced {
        // Only its text goes; what is left of the elements is repaired by the sanitiser.
        return range;
    }
    loop {
        let before = html.get(..range.start).unwrap_or_default();
        let after = html.get(range.end..).unwrap_or_default();
        let Some(open) = before.trim_end().strip_suffix('>').and_then(|b| b.rfind('<')) else {
            return range;
        };
        let tag = before.get(open..).unwrap_or_default().trim_end();
        let name: String = tag.chars().skip(1).take_while(char::is_ascii_alphanumeric).collect();
        let rest = after.trim_start();
        if name == "br" || name.is_empty() {
            if name == "br" && (rest.starts_with("</") || rest.starts_with("<br>")) {
                range.start = open;
            }
            return range;
        }
        if let Some(after_break) = rest.strip_prefix("<br>") {
            range.end = html.len() - after_break.len();
            return range;
        }
        let close = format!("</{name}>");
        let Some(after_close) = rest.strip_prefix(&*close) else { return range };
        range = open..html.len() - after_close.len();
    }
}

fn without_empty_blocks(html: String) -> String {
    const EMPTY: [&str; 6] = [
        "<p></p>",
        "<div></div>",
        "<ul></ul>",
        "<li></li>",
        "<p><br></p>",
        "<figcaption></figcaption>",
    ];
    /// Elements around each other that become empty together. More are rare.
    const ROUNDS: usize = 6;
    let mut html = html;
    for _ in 0..ROUNDS {
        if !EMPTY.iter().any(|empty| html.contains(empty)) {
            break;
        }
        for empty in EMPTY {
            html = html.replace(empty, "");
        }
    }
    let breaks = [
        ("<p><br>", "<p>"),
        ("<br></p>", "</p>"),
        ("</blockquote><br>", "</blockquote>"),
        ("<br><blockquote>", "<blockquote>"),
    ];
    let begins = html.len() - html.trim_start_matches("<br>").len();
    html.drain(..begins);
    for (from, to) in breaks {
        if html.contains(from) {
            html = html.replace(from, to);
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(html: &str) -> String {
        let known = Known { title: Some("The ferry returns"), is_page: true, ..Known::default() };
        clean(html, known).map_or_else(|| html.to_owned(), |cleaned| cleaned.html)
    }

    #[test]
    fn every_digit_may_be_one() {
        let digits = ('\0'..=char::MAX).filter(|c| c.is_numeric());
        assert_eq!(digits.map(String::from).find(|digit| !may_have_digit(digit)), None);
        assert!(!may_have_digit("The ferry, Überfahrt, паром, 渡船, 나루"));
    }

    const LONG: &str = "After nine years the ferry to the island sails again, every morning at six and every evening at eight.";

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn the_lines_of_the_page_go_and_the_article_stays() {
        for (html, expected) in [
            (
                format!(
                    "<h1>The ferry returns</h1><p>August 20 2024 , 06:18 AM\u{a0} •\u{a0} 982 views</p><h2>The Ferry Returns</h2><p>{LONG}</p>"
                ),
                format!("<p>{LONG}</p>"),
            ),
            (
                format!("<p>{LONG}</p><p>Image</p><p>{LONG}</p>"),
                format!("<p>{LONG}</p><p>{LONG}</p>"),
            ),
            (
                format!("<div><div><p>Image</p></div><p>{LONG}</p></div>"),
                format!("<div><p>{LONG}</p></div>"),
            ),
            (
                format!("<p>The ferry returns<br>20 May 2024<br>{LONG}</p>"),
                format!("<p>{LONG}</p>"),
            ),
            (
                format!("<p>{LONG}</p><p><b>Read also:</b> <a href=\"x\">The old mill</a></p>"),
                format!("<p>{LONG}</p>"),
            ),
            (
                format!(
                    "<p>{LONG}</p><h3>Related</h3><ul><li><a href=\"x\">The old mill</a></li><li><a href=\"y\">The mine</a></li></ul><p>{LONG}</p>"
                ),
                format!("<p>{LONG}</p><p>{LONG}</p>"),
            ),
            // These stay.
            ("<p>A word<br>The ferry</p>".into(), "<p>A word<br>The ferry</p>".into()),
            (
                format!("<p>{LONG}</p><p>Mac 512</p><p>Saturday: 11am - 3pm</p><p>{LONG}</p>"),
                format!("<p>{LONG}</p><p>Mac 512</p><p>Saturday: 11am - 3pm</p><p>{LONG}</p>"),
            ),
            (
                format!("<p>Saturday: 11am - 3pm</p><p>{LONG}</p>"),
                format!("<p>Saturday: 11am - 3pm</p><p>{LONG}</p>"),
            ),
            (
                format!("<p>{LONG}</p><p>20 May 2024</p><p>{LONG}</p>"),
                format!("<p>{LONG}</p><p>20 May 2024</p><p>{LONG}</p>"),
            ),
            ("<p>The ferry returns</p>".into(), "<p>The ferry returns</p>".into()),
            ("<p>Image</p>".into(), "<p>Image</p>".into()),
            (
                format!(
                    "<p>{LONG}</p><p>Read more about it in the <a href=\"x\">report</a> of the council.</p>"
                ),
                format!(
                    "<p>{LONG}</p><p>Read more about it in the <a href=\"x\">report</a> of the council.</p>"
                ),
            ),
            (
                format!("<p>{LONG}</p><table><tr><td>Image</td></tr></table>"),
                format!("<p>{LONG}</p><table><tr><td>Image</td></tr></table>"),
            ),
            (
                format!(
                    "<figure><img src=\"a\"><figcaption>Image</figcaption></figure><p>{LONG}</p>"
                ),
                format!("<figure><img src=\"a\"></figure><p>{LONG}</p>"),
            ),
        ] {
            assert_eq!(cleaned(&html), expected, "{html}");
        }
    }

    #[test]
    fn a_quotation_and_its_speaker_become_a_block_quotation() {
        let quote = "“We waited nine years for this morning.”";
        for (html, expected) in [
            (
                format!("<p>{LONG}</p><p>{quote}</p><p>Ada Lovelace, captain</p><p>{LONG}</p>"),
                format!(
                    "<p>{LONG}</p><blockquote><p>{quote}</p><p>Ada Lovelace, captain</p></blockquote><p>{LONG}</p>"
                ),
            ),
            (
                format!("<p>{LONG}</p><p>— Ada Lovelace</p><p>{quote}</p><p>{LONG}</p>"),
                format!(
                    "<p>{LONG}</p><blockquote><p>{quote}</p><p>— Ada Lovelace</p></blockquote><p>{LONG}</p>"
                ),
            ),
            (
                format!("<p>{LONG}<br>{quote}<br>Ada Lovelace<br>{LONG}</p>"),
                format!(
                    "<p>{LONG}</p><blockquote><p>{quote}</p><p>Ada Lovelace</p></blockquote><p>{LONG}</p>"
                ),
            ),
            (format!("<p>{quote}</p><p>{LONG}</p>"), format!("<p>{quote}</p><p>{LONG}</p>")),
            (
                format!("<p>“A”, she said, “b”</p><p>Ada Lovelace</p><p>{LONG}</p>"),
                format!("<p>“A”, she said, “b”</p><p>Ada Lovelace</p><p>{LONG}</p>"),
            ),
        ] {
            assert_eq!(cleaned(&html), expected, "{html}");
        }
    }

    #[test]
    fn a_name_that_is_a_link_is_no_speaker() {
        let html = format!(
            "<p><a href=\"x\">Ada Lovelace</a><br>“A paper about engines that weave patterns”</p><p>{LONG}</p>"
        );
        assert_eq!(cleaned(&html), html);
    }

    #[test]
    fn the_line_between_title_and_date_is_the_standfirst() {
        let html = format!(
            "<p>The ferry returns</p><p>The island has a connection again after nine years.</p><p>August 20 2024 , 06:18 AM • 982 views</p><p>The ferry returns</p><p>{LONG}</p>"
        );
        let known = Known { title: Some("The ferry returns"), ..Known::default() };
        let cleaned = clean(&html, known).unwrap();
        assert_eq!(cleaned.html, format!("<p>{LONG}</p>"));
        assert_eq!(
            cleaned.standfirst.as_deref(),
            Some("The island has a connection again after nine years.")
        );
        assert_eq!(cleaned.date.unwrap().local.to_string(), "2024-08-20 06:18:00");
    }
}

//! The entry filter of a feed: the rules `include` and `exclude` of its configuration decide which of its
//! articles are kept.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::article::{ArticleDraft, Person};
use crate::domain::poll::{Document, Remembered};
use crate::html::to_text::html_to_text;

/// Bytes that a compiled expression may take: large classes and repetitions of repetitions are refused.
/// Matching is linear in the text, whatever the expression.
const SIZE: usize = 1 << 20;

/// The part of an article that a rule is matched against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Title,
    Url,
    Author,
    Tag,
    Summary,
    Content,
    Any,
}

const FIELDS: [(&str, Field); 7] = [
    ("title", Field::Title),
    ("url", Field::Url),
    ("author", Field::Author),
    ("tag", Field::Tag),
    ("summary", Field::Summary),
    ("content", Field::Content),
    ("any", Field::Any),
];

/// `field:regex` or `field:/regex/i`.
#[derive(Clone, Debug)]
pub struct Rule {
    text: String,
    field: Field,
    regex: Regex,
}

/// Rules are equal when their texts are.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Rule {
    /// # Errors
    /// What is wrong, and a hint: no field, an unknown one, no regular expression, one too large.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let names = FIELDS.map(|(name, _)| name).join(", ");
        let form = "write it like \"title:word\" or \"title:/word/i\"".to_owned();
        let Some((name, pattern)) = text.split_once(':') else {
            return Err(("names no field".to_owned(), form));
        };
        let known = FIELDS.iter().find(|(known, _)| *known == name.trim());
        let Some((_, field)) = known else {
            let message = format!("`{}` is no field", name.trim().escape_debug());
            return Err((message, format!("the fields are {names}")));
        };
        let (pattern, fold) = match pattern.strip_prefix('/').and_then(|p| p.rsplit_once('/')) {
            Some((inner, "")) => (inner, false),
            Some((inner, "i")) => (inner, true),
            Some((_, flags)) => {
                let message = format!("`{}` is no flag", flags.escape_debug());
                return Err((message, "the one flag is i, for either letter case".to_owned()));
            }
            None => (pattern, false),
        };
        if pattern.is_empty() {
            return Err(("has no regular expression after its field".to_owned(), form));
        }
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(fold)
            .size_limit(SIZE)
            .dfa_size_limit(SIZE)
            .build()
            .map_err(|error| said(&error))?;
        Ok(Self { text: text.to_owned(), field: *field, regex })
    }

    /// Whether a text begins like a rule: with the name of a field and a colon.
    pub fn names_a_field(text: &str) -> bool {
        let name = text.split_once(':').map(|(name, _)| name.trim());
        name.is_some_and(|name| FIELDS.iter().any(|(known, _)| *known == name))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, draft: &ArticleDraft) -> bool {
        let is = |text: &str| self.regex.is_match(text);
        let may = |text: &Option<String>| text.as_deref().is_some_and(is);
        let person = |p: &Person| may(&p.name) || may(&p.email) || may(&p.url);
        let content = || draft.content_html.as_deref().is_some_and(|html| is(&html_to_text(html)));
        match self.field {
            Field::Title => may(&draft.title),
            Field::Url => may(&draft.url) || may(&draft.external_url),
            Field::Author => draft.authors.iter().any(person),
            Field::Tag => draft.tags.iter().any(|tag| is(tag)),
            Field::Summary => may(&draft.summary),
            Field::Content => content(),
            Field::Any => {
                may(&draft.title)
                    || may(&draft.url)
                    || may(&draft.external_url)
                    || draft.authors.iter().any(person)
                    || draft.tags.iter().any(|tag| is(tag))
                    || may(&draft.summary)
                    || content()
            }
        }
    }
}

/// The message and a hint. The last line of the crate's message names the fault; the lines before it show
/// its position.
fn said(error: &regex::Error) -> (String, String) {
    match error {
        regex::Error::CompiledTooBig(_) => (
            "the regular expression is too large".to_owned(),
            "repeat less, or use smaller classes".to_owned(),
        ),
        other => {
            let text = other.to_string();
            let last = text.trim().rsplit('\n').next().unwrap_or_default();
            let last = last.trim().trim_start_matches("error: ");
            let hint = "the syntax is that of Rust's regex crate; write a backslash as \\\\, or the \
                        whole between single quotes";
            (format!("not a regular expression: {last}"), hint.to_owned())
        }
    }
}

/// The rules of one feed. The default keeps every article.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryFilter {
    /// Unless empty, one of them must match.
    pub include: Vec<Rule>,
    /// None of them may match.
    pub exclude: Vec<Rule>,
}

impl EntryFilter {
    /// The rules of this filter and those of another: of all `include`, one must match, and of all `exclude`, none.
    #[must_use]
    pub fn with(&self, other: Self) -> Self {
        let both = |one: &[Rule], more: Vec<Rule>| [one.to_vec(), more].concat();
        Self {
            include: both(&self.include, other.include),
            exclude: both(&self.exclude, other.exclude),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Why an article is left out. `None` when it is kept.
    pub fn exclusion_reason(&self, draft: &ArticleDraft) -> Option<Cow<'static, str>> {
        if let Some(rule) = self.exclude.iter().find(|rule| rule.matches(draft)) {
            return Some(format!("exclude {}", rule.text).into());
        }
        let wanted = self.include.is_empty() || self.include.iter().any(|rule| rule.matches(draft));
        (!wanted).then_some("no include matches".into())
    }

    /// Removes the excluded articles from a document and returns a text with their number, if there are any.
    /// They stay among the remembered items, so that they are not parsed again.
    pub fn apply(&self, document: &mut Document) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let read = document.drafts.len();
        document.drafts.retain(|draft| self.exclusion_reason(draft).is_none());
        let left_out = read - document.drafts.len();
        self.mix_into_hashes(&mut document.remembered);
        (left_out != 0).then(|| format!("{left_out} of {read} left out by include and exclude"))
    }

    /// Mixes the rules into the remembered hashes; a second call takes them out again. Hashes that were
    /// stored under other rules match nothing, so the whole document is read again.
    pub fn mix_into_hashes(&self, remembered: &mut Remembered) {
        let fingerprint = self.fingerprint();
        if fingerprint != 0 {
            remembered.body_hash = remembered.body_hash.map(|hash| hash ^ fingerprint);
            for item in &mut remembered.items {
                item.hash ^= fingerprint;
            }
        }
    }

    fn fingerprint(&self) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let lines =
            |rules: &[Rule]| rules.iter().map(|r| r.text.clone() + "\n").collect::<String>();
        xxh3_64(format!("{}\0{}", lines(&self.include), lines(&self.exclude)).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::{ArticleKey, ContentHash};
    use crate::domain::poll::{Document, KnownItem};
    use crate::html::sanitise::SanitisedHtml;

    fn draft() -> ArticleDraft {
        ArticleDraft {
            key: ArticleKey(1),
            former_key: None,
            hash: ContentHash(1),
            guid: None,
            url: Some("https://example.org/politics/1".to_owned()),
            external_url: None,
            title: Some("Election: a title".to_owned()),
            summary: Some("Short.".to_owned()),
            content_html: Some(SanitisedHtml::from_store(
                "<p>The <b>whole</b> text</p>".to_owned(),
            )),
            image: None,
            authors: vec![Person { name: Some("Ann".to_owned()), ..Person::default() }],
            tags: vec!["Politics".to_owned()],
            language: None,
            published: None,
            modified: None,
            attachments: Vec::new(),
        }
    }

    fn filter(include: &[&str], exclude: &[&str]) -> EntryFilter {
        let rules = |texts: &[&str]| texts.iter().map(|text| Rule::parse(text).unwrap()).collect();
        EntryFilter { include: rules(include), exclude: rules(exclude) }
    }

    #[test]
    fn a_rule_looks_at_its_field() {
        for (rule, matches) in [
            ("title:Election", true),
            ("title:election", false),
            ("title:/election/i", true),
            ("title:^a", false),
            ("title:/a/title/", false),
            ("title:Election: a", true),
            ("url:/politics/", true),
            ("url:/\\/politics\\//", true),
            ("author:Ann", true),
            ("author:Election", false),
            ("tag:^Politics$", true),
            ("summary:Short\\.", true),
            ("content:The whole text", true),
            ("content:<b>", false),
            ("any:whole", true),
            ("any:Ann", true),
            ("any:absent", false),
        ] {
            assert_eq!(Rule::parse(rule).unwrap().matches(&draft()), matches, "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_a_hint() {
        for (text, message, hint) in [
            ("election", "names no field", "title:/word/i"),
            ("headline:x", "`headline` is no field", "title, url, author"),
            ("title:", "no regular expression", "title:word"),
            ("title:/x/g", "`g` is no flag", "the one flag is i"),
            ("title:(", "unclosed group", "single quotes"),
            ("title:(?=x)", "look-around", "regex crate"),
            ("title:\\w{1000}{1000}", "too large", "repeat less"),
        ] {
            let (said, hinted) = Rule::parse(text).unwrap_err();
            assert!(said.contains(message) && hinted.contains(hint), "{text}: {said}; {hinted}");
        }
    }

    #[test]
    fn include_asks_for_one_and_exclude_for_none() {
        for (include, exclude, reason) in [
            (&[][..], &[][..], None),
            (&["title:x", "any:Ann"], &[], None),
            (&["title:x"], &[], Some("no include matches")),
            (&["any:Ann"], &["tag:x"], None),
            (&["any:Ann"], &["tag:Pol"], Some("exclude tag:Pol")),
        ] {
            let found = filter(include, exclude).exclusion_reason(&draft());
            assert_eq!(found.as_deref(), reason, "{include:?} {exclude:?}");
        }
    }

    #[test]
    fn what_is_left_out_is_remembered_as_long_as_the_rules_stay() {
        let remembered = Remembered {
            body_hash: Some(7),
            items: vec![KnownItem { hash: 9, key: ArticleKey(1) }],
            ..Remembered::default()
        };
        let mut document = Document {
            drafts: vec![draft()],
            remembered: remembered.clone(),
            ..Document::default()
        };
        let rules = filter(&[], &["title:Election"]);
        let detail = rules.apply(&mut document);
        assert_eq!(detail.as_deref(), Some("1 of 1 left out by include and exclude"));
        assert_eq!(document.drafts, []);
        let mut other = document.remembered.clone();
        rules.mix_into_hashes(&mut document.remembered);
        assert_eq!(document.remembered, remembered);
        filter(&[], &["title:other"]).mix_into_hashes(&mut other);
        assert_ne!(other, remembered);
    }
}

//! The language of articles whose feed states none, or one that they are clearly not in.
//!
//! Two detectors are asked. whichlang knows 16 languages and takes some microseconds for an article. whatlang knows 69 and says
//! whether it is sure, but takes a hundred for a text in Latin letters. It is therefore asked about what a document says of
//! itself, and about an article only if whichlang finds another language that its function words do not confirm. Where both
//! are unsure, an article has no language: a wrong one would hide it from those who filter.
//!
//! A stated language is kept unless nearly all letters are of another script, or the words are clearly those of another
//! language. The function words decide that no detector need be asked, which is so for nearly all articles.
//!
//! The language of an article depends on the article and on what its feed says of itself, and not on other articles, because a
//! poll reads only those that are new.

use crate::domain::article::ArticleDraft;
use crate::feed::function_words::{self, Counts};
use crate::html::chars::{first_characters, is_alphabetic};
use crate::html::to_text::html_to_text;

/// ISO 639-3 codes of the languages that the detectors know, and their tags: the shortest code of ISO 639, as BCP 47
/// demands (RFC 5646 section 2.2.1).
const TAGS: [(&str, &str); 70] = [
    ("afr", "af"),
    ("aka", "ak"),
    ("amh", "am"),
    ("ara", "ar"),
    ("aze", "az"),
    ("bel", "be"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("cym", "cy"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("epo", "eo"),
    ("est", "et"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("guj", "gu"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ind", "id"),
    ("ita", "it"),
    ("jav", "jv"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("khm", "km"),
    ("kor", "ko"),
    ("lat", "la"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nob", "nb"),
    ("ori", "or"),
    ("pan", "pa"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("sna", "sn"),
    ("spa", "es"),
    ("srp", "sr"),
    ("swe", "sv"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tuk", "tk"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yid", "yi"),
    ("zul", "zu"),
];

/// The most characters of a text that are read.
const READ: usize = 300;

/// The most characters that are read of an article whose language is stated.
const READ_STATED: usize = 120;

/// The most bytes of HTML that are read if title and summary are short.
const READ_HTML: usize = 1_500;

/// A text with fewer letters is taken to be in the language of its document.
const LONG: usize = 80;

/// A text with fewer letters says nothing about its language. Letters of scripts other than Latin say more.
const READABLE: usize = 12;

/// Languages that are not written in Latin letters.
const OTHER_SCRIPTS: [&str; 32] = [
    "am", "ar", "be", "bg", "bn", "el", "fa", "gu", "he", "hi", "hy", "ja", "ka", "km", "kn", "ko",
    "mk", "ml", "mr", "my", "ne", "or", "pa", "ru", "si", "ta", "te", "th", "uk", "ur", "yi", "zh",
];

/// Languages that are written in Latin letters and in others.
const SEVERAL_SCRIPTS: [&str; 9] = ["az", "bs", "kk", "ku", "mn", "sh", "sr", "tk", "uz"];

/// Sets the languages of the articles of a document. Each comes with whether it may get one: not if it is stated to be in no
/// language. `about` is what the document says of itself.
pub fn complete(drafts: &mut [(&mut ArticleDraft, bool)], about: &str) {
    let is_undeclared =
        |(draft, is_open): &(&mut ArticleDraft, bool)| *is_open && draft.language.is_none();
    let about = if drafts.iter().any(is_undeclared) { about } else { "" };
    let about = Excerpt::new(&[about], READ);
    let common = if about.is_latin() { of_latin(&about) } else { sure(&about.text) };
    for (draft, is_open) in drafts {
        let found = match draft.language.as_deref() {
            Some(declared) => contradicted(declared, draft),
            None if *is_open => Excerpt::whole(draft).language(common),
            None => None,
        };
        if let Some(found) = found {
            draft.language = Some(found.to_owned());
        }
    }
}

/// The language of a text of which nothing else is known. Only its beginning is read, and a short text has none.
pub fn of_text(text: &str) -> Option<&'static str> {
    Excerpt::new(&[text], READ).language(None)
}

/// The text of an article as far as it is read.
struct Excerpt {
    text: String,
    letters: usize,
    latin: usize,
}

impl Excerpt {
    /// The first characters of some texts.
    fn new(parts: &[&str], most: usize) -> Self {
        let (mut text, mut left) = (String::new(), most);
        for part in parts {
            let part = first_characters(part, left);
            text.push_str(part);
            left -= part.chars().count();
            if 0 < left {
                text.push('\n');
                left -= 1;
            }
        }
        if text.is_ascii() {
            let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
            return Self { text, letters, latin: letters };
        }
        let letters = text.chars().filter(|c| is_alphabetic(*c));
        let (letters, latin) = letters.fold((0, 0), |(letters, latin), c| {
            let is_latin = matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
            (letters + 1, latin + usize::from(is_latin))
        });
        Self { text, letters, latin }
    }

    /// Title and summary.
    fn lines(draft: &ArticleDraft, most: usize) -> Self {
        let lines = [draft.title.as_deref(), draft.summary.as_deref()];
        Self::new(&lines.map(Option::unwrap_or_default), most)
    }

    /// Title and summary, and the content if they are short.
    fn whole(draft: &ArticleDraft) -> Self {
        let lines = Self::lines(draft, READ);
        let Some(html) = draft.content_html.as_deref().filter(|_| lines.letters < LONG) else {
            return lines;
        };
        let html = html.get(..html.floor_char_boundary(READ_HTML)).unwrap_or_default();
        Self::new(&[draft.title.as_deref().unwrap_or_default(), &html_to_text(html)], READ)
    }

    fn is_latin(&self) -> bool {
        self.letters * 9 <= self.latin * 10
    }

    fn is_of_other_script(&self) -> bool {
        self.latin * 10 <= self.letters
    }

    /// The language of an article in a document that says of itself that it is in `common`.
    fn language(&self, common: Option<&'static str>) -> Option<&'static str> {
        if self.letters == 0 {
            return None;
        }
        if !self.is_latin() {
            return sure(&self.text);
        }
        let is_long = LONG <= self.letters;
        match common.filter(|common| !OTHER_SCRIPTS.contains(common)) {
            Some(common) if !is_long || !is_known_to_both(common) => Some(common),
            Some(common) if by_whichlang(&self.text) == Some(common) => Some(common),
            Some(_) | None if is_long => of_latin(self),
            Some(_) | None => None,
        }
    }
}

/// The language of a text in Latin letters, if both detectors find it, or whatlang is sure of one that whichlang does not
/// know. whatlang is not asked if the function words of the text are evidence enough.
fn of_latin(Excerpt { text, letters, .. }: &Excerpt) -> Option<&'static str> {
    if let Some(found) = by_whichlang(text).filter(|found| is_evident(text, found)) {
        return Some(found);
    }
    let info = whatlang::detect(text).filter(|_| READABLE <= *letters)?;
    let tag = tag_of(info.lang().code())?;
    if is_known_to_both(tag) {
        return by_whichlang(text).filter(|other| *other == tag);
    }
    info.is_reliable().then_some(tag)
}

/// Whether a text has many function words of a language, and far fewer of any other one. Words with letters that are not of
/// ASCII are not counted.
fn is_evident(text: &str, language: &str) -> bool {
    /// Words of the language.
    const ENOUGH: u32 = 6;
    let mut counts = Counts::default();
    ascii_words(text, |word| {
        counts.add(word);
        true
    });
    counts.leading().is_some_and(|leading| {
        leading.language == language && ENOUGH <= leading.count && 2 * leading.next < leading.count
    })
}

/// The language of an article that is in another script than the declared language.
fn contradicted(declared: &str, draft: &ArticleDraft) -> Option<&'static str> {
    let declared = declared.split('-').next().unwrap_or_default();
    if SEVERAL_SCRIPTS.contains(&declared) {
        return None;
    }
    let text = Excerpt::lines(draft, READ_STATED);
    if OTHER_SCRIPTS.contains(&declared) {
        if text.latin < text.letters {
            return None;
        }
        let text = if text.letters < LONG { Excerpt::whole(draft) } else { text };
        let is_other = LONG <= text.letters && text.latin == text.letters;
        return if is_other { of_latin(&text) } else { None };
    }
    if READABLE <= text.letters && text.is_of_other_script() {
        return sure(&text.text);
    }
    if text.is_latin() { of_other_words(declared, draft) } else { None }
}

/// The language of an article whose function words are those of another language than the declared one. Both are written in
/// Latin letters. A short article stays in the declared language, and so does one in a related language, unless the
/// detector that tells the two apart is sure.
fn of_other_words(declared: &str, draft: &ArticleDraft) -> Option<&'static str> {
    /// The words that are read.
    const WORDS: u32 = 48;
    /// A text with fewer words is short.
    const FEWEST: u32 = 20;
    /// Function words of the other language.
    const ENOUGH: u32 = 3;
    let (mut counts, mut words) = (Counts::default(), 0);
    for text in [draft.title.as_deref(), draft.summary.as_deref(), draft.content_html.as_deref()] {
        let text = text.unwrap_or_default();
        ascii_words(text.get(..text.floor_char_boundary(READ_HTML)).unwrap_or_default(), |word| {
            counts.add(word);
            words += 1;
            words < WORDS
        });
        if words == WORDS {
            break;
        }
    }
    let leading = counts.leading().filter(|leading| ENOUGH <= leading.count)?;
    if words < FEWEST || leading.language == declared {
        return None; // Nearly all articles end here.
    }
    // Two that a detector tells apart may have more words in common, such as French and Spanish.
    let are_known = is_known_to_both(declared) && is_known_to_both(leading.language);
    let most = if are_known { 2 * leading.count / 3 } else { leading.count / 2 };
    if most.max(1) <= counts.of(declared) || are_related(declared, leading.language) {
        return None;
    }
    of_latin(&Excerpt::whole(draft)).filter(|found| *found == leading.language)
}

/// Languages of which the function words are much the same.
const RELATED: [&[&str]; 5] = [
    &["an", "ast", "ca", "co", "es", "fr", "gl", "it", "la", "lij", "lmo", "oc", "pt", "sc", "scn"],
    &["da", "fo", "is", "nb", "nn", "no", "sv"],
    &["af", "de", "fy", "gsw", "lb", "li", "nds", "nl"],
    &["cs", "dsb", "hsb", "pl", "sk"],
    &["id", "jv", "ms", "su"],
];

/// Whether two languages are so much alike that only a detector which knows both tells them apart.
fn are_related(one: &str, other: &str) -> bool {
    let are_known = is_known_to_both(one) && is_known_to_both(other);
    !are_known && RELATED.iter().any(|group| group.contains(&one) && group.contains(&other))
}

/// Passes the words of HTML or plain text to `take`, as function words are compared, until it returns `false`. Words with
/// letters that are not of ASCII are empty.
fn ascii_words(text: &str, mut take: impl FnMut(&str) -> bool) {
    let mut cut = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '<' {
            rest = rest.split_once('>').map_or("", |(_, after)| after);
            continue;
        }
        if !is_alphabetic(c) {
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        }
        let letters = rest.bytes().position(|byte| !byte.is_ascii_alphabetic());
        let (word, after) = rest.split_at(letters.unwrap_or(rest.len()));
        // The word may go on with other letters.
        rest = after.trim_start_matches(is_alphabetic);
        let word = if rest.len() == after.len() { word } else { "" };
        cut.clear();
        cut.push_str(word.get(..function_words::CUT).unwrap_or(word));
        cut.make_ascii_lowercase();
        if !take(&cut) {
            return;
        }
    }
}

/// The language that whatlang is sure of.
fn sure(text: &str) -> Option<&'static str> {
    let info = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    tag_of(info.lang().code())
}

fn is_known_to_both(tag: &str) -> bool {
    whichlang::LANGUAGES.iter().any(|lang| tag_of(lang.three_letter_code()) == Some(tag))
}

fn by_whichlang(text: &str) -> Option<&'static str> {
    tag_of(whichlang::detect_language(text).three_letter_code())
}

fn tag_of(code: &str) -> Option<&'static str> {
    TAGS.iter().find(|(known, _)| *known == code).map(|(_, tag)| *tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::article::{ArticleKey, ContentHash};
    use crate::html::sanitise::SanitisedHtml;

    fn draft(title: &str, summary: &str, language: Option<&str>) -> ArticleDraft {
        ArticleDraft {
            key: ArticleKey(0),
            former_key: None,
            hash: ContentHash(0),
            guid: None,
            url: None,
            external_url: None,
            title: Some(title.to_owned()),
            summary: Some(summary.to_owned()).filter(|text| !text.is_empty()),
            content_html: None,
            image: None,
            authors: Vec::new(),
            tags: Vec::new(),
            language: language.map(str::to_owned),
            published: None,
            modified: None,
            attachments: Vec::new(),
            podcast: None,
        }
    }

    fn languages(articles: &[(&str, &str, Option<&str>)], about: &str) -> Vec<String> {
        let article = |(title, summary, language): &(&str, &str, Option<&str>)| {
            draft(title, summary, *language)
        };
        let mut drafts: Vec<ArticleDraft> = articles.iter().map(article).collect();
        let mut open: Vec<(&mut ArticleDraft, bool)> =
            drafts.iter_mut().map(|draft| (draft, true)).collect();
        complete(&mut open, about);
        drafts.into_iter().map(|draft| draft.language.unwrap_or_default()).collect()
    }

    const ENGLISH: &str = "The harbour was closed on Monday after waves of nine metres had broken over the outer wall, and \
        the boats that lay behind it were taken up the canal to the old dock.";
    const GERMAN: &str = "Der Hafen wurde am Montag gesperrt, nachdem neun Meter hohe Wellen über die äußere Mauer \
        geschlagen waren, und die Boote dahinter wurden flussaufwärts in das alte Becken gebracht.";
    const SPANISH: &str = "El puerto fue cerrado el lunes después de que las olas de nueve metros pasaran por encima del muro \
        exterior, y los barcos que estaban detrás de él se llevaron al viejo muelle por el canal.";
    const POLISH: &str = "Port został zamknięty w poniedziałek, gdy dziewięciometrowe fale przelały się przez zewnętrzny \
        mur, a łodzie, które za nim stały, zostały zabrane w górę rzeki do starego doku.";
    const RUSSIAN: &str = "В понедельник порт закрыли после того, как девятиметровые волны перехлестнули через внешнюю стену, \
        а лодки увели вверх по каналу.";
    const JAPANESE: &str =
        "港は月曜日に閉鎖されました。高さ九メートルの波が外側の壁を越えたためです。";

    const ABOUT: &str = "Nachrichten aus dem Hafen und von den Schiffen, die dort liegen";

    #[test]
    fn an_article_without_a_language_gets_that_of_its_text() {
        for (name, articles, about, expected) in [
            ("English", &[("Harbour closed", ENGLISH, None)][..], "", &["en"][..]),
            ("German", &[("Hafen gesperrt", GERMAN, None)], "", &["de"]),
            ("of one detector alone", &[("Port zamknięty", POLISH, None)], "", &["pl"]),
            ("Russian", &[("Порт закрыт", RUSSIAN, None)], "", &["ru"]),
            ("Japanese", &[("港", JAPANESE, None)], "", &["ja"]),
            ("a short one", &[("Hafen", "", None)], ABOUT, &["de"]),
            ("as its document says", &[("Hafen gesperrt", GERMAN, None)], ABOUT, &["de"]),
            (
                "another than its document says",
                &[("Harbour closed", ENGLISH, None)],
                ABOUT,
                &["en"],
            ),
            (
                "another that one detector alone knows",
                &[("Port zamknięty", POLISH, None), ("Порт закрыт", RUSSIAN, None)],
                ABOUT,
                &["pl", "ru"],
            ),
            ("hardly a word", &[("Hafen", "", None)], "", &[""]),
            ("no word", &[("2026 — 12:30", "+++ 42 +++", None)], "", &[""]),
            ("words that are no text", &[("XJ-500 QWRTZ v2", "", None)], "", &[""]),
        ] {
            assert_eq!(languages(articles, about), expected, "{name}");
        }
    }

    #[test]
    fn a_stated_language_is_kept_unless_the_text_is_clearly_in_another() {
        for (name, declared, title, text, expected) in [
            ("agreed", "en-GB", "Harbour closed", ENGLISH, "en-GB"),
            ("German in an English feed", "en", "Hafen gesperrt", GERMAN, "de"),
            ("English in a German feed", "de-AT", "Harbour closed", ENGLISH, "en"),
            ("English in a French feed", "fr", "Harbour closed", ENGLISH, "en"),
            ("of one detector alone", "en", "Port zamknięty", POLISH, "pl"),
            ("Spanish in a Portuguese feed", "pt", "Puerto cerrado", SPANISH, "es"),
            ("English in a language of no detector", "br", "Harbour closed", ENGLISH, "en"),
            ("Spanish in a French feed", "fr", "Puerto cerrado", SPANISH, "es"),
            ("Spanish in a Catalan feed", "ca", "Puerto cerrado", SPANISH, "ca"),
            ("a short German title", "en", "Der Hafen wurde am Montag gesperrt", "", "en"),
            (
                "a German title",
                "en",
                "Die Lage in der Stadt ist an diesem Tag so wie sie war",
                ENGLISH,
                "en",
            ),
            ("Russian in an English feed", "en", "Порт закрыт", RUSSIAN, "ru"),
            ("Japanese in an English feed", "en-US", "港は閉鎖", JAPANESE, "ja"),
            ("English in a Russian feed", "ru", "Harbour closed", ENGLISH, "en"),
            ("German in a Japanese feed", "ja", "Hafen gesperrt", GERMAN, "de"),
            ("a short English title in a Japanese feed", "ja", "iPhone 17 Pro Max", "", "ja"),
            ("a quotation", "en", "“Порт” closed", ENGLISH, "en"),
            ("one of two scripts", "sr", "Luka zatvorena", POLISH, "sr"),
            ("Han characters alone", "ja", "東京大地震発生警報", "", "ja"),
        ] {
            assert_eq!(languages(&[(title, text, Some(declared))], ""), [expected], "{name}");
        }
    }

    /// Most feeds have the text in the content alone, with markup.
    #[test]
    fn the_content_shows_that_an_article_is_in_another_language_than_its_feed() {
        for (name, declared, html, expected) in [
            ("German", "en", format!("<p class=\"in the for and\"><b>{GERMAN}</b></p>"), "de"),
            ("English", "en", format!("<p lang=\"der die das\">{ENGLISH}</p>"), "en"),
            ("English in a Japanese feed", "ja", format!("<p>{ENGLISH}</p>"), "en"),
            (
                "a quotation",
                "en",
                format!("<p>{ENGLISH}</p><blockquote>{GERMAN}</blockquote>"),
                "en",
            ),
            ("a line", "en", "<p>Die Lage ist an diesem Tag wie sie war.</p>".to_owned(), "en"),
        ] {
            let mut article = draft("Waves", "", Some(declared));
            article.content_html = Some(SanitisedHtml::from_store(html));
            complete(&mut [(&mut article, true)], "");
            assert_eq!(article.language.as_deref(), Some(expected), "{name}");
        }
    }

    proptest! {
        #[test]
        fn words_are_runs_of_letters_outside_of_tags(text in "(abcdefgh|Ab|a|é|港|<|>|1| |\n){0,20}") {
            let mut is_tag = false;
            let words = text.split(|c: char| {
                is_tag = c == '<' || is_tag && c != '>';
                is_tag || !c.is_alphabetic()
            });
            let words = words.filter(|word| !word.is_empty());
            let expected = words.map(|word| if word.is_ascii() { word } else { "" });
            let cut = |word: &str| word.chars().take(function_words::CUT).collect::<String>();
            let expected: Vec<String> =
                expected.map(|word| cut(word).to_ascii_lowercase()).collect();
            let mut found = Vec::new();
            ascii_words(&text, |word| {
                found.push(word.to_owned());
                true
            });
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_article_that_is_stated_to_be_in_no_language_has_none() {
        let mut article = draft("Harbour closed", ENGLISH, None);
        complete(&mut [(&mut article, false)], "");
        assert_eq!(article.language, None);
    }

    #[test]
    fn each_language_of_a_detector_has_a_tag() {
        for lang in whatlang::Lang::all() {
            assert!(tag_of(lang.code()).is_some(), "{lang}");
        }
        for lang in whichlang::LANGUAGES {
            assert!(tag_of(lang.three_letter_code()).is_some(), "{lang:?}");
        }
        for (_, tag) in TAGS {
            assert_eq!(crate::feed::normalise::language::language(tag).as_deref(), Some(tag));
        }
    }
}

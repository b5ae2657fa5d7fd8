//! The language of articles whose feed states none, or one of another script than they are in.
//!
//! Two detectors are asked. whichlang knows 16 languages and takes some microseconds for an article. whatlang knows 69 and says
//! whether it is sure, but takes a hundred for a text in Latin letters. It is therefore asked about what a document says of
//! itself, and about an article only if whichlang finds another language that its function words do not confirm. Where both are unsure, an article has no language: a
//! wrong one would hide it from those who filter.
//!
//! The language of an article depends on the article and on what its feed says of itself, and not on other articles, because a
//! poll reads only those that are new.

use crate::domain::article::ArticleDraft;
use crate::feed::function_words::{self, Counts};
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
        let chars = parts.iter().flat_map(|part| part.chars().chain(['\n']));
        let text: String = chars.take(most).collect();
        let letters = text.chars().filter(|c| c.is_alphabetic());
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
    let mut cut = String::new();
    for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| word.is_ascii()) {
        cut.clear();
        cut.push_str(word.get(..function_words::CUT).unwrap_or(word));
        cut.make_ascii_lowercase();
        counts.add(&cut);
    }
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
        let is_other = LONG <= text.letters && text.latin == text.letters;
        return if is_other { of_latin(&text) } else { None };
    }
    let is_other = READABLE <= text.letters && text.is_of_other_script();
    if is_other { sure(&text.text) } else { None }
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
    use super::*;
    use crate::domain::article::{ArticleKey, ContentHash};

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
    fn a_stated_language_is_kept_unless_the_text_is_in_another_script() {
        for (name, declared, title, text, expected) in [
            ("agreed", "en-GB", "Harbour closed", ENGLISH, "en-GB"),
            ("the same script", "en", "Hafen gesperrt", GERMAN, "en"),
            ("Russian in an English feed", "en", "Порт закрыт", RUSSIAN, "ru"),
            ("Japanese in an English feed", "en-US", "港は閉鎖", JAPANESE, "ja"),
            ("English in a Russian feed", "ru", "Harbour closed", ENGLISH, "en"),
            ("a short English title in a Japanese feed", "ja", "iPhone 17 Pro Max", "", "ja"),
            ("a quotation", "en", "“Порт” closed", ENGLISH, "en"),
            ("one of two scripts", "sr", "Luka zatvorena", POLISH, "sr"),
            ("Han characters alone", "ja", "東京大地震発生警報", "", "ja"),
        ] {
            assert_eq!(languages(&[(title, text, Some(declared))], ""), [expected], "{name}");
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

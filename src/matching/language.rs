//! The language of an article: what the feed declares, unless the text is clearly in another language.
//!
//! Two detectors are asked. whichlang knows 16 languages and is right about most short texts; whatlang knows 69 and
//! says how sure it is. The answer is whichlang's, unless whatlang is sure of a language that whichlang does not know.

use std::borrow::Cow;

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

/// A language, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// BCP 47.
    pub tag: String,
    pub detected: bool,
}

/// A text with fewer letters does not contradict a declaration.
const LONG: usize = 120;

/// In a text with fewer letters no language is detected.
const READABLE: usize = 12;

/// The most bytes that are read. More text makes no detector more certain.
const READ: usize = 2_000;

/// The language of an article. `declared` is the language that the entry or its feed declares, as BCP 47; `text` is the
/// plain text of the summary or content.
pub fn of_article(declared: Option<&str>, title: &str, text: &str) -> Option<Language> {
    let text = format!("{title}\n{text}");
    let text = text.get(..text.floor_char_boundary(READ)).unwrap_or_default();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let kept = |tag: &str| Some(Language { tag: tag.to_owned(), detected: false });
    let found = |tag: &str| Some(Language { tag: tag.to_owned(), detected: true });
    match declared {
        Some(tag) if letters < LONG => kept(tag),
        Some(tag) => match contradicted(tag, text) {
            Some(other) => found(other),
            None => kept(tag),
        },
        None if letters < READABLE => None,
        None => detect(text).and_then(found),
    }
}

/// The language of a text as BCP 47, by both detectors.
pub fn detect(text: &str) -> Option<&'static str> {
    if !text.chars().any(char::is_alphabetic) {
        return None;
    }
    match sure(text) {
        Some(tag) if !is_known_to_both(tag) => Some(tag),
        _ => by_whichlang(text),
    }
}

/// The language that both detectors find in a long text, if it is another one than the declared.
fn contradicted(declared: &str, text: &str) -> Option<&'static str> {
    let declared = primary(declared);
    let tag = sure(text)?;
    let agreed = !is_known_to_both(tag) || by_whichlang(text) == Some(tag);
    // A detector takes a language that it does not know for a related one.
    let detectable = TAGS.iter().any(|(_, known)| *known == declared);
    (agreed && detectable && primary(tag) != declared).then_some(tag)
}

/// The primary subtag, in the spelling of today.
fn primary(tag: &str) -> Cow<'static, str> {
    let first = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    Cow::Owned(match first.as_str() {
        "no" | "nn" => "nb".to_owned(),
        "iw" => "he".to_owned(),
        "in" => "id".to_owned(),
        "ji" => "yi".to_owned(),
        "fil" => "tl".to_owned(),
        "cmn" => "zh".to_owned(),
        _ => first,
    })
}

fn is_known_to_both(tag: &str) -> bool {
    whichlang::LANGUAGES.iter().any(|lang| tag_of(lang.three_letter_code()) == Some(tag))
}

/// The language that whatlang is sure of.
fn sure(text: &str) -> Option<&'static str> {
    let info = whatlang::detect(text).filter(whatlang::Info::is_reliable)?;
    tag_of(info.lang().code())
}

fn by_whichlang(text: &str) -> Option<&'static str> {
    tag_of(whichlang::detect_language(text).three_letter_code())
}

fn tag_of(code: &str) -> Option<&'static str> {
    TAGS.iter().find(|(known, _)| *known == code).map(|(_, tag)| *tag)
}

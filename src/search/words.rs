//! Splits text into the tokens of the full-text index. Articles and searches are split in the same way.
//!
//! A word is a sequence of letters, digits and marks. Words are folded. By Unicode's data, compatibility forms (NFKC; the
//! presentation forms of Arabic are such), letter case, diacritics (with the hamza and the madda of Arabic), the script
//! of a digit and characters that are not displayed make no difference. By the data of `OpenCC`, the variants of a Han character
//! make none (`search::han`). Unicode has no data for a few letters, which `same_letter` lists.
//!
//! A word with an umlaut is indexed twice, as `koln` and as `koeln`, because people write `Köln` in both ways. The second
//! forms are at the end of the text.
//!
//! Some scripts have no spaces between words (Han, Kana, Thai, Lao, Khmer, Myanmar) or join particles to them
//! (Hangul). There, every two neighbouring characters are a token, so that any part of such a run is found as a
//! phrase of pairs, without a dictionary. The last character of a run is a token of its own, so that a search for a
//! single character, which is a prefix search, finds it at every position.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::sync::LazyLock;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup,
};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::html::chars::{digit_value, first_characters};
use crate::search::han;

/// The number of the rules by which texts become tokens. A store that was indexed by others is indexed anew.
pub const RULES: i64 = 3;

/// The most characters of a word that are indexed. Only compounds are longer, and texts that are no words, such as
/// base64.
const LONGEST: usize = 48;

/// A part of a text: a word, or a run of characters in a script that is indexed by pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// In bytes of the text.
    pub range: Range<usize>,
    pub paired: bool,
}

/// The pieces of a text, in their order.
pub fn pieces(text: &str) -> Pieces<'_> {
    Pieces { text, at: 0 }
}

/// See [`pieces`].
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    #[inline]
    fn next(&mut self) -> Option<Piece> {
        let bytes = self.text.as_bytes();
        let start = end_of(bytes, self.at, Kind::Other);
        if kind_at(bytes, start) == Kind::Word {
            let end = end_of(bytes, start, Kind::Word);
            if kind_at(bytes, end) != Kind::Wide {
                self.at = end;
                return Some(Piece { range: start..end, paired: false });
            }
        }
        self.at = start;
        self.next_of_any_script()
    }
}

impl Pieces<'_> {
    /// The next piece, of whatever characters.
    fn next_of_any_script(&mut self) -> Option<Piece> {
        let text = self.text;
        let bytes = text.as_bytes();
        let mut at = self.at;
        let (start, first) = loop {
            at = end_of(bytes, at, Kind::Other);
            let c = char_at(text, at)?;
            let start = at;
            at += c.len_utf8();
            if known(c).unwrap_or_else(|| is_word(c) && !is_mark(c)) {
                break (start, c);
            }
        };
        let paired = is_paired(first);
        loop {
            if !paired {
                at = end_of(bytes, at, Kind::Word);
            }
            let Some(c) = char_at(text, at).filter(|c| !c.is_ascii()) else { break };
            let goes_on = match known(c) {
                Some(true) => is_paired(c) == paired,
                Some(false) => false,
                None if is_known_mark(c) => true,
                None => is_word(c) && (is_paired(c) == paired || is_mark(c)) || is_ignored(c),
            };
            if !goes_on {
                break;
            }
            at += c.len_utf8();
        }
        self.at = at;
        Some(Piece { range: start..at, paired })
    }
}

/// Calls `each` with the pieces of a text in their order, each with its folded form, until `each` returns `false`. The form of
/// some pieces is empty.
pub fn for_each_folded(text: &str, mut each: impl FnMut(Piece, &str) -> bool) {
    // Most words are of ASCII and are folded then.
    let lower = text.to_ascii_lowercase();
    let mut buffer = String::new();
    for piece in pieces(&lower) {
        let word = lower.get(piece.range.clone()).unwrap_or_default();
        let folded = if word.is_ascii() {
            word
        } else {
            buffer.clear();
            push_folded(&mut buffer, word);
            &buffer
        };
        if !each(piece, folded) {
            return;
        }
    }
}

/// What a byte is. Most text is of ASCII and is read by bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A letter or digit of ASCII.
    Word,
    /// Another character of ASCII.
    Other,
    /// A part of a character that is not of ASCII.
    Wide,
    /// There is no byte.
    End,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Wide; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        kinds[byte as usize] = if byte.is_ascii_alphanumeric() { Kind::Word } else { Kind::Other };
        byte += 1;
    }
    kinds
};

fn kind_at(bytes: &[u8], at: usize) -> Kind {
    bytes.get(at).map_or(Kind::End, |byte| KINDS[usize::from(*byte)])
}

/// The first place from `at` on where a byte is not of this kind.
fn end_of(bytes: &[u8], mut at: usize, kind: Kind) -> usize {
    while let Some(byte) = bytes.get(at)
        && KINDS[usize::from(*byte)] == kind
    {
        at += 1;
    }
    at
}

/// The character at a place. Most are of ASCII and need no decoding.
fn char_at(text: &str, at: usize) -> Option<char> {
    match text.as_bytes().get(at) {
        Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
        _ => text.get(at..)?.chars().next(),
    }
}

/// The tokens of a text, separated by spaces, for the index. The second forms of words with umlauts follow.
pub fn indexable(text: &str) -> String {
    let mut line = tokens(text);
    let second_forms: BTreeSet<String> = pieces(text)
        .filter(|piece| !piece.paired)
        .filter_map(|piece| umlauts_as_two_letters(text.get(piece.range)?))
        .map(|word| fold(&word))
        .collect();
    if !second_forms.is_empty() {
        push(&mut line, NO_WORD);
    }
    for word in &second_forms {
        push(&mut line, shortened(word));
    }
    line
}

/// The tokens of a name, in each way to write it. Two names match when the tokens of one contain those of the other.
pub fn name_forms(name: &str) -> Vec<String> {
    let spelt = umlauts_as_two_letters(name);
    [Some(tokens(name)), spelt.as_deref().map(tokens)].into_iter().flatten().collect()
}

fn tokens(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + text.len() / 4);
    for_each_folded(text, |piece, folded| {
        if piece.paired {
            for token in pairs(folded) {
                push(&mut line, token);
            }
            if let Some((at, _)) = folded.char_indices().next_back() {
                push(&mut line, folded.get(at..).unwrap_or_default());
            }
        } else {
            push(&mut line, shortened(folded));
        }
        true
    });
    line
}

/// A token that no search contains. No phrase is found across it.
const NO_WORD: &str = "\u{b7}";

/// The text with two letters for each umlaut, as people write who have no keys for these: `Koeln`. The same is done in
/// Danish, Norwegian and Swedish. `None` if the text has no umlaut.
pub(super) fn umlauts_as_two_letters(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text).to_lowercase();
    let mut spelt = String::with_capacity(composed.len());
    for c in composed.chars() {
        match c {
            'ä' => spelt.push_str("ae"),
            'ö' | 'ø' => spelt.push_str("oe"),
            'ü' => spelt.push_str("ue"),
            'å' => spelt.push_str("aa"),
            other => spelt.push(other),
        }
    }
    (spelt != composed).then_some(spelt)
}

fn push(line: &mut String, token: &str) {
    if !token.is_empty() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(token);
    }
}

/// All pairs of neighbouring characters.
pub fn pairs(folded: &str) -> impl Iterator<Item = &str> {
    let starts = folded.char_indices().map(|(at, _)| at);
    let ends = folded.char_indices().map(|(at, c)| at + c.len_utf8()).skip(1);
    starts.zip(ends).filter_map(|(start, end)| folded.get(start..end))
}

/// The part of a word that is indexed.
pub(super) fn shortened(folded: &str) -> &str {
    first_characters(folded, LONGEST)
}

/// A word in the form that is compared: without letter case, diacritics and compatibility forms.
pub fn fold(piece: &str) -> String {
    let mut folded = String::with_capacity(piece.len());
    push_folded(&mut folded, piece);
    folded
}

/// Appends a word in that form.
pub fn push_folded(out: &mut String, piece: &str) {
    if piece.is_ascii() {
        let start = out.len();
        out.push_str(piece);
        if let Some(word) = out.get_mut(start..) {
            word.make_ascii_lowercase();
        }
        return;
    }
    let start = out.len();
    for c in piece.chars() {
        match in_table(c) {
            Some(Folded::One(folded)) => out.push(*folded),
            Some(Folded::Several(folded)) => out.push_str(folded),
            None if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            None if is_folded_alone(c) => out.push(han::representative(c)),
            None if is_devanagari(c) => out.push(c),
            None => {
                out.truncate(start);
                push_folded_by_data(out, piece);
                return;
            }
        }
    }
}

/// Kana, Han characters and syllables of Hangul, of which only the variants of Han characters are folded.
fn is_folded_alone(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}' | '\u{4e00}'..='\u{9fef}' | '\u{ac00}'..='\u{d7a3}')
}

/// Letters and signs of Devanagari that are not changed by folding. The nukta is left out, which forms one character with
/// some letters, and so are the characters that it forms.
fn is_devanagari(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{928}' | '\u{92a}'..='\u{930}' | '\u{932}' | '\u{933}' | '\u{935}'..='\u{93b}'
        | '\u{93d}'..='\u{950}')
}

/// Marks that each word goes on with: the signs of Devanagari, which are half of its characters.
fn is_known_mark(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{903}' | '\u{93a}'..='\u{93c}' | '\u{93e}'..='\u{94f}')
}

/// A character as it is folded.
#[derive(Debug)]
enum Folded {
    One(char),
    /// None, or several.
    Several(String),
}

/// The Latin letters behind ASCII, and the Greek, Cyrillic and Arabic ones, as they are folded. None of them is a mark, so
/// that each is folded by itself. `None` for other characters.
fn in_table(c: char) -> Option<&'static Folded> {
    let is_there = matches!(c, '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{482}' | '\u{48a}'..='\u{52f}'
        | '\u{621}'..='\u{63f}' | '\u{641}'..='\u{64a}');
    let place = u32::from(c).checked_sub(TABLE_START).filter(|_| is_there)?;
    TABLE.get(usize::try_from(place).ok()?)
}

const TABLE_START: u32 = 0xc0;

/// Each character from `TABLE_START` on as it is folded. Reading Unicode's data for each word takes far longer.
static TABLE: LazyLock<Vec<Folded>> = LazyLock::new(|| {
    let characters = (TABLE_START..0x64b).filter_map(char::from_u32);
    let folded = characters.map(|c| {
        let mut folded = String::new();
        push_folded_by_data(&mut folded, c.encode_utf8(&mut [0; 4]));
        let mut chars = folded.chars();
        match (chars.next(), chars.next()) {
            (Some(one), None) => Folded::One(one),
            _ => Folded::Several(folded),
        }
    });
    folded.collect()
});

/// As [`push_folded`], by Unicode's data.
fn push_folded_by_data(out: &mut String, piece: &str) {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(piece);
    let mut plain = String::with_capacity(piece.len());
    let kept = |c: &char| is_word(*c) && !is_diacritic(*c) && !is_ignored(*c);
    for c in decomposed.chars().filter(kept) {
        match (same_letter(c), digit_value(c).and_then(|value| char::from_digit(value, 10))) {
            (Some(letters), _) => plain.push_str(letters),
            (None, Some(digit)) => plain.push(digit),
            (None, None) => plain.extend(han::representative(c).to_lowercase()),
        }
    }
    out.push_str(&ComposingNormalizerBorrowed::new_nfc().normalize(&plain));
}

/// Letters that Unicode does not decompose, and that people also write with other letters.
///
/// Latin and Greek letters are those that the default table of Unicode collation (UTS 10) takes for the same letter at
/// the first level, and `þ` and `ı`. The keyboards of Arabic, Persian, Urdu and Kurdish have different code points for
/// what a reader takes for one letter (kaf, yeh, heh, alef). CLDR's rules of collation take these for the same at the first
/// level: `fa` the most of them, `ar` (for searches) yeh and heh. Left out of the classes of `fa` are the letters that
/// have a sound of their own in Pashto, Uyghur or Kurdish, as `ګ`, `ڭ` and `ێ`.
fn same_letter(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ł' | 'Ł' => "l",
        'ħ' | 'Ħ' => "h",
        'þ' | 'Þ' => "th",
        'ı' => "i",
        'ς' => "σ",
        'ی' | 'ى' | 'ې' | 'ے' | 'ۍ' => "ي",
        'ک' | 'ڪ' => "ك",
        'ة' | 'ہ' | 'ھ' | 'ە' | 'ۃ' => "ه",
        'ٱ' => "ا",
        _ => return None,
    })
}

/// Whether a character that is neither a mark nor ignored is a part of words, for the most frequent characters. To read
/// Unicode's data takes ten times as long.
fn known(c: char) -> Option<bool> {
    match c {
        _ if c.is_ascii() => Some(c.is_ascii_alphanumeric()),
        // Letters, apart from the signs of multiplication and division.
        '\u{c0}'..='\u{24f}' => Some(!matches!(c, '×' | '÷')),
        // Greek, Cyrillic, Arabic, Devanagari.
        '\u{3a3}'..='\u{3ce}'
        | '\u{400}'..='\u{481}'
        | '\u{48a}'..='\u{52f}'
        | '\u{621}'..='\u{63f}'
        | '\u{641}'..='\u{64a}'
        | '\u{905}'..='\u{939}' => Some(true),
        _ if is_folded_alone(c) => Some(true),
        // Dashes, quotation marks, bullets and the ellipsis; the punctuation of Chinese and Japanese.
        '\u{2010}'..='\u{2027}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' => Some(false),
        _ => None,
    }
}

fn is_word(c: char) -> bool {
    known(c).unwrap_or_else(|| c.is_alphanumeric() || is_mark(c))
}

fn is_mark(c: char) -> bool {
    '\u{300}' <= c
        && GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// Whether the mark is ignored. Marks above, below and through a letter are, and the vowel points of Hebrew, Arabic and
/// Syriac. Signs that are letters of their script have other combining classes: viramas, nuktas, voicing marks, the
/// vowels and tones of Thai and Lao.
fn is_diacritic(c: char) -> bool {
    const POINTS: RangeInclusive<u8> = 10..=36;
    const PLACED: RangeInclusive<u8> = 200..=240;
    let class = CodePointMapData::<CanonicalCombiningClass>::new().get(c).0;
    class == 1 || POINTS.contains(&class) || PLACED.contains(&class)
}

/// Whether the character is ignored inside a word: whatever is not displayed (soft hyphen, joiners, zero-width spaces,
/// variation selectors), and the Arabic tatweel, which only makes a word longer.
fn is_ignored(c: char) -> bool {
    c == '\u{640}'
        || '\u{ad}' <= c && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether the index contains the character as a part of pairs.
fn is_paired(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}'           // Thai, Lao
        | '\u{1000}'..='\u{109f}'       // Myanmar
        | '\u{1100}'..='\u{11ff}'       // Hangul
        | '\u{1780}'..='\u{17ff}'       // Khmer
        | '\u{2e80}'..='\u{318f}'       // radicals, Kana, Bopomofo, Hangul
        | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{9fff}'       // Han
        | '\u{a960}'..='\u{a97f}'
        | '\u{aa60}'..='\u{aa7f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ffdc}'       // half-width Kana and Hangul
        | '\u{1b000}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_become_tokens() {
        for (text, tokens) in [
            ("", ""),
            (" --- !", ""),
            ("The Quick-Brown fox's 3.14", "the quick brown fox s 3 14"),
            ("Čeština, ŁÓDŹ, groß, Ísland", "cestina lodz gross island"),
            ("Köln, Ærø, KÖLN", "koln aero koln · aeroe koeln"),
            ("A\u{308}rzte in Århus", "arzte in arhus · aarhus aerzte"),
            ("e\u{301}te\u{301} Ａｂｃ ﬁn", "ete abc fin"),
            ("ΛΌΓΟΣ λόγος, Ёлка й", "λογοσ λογοσ елка и"),
            ("Bundes\u{ad}tag", "bundestag"),
            ("كِتَاب كـتاب", "كتاب كتاب"),
            ("ﻛﺘﺎب أإآٱ", "كتاب اااا"),
            ("کتاب کیک علی على مدرسة مدرسه", "كتاب كيك علي علي مدرسه مدرسه"),
            (
                "می‌خواهم ۲۰۲۴ ٢٠٢٤ २०२४ ๒๐๒๔ ２０２４ 𝟮𝟬𝟮𝟰",
                "ميخواهم 2024 2024 2024 20 02 24 4 2024 2024",
            ),
            ("zero\u{200b}width sha\u{34f}dow\u{fe0f}", "zerowidth shadow"),
            ("שָׁלוֹם", "שלום"),
            ("x̸y", "xy"),
            ("が ガ", "が ガ"),
            ("हिन्दी समाचार", "हिन्दी समाचार"),
            ("北京大学", "北京 京大 大学 学"),
            ("北京大學", "北京 京大 大学 学"),
            ("台灣 臺湾", "台湾 湾 台湾 湾"),
            ("国 國 圀", "国 国 圀"),
            ("水", "水"),
            ("iPhone手机2024年", "iphone 手机 机 2024 年"),
            ("東京タワーへ。", "东京 京タ タワ ワー ーへ へ"),
            ("ｶﾞｽ", "ガス ス"),
            ("대통령이 말", "대통 통령 령이 이 말"),
            ("ข่าว", "ข\u{e48} \u{e48}า าว ว"),
            ("a\u{0}b", "a b"),
            ("\u{301}x", "x"),
        ] {
            assert_eq!(indexable(text), tokens, "{text}");
        }
        let long = "a".repeat(1_000);
        assert_eq!(indexable(&long).len(), LONGEST);
    }

    #[test]
    fn pieces_know_where_they_stand() {
        let text = "Zu «iPhone手机»!";
        let found: Vec<_> = pieces(text).map(|p| (text.get(p.range), p.paired)).collect();
        let expected = [(Some("Zu"), false), (Some("iPhone"), false), (Some("手机"), true)];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_most_frequent_characters_are_what_unicode_says() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_ascii()) {
            if let Some(found) = known(c) {
                let expected = c.is_alphanumeric();
                assert!(found == expected && !is_mark(c) && !is_ignored(c), "{c:?}");
            }
            if is_known_mark(c) {
                assert!(is_word(c) && is_mark(c), "{c:?}");
            }
            if is_folded_alone(c) || is_devanagari(c) {
                let mut by_data = String::new();
                push_folded_by_data(&mut by_data, c.encode_utf8(&mut [0; 4]));
                assert_eq!(fold(c.encode_utf8(&mut [0; 4])), by_data, "{c}");
            }
        }
    }

    proptest! {
        #[test]
        fn words_are_folded_by_the_table_as_by_the_data_of_unicode(
            piece in "([a-zA-Z0-9]|[\u{c0}-\u{24f}]|[\u{370}-\u{52f}]|[\u{621}-\u{64b}]|\u{301}|\u{308}|ß|İ|ǆ|水){1,6}|[\u{900}-\u{97f}a]{1,8}|[ぁ-ゖァ-ヺー一-鿯가-힣]{1,6}\u{3099}?"
        ) {
            let mut by_data = String::new();
            push_folded_by_data(&mut by_data, &piece);
            prop_assert_eq!(fold(&piece), by_data);
            let by_property = |c: char| c.is_alphanumeric() || is_mark(c);
            prop_assert!(piece.chars().all(|c| is_word(c) == by_property(c)));
        }

        #[test]
        fn tokens_are_words_between_single_spaces(text in "\\PC*|.*") {
            let line = indexable(&text);
            let mut tokens = line.split(' ');
            prop_assert!(tokens.all(|token| token == NO_WORD || token.chars().all(is_word)));
            prop_assert!(line.is_empty() || line.split(' ').all(|token| !token.is_empty()));
        }
    }
}

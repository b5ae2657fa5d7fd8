//! Names of months, weekdays and zones, in all languages of CLDR.
//!
//! `names.txt` was made of CLDR by `make_names.py`; its first lines name the version and the licence.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;
use icu_normalizer::DecomposingNormalizerBorrowed;

/// What a word of a date may mean. The sets are bits: bit 0 is January, Monday, or the morning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Months of the Gregorian calendar. Croatian and Czech use one name for different months.
    pub(super) months: u16,
    /// Months of the Solar Hijri calendar, which Iran and Afghanistan use.
    pub(super) persian: u16,
    /// Months of the Hijri calendar.
    pub(super) islamic: u16,
    pub(super) weekdays: u8,
    /// Halves of the day: 1 is the morning, 2 the afternoon.
    pub(super) halves: u8,
}

/// Names that publishers use and CLDR does not list.
const MORE: &str = "
month\t1\tජනවාරි|jaenner|sty|tháng một|tháng giêng|يناير|جانفي
month\t2\tපෙබරවාරි|feber|tháng hai|فيفري
month\t3\tමාර්තු|maerz|mrz|tháng ba
month\t4\tඅප්‍රේල්|tháng tư|tháng bốn|أفريل
month\t5\tමැයි|maí|tháng năm
month\t6\tජූනි|tháng sáu|جوان
month\t7\tජූලි|tháng bảy|جويلية
month\t8\tඅගෝස්තු|tháng tám|أوت
month\t9\tසැප්තැම්බර්|tháng chín
month\t10\tඔක්තෝබර්|tháng mười
month\t11\tනොවැම්බර්|tháng mười một
month\t12\tදෙසැම්බර්|tháng mười hai|tháng chạp
persian\t1\tحمل
persian\t2\tثور
persian\t3\tجوزا
persian\t4\tسرطان
persian\t5\tاسد|امرداد
persian\t6\tسنبله
persian\t7\tمیزان
persian\t8\tعقرب
persian\t9\tقوس
persian\t10\tجدی
persian\t11\tدلو
persian\t12\tحوت
half\t1\tam|a m|öö|ص|凌晨|早上|清晨|pg|pagi|dop|ap|vm|de la mañana|da manhã
half\t2\tpm|p m|ös|م|晚上|中午|傍晚|ptg|petang|malam|tengah hari|odp|ip|nm|de la tarde|de la noche|da tarde|da noite
";

/// The names of half-days in scripts without blanks. They are found inside of a word.
const HALVES_WITHOUT_BLANKS: [(&str, u8); 10] = [
    ("上午", 1),
    ("午前", 1),
    ("凌晨", 1),
    ("早上", 1),
    ("오전", 1),
    ("下午", 2),
    ("午後", 2),
    ("晚上", 2),
    ("中午", 2),
    ("오후", 2),
];

static NAMES: LazyLock<Names> = LazyLock::new(|| Names::read(&[include_str!("names.txt"), MORE]));

struct Names {
    meanings: HashMap<String, Meaning>,
    /// The names of Gregorian months in the larger languages, sorted, for the search by their beginning.
    months: Vec<(String, u16)>,
}

impl Names {
    fn read(texts: &[&str]) -> Self {
        let mut meanings: HashMap<String, Meaning> = HashMap::new();
        let mut months = Vec::new();
        for line in texts.iter().flat_map(|text| text.lines()) {
            let mut columns = line.splitn(3, '\t');
            let (Some(kind), Some(number), Some(names)) =
                (columns.next(), columns.next(), columns.next())
            else {
                continue;
            };
            let bit = 1_u16 << number.parse::<u32>().unwrap_or(1).clamp(1, 12).saturating_sub(1);
            for name in names.split('|').map(folded) {
                let small = u8::try_from(bit).unwrap_or_default();
                if kind == "month" {
                    months.push((name.clone(), bit));
                }
                let meaning = meanings.entry(name).or_default();
                match kind {
                    "month" | "other" => meaning.months |= bit,
                    "persian" => meaning.persian |= bit,
                    "islamic" => meaning.islamic |= bit,
                    "weekday" => meaning.weekdays |= small,
                    _ => meaning.halves |= small,
                }
            }
        }
        // Some of them are months in Hausa and in Sesotho, which publish in English.
        for weekday in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] {
            if let Some(meaning) = meanings.get_mut(weekday) {
                meaning.months = 0;
            }
        }
        // French June and July, when cut off after three letters.
        meanings.remove("jui");
        months.sort_unstable();
        Self { meanings, months }
    }
}

/// What a name means; `None` for an unknown one. Several words are separated by single blanks. Case, accents, dots
/// and invisible characters make no difference.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    NAMES.meanings.get(&folded(name)).copied()
}

/// The month whose name begins with a word of at least three letters. There may be two months, if one follows the other.
pub(super) fn month_by_beginning(word: &str) -> Option<u16> {
    let word = folded(word);
    word.chars().nth(2)?;
    let from = NAMES.months.partition_point(|(name, _)| **name < *word);
    let matching = NAMES.months.get(from..)?.iter().take_while(|(name, _)| name.starts_with(&word));
    matching
        .map(|(_, month)| *month)
        .reduce(|a, b| a | b)
        .filter(|months| (months >> months.trailing_zeros()) <= 0b11)
}

/// The half of the day that a word of a script without blanks contains.
pub(super) fn half_within(word: &str) -> Option<u8> {
    HALVES_WITHOUT_BLANKS.iter().find(|(name, _)| word.contains(name)).map(|(_, half)| *half)
}

/// Small letters without accents and without points for vowels.
pub(super) fn folded(name: &str) -> String {
    let name = name.to_lowercase();
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize_iter(name.chars());
    decomposed
        .filter(|c| {
            !matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{200b}'..='\u{200f}'
                | '.' | '\'' | '’' | 'ʼ' | '׳' | '״' | '\u{640}')
        })
        .map(|c| match c {
            'ı' => 'i',
            'đ' => 'd',
            'ł' => 'l',
            'ي' | 'ى' => 'ی',
            'ك' => 'ک',
            'ة' => 'ه',
            other => other,
        })
        .collect()
}

/// The year before the first year of Taiwan's era.
pub(super) const BEFORE_MINGUO: i32 = 1911;

/// The eras of the Japanese emperors: name, letter, sign, and the year before the first one.
const ERAS: [(&str, &str, char, i32); 3] =
    [("令和", "R", '㋿', 2018), ("平成", "H", '㍻', 1988), ("昭和", "S", '㍼', 1925)];

/// The year before the first year of an era: of a Japanese emperor, or of Taiwan. `R元` is the first year of one.
pub(super) fn era(word: &str) -> Option<i32> {
    if word.contains("民國") || word.contains("民国") {
        return Some(BEFORE_MINGUO);
    }
    let letter = word.strip_suffix('元').and_then(era_letter);
    let mut eras = ERAS.iter();
    letter.or_else(|| eras.find(|(name, ..)| word.contains(name)).map(|(.., before)| *before))
}

/// The year before the first year of an era that is given by its letter, as in `R6.8.20`.
pub(super) fn era_letter(word: &str) -> Option<i32> {
    ERAS.iter().find(|(_, letter, ..)| *letter == word).map(|(.., before)| *before)
}

/// The year before the first year of an era that is given by one sign: `㋿6年`.
pub(super) fn era_sign(c: char) -> Option<i32> {
    ERAS.iter().find(|(_, _, sign, _)| *sign == c).map(|(.., before)| *before)
}

/// Names in capitals and their offset in minutes. A name that several countries use has the offset of the
/// country that more news comes from.
const ZONES: [(&str, i64); 62] = [
    ("Z", 0),
    ("UT", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MET", 60),
    ("MEST", 120),
    ("MEZ", 60),
    ("MESZ", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("МСК", 180),
    ("MSD", 240),
    ("TRT", 180),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
    ("AST", -240),
    ("ADT", -180),
    ("NST", -210),
    ("NDT", -150),
    ("BRT", -180),
    ("BRST", -120),
    ("ART", -180),
    ("CLT", -240),
    ("COT", -300),
    ("PET", -300),
    ("IST", 330),
    ("PKT", 300),
    ("NPT", 345),
    ("ICT", 420),
    ("WIB", 420),
    ("WITA", 480),
    ("WIT", 540),
    ("SGT", 480),
    ("HKT", 480),
    ("MYT", 480),
    ("PHT", 480),
    ("AWST", 480),
    ("JST", 540),
    ("KST", 540),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("SAST", 120),
    ("EAT", 180),
];

pub(super) fn zone(word: &str) -> Option<i64> {
    ZONES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, offset)| *offset)
}

/// A zone of the United States whose name is the same in summer and winter.
pub(super) fn zone_of_the_us(name: &str) -> Option<Tz> {
    Some(match name {
        "ET" => Tz::America__New_York,
        "CT" => Tz::America__Chicago,
        "MT" => Tz::America__Denver,
        "PT" => Tz::America__Los_Angeles,
        _ => return None,
    })
}

/// A zone of the tz database by its name, in any case and with blanks for its underscores: `Europe/Berlin`.
pub(super) fn named_zone(name: &str) -> Option<Tz> {
    let name = &*name.replace(' ', "_");
    if let Some(zone) = zone_of_the_us(name).or_else(|| name.parse().ok()) {
        return Some(zone);
    }
    let mut start = true;
    let capitals: String = name
        .chars()
        .map(|c| {
            let c = if start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            start = matches!(c, '/' | '_' | '-');
            c
        })
        .collect();
    capitals.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_names_is_complete_and_nearly_without_contradictions() {
        let table = include_str!("names.txt");
        assert!(table.starts_with("# Names of CLDR ") && table.contains("Unicode-3.0"));
        let all = Names::read(&[table, MORE]);
        for set in [|m: &Meaning| m.months, |m: &Meaning| m.persian, |m: &Meaning| m.islamic] {
            let known = all.meanings.values().map(set).fold(0, |a, b| a | b);
            assert_eq!(known, 0xfff, "a name of each month");
        }
        let mut doubtful: Vec<&str> = all
            .meanings
            .iter()
            .filter(|(_, meaning)| 1 < meaning.months.count_ones())
            .map(|(name, _)| &**name)
            .collect();
        doubtful.sort_unstable();
        assert_eq!(doubtful, ["lip", "lis", "listopad", "listopada", "srp"]);
        assert!(3_000 < all.meanings.len(), "{} names", all.meanings.len());
    }

    #[test]
    fn a_name_is_known_without_its_accents_and_in_capitals() {
        for (name, month) in [
            ("FÉVRIER", 2),
            ("fevrier", 2),
            ("Şub.", 2),
            ("SUBAT", 2),
            ("Αυγούστου", 8),
            ("ÁGÚST", 8),
            ("أغسطس", 8),
            ("اغسطس", 8),
        ] {
            assert_eq!(meaning(name).map(|found| found.months), Some(1 << (month - 1)), "{name}");
        }
        assert_eq!(meaning("foo"), None);
        assert_eq!(month_by_beginning("septe"), Some(1 << 8));
        assert_eq!(month_by_beginning("ju"), None);
    }
}

//! Reads dates as publishers write them.
//!
//! RFC 3339 and RFC 822 are read by their grammar. Any other date is read word by word: months by name in the
//! languages of CLDR, zones by name or offset, numbers by their size and place, digits of all scripts. A year that
//! can only be one of the Thai, Solar Hijri or Hijri calendar is converted.

use std::borrow::Cow;

use chrono::offset::LocalResult;
use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use icu_calendar::cal::Hijri;
use icu_calendar::{Date, Iso};
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::feed::dates::names::{self, Meaning, zone};
use crate::html::chars::digit_value;

/// A date as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenDate {
    /// The moment in UTC. Without a time of day it is midnight, without a zone the time is that of UTC.
    pub at: Timestamp,
    /// Day and time where it was written.
    pub local: NaiveDateTime,
    /// Whether a time of day was written.
    pub has_time: bool,
    /// Whether a zone or an offset was written.
    pub has_zone: bool,
}

impl WrittenDate {
    /// A moment that was written in UTC.
    fn of_utc(at: Timestamp) -> Self {
        Self { at, local: at.naive_utc(), has_time: true, has_zone: true }
    }
}

/// Reads a date. `None` when day, month or year is missing, and for the dates that programs write for "no
/// date": year 1, everything before 1970, and years that only the Thai calendar has (2513 to 2650).
pub fn date(text: &str) -> Option<Timestamp> {
    written_date(text).map(|date| date.at)
}

/// Reads a date as [`date`] does, and says which of its parts were written.
pub fn written_date(text: &str) -> Option<WrittenDate> {
    let text = text.trim();
    if text.len() < 4 || 120 < text.chars().take(121).count() {
        return None;
    }
    let text = &*ascii_digits(text);
    by_standard(text)
        .or_else(|| year(text))
        .or_else(|| epoch(text))
        .or_else(|| iso(text))
        .or_else(|| words(text))
        .filter(|date| Timestamp::UNIX_EPOCH < date.at && date.at.year() <= LAST_YEAR)
        // What is still in these years was not written as a day of that calendar: an ISO week or a count of seconds.
        // It is centuries ahead of all feeds, and as text it would be read as another day.
        .filter(|date| !BUDDHIST.contains(&date.at.year()))
}

/// Reads the dates of RFC 3339 and RFC 2822, which are nearly all dates. A year of another calendar and a leap second
/// are left to the other functions.
fn by_standard(text: &str) -> Option<WrittenDate> {
    let found = DateTime::parse_from_rfc2822(text).or_else(|_| DateTime::parse_from_rfc3339(text));
    let is_plain = |at: &DateTime<FixedOffset>| {
        (1970..2100).contains(&at.year()) && at.timestamp_subsec_nanos() < 1_000_000_000
    };
    let found = found.ok().filter(is_plain)?;
    Some(WrittenDate {
        local: found.naive_local(),
        ..WrittenDate::of_utc(from_unix(found.timestamp()))
    })
}

/// The text with the digits of all scripts as ASCII, and without the marks that only set its direction.
fn ascii_digits(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().filter(|c| !is_direction_mark(*c)).map(|c| match c {
        // Hyphens, dashes and the minus sign.
        '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{ff08}' => '(',
        '\u{ff09}' => ')',
        '\u{ff0e}' => '.',
        '\u{ff0f}' => '/',
        '\u{ff1a}' => ':',
        other => digit_value(other).and_then(|value| char::from_digit(value, 10)).unwrap_or(other),
    });
    Cow::Owned(plain.collect())
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// A year alone is a date in W3C-DTF.
fn year(text: &str) -> Option<WrittenDate> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let year: i32 = text.parse().ok().filter(|_| digits)?;
    let day = (1970..2100).contains(&year).then(|| NaiveDate::from_ymd_opt(year, 1, 1))??;
    at(day, None, None)
}

/// RFC 3339, the format in which dates are exported, has years of four digits.
const LAST_YEAR: i32 = 9999;

/// Reads seconds, or their thousandth, millionth or billionth parts, since 1970; `/Date(1700000000000+0200)/`, as
/// .NET writes them into JSON, where the offset changes nothing; or a date of 8, 12 or 14 digits in a row.
fn epoch(text: &str) -> Option<WrittenDate> {
    if let Some((_, rest)) = text.split_once("Date(").filter(|(before, _)| before.len() <= 6) {
        let (milliseconds, _) = digits(rest)?;
        return Some(WrittenDate::of_utc(from_unix(milliseconds.parse::<i64>().ok()? / 1000)));
    }
    let digits = text.trim_start_matches('@').split('.').next()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u32>().ok();
    let scaled = |per_second: i64| {
        let at = from_unix(digits.parse::<i64>().ok()? / per_second);
        Some(WrittenDate::of_utc(at))
    };
    match digits.len() {
        9 | 10 => scaled(1),
        13 => scaled(1_000),
        16 => scaled(1_000_000),
        19 => scaled(1_000_000_000),
        8 | 12 | 14 => {
            let clock = Clock {
                hour: part(8..10).unwrap_or(0),
                minute: part(10..12).unwrap_or(0),
                second: part(12..14).unwrap_or(0),
            };
            let year = i32::try_from(part(0..4)?).ok()?;
            let clock = Some(clock).filter(|_| 8 < digits.len());
            at(day(year, part(4..6)?, part(6..8)?)?, clock, None)
        }
        _ => None,
    }
}

#[derive(Clone, Copy, Default)]
struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
}

/// What turns the time of a day into that of Greenwich.
#[derive(Clone, Copy)]
enum Zone {
    /// Minutes east of Greenwich.
    Offset(i64),
    Named(Tz),
}

impl Default for Zone {
    fn default() -> Self {
        Self::Offset(0)
    }
}

/// 24:00 is 0:00 of the next day (ISO 8601), and a leap second is the first second of the next minute.
fn at(date: NaiveDate, clock: Option<Clock>, zone: Option<Zone>) -> Option<WrittenDate> {
    let (has_time, has_zone) = (clock.is_some(), zone.is_some());
    let clock = clock.unwrap_or_default();
    if 24 < clock.hour || 59 < clock.minute || 60 < clock.second {
        return None;
    }
    let seconds = i64::from(clock.hour * 3600 + clock.minute * 60 + clock.second);
    let local = date.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::seconds(seconds))?;
    let at = match zone.unwrap_or_default() {
        Zone::Offset(offset) if 24 * 60 < offset.abs() => None,
        Zone::Offset(offset) => local.and_utc().checked_sub_signed(TimeDelta::minutes(offset)),
        Zone::Named(zone) => match zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
            // The hour that the start of summer time skips is read by the time before it.
            LocalResult::None => {
                let hour = TimeDelta::hours(1);
                let before = zone.from_local_datetime(&(local - hour)).earliest()?;
                before.to_utc().checked_add_signed(hour)
            }
        },
    };
    Some(WrittenDate { at: at?, local, has_time, has_zone })
}

/// The years of a calendar that are converted, so that they lie between 1970 and 2050 or so. In our calendar, such
/// years are before or far after all feeds.
const BUDDHIST: std::ops::RangeInclusive<i32> = 2513..=2650;
const PERSIAN: std::ops::RangeInclusive<i32> = 1300..=1429;
const ISLAMIC: std::ops::RangeInclusive<i32> = 1430..=1500;

/// The years of Taiwan that are read without the name of their era: 2001 to 2041.
const TAIWANESE: std::ops::RangeInclusive<u32> = 100..=130;

/// The day of a date whose month is a number.
fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    if PERSIAN.contains(&year) {
        persian(year, month, day)
    } else if ISLAMIC.contains(&year) {
        islamic(year, month, day)
    } else {
        let year = if BUDDHIST.contains(&year) { year - 543 } else { year };
        NaiveDate::from_ymd_opt(year, month, day)
    }
}

fn persian(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    gregorian(Date::try_new_persian(year, month, day).ok()?.to_calendar(Iso))
}

fn islamic(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    let date = Date::try_new_hijri_with_calendar(year, month, day, Hijri::new_umm_al_qura());
    gregorian(date.ok()?.to_calendar(Iso))
}

fn gregorian(date: Date<Iso>) -> Option<NaiveDate> {
    let (month, day) = (date.month().ordinal.into(), date.day_of_month().0.into());
    NaiveDate::from_ymd_opt(date.year().extended_year(), month, day)
}

/// Reads ISO 8601: calendar, week and ordinal dates, basic and extended, and texts that only begin with one.
fn iso(text: &str) -> Option<WrittenDate> {
    let year: i32 = text.get(..4)?.parse().ok()?;
    if !text.bytes().take(4).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = text.get(4..)?;
    let (date, rest) = if let Some(rest) = rest.strip_prefix('-').or_else(|| rest.strip_prefix('/'))
    {
        if let Some(rest) = rest.strip_prefix(['W', 'w']) {
            week(year, rest)?
        } else {
            let (first, after) = digits(rest)?;
            if let Some(next) = after.strip_prefix(['-', '/']).filter(|_| first.len() <= 2) {
                let (day, after) = digits(next)?;
                if 2 < day.len() {
                    return None;
                }
                (self::day(year, first.parse().ok()?, day.parse().ok()?)?, after)
            } else if first.len() == 3 {
                (NaiveDate::from_yo_opt(year, first.parse().ok()?)?, after)
            } else if first.len() == 2 && after.is_empty() {
                // A month means its first day, as in feedparser and in the W3C-DTF of Atom 0.3.
                (self::day(year, first.parse().ok()?, 1)?, after)
            } else {
                return None;
            }
        }
    } else if let Some(rest) = rest.strip_prefix(['W', 'w']) {
        week(year, rest)?
    } else {
        let (basic, after) = digits(rest)?;
        match basic.len() {
            4 => {
                let (month, day) = basic.split_at(2);
                (self::day(year, month.parse().ok()?, day.parse().ok()?)?, after)
            }
            3 => (NaiveDate::from_yo_opt(year, basic.parse().ok()?)?, after),
            _ => return None,
        }
    };
    let (clock, zone) = rest_of_day(rest)?;
    at(date, clock, zone)
}

fn week(year: i32, text: &str) -> Option<(NaiveDate, &str)> {
    let (found, rest) = digits(text)?;
    let (week, day, rest) = match (found.len(), rest.strip_prefix('-').and_then(digits)) {
        (2, Some((day, rest))) => (found, day, rest),
        (3, _) => (found.get(..2)?, found.get(2..)?, rest),
        (2, None) => (found, "1", rest),
        _ => return None,
    };
    let weekday = u8::try_from(day.parse::<u32>().ok()?.checked_sub(1)?).ok()?;
    let weekday = chrono::Weekday::try_from(weekday).ok()?;
    Some((NaiveDate::from_isoywd_opt(year, week.parse().ok()?, weekday)?, rest))
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (0 < end).then(|| text.split_at(end))
}

/// Reads the time and zone after a date: `T10:00:00.5+02:00`, ` 10:00 AM CEST`, `T1000Z`, ` 10.00`, or nothing.
fn rest_of_day(text: &str) -> Option<(Option<Clock>, Option<Zone>)> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || ",Tt".contains(c));
    let mut parts = Parts::default();
    if let Some((basic, rest)) = digits(text)
        && matches!(basic.len(), 4 | 6)
        && !rest.starts_with(':')
    {
        let two = |range: std::ops::Range<usize>| basic.get(range)?.parse().ok();
        parts.clock =
            Some(Clock { hour: two(0..2)?, minute: two(2..4)?, second: two(4..6).unwrap_or(0) });
        parts.read(rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()));
    } else {
        parts.read(text);
    }
    parts.find_clock(0);
    Some((parts.clock()?, parts.zone()))
}

/// Reads any other date, word by word.
fn words(text: &str) -> Option<WrittenDate> {
    let mut parts = Parts { may_be_range: true, ..Parts::default() };
    parts.read(text);
    parts.find_clock(if parts.has_month() { 2 } else { 3 });
    at(parts.date()?, parts.clock()?, parts.zone())
}

/// Numbers of a date that belong together: `6`, `6.9.2021`, `12.30`. Most are a single number.
#[derive(Clone, Copy)]
struct Number<'a> {
    text: &'a str,
    /// What stands after it: `.` (day first), `/` (American order), `-`, a Chinese or Korean unit, or a blank.
    after: char,
}

/// What stands after the day in `1. 8. 2024`. A comma is in no date between two numbers.
const DOT_AND_BLANK: char = ',';

impl Number<'_> {
    fn value(&self) -> Option<u32> {
        self.text.parse().ok()
    }
}

/// The kind of the last part that was read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Number,
    Clock,
}

/// What a word says of the number after it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Vietnamese: `Thứ 5`, `T5`.
    Weekday,
    /// Vietnamese: `tháng 8`.
    Month,
    /// `klo 12.30`
    Hour,
    /// French: `20 h 30`
    Minute,
}

/// The parts of a date that were found in its words.
#[derive(Default)]
struct Parts<'a> {
    /// What the names mean that may be a month, in the order of the text.
    months: Vec<Meaning>,
    /// Days of the week that were named, as bits.
    weekdays: u8,
    clock: Option<Clock>,
    /// Whether `10:00-12:00` is the beginning and the end of an event, and not a time with its offset.
    may_be_range: bool,
    /// The months that a name which was cut off may mean.
    cut_months: u16,
    /// AM or PM of the twelve-hour clock.
    afternoon: Option<bool>,
    /// Minutes east of Greenwich.
    offset: Option<i64>,
    named_zone: Option<Tz>,
    /// The year before the first year of an era.
    era: Option<i32>,
    is_thai: bool,
    is_east_asian: bool,
    /// What the words before a number say that the number is.
    next: Option<Unit>,
    numbers: Vec<Number<'a>>,
    last: Last,
}

/// Words before an hour, as in `klo 12.30`, and after one, as in `20 Uhr`.
const BEFORE_HOURS: [&str; 5] = ["kl", "klo", "ore", "um", "ωρα"];
const AFTER_HOURS: [&str; 11] =
    ["uhr", "h", "hs", "hrs", "heures", "horas", "ч", "час", "часа", "часов", "год"];

/// The longest name, in words.
const LONGEST_NAME: usize = 3;

impl<'a> Parts<'a> {
    fn read(&mut self, text: &'a str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or_default();
            if c == '(' || c == '[' {
                // A comment (RFC 5322, 3.2.2). It is the name of the zone if there is none yet.
                let end = if c == '(' { ')' } else { ']' };
                let (comment, after) = after.split_once(end).unwrap_or((after, ""));
                self.comment(comment.trim());
                rest = after;
            } else if c.is_ascii_digit() {
                rest = self.number(rest);
            } else if matches!(c, '+' | '-') && self.may_have_offset(after) {
                rest = self.sign(rest);
            } else if let Some(before) = names::era_sign(c) {
                self.era = Some(before);
                rest = after;
            } else if c.is_alphabetic() {
                rest = self.name_or_word(rest);
            } else {
                rest = after;
            }
        }
    }

    fn comment(&mut self, comment: &'a str) {
        if self.offset.is_none() && self.named_zone.is_none() {
            self.offset = zone(comment).or_else(|| zone(&initials(comment)));
            // `(GMT+7)`
            let sign = ["GMT", "UTC"].iter().find_map(|name| comment.strip_prefix(name));
            sign.filter(|sign| sign.starts_with(['+', '-'])).map(|sign| self.sign(sign));
            if self.offset.is_none() {
                self.named_zone = names::named_zone(comment);
            }
        }
        // The weekday, as in `2024年8月1日(木)`.
        self.weekdays |= names::meaning(comment).map_or(0, |meaning| meaning.weekdays);
    }

    /// Whether a sign may begin an offset: after a time, or after what may be a time with dots.
    fn may_have_offset(&self, after: &str) -> bool {
        let is_offset = |(found, rest): (&str, &str)| found.len() == 4 || rest.starts_with(':');
        self.clock.is_some() || self.follows_dots() && digits(after).is_some_and(is_offset)
    }

    /// Whether the last part is numbers with dots, which may be a time.
    fn follows_dots(&self) -> bool {
        self.last == Last::Number && matches!(self.numbers.as_slice(), [.., a, _] if a.after == '.')
    }

    /// Reads one name: of several words if there is such a name, else of one.
    fn name_or_word(&mut self, text: &'a str) -> &'a str {
        let (word, rest) = word(text);
        if word.is_ascii()
            && rest.starts_with('/')
            && let Some((zone, after)) = zone_of_place(text)
        {
            self.named_zone = Some(zone);
            return after;
        }
        let mut ends = vec![rest];
        let mut name = word.to_owned();
        let mut candidates = vec![name.clone()];
        while ends.len() < LONGEST_NAME
            && let Some(next) = ends.last().and_then(|rest| rest.strip_prefix([' ', '\u{a0}']))
            && next.starts_with(char::is_alphabetic)
        {
            let (word, rest) = self::word(next);
            name = format!("{name} {word}");
            candidates.push(name.clone());
            ends.push(rest);
        }
        // Vietnamese `Thứ` looks like the English weekday.
        let numbered =
            word.contains('ứ') && rest.trim_start().starts_with(|c: char| c.is_ascii_digit());
        for (name, rest) in candidates.iter().zip(&ends).rev().filter(|_| !numbered) {
            // Hebrew writes "in" as the first letter of the name.
            let meaning = names::meaning(name).or_else(|| names::meaning(name.strip_prefix('ב')?));
            if let Some(meaning) = meaning
                && self.name(name, meaning)
            {
                return rest;
            }
        }
        self.other_word(word, rest);
        rest
    }

    /// Takes a known name. Returns whether it means anything in this place.
    fn name(&mut self, name: &str, meaning: Meaning) -> bool {
        self.is_east_asian |= names::half_within(name).is_some();
        self.is_thai |= name.chars().any(|c| ('\u{e00}'..='\u{e7f}').contains(&c));
        if self.clock.is_some() && self.offset.is_none() && self.has_month() {
            // After a time, `MST` and the like are zones before all else.
            self.offset = zone(name.trim_matches('.'));
            if self.offset.is_some() {
                return true;
            }
        }
        if meaning.halves != 0 {
            let follows = match self.last {
                Last::Clock => true,
                // Chinese, Japanese and Korean write it before the time, after the date.
                Last::Number => names::half_within(name).is_none() && self.take_hour(12),
                Last::Other => false,
            };
            // English writes it after the time, so that `am 1. August` is no morning.
            if follows || !name.is_ascii() && self.clock.is_none() {
                self.afternoon = Some(meaning.halves == 2);
                self.last = Last::Other;
                return true;
            }
        }
        if meaning.months | meaning.persian | meaning.islamic != 0 {
            self.months.push(meaning);
        } else if meaning.weekdays == 0 {
            return false;
        }
        self.weekdays |= if meaning.months == 0 { meaning.weekdays } else { 0 };
        self.last = Last::Other;
        true
    }

    fn other_word(&mut self, word: &str, rest: &str) {
        let bare = word.trim_matches('.');
        let lower = names::folded(word);
        let glued = rest.starts_with(|c: char| c.is_ascii_digit());
        let may_be_zone = self.clock.is_some() || self.follows_dots();
        let last = std::mem::take(&mut self.last);
        match lower.as_str() {
            "thang" | "thg" => self.next = Some(Unit::Month),
            "thu" if bare.contains('ứ') => self.next = Some(Unit::Weekday),
            "t" if glued => self.next = Some(Unit::Weekday),
            // WordPress: `Th8`.
            "th" if glued => self.next = Some(Unit::Month),
            // Vietnamese: `8:15 SA`, `8:15 CH`.
            "sa" | "ch" if last == Last::Clock => self.afternoon = Some(lower == "ch"),
            // Japanese: `R6.8.20`.
            _ if self.numbers.is_empty()
                && digits(rest.trim_start())
                    .is_some_and(|(_, after)| after.starts_with(['.', '/', '-', '年']))
                && names::era_letter(word).is_some() =>
            {
                self.era = names::era_letter(word);
            }
            _ if BEFORE_HOURS.contains(&&*lower) => self.next = Some(Unit::Hour),
            _ if AFTER_HOURS.contains(&&*lower) && last == Last::Number => {
                self.next = self.take_hour(24).then_some(Unit::Minute);
            }
            // `T`, between a date and a time.
            _ => self.unknown_word(bare, &lower, may_be_zone),
        }
    }

    fn unknown_word(&mut self, bare: &str, lower: &str, may_be_zone: bool) {
        self.is_east_asian |= !bare.is_ascii();
        if let Some(before) = names::era(bare) {
            self.era = Some(before);
        }
        if self.era.is_some() && self.numbers.is_empty() && bare.contains('元') {
            self.numbers.push(Number { text: "1", after: '年' });
        }
        if let Some(half) = names::half_within(bare).filter(|_| self.clock.is_none()) {
            self.afternoon = Some(half == 2);
        } else if let Some(months) =
            names::month_by_beginning(lower).filter(|_| !self.has_certain_month())
        {
            self.cut_months = months;
            self.months.push(Meaning { months, ..Meaning::default() });
        } else if may_be_zone && self.offset.is_none() && self.named_zone.is_none() {
            self.offset = zone(bare);
            if self.offset.is_none() && 2 < bare.len() {
                self.named_zone = bare.parse().ok();
            } else if self.offset.is_none() {
                self.named_zone = names::zone_of_the_us(bare);
            }
        }
    }

    /// Makes a time of the last number or numbers, if they can be one: `8` before `pm`, `20` before `Uhr`, `8.30`.
    fn take_hour(&mut self, last_hour: u32) -> bool {
        if self.clock.is_some() {
            return false;
        }
        let (hour, minute, count) = match self.numbers.as_slice() {
            [.., hour, minute] if hour.after == '.' && minute.text.len() == 2 => {
                (hour, minute.value(), 2)
            }
            [.., hour] => (hour, Some(0), 1),
            [] => return false,
        };
        let (Some(hour), Some(minute)) = (hour.value().filter(|_| hour.text.len() <= 2), minute)
        else {
            return false;
        };
        if last_hour < hour || 59 < minute {
            return false;
        }
        self.clock = Some(Clock { hour, minute, second: 0 });
        self.numbers.truncate(self.numbers.len() - count);
        true
    }

    /// `+0200`, `-05:30`, `+2`, `+02`.
    fn sign(&mut self, text: &'a str) -> &'a str {
        let east = text.starts_with('+');
        let rest = text.trim_start_matches(['+', '-']);
        // `10:05:00 + 0200`
        let spaced = rest.strip_prefix(' ').filter(|rest| {
            digits(rest).is_some_and(|(found, _)| found.len() == 4 && found.starts_with(['0', '1']))
        });
        let Some((hours, rest)) = digits(spaced.unwrap_or(rest)) else { return rest };
        if !east && self.ends_range(hours, rest) {
            return rest.get(3..).unwrap_or_default();
        }
        let (hours, minutes, rest) = match hours.len() {
            1 | 2 => match rest.strip_prefix(':').and_then(digits) {
                Some((minutes, rest)) => (hours, minutes, rest),
                None => (hours, "0", rest),
            },
            3 | 4 => {
                let (hours, minutes) = hours.split_at(hours.len() - 2);
                (hours, minutes, rest)
            }
            // `12:00 -2021` has no offset.
            _ => return rest,
        };
        if let (Ok(hours), Ok(minutes)) = (hours.parse::<i64>(), minutes.parse::<i64>())
            && hours <= 15
            && minutes < 60
        {
            let offset = hours * 60 + minutes;
            // `GMT+0200` and `UTC-5` mean the offset that they show, not its inverse.
            self.offset = Some(if east { offset } else { -offset });
        }
        rest
    }

    /// Whether this is the later time in `10:00-12:00`.
    fn ends_range(&self, hour: &str, rest: &str) -> bool {
        let Some(clock) = self.clock.filter(|_| self.may_be_range) else { return false };
        let minute = rest.strip_prefix(':').and_then(digits).filter(|(found, _)| found.len() == 2);
        let (Ok(hour), Some((minute, _))) = (hour.parse::<u32>(), minute) else { return false };
        minute.parse().is_ok_and(|minute: u32| (clock.hour, clock.minute) < (hour, minute))
    }

    fn number(&mut self, text: &'a str) -> &'a str {
        let Some((found, rest)) = digits(text) else { return text };
        let next = rest.chars().next();
        let after = |n: usize| rest.get(n..).unwrap_or_default();
        let is_time = self.clock.is_none() && found.len() <= 2;
        let unit = self.next.take();
        self.last = Last::Number;
        if unit == Some(Unit::Weekday)
            && next != Some(':')
            && let Some(day) = found.parse::<u32>().ok().filter(|n| (2..=7).contains(n))
        {
            self.weekdays |= 1 << (day - 2);
            return rest;
        }
        if unit == Some(Unit::Minute)
            && let Some(minute) = found.parse().ok().filter(|n| found.len() == 2 && *n < 60)
            && let Some(clock) = &mut self.clock
        {
            clock.minute = minute;
            return rest;
        }
        if unit == Some(Unit::Month)
            && let Some(month) = found.parse::<u32>().ok().filter(|n| (1..=12).contains(n))
        {
            self.months.push(Meaning { months: 1 << (month - 1), ..Meaning::default() });
            return rest;
        }
        match next {
            Some(':') if is_time => self.time(found, after(1)),
            Some('.') if is_time && unit == Some(Unit::Hour) => self.time(found, after(1)),
            _ if is_time && unit == Some(Unit::Hour) => self.time(found, rest),
            // French: `18h30`; Chinese: `12时30分`.
            Some(c @ ('h' | '时' | '時' | '點' | '点' | '시')) if is_time => {
                self.time(found, after(c.len_utf8()).trim_start())
            }
            // Dutch: `10u05`.
            Some('u') if is_time && after(1).starts_with(|c: char| c.is_ascii_digit()) => {
                self.time(found, after(1))
            }
            Some(c @ ('年' | '月' | '日' | '년' | '월' | '일')) => {
                self.numbers.push(Number { text: found, after: c });
                after(c.len_utf8())
            }
            Some(c @ ('.' | '/' | '-')) if after(1).starts_with(|c: char| c.is_ascii_digit()) => {
                self.numbers.push(Number { text: found, after: c });
                after(1)
            }
            // `1. 8. 2024`, `20.08. - 22.08.2024`
            Some('.') => {
                self.numbers.push(Number { text: found, after: DOT_AND_BLANK });
                after(1)
            }
            _ => {
                self.numbers.push(Number { text: found, after: ' ' });
                rest
            }
        }
    }

    fn time(&mut self, hour: &str, rest: &'a str) -> &'a str {
        self.last = Last::Clock;
        let Some((minute, mut rest)) = digits(rest) else {
            self.clock = hour.parse().ok().map(|hour| Clock { hour, ..Clock::default() });
            return rest;
        };
        rest = rest.trim_start_matches(['分', '분']);
        let mut second = "0";
        if let Some((found, after)) = rest.strip_prefix(':').and_then(digits) {
            (second, rest) = (found, after);
            self.may_be_range = false;
        } else if let Some((found, after)) = digits(rest.trim_start())
            && after.starts_with(['秒', '초'])
        {
            (second, rest) = (found, after);
        }
        rest = rest.trim_start_matches(['秒', '초']);
        if let Some((_, after)) = rest.strip_prefix(['.', ',']).and_then(digits) {
            rest = after; // The fraction is dropped: dates are whole seconds.
        }
        if let (Ok(hour), Ok(minute), Ok(second)) = (hour.parse(), minute.parse(), second.parse()) {
            self.clock = Some(Clock { hour, minute, second });
        }
        rest
    }

    /// Looks for a time with dots (`12.30`, `12.30.45`), with hyphens (`12-30-45`), or of four digits (`1230`) among
    /// the numbers, if there is no other time. A date needs `needed` numbers beside it.
    fn find_clock(&mut self, needed: usize) {
        if self.clock.is_some() {
            return;
        }
        for length in [3, 2, 1] {
            let Some(last) = self.numbers.len().checked_sub(length + needed) else { continue };
            for start in (0..=last + needed).rev() {
                let Some(found) = self.numbers.get(start..start + length) else { continue };
                let before = start.checked_sub(1).and_then(|n| self.numbers.get(n));
                let Some(clock) = dotted(found).filter(|_| before.is_none_or(|n| n.after == ' '))
                else {
                    continue;
                };
                let text = found.first().map_or("", |number| number.text);
                let mut others = self.numbers.clone();
                others.drain(start..start + length);
                let without = std::mem::replace(&mut self.numbers, others);
                // `2021` is a time only beside another year.
                let has_year = length != 1 || {
                    let is_year = |n: &Number<'_>| n.text.len() == 4 && n.text != text;
                    self.numbers.iter().any(is_year)
                };
                if needed == 0 || has_year && self.date().is_some() {
                    self.clock = Some(clock);
                    return;
                }
                self.numbers = without;
            }
        }
    }

    /// The time, if there is one. The outer `None` means that no day has this time.
    #[expect(clippy::option_option, reason = "a missing time and an impossible one differ")]
    fn clock(&self) -> Option<Option<Clock>> {
        let Some(mut clock) = self.clock else { return Some(None) };
        match self.afternoon {
            Some(true) if clock.hour < 12 => clock.hour += 12,
            Some(false) if clock.hour == 12 => clock.hour = 0,
            Some(_) | None => {}
        }
        (clock.hour <= 24).then_some(Some(clock))
    }

    fn zone(&self) -> Option<Zone> {
        self.offset.map(Zone::Offset).or(self.named_zone.map(Zone::Named))
    }

    fn has_month(&self) -> bool {
        !self.months.is_empty()
    }

    /// Whether a name was read that is a month and no weekday: `mar.` may be Tuesday.
    fn has_certain_month(&self) -> bool {
        self.months.iter().any(|meaning| meaning.weekdays == 0)
    }

    fn date(&self) -> Option<NaiveDate> {
        if self.has_month() {
            return self.date_with_month();
        }
        let unit = |units: [char; 2]| self.numbers.iter().position(|n| units.contains(&n.after));
        if let Some(place) = unit(['月', '월']) {
            // WordPress: `01 8月 2024`.
            let mut others = self.numbers.clone();
            let month = others.remove(place).value()?;
            let (of_month, year) = self.day_and_year(&others)?;
            return day(year, month, of_month);
        }
        let (a, b, c) = match self.numbers.as_slice() {
            // `20.08.-22.08.2024`
            [a, b, c, d, year, ..]
                if c.after == a.after && d.after == a.after && year.text.len() == 4 =>
            {
                (a, b, year)
            }
            [a, b, c, ..] => (a, b, c),
            _ => return None,
        };
        let (a_value, b_value, c_value) = (a.value()?, b.value()?, c.value()?);
        let year_first = |year: i32| day(year, b_value, c_value);
        let year_last = || self.full_year(c.text);
        let day_first = || day(year_last()?, b_value, a_value);
        match (a.after, b.after) {
            ('年' | '년', _) => year_first(self.full_year(a.text)?),
            ('/' | '-' | '.', '/' | '-' | '.')
                if TAIWANESE.contains(&a_value) && 3 == a.text.len() =>
            {
                year_first(names::BEFORE_MINGUO + i32::try_from(a_value).ok()?)
            }
            _ if a.text.len() == 4 || self.era.is_some() && c.text.len() <= 2 => {
                year_first(self.full_year(a.text)?)
            }
            ('.' | DOT_AND_BLANK, _) if !self.is_east_asian || 2 < c.text.len() => day_first(),
            // `31/12/2021` can only be day first. `12/11/2021` is read in American order, as feedparser does.
            ('/' | '-' | '.' | DOT_AND_BLANK, _) if 12 < a_value => {
                let short = a.text.len() == 2 && c.text.len() <= 2;
                let other = self.full_year(a.text).filter(|_| short).and_then(year_first);
                later_of(day_first(), other)
            }
            ('/' | '-', _) if day(year_last()?, 1, 1)?.year() != year_last()? => day_first(),
            ('/' | '-', _) => {
                let american = day(year_last()?, a_value, b_value);
                let fits = |day: &NaiveDate| self.has_weekday_of(*day);
                // `jeudi 01/08/2024` was a Thursday in August.
                let day_first = day_first().filter(fits);
                if american.as_ref().is_some_and(fits) { american } else { day_first.or(american) }
            }
            _ => None,
        }
    }

    /// The day and the year stand in either order. The year is the longer number, else the later one.
    fn day_and_year(&self, numbers: &[Number<'_>]) -> Option<(u32, i32)> {
        let [a, b, ..] = numbers else { return None };
        // `20-22 August 2024`
        if let [_, _, c, ..] = numbers
            && [a, b].iter().all(|n| n.text.len() <= 2)
            && let Some(year) = self.full_year(c.text).filter(|year| is_year(c, *year))
        {
            return Some((a.value()?, year));
        }
        let year_first = 2 < a.text.len() || matches!(a.after, '年' | '년') || self.era.is_some();
        let (of_month, year) = if year_first { (b, a) } else { (a, b) };
        Some((of_month.value()?, self.full_year(year.text)?))
    }

    fn date_with_month(&self) -> Option<NaiveDate> {
        let (of_month, year) = self.day_and_year(&self.numbers)?;
        // A word that is no name of a weekday is the month; else the last one, because the weekday is first.
        let certain = |meaning: &&Meaning| meaning.weekdays == 0;
        let named = |of: fn(&Meaning) -> u16| {
            let mut found = self.months.iter().filter(|meaning| of(meaning) != 0);
            found.clone().find(certain).or_else(|| found.next_back()).map(of)
        };
        if (1300..=1500).contains(&year) {
            let in_persian =
                named(|m| m.persian).and_then(|set| persian(year, first(set), of_month));
            return in_persian
                .or_else(|| islamic(year, first(named(|m| m.islamic)?), of_month))
                .or_else(|| day(year, first(named(|m| m.months)?), of_month));
        }
        let months = named(|m| m.months)?;
        let days: Vec<NaiveDate> = (1..=12)
            .filter(|month| months & (1 << (month - 1)) != 0)
            .filter_map(|month| day(year, month, of_month))
            .collect();
        let fits = |day: &&NaiveDate| self.has_weekday_of(**day);
        // Of two months, Polish, Czech and Ukrainian have the later one, Croatian the earlier one. French `jui` may be
        // either.
        let other = days.last().filter(|_| self.cut_months == 0 || days.len() == 1);
        days.iter().find(fits).or(other).copied()
    }

    /// Whether the weekday of a day was named.
    fn has_weekday_of(&self, day: NaiveDate) -> bool {
        self.weekdays & (1 << day.weekday().num_days_from_monday()) != 0
    }

    /// Two digits up to 68 are in this century (POSIX), higher ones in the last; in Thailand they count from 2500.
    fn full_year(&self, text: &str) -> Option<i32> {
        let year: i32 = text.parse().ok()?;
        if let Some(before) = self.era.filter(|_| text.len() <= 3) {
            return Some(before + year);
        }
        match text.len() {
            4 => Some(year),
            2 if self.is_thai && 50 <= year => Some(2500 + year),
            2 => Some(if year < 69 { 2000 + year } else { 1900 + year }),
            // Years since 1900, as in the `tm_year` of C.
            3 if 100 <= year => Some(1900 + year),
            _ => None,
        }
    }
}

/// Whether a number after two others can only be the year.
fn is_year(number: &Number<'_>, year: i32) -> bool {
    number.text.len() == 4
        && ((1970..2100).contains(&year)
            || [BUDDHIST, PERSIAN, ISLAMIC].iter().any(|years| years.contains(&year)))
}

/// Of the two readings of `24-08-01`, the later one that is not ahead of this program: feeds have recent dates.
fn later_of(a: Option<NaiveDate>, b: Option<NaiveDate>) -> Option<NaiveDate> {
    /// The year in which this rule was written. A later year of two digits may be a day.
    const WRITTEN: i32 = 2026;
    let (Some(first), Some(second)) = (a, b) else { return a.or(b) };
    let ahead = |day: NaiveDate| WRITTEN < day.year();
    match (ahead(first), ahead(second)) {
        (false, true) => a,
        (true, false) => b,
        (_, _) => Some(first.max(second)),
    }
}

/// The first month of a set.
fn first(months: u16) -> u32 {
    months.trailing_zeros() + 1
}

/// Numbers as a time of day, if they can be one.
fn dotted(numbers: &[Number<'_>]) -> Option<Clock> {
    let two = |number: &Number<'_>| number.value().filter(|n| number.text.len() == 2 && *n < 60);
    let hour = |number: &Number<'_>| number.value().filter(|n| number.text.len() <= 2 && *n <= 24);
    match numbers {
        [one] if one.text.len() == 4 => {
            let value = one.value()?;
            let (hour, minute) = (value / 100, value % 100);
            (hour < 24 && minute < 60).then_some(Clock { hour, minute, second: 0 })
        }
        [a, b] if a.after == '.' && b.after == ' ' => {
            Some(Clock { hour: hour(a)?, minute: two(b)?, second: 0 })
        }
        [a, b, c] if a.after == b.after && ".-".contains(a.after) && c.after == ' ' => {
            Some(Clock { hour: hour(a)?, minute: two(b)?, second: two(c)? })
        }
        _ => None,
    }
}

/// Splits off the word that a text begins with. Marks (vowels of Indic scripts, Hebrew points) and the dots and
/// apostrophes of abbreviations belong to it.
fn word(text: &str) -> (&str, &str) {
    let is_part = |c: char| {
        c.is_alphabetic()
            || matches!(c, '.' | '\'' | '’' | 'ʼ' | '׳' | '״' | '\u{200c}' | '\u{200d}')
            || !c.is_ascii() && is_mark(c)
    };
    let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// The zone of the tz database that a text begins with, and the text after it. The names of places are also written with
/// blanks: `America/New York`.
fn zone_of_place(text: &str) -> Option<(Tz, &str)> {
    /// `America/Port of Spain`
    const MOST_WORDS: usize = 3;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let mut ends = Vec::with_capacity(MOST_WORDS);
    let mut rest = text;
    while ends.len() < MOST_WORDS {
        rest = rest.trim_start_matches(is_part);
        ends.push(text.len() - rest.len());
        match rest.strip_prefix(' ') {
            Some(next) if next.starts_with(|c: char| c.is_ascii_alphabetic()) => rest = next,
            _ => break,
        }
    }
    ends.into_iter().rev().find_map(|end| {
        let (name, rest) = text.split_at_checked(end)?;
        Some((names::named_zone(name)?, rest))
    })
}

/// `CEST` of `Central European Summer Time`.
fn initials(name: &str) -> String {
    let words = name.split_whitespace();
    if name.ends_with(" Time") {
        words.filter_map(|word| word.chars().next()).collect()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests;

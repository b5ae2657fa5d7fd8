//! Reads dates as publishers write them.
//!
//! RFC 3339 and RFC 822 are read by their grammar. Any other date is read word by word: months by name in a
//! dozen languages, zones by name or offset, numbers by their size and place.

use chrono::{Datelike, NaiveDate, NaiveTime};

use crate::domain::time::{TimeDelta, Timestamp, from_unix};
use crate::feed::dates::names::{month, zone};

/// Reads a date. `None` when day, month or year is missing, and for the dates that programs write for "no
/// date": year 1, and everything before 1970.
pub fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() < 4 || 120 < text.len() {
        return None;
    }
    year(text)
        .or_else(|| epoch(text))
        .or_else(|| iso(text))
        .or_else(|| words(text))
        .filter(|at| Timestamp::UNIX_EPOCH < *at && at.year() <= LAST_YEAR)
}

/// A year alone is a date in W3C-DTF.
fn year(text: &str) -> Option<Timestamp> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let year: i32 = text.parse().ok().filter(|_| digits)?;
    (1970..2100).contains(&year).then(|| moment(year, 1, 1, Clock::default(), 0))?
}

/// RFC 3339, the format in which dates are exported, has years of four digits.
const LAST_YEAR: i32 = 9999;

/// Reads seconds or milliseconds since 1970, or a date of 8, 12 or 14 digits in a row.
fn epoch(text: &str) -> Option<Timestamp> {
    let digits = text.split('.').next()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u32>().ok();
    match digits.len() {
        9 | 10 => Some(from_unix(digits.parse().ok()?)),
        13 => Some(from_unix(digits.parse::<i64>().ok()? / 1000)),
        8 | 12 | 14 => {
            let clock = Clock {
                hour: part(8..10).unwrap_or(0),
                minute: part(10..12).unwrap_or(0),
                second: part(12..14).unwrap_or(0),
            };
            moment(i32::try_from(part(0..4)?).ok()?, part(4..6)?, part(6..8)?, clock, 0)
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

/// 24:00 is 0:00 of the next day (ISO 8601), and a leap second is the first second of the next minute.
fn moment(year: i32, month: u32, day: u32, clock: Clock, offset: i64) -> Option<Timestamp> {
    let date = NaiveDate::from_ymd_opt(year, month, day)?;
    at(date, clock, offset)
}

fn at(date: NaiveDate, clock: Clock, offset: i64) -> Option<Timestamp> {
    if 24 < clock.hour || 59 < clock.minute || 60 < clock.second || 24 * 60 < offset.abs() {
        return None;
    }
    let midnight = date.and_time(NaiveTime::MIN).and_utc().timestamp();
    let seconds = i64::from(clock.hour * 3600 + clock.minute * 60 + clock.second);
    from_unix(midnight).checked_add_signed(TimeDelta::seconds(seconds - offset * 60))
}

/// Reads ISO 8601: calendar, week and ordinal dates, basic and extended, and texts that only begin with one.
fn iso(text: &str) -> Option<Timestamp> {
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
                (NaiveDate::from_ymd_opt(year, first.parse().ok()?, day.parse().ok()?)?, after)
            } else if first.len() == 3 {
                (NaiveDate::from_yo_opt(year, first.parse().ok()?)?, after)
            } else if first.len() == 2 && after.is_empty() {
                // A month means its first day, as in feedparser and in the W3C-DTF of Atom 0.3.
                (NaiveDate::from_ymd_opt(year, first.parse().ok()?, 1)?, after)
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
                (NaiveDate::from_ymd_opt(year, month.parse().ok()?, day.parse().ok()?)?, after)
            }
            3 => (NaiveDate::from_yo_opt(year, basic.parse().ok()?)?, after),
            _ => return None,
        }
    };
    let (clock, offset) = rest_of_day(rest)?;
    at(date, clock, offset)
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

/// Reads the time and zone after a date: `T10:00:00.5+02:00`, ` 10:00 AM CEST`, `T1000Z`, or nothing.
fn rest_of_day(text: &str) -> Option<(Clock, i64)> {
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
    Some((parts.clock()?, parts.offset.unwrap_or(0)))
}

/// Reads any other date, word by word.
fn words(text: &str) -> Option<Timestamp> {
    let mut parts = Parts::default();
    parts.read(text);
    let clock = parts.clock()?;
    let (year, month, day) = parts.date()?;
    moment(year, month, day, clock, parts.offset.unwrap_or(0))
}

/// The parts of a date that were found in its words.
#[derive(Default)]
struct Parts<'a> {
    month: Option<u32>,
    clock: Option<Clock>,
    /// AM or PM of the twelve-hour clock.
    afternoon: Option<bool>,
    /// Minutes east of Greenwich.
    offset: Option<i64>,
    /// Other numbers as written, and whether they are separated by `.` (day first) or `/` (American order).
    numbers: Vec<(&'a str, char)>,
}

impl<'a> Parts<'a> {
    fn read(&mut self, text: &'a str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if c == '(' {
                // A comment (RFC 5322, 3.2.2). It is the name of the zone if there is none yet.
                let (comment, after) = rest
                    .get(1..)
                    .unwrap_or_default()
                    .split_once(')')
                    .unwrap_or((rest.get(1..).unwrap_or_default(), ""));
                self.offset = self.offset.or_else(|| zone(comment.trim()));
                rest = after;
            } else if c.is_ascii_digit() {
                rest = self.number(rest);
            } else if matches!(c, '+' | '-' | '\u{2212}') && self.clock.is_some() {
                rest = self.sign(rest);
            } else if c.is_alphabetic() {
                let end = rest
                    .find(|c: char| !(c.is_alphabetic() || c == '.' || c == '\u{301}'))
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                self.word(word);
                rest = after;
            } else {
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }

    fn word(&mut self, word: &str) {
        let bare = word.trim_matches('.');
        let lower = bare.to_lowercase().replace('.', "");
        match lower.as_str() {
            "am" | "上午" | "午前" | "오전" => self.afternoon = Some(false),
            "pm" | "下午" | "午後" | "오후" => self.afternoon = Some(true),
            _ => {
                if let Some(month) = month(&lower).filter(|_| self.month.is_none()) {
                    self.month = Some(month);
                } else if self.clock.is_some() && self.offset.is_none() {
                    self.offset = zone(bare);
                } else if self.clock.is_none() && lower.starts_with(['上', '下', '午']) {
                    self.afternoon = Some(lower.starts_with('下'));
                }
            }
        }
    }

    /// `+0200`, `-05:30`, `+2`, `+02`.
    fn sign(&mut self, text: &'a str) -> &'a str {
        let east = text.starts_with('+');
        let rest = text.trim_start_matches(['+', '-', '\u{2212}']);
        let Some((hours, rest)) = digits(rest) else { return rest };
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

    fn number(&mut self, text: &'a str) -> &'a str {
        let Some((found, rest)) = digits(text) else { return text };
        let next = rest.chars().next();
        let after = |n: usize| rest.get(n..).unwrap_or_default();
        let is_time = self.clock.is_none() && found.len() <= 2;
        match next {
            Some(':') if is_time => self.time(found, after(1)),
            // French: `18h30`; Chinese: `12时30分`.
            Some(c @ ('h' | '时' | '時' | '點' | '点' | '시')) if is_time => {
                self.time(found, after(c.len_utf8()).trim_start())
            }
            Some(c @ ('年' | '月' | '日' | '년' | '월' | '일')) => {
                self.numbers.push((found, c));
                after(c.len_utf8())
            }
            Some(c @ ('.' | '/' | '-')) if after(1).starts_with(|c: char| c.is_ascii_digit()) => {
                self.numbers.push((found, c));
                after(1)
            }
            _ => {
                self.numbers.push((found, ' '));
                rest
            }
        }
    }

    fn time(&mut self, hour: &str, rest: &'a str) -> &'a str {
        let Some((minute, mut rest)) = digits(rest) else {
            self.clock = hour.parse().ok().map(|hour| Clock { hour, ..Clock::default() });
            return rest;
        };
        rest = rest.trim_start_matches(['分', '분']);
        let mut second = "0";
        if let Some((found, after)) = rest.strip_prefix(':').and_then(digits) {
            (second, rest) = (found, after);
        } else if let Some((found, after)) = digits(rest)
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

    /// The time, or midnight if there is none.
    fn clock(&self) -> Option<Clock> {
        let mut clock = self.clock.unwrap_or_default();
        match self.afternoon {
            Some(true) if clock.hour < 12 => clock.hour += 12,
            Some(false) if clock.hour == 12 => clock.hour = 0,
            Some(_) | None => {}
        }
        (clock.hour <= 24).then_some(clock)
    }

    fn date(&self) -> Option<(i32, u32, u32)> {
        let value = |text: &str| text.parse::<u32>().ok();
        let numbers: Vec<(&str, char)> = self.numbers.iter().copied().take(4).collect();
        if let Some(month) = self.month {
            // The day and the year in either order. The year is the longer number, else the later one.
            let [(a, _), (b, _), ..] = numbers.as_slice() else { return None };
            let (day, year) = if 2 < a.len() { (b, a) } else { (a, b) };
            return Some((full_year(year)?, month, value(day)?));
        }
        let [(a, first), (b, second), (c, _), ..] = numbers.as_slice() else { return None };
        let (a_value, b_value) = (value(a)?, value(b)?);
        match (first, second) {
            ('年' | '년', _) => Some((full_year(a)?, b_value, value(c)?)),
            _ if a.len() == 4 => Some((full_year(a)?, b_value, value(c)?)),
            ('.', _) => Some((full_year(c)?, b_value, a_value)),
            // `31/12/2021` can only be day first. `12/11/2021` is read in American order, as feedparser does.
            ('/' | '-', _) if 12 < a_value => Some((full_year(c)?, b_value, a_value)),
            ('/' | '-', _) => Some((full_year(c)?, a_value, b_value)),
            _ => None,
        }
    }
}

/// Two digits up to 68 are in this century (POSIX), higher ones in the last.
fn full_year(text: &str) -> Option<i32> {
    let year: i32 = text.parse().ok()?;
    match text.len() {
        4 => Some(year),
        2 => Some(if year < 69 { 2000 + year } else { 1900 + year }),
        // Years since 1900, as in the `tm_year` of C.
        3 if 100 <= year => Some(1900 + year),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

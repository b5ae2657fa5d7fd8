//! Repairs JSON that a parser refuses: raw line breaks and control characters in texts, unescaped quotation marks,
//! commas too many or too few, comments, single quotes, keys without quotes, `NaN`, repeated keys.

use memchr::memchr;
use serde_json::{Deserializer, Value};

use crate::feed::parse::cut_json::complete_elements;

/// A damaged document as it was read.
pub(in crate::feed) struct RepairedJson {
    pub(in crate::feed) value: Value,
    /// Whether the document breaks off, or could be read up to some place only.
    pub(in crate::feed) cut: bool,
    /// Escaped surrogates without partner, which were replaced.
    pub(in crate::feed) surrogates: u32,
}

/// Reads a document that is no JSON. Of a document that cannot be repaired, the elements at `depth` are read that are
/// complete. Of a repeated key the last value counts, as in JavaScript.
pub(in crate::feed) fn read_damaged(text: &str, depth: usize) -> Option<RepairedJson> {
    if !text.trim_start_matches(is_space).starts_with(['{', '[']) {
        return None;
    }
    let mut repairer =
        Repairer { rest: text, out: String::with_capacity(text.len()), ..Repairer::default() };
    repairer.run();
    let Repairer { out, surrogates, .. } = repairer;
    let first = |text: &str| Deserializer::from_str(text).into_iter::<Value>().next();
    match first(&out)? {
        Ok(value) => Some(RepairedJson { value, cut: false, surrogates }),
        Err(error) => {
            // The repaired text has one line.
            let end = if error.is_eof() { out.len() } else { error.column().saturating_sub(1) };
            let whole = out.get(..out.floor_char_boundary(end.min(out.len())))?;
            let value = first(&complete_elements(whole, depth)?)?.ok()?;
            Some(RepairedJson { value, cut: true, surrogates })
        }
    }
}

#[derive(Default)]
struct Repairer<'a> {
    rest: &'a str,
    out: String,
    /// Whether each open bracket is that of an object.
    open: Vec<bool>,
    /// A comma that is written when something follows.
    comma: bool,
    /// Whether what was written last ends a value.
    after_value: bool,
    surrogates: u32,
}

impl<'a> Repairer<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.floor_char_boundary(length));
        self.rest = rest;
        taken
    }

    fn run(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '"' | '\'' => {
                    self.separate();
                    self.take(1);
                    self.text(c);
                    self.after_value = true;
                }
                '{' | '[' => {
                    self.separate();
                    self.out.push(c);
                    self.open.push(c == '{');
                    self.after_value = false;
                    self.take(1);
                }
                '}' | ']' => {
                    self.comma = false;
                    self.out.push(c);
                    self.open.pop();
                    self.after_value = true;
                    self.take(1);
                    if self.open.is_empty() {
                        return; // Nothing of what follows belongs to it.
                    }
                }
                ',' => {
                    self.comma = self.after_value;
                    self.take(1);
                }
                ':' => {
                    self.out.push(':');
                    (self.comma, self.after_value) = (false, false);
                    self.take(1);
                }
                '/' => self.comment(),
                c if is_space(c) => {
                    self.take(c.len_utf8());
                }
                _ => self.word(),
            }
        }
    }

    /// Writes the comma before a value or key, also one that is missing.
    fn separate(&mut self) {
        if self.comma || self.after_value {
            self.out.push(',');
        }
        self.comma = false;
    }

    fn comment(&mut self) {
        let bytes = self.rest.as_bytes();
        let length = if self.rest.starts_with("//") {
            memchr(b'\n', bytes).unwrap_or(bytes.len())
        } else if self.rest.starts_with("/*") {
            memchr::memmem::find(bytes, b"*/").map_or(bytes.len(), |end| end + 2)
        } else {
            1
        };
        self.take(length);
    }

    /// A key without quotes, or a value that is no text.
    fn word(&mut self) {
        let ends = |c: char| {
            is_space(c) || matches!(c, ',' | ':' | '{' | '}' | '[' | ']' | '"' | '\'' | '/')
        };
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let word = self.take(length);
        let is_key = self.open.last() == Some(&true)
            && self.rest.trim_start_matches(is_space).starts_with(':')
            && !self.out.ends_with(':');
        self.separate();
        self.after_value = true;
        match word {
            _ if is_key => self.quoted(word),
            "true" | "false" | "null" => self.out.push_str(word),
            "True" | "TRUE" => self.out.push_str("true"),
            "False" | "FALSE" => self.out.push_str("false"),
            "NaN" | "nan" | "Infinity" | "-Infinity" | "undefined" | "None" | "NULL" | "Null" => {
                self.out.push_str("null");
            }
            _ if serde_json::from_str::<serde_json::Number>(word).is_ok() => {
                self.out.push_str(word);
            }
            _ => self.quoted(word),
        }
    }

    fn quoted(&mut self, word: &str) {
        self.out.push('"');
        word.chars().for_each(|c| push(&mut self.out, c));
        self.out.push('"');
    }

    /// A text after its opening quotation mark.
    fn text(&mut self, quote: char) {
        self.out.push('"');
        while let Some(c) = self.rest.chars().next() {
            if c == '\\' {
                self.escape();
                continue;
            }
            self.take(c.len_utf8());
            if c == quote && self.ends_a_text() {
                self.out.push('"');
                return;
            }
            push(&mut self.out, c);
        }
    }

    /// Whether the quotation mark before the rest ends its text. Otherwise it is a part of the text that was not
    /// escaped.
    fn ends_a_text(&self) -> bool {
        let rest = self.rest.trim_start_matches(is_space);
        let breaks =
            self.rest.get(..self.rest.len() - rest.len()).is_some_and(|space| space.contains('\n'));
        rest.is_empty()
            || rest.starts_with([',', ':', '}', ']'])
            || rest.starts_with("//")
            || rest.starts_with("/*")
            || breaks && rest.starts_with(['"', '\'', '{', '['])
    }

    /// An escape sequence. A backslash that begins none is left out.
    fn escape(&mut self) {
        let second = self.rest.chars().nth(1);
        match second {
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => {
                let escape = self.take(2);
                self.out.push_str(escape);
            }
            Some('u') if let Some(unit) = unit(self.rest) => {
                let partner = || self.rest.get(6..).and_then(self::unit);
                let length = match unit {
                    0xD800..0xDC00 if matches!(partner(), Some(0xDC00..0xE000)) => 12,
                    0xD800..0xE000 => {
                        self.surrogates += 1;
                        self.out.push('\u{FFFD}');
                        self.take(6);
                        return;
                    }
                    _ => 6,
                };
                let escape = self.take(length);
                self.out.push_str(escape);
            }
            _ => {
                self.take(1);
                // The character after it is an ordinary one, also if it is a quotation mark.
                if let Some(c @ '\'') = second {
                    self.take(1);
                    push(&mut self.out, c);
                }
            }
        }
    }
}

/// The code unit of the `\uXXXX` at the beginning of a text.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(digits, 16).ok())?
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{feff}'
}

/// Writes a character of a text.
fn push(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c < ' ' => {} // It means nothing in a text.
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        read_damaged(text, 2).map_or("-".to_owned(), |repaired| {
            format!("{}{}", repaired.value, if repaired.cut { " cut" } else { "" })
        })
    }

    #[test]
    fn damage_is_repaired() {
        for (name, text, expected) in [
            ("a comma at the end of a list", r#"{"a":[1,2,],}"#, r#"{"a":[1,2]}"#),
            ("commas in a row", r#"{"a":[,1,,2],,"b":3}"#, r#"{"a":[1,2],"b":3}"#),
            ("a comma missing", "{\"a\":1\n\"b\":[{}{}]}", r#"{"a":1,"b":[{},{}]}"#),
            ("a comma missing after a text", "{\"a\":\"x\"\n\"b\":2}", r#"{"a":"x","b":2}"#),
            ("line breaks in a text", "{\"a\":\"x\ny\r\n\tz\"}", r#"{"a":"x\ny\r\n\tz"}"#),
            ("control characters", "{\"a\":\"x\u{1}y\u{0}\"\u{2}}", r#"{"a":"xy"}"#),
            ("comments", "{//\"a\":1\n\"b\":/*,*/2}//x", r#"{"b":2}"#),
            ("an address is no comment", "{\"a\":\"http://x//y\",}", r#"{"a":"http://x//y"}"#),
            ("a comment after a text", "{\"a\":\"x\" // \"y\"\n,}", r#"{"a":"x"}"#),
            (
                "no numbers",
                "{\"a\":NaN,\"b\":-Infinity,\"c\":undefined,\"d\":None}",
                r#"{"a":null,"b":null,"c":null,"d":null}"#,
            ),
            ("Python", "{'a': True, 'b': 'it\\'s \"x\"'}", r#"{"a":true,"b":"it's \"x\""}"#),
            ("keys without quotes", "{a:1,b-c : \"x\"}", r#"{"a":1,"b-c":"x"}"#),
            ("repeated keys", r#"{"a":1,"a":2,}"#, r#"{"a":2}"#),
            (
                "quotes in a text",
                r#"{"a":"he said "no" to it","b":1}"#,
                r#"{"a":"he said \"no\" to it","b":1}"#,
            ),
            (
                "escapes that are none",
                r#"{"a":"\d \x41 \' C:\Users"}"#,
                r#"{"a":"d x41 ' C:Users"}"#,
            ),
            ("surrogates", r#"{"a":"\ud800x\ud83d\ude00\u12"}"#, "{\"a\":\"\u{fffd}x😀u12\"}"),
            (
                "numbers as people write them",
                "{\"a\":.5,\"b\":+1,\"c\":01}",
                r#"{"a":".5","b":"+1","c":"01"}"#,
            ),
            ("a mark", "\u{feff}{\"a\":1,}", r#"{"a":1}"#),
            ("junk after it", "{\"a\":1,};</script>", r#"{"a":1}"#),
            ("cut", "{\"a\":[{\"b\":\"x\ny\",},{\"c\":1", r#"{"a":[{"b":"x\ny"}]} cut"#),
            ("beyond repair", r#"{"a":[{"b":1},{"c":::},{"d":1}]}"#, r#"{"a":[{"b":1}]} cut"#),
            ("nothing", "{", "-"),
        ] {
            assert_eq!(read(text), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_json_stays_what_it_is(text in "[a-z\"\\\\\n\u{1}/é,:{}\\[\\]' ]{0,40}") {
            let value = serde_json::json!({ "a": [{ "b": text.clone() }], "c": -1.5e3, text: null });
            let read = read_damaged(&value.to_string(), 2).map(|repaired| repaired.value);
            prop_assert_eq!(read, Some(value));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a\"\\\\u\n\u{1}/*é,:{}\\[\\]' ]{0,40}|\\PC*") {
            read_damaged(&text, 2);
        }
    }
}

//! Parses the search of a user and translates it into a valid query of the full-text index (SQLite FTS5).

use std::borrow::Cow;

use crate::domain::query::{Search, Term};
use crate::search::words::{fold, pairs, pieces, shortened, umlauts_as_two_letters};

/// The most words and phrases of a search. A longer search is slow and finds nothing.
const TERMS: usize = 32;
/// The most beginnings of words in a search. The index collects every word that begins so.
const PREFIXES: usize = 8;
/// The most characters of a search.
const CHARS: usize = 1_000;

/// Parses words, which must all occur, `"phrases"`, `prefix*` and `-excluded` words. All other text is read as words,
/// including the operators of other search engines.
///
/// # Errors
/// A message for the user when the search has no words, has only exclusions, or is too long.
pub fn parse(text: &str) -> Result<Search, String> {
    if text.chars().nth(CHARS).is_some() {
        return Err(format!("a search has {CHARS} characters at most"));
    }
    let mut search = Search::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (unwanted, after) = match rest.strip_prefix('-') {
            Some(after) => (true, after),
            None => (false, rest),
        };
        let (term, after) = term(after);
        if let Some(term) = term.filter(|term| !tokens(term).0.is_empty()) {
            let list = if unwanted { &mut search.unwanted } else { &mut search.wanted };
            list.push(term);
        }
        rest = after.trim_start();
    }
    let quoted = text.trim().escape_debug();
    let prefixes = search.wanted.iter().chain(&search.unwanted).filter(|term| tokens(term).1);
    if PREFIXES < prefixes.count() {
        return Err(format!(
            "a search has {PREFIXES} beginnings of words (`word*`) and single characters at most"
        ));
    }
    match (search.wanted.len(), search.unwanted.len()) {
        (0, 0) => Err(format!("`{quoted}` has no letter or digit to look for")),
        (0, _) => Err(format!("`{quoted}` only says what is not wanted: add a word to look for")),
        (wanted, unwanted) if TERMS < wanted + unwanted => {
            Err(format!("a search has {TERMS} words and phrases at most"))
        }
        _ => Ok(search),
    }
}

/// The term at the beginning of `text`, and the text after it.
fn term(text: &str) -> (Option<Term>, &str) {
    let quote = |c: char| matches!(c, '"' | '“' | '”' | '„');
    if let Some(phrase) = text.strip_prefix(quote) {
        let end = phrase.find(quote).unwrap_or(phrase.len());
        let (phrase, after) = phrase.split_at(end);
        let after = after.strip_prefix(quote).unwrap_or(after);
        let (prefix, after) = match after.strip_prefix('*') {
            Some(after) => (true, after),
            None => (false, after),
        };
        return (Some(Term { text: phrase.to_owned(), prefix }), after);
    }
    let end = text.find(|c: char| c.is_whitespace() || quote(c)).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let term = Term { text: word.to_owned(), prefix: word.ends_with('*') };
    ((!word.is_empty()).then_some(term), after)
}

/// The tokens of a term as in the index, and whether the last one is a prefix.
pub fn tokens(term: &Term) -> (Vec<String>, bool) {
    let mut tokens = Vec::new();
    let mut prefix = term.prefix;
    let mut pieces = pieces(&term.text).peekable();
    while let Some(piece) = pieces.next() {
        let folded = fold(term.text.get(piece.range).unwrap_or_default());
        let last = pieces.peek().is_none();
        if !piece.paired {
            tokens.push(shortened(&folded).to_owned());
            continue;
        }
        tokens.extend(pairs(&folded).map(str::to_owned));
        let single = folded.chars().nth(1).is_none();
        if !last || single {
            // The last character of a run is a token of its own. All other characters begin a pair.
            tokens.extend(folded.chars().next_back().map(String::from));
        }
        if last {
            prefix = single;
        }
    }
    tokens.retain(|token| !token.is_empty());
    (tokens, prefix)
}

/// The language of a full-text expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Of SQLite (FTS5, section 3 of its documentation).
    Fts5,
    /// Of PostgreSQL (section 8.11 of its documentation).
    Tsquery,
}

impl Language {
    /// The operators for "and", "or" and "and not".
    fn operators(self) -> [&'static str; 3] {
        match self {
            Self::Fts5 => [" AND ", " OR ", " NOT "],
            Self::Tsquery => [" & ", " | ", " & !"],
        }
    }

    /// Tokens that follow each other. With `prefix`, the last one is the beginning of a token.
    fn phrase(self, tokens: &[String], prefix: bool) -> String {
        match self {
            Self::Fts5 => {
                let prefix = if prefix { " *" } else { "" };
                format!("\"{}\"{prefix}", tokens.join(" "))
            }
            Self::Tsquery => {
                let prefix = if prefix { ":*" } else { "" };
                format!("'{}'{prefix}", tokens.join("' <-> '"))
            }
        }
    }
}

/// The search as an expression; `None` if no word is wanted. All tokens are quoted and contain only letters, digits and
/// marks, so the expression is always valid.
pub fn expression(search: &Search, language: Language) -> Option<String> {
    let [and, or, not] = language.operators();
    let phrases = |terms: &[Term], between: &str| -> String {
        let phrases = terms.iter().filter_map(|term| phrase(term, language));
        phrases.collect::<Vec<_>>().join(between)
    };
    let wanted = phrases(&search.wanted, and);
    let unwanted = phrases(&search.unwanted, or);
    match (wanted.is_empty(), unwanted.is_empty()) {
        (true, _) => None,
        (false, true) => Some(wanted),
        (false, false) => Some(format!("({wanted}){not}({unwanted})")),
    }
}

/// The phrase of a term, with its other spellings.
fn phrase(term: &Term, language: Language) -> Option<String> {
    let mut phrases: Vec<String> = Vec::new();
    for text in spellings(&term.text) {
        let (tokens, prefix) = tokens(&Term { text: text.into_owned(), prefix: term.prefix });
        if tokens.is_empty() {
            continue;
        }
        let phrase = language.phrase(&tokens, prefix);
        if !phrases.contains(&phrase) {
            phrases.push(phrase);
        }
    }
    match phrases.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("({})", several.join(language.operators()[1]))),
    }
}

/// A text as it is typed, and as others write it: `Köln` is also written `Koeln`. (`Koln` is the same word anyway, see
/// [`fold`].)
///
/// The index has both forms of a word, but only one of them within its sentence. So a phrase with `Koeln` is also looked
/// for with `Koln`. A single word is not, because `poet` would find `pot`.
fn spellings(text: &str) -> Vec<Cow<'_, str>> {
    const PAIRS: [(&str, &str); 4] = [("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a")];
    let mut spellings = vec![Cow::Borrowed(text)];
    spellings.extend(umlauts_as_two_letters(text).map(Cow::Owned));
    if 1 < pieces(text).count() {
        let typed = text.to_lowercase();
        let plain = PAIRS.iter().fold(typed.clone(), |text, (two, one)| text.replace(two, one));
        if plain != typed {
            spellings.push(Cow::Owned(plain));
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_typed_becomes_an_expression() {
        for (text, expected) in [
            ("election", "\"election\""),
            ("Köln", "(\"koln\" OR \"koeln\")"),
            ("Ko\u{308}ln*", "(\"koln\" * OR \"koeln\" *)"),
            ("Koeln -Aerzte", "(\"koeln\") NOT (\"aerzte\")"),
            ("Århus Ærø", "(\"arhus\" OR \"aarhus\") AND (\"aero\" OR \"aeroe\")"),
            ("\"Koelner Dom\"", "(\"koelner dom\" OR \"kolner dom\")"),
            ("poet", "\"poet\""),
            ("\"Größe Bär\"", "(\"grosse bar\" OR \"groesse baer\")"),
            ("Élection  DAY", "\"election\" AND \"day\""),
            ("\"election day\" -sports", "(\"election day\") NOT (\"sports\")"),
            ("“typographic quotes”", "\"typographic quotes\""),
            ("elect*", "\"elect\" *"),
            ("\"new yor\"* -a -\"b c\"", "(\"new yor\" *) NOT (\"a\" OR \"b c\")"),
            ("e-mail don't", "\"e mail\" AND \"don t\""),
            ("never \"closed quote", "\"never\" AND \"closed quote\""),
            ("a\"b\"c", "\"a\" AND \"b\" AND \"c\""),
            ("a AND b OR NOT c", "\"a\" AND \"and\" AND \"b\" AND \"or\" AND \"not\" AND \"c\""),
            (
                "title:x NEAR(a b) ^a {b}",
                "\"title x\" AND \"near a\" AND \"b\" AND \"a\" AND \"b\"",
            ),
            ("C++ &", "\"c\""),
            ("大学", "\"大学\""),
            ("大學", "\"大学\""),
            ("北京大学", "\"北京 京大 大学\""),
            ("水", "\"水\" *"),
            ("手机*", "\"手机\""),
            ("iPhone手机", "\"iphone 手机\""),
            ("手机iPhone", "\"手机 机 iphone\""),
            ("\"水 iPhone\"", "\"水 iphone\""),
            ("ข่าว", "\"ข\u{e48} \u{e48}า าว\""),
        ] {
            let search = parse(text).unwrap();
            assert_eq!(expression(&search, Language::Fts5).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_finds_nothing_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "no letter or digit"),
            (" - \"\" * ", "no letter or digit"),
            ("\u{fe70}", "no letter"), // A vowel sign alone, which makes no difference.
            ("-x -\"y z\"", "only says what is not wanted"),
            (&"a ".repeat(33), "32 words"),
            (&"a* ".repeat(9), "8 beginnings"),
            (&"水 ".repeat(9), "8 beginnings"),
            (&"a".repeat(1_001), "1000 characters"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn an_expression_is_tokens_in_quotes_and_our_operators(text in "[\"*a水 ()^:-]{0,40}|\\PC*") {
            let Ok(search) = parse(&text) else { return Ok(()) };
            let expression = expression(&search, Language::Fts5).unwrap();
            let outside: String = expression.split('"').step_by(2).collect();
            let rest = outside.replace("AND", "").replace("NOT", "").replace("OR", "");
            prop_assert!(rest.chars().all(|c| matches!(c, ' ' | '*' | '(' | ')')), "{expression}");
        }
    }
}

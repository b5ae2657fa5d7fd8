//! The authors of an entry, else those of its feed.

use url::Url;

use crate::domain::article::Person;
use crate::feed::parse::model;
use crate::html::to_text::{Markup, plain};
use crate::html::web_address;

/// Returns each author once, in the first spelling.
pub fn authors(own: &[model::Person], inherited: &[model::Person], base: &Url) -> Vec<Person> {
    let found = people(own, base);
    if found.is_empty() { people(inherited, base) } else { found }
}

fn people(authors: &[model::Person], base: &Url) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for author in authors {
        let Some(person) = person(author, base) else { continue };
        let same = |known: &Person| match (&known.name, &person.name) {
            (Some(a), Some(b)) => a.to_lowercase() == b.to_lowercase(),
            (None, None) => known.email == person.email && known.url == person.url,
            (Some(_), None) => known.email.is_some() && known.email == person.email,
            (None, Some(_)) => false,
        };
        if !people.iter().any(same) {
            people.push(person);
        }
    }
    people
}

fn person(author: &model::Person, base: &Url) -> Option<Person> {
    let name = author.name.as_deref().and_then(|name| plain(name, Markup::Doubtful));
    let email = author.email.as_deref().map(|email| email.trim().trim_start_matches("mailto:"));
    let email = email.filter(|email| is_email(email)).map(ToOwned::to_owned);
    // RSS has `mail (Name)`, `Name <mail>` or only a name in the element for the mail address.
    let (name, email) = match (name, email) {
        (Some(name), None) => split(&name),
        (name, email) => (name.as_deref().and_then(unwrapped), email),
    };
    let url = author.uri.as_deref().and_then(|url| web_address::web(url, base));
    // The stand-in of Blogger and others is nobody's address.
    let email = email.filter(|email| name.is_none() || !is_no_reply(email));
    let person = Person { name, url, email };
    (person != Person::default()).then_some(person)
}

fn split(text: &str) -> (Option<String>, Option<String>) {
    let word = text
        .split(|c: char| c.is_whitespace() || "()（）<>[],;\"“”„".contains(c))
        .find(|word| is_email(word));
    let Some(word) = word else { return (unwrapped(text), None) };
    let name = text.replacen(word, " ", 1).replace("( )", " ").replace("< >", " ");
    (unwrapped(&name), Some(word.trim_start_matches("mailto:").to_owned()))
}

/// Removes the brackets, quotes and commas around a name.
fn unwrapped(name: &str) -> Option<String> {
    let mut name = name.trim();
    for (open, close) in
        [('(', ')'), ('（', '）'), ('<', '>'), ('[', ']'), ('"', '"'), ('“', '”'), ('„', '“')]
    {
        let opened = name.strip_prefix(open);
        let closed = name.strip_suffix(close);
        name = match (opened, closed) {
            (Some(inner), Some(_)) => inner.strip_suffix(close).unwrap_or(inner).trim(),
            // One bracket is left when the other was removed with the mail address.
            (Some(inner), None) if !name.contains(close) => inner.trim(),
            (None, Some(inner)) if !name.contains(open) => inner.trim(),
            (None | Some(_), None | Some(_)) => name,
        };
    }
    let name = name.trim_matches(|c: char| c.is_whitespace() || ",;<>".contains(c));
    (!name.is_empty() && name != "()").then(|| name.to_owned())
}

fn is_no_reply(email: &str) -> bool {
    let user = email.split('@').next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*user.replace(['-', '_', '.'], ""), "noreply" | "donotreply")
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "()<>".contains(c))
            && !host.contains('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(name: &str, email: &str) -> model::Person {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        model::Person { name: some(name), email: some(email), uri: None, role: None }
    }

    #[test]
    fn names_and_mail_addresses_are_told_apart() {
        for (name, email, expected) in [
            ("Ada", "", ("Ada", "")),
            ("Ada", "ada@example.org", ("Ada", "ada@example.org")),
            ("(Ada Lovelace)", "ada@example.org", ("Ada Lovelace", "ada@example.org")),
            ("Ada)", "ada@example.org", ("Ada", "ada@example.org")),
            ("ada@example.org (Ada)", "", ("Ada", "ada@example.org")),
            ("Ada <ada@example.org>", "", ("Ada", "ada@example.org")),
            ("ada@example.org", "", ("", "ada@example.org")),
            ("\"Ada\"", "", ("Ada", "")),
            ("Ada (Editor)", "", ("Ada (Editor)", "")),
            ("<b>Ada</b> &amp; Bob", "", ("Ada & Bob", "")),
            ("Ada (mailto:ada@example.org)", "", ("Ada", "ada@example.org")),
            ("“Ada”", "", ("Ada", "")),
            ("ada@example.org（艾达）", "", ("艾达", "ada@example.org")),
            ("Ada, ada@example.org", "", ("Ada", "ada@example.org")),
            ("noreply@blogger.com (Ada)", "", ("Ada", "")),
            ("no-reply@example.org", "", ("", "no-reply@example.org")),
            ("@ada", "", ("@ada", "")),
            ("", "no mail", ("", "")),
            (" ", "", ("", "")),
        ] {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let expected = Person { name: some(expected.0), email: some(expected.1), url: None };
            let base = Url::parse("https://example.org/").unwrap();
            let found = person(&author(name, email), &base).unwrap_or_default();
            assert_eq!(found, expected, "{name} {email}");
        }
    }

    #[test]
    fn the_feeds_authors_stand_in_and_nobody_is_named_twice() {
        let base = Url::parse("https://example.org/").unwrap();
        let names = |own: &[&str], feed: &[&str]| {
            let list =
                |names: &[&str]| names.iter().map(|name| author(name, "")).collect::<Vec<_>>();
            let people = authors(&list(own), &list(feed), &base);
            people.into_iter().filter_map(|person| person.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["Ada", "ADA", "Bob"], &["Feed"]), ["Ada", "Bob"]);
        assert_eq!(names(&[" "], &["Feed"]), ["Feed"]);
        assert!(names(&[], &[]).is_empty());
    }
}

//! Articles that a publisher writes by one template: the weather of thirty towns, the close of the markets each day, episodes
//! with one description. They share words and whole sentences, but not an event, so that they are in no story.
//!
//! A publisher's later article about an event may repeat sentences too. It is of a series only if the titles or the numbers
//! show it as well.

use crate::matching::across_feeds::Sighted;
use crate::matching::title::TitleLikeness;

/// Two texts of one template share so much of the smaller one.
const SENTENCES: f64 = 0.24;

/// Texts that share more are one description of different things.
const DESCRIPTION: f64 = 0.6;

/// So many numbers tell whether two texts are of one template, which share fewer than this part of them.
const NUMBERS: (usize, f64) = (2, 0.4);

/// Whether an article is one of a series, of which at least one is among `candidates`: articles that share a passage with it.
/// The series is that of its own publisher, or that of another one who has the same template.
pub fn is_one<'a>(article: &Sighted, candidates: impl IntoIterator<Item = &'a Sighted>) -> bool {
    let mut of_others: Vec<i64> = Vec::new();
    for other in candidates.into_iter().filter(|other| other.article != article.article) {
        let is_own = other.feed == article.feed
            || article.publisher.is_some() && article.publisher == other.publisher;
        let Some(kind) = template(article, other) else { continue };
        if is_own || kind == Template::Titled && of_others.contains(&other.feed) {
            return true;
        }
        if kind == Template::Titled {
            of_others.push(other.feed);
        }
    }
    false
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Template {
    /// The titles are those of a series too.
    Titled,
    /// The texts alone show it.
    OfTexts,
}

/// The template of which two articles are, if it is one.
fn template(article: &Sighted, other: &Sighted) -> Option<Template> {
    let (a, b) = (&article.features, &other.features);
    if matches!((&a.link, &b.link), (Some(a), Some(b)) if a.is_same_page(b)) {
        return None; // It is one article.
    }
    let overlap = a.sketch.overlap(&b.sketch);
    if overlap.containment() < SENTENCES {
        return None;
    }
    let (most, share) = NUMBERS;
    let other_numbers = overlap.same_numbers(most).is_some_and(|same| same < share);
    match a.title.likeness(&b.title) {
        TitleLikeness::Series => Some(Template::Titled),
        TitleLikeness::Different | TitleLikeness::Unknown
            if DESCRIPTION <= overlap.resemblance() =>
        {
            Some(Template::OfTexts)
        }
        _ => other_numbers.then_some(Template::OfTexts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::features::{Features, Fields};
    use crate::matching::sketch::Sketch;

    fn sighted(article: i64, feed: i64, publisher: &str, title: &str, text: &str) -> Sighted {
        let url = format!("https://{publisher}/{feed}/article-number-{article}");
        let fields = Fields { url: Some(&url), title: Some(title), ..Fields::default() };
        Sighted {
            article,
            feed,
            publisher: Some(publisher.to_owned()),
            language: None,
            features: Features::new(&fields, Sketch::of(text)),
        }
    }

    fn weather(town: &str, n: u32) -> (String, String) {
        (
            format!("Weather in {town}: {} degrees", 10 + n),
            format!(
                "The weather in {town} will be changeable today. Temperatures rise to {} degrees and fall to {} \
                 degrees overnight. The wind blows from the north. The chance of rain is {} per cent. The sun rises at \
                 7:{} and sets at 16:{}.",
                20 + n,
                10 + n,
                30 + n,
                11 + n,
                21 + n
            ),
        )
    }

    fn market(day: &str, n: u32) -> (String, String) {
        let titles = ["Shares rise on hopes", "A quiet day for traders", "Losses at the close"];
        (
            titles[usize::try_from(n % 3).unwrap()].to_owned(),
            format!(
                "The index closed on {day} at {} points. That is {} points more than on the day before. The euro cost {} \
                 cents. A barrel of oil cost {} dollars and an ounce of gold {} dollars.",
                15_000 + 37 * n,
                100 + 3 * n,
                110 + n,
                70 + n,
                1_900 + n
            ),
        )
    }

    const NOTES: &str = "This is the show about harbours, ships and those who sail them. New episodes each week. Write to us, \
        follow us, and tell your friends if you like what you hear. Music by a band from the old dock.";

    const BACKGROUND: &str = "The harbour was closed on Monday after waves of nine metres had broken over the outer wall, and the \
        boats behind it were taken to the old dock.";

    #[test]
    fn articles_of_one_template_are_a_series_in_whatever_form_it_is() {
        let towns = ["Hull", "Leeds", "Wells", "Ripon", "Bath"];
        let weather: Vec<_> = (1..).zip(towns).map(|(n, town)| weather(town, n)).collect();
        let days = ["Monday", "Tuesday", "Thursday"];
        let market: Vec<_> = (1..).zip(days).map(|(n, day)| market(day, n)).collect();
        let show = ["A wall", "Storms and tides", "Who was the pilot"];
        let show: Vec<_> = show.map(|title| (title.to_owned(), NOTES.to_owned())).into();
        for (name, series) in [("weather", weather), ("market", market), ("show", show)] {
            let all: Vec<Sighted> = (1..)
                .zip(&series)
                .map(|(n, (title, text))| sighted(n, 1, "one.example", title, text))
                .collect();
            for article in &all {
                assert!(is_one(article, &all), "{name}: {:?}", article.features.title);
                let again = Sighted { feed: 2, ..article.clone() };
                let others = all.iter().filter(|other| other.article != article.article);
                assert!(is_one(&again, others), "{name}, in another feed of the publisher");
            }
        }
    }

    #[test]
    fn a_template_of_two_publishers_needs_two_articles_of_one_of_them() {
        let of = |n, feed, host, town| {
            let (title, text) = weather(town, u32::try_from(n).unwrap());
            sighted(n, feed, host, &title, &text)
        };
        let all = [of(1, 1, "one.example", "Hull"), of(2, 1, "one.example", "Leeds")];
        let article = of(3, 2, "two.example", "Bath");
        assert!(is_one(&article, &all) && !is_one(&article, &all[..1]));
        let elsewhere = of(2, 3, "three.example", "Leeds");
        assert!(!is_one(&article, [&all[0], &elsewhere]));
    }

    #[test]
    fn articles_about_one_event_are_no_series() {
        let first = format!(
            "{BACKGROUND} Nobody was hurt, said the harbour master, who had ordered the work to end."
        );
        let more = "Ships may enter again since Tuesday noon, and the first ferry left in the evening with half of its \
            passengers. The wall will be repaired in spring, for which the council has to find the money first. Divers \
            look for stones that the sea has carried into the channel, and the pilots ask for patience until they are done.";
        for (name, title, text) in [
            ("a text of its own", "Harbour opens after storm", more.to_owned()),
            ("the background repeated", "Council looks for money", format!("{more} {BACKGROUND}")),
            ("an edited headline", "Harbour closed after high waves broke in", first.clone()),
        ] {
            let earlier = sighted(1, 1, "one.example", "Harbour closed after high waves", &first);
            let later = sighted(2, 1, "one.example", title, &text);
            assert!(!is_one(&later, [&earlier]), "{name}");
        }
    }
}

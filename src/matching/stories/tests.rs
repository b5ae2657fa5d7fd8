use proptest::prelude::*;

use super::*;

const START: i64 = 1_790_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// An article without text, as a test writes it.
#[derive(Clone, Copy, Debug)]
struct Case {
    article: i64,
    at: i64,
    seen_at: i64,
    language: Option<&'static str>,
    title: &'static str,
}

const fn case(article: i64, title: &'static str) -> Case {
    let at = START + article * HOUR;
    Case { article, at, seen_at: at, language: Some("en"), title }
}

fn join(stories: &mut Stories, case: &Case) -> Membership {
    let Case { article, at, seen_at, language, title } = *case;
    stories.join(&Entry { article, at, seen_at, language, terms: &Terms::of(title, "") })
}

/// Two events in noise.
const TITLES: [&str; 12] = [
    "Harbour of Bremen closed after nine metre waves",
    "A library that lends tools opens in Leipzig",
    "How to bake bread without a scale",
    "Waves close the harbour of Bremen, boats taken upriver",
    "Leipzig gets its first library for tools",
    "The best pencils for left-handed people",
    "Bremen harbour stays closed as waves break over wall",
    "Review: a quiet film about two brothers",
    "Tool library in Leipzig looks for helpers",
    "Why trees lose their leaves in autumn",
    "After the waves: harbour in Bremen opens again",
    "An old bridge is measured by drones",
];

fn run(stories: &mut Stories, titles: &[&'static str]) -> Vec<Membership> {
    titles.iter().zip(1..).map(|(title, n)| join(stories, &case(n, title))).collect()
}

fn numbers(memberships: &[Membership]) -> Vec<i64> {
    memberships.iter().map(|membership| membership.story).collect()
}

#[test]
fn articles_about_one_event_are_one_story_from_the_first_day_on() {
    let found = run(&mut Stories::default(), &TITLES);
    assert_eq!(numbers(&found), [1, 2, 3, 1, 2, 6, 1, 8, 2, 10, 1, 12]);
    let fourth = &found[3];
    assert_eq!(fourth.reason, Reason::Similar);
    assert!(0.25 < fourth.score && fourth.score < 1.0, "{}", fourth.score);
    let mut shared = fourth.shared.clone();
    shared.sort();
    assert!(shared.starts_with(&["Bremen".into(), "Waves".into()]), "{shared:?}");
    assert!(shared.len() <= EXPLAINED);
    assert_eq!((found[0].reason, found[0].score), (Reason::First, 0.0));
}

#[test]
fn function_words_alone_make_no_story() {
    let titles = [
        "What we know about this and what it will be for us",
        "And this is what we will not be for you",
        "This is it, and that is what it was about",
        "Was das für uns und für die anderen wird",
    ];
    assert_eq!(numbers(&run(&mut Stories::default(), &titles)), [1, 2, 3, 4]);
}

#[test]
fn a_story_closes_when_its_window_is_over() {
    for (name, later, expected) in
        [("within three days", 2 * DAY, 1), ("after three days", 4 * DAY, 2)]
    {
        let mut stories = Stories::default();
        join(&mut stories, &case(1, TITLES[0]));
        let at = START + HOUR + later;
        let second = Case { at, seen_at: at, ..case(2, TITLES[3]) };
        assert_eq!(join(&mut stories, &second).story, expected, "{name}");
        assert_eq!(stories.take_closed(), if expected == 1 { vec![] } else { vec![1] }, "{name}");
    }
}

#[test]
fn each_article_keeps_its_story_open() {
    let mut stories = Stories::default();
    for n in 1..20 {
        let at = START + n * 2 * DAY;
        let one = Case { at, seen_at: at, ..case(n, TITLES[if n % 2 == 0 { 0 } else { 3 }]) };
        assert_eq!(join(&mut stories, &one).story, 1, "{n}");
    }
    assert_eq!(stories.take_closed(), Vec::<i64>::new());
    let at = START + 80 * DAY;
    join(&mut stories, &Case { at, seen_at: at, ..case(20, TITLES[1]) });
    assert_eq!(stories.take_closed(), (1..20).collect::<Vec<_>>());
}

#[test]
fn the_archive_of_a_new_feed_joins_no_story_of_today_but_its_own_time() {
    let mut stories = Stories::default();
    let old = |n, title, days| Case { at: START - days * DAY, ..case(n, title) };
    join(&mut stories, &case(1, TITLES[0]));
    assert_eq!(join(&mut stories, &old(2, TITLES[3], 400)).story, 2);
    assert_eq!(join(&mut stories, &old(3, TITLES[6], 399)).story, 2);
    assert_eq!(join(&mut stories, &case(4, TITLES[6])).story, 1);
}

#[test]
fn languages_are_kept_apart() {
    let mut stories = Stories::default();
    join(&mut stories, &case(1, TITLES[0]));
    let other = |n, language| Case { language, ..case(n, TITLES[0]) };
    for (article, language, story) in [
        (2, Some("de"), 2),
        (3, None, 1),
        (4, Some("EN-gb"), 1),
        (5, Some("no"), 5),
        (6, Some("nb-NO"), 5),
        (7, Some("nn"), 5),
    ] {
        assert_eq!(join(&mut stories, &other(article, language)).story, story, "{language:?}");
    }
}

#[test]
fn an_article_that_states_no_language_has_that_of_its_function_words_or_of_its_story() {
    let mut stories = Stories::default();
    join(&mut stories, &case(1, TITLES[0]));
    let unknown = |n, title| Case { language: None, ..case(n, title) };
    for (n, title, language) in [
        (2, "Ein Hafen und die Wellen", "de"),
        (3, "Why the harbour is closed", "en"),
        (4, "Bremen, harbour, waves", "en"),
        (5, "Pencils", "en"),
        (6, "Порт закрыт после шторма", "ru"),
    ] {
        assert_eq!(join(&mut stories, &unknown(n, title)).counted.language, language, "{title}");
    }
    assert_eq!(join(&mut Stories::default(), &unknown(1, "Pencils")).counted.language, "und");
}

#[test]
fn the_earliest_articles_leave_when_there_are_too_many() {
    let mut stories = Stories::with_most(3);
    run(&mut stories, &TITLES[..4]);
    // The first article has left, but its story has a later one.
    assert_eq!(stories.take_closed(), Vec::<i64>::new());
    join(&mut stories, &case(5, TITLES[5]));
    join(&mut stories, &Case { language: Some("de"), ..case(6, TITLES[7]) });
    assert_eq!(stories.take_closed(), [2, 3]);
    join(&mut stories, &case(7, TITLES[9]));
    assert_eq!(stories.take_closed(), [1, 4]);
}

proptest! {
    /// After a restart, all later articles join the stories that they would have joined.
    #[test]
    fn stories_are_the_same_after_a_restart(
        picks in proptest::collection::vec(
            (0..TITLES.len(), 0..20 * HOUR, 0..9 * DAY, 0..3_usize),
            1..60,
        ),
        restart in 0_usize..60,
        most in 5_usize..80,
    ) {
        let mut seen_at = START;
        let cases = picks.iter().zip(1..).map(|((title, gap, age, language), n)| {
            seen_at += gap;
            let language = [Some("en"), Some("de"), None][*language];
            Case { seen_at, at: seen_at - age / 3, language, ..case(n, TITLES[*title]) }
        });
        let cases: Vec<Case> = cases.collect();
        let (before, after) = cases.split_at(restart.min(cases.len()));
        let mut stories = Stories::with_most(most);
        let mut rows: Vec<Stored> = Vec::new();
        for one in before {
            rows.push(join(&mut stories, one).counted);
            let closed = stories.take_closed();
            rows.retain(|row| !closed.contains(&row.article));
        }
        let mut again = Stories::with_most(most);
        for row in &rows {
            again.restore(row);
        }
        prop_assert_eq!(again.take_closed(), Vec::<i64>::new());
        for one in after {
            prop_assert_eq!(join(&mut stories, one), join(&mut again, one));
            let mut closed = (stories.take_closed(), again.take_closed());
            closed.0.sort_unstable();
            closed.1.sort_unstable();
            prop_assert_eq!(closed.0, closed.1);
        }
    }
}

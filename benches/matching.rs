//! The cost of one article for duplicates and stories, in time and memory, with 100,000 articles in the window.
//!
//! `cargo bench --bench matching`. The texts are made of words with the frequencies of a natural language (Zipf), in
//! groups of up to six articles about one event. Reading articles and candidates from the store, and writing what was
//! decided, is not a part of it.

#![expect(clippy::print_stdout, reason = "a program of its own, which reports there")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use gazetted::domain::time::from_unix;
use gazetted::matching::across_feeds::{Sighted, duplicate};
use gazetted::matching::features::{Features, Fields};
use gazetted::matching::sketch::Sketch;
use gazetted::matching::stories::{Entry, Stories, Terms};
use gazetted::matching::window::Window;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Articles that are in the window before the measurement begins.
const WINDOW: usize = 100_000;

/// Articles that are measured.
const MEASURED: usize = 10_000;

/// Different words of the language.
const VOCABULARY: f64 = 200_000.0;

/// The first article's time, in Unix seconds.
const START: i64 = 1_790_000_000;

/// A generator of the same numbers at each run (Marsaglia, "Xorshift RNGs", 2003).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 up to 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }

    /// A word whose rank has Zipf's distribution.
    fn word(&mut self) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
        let rank = VOCABULARY.powf(self.share()) as u64;
        spelled(rank)
    }

    fn text(&mut self, words: usize) -> String {
        (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

/// A word for a number: syllables, so that words differ in their first letters.
fn spelled(mut number: u64) -> String {
    const CONSONANTS: [char; 16] =
        ['b', 'd', 'f', 'g', 'h', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'w', 'z'];
    const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
    let mut word = String::new();
    while 0 < number || word.is_empty() {
        let digit = usize::try_from(number % 80).unwrap_or_default();
        word.extend([CONSONANTS.get(digit % 16), VOWELS.get(digit / 16)].into_iter().flatten());
        number /= 80;
    }
    word
}

struct Article {
    title: String,
    text: String,
}

/// What was measured of one step.
struct Step {
    name: &'static str,
    taken: Vec<Duration>,
}

impl Step {
    fn new(name: &'static str) -> Self {
        Self { name, taken: Vec::with_capacity(MEASURED) }
    }

    /// Runs a step, and measures it when the window is full.
    fn run<T>(&mut self, n: usize, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = black_box(work());
        if WINDOW <= n {
            self.taken.push(began.elapsed());
        }
        result
    }
}

/// Articles, of which some are about one event and share half of their words.
fn articles(count: usize) -> Vec<Article> {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut event = String::new();
    let article = |n: usize| {
        if n.is_multiple_of(6) || numbers.share() < 0.5 {
            event = numbers.text(30);
        }
        let title = numbers.text(4) + " " + event.get(..event.len() / 4).unwrap_or_default();
        let text = format!("{event} {} {}", numbers.text(15), numbers.text(400));
        Article { title, text }
    };
    (0..count).map(article).collect()
}

fn time(n: usize) -> i64 {
    // So that all articles of the window are younger than three days.
    START + i64::try_from(n).unwrap_or_default() * 2
}

/// What is computed of an article for duplicates.
fn sighted(n: usize, article: &Article) -> Sighted {
    let url = format!("https://news{}.example/2026/article-{n}/?utm_source=rss", n % 50);
    let fields = Fields {
        guid: None,
        url: Some(&url),
        title: Some(&article.title),
        published: Some(from_unix(time(n))),
        media: None,
    };
    let features = Features::new(&fields, Sketch::of(&article.text));
    let number = i64::try_from(n).unwrap_or_default();
    Sighted { article: number, feed: number % 50, publisher: None, language: None, features }
}

fn main() {
    println!("{WINDOW} articles in the window, {MEASURED} measured");
    let articles = articles(WINDOW + MEASURED);
    let (mut window, mut stories) = (Window::default(), Stories::default());
    let (mut known, mut of_stories, mut joined) = (Vec::new(), 0, 0);
    let mut steps = [
        Step::new("sketch, address and title"),
        Step::new("look for duplicates"),
        Step::new("terms"),
        Step::new("join a story"),
    ];
    for (n, article) in articles.iter().enumerate() {
        if n == WINDOW {
            println!("duplicates: {} bytes an article in memory", window.bytes() / WINDOW);
            println!("stories: {} bytes an article in memory", of_stories / WINDOW);
        }
        let [features, compare, terms, join] = &mut steps;
        let one = features.run(n, || sighted(n, article));
        compare.run(n, || {
            let ids = window.candidates(&one.features.lookup_across_feeds());
            let places = ids.iter().filter_map(|id| usize::try_from(*id).ok());
            duplicate(&one, places.filter_map(|place| known.get(place)))
        });
        window.insert(one.article, time(n), &one.features.keys_across_feeds());
        let terms = terms.run(n, || Terms::of(&article.title, &article.text));
        let entry = Entry {
            article: one.article,
            at: time(n),
            seen_at: time(n),
            language: Some("en"),
            terms: &terms,
        };
        let before = MEMORY.current_usage();
        let membership = join.run(n, || stories.join(&entry));
        joined += usize::from(membership.story != entry.article);
        drop(membership);
        of_stories = (of_stories + MEMORY.current_usage()).saturating_sub(before);
        known.push(one);
    }
    println!("{joined} of {} articles joined a story", articles.len());
    report(steps);
}

fn report(steps: [Step; 4]) {
    let mut total = vec![Duration::ZERO; MEASURED];
    for Step { name, taken } in steps {
        total.iter_mut().zip(&taken).for_each(|(total, taken)| *total += *taken);
        line(name, taken);
    }
    line("all", total);
}

fn line(name: &str, mut taken: Vec<Duration>) {
    taken.sort_unstable();
    let total: Duration = taken.iter().sum();
    let count = u32::try_from(taken.len()).unwrap_or(1).max(1);
    let at = |share: usize| taken.get(taken.len() * share / 1000).copied().unwrap_or_default();
    let worst = taken.last().copied().unwrap_or_default();
    println!("{name}: mean {:?}, p99 {:?}, worst {worst:?} an article", total / count, at(990));
}

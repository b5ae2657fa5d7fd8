//! Reads one document once, so that an instruction counter can measure it without noise.
//!
//! `cargo bench --bench instructions --no-run`, then
//! `valgrind --tool=callgrind target/release/deps/instructions-… FILE whole` and the same with `bare`
//! (feed-rs alone) or `nothing` (the cost of the process itself). `callgrind_annotate --inclusive=yes` shows
//! the share of `Sanitiser::clean`. With a number after the mode, the document is read that many times, and the
//! speed is printed.

#![expect(clippy::print_stdout, reason = "a program of its own, which reports there")]

use std::hint::black_box;
use std::time::Instant;

use gazetted::domain::poll::Remembered;
use gazetted::feed::document::document;
use url::Url;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, mode, ..] = arguments.as_slice() else {
        println!("usage: instructions FILE whole|bare|nothing [ROUNDS]");
        return;
    };
    if file.starts_with("--") {
        return; // `cargo bench` runs every benchmark with arguments of its own.
    }
    let body = std::fs::read(file).expect("a readable file");
    let rounds: u32 = arguments.get(3).map_or(1, |rounds| rounds.parse().expect("a number"));
    let began = Instant::now();
    let mut entries = 0;
    for _ in 0..rounds {
        entries = match mode.as_str() {
            "whole" => whole(black_box(&body)),
            "bare" => bare(black_box(&body)),
            _ => 0,
        };
    }
    println!("{entries} entries of {} bytes", body.len());
    if 1 < rounds {
        let bytes = f64::from(u32::try_from(body.len()).expect("a document")) * f64::from(rounds);
        println!("{:.1} MB/s", bytes / 1e6 / began.elapsed().as_secs_f64());
    }
}

fn base() -> Url {
    Url::parse("https://example.org/feed").expect("a URL")
}

/// Reads the document from its bytes to sanitised articles.
fn whole(body: &[u8]) -> usize {
    let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
    let known = Remembered::default();
    black_box(document(body, &base(), None, &known, usize::MAX, now).expect("a feed")).entries
}

/// Parses the document with feed-rs alone.
fn bare(body: &[u8]) -> usize {
    let base = base();
    let parser = feed_rs::parser::Builder::new()
        .base_uri(Some(base.as_str()))
        .sanitize_content(false)
        .build();
    black_box(parser.parse(body).expect("a clean feed")).entries.len()
}

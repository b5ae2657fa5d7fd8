//! One document, read once, for an instruction counter: noise-free where times are not.
//!
//! `cargo bench --bench instructions --no-run`, then
//! `valgrind --tool=callgrind target/release/deps/instructions-… FILE whole` and the same with `bare`
//! (feed-rs alone) or `nothing` (what the process costs anyway). `Sanitiser::clean` has a line of its own
//! in `callgrind_annotate --inclusive=yes`.

#![expect(clippy::print_stdout, reason = "a program of its own, which reports there")]

use std::hint::black_box;

use gazetted::domain::poll::Remembered;
use gazetted::rules::document::document;
use url::Url;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, mode, ..] = arguments.as_slice() else {
        println!("usage: instructions FILE whole|bare|nothing");
        return;
    };
    if file.starts_with("--") {
        return; // `cargo bench` runs every benchmark with arguments of its own.
    }
    let body = std::fs::read(file).expect("a readable file");
    let base = Url::parse("https://example.org/feed").expect("a URL");
    match mode.as_str() {
        "whole" => {
            let now = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("a moment");
            let known = Remembered::default();
            let read = document(&body, &base, None, &known, usize::MAX, now).expect("a feed");
            println!("{} entries of {} bytes", black_box(read).entries, body.len());
        }
        "bare" => {
            let parser = feed_rs::parser::Builder::new()
                .base_uri(Some(base.as_str()))
                .sanitize_content(false)
                .build();
            let read = parser.parse(body.as_slice()).expect("a clean feed");
            println!("{} entries of {} bytes", black_box(read).entries.len(), body.len());
        }
        _ => println!("{} bytes", black_box(body).len()),
    }
}

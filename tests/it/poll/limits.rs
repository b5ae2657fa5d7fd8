//! How much of a document is read.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::feeds::{self, item, rss};
use crate::support::program::Home;
use crate::support::server::{Page, Server};

#[test]
fn of_a_long_document_the_newest_entries_are_taken() {
    let server = Server::start();
    let items: Vec<_> = (1..=5).rev().map(item).collect();
    server.put("/f", Page::ok(rss("News", &items)));
    let url = server.url("/f");
    let home = Home::new(&format!("[[feeds]]\nurl = \"{url}\"\nmax_entries = 2\n"));
    assert_eq!(home.poll()["added"], 2);
    assert_eq!(home.each("title"), ["Title 5", "Title 4"]);
    // One more, and not one of the older ones with it.
    server.put("/f", Page::ok(rss("News", &[vec![item(6)], items].concat())));
    assert_eq!(home.poll()["added"], 1);
    assert_eq!(home.each("title"), ["Title 6", "Title 5", "Title 4"]);
}

#[test]
fn a_higher_limit_brings_the_rest() {
    let server = Server::start();
    let items: Vec<_> = (1..=5).rev().map(item).collect();
    let url = server.url("/f");
    let home = Home::new(&format!("[[feeds]]\nurl = \"{url}\"\nmax_entries = 2\n"));
    server.put("/f", Page::ok(rss("News", &items)));
    home.poll();
    home.configure(&format!("[[feeds]]\nurl = \"{url}\"\n"));
    server.put("/f", Page::ok(rss("News, renamed", &items)));
    assert_eq!(home.poll()["added"], 3);
    assert_eq!(home.articles().len(), 5);
}

#[test]
fn a_body_beyond_the_limit_is_refused_packed_or_not() {
    let server = Server::start();
    let small = rss("Small", &[item(1)]);
    let mut large = item(2);
    large.text = "lorem ".repeat(20_000);
    let large = rss("Large", &[large]);
    server.put("/small", Page::ok(small.clone()));
    server.put("/large", Page::ok(large.clone()));
    server.put("/packed", Page::ok(packed(&small)).header("Content-Encoding", "gzip"));
    server.put("/bomb", Page::ok(packed(&large)).header("Content-Encoding", "gzip"));
    assert!(packed(&large).len() < 10_000);
    let mut config = "[fetch]\nmax_body = \"10kB\"\n".to_owned();
    for path in ["/small", "/large", "/packed", "/bomb"] {
        writeln!(config, "[[feeds]]\nurl = \"{}\"", server.url(path)).unwrap();
    }
    let home = Home::new(&config);
    let report = home.poll_with_failures();
    assert_eq!((&report["added"], &report["failed"]), (&2.into(), &2.into()));
    for feed in home.json(&["feeds", "--json"]).as_array().unwrap() {
        let url = feed["url"].as_str().unwrap();
        let too_large = url.ends_with("/large") || url.ends_with("/bomb");
        assert_eq!(feed["outcome"], if too_large { "too_large" } else { "fresh" }, "{url}");
        if too_large {
            assert!(feed["detail"].as_str().unwrap().contains("max_body"), "{feed}");
        }
    }
    assert_eq!(home.each("title"), ["Title 1", "Title 1"]);
}

#[test]
fn a_document_that_takes_too_long_is_given_up_and_the_others_are_read() {
    let server = Server::start();
    let tables = "<table><td>".repeat(200);
    let item = |n: usize| {
        format!("<item><guid>{n}</guid><description><![CDATA[{tables}]]></description></item>")
    };
    let slow = format!("<rss><channel>{}", (0..2_000).map(item).collect::<String>());
    server.put("/slow", Page::ok(packed(&slow)).header("Content-Encoding", "gzip"));
    server.put("/quick", Page::ok(rss("Quick", &[feeds::item(1)])));
    let feeds =
        ["/slow", "/quick"].map(|path| format!("[[feeds]]\nurl = \"{}\"\n", server.url(path)));
    let config =
        format!("[fetch]\nallow_private = true\nread_timeout = \"1s\"\n{}", feeds.concat());
    let home = Home::new(&config);
    let report = home.poll_with_failures();
    assert_eq!((&report["added"], &report["failed"]), (&1.into(), &1.into()));
    for feed in home.json(&["feeds", "--json"]).as_array().unwrap() {
        let is_slow = feed["url"].as_str().unwrap().ends_with("/slow");
        assert_eq!(feed["outcome"], if is_slow { "read_timeout" } else { "fresh" });
        if is_slow {
            assert!(feed["detail"].as_str().unwrap().contains("read_timeout"), "{feed}");
        }
    }
    for args in [vec!["inspect", &server.url("/slow")], vec!["check", "--online"]] {
        let ran = home.run(&args);
        let said = [ran.out, ran.err].concat();
        assert!(said.contains("more than 1 s of computing time"), "{args:?}: {said}");
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

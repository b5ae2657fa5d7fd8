//! A feed that a program prints.

use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::program::Home;

const CONFIG: &str = "[[feeds]]\ncommand = [\"sh\", \"-c\", \". ./print.sh\"]\n";

#[test]
fn a_feed_is_what_a_program_prints_and_its_failures_say_why() {
    let home = Home::new(CONFIG);
    let script = |text: &str| fs::write(home.path("print.sh"), text).unwrap();
    let document = |items: &[u32]| {
        let items: Vec<_> = items.iter().copied().map(item).collect();
        fs::write(home.path("feed.xml"), rss("Printed", &items)).unwrap();
    };
    let outcome = || {
        let ran = home.run(&["poll", "--all", "--json"]);
        let polled: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        polled.to_string()
    };
    script("cat feed.xml");
    document(&[1]);
    assert!(outcome().contains("\"fresh\""));
    assert!(outcome().contains("\"same_body\""));
    document(&[1, 2]);
    assert!(outcome().contains("\"fresh\""));
    assert_eq!(home.articles().len(), 2);
    document(&[1, 2, 3]);
    script("cat feed.xml; echo no key >&2; exit 4");
    let failed = outcome();
    assert!(failed.contains("\"file\"") && failed.contains("exit status: 4: no key"), "{failed}");
    assert_eq!(home.articles().len(), 2);
    script("true");
    let empty = outcome();
    assert!(empty.contains("\"not_a_feed\""), "{empty}");
    assert!(!home.ok(&["feeds", "export"]).contains("command-feed"));
    script("cat feed.xml");
    assert!(outcome().contains("\"fresh\""));
    assert_eq!((home.articles().len(), home.feed()["state"].as_str()), (3, Some("ok")));
}

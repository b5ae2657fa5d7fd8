//! `gazetted inspect`, of compressed files and with `--reference`.

use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::program::Home;

#[test]
fn a_compressed_file_is_read_whatever_its_name() {
    let home = Home::empty();
    let packed = |plain: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    let once =
        packed(b"<rss version='2.0'><channel><item><title>One</title></item></channel></rss>");
    for (name, content) in [("a.xml.gz", &once), ("b.xml", &once), ("c.gz", &packed(&once))] {
        fs::write(home.path(name), content).unwrap();
        let found = home.json(&["inspect", "--json", name]);
        assert_eq!(found["articles"][0]["title"], "One", "{name}: {found}");
    }
}

#[test]
fn inspect_reference_shows_what_feed_rs_reads_and_why_we_differ() {
    let home = Home::empty();
    let rss = |dates: &str| {
        format!(
            "<rss version='2.0'><channel><title>t</title><item><guid>1</guid><title>F\u{c3}\u{bc}nf</title>\
             {dates}</item></channel></rss>"
        )
    };
    fs::write(home.path("a.xml"), rss("<pubDate>1. Juli 2024 10:00</pubDate>")).unwrap();
    let found = home.json(&["inspect", "--reference", "--json", "a.xml"]);
    assert_eq!(found["feed_rs"]["entries"], 1);
    assert_eq!(found["gazetted"]["entries"], 1);
    let differences = found["differences"].as_array().unwrap();
    let shown: Vec<_> = differences.iter().map(|found| found["field"].as_str().unwrap()).collect();
    assert_eq!(shown, ["title", "published"], "{found}");
    assert_eq!(differences[0]["reason"], "UTF-8 encoded twice, which feed-rs leaves so");
    let differs = &differences[1];
    assert_eq!(differs["gazetted"], "2024-07-01T10:00:00Z");
    assert_eq!(differs["reason"], "feed-rs does not read this value");
    let listed = home.run(&["inspect", "--reference", "a.xml"]);
    assert!(
        listed.out.contains("published 1 time: feed-rs does not read this value"),
        "{listed:#?}"
    );

    let broken = rss("").replace("</title>", "</titel>");
    fs::write(home.path("b.xml"), broken).unwrap();
    let found = home.json(&["inspect", "--reference", "--json", "b.xml"]);
    assert!(found["feed_rs"]["error"].as_str().unwrap().contains("unable to parse"), "{found}");
    assert_eq!(found["gazetted"]["entries"], 1);

    fs::write(home.path("c.xml"), "<opml/>").unwrap();
    let listed = home.run(&["inspect", "--reference", "c.xml"]);
    assert!(listed.out.contains("its root element is <opml>"), "{listed:#?}");
}

//! Date formats, and the elements that contain dates.

use crate::{atom, atom03, check, json, rdf, rss};

#[test]
fn dates_are_read_in_any_spelling() {
    let cases: Vec<(&str, String, &str)> = [
        ("Thu, 01 Jan 2004 19:48:21 GMT", "date=2004-01-01T19:48:21Z"),
        ("Thu, 1 Jan 04 19:48:21 EST", "date=2004-01-02T00:48:21Z"),
        ("01 Jan 2004 19:48 +0100", "date=2004-01-01T18:48:00Z"),
        ("Thu,01 Jan 2004 19:48:21 +01:00", "date=2004-01-01T18:48:21Z"),
        ("Thursday, January 1, 2004 7:48 PM", "date=2004-01-01T19:48:00Z"),
        ("Thu Jan  1 19:48:21 2004", "date=2004-01-01T19:48:21Z"),
        ("Thu Jan 01 19:48:21 UTC 2004", "date=2004-01-01T19:48:21Z"),
        ("Thu Jan 01 2004 19:48:21 GMT+0100 (CET)", "date=2004-01-01T18:48:21Z"),
        ("2004-01-01T19:48:21Z", "date=2004-01-01T19:48:21Z"),
        ("2004-01-01T19:48:21.123456+02:00", "date=2004-01-01T17:48:21Z"),
        ("2004-01-01 19:48:21 +0200", "date=2004-01-01T17:48:21Z"),
        ("2004-01-01 19:48", "date=2004-01-01T19:48:00Z"),
        ("2004-01-01", "date=2004-01-01T00:00:00Z"),
        ("20040101", "date=2004-01-01T00:00:00Z"),
        ("20040101T194821Z", "date=2004-01-01T19:48:21Z"),
        ("2004-001", "date=2004-01-01T00:00:00Z"),
        ("2004-W01-4", "date=2004-01-01T00:00:00Z"),
        ("2004-01", "date=2004-01-01T00:00:00Z"),
        ("2004", "date=2004-01-01T00:00:00Z"),
        ("2004/01/02 03:04:05", "date=2004-01-02T03:04:05Z"),
        ("31.12.2004 19:48", "date=2004-12-31T19:48:00Z"),
        ("12/31/2004 07:48:21 PM", "date=2004-12-31T19:48:21Z"),
        ("Jan 5, 2004", "date=2004-01-05T00:00:00Z"),
        ("5 January 2004", "date=2004-01-05T00:00:00Z"),
        ("August 20 2024 , 06:18 AM", "date=2024-08-20T06:18:00Z"),
        ("Sept 5, 2004", "date=2004-09-05T00:00:00Z"),
        ("Mon, 05 July 2004 10:00:00 PDT", "date=2004-07-05T17:00:00Z"),
        ("Mon, 05 Jul 2004 10:00:00 CEST", "date=2004-07-05T08:00:00Z"),
        ("Mon, 05 Jul 2004 10:00:00 JST", "date=2004-07-05T01:00:00Z"),
        ("Mon, 05 Jul 2004 10:00:00 Z", "date=2004-07-05T10:00:00Z"),
        ("Mon, 05 Jul 2004 24:00:00 GMT", "date=2004-07-06T00:00:00Z"),
        ("Mon, 05 Jul 2004 23:59:60 GMT", "date=2004-07-06T00:00:00Z"),
        ("Mo, 05 Jul 2004 10:00:00 +0200", "date=2004-07-05T08:00:00Z"),
        ("5. Mai 2004", "date=2004-05-05T00:00:00Z"),
        ("5 août 2004 10:00", "date=2004-08-05T10:00:00Z"),
        ("5 декабря 2004", "date=2004-12-05T00:00:00Z"),
        ("2004年7月5日 10:00", "date=2004-07-05T10:00:00Z"),
        ("2004-05-25 오전 11:23:17", "date=2004-05-25T11:23:17Z"),
        ("5 de mayo de 2004", "date=2004-05-05T00:00:00Z"),
        ("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "date=2004-07-11T17:00:00Z"),
        ("1072986501", "date=2004-01-01T19:48:21Z"),
        ("1072986501000", "date=2004-01-01T19:48:21Z"),
        ("<![CDATA[ Thu, 01 Jan 2004 19:48:21 GMT ]]>", "date=2004-01-01T19:48:21Z"),
        ("yesterday", "date="),
        ("", "date="),
        ("0001-01-01T00:00:00Z", "date="),
        ("0000-00-00 00:00:00", "date="),
        ("Thu, 31 Feb 2004 10:00:00 GMT", "date="),
    ]
    .into_iter()
    .map(|(text, expected)| {
        (text, rss(&format!("<title>a</title><pubDate>{text}</pubDate>")), expected)
    })
    .collect();
    check(&cases);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn dates_are_read_from_every_element_that_may_contain_one() {
    const A: &str = "2004-01-01T00:00:00Z";
    const B: &str = "2005-01-01T00:00:00Z";
    check(&[
        ("dc:date", rss(&format!("<dc:date>{A}</dc:date>")), "date=2004-01-01T00:00:00Z"),
        (
            "pubDate before dc:date",
            rss(&format!("<dc:date>{B}</dc:date><pubDate>{A}</pubDate>")),
            "date=2004-01-01T00:00:00Z",
        ),
        (
            "an unreadable pubDate and dc:date",
            rss(&format!("<pubDate>x</pubDate><dc:date>{A}</dc:date>")),
            "date=2004-01-01T00:00:00Z",
        ),
        (
            "dcterms",
            rss(&format!(
                "<dcterms:issued>{A}</dcterms:issued><dcterms:modified>{B}</dcterms:modified>"
            )),
            "date=2004-01-01T00:00:00Z | edited=2005-01-01T00:00:00Z",
        ),
        (
            "dcterms:created",
            rss(&format!("<dcterms:created>{A}</dcterms:created>")),
            "date=2004-01-01T00:00:00Z",
        ),
        (
            "lower-case pubdate",
            rss(&format!("<pubdate>{A}</pubdate>")),
            "date=2004-01-01T00:00:00Z",
        ),
        (
            "published in rss",
            rss(&format!("<published>{A}</published>")),
            "date=2004-01-01T00:00:00Z",
        ),
        (
            "atom:updated in rss",
            rss(&format!("<pubDate>{A}</pubDate><atom:updated>{B}</atom:updated>")),
            "date=2004-01-01T00:00:00Z | edited=2005-01-01T00:00:00Z",
        ),
        (
            "atom",
            atom(&format!("<published>{A}</published><updated>{B}</updated>")),
            "date=2004-01-01T00:00:00Z | edited=2005-01-01T00:00:00Z",
        ),
        (
            "atom, updated alone",
            atom(&format!("<updated>{A}</updated>")),
            "date=2004-01-01T00:00:00Z",
        ),
        (
            "atom 0.3",
            atom03(&format!("<issued>{A}</issued><modified>{B}</modified>")),
            "date=2004-01-01T00:00:00Z | edited=2005-01-01T00:00:00Z",
        ),
        ("rdf", rdf(&format!("<item><dc:date>{A}</dc:date></item>")), "date=2004-01-01T00:00:00Z"),
        (
            "JSON",
            json(&format!("{{\"id\":\"1\",\"date_published\":\"{A}\",\"date_modified\":\"{B}\"}}")),
            "date=2004-01-01T00:00:00Z | edited=2005-01-01T00:00:00Z",
        ),
        (
            "JSON, a number",
            json("{\"id\":\"1\",\"date_published\":1072915200}"),
            "date=2004-01-01T00:00:00Z",
        ),
        (
            "JSON, another spelling",
            json("{\"id\":\"1\",\"date_published\":\"Thu, 01 Jan 2004 00:00:00 GMT\"}"),
            "date=2004-01-01T00:00:00Z",
        ),
    ]);
}

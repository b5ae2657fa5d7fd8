//! A page or a JSON document that is no feed, with the map of a configuration: it becomes a JSON Feed that our reader
//! reads, or is refused.
#![no_main]

use gazetted::domain::json_map::{ElementPath, JsonMap, JsonPath, PageMap};
use gazetted::feed::json_map::mapped;
use libfuzzer_sys::fuzz_target;

/// What a configuration may say. The last ones match whatever surrounds an element.
const ITEMS: [&str; 8] =
    ["article", "li", "div", "ul > li", "tr:nth-child(2n)", "* + *", "a ~ b", "div div p"];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, body) = input;
    let items = ITEMS[usize::from(choice) % ITEMS.len()];
    let part = |text: &str| Some(ElementPath::parse(text));
    let page = PageMap {
        items: items.to_owned(),
        id: part("@id"),
        url: part("a[href]@href"),
        title: part("h2, b"),
        summary: part("p"),
        content: part("div"),
        date: part("time"),
        author: part(".by"),
        image: part("img"),
        tags: part("li"),
    };
    let path = |text: &str| JsonPath(text.split('.').map(str::to_owned).collect());
    let map = JsonMap {
        items: path("items"),
        id: Some(path("id")),
        url: Some(path("url")),
        title: Some(path("title.0")),
        page: Some(page),
        ..JsonMap::default()
    };
    if let Ok((feed, _)) = mapped(body, None, &map) {
        assert!(feed.starts_with(b"{") && feed.ends_with(b"}"));
    }
});

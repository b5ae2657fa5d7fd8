//! Work grows with the size of a text, never with its square: each pattern is repeated until it fills a size and
//! twice that size, and twice as much must take twice as many instructions. Valgrind counts them, so that nothing
//! is timed.
//!
//! `GAZETTED_GROWTH=sanitise cargo test --test growth work` runs one way of reading without the counter.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/skip.rs"]
mod skip;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use gazetted::article_page::extract::{Received, extract};
use gazetted::article_page::model::{Mode, SiteRules};
use gazetted::article_page::reservation::{Headers, TOKEN};
use gazetted::article_page::robots::RobotsFile;
use gazetted::domain::feed::FeedUrl;
use gazetted::domain::poll::Remembered;
use gazetted::domain::time::Timestamp;
use gazetted::feed::document::{Labels, document};
use gazetted::feed::opml::opml;
use gazetted::html::sanitise::Sanitiser;
use gazetted::html::to_markdown::html_to_markdown;
use gazetted::html::to_text::html_to_text;
use gazetted::search::query::{Language, expression, parse};
use gazetted::search::snippet::Hits;
use gazetted::search::words::indexable;
use skip::skip;
use url::Url;

/// Bytes of the smaller text. At half of it, what is done once for each text hides what is not.
const SIZE: usize = 1_024;

/// The most that twice as much may cost.
const FACTOR: f64 = 2.3;

/// Functions that differ in nothing but their names, by which Valgrind tells what each pattern took.
macro_rules! functions {
    ($($name:ident)*) => {
        $(#[inline(never)]
        fn $name(run: &Run, text: &str) {
            run(black_box(text));
        })*

        pub(super) const ALL: &[(&str, fn(&Run, &str))] = &[$((stringify!($name), $name)),*];
    };
}

macro_rules! numbered {
    () => {
        functions! {
            p00 p01 p02 p03 p04 p05 p06 p07 p08 p09 p10 p11 p12 p13 p14 p15 p16 p17 p18 p19 p20 p21 p22 p23 p24
            p25 p26 p27 p28 p29 p30 p31 p32 p33 p34 p35 p36 p37 p38 p39 p40 p41 p42 p43 p44 p45 p46 p47 p48 p49
            p50 p51 p52 p53 p54 p55 p56 p57 p58 p59 p60 p61 p62 p63 p64 p65 p66 p67 p68 p69 p70 p71 p72 p73 p74
            p75 p76 p77 p78 p79 p80 p81 p82 p83 p84 p85 p86 p87 p88 p89 p90 p91 p92 p93 p94 p95 p96 p97 p98 p99
            p100 p101 p102 p103 p104 p105 p106 p107 p108 p109
        }
    };
}

mod once {
    use super::{Run, black_box};
    numbered!();
}

mod twice {
    use super::{Run, black_box};
    numbered!();
}

/// What publishers' markup is made of, or what an attacker would repeat.
const MARKUP: &[&str] = &[
    "<a b=' > ' ",
    "<math/>",
    "<script> ",
    "<svg><path/></svg>",
    "<b>",
    "<i></b>",
    "</p>",
    "<p>",
    "<div><p>",
    "<a href=\"x\">",
    "<a href='",
    "<img src=x ",
    "<img src=\"a\" srcset=\"a 1x, b 2x\">",
    "<!--",
    "<!-- x -->",
    "<![CDATA[",
    "]]>",
    "&",
    "&amp;",
    "&a",
    "&#",
    "&#x26;",
    "&#99999999999;",
    "\"",
    "'",
    "<",
    "<<",
    ">",
    "a b ",
    "\n\n",
    "&lt;p&gt;",
    "&amp;lt;",
    "<table><tr><td>",
    "<ul><li>",
    "<blockquote>",
    "<pre>",
    "<iframe src='x'></iframe>",
    "<noscript><img src=x>",
    "<video><source src=x>",
    "<template>",
    "<style>",
    "<textarea>",
    "<title>",
    "<?x ?>",
    "<?",
    "<x:y>",
    "<x y=z/>",
    "<font color=red>",
    "<nobr>",
    "<select><option>",
    "<form>",
    "<br/>",
    "<h1>",
    "</h1>",
    "<span class=\"a\" id='b' c>",
    "http://x.example/ ",
    "20 Aug 2024 ",
    "982 views | ",
    "List<T> ",
    "<picture><source srcset='a'>",
    "<img data-src='",
    "<a\u{0}b>",
    "é",
    "\u{202e}",
    "<plaintext>",
    "<math><mi>x</mi></math>",
    "<svg><desc><p>",
    "=",
    "<a =",
    "<a b=\"c\" b=\"c\" ",
    "<a ",
    "<em><strong>",
    "<a b='x>y' ",
    "<a b='>'c",
    "x, ",
    "a/",
    "../",
    "@",
    "&a;",
    "<!DOCTYPE x [",
    "\\",
    "(",
    "]",
    "水",
    "<item>",
    "<title>x</title>",
    "<category>a, b</category>",
    "<link href='a'/>",
    "<media:content url='a'/>",
    "<x xmlns:a='b'>",
    "<outline text='a'>",
    "<outline xmlUrl='https://a.example/' category='a,b'/>",
];

/// What pages of articles have in common. Reading a page takes many times as long as reading an entry, so these are fewer.
/// Elements in each other are not among them: the engines walk from elements to the root, so that the work grows with the depth
/// too, which is at most 512.
const PAGES: &[&str] = &[
    "<p>The ferry sails again. </p>",
    "<a href='/b'>Read more: the ferry</a> ",
    "<span class='date'>20 Aug 2024</span>",
    "Subscribe to continue. ",
];

/// Lines of `robots.txt`, and parts of its patterns.
const ROBOTS: &[&str] =
    &["a", "*", "*a", "/", "%41", "$", "\nUser-agent: *", "\nDisallow: /*a*b$", "#"];

const JSON: &[&str] = &[
    "[",
    "{",
    "{\"a\":",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "{\"id\":\"1\"},",
    "{\"id\":1,\"tags\":[\"a\"]},",
    ",",
    "1,",
    "//\n",
    "/*",
    "\n",
    "\"a\":1,",
    "]",
    "}",
    "NaN,",
    "\u{1}",
];

const CONFIG: &[&str] = &[
    "a = 1\n",
    "a\n",
    "= 1\n",
    "[t]\n",
    "[[feeds]]\n",
    "[[feeds]\n",
    "[[feeds]]\nurl = 'x'\n",
    "[[feeds]]\nurl = 'https://a.example/'\n",
    "[[exports]]\npath = 'a'\n",
    "v = \"left\n",
    "v = open\n",
    "a.b = 1\n",
    "a.",
    "[",
    "{a=",
    "'",
    "\"",
    "\"\"\"",
    "'''",
    "\r",
    "# x\n",
    "=",
    "\\",
    "é",
    "[a.b]\n",
    "${A} ",
    "://",
    "https://u:p@h ",
    "include = ['x']\n",
];

const IN_CONFIG: &[&str] =
    &["${A}", "${", "$", "://", "a=a=", "?a=b&", "token=a&", "@", ":", "a ", "%", "é"];

const SEARCH: &[&str] = &[
    "a ", "a* ", "-a ", "\"", "\"a b\" ", "水", "水 ", "é", "\u{200d}", "\u{301}", "ﷺ", "a-", "(",
    "AND ", "ß", "가", "*", "ǆ",
];

/// For fields that are no markup: what separates, opens or closes something in them, and what is markup all the same.
const PLAIN: &[&str] = &[
    "a b ",
    "x, ",
    "a/",
    "../",
    "@",
    "(",
    "]",
    ":",
    "%",
    "?a=b&",
    "&",
    "&amp;",
    "&amp;lt;",
    "<",
    ">",
    "<b>",
    "\"",
    "\n\n",
    "é",
    "\u{202e}",
    "水",
    "http://x.example/ ",
    "20 Aug 2024 ",
    "a\u{0}",
    "=",
    "1:",
    "- ",
    "a@b.example (c), ",
];

/// What nests. It is read to some depth, up to which each level costs as much as it has levels above.
const NESTING: &[&str] = &[
    "<blockquote>",
    "<table><tr><td>",
    "<i></b>",
    "<span class=\"a\" id='b' c>",
    "<video><source src=x>",
    "<picture><source srcset='a'>",
];

/// A text of at least `size` bytes, or of more for what nests.
fn text(pattern: &str, size: usize) -> String {
    let size = if NESTING.contains(&pattern) { 8 * size } else { size };
    pattern.repeat(size / pattern.len() + 1)
}

type Run = Box<dyn Fn(&str)>;

/// A way of reading, and the patterns for it.
struct Target {
    name: &'static str,
    patterns: &'static [&'static str],
    run: Run,
}

fn target(
    name: &'static str,
    patterns: &'static [&'static str],
    run: impl Fn(&str) + 'static,
) -> Target {
    Target { name, patterns, run: Box::new(run) }
}

fn base() -> Url {
    Url::parse("https://example.org/feed").unwrap()
}

fn now() -> Timestamp {
    "2026-11-25T00:00:00Z".parse().unwrap()
}

fn read(body: &str) {
    let known = Remembered::default();
    black_box(document(body.as_bytes(), &base(), Labels::default(), &known, 1_000, now())).ok();
}

/// The language is stated, because its detection reads so much of a text and no more: that is a step between two sizes.
fn item(inside: &str) -> String {
    format!("<rss><channel><language>en</language><item>{inside}</item></channel></rss>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn json_text(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Finds the faults, and shows them all: that costs so much for each that few patterns are tried.
fn report(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gazetted.toml");
    fs::write(&path, text).unwrap();
    if let Err(faults) = gazetted::config::load(Path::new(&path), &|_| None, now()) {
        black_box(faults.to_string());
    }
}

fn check(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gazetted.toml");
    fs::write(&path, text).unwrap();
    if let Err(faults) = gazetted::config::load(Path::new(&path), &|_| None, now()) {
        black_box(faults.faults().len());
    }
}

/// Reads the text in a field of an item. Each is a target of its own, so that none hides the growth of another.
fn field(
    name: &'static str,
    patterns: &'static [&'static str],
    before: &'static str,
    after: &'static str,
) -> Target {
    target(name, patterns, move |text| read(&item(&format!("{before}{}{after}", escaped(text)))))
}

fn markup_targets() -> Vec<Target> {
    let sanitiser = Sanitiser::new(&base());
    vec![
        target("sanitise", MARKUP, move |text| {
            black_box(sanitiser.clean(text));
        }),
        target("text", MARKUP, |text| {
            black_box(html_to_text(text));
        }),
        target("markdown", MARKUP, |text| {
            black_box(html_to_markdown(text));
        }),
        target("index", MARKUP, |text| {
            black_box(indexable(text));
        }),
        target("item", MARKUP, |text| read(&item(text))),
        target("channel", MARKUP, |text| {
            read(&format!("<rss><channel>{text}<item><title>x</title></item>"));
        }),
        target("root", MARKUP, |text| {
            read(&format!("{text}<rss><channel><item><title>x</title></item>"));
        }),
        target("atom", MARKUP, |text| {
            read(&format!("<feed><entry><title>x</title><content type='xhtml'>{text}"));
        }),
        target("page", MARKUP, |text| {
            read(&format!("<html><head>{text}</head><body></body></html>"));
        }),
        target("opml", MARKUP, |text| {
            black_box(opml(text.as_bytes())).ok();
        }),
    ]
}

fn field_targets() -> Vec<Target> {
    vec![
        field("title", MARKUP, "<title>", "</title>"),
        field(
            "summary",
            MARKUP,
            "<description>",
            "</description><content:encoded>y</content:encoded>",
        ),
        field(
            "content",
            MARKUP,
            "<description>x</description><content:encoded>",
            "</content:encoded>",
        ),
        // These are four times as long as others: longer than what is read for the language. What is markup in them is read
        // as it is in a content.
        target("content in no stated language", PLAIN.get(..12).unwrap_or(PLAIN), |text| {
            let text = escaped(&text.repeat(4));
            read(&format!("<rss><channel><item><description>{text}</description></item>"));
        }),
        field("link", PLAIN, "<link>", "</link>"),
        field("guid", PLAIN, "<guid isPermaLink='true'>", "</guid>"),
        field("date", PLAIN, "<pubDate>", "</pubDate>"),
        field("author", PLAIN, "<author>", "</author>"),
        field("category", PLAIN, "<category>", "</category>"),
        field("enclosure", PLAIN, "<enclosure url=\"", "\"/>"),
        // The content is read as that of RSS, so that its markup needs no trial here.
        target("json", PLAIN, |text| {
            let text = json_text(text);
            read(&format!(
                "{{\"version\":\"\",\"language\":\"en\",\"items\":[{{\"id\":{text},\"url\":{text},\"content_html\":{text}}}]}}"
            ));
        }),
    ]
}

fn other_targets() -> Vec<Target> {
    vec![
        target("raw json", JSON, |text| {
            read(&format!("{{\"version\":\"\",\"items\":[{{\"id\":\"1\"}},{text}"));
        }),
        target("text in json", JSON, |text| {
            read(&format!("{{\"version\":\"\",\"items\":[{{\"id\":\"{text}\"}}]}}"));
        }),
        target("check", CONFIG, check),
        target("report", &["[[feeds]]\nurl = 'x'\n"], report),
        target("check a value", IN_CONFIG, |text| {
            check(&format!("[[feeds]]\nname = 1\nurl = '{text}'\n"));
        }),
        target("check a list", IN_CONFIG, |text| {
            check(&format!("[[feeds]]\nurl = 'x'\ntags = ['{}']\n", text.replace('a', "','")));
        }),
        target("search", SEARCH, |text| {
            let end = text.floor_char_boundary(900);
            for (at, _) in
                text.char_indices().step_by(900).take_while(|(at, _)| at + end <= text.len())
            {
                if let Some(search) =
                    text.get(at..).and_then(|text| parse(text.get(..end.min(text.len()))?).ok())
                {
                    black_box(expression(&search, Language::Fts5));
                }
            }
        }),
        target("snippet", SEARCH, |text| {
            let hits = Hits::of(&parse("a* 水 \"b c\"").unwrap());
            black_box((hits.snippet(text, 200), hits.mark(text)));
        }),
        target("address", IN_CONFIG, |text| {
            black_box(FeedUrl::parse(&format!("https://a.example/{text}"))).ok();
        }),
    ]
}

/// Reads a page that has an article and `inside` it.
fn read_page(inside: &str) {
    let sentence = "After nine years the ferry to the island sails again, every morning. ";
    let article = format!("<p>{}</p>", sentence.repeat(5));
    let page = format!(
        "<html><title>The ferry</title><body><h1>The ferry</h1>{article}{inside}</body></html>"
    );
    let received = Received {
        body: page.as_bytes(),
        content_type: None,
        address: &base(),
        headers: Headers::default(),
        token: TOKEN,
        now: now(),
    };
    black_box(extract(&received, Mode::Best, &SiteRules::default())).ok();
}

fn page_targets() -> Vec<Target> {
    vec![
        target("article page", PAGES, read_page),
        target("robots.txt", ROBOTS, |text| {
            let rules =
                RobotsFile::parse(format!("User-agent: *\nDisallow: /{text}").as_bytes(), TOKEN);
            let mut page = base();
            page.set_path(&text.replace(['*', '$', '\n', '#'], "a"));
            black_box((rules.allows(&page), rules.crawl_delay()));
        }),
    ]
}

fn targets() -> Vec<Target> {
    // The last one is measured first: it takes longest.
    [markup_targets(), field_targets(), other_targets(), page_targets()]
        .into_iter()
        .flatten()
        .collect()
}

/// The part that is counted. It runs in a process of its own, for the target that the environment names.
#[test]
#[expect(clippy::disallowed_methods, reason = "the variable is for tests, not for the program")]
fn work() {
    let Ok(wanted) = std::env::var("GAZETTED_GROWTH") else { return };
    let target = targets().into_iter().find(|target| target.name == wanted).unwrap();
    assert!(target.patterns.len() <= once::ALL.len());
    for pattern in target.patterns {
        (target.run)(&text(pattern, 64)); // For what is computed once.
    }
    for (pattern, (once, twice)) in target.patterns.iter().zip(once::ALL.iter().zip(twice::ALL)) {
        (once.1)(&target.run, &text(pattern, SIZE));
        (twice.1)(&target.run, &text(pattern, 2 * SIZE));
    }
}

/// The instructions for each pattern, in the smaller size and in the larger.
fn counted(target: &str, patterns: usize) -> Vec<(u64, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("counts");
    let status = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--quiet",
            "--dump-line=no",
            "--compress-strings=no",
            "--compress-pos=no",
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "work", "--test-threads=1"])
        .env("GAZETTED_GROWTH", target)
        .env("RUST_MIN_STACK", "67108864") // The engines that read pages recurse.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{target}: {status}");
    let profile = fs::read_to_string(&out).unwrap();
    let count = |size: &str, name: &str| {
        // A call is a line with the function, one with the number of calls, and one with what they took.
        let function = format!("growth::{size}::{name}");
        let mut lines = profile.lines();
        let found = lines.find(|line| line.strip_prefix("cfn=") == Some(&function));
        let took = found.and_then(|_| lines.nth(1)).and_then(|line| line.rsplit(' ').next());
        took.and_then(|took| took.parse::<u64>().ok()).unwrap_or_else(|| panic!("no {function}"))
    };
    let names = once::ALL.iter().take(patterns).map(|(name, _)| *name);
    names.map(|name| (count("once", name), count("twice", name))).collect()
}

#[test]
fn twice_as_much_takes_at_most_twice_the_work() {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        skip("valgrind");
        return;
    }
    let targets: Vec<_> = targets().iter().map(|target| (target.name, target.patterns)).collect();
    let (targets, wrong) = (Mutex::new(targets), Mutex::new(Vec::new()));
    let measure = || {
        loop {
            let next = targets.lock().unwrap().pop();
            let Some((name, patterns)) = next else { break };
            for (pattern, (once, twice)) in patterns.iter().zip(counted(name, patterns.len())) {
                let factor = u32::try_from(twice).map(f64::from).unwrap()
                    / u32::try_from(once).map(f64::from).unwrap();
                println!("{factor:.2}\t{once}\t{name}\t{pattern:?}");
                if FACTOR < factor {
                    wrong
                        .lock()
                        .unwrap()
                        .push(format!("{name} of {pattern:?}: {once} and {twice}"));
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(measure);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

use super::*;
use crate::config::load;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn feed(url: &str) -> NewFeed {
    NewFeed::new(FeedUrl::parse(url).unwrap())
}

/// The main file after an edit of it.
fn edited(before: &str, change: impl FnOnce(&mut Edit, &Path, &Config)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gazetted.toml");
    std::fs::write(&path, before).unwrap();
    let config = load(&path, &|_| None, NOW).unwrap();
    let mut edit = Edit::default();
    change(&mut edit, &path, &config);
    edit.check(&path, &|_| None, NOW).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before, "nothing is written here");
    edit.changes().first().map_or_else(|| before.to_owned(), |(_, _, after)| after.clone())
}

fn added(before: &str) -> String {
    edited(before, |edit, path, _| {
        let named = NewFeed {
            name: Some("N \"q\"".into()),
            tags: vec!["x".into(), "y z".into()],
            ..feed("https://n.example/")
        };
        edit.add(path, &[named, feed("https://m.example/f?a=1&b=2")]).unwrap();
    })
}

fn removed(before: &str, urls: &[&str]) -> String {
    edited(before, |edit, _, config| {
        let of =
            |url: &&str| config.feeds.iter().find(|feed| feed.spec.url.as_str() == *url).unwrap();
        edit.remove(&urls.iter().map(of).collect::<Vec<_>>()).unwrap();
    })
}

const NEW: &str = "[[feeds]]\nurl = \"https://n.example/\"\nname = 'N \"q\"'\ntags = [\"x\", \"y z\"]\n\n\
    [[feeds]]\nurl = \"https://m.example/f?a=1&b=2\"\n";

#[test]
fn an_address_from_a_document_names_no_variable_of_the_environment() {
    for (url, expected) in [
        ("https://a.example/f?k=${HOME}&l=${X", "https://a.example/f?k=$%7BHOME}&l=$%7BX"),
        ("https://a.example/${HOME}?a=$1&b={c}", "https://a.example/$%7BHOME%7D?a=$1&b={c}"),
        ("file:///a/b", "file:///a/b"),
    ] {
        let literal = without_variables(FeedUrl::parse(url).unwrap());
        assert_eq!(literal.as_str(), expected);
        let text = edited("", |edit, path, _| edit.add(path, &[NewFeed::new(literal)]).unwrap());
        assert!(!text.contains("${"), "{text}");
    }
}

#[test]
fn the_commented_keys_of_a_feed_stay_below_it_and_go_with_it() {
    let feeds = "[[feeds]]\nurl = 'https://a.example/'\n";
    let keys = "#headers = { Authorization = \"Bearer x\" }\n# why it is off\n#name = 'A'\n";
    let map = "[feeds.map]\nitems = 'x'\nurl = 'u'\n";
    let export = "[[exports]]\npath = 'a.json'\nformat = 'json'\nevery = '5m'\n";
    for (name, own, after) in [
        ("at the end", keys.to_owned(), String::new()),
        ("without an end of line", keys.trim_end().to_owned(), String::new()),
        ("a comment of its own", keys.to_owned(), "\n# the end = here\n".to_owned()),
        ("before a table", keys.to_owned(), format!("\n# out\n{export}")),
        ("directly before a table", keys.to_owned(), format!("# to a file\n{export}")),
        ("below an inner table", format!("{map}#title = 'y'\n"), format!("\n{export}")),
    ] {
        let end = if own.ends_with('\n') { "" } else { "\n" };
        let expected = format!("{feeds}{own}{end}\n{NEW}{after}");
        assert_eq!(added(&format!("{feeds}{own}{after}")), expected, "{name}");
        let expected = format!("{export}\n{after}").replace("\n\n\n", "\n\n");
        let before = format!("{export}\n{feeds}{own}{after}");
        if !after.contains("exports") {
            assert_eq!(
                removed(&before, &["https://a.example/"]).trim_end(),
                expected.trim_end(),
                "{name}"
            );
        }
    }
    // A comment above another feed is about that feed.
    let two = "[[feeds]]\nurl = 'https://a.example/'\n# About b.\n[[feeds]]\nurl = 'https://b.example/'\n";
    let left = "# About b.\n[[feeds]]\nurl = 'https://b.example/'\n";
    assert_eq!(removed(two, &["https://a.example/"]), left);
}

#[test]
fn new_feeds_stand_after_the_last_and_nothing_else_moves() {
    let cases: [(&str, &str, String); 8] = [
        ("an empty file", "", NEW.to_owned()),
        ("comments only", "# mine\n# [[feeds]]\n", format!("# mine\n# [[feeds]]\n\n{NEW}")),
        ("comments without an end of line", "# mine", format!("# mine\n\n{NEW}")),
        ("no feeds yet", "[store]\npath = \"a.db\" # here\n", format!("[store]\npath = \"a.db\" # here\n\n{NEW}")),
        (
            "between feeds and exports",
            "# top\n[[feeds]] # first\nurl   =   'https://a.example/'\n\n# out\n[[exports]]\npath = 'a.json'\nformat = 'json'\nevery = '5m'\n# end\n",
            format!("# top\n[[feeds]] # first\nurl   =   'https://a.example/'\n\n{NEW}\n# out\n[[exports]]\npath = 'a.json'\nformat = 'json'\nevery = '5m'\n# end\n"),
        ),
        (
            "tables within a feed",
            "[[feeds]]\nurl = 'https://a.example/'\n[feeds.headers]\nX-A = 'b'\n",
            format!("[[feeds]]\nurl = 'https://a.example/'\n[feeds.headers]\nX-A = 'b'\n\n{NEW}"),
        ),
        (
            "an inline list",
            "feeds = [{ url = 'https://a.example/' }] # all\n",
            "feeds = [{ url = 'https://a.example/' }, { url = \"https://n.example/\", name = 'N \"q\"', tags = [\"x\", \"y z\"] }, { url = \"https://m.example/f?a=1&b=2\" }] # all\n".to_owned(),
        ),
        (
            "an inline list of lines",
            "feeds = [\n  { url = 'https://a.example/' }, # a\n]\n",
            "feeds = [\n  { url = 'https://a.example/' },\n  { url = \"https://n.example/\", name = 'N \"q\"', tags = [\"x\", \"y z\"] },\n  { url = \"https://m.example/f?a=1&b=2\" }, # a\n]\n".to_owned(),
        ),
    ];
    for (name, before, after) in cases {
        assert_eq!(added(before), after, "{name}");
    }
}

#[test]
fn line_ends_and_byte_order_mark_stay() {
    let before = "\u{feff}# top\r\n[[feeds]]\r\nurl = 'https://a.example/'\r\n";
    let after = added(before);
    assert_eq!(after, format!("{before}\r\n{}", NEW.replace('\n', "\r\n")));
}

#[test]
fn a_removed_feed_takes_only_its_own_comments_along() {
    let before = "\
# Everything about news.
[schedule]
every = '30m'

# --- English ---

# A: the first.
[[feeds]]
url = 'https://a.example/' # a
# more of A?

# B.
[[feeds]]
url = 'https://b.example/'
[feeds.headers]
X-A = 'b'

# --- German ---

[[feeds]]
url = 'https://c.example/'

[[exports]]
path = 'a.json'
format = 'json'
every = '5m'
# end
";
    let without = |parts: &[&str]| {
        parts.iter().fold(before.to_owned(), |text, part| {
            assert!(text.contains(part), "{part}");
            text.replacen(part, "", 1)
        })
    };
    let a = "# A: the first.\n[[feeds]]\nurl = 'https://a.example/' # a\n";
    let b = "# B.\n[[feeds]]\nurl = 'https://b.example/'\n[feeds.headers]\nX-A = 'b'\n";
    let c = "[[feeds]]\nurl = 'https://c.example/'\n";
    for (name, urls, expected) in [
        ("the first", &["https://a.example/"][..], without(&[a])),
        ("one with a table of its own", &["https://b.example/"], without(&[b])),
        ("the last", &["https://c.example/"], without(&[c])),
        (
            "all",
            &["https://c.example/", "https://a.example/", "https://b.example/"],
            without(&[a, b, c]),
        ),
        ("none", &[], before.to_owned()),
    ] {
        let squeezed = |text: &str| text.replace("\n\n\n", "\n\n").replace("\n\n\n", "\n\n");
        assert_eq!(squeezed(&removed(before, urls)), squeezed(&expected), "{name}");
    }
    let inline = "feeds = [{ url = 'https://a.example/' }, { url = 'https://b.example/' }]\n";
    assert_eq!(
        removed(inline, &["https://a.example/"]),
        "feeds = [ { url = 'https://b.example/' }]\n"
    );
}

#[test]
fn a_feed_of_an_included_file_is_removed_there() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("gazetted.toml");
    let more = folder.path().join("more.toml");
    std::fs::write(&main, "include = ['*.toml']\n[[feeds]]\nurl = 'https://a.example/'\n").unwrap();
    std::fs::write(&more, "# b\n[[feeds]]\nurl = 'https://b.example/'\n\n# c\n[[feeds]]\nurl = 'https://c.example/'\n").unwrap();
    let config = load(&main, &|_| None, NOW).unwrap();
    let mut edit = Edit::default();
    edit.remove(&[&config.feeds[1]]).unwrap();
    let changes = edit.changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].0, more);
    assert_eq!(changes[0].2.trim_start(), "# c\n[[feeds]]\nurl = 'https://c.example/'\n");
    let left = edit.check(&main, &|_| None, NOW).unwrap();
    assert_eq!(left.feeds.len(), 2);
}

#[test]
fn what_check_would_refuse_is_told_before_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("gazetted.toml");
    std::fs::write(&main, "[[feeds]]\nurl = 'https://a.example/'\nname = 'A'\n").unwrap();
    let mut edit = Edit::default();
    let twice = NewFeed { name: Some("A".into()), ..feed("https://b.example/") };
    edit.add(&main, &[twice]).unwrap();
    let faults = edit.check(&main, &|_| None, NOW).unwrap_err();
    assert!(faults.to_string().contains("another feed has this name"), "{faults}");
}

#[test]
fn a_feed_gets_another_address_and_all_else_stays() {
    let cases = [
        (
            "a table",
            "# top\n[[feeds]] # a\nurl   =   'https://a.example/' # here\nname = 'A'\n\n[[feeds]]\nurl = 'https://b.example/'\n",
            "# top\n[[feeds]] # a\nurl   =   \"https://n.example/f\" # here\nname = 'A'\n\n[[feeds]]\nurl = 'https://b.example/'\n",
        ),
        (
            "an inline list",
            "feeds = [\n  { url = 'https://a.example/', name = 'A' }, # a\n]\n",
            "feeds = [\n  { url = \"https://n.example/f\", name = 'A' }, # a\n]\n",
        ),
        (
            "line ends",
            "[[feeds]]\r\nurl = 'https://a.example/'\r\n",
            "[[feeds]]\r\nurl = \"https://n.example/f\"\r\n",
        ),
        (
            "a login",
            "[[feeds]]\nurl = 'https://me@a.example/x@y'\n",
            "[[feeds]]\nurl = \"https://me@n.example/f\"\n",
        ),
    ];
    for (name, before, after) in cases {
        let result = edited(before, |edit, _, config| {
            edit.readdress(&config.feeds[0], "https://n.example/f").unwrap();
        });
        assert_eq!(result, after, "{name}");
    }
}

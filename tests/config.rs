//! Tests of loading a configuration: its files, its values, and the report of all faults.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fmt::Write as _;
use std::path::Path;

use gazetted::config::{Config, ConfigErrors, Fault, Target, Trigger, load};
use gazetted::domain::query::When;
use gazetted::domain::request::{ProxyChoice, Secret};
use gazetted::domain::time::{TimeDelta, Timestamp};
use gazetted::export::{Format, Shape};
use gazetted::polling::schedule::Cadence;
use gazetted::store::Location;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn environment(name: &str) -> Option<String> {
    match name {
        "TZ" => Some("UTC".to_owned()),
        "TOKEN" => Some("t0ken-from-outside".to_owned()),
        "FOLDER" => Some("/secrets".to_owned()),
        "HUNTER" => Some("hunter2".to_owned()),
        _ => None,
    }
}

/// A folder with the files of a configuration.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn load_in(folder: &Path) -> Result<Config, ConfigErrors> {
    load(&folder.join("gazetted.toml"), &environment, NOW)
}

fn load_text(text: &str) -> Result<Config, ConfigErrors> {
    load_in(folder(&[("gazetted.toml", text)]).path())
}

const MANY: &str = r#"include = ["feeds.d/*.toml", "missing.toml"]
colour = "red"

[store]
path = 5
keep = "1h"

[schedule]
every = "30"
timezone = "Europe/Belrin"
min = "2d"

[fetch]
concurrency = 0
timout = "30s"
max_body = "16M"
proxy = "ftp://me:s3cret@proxy.example/"
ca_file = "nowhere.pem"

[[feeds]]
url = "example.org/feed.xml"
tags = "world"

[[feeds]]
url = "https://me:s3cret@a.example/feed"
name = "A"
cron = "61 * * * *"
headers = { Authorization = "Bearer ${UNSET} s3cret", "Bad Name" = "s3cret" }

[[feeds]]
name = "No address"
basic_auth = { user = "me", password_file = "nowhere.secret" }

[[exports]]
path = "out.json"
format = "jsonfed"
every = "5m"
on_change = true

[[exports]]
path = "./out.json"
format = "rss"
since = "yesterday"
"#;

const MORE: &str = r#"[[feeds]]
url = "https://a.example/feed"
name = "A"

[[feeds]]
url = "gopher://b.example/"
enabled = "true"
timeout = 30

[schedule]
every = "5m"
"#;

fn many() -> (tempfile::TempDir, ConfigErrors) {
    let folder = folder(&[("gazetted.toml", MANY), ("feeds.d/more.toml", MORE)]);
    let errors = load_in(folder.path()).unwrap_err();
    (folder, errors)
}

#[test]
fn all_faults_of_all_files_are_reported_in_one_run() {
    let (folder, errors) = many();
    let main = "gazetted.toml";
    let more = "feeds.d/more.toml";
    let expected = [
        (main, 1, 30, "include", "there is no such file", ""),
        (main, 2, 1, "colour", "unknown key", "known here: include"),
        (main, 5, 8, "store.path", "expected a string, found an integer", ""),
        (main, 6, 8, "store.keep", "must be from 1d to", ""),
        (main, 9, 9, "schedule.every", "`30` has no unit", ""),
        (main, 10, 12, "schedule.timezone", "no such time zone", "`Europe/Berlin`"),
        (main, 11, 7, "schedule.min", "longer than `max`", "max is 1d"),
        (main, 14, 15, "fetch.concurrency", "must be from 1 to", ""),
        (main, 15, 1, "fetch.timout", "unknown key", "did you mean `timeout`?"),
        (main, 16, 12, "fetch.max_body", "`16M` is no size", ""),
        (main, 17, 9, "fetch.proxy", "not a scheme", "socks5h://"),
        (main, 18, 11, "fetch.ca_file", "nowhere.pem: there is no such file", ""),
        (main, 21, 7, "feeds[0].url", "not an absolute URL", "\"https://example.org/feed.xml\""),
        (main, 22, 8, "feeds[0].tags", "expected a list of strings, found a string", "tags = ["),
        (main, 27, 8, "feeds[1].cron", "not a cron expression", "crontab"),
        (main, 28, 37, "feeds[1].headers.Authorization", "variable UNSET is not set", "$$"),
        (main, 28, 55, "feeds[1].headers.\"Bad Name\"", "not the name of a header", "X-Api-Key"),
        (main, 30, 1, "feeds[2].url", "is missing", "https://"),
        (main, 32, 45, "feeds[2].basic_auth.password_file", "there is no such file", ""),
        (main, 36, 10, "exports[0].format", "unknown format", "did you mean `jsonfeed`?"),
        (main, 38, 1, "exports[0].on_change", "a time is given as well", "keep one"),
        (main, 40, 1, "exports[1].every", "is missing", "on_change = true"),
        (main, 41, 8, "exports[1].path", "another export", "a file of its own"),
        (main, 43, 9, "exports[1].since", "`yesterday` is no duration", ""),
        (more, 2, 7, "feeds[0].url", "this feed is given twice", "remove one"),
        (more, 3, 8, "feeds[0].name", "another feed has this name", "its own"),
        (more, 6, 7, "feeds[1].url", "not `gopher`", "https://"),
        (more, 7, 11, "feeds[1].enabled", "found a string", "true without quotes"),
        (more, 8, 11, "feeds[1].timeout", "expected a duration, found an integer", "\"30s\""),
        (more, 10, 2, "schedule", "unknown key", "known here: feeds"),
    ];
    for (file, line, column, key, message, hint) in expected {
        let path = folder.path().join(file).display().to_string();
        let hit = errors.faults().iter().any(|fault| {
            (&fault.file, fault.line, fault.column) == (&path, line, column)
                && fault.key.as_deref() == Some(key)
                && fault.message.contains(message)
                && fault.hint.as_deref().unwrap_or_default().contains(hint)
        });
        let found = errors.faults();
        assert!(hit, "{file}:{line}:{column} {key}: {message} ({hint})\n{found:#?}");
    }
    assert_eq!(errors.faults().len(), expected.len(), "{errors}");
}

#[test]
fn faults_are_shown_with_their_place_underlined() {
    let (folder, errors) = many();
    let prefix = format!("{}/", folder.path().display());
    insta::assert_snapshot!(errors.to_string().replace(&prefix, ""));
    let colourful = errors.render(true);
    assert!(colourful.contains('\u{1b}') && !errors.render(false).contains('\u{1b}'));
}

#[test]
fn syntax_errors_hide_no_fault_on_another_line() {
    let errors = load_text(
        "[store\npath = 5\n[fetch]\ntimeout =\nconcurency = 3\nmax_entries 7\n[[feeds]]\nname = \"open\nurl = \"x\"\n",
    )
    .unwrap_err();
    let lines: Vec<usize> = errors.faults().iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [1, 4, 5, 6, 8, 9], "{errors}");
}

proptest::proptest! {
    /// A configuration that is cut at any place, with any text inserted there, gives faults that can all be shown.
    #[test]
    fn no_text_makes_it_panic(
        cut in 0..MANY.len(),
        length in 0..40_usize,
        junk in r#"[\[\]{}="'#\n\r\ta${}@:/é\u{1b}]{0,4}"#,
    ) {
        let start = MANY.floor_char_boundary(cut);
        let end = MANY.ceil_char_boundary((cut + length).min(MANY.len()));
        let text = format!("{}{junk}{}", MANY.get(..start).unwrap(), MANY.get(end..).unwrap());
        let errors = load_text(&text).unwrap_err();
        let shown = errors.render(false);
        proptest::prop_assert!(!errors.faults().is_empty() && shown.contains("fault"));
    }
}

/// No report contains a secret, whatever the fault is.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn no_secret_is_ever_shown() {
    for line in [
        "url = \"https://me:hunter2@\"",
        "url = \"https://me:hunter2@a.example/\" x",
        "url = \"https://me:hun/hunter2@a.example/\"",
        "url = \"me:hunter2@a.example/feed\"",
        "url = \"ftp://me:hunter2@a.example/\"",
        "url = \"https://me:hunter2@a.example:99999/\"",
        "url = \"https://hunter2@a.example:99999/\"",
        "url = \"https:me:hunter2@a.example:99999/\"",
        "url = \"https://me:hunter2\\u0040a.example:99999/\"",
        "url = https://me:hunter2@a.example/",
        "uri = \"https://me:hunter2@a.example/\"",
        "basic_auth = \"me:hunter2\"",
        "basic_auth = { user = \"me\", pasword = \"hunter2\" }",
        "basic_auth = { user = \"me\", passwort = \"hunter2\"",
        "basic_auth = { user = \"me\", password = [\"hunter2\"] }",
        "basic_auth = { user = 5, password = \"hunter2\" }",
        "basic_auth = { user = \"me\", password = \"hunter2 ${UNSET}\" }",
        "basic_auth = { user = \"me\", password = \"${hunter2\" }",
        "basic_auth = { user = \"me\", password = '''hunter2''', password_file = \"none\" }",
        "basic_auth.password = hunter2",
        "password = \"hunter2\"",
        "api_key = \"hunter2\"",
        "header = { Authorization = \"hunter2\" }",
        "headers = \"X-Key: hunter2\"",
        "headers = { \"a b\" = \"hunter2\" }",
        "headers = { A = 5, B = \"hunter2\", C = \"${UNSET}\" }",
        "headers = { A = \"hunter2\\n\" }",
        "headers = { A = \"hunter2\", a = \"hunter2\" }",
        "headers = { Authorization = Bearer hunter2 }",
        "headers.Authorization \"hunter2\"",
        "proxy = \"me:hunter2@proxy.example:80\"",
        "proxy = \"http:me:hunter2@proxy.example:99999\"",
        "proxy = \"socks4://me:hunter2@proxy.example\"",
        "proxy = [\"hunter2\"]",
        "secrt = \"hunter2\"",
        "colour = \"hunter2\"",
        "pin = [\"hunter2\", { a = \"hunter2\" }]",
        "headers = { url = \"hunter2\", \"a b\" = \"x\" } # hunter2",
        "name = \"\" # hunter2",
        "name = \"\" # url = hunter2",
        "tags = 5 # https://hunter2@a.example/",
        "basic_auth = { user = \"hunter2\" }",
        "basic_auth = { user = \"me\", password_file = \"hunter2\" }",
        "basic_auth = { user = \"me\", password_file = \"${HUNTER}\" }",
        "url = \"https://a.example/?token=hunter2&x=1\"\nmax_entries = 0",
        "private = true\nurl = \"https://a.example/hunter2\"\nmax_entries = 0",
        "private = true\nurl = \"a.example/hunter2\"",
        "command = \"curl -H hunter2\"\nurl = \"x\"",
        "url = \"${HUNTER}/feed.xml\"",
        "url = \"gopher://${HUNTER}\"",
        "url = \"${HUNTER}://a.example/\"",
        "[server]\ntoken_file = \"hunter2\"",
        "[server]\ntokn = \"hunter2\"",
        "[[exports]]\nwebhook = \"https://a.example/hunter2\"",
        "[[exports]]\nwebhok = \"https://a.example/hunter2\"",
        "[[exports]]\ncommand = \"curl -H hunter2\"",
        "[[exports]]\ncommand = [\"curl\", 5, \"hunter2\"]",
        "[[export]]\npath = \"hunter2\"",
        "[[exports]]\npath = \"${HUNTER}/\"",
        "[fetch]\nca_file = \"${HUNTER}\"",
    ] {
        let errors = load_text(&format!("[[feeds]]\nenabled = 1\n{line}\n")).unwrap_err();
        let mut shown = format!("{errors} {errors:?} {}", errors.render(true));
        for Fault { message, hint, key, .. } in errors.faults() {
            write!(shown, "{message} {hint:?} {key:?}").unwrap();
        }
        assert!(!shown.contains("hunter2"), "{line}\n{shown}");
        assert!(2 <= errors.faults().len(), "{line}: {errors}");
    }
}

/// Checks that each text has exactly one fault.
#[test]
fn a_program_is_the_source_of_a_feed_in_place_of_an_address() {
    let text = r#"
[fetch]
timeout = "7s"
[[feeds]]
command = ["sh", "-c", "cat t0ken"]
[[feeds]]
command = ["sh", "-c cat t0ken"]
timeout = "2s"
"#;
    let config = load_text(text).unwrap();
    let [one, two] = config.feeds.as_ref() else { panic!("{config:?}") };
    assert_ne!(one.spec.url, two.spec.url);
    assert!(!one.spec.url.as_str().contains("t0ken"), "{}", one.spec.url);
    assert!(one.spec.url.as_str().ends_with("/sh"), "{}", one.spec.url);
    let timeout = |feed: &gazetted::config::FeedConfig| {
        feed.settings.request.command.as_ref().map(|command| command.timeout.as_secs())
    };
    assert_eq!((timeout(one), timeout(two)), (Some(7), Some(2)));
    let again = load_text(text).unwrap();
    assert_eq!(again.feeds[0].spec.url, one.spec.url);
    let program = |line: &str| format!("[[feeds]]\ncommand = ['cat', 'x']\n{line}");
    check(&[
        (program("url = 'https://a.example/'"), "`url` is given as well", "keep one"),
        ("[[feeds]]\nname = 'x'".to_owned(), "is missing", "url ="),
        ("[[feeds]]\ncommand = 'cat x'".to_owned(), "a list of strings", "[\"cat\""),
        ("[[feeds]]\ncommand = []".to_owned(), "names no program", "argument"),
        ("[[feeds]]\ncommand = ['/no/such/program']".to_owned(), "there is no program", ""),
        (program("headers = { A = 'x' }"), "goes with `url` only", "remove it"),
        (program("name = 'n'\nprivate = true"), "goes with `url` only", "remove it"),
        (program("[[feeds]]\ncommand = ['cat', 'x']"), "given twice", "remove one"),
    ]);
}

fn check(cases: &[(String, &str, &str)]) {
    for (text, message, hint) in cases {
        let errors = load_text(text).unwrap_err();
        let [fault] = errors.faults() else { panic!("{text}\n{errors}") };
        assert!(fault.message.contains(message), "{text}\n{errors}");
        assert!(fault.hint.as_deref().unwrap_or_default().contains(hint), "{text}\n{errors}");
    }
}

#[test]
fn each_mistake_in_a_feed_has_its_sentence_and_its_hint() {
    let feed = |line: &str| format!("[[feeds]]\nurl = 'https://a.example/'\n{line}");
    let address = |url: &str| format!("[[feeds]]\nurl = '{url}'");
    check(&[
        (address("world.xml"), "not an absolute URL", "\"file:world.xml\""),
        (address("./feeds/world"), "not an absolute URL", "\"file:feeds/world\""),
        (address("/var/world.xml"), "not an absolute URL", "\"file:///var/world.xml\""),
        (address("feed://a.example/"), "not `feed`", "https: in place of feed:"),
        (address("https://"), "not a URL", ""),
        (address("file://world.xml"), "names no host", "file:name.xml"),
        (address(""), "is empty", ""),
        (feed("every = '0s'"), "must be from 1s to", ""),
        (feed("every = '5m'\ncron = '* * * * *'"), "`every` is given as well", "keep one"),
        (feed("cron = '* * * *'"), "this has 4", "crontab"),
        (feed("cron = '0 0 30 2 *'"), "never fires", ""),
        (feed("full_text = 'true'"), "expected true or false", "without quotes"),
        (feed("select = 'a['"), "is no CSS selector", "style sheet"),
        (feed("remove = ['p', '>>']"), "is no CSS selector", "style sheet"),
        (feed("remove = '.promo'"), "a list of strings", "remove ="),
        (feed("include = ['title:(']"), "unclosed group", "single quotes"),
        (feed("headers = { User-Agent = 'x' }"), "is not set here", "user_agent"),
        (feed("headers = { Host = 'x' }"), "sets this header itself", "remove"),
        (feed("headers = { A = 'x', a = 'y' }"), "given twice", "letter case"),
        (feed("headers = { A = \"x\\u0007\" }"), "may not have", ""),
        (feed("user_agent = \"x\\u0007\""), "control characters", ""),
        (feed("name = ' x'"), "white space", ""),
        (feed("basic_auth = { user = 'a:b', password = '' }"), "no colon", ""),
        (feed("basic_auth = { password = '' }"), "is missing", "user ="),
        (feed("basic_auth = { user = 'me' }"), "is missing", "password_file"),
        (
            feed("basic_auth = { user = 'me', password = '' }\nheaders = { authorization = 'x' }"),
            "Authorization header as well",
            "keep one",
        ),
        (feed("proxy = 'socks5://'"), "", "socks5h://"),
        (feed("tags = ['a', 5]"), "expected a string, found an integer", ""),
        (feed("max_entries = '5'"), "found a string", "5 without quotes"),
        (feed("max_entries = -5"), "must be from 1", ""),
        (feed("max_entries = 99999999999999999999999999999999999999999"), "must be from 1", ""),
        (feed("timeout = '2h'"), "must be from 1s to 1h", ""),
        ("feeds = ['https://a.example/']".to_owned(), "found a string", "[[feeds]]"),
        ("[feeds]\nurl = 'https://a.example/'".to_owned(), "found a table", "[[feeds]]"),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn each_mistake_elsewhere_has_its_sentence_and_its_hint() {
    let export = |line: &str| format!("[[exports]]\npath = 'x'\nformat = 'csv'\n{line}");
    let hook = |lines: &str| {
        format!("[[exports]]\nwebhook = 'https://a.example/'\nconsumer = 'a'\n{lines}")
    };
    let to = |lines: &str| {
        let consumer = if lines.contains("consumer") { "" } else { "consumer = 'a'\n" };
        format!("[[exports]]\non_change = true\n{consumer}{lines}")
    };
    let site = |lines: &str| format!("[[full_text.sites]]\n{lines}\n");
    let two_sites =
        ["a.example", "A.example"].map(|host| site(&format!("host = '{host}'\nselect = 'p'")));
    let two_sites = two_sites.concat();
    let two_hooks = [hook("on_change = true"), hook("every = '1h'")].join("\n");
    let target = |path: &str| format!("[[exports]]\npath = '{path}'\nformat = 'csv'\nevery = '1h'");
    let format =
        |format: &str| format!("[[exports]]\npath = 'x'\nformat = '{format}'\nevery = '1h'");
    check(&[
        ("store = 'x.db'".to_owned(), "expected a table", "known keys: path"),
        ("[store]\npath = '~/x.db'".to_owned(), "`~` is not expanded", "${HOME}"),
        ("[server]\nlisten = 'x'".to_owned(), "not an address to listen on", "127.0.0.1:7878"),
        ("[server]\nlisten = ':80'".to_owned(), "not an address", "\"0.0.0.0:80\" or \"[::]:80\""),
        ("[server]\nlisten = '0.0.0.0:80'".to_owned(), "takes a token", "token_file"),
        (
            "[server]\nlisten = '[::]:80'\npublic = false".to_owned(),
            "takes a token",
            "public = true",
        ),
        ("[server]\ntoken = 'short'".to_owned(), "8 to 1024 visible", "openssl"),
        ("[server]\ntoken = 'two words'".to_owned(), "8 to 1024 visible", "openssl"),
        ("[server]\nhub = 'hub.example'".to_owned(), "not an http or https URL", "https://hub."),
        ("[server]\nview = 'grid'".to_owned(), "not a view of the pages", "list, compact, cards"),
        ("[server]\ntoken_file = 'none'".to_owned(), "there is no such file", ""),
        ("[schedule]\ntimezone = 'Berlin'".to_owned(), "no such time zone", "Europe/Berlin"),
        ("[schedule]\nmin = '2h'\nmax = '1h'".to_owned(), "`min` is longer", ""),
        ("[fetch]\nmax_redirects = 99".to_owned(), "must be from 0 to 20", ""),
        ("[fetch]\nmax_body = 5".to_owned(), "must be from 1KiB to 1GiB", ""),
        ("[fetch]\nca_file = 'gazetted.toml'".to_owned(), "no certificate", "PEM"),
        ("[full_text]\nmode = 'good'".to_owned(), "neither \"best\" nor \"fast\"", ""),
        ("[full_text]\nconcurrency = 0".to_owned(), "must be from 1", ""),
        ("[full_text]\nrefresh = '1m'".to_owned(), "must be from 10m", ""),
        ("[full_text]\nper_host = 2".to_owned(), "unknown key", "per_host_per_day"),
        (site("select = 'p'"), "is missing", "host ="),
        (site("host = 'a.example'"), "is missing", "select, remove or both"),
        (site("host = 'https://a.example/'\nselect = 'p'"), "is no host name", "the name alone"),
        (site("host = '*.a.example'\nselect = 'p'"), "is no host name", "hosts below it"),
        (site("host = 'a.example'\nremove = ['[']"), "is no CSS selector", ""),
        (two_sites, "another table for this host", "one table"),
        ("include = ['[']".to_owned(), "not a pattern", ""),
        (export(""), "is missing", "on_change"),
        ("[[exports]]\nformat = 'csv'".to_owned(), "is missing", "webhook = "),
        (hook("on_change = true\npath = 'x'"), "`path` is given as well", "keep one of path"),
        (hook("on_change = true\nformat = 'csv'"), "goes with `path` only", "remove it"),
        (hook("on_change = true\nlimit = 20000"), "must be from 1 to 10000", ""),
        (hook("on_change = true\nsecret = 'short'"), "16 to 1024 bytes", "openssl"),
        (hook("on_change = true\nsecret = 'whsec_?'"), "not base64 after whsec_", "openssl"),
        (hook("on_change = true\nheaders = { Webhook-Id = 'x' }"), "sets this header itself", ""),
        (export("every = '1h'\nsecret = 'x'"), "goes with `webhook` only", "remove it"),
        (export("every = '1h'\nconsumer = 'x'"), "goes with `webhook` or `command` only", ""),
        (to("webhook = 'ftp://a.example/'"), "webhooks go over http", "https://"),
        (to("webhook = 'a.example/x'"), "not an absolute URL", "https://"),
        (to("webhook = 'https://u:p@a.example/'"), "has a user name or password", "headers ="),
        (to("command = 'mail -s x'"), "expected a list", "[\"mail\", \"argument\"]"),
        (to("command = []"), "names no program", "[\"program\", \"argument\"]"),
        (to("command = ['./none']"), "there is no program", ""),
        (to("command = ['true']\nallow_private = true"), "goes with `webhook` only", ""),
        (to("command = ['true']\nconsumer = 'a b'"), "a consumer's name has 1 to 64", ""),
        (two_hooks, "another export has this consumer", "its own cursor"),
        (export("on_change = false"), "never be written", "every or cron"),
        (export("every = '1h'\nlimit = 0"), "must be from 1", ""),
        (export("every = '1h'\nsince = '1d'\nuntil = '2d'"), "no article lies between", ""),
        (export("every = '1h'\nsince = 5"), "expected a moment", "7d"),
        (export("every = '1h'\nfull = true"), "unknown key", "not available"),
        (export("every = '1h'\nstory = 'x'"), "`x` is no id of a story", ""),
        (format("yaml"), "unknown format", "template=FILE"),
        (format("template="), "names no template", "page.html.j2"),
        (format("template=nothing.j2"), "cannot read", ""),
        (target("gazetted.db-wal"), "overwrite the store", "another file"),
        (target("a/../gazetted.toml"), "overwrite the store or the configuration", ""),
        (target("."), "is a folder", ""),
    ]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_like_any_other() {
    let empty = tempfile::tempdir().unwrap();
    let errors = load_in(empty.path()).unwrap_err();
    assert!(errors.to_string().contains("there is no such file"), "{errors}");
    assert!(errors.to_string().contains("gazetted init"), "{errors}");
    assert!(errors.to_string().ends_with("1 fault in 1 file"), "{errors}");

    let path = empty.path().join("gazetted.toml");
    std::fs::write(path, b"[store]\npath = \"\xff\"\nx = 1\n").unwrap();
    let errors = load_in(empty.path()).unwrap_err();
    let places: Vec<(usize, usize)> =
        errors.faults().iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, [(2, 9), (3, 1)], "{errors}");
}

#[test]
fn secrets_come_from_the_environment_from_files_and_from_urls() {
    let text = r#"
[[feeds]]
url = "https://me%40home:p%C3%A9@a.example/feed#top"
[[feeds]]
url = "https://b.example/"
headers = { X-Token = "Bearer ${TOKEN}", Cost = "5$$" }
basic_auth = { user = "me", password_file = "b.secret" }
"#;
    let folder = folder(&[("gazetted.toml", text), ("b.secret", "from a file\n")]);
    let config = load_in(folder.path()).unwrap();
    let [a, b] = config.feeds.as_ref() else { panic!("{config:?}") };
    assert_eq!(a.spec.url.as_str(), "https://a.example/feed");
    let auth = a.settings.request.basic_auth.as_ref().unwrap();
    assert_eq!(auth.user, "me@home");
    assert_eq!(auth.password.as_ref().unwrap().expose(), "pé");
    let headers: Vec<(&str, &str)> = b
        .settings
        .request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(headers, [("Cost", "5$"), ("X-Token", "Bearer t0ken-from-outside")]);
    let auth = b.settings.request.basic_auth.as_ref().unwrap();
    assert_eq!(auth.password.as_ref().unwrap().expose(), "from a file");
    let debug = format!("{config:?}");
    assert!(!debug.contains("t0ken") && !debug.contains("pé"), "{debug}");
}

/// systemd.exec(5), `LoadCredential=`.
#[test]
fn the_credentials_of_a_service_come_before_files_beside_the_configuration() {
    let feed = |file: &str| {
        let auth = format!("basic_auth = {{ user = \"me\", password_file = \"{file}\" }}");
        format!("[[feeds]]\nurl = \"https://a.example/?{file}\"\n{auth}\n")
    };
    let text = feed("both") + &feed("beside") + &feed("given") + &feed("./both");
    let files = [("both", "file"), ("beside", "file"), ("given/x", ""), ("c/both", "credential")];
    let folder =
        folder(&[&files[..], &[("c/given", "credential"), ("gazetted.toml", &text)]].concat());
    let credentials = folder.path().join("c").display().to_string();
    let load_as = |environment: &dyn Fn(&str) -> Option<String>| {
        load(&folder.path().join("gazetted.toml"), environment, NOW)
    };
    let in_service = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| credentials.clone());
    let passwords: Vec<String> = load_as(&in_service)
        .unwrap()
        .feeds
        .iter()
        .map(|feed| {
            feed.settings
                .request
                .basic_auth
                .as_ref()
                .unwrap()
                .password
                .as_ref()
                .unwrap()
                .expose()
                .to_owned()
        })
        .collect();
    assert_eq!(passwords, ["credential", "file", "credential", "credential"]);
    let faults = load_as(&environment).unwrap_err();
    assert_eq!(faults.faults().len(), 1, "`given` is a folder here: {faults}");
}

#[test]
fn the_address_of_a_private_feed_is_known_to_its_requests_only() {
    let text = r#"
[[feeds]]
url = "https://a.example:8443/${TOKEN}/feed?key=${TOKEN}"
name = "By variable"
[[feeds]]
url = "https://a.example/pr1vate/feed"
name = "ä/b"
private = true
[[feeds]]
url = "https://me:${TOKEN}@b.example/feed"
private = false
"#;
    let config = load_text(text).unwrap();
    let shown: Vec<&str> = config.feeds.iter().map(|feed| feed.spec.url.as_str()).collect();
    let expected = [
        "https://private-feed.invalid/By%20variable",
        "https://private-feed.invalid/%C3%A4%2Fb",
        "https://b.example/feed",
    ];
    assert_eq!(shown, expected);
    let address = |at: usize| {
        config.feeds[at]
            .settings
            .request
            .address
            .as_ref()
            .map(gazetted::domain::request::Secret::expose)
    };
    let token = "t0ken-from-outside";
    let first = format!("https://a.example:8443/{token}/feed?key={token}");
    assert_eq!(address(0), Some(first.as_str()));
    assert_eq!(address(1), Some("https://a.example/pr1vate/feed"));
    assert_eq!(address(2), None);
    let debug = format!("{config:?}");
    assert!(!debug.contains(token) && !debug.contains("pr1vate"), "{debug}");
    check(&[
        ("[[feeds]]\nurl = 'https://a.example/'\nprivate = true".to_owned(), "is missing", "name"),
        ("[[feeds]]\nurl = 'https://${TOKEN}/'".to_owned(), "is missing", "name"),
        ("[[feeds]]\nurl = 'https://a.example/${NONE}'".to_owned(), "NONE is not set", "$$"),
    ]);
}

#[test]
fn cron_is_in_the_zone_of_the_schedule_else_of_the_file_else_of_the_machine() {
    let cron = "[[feeds]]\nurl = 'https://a.example/'\ncron = '0 6 * * *'\n";
    let (tokyo, new_york) =
        ("timezone = 'Asia/Tokyo'\n", "[schedule]\ntimezone = 'America/New_York'\n");
    for (text, expected, shown) in [
        (cron.to_owned(), "UTC", "UTC"),
        ([tokyo, cron].concat(), "Asia/Tokyo", "Asia/Tokyo"),
        ([new_york, cron].concat(), "America/New_York", "UTC"),
        ([tokyo, new_york, cron].concat(), "America/New_York", "Asia/Tokyo"),
    ] {
        let config = load_text(&text).unwrap();
        let Cadence::Cron(cron) = &config.feeds[0].settings.policy.cadence else {
            panic!("{text}")
        };
        assert_eq!((cron.zone().name(), config.zone.name()), (expected, shown), "{text}");
    }
    check(&[("timezone = 'Berlin'".to_owned(), "no such time zone", "Europe/Berlin")]);
}

#[test]
fn a_feed_names_a_proxy_of_its_own_or_none() {
    for (written, expected) in [
        ("", None),
        ("proxy = ''", Some(ProxyChoice::Direct)),
        ("proxy = 'none'", Some(ProxyChoice::Direct)),
        ("proxy = 'DIRECT'", Some(ProxyChoice::Direct)),
        (
            "proxy = 'http://p.example:3128'",
            Some(ProxyChoice::Via(Secret::new("http://p.example:3128/".to_owned()))),
        ),
    ] {
        let text = format!("[[feeds]]\nurl = 'https://a.example/'\n{written}\n");
        let config = load_text(&text).unwrap();
        assert_eq!(config.feeds[0].settings.request.proxy, expected, "{written}");
    }
}

#[test]
fn a_feed_gets_from_schedule_and_fetch_what_it_does_not_say() {
    let text = r#"
include = ["feeds.d/*.toml", "feeds.d/b.toml", "*.toml", "none/*.toml"]
[store]
path = "${FOLDER}/news.db"
[schedule]
cron = "0 6 * * *"
timezone = "Europe/Berlin"
min = "1h"
[fetch]
max_entries = 50
max_body = "1MiB"
proxy = "socks5h://127.0.0.1:9050"
[[feeds]]
url = "file:samples/my%20feed.xml"
[[exports]]
path = "out.csv"
format = "csv"
on_change = true
since = 2024-08-20
tags = ["world"]
"#;
    let a = "[[feeds]]\nurl = 'https://a.example/'\nevery = '5m'\nmax_entries = 7\n";
    let b = "[[feeds]]\nurl = 'HTTPS://B.example'\ntags = ['x', 'y', 'x']\n";
    let files = [("gazetted.toml", text), ("feeds.d/a.toml", a), ("feeds.d/b.toml", b)];
    let folder = folder(&files);
    let config = load_in(folder.path()).unwrap();
    assert_eq!(config.store.location, Location::file("/secrets/news.db"));
    assert_eq!(config.fetch.max_body, 1 << 20);
    let [sample, a, b] = config.feeds.as_ref() else { panic!("{config:?}") };
    let file = sample.spec.url.as_url().to_file_path().unwrap();
    assert_eq!(file, folder.path().join("samples/my feed.xml"));
    for feed in [sample, b] {
        let Cadence::Cron(cron) = &feed.settings.policy.cadence else { panic!("{feed:?}") };
        assert_eq!((cron.as_str(), cron.zone().name()), ("0 6 * * *", "Europe/Berlin"));
        assert_eq!(
            (feed.settings.policy.min, feed.settings.max_entries),
            (TimeDelta::hours(1), 50)
        );
    }
    assert_eq!(a.settings.policy.cadence, Cadence::Every(TimeDelta::minutes(5)));
    assert_eq!(a.settings.max_entries, 7);
    assert_eq!(b.spec.url.as_str(), "https://b.example/");
    assert_eq!(b.spec.tags.as_ref(), ["x", "y"]);
    let [export] = config.exports.as_slice() else { panic!("{config:?}") };
    let Target::File(file) = &export.target else { panic!("{export:?}") };
    assert_eq!(file.path, folder.path().join("out.csv"));
    assert_eq!((&file.shape, &export.trigger), (&Shape::Format(Format::Csv), &Trigger::OnChange));
    assert_eq!(export.query.since, Some(When::At("2024-08-20T00:00:00Z".parse().unwrap())));
    assert_eq!(export.query.tags, ["world"]);
}

#[test]
fn full_text_is_set_for_a_feed_for_tags_or_for_all_and_rules_of_the_feed_come_first() {
    let text = "
        [full_text]
        tags = ['whole']
        mode = 'fast'
        refresh = '1h'
        obey_robots = false
        [[full_text.sites]]
        host = 'Example.org'
        select = '.body'
        [[full_text.sites]]
        host = 'blog.example.org'
        remove = ['.promo']
        [[feeds]]
        url = 'https://a.example/'
        tags = ['whole']
        [[feeds]]
        url = 'https://b.example/'
        select = 'main'
        [[feeds]]
        url = 'https://c.example/'
        tags = ['whole']
        full_text = false
        [[feeds]]
        url = 'https://d.example/'
        full_text = true";
    let fetched = |text: &str| -> Vec<bool> {
        load_text(text).unwrap().feeds.iter().map(|feed| feed.settings.full_text).collect()
    };
    assert_eq!(fetched(text), [true, false, false, true]);
    let all = text.replacen("tags = ['whole']", "all = true", 1);
    assert_eq!(fetched(&all), [true, true, false, true]);
    let config = load_text(text).unwrap();
    assert_eq!(config.full_text.refresh, TimeDelta::hours(1));
    assert!(!config.full_text.obey_robots);
    let select = |feed: usize, host: &str| {
        config.full_text.rules_for(&config.feeds[feed].settings, host).select
    };
    assert_eq!(select(0, "example.org").as_deref(), Some(".body"));
    assert_eq!(select(0, "www.example.org").as_deref(), Some(".body"));
    assert_eq!(select(0, "notexample.org"), None);
    assert_eq!(select(1, "example.org").as_deref(), Some("main"), "the feed's own");
    let of_blog = config.full_text.rules_for(&config.feeds[0].settings, "blog.example.org");
    assert_eq!((of_blog.select, of_blog.remove), (None, vec![".promo".to_owned()]));
}

#[test]
fn a_listener_is_on_this_machine_or_has_a_token_or_is_public() {
    for (text, listen, has_token, public) in [
        ("[server]", "127.0.0.1:7878", false, false),
        ("[server]\nlisten = 'localhost:80'", "127.0.0.1:80", false, false),
        ("[server]\nlisten = '[::1]:0'", "[::1]:0", false, false),
        ("[server]\nlisten = '127.9.9.9:${PORT}'", "127.9.9.9:8080", false, false),
        ("[server]\nlisten = '0.0.0.0:80'\npublic = true", "0.0.0.0:80", false, true),
        ("[server]\nlisten = '[::]:80'\ntoken = '${TOKEN}'", "[::]:80", true, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gazetted.toml");
        std::fs::write(&path, text).unwrap();
        let environment = |name: &str| match name {
            "PORT" => Some("8080".to_owned()),
            "TOKEN" => Some("t0ken-of-some-length".to_owned()),
            _ => None,
        };
        let config = gazetted::config::load(&path, &environment, chrono::DateTime::UNIX_EPOCH);
        let config = config.unwrap_or_else(|errors| panic!("{text}: {errors}"));
        assert!(!format!("{config:?}").contains("t0ken"), "{config:?}");
        let server = config.server.unwrap();
        assert_eq!(server.listen.to_string(), listen, "{text}");
        assert_eq!((server.token.is_some(), server.public), (has_token, public), "{text}");
    }
}

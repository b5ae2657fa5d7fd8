//! `check` and `init`, and where the configuration is found.

use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, finish};
use crate::support::server::{Page, Server};
use crate::support::store_is_file;

/// A fault in each line that ends with a mark.
const FAULTY: &str = "\
colour = 1 #!
[store]
path = 7 #!
[schedule]
every = \"soon\" #!
timezone = \"Europe/Berlinn\" #!
[fetch]
timeout = \"0s\" #!
max_body = \"16XB\" #!
concurrency = 0 #!
[[feeds]]
url = \"ftp://a.example/x\" #!
[[feeds]]
url = \"http://a.example/x\"
evry = \"10m\" #!
cron = \"61 * * * *\" #!
[[feeds]]
url = \"http://a.example/x\" #!
headers = { \"bad name\" = \"x\" } #!
[[feeds]] #!
name = \"no url\"
[[feeds]]
url = \"http://b.example/\"
headers = { X-Key = \"${NOT_SET_ANYWHERE}\" } #!
[[exports]]
path = \"a.json\"
format = \"yaml\" #!
every = \"5m\"
";

#[test]
fn all_faults_are_reported_at_once_with_their_lines() {
    let home = Home::empty();
    home.write_config(FAULTY);
    let ran = home.run(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(78), ""));
    let marked = FAULTY.lines().zip(1..).filter(|(line, _)| line.ends_with("#!"));
    let lines: Vec<u64> = marked.map(|(_, n)| n).collect();
    for n in &lines {
        let place = format!("{}:{n}:", home.path("gazetted.toml").display());
        assert!(ran.err.contains(&place), "line {n}: {}", ran.err);
    }
    for hint in ["did you mean `every`?", "did you mean `Europe/Berlin`?", "NOT_SET_ANYWHERE"] {
        assert!(ran.err.contains(hint), "{hint}: {}", ran.err);
    }
    assert!(ran.err.contains(&format!("{} faults in 1 file", lines.len())), "{}", ran.err);

    let json = home.run(&["check", "--json"]);
    assert_eq!(json.code, Some(78));
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let faults = report["faults"].as_array().unwrap();
    let told: Vec<u64> = faults.iter().map(|fault| fault["line"].as_u64().unwrap()).collect();
    assert_eq!((told, &report["ok"]), (lines, &false.into()));
    assert!(!home.has_store());
}

#[test]
fn faults_of_an_included_file_name_that_file() {
    let home = Home::new("include = [\"more/*.toml\", \"missing.toml\"]\n");
    fs::create_dir(home.path("more")).unwrap();
    fs::write(home.path("more/a.toml"), "[[feeds]]\nurl = \"nonsense\"\n").unwrap();
    fs::write(home.path("more/b.toml"), "[store]\npath = \"x.db\"\n").unwrap();
    let ran = home.run(&["check"]);
    assert_eq!(ran.code, Some(78));
    for place in ["more/a.toml:2:", "more/b.toml:1:", "gazetted.toml:1:"] {
        assert!(ran.err.contains(place), "{place}: {}", ran.err);
    }
}

#[test]
fn every_command_refuses_a_faulty_configuration() {
    let home = Home::new("[[feeds]]\nurl = \"nonsense\"\n");
    for command in [
        &["run"][..],
        &["poll"],
        &["export"],
        &["feeds"],
        &["status"],
        &["db", "check"],
        &["inspect", "gazetted.toml"],
    ] {
        let ran = home.run(command);
        assert_eq!(ran.code, Some(78), "{command:?}: {ran:#?}");
        assert!(ran.err.contains("gazetted.toml:2:7"), "{command:?}: {}", ran.err);
    }
    assert_eq!(home.files(), ["gazetted.toml"]);
}

#[test]
fn without_a_configuration_the_error_lists_the_places_searched() {
    let home = Home::empty();
    for command in [&["check"][..], &["poll"], &["run"], &["export"]] {
        let ran = home.run(command);
        assert_eq!(ran.code, Some(78), "{ran:#?}");
        for place in ["gazetted.toml", ".config/gazetted/gazetted.toml"] {
            let place = home.folder().canonicalize().unwrap().join(place);
            assert!(ran.err.contains(place.to_str().unwrap()), "{}", ran.err);
        }
        assert!(ran.err.contains("gazetted init"), "{}", ran.err);
    }
    let named = home.run(&["check", "--config", "elsewhere.toml"]);
    assert_eq!(named.code, Some(78));
    assert!(named.err.contains("elsewhere.toml"), "{}", named.err);
}

#[test]
fn the_environment_can_name_the_configuration() {
    let home = Home::empty();
    fs::write(home.path("mine.toml"), "[[feeds]]\nurl = \"https://a.example/\"\n").unwrap();
    let mut command = home.command(&["check"]);
    command.env("GAZETTED_CONFIG", home.path("mine.toml"));
    let ran = finish(command);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.out.contains("mine.toml: ok, 1 feed"), "{}", ran.out);
}

#[test]
fn init_writes_a_valid_configuration_and_never_replaces_one() {
    let home = Home::empty();
    home.ok(&["init"]);
    let written = fs::read_to_string(home.path("gazetted.toml")).unwrap();
    assert_eq!(home.ok(&["init", "--stdout"]), written);
    home.ok(&["check"]);

    home.write_config("# mine\n");
    let again = home.run(&["init"]);
    assert_eq!(again.code, Some(1));
    let said = "gazetted.toml exists already and stays as it is; `gazetted check` reads it";
    assert!(again.err.contains(said) && !again.err.contains("os error"), "{}", again.err);
    assert_eq!(fs::read_to_string(home.path("gazetted.toml")).unwrap(), "# mine\n");
    home.ok(&["init", "--config", "other.toml"]);
    home.ok(&["init", "--config", "deep/er/news.toml", "--pack", "science", "--pack", "deutsch"]);
    let checked = home.ok(&["check", "--config", "deep/er/news.toml"]);
    assert!(checked.contains("ok, 27 feeds"), "{checked}");
    let unknown = home.run(&["init", "--config", "x.toml", "--pack", "cats"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("world, tech"), "{unknown:?}");
    assert_eq!(fs::read_to_string(home.path("other.toml")).unwrap(), written);
}

#[test]
fn doctor_finds_what_is_wrong_and_says_what_to_do() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("F", &[item(1)])));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let feed = |path: &str| format!("[[feeds]]\nurl = \"{}\"\n", server.url(path));
    let listen = |port: u16| format!("[server]\nlisten = \"127.0.0.1:{port}\"\n");
    let missing = "[[feeds]]\nurl = \"https://no-such-name.invalid/f\"\n";
    for (config, failed) in [
        (String::new(), &[][..]),
        (feed("/f"), &[]),
        (listen(0) + &feed("/f"), &[]),
        (feed("/none"), &["one feed"]),
        (listen(port) + &feed("/f"), &["port"]),
        (missing.to_owned(), &["DNS", "one feed"]),
        ("[store]\npath = \"bad.db\"\n".to_owned(), &["store"]),
    ] {
        if failed == ["store"] && !store_is_file() {
            continue;
        }
        let home = Home::new(&config);
        fs::write(home.path("bad.db"), "no database").unwrap();
        let ran = home.run(&["doctor", "--json"]);
        let checks: Vec<serde_json::Value> = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(checks.len(), 8);
        // The machine may have no certificates.
        let bad = checks
            .iter()
            .filter(|check| check["result"] == "failed" && check["check"] != "TLS roots");
        assert!(bad.clone().all(|check| check["remedy"].is_string()), "{}", ran.out);
        let bad: Vec<&str> = bad.map(|check| check["check"].as_str().unwrap()).collect();
        assert_eq!(bad, failed, "{config}: {}", ran.out);
        let any = checks.iter().any(|check| check["result"] == "failed");
        assert_eq!(ran.code, Some(i32::from(any)), "{config}");
        let shown = home.run(&["doctor"]);
        let lines = shown.out.lines().filter(|line| line.starts_with("failed "));
        assert!(failed.len() <= lines.count() && shown.out.starts_with("ok "), "{}", shown.out);
        assert!(!home.has_store(), "nothing is stored");
    }
    let home = Home::new("[[feeds]]\nurl = \"fil:x\"\n");
    assert_eq!(home.run(&["doctor"]).code, Some(78));
}

#[test]
fn check_shows_what_would_change_and_changes_nothing() {
    let home = Home::new("[[feeds]]\nurl = \"file:a.xml\"\n[[feeds]]\nurl = \"file:b.xml\"\n");
    for name in ["a.xml", "b.xml", "c.xml"] {
        fs::write(home.path(name), rss(name, &[item(1)])).unwrap();
    }
    home.poll();
    home.configure(
        "[[feeds]]\nurl = \"file:b.xml\"\nname = \"Bee\"\nenabled = false\n\
         [[feeds]]\nurl = \"file:c.xml\"\n",
    );
    let report = home.json(&["check", "--diff", "--json"]);
    let [a, b, c] = ["a.xml", "b.xml", "c.xml"]
        .map(|name| url::Url::from_file_path(home.folder().join(name)).unwrap().to_string());
    assert_eq!(
        report["diff"],
        serde_json::json!({
            "added": [c], "removed": [[a, 1]], "enabled": [], "disabled": [b],
            "renamed": [[b, "b.xml", "Bee"]], "moved": [],
        })
    );
    let text = home.ok(&["check", "--diff"]);
    for line in [format!("+ {c}"), format!("- {a} (keeps its 1 article)")] {
        assert!(text.contains(&line), "{text}");
    }
    assert_eq!(home.json(&["check", "--diff", "--json"]), report, "looking changed nothing");
}

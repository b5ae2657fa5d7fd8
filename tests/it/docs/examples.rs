//! Runs the examples of docs/ that are no sessions: commands in `sh` blocks, configurations in `toml` blocks, and recipes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{blocks, pages, path};
use crate::duplicates::{document, story};
use crate::stories::polled;
use crate::support::feeds::{Item, item, rss};
use crate::support::program::{Home, Running, finish};
use crate::support::server::{Page, Server};
use crate::support::skip;
use crate::support::wait_for;

/// Programs whose commands are for another place: they build or install gazetted, or measure it.
const NOT_HERE: [&str; 6] = ["apt", "cargo", "install", "just", "rustup", "systemctl"];

/// Writes a program of this name that reads its input and notes its arguments in the file `calls`.
fn stand_in(home: &Home, name: &str, script: &str) {
    let folder = home.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let script =
        format!("#!/bin/sh\necho {name} \"$@\" >> '{}'\n{script}\n", home.path("calls").display());
    fs::write(folder.join(name), script).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn calls(home: &Home) -> String {
    fs::read_to_string(home.path("calls")).unwrap_or_default()
}

fn with_stand_ins(mut command: Command, home: &Home) -> Command {
    command.env("PATH", format!("{}:{}", home.path("bin").display(), path()));
    command
}

/// A store with stories, and with an article that two feeds have.
fn store() -> (Server, Home) {
    let (server, home) = polled("");
    for host in ["world", "agency"] {
        server.put(&format!("/{host}"), Page::ok(document(host, &[story(host, 1)])));
    }
    server.put("/world.xml", Page::ok(rss("Example World", &[item(1)])));
    server.put("/other.xml", Page::ok(rss("Other", &[item(2)])));
    for page in ["/", "/rust-lang/rust", "/channel/UCaYhcUwRBNscFNUKTjgPFiA"] {
        let name = page.rsplit('/').next().unwrap();
        server.put(&format!("/{name}.rss"), Page::ok(rss(&format!("Of {name}"), &[item(3)])));
        let link = format!("<link rel=alternate type='application/rss+xml' href='/{name}.rss'>");
        server.put(page, Page::ok(format!("<!doctype html><html><head>{link}</head></html>")));
    }
    let config = fs::read_to_string(home.path("gazetted.toml")).unwrap();
    let world = format!(
        "[[feeds]]\nurl = \"{}\"\nname = \"Example World\"\ntags = [\"world\"]\n",
        server.url("/world")
    );
    let agency =
        format!("[[feeds]]\nurl = \"{}\"\nname = \"Example News\"\n", server.url("/agency"));
    home.configure(&config.replacen("[[feeds]]", &format!("{world}{agency}[[feeds]]"), 1));
    home.poll();
    home.ok(&["export", "--consumer", "mail", "--limit", "1"]);
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/config/templates");
    fs::create_dir_all(home.path("config/templates")).unwrap();
    for entry in fs::read_dir(templates).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, home.path("config/templates").join(from.file_name().unwrap())).unwrap();
    }
    let outline = format!("<outline text='A' xmlUrl='{}'/>", server.url("/other.xml"));
    fs::write(home.path("subscriptions.opml"), format!("<opml><body>{outline}</body></opml>"))
        .unwrap();
    (server, home)
}

/// The command with the ids and addresses of this store in place of those of the documentation.
fn here(line: &str, server: &Server, home: &Home) -> String {
    let mut line = line.to_owned();
    if [" 4a7", " 1f", " 2c"].iter().any(|word| line.contains(word)) {
        let stories = home.json(&["stories", "--json"]);
        let story_id = |n: usize| stories[n]["id"].as_str().unwrap_or_default().to_owned();
        let in_story = home.json(&["export", "--story", &story_id(0), "--format", "json"]);
        let merged = home.json(&["merges", "list", "--json"]);
        let id = |article: &Value| article["id"].as_str().unwrap_or_default().to_owned();
        let second = if line.contains("merges") { &merged[0]["duplicate"] } else { &in_story[1] };
        for (word, id) in [
            (" 4a7", story_id(0)),
            (" 5b0", story_id(1)),
            (" 1f", id(&in_story[0])),
            (" 2c", id(second)),
        ] {
            line = line.replace(word, &format!(" {id}"));
        }
    }
    let line = line.replace("add example.org ", "add https://example.org/ ");
    let hosts = ["example.org", "example.net", "github.com", "www.youtube.com"];
    let url = server.url("");
    hosts.iter().fold(line, |line, host| line.replace(&format!("https://{host}"), &url))
}

#[test]
fn every_command_of_a_shell_example_works() {
    let (server, home) = store();
    for name in ["mail", "send-mail"] {
        stand_in(&home, name, "cat > /dev/null");
    }
    for name in ["duckdb", "editor", "python3"] {
        stand_in(&home, name, "");
    }
    let mut run = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap().replace("\\\n", " ");
        let lines = blocks(&text, "sh").into_iter().flat_map(str::lines);
        // A line that begins with a comment continues the comment of the line above it.
        let lines =
            lines.filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        let lines = lines.map(|line| line.strip_prefix("sudo ").unwrap_or(line));
        for line in lines.filter(|line| !NOT_HERE.contains(&line.split(' ').next().unwrap())) {
            let line = here(line, &server, &home);
            if line.contains("| jq ") && !has("jq") {
                skip("jq and curl");
                continue;
            }
            let mut command = with_stand_ins(Command::new("sh"), &home);
            command.args(["-c", &line]).current_dir(home.folder()).stdin(Stdio::null());
            let ran = finish(command);
            assert_eq!(ran.code, Some(0), "{}: {line}: {ran:#?}", page.display());
            run += 1;
        }
    }
    assert!(25 < run, "{run} commands");
}

fn has(program: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("command -v {program}")]).env("PATH", path());
    finish(command).code == Some(0)
}

#[test]
fn every_configuration_in_the_documentation_is_accepted() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let list = blocks(&text, "csv").first().copied().unwrap_or_default();
        for block in blocks(&text, "toml").into_iter().filter(|block| !block.contains("{{#")) {
            let home = Home::empty();
            for (name, text) in [
                ("server.token", "0123456789abcdef0123456789abcdef"),
                ("webhook.secret", "0123456789abcdef"),
                ("config/templates/planet.html.j2", "{{ articles }}"),
                ("feeds.csv", list),
            ] {
                fs::create_dir_all(home.path(name).parent().unwrap()).unwrap();
                fs::write(home.path(name), text).unwrap();
            }
            home.configure_exactly(block);
            let mut command = home.command(&["check"]);
            command.env("PATH", path());
            for name in ["EXAMPLE_TOKEN", "EXAMPLE_KEY", "EXAMPLE_HOOK", "HOOK", "SECRET"] {
                command.env(name, "0123456789abcdef");
            }
            let ran = finish(command);
            assert_eq!(ran.code, Some(0), "{}: {block}{ran:#?}", page.display());
            checked += 1;
        }
    }
    assert!(10 < checked, "{checked} configurations");
}

#[test]
fn every_recipe_hands_articles_to_its_program() {
    if !(has("jq") && has("curl") && has("python3")) {
        skip("jq and curl");
        return;
    }
    let server = Server::start();
    let article = Item { title: "@/etc/passwd \"quoted\" \\n & so".to_owned(), ..item(1) };
    server.put("/f", Page::ok(rss("News", &[article])));
    let receivers = ["/", "/botKEY/sendMessage", "/hooks/KEY", "/_bulk"];
    for receiver in receivers {
        server.put(receiver, Page::ok("{\"errors\":false}"));
    }
    let home = Home::empty();
    stand_in(&home, "hugo", "cat site/data/news.json >> calls");
    let local = |text: &str| {
        let hosts =
            ["https://ntfy.example.org", "https://api.telegram.org", "https://chat.example.org"];
        let text =
            hosts.iter().fold(text.to_owned(), |text, host| text.replace(host, &server.url("")));
        text.replace("http://localhost:9200", &server.url(""))
            .replace("every = \"5m\"", "every = \"1s\"")
    };
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/recipes.md");
    let page = fs::read_to_string(page).unwrap();
    fs::write(home.path("bot.py"), local(blocks(&page, "python")[0])).unwrap();
    let hooks = blocks(&page, "toml").into_iter().filter(|block| block.contains("command = "));
    let hooks: String = hooks.map(local).collect();
    let feed = format!("[[feeds]]\nurl = \"{}\"\ntags = [\"world\"]\n", server.url("/f"));
    home.configure(&format!("{feed}{hooks}"));
    let mut command = with_stand_ins(home.command(&["--log-format", "json", "run"]), &home);
    command.env("TELEGRAM", "KEY");
    let daemon = Running::daemon_as(command);
    wait_for("all receivers", || {
        assert!(!daemon.log().contains("delivery failed"), "{}", daemon.log());
        let heard = receivers.iter().all(|receiver| !server.requests(receiver).is_empty());
        (heard && calls(&home).contains("etc/passwd")).then_some(())
    });
    let sent = |receiver: &str| -> Value {
        let body = server.requests(receiver)[0].body.clone();
        serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8(body).unwrap().into())
    };
    let title = "@/etc/passwd \"quoted\" \\n & so";
    assert_eq!(sent("/")["message"], title);
    assert_eq!(sent("/botKEY/sendMessage")["text"], format!("{title}\nhttps://news.example/1"));
    assert_eq!(sent("/hooks/KEY")["text"], format!("News: {title} https://news.example/1"));
    let bulk = sent("/_bulk");
    let lines: Vec<Value> =
        bulk.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["index"]["_id"], lines[1]["id"]);
    assert!(calls(&home).contains("hugo --quiet --source site"), "{}", calls(&home));
}

//! Passwords and tokens are sent only to their server and are never printed.

use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Ran, Running, finish};
use crate::support::server::{Page, Server, nobody};

const PASSWORD: &str = "hunter2-pa55";
const TOKEN: &str = "t0ken-0f-mine";
const FROM_ENVIRONMENT: &str = "env1r0nment-key";
const IN_A_FILE: &str = "f1le-secret";
const PROXY_PASSWORD: &str = "pr0xy-pass";
const ALL: [&str; 5] = [PASSWORD, TOKEN, FROM_ENVIRONMENT, IN_A_FILE, PROXY_PASSWORD];

/// Feeds with a secret of each kind: one feed that works and one that fails for each.
fn config(server: &Server) -> String {
    let (there, nobody) = (server.address(), nobody());
    format!(
        "[fetch]\ntimeout = \"5s\"\n\
         [[feeds]]\nurl = \"http://me:{PASSWORD}@{there}/url\"\n\
         [[feeds]]\nurl = \"http://me:{PASSWORD}@{nobody}/url\"\n\
         [[feeds]]\nurl = \"http://me:{PASSWORD}@{there}/missing\"\n\
         [[feeds]]\nurl = \"http://{there}/header\"\n\
         headers = {{ Authorization = \"Bearer {TOKEN}\", X-Key = \"${{MY_KEY}}\" }}\n\
         [[feeds]]\nurl = \"http://{nobody}/header\"\nheaders = {{ X-Key = \"${{MY_KEY}}\" }}\n\
         [[feeds]]\nurl = \"http://{there}/file\"\n\
         basic_auth = {{ user = \"me\", password_file = \"my.secret\" }}\n\
         [[feeds]]\nurl = \"http://{there}/moved\"\nheaders = {{ X-Key = \"{TOKEN}\" }}\n\
         [[feeds]]\nurl = \"http://{there}/proxied\"\n\
         proxy = \"http://me:{PROXY_PASSWORD}@{nobody}\"\n"
    )
}

fn run(home: &Home, arguments: &[&str]) -> Ran {
    let mut command = home.command(arguments);
    command.env("MY_KEY", FROM_ENVIRONMENT);
    finish(command)
}

#[track_caller]
fn assert_silent(what: &str, said: &[u8]) {
    for secret in ALL {
        let found = said.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{what} tells {secret}: {}", String::from_utf8_lossy(said));
    }
}

#[test]
fn a_secret_reaches_its_server_and_nothing_else() {
    let server = Server::start();
    for path in ["/url", "/header", "/file"] {
        server.put(path, Page::ok(rss(path, &[item(1)])));
    }
    let elsewhere = Server::start();
    elsewhere.put("/", Page::ok(rss("Elsewhere", &[item(1)])));
    server.put("/moved", Page::status(302).header("Location", elsewhere.url("/")));
    let home = Home::new(&config(&server));
    fs::write(home.path("my.secret"), format!("{IN_A_FILE}\n")).unwrap();

    for arguments in [
        &["poll", "--all"][..],
        &["-vv", "poll", "--all"],
        &["-vv", "--log-format", "json", "poll", "--all", "--json"],
        &["feeds"],
        &["feeds", "--json"],
        &["status"],
        &["check"],
        &["check", "--diff", "--json"],
        &["export", "--format", "json"],
        &["export", "--format", "atom", "--output", "out.atom"],
        &["inspect", &server.url("/header")],
        &["inspect", &server.url("/missing")],
        &["db", "stats"],
        &["db", "backup", "copy.db"],
    ] {
        let ran = run(&home, arguments);
        assert!(ran.code.is_some(), "{ran:#?}");
        assert_silent(&format!("{arguments:?}"), (ran.out + &ran.err).as_bytes());
    }
    let mut command = home.command(&["-vv", "run"]);
    let mut daemon = Running::start(command_with_key(&mut command));
    crate::support::wait_for("the daemon", || daemon.log().contains("started").then_some(()));
    daemon.kill();
    assert_silent("the daemon", daemon.said().1.as_bytes());
    for name in home.files() {
        if !["gazetted.toml", "my.secret"].contains(&name.as_str()) {
            assert_silent(&name, &fs::read(home.path(&name)).unwrap());
        }
    }

    let sent = |path: &str, name: &str| -> Vec<String> {
        let requests = server.requests(path).into_iter();
        let value = requests.filter_map(|r| r.header(name).map(<[u8]>::to_vec));
        value.map(|value| String::from_utf8(value).unwrap()).collect()
    };
    // me:hunter2-pa55 and me:f1le-secret in Base64.
    assert_eq!(sent("/url", "authorization")[0], "Basic bWU6aHVudGVyMi1wYTU1");
    assert_eq!(sent("/file", "authorization")[0], "Basic bWU6ZjFsZS1zZWNyZXQ=");
    assert_eq!(sent("/header", "authorization")[0], format!("Bearer {TOKEN}"));
    assert_eq!(sent("/header", "x-key")[0], FROM_ENVIRONMENT);
    assert_eq!(sent("/moved", "x-key")[0], TOKEN);
    assert!(elsewhere.total() != 0);
    for request in elsewhere.all_requests() {
        assert_eq!(request.header("x-key"), None, "another server is told nothing");
    }
}

fn command_with_key(command: &mut std::process::Command) -> std::process::Command {
    command.env("MY_KEY", FROM_ENVIRONMENT);
    std::mem::replace(command, std::process::Command::new(""))
}

#[test]
fn a_faulty_configuration_is_shown_without_its_secrets() {
    let home = Home::new(&format!(
        "[fetch]\nproxy = \"ftp://me:{PROXY_PASSWORD}@p.example\"\n\
         [[feeds]]\nurl = \"ftp://me:{PASSWORD}@a.example/\"\n\
         [[feeds]]\nurl = \"http://b.example/\"\nheaders = {{ \"X Key\" = \"{TOKEN}\" }}\n\
         basic_auth = {{ usr = \"me\", password = \"{PASSWORD}\" }}\n\
         [[feeds]]\nurl = \"http://me:{PASSWORD}@c.example:port/\"\n\
         [[feeds]]\nurl = \"http://d.example/\"\nbasic_auth = {{ user = \"me\", password = {TOKEN} }}\n"
    ));
    for arguments in [&["check"][..], &["check", "--json"], &["-vv", "poll"], &["-vv", "run"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(78), "{ran:#?}");
        assert_silent(&format!("{arguments:?}"), (ran.out + &ran.err).as_bytes());
    }
}

//! Runs the commands of README.md and docs/. Blocks marked as `console` have one command in each line that starts with `$ `;
//! those of one page run in one folder, and each must succeed. The examples in other blocks run with what they need.

mod examples;
mod links;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, finish};
use crate::support::server::{Page, Server};
use crate::support::store_is_file;

/// More feeds than any block configures.
const FEEDS: u32 = 20;

/// What stands for the internet: a page that announces a feed, and feeds.
fn internet() -> Server {
    let server = Server::start();
    let link = "<link rel=alternate type='application/rss+xml' href='/example.xml'>";
    server.put("/", Page::ok(format!("<!doctype html><html><head>{link}</head></html>")));
    server.put("/example.xml", Page::ok(rss("Example News", &[item(1), item(2)])));
    for n in 0..FEEDS {
        server.put(&format!("/{n}.xml"), Page::ok(rss(&format!("Feed {n}"), &[item(100 + n)])));
    }
    server
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// The texts of the blocks that are marked as this language.
fn blocks<'t>(page: &'t str, language: &str) -> Vec<&'t str> {
    let start = format!("```{language}\n");
    let blocks = page.split(&start).skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

fn commands(page: &str) -> Vec<&str> {
    let blocks = blocks(page, "console");
    let lines = blocks.into_iter().flat_map(str::lines);
    lines.filter_map(|line| line.strip_prefix("$ ")).collect()
}

/// The folder of the program, before those of the system.
fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_gazetted"));
    format!("{}:/usr/local/bin:/usr/bin:/bin", program.parent().unwrap().display())
}

/// Replaces the addresses of the configuration by those of the server, which is on loopback.
fn redirect(home: &Home, server: &Server) {
    let Ok(config) = fs::read_to_string(home.path("gazetted.toml")) else { return };
    let mut n = 0;
    let lines = config.lines().map(|line| {
        if line.starts_with("url = \"https://") {
            n += 1;
            return format!("url = \"{}\"\n", server.url(&format!("/{}.xml", n - 1)));
        }
        format!("{line}\n")
    });
    let config: String = lines.collect();
    assert!(n <= FEEDS);
    home.configure(&config);
}

#[test]
fn every_command_of_the_readme_and_the_documentation_works() {
    let mut run = 0;
    for page in pages() {
        let (home, server) = (Home::empty(), internet());
        let outline = format!("<outline text='A' xmlUrl='{}'/>", server.url("/0.xml"));
        let list = format!("<opml version='2.0'><body>{outline}</body></opml>");
        fs::write(home.path("subscriptions.opml"), list).unwrap();
        let text = fs::read_to_string(&page).unwrap();
        for line in commands(&text) {
            if line.contains(" db backup ") && !store_is_file() {
                continue;
            }
            let line = line.replace("https://example.org/", &server.url("/"));
            let mut command = Command::new("sh");
            command.args(["-c", &line]).current_dir(home.folder()).env_clear();
            command.env("PATH", path()).env("TZ", "UTC").env("HOME", home.folder());
            command.stdin(Stdio::null());
            let ran = finish(command);
            assert_eq!(ran.code, Some(0), "{}: {line}: {ran:#?}", page.display());
            redirect(&home, &server);
            run += 1;
        }
    }
    assert!(30 < run, "{run} commands");
}

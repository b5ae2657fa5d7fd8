//! What the daemon serves over HTTP.

mod base;
mod browser;
mod control;
mod events;
mod exports;
mod icons;
mod malicious_clients;
mod other_processes;
mod pages;
mod probes;

use crate::support::feeds::{Item, rss};
use crate::support::http::Site;
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};

/// A daemon that has polled one feed of these items, and serves them to this machine.
struct Served {
    site: Site,
    daemon: Running,
    home: Home,
    server: Server,
}

impl Served {
    /// Has the daemon poll at once.
    fn repoll(&self) {
        let token = ("Authorization", "Bearer token-of-a-test");
        assert_eq!(self.site.ask("POST", "/-/poll?all=true", &[token]).status, 202);
    }
}

fn serve(items: &[Item]) -> Served {
    serve_with(items, "token = 'token-of-a-test'\npublic = true")
}

/// With more lines of `[server]`.
fn serve_with(items: &[Item], more: &str) -> Served {
    let server = Server::start();
    server.put("/f", Page::ok(rss("Harbour News", items)));
    let home = Home::new(&config(&server, more));
    home.ok(&["poll", "--all"]);
    let daemon = Running::daemon(&home);
    Served { site: Site::of(&daemon), daemon, home, server }
}

fn config(server: &Server, more: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{more}\n[schedule]\nevery = \"1h\"\n\
         [[feeds]]\nurl = \"{}\"\ntags = [\"sea\"]\n",
        server.url("/f"),
    )
}

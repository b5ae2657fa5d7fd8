//! The local network fails and comes back.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::wait_for;

/// All of 127.0.0.0/8 are hosts of their own to a client. Hangs up on everybody while it is `gone`.
fn internet(gone: &Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let address = listener.local_addr().unwrap();
    let gone = Arc::clone(gone);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if gone.load(Ordering::SeqCst) {
                continue;
            }
            let Ok(1..) = stream.read(&mut [0; 4096]) else { continue };
            let document = rss("News", &[item(1)]);
            let length = document.len();
            let head = format!("Content-Length: {length}\r\nConnection: close");
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{document}").as_bytes())
                .ok();
        }
    });
    address
}

#[test]
fn no_feed_is_charged_for_our_own_outage_and_all_are_polled_after_it() {
    let gone = Arc::<AtomicBool>::default();
    let port = internet(&gone).port();
    let mut config = "[schedule]\nevery = \"2s\"\n".to_owned();
    for n in 1..=12 {
        writeln!(config, "[[feeds]]\nurl = \"http://127.0.0.{n}:{port}/\"").unwrap();
    }
    let home = Home::new(&config);
    home.poll();
    gone.store(true, Ordering::SeqCst);
    let daemon = Running::daemon(&home);
    let message =
        "most hosts cannot be reached: our own network is down, no feed is charged for it";
    daemon.wait_for_event(message);
    wait_for("nobody charged", || home.failures().iter().all(|n| *n == 0.0).then_some(()));
    gone.store(false, Ordering::SeqCst);
    daemon.wait_for_event("the network is back");
    assert_eq!(home.failures(), [0.0; 12]);
    let told = daemon.events().iter().filter(|event| event["message"] == message).count();
    assert_eq!(told, 1);
}

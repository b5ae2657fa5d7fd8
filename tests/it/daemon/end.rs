//! The end of the daemon after a signal.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, Running};
use crate::support::server::{Page, Server};
use crate::support::{skip, wait_for};

/// Less than a request may take, and more than the five seconds that the specification grants: a machine that
/// does much else is no fault of the daemon.
const GRANTED: Duration = Duration::from_secs(15);

#[test]
fn sigterm_ends_it_in_time_though_a_server_does_not_answer() {
    let server = Server::start();
    server.put("/stalled", Page::stalled());
    server.put("/slow", Page::ok(rss("Slow", &[item(1)])).after(Duration::from_secs(1)));
    let home = Home::with_feeds(&[server.url("/stalled"), server.url("/slow")]);
    let mut daemon = Running::daemon(&home);
    wait_for("both requests", || (server.total() == 2).then_some(()));
    let told = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    let took = told.elapsed();
    assert!(took < GRANTED, "{took:?}");

    let events = daemon.events();
    let of = |message: &str| events.iter().find(|event| event["message"] == message).unwrap();
    assert_eq!(of("stopping")["because"], "SIGTERM");
    assert_eq!(of("stopped")["abandoned"], 1);
    // The one that could still end was stored, the other is due.
    assert_eq!(home.each("title"), ["Title 1"]);
    server.put("/stalled", Page::ok(rss("Stalled", &[item(2)])));
    assert_eq!(home.json(&["poll", "--json"])["polled"], 1);
}

#[test]
fn an_idle_daemon_ends_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = Server::start();
        server.put("/f", Page::ok(rss("News", &[item(1)])));
        let home = Home::with_feeds(&[server.url("/f")]);
        let mut daemon = Running::daemon(&home);
        wait_for("the article", || (home.articles().len() == 1).then_some(()));
        daemon.signal(signal);
        assert_eq!(daemon.wait(), Some(0), "{signal}");
        assert_eq!(daemon.events().last().unwrap()["message"], "stopped");
    }
}

#[test]
fn a_second_sigint_ends_the_daemon_at_once() {
    let server = Server::start();
    server.put("/f", Page::stalled());
    let home = Home::with_feeds(&[server.url("/f")]);
    let mut daemon = Running::daemon(&home);
    wait_for("the request", || (server.total() == 1).then_some(()));
    let told = Instant::now();
    daemon.signal(Signal::SIGINT);
    daemon.wait_for_event("stopping");
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.wait(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(4), "it did not wait for the server");
}

#[test]
fn an_interrupted_poll_keeps_what_it_has_and_gives_back_the_rest() {
    let server = Server::start();
    server.put("/stalled", Page::stalled());
    server.put("/good", Page::ok(rss("Good", &[item(1)])));
    let home = Home::with_feeds(&[server.url("/stalled"), server.url("/good")]);
    let mut poll = Running::start(home.command(&["poll", "--json"]));
    wait_for("both requests", || (server.total() == 2).then_some(()));
    wait_for("the article", || (home.articles().len() == 1).then_some(()));
    poll.signal(Signal::SIGINT);
    assert_eq!(poll.wait(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&poll.said().0).unwrap();
    assert_eq!((&report["polled"], &report["added"]), (&1.into(), &1.into()));
    assert_eq!(home.leases(), 0);
}

/// A named pipe.
fn pipe(home: &Home, name: &str) {
    assert!(Command::new("mkfifo").arg(home.path(name)).status().unwrap().success());
}

#[track_caller]
fn ends_in_time(daemon: &mut Running) {
    let told = Instant::now();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    assert!(told.elapsed() < GRANTED, "{:?}", told.elapsed());
}

/// Runs the daemon in namespaces of its own. Returns `None` where the system forbids them.
fn isolated(home: &Home, options: &[&str], script: &str) -> Option<Running> {
    let program = home.command(&["--log-format", "json", "-v", "run"]);
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(options).args(["sh", "-c", &format!("{script} exec \"$@\""), "sh"]);
        command.current_dir(home.folder());
        command
    };
    if !unshare("").arg("true").status().is_ok_and(|status| status.success()) {
        skip("namespaces (unshare)");
        return None;
    }
    let mut command = unshare(script);
    command.arg(program.get_program()).args(program.get_args());
    command.env_clear().env("HOME", home.folder()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    Some(Running::daemon_as(command))
}

/// A file of host names that is a pipe without a writer: each lookup of a name waits for ever.
#[test]
fn sigterm_ends_it_in_time_though_lookups_of_names_never_end() {
    let home = Home::with_feeds(&["http://feeds.example/rss".to_owned()]);
    pipe(&home, "hosts");
    let script = "mount --bind hosts /etc/hosts || exit 99;";
    let Some(mut daemon) = isolated(&home, &["-rm"], script) else { return };
    thread::sleep(Duration::from_secs(2)); // The lookup begins.
    ends_in_time(&mut daemon);
}

#[test]
fn an_export_to_a_pipe_waits_for_its_reader_and_not_beyond_the_end() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let home = Home::new(&format!(
        "[[exports]]\npath = \"out.json\"\nformat = \"json\"\nevery = \"1h\"\n[[feeds]]\nurl = \"{}\"\n",
        server.url("/f")
    ));
    home.poll();
    pipe(&home, "out.json");
    let mut daemon = Running::daemon(&home);
    let threads = || {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
        line.trim().parse::<usize>().unwrap()
    };
    let reloads = |n: usize| {
        for n in 1..=n {
            let reloaded =
                |event: &&serde_json::Value| event["message"] == "configuration reloaded";
            daemon.signal(Signal::SIGHUP);
            wait_for("a reload", || {
                (n <= daemon.events().iter().filter(reloaded).count()).then_some(())
            });
        }
    };
    let before = threads();
    reloads(12);
    // Idle threads end after ten seconds.
    wait_for("the end of the threads", || (threads() < before + 4).then_some(()));
    // The reader gets the export, although it is late.
    assert!(fs::read_to_string(home.path("out.json")).unwrap().contains("Title 1"));
    reloads(1);
    ends_in_time(&mut daemon);
}

/// Each file that the configuration names may become a pipe without a writer, and so may the configuration itself.
#[test]
fn a_pipe_in_the_place_of_any_file_of_the_configuration_is_a_fault_and_blocks_nothing() {
    let config = "include = [\"more.toml\"]\n[server]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"token\"\n\
        [[exports]]\npath = \"out\"\nformat = \"template=page.j2\"\nevery = \"1h\"\n\
        [fetch]\nca_file = \"ca.pem\"\n";
    let ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let files = [
        ("more.toml", ""),
        ("token", "t0ken-t0ken"),
        ("page.j2", "x"),
        ("ca.pem", ca),
        ("gazetted.toml", ""),
    ];
    for (name, _) in files {
        let home =
            Home::new(if name == "ca.pem" { "" } else { config.split("[fetch]").next().unwrap() });
        files.iter().filter(|(file, _)| *file != "gazetted.toml").for_each(|(file, text)| {
            fs::write(home.path(file), text).unwrap();
        });
        let mut daemon = Running::daemon(&home);
        if name == "ca.pem" {
            home.configure(config);
        }
        fs::remove_file(home.path(name)).unwrap();
        pipe(&home, name);
        daemon.signal(Signal::SIGHUP);
        wait_for("the fault", || {
            let events = daemon.events();
            let error = |event: &serde_json::Value| {
                event["error"].as_str().is_some_and(|text| text.contains("not a regular file"))
            };
            events.iter().any(error).then_some(())
        });
        ends_in_time(&mut daemon);
        let started = home.run(&["run"]);
        assert_eq!(started.code, Some(78), "{name}: {}", started.err);
        assert!(started.err.contains("not a regular file"), "{name}: {}", started.err);
    }
}

/// The state and the parent of each process.
fn processes() -> Vec<(u32, char, u32)> {
    let stats = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let text = fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let (pid, rest) = (text.split(' ').next()?.parse().ok()?, text.rsplit_once(") ")?.1);
        let mut fields = rest.split(' ');
        Some((pid, fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
    });
    stats.collect()
}

#[test]
fn what_a_command_leaves_behind_is_no_zombie_of_the_first_process_of_a_container() {
    let server = Server::start();
    server.put("/f", Page::ok(rss("News", &[item(1)])));
    let script = "cat > seen; (sleep 1; touch left) &";
    let home = Home::new(&format!(
        "[[exports]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\nconsumer = \"a\"\non_change = true\n\
         [[feeds]]\nurl = \"{}\"\n",
        server.url("/f")
    ));
    let options = ["-rpf", "--kill-child", "--mount-proc"];
    let Some(mut daemon) = isolated(&home, &options, "") else { return };
    let first = processes().iter().find(|process| process.2 == daemon.id()).unwrap().0;
    wait_for("the end of what was left", || home.path("left").exists().then_some(()));
    wait_for("the end of the zombie", || {
        let of_first = processes().into_iter().filter(|process| process.2 == first);
        (of_first.count() == 0).then_some(())
    });
    kill(Pid::from_raw(i32::try_from(first).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(daemon.wait(), Some(0));
}

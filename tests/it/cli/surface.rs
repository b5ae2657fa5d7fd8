//! Colours, completions, the manual, and the way commands are used.

use std::fs;

use crate::support::feeds::{item, rss};
use crate::support::program::{Home, finish};

const COMMANDS: [&str; 11] = [
    "run",
    "poll",
    "export",
    "feeds",
    "inspect",
    "check",
    "status",
    "db",
    "init",
    "completions",
    "man",
];

fn home() -> Home {
    let home =
        Home::new("[[feeds]]\nurl = \"file:news.xml\"\n[[feeds]]\nurl = \"file:none.xml\"\n");
    fs::write(home.path("news.xml"), rss("News", &[item(1)])).unwrap();
    home.poll_with_failures();
    home
}

#[test]
fn colours_are_written_only_if_wanted() {
    let home = home();
    let colored = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command(arguments);
        command.envs(variables.iter().copied());
        let ran = finish(command);
        (ran.out.contains('\u{1b}'), ran.err.contains('\u{1b}'))
    };
    let forced = ("CLICOLOR_FORCE", "1");
    for (arguments, variables, expected) in [
        (&["poll", "--all"][..], &[][..], false),
        (&["poll", "--all", "--color", "always"], &[], true),
        (&["poll", "--all", "--color", "always"], &[("NO_COLOR", "1")], true),
        (&["poll", "--all"], &[forced], true),
        (&["poll", "--all"], &[forced, ("NO_COLOR", "1")], false),
        (&["poll", "--all", "--color", "never"], &[forced], false),
        (&["-vv", "poll", "--all"], &[], false),
    ] {
        let said = colored(arguments, variables);
        assert_eq!(said, (expected, expected), "{arguments:?} {variables:?}");
    }
    // JSON never contains colours.
    assert!(!colored(&["feeds", "--json", "--color", "always"], &[]).0);
    assert!(!colored(&["export", "--format", "json", "--color", "always"], &[]).0);
}

#[test]
fn completions_are_there_for_each_shell() {
    let home = Home::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(home.run(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn the_manual_has_every_command_and_option() {
    let home = Home::empty();
    let page = home.ok(&["man"]);
    let page = page.replace("\\-", "-");
    assert!(page.lines().any(|line| line.starts_with(".TH")), "{page}");
    for command in COMMANDS.iter().chain(&["db check", "db backup", "db stats", "feeds list"]) {
        let section = format!(".SH \"GAZETTED {}\"", command.to_uppercase());
        let plain = section.replace('"', "");
        let there = page.lines().any(|line| line == section || line == plain);
        assert!(there, "{command}: {page}");
    }
    // One page refers to no other page of a command.
    assert!(!page.contains("gazetted-poll(1)"), "{page}");
    for option in ["--config", "--log-format", "--since", "--output", "--diff", "--all"] {
        assert!(page.contains(option), "{option}");
    }
}

#[test]
fn every_command_and_the_configuration_have_a_page_and_pages_name_only_pages_that_exist() {
    let home = Home::empty();
    home.ok(&["man", "--folder", "deep/man"]);
    let mut names = Vec::new();
    for entry in fs::read_dir(home.path("deep/man")).unwrap() {
        names.push(entry.unwrap().file_name().into_string().unwrap());
    }
    for name in ["gazetted.1", "gazetted-poll.1", "gazetted-feeds-add.1", "gazetted.toml.5"] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
    }
    for name in &names {
        let page = fs::read_to_string(home.path("deep/man").join(name)).unwrap();
        let page = page.replace("\\-", "-");
        assert!(page.lines().any(|line| line.starts_with(".TH")), "{name}: {page}");
        let (file, section) = name.rsplit_once('.').unwrap();
        assert_eq!(home.ok(&["man", file]).replace("\\-", "-"), page, "{name}, section {section}");
        if section == "1" && name != "gazetted.1" {
            let is_leaf = !page.contains(".SH SUBCOMMANDS");
            assert!(!is_leaf || page.contains(".SH EXAMPLES"), "{name}: {page}");
        }
        for section in ["1", "5"] {
            for (end, _) in page.match_indices(&format!("({section})")) {
                let before = page.get(..end).unwrap();
                let other = before.rsplit([' ', '\n', ',']).next().unwrap();
                assert!(names.contains(&format!("{other}.{section}")), "{name} names {other}");
            }
        }
    }
    let configuration = home.ok(&["man", "gazetted.toml"]).replace("\\-", "-");
    for part in ["[[feeds]]", "per_host = 2", "on_change", "quiet_start", "16MiB"] {
        assert!(configuration.contains(part), "{part}: {configuration}");
    }
    assert!(home.ok(&["man", "feeds", "add"]).contains("gazetted"));
    let ran = home.run(&["man", "nonsense"]);
    assert!(ran.code == Some(1) && ran.err.contains("gazetted-nonsense"), "{ran:?}");
}

#[test]
fn the_help_of_every_command_has_examples_and_the_global_options_apart() {
    let home = Home::empty();
    for command in COMMANDS {
        let help = home.ok(&[command, "--help"]);
        if command != "db" {
            assert!(
                help.contains(&format!("Examples:\n  gazetted {command}")) || command == "init",
                "{help}"
            );
        }
        let (own, global) = help.split_once("Global options:").unwrap();
        assert!(!own.contains("--log-format") && global.contains("--log-format"), "{help}");
    }
    assert!(home.ok(&["db", "prune", "--help"]).contains("gazetted db prune --dry-run"));
}

#[test]
fn help_and_wrong_usage_have_their_exit_codes() {
    let home = Home::empty();
    let version = home.ok(&["--version"]);
    assert_eq!(version.trim(), concat!("gazetted ", env!("CARGO_PKG_VERSION")));
    let help = home.ok(&["--help"]);
    for command in COMMANDS {
        assert!(help.contains(command), "{command}: {help}");
        assert!(home.ok(&[command, "--help"]).contains("Usage: gazetted"), "{command}");
    }
    for arguments in [&[][..], &["plop"], &["poll", "--all", "x"], &["-v", "-q", "check"], &["db"]]
    {
        assert_eq!(home.run(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let home = home();
    let ran = home.run(&["-q", "poll", "--all"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("none.xml"), "{}", ran.err);
    let file = home.run(&["-q", "export", "--output", "x.json"]);
    assert_eq!((file.code, file.out + &file.err), (Some(0), String::new()));
}

#[test]
fn a_log_filter_that_cannot_be_read_is_an_error() {
    let home = home();
    let mut command = home.command(&["feeds"]);
    command.env("GAZETTED_LOG", "gazetted=loud");
    let ran = finish(command);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("gazetted=loud"), "{}", ran.err);
}

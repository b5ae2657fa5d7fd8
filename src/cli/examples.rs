//! The examples below `--help` and in the manual pages, and the definition of the command line that has them.

use clap::{CommandFactory as _, builder::StyledStr};

use super::Cli;

/// Command lines without the name of the program, each with what it does, by the name of their command.
type Examples = &'static [(&'static str, &'static [(&'static str, &'static str)])];

const EXAMPLES: Examples = &[
    (
        "run",
        &[
            ("run", "poll, export and serve until SIGTERM"),
            ("-v --log-format json run", "log every poll, as JSON"),
        ],
    ),
    (
        "poll",
        &[
            ("poll", "the feeds that are due"),
            ("poll --all", "every enabled feed"),
            ("poll \"Example World\" https://example.org/feed.xml", "these two, due or not"),
        ],
    ),
    (
        "export",
        &[
            ("export", "a table on a terminal, JSON lines in a pipe"),
            ("export --tag world --since 24h --format markdown", "a digest"),
            ("export --limit 200 --output public/news.atom", "a file, as a whole or not at all"),
            ("export --consumer mail", "what is new since the last run"),
        ],
    ),
    (
        "search",
        &[
            ("search election", "the best matches"),
            ("search '\"press freedom\" -sports' --since 7d", "a phrase, without a word"),
            ("search 'electi*' --newest --json", "a beginning of words, by date, as JSON"),
        ],
    ),
    ("show", &[("show 1f", "an id as search and export show it"), ("show 1f --json", "as JSON")]),
    (
        "changes",
        &[
            ("changes", "the latest edits"),
            ("changes --since 7d --feed \"Example World\"", "of one feed"),
        ],
    ),
    (
        "stories",
        &[
            ("stories", "the events of the last day"),
            ("stories --since 7d --json", "those of a week, with their articles, as JSON"),
        ],
    ),
    ("stories split", &[("stories split 1f 2c", "these articles are about something else")]),
    ("stories merge", &[("stories merge 4a7 5b0", "two stories are one; it keeps the first id")]),
    (
        "extract",
        &[
            ("extract https://example.org/news/1 --format text", "the article of a page"),
            (
                "extract page.html --url https://example.org/news/1 --explain",
                "what was found, and why",
            ),
            ("extract - --format markdown --remove .newsletter", "from standard input"),
        ],
    ),
    ("merges list", &[("merges list --limit 50", "what was taken for one article, and why")]),
    ("merges undo", &[("merges undo 2c", "an article of its own again")]),
    ("consumers list", &[("consumers list", "every consumer and its cursor")]),
    (
        "consumers reset",
        &[
            ("consumers reset mail", "deliver everything again"),
            ("consumers reset mail --to now", "skip what was not delivered"),
        ],
    ),
    ("consumers remove", &[("consumers remove mail", "forget the consumer")]),
    (
        "feeds",
        &[
            ("feeds", "the health of every feed"),
            ("feeds --failing", "only those that fail, with the reasons"),
            ("feeds add example.org --tag world", "the feed behind a page"),
        ],
    ),
    ("feeds list", &[("feeds list --failing --json", "the feeds that fail, as JSON")]),
    (
        "feeds add",
        &[
            ("feeds add example.org", "the feed that the page announces"),
            ("feeds add https://example.org/feed.xml --name News --tag world", "named and tagged"),
            ("feeds add file:feed.xml", "a file in this folder"),
        ],
    ),
    ("feeds remove", &[("feeds remove \"Example World\"", "its articles stay")]),
    (
        "feeds import",
        &[
            ("feeds import subscriptions.opml", "folders become tags"),
            ("feeds import subscriptions.opml --dry-run", "only say what would be added"),
            ("feeds import ~/.newsboat/urls", "the list of newsboat, with its tags"),
        ],
    ),
    ("feeds export", &[("feeds export", "the feeds as OPML")]),
    (
        "feeds move",
        &[(
            "feeds move \"Example World\" https://example.net/world.xml",
            "another address, the same feed",
        )],
    ),
    (
        "feeds reset",
        &[
            ("feeds reset \"Example World\"", "request it without validators, now"),
            ("feeds reset \"Example World\" --host", "also end the pause of its host"),
        ],
    ),
    (
        "explain",
        &[
            ("explain \"Example World\"", "when it is polled next, and why"),
            ("explain 3 --polls 50", "with its last 50 polls"),
        ],
    ),
    (
        "inspect",
        &[
            ("inspect https://example.org/feed.xml", "what would be stored of it"),
            ("inspect feed.xml --json", "of a file, as JSON"),
        ],
    ),
    (
        "check",
        &[
            ("check", "all faults of the configuration"),
            ("check --diff", "what it would change in the store"),
            ("check --online", "request every feed once, store nothing"),
        ],
    ),
    ("simulate", &[("simulate --days 7", "the requests to each host in a week")]),
    (
        "status",
        &[
            ("status", "daemon, feeds, store"),
            ("status --ready", "for a health check: the exit code says whether the daemon is up"),
            ("status --json", "as JSON"),
        ],
    ),
    ("db check", &[("db check", "read and check the whole store")]),
    (
        "db backup",
        &[("db backup gazetted-backup.db", "a consistent copy, also while the daemon runs")],
    ),
    (
        "db copy",
        &[
            ("db copy --to postgres://gazetted@db.example/news", "from a file into PostgreSQL"),
            ("db copy --to-file /etc/gazetted/url", "the same with a URL that nobody may see"),
            ("--config server.toml db copy --to news.db", "back into a file"),
        ],
    ),
    (
        "db prune",
        &[
            ("db prune --dry-run", "how many articles [store] keep would remove"),
            ("db prune --older-than 365d", "remove what is older than a year"),
        ],
    ),
    ("db vacuum", &[("db vacuum", "give free space back to the file system")]),
    ("db stats", &[("db stats --json", "counts and sizes, as JSON")]),
    ("doctor", &[("doctor", "what is wrong with this machine, and what to do")]),
    (
        "init",
        &[
            ("init", "write gazetted.toml here"),
            ("init --pack world --pack tech", "with feeds to start with"),
            ("--config news/gazetted.toml init", "write it into another folder"),
        ],
    ),
    ("completions", &[("completions bash", "the script for bash")]),
    (
        "man",
        &[
            ("man", "all commands in one manual page"),
            ("man gazetted.toml", "the manual page of the configuration"),
            ("man --folder man", "a file for each page"),
        ],
    ),
];

/// The definition of the command line with the examples.
pub(super) fn command() -> clap::Command {
    EXAMPLES.iter().fold(Cli::command(), |command, (name, examples)| {
        let mut path = name.split(' ');
        with_text(command, &mut path, text(examples).into())
    })
}

/// Adds the text to the command that the path names.
fn with_text<'a>(
    command: clap::Command,
    path: &mut impl Iterator<Item = &'a str>,
    text: StyledStr,
) -> clap::Command {
    match path.next() {
        Some(name) => command.mut_subcommand(name, |below| with_text(below, path, text)),
        None => command.after_help(text),
    }
}

/// One line for each example: the command line, and after `#` what it does. If one of them is wider than a terminal, what each
/// does is on a line of its own.
fn text(examples: &[(&str, &str)]) -> String {
    let widest = examples.iter().map(|(line, _)| line.len()).max().unwrap_or_default();
    let longest = examples.iter().map(|(_, what)| what.len()).max().unwrap_or_default();
    let is_wide = COLUMNS < "  gazetted   # ".len() + widest + longest;
    let mut text = "Examples:".to_owned();
    for (line, what) in examples {
        let example = if is_wide {
            format!("\n  gazetted {line}\n      {what}")
        } else {
            format!("\n  gazetted {line:widest$}  # {what}")
        };
        text.push_str(&example);
    }
    text
}

/// The columns of a usual terminal.
const COLUMNS: usize = 80;

/// The examples of a command by its name without that of the program, such as `feeds add`.
pub(super) fn of(name: &str) -> &'static [(&'static str, &'static str)] {
    EXAMPLES.iter().find(|(other, _)| *other == name).map_or(&[], |(_, examples)| examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a command line in which only quotation marks have a meaning.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec!["gazetted".to_owned()];
        let (mut word, mut quote) = (String::new(), None);
        for c in line.chars() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (' ', None) => words.push(std::mem::take(&mut word)),
                (c, _) => word.push(c),
            }
        }
        words.push(word);
        words
    }

    fn commands(command: &clap::Command, name: &str, out: &mut Vec<String>) {
        for below in command.get_subcommands() {
            let name = format!("{name} {}", below.get_name()).trim().to_owned();
            commands(below, &name, out);
            if !below.is_subcommand_required_set() {
                out.push(name);
            }
        }
    }

    #[test]
    fn every_command_has_examples_and_every_example_is_a_valid_command_line() {
        let mut names = Vec::new();
        commands(&Cli::command(), "", &mut names);
        for name in &names {
            assert!(!of(name).is_empty(), "{name} has no example");
        }
        for (name, examples) in EXAMPLES {
            assert!(names.iter().any(|other| other == name), "{name} is no command");
            let text = text(examples);
            assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
            for (line, _) in *examples {
                let parsed = command().try_get_matches_from(words(line));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                assert!(format!(" {line} ").contains(&format!(" {name} ")), "{line}");
            }
        }
    }
}

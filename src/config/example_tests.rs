//! Tests that the configurations delivered with gazetted agree with the code.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::article_page::model::SiteRules;
use crate::config::keys::{
    BASIC_AUTH, EXPORT, FEED, FEED_LIST, FETCH, FULL_TEXT, MAP, ROOT, SCHEDULE, SERVER, SITE, STORE,
};
use crate::config::starter::{PACKS, STARTER, with_packs};
use crate::config::{
    Config, ConfigErrors, DEFAULT_LIMIT, DEFAULT_MAX_ENTRIES, FullTextConfig, load,
};
use crate::domain::location::Location;
use crate::domain::request::{FetchSettings, RequestSpec};
use crate::domain::time::{TimeDelta, Timestamp};
use crate::polling::schedule::Policy;

/// The configurations of the package and of the container image.
const INSTALLED: [&str; 2] =
    [include_str!("../../config/service.toml"), include_str!("../../config/container.toml")];

const EXAMPLE: &str = include_str!("../../config/gazetted.example.toml");

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The key of a line that is commented out as an example: `#key = …`.
fn shown_key(line: &str) -> Option<&str> {
    let (key, _) = line.strip_prefix('#')?.split_once(" = ")?;
    key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(key)
}

/// A folder with the sample configuration and all files that it names.
fn example_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("example.secret"), "s3cret\n").unwrap();
    std::fs::write(folder.path().join("server.token"), "0123456789abcdef\n").unwrap();
    std::fs::write(folder.path().join("store.url"), "postgres://localhost/news\n").unwrap();
    std::fs::write(folder.path().join("webhook.secret"), "0123456789abcdef\n").unwrap();
    std::fs::write(folder.path().join("feeds.csv"), "https://example.org/listed.xml\n").unwrap();
    let list = "<opml><body><outline xmlUrl='https://example.org/outline.xml'/></body></opml>";
    std::fs::write(folder.path().join("feeds.opml"), list).unwrap();
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(folder.path().join("extra-ca.pem"), certificate).unwrap();
    folder
}

fn load_text(folder: &Path, text: &str) -> Result<Config, ConfigErrors> {
    let path = folder.join("gazetted.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, &|name| name.starts_with("EXAMPLE_").then(|| "some-longer-value".to_owned()), NOW)
}

#[test]
fn the_example_shows_every_key_in_its_table_and_no_other() {
    let mut table = "";
    let mut shown: Vec<(&str, &str)> = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(header) = line.strip_prefix('[').or_else(|| line.strip_prefix("#[")) {
            table = header.trim_start_matches('[').trim_end_matches(']');
            let (above, name) = table.rsplit_once('.').unwrap_or(("", table));
            shown.push((above, name));
        } else if let Some(key) = shown_key(line) {
            shown.push((table, key));
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            shown.push((table, key));
        }
    }
    let sections = [
        ("", ROOT),
        ("store", STORE),
        ("schedule", SCHEDULE),
        ("fetch", FETCH),
        ("full_text", FULL_TEXT),
        ("full_text.sites", SITE),
        ("server", SERVER),
        ("feeds", FEED),
        ("feed_lists", FEED_LIST),
        ("exports", EXPORT),
    ];
    for (table, section) in &sections {
        for key in section.keys {
            assert!(shown.contains(&(table, key)), "`{key}` of [{table}] is not in the example");
        }
    }
    for (table, key) in shown {
        let known =
            sections.iter().any(|(name, section)| *name == table && section.keys.contains(&key));
        assert!(known, "`{key}` of [{table}] is in the example, but not in the code");
    }
    for (table, section) in [("basic_auth", &BASIC_AUTH), ("map", &MAP)] {
        for key in section.keys {
            let inside = |line: &str| {
                line.starts_with(&format!("#{table} = {{")) && line.contains(&format!(" {key} = "))
            };
            assert!(EXAMPLE.lines().any(inside), "`{key}` of {table} is not in the example");
        }
    }
}

#[test]
fn the_example_is_what_the_code_does_without_it() {
    let folder = example_folder();
    let bare = "[[feeds]]\nurl = \"https://example.org/world.xml\"\n";
    for text in [EXAMPLE, bare] {
        let config = load_text(folder.path(), text).unwrap();
        assert_eq!(config.path, folder.path().join("gazetted.toml"));
        assert_eq!(config.store.location, Location::file(folder.path().join("gazetted.db")));
        assert_eq!(config.fetch, FetchSettings::default());
        assert_eq!(config.full_text, FullTextConfig::default());
        let [feed] = config.feeds.as_ref() else { panic!("{:?}", config.feeds) };
        assert_eq!(feed.settings.policy, Policy::default());
        assert_eq!(feed.settings.request, RequestSpec::default());
        assert_eq!(feed.settings.max_entries, DEFAULT_MAX_ENTRIES);
        assert!(!feed.settings.full_text && feed.settings.page_rules == SiteRules::default());
        assert_eq!(
            (&feed.spec.name, feed.spec.tags.as_ref(), feed.spec.enabled),
            (&None, &[][..], true)
        );
    }
    let config = load_text(folder.path(), EXAMPLE).unwrap();
    assert_eq!(config.exports.len(), 3);
    for export in config.exports {
        assert_eq!(export.query.limit, Some(DEFAULT_LIMIT));
        assert_eq!((export.query.since, export.query.until), (None, None));
        assert!(export.query.feeds.is_empty() && export.query.tags.is_empty());
    }
}

#[test]
fn every_key_that_the_example_only_shows_is_accepted() {
    let folder = example_folder();
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let bare = format!("{:?}", load_text(folder.path(), EXAMPLE).unwrap());
    let shown: Vec<usize> =
        (0..lines.len()).filter(|index| shown_key(lines[*index]).is_some()).collect();
    assert!(10 < shown.len(), "{shown:?}");
    for index in shown {
        let mut lines = lines.clone();
        lines[index] = lines[index].trim_start_matches('#');
        // The header of its table may be commented out too.
        let header = |line: &str| line.trim_start_matches('#').starts_with('[');
        if let Some(header) = (0..index).rev().find(|index| header(lines[*index])) {
            // An item of a list of tables is commented out as a whole.
            let shown = lines[header].starts_with("#[[");
            for line in
                lines.iter_mut().skip(header + 1).take_while(|line| shown && !line.is_empty())
            {
                *line = shown_key(line).map_or(*line, |_| line.trim_start_matches('#'));
            }
            lines[header] = lines[header].trim_start_matches('#');
        }
        let is_server =
            ["url = \"postgres", "url_file"].iter().any(|key| lines[index].starts_with(key));
        if is_server && let Some(file) = lines.iter_mut().find(|line| line.starts_with("path =")) {
            *file = ""; // One of the two is given.
        }
        if lines[index].starts_with("timezone") {
            // It has an effect on cron lines alone.
            let mut is_shown = false;
            for line in &mut lines {
                if header(line) {
                    is_shown = line.starts_with('#');
                } else if line.starts_with("#cron") && !is_shown {
                    *line = line.trim_start_matches('#');
                }
            }
        }
        match load_text(folder.path(), &lines.join("\n")) {
            Ok(config) => assert_ne!(format!("{config:?}"), bare, "{} has no effect", lines[index]),
            Err(errors) => panic!("{}\n{errors}", lines[index]),
        }
    }
}

#[test]
fn the_starter_is_in_order_and_all_it_shows_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let config = load_text(folder.path(), STARTER).unwrap();
    assert_eq!(config.feeds.len(), 2);
    assert!(config.exports.is_empty());
    let uncommented: Vec<&str> = STARTER
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if shown_key(line).is_some() || rest.starts_with('[') => rest,
            _ => line,
        })
        .collect();
    let config = load_text(folder.path(), &uncommented.join("\n")).unwrap();
    assert_eq!(config.exports.len(), 1);
    assert_eq!(config.feeds[1].settings.request.headers.len(), 1);
}

#[test]
fn every_pack_has_ten_to_thirty_feeds_and_no_feed_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (mut urls, mut feeds) = (HashSet::new(), 0);
    for (name, text) in PACKS {
        let config = load_text(folder.path(), &with_packs([name])).unwrap();
        assert!((10..=30).contains(&config.feeds.len()), "{name}: {}", config.feeds.len());
        assert_eq!(text.matches("[[feeds]]").count(), config.feeds.len(), "{name}");
        for feed in config.feeds.iter() {
            assert!(feed.spec.url.as_str().starts_with("https://"), "{}", feed.spec.url);
            assert!(feed.spec.name.is_some() && *feed.spec.tags == [name], "{}", feed.spec.url);
            urls.insert(feed.spec.url.to_string());
            feeds += 1;
        }
    }
    assert_eq!(urls.len(), feeds);
    let all = with_packs(PACKS.map(|(name, _)| name));
    assert_eq!(load_text(folder.path(), &all).unwrap().feeds.len(), feeds);
    assert!(all.contains("#[server]") && all.contains("#[[exports]]"), "{all}");
    assert_eq!(with_packs([]), STARTER);
}

#[test]
fn the_configurations_that_are_installed_are_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for text in INSTALLED {
        let config = load_text(folder.path(), text).unwrap();
        let store = config.store.location.local_file().unwrap();
        assert!(store.is_absolute() && config.server.is_some(), "{text}");
        assert_eq!(config.feeds.len(), 0, "nobody is requested without being asked for");
    }
}

#[test]
fn the_quick_start_is_in_order_and_fast_without_a_network() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let config = load(&folder.join("quickstart.toml"), &|_| None, NOW).unwrap();
    assert_eq!(config.store.location, Location::file(folder.join("../target/quickstart.db")));
    assert!(config.fetch.timeout.as_secs() <= 10, "{:?}", config.fetch);
    let files: Vec<PathBuf> = config
        .feeds
        .iter()
        .filter(|feed| feed.spec.url.is_file())
        .map(|feed| feed.spec.url.as_url().to_file_path().unwrap())
        .collect();
    assert_eq!(files.len(), 2);
    assert!(4 <= config.feeds.len() - files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let articles = text.matches("</item>").count() + text.matches("</entry>").count();
        assert!((4..=6).contains(&articles), "{}: {articles}", file.display());
    }
    let min = config.feeds.iter().map(|feed| feed.settings.policy.min).min();
    assert_eq!(min, Some(TimeDelta::minutes(15)));
}

//! The rules of this repository that a program can check. A failure names every place that breaks a rule.
//!
//! The sources are not compiled here but read as text: a small scanner separates code from comments and
//! literals, and everything else is a search for a name.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test, as it should")]

#[path = "tidy/import_graph.rs"]
mod import_graph;
#[path = "tidy/words.rs"]
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use import_graph::ImportGraph;

/// A module imports from lower floors only, never from a module of its own floor. `lib.rs` and `main.rs`
/// are on no floor, because they name everything.
const FLOORS: &[&[&str]] = &[
    &["test_support"],
    &["reading_time"],
    &["html"],
    &["domain"],
    &["present"],
    &["feed"],
    &["article_page"],
    &["search"],
    &["matching"],
    &["polling"],
    &["export"],
    &["clock", "config", "fetch", "store", "deliver", "telemetry"],
    &["passes"],
    &["serve"],
    &["daemon"],
    &["cli"],
];

/// Modules that only compute: no I/O, no clock, no environment.
const PURE: &[&str] = &[
    "reading_time",
    "domain",
    "html",
    "present",
    "search",
    "matching",
    "feed",
    "article_page",
    "polling",
    "export",
];

/// What a module that only computes does not name, outside its tests.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "reqwest",
    "rusqlite",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
];

/// A name, and the one place under `src/` (a folder, or a file without its ending) that may use it.
const ONE_PLACE: &[(&str, &str)] = &[
    ("feed_rs", "feed/parse"),
    ("cron::", "polling/schedule"),
    ("dom_smoothie", "article_page"),
    ("trafilatura", "article_page"),
    ("dom_query", "article_page"),
    ("robotxt", "article_page/robots"),
    ("rusqlite", "store"),
    ("postgres::", "store"),
    ("reqwest", "fetch"),
    ("SanitisedHtml::from_store", "store"),
    ("Utc::now", "clock"),
    ("SystemTime::now", "clock"),
];

/// Beginnings of SQL statements. A literal that starts with one is SQL.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "PRAGMA ",
];

/// What no file contains, a test neither.
const UNFINISHED: &[&str] = &["#[ignore", "todo!(", "unimplemented!("];

#[test]
fn a_module_imports_only_from_lower_floors() {
    report(sources("src").iter().flat_map(|file| {
        let climbs = climbs_to_the_root(file).then(|| "reaches the crate root by `super::`".into());
        imports(file).into_iter().chain(climbs).map(|fault| format!("{}: {fault}", file.path))
    }));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = sources("src");
    let found = ImportGraph::new(sources.iter().map(|file| (&*file.path, &*file.tested))).circles();
    report(
        found
            .iter()
            .map(|circle| format!("these files use each other in a circle: {}", circle.join(" "))),
    );
}

#[test]
fn every_module_is_on_one_floor() {
    let placed: Vec<_> = FLOORS.concat();
    report(sources("src").iter().filter_map(|file| {
        let module = file.module();
        let known = matches!(module, "lib" | "main") || placed.contains(&module);
        (!known)
            .then(|| format!("{}: module `{module}` is on no floor of tests/tidy.rs", file.path))
    }));
}

#[test]
fn a_module_that_only_computes_names_nothing_that_does_io() {
    report(
        sources("src")
            .iter()
            .filter(|file| PURE.contains(&file.module()))
            .flat_map(|file| IMPURE.iter().flat_map(|name| file.lines_naming(&file.tested, name))),
    );
}

#[test]
fn what_one_place_may_use_is_named_nowhere_else() {
    report(sources("src").iter().flat_map(|file| {
        ONE_PLACE
            .iter()
            .filter(|(_, home)| !file.is_in(home))
            .flat_map(|(name, _)| file.lines_naming(&file.tested, name))
    }));
}

#[test]
fn only_the_store_contains_sql() {
    report(sources("src").iter().filter(|file| !file.is_in("store")).flat_map(|file| {
        let statement = |text: &&String| SQL.iter().any(|sql| text.trim_start().starts_with(sql));
        file.literals.iter().filter(statement).map(|text| format!("{}: SQL: {text:?}", file.path))
    }));
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    report(
        everything().iter().flat_map(|file| {
            UNFINISHED.iter().flat_map(|name| file.lines_naming(&file.code, name))
        }),
    );
}

#[test]
fn the_tests_of_the_program_do_not_import_the_library() {
    report(sources("tests/it").iter().flat_map(|file| file.lines_naming(&file.code, "gazetted::")));
}

#[test]
fn migrations_are_numbered_from_1_without_a_gap() {
    let folder = root().join("migrations/sqlite");
    let mut names: Vec<_> = files(&folder).iter().map(|path| shown(path, &folder)).collect();
    names.sort();
    report(names.iter().enumerate().filter_map(|(index, name)| {
        let begins = format!("{:04}_", index + 1);
        let sql = Path::new(name).extension().is_some_and(|ending| ending == "sql");
        let good = name.starts_with(&begins) && sql;
        (!good).then(|| format!("migrations/sqlite/{name}: expected the name {begins}….sql"))
    }));
}

/// SECURITY.md names tests as `path::name`. When one is renamed or removed, the claim that it proves needs
/// another look.
#[test]
fn the_tests_that_security_md_names_exist() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let spans = page.split('`').skip(1).step_by(2);
    let named: Vec<_> = spans.filter_map(|span| span.split_once("::")).collect();
    assert!(20 < named.len(), "only {named:?}");
    report(named.into_iter().filter_map(|(path, name)| {
        let text = fs::read_to_string(root().join(path)).unwrap_or_default();
        let there = text.contains(&format!("fn {name}("));
        (!there).then(|| format!("SECURITY.md: there is no {name} in {path}"))
    }));
}

/// The tables in CONTRIBUTING.md lead from a change to its files.
#[test]
fn the_files_that_contributing_md_names_exist() {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let tables = page.split("## ").find(|part| part.starts_with("Which file to open")).unwrap();
    let heads = |line: &&str| line.ends_with("| open |") || line.starts_with("--- |");
    let rows = tables.lines().filter_map(|line| line.strip_prefix("| "));
    let rows: Vec<_> = rows.filter(|line| !heads(line)).collect();
    assert!(30 <= rows.len(), "only {rows:?}");
    report(rows.into_iter().flat_map(|row| {
        let spans: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        let paths: Vec<_> = spans.iter().filter(|span| span.contains('/')).collect();
        let missing = paths.iter().filter(|path| !root().join(path).exists());
        let missing = missing.map(|path| format!("CONTRIBUTING.md: there is no {path}"));
        let none = paths.is_empty().then(|| format!("CONTRIBUTING.md: no path in: {row}"));
        missing.chain(none).collect::<Vec<_>>()
    }));
}

#[test]
fn the_index_of_decisions_is_complete() {
    let folder = root().join("docs/decisions");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let names = files(&folder).into_iter().map(|path| shown(&path, &folder));
    report(
        names
            .filter(|name| name != "README.md" && !index.contains(&format!("({name})")))
            .map(|name| format!("docs/decisions/README.md does not link {name}")),
    );
}

/// Fails with one line for each fault.
fn report(faults: impl Iterator<Item = String>) {
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "\n  {}\n", faults.join("\n  "));
}

/// A message for each import or path that goes sideways or upwards.
fn imports(file: &Source) -> Vec<String> {
    let module = file.module();
    let Some(height) = FLOORS.iter().position(|floor| floor.contains(&module)) else {
        return Vec::new(); // Reported by `every_module_is_on_one_floor`.
    };
    let mut faults = Vec::new();
    if file.code.contains("use crate::{") {
        faults.push("`use crate::{`: write one `use crate::` line a module".into());
    }
    for other in named_after(&file.code, "crate::") {
        let above = FLOORS.get(height..).unwrap_or_default().concat();
        if other != module && above.contains(&other) {
            faults.push(format!("`{module}` must not use `crate::{other}`"));
        }
    }
    faults
}

/// Whether a file reaches the crate root by `super::`: `super::store` in `src/fetch/mod.rs` is
/// `crate::store`.
fn climbs_to_the_root(file: &Source) -> bool {
    let parts = file.path.trim_start_matches("src/").trim_end_matches(".rs").split('/');
    let depth = parts.filter(|part| *part != "mod").count();
    let in_a_module = !matches!(file.module(), "lib" | "main");
    in_a_module && file.tested.contains(&"super::".repeat(depth))
}

/// The identifiers that follow `prefix`, where it is a name of its own.
fn named_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    code.match_indices(prefix)
        .filter(|(at, _)| begins_a_name(code, *at))
        .filter_map(|(at, _)| code.get(at + prefix.len()..))
        .map(|rest| rest.split(|c| !is_name(c)).next().unwrap_or_default())
        .collect()
}

fn begins_a_name(code: &str, at: usize) -> bool {
    !code.get(..at).is_some_and(|before| before.ends_with(is_name))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A file, with its code separated from comments and literals.
struct Source {
    /// From the root of the repository, with `/`.
    path: String,
    /// The code without comments. Every literal is `""`.
    code: String,
    /// `code` without the unit tests at its end.
    tested: String,
    /// The string literals of `tested`.
    literals: Vec<String>,
}

impl Source {
    fn new(path: String, text: &str) -> Self {
        let is_test = path.starts_with("tests/") || path.ends_with("tests.rs");
        // Unit tests are at the end of a file, by convention.
        let begins = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub(super) mod "];
        let tests = begins.iter().find_map(|begin| text.find(begin));
        let end = if is_test { 0 } else { tests.unwrap_or(text.len()) };
        let (tested, literals) = scan(text.get(..end).unwrap_or_default());
        Self { path, code: scan(text).0, tested, literals }
    }

    /// The module at the root of the crate that the file belongs to.
    fn module(&self) -> &str {
        let below = self.path.trim_start_matches("src/");
        below.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    fn is_in(&self, home: &str) -> bool {
        let below = self.path.trim_start_matches("src/").strip_prefix(home);
        below.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    }

    /// A message for each line of `code`, a text of this file, that contains `name`.
    fn lines_naming(&self, code: &str, name: &str) -> Vec<String> {
        let names = |line: &str| line.match_indices(name).any(|(at, _)| begins_a_name(line, at));
        let lines = code.lines().enumerate().filter(|(_, line)| names(line));
        lines.map(|(n, line)| format!("{}:{}: {}", self.path, n + 1, line.trim())).collect()
    }
}

/// Splits Rust text into code and string literals. The code has no comments, and `""` for each literal.
/// Line breaks stay, so that line numbers are those of the file.
fn scan(text: &str) -> (String, Vec<String>) {
    let (mut code, mut literals) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let raw = raw_string_hashes(rest).filter(|_| !code.ends_with(is_name));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if let Some(hashes) = raw {
            let (open, close) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
            let end = rest.get(open..).and_then(|inner| inner.find(&close));
            end.map_or(rest.len(), |at| open + at + close.len())
        } else if c == '"' {
            end_of_quoted(rest, '"')
        } else if c == '\'' && is_char_literal(rest) {
            end_of_quoted(rest, '\'')
        } else {
            code.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (token, after) = rest.split_at(length);
        if !token.starts_with('/') {
            code.push_str("\"\"");
            literals.push(token.trim_matches(['r', '#', '"']).to_owned());
        }
        code.extend(token.chars().filter(|c| *c == '\n'));
        rest = after;
    }
    (code, literals)
}

/// `r"` has none, `r##"` two.
fn raw_string_hashes(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.chars().take_while(|c| *c == '#').count();
    rest.get(hashes..)?.starts_with('"').then_some(hashes)
}

/// `'a'` and `'\n'`, not the lifetime `'a`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    matches!((chars.next(), chars.next()), (Some('\\'), _) | (Some(_), Some('\'')))
}

/// The length of the literal that `text` begins with, its quotes included.
fn end_of_quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn everything() -> Vec<Source> {
    ["src", "tests", "benches"].into_iter().flat_map(sources).collect()
}

/// The Rust files below a folder of the repository.
fn sources(folder: &str) -> Vec<Source> {
    let paths = files(&root().join(folder)).into_iter();
    let rust = paths.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    rust.map(|path| Source::new(shown(&path, root()), &fs::read_to_string(&path).unwrap()))
        .collect()
}

/// All files below a folder, in no order; none when it does not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shown(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).unwrap().to_str().unwrap().replace('\\', "/")
}

#[test]
fn the_scanner_separates_code_from_comments_and_literals() {
    for (text, code, literals) in [
        ("a(); // crate::store", "a(); ", &[][..]),
        ("/* todo!(\n*/ b", "\n b", &[]),
        ("f(\"// no \\\" comment\") // yes", "f(\"\") ", &["// no \\\" comment"]),
        ("r#\"SELECT \"x\"\"#;", "\"\";", &["SELECT \"x"]),
        ("let c = '\"'; g::<'a>()", "let c = \"\"; g::<'a>()", &["'\"'"]),
        ("for_r\"x\"", "for_r\"\"", &["x"]),
    ] {
        let (found, strings) = scan(text);
        assert_eq!((found.as_str(), strings), (code, owned(literals)), "{text}");
    }
}

#[test]
fn an_import_from_beside_or_above_is_seen() {
    for (path, text, faults) in [
        ("src/polling/a.rs", "use crate::domain::feed::FeedId;", 0),
        ("src/polling/a.rs", "use crate::export::Format;", 1),
        ("src/polling/a.rs", "//! See [`crate::store`].", 0),
        ("src/fetch/mod.rs", "fn f() { crate::store::open() }", 1),
        ("src/fetch/mod.rs", "use crate::{domain, polling};", 1),
        ("src/passes/poll.rs", "use crate::serve::x; use crate::fetch::y; use crate::cli::z;", 2),
        ("src/cli/run.rs", "use crate::daemon::run;", 0),
        ("src/domain/a.rs", "use other_crate::store::X;", 0),
    ] {
        assert_eq!(imports(&Source::new(path.into(), text)).len(), faults, "{path}: {text}");
    }
}

#[test]
fn a_path_that_climbs_to_the_root_is_seen() {
    for (path, text, climbs) in [
        ("src/fetch/mod.rs", "use super::store::Store;", true),
        ("src/fetch/body.rs", "use super::Fetcher;", false),
        ("src/fetch/body.rs", "use super::super::store::Store;", true),
        ("src/clock.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n}", false),
    ] {
        assert_eq!(climbs_to_the_root(&Source::new(path.into(), text)), climbs, "{path}: {text}");
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

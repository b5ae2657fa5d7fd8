//! Runs the program in a new folder, without the environment of the tests.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use super::postgres::Databases;
use super::wait_for;

/// The name of the store's file, if no other is configured.
pub(crate) const STORE: &str = "gazetted.db";

/// What begins the table that is added to a configuration whose store is in a database.
const ADDED_TABLE: &str = "\n[store]\n";

/// A folder with a configuration and a store, which may be in a database (see [`super::postgres`]).
pub(crate) struct Home {
    folder: TempDir,
    databases: Databases,
}

/// The exit code and the output of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), databases: Databases::default() }
    }

    /// An empty folder whose stores are files, whatever the other tests have.
    pub(crate) fn in_files() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), databases: Databases::none() }
    }

    /// A folder with a configuration.
    pub(crate) fn new(config: &str) -> Self {
        let home = Self::empty();
        home.configure(config);
        home
    }

    /// A folder with a configuration of these feeds only.
    pub(crate) fn with_feeds(urls: &[String]) -> Self {
        let mut config = String::new();
        for url in urls {
            writeln!(config, "[[feeds]]\nurl = \"{url}\"").unwrap();
        }
        Self::new(&config)
    }

    /// Replaces the configuration. The new one permits requests to the servers of the tests, which are on loopback.
    pub(crate) fn configure(&self, config: &str) {
        const ALLOW: &str = "[fetch]\nallow_private = true\n";
        let config = if config.contains("allow_private") {
            config.to_owned()
        } else if config.contains("[fetch]\n") {
            config.replacen("[fetch]\n", ALLOW, 1)
        } else {
            format!("{config}\n{ALLOW}")
        };
        self.configure_exactly(&config);
    }

    /// Replaces the configuration by exactly this text, apart from where the store is.
    pub(crate) fn configure_exactly(&self, config: &str) {
        self.write_config(&self.with_store(config));
    }

    /// Replaces the configuration by this text, which also says where the store is.
    pub(crate) fn write_config(&self, config: &str) {
        fs::write(self.path("gazetted.toml"), config).unwrap();
    }

    /// The text of the configuration, without the table that a test for PostgreSQL has added.
    pub(crate) fn config(&self) -> String {
        let mut config = fs::read_to_string(self.path("gazetted.toml")).unwrap();
        if let Some(url) = self.store_url(STORE) {
            let table = format!("{ADDED_TABLE}url = \"{url}\"\n");
            if let Some(rest) =
                config.strip_prefix(&table).map(|rest| rest.trim_start_matches('\n'))
            {
                config = rest.to_owned();
            } else {
                config = config.replacen(&table, "", 1);
            }
        }
        config
    }

    /// Puts the store that a configuration names into a database, if the tests are to do so.
    fn with_store(&self, config: &str) -> String {
        let path = |line: &str| Some(line.strip_prefix("path = \"")?.split_once('"')?.0.to_owned());
        let table = config.find("[store]\n").map(|start| start + "[store]\n".len());
        let (before, keys) = config.split_at(table.unwrap_or(config.len()));
        let keys_of_table = keys.lines().take_while(|line| !line.starts_with('['));
        if keys_of_table.clone().any(|line| line.starts_with("url = ")) {
            return config.to_owned();
        }
        let named = keys_of_table.clone().find_map(path);
        let Some(url) = self.store_url(named.as_deref().unwrap_or(STORE)) else {
            return config.to_owned();
        };
        let key = format!("url = \"{url}\"");
        match (table, named) {
            (None, _) => format!("{config}{ADDED_TABLE}{key}\n"),
            (_, None) => format!("{before}{key}\n{keys}"),
            (_, Some(path)) => {
                before.to_owned() + &keys.replacen(&format!("path = \"{path}\""), &key, 1)
            }
        }
    }

    /// The URL of the database that replaces the store `path`; `None` if the stores of the tests are files.
    pub(crate) fn store_url(&self, path: &str) -> Option<String> {
        self.databases.url(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.path(STORE)
    }

    /// The names of all files in the folder, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Temporary files that were not removed.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut names = self.files();
        names.retain(|name| {
            let ending = Path::new(name).extension();
            ending.is_some_and(|ending| ending == "tmp" || ending == "part")
        });
        names
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gazetted"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("TZ", "UTC")
            .env("HOME", self.folder());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments))
    }

    /// Runs a command that must succeed, and returns its standard output.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:#?}");
        ran.out
    }

    /// Runs a command like [`Home::ok`], and parses its output as JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Polls all feeds, which must all succeed.
    #[track_caller]
    pub(crate) fn poll(&self) -> Value {
        self.json(&["poll", "--all", "--json"])
    }

    /// Polls all feeds, of which some must fail.
    #[track_caller]
    pub(crate) fn poll_with_failures(&self) -> Value {
        let ran = self.run(&["poll", "--all", "--json"]);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        serde_json::from_str(&ran.out).unwrap()
    }

    /// All stored articles as `export` writes them, newest first, without their stories, which grow with later articles.
    /// Many tests have one document in several feeds.
    #[track_caller]
    pub(crate) fn articles(&self) -> Vec<Value> {
        let lines = self.ok(&["export", "--with-duplicates", "--format", "jsonl"]);
        let article = |line| {
            let mut article: Value = serde_json::from_str(line).unwrap();
            article.as_object_mut().unwrap().remove("story");
            article
        };
        lines.lines().map(article).collect()
    }

    /// One field of all articles, newest first; empty where it is absent.
    #[track_caller]
    pub(crate) fn each(&self, field: &str) -> Vec<String> {
        let text = |article: &Value| article[field].as_str().unwrap_or_default().to_owned();
        self.articles().iter().map(text).collect()
    }

    /// The sequence number of the last change.
    pub(crate) fn seq(&self) -> i64 {
        self.json(&["db", "stats", "--json"])["seq"].as_i64().unwrap()
    }

    /// The first feed as `feeds` shows it.
    pub(crate) fn feed(&self) -> Value {
        self.json(&["feeds", "--json"])[0].clone()
    }

    /// Opens the file of the store directly.
    pub(crate) fn sql(&self) -> Connection {
        Connection::open_with_flags(self.store(), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
    }
}

/// Runs a command to its end, and returns its output.
pub(crate) fn finish(command: Command) -> Ran {
    let mut running = Running::start(command);
    let code = running.wait();
    let (out, err) = running.said();
    Ran { code, out, err }
}

/// A process of ours; it does not outlive the value.
pub(crate) struct Running {
    child: Child,
    out: Heard,
    err: Heard,
}

/// What a pipe has brought so far.
struct Heard {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: Heard::listen(out), err: Heard::listen(err) }
    }

    /// Starts the daemon and waits until it is up.
    pub(crate) fn daemon(home: &Home) -> Self {
        Self::daemon_as(home.command(&["--log-format", "json", "-v", "run"]))
    }

    pub(crate) fn daemon_as(command: Command) -> Self {
        let daemon = Self::start(command);
        daemon.wait_for_event("started");
        daemon
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(id, signal).unwrap();
    }

    /// SIGKILL, and nothing left of it afterwards.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its exit code; `None` when a signal ended it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let child = &mut self.child;
        wait_for("the end of a process", || child.try_wait().unwrap()).code()
    }

    /// Standard output and standard error, after its end.
    pub(crate) fn said(&mut self) -> (String, String) {
        (self.out.all(), self.err.all())
    }

    /// Standard error so far.
    pub(crate) fn log(&self) -> String {
        self.err.so_far()
    }

    /// The complete lines of a JSON log so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let log = self.log();
        let complete = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        complete
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// Waits for a line of the JSON log by its message.
    #[track_caller]
    pub(crate) fn wait_for_event(&self, message: &str) -> Value {
        wait_for(message, || self.events().into_iter().find(|event| event["message"] == message))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[expect(clippy::print_stderr, reason = "what a failed test says")]
        if thread::panicking() {
            eprintln!("what the program had said:\n{}", self.log());
        }
        // Both fail when it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Heard {
    fn listen(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let shared = Arc::clone(&text);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = pipe.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                shared.lock().unwrap().extend(buffer.iter().take(n));
            }
        });
        Self { text, thread: Some(thread) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.so_far()
    }
}

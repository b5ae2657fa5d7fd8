//! The report of a test that cannot run here. Unit tests and `tests/it` share this file.

use std::fs::OpenOptions;
use std::io::{Write as _, stderr};
use std::thread;

/// Reports that the test that calls this cannot run, because `what` is missing.
///
/// It writes a line to standard error past the test runner, which hides what tests print, and appends one to
/// the file that `$GAZETTED_SKIPS` names. `just test` sets this variable and lists the skips at the end of a run.
///
/// # Panics
/// When the file cannot be written.
#[expect(clippy::disallowed_methods, reason = "the variable is for tests, not for the program")]
pub(crate) fn skip(what: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    writeln!(stderr(), "skipped for want of {what}: {test}").ok();
    let Some(path) = std::env::var_os("GAZETTED_SKIPS") else { return };
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(format!("{what}\t{test}\n").as_bytes()).unwrap();
}

//! CPU time and peak memory of one process, as the kernel counts them.
//!
//! The kernel sums them over all children that have ended. Therefore each subject is started by a new process of
//! this program that has no other child, so that the sum is that of the subject alone. It does not contain this
//! process with its feeds and its server.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::{TimeVal, TimeValLike as _};
use serde::{Deserialize, Serialize};

/// The cost of one run of a subject.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// CPU time in user and system mode, of all threads.
    pub cpu: Duration,
    /// Wall-clock time from the start to the end of the process.
    pub wall: Duration,
    pub peak_rss_bytes: u64,
}

/// Environment variables that name proxies. They are removed, so that they do not affect the measurement.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Runs a command in a process that measures it. Its standard error goes to the file `log`.
///
/// # Errors
/// Also when the command fails. The error contains the output of the command then.
pub(crate) fn run(command: &[OsString], open_files: u64, log: &Path) -> anyhow::Result<Cost> {
    let output = Command::new(std::env::current_exe()?)
        .args(["measured", "--open-files", &open_files.to_string(), "--"])
        .args(command)
        .stdin(Stdio::null())
        .stderr(File::create(log)?)
        .output()?;
    if !output.status.success() {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        let last: Vec<_> = said.lines().rev().take(20).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        bail!("{} failed; it said:\n{}", command.join(" ".as_ref()).display(), last.join("\n"));
    }
    serde_json::from_slice(&output.stdout).context("read the measurement")
}

/// The inner process. Runs the command and returns its cost.
pub(crate) fn measured(command: &[OsString], open_files: u64) -> anyhow::Result<Cost> {
    let [program, arguments @ ..] = command else { bail!("no command to measure") };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, open_files, hard)?;
    let mut child = Command::new(program);
    child.args(arguments).stdout(Stdio::null());
    for name in PROXIES {
        child.env_remove(name);
    }
    let start = Instant::now();
    let status = child.status().with_context(|| format!("start {}", program.display()))?;
    let wall = start.elapsed();
    ensure!(status.success(), "{} ended with {status}", program.display());
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    // The unit is KiB on Linux and bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let time = |part: TimeVal| Duration::from_micros(part.num_microseconds().unsigned_abs());
    Ok(Cost {
        cpu: time(usage.user_time()) + time(usage.system_time()),
        wall,
        peak_rss_bytes: usage.max_rss().unsigned_abs() * unit,
    })
}

/// Raises the limit of open files as far as possible, so that every feed can have a connection. Returns the limit
/// before, for the subjects.
pub(crate) fn raise_open_files() -> anyhow::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(soft)
}

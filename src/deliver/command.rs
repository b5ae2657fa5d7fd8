//! Programs: one that gets a batch on its standard input acknowledges it by exit code 0; one that prints a feed gives it
//! on its standard output.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{MaybeDone, maybe_done};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::domain::request::CommandSpec;
use crate::domain::scrub::Sent;
use crate::html::chars::{self, without_controls};

/// The time between SIGTERM and SIGKILL.
const GRACE_PERIOD: Duration = Duration::from_millis(500);

/// How long to wait for the end of standard error after the program has ended: a process that it started
/// can keep the pipe open for ever.
const STDERR_WAIT: Duration = Duration::from_millis(200);

/// The most bytes of a line of standard error that are read at once.
const MAX_LINE: u64 = 4096;

/// The most characters of one line, the most lines, and the most characters of all of them that are kept.
const MAX_CHARS: usize = 300;
const MAX_LINES: usize = 10;
const MAX_TAIL: usize = 1_000;

/// Why a program did not acknowledge a batch, or gave no feed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("could not start {program}")]
    Start { program: String, source: io::Error },
    #[error("could not look after {program}")]
    Wait { program: String, source: io::Error },
    #[error("{program} ended with {status}{stderr}")]
    Failed { program: String, status: ExitStatus, stderr: StderrTail },
    #[error("{program} took longer than {limit:?} and was ended{stderr}")]
    TooLong { program: String, limit: Duration, stderr: StderrTail },
    #[error("{program} printed more than {limit} bytes and was ended")]
    TooLarge { program: String, limit: u64 },
}

/// The last lines of a program's standard error that are not blank, without control characters.
#[derive(Debug, Default)]
pub struct StderrTail(VecDeque<String>);

impl StderrTail {
    fn push(&mut self, line: &str) {
        self.0.push_back(chars::excerpt(line, MAX_CHARS).into_owned());
        let length = |lines: &VecDeque<String>| -> usize {
            lines.iter().map(|line| line.chars().count()).sum()
        };
        while MAX_LINES < self.0.len() || 1 < self.0.len() && MAX_TAIL < length(&self.0) {
            self.0.pop_front();
        }
    }
}

/// All on one line, the lines separated by a bar.
impl fmt::Display for StderrTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, line) in self.0.iter().enumerate() {
            write!(f, "{}{line}", if n == 0 { ": " } else { " | " })?;
        }
        Ok(())
    }
}

/// Runs the program with `input` on its standard input and waits for its end. Its standard output is
/// discarded. A program that succeeds without reading all of its input has succeeded.
///
/// The program gets a process group of its own. If it takes longer than its limit, the group gets SIGTERM
/// and, after `GRACE_PERIOD`, SIGKILL. If the future is dropped, the group gets SIGKILL at once.
///
/// # Errors
/// For every end other than exit code 0.
pub async fn run(command: &CommandSpec, input: &[u8]) -> Result<(), CommandError> {
    attend(command, input, None).await
}

/// Runs the program without input and returns what it prints, which is at most `limit` bytes. What it has started is
/// waited for as long as it can print more; otherwise as [`run`].
///
/// # Errors
/// For every end other than exit code 0, and for a larger output.
pub async fn output(command: &CommandSpec, limit: u64) -> Result<Vec<u8>, CommandError> {
    let mut output = Printed { bytes: Vec::new(), limit };
    attend(command, &[], Some(&mut output)).await?;
    Ok(output.bytes)
}

/// The standard output of a program as far as it was read.
struct Printed {
    bytes: Vec<u8>,
    limit: u64,
}

impl Printed {
    /// Reads to the end, or one byte past the limit.
    async fn read(&mut self, stdout: ChildStdout) -> io::Result<()> {
        stdout.take(self.limit.saturating_add(1)).read_to_end(&mut self.bytes).await?;
        if self.is_too_large() { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
    }

    fn is_too_large(&self) -> bool {
        self.limit < self.bytes.len() as u64
    }
}

async fn attend(
    command: &CommandSpec,
    input: &[u8],
    mut output: Option<&mut Printed>,
) -> Result<(), CommandError> {
    let program = command.program.display().to_string();
    let mut child = match spawn(command, output.is_some()) {
        Ok(child) => child,
        Err(source) => return Err(CommandError::Start { program, source }),
    };
    let mut group = ProcessGroup::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut tail = StderrTail::default();
    let exit = {
        let pipes = async { tokio::join!(write_input(stdin, input), read(stderr, &mut tail)) };
        let mut pipes = pin!(maybe_done(pipes));
        let exit = timeout(command.timeout, async {
            let printed = async {
                match (output.as_deref_mut(), stdout) {
                    (Some(output), Some(stdout)) => output.read(stdout).await,
                    _ => Ok(()),
                }
            };
            exit_of(&mut child, printed, pipes.as_mut()).await
        })
        .await;
        if let Ok(Ok(_)) = exit {
            group.release();
        } else {
            group.signal(Signal::SIGTERM);
            let printed = std::future::ready(Ok(()));
            timeout(GRACE_PERIOD, exit_of(&mut child, printed, pipes.as_mut())).await.ok();
            group.signal(Signal::SIGKILL);
            child.wait().await.ok();
            group.release();
        }
        timeout(STDERR_WAIT, pipes).await.ok();
        exit
    };
    if let Some(Printed { limit, .. }) = output.filter(|output| output.is_too_large()) {
        return Err(CommandError::TooLarge { program, limit: *limit });
    }
    let tail = {
        let sent = Sent::to_command(command);
        StderrTail(tail.0.iter().map(|line| sent.removed_from(line)).collect())
    };
    match exit {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(CommandError::Failed { program, status, stderr: tail }),
        Ok(Err(source)) => Err(CommandError::Wait { program, source }),
        Err(_) => Err(CommandError::TooLong { program, limit: command.timeout, stderr: tail }),
    }
}

/// The error and its cause in one line.
pub fn in_words(error: &CommandError) -> String {
    match error {
        CommandError::Start { source, .. } | CommandError::Wait { source, .. } => {
            format!("{error}: {source}")
        }
        CommandError::Failed { .. }
        | CommandError::TooLong { .. }
        | CommandError::TooLarge { .. } => error.to_string(),
    }
}

fn spawn(command: &CommandSpec, prints: bool) -> io::Result<Child> {
    Command::new(&command.program)
        .args(&command.arguments)
        .current_dir(&command.folder)
        .stdin(Stdio::piped())
        .stdout(if prints { Stdio::piped() } else { Stdio::null() })
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Waits for the end of the program while the pipes are served. The end of its output comes first: until the program is
/// waited for, its process group cannot become another.
async fn exit_of<F: Future>(
    child: &mut Child,
    printed: impl Future<Output = io::Result<()>>,
    pipes: Pin<&mut MaybeDone<F>>,
) -> io::Result<ExitStatus> {
    let serve = async {
        pipes.await;
        pending().await
    };
    tokio::select! {
        status = async {
            printed.await?;
            child.wait().await
        } => status,
        never = serve => never,
    }
}

/// A process group that is killed when this value is dropped, unless it was released before.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// The group that the child leads.
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        awaited().extend(leader);
        Self(leader)
    }

    /// Sends a signal to the child and to all its descendants that have not left the group.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            killpg(group, signal).ok(); // The group may be empty by now.
        }
    }

    /// The child was waited for, so that its number may soon belong to another process.
    fn release(&mut self) {
        awaited().retain(|other| Some(*other) != self.0);
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        self.release();
    }
}

/// The programs that are running and will be waited for.
fn awaited() -> MutexGuard<'static, Vec<Pid>> {
    static AWAITED: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the process is a program that was started here and has not been waited for yet.
pub fn is_awaited(process: Pid) -> bool {
    awaited().contains(&process)
}

/// Writes the input and closes the pipe. It is no error if the program closes the pipe early: only the exit code
/// says whether it succeeded.
async fn write_input(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        stdin.write_all(input).await.ok();
    }
}

/// Reads standard error to its end and keeps the last lines.
async fn read(stderr: Option<ChildStderr>, tail: &mut StderrTail) {
    let Some(stderr) = stderr else { return };
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut stderr).take(MAX_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = without_controls(text.trim());
        if !text.is_empty() {
            tail.push(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    use tokio::time::sleep;

    use super::*;

    fn shell(script: &str, seconds: u64) -> CommandSpec {
        CommandSpec {
            program: "sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            folder: std::env::temp_dir(),
            timeout: Duration::from_secs(seconds),
        }
    }

    async fn ran(script: &str, seconds: u64, input: usize) -> Result<(), String> {
        run(&shell(script, seconds), &vec![b'x'; input]).await.map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn the_exit_code_is_the_answer() {
        const LARGE: usize = 1_000_000;
        for (script, input, expected) in [
            ("cat > /dev/null", LARGE, Ok(())),
            ("test $(wc -c) = 1000000", LARGE, Ok(())),
            ("exit 0", LARGE, Ok(())), // Read nothing, and succeeded.
            ("cat > /dev/null; echo loud; exit 3", 5, Err("sh ended with exit status: 3")),
            (
                "echo one >&2; echo two >&2; exit 1",
                5,
                Err("sh ended with exit status: 1: one | two"),
            ),
            ("printf 'a\\033[2Jb\\n\\n' >&2; false", 5, Err("sh ended with exit status: 1: a")),
            ("kill -9 $$", 5, Err("sh ended with signal: 9 (SIGKILL)")),
            ("head -c 3000000 /dev/zero >&2; cat > /dev/null", LARGE, Ok(())),
            // What it left running holds its standard error; nobody waits for that.
            ("sleep 5 & echo end >&2; exit 1", 5, Err("sh ended with exit status: 1: end")),
        ] {
            let began = Instant::now();
            match (ran(script, 60, input).await, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(text)) => assert!(error.starts_with(text), "{script}: {error}"),
                (found, expected) => panic!("{script}: {found:?} and not {expected:?}"),
            }
            assert!(began.elapsed() < Duration::from_secs(4), "{script}");
        }
    }

    #[test]
    fn the_end_of_standard_error_is_kept_up_to_a_limit() {
        let mut tail = StderrTail::default();
        for n in 1..=25 {
            tail.push(&format!("line {n}"));
        }
        let text = tail.to_string();
        assert!(
            text.starts_with(": line 16 | line 17 | ") && text.ends_with(" | line 25"),
            "{text}"
        );
        for letter in ["a", "b", "c", "d", "e"] {
            tail.push(&letter.repeat(5_000));
        }
        let text = tail.to_string();
        assert_eq!(text.matches(" | ").count(), 2, "{text}");
        assert!(text.starts_with(": cc") && text.ends_with("ee…"), "{text}");
        assert!(text.chars().count() < 1_100, "{text}");
    }

    #[tokio::test]
    async fn what_a_program_prints_is_complete_or_discarded() {
        for (script, seconds, expected) in [
            ("printf feed", 60, Ok("feed")),
            ("true", 60, Ok("")),
            ("test -z \"$(cat)\" && printf empty", 60, Ok("empty")),
            ("printf part; echo why >&2; exit 3", 60, Err("sh ended with exit status: 3: why")),
            // What it has started prints the rest.
            ("(sleep 1; printf rest) & printf first,", 60, Ok("first,rest")),
            ("exec cat /dev/zero", 60, Err("sh printed more than 1000 bytes and was ended")),
            ("printf part; sleep 60 | cat", 1, Err("sh took longer than 1s and was ended")),
            // It has ended, and what it has started keeps its output open.
            ("sleep 60 & printf part", 1, Err("sh took longer than 1s and was ended")),
        ] {
            let output = output(&shell(script, seconds), 1000).await;
            let output = output.map(|bytes| String::from_utf8(bytes).unwrap());
            let output = output.map_err(|error| error.to_string());
            assert_eq!(output.as_deref().map_err(String::as_str), expected, "{script}");
        }
    }

    #[tokio::test]
    async fn a_printer_that_takes_too_long_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("trap '' TERM; sleep 60 & echo $! > {}; wait", pids.display());
        output(&shell(&script, 1), 1000).await.unwrap_err();
        let began = Instant::now();
        let pid = fs::read_to_string(&pids).unwrap();
        while is_running(pid.trim()) {
            assert!(began.elapsed() < Duration::from_secs(5), "{pid} is left");
            sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!(
            "echo working >&2; trap '' TERM; (sleep 3; touch {}) & sleep 60 & wait",
            mark.display()
        );
        let error = ran(&script, 1, 5).await.unwrap_err();
        assert_eq!(error, "sh took longer than 1s and was ended: working");
        sleep(Duration::from_millis(2_500)).await;
        assert!(!mark.exists());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let command = CommandSpec { program: "/nowhere/at/all".into(), ..shell("", 1) };
        let error = run(&command, &[]).await.unwrap_err();
        assert_eq!(error.to_string(), "could not start /nowhere/at/all");
        assert!(std::error::Error::source(&error).is_some());
    }

    /// Neither a process of the group nor a zombie may be left of it.
    #[tokio::test]
    async fn a_program_whose_future_is_dropped_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("sleep 60 & echo $$ $! > {}; trap '' TERM; wait", pids.display());
        let running = tokio::spawn(async move { ran(&script, 60, 5).await });
        let started = || fs::read_to_string(&pids).ok().filter(|text| text.ends_with('\n'));
        while started().is_none() {
            sleep(Duration::from_millis(10)).await;
        }
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        let began = Instant::now();
        for pid in started().unwrap().split_whitespace() {
            while is_running(pid) {
                assert!(began.elapsed() < Duration::from_secs(5), "{pid} is left");
                sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// The program itself must be waited for by us; its child is adopted by another process when it is dead.
    fn is_running(pid: &str) -> bool {
        let stat =
            fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
        let us = format!(" {} ", std::process::id());
        let state = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        !state.is_empty() && (!state.starts_with(" Z") || state.contains(&us))
    }
}

//! A batch to a program: on its standard input, and its exit code is the answer.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::domain::hook::CommandSpec;
use crate::html::chars::without_controls;

/// Between two looks at whether the program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// From SIGTERM to SIGKILL.
const MERCY: Duration = Duration::from_millis(500);

/// How long the last words of a program that has ended may take: something that it started may hold its
/// standard error open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Of a line of standard error, in bytes.
const MAX_LINE: u64 = 4096;

/// Why a program did not take a batch. What it said last, if it said anything, stands behind it.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("could not start {program}")]
    Start { program: String, source: io::Error },
    #[error("could not look after {program}")]
    Wait { program: String, source: io::Error },
    #[error("{program} ended with {status}{said}")]
    Failed { program: String, status: ExitStatus, said: Said },
    #[error("{program} took longer than {limit:?} and was ended{said}")]
    TooLong { program: String, limit: Duration, said: Said },
    /// We were told to.
    #[error("{program} was ended")]
    Cancelled { program: String },
}

/// The last line of a program's standard error.
#[derive(Debug, Default)]
pub struct Said(String);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

/// Runs the program to its end with `input` on its standard input, in a process group of its own, which is
/// ended when the program takes too long or `cancelled` becomes true. Its standard output goes nowhere. A
/// program that succeeds without reading everything has succeeded.
///
/// # Errors
/// For every end but exit code 0.
pub fn run(
    command: &CommandSpec,
    input: Vec<u8>,
    cancelled: &AtomicBool,
) -> Result<(), CommandError> {
    let program = command.program.display().to_string();
    let start = |source| CommandError::Start { program: program.clone(), source };
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        .current_dir(&command.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(start)?;
    let talk = converse(&mut child, input);
    let ended = wait(&mut child, command.timeout, cancelled);
    if !matches!(ended, Ok(Ended::Itself(_))) || talk.is_err() {
        end(&mut child);
    }
    let said = || talk.as_ref().map(Words::last).unwrap_or_default();
    match ended {
        Ok(Ended::Itself(status)) if status.success() => match &talk {
            Ok(_) => Ok(()),
            Err(error) => Err(start(io::Error::new(error.kind(), error.to_string()))),
        },
        Ok(Ended::Itself(status)) => Err(CommandError::Failed { program, status, said: said() }),
        Ok(Ended::TooLate) => {
            Err(CommandError::TooLong { program, limit: command.timeout, said: said() })
        }
        Ok(Ended::Cancelled) => Err(CommandError::Cancelled { program }),
        Err(source) => Err(CommandError::Wait { program, source }),
    }
}

/// The error and why, in a line.
pub fn in_words(error: &CommandError) -> String {
    match error {
        CommandError::Start { source, .. } | CommandError::Wait { source, .. } => {
            format!("{error}: {source}")
        }
        CommandError::Failed { .. }
        | CommandError::TooLong { .. }
        | CommandError::Cancelled { .. } => error.to_string(),
    }
}

enum Ended {
    Itself(ExitStatus),
    TooLate,
    Cancelled,
}

/// Looks again and again: neither a signal nor a thread would make this simpler.
fn wait(child: &mut Child, limit: Duration, cancelled: &AtomicBool) -> io::Result<Ended> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Itself(status));
        }
        if cancelled.load(Ordering::Relaxed) {
            return Ok(Ended::Cancelled);
        }
        if deadline <= Instant::now() {
            return Ok(Ended::TooLate);
        }
        thread::sleep(LOOK);
    }
}

/// Ends the program with all that it started, unless that left its group.
fn end(child: &mut Child) {
    let Ok(id) = i32::try_from(child.id()) else { return };
    let group = Pid::from_raw(id);
    killpg(group, Signal::SIGTERM).ok();
    let deadline = Instant::now() + MERCY;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(LOOK);
    }
    killpg(group, Signal::SIGKILL).ok();
    child.wait().ok();
}

/// What a program says on its standard error.
struct Words {
    last: Arc<Mutex<String>>,
    end: mpsc::Receiver<()>,
}

impl Words {
    fn last(&self) -> Said {
        self.end.recv_timeout(LAST_WORDS).ok();
        Said(self.last.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Writes the input and listens, each on a thread of its own: a program may do both in any order.
fn converse(child: &mut Child, input: Vec<u8>) -> io::Result<Words> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    thread::Builder::new().name("command".to_owned()).spawn(move || {
        // A program that has enough closes its end; whether that was right its exit code says.
        stdin.map(|mut stdin| stdin.write_all(&input).ok())
    })?;
    let last = Arc::<Mutex<String>>::default();
    let (sender, end) = mpsc::channel();
    let heard = Arc::clone(&last);
    thread::Builder::new().name("command".to_owned()).spawn(move || {
        if let Some(stderr) = stderr {
            listen(stderr, &heard);
        }
        sender.send(()).ok();
    })?;
    Ok(Words { last, end })
}

fn listen(stderr: ChildStderr, last: &Mutex<String>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stderr.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = without_controls(text.trim());
        if !text.is_empty() {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = text.chars().take(300).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, seconds: u64) -> CommandSpec {
        CommandSpec {
            program: "sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            folder: std::env::temp_dir(),
            timeout: Duration::from_secs(seconds),
        }
    }

    fn ran(script: &str, seconds: u64, input: usize) -> Result<(), String> {
        let cancelled = AtomicBool::new(false);
        run(&shell(script, seconds), vec![b'x'; input], &cancelled).map_err(|e| e.to_string())
    }

    #[test]
    fn the_exit_code_is_the_answer() {
        const LARGE: usize = 1_000_000;
        for (script, input, expected) in [
            ("cat > /dev/null", LARGE, Ok(())),
            ("test $(wc -c) = 1000000", LARGE, Ok(())),
            ("exit 0", LARGE, Ok(())), // Read nothing, and succeeded.
            ("cat > /dev/null; echo loud; exit 3", 5, Err("sh ended with exit status: 3")),
            ("echo one >&2; echo two >&2; exit 1", 5, Err("sh ended with exit status: 1: two")),
            ("printf 'a\\033[2Jb\\n\\n' >&2; false", 5, Err("sh ended with exit status: 1: a")),
            ("kill -9 $$", 5, Err("sh ended with signal: 9 (SIGKILL)")),
            ("head -c 3000000 /dev/zero >&2; cat > /dev/null", LARGE, Ok(())),
            // What it left running holds its standard error; nobody waits for that.
            ("sleep 5 & echo end >&2; exit 1", 5, Err("sh ended with exit status: 1: end")),
        ] {
            let began = Instant::now();
            match (ran(script, 60, input), expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(text)) => assert!(error.starts_with(text), "{script}: {error}"),
                (found, expected) => panic!("{script}: {found:?} and not {expected:?}"),
            }
            assert!(began.elapsed() < Duration::from_secs(4), "{script}");
        }
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!(
            "echo working >&2; trap '' TERM; (sleep 3; touch {}) & sleep 60 & wait",
            mark.display()
        );
        let error = ran(&script, 1, 5).unwrap_err();
        assert_eq!(error, "sh took longer than 1s and was ended: working");
        thread::sleep(Duration::from_millis(2_500));
        assert!(!mark.exists());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let command = CommandSpec { program: "/nowhere/at/all".into(), ..shell("", 1) };
        let error = run(&command, Vec::new(), &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.to_string(), "could not start /nowhere/at/all");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn whoever_is_told_to_stop_stops() {
        let cancelled = AtomicBool::new(true);
        let error = run(&shell("sleep 60", 60), Vec::new(), &cancelled).unwrap_err();
        assert!(matches!(error, CommandError::Cancelled { .. }), "{error}");
    }
}

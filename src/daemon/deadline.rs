//! The end of the process in time, and of processes that nobody else waits for.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use nix::libc::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::telemetry::events;

/// How long after SIGTERM or SIGINT the process may live. It is more than the grace period of the event loop,
/// and less than the five seconds that the specification grants.
const LIMIT: Duration = Duration::from_millis(4_800);

/// Ends the process 4.8 seconds (`LIMIT`) after the first SIGTERM or SIGINT, whatever it is doing then. Some calls of the
/// system last for ever, for example a lookup of a name, or a read of a file on a server that is gone, and no
/// thread that is inside such a call can be ended alone.
///
/// # Errors
/// When the signals cannot be received or no thread can be started.
pub fn end_in_time() -> io::Result<()> {
    let (mut signals, sender) = UnixStream::pair()?;
    pipe::register(SIGTERM, sender.try_clone()?)?;
    pipe::register(SIGINT, sender)?;
    let watch = move || {
        if signals.read_exact(&mut [0]).is_ok() {
            thread::sleep(LIMIT);
            events::ended_without_waiting();
            end();
        }
    };
    thread::Builder::new().name("deadline".to_owned()).spawn(watch).map(drop)
}

#[expect(clippy::exit, reason = "the threads that would return from main are the ones that hang")]
fn end() {
    std::process::exit(0);
}

/// Waits for processes whose parents have ended, for example those that a command left in the background. Only
/// the first process of a container inherits such processes; they would remain as zombies.
#[cfg(target_os = "linux")]
pub(super) async fn reap_orphans() {
    use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
    use tokio::signal::unix::{SignalKind, signal};

    use crate::deliver::command;

    /// Our own child is waited for by its delivery, and until then it hides others.
    const RETRY: Duration = Duration::from_millis(50);

    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let Ok(mut ended) = signal(SignalKind::child()) else { return };
    while ended.recv().await.is_some() {
        while let Some(pid) = waitid(Id::All, peek).ok().and_then(|status| status.pid()) {
            if command::is_awaited(pid) {
                tokio::time::sleep(RETRY).await;
            } else {
                waitpid(pid, Some(WaitPidFlag::WNOHANG)).ok(); // Only the zombie matters, not its status.
            }
        }
    }
}

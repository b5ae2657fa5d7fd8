//! What the system allows this process, and how we keep within it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::libc::SIGXFSZ;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Open files beside those of requests: the store's connections, exports, a listener, the runtime.
const RESERVED: u64 = 32;

/// Files of a request: its socket, and one for the name server.
const PER_REQUEST: u64 = 2;

/// A file that reaches a limit of its size (`ulimit -f`) is to be an error like a full disk, not death by
/// a signal. As many open files as the system will give are asked for.
pub(super) fn prepare() {
    // What is left undone when these fail is what they are for.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).ok();
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok();
    }
}

/// Requests that may be in flight at once, of the `wanted` ones.
pub(super) fn requests(wanted: usize) -> usize {
    let Ok((files, _)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    within(files, wanted)
}

fn within(files: u64, wanted: usize) -> usize {
    let room = files.saturating_sub(RESERVED) / PER_REQUEST;
    usize::try_from(room).unwrap_or(usize::MAX).clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_leave_open_files_for_the_rest() {
        for (files, wanted, expected) in
            [(1_048_576, 64, 64), (1024, 64, 64), (64, 64, 16), (40, 3, 3), (20, 64, 1), (0, 0, 1)]
        {
            assert_eq!(within(files, wanted), expected, "{files} files, {wanted} wanted");
        }
    }
}

//! Resource limits of the system, and how the process keeps within them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::libc::SIGXFSZ;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The number of open files that are not sockets of requests: the store, exports, the listener, the runtime.
const RESERVED: u64 = 32;

/// The number of open files of a request: its socket, and one for DNS.
const PER_REQUEST: u64 = 2;

/// Ignores SIGXFSZ, so that a file that reaches the size limit (`ulimit -f`) is an error like a full disk. Raises the
/// limit of open files to the hard limit.
pub(super) fn prepare() {
    // If one of these calls fails, the process runs with the old limits.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).ok();
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok();
    }
}

/// The number of simultaneous requests, at most `wanted`, that the limit of open files allows.
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

//! What requests need of this machine: open files, ports and memory.

use std::io;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

/// Whether an error means that this machine has no open files, ports or memory left.
pub fn is_exhausted(error: &io::Error) -> bool {
    const NUMBERS: [Errno; 5] =
        [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::EADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|number| NUMBERS.contains(&Errno::from_raw(number)))
}

/// The number of files that this process may have open.
pub fn limit_of_open_files() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

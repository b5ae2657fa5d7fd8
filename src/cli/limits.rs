//! Resource limits of the system, and how the process keeps within them.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::libc::SIGXFSZ;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::domain::request::FetchSettings;

/// The number of open files that are not sockets: the store and its readers, exports, the runtime, the listener.
const RESERVED: u64 = 40;

/// The number of open files of a request: its socket, and one for DNS.
const PER_REQUEST: u64 = 2;

/// The number of open files that the HTTP server may take: its most connections.
const SERVER: u64 = 528;

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

/// What to do where this process may open fewer files than it needs; `None` where it may open enough.
pub(super) fn advice() -> Option<String> {
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    (files < RESERVED).then(|| {
        format!(
            "this process may have only {files} open files: raise LimitNOFILE= in the unit of the service, or `ulimit -n` in \
             the shell"
        )
    })
}

/// The part of the machine's memory that bodies may take, and its bounds.
const MEMORY_PART: u64 = 16;
const MEMORY: RangeInclusive<u64> = 32 * 1024 * 1024..=256 * 1024 * 1024;

/// Chooses the memory for bodies where the configuration names none: a part of what the machine has, or the group of
/// processes to which the service manager or the container has limited this one.
pub(super) fn choose_memory(fetch: &mut FetchSettings) {
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let allowed = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| {
        let group = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let file = Path::new("/sys/fs/cgroup").join(group).join("memory.max");
        fs::read_to_string(file).ok()?.trim().parse().ok()
    });
    if let (None, Some(bytes)) = (fetch.memory, total.into_iter().chain(allowed).min()) {
        fetch.memory = Some(memory_of(bytes));
    }
}

fn memory_of(machine: u64) -> u64 {
    (machine / MEMORY_PART).clamp(*MEMORY.start(), *MEMORY.end())
}

/// The memory of the machine in bytes, of the file `/proc/meminfo`.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Lowers the number of simultaneous requests, and of hosts whose connections are kept, to what the limit of open files allows.
pub(super) fn bound(fetch: &mut FetchSettings, is_server: bool) {
    if let Ok((files, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
        bound_by(files, fetch, is_server);
    }
}

fn bound_by(files: u64, fetch: &mut FetchSettings, is_server: bool) {
    let count = |files: u64| usize::try_from(files).unwrap_or(usize::MAX);
    let left = files.saturating_sub(RESERVED);
    fetch.concurrency = count(left / PER_REQUEST).clamp(1, fetch.concurrency.max(1));
    let requests = PER_REQUEST * fetch.concurrency as u64;
    let left = left.saturating_sub(requests + if is_server { SERVER } else { 0 });
    // The other half is for connections that are about to be closed.
    let kept = count(left / 2) / fetch.per_host.max(1);
    fetch.kept_hosts = fetch.kept_hosts.min(kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_may_take_a_sixteenth_of_the_memory_within_bounds() {
        let meminfo = "MemTotal:        2097152 kB\nMemFree:          123456 kB\n";
        assert_eq!(total_of(meminfo), Some(2 << 30));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        let mib = |bytes: u64| memory_of(bytes << 20) >> 20;
        assert_eq!([128, 512, 2048, 65_536].map(mib), [32, 32, 128, 256]);
        let mut fetch = FetchSettings { memory: Some(7), ..FetchSettings::default() };
        choose_memory(&mut fetch);
        assert_eq!(fetch.memory, Some(7), "what the configuration says");
    }

    #[test]
    fn requests_and_kept_connections_leave_open_files_for_the_rest() {
        for (files, wanted, is_server, requests, kept) in [
            (1_048_576, 64, true, 64, 256),
            (1024, 64, false, 64, 214),
            (1024, 64, true, 64, 82),
            (512, 64, true, 64, 0),
            (64, 64, false, 12, 0),
            (48, 3, false, 3, 0),
            (20, 64, false, 1, 0),
            (0, 0, false, 1, 0),
        ] {
            let mut fetch = FetchSettings { concurrency: wanted, ..FetchSettings::default() };
            bound_by(files, &mut fetch, is_server);
            let found = (fetch.concurrency, fetch.kept_hosts);
            assert_eq!(found, (requests, kept), "{files} files, {wanted} wanted, {is_server}");
        }
    }
}

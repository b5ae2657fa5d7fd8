//! Small disks: a tmpfs in a mount namespace, which ends with the process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::program::{Home, Ran, Running, finish};
use super::skip;

/// A folder at which a disk of this size, in KiB, can be mounted.
pub(crate) struct SmallDisk {
    kib: u64,
    place: TempDir,
}

impl SmallDisk {
    /// Returns `None` and reports a skip where the system forbids mount namespaces.
    pub(crate) fn of(kib: u64) -> Option<Self> {
        let disk = Self { kib, place: tempfile::tempdir().unwrap() };
        let mut attempt = Command::new("unshare");
        attempt.args(["-rm", "mount", "-t", "tmpfs", "tmpfs"]).arg(disk.place.path());
        let possible = attempt.output().is_ok_and(|output| output.status.success());
        if !possible {
            skip("mount namespace (unshare -rm)");
        }
        possible.then_some(disk)
    }

    fn script(&self, home: &Home, end: &str, arguments: &[&str]) -> Command {
        let program = home.command(arguments);
        let mut command = Command::new("unshare");
        let script = format!(
            "mount -t tmpfs -o size={}k tmpfs \"$0\" && cp -p ./* \"$0\" && cd \"$0\" || exit 99; {end}",
            self.kib
        );
        command.args(["-rm", "sh", "-c", &script]).arg(self.place.path());
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(home.folder()).env_clear().env("TZ", "UTC").env("HOME", home.folder());
        command
    }

    /// Runs a command in a copy of the folder on this disk, and copies the result back.
    #[track_caller]
    pub(crate) fn run(&self, home: &Home, arguments: &[&str]) -> Ran {
        let end = "\"$@\"; code=$?; rm -f \"$HOME\"/*; cp -p ./* \"$HOME\"; exit $code";
        let ran = finish(self.script(home, end, arguments));
        assert_ne!(ran.code, Some(99), "no room for what there is: {}", ran.err);
        ran
    }

    /// Starts the daemon in a copy of the folder on this disk. Returns the path of that copy too.
    pub(crate) fn daemon(&self, home: &Home) -> (Running, PathBuf) {
        let arguments = ["--log-format", "json", "-v", "run"];
        let daemon = Running::daemon_as(self.script(home, "exec \"$@\"", &arguments));
        let root = format!("/proc/{}/root", daemon.id());
        let place = self.place.path().strip_prefix("/").unwrap();
        let seen = Path::new(&root).join(place);
        (daemon, seen)
    }
}

impl SmallDisk {
    /// Runs a command in the folder of a running daemon.
    pub(crate) fn beside(&self, daemon: &Running, home: &Home, arguments: &[&str]) -> Ran {
        let program = home.command(arguments);
        let mut command = Command::new("nsenter");
        command.args(["-t", &daemon.id().to_string(), "-U", "-m", "--preserve-credentials"]);
        command.args(["sh", "-c", "cd \"$0\" && exec \"$@\""]).arg(self.place.path());
        command.arg(program.get_program()).args(program.get_args());
        command
            .env_clear()
            .env("TZ", "UTC")
            .env("HOME", home.folder())
            .env("PATH", "/usr/bin:/bin");
        finish(command)
    }
}

/// The disk space of the files in a folder.
pub(crate) fn kib(home: &Home) -> u64 {
    let size = |name: &String| fs::metadata(home.path(name)).unwrap().len();
    home.files().iter().map(|name| size(name).div_ceil(4096) * 4).sum()
}

/// Copies a folder.
pub(crate) fn copy(home: &Home) -> Home {
    let other = Home::empty();
    for name in home.files() {
        fs::copy(home.path(&name), other.path(&name)).unwrap();
    }
    other
}

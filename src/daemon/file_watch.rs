//! Notices changes of the configuration's files, if the configuration says so (`reload_on_change`).
//!
//! The files are looked at every two seconds instead of by inotify, which sees no change on network file systems and in
//! mounted single files, as containers have them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The time between two looks.
pub(super) const INTERVAL: Duration = Duration::from_secs(2);

/// What a change of a file changes: device, inode, size, and the time of the last modification. `None` for no file.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// The files as they were when the configuration was read, and at the last look.
#[derive(Debug, Default)]
pub(super) struct FileWatch {
    files: Vec<PathBuf>,
    read: Vec<Stamp>,
    seen: Vec<Stamp>,
}

impl FileWatch {
    /// Watches these files, which have just been read; none for `None`.
    pub(super) fn of(files: Option<&Vec<PathBuf>>) -> Self {
        let files = files.cloned().unwrap_or_default();
        let read = stamps(&files);
        Self { seen: read.clone(), read, files }
    }

    /// Whether a file has changed since it was read, and not since the last look: an editor may be writing it.
    pub(super) fn has_settled_change(&mut self) -> bool {
        let now = stamps(&self.files);
        let is_settled = self.seen == now;
        self.seen = now;
        if !is_settled || self.read == self.seen {
            return false;
        }
        self.read.clone_from(&self.seen); // A fault is reported once.
        true
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let found = fs::metadata(file).ok()?;
    Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_reported_once_when_the_file_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gazetted.toml");
        fs::write(&file, "a").unwrap();
        let mut watch = FileWatch::of(Some(&vec![file.clone()]));
        assert!(!watch.has_settled_change());
        fs::write(&file, "ab").unwrap();
        assert!(!watch.has_settled_change(), "it may be half-written");
        fs::write(&file, "abc").unwrap();
        assert!(!watch.has_settled_change());
        assert!(watch.has_settled_change());
        assert!(!watch.has_settled_change());
        fs::remove_file(&file).unwrap();
        assert!(!watch.has_settled_change());
        assert!(watch.has_settled_change());
        let mut off = FileWatch::of(None);
        assert!(!off.has_settled_change());
    }
}

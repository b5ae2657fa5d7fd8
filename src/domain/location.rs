//! Where a store is.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a store is. The module `store` opens what is there. `Display` is the name that users know it by. A clone
/// refers to the same data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file. Its log and the lock files are beside it.
    File(Arc<Path>),
}

impl Location {
    /// The location of a SQLite file, which need not exist.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::File(path.as_ref().into())
    }

    /// The file of the store if it is one file of this machine. Only what concerns such a file may need it, such as the
    /// free space around it; all others call the methods that the module `store` adds.
    pub fn local_file(&self) -> Option<&Path> {
        let Self::File(path) = self;
        Some(path)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::File(path) = self;
        path.display().fmt(f)
    }
}

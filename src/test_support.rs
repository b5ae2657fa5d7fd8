//! What unit tests of several modules share. It is compiled for tests only.

#[path = "../tests/support/skip.rs"]
mod skip;

use std::path::PathBuf;

/// The folder of captured feeds that `$GAZETTED_FEEDS` names. These feeds belong to their publishers and are not
/// part of the project. `None` if the variable is not set, which is reported as a skip.
#[expect(clippy::disallowed_methods, reason = "the variable is for tests, not for the program")]
pub(crate) fn captured_feeds() -> Option<PathBuf> {
    let folder = std::env::var_os("GAZETTED_FEEDS").map(PathBuf::from);
    if folder.is_none() {
        skip::skip("captured feeds (GAZETTED_FEEDS)");
    }
    folder
}

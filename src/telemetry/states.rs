//! What was logged last about things that fail again and again, so that a failure is a warning once for each change of
//! state, and not at each attempt.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// What can fail again and again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// By its id.
    Feed(i64),
    Consumer(String),
    /// By its path.
    Export(String),
    /// By the operation.
    Store(String),
    /// The open files, ports and memory of this machine.
    Resources,
    /// The store's file is no longer in place.
    StoreFile,
    /// The clock of this machine, beside that of a server.
    Clock,
    /// The list of feeds, beside that of other workers.
    FeedList,
}

/// The states that were logged since the start of the process. Only what fails is in it.
static LOGGED: LazyLock<Mutex<HashMap<Subject, String>>> = LazyLock::new(Mutex::default);

fn logged() -> MutexGuard<'static, HashMap<Subject, String>> {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that the subject fails in this way, and returns whether that is news.
pub(super) fn fails(subject: Subject, how: &str) -> bool {
    logged().insert(subject, how.to_owned()).is_none_or(|before| before != how)
}

/// Notes that the subject works, and returns whether it failed before.
pub(super) fn works(subject: &Subject) -> bool {
    logged().remove(subject).is_some()
}

/// Notes that the store was written to.
pub(super) fn store_works() {
    logged().retain(|subject, _| !matches!(subject, Subject::Store(_)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_news_once_for_each_change_of_state() {
        let feed = || Subject::Feed(-1);
        let news = ["dns", "dns", "timeout", "timeout", "dns"].map(|how| fails(feed(), how));
        assert_eq!(news, [true, false, true, false, true]);
        assert!(works(&feed()));
        assert!(!works(&feed()));
        assert!(fails(feed(), "dns"));
    }
}

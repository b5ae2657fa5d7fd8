//! Announces the articles whose date was ahead and whose time has come (`hide_future`).

use crate::config::Config;
use crate::domain::time::Timestamp;
use crate::store::{Announced, Store, StoreError};

/// Announces what is due; everything, if `hide_future` is off (again).
///
/// # Errors
/// When the store cannot be written.
pub async fn announce(
    store: &Store,
    config: &Config,
    now: Timestamp,
) -> Result<Announced, StoreError> {
    store.announce(!config.hide_future, now).await
}

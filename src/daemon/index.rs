//! The task that keeps the full-text index up to date.

use tokio::sync::watch;

use super::trigger::{DEBOUNCE, STORE_RETRY};
use crate::passes::index;
use crate::store::Store;
use crate::telemetry::events;

/// Indexes new and edited articles in batches whenever something was stored.
pub(super) async fn index_loop(store: Store, mut changed: watch::Receiver<u64>) {
    loop {
        match index::advance(&store).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => {
                if changed.changed().await.is_err() {
                    return;
                }
                tokio::time::sleep(DEBOUNCE).await;
            }
            Err(error) => {
                events::store_error("index articles", &error);
                tokio::time::sleep(STORE_RETRY).await;
            }
        }
    }
}

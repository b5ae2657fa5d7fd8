//! `gazetted run`.

use std::time::Duration;

use anyhow::Result;

use super::{Context, Exit};
use crate::daemon;

/// How long to wait for threads that are inside a call of the system.
const SHUTDOWN: Duration = Duration::from_millis(200);

pub(super) fn run(context: &Context) -> Result<Exit> {
    daemon::end_in_time()?; // Before anything that can hang.
    let config = context.load()?;
    let path = config.path.clone();
    let load = || context.load_from(&path);
    let runtime = runtime()?;
    let ended = runtime.block_on(daemon::run(config, &load));
    runtime.shutdown_timeout(SHUTDOWN); // A lookup of a name can last for minutes.
    ended?;
    Ok(Exit::Done)
}

/// Creates the runtime. One thread serves all sockets, which is a tenth of the work. Documents are parsed on other
/// threads; files and exports use the blocking pool. Its stacks are large because articles can be nested deeply.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(16 * 1024 * 1024)
        .build()
}

//! `gazetted run`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::{Context, Exit, load_from};
use crate::daemon;
use crate::store::may_wait;

/// How long to wait for threads that are inside a call of the system.
const SHUTDOWN: Duration = Duration::from_millis(200);

pub(super) fn run(context: &Context) -> Result<Exit> {
    daemon::end_in_time()?; // Before anything that can hang.
    let config = context.load()?;
    let (path, environment) = (config.path.clone(), context.environment);
    let load: daemon::Load = Arc::new(move || load_from(&path, environment));
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
        // Of this runtime, only the threads for blocking work are started.
        .on_thread_start(may_wait)
        .build()
}

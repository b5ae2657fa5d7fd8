//! `gazetted run`.

use anyhow::Result;

use super::{Context, Exit};
use crate::daemon;

pub(super) fn run(context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let path = config.path.clone();
    let load = || context.load_from(&path).map_err(|faults| faults.render(false));
    runtime()?.block_on(daemon::run(config, &load))?;
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

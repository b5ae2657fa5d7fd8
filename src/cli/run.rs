//! `gazetted run`.

use anyhow::Result;

use super::{Context, Exit};
use crate::daemon;

pub(super) fn run(context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let path = config.path.clone();
    let load = || context.load_from(&path);
    runtime()?.block_on(daemon::run(config, &load))?;
    Ok(Exit::Done)
}

/// One thread drives all sockets, a tenth of the work; documents are read by threads of their own, and files
/// and exports have the blocking pool. Its stacks are deep because strangers decide how deep an article goes.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(16 * 1024 * 1024)
        .build()
}

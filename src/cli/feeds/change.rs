//! Functions of all verbs that change the list of feeds.

use std::fs;
use std::io;

use anyhow::{Context as _, Result};

use super::super::Context;
use crate::clock;
use crate::config::Config;
use crate::config::edit::{Edit, EditError};
use crate::deliver::{DeliverError, to_file};

/// Writes an edit.
///
/// # Errors
/// When the edited configuration has faults, or another program has changed one of its files meanwhile.
pub(super) fn apply(edit: &Edit, config: &Config, context: &Context) -> Result<()> {
    edit.check(&config.path, &context.environment, clock::now())
        .context("the configuration would have faults, so nothing was written")?;
    for (path, before, after) in edit.changes() {
        if fs::read_to_string(path).ok().as_deref() != Some(before) {
            return Err(EditError::Changed { path: path.to_owned() }.into());
        }
        to_file(path, |out| out.write_all(after.as_bytes()).map_err(DeliverError::from))?;
    }
    Ok(())
}

/// Tells the user how a running daemon learns of the change.
pub(super) fn note_reload(context: &Context) {
    if context.quiet {
        return;
    }
    let Ok(config) = context.load() else { return };
    if let Some(holder) = config.store.location.holder() {
        let how = if config.watched.is_some() {
            "applies this within seconds"
        } else {
            "applies this when it is reloaded: SIGHUP, systemctl reload gazetted"
        };
        context.output.note(&format!("the daemon ({holder}) {how}"));
    }
}

/// Prints a sign and a text for the user.
pub(super) fn line(out: &mut dyn io::Write, sign: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{sign} {}", crate::present::terminal::clean_line(text))
}

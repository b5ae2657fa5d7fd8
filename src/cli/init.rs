//! `gazetted init`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::output::data;
use super::{Context, Exit};
use crate::config::STARTER;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Print it instead of writing a file
    #[arg(long)]
    stdout: bool,
}

/// Writes the file of `--config`, or `gazetted.toml` in the current folder. An existing file is never overwritten.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    if args.stdout {
        data(|out| out.write_all(STARTER.as_bytes()))?;
        return Ok(Exit::Done);
    }
    let path = context.config.as_deref().unwrap_or(Path::new("gazetted.toml"));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(STARTER.as_bytes()))
        .with_context(|| format!("could not write {}", path.display()))?;
    if !context.quiet {
        let path = path.display();
        context.output.note(&format!(
            "wrote {path}\nName your feeds in it, then: gazetted check, gazetted poll, gazetted run"
        ));
    }
    Ok(Exit::Done)
}

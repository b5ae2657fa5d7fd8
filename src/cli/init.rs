//! `gazetted init`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

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
        .or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => bail!(
                "{0} exists already and stays as it is; `gazetted check` reads it, `gazetted --config OTHER.toml init` writes another one",
                path.display()
            ),
            _ => Err(error).with_context(|| format!("could not write {}", path.display())),
        })?;
    if !context.quiet {
        let path = path.display();
        context.output.note(&format!(
            "wrote {path}\nName your feeds in it, then: gazetted check, gazetted poll, gazetted run"
        ));
    }
    Ok(Exit::Done)
}

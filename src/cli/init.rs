//! `gazetted init`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::output::data;
use super::{Context, Exit};
use crate::config::starter::{PACKS, with_packs};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// With the feeds of this pack in place of two examples; may be repeated
    #[arg(long, value_name = "NAME", value_parser = PACKS.map(|(name, _)| name))]
    pack: Vec<String>,
    /// Print it instead of writing a file
    #[arg(long)]
    stdout: bool,
}

/// Writes the file of `--config`, or `gazetted.toml` in the current folder. Folders that are missing are made, and an
/// existing file is never overwritten.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let text = with_packs(args.pack.iter().map(String::as_str));
    if args.stdout {
        data(|out| out.write_all(text.as_bytes()))?;
        return Ok(Exit::Done);
    }
    let path = context.config.as_deref().unwrap_or(Path::new("gazetted.toml"));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not make the folder {}", folder.display()))?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
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
            "wrote {path}\nName your feeds in it, then: gazetted check, gazetted poll, gazetted export, gazetted run"
        ));
    }
    Ok(Exit::Done)
}

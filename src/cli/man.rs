//! `gazetted man`: manual pages from the definition of the command line, and that of the configuration from the example
//! file, which the tests compare with the keys of the configuration.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::output::{count, data};
use super::{Context, Exit, examples};
use crate::config::reference::{Block, blocks};

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A command such as `poll` or `feeds add`, or `gazetted.toml` [default: one page with all commands]
    #[arg(value_name = "PAGE", num_args = 1.., conflicts_with = "folder")]
    page: Vec<String>,
    /// Write a file for each page into this folder, as man finds them: gazetted.1, gazetted-poll.1, gazetted.toml.5
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// The program and its version, at the bottom of each page.
const VERSION: &str = concat!("gazetted ", env!("CARGO_PKG_VERSION"));

/// The name of the configuration's page, which is in section 5.
const CONFIGURATION: &str = "gazetted.toml";

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let mut command = examples::command().disable_help_subcommand(true);
    command.build();
    if let Some(folder) = &args.folder {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not make the folder {}", folder.display()))?;
        let pages = pages(&command)?;
        for (name, page) in &pages {
            let path = folder.join(name);
            std::fs::write(&path, page)
                .with_context(|| format!("could not write {}", path.display()))?;
        }
        if !context.quiet {
            let pages = count(pages.len() as u64, "page");
            context.output.note(&format!("wrote {pages} into {}", folder.display()));
        }
        return Ok(Exit::Done);
    }
    if args.page.is_empty() {
        data(|out| all_in_one(&command, out))?;
        return Ok(Exit::Done);
    }
    let name = args.page.join("-");
    let name = if name.starts_with("gazetted") { name } else { format!("gazetted-{name}") };
    let Some((_, page)) = pages(&command)?.into_iter().find(|(file, _)| {
        let page = file.rsplit_once('.').map_or("", |(page, _)| page);
        page == name
    }) else {
        bail!(
            "there is no page {name}; `gazetted --help` lists the commands, and {CONFIGURATION} is the configuration"
        );
    };
    data(|out| out.write_all(&page))?;
    Ok(Exit::Done)
}

/// All pages by the names of their files.
fn pages(command: &clap::Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut pages = vec![("gazetted.1".to_owned(), main_page(command)?)];
    for (name, command) in flattened(command, "gazetted") {
        let mut page = Vec::new();
        command_page(&name, &command, &mut page)?;
        pages.push((format!("{}.1", name.replace(' ', "-")), page));
    }
    pages.push((format!("{CONFIGURATION}.5"), configuration_page()?));
    Ok(pages)
}

/// All commands and their subcommands with their full names.
fn flattened(command: &clap::Command, prefix: &str) -> Vec<(String, clap::Command)> {
    let own = command.get_subcommands();
    own.flat_map(|sub| {
        let name = format!("{prefix} {}", sub.get_name());
        let below = flattened(sub, &name);
        std::iter::once((name, sub.clone())).chain(below)
    })
    .collect()
}

/// The sections about the program itself, with the list of its commands.
fn beginning(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    Ok(page)
}

fn main_page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = beginning(command)?;
    around(&mut page)?;
    see_also(&[format!("{CONFIGURATION}(5)")], &mut page)?;
    Ok(page)
}

fn command_page(name: &str, command: &clap::Command, out: &mut dyn Write) -> io::Result<()> {
    let dashed = name.replace(' ', "-");
    let man = Man::new(command.clone().display_name(dashed))
        .title(name.replace(' ', "-"))
        .source(VERSION);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    examples_section("SH", name, out)?;
    see_also(&["gazetted(1)".to_owned(), format!("{CONFIGURATION}(5)")], out)
}

/// One page for the program and all its commands, each in a section.
fn all_in_one(command: &clap::Command, out: &mut dyn Write) -> io::Result<()> {
    let mut page = beginning(command)?;
    for (name, sub) in flattened(command, "gazetted") {
        let man = Man::new(sub);
        writeln!(page, ".SH {}", name.to_uppercase())?;
        let mut section = Vec::new();
        man.render_description_section(&mut section)?;
        man.render_synopsis_section(&mut section)?;
        man.render_options_section(&mut section)?;
        let section = String::from_utf8_lossy(&section).replace(".SH ", ".SS ");
        page.extend(section.as_bytes());
        examples_section("SS", &name, &mut page)?;
    }
    around(&mut page)?;
    // The commands are sections of this page, and no pages of their own.
    let text = String::from_utf8_lossy(&page);
    let text: Vec<String> = text.lines().map(without_page_number).collect();
    writeln!(out, "{}", text.join("\n"))
}

/// `gazetted\-poll(1)` as `gazetted poll`.
fn without_page_number(line: &str) -> String {
    match line.strip_prefix("gazetted\\-").and_then(|name| name.strip_suffix("(1)")) {
        Some(name) => format!("gazetted {}", name.replace("\\-", " ")),
        None => line.to_owned(),
    }
}

fn examples_section(level: &str, name: &str, out: &mut dyn Write) -> io::Result<()> {
    let examples = examples::of(name.trim_start_matches("gazetted "));
    if examples.is_empty() {
        return Ok(());
    }
    let mut roff = Roff::new();
    roff.control(level, ["EXAMPLES"]);
    for (line, what) in examples {
        roff.control("TP", []).text([bold(format!("gazetted {line}"))]).text([roman(*what)]);
    }
    roff.to_writer(out)
}

/// Exit codes, files and environment.
fn around(out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    for (title, items) in [
        (
            "EXIT STATUS",
            &[
                ("0", "done"),
                ("1", "failed"),
                ("2", "wrong usage"),
                ("3", "poll finished, but some feeds failed"),
                ("78", "the configuration is invalid, or there is none"),
            ][..],
        ),
        (
            "ENVIRONMENT",
            &[
                ("GAZETTED_CONFIG", "the configuration, if --config does not name it"),
                ("GAZETTED_LOG", "a filter for the log, such as gazetted=debug,hyper=info"),
                ("NO_COLOR", "no colours"),
                ("TZ", "the time zone of what is shown, if the configuration has no timezone"),
            ],
        ),
        (
            "FILES",
            &[
                ("./gazetted.toml", "the configuration; else the next one"),
                (
                    "~/.config/gazetted/gazetted.toml",
                    "$XDG_CONFIG_HOME is used if it is set; else the next one",
                ),
                ("/etc/gazetted/gazetted.toml", "the configuration of the service"),
                ("/var/lib/gazetted/gazetted.db", "the store of the service"),
            ],
        ),
    ] {
        roff.control("SH", [title]);
        for (name, text) in items {
            roff.control("TP", []).text([bold(*name)]).text([roman(*text)]);
        }
    }
    roff.to_writer(out)
}

fn see_also(pages: &[String], out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([roman(pages.join(", "))]);
    roff.to_writer(out)
}

/// gazetted.toml(5): every key with its comment and its default or an example.
fn configuration_page() -> io::Result<Vec<u8>> {
    let mut roff = Roff::new();
    roff.control("TH", [CONFIGURATION, "5", "", VERSION]);
    roff.control("SH", ["NAME"])
        .text([roman(format!("{CONFIGURATION} - configuration of gazetted"))]);
    roff.control("SH", ["DESCRIPTION"]);
    let mut in_tables = false;
    for block in blocks() {
        match block {
            Block::Text(text) => {
                roff.control("PP", []).text([roman(text)]);
            }
            Block::Table { name, text } => {
                if !in_tables {
                    roff.control("SH", ["TABLES"]);
                    in_tables = true;
                }
                roff.control("SS", [name.as_str()]);
                if !text.is_empty() {
                    roff.text([roman(text)]);
                }
            }
            Block::Keys { lines, text } => {
                for (i, line) in lines.iter().enumerate() {
                    roff.control(if i == 0 { "TP" } else { "TQ" }, []);
                    let line: Vec<Inline> = vec![bold(line.as_str())];
                    roff.text(line);
                }
                roff.text([roman(if text.is_empty() { " ".to_owned() } else { text })]);
            }
        }
    }
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    see_also(&["gazetted(1)".to_owned(), "gazetted-check(1)".to_owned()], &mut page)?;
    Ok(page)
}

//! `gazetted doctor`.

use anyhow::Result;
use serde_json::{Value, json};

use super::output::{DIM, GREEN, RED, data, hanging, json_data, without_nulls};
use super::{Context, Exit, run::runtime};
use crate::clock;
use crate::passes::doctor::{Verdict, checks};

/// The columns before what a check found.
const COLUMN: usize = 22;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Exit code 0 if no check fails.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let config = context.load()?;
    let daemon = config.store.location.holder();
    let checks = runtime()?.block_on(checks(&config, daemon.as_deref(), clock::now()));
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed).count();
    if args.json {
        let values = checks.iter().map(|check| {
            without_nulls(json!({
                "check": check.name, "result": check.verdict.as_str(),
                "found": check.found, "remedy": check.remedy,
            }))
        });
        json_data(&values.collect::<Vec<Value>>().into())?;
    } else {
        let output = &context.output;
        data(|out| {
            let config = config.path.display();
            writeln!(out, "{}       {:<12} {config}", output.styled(GREEN, "ok"), "config")?;
            for check in &checks {
                let (style, word) = match check.verdict {
                    Verdict::Ok => (GREEN, "ok"),
                    Verdict::Skipped => (DIM, "skipped"),
                    Verdict::Failed => (RED, "failed"),
                };
                let padding = 8 - word.len();
                let word = output.styled(style, word);
                let found = hanging(&check.found, COLUMN);
                writeln!(out, "{word}{:padding$} {:<12} {found}", "", check.name)?;
                if let Some(remedy) = check.remedy {
                    writeln!(out, "{:COLUMN$}{}", "", hanging(remedy, COLUMN))?;
                }
            }
            Ok(())
        })?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

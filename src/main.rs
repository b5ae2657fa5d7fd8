//! The binary: arguments and environment in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    gazetted::telemetry::tell_panics();
    gazetted::cli::main(std::env::args_os(), environment)
}

/// The one reading of the environment; everything below gets this function.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

//! The program: passes arguments and environment to [`gazetted::cli`], and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    gazetted::telemetry::tell_panics();
    gazetted::cli::main(std::env::args_os(), environment)
}

/// Reads an environment variable. All other code gets this function as an argument.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

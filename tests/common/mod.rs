//! What the tests that run programs share.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};

/// The main function of a test file whose tests make runs.
pub fn run(trials: fn() -> Result<Vec<Trial>>) -> ExitCode {
    if let Some(status) = mirror::inside::take_over() {
        return status;
    }
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

/// A trial that tells the whole of an error, down to its cause.
pub fn trial(name: String, check: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(|error| Failed::from(format!("{error:#}"))))
}

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds every program, C and Rust, as `make build` does.
pub fn build_programs() -> Result<()> {
    let status = Command::new("make").args(["--silent", "build"]).current_dir(root()).status();
    ensure!(status.context("make is missing")?.success(), "`make build` failed");
    Ok(())
}

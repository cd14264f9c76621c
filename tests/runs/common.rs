//! What the tests that run programs share.

#[path = "../common/trials.rs"]
mod trials;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};
use mirror::project::Project;

/// The main function of a test file whose tests make runs.
pub fn run(trials: fn() -> Result<Vec<Trial>>) -> ExitCode {
    if let Some(status) = mirror::run::take_over() {
        return status;
    }
    self::trials::run(trials)
}

/// A trial that tells the whole of an error, down to its cause.
pub fn trial(name: String, check: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(|error| Failed::from(format!("{error:#}"))))
}

/// The project, with every program of it built, C and Rust, as `make build` does.
pub fn built_project() -> Result<Project> {
    let project = Project::find()?;
    project.build()?;
    Ok(project)
}

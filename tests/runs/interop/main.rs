//! This project's servers and clients with those of others, and with each other: `tests/interop/`. A test for each
//! program and each column of the table, `PROGRAM::COLUMN`. What is not installed is ignored, unless the variable
//! SOCKMIRROR_REQUIRE names it: a list, separated by commas.

#[path = "../common.rs"]
mod common;
mod everyday;
#[path = "../../common/root.rs"]
mod root;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Completion, Failed, Trial};
use mirror::commands::interop::require;
use mirror::common::parallel::processors;
use mirror::interop::results::Missing;
use mirror::project::matrix::Matrix;
use root::root;

/// The variable that names the programs that must be installed.
const REQUIRE: &str = "SOCKMIRROR_REQUIRE";

fn main() -> ExitCode {
    common::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let project = common::built_project()?;
    // The trials live as long as the process.
    let matrix: &'static Matrix = Box::leak(Box::new(Matrix::read(&project, &[])?));
    let required = std::env::var(REQUIRE).unwrap_or_default();
    let required: Vec<String> = required.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    require(matrix, &required).context(REQUIRE)?;
    let processors = processors()?;
    let mut trials = Vec::new();
    for row in &matrix.rows {
        if let Some(missing) = &row.missing {
            trials.push(Trial::ignorable_test(row.name.clone(), || absent(missing)));
        }
    }
    for (index, (row, column)) in matrix.cells().into_iter().enumerate() {
        let processor = processors[index % processors.len()];
        if matrix.cannot_meet((row, column)).is_some() {
            continue;
        }
        let name = format!("{}::{}", matrix.rows[row].name, matrix.columns[column].title.replace(' ', "_"));
        trials.push(common::trial(name, move || same(matrix, (row, column), processor)));
    }
    trials.extend(everyday::trials(&project, processors[0])?);
    Ok(trials)
}

fn absent(missing: &Missing) -> Result<Completion, Failed> {
    match missing {
        Missing::NotInstalled(_) => Ok(Completion::ignored_with(missing.text())),
        Missing::NotBuilt(why) => Err(Failed::from(format!("not built: {why}"))),
    }
}

fn same(matrix: &Matrix, cell: (usize, usize), processor: usize) -> Result<()> {
    let output: PathBuf = root().join("target/mirror/test/interop");
    let result = matrix.run(cell, &output, processor)?;
    let failures = result.failures.iter().map(|failure| {
        let word = failure.word.as_deref().unwrap_or("all words");
        format!("{}, {word}: {}", failure.twin, failure.what)
    });
    let failures: Vec<String> = failures.collect();
    ensure!(result.is_same(), "{} words came back whole:\n{}", result.text(), failures.join("\n"));
    ensure!(result.words > 0, "there was no word that they could exchange");
    Ok(())
}

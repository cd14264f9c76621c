//! `mirror interop`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::common::lock::lock;
use crate::common::out::print;
use crate::common::parallel;
use crate::common::tools::machine;
use crate::interop::results::{Missing, Results};
use crate::project::Project;
use crate::project::matrix::Matrix;
pub use crate::project::matrix::OwnCommands;
use crate::show::interop::{junit, page, table};
use crate::show::terminal::Progress;

/// What to run, and where to write what came of it.
#[derive(Debug, Default)]
pub struct Options {
    /// Only the programs of these names.
    pub names: Vec<String>,
    /// Programs that must be installed.
    pub require: Vec<String>,
    /// A file for the results in JSON.
    pub json: Option<PathBuf>,
    /// A file for a JUnit report.
    pub junit: Option<PathBuf>,
    /// A file for the page of the documentation.
    pub page: Option<PathBuf>,
    /// Commands to run instead of the programs of others.
    pub own: OwnCommands,
}

/// The command that makes the page.
const MADE_BY: &str = "cargo mirror interop --page docs/interop/table.md";

/// Builds the project's programs, and runs them with those of others.
pub fn run(options: &Options) -> Result<bool> {
    let project = Project::find()?;
    project.build()?;
    let matrix = if options.own.is_empty() {
        Matrix::read(&project, &options.names)?
    } else {
        Matrix::of_own_commands(&project, &options.own)?
    };
    require(&matrix, &options.require).context("--require")?;
    let results = all(&project, &matrix, options.json.is_some() || options.page.is_some())?;
    print(&table::table(&results))?;
    let write = |path: &Option<PathBuf>, text: &dyn Fn() -> Result<String>| match path {
        None => Ok(()),
        Some(path) => write_file(path, &text()?),
    };
    write(&options.json, &|| Ok(serde_json::to_string_pretty(&results)? + "\n"))?;
    write(&options.junit, &|| Ok(junit::report(&results)))?;
    write(&options.page, &|| Ok(page::page(&results, MADE_BY, &machine()?)))?;
    if let Some(row) = results.rows.iter().find(|row| matches!(row.missing, Some(Missing::NotBuilt(_)))) {
        bail!("{} could not be built", row.name);
    }
    Ok(results.are_same())
}

fn all(project: &Project, matrix: &Matrix, with_versions: bool) -> Result<Results> {
    let output = project.output().join("interop");
    let _lock = lock(&output)?;
    let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let mut results = matrix.results(date, with_versions);
    let cells = matrix.cells();
    let progress = Progress::new(cells.len());
    parallel::in_order(
        &cells,
        |cell, processor| matrix.run(*cell, &output, processor),
        |index, result| {
            let (row, column) = cells[index];
            results.rows[row].cells[column] = Some(result);
            progress.show(index + 1, &results.rows[row].name);
            Ok(())
        },
    )?;
    progress.clear();
    Ok(results)
}

/// Fails unless these programs are there.
pub fn require(matrix: &Matrix, names: &[String]) -> Result<()> {
    let mut absent = Vec::new();
    for name in names {
        match matrix.rows.iter().find(|row| row.name == *name) {
            None => bail!("no such program: '{name}'"),
            Some(row) => absent.extend(row.missing.as_ref().map(|missing| format!("{name}: {}", missing.text()))),
        }
    }
    if absent.is_empty() { Ok(()) } else { bail!("{}", absent.join(", ")) }
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

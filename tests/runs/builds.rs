//! How a program is compiled does not show: its twins are the same whatever the level of optimisation,
//! and whatever the C compiler. Compared are
//!
//! - `debug`: the C at -O0 with the Rust as `cargo build` makes it;
//! - `optimised`: the C at -O0 with the Rust of `cargo build --release`;
//! - `clang`: the C by clang at -O2 with the same; ignored where there is no clang.
//!
//! in the first scenario of every program and in all that have a terminal for standard output: there, each
//! write of the C library can be seen. And `stdio`: all builds of a program call the same functions that write.

mod common;
#[path = "../common/root.rs"]
mod root;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use mirror::common::parallel::processors;
use mirror::compare::normalise::Normaliser;
use mirror::compare::rules::RULES;
use mirror::project::{Case, Pair, cases};
use mirror::scenario::Output;
use mirror::show::report;
use root::root;

/// A pair of builds.
struct Builds {
    name: &'static str,
    /// What make is told of the C, the folder included.
    c: &'static [&'static str],
    folders: [&'static str; 2],
}

const BUILDS: [Builds; 3] = [
    Builds { name: "debug", c: &["C_OUT=target/c-O0", "CFLAGS=-O0 -g"], folders: ["target/c-O0", "target/debug"] },
    Builds {
        name: "optimised",
        c: &["C_OUT=target/c-O0", "CFLAGS=-O0 -g"],
        folders: ["target/c-O0", "target/release"],
    },
    Builds {
        name: "clang",
        c: &["C_OUT=target/c-clang", "CC=clang", "CFLAGS=-O2 -g"],
        folders: ["target/c-clang", "target/release"],
    },
];

fn main() -> ExitCode {
    common::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let project = common::built_project()?;
    succeed(Command::new(env!("CARGO")).args(["build", "--package", "sockmirror"]))?;
    let processors = processors()?;
    let mut folders = BTreeSet::from(["target/c-reference"]);
    let mut trials = Vec::new();
    for builds in &BUILDS {
        let there = builds.name != "clang" || has_clang();
        if there {
            succeed(Command::new("make").args(["--silent", "c"]).args(builds.c))?;
            folders.extend(builds.folders);
        }
        let mut pairs = project.pairs(&[])?;
        for pair in &mut pairs {
            for (twin, folder) in pair.twins.iter_mut().zip(builds.folders) {
                let file = project.path(folder).join(&pair.scenarios.program);
                twin.command = vec![file.to_string_lossy().into_owned()];
            }
        }
        // The trials live as long as the process.
        let pairs: &'static [Pair] = pairs.leak();
        for case in cases(pairs, None)?.into_iter().filter(is_compared) {
            let processor = processors[trials.len() % processors.len()];
            let name = format!("{}::{}::{}", builds.name, case.pair.scenarios.program, case.scenario.name);
            let trial = common::trial(name, move || same(&case, builds.name, processor));
            trials.push(trial.with_ignored_flag(!there));
        }
    }
    ensure!(!trials.is_empty(), "there are no scenarios");
    for program in project.programs()? {
        let files: Vec<_> = folders.iter().map(|f| project.path(f).join(&program)).collect();
        trials.push(common::trial(format!("stdio::{program}"), move || same_stdio(&files)));
    }
    Ok(trials)
}

fn is_compared(case: &Case<'_>) -> bool {
    let first = &case.pair.scenarios.scenarios[0];
    case.scenario.name == first.name || case.scenario.output == Output::Terminal
}

fn same(case: &Case<'_>, builds: &str, processor: usize) -> Result<()> {
    let output = root().join("target/mirror/test/builds").join(builds);
    let comparison = case.judge(&output, processor, &Normaliser::new(RULES))?;
    ensure!(comparison.is_same(), "\n{}", report::differences(&comparison, ["C", "Rust"]));
    Ok(())
}

fn same_stdio(files: &[PathBuf]) -> Result<()> {
    let first = functions_that_write(&files[0])?;
    ensure!(!first.is_empty(), "{} calls nothing that writes", files[0].display());
    for file in &files[1..] {
        let here = functions_that_write(file)?;
        ensure!(here == first, "{}: {here:?}, {}: {first:?}", file.display(), files[0].display());
    }
    Ok(())
}

/// What a program has from the C library, of that whose name says that it writes.
fn functions_that_write(file: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("nm").args(["--dynamic", "--undefined-only"]).arg(file).output()?;
    ensure!(output.status.success(), "nm: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let names = text.lines().filter_map(|line| line.split_whitespace().last()?.split('@').next());
    // With _FORTIFY_SOURCE, which some compilers set by themselves, printf is __printf_chk.
    let names = names.map(|name| name.trim_start_matches("__").trim_end_matches("_chk"));
    let writes = |name: &&str| ["print", "put", "write"].iter().any(|part| name.contains(part));
    Ok(names.filter(writes).map(str::to_owned).collect())
}

fn has_clang() -> bool {
    let command = &mut Command::new("clang");
    command.arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.current_dir(root()).status();
    let status = status.with_context(|| format!("{command:?} does not start"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

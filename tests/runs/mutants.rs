//! Every file in `tests/mutants/` is a wrong port: edits to a Rust twin, each a mistake that ports
//! of C programs have made. The comparison with the C twin must catch it in the scenario that the
//! file names; one file that is no mistake must pass in all.

mod common;
#[path = "../common/root.rs"]
mod root;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use mirror::common::parallel::processors;
use mirror::compare::normalise::Normaliser;
use mirror::compare::rules::RULES;
use mirror::project::{Pair, cases};
use mirror::show::report;
use root::root;
use serde::Deserialize;

/// A wrong port.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    /// The program whose Rust twin is changed.
    program: String,
    /// What is wrong, in a sentence.
    mistake: String,
    /// The scenario that must tell it from the C; none if nothing is wrong.
    caught_by: Option<String>,
    /// The changes, one after another.
    edit: Vec<Edit>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    /// Text of the twin. It must stand there once, or any number of times if `everywhere`.
    find: String,
    /// What takes its place.
    put: String,
    #[serde(default)]
    everywhere: bool,
}

fn main() -> ExitCode {
    common::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let project = common::built_project()?;
    let mutants = mutants()?;
    let package = root().join("target/mutants");
    build(&package, &mutants)?;
    let processors = processors()?;
    let mut trials = Vec::new();
    for (index, (name, mutant)) in mutants.into_iter().enumerate() {
        let mut pair = project.pairs(std::slice::from_ref(&mutant.program))?.remove(0);
        let program = package.join("target/release").join(&name);
        pair.twins[1].command = vec![program.to_string_lossy().into_owned()];
        let processor = processors[index % processors.len()];
        let output = root().join("target/mirror/mutants").join(&name);
        let verdict = if mutant.caught_by.is_some() { "caught" } else { "passed" };
        let test = move || check(&mutant, &pair, &output, processor);
        trials.push(common::trial(format!("{verdict}::{name}"), test));
    }
    Ok(trials)
}

fn check(mutant: &Mutant, pair: &Pair, output: &Path, processor: usize) -> Result<()> {
    let normaliser = Normaliser::new(RULES);
    let scenario = mutant.caught_by.as_deref();
    for case in cases(std::slice::from_ref(pair), scenario)? {
        let comparison = case.run(output, processor, &normaliser)?;
        let differences = report::differences(&comparison, ["C", "mutant"]);
        let scenario = &case.scenario.name;
        match mutant.caught_by {
            Some(_) => {
                ensure!(!comparison.is_same(), "not caught by {scenario}: {}", mutant.mistake);
            }
            None => ensure!(comparison.is_same(), "{scenario} differs:\n{differences}"),
        }
    }
    Ok(())
}

fn mutants() -> Result<BTreeMap<String, Mutant>> {
    let folder = root().join("tests/mutants");
    let mut mutants = BTreeMap::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
        let mutant =
            toml::from_str(&fs::read_to_string(&path)?).with_context(|| format!("{} is no mutant", path.display()))?;
        mutants.insert(name, mutant);
    }
    ensure!(!mutants.is_empty(), "{} is empty", folder.display());
    Ok(mutants)
}

/// Writes a package of its own, with a program for each mutant, and builds it as the twins are.
fn build(package: &Path, mutants: &BTreeMap<String, Mutant>) -> Result<()> {
    let sources = package.join("src/bin");
    if sources.exists() {
        fs::remove_dir_all(&sources)?;
    }
    fs::create_dir_all(&sources)?;
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let project: toml::Table = toml::from_str(&manifest)?;
    let manifest = toml::toml! {
        [workspace]

        [package]
        name = "mutants"
        version = "0.0.0"
        edition = "2024"

        [dependencies]
        sockmirror = { path = "../.." }

        [lints.rust]
        warnings = "allow"
    };
    let mut manifest: toml::Table = manifest;
    for (table, part) in [("profile", "release"), ("dependencies", "libc")] {
        let value = project[table][part].clone();
        let entry = manifest.entry(table).or_insert_with(|| toml::Table::new().into());
        entry.as_table_mut().context("it is a table")?.insert(part.into(), value);
    }
    fs::write(package.join("Cargo.toml"), toml::to_string(&manifest)?)?;
    for file in ["build.rs", "Cargo.lock"] {
        fs::copy(root().join(file), package.join(file))?;
    }
    for (name, mutant) in mutants {
        let source = mutant.source().with_context(|| format!("mutant {name}"))?;
        fs::write(sources.join(name).with_extension("rs"), source)?;
    }
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--target-dir"])
        .arg(package.join("target"))
        .current_dir(package)
        .status()?;
    ensure!(status.success(), "the mutants in {} do not build", sources.display());
    Ok(())
}

impl Mutant {
    fn source(&self) -> Result<String> {
        let twin = PathBuf::from("src/bin").join(&self.program).with_extension("rs");
        let mut source = fs::read_to_string(root().join(twin))?;
        for edit in &self.edit {
            let times = source.matches(&edit.find).count();
            ensure!(times == 1 || (edit.everywhere && times > 1), "{times} times in the twin: {}", edit.find);
            source = source.replace(&edit.find, &edit.put);
        }
        Ok(source)
    }
}

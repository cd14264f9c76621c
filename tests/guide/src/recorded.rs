//! What the programs did: accounts, recorded when they are first needed, and again when what they were made of changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::say;
use anyhow::{Context, Result, ensure};
use mirror::commands::target::Target;
use mirror::commands::trace;
use mirror::common::lock::lock;
use mirror::common::parallel::in_order;
use mirror::common::tools::machine;
use mirror::compare::normalise::Normaliser;
use mirror::compare::rules::RULES;
use mirror::project::{Case, Project};
use mirror::run::job::NotRun;
use mirror::show::page::{Facts, page};
use serde::Deserialize;

use crate::directive::Run;
use crate::documents::files_below;
use crate::hash::hash;

/// An account, as `docs/account.md` describes its JSON; only what the guide reads.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// `same` and so on.
    pub verdict: String,
    /// What differs.
    pub differences: Vec<String>,
    /// The scenario's sentence.
    pub about: String,
    /// C and Rust.
    pub sides: [Side; 2],
    /// The calls of both beside each other.
    pub rows: Vec<Row>,
}

/// A program's side.
#[derive(Debug, Clone, Deserialize)]
pub struct Side {
    /// `C`.
    pub label: String,
    /// How it ended.
    pub end: String,
    /// What it wrote.
    pub stdout: Bytes,
    /// What it wrote to standard error.
    pub stderr: Bytes,
    /// The calls.
    pub calls: Vec<Call>,
    /// The packets.
    pub packets: Vec<Packet>,
    /// What the peers did.
    pub deeds: Vec<Deed>,
    /// All of these in order.
    pub timeline: Vec<Item>,
}

/// Bytes.
#[derive(Debug, Clone, Deserialize)]
pub struct Bytes {
    hex: String,
}

impl Bytes {
    /// As text, with its lines' ends.
    pub fn text(&self) -> String {
        let pairs = self.hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A row of calls.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// Whether both are the same.
    pub same: bool,
    /// Places in the sides' calls.
    pub calls: [Option<usize>; 2],
}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Call {
    /// `call`, `signal` or `end`.
    pub kind: String,
    /// The system call.
    pub name: String,
    /// What a C program calls.
    pub function: String,
    /// The number of the thread.
    pub thread: u32,
    /// The process or thread in words; empty if there is only one.
    pub owner: String,
    /// The whole line.
    pub text: String,
    /// The same with the values that may differ replaced.
    pub compared: String,
    /// `program` for its own.
    pub phase: String,
    /// The step.
    pub step: Option<u32>,
    /// The lines that led to it.
    pub places: Vec<Place>,
    /// When it began, in nanoseconds.
    pub begin: i64,
    /// When it was over.
    pub end: i64,
    /// What the result means.
    pub meaning: Option<String>,
}

/// A line of a source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
}

/// A packet.
#[derive(Debug, Clone, Deserialize)]
pub struct Packet {
    /// Its number in the capture.
    pub number: usize,
    /// When, in nanoseconds.
    pub time: i64,
    /// `TCP`.
    pub protocol: String,
    /// Who sent it.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// `SYN, ACK`.
    pub flags: String,
    /// The relative sequence number.
    pub sequence: Option<u32>,
    /// The relative acknowledgement.
    pub acknowledges: Option<u32>,
    /// What else its headers say.
    pub options: Vec<String>,
    /// Whether it was sent before.
    pub resent: bool,
    /// The length of the data.
    pub length: usize,
    /// The beginning of the data.
    pub data: String,
}

/// A deed.
#[derive(Debug, Clone, Deserialize)]
pub struct Deed {
    /// In words.
    pub text: String,
    /// When, in nanoseconds.
    pub time: i64,
}

/// An item of the timeline.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// A call.
    Call(usize),
    /// A packet.
    Packet(usize),
    /// A deed.
    Deed(usize),
}

/// A run that is recorded.
#[derive(Debug)]
pub struct Recorded {
    /// What was done.
    pub account: Account,
    /// The page of the run, a file.
    pub page: PathBuf,
}

/// The accounts of some runs, and those that this machine did not allow to record, with the reason.
pub type Records = (BTreeMap<Run, Recorded>, BTreeMap<Run, String>);

/// The accounts of these runs. Those that are missing or out of date are recorded in `folder`; others there are removed.
pub fn recorded(project: &Project, runs: &BTreeSet<Run>, folder: &Path) -> Result<Records> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let names: BTreeSet<&str> = runs.iter().map(|run| run.program.as_str()).collect();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let pairs = if names.is_empty() { Vec::new() } else { project.pairs(&names)? };
    let tool = tool(project)?;
    let mut wanted = Vec::new();
    for run in runs {
        let pair = pairs.iter().find(|pair| pair.scenarios.program == run.program).context("no pair")?;
        let scenario = pair.scenarios.find(&run.scenario)?;
        let key = key(&Case { pair, scenario }, &tool)?;
        wanted.push((run, pair, scenario, file_of(folder, run, &key)));
    }
    let keep: BTreeSet<&PathBuf> = wanted.iter().map(|(_, _, _, file)| file).collect();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if !keep.contains(&file.with_extension("json")) {
            fs::remove_file(&file)?;
        }
    }
    let missing: Vec<_> = wanted.iter().filter(|(_, _, _, file)| !file.exists()).collect();
    say(&format!("runs: {} recorded, {} to record", wanted.len() - missing.len(), missing.len()))?;
    let mut reasons: BTreeMap<Run, String> = BTreeMap::new();
    if !missing.is_empty() {
        let output = project.output();
        let _lock = lock(&output)?;
        let normaliser = Normaliser::new(RULES);
        in_order(
            &missing,
            |(_, pair, scenario, file), processor| {
                let case = Case { pair, scenario };
                record(project, &case, processor, &normaliser, file)
            },
            |index, reason| {
                let (run, ..) = missing[index];
                let why = reason.as_ref().map_or_else(String::new, |reason| format!(": not recorded: {reason}"));
                say(&format!("  {}/{} {} {}{why}", index + 1, missing.len(), run.program, run.scenario))?;
                reasons.extend(reason.map(|reason| ((*run).clone(), reason)));
                Ok(())
            },
        )?;
    }
    let mut found = BTreeMap::new();
    for (run, _, _, file) in wanted.into_iter().filter(|(run, ..)| !reasons.contains_key(run)) {
        let text = fs::read_to_string(&file)?;
        let account = serde_json::from_str(&text).with_context(|| format!("{}: invalid account", file.display()))?;
        found.insert(run.clone(), Recorded { account, page: file.with_extension("html") });
    }
    Ok((found, reasons))
}

/// Returns why it was not recorded, if this machine is the reason: it lacks a device, or is too busy for a verdict.
fn record(
    project: &Project,
    case: &Case<'_>,
    processor: usize,
    normaliser: &Normaliser,
    file: &Path,
) -> Result<Option<String>> {
    let target = Target::of_pair(case.pair.clone(), project.output(), &project.path(""));
    let account = match trace::of(&target, case, processor, normaliser) {
        Err(error) if error.is::<NotRun>() => return Ok(Some(format!("{error:#}"))),
        result => result?.1,
    };
    let again = format!("cargo mirror compare {} --scenario {}", account.program, account.scenario);
    if account.verdict == "undecided" {
        return Ok(Some("undecided: two runs of one program were not the same".into()));
    }
    ensure!(account.verdict == "same", "{again}: {}\n{}", account.verdict, account.differences.join("\n"));
    let facts = Facts { again: vec![again], system: machine()?, base: project.path("") };
    write(&file.with_extension("html"), &page(std::slice::from_ref(&account), &facts)?)?;
    // The account comes last: whoever finds it finds the page, too.
    write(file, &serde_json::to_string(&account)?)?;
    Ok(None)
}

/// Writes a file, which is whole once it has its name.
fn write(file: &Path, text: &str) -> Result<()> {
    let new = file.with_extension(format!("{}", std::process::id()));
    fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(new, file)?;
    Ok(())
}

fn file_of(folder: &Path, run: &Run, key: &str) -> PathBuf {
    folder.join(format!("{}.{}.{key}.json", run.program, run.scenario))
}

/// What an account is made of: the programs, the scenario and the tool.
fn key(case: &Case<'_>, tool: &str) -> Result<String> {
    let mut all = tool.as_bytes().to_vec();
    all.extend(serde_json::to_vec(case.scenario)?);
    for twin in &case.pair.twins {
        let program = fs::read(&twin.command[0]).with_context(|| format!("{} is not built", twin.command[0]))?;
        all.extend(hash(&program).bytes());
    }
    Ok(hash(&all))
}

/// The hash of the tool's sources.
fn tool(project: &Project) -> Result<String> {
    let mut all = Vec::new();
    for file in files_below(vec![project.path("tests/mirror/src")])? {
        all.extend(hash(&fs::read(file)?).bytes());
    }
    Ok(hash(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_again() {
        assert_eq!(Bytes { hex: "ec95880a61".into() }.text(), "안\na");
    }
}

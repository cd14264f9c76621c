//! What to run, and how a run is started in namespaces of its own.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::common::tools::Tools;
use crate::run::namespaces::in_namespaces;
use crate::run::record::Record;
use crate::scenario::Scenario;

/// One run of one program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The name that the program is started under.
    pub name: String,
    /// The program's file, followed by its leading arguments.
    pub command: Vec<String>,
    /// The scenario to run it in.
    pub scenario: Scenario,
    /// Further files to make visible: their paths on the host and in the run.
    pub visible: Vec<(PathBuf, PathBuf)>,
    /// The host's programs that a run needs.
    pub tools: Tools,
    /// What the program is run under.
    pub instrument: Instrument,
    /// The processor to pin the run to.
    pub processor: usize,
    /// Where the run leaves its files.
    pub directory: PathBuf,
}

/// The file in a run's directory that holds its packets.
pub const PACKETS: &str = "packets.pcapng";

/// The file in a run's directory that holds its [`Findings`].
pub const FINDINGS: &str = "findings.json";

/// The record, or the reason why the program could not be run to the end.
pub type Findings = Result<Record, String>;

/// What a program is run under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instrument {
    /// strace.
    Trace,
    /// strace, with the call stack of every system call.
    TraceWithStacks,
    /// This valgrind's callgrind, which counts instructions.
    Callgrind(PathBuf),
}

/// The program could not be run to the end, for this reason, so there is no verdict on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRun(String);

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotRun {}

/// A [`NotRun`] error with this reason.
pub fn not_run(reason: impl Into<String>) -> anyhow::Error {
    NotRun(reason.into()).into()
}

impl Job {
    /// A file in the run's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the run. The error is a [`NotRun`] if the cause is the program or the scenario; any
    /// other error would stop every run on this host.
    pub fn execute(&self) -> Result<Record> {
        let file = Path::new(&self.command[0]);
        ensure!(file.is_file(), "no such program: {} (`make build` builds all)", file.display());
        let folder = self.directory.display();
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory).with_context(|| format!("cannot empty {folder}"))?;
        }
        fs::create_dir_all(&self.directory).with_context(|| format!("cannot create {folder}"))?;
        let job = self.file("job.json");
        fs::write(&job, serde_json::to_vec(self)?).with_context(|| format!("cannot write {}", job.display()))?;
        in_namespaces("run", &self.directory)?;
        let findings = self.file(FINDINGS);
        let findings = fs::read(&findings).with_context(|| format!("cannot read {}", findings.display()))?;
        let findings: Findings = serde_json::from_slice(&findings)?;
        findings.map_err(|reason| not_run(reason).context(self.command[0].clone()))
    }
}

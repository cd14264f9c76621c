//! The outer half of a run, which starts the inner half in namespaces of its own.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::common::tools::Tools;
use crate::run::namespaces::in_namespaces;
use crate::run::record::Record;
use crate::scenario::Scenario;

/// One run of one program: what the outer half hands to the inner one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The name that the program is started under.
    pub name: String,
    /// The program's file and what always stands first on its command line.
    pub command: Vec<String>,
    /// What is done to it.
    pub scenario: Scenario,
    /// Files that the command names, by their paths on the machine and in the run, where these are
    /// not the same or the run does not have them by itself.
    pub visible: Vec<(PathBuf, PathBuf)>,
    /// The programs that a run needs.
    pub tools: Tools,
    /// What watches it.
    pub instrument: Instrument,
    /// The processor that all of the run is pinned to.
    pub processor: usize,
    /// Where the run leaves what it saw.
    pub directory: PathBuf,
}

/// The file in a run's directory that holds its packets.
pub const PACKETS: &str = "packets.pcapng";

/// The file in which the inner half leaves [`Findings`] to the outer one.
pub const FINDINGS: &str = "findings.json";

/// What was seen, or why the program was not run or its run came to no end.
pub type Findings = Result<Record, String>;

/// What watches a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instrument {
    /// strace.
    Trace,
    /// strace, with the stack of every call.
    TraceWithStacks,
    /// This valgrind's callgrind, which counts instructions.
    Callgrind(PathBuf),
}

/// Why a run could not be made or came to no end, so that nothing can be said of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRun(String);

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotRun {}

/// The error that a run could not be made, for this reason.
pub fn not_run(reason: impl Into<String>) -> anyhow::Error {
    NotRun(reason.into()).into()
}

impl Job {
    /// A file in the run's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the run. The error is a [`NotRun`] where the program or the scenario is the reason that
    /// there is nothing to observe, and another one where no run can be made here at all.
    pub fn execute(&self) -> Result<Record> {
        let file = Path::new(&self.command[0]);
        ensure!(file.is_file(), "there is no program {} (`make build` builds all)", file.display());
        let folder = self.directory.display();
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)
                .with_context(|| format!("cannot empty {folder}"))?;
        }
        fs::create_dir_all(&self.directory).with_context(|| format!("cannot create {folder}"))?;
        let job = self.file("job.json");
        fs::write(&job, serde_json::to_vec(self)?)
            .with_context(|| format!("cannot write {}", job.display()))?;
        in_namespaces("run", &self.directory)?;
        let findings = self.file(FINDINGS);
        let findings =
            fs::read(&findings).with_context(|| format!("cannot read {}", findings.display()))?;
        let findings: Findings = serde_json::from_slice(&findings)?;
        findings.map_err(|reason| not_run(reason).context(self.command[0].clone()))
    }
}

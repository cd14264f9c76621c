//! The outer half of a run: namespaces of its own around the inner half, and what that one saw.

use std::cell::LazyCell;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::sched::sched_getaffinity;
use nix::unistd::Pid;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::common::tools::Tools;
use crate::read::observation::{Findings, Observation, Peer, PeerRecord};
use crate::read::trace::Event;
use crate::read::{packets, trace};
use crate::run::namespaces::in_namespaces;
use crate::run::start::LONGEST_STRING;
use crate::run::world::WORK;
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
    pub fn observe(&self) -> Result<Observation> {
        self.execute().and_then(|()| self.read()).map_err(|error| match error.is::<NotRun>() {
            true => error.context(self.command[0].clone()),
            false => error,
        })
    }

    /// Makes the run and leaves it to the caller to read what it saw.
    pub fn execute(&self) -> Result<()> {
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
        in_namespaces("run", &self.directory)
    }

    fn read(&self) -> Result<Observation> {
        let read = |name: &str| {
            let path = self.file(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let findings = serde_json::from_slice(&read("findings.json")?)?;
        let (end, complaints, peers, files, left_behind) = match findings {
            Findings::Ran { end, complaints, peers, files, left_behind } => {
                (end, complaints, peers, files, left_behind)
            }
            Findings::NotRun(reason) => return Err(not_run(reason)),
        };
        let peer =
            |PeerRecord { name, file, stream }| Ok(Peer { name, received: read(&file)?, stream });
        let mut trace = trace::parse(&String::from_utf8_lossy(&read("strace")?));
        if let Some(event) = trace.iter().find(|event| event.is_cut(LONGEST_STRING)) {
            let call = event.text.split_once('(').map_or("", |(call, _)| call);
            let limit = LONGEST_STRING >> 20;
            let why =
                format!("{call} hands over more than {limit} MiB at once, which is not compared");
            return Err(not_run(why));
        }
        // In the run the program is in the working folder; its source lines are found by its file.
        let place = Path::new(WORK).join(&self.name);
        forget_inode(&mut trace, &place);
        for frame in trace.iter_mut().flat_map(|event| &mut event.stack) {
            if Path::new(&frame.object) == place {
                frame.object.clone_from(&self.command[0]);
            }
        }
        Ok(Observation {
            stdout: read("stdout")?,
            stderr: read("stderr")?,
            end,
            complaints,
            peers: peers.into_iter().map(peer).collect::<Result<_>>()?,
            trace,
            packets: packets::read(&self.file(PACKETS))?,
            files,
            left_behind,
        })
    }
}

/// The program's file has a device and an inode number that depend on what else runs, or, if it is large,
/// are those of the machine's file. A program reads them when it looks at its own mappings.
fn forget_inode(trace: &mut [Event], program: &Path) {
    // Most programs never look.
    let mapping = LazyCell::new(|| {
        let name = regex::escape(&program.to_string_lossy());
        let pattern = format!(r" [0-9a-f]+:[0-9a-f]+ \d+ +{name}\b");
        Regex::new(&pattern).expect("a path is escaped")
    });
    let reads = trace.iter_mut().filter(|event| event.text.starts_with("read("));
    for event in reads.filter(|event| event.text.contains("-xp ") || event.text.contains("r--p ")) {
        let text = mapping.replace_all(&event.text, format!(" <inode> {}", program.display()));
        event.text = text.into_owned();
    }
}

/// The processors that this process may use.
pub fn processors() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::this())?;
    let allowed = |&processor: &usize| set.is_set(processor).unwrap_or(false);
    let processors: Vec<usize> = (0..nix::sched::CpuSet::count()).filter(allowed).collect();
    ensure!(!processors.is_empty(), "no processor may be used");
    Ok(processors)
}

//! What one run of one program showed.

use std::cell::LazyCell;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use regex::Regex;

pub use crate::run::record::{End, FileRecord, StepRecord, Stream};

use crate::read::frames::{self, Frame};
use crate::read::packets;
use crate::read::trace::{self, Event};
use crate::run::job::{Instrument, Job, PACKETS, not_run};
use crate::run::record::{PeerRecord, Record};
use crate::run::start::MAX_STRING;
use crate::run::world::WORK;

/// Everything that one run of one program showed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub end: End,
    /// The step that failed, and why.
    pub step_failures: Vec<String>,
    /// The steps that were taken.
    pub steps: Vec<StepRecord>,
    /// What each peer saw, in the order of the connections.
    pub peers: Vec<Peer>,
    /// Every system call and signal, from `execve` to the end.
    pub trace: Vec<Event>,
    /// The packets on the devices of the run, as lines: see [`packets::lines`].
    pub packets: Vec<String>,
    /// The same packets as they were captured, if the run recorded stacks.
    pub frames: Vec<Frame>,
    /// The files left in the writable folders, in the order of their paths.
    pub files: Vec<FileRecord>,
    /// How many processes were left after the program had ended and all steps had been taken.
    pub remaining_processes: usize,
}

/// What one peer saw of its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name that the scenario gives it.
    pub name: String,
    /// What it received.
    pub received: Vec<u8>,
    /// The state of the stream from the program.
    pub stream: Stream,
}

impl Observation {
    /// Reads the files that a run has left in its directory.
    pub fn read(job: &Job, record: Record) -> Result<Self> {
        let read = |name: &str| {
            let path = job.file(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let Record { end, step_failures, steps, peers, files, remaining_processes } = record;
        let peer = |PeerRecord { name, file, stream }| Ok(Peer { name, received: read(&file)?, stream });
        let mut trace = trace::parse(&String::from_utf8_lossy(&read("strace")?));
        if let Some(event) = trace.iter().find(|event| event.is_truncated(MAX_STRING)) {
            let call = event.text.split_once('(').map_or("", |(call, _)| call);
            let limit = MAX_STRING >> 20;
            let why = format!("{call} passes more than {limit} MiB in one call, which is too long to compare");
            return Err(not_run(why).context(job.command[0].clone()));
        }
        // In the run the program is in the working directory; the host's file has its debugging
        // information.
        let place = Path::new(WORK).join(&job.name);
        replace_inode(&mut trace, &place);
        for frame in trace.iter_mut().flat_map(|event| &mut event.stack) {
            if Path::new(&frame.object) == place {
                frame.object.clone_from(&job.command[0]);
            }
        }
        let frames = frames::read(&job.file(PACKETS))?;
        let packets = packets::lines(&frames)?;
        let frames = if job.instrument == Instrument::TraceWithStacks { frames } else { Vec::new() };
        Ok(Self {
            stdout: read("stdout")?,
            stderr: read("stderr")?,
            end,
            step_failures,
            steps,
            peers: peers.into_iter().map(peer).collect::<Result<_>>()?,
            trace,
            packets,
            frames,
            files,
            remaining_processes,
        })
    }
}

/// The device and inode numbers of the program's file depend on what else runs or, for a large
/// file, on the host. A program sees them in /proc/self/maps.
fn replace_inode(trace: &mut [Event], program: &Path) {
    // Compiled only for programs that read it.
    let mapping = LazyCell::new(|| {
        let name = regex::escape(&program.to_string_lossy());
        let pattern = format!(r" [0-9a-f]+:[0-9a-f]+ \d+ +{name}\b");
        Regex::new(&pattern).expect("the path is escaped")
    });
    let reads = trace.iter_mut().filter(|event| event.text.starts_with("read("));
    for event in reads.filter(|event| event.text.contains("-xp ") || event.text.contains("r--p ")) {
        let text = mapping.replace_all(&event.text, format!(" <inode> {}", program.display()));
        event.text = text.into_owned();
    }
}

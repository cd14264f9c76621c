//! What was seen of one run of one program.

use std::cell::LazyCell;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use regex::Regex;

pub use crate::run::record::{End, FileRecord, Stream};

use crate::read::packets;
use crate::read::trace::{self, Event};
use crate::run::job::{Job, PACKETS, not_run};
use crate::run::record::{PeerRecord, Record};
use crate::run::start::LONGEST_STRING;
use crate::run::world::WORK;

/// All that one run of one program showed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub end: End,
    /// What did not go as the scenario's steps say.
    pub complaints: Vec<String>,
    /// What each peer saw, in the order in which they came.
    pub peers: Vec<Peer>,
    /// Every system call and signal, from `execve` to the end.
    pub trace: Vec<Event>,
    /// What crossed the loopback device, as [`crate::read::packets`] tells it.
    pub packets: Vec<String>,
    /// The files that were left where the program may write, in the order of their paths.
    pub files: Vec<FileRecord>,
    /// How many processes were still there when the program had ended and every step was done.
    pub left_behind: usize,
}

/// What one peer saw of its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name that the scenario gives it.
    pub name: String,
    /// What reached it.
    pub received: Vec<u8>,
    /// How the stream from the program ended.
    pub stream: Stream,
}

impl Observation {
    /// Reads what a run has left in its directory.
    pub fn read(job: &Job, record: Record) -> Result<Self> {
        let read = |name: &str| {
            let path = job.file(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let Record { end, complaints, peers, files, left_behind } = record;
        let peer =
            |PeerRecord { name, file, stream }| Ok(Peer { name, received: read(&file)?, stream });
        let mut trace = trace::parse(&String::from_utf8_lossy(&read("strace")?));
        if let Some(event) = trace.iter().find(|event| event.is_cut(LONGEST_STRING)) {
            let call = event.text.split_once('(').map_or("", |(call, _)| call);
            let limit = LONGEST_STRING >> 20;
            let why =
                format!("{call} hands over more than {limit} MiB at once, which is not compared");
            return Err(not_run(why).context(job.command[0].clone()));
        }
        // In the run the program is in the working folder; its source lines are found by its file.
        let place = Path::new(WORK).join(&job.name);
        forget_inode(&mut trace, &place);
        for frame in trace.iter_mut().flat_map(|event| &mut event.stack) {
            if Path::new(&frame.object) == place {
                frame.object.clone_from(&job.command[0]);
            }
        }
        Ok(Self {
            stdout: read("stdout")?,
            stderr: read("stderr")?,
            end,
            complaints,
            peers: peers.into_iter().map(peer).collect::<Result<_>>()?,
            trace,
            packets: packets::read(&job.file(PACKETS))?,
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

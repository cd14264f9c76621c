//! What a run leaves besides the files in its directory.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The findings of a run that are in none of its files.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// How the program ended.
    pub end: End,
    /// The step that failed, and why.
    pub step_failures: Vec<String>,
    /// The steps that were taken, in order.
    pub steps: Vec<StepRecord>,
    /// What each peer saw, in the order of the connections.
    pub peers: Vec<PeerRecord>,
    /// The files left in the writable folders, in the order of their paths.
    pub files: Vec<FileRecord>,
    /// How many processes were left after the program had ended and all steps had been taken.
    pub remaining_processes: usize,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It exited with this status.
    Exited(i32),
    /// It was killed by this signal.
    KilledBy(String),
    /// It was still running after the last step and was killed.
    StillThere,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Exited(status) => write!(f, "exit status {status}"),
            End::KilledBy(signal) => write!(f, "killed by {signal}"),
            End::StillThere => write!(f, "still running after the last step"),
        }
    }
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// When, since 1970: when it began or, if it waits for the program, when that was over.
    pub time: Duration,
    /// What was done, in words.
    pub text: String,
    /// Whether it was taken before the program was started.
    pub before: bool,
}

/// What one peer saw of its connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct PeerRecord {
    /// The name that the scenario gives it.
    pub name: String,
    /// The file in the run's directory that holds what it received.
    pub file: String,
    /// The state of the stream from the program.
    pub stream: Stream,
}

/// A file that a program has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the run.
    pub path: String,
    /// Its type, by the letter that `ls -l` shows, and its permissions: `- 0644`.
    pub mode: String,
    /// The size of a regular file, in bytes.
    pub size: u64,
    /// A checksum of its content, or the target of a link.
    pub content: String,
}

/// The state of the stream that a peer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// More data may arrive.
    Open,
    /// The program sent FIN.
    Ended,
    /// The program sent RST.
    Reset,
}

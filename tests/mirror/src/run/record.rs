//! What a run leaves, besides the files in its directory.

use serde::{Deserialize, Serialize};

/// What was seen of a run that is in none of its files.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// How the program ended.
    pub end: End,
    /// What did not go as the scenario's steps say.
    pub complaints: Vec<String>,
    /// What each peer saw, in the order in which they came.
    pub peers: Vec<PeerRecord>,
    /// The files that were left where the program may write, in the order of their paths.
    pub files: Vec<FileRecord>,
    /// How many processes were still there when the program had ended and every step was done.
    pub left_behind: usize,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It exited with this status.
    Exited(i32),
    /// This signal killed it.
    KilledBy(String),
    /// It slept when every step was done, and had to be killed.
    StillThere,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Exited(status) => write!(f, "exit status {status}"),
            End::KilledBy(signal) => write!(f, "killed by {signal}"),
            End::StillThere => write!(f, "still waiting when every step was done"),
        }
    }
}

/// What one peer saw of its connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct PeerRecord {
    /// The name that the scenario gives it.
    pub name: String,
    /// The file in the run's directory that holds what reached it.
    pub file: String,
    /// How the stream from the program ended.
    pub stream: Stream,
}

/// A file that a program has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path in the run.
    pub path: String,
    /// What it is, by the letter that `ls -l` shows, and its permissions: `- 0644`.
    pub mode: String,
    /// The size of a regular file, in bytes.
    pub size: u64,
    /// A checksum of what is in it, or where a link leads to.
    pub content: String,
}

/// How far a peer has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// More may come.
    Open,
    /// The program sent FIN.
    Ended,
    /// The program sent RST.
    Reset,
}

//! What was seen of one run of one program.

use serde::{Deserialize, Serialize};

use crate::read::trace::Event;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name that the scenario gives it.
    pub name: String,
    /// What reached it.
    pub received: Vec<u8>,
    /// How the stream from the program ended.
    pub stream: Stream,
}

/// The same, where what reached it is in a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct PeerRecord {
    /// See [`Peer::name`].
    pub name: String,
    /// The file's name in the run's folder.
    pub file: String,
    /// See [`Peer::stream`].
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

/// What the inner half writes down for the outer (the rest is in files).
#[derive(Debug, Serialize, Deserialize)]
pub enum Findings {
    /// The program was run.
    Ran {
        /// See [`Observation::end`].
        end: End,
        /// See [`Observation::complaints`].
        complaints: Vec<String>,
        /// See [`Observation::peers`].
        peers: Vec<PeerRecord>,
        /// See [`Observation::files`].
        files: Vec<FileRecord>,
        /// See [`Observation::left_behind`].
        left_behind: usize,
    },
    /// It was not, or its run came to no end, for this reason.
    NotRun(String),
}

/// Bytes so that each can be told: UTF-8 text as it is, all else escaped.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => text.extend(c.escape_default()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_can_be_told() {
        assert_eq!(printable("한\n\\\0".as_bytes()), "한\\n\\\\\\u{0}");
        assert_eq!(printable(b"a\xff"), "a\\xff");
    }
}

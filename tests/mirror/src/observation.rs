//! What was seen of one run of one program.

use serde::{Deserialize, Serialize};

use crate::trace::Event;

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
    pub peers: Vec<PeerRecord>,
    /// Every system call and signal, from `execve` to the end.
    pub trace: Vec<Event>,
    /// What crossed the loopback device, as [`crate::packets`] tells it.
    pub packets: Vec<String>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRecord {
    /// The name that the scenario gives it.
    pub name: String,
    /// How many bytes reached it.
    pub received: usize,
    /// How the stream from the program ended.
    pub stream: Stream,
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
pub struct Findings {
    /// See [`Observation::end`].
    pub end: End,
    /// See [`Observation::complaints`].
    pub complaints: Vec<String>,
    /// See [`Observation::peers`].
    pub peers: Vec<PeerRecord>,
}

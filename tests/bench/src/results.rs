//! What a run leaves: every sample, what was counted, and what could not be measured.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::servers::Which;

/// All of a run, as it stands in its JSON file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Where and when it was measured.
    pub machine: Machine,
    /// What a reader should know of this run.
    pub notes: Vec<String>,
    /// The servers that were measured, in the order of the tables.
    pub servers: Vec<Present>,
    /// The servers that could not be started.
    pub missing: Vec<Missing>,
    /// What would have been too much for a server or for this machine.
    pub not_measured: Vec<NotMeasured>,
    /// Every sample.
    pub samples: Vec<Sample>,
    /// What was counted and does not depend on time.
    pub counts: Vec<Count>,
    /// Samples that went wrong.
    pub failures: Vec<Failure>,
}

/// The machine and the method.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// When the run began, in UTC.
    pub date: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Model of the processor.
    pub processor: String,
    /// How many of them could be used.
    pub processors: usize,
    /// The congestion control, where a load does not choose its own.
    pub congestion: String,
    /// The compilers.
    pub versions: Vec<String>,
    /// How often the servers took their turns.
    pub rounds: usize,
    /// How long each sample took, in seconds.
    pub seconds: f64,
}

/// A server that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Present {
    /// Its name.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// What kind of server it is.
    pub which: Which,
}

/// A server that could not be started.
#[derive(Debug, Serialize, Deserialize)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// Why not.
    pub reason: String,
}

/// A server under a load, once.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sample {
    /// The server's name.
    pub server: String,
    /// The load's name.
    pub load: String,
    /// The number of the round.
    pub round: usize,
    /// Round trips, MiB or connections.
    pub units: f64,
    /// How long they took.
    pub seconds: f64,
    /// The CPU time of the server in that time, in seconds.
    pub server_cpu: f64,
    /// The CPU time of the load generator.
    pub client_cpu: f64,
    /// The time that half of the units took at most, in seconds; none for a stream.
    pub p50: Option<f64>,
    /// The time that 99 of 100 took at most.
    pub p99: Option<f64>,
    /// The longest time in which nothing came back, in seconds.
    pub longest_gap: f64,
    /// The resident memory of the server at the end, with all connections open, in bytes.
    pub resident: u64,
}

/// What was counted of a server at 50 connections and messages of 128 bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Count {
    /// The server's name.
    pub server: String,
    /// Instructions in user space for each round trip.
    pub instructions: Counted,
    /// System calls for each round trip.
    pub system_calls: Counted,
}

/// A number, or why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// For each round trip.
    Each(f64),
    /// Why it is not known.
    NotMeasured(String),
}

/// A server and a load that is too much for it.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotMeasured {
    /// The server's name.
    pub server: String,
    /// The load's name.
    pub load: String,
    /// Why not.
    pub reason: String,
}

/// A sample that went wrong.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The server's name.
    pub server: String,
    /// The load's name.
    pub load: String,
    /// The number of the round.
    pub round: usize,
    /// What went wrong.
    pub error: String,
}

impl Results {
    /// Reads what [`write`](Self::write) has written.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no result", path.display()))
    }

    /// Writes everything into a JSON file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

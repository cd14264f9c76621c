//! The results of a run: every sample, the counts, and what could not be measured.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::servers::Category;

/// The results of a run, as stored in its JSON file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Where, when and how it was measured.
    pub setup: Setup,
    /// Limitations of this run that a reader should know.
    pub notes: Vec<String>,
    /// The measured servers, in the order of the tables.
    pub servers: Vec<MeasuredServer>,
    /// Servers that could not be started.
    pub unavailable: Vec<Unavailable>,
    /// Servers and loads that exceed a limit of the server or of this machine.
    pub skipped: Vec<Skipped>,
    /// All samples.
    pub samples: Vec<Sample>,
    /// Instructions and system calls, which do not depend on timing.
    pub counts: Vec<Count>,
    /// Samples that failed.
    pub failures: Vec<Failure>,
}

/// The machine and the parameters of the run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Setup {
    /// Start of the run, in UTC.
    pub date: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor model.
    pub processor: String,
    /// Number of usable processors.
    pub processors: usize,
    /// TCP congestion control, unless a load sets its own.
    pub congestion: String,
    /// Compiler versions.
    pub versions: Vec<String>,
    /// Number of rounds.
    pub rounds: usize,
    /// Duration of a sample, in seconds.
    pub seconds: f64,
}

/// A server that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct MeasuredServer {
    /// Its name.
    pub name: String,
    /// One line that describes it.
    pub description: String,
    /// How plots group it.
    pub category: Category,
}

/// A server that could not be started.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unavailable {
    /// The server's name.
    pub server: String,
    /// Why it could not be started.
    pub reason: String,
}

/// One measurement of a server under a load.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sample {
    /// The server's name.
    pub server: String,
    /// The load's name.
    pub load: String,
    /// The round, counted from 0.
    pub round: usize,
    /// Round trips, MiB or connections.
    pub units: f64,
    /// Elapsed time, in seconds.
    pub seconds: f64,
    /// The server's CPU time in that period, in seconds.
    pub server_cpu: f64,
    /// The load generator's CPU time in that period, in seconds.
    pub client_cpu: f64,
    /// Median latency, in seconds; none for a stream.
    pub p50: Option<f64>,
    /// 99th percentile of the latency, in seconds; none for a stream.
    pub p99: Option<f64>,
    /// The longest period without received data, in seconds.
    pub longest_gap: f64,
    /// The server's resident set size at the end, with all connections open, in bytes.
    pub resident: u64,
}

/// Instructions and system calls of a server with 50 connections and messages of 128 bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Count {
    /// The server's name.
    pub server: String,
    /// User-space instructions.
    pub instructions: Counted,
    /// System calls.
    pub system_calls: Counted,
}

/// A count, or why it is missing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The number per round trip.
    PerRoundTrip(f64),
    /// Why it could not be counted.
    Failed(String),
}

/// A server and a load that was not measured on purpose.
#[derive(Debug, Serialize, Deserialize)]
pub struct Skipped {
    /// The server's name.
    pub server: String,
    /// The load's name.
    pub load: String,
    /// The limit that the load exceeds.
    pub reason: String,
}

/// A sample that failed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The server's name.
    pub server: String,
    /// The load's name.
    pub load: String,
    /// The round, counted from 0.
    pub round: usize,
    /// What failed.
    pub error: String,
}

impl Results {
    /// Reads a file that [`write`](Self::write) wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{}: invalid results file", path.display()))
    }

    /// Writes the results to a JSON file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

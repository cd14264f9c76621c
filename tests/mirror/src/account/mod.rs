//! The account of a run: what both programs did, in one value that every view of a run reads.
//!
//! `docs/account.md` describes its JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use calls::{Call, Phase};
use packets::Packet;

pub mod build;
pub mod calls;
pub mod headers;
mod origins;
pub mod packets;
pub mod places;
mod streams;
mod timeline;

/// The version of the form that an [`Account`] has as JSON. It is raised by every change that a reader could notice
/// but for new fields.
pub const VERSION: u32 = 1;

/// What two programs did in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Account {
    /// [`VERSION`].
    pub version: u32,
    /// The name that both programs were started under.
    pub program: String,
    /// The scenario's name.
    pub scenario: String,
    /// What happens in it, in a sentence.
    pub about: String,
    /// `same`, `differs`, `not as stated`, `undecided`.
    pub verdict: &'static str,
    /// Everything that differs or is not as stated, in words.
    pub differences: Vec<String>,
    /// Whether both sides sent and received the same packets, apart from what TCP decides by itself: when it
    /// acknowledges, and how it splits a stream.
    pub same_packets: bool,
    /// The left and the right program.
    pub sides: [Side; 2],
    /// The calls of both sides beside each other, process by process.
    pub rows: Vec<Row>,
}

/// What one program did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// What reports call it: `C`.
    pub label: String,
    /// The command line.
    pub command: Vec<String>,
    /// How it ended, in words.
    pub end: String,
    /// What it wrote to standard output.
    pub stdout: Bytes,
    /// What it wrote to standard error.
    pub stderr: Bytes,
    /// What each peer received, in the order of the connections.
    pub peers: Vec<Received>,
    /// Every call and signal, in the order in which they are compared.
    pub calls: Vec<Call>,
    /// Every packet, in the order in which they were captured.
    pub packets: Vec<Packet>,
    /// What the scenario's peers did.
    pub deeds: Vec<Deed>,
    /// The calls, packets and deeds in the order in which they happened.
    pub timeline: Vec<Item>,
    /// The steps of the files that calls come from, file by file.
    pub steps: Vec<Step>,
    /// These files: the path that [`places::Place`] has, and the text.
    pub sources: BTreeMap<String, String>,
    /// The folder with the run's files.
    pub folder: String,
}

/// A numbered step of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The number in its comment.
    pub number: u32,
    /// What the comment says.
    pub title: String,
    /// The file, as [`places::Place`] names it.
    pub file: String,
    /// The line of the comment.
    pub line: u32,
}

/// A call of each side, or of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Whether they are the same once the values that may differ are replaced.
    pub same: bool,
    /// Places in [`Side::calls`].
    pub calls: [Option<usize>; 2],
}

impl Account {
    /// The calls of a row.
    pub fn calls(&self, row: usize) -> [Option<&Call>; 2] {
        let calls = self.rows[row].calls;
        [0, 1].map(|side| calls[side].map(|call| &self.sides[side].calls[call]))
    }

    /// Whether a row is about what comes before the program's own calls.
    pub fn is_start(&self, row: usize) -> bool {
        self.calls(row).iter().flatten().all(|call| call.phase <= Phase::Start)
    }

    /// The row of each call of a side.
    pub fn rows_of(&self, side: usize) -> Vec<usize> {
        let mut rows = vec![0; self.sides[side].calls.len()];
        for (place, row) in self.rows.iter().enumerate() {
            if let Some(call) = row.calls[side] {
                rows[call] = place;
            }
        }
        rows
    }
}

/// An item of a timeline: its place in one of the lists of the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// In [`Side::calls`].
    Call(usize),
    /// In [`Side::packets`].
    Packet(usize),
    /// In [`Side::deeds`].
    Deed(usize),
}

/// What a peer did, or waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// In words: `b sends 5 bytes`.
    pub text: String,
    /// When, in nanoseconds from the program's start; negative before it.
    pub time: i64,
}

/// What a peer received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// The name that the scenario gives it.
    pub peer: String,
    /// All of it.
    pub bytes: Bytes,
}

/// Bytes, as text and exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// UTF-8 as it is, the rest as escapes.
    pub text: String,
    /// Two hexadecimal digits for each.
    pub hex: String,
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self { text: crate::common::printable::printable(bytes), hex: hex(bytes) }
    }
}

/// Two hexadecimal digits for each byte.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

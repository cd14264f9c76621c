//! What is exchanged with the programs of others, by whom, and what came of it: the files in `tests/interop/`, and the
//! table that is made of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::Text;

pub use file::{Build, Foreign, OurClient, OurServer, Ours, read_foreign, read_ours};

mod file;
pub mod results;
pub mod template;

/// The longest datagram: 65535 bytes less the headers of IP and UDP.
pub const LONGEST_DATAGRAM: usize = 65507;

/// The longest argument that execve accepts: 32 pages including the NUL (MAX_ARG_STRLEN).
pub const LONGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// Bytes for a client to send to a server and to get back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Word {
    /// Its name in the table.
    pub name: String,
    /// The bytes, written down in short.
    pub text: Text,
    /// How a client that has the choice knows that its answer is complete.
    pub way: Way,
    /// Its client runs at the same time as those of the words beside it that say so, too.
    pub at_once: bool,
    /// Only programs of this project exchange it.
    pub only_ours: bool,
}

/// How a client knows that its answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It closes its half of the connection, and reads to the end.
    HalfClose,
    /// It counts the bytes.
    Count,
}

impl Way {
    /// Its name in the files and for the programs.
    pub fn name(self) -> &'static str {
        match self {
            Way::HalfClose => "half_close",
            Way::Count => "count",
        }
    }
}

/// The protocol of a client and a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// A word is a stream.
    Tcp,
    /// A word is a datagram.
    Udp,
}

/// A client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Client {
    /// Its command line; see [`template`].
    pub run: Vec<String>,
    /// How it is given the word.
    pub word: Given,
    /// When it ends.
    pub ends: Ends,
    /// What it prints; `{word}` stands for the word, `{length}` for its number of bytes.
    pub prints: String,
    /// Its exit status, if it ends by itself.
    pub exit: i32,
    /// Whether standard error must be empty.
    pub silent: bool,
    /// The words that it cannot exchange, with the reasons.
    pub except: BTreeMap<String, String>,
}

impl Client {
    /// A client with this command line that does what most do.
    pub fn new(run: Vec<String>) -> Self {
        let word = if run.iter().any(|part| part.contains("{word}")) { Given::Argument } else { Given::Stdin };
        let prints = "{word}".to_owned();
        Self { run, word, ends: Ends::Itself, prints, exit: 0, silent: false, except: BTreeMap::new() }
    }

    /// Why a word cannot be exchanged, whoever the server is.
    pub fn exception(&self, word: &Word, protocol: Protocol) -> Option<&str> {
        let given = |reason: &'static str| Some(reason);
        match (self.word, self.ends, protocol) {
            (Given::Argument, _, _) if word.text.bytes().contains(&0) => given("an argument ends at a NUL"),
            (Given::Argument, _, _) if word.text.len() > LONGEST_ARGUMENT => {
                given("an argument has 131 071 bytes at most")
            }
            (_, Ends::Never, Protocol::Udp) if word.text.is_empty() => {
                given("the client prints nothing and does not end, whether an answer came or not")
            }
            _ => self.except.get(&word.name).map(String::as_str),
        }
    }

    /// Whether an exchange of this word can be tried at all.
    pub fn can_try(&self, word: &Word, protocol: Protocol) -> bool {
        self.exception(word, protocol).is_none() || self.except.contains_key(&word.name)
    }
}

/// How a client is given the word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// On standard input, which then ends.
    #[default]
    Stdin,
    /// On standard input, which ends once the word is back.
    Held,
    /// As an argument.
    Argument,
}

/// When a client ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// When its answer is complete.
    #[default]
    Itself,
    /// Not of its own accord: it is killed once the word is back.
    Never,
}

/// A server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// Its command line; see [`template`].
    pub run: Vec<String>,
    /// The words that it cannot exchange, with the reasons.
    pub except: BTreeMap<String, String>,
}

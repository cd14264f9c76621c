//! What is done to a program, and what must come of it: the files in `tests/scenarios/`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use file::ScenarioFile;
pub use inject::check_injections;
pub use network::{Device, Route};
pub use step::Step;
pub use text::{Piece, Text, pattern_bytes};

mod check;
mod dialogues;
mod expand;
mod file;
mod inject;
pub mod network;
mod roles;
pub(crate) mod source;
mod step;
pub mod template;
mod text;

/// One run of a program, with the outcome that every twin must have.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Lower case and underscores; unique in its file.
    pub name: String,
    /// What happens, in a sentence.
    pub about: String,
    /// The errata that this scenario proves, by their numbers.
    #[serde(default)]
    pub errata: Vec<u32>,
    /// The command line after the program's name.
    #[serde(default)]
    pub arguments: Vec<Text>,
    /// Steps taken before the program is started.
    #[serde(default)]
    pub before: Vec<Step>,
    /// Steps taken while it runs, each once the program sleeps.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// System calls that fail on purpose, in the words of strace's `-e inject=`.
    #[serde(default)]
    pub inject: Vec<String>,
    /// The errors that they fail with, one scenario for each. Empty once the file is read.
    #[serde(default)]
    pub errors: Vec<String>,
    /// How many ports, from 40000 on, the kernel may give to the program's own sockets.
    #[serde(default = "one")]
    pub ephemeral_ports: u16,
    /// The names that the run's `/etc/hosts` knows besides localhost, with their addresses.
    #[serde(default)]
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// The lines of the run's `/etc/resolv.conf`. With them, names that `/etc/hosts` lacks are looked up at the name
    /// servers that they list.
    #[serde(default)]
    pub resolv_conf: Vec<String>,
    /// The kernel's settings, of the run's own network: other values than those that it begins with.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// The devices of the run's network, by their names: the loopback device, and others.
    #[serde(default)]
    pub devices: BTreeMap<String, Device>,
    /// Its routes besides those that the devices' addresses make.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// A connection takes little when nobody reads, and as much in every run.
    #[serde(default)]
    pub small_buffers: bool,
    /// Whether the program asks again and again where another would sleep.
    #[serde(default)]
    pub polls: Polls,
    /// All that the program can read from standard input, a pipe that nobody writes to any more. Without it standard
    /// input is `/dev/null`.
    pub stdin: Option<Text>,
    /// Where the program's standard output goes.
    #[serde(default)]
    pub output: Output,
    /// All that the program writes to standard output.
    #[serde(default)]
    pub stdout: Text,
    /// The same where the kernel decides some of the numbers: `{name}` stands for an integer.
    pub stdout_like: Option<String>,
    /// What holds between those integers, as in `b == 2 * a`.
    #[serde(default)]
    pub r#where: Vec<String>,
    /// All that the program writes to standard error.
    #[serde(default)]
    pub stderr: Text,
    /// Parts of lines that must be among those that tell the run's packets, in this order.
    #[serde(default)]
    pub wire: Vec<String>,
    /// The exit status, where the program exits.
    pub exit: Option<i32>,
    /// The signal that ends the program, where one does.
    pub killed_by: Option<String>,
    /// Where it is written. Left out where a scenario is handed on.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where a scenario is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file, which may be shared.
    pub file: PathBuf,
    /// The line where it begins.
    pub line: usize,
    /// The line of each of its injections.
    pub inject_lines: Vec<usize>,
}

/// Whether a program polls for what it waits for instead of sleeping until it is there. The number of
/// polls that find nothing is then not compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polls {
    /// It sleeps.
    #[default]
    Never,
    /// It asks for a while, and then sleeps.
    BeforeSleep,
    /// It never sleeps. It has nothing to do when it has asked for everything twice in vain.
    Always,
}

/// Where standard output goes: what stdio buffers depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// A pipe: stdio writes when its buffer is full and at the end.
    #[default]
    Pipe,
    /// A terminal: stdio writes at the end of each line.
    Terminal,
    /// `/dev/full`: every write fails with ENOSPC.
    Full,
}

fn one() -> u16 {
    1
}

impl Scenario {
    /// The scenario of a file as one of this program.
    fn of(&self, program: &str, polls: Polls, origin: Origin) -> Self {
        let fill = |text: &str| text.replace("{program}", program);
        Self {
            stdout: self.stdout.with_strings(fill),
            stderr: self.stderr.with_strings(fill),
            polls: if self.polls == Polls::Never { polls } else { self.polls },
            origin,
            ..self.clone()
        }
    }

    /// The scenario with each of its errors; the scenario as it is, if it has none.
    fn for_each_error(&self) -> Vec<Self> {
        if self.errors.is_empty() {
            return vec![self.clone()];
        }
        self.errors.iter().map(|error| self.with_error(error)).collect()
    }

    fn with_error(&self, error: &str) -> Self {
        let why = explanation(error);
        let fill = |text: &str| text.replace("{error}", error).replace("{why}", &why);
        Self {
            name: format!("{}_{}", self.name, error.to_lowercase()),
            about: fill(&self.about),
            inject: self.inject.iter().map(|injection| fill(injection)).collect(),
            errors: Vec::new(),
            stderr: self.stderr.with_strings(fill),
            ..self.clone()
        }
    }
}

/// What the programs say of an error: the C library's words and the number. Nothing, if there is no
/// such error, which is a mistake that is told.
fn explanation(error: &str) -> String {
    let words = |number| std::io::Error::from_raw_os_error(number).to_string();
    inject::error_number(error).map_or_else(|_| String::new(), |number| words(number).replace("(os error", "(errno"))
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether each network namespace may have a setting of this name of its own, as `net.core.somaxconn`.
fn is_setting_of_the_network(name: &str) -> bool {
    name.starts_with("net.") && name.split('.').all(is_plain_name)
}

#[cfg(test)]
mod tests;

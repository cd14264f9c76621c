//! What is done to a program, and what must come of it: the files in `tests/scenarios/`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::likeness;

/// One file of scenarios: those of one program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// The name that the program is started under (`argv[0]` is `./NAME`).
    pub program: String,
    /// Files, beside this one, whose scenarios are its own as well. Empty once the file is read.
    #[serde(default)]
    pub shared: Vec<String>,
    /// How it waits in all scenarios that do not say otherwise.
    #[serde(default)]
    pub polls: Polls,
    /// What is done to it, one after another.
    #[serde(rename = "scenario")]
    pub scenarios: Vec<Scenario>,
}

/// Scenarios of several programs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedFile {
    #[serde(rename = "scenario")]
    scenarios: Vec<Scenario>,
}

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
    pub hosts: BTreeMap<String, Vec<Ipv4Addr>>,
    /// A connection takes little when nobody reads, and as much in every run.
    #[serde(default)]
    pub small_buffers: bool,
    /// Whether the program asks again and again where another would sleep.
    #[serde(default)]
    pub polls: Polls,
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
}

/// Whether a program asks for what it waits for, again and again, instead of sleeping until it is
/// there. How often it asks in vain is then not compared.
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

/// Bytes, written down so that a person can read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// The bytes of one piece.
    One(Piece),
    /// Several pieces, one after another.
    Many(Vec<Piece>),
}

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    /// The UTF-8 bytes of a string.
    Plain(String),
    /// So many bytes of an endless pattern of printable characters.
    Pattern(Pattern),
    /// Bytes in hexadecimal.
    Hex(Hex),
}

/// `{ pattern = 1000 }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// How many bytes.
    pub pattern: usize,
}

/// `{ hex = "00 ff" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hex {
    /// Two digits a byte; blanks are passed over.
    pub hex: String,
}

fn one() -> u16 {
    1
}

impl Default for Text {
    fn default() -> Self {
        Text::Many(Vec::new())
    }
}

impl Text {
    /// The bytes that are meant.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces().iter().flat_map(Piece::bytes).collect()
    }

    fn pieces(&self) -> &[Piece] {
        match self {
            Text::One(piece) => std::slice::from_ref(piece),
            Text::Many(pieces) => pieces,
        }
    }

    /// The same text with its strings replaced.
    fn with_strings(&self, replace: impl Fn(&str) -> String) -> Self {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => Piece::Plain(replace(text)),
            other => other.clone(),
        };
        Text::Many(self.pieces().iter().map(piece).collect())
    }

    fn check(&self) -> Result<()> {
        for piece in self.pieces() {
            if let Piece::Hex(Hex { hex }) = piece {
                let digits: String = hex.split_whitespace().collect();
                ensure!(
                    digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit()),
                    "hex = {hex:?} is not made of pairs of hexadecimal digits"
                );
            }
        }
        Ok(())
    }
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Piece::Plain(text) => text.as_bytes().to_vec(),
            Piece::Pattern(Pattern { pattern }) => pattern_bytes(*pattern),
            Piece::Hex(Hex { hex }) => {
                let digits: Vec<u8> = hex
                    .chars()
                    .filter_map(|c| c.to_digit(16))
                    .filter_map(|d| u8::try_from(d).ok())
                    .collect();
                digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
            }
        }
    }
}

/// Printable bytes that repeat only after 94 × 94, so that a piece of a buffer's size that is lost,
/// doubled or out of place does not look like the right one.
pub fn pattern_bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| b'!' + u8::try_from((i + i / 94) % 94).expect("a remainder of 94 fits in a byte"))
        .collect()
}

/// One thing that a peer does, or that is done to the program.
#[expect(missing_docs, reason = "each variant's sentence tells what its fields are")]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// The peer connects to the program's port on 127.0.0.1.
    Connect { peer: String, port: u16 },
    /// The peer tries to connect and must be refused.
    ConnectRefused { peer: String, port: u16 },
    /// The peer listens on a port of 127.0.0.1.
    Listen { peer: String, port: u16 },
    /// The peer listens no more; what it has accepted goes on.
    StopListening { peer: String },
    /// The peer that listens takes a connection, which has its name from then on.
    Accept { peer: String },
    /// The peer sends bytes, at most 4096 at a time, each time once the program sleeps.
    Send { peer: String, text: Text },
    /// The next bytes that the peer gets are these.
    Expect { peer: String, text: Text },
    /// From now on the peer reads only what a step expects, at most 4096 bytes at a time, each time
    /// once the program sleeps.
    StopReading { peer: String },
    /// The peer, which has stopped reading, sends until the program sleeps and the connection takes
    /// no more.
    Fill { peer: String },
    /// All that the peer has filled its connection with comes back.
    ExpectFilling { peer: String },
    /// The beginning of it comes, and nothing more for the time being.
    ExpectSomeFilling { peer: String },
    /// There is nothing for the peer to read, and the program sleeps.
    ExpectNothing { peer: String },
    /// The peer's next read finds the end of the stream.
    ExpectEnd { peer: String },
    /// The peer's next read finds that the connection was reset.
    ExpectReset { peer: String },
    /// The peer sends no more (FIN) but goes on reading.
    HalfClose { peer: String },
    /// The peer closes: FIN, or RST where it leaves bytes unread.
    Close { peer: String },
    /// The peer resets the connection (RST).
    Reset { peer: String },
    /// The peer opens a datagram socket on a port of 127.0.0.1.
    OpenDatagram { peer: String, port: u16 },
    /// The peer opens a datagram socket on a port of every interface, as a member of a group.
    Join { peer: String, group: Ipv4Addr, port: u16 },
    /// The peer sends a datagram.
    SendDatagram { peer: String, address: Ipv4Addr, port: u16, text: Text },
    /// The next datagram that the peer gets is this.
    ExpectDatagram { peer: String, text: Text },
    /// There is no datagram for the peer, and the program sleeps.
    ExpectNoDatagram { peer: String },
    /// The program gets a signal.
    Signal { signal: String },
}

impl Step {
    fn text(&self) -> Option<&Text> {
        match self {
            Step::Send { text, .. }
            | Step::Expect { text, .. }
            | Step::SendDatagram { text, .. }
            | Step::ExpectDatagram { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Connect { peer, port } => write!(f, "{peer} connects to {port}"),
            Step::ConnectRefused { peer, port } => write!(f, "{peer} is refused at {port}"),
            Step::Listen { peer, port } => write!(f, "{peer} listens on {port}"),
            Step::StopListening { peer } => write!(f, "{peer} listens no more"),
            Step::Accept { peer } => write!(f, "{peer} accepts"),
            Step::Send { peer, text } => write!(f, "{peer} sends {} bytes", text.bytes().len()),
            Step::Expect { peer, text } => write!(f, "{peer} gets {} bytes", text.bytes().len()),
            Step::StopReading { peer } => write!(f, "{peer} stops reading"),
            Step::Fill { peer } => write!(f, "{peer} fills its connection"),
            Step::ExpectFilling { peer } => write!(f, "{peer} gets all that it has sent"),
            Step::ExpectSomeFilling { peer } => write!(f, "{peer} gets some of what it has sent"),
            Step::ExpectNothing { peer } => write!(f, "{peer} gets nothing"),
            Step::ExpectEnd { peer } => write!(f, "{peer} gets the end of the stream"),
            Step::ExpectReset { peer } => write!(f, "{peer} is reset"),
            Step::HalfClose { peer } => write!(f, "{peer} shuts down its sending side"),
            Step::Close { peer } => write!(f, "{peer} closes"),
            Step::Reset { peer } => write!(f, "{peer} resets"),
            Step::OpenDatagram { peer, port } => {
                write!(f, "{peer} takes port {port} for datagrams")
            }
            Step::Join { peer, group, port } => write!(f, "{peer} joins {group}, port {port}"),
            Step::SendDatagram { peer, address, port, text } => {
                write!(
                    f,
                    "{peer} sends a datagram of {} bytes to {address}:{port}",
                    text.bytes().len()
                )
            }
            Step::ExpectDatagram { peer, text } => {
                write!(f, "{peer} gets a datagram of {} bytes", text.bytes().len())
            }
            Step::ExpectNoDatagram { peer } => write!(f, "{peer} gets no datagram"),
            Step::Signal { signal } => write!(f, "the program gets {signal}"),
        }
    }
}

impl ScenarioFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file: Self = parse(path)?;
        let folder = path.parent().unwrap_or(path);
        for name in std::mem::take(&mut file.shared) {
            let shared: SharedFile = parse(&folder.join(name))?;
            let scenarios = shared.scenarios.iter().map(|scenario| scenario.of(&file.program));
            file.scenarios.extend(scenarios);
        }
        for scenario in &mut file.scenarios {
            if scenario.polls == Polls::Never {
                scenario.polls = file.polls;
            }
        }
        file.complete().with_context(|| format!("in {}", path.display()))?;
        Ok(file)
    }

    /// Makes one scenario of each error, and checks them all.
    fn complete(&mut self) -> Result<()> {
        let mut scenarios = Vec::new();
        for scenario in &self.scenarios {
            let each = scenario.for_each_error();
            scenarios.extend(each.with_context(|| format!("scenario '{}'", scenario.name))?);
        }
        self.scenarios = scenarios;
        self.check()
    }

    /// The scenario of that name.
    pub fn find(&self, name: &str) -> Result<&Scenario> {
        self.scenarios.iter().find(|s| s.name == name).with_context(|| {
            let names: Vec<_> = self.scenarios.iter().map(|s| s.name.as_str()).collect();
            format!("{} has no scenario '{name}'; it has: {}", self.program, names.join(", "))
        })
    }

    fn check(&self) -> Result<()> {
        ensure!(
            is_plain_name(&self.program),
            "program = {:?}: letters, digits, '_' and '-' were expected",
            self.program
        );
        ensure!(!self.scenarios.is_empty(), "there is no [[scenario]]");
        for (index, scenario) in self.scenarios.iter().enumerate() {
            scenario.check().with_context(|| format!("scenario '{}'", scenario.name))?;
            if self.scenarios[..index].iter().any(|s| s.name == scenario.name) {
                bail!("scenario '{}' stands there twice", scenario.name);
            }
        }
        Ok(())
    }
}

fn parse<File: DeserializeOwned>(path: &Path) -> Result<File> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the scenarios in {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is no file of scenarios", path.display()))
}

impl Scenario {
    /// A shared scenario as one of this program.
    fn of(&self, program: &str) -> Self {
        let fill = |text: &str| text.replace("{program}", program);
        Self {
            stdout: self.stdout.with_strings(fill),
            stderr: self.stderr.with_strings(fill),
            ..self.clone()
        }
    }

    /// The scenario with each of its errors; the scenario as it is, if it has none.
    fn for_each_error(&self) -> Result<Vec<Self>> {
        if self.errors.is_empty() {
            return Ok(vec![self.clone()]);
        }
        ensure!(
            self.inject.iter().any(|injection| injection.contains("{error}")),
            "errors: {{error}} was expected in inject, where they take its place"
        );
        self.errors.iter().map(|error| self.with_error(error)).collect()
    }

    fn with_error(&self, error: &str) -> Result<Self> {
        let why = explanation(error)?;
        let fill = |text: &str| text.replace("{error}", error).replace("{why}", &why);
        Ok(Self {
            name: format!("{}_{}", self.name, error.to_lowercase()),
            about: fill(&self.about),
            inject: self.inject.iter().map(|injection| fill(injection)).collect(),
            errors: Vec::new(),
            stderr: self.stderr.with_strings(fill),
            ..self.clone()
        })
    }

    fn check(&self) -> Result<()> {
        ensure!(is_plain_name(&self.name), "name: letters, digits, '_' and '-' were expected");
        ensure!(
            self.exit.is_some() != self.killed_by.is_some(),
            "one of exit = STATUS and killed_by = \"SIGNAL\" was expected"
        );
        for text in self.arguments.iter().chain([&self.stdout, &self.stderr]) {
            text.check()?;
        }
        ensure!(
            self.stdout_like.is_none() || self.stdout == Text::default(),
            "one of stdout and stdout_like was expected"
        );
        ensure!(
            self.r#where.is_empty() || self.stdout_like.is_some(),
            "where speaks of the integers of stdout_like"
        );
        if let Some(template) = &self.stdout_like {
            likeness::check_form(template, &self.r#where)?;
        }
        ensure!((1..=1000).contains(&self.ephemeral_ports), "ephemeral_ports: 1 to 1000");
        for argument in &self.arguments {
            ensure!(!argument.bytes().contains(&0), "an argument cannot hold a NUL");
        }
        for step in self.before.iter().chain(&self.steps) {
            step.text().map_or(Ok(()), Text::check).with_context(|| format!("step '{step}'"))?;
        }
        for step in &self.before {
            ensure!(
                !matches!(step, Step::Signal { .. }),
                "before: there is no program yet that could get a signal"
            );
        }
        Ok(())
    }
}

/// What the programs say of an error: the C library's words and the number.
fn explanation(error: &str) -> Result<String> {
    let is_meant = |&number: &i32| {
        let known = Errno::from_raw(number);
        known != Errno::UnknownErrno && format!("{known:?}") == error
    };
    // The kernel hands out no greater ones (MAX_ERRNO).
    let number = (1..4096).find(is_meant).with_context(|| {
        format!("errors: {error:?} is no name of an errno, as \"EMFILE\" is one")
    })?;
    let words = std::io::Error::from_raw_os_error(number).to_string();
    Ok(words.replace("(os error", "(errno"))
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(scenario: &str) -> Result<Vec<Scenario>> {
        let head = "program = \"p\"\n[[scenario]]\nabout = \"x\"\n";
        let mut file: ScenarioFile = toml::from_str(&format!("{head}{scenario}"))?;
        file.complete()?;
        Ok(file.scenarios)
    }

    #[test]
    fn text_is_pieces_in_order() {
        #[derive(Deserialize)]
        struct Holder {
            text: Text,
        }
        let text = r#"text = ["a\u0000", { hex = "00 fF" }, { pattern = 2 }]"#;
        let holder: Holder = toml::from_str(text).unwrap();
        assert_eq!(holder.text.bytes(), b"a\0\x00\xff!\"");
    }

    #[test]
    fn the_pattern_does_not_repeat_within_a_buffer() {
        let bytes = pattern_bytes(1000);
        assert_ne!(bytes[..128], bytes[128..256]);
        assert!(bytes.iter().all(u8::is_ascii_graphic));
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert!(message("name = \"a\"").contains("exit = STATUS"));
        assert!(message("name = \"a b\"\nexit = 0").contains("name: letters"));
        assert!(message("name = \"a\"\nexit = 0\nagruments = []").contains("agruments"));
        let step = "name = \"a\"\nexit = 0\nsteps = [{ does = \"dance\", peer = \"a\" }]";
        assert!(message(step).contains("dance"));
        let hex = "name = \"a\"\nexit = 0\nstdout = { hex = \"0\" }";
        assert!(message(hex).contains("pairs of hexadecimal"));
        assert!(parse("name = \"a\"\nexit = 0").is_ok());
        let errors = |errors: &str, inject: &str| {
            message(&format!("name = 'a'\nexit = 0\nerrors = ['{errors}']\ninject = ['{inject}']"))
        };
        assert!(errors("EMFLIE", "accept:error={error}").contains("\"EMFLIE\" is no name"));
        assert!(errors("UnknownErrno", "accept:error={error}").contains("is no name"));
        assert!(errors("EMFILE", "accept:error=EMFILE").contains("{error} was expected"));
    }

    #[test]
    fn one_scenario_for_each_error() {
        let scenarios = parse(
            "name = 'a'\nexit = 1\nerrors = ['EMFILE', 'EPROTO']\n\
             inject = ['accept:error={error}']\nstderr = \"p: accept: {why}\\n\"",
        )
        .unwrap();
        let seen = |s: &Scenario| (s.name.clone(), s.inject.concat(), s.stderr.bytes());
        let expected = |name: &str, inject: &str, stderr: &str| {
            (name.to_owned(), inject.to_owned(), stderr.as_bytes().to_vec())
        };
        assert_eq!(
            scenarios.iter().map(seen).collect::<Vec<_>>(),
            [
                expected(
                    "a_emfile",
                    "accept:error=EMFILE",
                    "p: accept: Too many open files (errno 24)\n"
                ),
                expected(
                    "a_eproto",
                    "accept:error=EPROTO",
                    "p: accept: Protocol error (errno 71)\n"
                ),
            ]
        );
    }
}

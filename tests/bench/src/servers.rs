//! What is measured: the servers of this project, C and Rust, the peers, and the floor.

use std::fs;

use anyhow::{Context, Result, ensure};
use mirror::project::Project;
use serde::{Deserialize, Serialize};

use crate::loads::{Kind, Load};

/// The server that all others are held against.
pub const BASE: &str = "epoll_rust";

/// The same program again: what its figures differ by is what cannot be told from chance.
pub const AGAIN: &str = "epoll_rust_again";

/// The floor's name.
pub const FLOOR: &str = "floor";

/// The I/O models, in the order of the tutorial, and how many connections each one takes at most.
pub const MODELS: [(&str, Option<usize>); 8] = [
    // A process for each connection.
    ("fork", Some(1000)),
    ("nonblocking", None),
    // FD_SETSIZE is 1024.
    ("select", Some(1000)),
    ("poll", None),
    ("epoll", None),
    ("sigio", None),
    // A thread for each connection, and some milliseconds for each message with ten thousand.
    ("aio", Some(1000)),
    ("uring", None),
];

/// A model with an option, for the loads on which the option tells.
struct Variant {
    model: &'static str,
    suffix: &'static str,
    option: [&'static str; 2],
    processors: usize,
    loads: &'static [&'static str],
}

impl Variant {
    const fn busy_poll(model: &'static str) -> Self {
        let loads = &["ping_1x128"];
        Self { model, suffix: "_b50", option: ["-b", "50"], processors: 1, loads }
    }

    const fn two_workers(model: &'static str) -> Self {
        let loads = &["ping_1000x128"];
        Self { model, suffix: "_w2", option: ["-w", "2"], processors: 2, loads }
    }
}

const VARIANTS: [Variant; 4] = [
    Variant::busy_poll("poll"),
    Variant::busy_poll("epoll"),
    Variant::two_workers("epoll"),
    Variant::two_workers("uring"),
];

/// What kind of server one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// A model in Rust, without an option.
    Rust,
    /// Another of this project's servers.
    Other,
    /// The floor.
    Floor,
    /// What people would take instead.
    Peer,
}

/// A server to be measured.
#[derive(Debug, Clone)]
pub struct Server {
    /// What options and tables call it.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// What kind of server it is.
    pub which: Which,
    /// Its program and arguments, to be started in the project's folder. `{port}`, `{connections}`
    /// and `{size}` stand for numbers.
    command: Vec<String>,
    /// Of how many processors it is given the use.
    pub processors: usize,
    /// How many connections it takes, where that is less than any load has.
    connections: Option<usize>,
    /// The loads that it is for; all, where none is named.
    loads: &'static [&'static str],
    /// Whether it takes one message of a known size from each connection in turn.
    pub in_turn: bool,
}

/// One entry of `peers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    about: String,
    command: Vec<String>,
    connections: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peers {
    peer: Vec<Peer>,
}

impl Server {
    fn new(name: String, about: String, which: Which, command: Vec<String>) -> Self {
        let (connections, loads) = (None, &[]);
        Self { name, about, which, command, processors: 1, connections, loads, in_turn: false }
    }

    /// The C and the Rust of a model, with an option or without.
    fn twins(model: &str, suffix: &str, option: &[&str]) -> [Self; 2] {
        let program = format!("echo_server_{model}");
        let twin = |language: &str, folder: &str, which| {
            let name = format!("{model}_{language}{suffix}");
            let about = [&[program.as_str()], option].concat().join(" ") + " in " + language;
            let mut command = vec![format!("{folder}/{program}")];
            command.extend(option.iter().chain(&["{port}"]).map(ToString::to_string));
            Self::new(name, about, which, command)
        };
        let rust = if option.is_empty() { Which::Rust } else { Which::Other };
        [twin("c", "target/c-reference", Which::Other), twin("rust", "target/release", rust)]
    }

    /// Its command for a load on a port.
    pub fn command(&self, port: u16, kind: Kind) -> Vec<String> {
        let (connections, size) = match kind {
            Kind::Ping { connections, sizes, .. } => (connections, sizes[0]),
            Kind::Stream { .. } | Kind::Connect { .. } => (1, 1),
        };
        let fill = |word: &String| {
            word.replace("{port}", &port.to_string())
                .replace("{connections}", &connections.to_string())
                .replace("{size}", &size.to_string())
        };
        self.command.iter().map(fill).collect()
    }

    /// Whether it is made for such a load.
    pub fn is_for(&self, load: &Load) -> bool {
        let even = matches!(load.kind, Kind::Ping { connections, active, sizes: [_] }
            if connections == active);
        (self.loads.is_empty() || self.loads.contains(&load.name)) && (even || !self.in_turn)
    }

    /// Why a load is too much for it, if so.
    pub fn declines(&self, load: &Load) -> Option<String> {
        let most = self.connections.filter(|most| load.connections() > *most)?;
        Some(format!("it takes {most} connections at most"))
    }
}

/// All servers, in the order of the tables.
pub fn all(project: &Project) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    for (model, connections) in MODELS {
        let twins = Server::twins(model, "", &[]);
        servers.extend(twins.map(|twin| Server { connections, ..twin }));
    }
    let base = servers.iter().find(|server| server.name == BASE).context("the base is a model")?;
    let about = format!("{BASE} once more: what differs is chance");
    servers.push(Server { name: AGAIN.into(), about, which: Which::Other, ..base.clone() });
    for Variant { model, suffix, option, processors, loads } in VARIANTS {
        let twins = Server::twins(model, suffix, &option);
        servers.extend(twins.map(|twin| Server { processors, loads, ..twin }));
    }
    let floor = std::env::current_exe()?.to_string_lossy().into_owned();
    let arguments = ["floor", "{port}", "{connections}", "{size}"].map(str::to_owned);
    let command = [floor].into_iter().chain(arguments).collect();
    let about = "one blocking recv and one send for each message, and nothing else".to_owned();
    let floor = Server::new(FLOOR.into(), about, Which::Floor, command);
    servers.push(Server { in_turn: true, ..floor });
    servers.extend(peers(project)?);
    Ok(servers)
}

fn peers(project: &Project) -> Result<Vec<Server>> {
    let path = project.path("tests/bench/peers/peers.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let peers: Peers = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let server = |peer: Peer| {
        ensure!(!peer.command.is_empty(), "{}: {}: no command", path.display(), peer.name);
        let connections = peer.connections;
        Ok(Server { connections, ..Server::new(peer.name, peer.about, Which::Peer, peer.command) })
    };
    peers.peer.into_iter().map(server).collect()
}

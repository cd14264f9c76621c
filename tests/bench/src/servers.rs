//! The measured servers: this project's in C and in Rust, the peers, and the floor.

use std::fs;

use anyhow::{Context, Result, ensure};
use mirror::project::Project;
use serde::{Deserialize, Serialize};

use crate::loads::{Kind, Load};

/// The server that all others are compared with.
pub const BASELINE: &str = "epoll_rust";

/// The baseline a second time: the difference between the two is measurement noise.
pub const BASELINE_AGAIN: &str = "epoll_rust_again";

/// The lower bound, see [`floor`](crate::floor).
pub const FLOOR: &str = "floor";

/// The I/O models, in the order of the tutorial, with the connection limit of the loads for each.
pub const MODELS: [(&str, Option<usize>); 8] = [
    // A process per connection.
    ("fork", Some(1000)),
    ("nonblocking", None),
    // FD_SETSIZE is 1024.
    ("select", Some(1000)),
    ("poll", None),
    ("epoll", None),
    ("sigio", None),
    // A thread per connection, and with 10 000 connections some milliseconds per message.
    ("aio", Some(1000)),
    ("uring", None),
];

/// A model with an option, for the loads on which the option has an effect.
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

/// How plots group the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A model in Rust, without options.
    Rust,
    /// Any other server of this project.
    Other,
    /// The floor.
    Floor,
    /// An echo server on another runtime or library.
    Peer,
}

/// A server to be measured.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its name in options and tables.
    pub name: String,
    /// One line that describes it.
    pub description: String,
    /// How plots group it.
    pub category: Category,
    /// Its program and arguments, relative to the project's folder, with the placeholders `{port}`,
    /// `{connections}` and `{size}`.
    command: Vec<String>,
    /// Number of processors that it may use.
    pub processors: usize,
    /// Its connection limit, if any.
    max_connections: Option<usize>,
    /// The loads under which it is measured; all if empty.
    loads: &'static [&'static str],
    /// Whether it serves one message of a known size on each connection in turn.
    pub round_robin: bool,
}

/// One entry of `peers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    description: String,
    command: Vec<String>,
    max_connections: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peers {
    peer: Vec<Peer>,
}

impl Server {
    fn new(name: String, description: String, category: Category, command: Vec<String>) -> Self {
        Self {
            name,
            description,
            category,
            command,
            processors: 1,
            max_connections: None,
            loads: &[],
            round_robin: false,
        }
    }

    /// The C and the Rust server of a model.
    fn twins(model: &str, suffix: &str, option: &[&str]) -> [Self; 2] {
        let program = format!("echo_server_{model}");
        let twin = |language: &str, folder: &str, category| {
            let name = format!("{model}_{}{suffix}", language.to_lowercase());
            let description = [&[program.as_str()], option].concat().join(" ") + " in " + language;
            let mut command = vec![format!("{folder}/{program}")];
            command.extend(option.iter().chain(&["{port}"]).map(ToString::to_string));
            Self::new(name, description, category, command)
        };
        let rust = if option.is_empty() { Category::Rust } else { Category::Other };
        [twin("C", "target/c-reference", Category::Other), twin("Rust", "target/release", rust)]
    }

    /// Its command line for a port and a load.
    pub fn command(&self, port: u16, kind: Kind) -> Vec<String> {
        let (connections, size) = match kind {
            Kind::Ping { connections, sizes, .. } => (connections, sizes[0]),
            Kind::Stream { .. } | Kind::Connect { .. } => (1, 1),
        };
        let fill = |argument: &String| {
            argument
                .replace("{port}", &port.to_string())
                .replace("{connections}", &connections.to_string())
                .replace("{size}", &size.to_string())
        };
        self.command.iter().map(fill).collect()
    }

    /// Whether it is to be measured under the load.
    pub fn is_measured_under(&self, load: &Load) -> bool {
        let uniform = matches!(load.kind, Kind::Ping { connections, active, sizes: [_] }
            if connections == active);
        (self.loads.is_empty() || self.loads.contains(&load.name)) && (uniform || !self.round_robin)
    }

    /// The limit of the server that the load exceeds, if any.
    pub fn exceeded_limit(&self, load: &Load) -> Option<String> {
        let limit = self.max_connections.filter(|limit| load.connections() > *limit)?;
        Some(format!("limited to {limit} connections"))
    }
}

/// All servers, in the order of the tables.
pub fn all(project: &Project) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    for (model, max_connections) in MODELS {
        let twins = Server::twins(model, "", &[]);
        servers.extend(twins.map(|twin| Server { max_connections, ..twin }));
    }
    let baseline = servers.iter().find(|server| server.name == BASELINE);
    servers.push(Server {
        name: BASELINE_AGAIN.into(),
        description: format!("{BASELINE} a second time: the difference is noise"),
        category: Category::Other,
        ..baseline.context("the baseline is a model")?.clone()
    });
    for Variant { model, suffix, option, processors, loads } in VARIANTS {
        let twins = Server::twins(model, suffix, &option);
        servers.extend(twins.map(|twin| Server { processors, loads, ..twin }));
    }
    let floor = std::env::current_exe()?.to_string_lossy().into_owned();
    let arguments = ["floor", "{port}", "{connections}", "{size}"].map(str::to_owned);
    let command = [floor].into_iter().chain(arguments).collect();
    let description = "one blocking recv and one send per message, a lower bound".to_owned();
    let floor = Server::new(FLOOR.into(), description, Category::Floor, command);
    servers.push(Server { round_robin: true, ..floor });
    servers.extend(peers(project)?);
    Ok(servers)
}

fn peers(project: &Project) -> Result<Vec<Server>> {
    let path = project.path("tests/bench/peers/peers.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let peers: Peers = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let server = |peer: Peer| {
        ensure!(!peer.command.is_empty(), "{}: peer {}: the command is empty", path.display(), peer.name);
        let Peer { name, description, command, max_connections } = peer;
        let server = Server::new(name, description, Category::Peer, command);
        Ok(Server { max_connections, ..server })
    };
    peers.peer.into_iter().map(server).collect()
}

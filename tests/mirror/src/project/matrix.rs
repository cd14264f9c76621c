//! The programs of others with which this project's are tried: `tests/interop/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use nix::unistd::{AccessFlags, access};

use crate::common::lock::lock;
use crate::common::tools::{Tools, find_program};
use crate::interop::results::{Cell, Exception, Failure, Missing, Results, Row as RowResult};
use crate::interop::template::{fill, names};
use crate::interop::{
    Build, Client, Foreign, LONGEST_DATAGRAM, OurClient, Protocol, Server, Word, read_foreign, read_ours,
};
use crate::project::{Project, Twin};
use crate::run::interop::{InteropJob, place};
use crate::run::start::find_in_run;
use crate::run::world::hidden_by_the_run;

/// The port of the echo service.
const PORT: u16 = 7;

/// The name that stands for all clients of this project.
const OURS: &str = "ours";

/// This project's servers and clients against the clients and servers of others.
#[derive(Debug)]
pub struct Matrix {
    words: Vec<Word>,
    /// This project's programs.
    pub columns: Vec<Column>,
    /// The others, after this project's clients.
    pub rows: Vec<Row>,
}

/// Command lines of somebody's own programs.
#[derive(Debug, Default)]
pub struct OwnCommands {
    /// A TCP client.
    pub client: Option<String>,
    /// A TCP server.
    pub server: Option<String>,
    /// A UDP client.
    pub udp_client: Option<String>,
    /// A UDP server.
    pub udp_server: Option<String>,
}

impl OwnCommands {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        [&self.client, &self.server, &self.udp_client, &self.udp_server].into_iter().all(Option::is_none)
    }
}

/// A program of this project, both twins.
#[derive(Debug)]
pub struct Column {
    /// What the table calls it.
    pub title: String,
    program: String,
    protocol: Protocol,
    side: Side,
    twins: [Twin; 2],
    /// The servers of others that cannot serve it, with the reasons.
    not_with: BTreeMap<String, String>,
    /// Whether it is the first of its kind, with which exceptions are tried.
    is_first: bool,
}

#[derive(Debug)]
enum Side {
    /// Its arguments.
    Server(Vec<String>),
    Client(Client),
}

/// A program of somebody else, or a client of this project.
#[derive(Debug)]
pub struct Row {
    /// What the table calls it.
    pub name: String,
    /// Why it cannot be run.
    pub missing: Option<Missing>,
    /// The program's name: that of the row, unless it is a twin.
    program: String,
    ours: bool,
    package: Option<String>,
    version: Option<Vec<String>>,
    clients: Vec<(Protocol, Client)>,
    servers: Vec<(Protocol, Server)>,
    /// What a run must see.
    visible: Vec<(PathBuf, PathBuf)>,
    /// Whether something of it took too long. The rest is not tried then.
    took_too_long: AtomicBool,
}

impl Matrix {
    /// Reads the files. With names, only their rows are there. Programs that must be built are.
    pub fn read(project: &Project, names: &[String]) -> Result<Self> {
        let mut matrix = Self::of_columns(project)?;
        let all = matrix.foreign(project)?;
        let known: Vec<&String> =
            matrix.rows.iter().map(|row| &row.name).chain(all.iter().map(|foreign| &foreign.name)).collect();
        for name in names {
            if !known.contains(&name) && name != OURS {
                let known: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
                bail!("no such program: '{name}'; the programs are: {}", known.join(", "));
            }
        }
        let is_wanted = |name: &String| names.is_empty() || names.contains(name);
        matrix.rows.retain(|row| is_wanted(&row.name) || is_wanted(&OURS.to_owned()));
        for foreign in all.into_iter().filter(|foreign| is_wanted(&foreign.name)) {
            matrix.rows.push(Row::of(foreign, project)?);
        }
        Ok(matrix)
    }

    /// With one row: these commands.
    pub fn of_own_commands(project: &Project, commands: &OwnCommands) -> Result<Self> {
        let mut matrix = Self::of_columns(project)?;
        matrix.rows = vec![Row::of_commands(commands)?];
        Ok(matrix)
    }

    /// The columns, with no rows but this project's clients.
    fn of_columns(project: &Project) -> Result<Self> {
        let ours = read_ours(&project.path("tests/interop/ours.toml"))?;
        let twins = |name: &str| [project.c(name), project.rust(name)];
        let mut columns = Vec::new();
        let mut rows = Vec::new();
        for server in ours.servers {
            let (twins, side) = (twins(&server.name), Side::Server(server.arguments));
            columns.push(Column::of(server.name, server.column, server.protocol, side, twins));
        }
        for client in ours.clients {
            for twin in twins(&client.name) {
                rows.push(Row::of_ours(&client, &twin));
            }
            let (twins, side) = (twins(&client.name), Side::Client(client.client));
            let column = Column::of(client.name, client.column, client.protocol, side, twins);
            columns.push(Column { not_with: client.not_with, ..column });
        }
        let mut kinds = BTreeSet::new();
        for column in &mut columns {
            column.is_first = kinds.insert((column.protocol == Protocol::Tcp, matches!(column.side, Side::Server(_))));
        }
        Ok(Self { words: ours.words, columns, rows })
    }

    fn foreign(&self, project: &Project) -> Result<Vec<Foreign>> {
        read_foreign(&project.path("tests/interop/foreign.toml"), &self.words)
    }

    /// Every row and column that have something to say to each other.
    pub fn cells(&self) -> Vec<(usize, usize)> {
        let rows = self.rows.iter().enumerate().filter(|(_, row)| row.missing.is_none());
        let cells = rows.flat_map(|(index, row)| {
            let columns = self.columns.iter().enumerate();
            columns.filter(|(_, column)| row.meets(column)).map(move |(column, _)| (index, column))
        });
        cells.collect()
    }

    /// Why the two of a cell cannot exchange anything, if that is known.
    pub fn cannot_meet(&self, cell: (usize, usize)) -> Option<&str> {
        self.columns[cell.1].not_with.get(&self.rows[cell.0].name).map(String::as_str)
    }

    /// Runs the program of a row with both twins of a column.
    pub fn run(&self, cell: (usize, usize), output: &Path, processor: usize) -> Result<Cell> {
        let (row, column) = (&self.rows[cell.0], &self.columns[cell.1]);
        let mut result = Cell::default();
        if let Some(because) = self.cannot_meet(cell) {
            let (of, word) = (format!("{} (TCP server)", row.name), column.title.clone());
            let exception = Exception { of, word, because: because.to_owned() };
            return Ok(Cell { cannot_meet: true, exceptions: vec![exception], ..result });
        }
        for twin in &column.twins {
            let Some(meeting) = Meeting::of(row, column, twin) else {
                continue;
            };
            let label = twin.label.to_lowercase();
            let folder = output.join(&row.name).join(column.title.replace(' ', "_")).join(label);
            let words = self.words.iter().filter(|word| {
                (row.ours || !word.only_ours)
                    && (column.protocol == Protocol::Tcp || word.text.len() <= LONGEST_DATAGRAM)
            });
            let (exceptions, words): (Vec<&Word>, Vec<&Word>) =
                words.partition(|word| meeting.exception(word).is_some());
            let words: Vec<Word> = words.into_iter().cloned().collect();
            let failure = |word: Option<&str>, what: String| Failure {
                twin: twin.label.clone(),
                word: word.map(str::to_owned),
                what,
            };
            result.words += words.len();
            if row.took_too_long.load(Ordering::Relaxed) {
                result.failures.push(failure(None, "not tried, since this program took too long elsewhere".to_owned()));
                continue;
            }
            let answers = meeting.job(words.clone(), false, processor)?.execute(&folder)?;
            row.took_too_long.fetch_or(answers.took_too_long, Ordering::Relaxed);
            for (word, answer) in words.iter().zip(answers.words) {
                match answer {
                    None => result.same += 1,
                    Some(what) => result.failures.push(failure(Some(&word.name), what)),
                }
            }
            result.failures.extend(answers.server.map(|what| failure(None, what)));
            for word in exceptions {
                let because = meeting.exception(word).unwrap_or_default().to_owned();
                let exception = Exception { of: meeting.excepts(word), word: word.name.clone(), because };
                if !result.exceptions.contains(&exception) {
                    result.exceptions.push(exception);
                    if column.is_first && meeting.can_try(word) {
                        let job = meeting.job(vec![word.clone()], true, processor)?;
                        if job.execute(&folder.join("exception"))?.words == [None] {
                            let what = "came back whole, so it is no exception".to_owned();
                            result.failures.push(failure(Some(&word.name), what));
                        }
                    }
                }
            }
        }
        Ok(result)
    }

    /// The table without results. The versions are asked for, if they are wanted.
    pub fn results(&self, date: String, with_versions: bool) -> Results {
        let row = |row: &Row| RowResult {
            name: row.name.clone(),
            ours: row.ours,
            package: row.package.clone(),
            version: if with_versions { row.version() } else { None },
            missing: row.missing.clone(),
            cells: vec![None; self.columns.len()],
        };
        let columns = self.columns.iter().map(|column| column.title.clone()).collect();
        Results { date, columns, rows: self.rows.iter().map(row).collect() }
    }
}

impl Column {
    fn of(program: String, title: String, protocol: Protocol, side: Side, twins: [Twin; 2]) -> Self {
        Self { title, program, protocol, side, twins, not_with: BTreeMap::new(), is_first: false }
    }
}

/// A client and a server, one of which is a twin.
struct Meeting<'a> {
    protocol: Protocol,
    row: &'a str,
    client_name: &'a str,
    server: Vec<String>,
    client: Client,
    /// The server, if it is not this project's.
    foreign_server: Option<&'a Server>,
    visible: Vec<(PathBuf, PathBuf)>,
}

impl<'a> Meeting<'a> {
    fn of(row: &'a Row, column: &'a Column, twin: &Twin) -> Option<Self> {
        let protocol = column.protocol;
        let program = |name: &str| (PathBuf::from(&twin.command[0]), place(name));
        let file = |name: &str| place(name).to_string_lossy().into_owned();
        let mut visible = row.visible.clone();
        Some(match &column.side {
            Side::Server(arguments) => {
                let (_, client) = row.clients.iter().find(|(of, _)| *of == protocol)?;
                visible.push(program("server"));
                let server = [vec![file("server")], arguments.clone()].concat();
                let (row, client_name) = (row.name.as_str(), row.program.as_str());
                Self { protocol, row, client_name, server, client: client.clone(), foreign_server: None, visible }
            }
            Side::Client(client) => {
                let (_, server) = row.servers.iter().find(|(of, _)| *of == protocol)?;
                visible.push(program("client"));
                let run = [vec![file("client")], client.run.clone()].concat();
                let client = Client { run, ..client.clone() };
                let (row, client_name) = (row.name.as_str(), column.program.as_str());
                let run = server.run.clone();
                Self { protocol, row, client_name, server: run, client, foreign_server: Some(server), visible }
            }
        })
    }

    fn exception(&self, word: &Word) -> Option<&str> {
        let of_server = self.foreign_server.and_then(|server| server.except.get(&word.name)).map(String::as_str);
        of_server.or_else(|| self.client.exception(word, self.protocol))
    }

    /// The program that cannot exchange the word.
    fn excepts(&self, word: &Word) -> String {
        let protocol = if self.protocol == Protocol::Tcp { "TCP" } else { "UDP" };
        match self.foreign_server {
            Some(server) if server.except.contains_key(&word.name) => format!("{} ({protocol} server)", self.row),
            _ => format!("{} ({protocol} client)", self.client_name),
        }
    }

    fn can_try(&self, word: &Word) -> bool {
        self.client.can_try(word, self.protocol)
    }

    fn job(&self, words: Vec<Word>, are_exceptions: bool, processor: usize) -> Result<InteropJob> {
        Ok(InteropJob {
            protocol: self.protocol,
            port: PORT,
            server: self.server.clone(),
            client: self.client.clone(),
            words,
            are_exceptions,
            server_is_slow: false,
            visible: self.visible.clone(),
            processor,
            tools: Tools::find()?,
        })
    }
}

impl Row {
    /// A client of this project, with all servers of its protocol.
    fn of_ours(ours: &OurClient, twin: &Twin) -> Self {
        let file = place("client");
        let run = [vec![file.to_string_lossy().into_owned()], ours.client.run.clone()].concat();
        Self {
            name: format!("{}-{}", ours.column.replace(' ', "_"), twin.label.to_lowercase()),
            program: ours.name.clone(),
            missing: None,
            ours: true,
            package: None,
            version: None,
            clients: vec![(ours.protocol, Client { run, ..ours.client.clone() })],
            servers: Vec::new(),
            visible: vec![(PathBuf::from(&twin.command[0]), file)],
            took_too_long: AtomicBool::new(false),
        }
    }

    fn of_commands(commands: &OwnCommands) -> Result<Self> {
        let mut row = Self {
            name: "yours".to_owned(),
            program: "yours".to_owned(),
            missing: None,
            ours: false,
            package: None,
            version: None,
            clients: Vec::new(),
            servers: Vec::new(),
            visible: Vec::new(),
            took_too_long: AtomicBool::new(false),
        };
        let mut own = |option: &str, command: &Option<String>, needed: &[&str]| {
            let Some(text) = command else {
                return Ok(None);
            };
            if let Some(name) = needed.iter().find(|needed| !names(text).any(|name| name == **needed)) {
                bail!("--{option}: {{{name}}} was expected in {text:?}");
            }
            let twin = Twin::from_command_line(option, text)?;
            row.visible.extend(twin.visible);
            row.visible.extend(hidden_by_the_run([&PathBuf::from(&twin.command[0])]));
            Ok(Some(twin.command))
        };
        let client = own("client", &commands.client, &["ip", "port"])?;
        let udp_client = own("udp-client", &commands.udp_client, &["ip", "port"])?;
        let server = own("server", &commands.server, &["port"])?;
        let udp_server = own("udp-server", &commands.udp_server, &["port"])?;
        for (protocol, run) in [(Protocol::Tcp, client), (Protocol::Udp, udp_client)] {
            row.clients.extend(run.map(|run| (protocol, Client::new(run))));
        }
        for (protocol, run) in [(Protocol::Tcp, server), (Protocol::Udp, udp_server)] {
            row.servers.extend(run.map(|run| (protocol, Server { run, except: BTreeMap::new() })));
        }
        // Two commands may name the same file.
        row.visible.sort();
        row.visible.dedup();
        Ok(row)
    }

    fn of(foreign: Foreign, project: &Project) -> Result<Self> {
        let here = project.path("tests/interop").join(&foreign.name);
        let mut visible = Vec::new();
        if here.is_dir() {
            visible.push((here.clone(), place("here")));
        }
        let mut missing = missing(&foreign);
        if let (Some(build), None) = (&foreign.build, &missing) {
            let folder = project.path("target/interop").join(&foreign.name);
            match run_build(build, &here, &folder) {
                Ok(()) => visible.push((folder, place("build"))),
                Err(error) => missing = Some(Missing::NotBuilt(format!("{error:#}"))),
            }
        }
        let clients = [(Protocol::Tcp, foreign.client), (Protocol::Udp, foreign.udp_client)];
        let servers = [(Protocol::Tcp, foreign.server), (Protocol::Udp, foreign.udp_server)];
        Ok(Self {
            program: foreign.name.clone(),
            name: foreign.name,
            missing,
            ours: false,
            package: Some(foreign.package),
            version: foreign.version,
            clients: clients.into_iter().filter_map(|(protocol, client)| Some((protocol, client?))).collect(),
            servers: servers.into_iter().filter_map(|(protocol, server)| Some((protocol, server?))).collect(),
            visible,
            took_too_long: AtomicBool::new(false),
        })
    }

    fn meets(&self, column: &Column) -> bool {
        match column.side {
            Side::Server(_) => self.clients.iter().any(|(protocol, _)| *protocol == column.protocol),
            Side::Client(_) => self.servers.iter().any(|(protocol, _)| *protocol == column.protocol),
        }
    }

    /// The first line of what its command says that has a digit; or the version of its package.
    fn version(&self) -> Option<String> {
        if self.missing.is_some() {
            return None;
        }
        let words = match (&self.version, &self.package) {
            (Some(command), _) => command.clone(),
            (None, Some(package)) => {
                let first = package.split(' ').next().unwrap_or_default();
                ["dpkg-query", "--show", "--showformat=${Version}", first].map(str::to_owned).to_vec()
            }
            (None, None) => return None,
        };
        let output = Command::new(words.first()?).args(&words[1..]).stdin(Stdio::null()).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let line = said.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()))?;
        output.status.success().then(|| line.trim().to_owned())
    }
}

fn missing(foreign: &Foreign) -> Option<Missing> {
    let is_there = |need: &String| find_in_run(need).is_some();
    // Whoever builds has a PATH of their own.
    let may_execute = |file: PathBuf| access(&file, AccessFlags::X_OK).is_ok();
    let builds = |need: &String| find_program(need).is_some_and(may_execute);
    let mut build_needs = foreign.build.iter().flat_map(|build| &build.needs);
    let all_there = foreign.needs.iter().all(is_there) && build_needs.all(builds);
    (!all_there).then(|| Missing::NotInstalled(foreign.package.clone()))
}

/// Builds a program, unless it was built by the same command from the same files.
fn run_build(build: &Build, here: &Path, folder: &Path) -> Result<()> {
    let _lock = lock(folder)?;
    let values = [("here", here.as_os_str().as_encoded_bytes()), ("build", folder.as_os_str().as_encoded_bytes())];
    let words: Vec<_> = build.run.iter().map(|part| fill(part, &values)).collect();
    let mut made_from = format!("{words:?}\n").into_bytes();
    let mut files: Vec<PathBuf> = fs::read_dir(here)
        .with_context(|| format!("cannot read {}", here.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    for file in files {
        made_from.extend(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    let note = folder.join(".made-from");
    if fs::read(&note).is_ok_and(|before| before == made_from) {
        return Ok(());
    }
    let command = words[0].display().to_string();
    let output = Command::new(&words[0]).args(&words[1..]).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {command}"))?;
    if !output.status.success() {
        bail!("{command}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    fs::write(&note, made_from).with_context(|| format!("cannot write {}", note.display()))
}

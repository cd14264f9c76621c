//! Runs a server and its clients together.

mod talk;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use procfs::net::{self, TcpNetEntry, TcpState, UdpNetEntry};
use procfs::process::{Process, all_processes};
use serde::{Deserialize, Serialize};

use crate::common::parallel::pin;
use crate::common::printable::printable;
use crate::common::tools::Tools;
use crate::interop::template::fill;
use crate::interop::{Client, Protocol, Word};
use crate::run::namespaces::in_namespaces;
use crate::run::network;
use crate::run::start::unprivileged;
use crate::run::watch::CHECK_INTERVAL;
use crate::run::world::{WORK, World, hidden_by_the_run, protect_sysctls};
use talk::{Talk, Values};

/// The address of every server.
pub const IP: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How long what must happen may take. A bound for what goes wrong: nothing waits for it to pass.
const DEADLINE: Duration = Duration::from_secs(60);

/// The same for an exchange that is expected to fail.
const DEADLINE_OF_EXCEPTIONS: Duration = Duration::from_secs(1);

/// A server, a client, and the words to exchange.
#[derive(Debug, Serialize, Deserialize)]
pub struct InteropJob {
    /// What they speak.
    pub protocol: Protocol,
    /// The server's port.
    pub port: u16,
    /// The server's command line.
    pub server: Vec<String>,
    /// The client.
    pub client: Client,
    /// The words. The client is run once for each.
    pub words: Vec<Word>,
    /// Whether they are not expected to come back.
    pub are_exceptions: bool,
    /// Whether the server is stopped until the clients have ended, so that they are the faster ones.
    pub server_is_slow: bool,
    /// Files and folders that they need: their paths on the host and in the run.
    pub visible: Vec<(PathBuf, PathBuf)>,
    /// The processor to pin everything to.
    pub processor: usize,
    /// The programs that a run needs.
    pub tools: Tools,
}

/// What came of a job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answers {
    /// For each word, what was wrong with the answer, if anything. Without a server there are none.
    pub words: Vec<Option<String>>,
    /// What was wrong with the server, if anything.
    pub server: Option<String>,
    /// Whether the server or a client took too long. Further words were not tried.
    pub took_too_long: bool,
}

/// Where a run has the file or the folder of this name.
pub fn place(name: &str) -> PathBuf {
    Path::new(WORK).join(name)
}

impl InteropJob {
    /// Makes the run in namespaces of its own. Its files are left in this directory.
    pub fn execute(&self, directory: &Path) -> Result<Answers> {
        for (file, _) in &self.visible {
            ensure!(file.exists(), "no such file: {}", file.display());
        }
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        fs::write(directory.join("job.json"), serde_json::to_vec(self)?)?;
        in_namespaces("interop", directory)?;
        Ok(serde_json::from_slice(&fs::read(directory.join("answers.json"))?)?)
    }

    /// A command of the run, with what its command line names.
    fn command(&self, parts: &[String], values: &Values<'_>) -> Command {
        let mut parts = parts.iter().map(|part| fill(part, values));
        let program = PathBuf::from(parts.next().unwrap_or_default());
        let mut command = unprivileged(&self.tools, &program);
        command.args(parts);
        command
    }
}

/// Inside the namespaces: runs one server, and a client for each word.
pub fn inside(directory: &Path) -> Result<()> {
    let job: InteropJob = serde_json::from_slice(&fs::read(directory.join("job.json"))?)?;
    // Where localhost is both, many programs try ::1 first.
    let hosts = BTreeMap::from([("localhost".to_owned(), vec![Ipv6Addr::LOCALHOST.into()])]);
    let mut world = World { hosts, ..World::default() };
    world.visible.extend(hidden_by_the_run(job.tools.files()));
    world.visible.extend(job.visible.iter().cloned());
    let directory = &world.enter(directory)?;
    // A client may end before it has read its word.
    // SAFETY: the signal is ignored, so there is no handler.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) }?;
    pin(job.processor)?;
    // Every client needs a port of its own: those of earlier ones are in TIME_WAIT.
    network::set_up(&job.tools, "40000 49999")?;
    // Port 7, that of the echo service, is open to everybody.
    let lowest = ("net.ipv4.ip_unprivileged_port_start".to_owned(), "1".to_owned());
    network::set_sysctls(&[lowest].into())?;
    protect_sysctls()?;
    let answers = Run { job: &job, directory }.answers()?;
    fs::write(directory.join("answers.json"), serde_json::to_vec(&answers)?)?;
    Ok(())
}

/// A job that runs.
struct Run<'a> {
    job: &'a InteropJob,
    directory: &'a Path,
}

impl Run<'_> {
    fn answers(&self) -> Result<Answers> {
        let mut server = self.start_server()?;
        if let Some((what, took_too_long)) = self.wait_until_ready(&mut server)? {
            return Ok(Answers { words: Vec::new(), server: Some(what), took_too_long });
        }
        // A client that closes at once is no harm to those after it.
        if self.job.protocol == Protocol::Tcp {
            _ = TcpStream::connect((IP, self.job.port));
        }
        let mut words = Vec::new();
        let mut took_too_long = false;
        let process = Pid::from_raw(server.id().cast_signed());
        if self.job.server_is_slow {
            kill(process, Signal::SIGSTOP)?;
        }
        for group in self.job.words.chunk_by(|a, b| a.at_once && b.at_once) {
            if self.job.protocol == Protocol::Udp {
                wait_until_asleep();
            }
            let first = words.len();
            let talks = group.iter().enumerate().map(|(index, word)| self.talk(first + index, word));
            let talks = talks.collect::<Result<Vec<_>>>()?;
            // Each is attended to at once: a server may serve one only when the other has gone.
            let finish = |talk: Talk| talk.finish(|| is_connected(self.job.port));
            let finished: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = talks.into_iter().map(|talk| scope.spawn(move || finish(talk))).collect();
                threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
            });
            for finished in finished {
                let (answer, is_late) = finished?;
                words.push(answer);
                took_too_long |= is_late;
            }
            if took_too_long {
                break;
            }
        }
        if self.job.server_is_slow {
            kill(process, Signal::SIGCONT)?;
        }
        words.resize(self.job.words.len(), Some("not tried".to_owned()));
        let server = self.check_server(&mut server)?;
        Ok(Answers { words, server, took_too_long })
    }

    fn start_server(&self) -> Result<Child> {
        let port = self.job.port.to_string();
        let (ip, here, build) = places();
        let values: [(&str, &[u8]); 4] =
            [("ip", ip.as_bytes()), ("port", port.as_bytes()), ("here", here.as_bytes()), ("build", build.as_bytes())];
        let mut command = self.job.command(&self.job.server, &values);
        command.stdout(self.file("server.stdout")?).stderr(self.file("server.stderr")?);
        command.spawn().context("cannot start the server")
    }

    /// Waits until the server is bound to its port, or says why it is not, and whether that took too long.
    fn wait_until_ready(&self, server: &mut Child) -> Result<Option<(String, bool)>> {
        let start = Instant::now();
        while !is_bound(self.job.protocol, self.job.port)? {
            if let Some(status) = server.try_wait()? {
                let what = format!("the server ended at once ({status}){}", self.said_by_server());
                return Ok(Some((what, false)));
            }
            if start.elapsed() > DEADLINE {
                let what = format!("the server is not bound to its port{}", self.said_by_server());
                return Ok(Some((what, true)));
            }
            std::thread::sleep(CHECK_INTERVAL);
        }
        Ok(None)
    }

    /// What is wrong with the server, if it does not serve another client.
    fn check_server(&self, server: &mut Child) -> Result<Option<String>> {
        if self.job.protocol == Protocol::Udp {
            return Ok(server
                .try_wait()?
                .map(|status| format!("the server ended ({status}){}", self.said_by_server())));
        }
        let Err(error) = self.serves() else {
            return Ok(None);
        };
        // One that ends may take its time.
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if let Some(status) = server.try_wait()? {
                return Ok(Some(format!("the server ended ({status}){}", self.said_by_server())));
            }
            std::thread::sleep(CHECK_INTERVAL);
        }
        Ok(Some(format!("the server does not serve the next client: {error}{}", self.said_by_server())))
    }

    fn serves(&self) -> std::io::Result<()> {
        let mut socket = TcpStream::connect((IP, self.job.port))?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.write_all(b"x")?;
        socket.read_exact(&mut [0])
    }

    /// Starts the client with a word.
    fn talk(&self, number: usize, word: &Word) -> Result<Talk> {
        let port = self.job.port.to_string();
        let (ip, here, build) = places();
        let bytes = word.text.bytes();
        let values: [(&str, &[u8]); 6] = [
            ("ip", ip.as_bytes()),
            ("port", port.as_bytes()),
            ("word", &bytes),
            ("way", word.way.name().as_bytes()),
            ("here", here.as_bytes()),
            ("build", build.as_bytes()),
        ];
        let command = self.job.command(&self.job.client.run, &values);
        let deadline = if self.job.are_exceptions { DEADLINE_OF_EXCEPTIONS } else { DEADLINE };
        let errors = self.directory.join(format!("client.{number}.stderr"));
        Talk::start(command, &self.job.client, word, deadline, errors)
    }

    fn said_by_server(&self) -> String {
        let read = |name: &str| fs::read(self.directory.join(name)).unwrap_or_default();
        let said = [read("server.stdout"), read("server.stderr")].concat();
        if said.is_empty() { String::new() } else { format!("; it printed: {}", printable(&said)) }
    }

    fn file(&self, name: &str) -> Result<File> {
        let path = self.directory.join(name);
        File::create(&path).with_context(|| format!("cannot create {}", path.display()))
    }
}

fn places() -> (String, String, String) {
    let text = |name| place(name).to_string_lossy().into_owned();
    (IP.to_string(), text("here"), text("build"))
}

/// Whether a TCP listener or a UDP socket is bound to the port, of whichever version of IP.
fn is_bound(protocol: Protocol, port: u16) -> Result<bool> {
    let listens = |socket: &TcpNetEntry| socket.local_address.port() == port && socket.state == TcpState::Listen;
    let takes = |socket: &UdpNetEntry| socket.local_address.port() == port;
    Ok(match protocol {
        Protocol::Tcp => net::tcp()?.iter().any(listens) || net::tcp6().is_ok_and(|all| all.iter().any(listens)),
        Protocol::Udp => net::udp()?.iter().any(takes) || net::udp6().is_ok_and(|all| all.iter().any(takes)),
    })
}

/// Waits until no other process of the run has anything to do. xinetd discards the datagrams that arrive just after it
/// has answered one.
fn wait_until_asleep() {
    let start = Instant::now();
    let sleeps = |process: &Process| {
        let mut tasks = process.tasks().into_iter().flatten().flatten();
        tasks.all(|task| task.stat().is_ok_and(|stat| matches!(stat.state, 'S' | 'Z')))
    };
    let is_other = |process: &Process| process.pid.cast_unsigned() != std::process::id();
    let all_sleep = || all_processes().is_ok_and(|all| all.flatten().filter(is_other).all(|process| sleeps(&process)));
    while !all_sleep() && start.elapsed() < DEADLINE {
        std::thread::sleep(CHECK_INTERVAL);
    }
}

/// Whether a client is connected to the port.
fn is_connected(port: u16) -> bool {
    let is = |socket: &TcpNetEntry| socket.remote_address.port() == port && socket.state == TcpState::Established;
    net::tcp().is_ok_and(|all| all.iter().any(is))
}

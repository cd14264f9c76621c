//! Runs a server and its clients together.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use procfs::net::{self, TcpNetEntry, TcpState, UdpNetEntry};
use serde::{Deserialize, Serialize};

use crate::common::parallel::pin;
use crate::common::printable::printable;
use crate::common::tools::Tools;
use crate::run::namespaces::in_namespaces;
use crate::run::network;
use crate::run::start::unprivileged;
use crate::run::watch::CHECK_INTERVAL;
use crate::run::world::{WORK, World, hidden_by_the_run, protect_sysctls};

const PORT: u16 = 5000;

/// A string for a client to send to a server and to get back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Word {
    /// Its name in the table.
    pub name: String,
    /// The string itself.
    pub bytes: Vec<u8>,
}

/// A server, a client, and the strings to exchange.
#[derive(Debug, Serialize, Deserialize)]
pub struct InteropJob {
    /// The server's command line without the port.
    pub server: Vec<String>,
    /// The client's without address, string and port.
    pub client: Vec<String>,
    /// The strings; the client is run once for each.
    pub words: Vec<Word>,
    /// The processor to pin everything to.
    pub processor: usize,
    /// The programs that a run needs.
    pub tools: Tools,
    /// The file of timeout(1).
    pub timeout: PathBuf,
}

/// For each string, what was wrong with the answer, if anything.
pub type Answers = Vec<Option<String>>;

impl InteropJob {
    /// Makes the run in namespaces of its own. Its files are left in this directory.
    pub fn execute(&self, directory: &Path) -> Result<Answers> {
        for command in [&self.server, &self.client] {
            ensure!(Path::new(&command[0]).is_file(), "no such program: {}", command[0]);
        }
        fs::create_dir_all(directory)?;
        fs::write(directory.join("job.json"), serde_json::to_vec(self)?)?;
        in_namespaces("interop", directory)?;
        Ok(serde_json::from_slice(&fs::read(directory.join("answers.json"))?)?)
    }
}

/// Inside the namespaces: runs one server, and a client for each string.
pub fn inside(directory: &Path) -> Result<()> {
    let mut job: InteropJob = serde_json::from_slice(&fs::read(directory.join("job.json"))?)?;
    let mut world = World::default();
    world.visible.extend(hidden_by_the_run(job.tools.files().into_iter().chain([&job.timeout])));
    for (command, name) in [(&mut job.server, "server"), (&mut job.client, "client")] {
        let place = Path::new(WORK).join(name);
        world.visible.push((PathBuf::from(&command[0]), place.clone()));
        command[0] = place.to_string_lossy().into_owned();
    }
    let directory = &world.enter(directory)?;
    // Every client needs a port of its own: those of earlier ones are in TIME_WAIT.
    pin(job.processor)?;
    network::set_up(&job.tools, "40000 49999")?;
    protect_sysctls()?;
    let output = |name: &str| -> Result<fs::File> {
        let path: PathBuf = directory.join(name);
        fs::File::create(&path).with_context(|| format!("cannot create {}", path.display()))
    };
    let mut server = unprivileged(&job.tools, Path::new(&job.server[0]))
        .args(&job.server[1..])
        .arg(PORT.to_string())
        .stdout(output("server.stdout")?)
        .stderr(output("server.stderr")?)
        .spawn()?;
    while !is_bound(PORT)? {
        if let Some(status) = server.try_wait()? {
            bail!("the server exited immediately ({status})");
        }
        std::thread::sleep(CHECK_INTERVAL);
    }
    let answers: Result<Answers> = job.words.iter().map(|word| ask(&job, word)).collect();
    ensure!(server.try_wait()?.is_none(), "the server has exited");
    server.kill()?;
    server.wait()?;
    fs::write(directory.join("answers.json"), serde_json::to_vec(&answers?)?)?;
    Ok(())
}

/// Whether a TCP listener or a UDP socket is bound to the port.
fn is_bound(port: u16) -> Result<bool> {
    let listens = |socket: &TcpNetEntry| socket.local_address.port() == port && socket.state == TcpState::Listen;
    let takes = |socket: &UdpNetEntry| socket.local_address.port() == port;
    Ok(net::tcp()?.iter().any(listens) || net::udp()?.iter().any(takes))
}

fn ask(job: &InteropJob, word: &Word) -> Result<Option<String>> {
    let output = unprivileged(&job.tools, &job.timeout)
        .args(["--signal=KILL", "60"])
        .args(&job.client)
        .arg("127.0.0.1")
        .arg(std::ffi::OsString::from_vec(word.bytes.clone()))
        .arg(PORT.to_string())
        .output()?;
    let expected = [b"Received: ", word.bytes.as_slice(), b"\n"].concat();
    Ok(if !output.status.success() {
        Some(format!("{}: {}", output.status, printable(&output.stderr)))
    } else if output.stdout != expected {
        Some(format!("the client printed {}", printable(&output.stdout)))
    } else if !output.stderr.is_empty() {
        Some(format!("on stderr: {}", printable(&output.stderr)))
    } else {
        None
    })
}

//! The inner half of a run: the first process of the namespaces. It sets the stage, starts the
//! program, takes the scenario's steps and notes what it saw.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitCode, ExitStatus};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait;
use nix::unistd::Pid;

use crate::capture::Capture;
use crate::compare::printable;
use crate::observation::{End, Findings, Stream};
use crate::peers::{AT_ONCE, Peers};
use crate::run::{Instrument, Job, PACKETS};
use crate::scenario::{Polls, Step};
use crate::stage::{keep_little, know_hosts, prepare};
use crate::start::start;
use crate::watch::{Activity, BETWEEN_LOOKS, Watch};

/// A run that takes longer is stuck. A bound for the worst case only: nothing waits for it.
const DEADLINE: Duration = Duration::from_secs(120);

/// A program that sleeps when every step is done, and still does after this time, is taken to have
/// no end of its own. Only a run that goes wrong waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first of the ports that the kernel gives to the program's own sockets.
const FIRST_EPHEMERAL_PORT: u16 = 40000;

/// What this program is called with when it starts itself again inside the namespaces: this word,
/// what to do there, and a directory.
pub const INSIDE: &str = "inside-the-namespaces";

/// Does the inner half's work if this process is one, and tells its exit status.
///
/// Every program that makes runs calls this first.
pub fn take_over() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [INSIDE, half, directory] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let result = match half {
        "run" => run(Path::new(directory)),
        "interop" => crate::commands::interop::inside(Path::new(directory)),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    })
}

/// Makes the run that is described in the directory's `job.json`.
fn run(directory: &Path) -> Result<()> {
    let job = fs::read(directory.join("job.json")).context("there is no job to run")?;
    let job: Job = serde_json::from_slice(&job)?;
    let findings = Run::new(&job)?.finish()?;
    fs::write(job.file("findings.json"), serde_json::to_vec(&findings)?)?;
    Ok(())
}

struct Run<'a> {
    job: &'a Job,
    peers: Peers,
    watch: Watch,
    capture: Capture,
    child: Child,
    collectors: Vec<JoinHandle<io::Result<()>>>,
    complaints: Vec<String>,
    deadline: Instant,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job) -> Result<Self> {
        let last = FIRST_EPHEMERAL_PORT + job.scenario.ephemeral_ports - 1;
        prepare(job.processor, &format!("{FIRST_EPHEMERAL_PORT} {last}"))?;
        if job.scenario.small_buffers {
            keep_little()?;
        }
        know_hosts(job)?;
        let capture = Capture::start(&job.file(PACKETS))?;
        let mut peers = Peers::default();
        let mut watch = Watch::new()?;
        for step in &job.scenario.before {
            peers.take(step).with_context(|| format!("before the start: {step}"))?;
            watch.flush()?;
        }
        let (child, collectors) = start(job)?;
        if job.instrument != Instrument::Callgrind {
            watch.except(child.id());
        }
        if job.scenario.polls == Polls::Always {
            watch.polls(job.file("strace"));
        }
        Ok(Self {
            job,
            peers,
            watch,
            capture,
            child,
            collectors,
            complaints: Vec::new(),
            deadline: Instant::now() + DEADLINE,
        })
    }

    fn finish(mut self) -> Result<Findings> {
        for (index, step) in self.job.scenario.steps.iter().enumerate() {
            self.wait_until_asleep()?;
            if let Err(error) = self.take(step) {
                self.complaints.push(format!("step {} ({step}): {error:#}", index + 1));
                break;
            }
        }
        // A timer of the program's own may still wake it.
        let patience = Instant::now() + PATIENCE;
        let may_wake =
            |run: &mut Self| Ok(run.child.try_wait()?.is_none() && Instant::now() < patience);
        self.wait_while(may_wake)?;
        let end = match self.child.try_wait()? {
            Some(status) => end(status),
            None => End::StillThere,
        };
        if end == End::StillThere {
            self.kill_all()?;
        }
        self.watch.flush()?;
        self.peers.drain();
        self.capture.finish()?;
        for collector in self.collectors {
            collector.join().expect("a collector does not panic")?;
        }
        Ok(Findings { end, complaints: self.complaints, peers: self.peers.records() })
    }

    /// Returns when the program sleeps or has ended.
    fn wait_until_asleep(&mut self) -> Result<()> {
        self.wait_while(|_| Ok(false))
    }

    /// Returns when the program sleeps or has ended, and the condition no longer holds. The peers go
    /// on reading meanwhile.
    fn wait_while(&mut self, mut condition: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        self.watch.moved()?;
        loop {
            let ended = self.child.try_wait()?.is_some();
            self.capture.drain()?;
            let rests = self.watch.look()? == Activity::Asleep || ended;
            // Whoever reads on has read all that the program sent before it went to sleep.
            if self.peers.drain() {
                self.watch.moved()?;
            } else if rests {
                if !condition(self)? {
                    return Ok(());
                }
                self.watch.moved()?;
            }
            if Instant::now() > self.deadline {
                self.kill_all()?;
                bail!("the run was not over after {} seconds", DEADLINE.as_secs());
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn kill_all(&mut self) -> Result<()> {
        // Every process of the namespace but this one, which is its first.
        signal::kill(Pid::from_raw(-1), Signal::SIGKILL)?;
        self.child.wait()?;
        // What the tracer leaves behind becomes this process's to wait for.
        while wait::waitpid(Pid::from_raw(-1), None) != Err(Errno::ECHILD) {}
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Send { peer, text } => self.send(peer, &text.bytes()),
            Step::Expect { peer, text } => self.expect(peer, &text.bytes()),
            Step::ExpectNothing { peer } => self.expect_nothing(peer),
            Step::ExpectEnd { peer } => self.expect_over(peer, Stream::Ended),
            Step::ExpectReset { peer } => self.expect_over(peer, Stream::Reset),
            Step::Fill { peer } => self.fill(peer),
            Step::ExpectFilling { peer } => {
                let filling = self.peers.filling(peer)?;
                self.expect(peer, &filling)
            }
            Step::ExpectSomeFilling { peer } => self.expect_some_filling(peer),
            Step::ExpectDatagram { peer, text } => self.expect_datagram(peer, &text.bytes()),
            Step::ExpectNoDatagram { peer } => {
                self.wait_until_asleep()?;
                let datagram = self.peers.datagram(peer)?;
                ensure!(datagram.is_none(), "a datagram came: {datagram:?}");
                Ok(())
            }
            Step::Signal { signal } => self.signal(signal),
            other => self.peers.take(other),
        }
    }

    fn send(&mut self, peer: &str, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(AT_ONCE) {
            let mut rest = piece;
            while !rest.is_empty() {
                self.wait_until_asleep()?;
                rest = &rest[self.peers.send(peer, rest)?..];
            }
        }
        Ok(())
    }

    /// Sends until the program sleeps and the connection takes no more.
    fn fill(&mut self, peer: &str) -> Result<()> {
        loop {
            self.wait_until_asleep()?;
            if self.peers.fill(peer)? == 0 {
                return Ok(());
            }
        }
    }

    fn expect(&mut self, peer: &str, expected: &[u8]) -> Result<()> {
        self.wait_while(|run| {
            let more = run.peers.read(peer)?;
            Ok(more && run.peers.unread(peer)?.0.len() < expected.len())
        })?;
        let (unread, _) = self.peers.unread(peer)?;
        let length = expected.len().min(unread.len());
        let got: Vec<u8> = unread.drain(..length).collect();
        same_bytes(&got, expected)?;
        ensure!(length == expected.len(), "only {length} bytes came");
        Ok(())
    }

    fn expect_some_filling(&mut self, peer: &str) -> Result<()> {
        let filling = self.peers.filling(peer)?;
        self.wait_while(|run| run.peers.read(peer))?;
        let (unread, _) = self.peers.unread(peer)?;
        let got = std::mem::take(unread);
        ensure!(!got.is_empty(), "nothing came");
        ensure!(got.len() <= filling.len(), "{} bytes came", got.len());
        same_bytes(&got, &filling)
    }

    fn expect_nothing(&mut self, peer: &str) -> Result<()> {
        self.wait_while(|run| run.peers.read(peer))?;
        match self.peers.unread(peer)? {
            (bytes, Stream::Open) if bytes.is_empty() => Ok(()),
            (bytes, Stream::Open) => bail!("{} bytes came", bytes.len()),
            (_, stream) => bail!("the stream is over ({stream:?})"),
        }
    }

    fn expect_datagram(&mut self, peer: &str, expected: &[u8]) -> Result<()> {
        // Nothing holds a datagram back: what the program has sent is there once it sleeps.
        self.wait_until_asleep()?;
        match self.peers.datagram(peer)? {
            Some(datagram) if datagram == expected => Ok(()),
            Some(datagram) => bail!("it is {:?}", printable(&datagram)),
            None => bail!("none came"),
        }
    }

    fn expect_over(&mut self, peer: &str, expected: Stream) -> Result<()> {
        self.wait_while(|run| run.peers.read(peer))?;
        let (unread, stream) = self.peers.unread(peer)?;
        ensure!(unread.is_empty(), "{} bytes came before", unread.len());
        ensure!(stream == expected, "the stream is {stream:?}");
        Ok(())
    }

    fn signal(&mut self, name: &str) -> Result<()> {
        let signal: Signal = name.parse().with_context(|| format!("{name} is no signal"))?;
        ensure!(self.child.try_wait()?.is_none(), "the program had ended before");
        let program = self.watch.program().context("the program had ended before")?;
        Ok(signal::kill(program, signal)?)
    }
}

/// Whether these bytes are what was expected, as far as they go.
fn same_bytes(got: &[u8], expected: &[u8]) -> Result<()> {
    let Some(place) = got.iter().zip(expected).position(|(got, expected)| got != expected) else {
        return Ok(());
    };
    let [got, expected] = [got, expected].map(|bytes| char::from(bytes[place]));
    bail!("byte {place} is {got:?} and not {expected:?}")
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => End::Exited(code),
        (None, Some(Ok(signal))) => End::KilledBy(signal.to_string()),
        (None, other) => End::KilledBy(format!("{other:?}")),
    }
}

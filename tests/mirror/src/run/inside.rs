//! The inner half of a run: the first process of the namespaces. It makes the run's world, starts
//! the program, takes the scenario's steps and notes what it saw.

use std::fs;
use std::path::Path;
use std::process::{Child, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::sys::signal::{self, SigHandler, Signal};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait;
use nix::unistd::Pid;

use crate::common::out::complain;
use crate::common::tools::to_be_shown;
use crate::read::observation::printable;
use crate::read::observation::{End, Findings, Stream};
use crate::run::capture::Capture;
use crate::run::files::left_in;
use crate::run::job::{Instrument, Job, NotRun, PACKETS, not_run};
use crate::run::limits;
use crate::run::log::Log;
use crate::run::namespaces::{self, INSIDE};
use crate::run::peers::{AT_ONCE, Peers};
use crate::run::stage::{keep_little, prepare, set_as_asked};
use crate::run::start::{CALLGRIND, Collector, start};
use crate::run::watch::{Activity, BETWEEN_LOOKS, Watch};
use crate::run::world::{LOG, WORK, WRITABLE, World, seal};
use crate::scenario::{Polls, Step};

/// A run that takes longer is stuck. A bound for the worst case only: nothing waits for it.
const DEADLINE: Duration = Duration::from_secs(120);

/// What a program that sleeps may still do by itself, because a timer of its own wakes it, it must
/// do within this time. Only a run that goes wrong waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first of the ports that the kernel gives to the program's own sockets.
const FIRST_EPHEMERAL_PORT: u16 = 40000;

/// Every program that makes runs calls this first, while it has one thread: it sets what this tool
/// itself must not inherit. If the process is the inner half of a run it does that work and tells
/// the exit status.
pub fn take_over() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [INSIDE, half] => namespaces::enter().and_then(|status| match (status, half) {
            (Some(status), _) => Ok(ExitCode::from(status)),
            (None, "run") => run(Path::new(".")),
            (None, "interop") => {
                crate::commands::interop::inside(Path::new(".")).map(|()| ExitCode::SUCCESS)
            }
            (None, _) => bail!("{half:?} is not known"),
        }),
        _ => match inherit_little() {
            Ok(()) => return None,
            Err(error) => Err(error),
        },
    };
    Some(result.unwrap_or_else(|error| {
        complain(&format!("{error:#}\n"));
        ExitCode::from(2)
    }))
}

/// Whoever starts this tool may ignore SIGCHLD, which would make it lose its children's ends, or
/// keep it from writing files.
fn inherit_little() -> Result<()> {
    // SAFETY: no handler is installed, and none is replaced.
    unsafe { signal::signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
    umask(Mode::from_bits_truncate(0o022));
    limits::lift_file_size()
}

/// Makes the run that is described in the directory's `job.json`.
fn run(directory: &Path) -> Result<ExitCode> {
    let job = fs::read(directory.join("job.json")).context("there is no job to run")?;
    let mut job: Job = serde_json::from_slice(&job)?;
    let mut visible = job.visible.clone();
    visible.extend(to_be_shown(job.tools.files()));
    if let Instrument::Callgrind(valgrind) = &job.instrument {
        visible.extend(to_be_shown([valgrind]));
    }
    let world = World {
        program: Some((Path::new(&job.command[0]), &job.name)),
        visible,
        hosts: job.scenario.hosts.clone(),
    };
    job.directory = world.enter(directory)?;
    let findings = Run::new(&job).and_then(Run::finish);
    let findings = findings.or_else(|error| match error.downcast_ref::<NotRun>() {
        Some(_) => Ok(Findings::NotRun(format!("{error:#}"))),
        None => Err(error),
    })?;
    fs::write(job.file("findings.json"), serde_json::to_vec(&findings)?)
        .context("what was found cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

/// How it stands with what a step expects.
enum Expected {
    /// It is there, or nothing can come any more.
    Here,
    /// It is on its way.
    Coming,
    /// Nothing is on its way.
    NotYet,
}

struct Run<'a> {
    job: &'a Job,
    peers: Peers,
    watch: Watch,
    log: Log,
    capture: Capture,
    child: Child,
    collectors: Vec<Collector>,
    complaints: Vec<String>,
    deadline: Instant,
    /// The program was still there when every step was done, and was ended.
    stopped_by_us: bool,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job) -> Result<Self> {
        let last = FIRST_EPHEMERAL_PORT + job.scenario.ephemeral_ports - 1;
        prepare(&job.tools, job.processor, &format!("{FIRST_EPHEMERAL_PORT} {last}"))?;
        if job.scenario.small_buffers {
            keep_little(&job.tools)?;
        }
        set_as_asked(&job.scenario.sysctls)?;
        seal()?;
        let capture = Capture::start(&job.file(PACKETS))?;
        let mut peers = Peers::new(&job.directory);
        let mut watch = Watch::new()?;
        for step in &job.scenario.before {
            if let Err(error) = peers.take(step) {
                return Err(not_run(format!("before the start: {step}: {error:#}")));
            }
            watch.flush()?;
        }
        let polls = job.scenario.polls == Polls::Always;
        let log = Log::open(Path::new(LOG), &job.file("strace"), polls)?;
        let (child, collectors) = start(job)?;
        if !matches!(job.instrument, Instrument::Callgrind(_)) {
            watch.except(child.id());
        }
        Ok(Self {
            job,
            peers,
            watch,
            log,
            capture,
            child,
            collectors,
            complaints: Vec::new(),
            deadline: Instant::now() + DEADLINE,
            stopped_by_us: false,
        })
    }

    fn finish(mut self) -> Result<Findings> {
        for (index, step) in self.job.scenario.steps.iter().enumerate() {
            self.wait_until_asleep()?;
            if let Err(error) = self.take(step) {
                if error.is::<NotRun>() {
                    return Err(error);
                }
                self.complaints.push(format!("step {} ({step}): {error:#}", index + 1));
                break;
            }
        }
        self.wait_for(|run| Ok(if run.has_ended()? { Expected::Here } else { Expected::NotYet }))?;
        let left_behind = self.watch.processes().len();
        self.end_what_is_left()?;
        let end = self.end()?;
        let left_behind = if end == End::StillThere { 0 } else { left_behind };
        self.watch.flush()?;
        self.peers.drain()?;
        self.capture.finish()?;
        for collector in self.collectors {
            collector.finish()?;
        }
        if matches!(self.job.instrument, Instrument::Callgrind(_)) {
            fs::copy(CALLGRIND, self.job.file("callgrind")).context("callgrind left nothing")?;
        }
        let program = Path::new(WORK).join(&self.job.name);
        let files = left_in(&WRITABLE, &self.job.file("files"));
        let mut files = files.map_err(|error| not_run(format!("{error:#}")))?;
        files.retain(|file| Path::new(&file.path) != program);
        let (complaints, peers) = (self.complaints, self.peers.records());
        Ok(Findings::Ran { end, complaints, peers, files, left_behind })
    }

    /// Whether the program has ended; children of it may live on.
    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.log.end().is_some() || self.child.try_wait()?.is_some())
    }

    /// How the program ended, once nothing of it is there any more.
    fn end(&mut self) -> Result<End> {
        let status = self.child.try_wait()?.context("the tracer is still there")?;
        if matches!(self.job.instrument, Instrument::Callgrind(_)) {
            let code = status.code().filter(|_| !self.stopped_by_us);
            return Ok(code.map_or(End::StillThere, End::Exited));
        }
        let said = fs::read(self.job.file("stderr")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if let Some(why) = self.log.failure() {
            return Err(not_run(format!("cannot be executed: {why}\n{}", said.trim())));
        }
        match self.log.end() {
            Some(_) if self.stopped_by_us => Ok(End::StillThere),
            Some(end) => Ok(end.clone()),
            None => Err(not_run(format!("strace ended with {status}: {}", said.trim()))),
        }
    }

    /// Returns when the program sleeps or has ended.
    fn wait_until_asleep(&mut self) -> Result<()> {
        self.wait_while(|_| Ok(false))
    }

    /// Returns when the program sleeps or has ended, and the condition no longer holds. The peers go
    /// on reading meanwhile.
    fn wait_while(&mut self, mut condition: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        self.watch.moved(&mut self.log)?;
        loop {
            let ended = self.child.try_wait()?.is_some();
            self.capture.drain()?;
            for collector in &self.collectors {
                collector.check()?;
            }
            // One that makes calls does not sleep.
            let moves = self.log.read()? && !self.log.polls();
            let asleep = !moves && self.watch.look(&mut self.log)? == Activity::Asleep;
            // Whoever reads on has read all that the program sent before it went to sleep.
            if self.peers.drain()? {
                self.watch.moved(&mut self.log)?;
            } else if asleep || ended {
                if !condition(self)? {
                    return Ok(());
                }
                self.watch.moved(&mut self.log)?;
            }
            if Instant::now() > self.deadline {
                return Err(not_run(format!(
                    "it was not over after {} seconds, in which it never slept for good (docs/\
                     scenarios.md says what a scenario must say of a program that polls)",
                    DEADLINE.as_secs()
                )));
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Waits for what a step expects: as long as it is on its way, and, while a timer of the program's
    /// own may wake it, until that has passed.
    fn wait_for(&mut self, mut look: impl FnMut(&mut Self) -> Result<Expected>) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        self.wait_while(|run| {
            // Asked first: what has come by then is found.
            let may_wake = run.may_wake()?;
            Ok(match look(run)? {
                Expected::Here => false,
                Expected::Coming => true,
                Expected::NotYet => may_wake && Instant::now() < patience,
            })
        })
    }

    /// Whether a timer of its own may wake the program, or a child of it, that sleeps.
    fn may_wake(&mut self) -> Result<bool> {
        let timer = self.log.timers() || self.watch.may_wake();
        Ok(timer && self.child.try_wait()?.is_none())
    }

    /// Reads for a peer, which expects so many bytes, or all there are.
    fn read(&mut self, peer: &str, count: usize) -> Result<Expected> {
        let more = self.peers.read(peer)?;
        let (unread, stream) = self.peers.unread(peer)?;
        Ok(match (unread.len(), stream) {
            (length, _) if length >= count => Expected::Here,
            _ if more => Expected::Coming,
            (0, Stream::Open) => Expected::NotYet,
            (_, Stream::Open) if count < usize::MAX => Expected::NotYet,
            _ => Expected::Here,
        })
    }

    /// Ends what is left of the program when every step is done, parents before their children, so
    /// that nobody sees another one's end.
    fn end_what_is_left(&mut self) -> Result<()> {
        self.stopped_by_us = !self.has_ended()?;
        for process in self.watch.processes() {
            _ = signal::kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL);
        }
        while self.child.try_wait()?.is_none() {
            self.log.read()?;
            ensure!(Instant::now() < self.deadline, not_run("it could not be ended"));
            thread::sleep(BETWEEN_LOOKS);
        }
        self.log.read()?;
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
            Step::Accept { .. } => self.accept(step),
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
        self.wait_for(|run| run.read(peer, expected.len()))?;
        let (unread, _) = self.peers.unread(peer)?;
        let length = expected.len().min(unread.len());
        let got: Vec<u8> = unread.drain(..length).collect();
        same_bytes(&got, expected)?;
        ensure!(length == expected.len(), "only {length} bytes came");
        Ok(())
    }

    fn expect_some_filling(&mut self, peer: &str) -> Result<()> {
        let filling = self.peers.filling(peer)?;
        self.wait_for(|run| run.read(peer, usize::MAX))?;
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
        let mut datagram = None;
        self.wait_for(|run| {
            datagram = run.peers.datagram(peer)?;
            Ok(if datagram.is_some() { Expected::Here } else { Expected::NotYet })
        })?;
        match datagram {
            Some(datagram) if datagram == expected => Ok(()),
            Some(datagram) => bail!("it is {:?}", printable(&datagram)),
            None => bail!("none came"),
        }
    }

    /// The connection may be one that a timer of the program's opens.
    fn accept(&mut self, step: &Step) -> Result<()> {
        let mut result = Ok(());
        self.wait_for(|run| {
            result = run.peers.take(step);
            Ok(if result.is_ok() { Expected::Here } else { Expected::NotYet })
        })?;
        result
    }

    fn expect_over(&mut self, peer: &str, expected: Stream) -> Result<()> {
        self.wait_for(|run| run.read(peer, usize::MAX))?;
        let (unread, stream) = self.peers.unread(peer)?;
        ensure!(unread.is_empty(), "{} bytes came before", unread.len());
        ensure!(stream == expected, "the stream is {stream:?}");
        Ok(())
    }

    fn signal(&mut self, name: &str) -> Result<()> {
        let signal: Signal = name.parse().with_context(|| format!("{name} is no signal"))?;
        ensure!(!self.has_ended()?, "the program had ended before");
        let program = match self.job.instrument {
            // It is the program itself that valgrind runs.
            Instrument::Callgrind(_) => self.child.id(),
            _ => self.log.program().context("the program has not begun")?,
        };
        Ok(signal::kill(Pid::from_raw(program.cast_signed()), signal)?)
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

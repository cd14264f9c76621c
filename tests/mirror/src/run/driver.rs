//! A run that goes on: the program from its start to its end, and when it sleeps.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait;
use nix::unistd::Pid;

use crate::run::capture::Capture;
use crate::run::files::left_in;
use crate::run::job::{Instrument, Job, PACKETS, not_run};
use crate::run::log::Log;
use crate::run::peers::Peers;
use crate::run::record::{End, Record};
use crate::run::stage::{keep_little, prepare, set_as_asked};
use crate::run::start::{CALLGRIND, Collector, start};
use crate::run::watch::{Activity, BETWEEN_LOOKS, Watch};
use crate::run::world::{LOG, WORK, WRITABLE, seal};
use crate::scenario::Polls;

/// A run that takes longer is stuck. A bound for the worst case only: nothing waits for it.
const DEADLINE: Duration = Duration::from_secs(120);

/// What a program that sleeps may still do by itself, because a timer of its own wakes it, it must
/// do within this time. Only a run that goes wrong waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first of the ports that the kernel gives to the program's own sockets.
const FIRST_EPHEMERAL_PORT: u16 = 40000;

/// How it stands with what a step expects.
pub enum Expected {
    /// It is there, or nothing can come any more.
    Here,
    /// It is on its way.
    Coming,
    /// Nothing is on its way.
    NotYet,
}

/// A run that goes on.
pub struct Run<'a> {
    /// What is run.
    pub job: &'a Job,
    /// The other ends of its connections.
    pub peers: Peers,
    watch: Watch,
    log: Log,
    capture: Capture,
    child: Child,
    collectors: Vec<Collector>,
    /// What did not go as the steps say.
    pub complaints: Vec<String>,
    deadline: Instant,
    /// The program was still there when every step was done, and was ended.
    stopped_by_us: bool,
}

impl<'a> Run<'a> {
    /// Makes the network ready, takes the steps before the program's start, and starts it.
    pub fn start(job: &'a Job) -> Result<Self> {
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

    /// Waits for the program's end, which a timer of its own may still bring, and ends what is left.
    pub fn finish(mut self) -> Result<Record> {
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
        Ok(Record { end, complaints, peers, files, left_behind })
    }

    /// Whether the program has ended; children of it may live on.
    pub fn has_ended(&mut self) -> Result<bool> {
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
    pub fn wait_until_asleep(&mut self) -> Result<()> {
        self.wait_while(|_| Ok(false))
    }

    /// Returns when the program sleeps or has ended, and the condition no longer holds. The peers go
    /// on reading meanwhile.
    pub fn wait_while(
        &mut self,
        mut condition: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
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
    pub fn wait_for(&mut self, mut look: impl FnMut(&mut Self) -> Result<Expected>) -> Result<()> {
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

    /// The number of the program's process.
    pub fn program(&self) -> Result<u32> {
        match self.job.instrument {
            // It is the program itself that valgrind runs.
            Instrument::Callgrind(_) => Ok(self.child.id()),
            _ => self.log.program().context("the program has not begun"),
        }
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
}

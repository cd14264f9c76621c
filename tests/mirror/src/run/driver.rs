//! Drives the program from its start to its end, and waits until it sleeps.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait;
use nix::unistd::Pid;

use crate::common::parallel::pin;
use crate::run::capture::Capture;
use crate::run::files::list_files;
use crate::run::job::{Instrument, Job, PACKETS, not_run};
use crate::run::log::Log;
use crate::run::network;
use crate::run::peers::Peers;
use crate::run::record::{End, Record, StepRecord};
use crate::run::start::{CALLGRIND, Collector, start};
use crate::run::watch::{Activity, CHECK_INTERVAL, Watch};
use crate::run::world::{LOG, WORK, WRITABLE, protect_sysctls};
use crate::scenario::Polls;

/// A run that takes longer is stuck. This is a safeguard; no run waits for it.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long to wait for a sleeping program that a timer may wake. Only a run that fails waits this
/// long.
const TIMER_TIMEOUT: Duration = Duration::from_secs(10);

/// The first ephemeral port for the program's own sockets.
const FIRST_EPHEMERAL_PORT: u16 = 40000;

/// How far something that a step expects has come.
pub enum Arrival {
    /// It has arrived, or nothing more can arrive.
    Complete,
    /// Data is in flight.
    InFlight,
    /// Nothing is in flight.
    Missing,
}

/// The time by the clock that strace and the capture use, since 1970.
pub fn now() -> Result<Duration> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

/// A run in progress.
pub struct Run<'a> {
    /// What to run.
    pub job: &'a Job,
    /// The program's peers.
    pub peers: Peers,
    watch: Watch,
    log: Log,
    capture: Capture,
    child: Child,
    collectors: Vec<Collector>,
    /// The steps that failed, and why.
    pub step_failures: Vec<String>,
    /// The steps that were taken.
    pub steps: Vec<StepRecord>,
    deadline: Instant,
    /// Whether the program was still running after the last step and was killed.
    killed_by_tool: bool,
}

impl<'a> Run<'a> {
    /// Sets up the network, takes the steps that come before the start, and starts the program.
    pub fn start(job: &'a Job) -> Result<Self> {
        let last = FIRST_EPHEMERAL_PORT + job.scenario.ephemeral_ports - 1;
        pin(job.processor)?;
        network::set_up(&job.tools, &format!("{FIRST_EPHEMERAL_PORT} {last}"))?;
        network::set_up_devices(&job.tools, &job.scenario)?;
        if job.scenario.small_buffers {
            network::shrink_buffers(&job.tools)?;
        }
        network::set_sysctls(&job.scenario.sysctls)?;
        protect_sysctls()?;
        let devices = job.scenario.devices.keys().map(String::as_str);
        let capture = Capture::start(&job.file(PACKETS), devices)?;
        let mut peers = Peers::new(&job.directory);
        let mut watch = Watch::new()?;
        let mut steps = Vec::new();
        for step in &job.scenario.before {
            steps.push(StepRecord { time: now()?, text: step.to_string(), before: true });
            if let Err(error) = peers.take(step) {
                return Err(not_run(format!("before the start: step \"{step}\" failed: {error:#}")));
            }
            watch.flush()?;
        }
        let polls = job.scenario.polls == Polls::Always;
        let log = Log::open(Path::new(LOG), &job.file("strace"), polls)?;
        let (child, collectors) = start(job)?;
        if !matches!(job.instrument, Instrument::Callgrind(_)) {
            watch.ignore(child.id());
        }
        Ok(Self {
            job,
            peers,
            watch,
            log,
            capture,
            child,
            collectors,
            step_failures: Vec::new(),
            steps,
            deadline: Instant::now() + DEADLINE,
            killed_by_tool: false,
        })
    }

    /// Waits until the program has ended or sleeps for good, kills what is left, and collects the
    /// findings.
    pub fn finish(mut self) -> Result<Record> {
        self.wait_for(|run| Ok(if run.has_ended()? { Arrival::Complete } else { Arrival::Missing }))?;
        let remaining_processes = self.watch.processes().len();
        self.kill_remaining()?;
        let end = self.end()?;
        let remaining_processes = if end == End::StillThere { 0 } else { remaining_processes };
        self.watch.flush()?;
        self.peers.drain()?;
        self.capture.finish()?;
        for collector in self.collectors {
            collector.finish()?;
        }
        if matches!(self.job.instrument, Instrument::Callgrind(_)) {
            fs::copy(CALLGRIND, self.job.file("callgrind")).context("callgrind has written no file")?;
        }
        let program = Path::new(WORK).join(&self.job.name);
        let files = list_files(&WRITABLE, &self.job.file("files"));
        let mut files = files.map_err(|error| not_run(format!("{error:#}")))?;
        files.retain(|file| Path::new(&file.path) != program);
        let (step_failures, steps, peers) = (self.step_failures, self.steps, self.peers.records());
        Ok(Record { end, step_failures, steps, peers, files, remaining_processes })
    }

    /// Whether the program has ended. Children may still be running.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.log.end().is_some() || self.child.try_wait()?.is_some())
    }

    /// How the program ended, once all its processes are gone.
    fn end(&mut self) -> Result<End> {
        let status = self.child.try_wait()?.context("the tracer is still running")?;
        if matches!(self.job.instrument, Instrument::Callgrind(_)) {
            let code = status.code().filter(|_| !self.killed_by_tool);
            return Ok(code.map_or(End::StillThere, End::Exited));
        }
        let said = fs::read(self.job.file("stderr")).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        if let Some(why) = self.log.failure() {
            return Err(not_run(format!("cannot be executed: {why}\n{}", said.trim())));
        }
        match self.log.end() {
            Some(_) if self.killed_by_tool => Ok(End::StillThere),
            Some(end) => Ok(end.clone()),
            None => Err(not_run(format!("strace ended with {status}: {}", said.trim()))),
        }
    }

    /// Waits until the program sleeps or has ended.
    pub fn wait_until_asleep(&mut self) -> Result<()> {
        self.wait_while(|_| Ok(false))
    }

    /// Waits until the program sleeps or has ended and the condition no longer holds. Meanwhile the
    /// peers read.
    pub fn wait_while(&mut self, mut condition: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        self.watch.peer_acted(&mut self.log)?;
        loop {
            let ended = self.child.try_wait()?.is_some();
            self.capture.drain()?;
            for collector in &self.collectors {
                collector.check()?;
            }
            // A program that makes calls does not sleep.
            let moves = self.log.read()? && !self.log.polls();
            let asleep = !moves && self.watch.check(&mut self.log)? == Activity::Asleep;
            // The peers have now read all that the program sent before it went to sleep.
            if self.peers.drain()? {
                self.watch.peer_acted(&mut self.log)?;
            } else if asleep || ended {
                if !condition(self)? {
                    return Ok(());
                }
                self.watch.peer_acted(&mut self.log)?;
            }
            if Instant::now() > self.deadline {
                return Err(not_run(format!(
                    "timed out: after {} seconds the program still does not sleep (for a program that \
                     polls, see `polls` in docs/scenarios.md)",
                    DEADLINE.as_secs()
                )));
            }
            thread::sleep(CHECK_INTERVAL);
        }
    }

    /// Waits for something that a step expects: while data is in flight and, if a timer may wake
    /// the program, for a limited time.
    pub fn wait_for(&mut self, mut look: impl FnMut(&mut Self) -> Result<Arrival>) -> Result<()> {
        let timeout = Instant::now() + TIMER_TIMEOUT;
        self.wait_while(|run| {
            // Checked first, so that what the timer has caused by then is seen.
            let may_wake = run.may_wake()?;
            Ok(match look(run)? {
                Arrival::Complete => false,
                Arrival::InFlight => true,
                Arrival::Missing => may_wake && Instant::now() < timeout,
            })
        })
    }

    /// Whether a timer may wake the program or a child.
    fn may_wake(&mut self) -> Result<bool> {
        let timer = self.log.timers() || self.watch.may_wake();
        Ok(timer && self.child.try_wait()?.is_none())
    }

    /// The program's process ID.
    pub fn program(&self) -> Result<u32> {
        match self.job.instrument {
            // valgrind runs the program in its own process.
            Instrument::Callgrind(_) => Ok(self.child.id()),
            _ => self.log.program().context("the program has not started"),
        }
    }

    /// Kills the processes that are left after the last step: parents first, so that none sees the
    /// end of a child.
    fn kill_remaining(&mut self) -> Result<()> {
        self.killed_by_tool = !self.has_ended()?;
        for process in self.watch.processes() {
            _ = signal::kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL);
        }
        while self.child.try_wait()?.is_none() {
            self.log.read()?;
            ensure!(Instant::now() < self.deadline, not_run("the program could not be killed"));
            thread::sleep(CHECK_INTERVAL);
        }
        self.log.read()?;
        // The tracer's orphans are this process's children.
        while wait::waitpid(Pid::from_raw(-1), None) != Err(Errno::ECHILD) {}
        Ok(())
    }
}

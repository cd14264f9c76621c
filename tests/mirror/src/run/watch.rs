//! Tells when the program under test sleeps, without ever waiting for a length of time.
//!
//! All of a run (the program, strace, the peers) is pinned to one processor. The kernel's loopback
//! device has one queue for each processor and empties it in order, so once a datagram that this
//! process sends to itself has come back, every packet sent before it has arrived too, and has
//! woken whoever waited for it. A program that is asleep after that sleeps for good, until
//! somebody moves or a timer of its own runs out. A pause that a program makes (nanosleep) is no
//! such sleep, unless it is a long one: it is over soon, and nothing but time ends it. A program
//! that never sleeps has nothing to do once it has asked for everything twice in vain after that.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::run::job::not_run;
use crate::run::log::Log;
use crate::run::sleep::Sleep;
use crate::run::tcp;

/// The port that the datagrams to oneself use; UDP's, so it is in nobody's way.
pub const PORT: u16 = 39999;

/// How long a look waits before the next. It decides how soon a change is noticed, nothing else.
pub const BETWEEN_LOOKS: Duration = Duration::from_micros(200);

/// Watches the processes of a PID namespace from its first process.
#[derive(Debug)]
pub struct Watch {
    loopback: UdpSocket,
    /// The tracer, which is no part of the program.
    tracer: Option<u32>,
}

/// What the program does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// At least one of its threads can run, or is about to.
    Busy,
    /// All of its threads wait in system calls, or it polls and finds nothing to do.
    Asleep,
}

impl Watch {
    /// Watches every process but this one.
    pub fn new() -> Result<Self> {
        let address = (Ipv4Addr::LOCALHOST, PORT);
        let loopback = UdpSocket::bind(address).context("cannot watch the loopback device")?;
        loopback.connect(address)?;
        loopback.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { loopback, tracer: None })
    }

    /// Leaves this process and its copies out of sight.
    pub fn except(&mut self, tracer: u32) {
        self.tracer = Some(tracer);
    }

    /// Somebody has moved, so that what a polling program asked before tells nothing more.
    pub fn moved(&self, log: &mut Log) -> Result<()> {
        if log.polls() {
            self.flush()?;
        }
        log.begin_anew()
    }

    /// Looks twice, with a flush of the loopback device before each.
    pub fn look(&self, log: &mut Log) -> Result<Activity> {
        self.flush()?;
        let idle = match self.sleepers() {
            Some(first) => {
                self.flush()?;
                // Asked between the two: the same threads have slept in the same calls all the time.
                let pauses = self.pauses();
                self.sleepers().is_some_and(|second| second == first) && !pauses
            }
            None => log.asked_twice()?,
        };
        Ok(if idle { Activity::Asleep } else { Activity::Busy })
    }

    /// The processes of the program, its children among them, in the order of their numbers; those that
    /// have ended are left out.
    pub fn processes(&self) -> Vec<u32> {
        let is_programs = |process: &u32| {
            *process != std::process::id() && !self.is_tracer(*process) && !is_zombie(*process)
        };
        numbers("/proc").into_iter().filter(is_programs).collect()
    }

    /// Whether time may wake the program that sleeps, or has just woken it: a thread sleeps in a call
    /// that time ends, too, or TCP will do something for a connection.
    pub fn may_wake(&self) -> bool {
        let before = self.sleepers();
        // What cannot be read may have a timeout.
        let timeout = self.sleeps().is_none_or(|sleeps| sleeps.iter().any(Sleep::has_timeout));
        let timer = tcp::has_timer();
        // A timer that has run out between these looks is in neither list.
        timeout || timer || before.is_none() || before != self.sleepers()
    }

    /// Whether a thread of the program makes a pause that is over soon, or does not sleep at all.
    fn pauses(&self) -> bool {
        self.sleeps().is_none_or(|sleeps| sleeps.iter().any(Sleep::is_short_pause))
    }

    /// What the program's threads sleep in; `None` if one does not sleep.
    fn sleeps(&self) -> Option<Vec<Sleep>> {
        let mut sleeps = Vec::new();
        for process in self.processes() {
            for thread in numbers(&format!("/proc/{process}/task")) {
                let path = format!("/proc/{process}/task/{thread}/syscall");
                let text = fs::read_to_string(path).ok()?;
                let mut words = text.split_whitespace();
                // One that runs is in no call; a zombie is in one with the number −1.
                let call = words.next()?.parse().ok()?;
                let hexadecimal = |word: &str| u64::from_str_radix(word.get(2..)?, 16).ok();
                let arguments = words.take(6).map(hexadecimal).collect::<Option<_>>()?;
                sleeps.push(Sleep { process, call, arguments });
            }
        }
        Some(sleeps)
    }

    /// Returns once every packet sent before has arrived.
    pub fn flush(&self) -> Result<()> {
        self.loopback.send(&[0])?;
        self.loopback.recv(&mut [0]).map_err(|_| {
            not_run(
                "the loopback device lost a datagram: the kernel's queue was full (column 2 of \
                 /proc/net/softnet_stat), so something else on this machine sends very much",
            )
        })?;
        Ok(())
    }

    /// The threads of the program and how often each has gone to sleep; `None` unless all sleep.
    fn sleepers(&self) -> Option<Vec<(u32, u64)>> {
        let mut sleepers = Vec::new();
        let mut programs = 0;
        let this_thread = nix::unistd::gettid().as_raw().cast_unsigned();
        for process in numbers("/proc") {
            let before = sleepers.len();
            for thread in numbers(&format!("/proc/{process}/task")) {
                // The other threads of this process collect output. A program that waits for one
                // of them to read does not sleep for good.
                if thread == this_thread {
                    continue;
                }
                let status = format!("/proc/{process}/task/{thread}/status");
                let status = fs::read_to_string(status).ok()?;
                match field(&status, "State:")?.chars().next()? {
                    'S' => {
                        let times = field(&status, "voluntary_ctxt_switches:")?.parse().ok()?;
                        sleepers.push((thread, times));
                    }
                    // It has ended, and waits only for its parent to take note; but if the tracer
                    // has not yet taken note, the parent is yet to be told.
                    'Z' if field(&status, "TracerPid:")? == "0" => {}
                    _ => return None,
                }
            }
            let is_program = process != std::process::id() && !self.is_tracer(process);
            if sleepers.len() > before && is_program {
                programs += 1;
            }
        }
        (programs > 0).then_some(sleepers)
    }

    /// The tracer's children are copies of it until they execute the program.
    fn is_tracer(&self, process: u32) -> bool {
        let file = |process| fs::read_link(format!("/proc/{process}/exe")).ok();
        self.tracer.is_some_and(|tracer| process == tracer || file(process) == file(tracer))
    }
}

fn is_zombie(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    field(&status, "State:").is_none_or(|state| state.starts_with('Z'))
}

fn numbers(directory: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let name = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut numbers: Vec<u32> = entries.filter_map(Result::ok).filter_map(name).collect();
    numbers.sort_unstable();
    numbers
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

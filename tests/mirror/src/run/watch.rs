//! Detects when the program sleeps, without relying on time.
//!
//! The whole run (the program, strace, the peers) is pinned to one processor. The kernel has one queue
//! per processor for the packets on all loopback devices, and processes it in order. So once a
//! datagram that this process sends to itself has arrived, every packet sent earlier has arrived, too,
//! and has woken its receiver. (It is sent in another network namespace, so the run's devices do not
//! count it.) A program that sleeps after that goes on sleeping until a peer acts or a timer
//! expires. A nanosleep does not count as such a sleep unless it is long: it ends by itself. A
//! program that never sleeps is idle once it has polled everything twice after that and found
//! nothing.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::run::job::not_run;
use crate::run::log::Log;
use crate::run::network;
use crate::run::sleep::Sleep;
use crate::run::tcp;

/// The interval between checks. It only decides how soon a change is noticed.
pub const CHECK_INTERVAL: Duration = Duration::from_micros(200);

/// Watches the processes of a PID namespace from its first process.
#[derive(Debug)]
pub struct Watch {
    loopback: UdpSocket,
    /// The tracer, which is not part of the program.
    tracer: Option<u32>,
}

/// What the program is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// At least one of its threads is running, or is about to.
    Busy,
    /// All of its threads sleep in system calls, or it polls and is idle.
    Asleep,
}

impl Watch {
    /// Watches all other processes of the PID namespace.
    pub fn new() -> Result<Self> {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot bind the tool's own UDP socket");
        let loopback = network::in_another(bind)?;
        loopback.connect(loopback.local_addr()?)?;
        loopback.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { loopback, tracer: None })
    }

    /// Ignores the tracer, and its children until they execute the program.
    pub fn ignore(&mut self, tracer: u32) {
        self.tracer = Some(tracer);
    }

    /// Notes that a peer has acted, so earlier polls of the program no longer matter.
    pub fn peer_acted(&self, log: &mut Log) -> Result<()> {
        if log.polls() {
            self.flush()?;
        }
        log.reset_polling()
    }

    /// Checks twice, each time after flushing the loopback device.
    pub fn check(&self, log: &mut Log) -> Result<Activity> {
        self.flush()?;
        let idle = match self.sleepers() {
            Some(first) => {
                self.flush()?;
                // Checked in between: the same threads have slept in the same calls all along.
                let pauses = self.pauses();
                self.sleepers().is_some_and(|second| second == first) && !pauses
            }
            None => log.is_idle()?,
        };
        Ok(if idle { Activity::Asleep } else { Activity::Busy })
    }

    /// The processes of the program, children included, in the order of their IDs. Zombies are left
    /// out.
    pub fn processes(&self) -> Vec<u32> {
        let is_programs =
            |process: &u32| *process != std::process::id() && !self.is_tracer(*process) && !is_zombie(*process);
        numbers("/proc").into_iter().filter(is_programs).collect()
    }

    /// Whether a timer may wake the program, or has just woken it: a thread sleeps in a call with a
    /// timeout, or a TCP timer is active.
    pub fn may_wake(&self) -> bool {
        let before = self.sleepers();
        // A call that cannot be read may have a timeout.
        let timeout = self.sleeps().is_none_or(|sleeps| sleeps.iter().any(Sleep::has_timeout));
        let timer = tcp::has_timer();
        // A timer that expired between the two checks is in neither list.
        timeout || timer || before.is_none() || before != self.sleepers()
    }

    /// Whether a thread of the program is in a short pause, or does not sleep at all.
    fn pauses(&self) -> bool {
        self.sleeps().is_none_or(|sleeps| sleeps.iter().any(Sleep::is_short_pause))
    }

    /// The calls that the program's threads sleep in; `None` if one does not sleep.
    fn sleeps(&self) -> Option<Vec<Sleep>> {
        let mut sleeps = Vec::new();
        for process in self.processes() {
            for thread in numbers(&format!("/proc/{process}/task")) {
                let path = format!("/proc/{process}/task/{thread}/syscall");
                let text = fs::read_to_string(path).ok()?;
                let mut words = text.split_whitespace();
                // A running thread is in no call. For a zombie, the number is −1.
                let call = words.next()?.parse().ok()?;
                let hexadecimal = |word: &str| u64::from_str_radix(word.get(2..)?, 16).ok();
                let arguments = words.take(6).map(hexadecimal).collect::<Option<_>>()?;
                sleeps.push(Sleep { process, call, arguments });
            }
        }
        Some(sleeps)
    }

    /// Waits until every packet sent earlier has arrived.
    pub fn flush(&self) -> Result<()> {
        self.loopback.send(&[0])?;
        self.loopback.recv(&mut [0]).map_err(|_| {
            not_run(
                "the loopback device lost a datagram: the kernel's queue was full (column 2 of \
                 /proc/net/softnet_stat), so something else on this host sends heavy traffic",
            )
        })?;
        Ok(())
    }

    /// The program's threads and how often each has gone to sleep; `None` unless all sleep.
    fn sleepers(&self) -> Option<Vec<(u32, u64)>> {
        let mut sleepers = Vec::new();
        let mut programs = 0;
        let this_thread = nix::unistd::gettid().as_raw().cast_unsigned();
        for process in numbers("/proc") {
            let before = sleepers.len();
            for thread in numbers(&format!("/proc/{process}/task")) {
                // The other threads of this process collect output. A program that waits for one of
                // them is not asleep.
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
                    // It has ended and waits to be reaped. While it is still traced, its parent has
                    // not been notified.
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

    /// A child of the tracer runs the tracer's file until it executes the program.
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

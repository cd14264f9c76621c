//! Tells when the program under test sleeps, without ever waiting for a length of time.
//!
//! All of a run (the program, strace, the peers) is pinned to one processor. The kernel's loopback
//! device has one queue for each processor and empties it in order, so once a datagram that this
//! process sends to itself has come back, every packet sent before it has arrived too, and has
//! woken whoever waited for it. A program that is asleep after that sleeps for good, until
//! somebody moves or a timer of its own runs out. A program that never sleeps has nothing to do
//! once it has asked for everything twice in vain after that.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::Pid;

use crate::polling::Log;

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
    /// What strace logs of a program that never sleeps.
    log: Option<Log>,
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
        Ok(Self { loopback, tracer: None, log: None })
    }

    /// Leaves this process and its copies out of sight.
    pub fn except(&mut self, tracer: u32) {
        self.tracer = Some(tracer);
    }

    /// The program never sleeps, and this is where strace logs what it does.
    pub fn polls(&mut self, log: PathBuf) {
        self.log = Some(Log::new(log));
    }

    /// A peer has moved, so that what the program asked before tells nothing more.
    pub fn moved(&mut self) -> Result<()> {
        if self.log.is_some() {
            self.flush()?;
        }
        self.log.as_mut().map_or(Ok(()), Log::begin_anew)
    }

    /// Looks twice, with a flush of the loopback device before each.
    pub fn look(&mut self) -> Result<Activity> {
        self.flush()?;
        let idle = match (self.sleepers(), &mut self.log) {
            (Some(first), _) => {
                self.flush()?;
                self.sleepers().is_some_and(|second| second == first)
            }
            (None, Some(log)) => log.asked_twice()?,
            (None, None) => false,
        };
        Ok(if idle { Activity::Asleep } else { Activity::Busy })
    }

    /// The program's first process.
    pub fn program(&self) -> Option<Pid> {
        let mut processes = numbers("/proc").into_iter();
        let program = processes.find(|p| *p != std::process::id() && !self.is_tracer(*p))?;
        Some(Pid::from_raw(program.cast_signed()))
    }

    /// Returns once every packet sent before has arrived.
    pub fn flush(&self) -> Result<()> {
        self.loopback.send(&[0])?;
        self.loopback.recv(&mut [0]).context(
            "the loopback device lost a datagram: the kernel's queue was full (column 2 of \
             /proc/net/softnet_stat), so something else on this machine sends very much",
        )?;
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
                    // It has ended, and waits only for its parent to take note.
                    'Z' => {}
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

/// Whether the connection between these ports holds bytes that it still has to bring to its other
/// end.
pub fn in_flight(ports: (u16, u16)) -> bool {
    let Ok(table) = fs::read_to_string("/proc/net/tcp") else {
        return false;
    };
    table.lines().skip(1).any(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let port = |column: usize| {
            let (_, port) = columns.get(column)?.split_once(':')?;
            u16::from_str_radix(port, 16).ok()
        };
        let ends = port(1).zip(port(2));
        let queued = columns.get(4).and_then(|queues| queues.split(':').next());
        (ends == Some(ports) || ends == Some((ports.1, ports.0)))
            && queued.is_some_and(|bytes| bytes.bytes().any(|digit| digit != b'0'))
    })
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

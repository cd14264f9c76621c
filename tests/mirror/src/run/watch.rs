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
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::libc;
use nix::time::{ClockId, clock_gettime};

use crate::run::job::not_run;
use crate::run::log::Log;

/// The port that the datagrams to oneself use; UDP's, so it is in nobody's way.
pub const PORT: u16 = 39999;

/// How long a look waits before the next. It decides how soon a change is noticed, nothing else.
pub const BETWEEN_LOOKS: Duration = Duration::from_micros(200);

/// A pause of up to this length is waited for; in a longer one the program counts as asleep.
const SHORT_PAUSE: Duration = Duration::from_secs(2);

/// What TCP does later than so many hundredths of a second from now, no step waits for.
const SOON: u64 = 3000;

/// Watches the processes of a PID namespace from its first process.
#[derive(Debug)]
pub struct Watch {
    loopback: UdpSocket,
    /// The tracer, which is no part of the program.
    tracer: Option<u32>,
}

/// A system call that a thread sleeps in, and its arguments.
struct Sleep {
    process: u32,
    call: i64,
    arguments: Vec<u64>,
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
        let timer = connections().iter().any(Connection::has_timer);
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

impl Sleep {
    fn argument(&self, index: usize) -> u64 {
        self.arguments.get(index).copied().unwrap_or(0)
    }

    /// An argument that is a 32-bit integer.
    fn integer(&self, index: usize) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "the upper half says nothing")]
        let low = self.argument(index) as u32;
        low.cast_signed()
    }

    /// Whether time may end this call.
    fn has_timeout(&self) -> bool {
        let structure = |index| self.argument(index) != 0;
        match self.call {
            libc::SYS_nanosleep
            | libc::SYS_clock_nanosleep
            | libc::SYS_restart_syscall
            | libc::SYS_io_uring_enter
            // TCP gives up, or ends what lingers.
            | libc::SYS_connect
            | libc::SYS_close => true,
            libc::SYS_epoll_pwait => self.integer(3) > 0,
            libc::SYS_ppoll | libc::SYS_rt_sigtimedwait => structure(2),
            libc::SYS_futex | libc::SYS_semtimedop | libc::SYS_epoll_pwait2 => structure(3),
            libc::SYS_pselect6
            | libc::SYS_recvmmsg
            | libc::SYS_io_getevents
            | libc::SYS_mq_timedsend
            | libc::SYS_mq_timedreceive => structure(4),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_epoll_wait => self.integer(3) > 0,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_poll => self.integer(2) > 0,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_select => structure(4),
            _ => false,
        }
    }

    /// Whether this is a pause that is over soon.
    fn is_short_pause(&self) -> bool {
        let length = match self.call {
            libc::SYS_nanosleep => self.time(0),
            libc::SYS_clock_nanosleep if self.integer(1) & libc::TIMER_ABSTIME == 0 => self.time(2),
            libc::SYS_clock_nanosleep => {
                let now = clock_gettime(ClockId::from_raw(self.integer(0))).map(Duration::from);
                self.time(2).zip(now.ok()).map(|(end, now)| end.saturating_sub(now))
            }
            _ => None,
        };
        length.is_some_and(|length| length <= SHORT_PAUSE)
    }

    /// The `timespec` that an argument points to.
    fn time(&self, index: usize) -> Option<Duration> {
        let memory = fs::File::open(format!("/proc/{}/mem", self.process)).ok()?;
        let mut words = [[0; 8]; 2];
        memory.read_exact_at(words.as_flattened_mut(), self.argument(index)).ok()?;
        let [seconds, nanoseconds] = words.map(u64::from_ne_bytes);
        Some(Duration::new(seconds, u32::try_from(nanoseconds).ok()?))
    }
}

/// Whether the connection between these ports holds bytes that it still has to bring to its other
/// end.
pub fn in_flight(ports: (u16, u16)) -> bool {
    let reversed = (ports.1, ports.0);
    let is_it = |connection: &Connection| [ports, reversed].contains(&connection.ports);
    connections().iter().any(|connection| is_it(connection) && connection.unsent)
}

/// A line of the kernel's list of TCP sockets.
struct Connection {
    ports: (u16, u16),
    /// Bytes wait that were not sent or not acknowledged.
    unsent: bool,
    /// Which timer runs: 0 is none, 3 that of TIME_WAIT, which wakes nobody.
    timer: u8,
    /// In how many hundredths of a second it runs out.
    left: u64,
}

impl Connection {
    fn parse(line: &str) -> Option<Self> {
        let columns: Vec<_> = line.split_whitespace().collect();
        let port = |column: usize| {
            let (_, port) = columns.get(column)?.split_once(':')?;
            u16::from_str_radix(port, 16).ok()
        };
        let (queued, _) = columns.get(4)?.split_once(':')?;
        let (timer, left) = columns.get(5)?.split_once(':')?;
        Some(Self {
            ports: (port(1)?, port(2)?),
            unsent: queued.bytes().any(|digit| digit != b'0'),
            timer: timer.parse().ok()?,
            left: u64::from_str_radix(left, 16).ok()?,
        })
    }

    /// Whether TCP will do something for it while a step may still wait. A keepalive is sent later.
    fn has_timer(&self) -> bool {
        self.unsent || (![0, 3].contains(&self.timer) && self.left < SOON)
    }
}

fn connections() -> Vec<Connection> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().skip(1).filter_map(Connection::parse).collect()
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

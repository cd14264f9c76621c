//! A server that runs: its start, what it and its children use, and its end.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use perf_event::events::Software;
use perf_event::{Builder, Counter};
use procfs::process::{Process, Stat};

/// How long a server may take until it listens: also one that runs on valgrind's processor.
const START: Duration = Duration::from_secs(30);

/// How long to sleep before a condition is looked at again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// A server that listens.
#[derive(Debug)]
pub struct Running {
    process: Pid,
    address: SocketAddr,
    log: PathBuf,
    counter: Option<Counter>,
    /// Dropped when the server is no longer needed.
    _keep: mpsc::Sender<()>,
}

impl Running {
    /// Starts a command, and returns when a connection to the port succeeds. Standard error goes
    /// to the log. `short_lived` are the processes of a server that makes one for each connection:
    /// what those have used the kernel counts, if it lets us, at a small price.
    pub fn start(
        command: &[String],
        port: u16,
        processors: CpuSet,
        log: &Path,
        short_lived: bool,
    ) -> Result<Self> {
        let (program, arguments) = command.split_first().context("the command is empty")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).with_context(|| format!("cannot write {}", log.display()))?);
        // SAFETY: two system calls, which are all that happens between fork and exec.
        unsafe {
            command.pre_exec(move || {
                // Whatever ends this process ends the server.
                set_pdeathsig(Signal::SIGKILL)?;
                Ok(sched_setaffinity(Pid::this(), &processors)?)
            })
        };
        let (Started { child, counter }, keep) = spawn(command, short_lived)?;
        let child = child.with_context(|| format!("cannot start {program}"))?;
        let running = Self {
            process: Pid::from_raw(i32::try_from(child.id())?),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            log: log.to_owned(),
            counter,
            _keep: keep,
        };
        match running.wait_until_ready() {
            Ok(()) => Ok(running),
            Err(error) => {
                running.end(Duration::ZERO)?;
                Err(error)
            }
        }
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() {
            let status = waitpid(self.process, Some(WaitPidFlag::WNOHANG))?;
            if status != WaitStatus::StillAlive {
                bail!("it ended at once ({}): {}", how(status), self.last_words());
            }
            if Instant::now() > deadline {
                bail!("no connection succeeded within {} seconds", START.as_secs());
            }
            sleep(BETWEEN_LOOKS);
        }
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last line of what it wrote to standard error.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        match text.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => line.trim().to_owned(),
            None => "it wrote nothing to standard error".to_owned(),
        }
    }

    /// The CPU time of all its threads and processes so far, of those that have ended, too.
    pub fn cpu(&mut self) -> Result<Duration> {
        if let Some(counter) = &mut self.counter {
            return Ok(Duration::from_nanos(counter.read()?));
        }
        let tick = Duration::from_secs(1) / u32::try_from(procfs::ticks_per_second())?;
        let mut sum = Duration::ZERO;
        for stat in descendants()? {
            // Exact, and counts the threads that have ended. A process that has ended since it
            // was listed is its parent's to account for.
            if let Ok(clock) = clock_getcpuclockid(Pid::from_raw(stat.pid)) {
                sum += clock_gettime(clock).map(Duration::from).unwrap_or_default();
            }
            // Of children that were waited for the kernel tells the ticks only.
            sum += tick * u32::try_from(stat.cutime + stat.cstime)?;
        }
        Ok(sum)
    }

    /// The resident memory of all its processes, in bytes.
    pub fn resident(&self) -> Result<u64> {
        let mut sum = 0;
        for stat in descendants()? {
            // The running total in /proc/PID/status is off by up to some hundred KiB.
            let maps = Process::new(stat.pid)?.smaps_rollup()?.memory_map_rollup;
            sum += maps.iter().filter_map(|map| map.extension.map.get("Rss")).sum::<u64>();
        }
        Ok(sum)
    }

    /// Asks it to end, and kills what is left after `patience`. The answer is whether nothing was.
    pub fn end(self, patience: Duration) -> Result<bool> {
        let deadline = Instant::now() + patience;
        // It may have ended by itself.
        let _ = kill(self.process, Signal::SIGTERM);
        let mut in_time = true;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Err(Errno::ECHILD) => return Ok(in_time),
                Err(error) => return Err(error.into()),
                Ok(WaitStatus::StillAlive) if Instant::now() >= deadline => {
                    in_time = false;
                    for stat in descendants()? {
                        let _ = kill(Pid::from_raw(stat.pid), Signal::SIGKILL);
                    }
                    sleep(BETWEEN_LOOKS);
                }
                Ok(WaitStatus::StillAlive) => sleep(BETWEEN_LOOKS),
                Ok(_) => {}
            }
        }
    }
}

/// What the thread that starts a server hands over.
struct Started {
    child: io::Result<Child>,
    counter: Option<Counter>,
}

/// Starts the command on a thread of its own, which lives as long as the sender is kept: it is the
/// parent whose end would kill the server. A counter counts this thread, which does nothing any
/// more, and all that it has started.
fn spawn(mut command: Command, count: bool) -> Result<(Started, mpsc::Sender<()>)> {
    let (hand_over, handed_over) = mpsc::channel();
    let (keep, kept) = mpsc::channel();
    thread::spawn(move || {
        let counter = if count { cpu_counter().ok() } else { None };
        // The receiver waits for this.
        let _ = hand_over.send(Started { child: command.spawn(), counter });
        // Nothing is ever sent: this returns when the sender is dropped.
        let _ = kept.recv();
    });
    Ok((handed_over.recv()?, keep))
}

/// Counts the CPU time of this thread, of all that it starts, and of all that those start.
pub fn cpu_counter() -> io::Result<Counter> {
    let mut builder = Builder::new().kind(Software::TASK_CLOCK);
    builder.inherit(true);
    let mut counter = builder.build()?;
    counter.enable()?;
    Ok(counter)
}

fn how(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exit status {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("killed by {signal}"),
        other => format!("{other:?}"),
    }
}

/// All processes that this one has started, and those that they have.
fn descendants() -> Result<Vec<Stat>> {
    // A process that ends while it is looked at is not there.
    let all = procfs::process::all_processes()?;
    let mut others: Vec<Stat> = all.flatten().filter_map(|process| process.stat().ok()).collect();
    let mut found: Vec<Stat> = Vec::new();
    let mut parents = vec![i32::try_from(std::process::id())?];
    while !parents.is_empty() {
        let children: Vec<Stat> =
            others.extract_if(.., |stat| parents.contains(&stat.ppid)).collect();
        parents = children.iter().map(|stat| stat.pid).collect();
        found.extend(children);
    }
    Ok(found)
}

//! A running server: start-up, resource usage of all its processes, and shutdown.

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

/// How long a server may take to listen, under valgrind too.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to sleep before a condition is checked again.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A server that listens.
#[derive(Debug)]
pub struct RunningServer {
    pid: Pid,
    address: SocketAddr,
    log: PathBuf,
    counter: Option<Counter>,
    /// Keeps the thread that started the server alive.
    _parent: mpsc::Sender<()>,
}

impl RunningServer {
    /// Starts a command, and returns once a connection to the port succeeds. Standard error goes to
    /// the log. `perf_counter` has the kernel count the CPU time, where it permits that: at a small
    /// cost, but also for processes that live for one connection only.
    pub fn start(command: &[String], port: u16, processors: CpuSet, log: &Path, perf_counter: bool) -> Result<Self> {
        let (program, arguments) = command.split_first().context("the command is empty")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).with_context(|| format!("cannot create {}", log.display()))?);
        // SAFETY: between fork and exec it makes two system calls and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                // The server must not outlive this process.
                set_pdeathsig(Signal::SIGKILL)?;
                Ok(sched_setaffinity(Pid::this(), &processors)?)
            })
        };
        let (Started { child, counter }, parent) = spawn(command, perf_counter)?;
        let child = child.with_context(|| format!("cannot start {program}"))?;
        let running = Self {
            pid: Pid::from_raw(i32::try_from(child.id())?),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            log: log.to_owned(),
            counter,
            _parent: parent,
        };
        match running.wait_until_ready() {
            Ok(()) => Ok(running),
            Err(error) => {
                running.stop(Duration::ZERO)?;
                Err(error)
            }
        }
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(self.address).is_err() {
            let status = waitpid(self.pid, Some(WaitPidFlag::WNOHANG))?;
            if status != WaitStatus::StillAlive {
                bail!("it exited during start-up ({}): {}", describe(status), self.last_error_line());
            }
            if Instant::now() > deadline {
                bail!("no connection succeeded within {} seconds", START_TIMEOUT.as_secs());
            }
            sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last line that it wrote to standard error.
    pub fn last_error_line(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        match text.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => line.trim().to_owned(),
            None => "nothing on standard error".to_owned(),
        }
    }

    /// The CPU time of all its threads and processes so far, including those that have exited.
    pub fn cpu_time(&mut self) -> Result<Duration> {
        if let Some(counter) = &mut self.counter {
            return Ok(Duration::from_nanos(counter.read()?));
        }
        let tick = Duration::from_secs(1) / u32::try_from(procfs::ticks_per_second())?;
        let mut sum = Duration::ZERO;
        for stat in descendants()? {
            // This clock is exact and includes threads that have exited. A process that has exited
            // since it was listed is in its parent's times.
            if let Ok(clock) = clock_getcpuclockid(Pid::from_raw(stat.pid)) {
                sum += clock_gettime(clock).map(Duration::from).unwrap_or_default();
            }
            // The times of reaped children are only known in ticks.
            sum += tick * u32::try_from(stat.cutime + stat.cstime)?;
        }
        Ok(sum)
    }

    /// The resident set size of all its processes, in bytes.
    pub fn resident(&self) -> Result<u64> {
        let mut sum = 0;
        for stat in descendants()? {
            // VmRSS in /proc/PID/status can be off by some hundred KiB.
            let maps = Process::new(stat.pid)?.smaps_rollup()?.memory_map_rollup;
            sum += maps.iter().filter_map(|map| map.extension.map.get("Rss")).sum::<u64>();
        }
        Ok(sum)
    }

    /// Terminates it, and kills its processes that remain after the timeout. Returns whether none
    /// did.
    pub fn stop(self, timeout: Duration) -> Result<bool> {
        let deadline = Instant::now() + timeout;
        // It may have exited already.
        let _ = kill(self.pid, Signal::SIGTERM);
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
                    sleep(POLL_INTERVAL);
                }
                Ok(WaitStatus::StillAlive) => sleep(POLL_INTERVAL),
                Ok(_) => {}
            }
        }
    }
}

/// What the thread that starts a server returns.
struct Started {
    child: io::Result<Child>,
    counter: Option<Counter>,
}

/// Starts the command from a new thread. The thread lives until the sender is dropped, because its exit
/// would kill the server (PR_SET_PDEATHSIG). The counter covers this thread, which only waits from then
/// on, and all its descendants.
fn spawn(mut command: Command, perf_counter: bool) -> Result<(Started, mpsc::Sender<()>)> {
    let (started_sender, started) = mpsc::channel();
    let (parent, parent_dropped) = mpsc::channel();
    thread::spawn(move || {
        let counter = if perf_counter { cpu_counter().ok() } else { None };
        // The receiver is waiting.
        let _ = started_sender.send(Started { child: command.spawn(), counter });
        // Nothing is ever sent: this returns when the sender is dropped.
        let _ = parent_dropped.recv();
    });
    Ok((started.recv()?, parent))
}

/// A counter of the CPU time of this thread and all its future descendants.
pub fn cpu_counter() -> io::Result<Counter> {
    let mut builder = Builder::new().kind(Software::TASK_CLOCK);
    builder.inherit(true);
    let mut counter = builder.build()?;
    counter.enable()?;
    Ok(counter)
}

fn describe(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exit status {code}"),
        WaitStatus::Signaled(_, signal, _) => format!("killed by {signal}"),
        other => format!("{other:?}"),
    }
}

/// All descendants of this process.
fn descendants() -> Result<Vec<Stat>> {
    // Processes that exit meanwhile are left out.
    let all = procfs::process::all_processes()?;
    let mut others: Vec<Stat> = all.flatten().filter_map(|process| process.stat().ok()).collect();
    let mut found: Vec<Stat> = Vec::new();
    let mut parents = vec![i32::try_from(std::process::id())?];
    while !parents.is_empty() {
        let children: Vec<Stat> = others.extract_if(.., |stat| parents.contains(&stat.ppid)).collect();
        parents = children.iter().map(|stat| stat.pid).collect();
        found.extend(children);
    }
    Ok(found)
}

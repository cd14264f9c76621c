//! A server under test: its processes, what it says, and what the kernel knows of its connections.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc;
use nix::poll::PollTimeout;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, setsockopt, sockopt};
use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, setsid};
use procfs::ProcResult;
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDInfo, FDTarget, Process, Stat, all_processes};

use crate::client::{Client, any_told};

/// What does not happen within this time is taken to happen never. A bound for what goes wrong:
/// nothing waits for it to pass.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Signals that come within this time are one request to a server.
pub const COALESCE: Duration = Duration::from_millis(30);

/// The order in which the processes of a server get a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first process before its children.
    Downwards,
    /// The first process after its children.
    Upwards,
    /// The first process, and then all of them.
    Twice,
}

/// How long a server that was told to end waits for its clients.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long a look waits before the next. It decides how soon a change is noticed, nothing else.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// A server that has nothing to do is watched for so long (two of the rests that it may take), and
/// may use that much of the processor. One that spins uses a third of it even beside busy loops.
const WATCHED: Duration = Duration::from_millis(200);
const NEARLY_NOTHING: Duration = Duration::from_millis(10);

/// The soft limit of descriptors that servers are started with: fewer than they are to have.
const SOFT_LIMIT: u64 = 256;

/// How much a server may say, in bytes.
const PAPER: u64 = 1 << 14;

/// Which program runs.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name.
    pub model: &'static str,
    /// Its file.
    pub program: PathBuf,
    /// What stands before the port.
    pub options: &'static [&'static str],
    /// How many descriptors it may have. As many as this process, where this is not stated.
    pub descriptors: Option<u64>,
    /// What else its starter does to it, between fork and exec.
    pub start: fn() -> io::Result<()>,
    /// Whether what it says on standard output does not come here.
    pub silent: bool,
}

/// A server that runs. It ends with this value at the latest.
pub struct Server {
    subject: Subject,
    child: Child,
    pid: Pid,
    status: Option<ExitStatus>,
    stdout: File,
    stderr: File,
    port: u16,
    told: Option<Instant>,
    spread: Duration,
}

impl Server {
    /// Starts a server, and returns once it listens; with port 0, on a free one.
    pub fn start(subject: &Subject, port: u16) -> Result<Self> {
        let program = &subject.program;
        ensure!(program.is_file(), "there is no program {}", program.display());
        let (stdout, stderr) = (paper()?, paper()?);
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let most = subject.descriptors.unwrap_or(most);
        let start = subject.start;
        let prepare = move || {
            // Its processes are those of this session.
            setsid()?;
            // These tests may have been started by nohup, which a server respects.
            // SAFETY: no handler.
            unsafe { signal(Signal::SIGHUP, SigHandler::SigDfl) }?;
            start()?;
            setrlimit(Resource::RLIMIT_NOFILE, SOFT_LIMIT.min(most), most)?;
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        };
        let mut command = Command::new(program);
        command
            .args(subject.options)
            .arg(port.to_string())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(stdout.try_clone()?)
            .stderr(stderr.try_clone()?);
        // SAFETY: system calls, which may stand between fork and exec.
        unsafe { command.pre_exec(prepare) };
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        let mut server = Self {
            subject: subject.clone(),
            child,
            pid,
            status: None,
            stdout,
            stderr,
            port,
            told: None,
            spread: Duration::ZERO,
        };
        server.wait_until_listening().map_err(|error| server.explain(error))?;
        Ok(server)
    }

    fn wait_until_listening(&mut self) -> Result<()> {
        if self.subject.silent {
            return wait_until("it listens", || {
                ensure!(!self.has_ended()?, "it has ended at once");
                Ok(self.listening_sockets()? > 0)
            });
        }
        wait_until("it says on which port it listens", || {
            ensure!(!self.has_ended()?, "it has ended at once");
            Ok(self.stdout()?.ends_with('\n'))
        })?;
        let said = self.stdout()?;
        let port = said.strip_prefix("Waiting for connections on port ");
        let port = port.and_then(|port| port.trim_end().parse().ok());
        let port = port.with_context(|| format!("it said {said:?}, which names no port"))?;
        ensure!([0, port].contains(&self.port), "it listens on port {port}, not on {}", self.port);
        self.port = port;
        Ok(())
    }

    /// Starts the same program on the port of this one, which must fail, and returns what it says.
    pub fn start_in_vain(&self) -> Result<String> {
        let program = &self.subject.program;
        let port = self.port.to_string();
        let mut command = Command::new(program);
        let output = command.args(self.subject.options).arg(port).env("LC_ALL", "C").output()?;
        ensure!(output.status.code() == Some(1), "it ended with {:?}", output.status);
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts the same program once more.
    pub fn start_again(&mut self, port: u16) -> Result<()> {
        *self = Self::start(&self.subject, port)?;
        Ok(())
    }

    /// The model's name.
    pub fn model(&self) -> &'static str {
        self.subject.model
    }

    /// When it was sent its first signal.
    pub fn told(&self) -> Option<Instant> {
        self.told
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has said on standard error.
    pub fn stderr(&self) -> Result<String> {
        text(&self.stderr)
    }

    fn stdout(&self) -> Result<String> {
        text(&self.stdout)
    }

    /// An error with all that helps to understand it.
    pub fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        let state = match self.has_ended() {
            Ok(true) => format!("{:?}", self.status),
            _ => "it still runs".to_owned(),
        };
        let command = self.subject.program.display();
        let options = self.subject.options.join(" ");
        let said = |said: Result<String>| said.unwrap_or_else(|error| format!("{error:#}"));
        anyhow::anyhow!(
            "{error:#}\n  command: {command} {options} {}\n  state: {state}\n  stdout: {}\n  stderr: {}",
            self.port,
            said(self.stdout()),
            said(self.stderr()),
        )
    }

    /// Sends a signal to all its processes, as a terminal does, or a service manager: the first one first, or last.
    pub fn signal_all(&mut self, signal: Signal, order: Order) -> Result<()> {
        let first = self.pid.as_raw();
        let mut processes: Vec<i32> = self.processes()?.iter().map(|(it, _)| it.pid).collect();
        processes.sort_by_key(|pid| (*pid == first) == (order == Order::Upwards));
        if order == Order::Twice {
            processes.insert(0, first);
        }
        // Nothing comes between the signals: what comes too late is a second request.
        let begin = Instant::now();
        for process in processes {
            // One that is told by another one may have ended.
            match kill(Pid::from_raw(process), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.spread = begin.elapsed();
        self.told.get_or_insert(begin);
        Ok(())
    }

    /// How long it took to send the signals to all processes.
    pub fn spread(&self) -> Duration {
        self.spread
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.told.get_or_insert_with(Instant::now);
        Ok(kill(self.pid, signal)?)
    }

    /// Waits until the signals that were sent have been taken by all its processes, so that the next
    /// one does not become one with them.
    pub fn wait_until_told(&self) -> Result<()> {
        wait_until("its signals are taken", || {
            for (process, _) in self.processes()? {
                // A process that has ended meanwhile has no signals.
                let Ok(status) = process.status() else { continue };
                if (status.sigpnd | status.shdpnd) & (1 << (Signal::SIGTERM as u32 - 1)) != 0 {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Waits until it has ended, which must be in order, with all its processes.
    pub fn expect_exit(&mut self) -> Result<()> {
        self.expect_end_with(|status| status.code() == Some(0))
    }

    /// Waits until it has ended by SIGKILL, and its other processes have ended, too.
    pub fn expect_killed(&mut self) -> Result<()> {
        self.expect_end_with(|status| status.signal() == Some(Signal::SIGKILL as i32))
    }

    fn expect_end_with(&mut self, is_expected: fn(&ExitStatus) -> bool) -> Result<()> {
        wait_until("it ends", || self.has_ended())?;
        ensure!(self.status.as_ref().is_some_and(is_expected), "it ended otherwise than expected");
        // Those whose parent is gone are left to the system's first process to reap.
        let ended = |(_, stat): &(Process, Stat)| stat.state == 'Z';
        wait_until("its other processes end", || Ok(self.processes()?.iter().all(ended)))
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> Result<bool> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// Waits until it has got rid of all its connections, ends it if it still runs, and looks at
    /// what it has said: nothing but lines on standard error that hold `expected`.
    pub fn finish(&mut self, expected: Option<&str>) -> Result<()> {
        if !self.has_ended()? {
            self.expect_no_connections()?;
            self.signal(Signal::SIGTERM)?;
            self.expect_exit()?;
        }
        let said = self.stdout()?;
        let silent = self.subject.silent;
        ensure!(silent || said.lines().count() == 1, "it said more than its port: {said:?}");
        let said = self.stderr()?;
        for line in said.lines() {
            let is_expected = expected.is_some_and(|expected| line.contains(expected));
            ensure!(is_expected, "it said on standard error: {line:?}");
        }
        let must_say = expected.is_some() && !silent;
        ensure!(!must_say || !said.is_empty(), "it said nothing on standard error");
        Ok(())
    }

    /// Waits until it has no connection, and no process that has ended and is not reaped.
    pub fn expect_no_connections(&self) -> Result<()> {
        wait_until("no connection and no zombie is left", || {
            let processes = self.processes()?;
            // The first process has the listening sockets of its workers, too.
            let mut sockets: BTreeSet<u64> = processes.iter().flat_map(|(process, _)| sockets(process)).collect();
            // A datagram socket is no connection.
            for entry in procfs::net::udp()? {
                sockets.remove(&entry.inode);
            }
            let zombies = processes.iter().any(|(_, stat)| stat.state == 'Z');
            Ok(sockets.len() == self.listening_sockets()? && !zombies)
        })
    }

    fn listening_sockets(&self) -> Result<usize> {
        let listens = |entry: &TcpNetEntry| entry.local_address.port() == self.port && entry.state == TcpState::Listen;
        Ok(procfs::net::tcp()?.iter().filter(|entry| listens(entry)).count())
    }

    /// Its processes, with those that have ended and are not reaped.
    pub fn processes(&self) -> Result<Vec<(Process, Stat)>> {
        let session = self.pid.as_raw();
        // A process may end while it is looked at.
        let stat = |process: Process| process.stat().ok().map(|stat| (process, stat));
        let processes = all_processes()?.filter_map(|process| process.ok().and_then(stat));
        Ok(processes.filter(|(_, stat)| stat.session == session).collect())
    }

    /// Its processes but the first one.
    pub fn children(&self) -> Result<Vec<(Process, Stat)>> {
        let first = self.pid.as_raw();
        let processes = self.processes()?.into_iter();
        Ok(processes.filter(|(process, _)| process.pid != first).collect())
    }

    /// How much memory its processes have, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let of = |process: &Process| process.status().ok().and_then(|status| status.vmrss);
        let kibibytes: u64 = self.processes()?.iter().filter_map(|(process, _)| of(process)).sum();
        Ok(kibibytes * 1024)
    }

    fn processor_time(&self) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for (process, _) in self.processes()? {
            let clock = clock_getcpuclockid(Pid::from_raw(process.pid));
            if let Ok(time) = clock.and_then(nix::time::ClockId::now) {
                sum += Duration::from(time);
            }
        }
        Ok(sum)
    }

    /// Expects that it comes to rest, and that none of these clients hears of it. The polling
    /// server never rests; that the clients hear nothing holds for it, too.
    pub fn expect_rest(&self, clients: &[Client]) -> Result<()> {
        let rests = self.model() != "echo_server_nonblocking";
        let mut used = Duration::ZERO;
        let rested = wait_until("it rests", || {
            let before = self.processor_time()?;
            ensure!(!any_told(clients, PollTimeout::try_from(WATCHED)?)?, "a client was told something");
            used = self.processor_time()?.saturating_sub(before);
            Ok(!rests || used <= NEARLY_NOTHING)
        });
        rested.with_context(|| format!("it used the processor for {used:?} of the last {WATCHED:?}"))
    }

    /// Changes a limit of each of its processes.
    fn limit(&self, resource: Resource, change: impl Fn(&Process, &mut libc::rlimit) -> Result<()>) -> Result<()> {
        for (process, _) in self.processes()? {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            let resource = resource as libc::__rlimit_resource_t;
            // SAFETY: `limit` is written to until the call returns; nothing is read.
            let asked = unsafe { libc::prlimit(process.pid, resource, ptr::null(), &raw mut limit) };
            Errno::result(asked).context("cannot ask for a limit")?;
            change(&process, &mut limit)?;
            // SAFETY: `limit` is read until the call returns; nothing is written.
            let set = unsafe { libc::prlimit(process.pid, resource, &raw const limit, ptr::null_mut()) };
            Errno::result(set).context("cannot set a limit")?;
        }
        Ok(())
    }

    /// How many descriptors its first process can still open. It must have a limit of its own.
    pub fn free_descriptors(&self) -> Result<usize> {
        let limit = self.subject.descriptors.context("it has as many as this process")?;
        let used = descriptors(&Process::new(self.pid.as_raw())?)?;
        Ok((0..i32::try_from(limit)?).filter(|number| !used.contains(number)).count())
    }

    /// Leaves its processes no descriptor to open.
    pub fn leave_no_descriptors(&self) -> Result<()> {
        self.limit(Resource::RLIMIT_NOFILE, |process, limit| {
            let used = descriptors(process)?;
            let unused = (0..).find(|number| !used.contains(number));
            limit.rlim_cur = u64::try_from(unused.context("there are more numbers")?)?;
            Ok(())
        })
    }

    /// Lets its processes have so many descriptors, fewer than they have.
    pub fn leave_descriptors(&self, count: u64) -> Result<()> {
        self.limit(Resource::RLIMIT_NOFILE, |_, limit| {
            limit.rlim_cur = count;
            Ok(())
        })
    }

    /// Lets them open as many descriptors as they can have.
    pub fn leave_all_descriptors(&self) -> Result<()> {
        self.limit(Resource::RLIMIT_NOFILE, |_, limit| {
            limit.rlim_cur = limit.rlim_max;
            Ok(())
        })
    }

    /// Leaves no room in their queues of signals.
    pub fn leave_no_signals(&self) -> Result<()> {
        self.limit(Resource::RLIMIT_SIGPENDING, |_, limit| {
            limit.rlim_cur = 0;
            Ok(())
        })
    }

    /// The most connections that it and a client may have, at most `wanted`.
    pub fn most_connections(&self, wanted: usize) -> Result<usize> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        // What either has open besides.
        Ok(wanted.min(usize::try_from(most)?.saturating_sub(100)))
    }

    /// Both ends of a client's connection, the server's first, as the kernel lists them.
    fn ends(&self, client: &Client) -> Result<[TcpNetEntry; 2]> {
        let ports = (self.port, client.port()?);
        let started = Instant::now();
        // The list is made while connections come and go: one that is there can be missed.
        while started.elapsed() < DEADLINE {
            let (mut server, mut other) = (None, None);
            for entry in procfs::net::tcp()? {
                match (entry.local_address.port(), entry.remote_address.port()) {
                    way if way == ports => server = Some(entry),
                    way if way == (ports.1, ports.0) => other = Some(entry),
                    _ => {}
                }
            }
            if let (Some(server), Some(other)) = (server, other) {
                return Ok([server, other]);
            }
        }
        bail!("the kernel knows of no connection from port {} to {}", ports.1, ports.0);
    }

    /// How many bytes have come from a client and were not read.
    pub fn unread_from(&self, client: &Client) -> Result<u64> {
        Ok(self.ends(client)?[0].rx_queue.into())
    }

    /// How many bytes of a client it has read, at least.
    pub fn taken_from(&self, client: &Client) -> Result<u64> {
        let [server, other] = self.ends(client)?;
        Ok(client.sent.saturating_sub(u64::from(server.rx_queue) + u64::from(other.tx_queue)))
    }

    /// How many bytes of a client the kernel has taken for it, read or not, at least.
    pub fn acknowledged_from(&self, client: &Client) -> Result<u64> {
        let [_, other] = self.ends(client)?;
        Ok(client.sent.saturating_sub(other.tx_queue.into()))
    }

    /// How many bytes of a client it has read and not sent back, but for what moves meanwhile.
    pub fn held_of(&self, client: &Client) -> Result<u64> {
        let [server, other] = self.ends(client)?;
        let elsewhere = [server.rx_queue, server.tx_queue, other.rx_queue, other.tx_queue];
        Ok((client.sent - client.received).saturating_sub(elsewhere.map(u64::from).iter().sum()))
    }

    /// Whether the kernel remembers a connection of this port that was ended from the server's side.
    pub fn is_remembered(&self) -> Result<bool> {
        let remembered =
            |entry: TcpNetEntry| entry.local_address.port() == self.port && entry.state == TcpState::TimeWait;
        Ok(procfs::net::tcp()?.into_iter().any(remembered))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a failure there may be some left.
        for (process, _) in self.processes().unwrap_or_default() {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// Returns when the condition holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !condition()? {
        ensure!(started.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain until {what}");
        thread::sleep(BETWEEN_LOOKS);
    }
    Ok(())
}

/// The descriptors of a process.
fn descriptors(process: &Process) -> Result<Vec<i32>> {
    Ok(process.fd()?.map(|descriptor| Ok(descriptor?.fd)).collect::<ProcResult<_>>()?)
}

/// The sockets of a process, by their inodes.
pub fn sockets(process: &Process) -> Vec<u64> {
    // A process that has ended meanwhile has none.
    let Ok(descriptors) = process.fd() else { return vec![] };
    let socket = |fd: FDInfo| match fd.target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    };
    descriptors.flatten().filter_map(socket).collect()
}

/// A port that nobody else is given, as long as the socket is open; it is bound, and a server shares
/// it by `SO_REUSEADDR`.
pub fn hold_port() -> Result<(OwnedFd, u16)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let holder = socket::socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    setsockopt(&holder, sockopt::ReuseAddr, &true)?;
    let any = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
    socket::bind(holder.as_raw_fd(), &any)?;
    let port = socket::getsockname::<SockaddrIn>(holder.as_raw_fd())?.port();
    Ok((holder, port))
}

/// A file in memory for what a server says. Beyond its size nothing is written: a server that goes
/// mad must not fill the memory.
fn paper() -> Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = File::from(memfd_create(c"paper", flags)?);
    file.set_len(PAPER)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW))?;
    Ok(file)
}

/// What has been written so far.
fn text(paper: &File) -> Result<String> {
    let mut bytes = vec![0; usize::try_from(PAPER)?];
    paper.read_exact_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned())
}

//! The inner half of a run: the first process of the namespaces. It prepares the network, starts
//! the program under strace, takes the scenario's steps and notes what it saw.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{self, SigHandler, Signal};
use nix::sys::{termios, wait};
use nix::unistd::Pid;

use crate::capture::Capture;
use crate::compare::printable;
use crate::observation::{End, Findings, Stream};
use crate::peers::Peers;
use crate::run::{Instrument, Job, PACKETS};
use crate::scenario::{Output, Step};
use crate::watch::{Activity, BETWEEN_LOOKS, Watch};

/// A run that takes longer is stuck. A bound for the worst case only: nothing waits for it.
const DEADLINE: Duration = Duration::from_secs(120);

/// A peer sends at most this many bytes before it lets the program go back to sleep. They are one
/// segment, so the program finds all of them at once.
const SEND_AT_ONCE: usize = 4096;

/// Every run has these and no other environment variables.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];

/// The first of the ports that the kernel gives to the program's own sockets.
const FIRST_EPHEMERAL_PORT: u16 = 40000;

/// What this program is called with when it starts itself again inside the namespaces: this word,
/// what to do there, and a directory.
pub const INSIDE: &str = "inside-the-namespaces";

/// Does the inner half's work if this process is one, and tells its exit status.
///
/// Every program that makes runs calls this first.
pub fn take_over() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [INSIDE, half, directory] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let result = match half {
        "run" => run(Path::new(directory)),
        "interop" => crate::commands::interop::inside(Path::new(directory)),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    })
}

/// Makes the run that is described in the directory's `job.json`.
fn run(directory: &Path) -> Result<()> {
    let job = fs::read(directory.join("job.json")).context("there is no job to run")?;
    let job: Job = serde_json::from_slice(&job)?;
    let findings = Run::new(&job)?.finish()?;
    fs::write(job.file("findings.json"), serde_json::to_vec(&findings)?)?;
    Ok(())
}

/// Pins this process and all that it starts, and makes the namespaces' network ready, the same on
/// every machine. Connections come from the ports of that range unless they are bound to others.
pub fn prepare(processor: usize, ephemeral_ports: &str) -> Result<()> {
    let mut processors = CpuSet::new();
    processors.set(processor)?;
    sched_setaffinity(Pid::this(), &processors)
        .with_context(|| format!("cannot run on processor {processor}"))?;
    for signal in Signal::iterator().filter(|s| ![Signal::SIGKILL, Signal::SIGSTOP].contains(s)) {
        // A shell starts background jobs with SIGINT ignored, nohup ignores SIGHUP, and programs
        // inherit that.
        // SAFETY: no handler is installed, and none is replaced.
        unsafe { signal::signal(signal, SigHandler::SigDfl) }?;
    }
    for arguments in ["link set lo up multicast on", "route add 224.0.0.0/4 dev lo"] {
        let status = Command::new("ip").args(arguments.split(' ')).status();
        ensure!(
            status.context("ip is missing (package iproute2)")?.success(),
            "the network namespace cannot be set up: ip {arguments}"
        );
    }
    let settings = [
        ("net/ipv4/ip_local_port_range", ephemeral_ports),
        ("net/ipv4/ip_unprivileged_port_start", "1024"),
        // No pacing: what is sent arrives at once.
        ("net/ipv4/tcp_congestion_control", "reno"),
    ];
    for (name, value) in settings {
        fs::write(Path::new("/proc/sys").join(name), value)
            .with_context(|| format!("cannot set {name} to {value}"))?;
    }
    Ok(())
}

/// `setpriv` takes every privilege away, so that root and an ordinary user see the same run.
pub fn unprivileged(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set=-all", "--inh-caps=-all", "--"])
        .arg(program)
        .env_clear()
        .envs(ENVIRONMENT)
        .stdin(Stdio::null());
    command
}

/// Gives the run an `/etc/hosts` of its own, and names that come from nowhere else.
fn know_hosts(job: &Job) -> Result<()> {
    let mut hosts = String::from("127.0.0.1 localhost\n");
    for (name, addresses) in &job.scenario.hosts {
        hosts.extend(addresses.iter().map(|address| format!("{address} {name}\n")));
    }
    for (name, text) in [("hosts", hosts.as_str()), ("nsswitch.conf", "hosts: files\n")] {
        let (ours, theirs) = (job.file(name), Path::new("/etc").join(name));
        fs::write(&ours, text)?;
        if theirs.exists() {
            mount(Some(&ours), &theirs, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                .with_context(|| format!("cannot replace {}", theirs.display()))?;
        }
    }
    Ok(())
}

struct Run<'a> {
    job: &'a Job,
    peers: Peers,
    watch: Watch,
    capture: Capture,
    child: Child,
    collectors: Vec<JoinHandle<io::Result<()>>>,
    complaints: Vec<String>,
    deadline: Instant,
}

impl<'a> Run<'a> {
    fn new(job: &'a Job) -> Result<Self> {
        let last = FIRST_EPHEMERAL_PORT + job.scenario.ephemeral_ports - 1;
        prepare(job.processor, &format!("{FIRST_EPHEMERAL_PORT} {last}"))?;
        know_hosts(job)?;
        let capture = Capture::start(&job.file(PACKETS))?;
        let mut peers = Peers::default();
        let mut watch = Watch::new()?;
        for step in &job.scenario.before {
            peers.take(step).with_context(|| format!("before the start: {step}"))?;
            watch.flush()?;
        }
        let (child, collectors) = start(job)?;
        if job.instrument != Instrument::Callgrind {
            watch.except(child.id());
        }
        Ok(Self {
            job,
            peers,
            watch,
            capture,
            child,
            collectors,
            complaints: Vec::new(),
            deadline: Instant::now() + DEADLINE,
        })
    }

    fn finish(mut self) -> Result<Findings> {
        for (index, step) in self.job.scenario.steps.iter().enumerate() {
            self.wait_until_asleep()?;
            if let Err(error) = self.take(step) {
                self.complaints.push(format!("step {} ({step}): {error:#}", index + 1));
                break;
            }
        }
        let end = match self.wait_until_asleep()? {
            Some(status) => end(status),
            // A timer of the program's own or of TCP's may still wake it.
            None => match self.wait_while(|_| Ok(Watch::in_flight()))? {
                Some(status) => end(status),
                None => End::StillThere,
            },
        };
        if end == End::StillThere {
            self.kill_all()?;
        }
        self.watch.flush()?;
        self.peers.drain();
        self.capture.finish()?;
        for collector in self.collectors {
            collector.join().expect("a collector does not panic")?;
        }
        Ok(Findings { end, complaints: self.complaints, peers: self.peers.records() })
    }

    /// Returns when the program sleeps (`None`) or has ended.
    fn wait_until_asleep(&mut self) -> Result<Option<ExitStatus>> {
        self.wait_while(|_| Ok(false))
    }

    /// Returns when the program sleeps and the condition no longer holds (`None`), or when the
    /// program has ended. The peers go on reading meanwhile.
    fn wait_while(
        &mut self,
        mut condition: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            self.peers.drain();
            self.capture.drain()?;
            if self.watch.look()? == Activity::Asleep && !condition(self)? {
                return Ok(None);
            }
            if Instant::now() > self.deadline {
                self.kill_all()?;
                bail!("the run was not over after {} seconds", DEADLINE.as_secs());
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn kill_all(&mut self) -> Result<()> {
        // Every process of the namespace but this one, which is its first.
        signal::kill(Pid::from_raw(-1), Signal::SIGKILL)?;
        self.child.wait()?;
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
        for piece in bytes.chunks(SEND_AT_ONCE) {
            let mut rest = piece;
            while !rest.is_empty() {
                self.wait_until_asleep()?;
                rest = &rest[self.peers.send(peer, rest)?..];
            }
        }
        Ok(())
    }

    fn expect(&mut self, peer: &str, expected: &[u8]) -> Result<()> {
        self.wait_while(|run| {
            let (unread, stream) = run.peers.unread(peer)?;
            let may_come = stream == Stream::Open && Watch::in_flight();
            Ok(unread.len() < expected.len() && may_come)
        })?;
        let (unread, _) = self.peers.unread(peer)?;
        let length = expected.len().min(unread.len());
        let got: Vec<u8> = unread.drain(..length).collect();
        if let Some(place) = got.iter().zip(expected).position(|(got, expected)| got != expected) {
            bail!(
                "byte {place} is {:?} and not {:?}",
                char::from(got[place]),
                char::from(expected[place])
            );
        }
        ensure!(length == expected.len(), "only {length} bytes came");
        Ok(())
    }

    fn expect_nothing(&mut self, peer: &str) -> Result<()> {
        self.wait_while(|_| Ok(Watch::in_flight()))?;
        match self.peers.unread(peer)? {
            (bytes, Stream::Open) if bytes.is_empty() => Ok(()),
            (bytes, Stream::Open) => bail!("{} bytes came", bytes.len()),
            (_, stream) => bail!("the stream is over ({stream:?})"),
        }
    }

    fn expect_datagram(&mut self, peer: &str, expected: &[u8]) -> Result<()> {
        // Nothing holds a datagram back: what the program has sent is there once it sleeps.
        self.wait_until_asleep()?;
        match self.peers.datagram(peer)? {
            Some(datagram) if datagram == expected => Ok(()),
            Some(datagram) => bail!("it is {:?}", printable(&datagram)),
            None => bail!("none came"),
        }
    }

    fn expect_over(&mut self, peer: &str, expected: Stream) -> Result<()> {
        self.wait_while(|run| {
            let (_, stream) = run.peers.unread(peer)?;
            Ok(stream == Stream::Open && Watch::in_flight())
        })?;
        let (unread, stream) = self.peers.unread(peer)?;
        ensure!(unread.is_empty(), "{} bytes came before", unread.len());
        ensure!(stream == expected, "the stream is {stream:?}");
        Ok(())
    }

    fn signal(&mut self, name: &str) -> Result<()> {
        let signal: Signal = name.parse().with_context(|| format!("{name} is no signal"))?;
        ensure!(self.child.try_wait()?.is_none(), "the program had ended before");
        let program = self.watch.program().context("the program had ended before")?;
        Ok(signal::kill(program, signal)?)
    }
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => End::Exited(code),
        (None, Some(Ok(signal))) => End::KilledBy(signal.to_string()),
        (None, other) => End::KilledBy(format!("{other:?}")),
    }
}

/// Starts the program, with strace or callgrind in front of it.
fn start(job: &Job) -> Result<(Child, Vec<JoinHandle<io::Result<()>>>)> {
    // The twins are started under the same name, so that their command lines are the same too.
    let stage = job.file("stage");
    fs::create_dir(&stage)?;
    let program = format!("./{}", job.name);
    let (file, first_arguments) = job.command.split_first().context("there is no command")?;
    std::os::unix::fs::symlink(file, stage.join(&program))?;

    let mut command = instrument(job);
    command.arg(&program).args(first_arguments).current_dir(&stage);
    for argument in &job.scenario.arguments {
        command.arg(OsString::from_vec(argument.bytes()));
    }

    let mut collectors = Vec::new();
    let mut collect = |mut from: File, name: &str| -> Result<()> {
        let mut to = File::create(job.file(name))?;
        collectors.push(thread::spawn(move || copy(&mut from, &mut to)));
        Ok(())
    };
    File::create(job.file("stdout"))?;
    match job.scenario.output {
        Output::Pipe => {
            let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
            collect(reader.into(), "stdout")?;
            command.stdout(writer);
        }
        Output::Terminal => {
            let (reader, writer) = terminal()?;
            collect(reader.into(), "stdout")?;
            command.stdout(writer);
        }
        Output::Full => {
            command.stdout(File::options().write(true).open("/dev/full")?);
        }
    }
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    collect(reader.into(), "stderr")?;
    command.stderr(writer);

    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
    Ok((child, collectors))
}

fn instrument(job: &Job) -> Command {
    if job.instrument == Instrument::Callgrind {
        let mut command = unprivileged("valgrind");
        command.args(["--tool=callgrind", "--quiet"]);
        command.arg(format!("--callgrind-out-file={}", job.file("callgrind").display()));
        return command;
    }
    let mut command = unprivileged("strace");
    command
        // With child processes, without remarks of strace's own, without padding.
        .args(["-f", "-q", "-a", "0"])
        // Strings as long as an argument or a message can be.
        .args(["-s", "1000000"])
        // All of every structure, but of files no more than type and size: when the C library was
        // last read is not a matter of the program.
        .args(["-e", "abbrev=%%stat"])
        .arg("-o")
        .arg(job.file("strace"));
    if job.instrument == Instrument::TraceWithStacks {
        command.arg("-k");
    }
    for injection in &job.scenario.inject {
        command.arg("-e").arg(format!("inject={injection}"));
    }
    command
}

/// A pseudo-terminal that hands on what is written to it as it is. It is the first of a set of its
/// own, so that its number, which the trace shows, does not depend on what else runs.
fn terminal() -> Result<(OwnedFd, OwnedFd)> {
    mount(Some("devpts"), "/dev/pts", Some("devpts"), MsFlags::empty(), Some("newinstance"))
        .context("cannot mount pseudo-terminals of its own")?;
    let pair = nix::pty::openpty(None, None).context("there is no pseudo-terminal")?;
    let mut settings = termios::tcgetattr(&pair.slave)?;
    settings.output_flags.remove(termios::OutputFlags::OPOST);
    termios::tcsetattr(&pair.slave, termios::SetArg::TCSANOW, &settings)?;
    for side in [&pair.master, &pair.slave] {
        let flag = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
        nix::fcntl::fcntl(side, flag)?;
    }
    Ok((pair.master, pair.slave))
}

/// Copies to the end; a terminal's end is the error EIO.
fn copy(from: &mut File, to: &mut File) -> io::Result<()> {
    let mut buffer = [0; 65536];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => io::Write::write_all(to, &buffer[..length])?,
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => {
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

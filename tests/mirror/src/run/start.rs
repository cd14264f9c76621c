//! Starts the program under strace or callgrind, and collects what it writes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::termios;

use crate::common::tools::Tools;
use crate::run::job::{Instrument, Job, not_run};
use crate::run::world::{LOG, WORK};
use crate::scenario::Output;

/// How much of standard output and of standard error a run keeps, in bytes.
const LONGEST_OUTPUT: usize = 128 << 20;

/// The longest string that strace shows in full, in bytes.
pub const LONGEST_STRING: usize = 16 << 20;

/// What callgrind has counted, in the run.
pub const CALLGRIND: &str = "/tmp/callgrind";

/// Every run has these and no other environment variables.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];

/// Takes every privilege away, so that root and an ordinary user see the same run.
pub fn unprivileged(tools: &Tools, program: &Path) -> Command {
    let mut command = Command::new(&tools.setpriv);
    command
        .args(["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"])
        .arg(program)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir(WORK)
        .stdin(Stdio::null());
    command
}

/// What reads what the program writes, until the end.
#[derive(Debug)]
pub struct Collector {
    thread: JoinHandle<io::Result<()>>,
    name: &'static str,
    too_much: Arc<AtomicBool>,
}

/// Starts the program, with strace or callgrind in front of it.
pub fn start(job: &Job) -> Result<(Child, Vec<Collector>)> {
    let mut command = instrument(job);
    command.arg(format!("./{}", job.name)).args(&job.command[1..]);
    for argument in &job.scenario.arguments {
        command.arg(OsString::from_vec(argument.bytes()));
    }
    // A signal that the program sends to its process group is for nobody else.
    command.process_group(0);

    File::create(job.file("stdout"))?;
    let mut collectors = Vec::new();
    match job.scenario.output {
        Output::Pipe => {
            let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
            collectors.push(Collector::start(job, "stdout", reader.into())?);
            command.stdout(writer);
        }
        Output::Terminal => {
            let (reader, writer) = terminal()?;
            collectors.push(Collector::start(job, "stdout", reader.into())?);
            command.stdout(writer);
        }
        Output::Full => {
            command.stdout(File::options().write(true).open("/dev/full")?);
        }
    }
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    collectors.push(Collector::start(job, "stderr", reader.into())?);
    command.stderr(writer);

    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
    Ok((child, collectors))
}

fn instrument(job: &Job) -> Command {
    if let Instrument::Callgrind(valgrind) = &job.instrument {
        let mut command = unprivileged(&job.tools, valgrind);
        command.args(["--tool=callgrind", "--quiet"]);
        command.arg(format!("--callgrind-out-file={CALLGRIND}"));
        return command;
    }
    let mut command = unprivileged(&job.tools, &job.tools.strace);
    command
        // With child processes, without remarks of strace's own, without padding.
        .args(["-f", "-q", "-a", "0"])
        // Strings as long as what is sent or written at once.
        .args(["-s", &LONGEST_STRING.to_string()])
        // All of every structure, but of files no more than type and size: when the C library was
        // last read is not a matter of the program.
        .args(["-e", "abbrev=%%stat"])
        .args(["-o", LOG]);
    if job.instrument == Instrument::TraceWithStacks {
        command.arg("-k");
    }
    for injection in &job.scenario.inject {
        command.arg("-e").arg(format!("inject={injection}"));
    }
    command
}

impl Collector {
    fn start(job: &Job, name: &'static str, mut from: File) -> Result<Self> {
        let path = job.file(name);
        let mut to = File::create(&path).with_context(|| format!("cannot create {name}"))?;
        let too_much = Arc::new(AtomicBool::new(false));
        let reached = Arc::clone(&too_much);
        let thread = thread::spawn(move || copy(&mut from, &mut to, &reached));
        Ok(Self { thread, name, too_much })
    }

    /// Fails once the program has written more than a run keeps.
    pub fn check(&self) -> Result<()> {
        let limit = LONGEST_OUTPUT >> 20;
        let why = || not_run(format!("it has written more than {limit} MiB to {}", self.name));
        ensure!(!self.too_much.load(Ordering::Relaxed), why());
        Ok(())
    }

    /// Waits for the end of what the program writes, once nobody can write any more.
    pub fn finish(self) -> Result<()> {
        let result = self.thread.join().expect("a collector does not panic");
        result.with_context(|| format!("{} cannot be kept", self.name))
    }
}

/// A pseudo-terminal that hands on what is written to it as it is.
fn terminal() -> Result<(OwnedFd, OwnedFd)> {
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

/// Copies to the end, or to the limit; a terminal's end is the error EIO.
fn copy(from: &mut File, to: &mut File, too_much: &AtomicBool) -> io::Result<()> {
    let mut buffer = [0; 65536];
    let mut room = LONGEST_OUTPUT;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) if length > room => {
                too_much.store(true, Ordering::Relaxed);
                // Whoever goes on writing waits until it is ended.
                loop {
                    thread::park();
                }
            }
            Ok(length) => {
                room -= length;
                io::Write::write_all(to, &buffer[..length])?;
            }
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => {
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

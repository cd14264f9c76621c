//! Starts the program under strace or callgrind, and collects its output.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::termios;

use crate::common::tools::Tools;
use crate::run::job::{Instrument, Job, not_run};
use crate::run::strace::TIMES;
use crate::run::world::{LOG, WORK};
use crate::scenario::Output;

/// The maximum of standard output and of standard error, in bytes.
const MAX_OUTPUT: usize = 128 << 20;

/// The longest string that strace prints in full, in bytes.
pub const MAX_STRING: usize = 16 << 20;

/// The path of callgrind's output in the run.
pub const CALLGRIND: &str = "/tmp/callgrind";

/// The environment of every run.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("PATH", PATH)];

/// Where a run looks for commands.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A command that drops all privileges, so that a run is the same for root and for any other user.
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

/// The file that a run executes as this command, or the file itself, if this is a path.
pub fn find_in_run(command: &str) -> Option<PathBuf> {
    let mut places = PATH.split(':').map(|folder| Path::new(folder).join(command));
    places.find(|place| place.is_file())
}

/// Reads an output of the program to the end.
#[derive(Debug)]
pub struct Collector {
    thread: JoinHandle<io::Result<()>>,
    name: &'static str,
    over_limit: Arc<AtomicBool>,
}

/// Starts the program under strace or callgrind.
pub fn start(job: &Job) -> Result<(Child, Vec<Collector>)> {
    let mut command = instrument(job);
    command.arg(format!("./{}", job.name)).args(&job.command[1..]);
    for argument in &job.scenario.arguments {
        command.arg(OsString::from_vec(argument.bytes()));
    }
    // Signals that the program sends to its process group reach no one else.
    command.process_group(0);

    if let Some(text) = &job.scenario.stdin {
        command.stdin(filled_pipe(&text.bytes())?);
    }

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
    let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
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
        // Follow children, print no messages of strace's own, no padding.
        .args(["-f", "-q", "-a", "0"])
        // Strings in full.
        .args(["-s", &MAX_STRING.to_string()])
        // All members of every structure, except of stat: the times of the C library's file are not
        // the program's doing.
        .args(["-e", "abbrev=%%stat"])
        .args(["-o", LOG]);
    if job.instrument == Instrument::TraceWithStacks {
        command.arg("-k").args(TIMES);
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
        let over_limit = Arc::new(AtomicBool::new(false));
        let reached = Arc::clone(&over_limit);
        let thread = thread::spawn(move || copy(&mut from, &mut to, &reached));
        Ok(Self { thread, name, over_limit })
    }

    /// Fails if the program has exceeded the maximum.
    pub fn check(&self) -> Result<()> {
        let limit = MAX_OUTPUT >> 20;
        let why = || not_run(format!("the program has written more than {limit} MiB to {}", self.name));
        ensure!(!self.over_limit.load(Ordering::Relaxed), why());
        Ok(())
    }

    /// Waits for the end of the output. All writers must have ended.
    pub fn finish(self) -> Result<()> {
        let result = self.thread.join().expect("a collector does not panic");
        result.with_context(|| format!("cannot write {}", self.name))
    }
}

/// The end of a pipe from which these bytes can be read, and then the end of file. All of them are in it from the
/// beginning, so how much a read returns does not depend on who is faster.
fn filled_pipe(bytes: &[u8]) -> Result<OwnedFd> {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let size = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_GETPIPE_SZ)?;
    if usize::try_from(size)? < bytes.len() {
        let size = nix::fcntl::FcntlArg::F_SETPIPE_SZ(bytes.len().try_into()?);
        let resized = nix::fcntl::fcntl(&writer, size);
        resized
            .map_err(|error| not_run(format!("there is no pipe for the {} bytes of stdin: {error}", bytes.len())))?;
    }
    File::from(writer).write_all(bytes).context("cannot fill the pipe of stdin")?;
    Ok(reader)
}

/// A pseudo-terminal without output processing.
fn terminal() -> Result<(OwnedFd, OwnedFd)> {
    let pair = nix::pty::openpty(None, None).context("cannot open a pseudo-terminal")?;
    let mut settings = termios::tcgetattr(&pair.slave)?;
    settings.output_flags.remove(termios::OutputFlags::OPOST);
    termios::tcsetattr(&pair.slave, termios::SetArg::TCSANOW, &settings)?;
    for side in [&pair.master, &pair.slave] {
        let flag = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
        nix::fcntl::fcntl(side, flag)?;
    }
    Ok((pair.master, pair.slave))
}

/// Copies up to the end or the maximum. The end of a terminal is reported as EIO.
fn copy(from: &mut File, to: &mut File, over_limit: &AtomicBool) -> io::Result<()> {
    let mut buffer = [0; 65536];
    let mut room = MAX_OUTPUT;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) if length > room => {
                over_limit.store(true, Ordering::Relaxed);
                // Read no more: the writer blocks until it is killed.
                loop {
                    thread::park();
                }
            }
            Ok(length) => {
                room -= length;
                to.write_all(&buffer[..length])?;
            }
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => {
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

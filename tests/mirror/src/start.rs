//! Starts the program under strace or callgrind, and collects what it writes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::termios;

use crate::run::{Instrument, Job};
use crate::scenario::Output;

/// Every run has these and no other environment variables.
const ENVIRONMENT: [(&str, &str); 2] = [("LC_ALL", "C"), ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];

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

/// Starts the program, with strace or callgrind in front of it.
pub fn start(job: &Job) -> Result<(Child, Vec<JoinHandle<io::Result<()>>>)> {
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

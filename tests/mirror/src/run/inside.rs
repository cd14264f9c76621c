//! The inner half of a run: the first process of the namespaces. It makes the run's world, starts
//! the program, takes the scenario's steps and notes what it saw.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{self, SigHandler, Signal};
use nix::sys::stat::{Mode, umask};

use crate::common::out::complain;
use crate::run::driver::Run;
use crate::run::interop;
use crate::run::job::{FINDINGS, Findings, Instrument, Job, NotRun};
use crate::run::limits;
use crate::run::namespaces::{self, INSIDE};
use crate::run::world::{World, to_be_shown};

/// Every program that makes runs calls this first, while it has one thread: it sets what this tool
/// itself must not inherit. If the process is the inner half of a run it does that work and tells
/// the exit status.
pub fn take_over() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [INSIDE, half] => namespaces::enter().and_then(|status| match (status, half) {
            (Some(status), _) => Ok(ExitCode::from(status)),
            (None, "run") => run(Path::new(".")),
            (None, "interop") => interop::inside(Path::new(".")).map(|()| ExitCode::SUCCESS),
            (None, _) => bail!("{half:?} is not known"),
        }),
        _ => match inherit_little() {
            Ok(()) => return None,
            Err(error) => Err(error),
        },
    };
    Some(result.unwrap_or_else(|error| {
        complain(&format!("{error:#}\n"));
        ExitCode::from(2)
    }))
}

/// Whoever starts this tool may ignore SIGCHLD, which would make it lose its children's ends, or
/// keep it from writing files.
fn inherit_little() -> Result<()> {
    // SAFETY: no handler is installed, and none is replaced.
    unsafe { signal::signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
    umask(Mode::from_bits_truncate(0o022));
    limits::lift_file_size()
}

/// Makes the run that is described in the directory's `job.json`.
fn run(directory: &Path) -> Result<ExitCode> {
    let job = fs::read(directory.join("job.json")).context("there is no job to run")?;
    let mut job: Job = serde_json::from_slice(&job)?;
    let mut visible = job.visible.clone();
    visible.extend(to_be_shown(job.tools.files()));
    if let Instrument::Callgrind(valgrind) = &job.instrument {
        visible.extend(to_be_shown([valgrind]));
    }
    let world = World {
        program: Some((Path::new(&job.command[0]), &job.name)),
        visible,
        hosts: job.scenario.hosts.clone(),
    };
    job.directory = world.enter(directory)?;
    let record = Run::start(&job).and_then(|mut run| {
        run.take_steps()?;
        run.finish()
    });
    let findings: Findings = match record {
        Ok(record) => Ok(record),
        Err(error) if error.is::<NotRun>() => Err(format!("{error:#}")),
        Err(error) => return Err(error),
    };
    fs::write(job.file(FINDINGS), serde_json::to_vec(&findings)?)
        .context("what was found cannot be written")?;
    Ok(ExitCode::SUCCESS)
}

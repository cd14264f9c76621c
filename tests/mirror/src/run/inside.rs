//! The first process in the namespaces of a run: sets up the file system, runs the program through
//! the scenario, and writes down the findings.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{self, SigHandler, Signal};
use nix::sys::stat::{Mode, umask};

use crate::common::out::print_error;
use crate::run::driver::Run;
use crate::run::interop;
use crate::run::job::{FINDINGS, Findings, Instrument, Job, NotRun};
use crate::run::limits;
use crate::run::namespaces::{self, INSIDE};
use crate::run::network::Taps;
use crate::run::world::{World, hidden_by_the_run};

/// Every executable that starts runs calls this first, while it has only one thread. It resets what
/// the tool must not inherit. If the process has been started for the inside of a run, it does that
/// work and returns the exit status.
pub fn take_over() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [INSIDE, kind] => namespaces::enter().and_then(|status| match (status, kind) {
            (Some(status), _) => Ok(ExitCode::from(status)),
            (None, "run") => run(Path::new(".")),
            (None, "interop") => interop::inside(Path::new(".")).map(|()| ExitCode::SUCCESS),
            (None, _) => bail!("unknown kind of run {kind:?}"),
        }),
        _ => match reset_inherited() {
            Ok(()) => return None,
            Err(error) => Err(error),
        },
    };
    Some(result.unwrap_or_else(|error| {
        print_error(&format!("{error:#}\n"));
        ExitCode::from(2)
    }))
}

/// With SIGCHLD ignored, the tool could not wait for its children; a umask or a file size limit may
/// keep it from writing files.
fn reset_inherited() -> Result<()> {
    // SAFETY: the default action replaces no handler.
    unsafe { signal::signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
    umask(Mode::from_bits_truncate(0o022));
    limits::raise_file_size()
}

/// Makes the run that `job.json` in this directory describes.
fn run(directory: &Path) -> Result<ExitCode> {
    let job = fs::read(directory.join("job.json")).context("cannot read the job")?;
    let mut job: Job = serde_json::from_slice(&job)?;
    let mut visible = job.visible.clone();
    visible.extend(hidden_by_the_run(job.tools.files()));
    if let Instrument::Callgrind(valgrind) = &job.instrument {
        visible.extend(hidden_by_the_run([valgrind]));
    }
    let world = World {
        program: Some((Path::new(&job.command[0]), &job.name)),
        visible,
        hosts: job.scenario.hosts.clone(),
        resolv_conf: job.scenario.resolv_conf.clone(),
    };
    // The host's devices are hidden afterwards.
    let taps = Taps::create(&job.scenario.devices);
    job.directory = world.enter(directory)?;
    let record = taps.and_then(|_open| {
        let mut run = Run::start(&job)?;
        run.take_steps()?;
        run.finish()
    });
    let findings: Findings = match record {
        Ok(record) => Ok(record),
        Err(error) if error.is::<NotRun>() => Err(format!("{error:#}")),
        Err(error) => return Err(error),
    };
    fs::write(job.file(FINDINGS), serde_json::to_vec(&findings)?).context("cannot write the findings")?;
    Ok(ExitCode::SUCCESS)
}

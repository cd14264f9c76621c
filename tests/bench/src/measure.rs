//! A whole run: every server under every load, in turns.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use mirror::project::Project;
use mirror::report::Progress;

use crate::count;
use crate::loads::{LOADS, Load};
use crate::process::cpu_counter;
use crate::results::{Count, Failure, Machine, Missing, NotMeasured, Present, Results, Sample};
use crate::sample::Sampler;
use crate::servers::{self, Server};
use crate::stage::Stage;

/// Where a run leaves its files, in the project's folder.
const OUTPUT: &str = "target/bench";

/// Descriptors that a server needs besides those of its connections.
const SPARE_DESCRIPTORS: usize = 100;

/// What is to be measured.
#[derive(Debug)]
pub struct Plan {
    /// The names of the servers; all, where none is named.
    pub servers: Vec<String>,
    /// The names of the loads; all, where none is named.
    pub loads: Vec<String>,
    /// How often the servers take their turns.
    pub rounds: usize,
    /// How long a sample takes.
    pub seconds: Duration,
    /// Whether instructions and system calls are counted.
    pub counts: bool,
    /// The congestion control.
    pub congestion: String,
}

/// Measures all that the plan asks for. What there is after each round is kept, so that a run that is
/// broken off is not lost.
pub fn run(plan: &Plan, keep: impl Fn(&Results) -> Result<()>) -> Result<Results> {
    let project = Project::find()?;
    // The servers' commands start in the project's folder.
    std::env::set_current_dir(project.path("."))?;
    let all = servers::all(&project)?;
    let servers = chosen("server", &all, &plan.servers, |server| &server.name)?;
    let loads = chosen("load", &LOADS, &plan.loads, |load| load.name)?;
    let machine = machine(plan)?;
    let stage = Stage::enter(&plan.congestion)?;
    let mut notes = Vec::new();
    if machine.processors == 1 {
        notes.push("There is only one processor: the servers share it with the clients".to_owned());
    }
    if let Err(error) = cpu_counter() {
        notes.push(format!(
            "The CPU time of processes that end without being waited for is missing from \
             connect_1 and connect_16, because perf_event_open failed: {error}"
        ));
    }
    for note in &notes {
        eprintln!("bench: {note}");
    }
    let logs = project.path(OUTPUT).join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let mut run = Run {
        sampler: Sampler::new(stage, logs),
        results: Results { machine, notes, ..Results::default() },
    };
    let servers = run.present(servers, loads[0])?;
    run.take_samples(plan, &servers, &loads, &keep)?;
    if plan.counts {
        run.count(&servers, &project.path(OUTPUT).join("count"))?;
    }
    Ok(run.results)
}

/// Those of all that are named.
fn chosen<'a, T>(
    what: &str,
    all: &'a [T],
    names: &[String],
    name_of: impl Fn(&'a T) -> &'a str,
) -> Result<Vec<&'a T>> {
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|one| name_of(one) == *name)) {
        bail!("there is no {what} '{unknown}'; 'bench list' names those that there are");
    }
    let is_named = |one: &'a T| names.is_empty() || names.iter().any(|name| name == name_of(one));
    Ok(all.iter().filter(|one| is_named(one)).collect())
}

/// What was counted is exact, so the base need not be counted again.
fn same_program(counts: &[Count], server: &Server) -> Option<Count> {
    let of_base = counts.iter().find(|count| count.server == servers::BASE);
    let count = of_base.filter(|_| server.name == servers::AGAIN)?;
    Some(Count { server: server.name.clone(), ..count.clone() })
}

struct Run {
    sampler: Sampler,
    results: Results,
}

/// A sample to be taken.
struct Turn<'a> {
    round: usize,
    server: &'a Server,
    load: &'a Load,
}

impl Run {
    /// The servers that start. The others are missing, and the results say why.
    fn present<'a>(&mut self, servers: Vec<&'a Server>, load: &Load) -> Result<Vec<&'a Server>> {
        let mut present = Vec::new();
        for server in servers {
            match self.sampler.missing(server, load)? {
                None => {
                    let Server { name, about, which, .. } = server.clone();
                    self.results.servers.push(Present { name, about, which });
                    present.push(server);
                }
                Some(reason) => {
                    eprintln!("bench: {} is missing: {reason}", server.name);
                    self.results.missing.push(Missing { name: server.name.clone(), reason });
                }
            }
        }
        Ok(present)
    }

    /// Why a server is not put under a load, if so.
    fn too_much(&mut self, server: &Server, load: &Load) -> Result<Option<String>> {
        if let Some(reason) = server.declines(load) {
            return Ok(Some(reason));
        }
        let most = self.sampler.stage.descriptors;
        if load.connections() + SPARE_DESCRIPTORS > most {
            return Ok(Some(format!("the limit is {most} descriptors (ulimit -Hn)")));
        }
        Ok(None)
    }

    fn take_samples(
        &mut self,
        plan: &Plan,
        servers: &[&Server],
        loads: &[&Load],
        keep: impl Fn(&Results) -> Result<()>,
    ) -> Result<()> {
        let mut turns = Vec::new();
        for round in 0..plan.rounds {
            for load in loads.iter().filter(|load| round == 0 || load.every_round) {
                let mut fit = Vec::new();
                for server in servers.iter().filter(|server| server.is_for(load)) {
                    match self.too_much(server, load)? {
                        None => fit.push(*server),
                        Some(reason) if round == 0 => {
                            let (server, load) = (server.name.clone(), load.name.to_owned());
                            self.results.not_measured.push(NotMeasured { server, load, reason });
                        }
                        Some(_) => {}
                    }
                }
                // Each round begins with another server, so that nobody always comes first.
                let first = round * fit.len() / plan.rounds;
                fit.rotate_left(first);
                turns.extend(fit.into_iter().map(|server| Turn { round, server, load }));
            }
        }
        let progress = Progress::new(turns.len());
        for (done, Turn { round, server, load }) in turns.iter().enumerate() {
            progress.show(done, &format!("round {}: {}, {}", round + 1, load.name, server.name));
            match self.take(plan, server, load, *round) {
                Ok(sample) => self.results.samples.push(sample),
                Err(error) => {
                    progress.clear();
                    let error = format!("{error:#}");
                    eprintln!("bench: {} under {}: {error}", server.name, load.name);
                    let (server, load) = (server.name.clone(), load.name.to_owned());
                    self.results.failures.push(Failure { server, load, round: *round, error });
                }
            }
            if turns.get(done + 1).is_none_or(|next| next.round != *round) {
                keep(&self.results)?;
            }
        }
        progress.clear();
        Ok(())
    }

    /// Counts instructions and system calls, in a folder that is empty afterwards.
    fn count(&mut self, servers: &[&Server], folder: &Path) -> Result<()> {
        let load = Load::find(count::LOAD).context("the load for counting is one of the loads")?;
        let servers: Vec<_> = servers.iter().filter(|server| server.is_for(load)).collect();
        let progress = Progress::new(servers.len());
        for (done, server) in servers.iter().enumerate() {
            progress.show(done, &format!("instructions and system calls of {}", server.name));
            let count = match same_program(&self.results.counts, server) {
                Some(count) => count,
                None => count::count(&mut self.sampler, server, load, folder),
            };
            self.results.counts.push(count);
        }
        progress.clear();
        Ok(())
    }

    fn take(&mut self, plan: &Plan, server: &Server, load: &Load, round: usize) -> Result<Sample> {
        self.sampler.stage.set_congestion(load.congestion.unwrap_or(&plan.congestion))?;
        self.sampler.take(server, load, round, plan.seconds)
    }
}

fn machine(plan: &Plan) -> Result<Machine> {
    let system = nix::sys::utsname::uname()?;
    let cpus = <procfs::CpuInfo as procfs::Current>::current()?;
    // A compiler that is not there has not compiled what is measured here.
    let version = |program| {
        let output = Command::new(program).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
    };
    Ok(Machine {
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        kernel: system.release().to_string_lossy().into_owned(),
        processor: cpus.model_name(0).unwrap_or("unknown").to_owned(),
        processors: mirror::run::processors()?.len(),
        congestion: plan.congestion.clone(),
        versions: ["cc", "rustc"].into_iter().filter_map(version).collect(),
        rounds: plan.rounds,
        seconds: plan.seconds.as_secs_f64(),
    })
}

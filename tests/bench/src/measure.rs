//! A run: every server in turn under every load.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use mirror::project::Project;
use mirror::show::terminal::Progress;

use crate::count;
use crate::environment::Environment;
use crate::loads::{LOADS, Load};
use crate::process::cpu_counter;
use crate::results::{Count, Failure, MeasuredServer, Results, Sample, Setup, Skipped, Unavailable};
use crate::sample::Sampler;
use crate::servers::{self, Server};

/// The folder for the files of a run, relative to the project's.
const OUTPUT: &str = "target/bench";

/// Descriptors that a server needs in addition to those of its connections.
const SPARE_DESCRIPTORS: usize = 100;

/// What to measure, and how.
#[derive(Debug)]
pub struct Plan {
    /// Names of servers; all if empty.
    pub servers: Vec<String>,
    /// Names of loads; all if empty.
    pub loads: Vec<String>,
    /// Number of rounds.
    pub rounds: usize,
    /// Duration of a sample.
    pub seconds: Duration,
    /// Whether to count instructions and system calls.
    pub counts: bool,
    /// The congestion control.
    pub congestion: String,
}

/// Runs the plan. The results are saved after each round, so that an interrupted run is not lost.
pub fn run(plan: &Plan, save: impl Fn(&Results) -> Result<()>) -> Result<Results> {
    let project = Project::find()?;
    // The servers' commands are relative to the project's folder.
    std::env::set_current_dir(project.path("."))?;
    let all = servers::all(&project)?;
    let servers = select("server", &all, &plan.servers, |server| &server.name)?;
    let loads = select("load", &LOADS, &plan.loads, |load| load.name)?;
    let setup = setup(plan)?;
    let environment = Environment::enter(&plan.congestion)?;
    let mut notes = Vec::new();
    if setup.processors == 1 {
        notes.push("There is only one processor, which servers and clients share".to_owned());
    }
    if let Err(error) = cpu_counter() {
        notes.push(format!(
            "connect_1 and connect_16 lack the CPU time of processes that are not waited for, \
             because perf_event_open failed: {error}"
        ));
    }
    for note in &notes {
        eprintln!("bench: {note}");
    }
    let logs = project.path(OUTPUT).join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let mut run =
        Run { sampler: Sampler::new(environment, logs), results: Results { setup, notes, ..Results::default() } };
    let servers = run.available(servers, loads[0])?;
    run.take_samples(plan, &servers, &loads, &save)?;
    if plan.counts {
        run.count(&servers, &project.path(OUTPUT).join("count"))?;
    }
    Ok(run.results)
}

/// The items with the given names, or all if there are none.
fn select<'a, T>(kind: &str, all: &'a [T], names: &[String], name_of: impl Fn(&'a T) -> &'a str) -> Result<Vec<&'a T>> {
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|one| name_of(one) == *name)) {
        bail!("unknown {kind} {unknown:?}: 'bench list' lists them");
    }
    let is_selected = |one: &'a T| names.is_empty() || names.iter().any(|name| name == name_of(one));
    Ok(all.iter().filter(|one| is_selected(one)).collect())
}

/// Counts have no noise, so the second baseline takes those of the first.
fn known_count(counts: &[Count], server: &Server) -> Option<Count> {
    let baseline = counts.iter().find(|count| count.server == servers::BASELINE);
    let count = baseline.filter(|_| server.name == servers::BASELINE_AGAIN)?;
    Some(Count { server: server.name.clone(), ..count.clone() })
}

struct Run {
    sampler: Sampler,
    results: Results,
}

/// A sample to take.
struct Turn<'a> {
    round: usize,
    server: &'a Server,
    load: &'a Load,
}

impl Run {
    /// The servers that can be started. The results say why the others cannot.
    fn available<'a>(&mut self, servers: Vec<&'a Server>, load: &Load) -> Result<Vec<&'a Server>> {
        let mut available = Vec::new();
        for server in servers {
            match self.sampler.start_failure(server, load)? {
                None => {
                    let Server { name, description, category, .. } = server.clone();
                    self.results.servers.push(MeasuredServer { name, description, category });
                    available.push(server);
                }
                Some(reason) => {
                    eprintln!("bench: {}: {reason}", server.name);
                    let server = server.name.clone();
                    self.results.unavailable.push(Unavailable { server, reason });
                }
            }
        }
        Ok(available)
    }

    /// The limit of the server or of this machine that a load exceeds, if any.
    fn exceeded_limit(&self, server: &Server, load: &Load) -> Option<String> {
        let descriptors = self.sampler.environment.descriptors;
        server.exceeded_limit(load).or_else(|| {
            (load.connections() + SPARE_DESCRIPTORS > descriptors)
                .then(|| format!("limited to {descriptors} descriptors (ulimit -Hn)"))
        })
    }

    fn take_samples(
        &mut self,
        plan: &Plan,
        servers: &[&Server],
        loads: &[&Load],
        save: impl Fn(&Results) -> Result<()>,
    ) -> Result<()> {
        let mut turns = Vec::new();
        for round in 0..plan.rounds {
            for load in loads.iter().filter(|load| round == 0 || load.every_round) {
                let mut in_turn = Vec::new();
                for server in servers.iter().filter(|server| server.is_measured_under(load)) {
                    match self.exceeded_limit(server, load) {
                        None => in_turn.push(*server),
                        Some(reason) if round == 0 => {
                            let (server, load) = (server.name.clone(), load.name.to_owned());
                            self.results.skipped.push(Skipped { server, load, reason });
                        }
                        Some(_) => {}
                    }
                }
                // Each round begins with a different server, so that none is always the first.
                let first = round * in_turn.len() / plan.rounds;
                in_turn.rotate_left(first);
                turns.extend(in_turn.into_iter().map(|server| Turn { round, server, load }));
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
                save(&self.results)?;
            }
        }
        progress.clear();
        Ok(())
    }

    /// Counts instructions and system calls. The folder is used for temporary files.
    fn count(&mut self, servers: &[&Server], folder: &Path) -> Result<()> {
        let load = Load::find(count::LOAD).context("the load for counting is listed")?;
        let servers: Vec<_> = servers.iter().filter(|server| server.is_measured_under(load)).collect();
        let progress = Progress::new(servers.len());
        for (done, server) in servers.iter().enumerate() {
            progress.show(done, &format!("counting instructions and system calls: {}", server.name));
            let count = match known_count(&self.results.counts, server) {
                Some(count) => count,
                None => count::count(&mut self.sampler, server, load, folder),
            };
            self.results.counts.push(count);
        }
        progress.clear();
        Ok(())
    }

    fn take(&mut self, plan: &Plan, server: &Server, load: &Load, round: usize) -> Result<Sample> {
        self.sampler.environment.set_congestion(load.congestion.unwrap_or(&plan.congestion))?;
        self.sampler.take(server, load, round, plan.seconds)
    }
}

fn setup(plan: &Plan) -> Result<Setup> {
    let system = nix::sys::utsname::uname()?;
    let cpus = <procfs::CpuInfo as procfs::Current>::current()?;
    // A compiler that is not installed has not compiled the measured programs.
    let version = |program| {
        let output = Command::new(program).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
    };
    Ok(Setup {
        date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        kernel: system.release().to_string_lossy().into_owned(),
        processor: cpus.model_name(0).unwrap_or("unknown").to_owned(),
        processors: mirror::common::parallel::processors()?.len(),
        congestion: plan.congestion.clone(),
        versions: ["cc", "rustc"].into_iter().filter_map(version).collect(),
        rounds: plan.rounds,
        seconds: plan.seconds.as_secs_f64(),
    })
}

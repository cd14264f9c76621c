//! Benchmarks this project's echo servers, in C and in Rust, beside servers on other runtimes and
//! libraries (the peers).
//!
//! | step | modules | input | output |
//! |---|---|---|---|
//! | select | [`servers`], [`loads`] | names | [`Server`](servers::Server), [`Load`](loads::Load) |
//! | start | [`environment`], [`process`] | a server | [`RunningServer`](process::RunningServer) |
//! | generate load | [`generator`], [`floor`] | a load | [`Tally`](generator::Tally) |
//! | measure | [`sample`], [`count`], [`measure`] | a plan | [`Results`] |
//! | evaluate | [`statistics`], [`targets`] | results | [`Spread`](statistics::Spread), [`Outcome`](targets::Outcome) |
//! | report | [`mod@report`], [`plot`] | results | tables, SVG |

mod count;
mod environment;
mod floor;
mod generator;
mod loads;
mod measure;
mod plot;
mod process;
mod report;
mod results;
mod sample;
mod servers;
mod statistics;
mod targets;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use mirror::project::Project;

use crate::loads::LOADS;
use crate::measure::Plan;
use crate::report::Format;
use crate::results::Results;

/// Benchmarks echo servers.
///
/// Server and clients run in a network namespace, pinned to different processors. In each round,
/// every server is started anew for every load; the clients verify each received byte. CPU time
/// is that of all threads and processes of the server, between two points in time at which nothing
/// is in flight. On loopback it includes the kernel's work to receive what the server sends.
#[derive(Parser)]
#[command(
    name = "bench",
    version,
    after_help = "Exit status: 0 success, 1 a sample failed (a wrong reply, for example), 2 the \
                  benchmark could not be run."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, print the tables, and write the results to a JSON file
    Run(RunArguments),
    /// Print the tables of an earlier run, or write its tables and plots to files
    Report(ReportArguments),
    /// List the servers and the loads
    List,
    /// Run the floor server
    #[command(hide = true)]
    Floor { port: u16, connections: usize, size: usize },
}

#[derive(Args)]
struct RunArguments {
    /// Measure only these servers
    #[arg(long, value_name = "SERVER,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure only these loads
    #[arg(long, value_name = "LOAD,…", value_delimiter = ',')]
    load: Vec<String>,
    /// Number of rounds; loads that only vary a size or the number of idle connections are
    /// measured in the first one
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Duration of each sample, after a third of that as warm-up
    #[arg(long, value_name = "SECONDS", default_value_t = 0.25, value_parser = seconds)]
    seconds: f64,
    /// TCP congestion control
    #[arg(long, value_name = "NAME", default_value = "reno")]
    congestion: String,
    /// One round, 0.1 seconds per sample, no counts by valgrind and strace
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    /// File for the results [default: target/bench/results.json in the project]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct ReportArguments {
    /// Results of an earlier run
    #[arg(value_name = "RESULTS")]
    file: PathBuf,
    /// Write the tables as Markdown (tables.md) and the plots as SVG into this folder instead
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected 0.01 to 60".into()),
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Report(arguments) => report(&arguments),
        Command::List => list(),
        Command::Floor { port, connections, size } => floor::serve(port, connections, size).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether no sample failed.
fn run(arguments: RunArguments) -> Result<bool> {
    let (rounds, seconds) = if arguments.quick { (1, 0.1) } else { (arguments.rounds, arguments.seconds) };
    let file = match arguments.json {
        Some(file) => std::path::absolute(file)?,
        None => Project::find()?.path("target/bench/results.json"),
    };
    // An unwritable path should fail before the run, not after it.
    let folder = file.parent().context("--json must name a file")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let plan = Plan {
        servers: arguments.only,
        loads: arguments.load,
        rounds: usize::from(rounds),
        seconds: Duration::from_secs_f64(seconds),
        counts: !arguments.quick,
        congestion: arguments.congestion,
    };
    let results = measure::run(&plan, |results| results.write(&file))?;
    results.write(&file)?;
    print!("{}", report::tables(&results, Format::Terminal));
    Ok(results.failures.is_empty())
}

fn report(arguments: &ReportArguments) -> Result<bool> {
    let results = Results::read(&arguments.file)?;
    match &arguments.output {
        Some(folder) => {
            report::write(&results, folder)?;
            plot::all(&results, folder)?;
        }
        None => print!("{}", report::tables(&results, Format::Terminal)),
    }
    Ok(true)
}

fn list() -> Result<bool> {
    println!("servers:");
    for server in servers::all(&Project::find()?)? {
        println!("  {:<22}{}", server.name, server.description);
    }
    println!("loads:");
    for load in &LOADS {
        println!("  {:<22}{}", load.name, load.description);
    }
    Ok(true)
}

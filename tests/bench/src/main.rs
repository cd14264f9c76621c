//! Measures echo servers side by side: those of this project, C and Rust, and what people would
//! take instead.
//!
//! | stage | module | takes | gives |
//! |---|---|---|---|
//! | what is to be done | [`servers`], [`loads`] | names | [`Server`](servers::Server), [`Load`](loads::Load) |
//! | set the stage | [`stage`], [`process`] | a server | [`Running`](process::Running) |
//! | load | [`generator`], [`floor`] | a load | [`Tally`](generator::Tally) |
//! | measure | [`sample`], [`count`], [`measure`] | a plan | [`Results`] |
//! | conclude | [`statistics`], [`targets`] | results | [`Spread`](statistics::Spread), [`Outcome`](targets::Outcome) |
//! | show | [`mod@report`], [`plot`] | results | tables, SVG |

mod count;
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
mod stage;
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
use crate::report::Form;
use crate::results::Results;

/// Measures echo servers side by side.
///
/// Server and clients run in a network namespace of their own, pinned to different processors. In
/// every round each server takes its turn under each load, started anew; all that comes back is
/// verified byte by byte. The CPU time is that of all threads and processes of the server, between
/// two moments at which nothing is in flight. On loopback it includes what the kernel does to
/// receive what the server sends.
#[derive(Parser)]
#[command(
    name = "bench",
    version,
    after_help = "Exit status: 0 everything was measured, 1 a server answered wrongly, 2 it could \
                  not be measured."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, show the tables, and keep all samples in a JSON file
    Run(RunArguments),
    /// Show the tables of an earlier run, or write its tables and plots to files
    Report(ReportArguments),
    /// List the servers and the loads
    List,
    /// Be the floor that servers are held against
    #[command(hide = true)]
    Floor { port: u16, connections: usize, size: usize },
}

#[derive(Args)]
struct RunArguments {
    /// Only these servers
    #[arg(long, value_name = "SERVER,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these loads
    #[arg(long, value_name = "LOAD,…", value_delimiter = ',')]
    load: Vec<String>,
    /// How often the servers take their turns; loads that only vary a size or the number of idle
    /// connections have one round
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long each sample takes, after a third of that to warm up
    #[arg(long, value_name = "SECONDS", default_value_t = 0.25, value_parser = seconds)]
    seconds: f64,
    /// The TCP congestion control
    #[arg(long, value_name = "NAME", default_value = "reno")]
    congestion: String,
    /// One round of 0.1 seconds each, and nothing is counted with valgrind and strace
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    /// Where the samples go [default: target/bench/results.json of the project]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct ReportArguments {
    /// What an earlier run has left
    #[arg(value_name = "JSON")]
    file: PathBuf,
    /// Write the tables as Markdown (tables.md) and the plots as SVG into this folder instead
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number from 0.01 to 60 was expected".into()),
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Report(arguments) => report(&arguments),
        Command::List => list(),
        Command::Floor { port, connections, size } => {
            floor::serve(port, connections, size).map(|()| true)
        }
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

/// The answer is whether every server answered as it should.
fn run(arguments: RunArguments) -> Result<bool> {
    let (rounds, seconds) =
        if arguments.quick { (1, 0.1) } else { (arguments.rounds, arguments.seconds) };
    let file = match arguments.json {
        Some(file) => std::path::absolute(file)?,
        None => Project::find()?.path("target/bench/results.json"),
    };
    // Whether the file can be written is better known before the run.
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
    print!("{}", report::tables(&results, Form::Terminal));
    Ok(results.failures.is_empty())
}

fn report(arguments: &ReportArguments) -> Result<bool> {
    let results = Results::read(&arguments.file)?;
    match &arguments.output {
        Some(folder) => {
            report::write(&results, folder)?;
            plot::all(&results, folder)?;
        }
        None => print!("{}", report::tables(&results, Form::Terminal)),
    }
    Ok(true)
}

fn list() -> Result<bool> {
    println!("servers:");
    for server in servers::all(&Project::find()?)? {
        println!("  {:<22}{}", server.name, server.about);
    }
    println!("loads:");
    for load in &LOADS {
        println!("  {:<22}{}", load.name, load.about);
    }
    Ok(true)
}

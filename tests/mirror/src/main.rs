//! The command line of the tool.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use mirror::commands::{bench, compare, interop, list, trace};
use mirror::common::out::{complain, nobody_reads};

/// Runs two programs that should be the same and shows where they are not.
///
/// Each run has network, PID, mount and user namespaces of its own and is watched by strace. What
/// is compared: standard output, standard error, exit status or signal, and every system call from
/// execve to exit.
#[derive(Parser)]
#[command(
    name = "mirror",
    version,
    after_help = "Exit status: 0 the programs are the same, 1 they differ or do not do what the scenario\n\
                  states, 2 it could not be found out."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare the C and the Rust of programs in their scenarios
    Compare(CompareArguments),
    /// Show both traces side by side, each call with the source line that made it
    Trace(TraceArguments),
    /// Let every server talk to every client, C and Rust, and compare what comes back
    Interop,
    /// List the programs and their scenarios
    List,
    /// Show the sizes and the instructions of the C and the Rust side by side (needs valgrind)
    Bench,
}

#[derive(Args)]
struct CompareArguments {
    /// Programs to compare, e.g. echo_server; all, if none is named
    #[arg(value_name = "PROGRAM", conflicts_with_all = ["left", "right", "scenarios"])]
    programs: Vec<String>,
    /// Only the scenario of this name
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Instead of the project's programs: any program, on the left
    #[arg(long, value_name = "CMD", requires = "right", requires = "scenarios")]
    left: Option<String>,
    /// The program to hold against it
    #[arg(long, value_name = "CMD", requires = "left")]
    right: Option<String>,
    /// The scenarios for both, a TOML file (docs/scenarios.md tells what it may say)
    #[arg(long, value_name = "FILE", requires = "left")]
    scenarios: Option<PathBuf>,
    /// Where each run leaves its trace and its output [default: target/mirror of the project, or
    /// ./mirror-output]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct TraceArguments {
    /// The program, e.g. echo_server
    #[arg(value_name = "PROGRAM")]
    program: String,
    /// The scenario; the first one, if none is named
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Show every call in full, however wide
    #[arg(long)]
    wide: bool,
}

fn main() -> ExitCode {
    if let Some(status) = mirror::run::take_over() {
        return status;
    }
    let result = match Cli::parse().command {
        Command::Compare(arguments) => compare_command(arguments),
        Command::Trace(a) => trace::run(&a.program, a.scenario.as_deref(), a.wide),
        Command::Interop => interop::run(),
        Command::List => list::run(),
        Command::Bench => bench::run(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            if !nobody_reads(&error) {
                complain(&format!("mirror: {error:#}\n"));
            }
            ExitCode::from(2)
        }
    }
}

fn compare_command(arguments: CompareArguments) -> anyhow::Result<bool> {
    match (arguments.left, arguments.right, arguments.scenarios) {
        (Some(left), Some(right), Some(scenarios)) => {
            compare::commands(&left, &right, &scenarios, arguments.scenario, arguments.output)
        }
        _ => compare::programs(&arguments.programs, arguments.scenario, arguments.output),
    }
}

//! The command line of the tool.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use mirror::commands::{bench, compare, interop, list, trace};
use mirror::common::out::{is_broken_pipe, print_error};

/// Runs two programs that should be the same and shows where they differ.
///
/// Each run has network, PID, mount and user namespaces of its own and is traced by strace.
/// Compared are standard output, standard error, the exit status or signal, and every system call
/// from execve to exit.
#[derive(Parser)]
#[command(
    name = "mirror",
    version,
    after_help = "Exit status: 0 if the programs are the same, 1 if they differ or do not do what the\n\
                  scenario states, 2 if this could not be determined."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare the C and the Rust twins of programs in their scenarios
    Compare(CompareArguments),
    /// Show both traces side by side, each call with the source line that made it
    Trace(TraceArguments),
    /// Run the servers and clients, C and Rust, with each other and with those of others
    Interop(InteropArguments),
    /// List the programs and their scenarios
    List,
    /// Show sizes and instruction counts of the C and the Rust twins (needs valgrind)
    Bench,
}

#[derive(Args)]
struct CompareArguments {
    /// Programs to compare, e.g. echo_server [default: all]
    #[arg(value_name = "PROGRAM", conflicts_with_all = ["left", "right", "scenarios"])]
    programs: Vec<String>,
    /// Only the scenario of this name, with a line of its own
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Print a line for each scenario, not only one for each program
    #[arg(short, long)]
    verbose: bool,
    /// Compare any two programs instead of the project's: the left one
    #[arg(long, value_name = "CMD", requires = "right", requires = "scenarios")]
    left: Option<String>,
    /// The right one
    #[arg(long, value_name = "CMD", requires = "left")]
    right: Option<String>,
    /// The scenarios for both, a TOML file (see docs/scenarios.md)
    #[arg(long, value_name = "FILE", requires = "left")]
    scenarios: Option<PathBuf>,
    /// Where the runs leave their traces and output [default: target/mirror in the project,
    /// ./mirror-output otherwise]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct TraceArguments {
    /// The program, e.g. echo_server
    #[arg(value_name = "PROGRAM")]
    program: String,
    /// The scenario [default: the first one]
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Show every call in full, one twin below the other
    #[arg(long)]
    wide: bool,
}

#[derive(Args)]
struct InteropArguments {
    /// Programs of others to run, e.g. python, or ours: this project's clients [default: all that are installed; see
    /// docs/interop.md]
    #[arg(value_name = "PROGRAM", conflicts_with_all = ["client", "server", "udp_client", "udp_server"])]
    programs: Vec<String>,
    /// Instead of those, run a TCP client of yours with every server, e.g. 'nc -N {ip} {port}'. It gets the words on
    /// standard input, or where {word} stands, and prints what comes back
    #[arg(long, value_name = "CMD", conflicts_with = "require")]
    client: Option<String>,
    /// Run a TCP server of yours with every client, e.g. 'ncat -lk -e /bin/cat {ip} {port}'
    #[arg(long, value_name = "CMD", conflicts_with = "require")]
    server: Option<String>,
    /// A UDP client of yours
    #[arg(long, value_name = "CMD", conflicts_with = "require")]
    udp_client: Option<String>,
    /// A UDP server of yours
    #[arg(long, value_name = "CMD", conflicts_with = "require")]
    udp_server: Option<String>,
    /// Programs that must be installed; otherwise, one that is not is passed over
    #[arg(long, value_name = "PROGRAM,…", value_delimiter = ',')]
    require: Vec<String>,
    /// Write the results to this file in JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a JUnit report to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the table to this file in Markdown, with date and versions
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    if let Some(status) = mirror::run::take_over() {
        return status;
    }
    let result = match Cli::parse().command {
        Command::Compare(arguments) => compare_command(arguments),
        Command::Trace(a) => trace::run(&a.program, a.scenario.as_deref(), a.wide),
        Command::Interop(arguments) => interop_command(arguments),
        Command::List => list::run(),
        Command::Bench => bench::run(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            if !is_broken_pipe(&error) {
                print_error(&format!("mirror: {error:#}\n"));
            }
            ExitCode::from(2)
        }
    }
}

fn interop_command(arguments: InteropArguments) -> anyhow::Result<bool> {
    let InteropArguments { programs, client, server, udp_client, udp_server, require, json, junit, page } = arguments;
    let own = interop::OwnCommands { client, server, udp_client, udp_server };
    interop::run(&interop::Options { names: programs, require, json, junit, page, own })
}

fn compare_command(arguments: CompareArguments) -> anyhow::Result<bool> {
    let CompareArguments { programs, left, right, scenarios, scenario, verbose, output } = arguments;
    let options = compare::Options { scenario, verbose, output };
    match (left, right, scenarios) {
        (Some(left), Some(right), Some(scenarios)) => compare::commands(&left, &right, &scenarios, options),
        _ => compare::programs(&programs, options),
    }
}

//! The command line of the tool.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use mirror::commands::target::{Target, TargetArguments};
use mirror::commands::{bench, compare, interop, list, report, trace};
use mirror::common::out::{is_broken_pipe, print_error};
use mirror::show::terminal::width;
use mirror::show::trace::Options;

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
    /// Show the calls of both programs, with the lines that make them, and the packets between them
    Trace(TraceArguments),
    /// Show the packets of both programs, an arrow for each
    Packets(PacketsArguments),
    /// Write one page of HTML that shows what both programs did: sources, calls, packets, output
    Report(ReportArguments),
    /// Run the servers and clients, C and Rust, with each other and with those of others
    Interop(InteropArguments),
    /// List the programs and their scenarios
    List,
    /// Show sizes and instruction counts of the C and the Rust twins (needs valgrind)
    Bench,
}

#[derive(Args)]
struct CompareArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Only the scenario of this name, with a line of its own
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Print a line for each scenario, not only one for each program
    #[arg(short, long)]
    verbose: bool,
    /// Write the account of every run to this file, as JSON: a line for each scenario (see docs/account.md)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct PacketsArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The scenario [default: the one that shows what the program is about]
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Show every line in full
    #[arg(long)]
    wide: bool,
}

#[derive(Args)]
struct ReportArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The scenarios, one after the other or separated by commas [default: the one that shows what the program is about]
    #[arg(long = "scenario", value_name = "NAME", value_delimiter = ',')]
    chosen: Vec<String>,
    /// Every scenario of the program
    #[arg(long, conflicts_with = "chosen")]
    all: bool,
    /// Where to write the page
    #[arg(short, long = "out", value_name = "FILE.html")]
    out: PathBuf,
}

#[derive(Args)]
struct TraceArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The scenario [default: the one that shows what the program is about]
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Also show the calls of the loader and of the C library's start
    #[arg(long)]
    all: bool,
    /// Only show calls of these functions, e.g. socket,send,recv
    #[arg(long, value_name = "FUNCTION", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave the packets out
    #[arg(long)]
    no_packets: bool,
    /// Show every line in full
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
        Command::Compare(CompareArguments { target, scenario, verbose, json }) => {
            Target::find(target).and_then(|target| compare::run(&target, scenario.as_deref(), verbose, json.as_deref()))
        }
        Command::Trace(TraceArguments { target, scenario, all, only, no_packets, wide }) => {
            let columns = (!wide).then(width);
            let options = Options { all, only, no_packets, columns };
            Target::find(target).and_then(|target| trace::run(&target, scenario.as_deref(), &options))
        }
        Command::Packets(PacketsArguments { target, scenario, wide }) => {
            let columns = (!wide).then(width);
            Target::find(target).and_then(|target| trace::packets(&target, scenario.as_deref(), columns))
        }
        Command::Report(ReportArguments { target, chosen, all, out }) => {
            Target::find(target).and_then(|target| report::run(&target, &chosen, all, &out))
        }
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

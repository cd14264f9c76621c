//! What each wrapper results in under which condition: a table of calls, and a check that the documentation says
//! the same.
//!
//! Each row runs in a process of its own, with default signals, no descriptor above 2 and an alarm: what it does to
//! limits, signals, user and namespaces ends with it. A row that fails prints the command that runs it again.
//!
//! A row that needs a privilege makes a user namespace of its own. Where it cannot, the row is *ignored*, with the
//! reason, and never counts as passed.
#![expect(
    unused_unsafe,
    reason = "the macro of the rows has an unsafe block for each call, whether the wrapper is unsafe or not"
)]

#[macro_use]
mod row;
#[macro_use]
mod world;

mod asynchronous;
mod connections;
mod descriptors;
mod documentation;
mod messages;
mod options;
mod others;
#[path = "../common/own_process.rs"]
mod own_process;
mod processes;
#[path = "../common/root.rs"]
mod root;
mod signals;
#[path = "../common/sources.rs"]
mod sources;
mod waiting;

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, Output};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use own_process::ROW;
use row::{Outcome, Row};

fn table() -> impl Iterator<Item = &'static Row> {
    [
        asynchronous::ROWS,
        connections::ROWS,
        descriptors::ROWS,
        messages::ROWS,
        options::ROWS,
        others::ROWS,
        processes::ROWS,
        signals::ROWS,
        waiting::ROWS,
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [ROW, name] => run_here(name),
        [world::HOLD] => {
            world::hold();
            ExitCode::SUCCESS
        }
        _ => {
            let rows = table().map(|row| Trial::ignorable_test(row.name(), || run(row)));
            let trials = rows.chain(documentation::trials()).collect();
            libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
        }
    }
}

/// Runs a row in this process, and prints its outcome.
fn run_here(name: &str) -> ExitCode {
    let Some(row) = table().find(|row| row.name() == name) else {
        eprintln!("no such row: {name}");
        return ExitCode::from(2);
    };
    world::begin();
    match (row.call)() {
        Outcome::Succeeded => println!("OK"),
        Outcome::Failed(number) => println!("failed {number}"),
        Outcome::Wrong => println!("succeeded, but not as stated"),
    }
    ExitCode::SUCCESS
}

/// Runs a row in a process of its own, and compares.
fn run(row: &Row) -> Result<Completion, Failed> {
    let name = row.name();
    let output = own_process::run(&name)?;
    if let Some(ignored) = own_process::not_run(&output) {
        return Ok(ignored);
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let (came, as_expected) = compare(row, &output, printed.trim_end());
    if as_expected {
        return Ok(Completion::Completed);
    }
    let again = own_process::again(&name, &output)?;
    let Row { wrapper, condition, expected, .. } = row;
    Err(format!("{wrapper}: {condition}: expected {expected}, but: {came}\n{again}").into())
}

/// What a row's process resulted in, in words, and whether the row says so.
fn compare(row: &Row, output: &Output, printed: &str) -> (String, bool) {
    if let Some(signal) = output.status.signal() {
        let name = Signal::try_from(signal).map_or("an unknown signal", Signal::as_str);
        let hung = if signal == libc::SIGALRM { ": the call did not return" } else { "" };
        return (format!("{name}{hung}"), row.expected.starts_with("SIG") && signal == row.number);
    }
    if !output.status.success() {
        return (format!("the row could not be made: {}", output.status), false);
    }
    match printed.strip_prefix("failed ").and_then(|number| number.parse().ok()) {
        Some(number) => {
            let name = format!("{:?} ({number})", Errno::from_raw(number));
            (name, row.expected.starts_with('E') && number == row.number)
        }
        None => (printed.to_owned(), printed == row.expected),
    }
}

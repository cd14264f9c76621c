//! Whatever a safe function is given, it does not touch memory that is not its own: each of them is called with
//! absurd values, from code that is safe itself.
//!
//! Each row runs in a process of its own, since some end it, and with an alarm. A row fails if its process ends in
//! another way than the row says: by SIGSEGV, by a panic, by the alarm. Where a function returns what the kernel has
//! stored, it is called on stacks of different contents, and must return the same. A row that fails prints the command
//! that runs it again.
//!
//! The sources are parsed, too: a safe public function without a row is an error.
//!
//! Safe means here: memory is safe, and no descriptor is closed, replaced or made non-blocking that somebody else may
//! have. What is sent, received or set as an option may be anybody's descriptor, as in C; and a process may be killed.
#![deny(unsafe_code)]

#[path = "../common/sources.rs"]
mod files;
mod given;
#[path = "../common/own_process.rs"]
mod own_process;
#[path = "../common/root.rs"]
mod root;
mod rows;
mod sources;

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, Output};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::sys::signal::Signal;
use own_process::ROW;
use rows::End;

/// What a row's process ends with if the call returned. No row asks a function to exit with it.
const RETURNED: u8 = 77;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, name] = &arguments[..]
        && first == ROW
    {
        return run_here(name);
    }
    let trials = rows::table().into_iter().map(|row| {
        let (name, end) = (row.name(), row.end);
        Trial::ignorable_test(name.clone(), move || run(&name, end))
    });
    let trials = trials.chain(sources::trials()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Runs a row in this process.
fn run_here(name: &str) -> ExitCode {
    let Some(row) = rows::table().into_iter().find(|row| row.name() == name) else {
        eprintln!("no such row: {name}");
        return ExitCode::from(2);
    };
    given::begin();
    (row.call)();
    ExitCode::from(RETURNED)
}

/// Runs a row in a process of its own, and compares.
fn run(name: &str, end: End) -> Result<Completion, Failed> {
    let output = own_process::run(name)?;
    if let Some(ignored) = own_process::not_run(&output) {
        return Ok(ignored);
    }
    if is_as_expected(end, &output) {
        return Ok(Completion::Completed);
    }
    let (status, again) = (describe(&output), own_process::again(name, &output)?);
    Err(format!("expected {end:?}, but: {status}\n{again}").into())
}

fn is_as_expected(end: End, output: &Output) -> bool {
    let code = output.status.code();
    let returned = code == Some(RETURNED.into());
    match end {
        End::Returns => returned,
        End::MayFail => returned || code == Some(1),
        End::MayExit => returned || matches!(code, Some(0..=2)),
        End::Exits(status) => code == Some(status),
        End::Killed(signal) => output.status.signal() == Some(signal as i32),
    }
}

/// What a row's process resulted in, in words.
fn describe(output: &Output) -> String {
    match (output.status.code(), output.status.signal()) {
        (Some(code), _) if code == RETURNED.into() => "it returned".to_owned(),
        (_, Some(libc::SIGALRM)) => "the call did not return".to_owned(),
        (_, Some(signal)) => Signal::try_from(signal).map_or("an unknown signal", Signal::as_str).to_owned(),
        _ => output.status.to_string(),
    }
}

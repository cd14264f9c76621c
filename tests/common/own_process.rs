//! A row of a table that runs in a process of its own: this program, started anew with the row's name.

use std::env;
use std::io;
use std::process::{Command, Output, Stdio};

use libtest_mimic::Completion;

/// The argument before a row's name.
pub const ROW: &str = "--row";

/// What a row prints that cannot be run here, before the reason.
pub const NOT_RUN: &str = "not run: ";

/// Runs a row, and waits for its end.
pub fn run(name: &str) -> io::Result<Output> {
    let mut command = Command::new(env::current_exe()?);
    command.args([ROW, name]).env_clear().current_dir("/").stdin(Stdio::null()).output()
}

/// What a trial is if its row could not be run.
pub fn not_run(output: &Output) -> Option<Completion> {
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.strip_prefix(NOT_RUN).map(|reason| Completion::ignored_with(reason.trim_end()))
}

/// What a row has said, and the command that runs it again.
pub fn again(name: &str, output: &Output) -> io::Result<String> {
    let (program, name) = (env::current_exe()?, name.replace('\'', "'\\''"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    Ok(format!("{stderr}run it again: {} {ROW} '{name}'", program.display()))
}

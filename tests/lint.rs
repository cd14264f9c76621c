//! The sources are formatted, clippy and the C compiler have nothing to say, and the documentation builds.

#[path = "common/root.rs"]
mod root;
#[path = "common/sources.rs"]
mod sources;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use root::root;
use sources::files;

fn main() -> ExitCode {
    let trials = vec![
        Trial::test("formatted", formatted),
        Trial::ignorable_test("c_is_formatted", c_is_formatted),
        Trial::test("clippy", clippy),
        Trial::test("formats_of_the_c", formats_of_the_c),
        Trial::test("documentation", documentation),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Runs cargo, which must succeed.
fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), Failed> {
    let mut command = Command::new(env!("CARGO"));
    succeed(command.args(arguments).envs(environment.iter().copied()))
}

fn succeed(command: &mut Command) -> Result<(), Failed> {
    let output = command.current_dir(root()).output();
    let output = output.map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let difference = String::from_utf8_lossy(&output.stdout);
    Err(format!("{command:?}:\n{message}{difference}").into())
}

fn formatted() -> Result<(), Failed> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["fmt", "--check", "--manifest-path", "tests/bench/peers/rust/Cargo.toml"], &[])
}

/// Versions 14 and 19 of clang-format agree on these files.
fn c_is_formatted() -> Result<Completion, Failed> {
    if Command::new("clang-format").arg("--version").output().is_err() {
        return Ok(Completion::ignored_with("clang-format is not installed"));
    }
    let folder = root().join("c-reference");
    let mut command = Command::new("clang-format");
    command.args(["--dry-run", "--Werror"]).args(files(&folder, "c")?).args(files(&folder, "h")?);
    succeed(&mut command)?;
    Ok(Completion::Completed)
}

fn clippy() -> Result<(), Failed> {
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"], &[])
}

/// What the programs are compiled with does not let gcc look at the formats of printf.
fn formats_of_the_c() -> Result<(), Failed> {
    succeed(Command::new("make").args(["--silent", "check-c"]))
}

fn documentation() -> Result<(), Failed> {
    cargo(
        &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"],
        &[("RUSTDOCFLAGS", "--deny warnings")],
    )
}

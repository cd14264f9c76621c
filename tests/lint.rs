//! The sources are formatted, clippy and the C compiler have nothing to say, and the documentation builds.

#[path = "common/root.rs"]
mod root;

use std::process::Command;

use root::root;

/// Runs cargo, which must succeed.
fn cargo(arguments: &[&str], environment: &[(&str, &str)]) {
    let mut command = Command::new(env!("CARGO"));
    succeed(command.args(arguments).envs(environment.iter().copied()));
}

fn succeed(command: &mut Command) {
    let output = command.current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let message = String::from_utf8_lossy(&output.stderr);
    let difference = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}:\n{message}{difference}");
}

#[test]
fn formatted() {
    cargo(&["fmt", "--all", "--check"], &[]);
    cargo(&["fmt", "--check", "--manifest-path", "tests/bench/peers/rust/Cargo.toml"], &[]);
}

#[test]
fn clippy() {
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"], &[]);
}

/// What the programs are compiled with does not let gcc look at the formats of printf.
#[test]
fn formats_of_the_c() {
    succeed(Command::new("make").args(["--silent", "check-c"]));
}

#[test]
fn documentation() {
    cargo(
        &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"],
        &[("RUSTDOCFLAGS", "--deny warnings")],
    );
}

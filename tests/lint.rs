//! The sources are formatted, clippy has nothing to say, and the documentation builds.

use std::process::Command;

/// Runs cargo, which must succeed.
fn cargo(arguments: &[&str], environment: &[(&str, &str)]) {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .envs(environment.iter().copied())
        .output()
        .expect("cargo runs this test");
    let message = String::from_utf8_lossy(&output.stderr);
    let difference = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo {}:\n{message}{difference}", arguments.join(" "));
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

#[test]
fn documentation() {
    cargo(
        &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"],
        &[("RUSTDOCFLAGS", "--deny warnings")],
    );
}

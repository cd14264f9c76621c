//! The sources are formatted, clippy and the C compiler have nothing to say, the documentation builds, and no document is
//! damaged: its code blocks are closed, its headings stand alone, and its Korean has the same of both.

#[path = "common/root.rs"]
mod root;
#[path = "common/sources.rs"]
mod sources;

use std::path::Path;
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
        Trial::test("documents", documents),
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

fn documents() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for file in files(root(), "md")? {
        let name = file.strip_prefix(root())?.display().to_string();
        // What others have written, and what is built.
        if name.starts_with("target/") || name.contains("node_modules/") {
            continue;
        }
        let parts = parts(&file, &name, &mut wrong)?;
        let korean = file.with_extension("ko.md");
        if !name.ends_with(".ko.md") && korean.is_file() {
            let other = self::parts(&korean, &name.replace(".md", ".ko.md"), &mut Vec::new())?;
            if parts != other {
                wrong.push(format!("{name}: (headings, code blocks): {parts:?}, in Korean {other:?}"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// How many headings and code blocks a document has.
fn parts(file: &Path, name: &str, wrong: &mut Vec<String>) -> Result<(usize, usize), Failed> {
    let text = std::fs::read_to_string(file)?;
    let (mut headings, mut blocks) = (0, 0);
    // The line and the mark that opened a code block.
    let mut open: Option<(usize, &str)> = None;
    let mut before = "";
    for (number, line) in (1..).zip(text.lines()) {
        let mark = &line[..line.len() - line.trim_start_matches('`').len()];
        match open {
            Some((_, opening)) if line == opening => open = None,
            Some(_) => {}
            None if mark.len() >= 3 => {
                open = Some((number, mark));
                blocks += 1;
            }
            None if line.trim_start_matches('#').starts_with(' ') && line.starts_with('#') => {
                headings += 1;
                if !before.is_empty() && !before.starts_with("+++") && !before.starts_with("<a ") {
                    wrong.push(format!("{name}:{number}: a heading without an empty line before it"));
                }
            }
            None => {}
        }
        before = line;
    }
    if let Some((number, _)) = open {
        wrong.push(format!("{name}:{number}: a code block that is not closed"));
    }
    Ok((headings, blocks))
}

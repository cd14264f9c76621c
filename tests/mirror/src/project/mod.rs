//! The project's programs and their scenarios.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

pub use case::{Case, cases};
pub use pair::{Pair, Twin};

use crate::scenario::ScenarioFile;

mod case;
pub mod matrix;
mod pair;

/// The servers, one for each I/O model.
pub const MODELS: [&str; 8] = [
    "echo_server_fork",
    "echo_server_nonblocking",
    "echo_server_select",
    "echo_server_poll",
    "echo_server_epoll",
    "echo_server_sigio",
    "echo_server_aio",
    "echo_server_uring",
];

/// The folder that holds this project.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

/// What this tool reads from the project's `Cargo.toml`.
#[derive(Deserialize)]
struct Manifest {
    bin: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    name: String,
}

impl Project {
    /// Finds the project that the current directory is in.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir()?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("tests/scenarios").is_dir() && folder.join("c-reference").is_dir());
        let root = root.context(
            "not in the Sockmirror project (to compare programs of your own, use --left, \
             --right and --scenarios)",
        )?;
        Ok(Self { root: root.to_owned() })
    }

    /// A file or folder of the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where runs leave their files.
    pub fn output(&self) -> PathBuf {
        self.path("target/mirror")
    }

    /// Builds all programs, so that none is out of date.
    pub fn build(&self) -> Result<()> {
        // The jobserver's descriptors of a `make` that has started this tool are closed.
        let flags = std::env::var("MAKEFLAGS").unwrap_or_default();
        let flags = flags
            .split(' ')
            .filter(|flag| !flag.starts_with("--jobserver") && !flag.starts_with("-j") && !flag.is_empty());
        let status = Command::new("make")
            .args(["--silent", "build"])
            .env("MAKEFLAGS", flags.collect::<Vec<_>>().join(" "))
            .current_dir(&self.root)
            .stdin(Stdio::null())
            // Its output must not mix with this tool's.
            .stdout(std::io::stderr().as_fd().try_clone_to_owned()?)
            .status();
        ensure!(status.context("make is missing: please install it")?.success(), "`make build` failed");
        Ok(())
    }

    /// The names of all programs, in the order of `Cargo.toml`, which is the tutorial's.
    pub fn programs(&self) -> Result<Vec<String>> {
        let path = self.path("Cargo.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Manifest = toml::from_str(&text)?;
        Ok(manifest.bin.into_iter().map(|program| program.name).collect())
    }

    /// The twins of these programs, or of all if none is named.
    pub fn pairs(&self, names: &[String]) -> Result<Vec<Pair>> {
        let programs = self.programs()?;
        for name in names {
            if !programs.contains(name) {
                bail!("no such program: '{name}'; the programs are: {}", programs.join(", "));
            }
        }
        let wanted = programs.iter().filter(|p| names.is_empty() || names.contains(p));
        wanted.map(|name| self.pair(name)).collect()
    }

    fn pair(&self, name: &str) -> Result<Pair> {
        let path = self.path(&format!("tests/scenarios/{name}.toml"));
        let scenarios = ScenarioFile::read(&path)?;
        ensure!(
            scenarios.program == name,
            "{}: program = {:?}: expected {name:?}, as in the file's name",
            path.display(),
            scenarios.program
        );
        Ok(Pair { scenarios, twins: [self.c(name), self.rust(name)] })
    }

    /// The C twin of a program.
    pub fn c(&self, name: &str) -> Twin {
        self.twin("C", "target/c-reference", name, &["c-reference"])
    }

    /// The Rust twin of a program. The wrappers are not among its own sources: a call comes from the line that calls
    /// the wrapper.
    pub fn rust(&self, name: &str) -> Twin {
        self.twin("Rust", "target/release", name, &["src/bin", "src/common", "src/server"])
    }

    fn twin(&self, label: &str, folder: &str, name: &str, own: &[&str]) -> Twin {
        let file = self.path(folder).join(name);
        Twin {
            label: label.to_owned(),
            command: vec![file.to_string_lossy().into_owned()],
            own: own.iter().map(|folder| self.path(folder)).collect(),
            visible: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::check_injections;

    #[test]
    fn the_injections_of_all_scenarios_are_valid() {
        let pairs = Project::find().unwrap().pairs(&[]).unwrap();
        let scenarios: Vec<_> = pairs.iter().flat_map(|pair| &pair.scenarios.scenarios).collect();
        assert!(scenarios.iter().any(|scenario| !scenario.inject.is_empty()));
        check_injections(Path::new("strace"), &scenarios).unwrap();
    }
}

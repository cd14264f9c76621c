//! Two programs that should be the same.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use nix::unistd::{AccessFlags, access};

use crate::common::tools::find_program;
use crate::run::world::{WORK, WRITABLE};
use crate::scenario::ScenarioFile;

/// Two programs that should be the same, and their scenarios.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The scenarios for both.
    pub scenarios: ScenarioFile,
    /// The left and the right program.
    pub twins: [Twin; 2],
}

/// One of the two programs.
#[derive(Debug, Clone)]
pub struct Twin {
    /// What reports call it.
    pub label: String,
    /// The program's file, followed by its leading arguments.
    pub command: Vec<String>,
    /// The folders of its own sources, if known: see [`Places`](crate::account::places::Places).
    pub own: Vec<PathBuf>,
    /// Files that the command line names; see [`Job::visible`](crate::run::job::Job::visible).
    pub visible: Vec<(PathBuf, PathBuf)>,
}

impl Twin {
    /// Any program, from a command line.
    pub fn from_command_line(label: &str, command_line: &str) -> Result<Self> {
        let mut command = shlex::split(command_line)
            .filter(|words| !words.is_empty())
            .with_context(|| format!("--{label}: invalid command line {command_line:?}"))?;
        let file = find_program(&command[0]).with_context(|| format!("--{label}: no such program: {}", command[0]))?;
        access(&file, AccessFlags::X_OK)
            .with_context(|| format!("--{label}: {} cannot be executed", file.display()))?;
        command[0] = file.to_string_lossy().into_owned();
        let visible = command[1..].iter().filter_map(|word| visible(word)).collect();
        Ok(Self { label: label.to_owned(), command, own: Vec::new(), visible })
    }
}

/// A file that a command line names and that the run would not see otherwise: one below the current
/// directory, or in a folder that a run has its own version of.
fn visible(word: &str) -> Option<(PathBuf, PathBuf)> {
    let path = Path::new(word);
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    let place = if path.is_absolute() {
        let own = |folder: &&&str| path.starts_with(folder) && path != Path::new(folder);
        WRITABLE.iter().find(own)?;
        path.to_owned()
    } else {
        path.components().all(plain).then(|| Path::new(WORK).join(path))?
    };
    Some((path.canonicalize().ok()?, place))
}

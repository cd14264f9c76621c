//! What the subcommands work on: programs of the project, or any two.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::project::{Pair, Project, Twin};
use crate::scenario::ScenarioFile;

/// The arguments that name it.
#[derive(Debug, Clone, Args)]
pub struct TargetArguments {
    /// Programs of the project, e.g. echo_server [default: all]
    #[arg(value_name = "PROGRAM", conflicts_with_all = ["left", "right", "scenarios"])]
    programs: Vec<String>,
    /// Any two programs instead of the project's: the left one
    #[arg(long, value_name = "CMD", requires = "right", requires = "scenarios")]
    left: Option<String>,
    /// The right one
    #[arg(long, value_name = "CMD", requires = "left")]
    right: Option<String>,
    /// The scenarios for both, a TOML file (see docs/scenarios.md)
    #[arg(long, value_name = "FILE", requires = "left")]
    scenarios: Option<PathBuf>,
    /// Where the runs leave their traces and output [default: target/mirror in the project,
    /// ./mirror-output otherwise]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Programs to run.
#[derive(Debug)]
pub struct Target {
    /// The programs.
    pub pairs: Vec<Pair>,
    /// Where runs leave their files.
    pub output: PathBuf,
    /// What the paths of sources are relative to.
    pub base: PathBuf,
    /// The words of the command line that name it; none for a program of the project.
    words: Vec<String>,
    /// The words that name another folder for the output.
    output_words: Vec<String>,
}

impl Target {
    /// Finds the programs. Those of the project are built.
    pub fn find(arguments: TargetArguments) -> Result<Self> {
        let TargetArguments { programs, left, right, scenarios, output } = arguments;
        let output_words = output.iter().flat_map(|folder| ["--output".into(), folder.to_string_lossy().into_owned()]);
        let output_words = output_words.collect();
        let (Some(left), Some(right), Some(scenarios)) = (left, right, scenarios) else {
            let project = Project::find()?;
            let pairs = project.pairs(&programs)?;
            project.build()?;
            let output = output.unwrap_or_else(|| project.output());
            return Ok(Self { pairs, output, base: project.path(""), words: Vec::new(), output_words });
        };
        let pair = Pair {
            scenarios: ScenarioFile::read(&scenarios)?,
            twins: [Twin::from_command_line("left", &left)?, Twin::from_command_line("right", &right)?],
        };
        let file = scenarios.to_string_lossy().into_owned();
        Ok(Self {
            pairs: vec![pair],
            output: output.unwrap_or_else(|| PathBuf::from("mirror-output")),
            base: std::env::current_dir().context("the current directory is not known")?,
            words: ["--left", &left, "--right", &right, "--scenarios", &file].map(str::to_owned).to_vec(),
            output_words,
        })
    }

    /// A pair that is built already.
    pub fn of_pair(pair: Pair, output: PathBuf, base: &Path) -> Self {
        let (words, output_words) = Default::default();
        Self { pairs: vec![pair], output, base: base.to_owned(), words, output_words }
    }

    /// The only pair.
    pub fn only(&self) -> Result<&Pair> {
        match self.pairs.as_slice() {
            [pair] => Ok(pair),
            _ => bail!("which program? Name one, e.g. echo_server (`mirror list` shows all)"),
        }
    }

    /// The command that does this again in one scenario, ready to paste.
    pub fn again(&self, subcommand: &str, program: &str, scenario: &str) -> String {
        let mut words = vec![own_name(), subcommand.to_owned()];
        if self.words.is_empty() {
            words.push(program.to_owned());
        }
        words.extend(self.words.iter().cloned());
        words.extend(["--scenario".to_owned(), scenario.to_owned()]);
        words.extend(self.output_words.iter().cloned());
        // Only a NUL cannot be quoted, and a command line has none.
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
    }
}

/// The path that runs this program again from the current directory.
fn own_name() -> String {
    let name = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let here = std::env::current_dir().unwrap_or_default();
    let name = name.strip_prefix(&here).unwrap_or(Path::new(&name));
    name.to_string_lossy().into_owned()
}

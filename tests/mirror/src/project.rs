//! Where the twins and their scenarios are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::scenario::ScenarioFile;

/// The servers of the I/O models.
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

/// Two programs that should be the same, and what is done to them.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What is done to both.
    pub scenarios: ScenarioFile,
    /// The left and the right program.
    pub twins: [Twin; 2],
}

/// One of the two programs.
#[derive(Debug, Clone)]
pub struct Twin {
    /// What reports call it.
    pub label: String,
    /// The program's file and what always stands first on its command line.
    pub command: Vec<String>,
    /// Its source file, where it is known.
    pub source: Option<PathBuf>,
}

/// The folder that holds this project.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

/// What this tool wants to know of the project's `Cargo.toml`.
#[derive(Deserialize)]
struct Manifest {
    bin: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    name: String,
}

impl Project {
    /// Finds the project around the current directory.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir()?;
        let root = here.ancestors().find(|folder| {
            folder.join("tests/scenarios").is_dir() && folder.join("c-reference").is_dir()
        });
        let root = root.context(
            "this is no folder of Sockmirror (to compare programs of your own: \
             --left, --right and --scenarios)",
        )?;
        Ok(Self { root: root.to_owned() })
    }

    /// A file or folder of the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where runs leave what they saw.
    pub fn output(&self) -> PathBuf {
        self.path("target/mirror")
    }

    /// The names of all programs, in the order of `Cargo.toml`, which is the tutorial's.
    pub fn programs(&self) -> Result<Vec<String>> {
        let path = self.path("Cargo.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Manifest = toml::from_str(&text)?;
        Ok(manifest.bin.into_iter().map(|program| program.name).collect())
    }

    /// The C and the Rust of these programs; of all, where none is named.
    pub fn pairs(&self, names: &[String]) -> Result<Vec<Pair>> {
        let programs = self.programs()?;
        for name in names {
            if !programs.contains(name) {
                bail!("there is no program '{name}'; there are: {}", programs.join(", "));
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
            "{}: program = {:?}, but the file's name says {name}",
            path.display(),
            scenarios.program
        );
        Ok(Pair { scenarios, twins: [self.c(name), self.rust(name)] })
    }

    /// The C twin of a program.
    pub fn c(&self, name: &str) -> Twin {
        self.twin("C", "target/c-reference", name, &format!("c-reference/{name}.c"))
    }

    /// The Rust twin of a program.
    pub fn rust(&self, name: &str) -> Twin {
        self.twin("Rust", "target/release", name, &format!("src/bin/{name}.rs"))
    }

    fn twin(&self, label: &str, folder: &str, name: &str, source: &str) -> Twin {
        let file = self.path(folder).join(name);
        Twin {
            label: label.to_owned(),
            command: vec![file.to_string_lossy().into_owned()],
            source: Some(self.path(source)),
        }
    }
}

impl Twin {
    /// Somebody's own program, from a command line.
    pub fn from_command_line(label: &str, command_line: &str) -> Result<Self> {
        let mut command = shlex::split(command_line)
            .filter(|words| !words.is_empty())
            .with_context(|| format!("--{label} {command_line:?} is no command"))?;
        command[0] = find_program(&command[0])
            .with_context(|| format!("--{label}: there is no program {}", command[0]))?;
        Ok(Self { label: label.to_owned(), command, source: None })
    }
}

fn find_program(name: &str) -> Option<String> {
    let absolute = |path: PathBuf| {
        let path = path.canonicalize().ok().filter(|path| path.is_file())?;
        path.to_str().map(str::to_owned)
    };
    if name.contains('/') {
        return absolute(Path::new(name).to_owned());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).find_map(|folder| absolute(folder.join(name)))
}

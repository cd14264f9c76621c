//! What came of the exchanges.

use serde::Serialize;

/// All of them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Results {
    /// When they were made, in UTC.
    pub date: String,
    /// The names of the columns, which are programs of this project.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// What came of the exchanges with one program.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Whether it is a program of this project.
    pub ours: bool,
    /// The package that it is from.
    pub package: Option<String>,
    /// Its version, if that was asked for.
    pub version: Option<String>,
    /// Why there is nothing in its cells.
    pub missing: Option<Missing>,
    /// One cell for each column; `None` where the two have nothing to say to each other.
    pub cells: Vec<Option<Cell>>,
}

/// Why a program could not be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It is not there. This package has it.
    NotInstalled(String),
    /// It could not be built, for this reason.
    NotBuilt(String),
}

/// What came of the exchanges of one program with the two twins of a column.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cell {
    /// How many words were exchanged, with both twins. Exceptions do not count.
    pub words: usize,
    /// How many of them came back whole.
    pub same: usize,
    /// Whether the two cannot exchange anything.
    pub cannot_meet: bool,
    /// What was not exchanged, and why.
    pub exceptions: Vec<Exception>,
    /// What went wrong.
    pub failures: Vec<Failure>,
}

/// A word that a program cannot exchange.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Exception {
    /// The program.
    pub of: String,
    /// The word's name.
    pub word: String,
    /// The reason.
    pub because: String,
}

/// Something that went wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Which twin it was with: `C` or `Rust`.
    pub twin: String,
    /// The word, if it concerns one.
    pub word: Option<String>,
    /// What happened.
    pub what: String,
}

impl Cell {
    /// Whether all is well, but for the exceptions.
    pub fn is_same(&self) -> bool {
        self.failures.is_empty() && self.same == self.words
    }

    /// What stands in the table.
    pub fn text(&self) -> String {
        match (self.is_same(), self.exceptions.is_empty()) {
            (true, false) if self.cannot_meet => "–*".to_owned(),
            (true, true) => "same".to_owned(),
            (true, false) => "same*".to_owned(),
            (false, _) => format!("{} of {}", self.same, self.words),
        }
    }
}

impl Missing {
    /// What stands in the table.
    pub fn text(&self) -> String {
        match self {
            Missing::NotInstalled(package) => format!("not installed ({package})"),
            Missing::NotBuilt(_) => "not built".to_owned(),
        }
    }
}

impl Results {
    /// The exceptions, each once.
    pub fn exceptions(&self) -> Vec<Exception> {
        let cells = self.rows.iter().flat_map(|row| row.cells.iter().flatten());
        let mut all: Vec<Exception> = cells.flat_map(|cell| cell.exceptions.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether nothing went wrong, and nothing could not be built.
    pub fn are_same(&self) -> bool {
        let built = |row: &Row| !matches!(row.missing, Some(Missing::NotBuilt(_)));
        let cells_are_same = |row: &Row| row.cells.iter().flatten().all(Cell::is_same);
        self.rows.iter().all(|row| built(row) && cells_are_same(row))
    }
}

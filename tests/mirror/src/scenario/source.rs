//! The text of a scenario file, where in it each thing stands, and what is wrong with it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
    /// Where each line ends.
    newlines: Vec<usize>,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the scenarios in {}", path.display()))?;
        Ok(Self::new(path, text))
    }

    pub(crate) fn new(path: &Path, text: String) -> Self {
        let newlines = text.match_indices('\n').map(|(place, _)| place).collect();
        Self { path: path.to_owned(), text, newlines }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file that a field of this one names, relative to this one's folder.
    pub(super) fn read_named(
        &self,
        field: &str,
        name: &str,
        line: usize,
        read: &dyn Fn(&Path) -> Result<Self>,
    ) -> Result<Self> {
        let path = self.path.parent().unwrap_or(&self.path).join(name);
        read(&path).with_context(|| format!("{}:{line}: {field}: {name:?}", self.path.display()))
    }

    pub(crate) fn line(&self, span: &Range<usize>) -> usize {
        self.newlines.partition_point(|&place| place < span.start) + 1
    }

    pub(crate) fn table(&self) -> Result<Spanned<DeTable<'_>>> {
        DeTable::parse(&self.text).map_err(|error| self.form_error(&error))
    }

    /// The file's values, from its table.
    pub(crate) fn form<Form: DeserializeOwned>(&self, table: Spanned<DeTable<'_>>) -> Result<Form> {
        Form::deserialize(Deserializer::from(table)).map_err(|mut error| {
            error.set_input(Some(&self.text));
            self.form_error(&error)
        })
    }

    /// What toml has to say, after the place.
    fn form_error(&self, error: &toml::de::Error) -> anyhow::Error {
        let line = error.span().map_or(1, |span| self.line(&span));
        anyhow!("{}:{line}: {}", self.path.display(), error.to_string().trim_end())
    }
}

/// Where the fields of a file and of its scenarios stand.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) path: PathBuf,
    /// What stands before the first scenario.
    pub(super) head: Lines,
    pub(super) scenarios: Vec<Lines>,
}

/// The lines of a table, of its fields, and of the elements of those that are arrays.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begin: usize,
    fields: BTreeMap<String, (usize, Vec<usize>)>,
    dialogues: StepDialogues,
}

/// For each list of steps, and each step there, its dialogue in words, if it is from one.
pub(super) type StepDialogues = BTreeMap<&'static str, Vec<Option<String>>>;

impl Lines {
    pub(super) fn of(table: &DeTable<'_>, begin: usize, source: &Source) -> Self {
        let field = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let elements = value.get_ref().as_array().into_iter().flatten();
            let elements = elements.map(|element| source.line(&element.span())).collect();
            (source.line(&key.span()), elements)
        };
        let fields = table.iter().map(|(key, value)| (key.to_string(), field((key, value))));
        Self { begin, fields: fields.collect(), dialogues: StepDialogues::new() }
    }

    pub(super) fn with_dialogues(self, dialogues: StepDialogues) -> Self {
        Self { dialogues, ..self }
    }

    /// The line of a field, or of one of its elements; where the table begins, if it has no such
    /// field.
    pub(super) fn line(&self, field: &str, element: Option<usize>) -> usize {
        let Some((line, elements)) = self.fields.get(field) else {
            return self.begin;
        };
        element.and_then(|element| elements.get(element)).copied().unwrap_or(*line)
    }

    /// The line where the table begins.
    pub(super) fn begin(&self) -> usize {
        self.begin
    }

    /// The dialogue that a step is from, in words.
    pub(super) fn dialogue(&self, list: &str, step: usize) -> Option<&str> {
        self.dialogues.get(list)?.get(step)?.as_deref()
    }
}

/// What is wrong with scenarios, and where.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

#[derive(Debug)]
struct Mistake {
    path: PathBuf,
    line: usize,
    /// What it is a mistake of, as `scenario 'a'`.
    owner: String,
    what: String,
}

impl Mistakes {
    pub(crate) fn add(&mut self, path: &Path, line: usize, what: String) {
        self.0.push(Mistake { path: path.to_owned(), line, owner: String::new(), what });
    }

    /// Adds a mistake of a scenario, unless another one has the same in the same line: then both
    /// have it from the defaults.
    pub(super) fn add_of_scenario(&mut self, path: &Path, line: usize, name: &str, what: String) {
        let owner = format!("scenario '{name}'");
        let is_of_another =
            |other: &Mistake| other.path == path && other.line == line && other.what == what && other.owner != owner;
        if !self.0.iter().any(is_of_another) {
            self.0.push(Mistake { path: path.to_owned(), line, owner, what });
        }
    }

    /// Fails if there are any, with all of them, one on a line.
    pub(crate) fn check(mut self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        // Those of one line stay in their order.
        self.0.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
        let told = self
            .0
            .iter()
            .map(|Mistake { path, line, owner, what }| format!("{}:{line}: {owner}{what}", path.display()));
        bail!("{}", told.collect::<Vec<_>>().join("\n"))
    }
}

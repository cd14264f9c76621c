//! The text of a scenario file, and where in it each thing stands.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Step;
use super::roles::place_name;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    text: String,
    /// What stands before the first scenario.
    head: Lines,
    scenarios: Vec<Lines>,
}

/// The lines of a table, of its fields, and of the elements of those that are arrays.
#[derive(Debug, Default)]
struct Lines {
    begin: usize,
    fields: BTreeMap<String, (usize, Vec<usize>)>,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the scenarios in {}", path.display()))?;
        Self::new(path, text)
    }

    pub(super) fn new(path: &Path, text: String) -> Result<Self> {
        let all = DeTable::parse(&text).map_err(|error| form_error(path, &text, &error))?;
        let newlines: Vec<usize> = text.match_indices('\n').map(|(place, _)| place).collect();
        let line = |span: Range<usize>| newlines.partition_point(|&place| place < span.start) + 1;
        let head = Lines::of(all.get_ref(), 1, line);
        let scenarios = all.get_ref().get("scenario").and_then(|array| array.get_ref().as_array());
        let lines = |scenario: &Spanned<DeValue<'_>>| match scenario.get_ref().as_table() {
            Some(table) => Lines::of(table, line(scenario.span()), line),
            None => Lines::default(),
        };
        let scenarios = scenarios.into_iter().flatten().map(lines).collect();
        Ok(Self { path: path.to_owned(), head, scenarios, text })
    }

    pub(super) fn parse<File: DeserializeOwned>(&self) -> Result<File> {
        toml::from_str(&self.text).or_else(|error| {
            self.step_errors()?;
            Err(form_error(&self.path, &self.text, &error))
        })
    }

    /// Fails if the form of steps is wrong. Each is read alone here: serde knows where all of the
    /// steps begin, but not where one of them does.
    fn step_errors(&self) -> Result<()> {
        let mut mistakes = Mistakes::default();
        let all = DeTable::parse(&self.text)?;
        let scenarios = all.get_ref().get("scenario").and_then(|array| array.get_ref().as_array());
        for (scenario, lines) in scenarios.into_iter().flatten().zip(&self.scenarios) {
            let field = |name| scenario.get_ref().get(name).map(Spanned::get_ref);
            let name = field("name").and_then(DeValue::as_str).unwrap_or_default();
            for list in ["before", "steps"] {
                let steps = field(list).and_then(DeValue::as_array).into_iter().flatten();
                for (index, step) in steps.enumerate() {
                    if let Err(error) = Step::deserialize(ValueDeserializer::from(step.clone())) {
                        let step = place_name((list, index));
                        let what = format!("scenario '{name}', {step}: {}", error.message());
                        mistakes.add(&self.path, lines.line(list, Some(index)), what);
                    }
                }
            }
        }
        mistakes.check()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The line of a field before the first scenario, or of one of its elements.
    pub(super) fn line(&self, field: &str, element: Option<usize>) -> usize {
        self.head.line(field, element)
    }

    /// The line where a scenario begins.
    pub(super) fn scenario_line(&self, scenario: usize) -> usize {
        self.scenarios[scenario].begin
    }

    /// The line of a scenario's field, or of one of its elements; where the scenario begins, if it
    /// has no such field.
    pub(super) fn field_line(&self, scenario: usize, field: &str, element: Option<usize>) -> usize {
        self.scenarios[scenario].line(field, element)
    }
}

impl Lines {
    fn of(table: &DeTable<'_>, begin: usize, line: impl Fn(Range<usize>) -> usize) -> Self {
        let field = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let elements = value.get_ref().as_array().into_iter().flatten();
            (line(key.span()), elements.map(|element| line(element.span())).collect())
        };
        let fields = table.iter().map(|(key, value)| (key.to_string(), field((key, value))));
        Self { begin, fields: fields.collect() }
    }

    fn line(&self, field: &str, element: Option<usize>) -> usize {
        let Some((line, elements)) = self.fields.get(field) else {
            return self.begin;
        };
        element.and_then(|element| elements.get(element)).copied().unwrap_or(*line)
    }
}

/// What toml has to say, after the place.
fn form_error(path: &Path, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
    anyhow!("{}:{line}: {}", path.display(), error.to_string().trim_end())
}

/// What is wrong with scenarios, and where.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<(PathBuf, usize, String)>);

impl Mistakes {
    pub(super) fn add(&mut self, path: &Path, line: usize, what: String) {
        self.0.push((path.to_owned(), line, what));
    }

    /// Fails if there are any, with all of them, one on a line.
    pub(super) fn check(mut self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        // Those of one line stay in their order.
        self.0.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let told =
            self.0.iter().map(|(path, line, what)| format!("{}:{line}: {what}", path.display()));
        bail!("{}", told.collect::<Vec<_>>().join("\n"))
    }
}

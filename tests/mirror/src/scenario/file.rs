//! A file of scenarios, as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::source::{Mistakes, Source};
use super::{Origin, Polls, Scenario, check, is_plain_name};

/// One file of scenarios: those of one program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// The name that the program is started under (`argv[0]` is `./NAME`).
    pub program: String,
    /// Files, beside this one, whose scenarios are its own as well. Empty once the file is read.
    #[serde(default)]
    pub shared: Vec<String>,
    /// How it waits in all scenarios that do not say otherwise.
    #[serde(default)]
    pub polls: Polls,
    /// What is done to it, one after another.
    #[serde(rename = "scenario", default)]
    pub scenarios: Vec<Scenario>,
}

/// Scenarios of several programs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedFile {
    #[serde(rename = "scenario", default)]
    scenarios: Vec<Scenario>,
}

impl ScenarioFile {
    /// Reads a file and those that it shares, and checks all that they say. Every mistake is told
    /// with its line.
    pub fn read(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(path);
        Self::load(&Source::read(path)?, |name| Source::read(&folder.join(name)))
    }

    /// The same, with the shared files from somewhere.
    pub(super) fn load(
        source: &Source,
        read_shared: impl Fn(&str) -> Result<Source>,
    ) -> Result<Self> {
        let mut file: Self = source.parse()?;
        let mut mistakes = Mistakes::default();
        let own = std::mem::take(&mut file.scenarios);
        if !is_plain_name(&file.program) {
            let what = "letters, digits, '_' and '-' were expected";
            let what = format!("program = {:?}: {what}", file.program);
            mistakes.add(source.path(), source.line("program", None), what);
        }
        let mut take = |scenarios: &[Scenario], source: &Source| {
            if scenarios.is_empty() {
                mistakes.add(source.path(), 1, "there is no [[scenario]]".into());
            }
            for (place, scenario) in scenarios.iter().enumerate() {
                check::check(scenario, source, place, &mut mistakes);
                let scenario =
                    scenario.of(&file.program, file.polls, origin(scenario, source, place));
                file.scenarios.extend(scenario.for_each_error());
            }
        };
        take(&own, source);
        for (index, name) in std::mem::take(&mut file.shared).iter().enumerate() {
            let shared = read_shared(name).with_context(|| {
                let line = source.line("shared", Some(index));
                format!("{}:{line}: shared: {name:?}", source.path().display())
            })?;
            take(&shared.parse::<SharedFile>()?.scenarios, &shared);
        }
        let mut places = BTreeMap::new();
        for Scenario { name, origin, .. } in &file.scenarios {
            if let Some(Origin { file, line, .. }) = places.insert(name, origin) {
                let first = format!("{}:{line}", file.display());
                let what = format!("scenario '{name}': another one has this name, at {first}");
                mistakes.add(&origin.file, origin.line, what);
            }
        }
        mistakes.check()?;
        Ok(file)
    }

    /// The scenario of that name.
    pub fn find(&self, name: &str) -> Result<&Scenario> {
        self.scenarios.iter().find(|s| s.name == name).with_context(|| {
            let names: Vec<_> = self.scenarios.iter().map(|s| s.name.as_str()).collect();
            format!("{} has no scenario '{name}'; it has: {}", self.program, names.join(", "))
        })
    }
}

fn origin(scenario: &Scenario, source: &Source, place: usize) -> Origin {
    let inject_line = |index| source.field_line(place, "inject", Some(index));
    Origin {
        file: source.path().to_owned(),
        line: source.scenario_line(place),
        inject_lines: (0..scenario.inject.len()).map(inject_line).collect(),
    }
}

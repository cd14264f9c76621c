//! A file of scenarios, as a whole.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::expand::parse;
use super::source::{Mistakes, Places, Source};
use super::{Origin, Polls, Scenario, check, is_plain_name};

/// The scenarios of one program.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// The name that the program is started under (`argv[0]` is `./NAME`).
    pub program: String,
    /// What is done to it, one after another.
    pub scenarios: Vec<Scenario>,
    /// The name of the one that shows what the program is about.
    main: String,
}

/// What may stand in a program's file. The fields with an underscore have done their work before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnFile {
    program: String,
    /// Files whose scenarios are its own as well.
    #[serde(default)]
    shared: Vec<String>,
    /// The scenario that shows what the program is about, if it is not the first.
    main: Option<String>,
    /// How it waits in all scenarios that do not say otherwise.
    #[serde(default)]
    polls: Polls,
    #[serde(rename = "dialogue_files", default)]
    _dialogue_files: Vec<String>,
    #[serde(rename = "defaults", default)]
    _defaults: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "dialogues", default)]
    _dialogues: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "scenario", default)]
    scenarios: Vec<Scenario>,
}

/// What may stand in a file of scenarios of several programs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedFile {
    #[serde(rename = "dialogue_files", default)]
    _dialogue_files: Vec<String>,
    #[serde(rename = "defaults", default)]
    _defaults: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "dialogues", default)]
    _dialogues: BTreeMap<String, IgnoredAny>,
    #[serde(rename = "scenario", default)]
    scenarios: Vec<Scenario>,
}

impl ScenarioFile {
    /// Reads a file and those that it names, and checks all that they say. Every mistake is told
    /// with its line.
    pub fn read(path: &Path) -> Result<Self> {
        Self::load(&Source::read(path)?, &Source::read)
    }

    /// The same, with the other files from somewhere.
    pub(super) fn load(source: &Source, read: &dyn Fn(&Path) -> Result<Source>) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let (own, places): (OwnFile, _) = parse(source, read, &mut mistakes)?;
        if !is_plain_name(&own.program) {
            let what = "letters, digits, '_' and '-' were expected";
            let what = format!("program = {:?}: {what}", own.program);
            mistakes.add(source.path(), places.head.line("program", None), what);
        }
        let mut scenarios = Vec::new();
        let mut take = |found: &[Scenario], places: &Places, mistakes: &mut Mistakes| {
            if found.is_empty() {
                mistakes.add(&places.path, 1, "there is no [[scenario]]".into());
            }
            for (scenario, lines) in found.iter().zip(&places.scenarios) {
                let place = check::Place { path: &places.path, lines };
                check::check(scenario, place, mistakes);
                let scenario = scenario.of(&own.program, own.polls, origin(scenario, place));
                scenarios.extend(scenario.for_each_error());
            }
        };
        take(&own.scenarios, &places, &mut mistakes);
        for (index, name) in own.shared.iter().enumerate() {
            let line = places.head.line("shared", Some(index));
            let source = source.read_named("shared", name, line, read)?;
            let (shared, places): (SharedFile, _) = parse(&source, read, &mut mistakes)?;
            take(&shared.scenarios, &places, &mut mistakes);
        }
        let head = places.head;
        let mut places = BTreeMap::new();
        for Scenario { name, origin, .. } in &scenarios {
            if let Some(Origin { file, line, .. }) = places.insert(name, origin) {
                let first = format!("{}:{line}", file.display());
                let what = format!(": another one has this name, at {first}");
                mistakes.add_of_scenario(&origin.file, origin.line, name, what);
            }
        }
        if let Some(main) = own.main.as_ref().filter(|main| scenarios.iter().all(|s| s.name != **main)) {
            let line = head.line("main", None);
            mistakes.add(source.path(), line, format!("main = {main:?}: the name of a scenario was expected"));
        }
        mistakes.check()?;
        let first = scenarios.first().context("there is no scenario")?;
        let main = own.main.unwrap_or_else(|| first.name.clone());
        Ok(Self { program: own.program, scenarios, main })
    }

    /// The scenario that shows what the program is about.
    pub fn main(&self) -> &Scenario {
        self.scenarios.iter().find(|s| s.name == self.main).expect("it was looked for when the file was read")
    }

    /// The scenario of that name.
    pub fn find(&self, name: &str) -> Result<&Scenario> {
        self.scenarios.iter().find(|s| s.name == name).with_context(|| {
            let names: Vec<_> = self.scenarios.iter().map(|s| s.name.as_str()).collect();
            format!("{} has no scenario '{name}'; it has: {}", self.program, names.join(", "))
        })
    }
}

fn origin(scenario: &Scenario, place: check::Place<'_>) -> Origin {
    let inject_line = |index| place.lines.line("inject", Some(index));
    Origin {
        file: place.path.to_owned(),
        line: place.lines.begin(),
        inject_lines: (0..scenario.inject.len()).map(inject_line).collect(),
    }
}

//! From a file's text to its values: each scenario gets the file's defaults for what it does not
//! say, and the steps of the dialogues that it names.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Step;
use super::dialogues::Dialogues;
use super::roles::place_name;
use super::source::{Lines, Mistakes, Places, Source, StepDialogues};

/// The lists of steps that a scenario has.
const STEP_LISTS: [&str; 2] = ["before", "steps"];

/// Fields that belong to one scenario alone.
const NEVER_DEFAULTS: [&str; 2] = ["name", "about"];

/// Fields that say the same thing in several ways: with one of them a scenario overrides all.
const ALTERNATIVES: [&[&str]; 2] = [&["exit", "killed_by"], &["stdout", "stdout_like", "where"]];

/// A file that has dialogues for others and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DialogueFile {
    #[serde(rename = "dialogues")]
    _dialogues: IgnoredAny,
}

/// Reads a file's values. Fails if the form of something is wrong; adds what defaults and dialogues
/// say for nobody.
pub(super) fn parse<Form: DeserializeOwned>(
    source: &Source,
    read: &dyn Fn(&Path) -> Result<Source>,
    mistakes: &mut Mistakes,
) -> Result<(Form, Places)> {
    let as_written = source.table()?;
    let head = Lines::of(as_written.get_ref(), 1, source);
    let files = dialogue_files(source, as_written.get_ref(), &head, read)?;
    let tables = files.iter().map(|(_, file)| file.table()).collect::<Result<Vec<_>>>()?;
    let mut all = vec![(source, as_written.get_ref())];
    for ((_, file), table) in files.iter().zip(&tables) {
        file.form::<DialogueFile>(table.clone())?;
        all.push((file, table.get_ref()));
    }
    let dialogues = Dialogues::of(&all)?;
    let mut table = as_written.clone();
    let scenarios = complete(source, table.get_mut(), &dialogues, mistakes)?;
    dialogues.check_used(source, &files, mistakes);
    let places = Places { path: source.path().to_owned(), head, scenarios };
    let form = source.form(table.clone()).or_else(|error| {
        step_errors(table.get_ref(), &places)?;
        Err(error)
    })?;
    Ok((form, places))
}

/// The files of dialogues that a file names, and the lines where it does.
fn dialogue_files(
    source: &Source,
    table: &DeTable<'_>,
    head: &Lines,
    read: &dyn Fn(&Path) -> Result<Source>,
) -> Result<Vec<(usize, Source)>> {
    let field = "dialogue_files";
    let names = table.get(field).and_then(|names| names.get_ref().as_array());
    let mut files = Vec::new();
    for (index, name) in names.into_iter().flatten().enumerate() {
        // That it is no string is found with the rest of the form.
        if let Some(name) = name.get_ref().as_str() {
            let line = head.line(field, Some(index));
            files.push((line, source.read_named(field, name, line, read)?));
        }
    }
    Ok(files)
}

/// Gives each scenario the defaults and the steps of the dialogues, and tells where its fields stand.
fn complete<'a>(
    source: &Source,
    file: &mut DeTable<'a>,
    dialogues: &Dialogues<'a>,
    mistakes: &mut Mistakes,
) -> Result<Vec<Lines>> {
    let mut form = Mistakes::default();
    let mut defaults = Defaults::of(source, file, dialogues, &mut form);
    let mut places = Vec::new();
    let scenarios = file.get_mut("scenario").map(Spanned::get_mut);
    if let Some(DeValue::Array(scenarios)) = scenarios {
        for scenario in scenarios.iter_mut() {
            let begin = source.line(&scenario.span());
            let DeValue::Table(fields) = scenario.get_mut() else {
                places.push(Lines::default());
                continue;
            };
            let owner = format!("scenario '{}'", name_of(fields));
            let mut of_steps = expand(source, &owner, fields, dialogues, &mut form);
            defaults.fill(fields, &mut of_steps);
            places.push(Lines::of(fields, begin, source).with_dialogues(of_steps));
        }
    }
    form.check()?;
    defaults.check_taken(source, mistakes);
    Ok(places)
}

/// The name of a scenario whose form may be wrong.
fn name_of<'a>(scenario: &'a DeTable<'_>) -> &'a str {
    scenario.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default()
}

/// Puts the steps of dialogues in the place of their names.
fn expand<'a>(
    source: &Source,
    owner: &str,
    fields: &mut DeTable<'a>,
    dialogues: &Dialogues<'a>,
    mistakes: &mut Mistakes,
) -> StepDialogues {
    let mut of_steps = StepDialogues::new();
    for list in STEP_LISTS {
        if let Some(DeValue::Array(steps)) = fields.get_mut(list).map(Spanned::get_mut) {
            let (expanded, unknown) = dialogues.expand(steps);
            for (span, reason) in unknown {
                let what = format!("{owner}: {list}: {reason}");
                mistakes.add(source.path(), source.line(&span), what);
            }
            let (values, names): (Vec<_>, _) = expanded.into_iter().unzip();
            *steps = values.into_iter().collect();
            of_steps.insert(list, names);
        }
    }
    of_steps
}

/// What the scenarios of a file say if they do not say otherwise.
#[derive(Default)]
struct Defaults<'a> {
    fields: DeTable<'a>,
    of_steps: StepDialogues,
    taken: BTreeSet<String>,
}

impl<'a> Defaults<'a> {
    fn of(source: &Source, file: &DeTable<'a>, dialogues: &Dialogues<'a>, mistakes: &mut Mistakes) -> Self {
        let fields = file.get("defaults").and_then(|defaults| defaults.get_ref().as_table());
        let mut fields = fields.cloned().unwrap_or_default();
        for name in NEVER_DEFAULTS {
            if let Some((key, _)) = fields.remove_entry(name) {
                let what = format!("defaults: each scenario has its own {name}");
                mistakes.add(source.path(), source.line(&key.span()), what);
            }
        }
        let of_steps = expand(source, "defaults", &mut fields, dialogues, mistakes);
        Self { fields, of_steps, taken: BTreeSet::new() }
    }

    /// Adds to a scenario the fields that it does not override.
    fn fill(&mut self, scenario: &mut DeTable<'a>, of_steps: &mut StepDialogues) {
        let own: BTreeSet<String> = scenario.keys().map(|key| key.get_ref().to_string()).collect();
        for (key, value) in &self.fields {
            let name = key.get_ref().as_ref();
            let mut alternatives = ALTERNATIVES.iter().filter(|group| group.contains(&name));
            let says = |field: &str| own.contains(field);
            if says(name) || alternatives.any(|group| group.iter().any(|field| says(field))) {
                continue;
            }
            scenario.insert(key.clone(), value.clone());
            self.taken.insert(name.to_owned());
            if let Some((list, names)) = self.of_steps.get_key_value(name) {
                of_steps.insert(list, names.clone());
            }
        }
    }

    /// Adds the fields that every scenario overrides.
    fn check_taken(&self, source: &Source, mistakes: &mut Mistakes) {
        for key in self.fields.keys().filter(|key| !self.taken.contains(key.get_ref().as_ref())) {
            let what = format!("defaults: every scenario overrides {}", key.get_ref());
            mistakes.add(source.path(), source.line(&key.span()), what);
        }
    }
}

/// Fails if the form of steps is wrong. Each is read alone here: serde knows where all of the steps
/// begin, but not where one of them does.
fn step_errors(file: &DeTable<'_>, places: &Places) -> Result<()> {
    let mut mistakes = Mistakes::default();
    let scenarios = file.get("scenario").and_then(|array| array.get_ref().as_array());
    for (scenario, lines) in scenarios.into_iter().flatten().zip(&places.scenarios) {
        let Some(fields) = scenario.get_ref().as_table() else {
            continue;
        };
        for list in STEP_LISTS {
            let steps = fields.get(list).and_then(|steps| steps.get_ref().as_array());
            for (index, step) in steps.into_iter().flatten().enumerate() {
                if let Err(error) = Step::deserialize(ValueDeserializer::from(step.clone())) {
                    let what = format!(", {}: {}", place_name((list, index)), error.message());
                    let line = lines.line(list, Some(index));
                    mistakes.add_of_scenario(&places.path, line, name_of(fields), what);
                }
            }
        }
    }
    mistakes.check()
}

//! Steps that several scenarios take: written once, under a name.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::Result;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::inject::did_you_mean;
use super::source::{Mistakes, Source};
use super::{Step, check, is_plain_name};

/// The dialogues that a file may use.
#[derive(Default)]
pub(super) struct Dialogues<'a> {
    all: BTreeMap<String, Dialogue<'a>>,
}

struct Dialogue<'a> {
    source: &'a Source,
    line: usize,
    /// Steps, and names of dialogues.
    elements: Vec<Spanned<DeValue<'a>>>,
    is_used: Cell<bool>,
}

/// A step, and the dialogue that it is from.
pub(super) type Placed<'a> = (Spanned<DeValue<'a>>, Option<String>);

/// Where a name stands that no dialogue has, and what is said of it.
pub(super) type Unknown = (Range<usize>, String);

impl<'a> Dialogues<'a> {
    /// Those of some files, all of which may be used in each of them. Fails if their form is wrong.
    pub(super) fn of(files: &[(&'a Source, &DeTable<'a>)]) -> Result<Self> {
        let mut dialogues = Self::default();
        let mut mistakes = Mistakes::default();
        for (source, table) in files {
            let named = table.get("dialogues").and_then(|value| value.get_ref().as_table());
            for (name, list) in named.into_iter().flatten() {
                let (line, name) = (source.line(&name.span()), name.get_ref().as_ref());
                if let Err(reason) = dialogues.add(source, line, name, list.get_ref()) {
                    mistakes.add(source.path(), line, format!("dialogue '{name}': {reason}"));
                }
            }
        }
        for (name, dialogue) in &dialogues.all {
            dialogues.check(name, dialogue, &mut mistakes);
        }
        mistakes.check()?;
        Ok(dialogues)
    }

    fn add(&mut self, source: &'a Source, line: usize, name: &str, list: &DeValue<'a>) -> Result<(), String> {
        if !is_plain_name(name) {
            return Err("letters, digits, '_' and '-' were expected".to_owned());
        }
        let elements = list.as_array().ok_or("a list of steps was expected")?.to_vec();
        if elements.is_empty() {
            return Err("it is empty: at least one step was expected".to_owned());
        }
        if let Some(Dialogue { source, line, .. }) = self.all.get(name) {
            let first = format!("{}:{line}", source.path().display());
            return Err(format!("another one has this name, at {first}"));
        }
        let dialogue = Dialogue { source, line, elements, is_used: Cell::new(false) };
        self.all.insert(name.to_owned(), dialogue);
        Ok(())
    }

    /// Checks what can be said of a dialogue without a scenario.
    fn check(&self, name: &str, dialogue: &Dialogue<'a>, mistakes: &mut Mistakes) {
        for (index, element) in dialogue.elements.iter().enumerate() {
            let reason = match element.get_ref().as_str() {
                Some(other) if other == name => Err(": it uses itself".to_owned()),
                Some(other) if self.leads_to(other, name, &mut BTreeSet::new()) => {
                    Err(format!(": it uses itself, by way of '{other}'"))
                }
                Some(other) => self.get(other).map(|_| ()).map_err(|reason| format!(": {reason}")),
                None => check_step(element).map_err(|reason| format!(", step {}{reason}", index + 1)),
            };
            if let Err(reason) = reason {
                let line = dialogue.source.line(&element.span());
                mistakes.add(dialogue.source.path(), line, format!("dialogue '{name}'{reason}"));
            }
        }
    }

    /// Whether a dialogue uses another one, or one that does.
    fn leads_to(&self, from: &str, to: &str, seen: &mut BTreeSet<String>) -> bool {
        let Some(dialogue) = self.all.get(from).filter(|_| seen.insert(from.to_owned())) else {
            return false;
        };
        let mut used = dialogue.elements.iter().filter_map(|element| element.get_ref().as_str());
        used.any(|used| used == to || self.leads_to(used, to, seen))
    }

    fn get(&self, name: &str) -> Result<&Dialogue<'a>, String> {
        self.all.get(name).ok_or_else(|| {
            let hint = did_you_mean(name, self.all.keys().map(String::as_str));
            format!("unknown dialogue {name:?}{hint}")
        })
    }

    /// A list of steps with those of its dialogues in their place, and what is wrong with names
    /// there that no dialogue has.
    pub(super) fn expand(&self, list: &[Spanned<DeValue<'a>>]) -> (Vec<Placed<'a>>, Vec<Unknown>) {
        let (mut steps, mut unknown) = (Vec::new(), Vec::new());
        for element in list {
            match element.get_ref().as_str() {
                Some(name) => match self.get(name) {
                    Ok(dialogue) => self.take(name, dialogue, &element.span(), &mut steps),
                    Err(reason) => unknown.push((element.span(), reason)),
                },
                None => steps.push((element.clone(), None)),
            }
        }
        (steps, unknown)
    }

    /// Adds the steps of a dialogue, as if they stood where it is used.
    fn take(&self, name: &str, used: &Dialogue<'a>, span: &Range<usize>, to: &mut Vec<Placed<'a>>) {
        used.is_used.set(true);
        let place = || format!("{}:{}", used.source.path().display(), used.line);
        let (steps, _) = self.expand(&used.elements);
        to.extend(steps.into_iter().map(|(step, within)| {
            let within = within.unwrap_or_else(|| format!("dialogue '{name}', {}", place()));
            (Spanned::new(span.clone(), step.into_inner()), Some(within))
        }));
    }

    /// Adds the dialogues of a file that it does not use, and the files of dialogues, with the lines
    /// where it names them, of which it uses none.
    pub(super) fn check_used(&self, own: &Source, others: &[(usize, Source)], mistakes: &mut Mistakes) {
        let of = |source: &Source| {
            let path = source.path().to_owned();
            self.all.iter().filter(move |(_, dialogue)| dialogue.source.path() == path)
        };
        for (name, dialogue) in of(own).filter(|(_, dialogue)| !dialogue.is_used.get()) {
            mistakes.add(own.path(), dialogue.line, format!("dialogue '{name}' is not used"));
        }
        for (line, file) in others {
            if !of(file).any(|(_, dialogue)| dialogue.is_used.get()) {
                let what = "dialogue_files: no dialogue of this file is used";
                mistakes.add(own.path(), *line, what.to_owned());
            }
        }
    }
}

fn check_step(element: &Spanned<DeValue<'_>>) -> Result<(), String> {
    let step = Step::deserialize(ValueDeserializer::from(element.clone()))
        .map_err(|error| format!(": {}", error.message()))?;
    check::step_check(&step).map_err(|reason| format!(" (\"{step}\"): {reason}"))
}

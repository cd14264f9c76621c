//! The project's other documents, as far as chapters quote them: errata, claims, sources.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use mirror::project::Project;
use mirror::show::highlight::highlighted;

use crate::chapter::{Language, range};

/// An entry of `docs/errata.md` or its translation.
#[derive(Debug)]
pub struct Erratum {
    /// Its heading, without the number: Markdown.
    pub title: String,
    /// Its text: Markdown.
    pub text: String,
    /// The file.
    pub file: String,
    /// The line of its heading.
    pub line: usize,
}

/// The entries of a language, by their numbers.
pub fn errata(project: &Project, language: Language) -> Result<BTreeMap<u32, Erratum>> {
    let file = language.choose("docs/errata.md", "docs/errata.ko.md");
    let text = read(project, file)?;
    let mut entries: BTreeMap<u32, Erratum> = BTreeMap::new();
    let mut current: Option<u32> = None;
    for (line, text) in (1..).zip(text.lines()) {
        if let Some((number, title)) = text.strip_prefix("### ").and_then(|rest| rest.split_once(". ")) {
            let number = number.parse().with_context(|| format!("{file}:{line}: a heading without a number"))?;
            let (title, file) = (title.to_owned(), file.to_owned());
            entries.insert(number, Erratum { title, text: String::new(), file, line });
            current = Some(number);
        } else if text.starts_with('#') {
            current = None;
        } else if let Some(entry) = current.and_then(|number| entries.get_mut(&number)) {
            entry.text.push_str(text);
            entry.text.push('\n');
        }
    }
    ensure!(!entries.is_empty(), "{file} has no entries");
    Ok(entries)
}

/// A row of `docs/claims.md` or its translation.
#[derive(Debug)]
pub struct Claim {
    /// The tutorial's section that it belongs to: Markdown.
    pub section: String,
    /// The lines of the tutorial.
    pub lines: RangeInclusive<u32>,
    /// What is claimed: Markdown.
    pub claim: String,
    /// What shows it: Markdown.
    pub shown_by: String,
}

/// The tables of a document, in a language if it exists in that.
pub fn tables(project: &Project, file: &str, language: Language) -> Result<Vec<String>> {
    let own = language.choose(file.to_owned(), file.replace(".md", ".ko.md"));
    let file = if project.path(&own).is_file() { own } else { file.to_owned() };
    let text = read(project, &file)?;
    let mut tables: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let is_row = line.starts_with('|');
        match tables.last_mut() {
            Some(table) if is_row && inside => table.push_str(&format!("\n{line}")),
            _ if is_row => tables.push(line.to_owned()),
            _ => {}
        }
        inside = is_row;
    }
    Ok(tables)
}

/// The rows of a language.
pub fn claims(project: &Project, language: Language) -> Result<Vec<Claim>> {
    let file = language.choose("docs/claims.md", "docs/claims.ko.md");
    let text = read(project, file)?;
    let mut section = String::new();
    let mut claims = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(title) = text.strip_prefix("## ") {
            section = title.to_owned();
        }
        let Some(row) = text.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else { continue };
        let cells: Vec<&str> = row.split(" | ").collect();
        if matches!(cells[0], "lines" | "줄") {
            continue;
        }
        let lines = range(cells[0]).with_context(|| format!("{file}:{line}: invalid lines {:?}", cells[0]))?;
        ensure!(cells.len() == 3, "{file}:{line}: not three cells");
        let [claim, shown_by] = [cells[1], cells[2]].map(str::to_owned);
        claims.push(Claim { section: section.clone(), lines, claim, shown_by });
    }
    ensure!(!claims.is_empty(), "{file} has no rows");
    Ok(claims)
}

/// A source file.
#[derive(Debug)]
pub struct Source {
    /// Its path from the project's folder.
    pub file: String,
    /// Its lines.
    pub lines: Vec<String>,
    /// The same, as coloured HTML.
    pub html: Vec<String>,
    /// Its steps: the number, and the line of the comment, from 0.
    pub steps: Vec<(u32, usize)>,
}

impl Source {
    /// Reads a source.
    pub fn read(project: &Project, file: &str) -> Result<Self> {
        Self::new(file, &read(project, file)?)
    }

    fn new(file: &str, text: &str) -> Result<Self> {
        let step = |(index, line): (usize, &str)| {
            let line = line.trim_start();
            let rest = line.strip_prefix("/* [").or_else(|| line.strip_prefix("// ["))?;
            Some((rest.split_once(']')?.0.parse().ok()?, index))
        };
        Ok(Self {
            file: file.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            html: highlighted(file, text)?,
            steps: text.lines().enumerate().filter_map(step).collect(),
        })
    }

    /// The lines of a step, from 0. Step 0 is what stands between the comment at the file's head and the first step.
    pub fn step(&self, number: u32) -> Option<RangeInclusive<usize>> {
        let first = |line: &String| {
            let line = line.trim_start();
            !["/*", "*", "//"].iter().any(|mark| line.starts_with(mark)) && !line.is_empty()
        };
        let begin = match number {
            0 => self.lines.iter().position(first)?,
            _ => self.steps.iter().find(|(step, _)| *step == number)?.1,
        };
        let next = self.steps.iter().map(|(_, line)| *line).find(|line| *line > begin).unwrap_or(self.lines.len());
        // The step ends with its function, and without what stands before the next step: the end of an inner block and
        // the head of another loop belong to it, blank lines do not.
        let closes = |line: &str| line.starts_with('}');
        let end = match number {
            0 => next,
            _ => (begin..next).find(|index| closes(&self.lines[*index])).map_or(next, |index| index + 1),
        };
        let last = (begin..end).rev().find(|index| !self.lines[*index].trim().is_empty())?;
        Some(begin..=last)
    }

    /// What its comment says, without the number.
    pub fn title(&self, number: u32) -> Option<String> {
        let line = self.steps.iter().find(|(step, _)| *step == number)?.1;
        let text = self.lines[line].split_once(']')?.1.trim();
        Some(text.trim_end_matches("*/").trim().to_owned())
    }

    /// Where a text stands that occurs once: its first line, from 0.
    pub fn find(&self, text: &str) -> Result<usize, usize> {
        let wanted: Vec<&str> = text.lines().map(str::trim).collect();
        let at = |index: &usize| {
            let found = self.lines[*index..].iter().map(|line| line.trim());
            found.take(wanted.len()).eq(wanted.iter().copied())
        };
        let found: Vec<usize> = (0..self.lines.len()).filter(at).collect();
        if let [one] = found[..] { Ok(one) } else { Err(found.len()) }
    }
}

/// The two sources of a program.
pub fn twins(program: &str) -> [String; 2] {
    [format!("c-reference/{program}.c"), format!("src/bin/{program}.rs")]
}

/// Reads a file of the project.
pub fn read(project: &Project, file: &str) -> Result<String> {
    std::fs::read_to_string(project.path(file)).with_context(|| format!("cannot read {file}"))
}

/// The files in these folders and below them, in order.
pub fn files_below(mut folders: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found() {
        let c = "/*\n * Head\n */\n#include <a.h>\n\nint main(void)\n{\n    /* [1] Begin */\n    x = 1;\n\n    /* [2] End */\n    \
                 y = 1;\n}\n\nint after;\n";
        let source = Source::new("a.c", c).unwrap();
        assert_eq!(source.step(0), Some(3..=6));
        assert_eq!(source.step(1), Some(7..=8));
        assert_eq!(source.step(2), Some(10..=12));
        assert_eq!(source.step(3), None);
        assert_eq!(source.title(2).unwrap(), "End");
        assert_eq!((source.find("x = 1;"), source.find("= 1;"), source.find("}")), (Ok(8), Err(0), Ok(12)));
        assert_eq!(source.find("\n"), Err(3));
    }

    #[test]
    fn the_documents_have_the_same_entries_in_both_languages() {
        let project = Project::find().unwrap();
        let [english, korean] = Language::ALL.map(|language| errata(&project, language).unwrap());
        assert!(english.len() >= 50);
        assert_eq!(english.keys().collect::<Vec<_>>(), korean.keys().collect::<Vec<_>>());
        let [english, korean] = Language::ALL.map(|language| claims(&project, language).unwrap());
        assert_eq!(english.len(), korean.len());
    }
}

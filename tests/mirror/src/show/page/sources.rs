//! The sources, highlighted line by line.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use anyhow::Result;
use maud::{Markup, PreEscaped, html};

use crate::account::places::Place;
use crate::account::{Account, Step};
use crate::show::highlight::{highlighted, without_indentation};

/// The deepest indentation that the style sheet knows, in columns.
const DEEPEST: usize = 24;

/// The sources of both sides.
pub(super) struct Sources {
    pub sides: [Vec<File>; 2],
}

/// A source.
pub(super) struct File {
    /// As [`Place`] names it.
    pub path: String,
    /// Its last part, or all of it if another file has the same.
    pub name: String,
    /// Its steps.
    pub steps: Vec<Step>,
    /// The text, line by line.
    pub text: Vec<String>,
    /// The same as HTML.
    lines: Vec<String>,
    /// The lines that lead to calls.
    called: HashSet<u32>,
}

impl Sources {
    pub fn new(accounts: &[Account]) -> Result<Self> {
        let paths = |side: usize| {
            let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
            for account in accounts {
                let sources = &account.sides[side].sources;
                texts.extend(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())));
            }
            texts
        };
        let texts = [paths(0), paths(1)];
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let names: Vec<String> = texts.iter().flat_map(|texts| texts.keys().map(|path| last(path))).collect();
        let file = |side: usize, path: &str, text: &str| -> Result<File> {
            let short = last(path);
            let label = &accounts[0].sides[side].label;
            let is_both = texts[1 - side].contains_key(path);
            let name = match names.iter().filter(|name| **name == short).count() {
                1 => short,
                _ if is_both => format!("{label}/{path}"),
                _ => path.to_owned(),
            };
            let steps = accounts.iter().find_map(|account| {
                let steps = account.sides[side].steps.iter().filter(|step| step.file == path);
                let steps: Vec<Step> = steps.cloned().collect();
                (!steps.is_empty()).then_some(steps)
            });
            let places = accounts.iter().flat_map(|account| &account.sides[side].calls).flat_map(|call| &call.places);
            Ok(File {
                path: path.to_owned(),
                name,
                steps: steps.unwrap_or_default(),
                text: text.lines().map(str::to_owned).collect(),
                lines: highlighted(path, text)?,
                called: places.filter(|place| place.file == path).map(|place| place.line).collect(),
            })
        };
        let files = |side: usize| texts[side].iter().map(|(path, text)| file(side, path, text)).collect::<Result<_>>();
        Ok(Self { sides: [files(0)?, files(1)?] })
    }

    /// The file that holds `main`: where the outermost line of the first call is.
    pub fn main(&self, side: usize, accounts: &[&Account]) -> Option<&File> {
        let outermost = accounts.iter().find_map(|a| a.sides[side].calls.iter().find_map(|call| call.places.last()))?;
        self.sides[side].iter().find(|file| file.path == outermost.file)
    }

    /// What the page calls a line.
    pub fn id(&self, side: usize, place: &Place) -> String {
        let file = self.sides[side].iter().find(|file| file.path == place.file);
        format!("{}:{}", file.map_or(place.file.as_str(), |file| &file.name), place.line)
    }
}

impl File {
    /// Some of its lines, from 0, without the indentation that all of them have.
    pub fn show(&self, lines: Range<usize>) -> Markup {
        let lines = lines.start..lines.end.min(self.text.len());
        let indentation = |index: usize| self.text[index].len() - self.text[index].trim_start().len();
        let common = lines.clone().filter(|index| !self.text[*index].trim().is_empty()).map(indentation).min();
        let common = common.unwrap_or(0);
        html! {
            div .src data-file=(self.name) {
                @for index in lines {
                    @let number = index + 1;
                    @let own = indentation(index).saturating_sub(common).min(DEEPEST);
                    @let id = format!("{}:{number}", self.name);
                    @let code = PreEscaped(without_indentation(&self.lines[index], common));
                    @if self.called.contains(&u32::try_from(number).unwrap_or(0)) {
                        a id=(id) href={ "#" (id) } class={ "l i" (own) " called" } data-n=(number) { (code) }
                    } @else {
                        div id=(id) class={ "l i" (own) } data-n=(number) { (code) }
                    }
                }
            }
        }
    }

    /// Whether calls come from some of these lines, from 0.
    pub fn has_calls(&self, lines: &Range<usize>) -> bool {
        self.called.iter().any(|line| lines.contains(&(*line as usize - 1)))
    }

    /// The functions that calls come from: their lines, from 0, with the comments above them.
    pub fn functions(&self) -> Vec<Range<usize>> {
        let mut called: Vec<usize> = self.called.iter().map(|line| *line as usize - 1).collect();
        called.sort_unstable();
        let is_blank = |index: usize| self.text[index].trim().is_empty();
        let begins = |index: usize| !is_blank(index) && !self.text[index].starts_with([' ', '\t', '}', ')', '{']);
        let mut found: Vec<Range<usize>> = Vec::new();
        for line in called {
            if line >= self.text.len() || found.last().is_some_and(|range| range.contains(&line)) {
                continue;
            }
            let mut start = (0..=line).rev().find(|index| begins(*index)).unwrap_or(0);
            while start > 0 && !is_blank(start - 1) {
                start -= 1;
            }
            let end = (line..self.text.len()).find(|index| self.text[*index].starts_with('}'));
            found.push(start..end.map_or(self.text.len(), |end| end + 1));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_is_taken_off() {
        assert_eq!(without_indentation("    a", 2), "  a");
        assert_eq!(without_indentation("<span class=c>    a</span>", 4), "<span class=c>a</span>");
        assert_eq!(without_indentation("", 4), "");
    }
}

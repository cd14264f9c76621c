//! The table on a terminal.

use crate::interop::results::{Cell, Failure, Missing, Results, Row};
use crate::show::terminal::{BAD, FAINT, GOOD, HEADING, crop, pad, styled};
use unicode_width::UnicodeWidthStr;

/// What stands where two programs have nothing to say to each other.
pub const NOTHING: &str = "–";

/// The longest description of a failure, in columns.
const LONGEST: usize = 300;

/// The table, what its cells do not tell, and the sum.
pub fn table(results: &Results) -> String {
    let mut text = String::new();
    let name_width = results.rows.iter().map(|row| row.name.width()).max().unwrap_or(0) + 2;
    let widths: Vec<usize> = (0..results.columns.len()).map(|column| width(results, column)).collect();
    let titles: String = results.columns.iter().zip(&widths).map(|(title, width)| pad(title, *width)).collect();
    text.push_str(&line(&format!("{}{}", " ".repeat(name_width), styled(titles.trim_end(), HEADING))));
    for row in &results.rows {
        let cells = match &row.missing {
            Some(missing) => styled(&missing.text(), FAINT),
            None => row.cells.iter().zip(&widths).map(|(cell, width)| styled_cell(cell.as_ref(), *width)).collect(),
        };
        text.push_str(&line(&format!("{}{}", pad(&row.name, name_width), cells.trim_end())));
    }
    text.push_str(&notes(results));
    let style = if results.are_same() { GOOD } else { BAD };
    text.push_str(&line(&styled(&sum(results), style)));
    text
}

fn line(text: &str) -> String {
    format!("{text}\n")
}

fn width(results: &Results, column: usize) -> usize {
    let cells = results.rows.iter().filter(|row| row.missing.is_none()).filter_map(|row| row.cells[column].as_ref());
    cells.map(|cell| cell.text().width()).chain([results.columns[column].width()]).max().unwrap_or(0) + 2
}

fn styled_cell(cell: Option<&Cell>, width: usize) -> String {
    match cell {
        None => styled(&pad(NOTHING, width), FAINT),
        Some(cell) => styled(&pad(&cell.text(), width), if cell.is_same() { GOOD } else { BAD }),
    }
}

/// The exceptions, the failures, and what could not be built.
fn notes(results: &Results) -> String {
    let exceptions = exceptions(results).into_iter().map(|each| styled(&format!("* {each}"), FAINT));
    let failures = failures(results).into_iter().map(|each| crop(&each, 0, LONGEST));
    exceptions.chain(failures).map(|each| line(&each)).collect()
}

/// The exceptions, one on a line.
pub fn exceptions(results: &Results) -> Vec<String> {
    results.exceptions().iter().map(|each| format!("{}, {}: {}", each.of, each.word, each.because)).collect()
}

/// Everything that went wrong, one on a line. What is the same in several columns is told once.
pub fn failures(results: &Results) -> Vec<String> {
    let mut all = Vec::new();
    for row in &results.rows {
        if let Some(Missing::NotBuilt(why)) = &row.missing {
            all.push(format!("{}: not built: {why}", row.name));
        }
        let mut places: Vec<(String, Vec<String>)> = Vec::new();
        for (column, cell) in results.columns.iter().zip(&row.cells) {
            for failure in cell.iter().flat_map(|cell| &cell.failures) {
                let place = format!("{column} in {}", failure.twin);
                let what = told(failure);
                match places.iter_mut().find(|(other, _)| *other == what) {
                    Some((_, places)) => places.push(place),
                    None => places.push((what, vec![place])),
                }
            }
        }
        all.extend(places.into_iter().map(|(what, places)| {
            let more = if places.len() > 1 { format!(" and {} more", places.len() - 1) } else { String::new() };
            format!("{}, {}{more}{what}", row.name, places[0])
        }));
    }
    all
}

/// What went wrong in a cell, one on a line.
pub fn failures_of(row: &Row, column: &str, cell: &Cell) -> Vec<String> {
    let text = |failure: &Failure| format!("{}, {column} in {}{}", row.name, failure.twin, told(failure));
    cell.failures.iter().map(text).collect()
}

fn told(failure: &Failure) -> String {
    let word = failure.word.as_ref().map(|word| format!(", {word}")).unwrap_or_default();
    format!("{word}: {}", failure.what)
}

/// How many words came back, and from how many programs.
pub fn sum(results: &Results) -> String {
    let there: Vec<&Row> = results.rows.iter().filter(|row| row.missing.is_none()).collect();
    let cells = || there.iter().flat_map(|row| row.cells.iter().flatten());
    let (words, same): (usize, usize) = cells().fold((0, 0), |sum, cell| (sum.0 + cell.words, sum.1 + cell.same));
    let others = there.iter().filter(|row| !row.ours).count();
    let absent = results.rows.len() - there.len();
    let absent = if absent == 0 { String::new() } else { format!("; {absent} not run") };
    format!("{words} words with {others} programs of others: {same} came back whole{absent}")
}

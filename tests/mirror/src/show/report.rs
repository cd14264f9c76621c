//! Comparisons as text for a person.

use std::fmt::Write;

use crate::compare::{Comparison, Difference, Row, Undecided};
use crate::show::terminal::{BAD, FAINT, GOOD, crop, pad, styled, width};

/// The line for a scenario.
pub fn scenario(name: &str, result: &Result<Comparison, String>) -> String {
    let verdict = result.as_ref().map_or("not run", |comparison| comparison.verdict().name());
    let style = if verdict == "same" { GOOD } else { BAD };
    let mut line = format!("  {}  {name:<36}", styled(&format!("{verdict:<7}"), style));
    let Ok(comparison) = result else {
        return line.trim_end().to_owned();
    };
    let [left, right] = comparison.calls;
    let calls = format!("syscalls {left}/{right}");
    let _ = write!(line, " {calls:<20}");
    if comparison.packets != [0, 0] {
        let [left, right] = comparison.packets;
        let _ = write!(line, " wire {left}/{right}");
    }
    if comparison.differing_lines > 0 {
        line.truncate(line.trim_end().len());
        let _ = write!(line, ", {} trace lines differ", comparison.differing_lines);
    }
    if comparison.scheduling_ignored {
        line.truncate(line.trim_end().len());
        line.push_str(", apart from scheduling");
    }
    line.trim_end().to_owned()
}

/// All differences, for a person to read.
pub fn differences(comparison: &Comparison, labels: [&str; 2]) -> String {
    match &comparison.undecided {
        Some(undecided) => differs_from_itself(undecided, labels),
        None => listed(&comparison.differences, labels),
    }
}

/// The differences of a program from itself.
pub fn differs_from_itself(Undecided { side, differences }: &Undecided, labels: [&str; 2]) -> String {
    let label = labels[*side];
    let again = format!("{label}, again");
    format!("    {label} differs from itself, so the two cannot be compared:\n{}", listed(differences, [label, &again]))
}

/// Differences, for a person to read.
pub fn listed(differences: &[Difference], labels: [&str; 2]) -> String {
    let mut text = String::new();
    for difference in differences {
        match difference {
            Difference::Between { what, sides: [left, right] } => {
                let _ = writeln!(text, "    {what} differs:");
                for (label, side) in labels.into_iter().zip([left, right]) {
                    let _ = writeln!(text, "      {label:<10} {}", around(side, left, right));
                }
            }
            Difference::Stated { side, what, expected, actual } => {
                let _ = writeln!(text, "    {}: not as stated: {what}", labels[*side]);
                let _ = writeln!(text, "      expected   {}", around(expected, expected, actual));
                let _ = writeln!(text, "      actual     {}", around(actual, expected, actual));
            }
            Difference::Step { side, failure } => {
                let _ = writeln!(text, "    {}: {failure}", labels[*side]);
            }
            Difference::Lines { what, start, rows } => {
                let _ = writeln!(text, "    {what} differ, first here:");
                text.push_str(&numbered_rows(*start, rows, labels));
            }
        }
    }
    text
}

fn numbered_rows(mut line: [usize; 2], rows: &[Row], labels: [&str; 2]) -> String {
    let column = (width() - 4) / 2 - 7;
    let mut text = String::new();
    let heading = |label| pad(label, column);
    let _ = writeln!(text, "          {}       {}", heading(labels[0]), labels[1]);
    for row in rows {
        let [left, right] = row.sides.each_ref().map(|side| side.as_deref().unwrap_or(""));
        let numbers = [0, 1].map(|side| match row.sides[side] {
            Some(_) => {
                line[side] += 1;
                line[side].to_string()
            }
            None => String::new(),
        });
        let from = if row.same { 0 } else { first_visible(left, right, column) };
        let cells = [left, right].map(|side| pad(&crop(side, from, column), column));
        let mark = if row.same { ' ' } else { '≠' };
        let style = if row.same { FAINT } else { BAD };
        let shown = format!("  {mark} {:>4}  {} {:>4}  {}", numbers[0], cells[0], numbers[1], cells[1].trim_end());
        let _ = writeln!(text, "  {}", styled(&shown, style));
    }
    text
}

/// A value, cropped to where the two begin to differ if it is long.
fn around(text: &str, left: &str, right: &str) -> String {
    let columns = width() - 20;
    if text.is_empty() {
        return "(nothing)".into();
    }
    crop(text, first_visible(left, right, columns), columns)
}

/// The first character to show so that the first difference is visible.
fn first_visible(left: &str, right: &str, columns: usize) -> usize {
    let same = left.chars().zip(right.chars()).take_while(|(l, r)| l == r).count();
    if same < columns.saturating_sub(8) { 0 } else { same.saturating_sub(columns / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_visible() {
        let (left, right) = ("a".repeat(100) + "L", "a".repeat(100) + "R");
        let from = first_visible(&left, &right, 40);
        assert!(crop(&left, from, 40).contains('L'));
        assert!(crop(&right, from, 40).contains('R'));
    }
}

//! Aligns two lists of lines.

use std::borrow::Cow;
use std::hash::Hash;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::compare::comparison::{Difference, Row};
use crate::compare::normalise::Normaliser;
use crate::read::trace::Event;

/// How many rows of context are shown around the first difference.
const CONTEXT: usize = 3;

/// Aligns two traces, normalised; empty if they are equal.
pub fn align_if_different(traces: [&[&Event]; 2], normaliser: &Normaliser) -> Vec<Row> {
    let [left, right] = normalised(traces, normaliser);
    if left == right { Vec::new() } else { align_lines(&left, &right) }
}

fn normalised<'a>(traces: [&[&'a Event]; 2], normaliser: &Normaliser) -> [Vec<Cow<'a, str>>; 2] {
    traces.map(|rows| normaliser.apply(rows.iter().map(|row| row.text.as_str())))
}

/// Aligns two lists of lines.
pub fn align_lines<Text: AsRef<str> + Ord + Hash>(left: &[Text], right: &[Text]) -> Vec<Row> {
    let text = |list: &[Text], place: Option<usize>| place.map(|place| list[place].as_ref().to_owned());
    let row = |(same, [l, r]): (bool, [Option<usize>; 2])| Row { same, sides: [text(left, l), text(right, r)] };
    pairs(left, right).into_iter().map(row).collect()
}

/// Aligns two lists: for each row, whether both sides are equal there, and the places in the lists.
pub fn pairs<Text: Ord + Hash>(left: &[Text], right: &[Text]) -> Vec<(bool, [Option<usize>; 2])> {
    let mut rows = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, left, right) {
        let (old, new) = (operation.old_range(), operation.new_range());
        let same = matches!(operation, DiffOp::Equal { .. });
        rows.extend((0..old.len().max(new.len())).map(|n| (same, [old.clone().nth(n), new.clone().nth(n)])));
    }
    rows
}

/// The first rows that differ, with context.
pub fn first_difference(what: &'static str, rows: &[Row]) -> Option<Difference> {
    let first = rows.iter().position(|row| !row.same)?;
    let from = first.saturating_sub(CONTEXT);
    let last = rows[first..].iter().position(|row| row.same).map_or(rows.len(), |n| first + n);
    let to = (last + CONTEXT).min(rows.len()).min(first + 4 * CONTEXT);
    let start = [0, 1].map(|side| rows[..from].iter().filter(|r| r.sides[side].is_some()).count());
    Some(Difference::Lines { what, start, rows: rows[from..to].to_vec() })
}

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

/// With more pairs of lines than this, lines are aligned only where they are equal.
const MOST_PAIRS: usize = 4_000_000;

/// What a run-time library does by itself; that two of these are equal says little.
const LIGHT: [&str; 18] = [
    "brk",
    "close",
    "fstat",
    "futex",
    "getpid",
    "getrandom",
    "gettid",
    "mmap",
    "mprotect",
    "munmap",
    "newfstatat",
    "openat",
    "pread64",
    "prlimit64",
    "read",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
];

/// Aligns two lists: for each row, whether both sides are equal there, and the places in the lists. Beside each other
/// stand equal lines, and lines of the same system call; calls of the program count for more than those of a library.
pub fn pairs<Text: AsRef<str> + Ord + Hash>(left: &[Text], right: &[Text]) -> Vec<(bool, [Option<usize>; 2])> {
    let equal = |pair: &(&Text, &Text)| pair.0 == pair.1;
    let head = left.iter().zip(right).take_while(equal).count();
    let tail = left[head..].iter().rev().zip(right[head..].iter().rev()).take_while(equal).count();
    let (l, r) = (&left[head..left.len() - tail], &right[head..right.len() - tail]);
    let middle = if l.len().saturating_mul(r.len()) > MOST_PAIRS { by_equal_lines(l, r) } else { by_calls(l, r) };
    let shifted = middle.into_iter().map(|(same, places)| (same, places.map(|place| place.map(|n| n + head))));
    let whole = |count: usize, from: [usize; 2]| (0..count).map(move |n| (true, from.map(|from| Some(from + n))));
    let ends = [left.len() - tail, right.len() - tail];
    whole(head, [0, 0]).chain(shifted).chain(whole(tail, ends)).collect()
}

fn by_equal_lines<Text: Ord + Hash>(left: &[Text], right: &[Text]) -> Vec<(bool, [Option<usize>; 2])> {
    let mut rows = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, left, right) {
        let (old, new) = (operation.old_range(), operation.new_range());
        let same = matches!(operation, DiffOp::Equal { .. });
        rows.extend((0..old.len().max(new.len())).map(|n| (same, [old.clone().nth(n), new.clone().nth(n)])));
    }
    rows
}

/// The alignment of the greatest worth (Needleman and Wunsch).
fn by_calls<Text: AsRef<str> + PartialEq>(left: &[Text], right: &[Text]) -> Vec<(bool, [Option<usize>; 2])> {
    let name = |text: &Text| text.as_ref().split('(').next().unwrap_or("").to_owned();
    let names = [left.iter().map(name).collect::<Vec<_>>(), right.iter().map(name).collect()];
    let worth = |l: usize, r: usize| -> u32 {
        let [is_light, other_is_light] = [&names[0][l], &names[1][r]].map(|name| LIGHT.contains(&name.as_str()));
        match (left[l] == right[r], names[0][l] == names[1][r]) {
            (true, _) if is_light => 4,
            (true, _) => 12,
            (false, true) if is_light => 2,
            (false, true) => 7,
            // One call in place of another.
            (false, false) => u32::from(!is_light && !other_is_light),
        }
    };
    // What the rests after these places are worth.
    let width = right.len() + 1;
    let mut rests = vec![0_u32; (left.len() + 1) * width];
    for l in (0..left.len()).rev() {
        for r in (0..right.len()).rev() {
            let paired = match worth(l, r) {
                0 => 0,
                worth => worth + rests[(l + 1) * width + r + 1],
            };
            rests[l * width + r] = paired.max(rests[(l + 1) * width + r]).max(rests[l * width + r + 1]);
        }
    }
    let (mut l, mut r) = (0, 0);
    let mut rows = Vec::new();
    while l < left.len() || r < right.len() {
        let here = rests[l * width + r];
        let worth = if l < left.len() && r < right.len() { worth(l, r) } else { 0 };
        if worth > 0 && here == worth + rests[(l + 1) * width + r + 1] {
            rows.push((left[l] == right[r], [Some(l), Some(r)]));
            (l, r) = (l + 1, r + 1);
        } else if l < left.len() && here == rests[(l + 1) * width + r] {
            rows.push((false, [Some(l), None]));
            l += 1;
        } else {
            rows.push((false, [None, Some(r)]));
            r += 1;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn aligned(left: &[&str], right: &[&str]) -> Vec<String> {
        let text = |list: &[&str], place: Option<usize>| place.map_or("-".to_owned(), |place| list[place].to_owned());
        let row = |(same, [l, r]): (bool, [Option<usize>; 2])| {
            format!("{} {} {}", text(left, l), if same { "=" } else { "|" }, text(right, r))
        };
        pairs(left, right).into_iter().map(row).collect()
    }

    #[test]
    fn the_same_call_stands_beside_itself() {
        let left = ["a() = 0", "socket(1) = 3", "connect(3) = 0", "brk(0) = 9", "send(3) = 1", "exit(0)"];
        let right =
            ["a() = 0", "poll() = 0", "brk(0) = 9", "socket(2) = 3", "connect(3) = 0", "send(4) = 1", "exit(0)"];
        let expected = [
            "a() = 0 = a() = 0",
            "- | poll() = 0",
            "- | brk(0) = 9",
            "socket(1) = 3 | socket(2) = 3",
            "connect(3) = 0 = connect(3) = 0",
            "brk(0) = 9 | -",
            "send(3) = 1 | send(4) = 1",
            "exit(0) = exit(0)",
        ];
        assert_eq!(aligned(&left, &right), expected);
    }

    #[test]
    fn a_call_in_place_of_another() {
        assert_eq!(aligned(&["send(3)"], &["write(3)"]), ["send(3) | write(3)"]);
        assert_eq!(aligned(&["send(3)"], &["brk(3)"]), ["send(3) | -", "- | brk(3)"]);
        assert_eq!(aligned(&[], &["write(3)"]), ["- | write(3)"]);
        assert_eq!(aligned(&["a"], &["a"]), ["a = a"]);
    }

    #[test]
    fn long_lists_are_aligned_where_they_are_equal() {
        let left: Vec<String> = (0..2100).map(|n| format!("a({n})")).collect();
        let right: Vec<String> = (1..2101).map(|n| format!("a({n})")).collect();
        let rows = pairs(&left, &right);
        assert_eq!(rows.iter().filter(|(same, _)| *same).count(), 2099);
    }
}

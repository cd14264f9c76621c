//! Compares two observations with each other, and each with what the scenario states.

use std::borrow::Cow;

use similar::{DiffOp, capture_diff_slices};

use crate::compare::normalise::Normaliser;
use crate::read::observation::{End, FileRecord, Observation, Peer, printable};
use crate::read::trace::Event;
use crate::scenario::Scenario;
use crate::scenario::template::{self, Unlike};

pub mod normalise;
pub mod rows;

/// What came of a comparison.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many system calls of each twin were compared.
    pub calls: [usize; 2],
    /// How many lines tell each run's packets.
    pub packets: [usize; 2],
    /// How many lines of the traces have no equal on the other side.
    pub differing_lines: usize,
    /// Everything that is not as it should be.
    pub differences: Vec<Difference>,
    /// Why the differences tell nothing, if they do not.
    pub undecided: Option<Undecided>,
    /// Whether only what the programs decide was compared: see [`between_decided`].
    pub as_decided: bool,
}

/// What a comparison says of two programs in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are the same, and do what the scenario states.
    Same,
    /// They differ.
    Different,
    /// They do not differ, but not do what the scenario states.
    NotAsStated,
    /// One of them differs from itself, so that it cannot be told.
    Undecided,
}

/// A program that differs from itself.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// Which twin: 0 left, 1 right.
    pub side: usize,
    /// What is not the same in two runs of it.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// What it says.
    pub fn verdict(&self) -> Verdict {
        if self.undecided.is_some() {
            Verdict::Undecided
        } else if self.differences.iter().any(Difference::is_between) {
            Verdict::Different
        } else if self.differences.is_empty() {
            Verdict::Same
        } else {
            Verdict::NotAsStated
        }
    }

    /// Takes these for the differences between the twins, which are those of [`between_decided`].
    pub fn hold_to(&mut self, decided: Vec<Difference>) {
        self.as_decided = true;
        self.differing_lines = 0;
        self.differences.retain(|difference| !difference.is_between());
        self.differences.extend(decided);
    }

    /// Whether the twins are the same and do what the scenario states.
    pub fn is_same(&self) -> bool {
        self.verdict() == Verdict::Same
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The twins differ in something that is not the trace.
    Between {
        /// What differs.
        what: String,
        /// What each side has.
        sides: [String; 2],
    },
    /// One twin does not do what the scenario states.
    Stated {
        /// Which twin: 0 left, 1 right.
        side: usize,
        /// What is stated of.
        what: &'static str,
        /// What the scenario says.
        stated: String,
        /// What was seen.
        seen: String,
    },
    /// A step of the scenario did not go as it says.
    Step {
        /// Which twin: 0 left, 1 right.
        side: usize,
        /// What happened.
        complaint: String,
    },
    /// The traces or the packets differ; this is the first place.
    Lines {
        /// Which of them.
        what: &'static str,
        /// The line number on each side, from 0, at which `rows` begins.
        start: [usize; 2],
        /// Lines of both sides, beside each other where they are equal.
        rows: Vec<Row>,
    },
}

impl Difference {
    /// Whether it is one between the two sides, and not between a side and the scenario.
    pub fn is_between(&self) -> bool {
        matches!(self, Self::Between { .. } | Self::Lines { .. })
    }
}

/// One row of two traces beside each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whether both sides are equal.
    pub same: bool,
    /// The line of each side, where it has one.
    pub sides: [Option<String>; 2],
}

/// How many rows are shown before and after the first that differs.
const CONTEXT: usize = 3;

/// Compares two runs of one scenario.
pub fn compare(
    scenario: &Scenario,
    left: &Observation,
    right: &Observation,
    normaliser: &Normaliser,
) -> Comparison {
    let mut differences = Vec::new();
    for (side, observation) in [left, right].into_iter().enumerate() {
        stated(scenario, side, observation, &mut differences);
    }
    apart_from_the_trace(left, right, &mut differences);

    let traces = [left, right].map(|side| normaliser.rows(&side.trace, scenario.polls));
    let differing = differing_rows([&traces[0], &traces[1]], normaliser);
    let differing_lines = differing.iter().filter(|row| !row.same).count();
    differences.extend(first_difference("the traces", &differing));
    let calls = |rows: Vec<&Event>| rows.iter().filter(|event| event.is_call()).count();
    Comparison {
        calls: traces.map(calls),
        packets: [left.packets.len(), right.packets.len()],
        differing_lines,
        differences,
        undecided: None,
        as_decided: false,
    }
}

/// What is not the same in two runs, whatever the scenario states.
pub fn between(
    scenario: &Scenario,
    left: &Observation,
    right: &Observation,
    normaliser: &Normaliser,
) -> Vec<Difference> {
    let mut differences = compare(scenario, left, right, normaliser).differences;
    differences.retain(Difference::is_between);
    differences
}

/// What is not the same in two runs of all that a program decides: see [`rows::decided`].
pub fn between_decided(
    [left, right]: [&Observation; 2],
    normaliser: &Normaliser,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    apart_from_the_trace(left, right, &mut differences);
    let [left, right] = [left, right].map(|side| rows::decided(&side.trace));
    let [left, right] =
        [&left, &right].map(|rows| normaliser.apply(rows.iter().map(String::as_str)));
    differences.extend(first_difference("the traces", &rows_of(&left, &right)));
    differences
}

fn stated(
    scenario: &Scenario,
    side: usize,
    observation: &Observation,
    differences: &mut Vec<Difference>,
) {
    let mut state = |what, stated: String, seen: String| {
        if stated != seen {
            differences.push(Difference::Stated { side, what, stated, seen });
        }
    };
    let end = match (&scenario.exit, &scenario.killed_by) {
        (Some(status), _) => End::Exited(*status),
        (None, Some(signal)) => End::KilledBy(signal.clone()),
        (None, None) => End::StillThere,
    };
    state("the end", end.to_string(), observation.end.to_string());
    let [stated, seen] = excerpts([&scenario.stderr.bytes(), &observation.stderr]);
    state("stderr", stated, seen);
    match &scenario.stdout_like {
        None => {
            let [stated, seen] = excerpts([&scenario.stdout.bytes(), &observation.stdout]);
            state("stdout", stated, seen);
        }
        Some(template) => {
            let text = String::from_utf8_lossy(&observation.stdout);
            match template::check(template, &scenario.r#where, &text) {
                Ok(()) => {}
                Err(Unlike::Text) => {
                    state("stdout", printable(template.as_bytes()), printable(text.as_bytes()));
                }
                Err(Unlike::Relation(relation, values)) => state("stdout", relation, values),
            }
        }
    }
    let mut packets = observation.packets.iter();
    for part in &scenario.wire {
        if !packets.any(|line| line.contains(part)) {
            state("the packets", part.clone(), observation.packets.join("; "));
        }
    }
    for complaint in &observation.complaints {
        differences.push(Difference::Step { side, complaint: complaint.clone() });
    }
}

fn apart_from_the_trace(
    left: &Observation,
    right: &Observation,
    differences: &mut Vec<Difference>,
) {
    let mut hold = |what: &str, sides: [String; 2]| {
        if sides[0] != sides[1] {
            differences.push(Difference::Between { what: what.to_owned(), sides });
        }
    };
    let both = [left, right];
    hold("the end", both.map(|side| side.end.to_string()));
    hold("stdout", excerpts(both.map(|side| side.stdout.as_slice())));
    hold("stderr", excerpts(both.map(|side| side.stderr.as_slice())));
    let streams = |peer: &Peer| format!("{}: {:?}", peer.name, peer.stream);
    let peers = |side: &Observation| side.peers.iter().map(streams).collect::<Vec<_>>().join("; ");
    hold("what the peers saw", both.map(peers));
    for (left, right) in left.peers.iter().zip(&right.peers) {
        let what = format!("what {} received", left.name);
        hold(&what, excerpts([&left.received, &right.received]));
    }
    let left_behind = |count| format!("{count} processes");
    hold("what lives on", both.map(|side| left_behind(side.left_behind)));
    for path in paths(left, right) {
        let file = |side: &Observation| match side.files.iter().find(|file| file.path == path) {
            Some(FileRecord { mode, size, content, .. }) => {
                format!("{mode}, {size} bytes, {content}")
            }
            None => String::new(),
        };
        hold(path, both.map(file));
    }
    differences.extend(first_difference("the packets", &rows_of(&left.packets, &right.packets)));
}

/// The files that at least one side has left.
fn paths<'a>(left: &'a Observation, right: &'a Observation) -> Vec<&'a str> {
    let files = left.files.iter().chain(&right.files);
    let mut paths: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// Two values so that a person can see where they begin to differ: nothing, where they do not, the
/// whole of them if they are short.
fn excerpts(sides: [&[u8]; 2]) -> [String; 2] {
    const SHORT: usize = 4096;
    const BEFORE: usize = 64;
    let [left, right] = sides;
    if left == right {
        return Default::default();
    }
    if sides.iter().all(|side| side.len() <= SHORT) {
        return sides.map(printable);
    }
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    sides.map(|side| {
        let from = same.saturating_sub(BEFORE);
        let to = side.len().min(same + SHORT);
        format!("{} bytes, from byte {from} on: {}", side.len(), printable(&side[from..to]))
    })
}

/// Rows of two traces beside each other, normalised.
pub fn align(traces: [&[&Event]; 2], normaliser: &Normaliser) -> Vec<Row> {
    let [left, right] = normalised(traces, normaliser);
    rows_of(&left, &right)
}

/// The same, but nothing where the traces are equal.
fn differing_rows(traces: [&[&Event]; 2], normaliser: &Normaliser) -> Vec<Row> {
    let [left, right] = normalised(traces, normaliser);
    if left == right { Vec::new() } else { rows_of(&left, &right) }
}

fn normalised<'a>(traces: [&[&'a Event]; 2], normaliser: &Normaliser) -> [Vec<Cow<'a, str>>; 2] {
    traces.map(|rows| normaliser.apply(rows.iter().map(|row| row.text.as_str())))
}

fn rows_of<Text: AsRef<str> + Ord + std::hash::Hash>(left: &[Text], right: &[Text]) -> Vec<Row> {
    let text = |text: &Text| text.as_ref().to_owned();
    let mut rows = Vec::new();
    for operation in capture_diff_slices(similar::Algorithm::Myers, left, right) {
        match operation {
            DiffOp::Equal { old_index, new_index, len } => rows.extend((0..len).map(|i| Row {
                same: true,
                sides: [Some(text(&left[old_index + i])), Some(text(&right[new_index + i]))],
            })),
            other => {
                let (old, new) = (&left[other.old_range()], &right[other.new_range()]);
                rows.extend((0..old.len().max(new.len())).map(|i| Row {
                    same: false,
                    sides: [old.get(i).map(text), new.get(i).map(text)],
                }));
            }
        }
    }
    rows
}

fn first_difference(what: &'static str, rows: &[Row]) -> Option<Difference> {
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
    use crate::compare::normalise::RULES;

    fn events(lines: &[&str]) -> Vec<Event> {
        let event = |text: &&str| Event { process: 3, text: (*text).into(), stack: Vec::new() };
        lines.iter().map(event).collect()
    }

    fn observation(lines: &[&str]) -> Observation {
        Observation {
            stdout: b"out\n".to_vec(),
            stderr: Vec::new(),
            end: End::Exited(0),
            complaints: Vec::new(),
            peers: Vec::new(),
            trace: events(lines),
            packets: Vec::new(),
            files: Vec::new(),
            left_behind: 0,
        }
    }

    fn scenario() -> Scenario {
        toml::from_str("name = 'n'\nabout = 'a'\nexit = 0\nstdout = \"out\\n\"").unwrap()
    }

    fn held(left: &Observation, right: &Observation) -> Comparison {
        compare(&scenario(), left, right, &Normaliser::new(RULES))
    }

    #[test]
    fn the_same_is_the_same() {
        let left = observation(&["brk(NULL) = 0x564d10d38000", "+++ exited with 0 +++"]);
        let right = observation(&["brk(NULL) = 0x55cd10d38000", "+++ exited with 0 +++"]);
        let comparison = held(&left, &right);
        assert!(comparison.is_same(), "{comparison:?}");
        assert_eq!(comparison.calls, [1, 1]);
    }

    #[test]
    fn a_call_more_is_found_and_its_place() {
        let left = observation(&["a() = 0", "b() = 0", "c() = 0", "d() = 0", "e() = 0"]);
        let right =
            observation(&["a() = 0", "b() = 0", "c() = 0", "d() = 0", "x() = 0", "e() = 0"]);
        let comparison = held(&left, &right);
        assert_eq!(comparison.differing_lines, 1);
        let [Difference::Lines { start, rows, .. }] = comparison.differences.as_slice() else {
            panic!("{comparison:?}");
        };
        assert_eq!(*start, [1, 1]);
        assert_eq!(rows[3].sides, [None, Some("x() = 0".into())]);
    }

    #[test]
    fn a_packet_more_is_found() {
        let left = observation(&[]);
        let mut right = observation(&[]);
        right.packets.push("TCP 127.0.0.1:1 > 127.0.0.1:2: FIN at 6".into());
        let comparison = held(&left, &right);
        assert!(matches!(
            comparison.differences[..],
            [Difference::Lines { what: "the packets", .. }]
        ));
    }

    #[test]
    fn twins_that_are_wrong_alike_are_wrong() {
        let mut both = observation(&[]);
        both.stdout = b"put\n".to_vec();
        both.complaints = vec!["step 1".into()];
        both.end = End::StillThere;
        let comparison = held(&both, &both);
        assert_eq!(comparison.differences.len(), 6, "{comparison:?}");
        assert_eq!(comparison.verdict(), Verdict::NotAsStated);
    }

    #[test]
    fn every_byte_counts() {
        let peer = |received: &[u8]| Peer {
            name: "a".into(),
            received: received.to_vec(),
            stream: crate::read::observation::Stream::Ended,
        };
        let file = |content: &str| FileRecord {
            path: "/tmp/a".into(),
            mode: "- 0644".into(),
            size: 1,
            content: content.into(),
        };
        let [mut left, mut right] = [observation(&[]), observation(&[])];
        left.peers = vec![peer(b"hello")];
        right.peers = vec![peer(b"hallo")];
        left.files = vec![file("1")];
        right.files = vec![file("2")];
        left.left_behind = 1;
        let comparison = held(&left, &right);
        assert_eq!(comparison.differences.len(), 3, "{comparison:?}");
        assert_eq!(comparison.verdict(), Verdict::Different);
        let decided = between_decided([&left, &right], &Normaliser::new(RULES));
        assert_eq!(decided, comparison.differences);
    }

    #[test]
    fn long_values_are_cropped_to_where_they_differ() {
        let (left, mut right) = (vec![b'x'; 3_000_000], vec![b'x'; 3_000_000]);
        assert_eq!(excerpts([&left, &right]), [String::new(), String::new()]);
        right[2_500_000] = b'z';
        let [left, right] = excerpts([&left, &right]);
        assert!(left.starts_with("3000000 bytes, from byte 2499936 on: xxx"), "{}", &left[..50]);
        assert!(right.contains('z') && !left.contains('z'));
    }
}

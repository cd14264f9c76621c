//! Holds two observations against each other, and each against what the scenario states.

use similar::{DiffOp, capture_diff_slices};

use crate::likeness::{self, Unlike};
use crate::normalise::Normaliser;
use crate::observation::{End, Observation};
use crate::scenario::Scenario;
use crate::trace::Event;

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
}

impl Comparison {
    /// Whether the twins are the same and do what the scenario states.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The twins differ in something that is not the trace.
    Between {
        /// What differs.
        what: &'static str,
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
    between(left, right, &mut differences);

    let traces = [left, right].map(|side| normaliser.rows(&side.trace, scenario.polls));
    let rows = align([&traces[0], &traces[1]], normaliser);
    let differing_lines = rows.iter().filter(|row| !row.same).count();
    differences.extend(first_difference("the traces", &rows));
    differences.extend(first_difference("the packets", &rows_of(&left.packets, &right.packets)));
    let calls = |rows: Vec<&Event>| rows.iter().filter(|event| event.is_call()).count();
    Comparison {
        calls: traces.map(calls),
        packets: [left.packets.len(), right.packets.len()],
        differing_lines,
        differences,
    }
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
    state("stderr", printable(&scenario.stderr.bytes()), printable(&observation.stderr));
    match &scenario.stdout_like {
        None => {
            state("stdout", printable(&scenario.stdout.bytes()), printable(&observation.stdout))
        }
        Some(template) => {
            let text = String::from_utf8_lossy(&observation.stdout);
            match likeness::check(template, &scenario.r#where, &text) {
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

fn between(left: &Observation, right: &Observation, differences: &mut Vec<Difference>) {
    let mut hold = |what, left: String, right: String| {
        if left != right {
            differences.push(Difference::Between { what, sides: [left, right] });
        }
    };
    hold("the end", left.end.to_string(), right.end.to_string());
    hold("stdout", printable(&left.stdout), printable(&right.stdout));
    hold("stderr", printable(&left.stderr), printable(&right.stderr));
    let peers = |observation: &Observation| {
        let peer = |p: &crate::observation::PeerRecord| {
            format!("{}: {} bytes, {:?}", p.name, p.received, p.stream)
        };
        observation.peers.iter().map(peer).collect::<Vec<_>>().join("; ")
    };
    hold("what the peers saw", peers(left), peers(right));
}

/// Bytes so that each can be told: UTF-8 text as it is, all else escaped.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => text.extend(c.escape_default()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Rows of two traces beside each other, normalised.
pub fn align(traces: [&[&Event]; 2], normaliser: &Normaliser) -> Vec<Row> {
    let lines = |rows: &[&Event]| normaliser.apply(rows.iter().map(|row| row.text.as_str()));
    let [left, right] = traces.map(lines);
    rows_of(&left, &right)
}

fn rows_of(left: &[String], right: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    for operation in capture_diff_slices(similar::Algorithm::Myers, left, right) {
        match operation {
            DiffOp::Equal { old_index, new_index, len } => rows.extend((0..len).map(|i| Row {
                same: true,
                sides: [Some(left[old_index + i].clone()), Some(right[new_index + i].clone())],
            })),
            other => {
                let (old, new) = (&left[other.old_range()], &right[other.new_range()]);
                rows.extend((0..old.len().max(new.len())).map(|i| Row {
                    same: false,
                    sides: [old.get(i).cloned(), new.get(i).cloned()],
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
    use crate::normalise::RULES;

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
    }

    #[test]
    fn bytes_that_are_no_text_can_be_told() {
        assert_eq!(printable("한\n\\\0".as_bytes()), "한\\n\\\\\\u{0}");
        assert_eq!(printable(b"a\xff"), "a\\xff");
    }
}

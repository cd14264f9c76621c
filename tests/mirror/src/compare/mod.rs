//! Compares two observations with each other, and each with what the scenario states.

use crate::compare::diff::{align_if_different, align_lines, first_difference};
use crate::compare::excerpts::excerpts;
use crate::compare::normalise::Normaliser;
use crate::compare::stated::stated;
use crate::read::observation::{FileRecord, Observation, Peer};
use crate::read::trace::Event;
use crate::scenario::Scenario;

pub use comparison::{Comparison, Difference, Row, Undecided, Verdict};

mod comparison;
pub mod diff;
mod excerpts;
pub mod normalise;
pub mod rows;
pub mod rules;
mod scheduling;
mod stated;

/// Compares two runs of one scenario.
pub fn compare(scenario: &Scenario, left: &Observation, right: &Observation, normaliser: &Normaliser) -> Comparison {
    let mut differences = Vec::new();
    for (side, observation) in [left, right].into_iter().enumerate() {
        stated(scenario, side, observation, &mut differences);
    }
    outcomes(left, right, &mut differences);

    let traces = [left, right].map(|side| normaliser.rows(&side.trace, scenario.polls));
    let differing = align_if_different([&traces[0], &traces[1]], normaliser);
    let differing_lines = differing.iter().filter(|row| !row.same).count();
    differences.extend(first_difference("the traces", &differing));
    let calls = |rows: Vec<&Event>| rows.iter().filter(|event| event.is_call()).count();
    Comparison {
        calls: traces.map(calls),
        packets: [left.packets.len(), right.packets.len()],
        differing_lines,
        differences,
        undecided: None,
        scheduling_ignored: false,
    }
}

/// What differs between two runs, whatever the scenario states.
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

/// What differs between two runs, apart from what the scheduler decides: see `scheduling`.
pub fn between_without_scheduling([left, right]: [&Observation; 2], normaliser: &Normaliser) -> Vec<Difference> {
    let mut differences = Vec::new();
    outcomes(left, right, &mut differences);
    let [left, right] = [left, right].map(|side| scheduling::without_scheduling(&side.trace));
    let [left, right] = [&left, &right].map(|rows| normaliser.apply(rows.iter().map(String::as_str)));
    differences.extend(first_difference("the traces", &align_lines(&left, &right)));
    differences
}

fn outcomes(left: &Observation, right: &Observation, differences: &mut Vec<Difference>) {
    let mut compare = |what: &str, sides: [String; 2]| {
        if sides[0] != sides[1] {
            differences.push(Difference::Between { what: what.to_owned(), sides });
        }
    };
    let both = [left, right];
    compare("the end", both.map(|side| side.end.to_string()));
    compare("stdout", excerpts(both.map(|side| side.stdout.as_slice())));
    compare("stderr", excerpts(both.map(|side| side.stderr.as_slice())));
    let streams = |peer: &Peer| format!("{}: {:?}", peer.name, peer.stream);
    let peers = |side: &Observation| side.peers.iter().map(streams).collect::<Vec<_>>().join("; ");
    compare("what the peers saw", both.map(peers));
    for (left, right) in left.peers.iter().zip(&right.peers) {
        let what = format!("what {} received", left.name);
        compare(&what, excerpts([&left.received, &right.received]));
    }
    let remaining_processes = |count| format!("{count} processes");
    compare("the number of remaining processes", both.map(|side| remaining_processes(side.remaining_processes)));
    for path in paths(left, right) {
        let file = |side: &Observation| match side.files.iter().find(|file| file.path == path) {
            Some(FileRecord { mode, size, content, .. }) => {
                format!("{mode}, {size} bytes, {content}")
            }
            None => String::new(),
        };
        compare(path, both.map(file));
    }
    differences.extend(first_difference("the packets", &align_lines(&left.packets, &right.packets)));
}

/// The paths of all files that either side has left.
fn paths<'a>(left: &'a Observation, right: &'a Observation) -> Vec<&'a str> {
    let files = left.files.iter().chain(&right.files);
    let mut paths: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::rules::RULES;
    use crate::read::observation::{End, Stream};

    fn events(lines: &[&str]) -> Vec<Event> {
        let event = |text: &&str| Event { process: 3, text: (*text).into(), stack: Vec::new(), times: None };
        lines.iter().map(event).collect()
    }

    fn observation(lines: &[&str]) -> Observation {
        Observation {
            stdout: b"out\n".to_vec(),
            stderr: Vec::new(),
            end: End::Exited(0),
            step_failures: Vec::new(),
            steps: Vec::new(),
            peers: Vec::new(),
            trace: events(lines),
            packets: Vec::new(),
            frames: Vec::new(),
            files: Vec::new(),
            remaining_processes: 0,
        }
    }

    fn scenario() -> Scenario {
        toml::from_str("name = 'n'\nabout = 'a'\nexit = 0\nstdout = \"out\\n\"").unwrap()
    }

    fn compared(left: &Observation, right: &Observation) -> Comparison {
        compare(&scenario(), left, right, &Normaliser::new(RULES))
    }

    #[test]
    fn equal_runs_are_the_same() {
        let left = observation(&["brk(NULL) = 0x564d10d38000", "+++ exited with 0 +++"]);
        let right = observation(&["brk(NULL) = 0x55cd10d38000", "+++ exited with 0 +++"]);
        let comparison = compared(&left, &right);
        assert!(comparison.is_same(), "{comparison:?}");
        assert_eq!(comparison.calls, [1, 1]);
    }

    #[test]
    fn an_extra_call_is_found_where_it_is() {
        let left = observation(&["a() = 0", "b() = 0", "c() = 0", "d() = 0", "e() = 0"]);
        let right = observation(&["a() = 0", "b() = 0", "c() = 0", "d() = 0", "x() = 0", "e() = 0"]);
        let comparison = compared(&left, &right);
        assert_eq!(comparison.differing_lines, 1);
        let [Difference::Lines { start, rows, .. }] = comparison.differences.as_slice() else {
            panic!("{comparison:?}");
        };
        assert_eq!(*start, [1, 1]);
        assert_eq!(rows[3].sides, [None, Some("x() = 0".into())]);
    }

    #[test]
    fn an_extra_packet_is_found() {
        let left = observation(&[]);
        let mut right = observation(&[]);
        right.packets.push("TCP 127.0.0.1:1 > 127.0.0.1:2: FIN at 6".into());
        let comparison = compared(&left, &right);
        assert!(matches!(comparison.differences[..], [Difference::Lines { what: "the packets", .. }]));
    }

    #[test]
    fn twins_with_the_same_mistake_are_not_as_stated() {
        let mut both = observation(&[]);
        both.stdout = b"put\n".to_vec();
        both.step_failures = vec!["step 1".into()];
        both.end = End::StillThere;
        let comparison = compared(&both, &both);
        assert_eq!(comparison.differences.len(), 6, "{comparison:?}");
        assert_eq!(comparison.verdict(), Verdict::NotAsStated);
    }

    #[test]
    fn every_byte_counts() {
        let peer = |received: &[u8]| Peer { name: "a".into(), received: received.to_vec(), stream: Stream::Ended };
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
        left.remaining_processes = 1;
        let comparison = compared(&left, &right);
        assert_eq!(comparison.differences.len(), 3, "{comparison:?}");
        assert_eq!(comparison.verdict(), Verdict::Different);
        let without_scheduling = between_without_scheduling([&left, &right], &Normaliser::new(RULES));
        assert_eq!(without_scheduling, comparison.differences);
    }
}

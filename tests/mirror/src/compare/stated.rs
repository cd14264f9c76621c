//! Compares an observation with what the scenario states.

use crate::common::printable::printable;
use crate::compare::comparison::Difference;
use crate::compare::excerpts::excerpts;
use crate::read::observation::{End, Observation};
use crate::scenario::Scenario;
use crate::scenario::template::{self, Mismatch};

/// Adds the differences of one side from the scenario.
pub fn stated(scenario: &Scenario, side: usize, observation: &Observation, differences: &mut Vec<Difference>) {
    let mut expect = |what, expected: String, actual: String| {
        if expected != actual {
            differences.push(Difference::Stated { side, what, expected, actual });
        }
    };
    let end = match (&scenario.exit, &scenario.killed_by) {
        (Some(status), _) => End::Exited(*status),
        (None, Some(signal)) => End::KilledBy(signal.clone()),
        (None, None) => End::StillThere,
    };
    expect("the end", end.to_string(), observation.end.to_string());
    let [expected, actual] = excerpts([&scenario.stderr.bytes(), &observation.stderr]);
    expect("stderr", expected, actual);
    match &scenario.stdout_like {
        None => {
            let [expected, actual] = excerpts([&scenario.stdout.bytes(), &observation.stdout]);
            expect("stdout", expected, actual);
        }
        Some(template) => {
            let text = String::from_utf8_lossy(&observation.stdout);
            match template::check(template, &scenario.r#where, &text) {
                Ok(()) => {}
                Err(Mismatch::Text) => {
                    expect("stdout", printable(template.as_bytes()), printable(text.as_bytes()));
                }
                Err(Mismatch::Relation(relation, values)) => expect("stdout", relation, values),
            }
        }
    }
    let mut packets = observation.packets.iter();
    for part in &scenario.wire {
        if !packets.any(|line| line.contains(part)) {
            expect("the packets", part.clone(), observation.packets.join("; "));
        }
    }
    for failure in &observation.step_failures {
        differences.push(Difference::Step { side, failure: failure.clone() });
    }
}

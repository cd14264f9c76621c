//! Holds an observation against what the scenario states.

use crate::common::printable::printable;
use crate::compare::comparison::Difference;
use crate::compare::excerpts::excerpts;
use crate::read::observation::{End, Observation};
use crate::scenario::Scenario;
use crate::scenario::template::{self, Unlike};

/// Adds what one side does otherwise than the scenario states.
pub fn stated(
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

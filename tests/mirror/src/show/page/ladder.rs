//! The lanes of a ladder, and an arrow for each packet.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::calls::port;
use crate::account::Account;
use crate::account::packets::Packet;

/// With more ends than this, there are two lanes: who sends and who gets it is in the text.
const MOST_LANES: usize = 6;

/// The ends of the conversations, from left to right.
pub(super) struct Lanes {
    ends: Vec<String>,
}

impl Lanes {
    pub fn new(account: &Account) -> Self {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for packet in account.sides.iter().flat_map(|side| &side.packets) {
            for end in [&packet.from, &packet.to] {
                let first = counts.len();
                counts.entry(end).or_insert((0, first)).0 += 1;
            }
        }
        // The end that most packets have in common comes first, the others as they appear.
        let mut ends: Vec<(&str, (usize, usize))> = counts.into_iter().collect();
        let most = ends.iter().map(|(_, (count, _))| *count).max().unwrap_or(0);
        ends.sort_by_key(|(_, (count, first))| (*count != most, *first));
        let ends = ends.into_iter().map(|(end, _)| end.to_owned()).collect();
        Self { ends }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        if self.ends.len() > MOST_LANES { 2 } else { self.ends.len() }
    }

    /// What stands above them.
    pub fn heads(&self) -> Markup {
        html! {
            @if self.ends.len() > MOST_LANES {
                span { "sender or receiver" } span { "the other end" }
            } @else {
                @for end in &self.ends {
                    span title=(end) { @if self.ends.len() > 3 { ":" (port(end)) } @else { (end) } }
                }
            }
        }
    }

    /// The arrow of a packet.
    pub fn arrow(&self, packet: &Packet) -> Markup {
        let folded = self.ends.len() > MOST_LANES;
        let lane = |end: &str| match folded {
            true => usize::from(end == (&packet.from).max(&packet.to)),
            false => self.ends.iter().position(|other| other == end).unwrap_or(0),
        };
        let (from, to) = (lane(&packet.from), lane(&packet.to));
        let middle = |lane: f64| format!("{:.2}%", (lane + 0.5) * 100.0 / self.count().max(1) as f64);
        let ends = if folded { format!("{}→{} ", port(&packet.from), port(&packet.to)) } else { String::new() };
        let text = format!("{ends}{}", super::packet::short(packet));
        html! {
            svg .arrow height="28" width="100%" aria-hidden="true" {
                @if from == to {
                    circle cx=(middle(from as f64)) cy="19" r="4" {}
                } @else {
                    line x1=(middle(from as f64)) x2=(middle(to as f64)) y1="19" y2="19" marker-end="url(#head)" {}
                }
                text x=(middle((from + to) as f64 / 2.0)) y="13" text-anchor="middle" { (text) }
            }
        }
    }
}

//! The packets of a side as text: an arrow for each, between the two ends of its conversation.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::account::packets::Packet;
use crate::account::{Account, Item, Side};
use crate::show::terminal::{BAD, FAINT, HEADING, crop, pad, styled};
use crate::show::trace::place;

/// The least columns of an arrow with what it says.
const SHORTEST: usize = 40;

/// Shows the packets of both sides: once if they are the same.
pub fn ladders(account: &Account, columns: Option<usize>) -> String {
    let mut text = String::new();
    let title = format!("{}, {}", account.program, account.scenario);
    let _ = writeln!(text, "{}  {}", styled(&title, HEADING), account.about);
    let [left, right] = &account.sides;
    if left.packets.is_empty() && right.packets.is_empty() {
        text.push_str("It sends no packets.\n");
    } else if account.same_packets {
        ladder(left, columns, &mut text);
    } else {
        for side in [left, right] {
            let _ = writeln!(text, "\n{}", styled(&side.label, BAD));
            ladder(side, columns, &mut text);
        }
    }
    text
}

/// The conversations, in the order of their first packets.
fn ladder(side: &Side, columns: Option<usize>, text: &mut String) {
    let mut conversations: Vec<(&str, &str, Vec<&Packet>)> = Vec::new();
    for packet in &side.packets {
        let ends = [packet.from.as_str(), packet.to.as_str()];
        let known = conversations.iter_mut().find(|(a, b, _)| ends == [*a, *b] || ends == [*b, *a]);
        match known {
            Some((_, _, packets)) => packets.push(packet),
            None => conversations.push((&packet.from, &packet.to, vec![packet])),
        }
    }
    let causes = causes(side);
    let longest = side.packets.iter().map(|packet| packet.summary().width()).max().unwrap_or(0);
    let widest_cause = causes.iter().map(|cause| cause.width()).max().unwrap_or(0);
    // The number, two lines, the arrow's ends, and the gap before the cause.
    let around = 5 + 2 + 6 + 3;
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(around + widest_cause));
    let inside = longest.clamp(SHORTEST, room.max(SHORTEST));
    for (left, right, packets) in conversations {
        let gap = (inside + 8).saturating_sub(left.len() + right.len()).max(1);
        let _ = writeln!(text, "\n     {}", styled(&format!("{left}{}{right}", " ".repeat(gap)), HEADING));
        for packet in packets {
            let says = crop(&packet.summary(), 0, inside);
            let line = "─".repeat(inside.saturating_sub(says.width()));
            let arrow = if packet.from == left {
                format!("│─ {says} {line}─>│")
            } else {
                format!("│<─ {says} {line}─│")
            };
            let cause = styled(&causes[packet.number - 1], FAINT);
            let _ =
                writeln!(text, "{}", format!("{:>4} {}   {cause}", packet.number, pad(&arrow, inside + 7)).trim_end());
        }
    }
}

/// What came before each packet: the call or the deed, unless the packet before has it already.
fn causes(side: &Side) -> Vec<String> {
    let mut causes = vec![String::new(); side.packets.len()];
    let mut last = String::new();
    for item in &side.timeline {
        match *item {
            Item::Call(call) => {
                let call = &side.calls[call];
                last = format!("{}  {}", call.function, place(call)).trim_end().to_owned();
            }
            Item::Deed(deed) => last.clone_from(&side.deeds[deed].text),
            Item::Packet(packet) => causes[packet] = std::mem::take(&mut last),
        }
    }
    causes
}

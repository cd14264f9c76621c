//! Puts what a program did, what the peers did, and the packets in the order in which they happened.

use std::collections::HashMap;

use super::calls::Call;
use super::packets::Packet;
use super::{Deed, Item};

/// Orders all by time. A call that waited until a peer did something comes after that and what came of it, just before
/// the next call of its thread; any other call comes where it begins, before the packets that it causes.
pub(super) fn timeline(calls: &[Call], packets: &[Packet], deeds: &[Deed]) -> Vec<Item> {
    let mut begins: HashMap<u32, Vec<i64>> = HashMap::new();
    for call in calls {
        begins.entry(call.thread).or_default().push(call.begin);
    }
    begins.values_mut().for_each(|begins| begins.sort_unstable());
    // When it was over is measured by another clock than the packets' times.
    let next = |call: &Call| {
        let begins = &begins[&call.thread];
        let later = begins.partition_point(|begin| *begin <= call.begin);
        begins.get(later).copied().unwrap_or(call.end)
    };
    let of_call = |(index, call): (usize, &Call)| {
        let time = if call.waited(deeds) { next(call) } else { call.begin };
        (time, Item::Call(index))
    };
    let mut items: Vec<(i64, Item)> = calls.iter().enumerate().map(of_call).collect();
    items.extend(packets.iter().enumerate().map(|(index, packet)| (packet.time, Item::Packet(index))));
    items.extend(deeds.iter().enumerate().map(|(index, deed)| (deed.time, Item::Deed(index))));
    items.sort_by_key(|(time, _)| *time);
    items.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::calls::of_event;
    use crate::read::trace::parse;

    fn call(begin: i64, end: i64) -> Call {
        Call { begin, end, ..of_event(&parse("9 recvfrom(4, \"a\", 1, 0, NULL, NULL) = 1\n")[0]) }
    }

    #[test]
    fn a_call_that_waits_comes_after_what_it_waits_for() {
        let deed = |time| Deed { text: "a sends".into(), time };
        let packet = |time| Packet { time, ..Packet::default() };
        let order = timeline(&[call(10, 40), call(50, 70)], &[packet(41), packet(60)], &[deed(30)]);
        let expected = [Item::Deed(0), Item::Packet(0), Item::Call(0), Item::Call(1), Item::Packet(1)];
        assert_eq!(order, expected);
    }
}

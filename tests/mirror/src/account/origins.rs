//! Finds the calls that bytes of a packet come from, or that read them.

use std::collections::HashSet;

use super::Item;
use super::calls::{Call, Phase};
use super::packets::{Origin, Packet};
use super::streams::{Streams, Transfer};
use crate::read::frames::Frame;
use crate::read::trace::unescape;

/// The system calls that name an address.
const NAMING: [&str; 4] = ["bind", "connect", "sendto", "sendmsg"];
/// Those that send bytes, and the place of the bytes in their arguments.
const SENDING: [&str; 2] = ["sendto", "write"];
/// Those that return bytes, likewise.
const RECEIVING: [&str; 2] = ["recvfrom", "read"];
/// Both have the bytes here.
const BUFFER: usize = 1;

/// Fills in [`Packet::origins`]. `frames` are the packets as they were captured.
pub(super) fn origins(timeline: &[Item], calls: &[Call], frames: &[Frame], packets: &mut [Packet]) {
    let streams = Streams::new(timeline, calls, packets);
    // A datagram is received once.
    let mut received = HashSet::new();
    for (place, item) in timeline.iter().enumerate() {
        if let Item::Packet(packet) = *item {
            let mut origins = Vec::new();
            for end in ["Source", "Destination"] {
                origins.extend(address(&packets[packet], end, &timeline[..place], calls, &streams));
            }
            // Which bytes of a stream a call has is known by counting; guessing would add nothing that is true.
            origins.extend(if packets[packet].protocol == "TCP" {
                of_stream(place, &packets[packet], &streams, calls)
            } else {
                datagram(&packets[packet], &frames[packet], timeline, place, calls, &streams, &mut received)
            });
            packets[packet].origins = origins;
        }
    }
}

/// The last calls that name the port and the address of one end, of those on sockets of this connection. Where these are
/// not known, as of a datagram: the last call before the packet that names the port, and the address if that names it.
fn address(packet: &Packet, end: &str, before: &[Item], calls: &[Call], streams: &Streams) -> Vec<Origin> {
    // The link layer has fields of the same names, before these.
    let field = |what: &str, name: &str| {
        let field = packet.fields.iter().rposition(|field| field.name == format!("{end} {what}"))?;
        Some((field, name.replace('#', &packet.fields[field].value)))
    };
    let Some(port) = field("Port", "sin_port=htons(#)") else { return Vec::new() };
    let wanted = [Some(port.clone()), field("Address", "sin_addr=inet_addr(\"#\")")];
    let has = |call: usize, text: &str| calls[call].arguments.iter().any(|argument| argument.contains(text));
    let origin = |(field, text): (usize, String), call| Origin { field, call, text, read: false };
    if let Some(named) = streams.naming(before.len(), packet, end == "Source") {
        let last = |wanted: (usize, String)| {
            let call = named.iter().rev().find(|call| has(**call, &wanted.1))?;
            Some(origin(wanted, *call))
        };
        return wanted.into_iter().flatten().filter_map(last).collect();
    }
    let call = before.iter().rev().find_map(|item| match *item {
        Item::Call(call) if NAMING.contains(&calls[call].name.as_str()) && calls[call].phase >= Phase::Program => {
            has(call, &port.1).then_some(call)
        }
        _ => None,
    });
    let Some(call) = call else { return Vec::new() };
    wanted.into_iter().flatten().filter(|wanted| has(call, &wanted.1)).map(|wanted| origin(wanted, call)).collect()
}

/// The calls that have sent or received the packet's bytes of its connection, by descriptors that belong to it.
fn of_stream(place: usize, packet: &Packet, streams: &Streams, calls: &[Call]) -> Vec<Origin> {
    let Some(field) = packet.fields.iter().position(|field| field.name == "data") else { return Vec::new() };
    let origin = |transfer: &Transfer| {
        let text = calls[transfer.call].arguments.get(BUFFER)?.clone();
        Some(Origin { field, call: transfer.call, text, read: transfer.read })
    };
    let ways = [false, true].map(|read| streams.transfers(place, packet, read));
    ways.into_iter().flatten().flatten().filter_map(origin).collect()
}

/// The call that has sent a datagram, which is the one just before it, and the one that receives it: by what they have,
/// and by what is known of the ends of the socket.
fn datagram(
    packet: &Packet,
    frame: &Frame,
    timeline: &[Item],
    place: usize,
    calls: &[Call],
    streams: &Streams,
    received: &mut HashSet<usize>,
) -> Vec<Origin> {
    let Some(field) = packet.fields.iter().position(|field| field.name == "data") else { return Vec::new() };
    let data = &frame.bytes[packet.fields[field].offset..];
    let matches = |call: usize, names: &[&str]| {
        let made = &calls[call];
        let text =
            made.arguments.get(BUFFER).filter(|_| names.contains(&made.name.as_str()) && made.error.is_none())?;
        let bytes = unescape(text)?;
        let fits = !bytes.is_empty() && (bytes.starts_with(data) || data.starts_with(&bytes));
        fits.then(|| text.clone())
    };
    let origin = |read: bool| move |(call, text): (usize, String)| Origin { field, call, text, read };
    // What comes just before it has caused it: a call of the program, or a peer.
    let cause = timeline[..place].iter().rev().find(|item| !matches!(item, Item::Packet(_)));
    let sent = cause.and_then(|item| match *item {
        Item::Call(call) => Some((call, matches(call, &SENDING)?)),
        _ => None,
    });
    let read = timeline[place..].iter().find_map(|item| match *item {
        Item::Call(call) if streams.may_receive(call, packet) && !received.contains(&call) => {
            Some((call, matches(call, &RECEIVING)?))
        }
        _ => None,
    });
    received.extend(read.as_ref().map(|(call, _)| *call));
    sent.map(origin(false)).into_iter().chain(read.map(origin(true))).collect()
}

//! Finds the calls that bytes of a packet come from, or that read them.

use super::Item;
use super::calls::{Call, Phase};
use super::packets::{Origin, Packet};
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
    for (place, item) in timeline.iter().enumerate() {
        if let Item::Packet(packet) = *item {
            let mut origins = Vec::new();
            for end in ["Source", "Destination"] {
                origins.extend(address(&packets[packet], end, &timeline[..place], calls));
            }
            origins.extend(data(&packets[packet], &frames[packet], timeline, place, calls));
            packets[packet].origins = origins;
        }
    }
}

/// The last call before the packet that names the port of one end, and the address if it names that, too.
fn address(packet: &Packet, end: &str, before: &[Item], calls: &[Call]) -> Vec<Origin> {
    let field = |what: &str| packet.fields.iter().rposition(|field| field.name == format!("{end} {what}"));
    let Some(port) = field("Port") else { return Vec::new() };
    let port_text = format!("sin_port=htons({})", packet.fields[port].value);
    let naming = before.iter().rev().find_map(|item| match *item {
        Item::Call(call) if NAMING.contains(&calls[call].name.as_str()) && calls[call].phase >= Phase::Program => {
            let argument = calls[call].arguments.iter().find(|argument| argument.contains(&port_text))?;
            Some((call, argument))
        }
        _ => None,
    });
    let Some((call, argument)) = naming else { return Vec::new() };
    let mut origins = vec![Origin { field: port, call, text: port_text, read: false }];
    // The link layer has fields of the same name, before these.
    if let Some(address) = field("Address") {
        let text = format!("sin_addr=inet_addr(\"{}\")", packet.fields[address].value);
        if argument.contains(&text) {
            origins.push(Origin { field: address, call, text, read: false });
        }
    }
    origins
}

/// The call that has sent the packet's data, and the one that reads them.
fn data(packet: &Packet, frame: &Frame, timeline: &[Item], place: usize, calls: &[Call]) -> Vec<Origin> {
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
        Item::Call(call) => Some((call, matches(call, &RECEIVING)?)),
        _ => None,
    });
    sent.map(origin(false)).into_iter().chain(read.map(origin(true))).collect()
}

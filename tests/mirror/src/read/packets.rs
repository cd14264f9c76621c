//! The packets of a run, reduced to what the program and the peers determine.
//!
//! When TCP acknowledges depends on timing, and so, with Nagle's algorithm, does which small sends
//! share a segment. So each direction of each connection is listed separately, as what it opens,
//! carries and closes: pure acknowledgements are left out, consecutive data is joined, and
//! retransmissions are left out. Sequence numbers are relative; timestamps and windows are left
//! out. A packet on another device than loopback has the device's name at the beginning of its line. All
//! data counts: a line ends with the data or, if it is long, with its beginning and a
//! checksum.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use etherparse::{NetSlice, SlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};

use crate::common::printable::printable;
use crate::read::frames::Frame;
use crate::scenario::network::LOOPBACK;

/// Lists each direction of each conversation, in the order of their first packets.
pub fn lines(frames: &[Frame]) -> Result<Vec<String>> {
    let mut conversations = Conversations::default();
    for frame in frames {
        let device = Some(&frame.device).filter(|name| *name != LOOPBACK);
        conversations.add(device.cloned(), &frame.bytes)?;
    }
    Ok(conversations.lines())
}

/// From where to where, by which protocol, and by which device if it is not loopback.
type Direction = (SocketAddr, SocketAddr, &'static str, Option<String>);

#[derive(Default)]
struct Conversations {
    order: Vec<Direction>,
    directions: BTreeMap<Direction, Flow>,
}

/// One direction of a conversation.
#[derive(Default)]
struct Flow {
    events: Vec<Event>,
    first: Option<u32>,
    /// The relative sequence number after the data so far.
    next: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// Data, and the relative sequence number where it begins.
    Data(u32, Vec<u8>),
    Other(String),
}

impl Conversations {
    fn add(&mut self, device: Option<String>, frame: &[u8]) -> Result<()> {
        let packet = SlicedPacket::from_ethernet(frame)?;
        let (source, destination): (IpAddr, IpAddr) = match &packet.net {
            Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            _ => return Ok(()),
        };
        let ends = |source_port, destination_port| {
            let source = SocketAddr::new(source, source_port);
            (source, SocketAddr::new(destination, destination_port))
        };
        match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                let (from, to) = ends(tcp.source_port(), tcp.destination_port());
                self.flow((from, to, "TCP", device)).segment(tcp);
            }
            Some(TransportSlice::Udp(udp)) => {
                let (from, to) = ends(udp.source_port(), udp.destination_port());
                let data = shown(udp.payload());
                let flow = self.flow((from, to, "UDP", device));
                let length = udp.payload().len();
                flow.events.push(Event::Other(format!("datagram of {length} bytes{data}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn flow(&mut self, direction: Direction) -> &mut Flow {
        if !self.directions.contains_key(&direction) {
            self.order.push(direction.clone());
        }
        self.directions.entry(direction).or_default()
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for direction in &self.order {
            let (from, to, protocol, device) = direction;
            let device = device.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
            for event in &self.directions[direction].events {
                let event = match event {
                    Event::Data(from, data) => {
                        let length = data.len();
                        let to = *from as usize + length;
                        format!("bytes {from} to {to}, {length}{}", shown(data))
                    }
                    Event::Other(event) => event.clone(),
                };
                lines.push(format!("{device}{protocol} {from} > {to}: {event}"));
            }
        }
        lines
    }
}

impl Flow {
    fn segment(&mut self, tcp: &TcpSlice<'_>) {
        if tcp.syn() {
            self.first = Some(tcp.sequence_number());
            self.next = 1;
            let acknowledges = if tcp.ack() { ", ACK" } else { "" };
            self.once(format!("SYN{acknowledges}{}", options(tcp)));
            return;
        }
        let first = *self.first.get_or_insert(tcp.sequence_number());
        let relative = tcp.sequence_number().wrapping_sub(first);
        let length = u32::try_from(tcp.payload().len()).expect("a segment is shorter than 4 GiB");
        self.data(relative, tcp.payload());
        if tcp.fin() {
            self.once(format!("FIN at {}", relative.wrapping_add(length)));
        }
        if tcp.rst() {
            self.once(format!("RST at {relative}"));
        }
    }

    /// Adds an event unless it is a retransmission.
    fn once(&mut self, event: String) {
        let event = Event::Other(event);
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    fn data(&mut self, begin: u32, payload: &[u8]) {
        // Skip what is a retransmission.
        let before = self.next.saturating_sub(begin) as usize;
        let Some(payload) = payload.get(before..).filter(|payload| !payload.is_empty()) else {
            return;
        };
        let begin = begin.max(self.next);
        let length = u32::try_from(payload.len()).expect("a segment is shorter than 4 GiB");
        let follows = begin == self.next;
        self.next = begin + length;
        match self.events.last_mut() {
            Some(Event::Data(_, data)) if follows => data.extend_from_slice(payload),
            _ => self.events.push(Event::Data(begin, payload.to_vec())),
        }
    }
}

/// How a line shows data.
fn shown(data: &[u8]) -> String {
    const SHORT: usize = 64;
    const BEGINNING: usize = 32;
    match data {
        [] => String::new(),
        _ if data.len() <= SHORT => format!(": \"{}\"", printable(data)),
        _ => {
            let mut hasher = DefaultHasher::new();
            hasher.write(data);
            let checksum = hasher.finish();
            format!(": \"{}\"…, checksum {checksum:016x}", printable(&data[..BEGINNING]))
        }
    }
}

/// The options of a SYN, without the value of a timestamp.
fn options(tcp: &TcpSlice<'_>) -> String {
    let mut text = String::new();
    for option in tcp.options_iterator() {
        text.push_str(&match option {
            Ok(TcpOptionElement::Noop) => String::new(),
            Ok(option) => format!(", {}", option_words(&option)),
            Err(error) => format!(", unreadable option: {error}"),
        });
    }
    text
}

/// An option of TCP in words.
pub fn option_words(option: &TcpOptionElement) -> String {
    match option {
        TcpOptionElement::MaximumSegmentSize(size) => format!("MSS {size}"),
        TcpOptionElement::WindowScale(shift) => format!("window scale {shift}"),
        TcpOptionElement::SelectiveAcknowledgementPermitted => "SACK permitted".into(),
        TcpOptionElement::Timestamp(..) => "timestamps".into(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    fn frame(sequence: u32, flags: &str, payload: &[u8]) -> Vec<u8> {
        let mut packet = PacketBuilder::ethernet2([0; 6], [0; 6])
            .ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp(40000, 5000, sequence, 1000);
        for flag in flags.chars() {
            packet = match flag {
                'S' => packet.syn(),
                'A' => packet.ack(77),
                'F' => packet.fin(),
                'R' => packet.rst(),
                other => panic!("flag {other}"),
            };
        }
        let mut frame = Vec::new();
        packet.write(&mut frame, payload).unwrap();
        frame
    }

    fn lines(frames: &[Vec<u8>]) -> Vec<String> {
        let mut conversations = Conversations::default();
        for frame in frames {
            conversations.add(None, frame).unwrap();
        }
        let lines = conversations.lines();
        lines.iter().map(|line| line.rsplit_once("5000: ").unwrap().1.to_owned()).collect()
    }

    #[test]
    fn acknowledgements_and_boundaries_are_left_out() {
        let whole = [frame(9, "S", b""), frame(10, "A", b"hello"), frame(15, "AF", b"")];
        let parts = [
            frame(99, "S", b""),
            frame(100, "A", b""),
            frame(100, "A", b"he"),
            frame(102, "A", b"llo"),
            frame(102, "A", b"llo"),
            frame(105, "AF", b""),
            frame(105, "AF", b""),
        ];
        assert_eq!(lines(&whole), lines(&parts));
        assert_eq!(lines(&whole), ["SYN", "bytes 1 to 6, 5: \"hello\"", "FIN at 6"]);
    }

    #[test]
    fn every_byte_of_the_data_counts() {
        let mut long = [frame(9, "S", b""), frame(10, "A", &[b'x'; 1000])];
        let lines_of_x = lines(&long);
        let beginning = "x".repeat(32);
        assert!(lines_of_x[1].starts_with(&format!("bytes 1 to 1001, 1000: \"{beginning}\"…, ")));
        let mut data = [b'x'; 1000];
        data[999] = b'y';
        long[1] = frame(10, "A", &data);
        assert_ne!(lines(&long), lines_of_x);
    }

    #[test]
    fn a_reset_is_not_a_fin() {
        let opened = [frame(9, "S", b""), frame(10, "RA", b"")];
        assert_eq!(lines(&opened), ["SYN", "RST at 1"]);
    }

    #[test]
    fn the_device_is_named_and_tells_conversations_apart() {
        let mut conversations = Conversations::default();
        let first = frame(9, "S", b"");
        conversations.add(Some("tap0".into()), &first).unwrap();
        conversations.add(None, &first).unwrap();
        let line = "TCP 127.0.0.1:40000 > 127.0.0.1:5000: SYN";
        assert_eq!(conversations.lines(), [format!("tap0 {line}"), line.to_owned()]);
    }
}

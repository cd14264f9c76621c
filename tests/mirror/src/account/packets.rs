//! A packet with what its headers say.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use etherparse::{NetSlice, SlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};
use serde::Serialize;

use super::headers::{Field, fields};
use super::hex;
use crate::common::printable::{bytes, printable};
use crate::read::frames::Frame;
use crate::read::packets::option_words;

/// How much of its data a packet's line shows, in bytes.
const SHOWN: usize = 32;

/// A packet of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Packet {
    /// Its number in the capture, from 1, as Wireshark shows it.
    pub number: usize,
    /// When it was sent, in nanoseconds from the program's start; negative before it.
    pub time: i64,
    /// The device that it was captured on: `lo`.
    pub device: String,
    /// `TCP`, `UDP`, or the name of another protocol.
    pub protocol: String,
    /// Who sent it: the address, with the port.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// For TCP, the flags: `SYN, ACK`.
    pub flags: String,
    /// For TCP, the number of its first byte, relative to the SYN.
    pub sequence: Option<u32>,
    /// For TCP, the number of the byte that its sender expects next, relative to the SYN.
    pub acknowledges: Option<u32>,
    /// For TCP, the receive window as the header has it, not scaled.
    pub window: Option<u16>,
    /// For TCP, the options in words: `MSS 65495`.
    pub options: Vec<String>,
    /// Whether TCP has sent the same bytes before.
    pub resent: bool,
    /// How many bytes of data it carries.
    pub length: usize,
    /// The beginning of the data, as text.
    pub data: String,
    /// Every byte of it, from the link layer's header on.
    pub bytes: String,
    /// The fields of all headers, and the data.
    pub fields: Vec<Field>,
    /// Which of them the program has written, or reads.
    pub origins: Vec<Origin>,
}

/// A field of a packet that an argument of a call has, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The place in [`Packet::fields`].
    pub field: usize,
    /// The place in [`Side::calls`](super::Side::calls).
    pub call: usize,
    /// What the call has there: `sin_port=htons(5000)`.
    pub text: String,
    /// Whether the call reads the bytes; if not, they come from it.
    pub read: bool,
}

impl Packet {
    /// What it says, in a few words: `SYN, ACK  seq 0, ack 1, MSS 65495`.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if self.length > 0 || self.protocol == "UDP" {
            let more = if self.length > SHOWN { "…" } else { "" };
            parts.push(format!("{} \"{}\"{more}", bytes(self.length), self.data));
        }
        parts.extend(self.sequence.map(|number| format!("seq {number}")));
        parts.extend(self.acknowledges.map(|number| format!("ack {number}")));
        parts.extend(self.options.iter().cloned());
        if self.resent {
            parts.push("sent again".into());
        }
        let head = if self.flags.is_empty() { &self.protocol } else { &self.flags };
        format!("{head}  {}", parts.join(", ")).trim_end().to_owned()
    }
}

/// The packets of a capture. `start`: when the program started, in nanoseconds since 1970.
pub(super) fn packets(frames: &[Frame], time: impl Fn(std::time::Duration) -> i64) -> Result<Vec<Packet>> {
    let mut conversations = Conversations::default();
    let numbered = (1..).zip(frames);
    numbered
        .map(|(number, frame)| {
            let mut packet = conversations.packet(&frame.bytes)?;
            packet.number = number;
            packet.device.clone_from(&frame.device);
            packet.time = time(frame.time);
            packet.bytes = hex(&frame.bytes);
            packet.fields = fields(&frame.bytes);
            Ok(packet)
        })
        .collect()
}

/// For each direction of a TCP connection: its first sequence number, and the one after its data so far.
#[derive(Default)]
struct Conversations {
    directions: HashMap<(SocketAddr, SocketAddr), (u32, u32)>,
}

impl Conversations {
    fn packet(&mut self, frame: &[u8]) -> Result<Packet> {
        let sliced = SlicedPacket::from_ethernet(frame)?;
        let mut packet = Packet::default();
        let (from, to): (IpAddr, IpAddr) = match &sliced.net {
            Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(NetSlice::Arp(_)) => return Ok(Packet { protocol: "ARP".into(), ..packet }),
            None => return Ok(Packet { protocol: "another".into(), ..packet }),
        };
        (packet.from, packet.to) = (from.to_string(), to.to_string());
        let ends = |from_port, to_port| (SocketAddr::new(from, from_port), SocketAddr::new(to, to_port));
        let data = match &sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                let ends = ends(tcp.source_port(), tcp.destination_port());
                (packet.from, packet.to) = (ends.0.to_string(), ends.1.to_string());
                packet.protocol = "TCP".into();
                self.segment(tcp, ends, &mut packet);
                tcp.payload()
            }
            Some(TransportSlice::Udp(udp)) => {
                let ends = ends(udp.source_port(), udp.destination_port());
                (packet.from, packet.to) = (ends.0.to_string(), ends.1.to_string());
                packet.protocol = "UDP".into();
                udp.payload()
            }
            Some(TransportSlice::Icmpv4(icmp)) => {
                packet.protocol = "ICMP".into();
                packet.options.push(icmp_text(icmp.type_u8(), icmp.code_u8(), icmp.bytes5to8()));
                &[]
            }
            Some(TransportSlice::Icmpv6(icmp)) => {
                packet.protocol = "ICMPv6".into();
                packet.options.push(format!("type {}, code {}", icmp.type_u8(), icmp.code_u8()));
                &[]
            }
            Some(TransportSlice::Igmp(_)) => {
                packet.protocol = "IGMP".into();
                &[]
            }
            // A fragment, or a protocol that is not known here.
            None => {
                packet.protocol = "IP".into();
                packet.options.extend(fragment_text(sliced.net.as_ref()));
                &[]
            }
        };
        packet.length = data.len();
        packet.data = printable(&data[..data.len().min(SHOWN)]);
        Ok(packet)
    }

    fn segment(&mut self, tcp: &TcpSlice<'_>, ends: (SocketAddr, SocketAddr), packet: &mut Packet) {
        let names = [("SYN", tcp.syn()), ("FIN", tcp.fin()), ("RST", tcp.rst()), ("PSH", tcp.psh())];
        let more = [("ACK", tcp.ack()), ("URG", tcp.urg()), ("ECE", tcp.ece()), ("CWR", tcp.cwr())];
        let set: Vec<&str> = names.into_iter().chain(more).filter(|(_, set)| *set).map(|(name, _)| name).collect();
        packet.flags = set.join(", ");
        packet.window = Some(tcp.window_size());
        packet.options = tcp.options_iterator().filter_map(|option| option.ok().and_then(option_text)).collect();
        let number = tcp.sequence_number();
        let opens = tcp.syn() && self.directions.get(&ends).is_none_or(|(first, _)| *first != number);
        if opens {
            self.directions.insert(ends, (number, number));
        }
        let (first, next) = self.directions.entry(ends).or_insert((number.wrapping_sub(1), number));
        let relative = number.wrapping_sub(*first);
        let length = u32::try_from(tcp.payload().len()).expect("a segment is shorter than 4 GiB");
        let takes = length + u32::from(tcp.syn()) + u32::from(tcp.fin());
        let end = relative.wrapping_add(takes);
        let reached = next.wrapping_sub(*first);
        packet.resent = takes > 0 && end <= reached;
        if end > reached && !tcp.rst() {
            *next = number.wrapping_add(takes);
        }
        packet.sequence = Some(relative);
        if tcp.ack() {
            let other = self.directions.get(&(ends.1, ends.0));
            let acknowledged = tcp.acknowledgment_number();
            packet.acknowledges = Some(other.map_or(0, |(first, _)| acknowledged.wrapping_sub(*first)));
        }
    }
}

fn option_text(option: TcpOptionElement) -> Option<String> {
    match option {
        TcpOptionElement::SelectiveAcknowledgement((from, to), _) => {
            Some(format!("SACK {} bytes", to.wrapping_sub(from)))
        }
        // In every segment; the fields have it.
        TcpOptionElement::Timestamp(..) | TcpOptionElement::Noop => None,
        other => Some(option_words(&other)),
    }
}

/// What an ICMP message says; `rest` is the second half of its header.
fn icmp_text(kind: u8, code: u8, rest: [u8; 4]) -> String {
    let words = match (kind, code) {
        (0, 0) => "echo reply".to_owned(),
        (3, 0) => "network unreachable".to_owned(),
        (3, 1) => "host unreachable".to_owned(),
        (3, 2) => "protocol unreachable".to_owned(),
        (3, 3) => "port unreachable".to_owned(),
        (3, 4) => format!("fragmentation needed, next-hop MTU {}", u16::from_be_bytes([rest[2], rest[3]])),
        (5, _) => "redirect".to_owned(),
        (8, 0) => "echo request".to_owned(),
        (11, 0) => "time to live exceeded".to_owned(),
        (11, 1) => "fragment reassembly time exceeded".to_owned(),
        _ => return format!("type {kind}, code {code}"),
    };
    format!("type {kind}, code {code}: {words}")
}

/// Which part of a datagram a fragment has.
fn fragment_text(net: Option<&NetSlice<'_>>) -> Option<String> {
    let Some(NetSlice::Ipv4(ip)) = net else { return None };
    let header = ip.header();
    if !header.is_fragmenting_payload() {
        return None;
    }
    let protocol = match header.protocol().0 {
        1 => "ICMP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        number => format!("protocol {number}"),
    };
    let first = usize::from(header.fragments_offset().byte_offset());
    let length = ip.payload().payload.len();
    let more = if header.more_fragments() { "more follow" } else { "the last" };
    Some(format!("{protocol} fragment of {length} bytes, from byte {first}, {more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    fn frame(from: u16, to: u16, sequence: u32, syn: bool, data: &[u8]) -> Vec<u8> {
        let packet = PacketBuilder::ethernet2([0; 6], [0; 6])
            .ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp(from, to, sequence, 1000);
        let packet = if syn { packet.syn() } else { packet.ack(501) };
        let mut frame = Vec::new();
        packet.write(&mut frame, data).unwrap();
        frame
    }

    #[test]
    fn numbers_are_relative_and_what_is_resent_is_marked() {
        let mut conversations = Conversations::default();
        let mut packet = |frame: &[u8]| conversations.packet(frame).unwrap();
        packet(&frame(2, 1, 500, true, b""));
        let syn = packet(&frame(1, 2, u32::MAX, true, b""));
        assert_eq!((syn.flags.as_str(), syn.sequence, syn.resent), ("SYN", Some(0), false));
        let hello = packet(&frame(1, 2, 0, false, b"hello"));
        assert_eq!((hello.sequence, hello.acknowledges, hello.resent), (Some(1), Some(1), false));
        assert_eq!(hello.summary(), "ACK  5 bytes \"hello\", seq 1, ack 1");
        assert!(packet(&frame(1, 2, 0, false, b"hello")).resent);
        assert!(!packet(&frame(1, 2, 5, false, b"!")).resent);
    }

    #[test]
    fn fragments_and_errors_say_what_they_are() {
        let mut conversations = Conversations::default();
        let mut packet = Vec::new();
        let builder = PacketBuilder::ethernet2([0; 6], [0; 6]).ipv4([127, 0, 0, 1], [127, 0, 0, 2], 64);
        builder.udp(1, 2).write(&mut packet, &[b'x'; 40]).unwrap();
        // More Fragments, and an offset of 16 bytes; the header's checksum is not looked at.
        packet[20..22].copy_from_slice(&0x2002_u16.to_be_bytes());
        let summary = conversations.packet(&packet).unwrap().summary();
        assert_eq!(summary, "IP  UDP fragment of 48 bytes, from byte 16, more follow");
        packet[20..22].copy_from_slice(&0x0006_u16.to_be_bytes());
        assert!(conversations.packet(&packet).unwrap().summary().ends_with("from byte 48, the last"));
        assert_eq!(icmp_text(3, 4, [0, 0, 0, 70]), "type 3, code 4: fragmentation needed, next-hop MTU 70");
        assert_eq!(icmp_text(13, 0, [0; 4]), "type 13, code 0");
    }
}

//! The fields of a packet's headers: which bits are which, and what they say.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use crate::common::printable::bytes;

/// A field of a header, or the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// `Ethernet`, `IPv4`, `IPv6`, `TCP`, `UDP`, `ICMP`, `data`.
    pub layer: &'static str,
    /// The name that its standard gives it.
    pub name: String,
    /// The first byte, from the beginning of the packet.
    pub offset: usize,
    /// How many bytes it touches.
    pub length: usize,
    /// For a field that is not made of whole bytes: the first bit of the first byte, from the left, and how many.
    pub bits: Option<(u32, u32)>,
    /// Its value.
    pub value: String,
    /// Where it is defined.
    pub source: &'static str,
}

/// The fields of a packet, in the order of its bytes. Every byte belongs to at least one.
pub(super) fn fields(frame: &[u8]) -> Vec<Field> {
    let mut reader = Reader { frame, place: 0, fields: Vec::new(), layer: "Ethernet", source: "IEEE 802.3" };
    if reader.ethernet().is_none() {
        reader.rest("malformed");
    }
    reader.rest("data");
    reader.fields
}

struct Reader<'a> {
    frame: &'a [u8],
    place: usize,
    fields: Vec<Field>,
    layer: &'static str,
    source: &'static str,
}

impl Reader<'_> {
    /// The next bytes as a number, without taking them.
    fn peek(&self, length: usize) -> Option<u64> {
        let bytes = self.frame.get(self.place..self.place + length)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A field of whole bytes.
    fn field(&mut self, name: &str, length: usize, value: impl FnOnce(u64) -> String) -> Option<u64> {
        let number = self.peek(length)?;
        self.push(name, length, None, value(number));
        self.place += length;
        Some(number)
    }

    fn number(&mut self, name: &str, length: usize) -> Option<u64> {
        self.field(name, length, |number| number.to_string())
    }

    fn hexadecimal(&mut self, name: &str, length: usize) -> Option<u64> {
        self.field(name, length, |number| format!("0x{number:0width$x}", width = 2 * length))
    }

    fn push(&mut self, name: &str, length: usize, bits: Option<(u32, u32)>, value: String) {
        let (layer, source) = (self.layer, self.source);
        self.fields.push(Field { layer, name: name.to_owned(), offset: self.place, length, bits, value, source });
    }

    /// Fields that share the next `length` bytes: their names and how many bits each has.
    fn bits(&mut self, length: usize, parts: &[(&str, u32)], value: impl Fn(&str, u64) -> String) -> Option<Vec<u64>> {
        let whole = self.peek(length)?;
        let all = u32::try_from(8 * length).expect("a few bytes");
        let mut from = 0;
        let mut values = Vec::new();
        for (name, bits) in parts {
            let number = whole >> (all - from - bits) & ((1 << bits) - 1);
            let (first, last) = (from / 8, (from + bits - 1) / 8);
            let place = self.place;
            self.place += first as usize;
            self.push(name, (last - first + 1) as usize, Some((from % 8, *bits)), value(name, number));
            self.place = place;
            values.push(number);
            from += bits;
        }
        self.place += length;
        Some(values)
    }

    fn mac(&mut self, name: &str) -> Option<()> {
        self.field(name, 6, |number| {
            let bytes = number.to_be_bytes();
            let parts: Vec<String> = bytes[2..].iter().map(|byte| format!("{byte:02x}")).collect();
            parts.join(":")
        })?;
        Some(())
    }

    fn ethernet(&mut self) -> Option<()> {
        self.mac("Destination Address")?;
        self.mac("Source Address")?;
        let kind = self.field("EtherType", 2, |number| match number {
            0x0800 => "0x0800, IPv4".into(),
            0x0806 => "0x0806, ARP".into(),
            0x86dd => "0x86dd, IPv6".into(),
            other => format!("0x{other:04x}"),
        })?;
        match kind {
            0x0800 => self.ipv4(),
            0x86dd => self.ipv6(),
            _ => Some(()),
        }
    }

    fn ipv4(&mut self) -> Option<()> {
        (self.layer, self.source) = ("IPv4", "RFC 791, section 3.1");
        let begin = self.place;
        let header = self.bits(1, &[("Version", 4), ("IHL", 4)], |name, number| match name {
            "IHL" => format!("{number}, {} bytes", 4 * number),
            _ => number.to_string(),
        })?;
        self.source = "RFC 2474, RFC 3168";
        self.bits(1, &[("DSCP", 6), ("ECN", 2)], |_, number| number.to_string())?;
        self.source = "RFC 791, section 3.1";
        self.number("Total Length", 2)?;
        self.hexadecimal("Identification", 2)?;
        let parts = [("Reserved", 1), ("Don't Fragment", 1), ("More Fragments", 1), ("Fragment Offset", 13)];
        let fragment = self.bits(2, &parts, |name, number| match name {
            "Fragment Offset" => format!("{number}, byte {}", 8 * number),
            _ => number.to_string(),
        })?;
        self.number("Time to Live", 1)?;
        let protocol = self.field("Protocol", 1, protocol_name)?;
        self.hexadecimal("Header Checksum", 2)?;
        let address = |number: u64| Ipv4Addr::from(u32::try_from(number).unwrap_or_default()).to_string();
        self.field("Source Address", 4, address)?;
        self.field("Destination Address", 4, address)?;
        let options = (4 * usize::try_from(header[1]).ok()?).checked_sub(self.place - begin)?;
        if options > 0 {
            self.take("Options", options)?;
        }
        if fragment[3] == 0 { self.transport(protocol) } else { Some(()) }
    }

    fn ipv6(&mut self) -> Option<()> {
        (self.layer, self.source) = ("IPv6", "RFC 8200, section 3");
        self.bits(4, &[("Version", 4), ("Traffic Class", 8), ("Flow Label", 20)], |_, number| number.to_string())?;
        self.number("Payload Length", 2)?;
        let protocol = self.field("Next Header", 1, protocol_name)?;
        self.number("Hop Limit", 1)?;
        for name in ["Source Address", "Destination Address"] {
            let bytes: [u8; 16] = self.frame.get(self.place..self.place + 16)?.try_into().ok()?;
            self.push(name, 16, None, Ipv6Addr::from(bytes).to_string());
            self.place += 16;
        }
        self.transport(protocol)
    }

    fn transport(&mut self, protocol: u64) -> Option<()> {
        match protocol {
            1 => self.icmp(),
            6 => self.tcp(),
            17 => self.udp(),
            _ => Some(()),
        }
    }

    fn udp(&mut self) -> Option<()> {
        (self.layer, self.source) = ("UDP", "RFC 768");
        self.number("Source Port", 2)?;
        self.number("Destination Port", 2)?;
        self.number("Length", 2)?;
        self.hexadecimal("Checksum", 2)?;
        Some(())
    }

    fn icmp(&mut self) -> Option<()> {
        (self.layer, self.source) = ("ICMP", "RFC 792");
        self.number("Type", 1)?;
        self.number("Code", 1)?;
        self.hexadecimal("Checksum", 2)?;
        self.hexadecimal("Rest of Header", 4)?;
        Some(())
    }

    fn tcp(&mut self) -> Option<()> {
        (self.layer, self.source) = ("TCP", "RFC 9293, section 3.1");
        let begin = self.place;
        self.number("Source Port", 2)?;
        self.number("Destination Port", 2)?;
        self.number("Sequence Number", 4)?;
        self.number("Acknowledgment Number", 4)?;
        let flags = ["CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"];
        let mut parts = vec![("Data Offset", 4), ("Reserved", 4)];
        parts.extend(flags.map(|flag| (flag, 1)));
        let offset = self.bits(2, &parts, |name, number| match name {
            "Data Offset" => format!("{number}, {} bytes", 4 * number),
            _ => number.to_string(),
        })?[0];
        self.number("Window", 2)?;
        self.hexadecimal("Checksum", 2)?;
        self.number("Urgent Pointer", 2)?;
        let end = begin + 4 * usize::try_from(offset).ok()?;
        while self.place < end {
            self.tcp_option(end)?;
        }
        Some(())
    }

    fn tcp_option(&mut self, end: usize) -> Option<()> {
        let kind = self.peek(1)?;
        if kind <= 1 {
            let name = if kind == 0 { "Option: End of Option List" } else { "Option: No-Operation" };
            self.number(name, 1)?;
            return Some(());
        }
        let length = usize::from(*self.frame.get(self.place + 1)?);
        if length < 2 || self.place + length > end {
            return None;
        }
        let value = |from: usize, count: usize| {
            let bytes = self.frame.get(self.place + from..self.place + from + count)?;
            Some(bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
        };
        let (name, text, source) = match kind {
            2 => ("Maximum Segment Size", value(2, 2)?.to_string(), "RFC 9293, section 3.7.1"),
            3 => ("Window Scale", value(2, 1)?.to_string(), "RFC 7323, section 2.2"),
            4 => ("SACK Permitted", String::new(), "RFC 2018, section 2"),
            5 => {
                let blocks = (0..(length - 2) / 8)
                    .filter_map(|block| Some(format!("{}–{}", value(2 + 8 * block, 4)?, value(6 + 8 * block, 4)?)));
                ("SACK", blocks.collect::<Vec<_>>().join(", "), "RFC 2018, section 3")
            }
            8 => ("Timestamps", format!("{}, echo reply {}", value(2, 4)?, value(6, 4)?), "RFC 7323, section 3.2"),
            _ => ("unknown", format!("kind {kind}"), "RFC 9293, section 3.1"),
        };
        self.source = source;
        self.push(&format!("Option: {name}"), length, None, text);
        self.source = "RFC 9293, section 3.1";
        self.place += length;
        Some(())
    }

    /// Bytes without a meaning of their own.
    fn take(&mut self, name: &str, length: usize) -> Option<()> {
        self.frame.get(self.place..self.place + length)?;
        self.push(name, length, None, bytes(length));
        self.place += length;
        Some(())
    }

    /// What is left.
    fn rest(&mut self, name: &str) {
        let length = self.frame.len() - self.place;
        if length > 0 {
            (self.layer, self.source) = ("data", "");
            self.push(name, length, None, bytes(length));
            self.place += length;
        }
    }
}

fn protocol_name(number: u64) -> String {
    match number {
        1 => "1, ICMP".into(),
        2 => "2, IGMP".into(),
        6 => "6, TCP".into(),
        17 => "17, UDP".into(),
        58 => "58, ICMPv6".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, TcpOptionElement};

    fn value<'a>(fields: &'a [Field], layer: &str, name: &str) -> &'a str {
        let field = fields.iter().find(|field| field.layer == layer && field.name == name);
        &field.unwrap_or_else(|| panic!("no {layer} {name}: {fields:#?}")).value
    }

    #[test]
    fn every_byte_of_a_syn_has_a_field() {
        let options = [TcpOptionElement::MaximumSegmentSize(1460), TcpOptionElement::WindowScale(7)];
        let packet = PacketBuilder::ethernet2([0; 6], [1; 6])
            .ipv4([127, 0, 0, 1], [127, 0, 0, 2], 64)
            .tcp(40000, 5000, 7, 1000)
            .syn()
            .options(&options)
            .unwrap();
        let mut frame = Vec::new();
        packet.write(&mut frame, b"hello").unwrap();
        let fields = fields(&frame);
        assert_eq!(value(&fields, "IPv4", "Time to Live"), "64");
        assert_eq!(value(&fields, "IPv4", "Destination Address"), "127.0.0.2");
        assert_eq!(value(&fields, "TCP", "Destination Port"), "5000");
        assert_eq!((value(&fields, "TCP", "SYN"), value(&fields, "TCP", "ACK")), ("1", "0"));
        assert_eq!(value(&fields, "TCP", "Option: Maximum Segment Size"), "1460");
        assert_eq!(value(&fields, "data", "data"), "5 bytes");
        let mut covered = vec![false; frame.len()];
        for field in &fields {
            covered[field.offset..field.offset + field.length].fill(true);
        }
        assert!(covered.iter().all(|covered| *covered), "{covered:?}");
    }

    #[test]
    fn what_is_cut_off_is_said() {
        let packet = PacketBuilder::ethernet2([0; 6], [1; 6]).ipv4([1; 4], [2; 4], 1).udp(1, 2);
        let mut frame = Vec::new();
        packet.write(&mut frame, b"hello").unwrap();
        frame.truncate(41);
        assert_eq!(value(&fields(&frame), "data", "malformed"), "1 byte");
    }
}

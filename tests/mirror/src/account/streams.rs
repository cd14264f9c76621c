//! Which bytes of which TCP connection each call sends or receives.

use std::collections::HashMap;
use std::ops::Range;

use super::Item;
use super::calls::Call;
use super::packets::Packet;

/// The system calls that send bytes by the descriptor in their first argument, and those that receive some.
const SENDING: [&str; 4] = ["sendto", "write", "sendmsg", "writev"];
const RECEIVING: [&str; 4] = ["recvfrom", "read", "recvmsg", "readv"];
/// Those that create a process or a thread.
const CREATING: [&str; 4] = ["clone", "clone3", "fork", "vfork"];

/// The bytes that a call has transferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transfer {
    /// The call.
    pub call: usize,
    /// Which bytes of the stream; the first is 0.
    pub bytes: Range<u64>,
    /// Whether it has received them.
    pub read: bool,
}

/// The connections that the program's descriptors belong to.
#[derive(Debug, Default)]
pub(super) struct Streams {
    connections: Vec<Connection>,
    /// Of each process its descriptors.
    tables: HashMap<u32, HashMap<i32, Descriptor>>,
    /// The process of each thread but the first.
    threads: HashMap<u32, u32>,
    /// The SYNs that no connect has been found for yet: from, to.
    opened: Vec<(String, String)>,
    /// Connections that no accept has returned yet: the client's end, the server's.
    arrived: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
struct Descriptor {
    socket: Socket,
    named: Vec<Named>,
}

/// A call that names an address of a socket.
#[derive(Debug, Clone, Copy)]
struct Named {
    call: usize,
    /// Whether it is the socket's own.
    local: bool,
}

#[derive(Debug, Clone)]
enum Socket {
    New,
    /// Bound to this port.
    Bound(u16),
    /// Connected to this address, and its SYN has not been seen yet.
    Connecting(String),
    /// The connection with this number.
    Connected(usize),
}

#[derive(Debug)]
struct Connection {
    local: String,
    remote: String,
    sent: u64,
    received: u64,
    transfers: Vec<Transfer>,
    named: Vec<Named>,
}

impl Streams {
    pub(super) fn new(timeline: &[Item], calls: &[Call], packets: &[Packet]) -> Self {
        let mut streams = Self::default();
        for item in timeline {
            match *item {
                Item::Call(index) => streams.call(index, &calls[index]),
                Item::Packet(index) => streams.packet(&packets[index]),
                Item::Deed(_) => {}
            }
        }
        streams
    }

    /// The connection of these two ends. In a run of a few seconds no port is used twice between the same two.
    fn connection(&self, local: &str, remote: &str) -> Option<&Connection> {
        self.connections.iter().rfind(|connection| connection.local == local && connection.remote == remote)
    }

    /// The calls that have sent (or, with `read`, received) bytes of this packet; `None` if its connection is no socket
    /// of the program's, as far as calls show it.
    pub(super) fn transfers(&self, packet: &Packet, read: bool) -> Option<Vec<&Transfer>> {
        let (local, remote) = if read { (&packet.to, &packet.from) } else { (&packet.from, &packet.to) };
        let connection = self.connection(local, remote)?;
        let first = u64::from(packet.sequence?.checked_sub(1)?);
        let bytes = first..first + packet.length as u64;
        let meet = |transfer: &&Transfer| {
            transfer.read == read && transfer.bytes.start < bytes.end && bytes.start < transfer.bytes.end
        };
        Some(connection.transfers.iter().filter(meet).collect())
    }

    /// The calls that name the address of the packet's source (or of its destination), in order: a bind on a socket whose
    /// own end it is, a connect on one whose other end it is. `None` if the connection is no socket of the program's.
    pub(super) fn naming(&self, packet: &Packet, source: bool) -> Option<Vec<usize>> {
        let (this, other) = if source { (&packet.from, &packet.to) } else { (&packet.to, &packet.from) };
        let (own, foreign) = (self.connection(this, other), self.connection(other, this));
        own.or(foreign)?;
        let named = |connection: Option<&Connection>, local: bool| {
            let named = connection.map_or(&[][..], |connection| &connection.named);
            named.iter().filter(move |named| named.local == local).map(|named| named.call).collect::<Vec<_>>()
        };
        let mut calls = named(own, true);
        calls.extend(named(foreign, false));
        calls.sort_unstable();
        Some(calls)
    }

    fn packet(&mut self, packet: &Packet) {
        if packet.flags != "SYN" || packet.resent {
            return;
        }
        let ends = || (packet.from.clone(), packet.to.clone());
        let connecting = self.tables.values_mut().flat_map(HashMap::values_mut).find(
            |descriptor| matches!(&descriptor.socket, Socket::Connecting(remote) if leads_to(remote, &packet.to)),
        );
        match connecting {
            Some(descriptor) => {
                descriptor.socket = Socket::Connected(self.connections.len());
                self.connections.push(Connection::new(ends(), descriptor.named.clone()));
            }
            None => self.opened.push(ends()),
        }
        self.arrived.push(ends());
    }

    fn call(&mut self, index: usize, call: &Call) {
        let process = self.threads.get(&call.thread).copied().unwrap_or(call.thread);
        let result: Option<i64> = call.result.split_whitespace().next().and_then(|word| word.parse().ok());
        if CREATING.contains(&call.name.as_str()) {
            let made = result.and_then(|made| u32::try_from(made).ok()).filter(|made| *made > 0);
            let Some(made) = made else { return };
            if call.text.contains("CLONE_THREAD") {
                self.threads.insert(made, process);
            } else {
                let table = self.tables.get(&process).cloned().unwrap_or_default();
                self.tables.insert(made, table);
            }
            return;
        }
        let waits = call.error.as_ref().is_some_and(|error| error.name == "EINPROGRESS");
        if call.error.is_some() && !waits {
            return;
        }
        let table = self.tables.entry(process).or_default();
        if call.name == "socket" {
            let made = result.and_then(|made| i32::try_from(made).ok());
            table.extend(made.map(|made| (made, Descriptor { socket: Socket::New, named: Vec::new() })));
            return;
        }
        let number = call.arguments.first().and_then(|argument| argument.parse::<i32>().ok());
        let Some(number) = number else { return };
        // A program may have got it from whoever started it.
        let descriptor = table.entry(number).or_insert(Descriptor { socket: Socket::New, named: Vec::new() });
        let address = call.arguments.get(1).and_then(|argument| address(argument));
        let port = || address.as_ref()?.rsplit_once(':')?.1.parse().ok();
        match call.name.as_str() {
            "bind" => {
                descriptor.socket = port().map_or(Socket::New, Socket::Bound);
                descriptor.named.push(Named { call: index, local: true });
            }
            // The port that the kernel has chosen.
            "getsockname" if matches!(descriptor.socket, Socket::Bound(_)) => {
                descriptor.socket = port().map_or(Socket::New, Socket::Bound);
            }
            "connect" if !matches!(descriptor.socket, Socket::Connected(_)) => {
                let Some(remote) = address else { return };
                descriptor.named.push(Named { call: index, local: false });
                // A call that waited stands after what it waited for.
                let begun = self.opened.iter().rposition(|(_, to)| leads_to(&remote, to));
                descriptor.socket = match begun {
                    Some(place) => {
                        let named = descriptor.named.clone();
                        self.connections.push(Connection::new(self.opened.remove(place), named));
                        Socket::Connected(self.connections.len() - 1)
                    }
                    None => Socket::Connecting(remote),
                };
            }
            "accept" | "accept4" => {
                let port = match descriptor.socket {
                    Socket::Bound(port) => Some(port),
                    _ => None,
                };
                let fits = |(from, to): &(String, String)| {
                    address.as_ref().is_none_or(|address| address == from)
                        && port.is_none_or(|port| to.ends_with(&format!(":{port}")))
                };
                let Some(place) = self.arrived.iter().position(fits) else { return };
                let Some(made) = result.and_then(|made| i32::try_from(made).ok()) else { return };
                let named = descriptor.named.clone();
                let socket = Socket::Connected(self.connections.len());
                table.insert(made, Descriptor { socket, named: named.clone() });
                let (from, to) = self.arrived.remove(place);
                self.connections.push(Connection::new((to, from), named));
            }
            "close" => _ = table.remove(&number),
            name => {
                let Socket::Connected(connection) = descriptor.socket else { return };
                let read = RECEIVING.contains(&name);
                let count = result.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
                if count == 0 || !read && !SENDING.contains(&name) || call.text.contains("MSG_PEEK") {
                    return;
                }
                let connection = &mut self.connections[connection];
                let place = if read { &mut connection.received } else { &mut connection.sent };
                connection.transfers.push(Transfer { call: index, bytes: *place..*place + count, read });
                *place += count;
            }
        }
    }
}

impl Connection {
    fn new((local, remote): (String, String), named: Vec<Named>) -> Self {
        Self { local, remote, sent: 0, received: 0, transfers: Vec::new(), named }
    }
}

/// `127.0.0.1:5000`, of a sockaddr_in as strace prints it.
fn address(argument: &str) -> Option<String> {
    let after = |mark: &str| argument.split_once(mark).map(|(_, rest)| rest);
    let port = after("sin_port=htons(")?.split_once(')')?.0;
    let host = after("sin_addr=inet_addr(\"")?.split_once('"')?.0;
    Some(format!("{host}:{port}"))
}

/// Whether a connect to the one address sends its SYN to the other: 0.0.0.0 is this machine.
fn leads_to(named: &str, to: &str) -> bool {
    match named.strip_prefix("0.0.0.0:") {
        Some(port) => to.ends_with(&format!(":{port}")),
        None => named == to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::calls::of_event;
    use crate::read::trace::parse;

    /// The calls of a log, in order, and packets between them: `(after which call, from, to, flags, sequence, length)`.
    fn streams(log: &str, packets: &[(usize, &str, &str, &str, u32, usize)]) -> (Streams, Vec<Packet>) {
        let calls: Vec<Call> = parse(log).iter().map(of_event).collect();
        let packet = |&(_, from, to, flags, sequence, length): &(usize, &str, &str, &str, u32, usize)| Packet {
            from: from.into(),
            to: to.into(),
            flags: flags.into(),
            sequence: Some(sequence),
            length,
            ..Packet::default()
        };
        let made: Vec<Packet> = packets.iter().map(packet).collect();
        let mut timeline = Vec::new();
        for index in 0..calls.len() {
            timeline.push(Item::Call(index));
            let here = packets.iter().enumerate().filter(|(_, packet)| packet.0 == index);
            timeline.extend(here.map(|(number, _)| Item::Packet(number)));
        }
        (Streams::new(&timeline, &calls, &made), made)
    }

    fn calls_of(streams: &Streams, packet: &Packet, read: bool) -> Option<Vec<usize>> {
        Some(streams.transfers(packet, read)?.into_iter().map(|transfer| transfer.call).collect())
    }

    const ANY: &str = "{sa_family=AF_INET, sin_port=htons(5000), sin_addr=inet_addr(\"0.0.0.0\")}";

    #[test]
    fn equal_bytes_of_two_clients_are_told_apart() {
        // The second client's bytes are received first.
        let log = format!(
            "3 bind(3, {ANY}, 16) = 0\n3 listen(3, 5) = 0\n3 accept(3, NULL, NULL) = 4\n3 accept(3, NULL, NULL) = 5\n\
             3 recvfrom(5, \"x\", 9, 0, NULL, NULL) = 1\n3 recvfrom(4, \"x\", 9, 0, NULL, NULL) = 1\n\
             3 sendto(4, \"x\", 1, 0, NULL, 0) = 1\n"
        );
        let (a, b, server) = ("10.0.0.1:41001", "10.0.0.1:41002", "10.0.0.2:5000");
        let packets = [
            (1, a, server, "SYN", 0, 0),
            (1, b, server, "SYN", 0, 0),
            (3, a, server, "PSH, ACK", 1, 1),
            (3, b, server, "PSH, ACK", 1, 1),
            (6, server, a, "PSH, ACK", 1, 1),
        ];
        let (streams, packets) = streams(&log, &packets);
        assert_eq!(calls_of(&streams, &packets[2], true), Some(vec![5]));
        assert_eq!(calls_of(&streams, &packets[3], true), Some(vec![4]));
        assert_eq!(calls_of(&streams, &packets[4], false), Some(vec![6]));
        assert_eq!(calls_of(&streams, &packets[2], false), None);
        assert_eq!(streams.naming(&packets[2], false), Some(vec![0]));
        assert_eq!(streams.naming(&packets[2], true), Some(vec![]));
    }

    #[test]
    fn what_is_named_for_one_connection_is_not_taken_for_another() {
        let to = "{sa_family=AF_INET, sin_port=htons(7), sin_addr=inet_addr(\"10.0.0.2\")}";
        let log = format!("3 connect(3, {to}, 16) = 0\n3 connect(4, {to}, 16) = 0\n3 close(3) = 0\n");
        let (one, other, server) = ("10.0.0.1:41001", "10.0.0.1:41002", "10.0.0.2:7");
        let packets = [
            (0, one, server, "SYN", 0, 0),
            (1, other, server, "SYN", 0, 0),
            (2, one, server, "FIN, ACK", 1, 0),
            (2, "10.0.0.9:9", server, "SYN", 0, 0),
        ];
        let (streams, packets) = streams(&log, &packets);
        assert_eq!(streams.naming(&packets[2], false), Some(vec![0]));
        assert_eq!(streams.naming(&packets[1], false), Some(vec![1]));
        assert_eq!(streams.naming(&packets[3], true), None);
    }

    #[test]
    fn a_packet_may_be_read_in_parts_and_a_call_may_make_several() {
        let to = "{sa_family=AF_INET, sin_port=htons(7), sin_addr=inet_addr(\"10.0.0.2\")}";
        let log = format!(
            "3 connect(3, {to}, 16) = 0\n3 sendto(3, \"aa\", 2, 0, NULL, 0) = 2\n3 sendto(3, \"aa\", 2, 0, NULL, 0) = 2\n\
             3 recvfrom(3, \"a\", 1, MSG_PEEK, NULL, NULL) = 1\n3 recvfrom(3, \"a\", 1, 0, NULL, NULL) = 1\n\
             3 recvfrom(3, \"aaa\", 9, 0, NULL, NULL) = 3\n"
        );
        let (client, server) = ("10.0.0.1:41001", "10.0.0.2:7");
        let packets = [
            (0, client, server, "SYN", 0, 0),
            (1, client, server, "PSH, ACK", 1, 2),
            (2, client, server, "PSH, ACK", 3, 2),
            (2, server, client, "PSH, ACK", 1, 3),
            (2, server, client, "PSH, ACK", 4, 1),
        ];
        let (streams, packets) = streams(&log, &packets);
        let expected = [(1, false, vec![1]), (2, false, vec![2]), (3, true, vec![4, 5]), (4, true, vec![5])];
        for (packet, read, calls) in expected {
            assert_eq!(calls_of(&streams, &packets[packet], read), Some(calls));
        }
    }

    #[test]
    fn a_child_has_its_parents_descriptors() {
        let log = format!(
            "3 bind(3, {ANY}, 16) = 0\n3 accept(3, NULL, NULL) = 4\n3 clone(child_stack=NULL, flags=SIGCHLD) = 9\n\
             3 close(4) = 0\n3 accept(3, NULL, NULL) = 4\n9 recvfrom(4, \"x\", 9, 0, NULL, NULL) = 1\n\
             3 recvfrom(4, \"x\", 9, 0, NULL, NULL) = 1\n"
        );
        let (a, b, server) = ("10.0.0.1:41001", "10.0.0.1:41002", "10.0.0.2:5000");
        let packets = [
            (0, a, server, "SYN", 0, 0),
            (0, b, server, "SYN", 0, 0),
            (4, a, server, "PSH, ACK", 1, 1),
            (4, b, server, "PSH, ACK", 1, 1),
        ];
        let (streams, packets) = streams(&log, &packets);
        assert_eq!(calls_of(&streams, &packets[2], true), Some(vec![5]));
        assert_eq!(calls_of(&streams, &packets[3], true), Some(vec![6]));
    }
}

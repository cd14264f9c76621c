//! Which bytes of which TCP connection each call sends or receives.

use std::collections::HashMap;
use std::ops::Range;

use super::Item;
use super::calls::Call;
use super::packets::Packet;

/// The system calls that send bytes by the descriptor in their first argument, and those that receive some.
const SENDING: [&str; 5] = ["sendto", "write", "sendmsg", "writev", "sendfile"];
const RECEIVING: [&str; 4] = ["recvfrom", "read", "recvmsg", "readv"];
/// Those that return a descriptor of something else than a socket.
const OPENING: [&str; 8] =
    ["open", "openat", "creat", "epoll_create1", "eventfd2", "memfd_create", "signalfd4", "timerfd_create"];
/// Those that return another descriptor of the same socket.
const DUPLICATING: [&str; 4] = ["dup", "dup2", "dup3", "fcntl"];
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
    /// The SYNs that no connect has been found for yet.
    opened: Vec<Syn>,
    /// Connections that no accept has returned yet.
    arrived: Vec<Syn>,
    /// What is known of the sockets that calls have received datagrams by.
    datagrams: HashMap<usize, Ends>,
}

/// The first packet of a connection.
#[derive(Debug, Clone)]
struct Syn {
    from: String,
    to: String,
    /// Its place in the order of time.
    place: usize,
}

/// The ends of a socket for datagrams, as far as they are known.
#[derive(Debug, Default)]
struct Ends {
    port: Option<u16>,
    remote: Option<String>,
}

#[derive(Debug, Clone)]
struct Descriptor {
    socket: Socket,
    /// Whether TCP may be what it speaks.
    is_stream: bool,
    /// Its own port.
    port: Option<u16>,
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
    /// Connected to this address, and its SYN has not been seen yet.
    Connecting(String),
    /// The connection with this number.
    Connected(usize),
}

#[derive(Debug)]
struct Connection {
    /// Where its SYN is in the order of time.
    begin: usize,
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
        for (place, item) in timeline.iter().enumerate() {
            match *item {
                Item::Call(index) => streams.call(index, &calls[index]),
                Item::Packet(index) => streams.packet(place, &packets[index]),
                Item::Deed(_) => {}
            }
        }
        streams
    }

    /// The connection of these two ends that a packet in this place belongs to: a port may be used again.
    fn connection(&self, place: usize, local: &str, remote: &str) -> Option<&Connection> {
        let ends = |connection: &&Connection| connection.local == local && connection.remote == remote;
        let begun = self.connections.iter().filter(ends).filter(|connection| connection.begin <= place);
        begun.max_by_key(|connection| connection.begin)
    }

    /// Whether a call may have received this datagram by its socket.
    pub(super) fn may_receive(&self, call: usize, packet: &Packet) -> bool {
        let Some(ends) = self.datagrams.get(&call) else { return false };
        ends.remote.as_ref().is_none_or(|remote| leads_to(remote, &packet.from))
            && ends.port.is_none_or(|port| packet.to.ends_with(&format!(":{port}")))
    }

    /// The calls that have sent (or, with `read`, received) bytes of this packet; `None` if its connection is no socket
    /// of the program's, as far as calls show it.
    pub(super) fn transfers(&self, place: usize, packet: &Packet, read: bool) -> Option<Vec<&Transfer>> {
        let (local, remote) = if read { (&packet.to, &packet.from) } else { (&packet.from, &packet.to) };
        let connection = self.connection(place, local, remote)?;
        let first = u64::from(packet.sequence?.checked_sub(1)?);
        let bytes = first..first + packet.length as u64;
        let meet = |transfer: &&Transfer| {
            transfer.read == read && transfer.bytes.start < bytes.end && bytes.start < transfer.bytes.end
        };
        Some(connection.transfers.iter().filter(meet).collect())
    }

    /// The calls that name the address of the packet's source (or of its destination), in order: a bind on a socket whose
    /// own end it is, a connect on one whose other end it is. `None` if the connection is no socket of the program's.
    pub(super) fn naming(&self, place: usize, packet: &Packet, source: bool) -> Option<Vec<usize>> {
        let (this, other) = if source { (&packet.from, &packet.to) } else { (&packet.to, &packet.from) };
        let (own, foreign) = (self.connection(place, this, other), self.connection(place, other, this));
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

    fn packet(&mut self, place: usize, packet: &Packet) {
        if packet.flags != "SYN" || packet.resent {
            return;
        }
        let syn = Syn { from: packet.from.clone(), to: packet.to.clone(), place };
        let sockets = self.tables.values_mut().flat_map(HashMap::values_mut).filter(|descriptor| {
            descriptor.is_stream
                && matches!(&descriptor.socket, Socket::Connecting(remote) if leads_to(remote, &packet.to))
        });
        // The one that has asked first.
        let connecting = sockets.min_by_key(|descriptor| descriptor.named.last().map(|named| named.call));
        match connecting {
            Some(descriptor) => {
                descriptor.socket = Socket::Connected(self.connections.len());
                let named = descriptor.named.clone();
                self.connections.push(Connection::new(place, syn.from.clone(), syn.to.clone(), named));
            }
            None => self.opened.push(syn.clone()),
        }
        self.arrived.push(syn);
    }

    fn call(&mut self, index: usize, call: &Call) {
        let process = self.threads.get(&call.thread).copied().unwrap_or(call.thread);
        let result: Option<i64> = call.result.split_whitespace().next().and_then(|word| word.parse().ok());
        let made = result.and_then(|made| i32::try_from(made).ok()).filter(|made| *made >= 0);
        if CREATING.contains(&call.name.as_str()) {
            let Some(made) = made.and_then(|made| u32::try_from(made).ok()).filter(|made| *made > 0) else { return };
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
            let is_stream = call.arguments.get(1).is_some_and(|kind| kind.contains("SOCK_STREAM"));
            table.extend(made.map(|made| (made, Descriptor { is_stream, ..Descriptor::default() })));
            return;
        }
        if OPENING.contains(&call.name.as_str()) {
            made.and_then(|made| table.remove(&made));
            return;
        }
        let number = call.arguments.first().and_then(|argument| argument.parse::<i32>().ok());
        let Some(number) = number else { return };
        let name = call.name.as_str();
        if DUPLICATING.contains(&name) {
            let duplicates = name != "fcntl" || call.arguments.get(1).is_some_and(|how| how.starts_with("F_DUPFD"));
            if let Some(made) = made.filter(|_| duplicates) {
                match table.get(&number).cloned() {
                    Some(descriptor) => _ = table.insert(made, descriptor),
                    None => _ = table.remove(&made),
                }
            }
            return;
        }
        // A program may have got it from whoever started it.
        let descriptor = table.entry(number).or_default();
        let address = call.arguments.get(1).and_then(|argument| address(argument));
        let port = || address.as_ref()?.rsplit_once(':')?.1.parse().ok();
        match name {
            "bind" => {
                descriptor.port = port().filter(|port| *port > 0);
                descriptor.named.push(Named { call: index, local: true });
            }
            // The port that the kernel has chosen.
            "getsockname" => descriptor.port = port(),
            "connect" if !matches!(descriptor.socket, Socket::Connected(_)) => {
                let Some(remote) = address else { return };
                descriptor.named.push(Named { call: index, local: false });
                // A call that waited stands after what it waited for.
                let leads = |syn: &Syn| descriptor.is_stream && leads_to(&remote, &syn.to);
                let begun = self.opened.iter().rposition(leads);
                descriptor.socket = match begun {
                    Some(place) => {
                        let Syn { from, to, place } = self.opened.remove(place);
                        self.connections.push(Connection::new(place, from, to, descriptor.named.clone()));
                        Socket::Connected(self.connections.len() - 1)
                    }
                    None => Socket::Connecting(remote),
                };
            }
            "accept" | "accept4" => {
                let port = descriptor.port;
                let fits = |syn: &Syn| {
                    address.as_ref().is_none_or(|address| *address == syn.from)
                        && port.is_none_or(|port| syn.to.ends_with(&format!(":{port}")))
                };
                let Some(place) = self.arrived.iter().position(fits) else { return };
                let Some(made) = made else { return };
                let named = descriptor.named.clone();
                let socket = Socket::Connected(self.connections.len());
                table.insert(made, Descriptor { socket, is_stream: true, port, named: named.clone() });
                let Syn { from, to, place } = self.arrived.remove(place);
                self.connections.push(Connection::new(place, to, from, named));
            }
            "close" => _ = table.remove(&number),
            _ => self.transfer(index, call, process, number),
        }
    }

    /// Counts what a call has sent or received.
    fn transfer(&mut self, index: usize, call: &Call, process: u32, number: i32) {
        let Some(descriptor) = self.tables.get(&process).and_then(|table| table.get(&number)) else { return };
        let read = RECEIVING.contains(&call.name.as_str());
        let Socket::Connected(connection) = descriptor.socket else {
            // Of a datagram, the sender may be an argument; else it is whom the socket is connected to.
            if read {
                let sender = call.arguments.get(4).and_then(|argument| address(argument));
                let connected = match &descriptor.socket {
                    Socket::Connecting(remote) => Some(remote.clone()),
                    _ => None,
                };
                self.datagrams.insert(index, Ends { port: descriptor.port, remote: sender.or(connected) });
            }
            return;
        };
        let result = call.result.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
        let count = match call.name.as_str() {
            // Its result is a number of messages.
            "sendmmsg" => call.text.split("msg_len=").skip(1).filter_map(leading_number).sum(),
            name if read || SENDING.contains(&name) => result.unwrap_or(0),
            _ => 0,
        };
        if count == 0 || call.text.contains("MSG_PEEK") {
            return;
        }
        let connection = &mut self.connections[connection];
        let place = if read { &mut connection.received } else { &mut connection.sent };
        connection.transfers.push(Transfer { call: index, bytes: *place..*place + count, read });
        *place += count;
    }
}

/// The number that a text begins with.
fn leading_number(text: &str) -> Option<u64> {
    text.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

impl Default for Descriptor {
    fn default() -> Self {
        Self { socket: Socket::New, is_stream: true, port: None, named: Vec::new() }
    }
}

impl Connection {
    fn new(begin: usize, local: String, remote: String, named: Vec<Named>) -> Self {
        Self { begin, local, remote, sent: 0, received: 0, transfers: Vec::new(), named }
    }
}

/// `127.0.0.1:5000` or `[::1]:5000`, of a sockaddr as strace prints it.
fn address(argument: &str) -> Option<String> {
    let after = |mark: &str| argument.split_once(mark).map(|(_, rest)| rest);
    if let Some(rest) = after("sin6_port=htons(") {
        let host = after("inet_pton(AF_INET6, \"")?.split_once('"')?.0;
        return Some(format!("[{host}]:{}", rest.split_once(')')?.0));
    }
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
        let mut made: Vec<Packet> = packets.iter().map(packet).collect();
        let mut timeline = Vec::new();
        for index in 0..calls.len() {
            timeline.push(Item::Call(index));
            for (number, _) in packets.iter().enumerate().filter(|(_, packet)| packet.0 == index) {
                made[number].number = timeline.len();
                timeline.push(Item::Packet(number));
            }
        }
        (Streams::new(&timeline, &calls, &made), made)
    }

    fn calls_of(streams: &Streams, packet: &Packet, read: bool) -> Option<Vec<usize>> {
        // In these tests the packet's own number says when it was sent.
        Some(streams.transfers(packet.number, packet, read)?.into_iter().map(|transfer| transfer.call).collect())
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
        assert_eq!(streams.naming(usize::MAX, &packets[2], false), Some(vec![0]));
        assert_eq!(streams.naming(usize::MAX, &packets[2], true), Some(vec![]));
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
        assert_eq!(streams.naming(usize::MAX, &packets[2], false), Some(vec![0]));
        assert_eq!(streams.naming(usize::MAX, &packets[1], false), Some(vec![1]));
        assert_eq!(streams.naming(usize::MAX, &packets[3], true), None);
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

    #[test]
    fn a_port_may_be_used_again() {
        let to = "{sa_family=AF_INET, sin_port=htons(7), sin_addr=inet_addr(\"10.0.0.2\")}";
        let log = format!(
            "3 connect(3, {to}, 16) = 0\n3 sendto(3, \"x\", 1, 0, NULL, 0) = 1\n3 close(3) = 0\n\
             3 connect(3, {to}, 16) = 0\n3 sendto(3, \"x\", 1, 0, NULL, 0) = 1\n"
        );
        let (client, server) = ("10.0.0.1:40000", "10.0.0.2:7");
        let packets = [
            (0, client, server, "SYN", 0, 0),
            (1, client, server, "PSH, ACK", 1, 1),
            (3, client, server, "SYN", 0, 0),
            (4, client, server, "PSH, ACK", 1, 1),
        ];
        let (streams, packets) = streams(&log, &packets);
        assert_eq!(calls_of(&streams, &packets[1], false), Some(vec![1]));
        assert_eq!(calls_of(&streams, &packets[3], false), Some(vec![4]));
        assert_eq!(streams.naming(packets[1].number, &packets[1], false), Some(vec![0]));
    }

    #[test]
    fn a_duplicate_is_the_same_socket() {
        let log = format!(
            "3 bind(3, {ANY}, 16) = 0\n3 accept(3, NULL, NULL) = 4\n3 accept(3, NULL, NULL) = 5\n3 dup2(5, 4) = 4\n\
             3 recvfrom(4, \"x\", 9, 0, NULL, NULL) = 1\n3 fcntl(4, F_DUPFD_CLOEXEC, 0) = 8\n\
             3 sendto(8, \"x\", 1, 0, NULL, 0) = 1\n3 openat(AT_FDCWD, \"f\", O_WRONLY) = 8\n3 write(8, \"yy\", 2) = 2\n\
             3 sendto(5, \"z\", 1, 0, NULL, 0) = 1\n"
        );
        let (a, b, server) = ("10.0.0.1:41001", "10.0.0.1:41002", "10.0.0.2:5000");
        let packets = [
            (0, a, server, "SYN", 0, 0),
            (0, b, server, "SYN", 0, 0),
            (3, b, server, "PSH, ACK", 1, 1),
            (3, a, server, "PSH, ACK", 1, 1),
            (6, server, b, "PSH, ACK", 1, 1),
            (9, server, b, "PSH, ACK", 2, 1),
        ];
        let (streams, packets) = streams(&log, &packets);
        let expected = [(2, true, vec![4]), (3, true, vec![]), (4, false, vec![6]), (5, false, vec![9])];
        for (packet, read, calls) in expected {
            assert_eq!(calls_of(&streams, &packets[packet], read), Some(calls));
        }
    }

    #[test]
    fn a_datagram_is_received_by_a_socket_that_it_is_for() {
        let from = "{sa_family=AF_INET, sin_port=htons(6001), sin_addr=inet_addr(\"10.0.0.1\")}";
        let log = format!(
            "3 bind(3, {ANY}, 16) = 0\n3 recvfrom(3, \"x\", 9, 0, {from}, [16]) = 1\n3 connect(4, {from}, 16) = 0\n\
             3 recvfrom(4, \"x\", 9, 0, NULL, NULL) = 1\n"
        );
        let (streams, _) = streams(&log, &[]);
        let datagram = |from: &str, to: &str| Packet { from: from.into(), to: to.into(), ..Packet::default() };
        let received = |packet: &Packet| [1, 3].map(|call| streams.may_receive(call, packet));
        assert_eq!(received(&datagram("10.0.0.1:6001", "10.0.0.2:5000")), [true, true]);
        assert_eq!(received(&datagram("10.0.0.1:6001", "10.0.0.2:5001")), [false, true]);
        assert_eq!(received(&datagram("10.0.0.2:5000", "10.0.0.1:6001")), [false, false]);
    }
}

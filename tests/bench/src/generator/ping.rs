//! Message and answer, on many connections at once.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::pattern::{LONGEST, Pattern};
use super::{Clients, Tally, Until, at_end, open, unless_blocked, verify, wait};

/// So many connections are opened before the server must have answered on each. No server has a
/// shorter backlog.
const OPENED_AT_ONCE: usize = 50;

/// The clients of a [`Kind::Ping`](crate::loads::Kind::Ping).
pub struct Ping {
    connections: Vec<Connection>,
    active: usize,
    sizes: &'static [usize],
    in_turn: bool,
    pattern: Pattern,
    epoll: Epoll,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// The number of the message that is in flight or comes next.
    message: u64,
    /// How many of its bytes are out, and how many are back.
    sent: usize,
    received: usize,
    since: Instant,
    /// How many messages were begun in this run.
    begun: u64,
    /// Whether it waits until more can be sent.
    blocked: bool,
}

impl Ping {
    /// Opens the connections. One message on each shows that the server has accepted it.
    pub fn connect(
        server: SocketAddr,
        connections: usize,
        active: usize,
        sizes: &'static [usize],
        in_turn: bool,
    ) -> Result<Self> {
        let mut ping = Self {
            connections: Vec::with_capacity(connections),
            active,
            sizes,
            in_turn,
            pattern: Pattern::new(),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            buffer: vec![0; LONGEST],
        };
        while ping.connections.len() < connections {
            let first = ping.connections.len();
            let last = connections.min(first + OPENED_AT_ONCE);
            for number in first..last {
                let stream = open(server).with_context(|| format!("connection {number}"))?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
                ping.epoll.add(&stream, event)?;
                ping.connections.push(Connection {
                    stream,
                    message: 0,
                    sent: 0,
                    received: 0,
                    since: Instant::now(),
                    begun: 0,
                    blocked: false,
                });
            }
            ping.exchange(first..last, Until::Messages(1))?;
        }
        Ok(ping)
    }

    fn exchange(&mut self, active: std::ops::Range<usize>, until: Until) -> Result<Tally> {
        let start = Instant::now();
        // How many messages a connection may begin, and when that is to be decided.
        let (mut quota, mut deadline) = match until {
            Until::Messages(count) => (count, None),
            Until::Elapsed(time) => (u64::MAX, Some(start + time)),
        };
        let mut tally = Tally::new();
        let mut in_flight = active.len();
        let mut last_progress = start;
        for number in active.clone() {
            self.connections[number].begun = 0;
            self.begin(number, Instant::now()).with_context(|| self.place(number))?;
        }
        let mut events = vec![EpollEvent::empty(); 1024];
        while in_flight > 0 {
            for event in wait(&self.epoll, &mut events)? {
                let number = event.data() as usize;
                let flags = event.events();
                if flags.contains(EpollFlags::EPOLLOUT) {
                    self.send(number).with_context(|| self.place(number))?;
                }
                // A reset is an event of its own, and recv tells it.
                if !flags.intersects(!EpollFlags::EPOLLOUT) {
                    continue;
                }
                let complete = self.receive(number).with_context(|| self.place(number))?;
                let now = Instant::now();
                tally.longest_gap = tally.longest_gap.max(now - last_progress);
                last_progress = now;
                if !complete {
                    continue;
                }
                tally.record(now - self.connections[number].since);
                if deadline.is_some_and(|deadline| now >= deadline) {
                    deadline = None;
                    let most = self.connections[active.clone()].iter().map(|c| c.begun).max();
                    quota = if self.in_turn { most.unwrap_or(0) } else { 0 };
                }
                let connection = &mut self.connections[number];
                connection.message += 1;
                connection.sent = 0;
                connection.received = 0;
                if self.connections[number].begun < quota {
                    self.begin(number, now).with_context(|| self.place(number))?;
                } else {
                    in_flight -= 1;
                }
            }
        }
        Ok(tally)
    }

    fn place(&self, number: usize) -> String {
        let Connection { message, received, .. } = self.connections[number];
        format!("connection {number}, message {message}, after {received} bytes")
    }

    fn size(&self, message: u64) -> usize {
        self.sizes[(message % self.sizes.len() as u64) as usize]
    }

    fn begin(&mut self, number: usize, now: Instant) -> Result<()> {
        let connection = &mut self.connections[number];
        connection.since = now;
        connection.begun += 1;
        self.send(number)
    }

    fn send(&mut self, number: usize) -> Result<()> {
        let size = self.size(self.connections[number].message);
        let connection = &mut self.connections[number];
        let message = self.pattern.message(number, connection.message, size);
        while let rest @ [_, ..] = &message[connection.sent..] {
            match unless_blocked(connection.stream.write(rest))? {
                Some(length) => connection.sent += length,
                None => break,
            }
        }
        let blocked = connection.sent < size;
        if blocked != connection.blocked {
            connection.blocked = blocked;
            let mut flags = EpollFlags::EPOLLIN;
            flags.set(EpollFlags::EPOLLOUT, blocked);
            let mut event = EpollEvent::new(flags, number as u64);
            self.epoll.modify(&connection.stream, &mut event)?;
        }
        Ok(())
    }

    /// Takes what is there. The answer is whether the message is complete.
    fn receive(&mut self, number: usize) -> Result<bool> {
        let size = self.size(self.connections[number].message);
        let connection = &mut self.connections[number];
        let Some(length) = unless_blocked(connection.stream.read(&mut self.buffer))? else {
            return Ok(false);
        };
        ensure!(length > 0, "the server closed the connection");
        let message = self.pattern.message(number, connection.message, size);
        let expected = &message[connection.received..connection.sent];
        let expected = &expected[..length.min(expected.len())];
        verify(&self.buffer[..length], expected)?;
        connection.received += length;
        Ok(connection.received == size)
    }
}

impl Clients for Ping {
    fn run(&mut self, until: Until) -> Result<Tally> {
        self.exchange(0..self.active, until)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        for connection in &self.connections {
            connection.stream.shutdown(Shutdown::Write)?;
        }
        let mut open = self.connections.len();
        let mut events = vec![EpollEvent::empty(); 1024];
        while open > 0 {
            for event in wait(&self.epoll, &mut events)? {
                let number = event.data() as usize;
                let stream = &mut self.connections[number].stream;
                let ended = at_end(stream, &mut self.buffer);
                if ended.with_context(|| format!("connection {number}, half-closed"))? {
                    self.epoll.delete(&*stream)?;
                    open -= 1;
                }
            }
        }
        Ok(())
    }
}

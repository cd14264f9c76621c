//! Ping-pong on many connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::pattern::{MAX_LENGTH, Pattern};
use super::{Clients, Tally, Until, at_eof, open, transferred, verify, wait};

/// Connections are opened in batches of this size, no larger than any server's backlog: the server must
/// reply on each before the next batch.
const BATCH_SIZE: usize = 50;

/// The clients of a [`Kind::Ping`](crate::loads::Kind::Ping).
pub struct Ping {
    connections: Vec<Connection>,
    active: usize,
    sizes: &'static [usize],
    round_robin: bool,
    pattern: Pattern,
    epoll: Epoll,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// The number of the current message, in flight or next.
    message: u64,
    /// The numbers of its bytes that were sent and received.
    sent: usize,
    received: usize,
    started_at: Instant,
    /// The number of messages started in this run.
    started: u64,
    /// Whether it waits until the socket is writable.
    blocked: bool,
}

impl Ping {
    /// Opens the connections. A reply on each shows that the server has accepted it.
    pub fn connect(
        server: SocketAddr,
        connections: usize,
        active: usize,
        sizes: &'static [usize],
        round_robin: bool,
    ) -> Result<Self> {
        let mut ping = Self {
            connections: Vec::with_capacity(connections),
            active,
            sizes,
            round_robin,
            pattern: Pattern::new(),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            buffer: vec![0; MAX_LENGTH],
        };
        while ping.connections.len() < connections {
            let first = ping.connections.len();
            let last = connections.min(first + BATCH_SIZE);
            for number in first..last {
                let stream = open(server).with_context(|| format!("connection {number}"))?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
                ping.epoll.add(&stream, event)?;
                ping.connections.push(Connection {
                    stream,
                    message: 0,
                    sent: 0,
                    received: 0,
                    started_at: Instant::now(),
                    started: 0,
                    blocked: false,
                });
            }
            ping.exchange(first..last, Until::Messages(1))?;
        }
        Ok(ping)
    }

    fn exchange(&mut self, active: std::ops::Range<usize>, until: Until) -> Result<Tally> {
        let start = Instant::now();
        // The number of messages that a connection may start, and when to determine it.
        let (mut quota, mut deadline) = match until {
            Until::Messages(count) => (count, None),
            Until::Elapsed(time) => (u64::MAX, Some(start + time)),
        };
        let mut tally = Tally::new();
        let mut in_flight = active.len();
        let mut last_progress = start;
        for number in active.clone() {
            self.connections[number].started = 0;
            self.begin(number, Instant::now()).with_context(|| self.position(number))?;
        }
        let mut events = vec![EpollEvent::empty(); 1024];
        while in_flight > 0 {
            for event in wait(&self.epoll, &mut events)? {
                let number = event.data() as usize;
                let flags = event.events();
                if flags.contains(EpollFlags::EPOLLOUT) {
                    self.send(number).with_context(|| self.position(number))?;
                }
                // EPOLLERR and EPOLLHUP: recv returns the error.
                if !flags.intersects(!EpollFlags::EPOLLOUT) {
                    continue;
                }
                let complete = self.receive(number).with_context(|| self.position(number))?;
                let now = Instant::now();
                tally.longest_gap = tally.longest_gap.max(now - last_progress);
                last_progress = now;
                if !complete {
                    continue;
                }
                tally.record(now - self.connections[number].started_at);
                if deadline.is_some_and(|deadline| now >= deadline) {
                    deadline = None;
                    let max = self.connections[active.clone()].iter().map(|c| c.started).max();
                    quota = if self.round_robin { max.unwrap_or(0) } else { 0 };
                }
                let connection = &mut self.connections[number];
                connection.message += 1;
                connection.sent = 0;
                connection.received = 0;
                if self.connections[number].started < quota {
                    self.begin(number, now).with_context(|| self.position(number))?;
                } else {
                    in_flight -= 1;
                }
            }
        }
        Ok(tally)
    }

    fn position(&self, number: usize) -> String {
        let Connection { message, received, .. } = self.connections[number];
        format!("connection {number}, message {message}, after {received} bytes")
    }

    fn size(&self, message: u64) -> usize {
        self.sizes[(message % self.sizes.len() as u64) as usize]
    }

    fn begin(&mut self, number: usize, now: Instant) -> Result<()> {
        let connection = &mut self.connections[number];
        connection.started_at = now;
        connection.started += 1;
        self.send(number)
    }

    fn send(&mut self, number: usize) -> Result<()> {
        let size = self.size(self.connections[number].message);
        let connection = &mut self.connections[number];
        let message = self.pattern.message(number, connection.message, size);
        while let rest @ [_, ..] = &message[connection.sent..] {
            match transferred(connection.stream.write(rest))? {
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

    /// Reads what has arrived. Returns whether the reply is complete.
    fn receive(&mut self, number: usize) -> Result<bool> {
        let size = self.size(self.connections[number].message);
        let connection = &mut self.connections[number];
        let Some(length) = transferred(connection.stream.read(&mut self.buffer))? else {
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
                let closed = at_eof(stream, &mut self.buffer);
                if closed.with_context(|| format!("connection {number}, half-closed"))? {
                    self.epoll.delete(&*stream)?;
                    open -= 1;
                }
            }
        }
        Ok(())
    }
}

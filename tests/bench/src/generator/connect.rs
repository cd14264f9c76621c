//! Connections that live for one message.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::pattern::Pattern;
use super::{Clients, Tally, Until, at_end, open, unless_blocked, verify, wait};

/// The size of the message.
const SIZE: usize = 128;

/// The clients of a [`Kind::Connect`](crate::loads::Kind::Connect).
pub struct Connect {
    server: SocketAddr,
    at_once: usize,
    /// The number of the next connection.
    next: u64,
    pattern: Pattern,
    epoll: Epoll,
}

struct Connection {
    stream: TcpStream,
    number: u64,
    received: usize,
    since: Instant,
}

impl Connect {
    /// Nothing is connected yet.
    pub fn new(server: SocketAddr, at_once: usize) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { server, at_once, next: 0, pattern: Pattern::new(), epoll })
    }

    /// Connects and sends the message: it fits into the empty buffer.
    fn begin(&mut self, slot: usize) -> Result<Connection> {
        let (since, number) = (Instant::now(), self.next);
        self.next += 1;
        let mut stream = open(self.server)?;
        let length = stream.write(self.pattern.message(0, number, SIZE))?;
        ensure!(length == SIZE, "only {length} bytes could be sent");
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, slot as u64))?;
        Ok(Connection { stream, number, received: 0, since })
    }

    /// Takes what is there. The answer is whether the connection is over.
    fn receive(&self, connection: &mut Connection) -> Result<bool> {
        let mut buffer = [0; SIZE + 1];
        if connection.received == SIZE {
            return at_end(&mut connection.stream, &mut buffer);
        }
        let Some(length) = unless_blocked(connection.stream.read(&mut buffer))? else {
            return Ok(false);
        };
        ensure!(length > 0, "the server closed the connection");
        let message = self.pattern.message(0, connection.number, SIZE);
        let expected = &message[connection.received..];
        verify(&buffer[..length], &expected[..length.min(expected.len())])?;
        connection.received += length;
        if connection.received == SIZE {
            connection.stream.shutdown(Shutdown::Write)?;
        }
        Ok(false)
    }
}

impl Clients for Connect {
    fn run(&mut self, until: Until) -> Result<Tally> {
        let start = Instant::now();
        let mut tally = Tally::new();
        let first = self.next;
        let may_begin = |next: u64, now: Instant| match until {
            Until::Messages(count) => next - first < count,
            Until::Elapsed(time) => now < start + time,
        };
        let mut slots: Vec<Option<Connection>> = Vec::new();
        while slots.len() < self.at_once && may_begin(self.next, start) {
            slots.push(Some(self.begin(slots.len())?));
        }
        let mut in_flight = slots.len();
        let mut last_progress = start;
        let mut events = vec![EpollEvent::empty(); self.at_once];
        while in_flight > 0 {
            for event in wait(&self.epoll, &mut events)? {
                let slot = event.data() as usize;
                let Some(connection) = &mut slots[slot] else { continue };
                let number = connection.number;
                let over = self.receive(connection);
                let over = over.with_context(|| format!("connection {number}"))?;
                let now = Instant::now();
                tally.longest_gap = tally.longest_gap.max(now - last_progress);
                last_progress = now;
                if !over {
                    continue;
                }
                tally.record(now - connection.since);
                // Its descriptor is closed, and so no longer watched.
                slots[slot] = None;
                if may_begin(self.next, now) {
                    slots[slot] = Some(self.begin(slot)?);
                } else {
                    in_flight -= 1;
                }
            }
        }
        Ok(tally)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

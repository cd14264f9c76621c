//! Short connections, with one message each.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::pattern::Pattern;
use super::{Clients, Tally, Until, at_eof, open, transferred, verify, wait};

/// The message size, in bytes.
const SIZE: usize = 128;

/// The clients of a [`Kind::Connect`](crate::loads::Kind::Connect).
pub struct Connect {
    server: SocketAddr,
    concurrency: usize,
    /// The number of the next connection.
    next: u64,
    pattern: Pattern,
    epoll: Epoll,
}

struct Connection {
    stream: TcpStream,
    number: u64,
    received: usize,
    started: Instant,
}

impl Connect {
    /// Prepares the clients, without any connection yet.
    pub fn new(server: SocketAddr, concurrency: usize) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { server, concurrency, next: 0, pattern: Pattern::new(), epoll })
    }

    /// Connects and sends the message, which fits into the empty send buffer.
    fn begin(&mut self, slot: usize) -> Result<Connection> {
        let (started, number) = (Instant::now(), self.next);
        self.next += 1;
        let mut stream = open(self.server)?;
        let length = stream.write(self.pattern.message(0, number, SIZE))?;
        ensure!(length == SIZE, "short write: {length} bytes");
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, slot as u64))?;
        Ok(Connection { stream, number, received: 0, started })
    }

    /// Reads what has arrived. Returns true at EOF.
    fn receive(&self, connection: &mut Connection) -> Result<bool> {
        let mut buffer = [0; SIZE + 1];
        if connection.received == SIZE {
            return at_eof(&mut connection.stream, &mut buffer);
        }
        let Some(length) = transferred(connection.stream.read(&mut buffer))? else {
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
        while slots.len() < self.concurrency && may_begin(self.next, start) {
            slots.push(Some(self.begin(slots.len())?));
        }
        let mut in_flight = slots.len();
        let mut last_progress = start;
        let mut events = vec![EpollEvent::empty(); self.concurrency];
        while in_flight > 0 {
            for event in wait(&self.epoll, &mut events)? {
                let slot = event.data() as usize;
                let Some(connection) = &mut slots[slot] else { continue };
                let number = connection.number;
                let finished = self.receive(connection);
                let finished = finished.with_context(|| format!("connection {number}"))?;
                let now = Instant::now();
                tally.longest_gap = tally.longest_gap.max(now - last_progress);
                last_progress = now;
                if !finished {
                    continue;
                }
                tally.record(now - connection.started);
                // Closing the descriptor removes it from the epoll instance.
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

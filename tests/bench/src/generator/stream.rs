//! One connection at full throughput, in both directions at once.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::pattern::Pattern;
use super::{Clients, TIMEOUT, Tally, Until, at_eof, open, transferred, verify};

/// The buffer size of a read, in bytes.
const READ_SIZE: usize = 1 << 18;

/// The client of a [`Kind::Stream`](crate::loads::Kind::Stream).
pub struct Stream {
    stream: TcpStream,
    chunk: usize,
    /// The numbers of bytes sent and received.
    sent: u64,
    received: u64,
    pattern: Pattern,
    buffer: Vec<u8>,
}

impl Stream {
    /// Opens the connection.
    pub fn connect(server: SocketAddr, chunk: usize) -> Result<Self> {
        Ok(Self {
            stream: open(server)?,
            chunk,
            sent: 0,
            received: 0,
            pattern: Pattern::new(),
            buffer: vec![0; READ_SIZE],
        })
    }

    /// Sends from the current chunk. Returns whether anything was sent.
    fn send(&mut self) -> Result<bool> {
        let rest = self.chunk - (self.sent % self.chunk as u64) as usize;
        let bytes = self.pattern.stream(self.sent, rest);
        let length = transferred(self.stream.write(bytes))?.unwrap_or(0);
        self.sent += length as u64;
        Ok(length > 0)
    }

    /// Reads what has arrived. Returns whether anything had.
    fn receive(&mut self) -> Result<bool> {
        let Some(length) = transferred(self.stream.read(&mut self.buffer))? else {
            return Ok(false);
        };
        ensure!(length > 0, "the server closed the connection");
        let in_flight = (self.sent - self.received) as usize;
        let expected = self.pattern.stream(self.received, length.min(in_flight));
        verify(&self.buffer[..length], expected)?;
        self.received += length as u64;
        Ok(true)
    }

    fn wait(&self, flags: PollFlags) -> Result<()> {
        let mut ready = [PollFd::new(self.stream.as_fd(), flags)];
        let count = poll(&mut ready, PollTimeout::try_from(TIMEOUT)?)?;
        ensure!(count > 0, "no data received for {} seconds", TIMEOUT.as_secs());
        Ok(())
    }

    fn position(&self) -> String {
        format!("after {} bytes sent and {} received", self.sent, self.received)
    }
}

impl Clients for Stream {
    fn run(&mut self, until: Until) -> Result<Tally> {
        let start = Instant::now();
        let first = self.received;
        let mut tally = Tally::new();
        let mut last_progress = start;
        // The position at which sending stops, always the end of a chunk. None until time is up.
        let mut last = match until {
            Until::Messages(count) => Some(self.sent + count * self.chunk as u64),
            Until::Elapsed(_) => None,
        };
        loop {
            if let (None, Until::Elapsed(time)) = (last, until)
                && last_progress >= start + time
            {
                last = Some(self.sent.next_multiple_of(self.chunk as u64));
            }
            let sending = last.is_none_or(|last| self.sent < last);
            let sent = sending && self.send().with_context(|| self.position())?;
            let received = self.receive().with_context(|| self.position())?;
            if received {
                let now = Instant::now();
                tally.longest_gap = tally.longest_gap.max(now - last_progress);
                last_progress = now;
            }
            if !sending && self.received == self.sent {
                tally.units = (self.received - first) as f64 / f64::from(1 << 20);
                return Ok(tally);
            }
            if !sent && !received {
                let mut flags = PollFlags::POLLIN;
                flags.set(PollFlags::POLLOUT, sending);
                self.wait(flags).with_context(|| self.position())?;
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        loop {
            self.wait(PollFlags::POLLIN)?;
            if at_eof(&mut self.stream, &mut self.buffer).context("half-closed")? {
                return Ok(());
            }
        }
    }
}

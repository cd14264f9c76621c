//! The load generator: single-threaded clients that verify every received byte.

mod connect;
mod pattern;
mod ping;
mod stream;

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use hdrhistogram::Histogram;
use nix::poll::PollTimeout;
use nix::sys::epoll::{Epoll, EpollEvent};

use crate::loads::Kind;

/// How long to wait for data before the server counts as stuck.
const TIMEOUT: Duration = Duration::from_secs(10);

/// When a run stops sending.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time. The run then waits for what is in flight.
    Elapsed(Duration),
    /// After so many messages per active connection, chunks of the stream, or connections.
    Messages(u64),
}

/// The result of a run.
#[derive(Debug)]
pub struct Tally {
    /// Round trips, MiB or connections.
    pub units: f64,
    /// Latency of each unit, in nanoseconds; empty for a stream.
    pub latencies: Histogram<u32>,
    /// The longest period without received data.
    pub longest_gap: Duration,
}

impl Tally {
    fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, 100_000_000_000, 3);
        let latencies = latencies.expect("bounds and precision are valid");
        Self { units: 0.0, latencies, longest_gap: Duration::ZERO }
    }

    fn record(&mut self, latency: Duration) {
        self.units += 1.0;
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Connected clients with nothing in flight.
pub trait Clients {
    /// Generates load. When this returns, nothing is in flight.
    fn run(&mut self, until: Until) -> Result<Tally>;

    /// Half-closes every connection and waits for EOF on each.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Connects the clients of a load.
///
/// A `round_robin` server gets the same number of messages on each connection.
pub fn connect(kind: Kind, server: SocketAddr, round_robin: bool) -> Result<Box<dyn Clients>> {
    Ok(match kind {
        Kind::Ping { connections, active, sizes } => {
            Box::new(ping::Ping::connect(server, connections, active, sizes, round_robin)?)
        }
        Kind::Stream { chunk } => Box::new(stream::Stream::connect(server, chunk)?),
        Kind::Connect { concurrency } => Box::new(connect::Connect::new(server, concurrency)?),
    })
}

/// Opens a non-blocking connection.
fn open(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Waits until at least one connection is ready.
fn wait<'a>(epoll: &Epoll, events: &'a mut [EpollEvent]) -> Result<&'a [EpollEvent]> {
    let timeout = PollTimeout::try_from(TIMEOUT)?;
    let ready = epoll.wait(events, timeout)?;
    ensure!(ready > 0, "no data received for {} seconds", TIMEOUT.as_secs());
    Ok(&events[..ready])
}

/// The number of bytes that a non-blocking call transferred, or `None` if it would block.
fn transferred(result: io::Result<usize>) -> Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Compares the received bytes with those that were sent.
fn verify(received: &[u8], expected: &[u8]) -> Result<()> {
    // Comparing slices is a memcmp; the position is only searched for after a mismatch.
    if received == expected {
        return Ok(());
    }
    match received.iter().zip(expected).position(|(received, expected)| received != expected) {
        Some(position) => bail!(
            "wrong byte received: {:#04x} instead of {:#04x}, at offset {position} of this read",
            received[position],
            expected[position]
        ),
        None => bail!("{} bytes received that were not sent", received.len() - expected.len()),
    }
}

/// Whether a half-closed connection has reached EOF.
fn at_eof(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool> {
    match transferred(stream.read(buffer))? {
        None => Ok(false),
        Some(0) => Ok(true),
        Some(length) => bail!("{length} bytes received that were not sent"),
    }
}

#[cfg(test)]
mod tests;

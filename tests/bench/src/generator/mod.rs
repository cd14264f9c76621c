//! The load generator: clients on one thread, which verify every byte that comes back.

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

/// How long nothing may come back before the server is taken to have lost something.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// So long; then what is in flight is waited for.
    Elapsed(Duration),
    /// So many messages on each active connection, chunks of the stream, or connections.
    Messages(u64),
}

/// What was done in a run.
#[derive(Debug)]
pub struct Tally {
    /// Round trips, MiB or connections.
    pub units: f64,
    /// How long each took, in nanoseconds; empty for a stream.
    pub latencies: Histogram<u32>,
    /// The longest time in which no byte came back.
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

/// Clients that are connected and at rest.
pub trait Clients {
    /// Works so long. When this returns, nothing is in flight.
    fn run(&mut self, until: Until) -> Result<Tally>;

    /// Half-closes every connection; each must then end without another byte.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Connects the clients of a load.
///
/// A server that takes its connections `in_turn` gets as many messages from each.
pub fn connect(kind: Kind, server: SocketAddr, in_turn: bool) -> Result<Box<dyn Clients>> {
    Ok(match kind {
        Kind::Ping { connections, active, sizes } => {
            Box::new(ping::Ping::connect(server, connections, active, sizes, in_turn)?)
        }
        Kind::Stream { chunk } => Box::new(stream::Stream::connect(server, chunk)?),
        Kind::Connect { at_once } => Box::new(connect::Connect::new(server, at_once)?),
    })
}

/// A connection on which no call waits.
fn open(server: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Waits until a connection is ready.
fn wait<'a>(epoll: &Epoll, events: &'a mut [EpollEvent]) -> Result<&'a [EpollEvent]> {
    let timeout = PollTimeout::try_from(PATIENCE)?;
    let ready = epoll.wait(events, timeout)?;
    ensure!(ready > 0, "nothing came back for {} seconds", PATIENCE.as_secs());
    Ok(&events[..ready])
}

/// What a call that does not wait did: the bytes, or `None` where it would have had to wait.
fn unless_blocked(result: io::Result<usize>) -> Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Holds what came back against what was sent.
fn verify(got: &[u8], expected: &[u8]) -> Result<()> {
    // The comparison of slices is one call of memcmp; the place is looked for only if it is needed.
    if got == expected {
        return Ok(());
    }
    match got.iter().zip(expected).position(|(got, expected)| got != expected) {
        Some(place) => bail!(
            "a wrong byte came back: {:#04x} and not {:#04x}, {place} bytes into the piece",
            got[place],
            expected[place]
        ),
        None => bail!("{} bytes came back that were never sent", got.len() - expected.len()),
    }
}

/// The end of a connection that was half-closed. The answer is whether it is there.
fn at_end(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool> {
    match unless_blocked(stream.read(buffer))? {
        None => Ok(false),
        Some(0) => Ok(true),
        Some(length) => bail!("{length} bytes came back that were never sent"),
    }
}

#[cfg(test)]
mod tests;

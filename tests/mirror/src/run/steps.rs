//! Takes the steps of a scenario while the program runs.

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::common::printable::printable;
use crate::run::driver::{Arrival, Run, now};
use crate::run::job::NotRun;
use crate::run::peers::CHUNK;
use crate::run::record::{StepRecord, Stream};
use crate::scenario::Step;

impl Run<'_> {
    /// Takes the steps, each once the program sleeps, until one fails.
    pub fn take_steps(&mut self) -> Result<()> {
        for (index, step) in self.job.scenario.steps.iter().enumerate() {
            self.wait_until_asleep()?;
            let begun = now()?;
            if let Err(error) = self.take(step) {
                if error.is::<NotRun>() {
                    return Err(error);
                }
                self.step_failures.push(format!("step {} ({step}): {error:#}", index + 1));
                break;
            }
            let time = if step.expects() { now()? } else { begun };
            self.steps.push(StepRecord { time, text: step.to_string(), before: false });
        }
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Send { peer, text } => self.send(peer, &text.bytes()),
            Step::Expect { peer, text } => self.expect(peer, &text.bytes()),
            Step::ExpectNothing { peer } => self.expect_nothing(peer),
            Step::ExpectEnd { peer } => self.expect_over(peer, Stream::Ended),
            Step::ExpectReset { peer } => self.expect_over(peer, Stream::Reset),
            Step::Fill { peer } => self.fill(peer),
            Step::ExpectFilling { peer } => {
                let filling = self.peers.filling(peer)?;
                self.expect(peer, &filling)
            }
            Step::ExpectSomeFilling { peer } => self.expect_some_filling(peer),
            Step::Accept { .. } => self.accept(step),
            Step::ExpectDatagram { peer, text } => self.expect_datagram(peer, &text.bytes()),
            Step::ExpectNoDatagram { peer } => {
                self.wait_until_asleep()?;
                let datagram = self.peers.datagram(peer)?;
                ensure!(datagram.is_none(), "a datagram arrived: {datagram:?}");
                Ok(())
            }
            Step::Signal { signal } => self.signal(signal),
            other => self.peers.take(other),
        }
    }

    fn send(&mut self, peer: &str, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(CHUNK) {
            let mut rest = piece;
            while !rest.is_empty() {
                self.wait_until_asleep()?;
                rest = &rest[self.peers.send(peer, rest)?..];
            }
        }
        Ok(())
    }

    /// Sends until the program sleeps and the connection is full.
    fn fill(&mut self, peer: &str) -> Result<()> {
        loop {
            self.wait_until_asleep()?;
            if self.peers.fill(peer)? == 0 {
                return Ok(());
            }
        }
    }

    fn expect(&mut self, peer: &str, expected: &[u8]) -> Result<()> {
        self.wait_for(|run| run.read(peer, expected.len()))?;
        let (unread, _) = self.peers.unread(peer)?;
        let length = expected.len().min(unread.len());
        let got: Vec<u8> = unread.drain(..length).collect();
        same_bytes(&got, expected)?;
        ensure!(length == expected.len(), "only {length} bytes arrived");
        Ok(())
    }

    fn expect_some_filling(&mut self, peer: &str) -> Result<()> {
        let filling = self.peers.filling(peer)?;
        self.wait_for(|run| run.read(peer, usize::MAX))?;
        let (unread, _) = self.peers.unread(peer)?;
        let got = std::mem::take(unread);
        ensure!(!got.is_empty(), "nothing arrived");
        ensure!(got.len() <= filling.len(), "{} bytes arrived", got.len());
        same_bytes(&got, &filling)
    }

    fn expect_nothing(&mut self, peer: &str) -> Result<()> {
        self.wait_while(|run| run.peers.read(peer))?;
        match self.peers.unread(peer)? {
            (bytes, Stream::Open) if bytes.is_empty() => Ok(()),
            (bytes, Stream::Open) => bail!("{} bytes arrived", bytes.len()),
            (_, stream) => bail!("the stream has ended ({stream:?})"),
        }
    }

    fn expect_datagram(&mut self, peer: &str, expected: &[u8]) -> Result<()> {
        // Loopback delivers datagrams at once: what the program has sent is here once it sleeps.
        let mut datagram = None;
        self.wait_for(|run| {
            datagram = run.peers.datagram(peer)?;
            Ok(if datagram.is_some() { Arrival::Complete } else { Arrival::Missing })
        })?;
        match datagram {
            Some(datagram) if datagram == expected => Ok(()),
            Some(datagram) => bail!("the datagram is {:?}", printable(&datagram)),
            None => bail!("no datagram arrived"),
        }
    }

    /// Waits for the connection, which the program may open when a timer expires.
    fn accept(&mut self, step: &Step) -> Result<()> {
        let mut result = Ok(());
        self.wait_for(|run| {
            result = run.peers.take(step);
            Ok(if result.is_ok() { Arrival::Complete } else { Arrival::Missing })
        })?;
        result
    }

    fn expect_over(&mut self, peer: &str, expected: Stream) -> Result<()> {
        self.wait_for(|run| run.read(peer, usize::MAX))?;
        let (unread, stream) = self.peers.unread(peer)?;
        ensure!(unread.is_empty(), "{} bytes arrived first", unread.len());
        ensure!(stream == expected, "the stream is {stream:?}");
        Ok(())
    }

    fn signal(&mut self, name: &str) -> Result<()> {
        let signal: Signal = name.parse().with_context(|| format!("invalid signal {name:?}"))?;
        ensure!(!self.has_ended()?, "the program had already ended");
        Ok(signal::kill(Pid::from_raw(self.program()?.cast_signed()), signal)?)
    }

    /// Reads for a peer that expects this many bytes, or `usize::MAX`: all until the end.
    fn read(&mut self, peer: &str, count: usize) -> Result<Arrival> {
        let more = self.peers.read(peer)?;
        let (unread, stream) = self.peers.unread(peer)?;
        Ok(match (unread.len(), stream) {
            (length, _) if length >= count => Arrival::Complete,
            _ if more => Arrival::InFlight,
            (0, Stream::Open) => Arrival::Missing,
            (_, Stream::Open) if count < usize::MAX => Arrival::Missing,
            _ => Arrival::Complete,
        })
    }
}

/// Fails at the first byte that differs; the lengths may differ.
fn same_bytes(got: &[u8], expected: &[u8]) -> Result<()> {
    let Some(place) = got.iter().zip(expected).position(|(got, expected)| got != expected) else {
        return Ok(());
    };
    let [got, expected] = [got, expected].map(|bytes| char::from(bytes[place]));
    bail!("byte {place} is {got:?}, expected {expected:?}")
}

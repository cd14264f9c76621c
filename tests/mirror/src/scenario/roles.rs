//! What each peer is at each step: a listener, a connection, a datagram socket. So a step that no
//! run could take is found before there is one.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;

/// What the peers are, as far as the steps up to here tell. One may be several of these at once.
#[derive(Debug, Default)]
struct Roles<'a> {
    /// The ports that they listen on.
    listeners: BTreeMap<&'a str, u16>,
    /// The latest connection of that name, as a run has it.
    connections: BTreeMap<&'a str, Connection>,
    datagrams: BTreeMap<&'a str, Datagrams>,
}

#[derive(Debug)]
struct Datagrams {
    port: u16,
    /// Members of a group share their port.
    shares: bool,
}

/// A connection, with the reasons why something is no longer possible.
#[derive(Debug, Default)]
struct Connection {
    gone: Option<String>,
    half_closed: Option<String>,
    ended: Option<String>,
    was_reset: Option<String>,
    has_stopped_reading: bool,
    is_filled: bool,
}

/// A step, by its field and its place there.
pub(super) type StepPlace = (&'static str, usize);

/// The steps that no run can take, with the reasons. Of each peer only the first: the others may
/// follow from it.
pub(super) fn check(before: &[Step], steps: &[Step]) -> Vec<(StepPlace, String)> {
    let mut roles = Roles::default();
    let mut mistaken = BTreeSet::new();
    let mut found = Vec::new();
    let before = before.iter().enumerate().map(|(i, step)| (("before", i), step));
    let steps = steps.iter().enumerate().map(|(i, step)| (("steps", i), step));
    for (place, step) in before.chain(steps) {
        if let Err(reason) = roles.take(place, step)
            && mistaken.insert(step.peer())
        {
            found.push((place, reason));
        }
    }
    found
}

/// How messages call a step.
pub(super) fn place_name((field, index): StepPlace) -> String {
    let before = if field == "before" { " before the start" } else { "" };
    format!("step {}{before}", index + 1)
}

impl<'a> Roles<'a> {
    fn take(&mut self, place: StepPlace, step: &'a Step) -> Result<(), String> {
        let here = place_name(place);
        let is_before = place.0 == "before";
        if is_before && step.needs_program() {
            return Err("the program has not been started yet: this belongs in steps".into());
        }
        match step {
            Step::Connect { peer, port } => {
                if is_before && !self.listeners.values().any(|listens| listens == port) {
                    return Err(format!("nobody listens on port {port} before the start"));
                }
                self.connections.insert(peer, Connection::default());
            }
            Step::ConnectRefused { port, .. } => {
                if let Some((peer, _)) = self.listeners.iter().find(|(_, listens)| *listens == port) {
                    return Err(format!("{peer:?} listens on port {port}"));
                }
            }
            Step::Listen { peer, port } => self.listen(peer, *port)?,
            Step::StopListening { peer } => {
                self.listens(peer)?;
                self.listeners.remove(peer.as_str());
            }
            Step::Accept { peer } => {
                self.listens(peer)?;
                self.connections.insert(peer, Connection::default());
            }
            Step::Send { peer, .. } => self.connection(peer)?.sends()?,
            Step::Expect { peer, .. } | Step::ExpectNothing { peer } => {
                self.connection(peer)?.reads()?;
            }
            Step::StopReading { peer } => self.connection(peer)?.has_stopped_reading = true,
            Step::Fill { peer } => self.connection(peer)?.fill()?,
            Step::ExpectFilling { peer } | Step::ExpectSomeFilling { peer } => {
                self.connection(peer)?.expect_filling()?;
            }
            Step::ExpectEnd { peer } => {
                let connection = self.connection(peer)?;
                possible("no end can come", [&connection.was_reset])?;
                connection.ended = Some(format!("its stream ended in {here}"));
            }
            Step::ExpectReset { peer } => {
                let connection = self.connection(peer)?;
                possible("no reset can come", [&connection.ended])?;
                connection.was_reset = Some(format!("its connection was reset in {here}"));
            }
            Step::HalfClose { peer } => {
                let connection = self.connection(peer)?;
                connection.sends()?;
                connection.half_closed = Some(format!("it shut down its sending side in {here}"));
            }
            Step::Close { peer } => {
                self.connection(peer)?.gone = Some(format!("it closed in {here}"));
            }
            Step::Reset { peer } => {
                self.connection(peer)?.gone = Some(format!("it reset its connection in {here}"));
            }
            Step::OpenDatagram { peer, port } => self.open_datagrams(peer, *port, false)?,
            Step::Join { peer, port, .. } => self.open_datagrams(peer, *port, true)?,
            Step::SendDatagram { peer, .. } | Step::ExpectDatagram { peer, .. } | Step::ExpectNoDatagram { peer } => {
                if !self.datagrams.contains_key(peer.as_str()) {
                    return Err(format!("no peer {peer:?} has a datagram socket here"));
                }
            }
            Step::Signal { .. } => {}
        }
        Ok(())
    }

    fn listen(&mut self, peer: &'a str, port: u16) -> Result<(), String> {
        if let Some(port) = self.listeners.get(peer) {
            return Err(format!("{peer:?} already listens on port {port}"));
        }
        if let Some((other, _)) = self.listeners.iter().find(|(_, listens)| **listens == port) {
            return Err(format!("{other:?} already listens on port {port}"));
        }
        self.listeners.insert(peer, port);
        Ok(())
    }

    fn listens(&self, peer: &str) -> Result<(), String> {
        let listens = self.listeners.contains_key(peer);
        listens.then_some(()).ok_or_else(|| format!("no peer {peer:?} listens here"))
    }

    fn connection(&mut self, peer: &str) -> Result<&mut Connection, String> {
        let reason = match self.connections.get(peer) {
            Some(Connection { gone: None, .. }) => None,
            Some(Connection { gone: Some(reason), .. }) => Some(reason.clone()),
            None if self.listeners.contains_key(peer) => Some("it listens, and has not accepted".to_owned()),
            None if self.datagrams.contains_key(peer) => Some("it has a datagram socket".to_owned()),
            None => Some(self.connected()),
        };
        match (reason, self.connections.get_mut(peer)) {
            (None, Some(connection)) => Ok(connection),
            (reason, _) => Err(format!("no peer {peer:?} is connected here: {}", reason.unwrap_or_default())),
        }
    }

    /// Who is connected, for somebody who has named another.
    fn connected(&self) -> String {
        let open = self.connections.iter().filter(|(_, connection)| connection.gone.is_none());
        let names: Vec<_> = open.map(|(name, _)| format!("{name:?}")).collect();
        match names.as_slice() {
            [] => "none is".to_owned(),
            [name] => format!("only {name} is"),
            names => format!("{} are", names.join(", ")),
        }
    }

    fn open_datagrams(&mut self, peer: &'a str, port: u16, shares: bool) -> Result<(), String> {
        if let Some(Datagrams { port, .. }) = self.datagrams.get(peer) {
            return Err(format!("{peer:?} already has a datagram socket, on port {port}"));
        }
        let in_the_way = |other: &Datagrams| other.port == port && !(other.shares && shares);
        if let Some((other, _)) = self.datagrams.iter().find(|(_, other)| in_the_way(other)) {
            return Err(format!("{other:?} already has a datagram socket on port {port}"));
        }
        self.datagrams.insert(peer, Datagrams { port, shares });
        Ok(())
    }
}

/// Fails with the first of the reasons that there are.
fn possible<const N: usize>(what: &str, reasons: [&Option<String>; N]) -> Result<(), String> {
    let reason = reasons.into_iter().flatten().next();
    reason.map_or(Ok(()), |reason| Err(format!("{what}: {reason}")))
}

impl Connection {
    fn sends(&self) -> Result<(), String> {
        possible("the peer cannot send", [&self.half_closed, &self.was_reset])
    }

    fn reads(&self) -> Result<(), String> {
        possible("nothing more can come", [&self.ended, &self.was_reset])
    }

    fn fill(&mut self) -> Result<(), String> {
        self.sends()?;
        if !self.has_stopped_reading {
            return Err("the peer reads, so its connection never fills: stop_reading was \
                        expected before"
                .into());
        }
        self.is_filled = true;
        Ok(())
    }

    fn expect_filling(&mut self) -> Result<(), String> {
        self.reads()?;
        if !std::mem::take(&mut self.is_filled) {
            return Err("the peer has not filled its connection: fill was expected before".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

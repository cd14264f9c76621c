//! What a scenario's steps are, and how they are told.

use std::net::Ipv4Addr;

use crate::common::printable::bytes;
use serde::{Deserialize, Serialize};

use super::Text;

/// One thing that a peer does, or that is done to the program.
#[expect(missing_docs, reason = "each variant's sentence tells what its fields are")]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    tag = "does",
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "a step, as { peer = \"a\", does = \"close\" }, or the name of a dialogue"
)]
pub enum Step {
    /// The peer connects to the program's port on 127.0.0.1.
    Connect { peer: String, port: u16 },
    /// The peer tries to connect and must be refused.
    ConnectRefused { peer: String, port: u16 },
    /// The peer listens on a port of 127.0.0.1.
    Listen { peer: String, port: u16 },
    /// The peer listens no more; what it has accepted goes on.
    StopListening { peer: String },
    /// The peer that listens takes a connection, which has its name from then on.
    Accept { peer: String },
    /// The peer sends bytes, at most 4096 at a time, each time once the program sleeps.
    Send { peer: String, text: Text },
    /// The next bytes that the peer gets are these.
    Expect { peer: String, text: Text },
    /// From now on the peer reads only what a step expects, at most 4096 bytes at a time, each time
    /// once the program sleeps.
    StopReading { peer: String },
    /// The peer, which has stopped reading, sends until the program sleeps and the connection takes
    /// no more.
    Fill { peer: String },
    /// All that the peer has filled its connection with comes back.
    ExpectFilling { peer: String },
    /// The beginning of it comes, and nothing more for the time being.
    ExpectSomeFilling { peer: String },
    /// There is nothing for the peer to read, and the program sleeps.
    ExpectNothing { peer: String },
    /// The peer's next read finds the end of the stream.
    ExpectEnd { peer: String },
    /// The peer's next read finds that the connection was reset.
    ExpectReset { peer: String },
    /// The peer sends no more (FIN) but goes on reading.
    HalfClose { peer: String },
    /// The peer closes: FIN, or RST where it leaves bytes unread.
    Close { peer: String },
    /// The peer resets the connection (RST).
    Reset { peer: String },
    /// The peer opens a datagram socket on a port of 127.0.0.1.
    OpenDatagram { peer: String, port: u16 },
    /// The peer opens a datagram socket on a port of every interface, as a member of a group.
    Join { peer: String, group: Ipv4Addr, port: u16 },
    /// The peer sends a datagram.
    SendDatagram { peer: String, address: Ipv4Addr, port: u16, text: Text },
    /// The next datagram that the peer gets is this.
    ExpectDatagram { peer: String, text: Text },
    /// There is no datagram for the peer, and the program sleeps.
    ExpectNoDatagram { peer: String },
    /// The program gets a signal.
    Signal { signal: String },
}

impl Step {
    /// The peer that moves, unless the program gets a signal.
    pub fn peer(&self) -> Option<&str> {
        match self {
            Step::Connect { peer, .. }
            | Step::ConnectRefused { peer, .. }
            | Step::Listen { peer, .. }
            | Step::StopListening { peer }
            | Step::Accept { peer }
            | Step::Send { peer, .. }
            | Step::Expect { peer, .. }
            | Step::StopReading { peer }
            | Step::Fill { peer }
            | Step::ExpectFilling { peer }
            | Step::ExpectSomeFilling { peer }
            | Step::ExpectNothing { peer }
            | Step::ExpectEnd { peer }
            | Step::ExpectReset { peer }
            | Step::HalfClose { peer }
            | Step::Close { peer }
            | Step::Reset { peer }
            | Step::OpenDatagram { peer, .. }
            | Step::Join { peer, .. }
            | Step::SendDatagram { peer, .. }
            | Step::ExpectDatagram { peer, .. }
            | Step::ExpectNoDatagram { peer } => Some(peer),
            Step::Signal { .. } => None,
        }
    }

    /// The port that it names.
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Step::Connect { port, .. }
            | Step::ConnectRefused { port, .. }
            | Step::Listen { port, .. }
            | Step::OpenDatagram { port, .. }
            | Step::Join { port, .. }
            | Step::SendDatagram { port, .. } => Some(*port),
            _ => None,
        }
    }

    /// The bytes that it names.
    pub(super) fn text(&self) -> Option<&Text> {
        match self {
            Step::Send { text, .. }
            | Step::Expect { text, .. }
            | Step::SendDatagram { text, .. }
            | Step::ExpectDatagram { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it waits for something that the program does.
    pub fn expects(&self) -> bool {
        matches!(
            self,
            Step::Expect { .. }
                | Step::ExpectFilling { .. }
                | Step::ExpectSomeFilling { .. }
                | Step::ExpectNothing { .. }
                | Step::ExpectEnd { .. }
                | Step::ExpectReset { .. }
                | Step::ExpectDatagram { .. }
                | Step::ExpectNoDatagram { .. }
        )
    }

    /// Whether it needs the program, so that it cannot be taken before the start.
    pub(super) fn needs_program(&self) -> bool {
        self.expects() || matches!(self, Step::Send { .. } | Step::Fill { .. } | Step::Signal { .. })
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Connect { peer, port } => write!(f, "{peer} connects to {port}"),
            Step::ConnectRefused { peer, port } => write!(f, "{peer} is refused at {port}"),
            Step::Listen { peer, port } => write!(f, "{peer} listens on {port}"),
            Step::StopListening { peer } => write!(f, "{peer} listens no more"),
            Step::Accept { peer } => write!(f, "{peer} accepts"),
            Step::Send { peer, text } => write!(f, "{peer} sends {}", bytes(text.len())),
            Step::Expect { peer, text } => write!(f, "{peer} gets {}", bytes(text.len())),
            Step::StopReading { peer } => write!(f, "{peer} stops reading"),
            Step::Fill { peer } => write!(f, "{peer} fills its connection"),
            Step::ExpectFilling { peer } => write!(f, "{peer} gets all that it has sent"),
            Step::ExpectSomeFilling { peer } => write!(f, "{peer} gets some of what it has sent"),
            Step::ExpectNothing { peer } => write!(f, "{peer} gets nothing"),
            Step::ExpectEnd { peer } => write!(f, "{peer} gets the end of the stream"),
            Step::ExpectReset { peer } => write!(f, "{peer} is reset"),
            Step::HalfClose { peer } => write!(f, "{peer} shuts down its sending side"),
            Step::Close { peer } => write!(f, "{peer} closes"),
            Step::Reset { peer } => write!(f, "{peer} resets"),
            Step::OpenDatagram { peer, port } => {
                write!(f, "{peer} takes port {port} for datagrams")
            }
            Step::Join { peer, group, port } => write!(f, "{peer} joins {group}, port {port}"),
            Step::SendDatagram { peer, address, port, text } => {
                write!(f, "{peer} sends a datagram of {} to {address}:{port}", bytes(text.len()))
            }
            Step::ExpectDatagram { peer, text } => {
                write!(f, "{peer} gets a datagram of {}", bytes(text.len()))
            }
            Step::ExpectNoDatagram { peer } => write!(f, "{peer} gets no datagram"),
            Step::Signal { signal } => write!(f, "the program gets {signal}"),
        }
    }
}

//! The program's peers, which the scenario's steps act through.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use socket2::{Domain, Socket, Type};

use crate::run::record::{PeerRecord, Stream};
use crate::run::tcp::in_flight;
use crate::scenario::{Step, pattern_bytes};

/// Peers connect from this port and the following ones, so that the program sees the same ports in
/// every run.
const FIRST_PORT: u16 = 41001;

/// How many bytes a peer sends at most before it waits until the program sleeps again. They fit one
/// segment, so they arrive all at once. A peer that has stopped reading also reads at most this
/// much at once.
pub const CHUNK: usize = 4096;

/// All the peers of one run.
#[derive(Debug)]
pub struct Peers {
    /// Where the received data is written.
    directory: PathBuf,
    listeners: BTreeMap<String, TcpListener>,
    connections: Vec<Connection>,
    datagrams: BTreeMap<String, UdpSocket>,
}

#[derive(Debug)]
struct Connection {
    name: String,
    socket: Option<TcpStream>,
    /// The peer's and the program's.
    ports: (u16, u16),
    /// Whether it reads everything that arrives, not just what a step expects.
    keeps_reading: bool,
    /// How many bytes of the pattern it has sent to fill the connection.
    filled: usize,
    /// What has been received and not yet been expected by a step.
    unread: Vec<u8>,
    received: usize,
    /// Where the received data is written.
    file: (String, File),
    stream: Stream,
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Peers {
    /// No peers yet. What they receive will be written to files in this folder.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            listeners: BTreeMap::new(),
            connections: Vec::new(),
            datagrams: BTreeMap::new(),
        }
    }

    /// What each peer saw, in the order of the connections.
    pub fn records(&self) -> Vec<PeerRecord> {
        let record = |c: &Connection| PeerRecord { name: c.name.clone(), file: c.file.0.clone(), stream: c.stream };
        self.connections.iter().map(record).collect()
    }

    /// Takes a step that does not depend on what the program does.
    pub fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Connect { peer, port } => self.connect(peer, *port).context("the connection failed"),
            Step::ConnectRefused { peer, port } => match self.connect(peer, *port) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
                Err(error) => Err(error).context("the connection failed, but was not refused"),
                Ok(()) => bail!("the connection was accepted"),
            },
            Step::Listen { peer, port } => self.listen(peer, *port),
            Step::StopListening { peer } => self.stop_listening(peer),
            Step::Accept { peer } => self.accept(peer),
            Step::StopReading { peer } => {
                self.connection(peer)?.keeps_reading = false;
                Ok(())
            }
            Step::HalfClose { peer } => Ok(self.socket(peer)?.shutdown(Shutdown::Write)?),
            Step::Close { peer } => self.close(peer),
            Step::Reset { peer } => self.reset(peer),
            Step::OpenDatagram { peer, port } => self.open_datagram(peer, UdpSocket::bind(loopback(*port))?),
            Step::Join { peer, group, port } => self.open_datagram(peer, member(*group, *port)?),
            Step::SendDatagram { peer, address, port, text } => {
                self.datagrams(peer)?.send_to(&text.bytes(), (*address, *port))?;
                Ok(())
            }
            other => bail!("{other}: needs the running program"),
        }
    }

    /// Listens on a port of 127.0.0.1.
    fn listen(&mut self, name: &str, port: u16) -> Result<()> {
        let listener =
            TcpListener::bind(loopback(port)).with_context(|| format!("{name} cannot listen on port {port}"))?;
        self.listeners.insert(name.to_owned(), listener);
        Ok(())
    }

    /// Closes the listener.
    fn stop_listening(&mut self, name: &str) -> Result<()> {
        let listener = self.listeners.remove(name);
        listener.map(drop).with_context(|| format!("{name} is not listening"))
    }

    /// Connects to a port of 127.0.0.1, from the next port in order.
    fn connect(&mut self, name: &str, port: u16) -> Result<(), io::Error> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let taken = u16::try_from(self.connections.len()).expect("a scenario has few peers");
        socket.bind(&loopback(FIRST_PORT + taken).into())?;
        let connected = socket.connect_timeout(&loopback(port).into(), Duration::from_secs(10));
        let stream = match connected {
            // It was connected, and the program has already reset it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Stream::Reset,
            other => other.map(|()| Stream::Open)?,
        };
        self.add(name, socket.into(), port, stream)
    }

    /// Accepts the next connection for a listening peer.
    fn accept(&mut self, name: &str) -> Result<()> {
        let Some(listener) = self.listeners.get(name) else {
            bail!("{name} is not listening");
        };
        listener.set_nonblocking(true)?;
        match listener.accept() {
            Ok((socket, from)) => Ok(self.add(name, socket, from.port(), Stream::Open)?),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                bail!("{name} has no pending connection")
            }
            Err(error) => Err(error.into()),
        }
    }

    fn add(&mut self, name: &str, socket: TcpStream, port: u16, stream: Stream) -> io::Result<()> {
        // Each step that sends makes a segment of its own.
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let file = format!("received.{}.{name}", self.connections.len() + 1);
        let kept = File::create(self.directory.join(&file))?;
        self.connections.push(Connection {
            name: name.to_owned(),
            ports: (socket.local_addr()?.port(), port),
            socket: Some(socket),
            keeps_reading: true,
            filled: 0,
            unread: Vec::new(),
            received: 0,
            file: (file, kept),
            stream,
        });
        Ok(())
    }

    /// Reads all that has arrived for the peers that keep reading. Returns whether there was
    /// anything.
    pub fn drain(&mut self) -> Result<bool> {
        let mut moved = false;
        for connection in self.connections.iter_mut().filter(|c| c.keeps_reading) {
            moved |= connection.read()?;
        }
        Ok(moved)
    }

    fn connection(&mut self, name: &str) -> Result<&mut Connection> {
        let found = self.connections.iter_mut().rev().find(|c| c.name == name);
        found.with_context(|| format!("{name} has no connection"))
    }

    fn socket(&mut self, name: &str) -> Result<&TcpStream> {
        let connection = self.connection(name)?;
        connection.socket.as_ref().with_context(|| format!("{name} has closed its connection"))
    }

    /// Sends as much as the connection takes without blocking, and returns the number of bytes.
    pub fn send(&mut self, name: &str, bytes: &[u8]) -> Result<usize> {
        match self.socket(name)?.write(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error).with_context(|| format!("{name} cannot send")),
        }
    }

    /// Sends the next part of an endless pattern without blocking, and returns the number of bytes.
    pub fn fill(&mut self, name: &str) -> Result<usize> {
        let connection = self.connection(name)?;
        ensure!(!connection.keeps_reading, "{name} keeps reading, so its connection never fills");
        let filled = connection.filled;
        let sent = self.send(name, &pattern_bytes(filled + CHUNK)[filled..])?;
        self.connection(name)?.filled += sent;
        Ok(sent)
    }

    /// All bytes that a peer has filled its connection with, which the program must echo.
    pub fn filling(&mut self, name: &str) -> Result<Vec<u8>> {
        let filled = std::mem::take(&mut self.connection(name)?.filled);
        ensure!(filled > 0, "{name} has not filled its connection");
        Ok(pattern_bytes(filled))
    }

    /// Reads for a peer. Returns whether more may be in flight.
    pub fn read(&mut self, name: &str) -> Result<bool> {
        let connection = self.connection(name)?;
        // Checked before reading: what is no longer in flight can be read.
        let in_flight = in_flight(connection.ports);
        let came = connection.read()?;
        Ok(connection.stream == Stream::Open && (came || in_flight))
    }

    /// What a peer has received and no step has expected yet, and the state of its stream.
    pub fn unread(&mut self, name: &str) -> Result<(&mut Vec<u8>, Stream)> {
        let connection = self.connection(name)?;
        Ok((&mut connection.unread, connection.stream))
    }

    /// Closes the connection without reading what has arrived since.
    fn close(&mut self, name: &str) -> Result<()> {
        self.socket(name)?;
        self.connection(name)?.socket = None;
        Ok(())
    }

    fn open_datagram(&mut self, name: &str, socket: UdpSocket) -> Result<()> {
        socket.set_nonblocking(true)?;
        self.datagrams.insert(name.to_owned(), socket);
        Ok(())
    }

    fn datagrams(&self, name: &str) -> Result<&UdpSocket> {
        self.datagrams.get(name).with_context(|| format!("{name} has no datagram socket"))
    }

    /// The next datagram for a peer, if one has arrived.
    pub fn datagram(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 65536];
        match self.datagrams(name)?.recv(&mut buffer) {
            Ok(length) => Ok(Some(buffer[..length].to_vec())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{name} cannot receive")),
        }
    }

    /// Resets the connection.
    fn reset(&mut self, name: &str) -> Result<()> {
        let socket = self.socket(name)?;
        socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
        self.close(name)
    }
}

/// A member of a multicast group: a socket on a port of all interfaces, shared with other members.
fn member(group: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    Ok(socket.into())
}

impl Connection {
    /// Reads all that has arrived or, if the peer has stopped reading, one chunk. Returns whether
    /// there was anything.
    fn read(&mut self) -> Result<bool> {
        let mut buffer = [0; 65536];
        let room = if self.keeps_reading { buffer.len() } else { CHUNK };
        let before = self.received;
        while let (Some(socket), Stream::Open) = (&mut self.socket, self.stream) {
            match socket.read(&mut buffer[..room]) {
                Ok(0) => self.stream = Stream::Ended,
                Ok(length) => {
                    self.received += length;
                    self.unread.extend_from_slice(&buffer[..length]);
                    let kept = self.file.1.write_all(&buffer[..length]);
                    kept.with_context(|| format!("cannot write {}", self.file.0))?;
                    if !self.keeps_reading {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.stream = Stream::Reset,
            }
        }
        Ok(self.received > before)
    }
}

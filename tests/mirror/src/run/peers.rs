//! The other ends of the program's connections: what a scenario's steps move.

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

/// The first of the ports that peers connect from, in the order in which they come. They are
/// chosen here and not by the kernel, so that every run shows the program the same ones.
const FIRST_PORT: u16 = 41001;

/// A peer sends at most this many bytes before it lets the program go back to sleep. They are one
/// segment, so the program finds all of them at once. One that has stopped reading reads no more
/// than this either.
pub const AT_ONCE: usize = 4096;

/// All the peers of one run.
#[derive(Debug)]
pub struct Peers {
    /// Where they leave what they have received.
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
    /// It reads all that comes, not only what a step expects.
    reads_on: bool,
    /// How many bytes it has filled the connection with.
    filled: usize,
    /// What came and is not yet accounted for by an expectation.
    unread: Vec<u8>,
    received: usize,
    /// What keeps it.
    file: (String, File),
    stream: Stream,
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Peers {
    /// Nobody yet. What they will receive is kept in files in this folder.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            listeners: BTreeMap::new(),
            connections: Vec::new(),
            datagrams: BTreeMap::new(),
        }
    }

    /// What each saw, in the order in which they came.
    pub fn records(&self) -> Vec<PeerRecord> {
        let record = |c: &Connection| PeerRecord {
            name: c.name.clone(),
            file: c.file.0.clone(),
            stream: c.stream,
        };
        self.connections.iter().map(record).collect()
    }

    /// Takes a step that needs nothing of the program.
    pub fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Connect { peer, port } => {
                self.connect(peer, *port).context("the connection failed")
            }
            Step::ConnectRefused { peer, port } => match self.connect(peer, *port) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
                Err(error) => Err(error).context("the connection failed otherwise"),
                Ok(()) => bail!("the connection was taken"),
            },
            Step::Listen { peer, port } => self.listen(peer, *port),
            Step::StopListening { peer } => self.stop_listening(peer),
            Step::Accept { peer } => self.accept(peer),
            Step::StopReading { peer } => {
                self.connection(peer)?.reads_on = false;
                Ok(())
            }
            Step::HalfClose { peer } => Ok(self.socket(peer)?.shutdown(Shutdown::Write)?),
            Step::Close { peer } => self.close(peer),
            Step::Reset { peer } => self.reset(peer),
            Step::OpenDatagram { peer, port } => {
                self.open_datagram(peer, UdpSocket::bind(loopback(*port))?)
            }
            Step::Join { peer, group, port } => self.open_datagram(peer, member(*group, *port)?),
            Step::SendDatagram { peer, address, port, text } => {
                self.datagrams(peer)?.send_to(&text.bytes(), (*address, *port))?;
                Ok(())
            }
            other => bail!("{other}: this needs the program"),
        }
    }

    /// Listens on a port of 127.0.0.1.
    fn listen(&mut self, name: &str, port: u16) -> Result<()> {
        let listener = TcpListener::bind(loopback(port))
            .with_context(|| format!("{name} cannot listen on port {port}"))?;
        self.listeners.insert(name.to_owned(), listener);
        Ok(())
    }

    /// Listens no more.
    fn stop_listening(&mut self, name: &str) -> Result<()> {
        let listener = self.listeners.remove(name);
        listener.map(drop).with_context(|| format!("{name} does not listen"))
    }

    /// Connects to a port of 127.0.0.1, from a port of its own.
    fn connect(&mut self, name: &str, port: u16) -> Result<(), io::Error> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let taken = u16::try_from(self.connections.len()).expect("a scenario has few peers");
        socket.bind(&loopback(FIRST_PORT + taken).into())?;
        let connected = socket.connect_timeout(&loopback(port).into(), Duration::from_secs(10));
        let stream = match connected {
            // It was connected, and the program was so quick that nobody saw it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Stream::Reset,
            other => other.map(|()| Stream::Open)?,
        };
        self.add(name, socket.into(), port, stream)
    }

    /// Takes the next connection of the peer that listens.
    fn accept(&mut self, name: &str) -> Result<()> {
        let Some(listener) = self.listeners.get(name) else {
            bail!("{name} does not listen");
        };
        listener.set_nonblocking(true)?;
        match listener.accept() {
            Ok((socket, from)) => Ok(self.add(name, socket, from.port(), Stream::Open)?),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                bail!("nobody has connected to {name}")
            }
            Err(error) => Err(error.into()),
        }
    }

    fn add(&mut self, name: &str, socket: TcpStream, port: u16, stream: Stream) -> io::Result<()> {
        // Every send is a segment of its own, as the steps say.
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let file = format!("received.{}.{name}", self.connections.len() + 1);
        let kept = File::create(self.directory.join(&file))?;
        self.connections.push(Connection {
            name: name.to_owned(),
            ports: (socket.local_addr()?.port(), port),
            socket: Some(socket),
            reads_on: true,
            filled: 0,
            unread: Vec::new(),
            received: 0,
            file: (file, kept),
            stream,
        });
        Ok(())
    }

    /// Reads all that has come for the peers that read on, and tells whether anything has.
    pub fn drain(&mut self) -> Result<bool> {
        let mut moved = false;
        for connection in self.connections.iter_mut().filter(|c| c.reads_on) {
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

    /// Sends as much as the connection takes at once, and tells how much that is.
    pub fn send(&mut self, name: &str, bytes: &[u8]) -> Result<usize> {
        match self.socket(name)?.write(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error).with_context(|| format!("{name} cannot send")),
        }
    }

    /// Sends as much of an endless pattern as the connection takes at once, and tells how much that
    /// is.
    pub fn fill(&mut self, name: &str) -> Result<usize> {
        let connection = self.connection(name)?;
        ensure!(!connection.reads_on, "{name} reads on, so its connection never fills");
        let filled = connection.filled;
        let sent = self.send(name, &pattern_bytes(filled + AT_ONCE)[filled..])?;
        self.connection(name)?.filled += sent;
        Ok(sent)
    }

    /// All that a peer has filled its connection with, which must come back.
    pub fn filling(&mut self, name: &str) -> Result<Vec<u8>> {
        let filled = std::mem::take(&mut self.connection(name)?.filled);
        ensure!(filled > 0, "{name} has not filled its connection");
        Ok(pattern_bytes(filled))
    }

    /// Reads for a peer, and tells whether more may come at once.
    pub fn read(&mut self, name: &str) -> Result<bool> {
        let connection = self.connection(name)?;
        // Looked at first: what is on its way no more by then has come, and is read.
        let on_its_way = in_flight(connection.ports);
        let came = connection.read()?;
        Ok(connection.stream == Stream::Open && (came || on_its_way))
    }

    /// What was read for a peer and is not yet accounted for, and how far it has read.
    pub fn unread(&mut self, name: &str) -> Result<(&mut Vec<u8>, Stream)> {
        let connection = self.connection(name)?;
        Ok((&mut connection.unread, connection.stream))
    }

    /// Closes without reading what has come since the last look.
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

    /// The next datagram of a peer, if there is one.
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

/// A datagram socket on a port of every interface that shares it with other members of the group.
fn member(group: Ipv4Addr, port: u16) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
    Ok(socket.into())
}

impl Connection {
    /// Reads all that has come, or, if the peer has stopped reading, a piece. Tells whether anything
    /// came.
    fn read(&mut self) -> Result<bool> {
        let mut buffer = [0; 65536];
        let room = if self.reads_on { buffer.len() } else { AT_ONCE };
        let before = self.received;
        while let (Some(socket), Stream::Open) = (&mut self.socket, self.stream) {
            match socket.read(&mut buffer[..room]) {
                Ok(0) => self.stream = Stream::Ended,
                Ok(length) => {
                    self.received += length;
                    self.unread.extend_from_slice(&buffer[..length]);
                    let kept = self.file.1.write_all(&buffer[..length]);
                    kept.with_context(|| format!("{} cannot be kept", self.file.0))?;
                    if !self.reads_on {
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

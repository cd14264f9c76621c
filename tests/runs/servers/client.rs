//! A client of a server under test. It checks every byte that comes back.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::server::{DEADLINE, Server};

/// What a client sends or receives at once, at most.
const PIECE: usize = 65536;

/// The buffers and segments of a client that is slow to read.
const SMALL: usize = 4096;
const LARGE: usize = 1 << 18;
const SEGMENT: u32 = 1460;

/// The bytes of all streams are this many, over and over, each stream from a place of its own. A
/// prime, so that whatever is lost, doubled or swapped on the way shows: buffers have other sizes.
const PERIOD: usize = 1_048_573;

/// A server that takes so much of a client that reads nothing does not stop at all. What the
/// kernel's buffers hold is less.
const TOO_MUCH: u64 = 64 << 20;

/// So often another client is served before one that cannot send is taken to be held up for good.
const ROUNDS_IN_VAIN: usize = 100;

/// In pieces of what size a client fills the server, one size after another until it fits.
const PIECES: [usize; 10] = [12_000, 14_000, 16_000, 18_000, 20_000, 22_000, 24_000, 26_000, 28_000, 30_000];

/// One connection, and how far it has come.
pub struct Client {
    stream: TcpStream,
    start: usize,
    /// How many bytes were sent.
    pub sent: u64,
    /// How many of them came back.
    pub received: u64,
    /// How the server has ended the stream, if it has.
    pub end: Option<End>,
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Fin,
    Reset,
}

/// The bytes of a stream from a place on, `PIECE` of them.
fn bytes_from(place: usize) -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| {
        // Marsaglia's xorshift.
        let mut state: u64 = 88_172_645_463_325_252;
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .take(PERIOD)
        .collect();
        bytes.extend_from_within(..PIECE);
        bytes
    });
    &bytes[place..place + PIECE]
}

impl Client {
    /// Connects.
    pub fn new(server: &Server) -> Result<Self> {
        Self::prepared(server, |_| Ok(()))
    }

    /// Connects many.
    pub fn several(server: &Server, count: usize) -> Result<Vec<Self>> {
        (0..count).map(|_| Self::new(server)).collect()
    }

    /// Connects one that takes so little at once that the server notices soon when it does not read.
    pub fn slow(server: &Server) -> Result<Self> {
        Self::prepared(server, |socket| {
            setsockopt(socket, sockopt::RcvBuf, &SMALL)?;
            setsockopt(socket, sockopt::SndBuf, &LARGE)?;
            // Segments that fit into what is free, and nothing that the kernel would hold back for a
            // time: with larger ones, or another congestion control, TCP waits for its timers.
            setsockopt(socket, sockopt::TcpMaxSeg, &SEGMENT)?;
            setsockopt(socket, sockopt::TcpCongestion, &OsString::from("reno"))?;
            Ok(())
        })
    }

    /// Connects one that does not read, and sends until the server holds bytes that it cannot send
    /// back, and has read all others: what comes next, be it the end, is the next that it can read.
    pub fn overfull(server: &Server, other: &mut Self) -> Result<Self> {
        for piece in PIECES {
            let mut client = Self::slow(server)?;
            client.overfill(piece, server, other)?;
            if server.unread_from(&client)? == 0 {
                return Ok(client);
            }
            // It stopped to read between two pieces. Where it stops depends on the buffers' sizes.
        }
        bail!("with no size of pieces does the server hold the last of them")
    }

    fn prepared(server: &Server, prepare: fn(&OwnedFd) -> Result<()>) -> Result<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket =
            socket::socket(AddressFamily::Inet, SockType::Stream, flags, None).context("a client has no socket")?;
        prepare(&socket)?;
        let patience = TimeVal::seconds(i64::try_from(DEADLINE.as_secs())?);
        setsockopt(&socket, sockopt::SendTimeout, &patience)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
        setsockopt(&socket, sockopt::TcpNoDelay, &true)?;
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, server.port());
        socket::connect(socket.as_raw_fd(), &SockaddrIn::from(address))
            .with_context(|| format!("a client cannot connect to {address}"))?;
        let start = NEXT.fetch_add(1, Ordering::Relaxed) * 7919 % PERIOD;
        Ok(Self { stream: socket.into(), start, sent: 0, received: 0, end: None })
    }

    /// The client's port.
    pub fn port(&self) -> Result<u16> {
        Ok(self.stream.local_addr()?.port())
    }

    /// The next bytes of the stream after so many.
    fn bytes(&self, after: u64) -> &'static [u8] {
        bytes_from(usize::try_from((self.start as u64 + after) % PERIOD as u64).expect("it is small"))
    }

    /// Sends the next bytes, all of them.
    pub fn send(&mut self, length: usize) -> Result<()> {
        let mut left = length;
        while left > 0 {
            let piece = &self.bytes(self.sent)[..left.min(PIECE)];
            self.stream.write_all(piece).with_context(|| format!("cannot send after {} bytes", self.sent))?;
            self.sent += piece.len() as u64;
            left -= piece.len();
        }
        Ok(())
    }

    /// Sends the next byte as an urgent one.
    pub fn send_urgent(&mut self) -> Result<()> {
        let byte = &self.bytes(self.sent)[..1];
        let sent = socket::send(self.stream.as_raw_fd(), byte, MsgFlags::MSG_OOB)?;
        ensure!(sent == 1, "an urgent byte was not sent");
        self.sent += 1;
        Ok(())
    }

    /// Expects that so many bytes come back.
    pub fn expect(&mut self, length: u64) -> Result<()> {
        let before = self.received;
        if let Some(end) = self.read_to_end_or(length)? {
            bail!("of {length} bytes {} came back, then {end:?}", self.received - before);
        }
        Ok(())
    }

    /// Expects that all that is still under way comes back.
    pub fn expect_rest(&mut self) -> Result<()> {
        self.expect(self.sent - self.received)
    }

    /// Sends so many bytes and expects them back.
    pub fn round_trip(&mut self, length: usize) -> Result<()> {
        self.send(length)?;
        self.expect_rest()
    }

    /// Expects that the server ends the stream now, in order.
    pub fn expect_end(&mut self) -> Result<()> {
        let before = self.received;
        let end = self.read_to_end()?;
        ensure!(end == End::Fin, "{end:?} came instead of the end");
        ensure!(self.received == before, "{} bytes came before the end", self.received - before);
        Ok(())
    }

    /// Reads until the server ends the stream, and tells how it does.
    pub fn read_to_end(&mut self) -> Result<End> {
        let end = self.read_to_end_or(u64::MAX - self.received)?;
        end.context("it has ended")
    }

    /// From now on takes much at a time, however little it asked for: on a busy machine, thousands of small windows would
    /// need more time than the server grants.
    pub fn open_window(&self) -> Result<()> {
        Ok(setsockopt(&self.stream, sockopt::RcvBuf, &LARGE)?)
    }

    /// Reads so many bytes; or until the server ends the stream, and tells how it does.
    pub fn read_to_end_or(&mut self, length: u64) -> Result<Option<End>> {
        let aim = self.received + length;
        while self.end.is_none() && self.received < aim {
            self.receive(aim - self.received)?;
        }
        Ok(self.end)
    }

    /// Sends no more. What comes back is still received.
    pub fn finish(&mut self) -> Result<()> {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// Sends so many bytes, and no more; expects them back, and then the end.
    pub fn finish_with(&mut self, length: usize) -> Result<()> {
        self.send(length)?;
        self.finish()?;
        self.expect_rest()?;
        self.expect_end()
    }

    /// Resets the connection.
    pub fn reset(self) -> Result<()> {
        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        Ok(setsockopt(&self.stream, sockopt::Linger, &at_once)?)
    }

    /// Sends and never reads, until the server stops to read from it: nothing can be sent, and bytes
    /// are left with the server, although it serves another client meanwhile.
    pub fn fill(&mut self, server: &Server, other: &mut Self) -> Result<()> {
        let mut in_vain = 0;
        while in_vain < ROUNDS_IN_VAIN || server.unread_from(self)? == 0 {
            if self.try_send()? > 0 {
                in_vain = 0;
            } else {
                in_vain += 1;
                other.round_trip(1).context("another client, while one does not read")?;
            }
            ensure!(self.sent < TOO_MUCH, "the server took {} bytes of a client that reads none", self.sent);
        }
        Ok(())
    }

    /// Sends no more than the kernel takes for the server, and never reads, until some pieces are left
    /// unread: with the first, the kernel may still make room for what the server holds.
    pub fn leave_unread(&mut self, server: &Server, other: &mut Self) -> Result<()> {
        let [piece, ..] = PIECES;
        while server.unread_from(self)? < 3 * piece as u64 {
            self.send(piece)?;
            (0..ROUNDS_IN_VAIN).try_for_each(|_| other.round_trip(1))?;
        }
        Ok(())
    }

    /// Sends and never reads, until the server holds bytes that it cannot send back, or stops to read.
    fn overfill(&mut self, piece: usize, server: &Server, other: &mut Self) -> Result<()> {
        // What comes into the client's own buffer while the kernel lists both ends can be missed. The
        // kernel makes it twice as large as it was told.
        let missed = 2 * SMALL as u64;
        while server.unread_from(self)? == 0 && server.held_of(self)? <= missed {
            self.send(piece)?;
            (0..ROUNDS_IN_VAIN).try_for_each(|_| other.round_trip(1))?;
        }
        Ok(())
    }

    /// Sends a piece, if there is room for any of it.
    fn try_send(&mut self) -> Result<usize> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match socket::send(self.stream.as_raw_fd(), self.bytes(self.sent), flags) {
            Ok(sent) => {
                self.sent += sent as u64;
                Ok(sent)
            }
            Err(Errno::EAGAIN) => Ok(0),
            Err(Errno::ECONNRESET | Errno::EPIPE) => {
                self.end = Some(End::Reset);
                Ok(0)
            }
            Err(error) => Err(error).with_context(|| format!("cannot send after {} bytes", self.sent)),
        }
    }

    /// Receives a piece of at most so many bytes, or the end.
    fn receive(&mut self, most: u64) -> Result<()> {
        let mut buffer = [0; PIECE];
        let most = usize::try_from(most).unwrap_or(PIECE).min(PIECE);
        let length = match self.stream.read(&mut buffer[..most]) {
            Ok(0) => {
                self.end = Some(End::Fin);
                return Ok(());
            }
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.end = Some(End::Reset);
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("{} bytes were sent, {} came back, then nothing for {DEADLINE:?}", self.sent, self.received);
            }
            Err(error) => return Err(error.into()),
        };
        let (got, expected) = (&buffer[..length], &self.bytes(self.received)[..length]);
        if got != expected {
            let place = got.iter().zip(expected).take_while(|(got, expected)| got == expected);
            let place = self.received + place.count() as u64;
            bail!("byte {place} came back wrong; {} bytes were sent", self.sent);
        }
        self.received += length as u64;
        ensure!(self.received <= self.sent, "{} bytes were sent, {} came back", self.sent, self.received);
        Ok(())
    }
}

/// Waits until any of the clients can go on, and lets each that can do so: receive a piece, and send
/// one if it has more to send.
pub fn take_turns(clients: &mut [Client], has_more: impl Fn(&Client) -> bool) -> Result<()> {
    let interest = |client: &Client| {
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, has_more(client));
        flags
    };
    let mut going: Vec<&mut Client> = clients.iter_mut().filter(|client| client.end.is_none()).collect();
    ensure!(!going.is_empty(), "the server has ended all streams");
    let mut asked: Vec<PollFd> =
        going.iter().map(|client| PollFd::new(client.stream.as_fd(), interest(client))).collect();
    let ready = poll(&mut asked, PollTimeout::try_from(DEADLINE)?)?;
    let told: Vec<PollFlags> = asked.iter().map(|asked| asked.revents().unwrap_or(PollFlags::empty())).collect();
    if ready == 0 {
        let held: Vec<String> = going.iter().map(|client| format!("{} of {}", client.received, client.sent)).collect();
        bail!("nothing moved for {DEADLINE:?}; bytes that came back: {}", held.join(", "));
    }
    for (client, told) in going.iter_mut().zip(told) {
        if told.contains(PollFlags::POLLOUT) {
            client.try_send()?;
        }
        if client.end.is_none() && told.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
            client.receive(u64::MAX)?;
        }
    }
    Ok(())
}

/// Sends so many bytes through all of the clients at once, and expects them back.
pub fn exchange(clients: &mut [Client], bytes: u64) -> Result<()> {
    while clients.iter().any(|client| client.received < bytes) {
        take_turns(clients, |client| client.sent < bytes)?;
        ensure!(clients.iter().all(|client| client.end.is_none()), "the server has ended a stream");
    }
    Ok(())
}

/// Whether any of the clients is told something within that time.
pub fn any_told(clients: &[Client], within: PollTimeout) -> Result<bool> {
    let mut asked: Vec<PollFd> =
        clients.iter().map(|client| PollFd::new(client.stream.as_fd(), PollFlags::POLLIN)).collect();
    Ok(poll(&mut asked, within)? > 0)
}

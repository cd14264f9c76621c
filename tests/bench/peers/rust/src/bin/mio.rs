//! The echo server on mio 1.2: edge-triggered epoll in one thread, and nothing between the events
//! and the connections but a slab. All connections share one buffer; what could not be sent at
//! once is kept with its connection, which is not read until that is gone.

use std::io::{ErrorKind, Read, Result, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    pending: Vec<u8>,
    /// The FIN or a reset is there: no further event tells of what a short read left.
    read_closed: bool,
}

impl Connection {
    /// Echoes until the socket has nothing more to give or to take; false once it is at its end.
    fn advance(&mut self, buffer: &mut [u8]) -> Result<bool> {
        loop {
            while !self.pending.is_empty() {
                let sent = self.stream.write(&self.pending)?;
                self.pending.drain(..sent);
            }
            let received = self.stream.read(buffer)?;
            if received == 0 {
                return Ok(false);
            }
            let sent = match self.stream.write(&buffer[..received]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                result => result?,
            };
            self.pending.extend_from_slice(&buffer[sent..received]);
            // As in tokio: what comes after a short write or read is an event of its own.
            if sent < received || received < buffer.len() && !self.read_closed {
                return Ok(true);
            }
        }
    }
}

fn main() -> anyhow::Result<()> {
    let listener = peers::listen()?;
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = [0; peers::BUFFER_SIZE];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept_all(&listener, &poll, &mut connections)?;
                continue;
            }
            let connection = &mut connections[event.token().0];
            connection.read_closed |= event.is_read_closed();
            let lives_on = match connection.advance(&mut buffer) {
                Err(error) => error.kind() == ErrorKind::WouldBlock,
                Ok(lives_on) => lives_on,
            };
            if !lives_on {
                connections.remove(event.token().0);
            }
        }
    }
}

fn accept_all(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Slab<Connection>,
) -> anyhow::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            accepted => accepted?.0,
        };
        stream.set_nodelay(true)?;
        let entry = connections.vacant_entry();
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(entry.key()), interest)?;
        entry.insert(Connection { stream, pending: Vec::new(), read_closed: false });
    }
}

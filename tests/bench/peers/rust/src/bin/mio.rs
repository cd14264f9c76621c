//! The echo server on mio 1.2: edge-triggered epoll in one thread, with the connections in a slab. All
//! connections share one read buffer. What a short write leaves is stored with its connection, from
//! which nothing is read until that is sent.

use std::io::{ErrorKind, Read, Result, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    pending: Vec<u8>,
    /// FIN or a reset has arrived: there is no further event for what a short read leaves.
    read_closed: bool,
}

impl Connection {
    /// Echoes until the socket is neither readable nor writable. Returns false at EOF.
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
            // As in tokio: after a short write or read there will be a new event.
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
            let open = match connection.advance(&mut buffer) {
                Err(error) => error.kind() == ErrorKind::WouldBlock,
                Ok(open) => open,
            };
            if !open {
                connections.remove(event.token().0);
            }
        }
    }
}

fn accept_all(listener: &TcpListener, poll: &Poll, connections: &mut Slab<Connection>) -> anyhow::Result<()> {
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

//! The floor: the cost of one recv and one send, a lower bound for every server.
//!
//! It never asks which connection is ready, but blocks on each in turn. This only works if every
//! client sends, so it is of no use as a server.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::Result;

/// Accepts the connections, then echoes one message of `size` bytes on each in turn.
pub fn serve(port: u16, connections: usize, size: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let mut buffer = vec![0; size];
    let mut streams: Vec<Option<TcpStream>> = Vec::with_capacity(connections);
    // The connection that only checks whether the server listens sends no message.
    while streams.len() < connections {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        if echo(&mut stream, &mut buffer)? {
            streams.push(Some(stream));
        }
    }
    while streams.iter().any(Option::is_some) {
        for slot in &mut streams {
            let Some(stream) = slot else { continue };
            if !echo(stream, &mut buffer)? {
                *slot = None;
            }
        }
    }
    Ok(())
}

/// Echoes one message. Returns false at EOF.
fn echo(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool> {
    match stream.read_exact(buffer) {
        Ok(()) => stream.write_all(buffer)?,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

//! The floor: what one recv and one send cost with nothing around them.
//!
//! No server can do with less. This one never asks which connection is ready: it waits for the
//! first one's message, then for the second one's, and so on. That only works with clients that
//! all send, which is why it is no server to use.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::Result;

/// Accepts so many connections, then takes one message of `size` bytes from each in turn.
pub fn serve(port: u16, connections: usize, size: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let mut buffer = vec![0; size];
    let mut streams: Vec<Option<TcpStream>> = Vec::with_capacity(connections);
    // A connection without a message is the one that only tried whether anybody listens.
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

/// Sends one message back. The answer is whether there was one.
fn echo(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool> {
    match stream.read_exact(buffer) {
        Ok(()) => stream.write_all(buffer)?,
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}

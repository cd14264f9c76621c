//! What the Rust peers share: the port, the listening socket, and what both tokio peers do.

pub mod tokio_echo;

use std::env;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};
use socket2::SockRef;

/// How much is read at once, as these libraries' own examples and users have it.
pub const BUFFER_SIZE: usize = 16 * 1024;

/// Listens on the loopback interface, on the port that the command line names.
pub fn listen() -> Result<TcpListener> {
    let mut arguments = env::args().skip(1);
    let (Some(port), None) = (arguments.next(), arguments.next()) else {
        bail!("one argument was expected: PORT");
    };
    let port: u16 = port
        .parse()
        .with_context(|| format!("PORT is {port:?}: a number from 0 to 65535 was expected"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("port {port} of 127.0.0.1 could not be bound"))?;
    // std's backlog is 128; a second listen makes it longer.
    SockRef::from(&listener).listen(4096)?;
    Ok(listener)
}

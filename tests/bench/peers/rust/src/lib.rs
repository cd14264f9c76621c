//! Shared code of the Rust peers: the listener, and the tokio echo server.

pub mod tokio_echo;

use std::env;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};
use socket2::SockRef;

/// Read buffer size, as is usual in examples and users of these libraries.
pub const BUFFER_SIZE: usize = 16 * 1024;

/// Listens on 127.0.0.1, on the port that the command line gives.
pub fn listen() -> Result<TcpListener> {
    let mut arguments = env::args().skip(1);
    let (Some(port), None) = (arguments.next(), arguments.next()) else {
        bail!("expected one argument: PORT");
    };
    let port: u16 = port.parse().with_context(|| format!("invalid port {port:?}: expected 0 to 65535"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot bind port {port} of 127.0.0.1"))?;
    // std uses a backlog of 128; a second listen raises it.
    SockRef::from(&listener).listen(4096)?;
    Ok(listener)
}

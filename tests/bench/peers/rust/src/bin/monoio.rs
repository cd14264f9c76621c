//! The echo server on monoio 0.2, with its io_uring driver.
//!
//! The crate's `legacy` feature (epoll, and the fusion of both drivers) is off: where io_uring is
//! not to be had, this server says so and ends. The ring is monoio's default.

use std::io;

use anyhow::{Context, Result};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};

fn main() -> Result<()> {
    RuntimeBuilder::<IoUringDriver>::new()
        .build()
        .context("io_uring cannot be used")?
        .block_on(serve())
}

async fn serve() -> Result<()> {
    let listener = TcpListener::from_std(peers::listen()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // What goes wrong with a connection, such as a reset, ends that connection only.
        monoio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(peers::BUFFER_SIZE);
    loop {
        // The kernel has the buffer until it has read or written, then hands it back.
        let (received, filled) = stream.read(buffer).await;
        if received? == 0 {
            return Ok(());
        }
        let (sent, emptied) = stream.write_all(filled).await;
        sent?;
        buffer = emptied;
    }
}

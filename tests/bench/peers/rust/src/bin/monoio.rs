//! The echo server on monoio 0.2, with its io_uring driver.
//!
//! The crate's `legacy` feature (epoll, with a choice at run time) is off: without io_uring this server
//! exits with an error. The ring has monoio's default size.

use std::io;

use anyhow::{Context, Result};
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};

fn main() -> Result<()> {
    RuntimeBuilder::<IoUringDriver>::new().build().context("cannot set up io_uring")?.block_on(serve())
}

async fn serve() -> Result<()> {
    let listener = TcpListener::from_std(peers::listen()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // An error, such as a reset, closes this connection only.
        monoio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(peers::BUFFER_SIZE);
    loop {
        // The kernel owns the buffer until the operation completes.
        let (received, filled) = stream.read(buffer).await;
        if received? == 0 {
            return Ok(());
        }
        let (sent, emptied) = stream.write_all(filled).await;
        sent?;
        buffer = emptied;
    }
}

//! The echo client and server with std: echo client|server|udp_client|udp_server IP PORT [WAY]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = format!("{}:{}", arguments[1], arguments[2]);
    match arguments[0].as_str() {
        "client" => client(&address, &arguments[3]),
        "server" => server(&address),
        "udp_client" => udp_client(&address),
        _ => udp_server(&address),
    }
}

fn client(address: &str, way: &str) -> io::Result<()> {
    let mut word = Vec::new();
    io::stdin().read_to_end(&mut word)?;
    let mut sock = TcpStream::connect(address)?;
    sock.write_all(&word)?;
    if way == "half_close" {
        sock.shutdown(Shutdown::Write)?;
        word.clear();
        sock.read_to_end(&mut word)?;
    } else {
        sock.read_exact(&mut word)?;
    }
    io::stdout().write_all(&word)
}

fn server(address: &str) -> io::Result<()> {
    for client in TcpListener::bind(address)?.incoming() {
        let client = client?;
        std::thread::spawn(move || io::copy(&mut &client, &mut &client));
    }
    Ok(())
}

fn udp_client(address: &str) -> io::Result<()> {
    let mut word = Vec::new();
    io::stdin().read_to_end(&mut word)?;
    let sock = UdpSocket::bind("0.0.0.0:0")?;
    sock.connect(address)?;
    sock.send(&word)?;
    let mut answer = vec![0; 65536];
    let length = sock.recv(&mut answer)?;
    io::stdout().write_all(&answer[..length])
}

fn udp_server(address: &str) -> io::Result<()> {
    let sock = UdpSocket::bind(address)?;
    let mut buffer = vec![0; 65536];
    loop {
        let (length, peer) = sock.recv_from(&mut buffer)?;
        sock.send_to(&buffer[..length], peer)?;
    }
}

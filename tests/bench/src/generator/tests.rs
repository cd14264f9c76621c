//! The clients detect wrong replies.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

/// How a server replies to the bytes that it has just received.
type Reply = fn(&mut TcpStream, Vec<u8>) -> io::Result<()>;

const CORRECT: Reply = |stream, bytes| stream.write_all(&bytes);

/// The error that the clients report about a server, if any. The server has a thread per connection.
fn client_error(kind: Kind, reply: Reply, after_eof: &'static [u8]) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the listener is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accept succeeds");
            // If this fails, the client reports an error.
            thread::spawn(move || serve(&mut stream, reply, after_eof));
        }
    });
    let messages = |clients: &mut dyn Clients| clients.run(Until::Messages(3)).map(|_| ());
    let result = connect(kind, address, false).and_then(|mut clients| {
        messages(clients.as_mut())?;
        messages(clients.as_mut())?;
        clients.finish()
    });
    result.err().map(|error| format!("{error:#}"))
}

fn serve(stream: &mut TcpStream, reply: Reply, after_eof: &[u8]) -> io::Result<()> {
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer)? {
            0 => return stream.write_all(after_eof),
            length => reply(stream, buffer[..length].to_vec())?,
        }
    }
}

const KINDS: [Kind; 4] = [
    Kind::Ping { connections: 3, active: 2, sizes: &[128] },
    Kind::Ping { connections: 1, active: 1, sizes: &[1, 300_000, 5] },
    Kind::Stream { chunk: 70_000 },
    Kind::Connect { concurrency: 2 },
];

/// Checks that each kind of load reports one of the errors.
fn assert_detected(reply: Reply, after_eof: &'static [u8], errors: &[&str]) {
    for kind in KINDS {
        let error = client_error(kind, reply, after_eof).unwrap_or_default();
        assert!(errors.iter().any(|expected| error.contains(expected)), "{kind:?}: {error:?}");
    }
}

#[test]
fn a_correct_server_passes() {
    for kind in KINDS {
        assert_eq!(client_error(kind, CORRECT, b""), None, "{kind:?}");
    }
}

#[test]
fn a_wrong_byte_is_detected() {
    let reply: Reply = |stream, mut bytes| {
        bytes[0] ^= 1;
        stream.write_all(&bytes)
    };
    assert_detected(reply, b"", &["wrong byte received"]);
}

#[test]
fn an_extra_byte_is_detected() {
    let reply: Reply = |stream, mut bytes| {
        bytes.push(b'x');
        stream.write_all(&bytes)
    };
    // Within a longer message it shows as a wrong byte.
    assert_detected(reply, b"", &["received that were not sent", "wrong byte received"]);
}

#[test]
fn a_byte_after_eof_is_detected() {
    assert_detected(CORRECT, b"x", &["1 bytes received that were not sent"]);
}

#[test]
fn an_early_close_is_detected() {
    let reply: Reply = |stream, bytes| {
        stream.write_all(&bytes[1..])?;
        stream.shutdown(std::net::Shutdown::Both)
    };
    let errors = ["closed the connection", "wrong byte received", "reset by peer", "Broken pipe"];
    assert_detected(reply, b"", &errors);
}

#[test]
fn every_run_sends_the_exact_number() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the listener is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accept succeeds");
            thread::spawn(move || serve(&mut stream, CORRECT, b""));
        }
    });
    let units = [6.0, 3.0, 210_000.0 / f64::from(1 << 20), 3.0];
    for (kind, units) in KINDS.into_iter().zip(units) {
        let mut clients = connect(kind, address, false).expect("the clients connect");
        let tally = clients.run(Until::Messages(3)).expect("the replies are correct");
        assert!((tally.units - units).abs() < 1e-9, "{kind:?}: {}", tally.units);
    }
}

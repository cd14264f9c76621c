//! Wrong servers are caught.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

/// What a server does with the bytes that it has just received.
type Answer = fn(&mut TcpStream, Vec<u8>) -> io::Result<()>;

const FAITHFUL: Answer = |stream, bytes| stream.write_all(&bytes);

/// The error that clients report of a server, if any. It answers all connections on one thread
/// each.
fn complaint(kind: Kind, answer: Answer, at_the_end: &'static [u8]) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client connects");
            // An error here is the client's to notice.
            thread::spawn(move || serve(&mut stream, answer, at_the_end));
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

fn serve(stream: &mut TcpStream, answer: Answer, at_the_end: &[u8]) -> io::Result<()> {
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer)? {
            0 => return stream.write_all(at_the_end),
            length => answer(stream, buffer[..length].to_vec())?,
        }
    }
}

const KINDS: [Kind; 4] = [
    Kind::Ping { connections: 3, active: 2, sizes: &[128] },
    Kind::Ping { connections: 1, active: 1, sizes: &[1, 300_000, 5] },
    Kind::Stream { chunk: 70_000 },
    Kind::Connect { at_once: 2 },
];

/// Each kind of load must complain of it, in one of these words.
fn caught(answer: Answer, at_the_end: &'static [u8], words: &[&str]) {
    for kind in KINDS {
        let complaint = complaint(kind, answer, at_the_end).unwrap_or_default();
        assert!(words.iter().any(|word| complaint.contains(word)), "{kind:?}: {complaint:?}");
    }
}

#[test]
fn a_faithful_server_passes() {
    for kind in KINDS {
        assert_eq!(complaint(kind, FAITHFUL, b""), None, "{kind:?}");
    }
}

#[test]
fn a_wrong_byte_is_caught() {
    let answer: Answer = |stream, mut bytes| {
        bytes[0] ^= 1;
        stream.write_all(&bytes)
    };
    caught(answer, b"", &["a wrong byte came back"]);
}

#[test]
fn a_byte_too_many_is_caught() {
    let answer: Answer = |stream, mut bytes| {
        bytes.push(b'x');
        stream.write_all(&bytes)
    };
    // In the midst of a longer message it is a wrong byte.
    caught(answer, b"", &["never sent", "a wrong byte came back"]);
}

#[test]
fn a_byte_after_the_end_is_caught() {
    caught(FAITHFUL, b"x", &["1 bytes came back that were never sent"]);
}

#[test]
fn an_early_close_is_caught() {
    let answer: Answer = |stream, bytes| {
        stream.write_all(&bytes[1..])?;
        stream.shutdown(std::net::Shutdown::Both)
    };
    let words = ["closed the connection", "a wrong byte", "reset by peer", "Broken pipe"];
    caught(answer, b"", &words);
}

#[test]
fn every_run_is_exact() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client connects");
            thread::spawn(move || serve(&mut stream, FAITHFUL, b""));
        }
    });
    let units = [6.0, 3.0, 210_000.0 / f64::from(1 << 20), 3.0];
    for (kind, units) in KINDS.into_iter().zip(units) {
        let mut clients = connect(kind, address, false).expect("the server accepts");
        let tally = clients.run(Until::Messages(3)).expect("the server is faithful");
        assert!((tally.units - units).abs() < 1e-9, "{kind:?}: {}", tally.units);
    }
}

//! Every byte comes back, in order and once, whatever the other clients do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::client::{Client, exchange, take_turns};
use crate::server::Server;

const KIB: usize = 1024;
const MIB: u64 = 1 << 20;

/// The most memory that a client who does not read may cost.
const MOST_FOR_A_SLOW_READER: u64 = 4 * MIB;

pub fn clients_take_turns(server: &mut Server) -> Result<()> {
    let mut clients = Client::several(server, 10)?;
    for round in 0..50 {
        for (index, client) in clients.iter_mut().enumerate() {
            client.send(1 + (round * 997 + index * 13) % 20_000)?;
        }
        // The last one reads first.
        for client in clients.iter_mut().rev() {
            client.expect_rest()?;
        }
    }
    clients.iter_mut().try_for_each(|client| client.finish_with(1))
}

pub fn byte_by_byte(server: &mut Server) -> Result<()> {
    let mut client = Client::new(server)?;
    for _ in 0..500 {
        client.round_trip(1)?;
    }
    for _ in 0..500 {
        client.send(1)?;
    }
    client.expect_rest()?;
    client.finish_with(1)
}

pub fn half_close(server: &mut Server) -> Result<()> {
    let mut other = Client::new(server)?;
    for length in [0, 1, 128 * KIB] {
        Client::new(server)?.finish_with(length).with_context(|| format!("{length} bytes"))?;
    }
    // The end stands behind bytes that the server does not take yet; or it is the next to be read,
    // while the server holds bytes that it cannot send back yet.
    let mut slow = Client::slow(server)?;
    slow.fill(server, &mut other)?;
    for mut slow in [slow, Client::overfull(server, &mut other)?] {
        slow.finish()?;
        server.expect_rest(&[]).context("while a client that has finished does not read")?;
        slow.expect_rest()?;
        slow.expect_end()?;
    }
    Ok(())
}

pub fn silent_client(server: &mut Server) -> Result<()> {
    let mut silent = Client::several(server, 3)?;
    Client::new(server)?.finish_with(1000)?;
    server.expect_rest(&silent)?;
    Client::new(server)?.finish_with(1000)?;
    silent.iter_mut().try_for_each(|client| client.finish_with(0))
}

pub fn slow_readers(server: &mut Server) -> Result<()> {
    let mut busy = Client::several(server, 3)?;
    for client in &mut busy {
        client.round_trip(KIB)?;
    }
    let before = server.memory()?;
    let mut slow: Vec<Client> = (0..4).map(|_| Client::slow(server)).collect::<Result<_>>()?;
    for client in &mut slow {
        client.fill(server, &mut busy[0])?;
    }
    for client in &mut busy {
        for _ in 0..100 {
            client.round_trip(KIB)?;
        }
    }
    let grown = server.memory()?.saturating_sub(before);
    let most = MOST_FOR_A_SLOW_READER * slow.len() as u64;
    ensure!(grown <= most, "{} slow readers cost {grown} bytes, more than {most}", slow.len());
    server.expect_rest(&busy).context("while clients do not read")?;
    for client in &mut slow {
        client.expect_rest()?;
        client.finish_with(KIB)?;
    }
    Ok(())
}

/// What a client does before it resets its connection.
type Before = fn(&mut Client, &Server, &mut Client) -> Result<()>;

const BEFORE_A_RESET: [(&str, Before); 6] = [
    ("before it has sent", |_, _, _| Ok(())),
    ("after its echo", |client, _, _| client.round_trip(KIB)),
    ("after it has sent", |client, _, _| client.send(8 * KIB)),
    ("while its echo is held up", |client, server, other| client.fill(server, other)),
    ("after it has finished", |client, _, _| {
        client.send(8 * KIB)?;
        client.finish()
    }),
    ("after it has finished, while its echo is held up", |client, server, other| {
        client.fill(server, other)?;
        client.finish()
    }),
];

pub fn resets(server: &mut Server) -> Result<()> {
    let mut other = Client::new(server)?;
    for (when, before) in BEFORE_A_RESET {
        for _ in 0..2 {
            let mut client = Client::slow(server)?;
            before(&mut client, server, &mut other).context(when)?;
            client.reset()?;
            let served = Client::new(server)?.finish_with(KIB).and_then(|()| other.round_trip(KIB));
            served.with_context(|| format!("after one that resets {when}"))?;
        }
    }
    server.expect_rest(&[other])
}

pub fn flood_of_connections(server: &mut Server) -> Result<()> {
    let mut other = Client::new(server)?;
    for round in 0..500 {
        let mut client = Client::new(server)?;
        match round % 4 {
            0 => {}
            1 => client.reset()?,
            2 => client.send(1)?,
            _ => client.finish()?,
        }
    }
    other.round_trip(KIB)?;
    Client::new(server)?.finish_with(KIB)
}

pub fn flood_of_bytes(server: &mut Server) -> Result<()> {
    let mut floods = Client::several(server, 3)?;
    let mut busy = Client::several(server, 3)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| -> Result<()> {
            while !over.load(Ordering::Relaxed) {
                take_turns(&mut floods, |_| true)?;
            }
            floods.iter_mut().try_for_each(|client| client.finish_with(1))
        });
        let served = (0..100).try_for_each(|_| busy.iter_mut().try_for_each(|client| client.round_trip(KIB)));
        over.store(true, Ordering::Relaxed);
        flood.join().expect("the flood does not panic").context("a flood")?;
        served.context("beside a flood")
    })
}

pub fn through_one(server: &mut Server) -> Result<()> {
    through(server, 1, 4 * MIB)
}

pub fn through_100(server: &mut Server) -> Result<()> {
    through(server, 100, MIB / 8)
}

pub fn much_through_one(server: &mut Server) -> Result<()> {
    through(server, 1, 64 * MIB)
}

pub fn much_through_100(server: &mut Server) -> Result<()> {
    through(server, 100, 64 * MIB)
}

fn through(server: &Server, count: usize, bytes: u64) -> Result<()> {
    let mut clients = Client::several(server, count)?;
    exchange(&mut clients, bytes)?;
    clients.iter_mut().try_for_each(|client| client.finish_with(1))
}

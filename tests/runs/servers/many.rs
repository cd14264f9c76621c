//! Many connections at once, and more than there are descriptors.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::client::Client;
use crate::server::{Server, wait_until};

/// Tests with so many connections are made one at a time: together they would need more
/// descriptors than a process may have.
static ALONE: Mutex<()> = Mutex::new(());

/// How many clients wait when descriptors run short.
const WAITING: usize = 16;

/// What a set of descriptors holds at most, and how many of them belong to no client: standard
/// input, output and error, the listening socket; and what else a server may need.
const FD_SETSIZE: usize = 1024;
const FEWEST_NOT_FOR_CLIENTS: usize = 4;
const NOT_FOR_CLIENTS: usize = 16;

pub fn connections_100(server: &mut Server) -> Result<()> {
    connections(server, 100)
}

pub fn connections_1000(server: &mut Server) -> Result<()> {
    connections(server, 1000)
}

pub fn connections_10000(server: &mut Server) -> Result<()> {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    connections(server, server.most_connections(10_000)?)
}

fn connections(server: &Server, count: usize) -> Result<()> {
    let mut clients = Vec::new();
    for number in 0..count {
        let served = Client::new(server).and_then(|mut client| {
            client.round_trip(100)?;
            Ok(client)
        });
        clients.push(served.with_context(|| format!("connection {number}"))?);
    }
    for client in &mut clients {
        client.send(100)?;
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        client.expect_rest().with_context(|| format!("connection {number} of {count}"))?;
    }
    clients.iter_mut().try_for_each(|client| client.finish_with(1))
}

/// For a server whose descriptors are below `FD_SETSIZE`.
pub fn more_than_a_set_holds(server: &mut Server) -> Result<()> {
    let mut listed = Client::several(server, FD_SETSIZE - NOT_FOR_CLIENTS)?;
    listed.iter_mut().try_for_each(|client| client.round_trip(100))?;
    // Of these, some are still listed; those that come later are not.
    for mut client in Client::several(server, 2 * NOT_FOR_CLIENTS)? {
        client.send(100)?;
        if client.read_to_end_or(100)?.is_none() {
            listed.push(client);
        }
    }
    let most = FD_SETSIZE - FEWEST_NOT_FOR_CLIENTS;
    ensure!(listed.len() <= most, "{} clients are served, more than {most}", listed.len());
    listed.iter_mut().try_for_each(|client| client.round_trip(100)).context("a listed client")?;
    // Whoever ends leaves room for another.
    listed.pop().context("there are some")?.finish_with(100)?;
    Client::new(server)?.finish_with(100).context("a client for whom there is room again")
}

pub fn descriptors_run_short(server: &mut Server) -> Result<()> {
    // Whatever it opens besides is open once it has served one.
    Client::new(server)?.finish_with(1)?;
    server.expect_no_connections()?;
    let enough_for = server.free_descriptors()?;
    let mut clients = Client::several(server, enough_for + WAITING)?;
    clients.iter_mut().try_for_each(|client| client.send(100))?;
    let mut waiting = clients.split_off(enough_for);
    for client in &mut clients {
        client.expect_rest().context("a client for which there is a descriptor")?;
    }
    wait_until("it says that descriptors are short", || Ok(!server.stderr()?.is_empty()))?;
    server.expect_rest(&waiting)?;
    clients.iter_mut().try_for_each(|client| client.round_trip(100))?;
    // Each connection that ends makes room for one that waits.
    drop(clients);
    for mut client in waiting.drain(..) {
        client.expect_rest().context("a client that has waited for a descriptor")?;
        client.finish_with(100)?;
    }
    Ok(())
}

pub fn no_descriptor(server: &mut Server) -> Result<()> {
    Client::new(server)?.finish_with(1)?;
    server.expect_no_connections()?;
    server.leave_no_descriptors()?;
    let mut waiting = Client::several(server, WAITING)?;
    waiting.iter_mut().try_for_each(|client| client.send(100))?;
    wait_until("it says that descriptors are short", || Ok(!server.stderr()?.is_empty()))?;
    // An accept() that slept already had a descriptor for the first.
    server.expect_rest(&waiting[1..])?;
    server.leave_all_descriptors()?;
    waiting.iter_mut().try_for_each(|client| client.finish_with(100))
}

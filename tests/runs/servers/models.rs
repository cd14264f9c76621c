//! What only some of the servers do.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::client::Client;
use crate::server::{Server, sockets, wait_until};
use crate::{echo, many};

/// With so many clients, each of two workers has some.
const CLIENTS_FOR_WORKERS: usize = 64;

pub fn children_are_reaped(server: &mut Server) -> Result<()> {
    Client::new(server)?.finish_with(1)?;
    server.expect_no_connections()?;
    let before = server.processes()?.len();
    let mut clients = Client::several(server, 20)?;
    clients.iter_mut().try_for_each(|client| client.round_trip(100))?;
    let children = server.processes()?.len() - before;
    ensure!(children == clients.len(), "{} clients have {children} processes", clients.len());
    for (number, client) in clients.into_iter().enumerate() {
        if number % 2 == 0 { client.reset()? } else { drop(client) }
    }
    wait_until("the clients' processes are reaped", || Ok(server.processes()?.len() == before))
}

pub fn signals_overflow(server: &mut Server) -> Result<()> {
    let mut other = Client::new(server)?;
    other.round_trip(100)?;
    server.leave_no_signals()?;
    echo::clients_take_turns(server)?;
    echo::slow_readers(server)?;
    echo::through_100(server)?;
    many::connections_100(server)?;
    other.finish_with(100)
}

pub fn polls_busily(server: &mut Server) -> Result<()> {
    echo::clients_take_turns(server)?;
    echo::half_close(server)?;
    echo::silent_client(server)
}

pub fn both_workers_serve(server: &mut Server) -> Result<()> {
    let mut clients = clients_of_both_workers(server)?;
    server.signal(Signal::SIGTERM)?;
    clients.iter_mut().try_for_each(Client::expect_end)?;
    drop(clients);
    server.expect_exit()
}

pub fn workers_end_without_their_parent(server: &mut Server) -> Result<()> {
    let mut clients = clients_of_both_workers(server)?;
    server.signal(Signal::SIGKILL)?;
    clients.iter_mut().try_for_each(Client::expect_end)?;
    drop(clients);
    server.expect_killed()
}

fn clients_of_both_workers(server: &Server) -> Result<Vec<Client>> {
    let mut clients = Client::several(server, CLIENTS_FOR_WORKERS)?;
    clients.iter_mut().try_for_each(|client| client.round_trip(100))?;
    // Each has its listening socket, and some of the connections.
    let workers: Vec<usize> = server.children()?.iter().map(|(worker, _)| sockets(worker).len()).collect();
    let shared = workers.len() == 2 && workers.iter().all(|sockets| *sockets > 1);
    ensure!(shared, "the workers have so many sockets: {workers:?}");
    ensure!(workers.iter().sum::<usize>() == 2 + clients.len(), "the workers have {workers:?} sockets");
    Ok(clients)
}

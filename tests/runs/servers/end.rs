//! How a server ends, and how soon it can start again.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::client::{Client, End, take_turns};
use crate::server::{COALESCE, DEADLINE, GRACE, Order, Server, hold_port, wait_until};

const MIB: u64 = 1 << 20;

/// Tells the server to end, and returns the clients that do not end before it.
type Tell = fn(&mut Server) -> Result<Vec<Client>>;

/// The server must end before the grace is over, which shows that it does not merely wait for that.
/// Where the machine was so slow that this shows nothing, everything is done once more.
fn ends_before_grace_is_over(server: &mut Server, tell: Tell) -> Result<Vec<Client>> {
    let started = Instant::now();
    loop {
        let result = tell(server);
        let Some(told) = server.told() else { return result };
        if told.elapsed() < GRACE / 2 || started.elapsed() > DEADLINE {
            let clients = result?;
            server.expect_exit()?;
            let waited = told.elapsed();
            ensure!(waited < GRACE, "it ended after {waited:?}, not when it had nothing to do");
            return Ok(clients);
        }
        server.start_again(0)?;
    }
}

pub fn told_without_clients(server: &mut Server) -> Result<()> {
    ends_before_grace_is_over(server, |server| {
        server.signal(Signal::SIGINT)?;
        Ok(vec![])
    })?;
    Ok(())
}

pub fn told_with_idle_clients(server: &mut Server) -> Result<()> {
    ends_before_grace_is_over(server, |server| {
        let mut clients = Client::several(server, 5)?;
        clients.iter_mut().try_for_each(|client| client.round_trip(100))?;
        server.signal(Signal::SIGTERM)?;
        clients.iter_mut().try_for_each(Client::expect_end)?;
        // What they still send is thrown away, and the server sleeps as long as they keep it waiting.
        clients.iter_mut().try_for_each(|client| client.send(100))?;
        let last = clients.last().context("there are some")?;
        wait_until("it takes what is sent", || Ok(server.taken_from(last)? == last.sent))?;
        server.expect_rest(&[])?;
        Ok(vec![])
    })?;
    Ok(())
}

pub fn told_with_slow_reader(server: &mut Server) -> Result<()> {
    ends_before_grace_is_over(server, |server| {
        let mut other = Client::new(server)?;
        let mut slow = Client::slow(server)?;
        slow.fill(server, &mut other)?;
        let taken = server.acknowledged_from(&slow)?;
        server.signal(Signal::SIGTERM)?;
        other.expect_end().context("an idle client")?;
        expect_all_that_was_taken(&mut slow, taken)?;
        Ok(vec![])
    })?;
    Ok(())
}

pub fn told_with_bytes_unread(server: &mut Server) -> Result<()> {
    ends_before_grace_is_over(server, |server| {
        let mut other = Client::new(server)?;
        let mut slow = vec![Client::slow(server)?, Client::slow(server)?];
        for client in &mut slow {
            client.leave_unread(server, &mut other)?;
        }
        slow[0].finish()?;
        for client in &slow {
            let all_is_taken = || Ok(server.acknowledged_from(client)? == client.sent);
            wait_until("all that was sent is taken, and the end", all_is_taken)?;
        }
        server.signal(Signal::SIGTERM)?;
        other.expect_end().context("an idle client")?;
        for client in &mut slow {
            let sent = client.sent;
            expect_all_that_was_taken(client, sent)?;
        }
        Ok(vec![])
    })?;
    Ok(())
}

/// As a terminal does on Ctrl-C, or a service manager: every process hears of it, the first one first.
pub fn all_told(server: &mut Server) -> Result<()> {
    all_that_was_taken_comes_back(server, Signal::SIGINT, Order::Downwards)
}

/// The same the other way round.
pub fn all_told_first_last(server: &mut Server) -> Result<()> {
    all_that_was_taken_comes_back(server, Signal::SIGTERM, Order::Upwards)
}

/// As timeout(1) does: the process, and then the group that it is in.
pub fn told_with_its_group(server: &mut Server) -> Result<()> {
    all_that_was_taken_comes_back(server, Signal::SIGTERM, Order::Twice)
}

pub fn terminal_is_gone(server: &mut Server) -> Result<()> {
    as_one_request(server, |server| {
        let mut client = Client::new(server)?;
        client.round_trip(100)?;
        server.signal_all(Signal::SIGHUP, Order::Downwards)?;
        Ok(client.expect_end())
    })?;
    server.expect_exit()
}

/// However the request comes, it is one.
fn all_that_was_taken_comes_back(server: &mut Server, signal: Signal, order: Order) -> Result<()> {
    as_one_request(server, |server| {
        let mut other = Client::new(server)?;
        let mut slow = Client::slow(server)?;
        slow.fill(server, &mut other)?;
        let taken = server.acknowledged_from(&slow)?;
        server.signal_all(signal, order)?;
        Ok(other.expect_end().context("an idle client").and_then(|()| expect_all_that_was_taken(&mut slow, taken)))
    })?;
    server.expect_exit()
}

/// Takes an attempt, which sends signals to all processes and returns what came of it. Where the machine was so slow
/// that the signals were two requests, or that the grace was over, everything is done once more.
fn as_one_request(server: &mut Server, attempt: impl Fn(&mut Server) -> Result<Result<()>>) -> Result<()> {
    let started = Instant::now();
    loop {
        let result = attempt(server)?;
        let told = server.told().context("it was told")?;
        if server.spread() < COALESCE / 2 && told.elapsed() < GRACE / 2 {
            return result;
        }
        ensure!(started.elapsed() < DEADLINE, "the machine is too busy for this test");
        server.start_again(0)?;
    }
}

pub fn told_in_the_middle(server: &mut Server) -> Result<()> {
    ends_before_grace_is_over(server, |server| {
        let mut clients = Client::several(server, 5)?;
        while clients.iter().any(|client| client.received < MIB) {
            take_turns(&mut clients, |_| true)?;
        }
        let taken = clients.iter().map(|client| server.acknowledged_from(client));
        let taken: Vec<u64> = taken.collect::<Result<_>>()?;
        // They send a little more, whether they learn of the end or not.
        let limit = MIB + clients.iter().map(|client| client.sent).max().context("there are some")?;
        server.signal(Signal::SIGTERM)?;
        while clients.iter().any(|client| client.end.is_none()) {
            take_turns(&mut clients, |client| client.sent < limit)?;
        }
        for (client, taken) in clients.iter_mut().zip(taken) {
            expect_all_that_was_taken(client, taken)?;
        }
        Ok(vec![])
    })?;
    Ok(())
}

/// Whoever sends all the time may leave the server no moment at which the echo is whole. When the grace is over it is
/// reset, as one is that does not read.
pub fn never_stops_sending(server: &mut Server) -> Result<()> {
    let mut other = Client::new(server)?;
    let mut slow = Client::slow(server)?;
    slow.fill(server, &mut other)?;
    let mut clients = Client::several(server, 5)?;
    while clients.iter().any(|client| client.received < MIB) {
        take_turns(&mut clients, |_| true)?;
    }
    let taken = clients.iter().map(|client| server.acknowledged_from(client));
    let taken: Vec<u64> = taken.collect::<Result<_>>()?;
    let told = Instant::now();
    server.signal(Signal::SIGTERM)?;
    while clients.iter().any(|client| client.end.is_none()) {
        take_turns(&mut clients, |_| true)?;
        if clients.iter().any(|client| client.end == Some(End::Reset)) {
            ensure!(told.elapsed() >= GRACE, "one was reset after {:?}", told.elapsed());
        }
    }
    for (client, taken) in clients.iter().zip(taken) {
        let whole = client.end == Some(End::Reset) || client.received >= taken;
        ensure!(whole, "of {taken} bytes that were taken, {} came back, and an end", client.received);
    }
    server.expect_exit()?;
    expect_reset(&mut slow)
}

pub fn told_twice(server: &mut Server) -> Result<()> {
    let mut clients = ends_before_grace_is_over(server, |server| {
        let mut other = Client::new(server)?;
        let mut slow = vec![Client::slow(server)?, Client::overfull(server, &mut other)?];
        slow[0].fill(server, &mut other)?;
        server.signal(Signal::SIGTERM)?;
        other.expect_end().context("an idle client")?;
        server.wait_until_told()?;
        server.signal(Signal::SIGTERM)?;
        Ok(slow)
    })?;
    clients.iter_mut().try_for_each(expect_reset)
}

pub fn grace_is_over(server: &mut Server) -> Result<()> {
    let mut other = Client::new(server)?;
    let mut slow = Client::slow(server)?;
    slow.fill(server, &mut other)?;
    let told = Instant::now();
    server.signal(Signal::SIGTERM)?;
    other.expect_end().context("an idle client")?;
    server.expect_rest(&[])?;
    server.expect_exit()?;
    let waited = told.elapsed();
    ensure!(waited >= GRACE, "it waited for {waited:?} only");
    expect_reset(&mut slow)
}

pub fn starts_again_at_once(server: &mut Server) -> Result<()> {
    server.finish(None)?;
    let (_holder, port) = hold_port()?;

    server.start_again(port)?;
    let mut clients = Client::several(server, 5)?;
    clients.iter_mut().try_for_each(|client| client.round_trip(100))?;
    server.signal(Signal::SIGTERM)?;
    clients.iter_mut().try_for_each(Client::expect_end)?;
    drop(clients);
    server.expect_exit()?;
    ensure!(server.is_remembered()?, "there is no connection in TIME_WAIT, so this shows nothing");

    server.start_again(port)?;
    Client::new(server)?.finish_with(100)
}

fn expect_all_that_was_taken(client: &mut Client, taken: u64) -> Result<()> {
    client.open_window()?;
    let end = client.read_to_end()?;
    ensure!(end == End::Fin, "{end:?} came instead of the end, after {} bytes", client.received);
    ensure!(client.received >= taken, "of {taken} bytes that were taken, {} came back", client.received);
    Ok(())
}

/// A client must not take a part of its echo for the whole.
fn expect_reset(client: &mut Client) -> Result<()> {
    let end = client.read_to_end()?;
    let whole = client.received == client.sent;
    ensure!(whole || end == End::Reset, "{end:?} came after {} of {} bytes", client.received, client.sent);
    Ok(())
}

//! How a server is started: whatever it inherits, it serves, and ends when it is told to.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::IntoRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::ptr;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup};

use crate::client::Client;
use crate::server::{DEADLINE, Order, Server, wait_until};

/// More than a set of select() has room for, and fewer than a process may have.
const MANY: i32 = 1030;

fn check(result: libc::c_int) -> io::Result<()> {
    Ok(Errno::result(result).map(drop)?)
}

fn close(descriptors: &[i32]) -> io::Result<()> {
    // SAFETY: the standard streams of a process that is about to call exec.
    descriptors.iter().try_for_each(|descriptor| check(unsafe { libc::close(*descriptor) }))
}

pub fn close_input() -> io::Result<()> {
    close(&[0])
}

pub fn close_output() -> io::Result<()> {
    close(&[1])
}

pub fn close_error() -> io::Result<()> {
    close(&[2])
}

pub fn close_input_and_error() -> io::Result<()> {
    close(&[0, 2])
}

pub fn close_all() -> io::Result<()> {
    close(&[0, 1, 2])
}

fn ignore(signals: &[libc::c_int]) -> io::Result<()> {
    for signal in signals {
        // SAFETY: no handler.
        let before = unsafe { libc::signal(*signal, libc::SIG_IGN) };
        if before == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// As it is under an impolite shell.
pub fn ignore_signals() -> io::Result<()> {
    ignore(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGALRM, libc::SIGURG])
}

pub fn nohup() -> io::Result<()> {
    ignore(&[libc::SIGHUP])
}

pub fn keep_back_signals() -> io::Result<()> {
    // SAFETY: an all-zero set is one; it may be written, and then read.
    let mut all = unsafe { std::mem::zeroed() };
    // SAFETY: the same.
    check(unsafe { libc::sigfillset(&raw mut all) })?;
    // SAFETY: the same.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut()) })
}

/// They go off again and again, and soon.
pub fn set_timers() -> io::Result<()> {
    let soon = libc::timeval { tv_sec: 0, tv_usec: 20_000 };
    let timer = libc::itimerval { it_interval: soon, it_value: soon };
    for which in [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF] {
        // SAFETY: the structure may be read, and the old one is not asked for.
        check(unsafe { libc::setitimer(which, &raw const timer, ptr::null_mut()) })?;
    }
    Ok(())
}

/// It has two children when it starts, of which one has ended and the other sleeps.
pub fn have_children() -> io::Result<()> {
    for sleeps in [false, true] {
        // SAFETY: the child makes system calls only.
        let child = unsafe { libc::fork() };
        check(child)?;
        if child == 0 {
            // It is none of the server's processes.
            // SAFETY: no arguments.
            unsafe { libc::setsid() };
            // Nobody waits for it to close what it has.
            // SAFETY: integers.
            unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
            if sleeps {
                // The end of the server, which it has as its parent, ends it.
                // SAFETY: integers.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) };
                // SAFETY: no arguments.
                unsafe { libc::pause() };
            }
            // SAFETY: the child's end.
            unsafe { libc::_exit(1) };
        }
    }
    Ok(())
}

/// Standard output and error are a pipe that nobody reads any more.
pub fn log_is_gone() -> io::Result<()> {
    let mut ends = [0; 2];
    // SAFETY: there is room for two.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    // SAFETY: of two descriptors of this process.
    check(unsafe { libc::dup2(ends[1], 1) })?;
    // SAFETY: the same.
    check(unsafe { libc::dup2(ends[1], 2) })?;
    close(&ends)
}

/// They are a pipe that is full and stays so.
pub fn log_is_full() -> io::Result<()> {
    let mut ends = [0; 2];
    // SAFETY: there is room for two.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    // SAFETY: the command takes flags.
    check(unsafe { libc::fcntl(ends[1], libc::F_SETFL, libc::O_NONBLOCK) })?;
    // SAFETY: so many bytes are there.
    while unsafe { libc::write(ends[1], [0_u8; 4096].as_ptr().cast(), 4096) } > 0 {}
    // SAFETY: the command takes flags.
    check(unsafe { libc::fcntl(ends[1], libc::F_SETFL, 0) })?;
    // SAFETY: of two descriptors of this process; its reader is inherited.
    check(unsafe { libc::dup2(ends[1], 1) })?;
    // SAFETY: the same.
    check(unsafe { libc::dup2(ends[1], 2) })?;
    close(&[ends[1]])
}

/// Clients are served, more of them than there are descriptors for, and none gets what is not its own.
pub fn serves_in_need(server: &mut Server) -> Result<()> {
    let mut clients = Client::several(server, 40)?;
    clients.iter_mut().try_for_each(|client| client.send(100))?;
    for mut client in clients {
        client.expect_rest()?;
        client.finish_with(100)?;
    }
    server.expect_no_connections()?;
    Client::new(server)?.finish_with(100)
}

/// Clients are served, and a second later as well; then it ends when it is told to.
pub fn serves_and_ends(server: &mut Server) -> Result<()> {
    let mut clients = Client::several(server, 5)?;
    clients.iter_mut().try_for_each(|client| client.round_trip(100))?;
    // What it inherited, it would have felt by now.
    server.expect_rest(&clients)?;
    server.expect_rest(&clients)?;
    clients.iter_mut().try_for_each(|client| client.round_trip(100))?;
    server.signal(Signal::SIGTERM)?;
    clients.iter_mut().try_for_each(Client::expect_end)?;
    drop(clients);
    server.expect_exit()
}

/// Started by nohup, it does not hear that the terminal is gone.
pub fn stays_without_a_terminal(server: &mut Server) -> Result<()> {
    let mut client = Client::new(server)?;
    client.round_trip(100)?;
    server.signal_all(Signal::SIGHUP, Order::Downwards)?;
    server.expect_rest(std::slice::from_ref(&client))?;
    client.finish_with(100)?;
    Client::new(server)?.finish_with(100)
}

/// A shortage is said once, whatever comes and goes meanwhile.
pub fn says_a_shortage_once(server: &mut Server) -> Result<()> {
    let mut clients = Client::several(server, 60)?;
    for _ in 0..100 {
        // Each that goes makes room for one that waits.
        clients.remove(0).finish_with(1)?;
        clients.push(Client::new(server)?);
    }
    let said = server.stderr()?;
    ensure!(said.lines().count() <= 3, "it said {} lines", said.lines().count());
    drop(clients);
    wait_until("it reports that accept() has resumed", || Ok(server.stderr()?.contains("resumed after")))?;
    Client::new(server)?.finish_with(100)
}

/// A call that waits fails again and again: that is said once, and the server still ends.
pub fn has_more_than_it_may(server: &mut Server) -> Result<()> {
    let mut clients = Client::several(server, 60)?;
    clients.iter_mut().try_for_each(|client| client.round_trip(1))?;
    server.leave_descriptors(20)?;
    clients.iter_mut().try_for_each(|client| client.send(1))?;
    server.expect_rest(&[])?;
    let said = server.stderr()?;
    ensure!(said.lines().count() <= 1, "it said {said:?}");
    server.signal(Signal::SIGTERM)?;
    server.wait_until_told()?;
    server.leave_all_descriptors()?;
    clients.iter_mut().try_for_each(Client::expect_rest)?;
    drop(clients);
    server.expect_exit()
}

/// A second server is not let in on the port.
pub fn port_is_taken(server: &mut Server) -> Result<()> {
    let said = server.start_in_vain()?;
    ensure!(said.contains("bind: Address already in use"), "it said {said:?}");
    Client::new(server)?.finish_with(1)
}

/// A worker that is killed is replaced, and that is said.
pub fn worker_is_killed(server: &mut Server) -> Result<()> {
    let before: Vec<i32> = server.children()?.iter().map(|(worker, _)| worker.pid).collect();
    let victim = *before.first().context("there are workers")?;
    kill(Pid::from_raw(victim), Signal::SIGKILL)?;
    let line = format!("worker {victim} was killed by signal 9");
    wait_until("it says so", || Ok(server.stderr()?.contains(&line)))?;
    wait_until("there are as many as before", || {
        let now = server.children()?;
        Ok(now.len() == before.len() && now.iter().all(|(worker, stat)| worker.pid != victim && stat.state != 'Z'))
    })?;
    // Whichever worker's they are.
    Client::several(server, 20)?.iter_mut().try_for_each(|client| client.finish_with(100))
}

/// None of its processes lives on without the first one, even if that one hardly lived.
pub fn killed_at_once(server: &mut Server) -> Result<()> {
    for _ in 0..20 {
        server.signal(Signal::SIGKILL)?;
        server.expect_killed()?;
        server.start_again(0)?;
    }
    let mut client = Client::new(server)?;
    client.round_trip(100)?;
    server.signal(Signal::SIGKILL)?;
    client.expect_end()?;
    drop(client);
    server.expect_killed()
}

/// Who vanishes is noticed: the kernel asks after each client that is silent for long.
pub fn asks_after_clients(server: &mut Server) -> Result<()> {
    let mut client = Client::new(server)?;
    client.round_trip(100)?;
    wait_until("its timer is that of keepalive, and nothing else is under way", || {
        let (port, own) = (client.port()?, server.port());
        let mut table = String::new();
        File::open("/proc/net/tcp")?.read_to_string(&mut table)?;
        let ends = format!(":{own:04X} 0100007F:{port:04X} 01 ");
        let timer = table.lines().find_map(|line| line.split_once(&ends));
        let timer = timer.and_then(|(_, rest)| rest.split_whitespace().nth(1));
        let timer = timer.and_then(|timer| timer.strip_prefix("02:"));
        // In hundredths of a second.
        Ok(timer.and_then(|left| u64::from_str_radix(left, 16).ok()).is_some_and(|left| (5000..=6000).contains(&left)))
    })?;
    client.finish_with(100)
}

/// Asks this program to become a server that has many descriptors from the start.
pub const WITH_MANY_DESCRIPTORS: &str = "--with-many-descriptors";

/// Becomes it. (Not between fork and exec of another process: some numbers are free again after that.)
pub fn with_many_descriptors(program: &str) -> anyhow::Error {
    let input = io::stdin();
    for _ in 0..MANY {
        match dup(&input) {
            // It stays open.
            Ok(descriptor) => _ = descriptor.into_raw_fd(),
            Err(error) => return error.into(),
        }
    }
    Command::new(program).arg("0").exec().into()
}

/// A set of select() has no room for the server's own descriptors: it says so, and ends.
pub fn too_many_descriptors(program: &str) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args([WITH_MANY_DESCRIPTORS, program]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "it ended with {:?}: {said}", output.status);
    ensure!(said.contains("select() has no room for descriptor"), "it said {said:?}");
    ensure!(output.stdout.is_empty(), "it said that it waits for connections");
    Ok(())
}

/// More datagrams than its output has room for lines: each is answered, although nobody reads what the server says.
pub fn datagrams_without_a_reader(program: &str) -> Result<()> {
    let mut server =
        Command::new(program).arg("0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let result = answers_datagrams(&mut server);
    server.kill()?;
    server.wait()?;
    result
}

fn answers_datagrams(server: &mut Child) -> Result<()> {
    let mut line = String::new();
    let mut stdout = BufReader::new(server.stdout.take().context("it has a pipe")?);
    stdout.read_line(&mut line)?;
    let port = line.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty());
    let port: u16 = port.context("it says on which port")?.parse()?;
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    client.connect((Ipv4Addr::LOCALHOST, port))?;
    client.set_read_timeout(Some(DEADLINE))?;
    for number in 0..5000_u32 {
        client.send(&number.to_be_bytes())?;
        let mut answer = [0; 8];
        let length = client.recv(&mut answer).with_context(|| format!("datagram {number}"))?;
        ensure!(answer[..length] == number.to_be_bytes(), "datagram {number} came back wrong");
    }
    // It stays open until here.
    drop(stdout);
    client.send(&[1])?;
    client.recv(&mut [0; 8]).context("a datagram after the log is gone")?;
    Ok(())
}

/// An urgent byte comes back like the others, and nothing waits behind it.
pub fn urgent_bytes(server: &mut Server) -> Result<()> {
    let mut other = Client::new(server)?;
    for length in [1, 3, 1000, 70_000] {
        let mut client = Client::new(server)?;
        for _ in 0..3 {
            client.send(length)?;
            client.send_urgent()?;
            client.send(length)?;
            client.expect_rest().with_context(|| format!("between twice {length} bytes"))?;
            // At once, too, so that the server finds all in one segment.
            client.send_urgent()?;
            client.send(length)?;
            other.round_trip(1)?;
            client.expect_rest()?;
        }
        client.finish_with(1)?;
    }
    let mut client = Client::new(server)?;
    client.send(3)?;
    client.send_urgent()?;
    client.expect_rest()?;
    other.finish_with(1)?;
    server.signal(Signal::SIGTERM)?;
    client.expect_end().context("the end after an urgent byte")?;
    drop(client);
    server.expect_exit()
}

//! Handshake: the states that both ends of a connection go through, from the first SYN to the last FIN.
//!
//! The tutorial's sections on the TCP connection and its end (lines 113-133). It shows what the kernel calls
//! the two ends between those packets (TCP_INFO), and that a FIN closes one direction only: the server is
//! in CLOSE_WAIT until its program closes as well, and may go on sending.
//!
//! Call: `handshake`. It needs nothing to run against: both ends are in this program. Read next: `half_close`.
//!
//! Most of these states pass too quickly to be seen, so each is made to last until it has been read. The
//! server's queue is full when the SYN comes, which has to come again, a second later. And each FIN has to
//! wait behind bytes that do not fit into the other end's receive buffer, until they are read. The first byte
//! of struct tcp_info is the state, and all that is asked for here: the rest is measurements.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    EADDRINUSE, EINPROGRESS, F_SETFL, INADDR_LOOPBACK, MSG_DONTWAIT, MSG_WAITALL, O_NONBLOCK, POLLIN, SHUT_WR,
    SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, c_char, c_int, in_addr_t, pollfd, size_t, sockaddr, sockaddr_in, socklen_t,
    ssize_t,
};
use sockmirror::fcntl::fcntl;
use sockmirror::netinet::tcp::{
    TCP_CLOSE, TCP_CLOSE_WAIT, TCP_ESTABLISHED, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_LAST_ACK, TCP_LISTEN, TCP_SYN_SENT,
};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::memset;
use sockmirror::sys::socket::{bind, connect, listen, recv, send, shutdown};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};
use sockmirror::common::loopback::{
    accept_client, bind_to, connect_to, open_socket, own_address, set_option, tcp_state,
};

const PROGRAM: &CStr = c"handshake";
const USAGE: &CStr = c"./handshake";
const RECEIVE_BUFFER: c_int = 4096;
const SEND_BUFFER: c_int = 65536;
// More than the kernel makes of RECEIVE_BUFFER, which is twice as much.
const MUCH: usize = 10000;

sockmirror::entry!(main);

/// What the kernel calls the state of a socket.
fn state_of(sock: c_int) -> &'static CStr {
    match tcp_state(PROGRAM, sock) {
        TCP_ESTABLISHED => c"ESTABLISHED",
        TCP_SYN_SENT => c"SYN_SENT",
        TCP_FIN_WAIT1 => c"FIN_WAIT1",
        TCP_FIN_WAIT2 => c"FIN_WAIT2",
        TCP_CLOSE => c"CLOSE",
        TCP_CLOSE_WAIT => c"CLOSE_WAIT",
        TCP_LAST_ACK => c"LAST_ACK",
        TCP_LISTEN => c"LISTEN",
        _ => c"another one",
    }
}

/// Says what has happened, and in which state both ends are now.
fn show(what: &CStr, client: c_int, server: c_int) {
    let client_state = state_of(client);
    let server_state = state_of(server);

    printf!(c"%-45s %-12s %s\n", what, client_state, server_state);
}

/// Sends more than the other end's receive buffer holds; the send buffer has room for it.
fn send_much(sock: c_int) {
    let mut buffer = MaybeUninit::<[c_char; MUCH]>::uninit();

    // SAFETY: the size is that of the variable.
    unsafe { memset(buffer.as_mut_ptr().cast(), b'x'.into(), MUCH) };

    // SAFETY: memset has filled `buffer`, which has MUCH bytes.
    let sent = unsafe { send(sock, buffer.as_ptr().cast(), MUCH, MSG_DONTWAIT) };
    if sent != Ok(MUCH as ssize_t) {
        explain_send(PROGRAM, sent, MUCH as ssize_t);
        exit(1);
    }
}

/// Waits for as many bytes as that, or for a FIN, and says how many bytes have come.
fn receive(whose: &CStr, sock: c_int, count: size_t) {
    let mut buffer = MaybeUninit::<[c_char; MUCH]>::uninit();

    // SAFETY: `buffer` has MUCH bytes, and `count` is no more.
    let received = unsafe { recv(sock, buffer.as_mut_ptr().cast(), count, MSG_WAITALL) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    printf!(c"  The %s's recv returns %zd\n", whose, received);
}

/// Creates a socket with a small receive buffer, an address of 127.0.0.0/8 and a port that the kernel chooses.
fn small_socket(host: in_addr_t, address: &mut MaybeUninit<sockaddr_in>) -> c_int {
    let sock = open_socket(PROGRAM);

    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
    bind_to(PROGRAM, sock, host);
    address.write(own_address(PROGRAM, sock));
    sock
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut server_address = MaybeUninit::<sockaddr_in>::uninit();
    let mut other_address = MaybeUninit::<sockaddr_in>::uninit();
    let mut client_address = MaybeUninit::<sockaddr_in>::uninit();

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Create the socket that listens, and the client's
    let listener = small_socket(INADDR_LOOPBACK, &mut server_address);
    let other = small_socket(INADDR_LOOPBACK + 1, &mut other_address);
    let client = small_socket(INADDR_LOOPBACK + 2, &mut client_address);

    listen(listener, 0).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"%-45s %-12s %s\n", c"", c"client", c"server");
    show(c"The server listens", client, listener);

    // [2] Fill the queue with another client's connection: a backlog of 0 leaves room for one
    // SAFETY: small_socket has filled it in.
    connect_to(PROGRAM, other, unsafe { server_address.assume_init_ref() });

    let mut waiting = pollfd { fd: listener, events: POLLIN, revents: 0 };

    // SAFETY: one entry, as it says.
    unsafe { poll(&raw mut waiting, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

    // [3] Begin to connect, without waiting for the end: nobody takes the SYN
    // SAFETY: the command takes an int, and nobody else uses the socket.
    unsafe { fcntl(client, F_SETFL, O_NONBLOCK) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    // SAFETY: the size is that of the variable, which is filled in.
    match unsafe { connect(client, server_address.as_ptr().cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
    {
        Err(error) if error.0 != EINPROGRESS => fail(PROGRAM, c"connect", error),
        _ => {}
    }

    show(c"The client connects; its SYN finds no room", client, listener);

    // [4] Make room, and wait for the next SYN of the client: SYN, SYN and ACK, ACK
    accept_client(PROGRAM, listener);

    // SAFETY: the command takes an int, and nobody else uses the socket.
    unsafe { fcntl(client, F_SETFL, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    let server = accept_client(PROGRAM, listener);
    show(c"It comes again, to an empty queue: accept", client, server);

    // [5] End the client's sending; its FIN comes after bytes for which the server has no room

    // close would send the same FIN, but it would leave no descriptor to ask for the state.
    send_much(client);

    shutdown(client, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    show(c"The client shuts down; its FIN has to wait", client, server);

    // [6] Let the FIN come, and send as much back: the acknowledgement comes with it, at the latest
    receive(c"server", server, MUCH);
    receive(c"server", server, 1);
    send_much(server);
    receive(c"client", client, 1);
    show(c"The FIN has come, and so has the ACK for it", client, server);

    // [7] End the server's sending, too; the client has no room for all that comes before the FIN
    shutdown(server, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    show(c"The server shuts down; its FIN has to wait", client, server);

    // [8] Let the FIN come: the client's socket is out of it, but TIME_WAIT keeps its address
    receive(c"client", client, MUCH - 1);
    receive(c"client", client, 1);
    printf!(c"%-45s %-12s %s\n", c"That FIN has come, too", state_of(client), c"-");
    // SAFETY: small_socket gave `client` to this program, and nothing uses it any more.
    _ = unsafe { close(client) };

    // [9] Try to take the client's address
    let next = open_socket(PROGRAM);
    // SAFETY: the size is that of the variable, which is filled in.
    let taken =
        unsafe { bind(next, client_address.as_ptr().cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) };

    match taken {
        Err(error) if error.0 != EADDRINUSE => fail(PROGRAM, c"bind", error),
        _ => {}
    }

    printf!(
        c"The client's socket is closed. Its address is %s\n",
        if taken.is_ok() { c"free" } else { c"still in use: TIME_WAIT, which has no socket" }
    );
    printf!(
        c"Not to be seen: SYN_RECV, in which the server has no socket yet, and\n\
              CLOSE, in which the server is as soon as its FIN is acknowledged\n"
    );

    // SAFETY: socket gave `next` to this program, and nothing uses it any more.
    _ = unsafe { close(next) };
    // SAFETY: accept gave `server` to this program, and nothing uses it any more.
    _ = unsafe { close(server) };
    // SAFETY: small_socket gave `listener` to this program, and nothing uses it any more.
    _ = unsafe { close(listener) };
    succeed(PROGRAM);
}

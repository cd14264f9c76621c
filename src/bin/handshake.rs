//! Handshake: the segments that open and end a connection, and the states that both ends go through.
//!
//! The tutorial's sections on the TCP connection and its end (lines 113-133). First it counts the segments of a client
//! (TCP_INFO): a connection takes three, and its end four, or three if the ACK of the first FIN travels with the second
//! (erratum 43). Then it shows the state of both ends between those packets, and that a FIN closes one direction only: the
//! server is in CLOSE_WAIT until its program closes as well, and can go on sending (erratum 33).
//!
//! Usage: `handshake`. Both ends of the connections are in this program. Read next: `half_close`.
//!
//! Most of these states pass too quickly to be seen, so each is made to last until it has been read. The server's
//! accept queue is full when the SYN arrives, so it is retransmitted a second later. Each FIN has to wait behind bytes
//! that do not fit the other end's receive buffer, until they are read.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    EADDRINUSE, EINPROGRESS, F_SETFL, INADDR_LOOPBACK, IPPROTO_TCP, MSG_DONTWAIT, MSG_WAITALL, O_NONBLOCK, POLLIN,
    SHUT_WR, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, TCP_QUICKACK, c_char, c_int, in_addr_t, pollfd, size_t, sockaddr,
    sockaddr_in, socklen_t, ssize_t,
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
    accept_client, bind_to, bound_socket, connect_client, connect_to, count_segments, open_socket, own_address,
    set_option, tcp_state,
};

const PROGRAM: &CStr = c"handshake";
const USAGE: &CStr = c"./handshake";
const RECEIVE_BUFFER_SIZE: c_int = 4096;
const SEND_BUFFER_SIZE: c_int = 65536;
/// More than the receive buffer holds: the kernel doubles RECEIVE_BUFFER_SIZE.
const DATA_SIZE: usize = 10000;

sockmirror::entry!(main);

/// Prints what has happened, and how many segments a client has sent and received.
fn print_segments(what: &CStr, client: c_int) {
    let mut sent = 0;
    let mut received = 0;

    count_segments(PROGRAM, client, &mut sent, &mut received);
    printf!(c"%-45s %-12u %u\n", what, sent, received);
}

/// Waits for a FIN.
fn wait_for_end(sock: c_int) {
    let mut byte: c_char = 0;

    // SAFETY: `byte` is one byte.
    unsafe { recv(sock, (&raw mut byte).cast(), 1, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
}

/// Connects a client and shuts both ends down, with no data in between, and prints the client's segments.
fn connect_and_end() {
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK + 3);
    let address = own_address(PROGRAM, listener);

    listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"%-45s %-12s %s\n", c"Segments of a client", c"sent", c"received");
    let client = connect_client(PROGRAM, INADDR_LOOPBACK + 4, &address);
    print_segments(c"connect() has returned: SYN, SYN-ACK, ACK", client);
    let server = accept_client(PROGRAM, listener);

    shutdown(client, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    wait_for_end(server);

    // Send the ACK now. Left alone, it waits up to 40 ms for a segment to travel with, such as the server's FIN.
    set_option(PROGRAM, server, IPPROTO_TCP, TCP_QUICKACK, 1);

    shutdown(server, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    wait_for_end(client);
    print_segments(c"Both ends have shut down: FIN, ACK, FIN, ACK", client);
    // SAFETY: nothing uses `client` any more.
    _ = unsafe { close(client) };
    // SAFETY: nothing uses `server` any more.
    _ = unsafe { close(server) };
    // SAFETY: nothing uses `listener` any more.
    _ = unsafe { close(listener) };
}

/// Returns the name of the TCP state of a socket.
fn state_name(sock: c_int) -> &'static CStr {
    match tcp_state(PROGRAM, sock) {
        TCP_ESTABLISHED => c"ESTABLISHED",
        TCP_SYN_SENT => c"SYN_SENT",
        TCP_FIN_WAIT1 => c"FIN_WAIT1",
        TCP_FIN_WAIT2 => c"FIN_WAIT2",
        TCP_CLOSE => c"CLOSE",
        TCP_CLOSE_WAIT => c"CLOSE_WAIT",
        TCP_LAST_ACK => c"LAST_ACK",
        TCP_LISTEN => c"LISTEN",
        _ => c"unknown",
    }
}

/// Prints what has happened, and the states of both ends.
fn print_states(what: &CStr, client: c_int, server: c_int) {
    let client_state = state_name(client);
    let server_state = state_name(server);

    printf!(c"%-45s %-12s %s\n", what, client_state, server_state);
}

/// Sends more than the other end's receive buffer holds; the send buffer has room for the rest.
fn send_data(sock: c_int) {
    let mut buffer = MaybeUninit::<[c_char; DATA_SIZE]>::uninit();

    // SAFETY: `buffer` has DATA_SIZE bytes.
    unsafe { memset(buffer.as_mut_ptr().cast(), b'x'.into(), DATA_SIZE) };

    // SAFETY: memset has set the DATA_SIZE bytes of `buffer`.
    let sent = unsafe { send(sock, buffer.as_ptr().cast(), DATA_SIZE, MSG_DONTWAIT) };
    if sent != Ok(DATA_SIZE as ssize_t) {
        explain_send(PROGRAM, sent, DATA_SIZE as ssize_t);
        exit(1);
    }
}

/// Waits for `count` bytes or a FIN, and prints how many bytes have arrived.
fn receive(whose: &CStr, sock: c_int, count: size_t) {
    let mut buffer = MaybeUninit::<[c_char; DATA_SIZE]>::uninit();

    // SAFETY: no caller asks for more than the DATA_SIZE bytes of `buffer`.
    let received = unsafe { recv(sock, buffer.as_mut_ptr().cast(), count, MSG_WAITALL) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    printf!(c"  The %s's recv returns %zd\n", whose, received);
}

/// Creates a socket with a small receive buffer, and binds it to an address of 127.0.0.0/8.
fn small_buffer_socket(host: in_addr_t) -> c_int {
    let sock = open_socket(PROGRAM);

    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_SIZE);
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_SIZE);
    bind_to(PROGRAM, sock, host);
    sock
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Connect and end, with no data in between: SYN, SYN-ACK, ACK; FIN, ACK, FIN, ACK
    connect_and_end();

    // [2] Create the listener and two clients
    let listener = small_buffer_socket(INADDR_LOOPBACK);
    let server_address = own_address(PROGRAM, listener);
    let other = small_buffer_socket(INADDR_LOOPBACK + 1);
    let client = small_buffer_socket(INADDR_LOOPBACK + 2);
    let client_address = own_address(PROGRAM, client);

    listen(listener, 0).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"\n%-45s %-12s %s\n", c"", c"client", c"server");
    print_states(c"The server listens", client, listener);

    // [3] Fill the accept queue with the other client's connection: a backlog of 0 leaves room for one
    connect_to(PROGRAM, other, &server_address);

    let mut waiting = pollfd { fd: listener, events: POLLIN, revents: 0 };

    // SAFETY: `waiting` is one entry.
    unsafe { poll(&raw mut waiting, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

    // [4] Start to connect without blocking: the SYN is dropped
    // SAFETY: F_SETFL takes an int.
    unsafe { fcntl(client, F_SETFL, O_NONBLOCK) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    // SAFETY: the size is that of `server_address`.
    unsafe { connect(client, (&raw const server_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| {
            if error.0 != EINPROGRESS {
                fail(PROGRAM, c"connect", error);
            }
        });

    print_states(c"The client connects; its SYN is dropped", client, listener);

    // [5] Make room, and wait until the client retransmits its SYN: SYN, SYN-ACK, ACK
    accept_client(PROGRAM, listener);

    // SAFETY: F_SETFL takes an int.
    unsafe { fcntl(client, F_SETFL, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    let server = accept_client(PROGRAM, listener);
    print_states(c"The SYN is retransmitted; the server accepts", client, server);

    // [6] Shut down the client's sending; its FIN waits behind bytes for which the server has no room
    send_data(client);

    // close would send the same FIN, but leave no descriptor to read the state from.
    shutdown(client, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    print_states(c"The client shuts down; its FIN has to wait", client, server);

    // [7] Let the FIN arrive, and send as many bytes back: they acknowledge it at the latest
    receive(c"server", server, DATA_SIZE);
    receive(c"server", server, 1);
    send_data(server);
    receive(c"client", client, 1);
    print_states(c"The FIN and the ACK for it have arrived", client, server);

    // [8] Shut down the server's sending; its FIN waits behind bytes for which the client has no room
    shutdown(server, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    print_states(c"The server shuts down; its FIN has to wait", client, server);

    // [9] Let the FIN arrive: the client's socket is in CLOSE, but TIME_WAIT keeps its address in use
    receive(c"client", client, DATA_SIZE - 1);
    receive(c"client", client, 1);
    printf!(c"%-45s %-12s %s\n", c"That FIN has arrived, too", state_name(client), c"-");
    // SAFETY: nothing uses `client` any more.
    _ = unsafe { close(client) };

    // [10] Try to bind to the client's address
    let next = open_socket(PROGRAM);
    // SAFETY: the size is that of `client_address`.
    let bound =
        unsafe { bind(next, (&raw const client_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) };

    bound.unwrap_or_else(|error| {
        if error.0 != EADDRINUSE {
            fail(PROGRAM, c"bind", error);
        }
    });

    printf!(
        c"The client's socket is closed. Its address is %s\n",
        if bound.is_ok() { c"free" } else { c"still in use: TIME_WAIT, which has no socket" }
    );
    printf!(
        c"Not shown: SYN_RECV, in which the server has no socket yet, and\n\
              CLOSE, which the server enters as soon as its FIN is acknowledged\n"
    );

    // SAFETY: nothing uses `next` any more.
    _ = unsafe { close(next) };
    // SAFETY: nothing uses `server` any more.
    _ = unsafe { close(server) };
    // SAFETY: nothing uses `listener` any more.
    _ = unsafe { close(listener) };
    succeed(PROGRAM);
}

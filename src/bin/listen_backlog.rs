//! Listen backlog: how many connections complete before anyone accepts them.
//!
//! The tutorial's sections on listen() and accept() (lines 271-285). It shows that:
//!
//! - the kernel completes connections by itself and keeps them in a queue;
//! - on Linux the queue holds one more than the backlog (erratum 17: half-open ones have a queue of their own, and
//!   the number itself still fits);
//! - the next client gets no answer at all, neither acceptance nor refusal, so that it retransmits its SYN until there
//!   is room;
//! - accept takes first the connection that was complete first;
//! - clients are served side by side: one that is deferred until it sends (TCP_DEFER_ACCEPT) is not in the queue, and a
//!   later one that sends first is accepted first (erratum 17);
//! - the kernel limits the backlog to what the administrator allows (somaxconn), and listen does not report that.
//!
//! Usage: `listen_backlog [BACKLOG]`, from 0 to 100; the default is 5. Both ends of its connections are in this
//! program. Read next: `stream_boundaries`.
//!
//! Each client has an address of its own, 127.0.0.2 and so on, to tell them apart. The clients stay connected until the
//! program ends. The limit and the length of the queue are two fields of a listening socket's TCP_INFO.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    EINPROGRESS, INADDR_LOOPBACK, IPPROTO_TCP, PF_INET, POLLOUT, SO_ERROR, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET,
    TCP_DEFER_ACCEPT, c_int, in_addr_t, pollfd, sockaddr, sockaddr_in, socklen_t,
};
use sockmirror::arpa::inet::inet_ntoa;
use sockmirror::errno::Errno;
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, printf, stderr};
use sockmirror::stdlib::exit;
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{accept, connect, listen, send, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{check_arguments, number_argument};
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{
    bind_to, bound_socket, effective_backlog, get_option, own_address, queue_length, set_option,
};

const PROGRAM: &CStr = c"listen_backlog";
const USAGE: &CStr = c"./listen_backlog [BACKLOG]";
const DEFAULT_BACKLOG: c_int = 5;
// How long the last client waits for an answer to its first SYN. It retransmits after 1000 ms.
const ANSWER_TIMEOUT_MS: c_int = 500;
/// How long a connection may be deferred until the client's first byte, in seconds.
const DEFER_ACCEPT_S: c_int = 60;
/// More than a kernel allows, unless the administrator has changed it.
const HUGE_BACKLOG: c_int = 1000000;

sockmirror::entry!(main);

/// Connects a client from 127.0.0.HOST. With SOCK_NONBLOCK, the connection is only started.
fn connect_from(host: c_int, flags: c_int, server_address: &sockaddr_in) -> c_int {
    let client = socket(PF_INET, SOCK_STREAM | flags, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    bind_to(PROGRAM, client, INADDR_LOOPBACK - 1 + host as in_addr_t);

    // EINPROGRESS is no failure: the kernel goes on by itself.
    // SAFETY: the size is that of `server_address`.
    match unsafe {
        connect(client, (&raw const *server_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t)
    } {
        Err(error) if error.0 != EINPROGRESS => fail(PROGRAM, c"connect", error),
        _ => {}
    }

    client
}

/// Accepts a connection, prints the client's address, and closes it.
fn accept_next(server: c_int) {
    let mut length = size_of::<sockaddr_in>() as socklen_t;
    let mut client_address: sockaddr_in = zeroed();

    // SAFETY: `length` is the size of `client_address`.
    let accepted = unsafe { accept(server, (&raw mut client_address).cast::<sockaddr>(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"accept", error));

    printf!(c"The server accepts %s\n", inet_ntoa(client_address.sin_addr));
    // SAFETY: `accepted` is this function's own, and nothing uses it afterwards.
    _ = unsafe { close(accepted) };
}

/// Sends a client's first byte, which ends the wait of a deferred connection.
fn send_first_byte(client: c_int, host: c_int, server: c_int) {
    // SAFETY: the string has one byte.
    unsafe { send(client, c"x".as_ptr().cast(), 1, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"send", error));

    printf!(c"127.0.0.%d has sent; in the queue: %d\n", host, queue_length(PROGRAM, server));
}

/// Changes the backlog, prints the limit that is in force then, and returns it.
fn change_backlog(server: c_int, backlog: c_int) -> c_int {
    listen(server, backlog).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    let effective = effective_backlog(PROGRAM, server, backlog);
    printf!(c"With a backlog of %d, the limit in force is %d\n", backlog, effective);
    effective
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut backlog = DEFAULT_BACKLOG;

    // [1] Take the backlog from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 1);

    if argc > 1 {
        backlog = number_argument(PROGRAM, USAGE, c"BACKLOG", argv[1], 10, 0, 100) as c_int;
    }

    // [2] Create the server's socket, on a port of 127.0.0.1 that the kernel chooses
    let server = bound_socket(PROGRAM, INADDR_LOOPBACK);
    let server_address = own_address(PROGRAM, server);

    // [3] Listen, and do not accept
    listen(server, backlog).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"The server listens with a backlog of %d, and does not accept\n", backlog);
    let effective = effective_backlog(PROGRAM, server, backlog);
    printf!(c"The limit in force is %d\n", effective);

    if effective < backlog {
        printf!(c"The kernel has cut it: net.core.somaxconn allows no more\n");
        backlog = effective;
    }

    // [4] Connect as many clients as the backlog, and one more, starting with 127.0.0.2
    let last = backlog + 2;

    // These calls block: each returns once its connection is complete.
    for host in 2..=last {
        connect_from(host, 0, &server_address);
        printf!(c"127.0.0.%d is connected\n", host);
    }

    // [5] Start another connection, and wait for an answer
    let host = last + 1;
    let mut late_client =
        pollfd { fd: connect_from(host, SOCK_NONBLOCK, &server_address), events: POLLOUT, revents: 0 };

    // SAFETY: the list has one entry.
    let answered = unsafe { poll(&raw mut late_client, 1, ANSWER_TIMEOUT_MS) }
        .unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

    printf!(c"127.0.0.%d has %s\n", host, if answered == 0 { c"no answer: the queue is full" } else { c"an answer" });
    printf!(c"Complete, and not accepted: %d\n", queue_length(PROGRAM, server));

    // [6] Accept one connection: now there is room for another
    accept_next(server);

    // [7] Wait until the late client has retransmitted its SYN, and check the result
    // SAFETY: the list has one entry.
    unsafe { poll(&raw mut late_client, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

    let error = get_option(PROGRAM, late_client.fd, SOL_SOCKET, SO_ERROR);
    if error != 0 {
        fail(PROGRAM, c"connect", Errno(error));
    }

    printf!(c"127.0.0.%d is connected, by a SYN that it sent again\n", host);

    // [8] Accept all the others: first come, first served
    for _ in 2..=last {
        accept_next(server);
    }

    // [9] Ask for more than the kernel allows, and for -1, which it takes for the largest number
    change_backlog(server, HUGE_BACKLOG);
    let effective = change_backlog(server, -1);

    if effective < 2 {
        fprintf!(
            stderr(),
            c"%s: listen: no room for two deferred connections: is net.core.somaxconn less than 2?\n",
            PROGRAM
        );
        exit(1);
    }

    // [10] Connect two more: with TCP_DEFER_ACCEPT, each gets into the queue when the client's first byte is there
    set_option(PROGRAM, server, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_S);
    let first = connect_from(last + 2, 0, &server_address);
    let second = connect_from(last + 3, 0, &server_address);
    // With net.ipv4.tcp_syncookies = 2, the kernel keeps nothing that it could defer.
    let queued = queue_length(PROGRAM, server);
    printf!(
        c"127.0.0.%d and 127.0.0.%d are connected and %s; in the queue: %d\n",
        last + 2,
        last + 3,
        if queued == 0 { c"deferred until they send" } else { c"not deferred" },
        queued
    );

    // [11] Have the second one send first: if they were deferred, it is accepted first
    send_first_byte(second, last + 3, server);
    send_first_byte(first, last + 2, server);
    accept_next(server);
    accept_next(server);

    // SAFETY: `server` is this program's own, and nothing uses it afterwards.
    _ = unsafe { close(server) };
    succeed(PROGRAM);
}

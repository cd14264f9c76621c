//! Listen backlog: how many connections complete before anyone accepts.
//!
//! The tutorial's sections on listen() and accept() (lines 271-285). It shows that the kernel completes
//! connections by itself and keeps them in a queue; that on Linux the queue takes one more than the
//! backlog (erratum 17: half-open ones do not count, and the number itself still fits); that the client
//! after those gets no answer at all, neither yes nor no, so that it sends its SYN again until there is
//! room; and that accept takes the oldest connection first. What the administrator allows (somaxconn) the
//! kernel does not exceed, and listen does not tell.
//!
//! Call: `listen_backlog [BACKLOG]`, from 0 to 100; 5 if none is given. It needs nothing to run against:
//! server and clients are in this program. Read next: `stream_boundaries`.
//!
//! Each client has an address of its own, 127.0.0.2 and so on, so that they can be told apart. The clients
//! stay connected until the program ends.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, EINPROGRESS, INADDR_LOOPBACK, PF_INET, POLLOUT, SO_ERROR, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, c_int,
    pollfd, sa_family_t, sockaddr, sockaddr_in, socklen_t,
};
use sockmirror::arpa::inet::{htonl, inet_ntoa};
use sockmirror::errno::Errno;
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{accept, bind, connect, getsockname, getsockopt, listen, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{check_arguments, number_argument};
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::effective_backlog;

const PROGRAM: &CStr = c"listen_backlog";
const USAGE: &CStr = c"./listen_backlog [BACKLOG]";
const BACKLOG: c_int = 5;
// In milliseconds: as long as the last client's first SYN has time to be answered. The second one goes out
// after 1000.
const PATIENCE: c_int = 500;

sockmirror::entry!(main);

/// Connects a client from 127.0.0.HOST. With SOCK_NONBLOCK the connection is only begun.
fn connect_from(host: c_int, flags: c_int, server_address: &sockaddr_in) -> c_int {
    let client = socket(PF_INET, SOCK_STREAM | flags, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    let mut client_address: sockaddr_in = zeroed();
    client_address.sin_family = AF_INET as sa_family_t;
    client_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host as u32);

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(client, (&raw const client_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    // "In progress" is no failure: the kernel goes on by itself.
    // SAFETY: the size is that of the address, which is filled in.
    match unsafe {
        connect(client, (&raw const *server_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t)
    } {
        Err(error) if error.0 != EINPROGRESS => fail(PROGRAM, c"connect", error),
        _ => {}
    }

    client
}

/// Accepts a connection, says whose it is, and closes it.
fn accept_next(server: c_int) {
    let mut client_address = MaybeUninit::<sockaddr_in>::uninit();
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    // SAFETY: `length` is the size of `client_address`.
    let accepted = unsafe { accept(server, client_address.as_mut_ptr().cast::<sockaddr>(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"accept", error));

    // SAFETY: accept has stored the address.
    let client_address = unsafe { client_address.assume_init() };
    printf!(c"The server accepts %s\n", inet_ntoa(client_address.sin_addr));
    // SAFETY: accept gave `accepted` to this function, and nothing uses it any more.
    _ = unsafe { close(accepted) };
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut length = size_of::<sockaddr_in>() as socklen_t;
    let mut error: c_int = 0;
    let mut backlog = BACKLOG;

    // [1] Take the backlog from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 1);

    if argc > 1 {
        backlog = number_argument(PROGRAM, USAGE, c"BACKLOG", argv[1], 10, 0, 100) as c_int;
    }

    // [2] Create the server's socket, on a port of 127.0.0.1 that the kernel chooses
    let server = socket(PF_INET, SOCK_STREAM, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    let mut server_address: sockaddr_in = zeroed();
    server_address.sin_family = AF_INET as sa_family_t;
    server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(server, (&raw const server_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    // SAFETY: `length` is the size of `server_address`.
    unsafe { getsockname(server, (&raw mut server_address).cast::<sockaddr>(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockname", error));

    // [3] Listen, and do not accept
    listen(server, backlog).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"The server listens with a backlog of %d, and does not accept\n", backlog);
    let kept = effective_backlog(PROGRAM, server, backlog);

    if kept < backlog {
        printf!(c"The kernel cuts it to %d: net.core.somaxconn allows no more\n", kept);
        backlog = kept;
    }

    // [4] Connect as many clients as the backlog says, and one more; 127.0.0.2 is the first
    let last = backlog + 2;

    // These connects block: each returns when its connection is complete, and not before.
    for host in 2..=last {
        connect_from(host, 0, &server_address);
        printf!(c"127.0.0.%d is connected\n", host);
    }

    // [5] Connect another one, and give it time for an answer
    let host = last + 1;
    let mut late = pollfd { fd: connect_from(host, SOCK_NONBLOCK, &server_address), events: POLLOUT, revents: 0 };

    // SAFETY: one entry, as it says.
    let answers = unsafe { poll(&raw mut late, 1, PATIENCE) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

    printf!(c"127.0.0.%d has %s\n", host, if answers == 0 { c"no answer: the queue is full" } else { c"an answer" });
    printf!(c"Complete, and not accepted: %d\n", backlog + 1 + answers);

    // [6] Accept one connection: there is room for another
    accept_next(server);

    // [7] Wait until the late client has sent its SYN again, and see what came of it
    // SAFETY: one entry, as it says.
    unsafe { poll(&raw mut late, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

    length = size_of::<c_int>() as socklen_t;

    // SAFETY: `length` is the size of `error`.
    unsafe { getsockopt(late.fd, SOL_SOCKET, SO_ERROR, (&raw mut error).cast(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));

    if error != 0 {
        fail(PROGRAM, c"connect", Errno(error));
    }

    printf!(c"127.0.0.%d is connected, by a SYN that it sent again\n", host);

    // [8] Accept all the others: first come, first accepted
    for _ in 2..=last {
        accept_next(server);
    }

    // SAFETY: socket gave `server` to this program, and nothing uses it any more.
    _ = unsafe { close(server) };
    succeed(PROGRAM);
}

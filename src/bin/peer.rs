//! Peer: one program that is server and client at once.
//!
//! The tutorial's section on client and server (lines 16-25), where it mentions peer-to-peer programs. It shows that
//! server and client are the two ends of a connection, not two kinds of program: the server is the end that listened,
//! the client the end that connected. A peer does both, with a socket for each.
//!
//! Usage: `peer PORT [PEER_IP PEER_PORT]`. It listens on PORT of every interface and serves one peer. If PEER_IP and
//! PEER_PORT are given, it also connects to that peer as its client. On every connection both ends send a greeting at
//! once, a line of text, and print the one they receive. The program exits after it has served and has been served.
//! Run it against itself, as `peer 5000 127.0.0.1 5000`; or run `peer 5000` and then `peer 5001 127.0.0.1 5000`, which
//! goes on to wait for a client of its own.
//!
//! It is not robust: a peer that connects and stays silent blocks it, and one that resets the connection ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, INADDR_ANY, MSG_NOSIGNAL, PF_INET, POLLIN, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, c_char, c_int,
    in_port_t, pollfd, sa_family_t, size_t, sockaddr, sockaddr_in, socklen_t, ssize_t,
};
use sockmirror::arpa::inet::{htonl, htons, inet_ntoa};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{strchr, strlen, zeroed};
use sockmirror::sys::socket::{accept, bind, connect, listen, recv, send, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{address_argument, check_arguments, number_argument};
use sockmirror::common::explain::{explain_send, fail, succeed};

const PROGRAM: &CStr = c"peer";
const USAGE: &CStr = c"./peer PORT [PEER_IP PEER_PORT]";
/// Includes the NUL. What does not fit is not read.
const LINE_SIZE: usize = 80;

sockmirror::entry!(main);

/// Sends a greeting. MSG_NOSIGNAL keeps SIGPIPE from ending the program if the other end has closed.
fn send_greeting(sock: c_int, greeting: &CStr) {
    // SAFETY: `greeting` is a C string.
    let length = unsafe { strlen(greeting.as_ptr()) } as ssize_t;
    // SAFETY: `greeting` has `length` bytes.
    let sent = unsafe { send(sock, greeting.as_ptr().cast(), length as size_t, MSG_NOSIGNAL) };

    if sent != Ok(length) {
        explain_send(PROGRAM, sent, length);
        exit(1);
    }
}

/// Receives the other end's greeting, prints it, and closes the socket.
fn receive_greeting(sock: c_int, role: &CStr) {
    let mut line = [0 as c_char; LINE_SIZE];
    let mut length: size_t = 0;

    // One recv may return only a part of the line; 0 bytes mean end of file.
    let end = loop {
        // SAFETY: `line` has LINE_SIZE bytes, of which `length` are taken.
        let received = unsafe { recv(sock, line.as_mut_ptr().wrapping_add(length).cast(), LINE_SIZE - 1 - length, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

        length += received as size_t;
        line[length] = 0;
        // SAFETY: the NUL makes `line` a C string.
        let end = unsafe { strchr(line.as_mut_ptr(), c_int::from(b'\n')) };
        if !(received > 0 && length < LINE_SIZE - 1 && end.is_null()) {
            break end;
        }
    };

    if !end.is_null() {
        // SAFETY: strchr returned a pointer into `line`.
        unsafe { *end = 0 };
    }

    // SAFETY: there is a NUL in `line`.
    printf!(c"As a %s: the other end says \"%s\"\n", role, unsafe { CStr::from_ptr(line.as_ptr()) });
    // SAFETY: no caller uses the socket afterwards.
    _ = unsafe { close(sock) };
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut client = -1;
    let on: c_int = 1;
    let mut own_address: sockaddr_in = zeroed();
    let mut peer_address: sockaddr_in = zeroed();

    // [1] Take the port from the command line, and the peer's address if there is one
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    let port = number_argument(PROGRAM, USAGE, c"PORT", argv[1], 10, 1, 65535) as in_port_t;
    own_address.sin_family = AF_INET as sa_family_t;
    own_address.sin_addr.s_addr = htonl(INADDR_ANY);
    own_address.sin_port = htons(port);

    if argc > 2 {
        peer_address.sin_family = AF_INET as sa_family_t;
        peer_address.sin_addr = address_argument(PROGRAM, USAGE, c"PEER_IP", argv[2]);
        peer_address.sin_port =
            htons(number_argument(PROGRAM, USAGE, c"PEER_PORT", argv[3], 10, 1, 65535) as in_port_t);
    }

    // [2] Be a server: bind, even if earlier connections on the port are in TIME_WAIT, and listen
    let server = socket(PF_INET, SOCK_STREAM, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // SAFETY: the size is that of `on`.
    unsafe { setsockopt(server, SOL_SOCKET, SO_REUSEADDR, (&raw const on).cast(), size_of::<c_int>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    // SAFETY: the size is that of `own_address`.
    unsafe { bind(server, (&raw const own_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    listen(server, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"As a server: listening on port %d\n", c_int::from(port));

    // [3] If there is a peer, be a client, too: connect and send the greeting
    if argc > 2 {
        client = socket(PF_INET, SOCK_STREAM, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

        // SAFETY: the size is that of `peer_address`.
        unsafe { connect(client, (&raw const peer_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
            .unwrap_or_else(|error| fail(PROGRAM, c"connect", error));

        printf!(c"As a client: connected to %s\n", inet_ntoa(peer_address.sin_addr));
        send_greeting(client, c"hello from your client\n");
    }

    // [4] Wait for both sockets at once, until there is nothing left to wait for
    let mut fds =
        [pollfd { fd: server, events: POLLIN, revents: 0 }, pollfd { fd: client, events: POLLIN, revents: 0 }];

    while fds[0].fd >= 0 || fds[1].fd >= 0 {
        // poll ignores negative descriptors.
        // SAFETY: `fds` has two entries.
        unsafe { poll(fds.as_mut_ptr(), 2, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

        // [5] A client connects: serve this one, and no other
        if fds[0].revents != 0 {
            let mut length = size_of::<sockaddr_in>() as socklen_t;

            // SAFETY: `length` is the size of `peer_address`.
            let accepted = unsafe { accept(server, (&raw mut peer_address).cast::<sockaddr>(), &raw mut length) }
                .unwrap_or_else(|error| fail(PROGRAM, c"accept", error));

            // SAFETY: nothing uses `server` any more.
            _ = unsafe { close(server) };
            fds[0].fd = -1;
            printf!(c"As a server: %s has connected\n", inet_ntoa(peer_address.sin_addr));
            send_greeting(accepted, c"hello from your server\n");
            receive_greeting(accepted, c"server");
        }

        // [6] The server has sent its greeting, or closed
        if fds[1].revents != 0 {
            fds[1].fd = -1;
            receive_greeting(client, c"client");
        }
    }

    succeed(PROGRAM);
}

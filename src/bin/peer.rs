//! Peer: one program that is server and client at once.
//!
//! The tutorial's section on client and server (lines 16-25), where it comes to peer-to-peer programs. It
//! shows that server and client are the two ends of a connection, and not two kinds of program: the server
//! is the one that listened, the client the one that connected. A peer does both, with a socket for each.
//!
//! Call: `peer PORT [PEER_IP PEER_PORT]`. It listens on PORT of every interface, and serves one peer. If it
//! is given one, it connects to that as well, as its client. On every connection both ends send their
//! greeting at once, a line of text, and print the other one's. The program ends when it has served, and
//! has been served. Run against it: itself, with `peer 5000 127.0.0.1 5000`; or `peer 5000`, and beside it
//! `peer 5001 127.0.0.1 5000`, which then waits for a client of its own.
//!
//! It is no robust server: a peer that connects and says nothing keeps it waiting, and one that resets the
//! connection ends it.
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
// With the NUL that ends it. What does not fit is not read.
const LINE_SIZE: usize = 80;

sockmirror::entry!(main);

/// Sends a greeting. Without MSG_NOSIGNAL, SIGPIPE would end the program if the other end is gone.
fn greet(sock: c_int, greeting: &CStr) {
    // SAFETY: a C string.
    let length = unsafe { strlen(greeting.as_ptr()) } as ssize_t;
    // SAFETY: `greeting` has as many bytes as strlen counted.
    let sent = unsafe { send(sock, greeting.as_ptr().cast(), length as size_t, MSG_NOSIGNAL) };

    if sent != Ok(length) {
        explain_send(PROGRAM, sent, length);
        exit(1);
    }
}

/// Receives the other end's greeting, prints it, and closes the socket.
///
/// # Safety
///
/// `sock` is the caller's own, and nothing uses it afterwards.
unsafe fn hear(sock: c_int, r#as: &CStr) {
    let mut line = [0 as c_char; LINE_SIZE];
    let mut length: size_t = 0;

    // One recv may bring only a part of the line. 0 bytes are the end of the stream.
    let end = loop {
        // SAFETY: `length` bytes are taken, so that there is a byte more than recv may store.
        let received = unsafe { recv(sock, line.as_mut_ptr().wrapping_add(length).cast(), LINE_SIZE - 1 - length, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

        length += received as size_t;
        // SAFETY: recv left a byte at the end.
        *unsafe { line.get_unchecked_mut(length) } = 0;
        // SAFETY: the line above made it a C string.
        let end = unsafe { strchr(line.as_mut_ptr(), c_int::from(b'\n')) };
        if !(received > 0 && length < LINE_SIZE - 1 && end.is_null()) {
            break end;
        }
    };

    if !end.is_null() {
        // SAFETY: strchr found it in `line`.
        unsafe { *end = 0 };
    }

    // SAFETY: `line` is a C string.
    printf!(c"As a %s: the other end says \"%s\"\n", r#as, unsafe { CStr::from_ptr(line.as_ptr()) });
    // SAFETY: the caller vouches that it is its own, and not used any more.
    _ = unsafe { close(sock) };
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut client = -1;
    let on: c_int = 1;

    let mut own_address: sockaddr_in = zeroed();
    let mut peer_address: sockaddr_in = zeroed();

    // [1] Take the port from the command line, and the address of a peer if there is one
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    let port = number_argument(PROGRAM, USAGE, c"PORT", argv[1], 10, 1, 65535) as in_port_t;
    own_address.sin_family = AF_INET as sa_family_t;
    own_address.sin_addr.s_addr = htonl(INADDR_ANY);
    own_address.sin_port = htons(port);

    if argc > 2 {
        peer_address.sin_family = AF_INET as sa_family_t;
        peer_address.sin_addr = address_argument(PROGRAM, USAGE, c"PEER_IP", argv[2]);
        // SAFETY: argv[3] is a C string, or the null pointer after the last one.
        peer_address.sin_port =
            htons(number_argument(PROGRAM, USAGE, c"PEER_PORT", argv[3], 10, 1, 65535) as in_port_t);
    }

    // [2] Be a server: bind and listen, also where an earlier peer's connections are in TIME_WAIT
    let server = socket(PF_INET, SOCK_STREAM, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // SAFETY: the size is that of the variable.
    unsafe { setsockopt(server, SOL_SOCKET, SO_REUSEADDR, (&raw const on).cast(), size_of::<c_int>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(server, (&raw const own_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    listen(server, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"As a server: listening on port %d\n", c_int::from(port));

    // [3] Be a client, too, if there is a peer: connect and send the greeting
    if argc > 2 {
        client = socket(PF_INET, SOCK_STREAM, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

        // SAFETY: the size is that of the variable, which is filled in.
        unsafe { connect(client, (&raw const peer_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
            .unwrap_or_else(|error| fail(PROGRAM, c"connect", error));

        printf!(c"As a client: connected to %s\n", inet_ntoa(peer_address.sin_addr));
        greet(client, c"hello from your client\n");
    }

    // [4] Wait for both at once, until there is nothing left to wait for
    let mut ends =
        [pollfd { fd: server, events: POLLIN, revents: 0 }, pollfd { fd: client, events: POLLIN, revents: 0 }];

    while ends[0].fd >= 0 || ends[1].fd >= 0 {
        // A descriptor that is negative is passed over.
        // SAFETY: two entries, as it says.
        unsafe { poll(ends.as_mut_ptr(), 2, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

        // [5] Somebody connects: serve this one, and nobody else
        if ends[0].revents != 0 {
            let mut length = size_of::<sockaddr_in>() as socklen_t;

            // SAFETY: `length` is the size of `peer_address`.
            let accepted = unsafe { accept(server, (&raw mut peer_address).cast::<sockaddr>(), &raw mut length) }
                .unwrap_or_else(|error| fail(PROGRAM, c"accept", error));

            // SAFETY: socket gave `server` to this program, and nothing uses it any more.
            _ = unsafe { close(server) };
            ends[0].fd = -1;
            printf!(c"As a server: %s has connected\n", inet_ntoa(peer_address.sin_addr));
            greet(accepted, c"hello from your server\n");
            // SAFETY: accept gave `accepted` to this turn of the loop, and nothing uses it any more.
            unsafe { hear(accepted, c"server") };
        }

        // [6] The server that this one is a client of has answered
        if ends[1].revents != 0 {
            ends[1].fd = -1;
            // SAFETY: socket gave `client` to this program, and nothing uses it any more.
            unsafe { hear(client, c"client") };
        }
    }

    succeed(PROGRAM);
}

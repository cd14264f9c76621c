//! Socket pair: the two addresses that identify a connection.
//!
//! The tutorial's bind() and connect() (lines 253-269 and 306-320). Three clients connect to one port of a server that
//! is bound to INADDR_ANY. Each connection has an address and a port at either end, and no two have all four in common:
//! these four values are the socket pair (erratum 41). Then a server that is bound to one address refuses a connection
//! to another.
//!
//! Usage: `socket_pair`. Both ends of its connections are in this program. Read next: `listen_backlog`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{INADDR_ANY, INADDR_LOOPBACK, c_char, c_int, sockaddr, sockaddr_in, socklen_t};
use sockmirror::arpa::inet::{htonl, inet_ntoa, ntohs};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::{strerror, zeroed};
use sockmirror::sys::socket::{accept, connect, getpeername, listen, recv, send};

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{bind_to, bound_socket, connect_to, open_socket, own_address};

const PROGRAM: &CStr = c"socket_pair";
const USAGE: &CStr = c"./socket_pair";
const CLIENTS: usize = 3;

sockmirror::entry!(main);

/// Prints an address. inet_ntoa has one buffer, so a printf can print only one.
fn print_address(address: &sockaddr_in) {
    printf!(c"%s:%d", inet_ntoa(address.sin_addr), c_int::from(ntohs(address.sin_port)));
}

/// Prints and returns a socket's own address.
fn print_own_address(sock: c_int) -> sockaddr_in {
    let own = own_address(PROGRAM, sock);

    print_address(&own);
    own
}

/// Prints the socket pair: a socket's own address, and its peer's.
fn print_pair(sock: c_int) {
    let mut peer: sockaddr_in = zeroed();
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    print_own_address(sock);

    // SAFETY: `length` is the size of `peer`.
    unsafe { getpeername(sock, (&raw mut peer).cast::<sockaddr>(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getpeername", error));

    printf!(c" -> ");
    print_address(&peer);
}

/// Accepts the next client, and prints its address. Erratum 11: accept stores a struct sockaddr, not a struct socket.
fn accept_and_print(listener: c_int) -> c_int {
    let mut client: sockaddr_in = zeroed();
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    // SAFETY: `length` is the size of `client`.
    let sock = unsafe { accept(listener, (&raw mut client).cast::<sockaddr>(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"accept", error));

    printf!(c"accept() stores ");
    print_address(&client);
    sock
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let names = [c"x", c"y", c"z"];
    let (mut clients, mut servers) = ([0; CLIENTS], [0; CLIENTS]);
    let mut letter: c_char = 0;

    // [1] Take no arguments from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Listen on every interface
    let listener = bound_socket(PROGRAM, INADDR_ANY);

    listen(listener, CLIENTS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"A server bound to INADDR_ANY: ");
    let mut server = print_own_address(listener);
    printf!(c"\n");

    // [3] Connect x to 127.0.0.1, y to 127.0.0.2, and z, which is bound to 127.0.0.3, to 127.0.0.1
    for i in 0..CLIENTS {
        clients[i] = open_socket(PROGRAM);

        if i == 2 {
            bind_to(PROGRAM, clients[i], INADDR_LOOPBACK + 2);
        }

        printf!(c"\nClient %s: ", names[i]);
        print_own_address(clients[i]);
        server.sin_addr.s_addr = htonl(if i == 1 { INADDR_LOOPBACK + 1 } else { INADDR_LOOPBACK });
        connect_to(PROGRAM, clients[i], &server);
        printf!(c", and after connect() ");
        print_pair(clients[i]);
        printf!(c"\n  ");
        servers[i] = accept_and_print(listener);
        printf!(c", and the server has ");
        print_pair(servers[i]);
        printf!(c"\n");
    }

    // [4] Let each client send its name: it arrives at the server's socket for this client
    printf!(c"\nThe server's three sockets receive:");

    for i in 0..CLIENTS {
        // SAFETY: each name has one byte.
        unsafe { send(clients[i], names[i].as_ptr().cast(), 1, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"send", error));

        // SAFETY: `letter` is one byte.
        unsafe { recv(servers[i], (&raw mut letter).cast(), 1, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

        printf!(c" %c", c_int::from(letter));
    }

    // [5] Listen on one address only
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK + 1);

    listen(listener, CLIENTS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"\n\nA server bound to one address: ");
    let mut server = print_own_address(listener);

    // [6] Connect to another address of the same interface, then to this one
    for i in 0..2 {
        let sock = bound_socket(PROGRAM, INADDR_LOOPBACK + 3 + i);
        server.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
        printf!(c"\n  connect() to ");
        print_address(&server);

        // SAFETY: the size is that of `server`, which is filled in.
        match unsafe { connect(sock, (&raw const server).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) } {
            Err(error) => printf!(c" fails: %s (errno %d)", strerror(error.0), error.0),
            Ok(()) => {
                printf!(c": ");
                accept_and_print(listener);
            }
        }
    }

    printf!(c"\n");
    succeed(PROGRAM);
}

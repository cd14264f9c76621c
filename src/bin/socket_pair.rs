//! Socket pair: the two addresses by which connections to one port are told apart.
//!
//! The tutorial's bind() and connect() (lines 253-269 and 306-320). Three clients connect to one port of a
//! server that is bound to INADDR_ANY. Each connection has an address and a port at either end, and no two
//! have all four in common. Then a server that is bound to one address refuses what comes for another.
//!
//! Call: `socket_pair`. It holds both ends, so there is nothing to run against it. How many clients may wait
//! to be accepted, `listen_backlog` shows.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{INADDR_ANY, INADDR_LOOPBACK, c_char, c_int, sockaddr, sockaddr_in, socklen_t};
use sockmirror::arpa::inet::{htonl, inet_ntoa, ntohs};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::strerror;
use sockmirror::sys::socket::{accept, connect, getpeername, getsockname, listen, recv, send};

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{bind_to, bound_socket, open_socket};

const PROGRAM: &CStr = c"socket_pair";
const USAGE: &CStr = c"./socket_pair";
const CLIENTS: usize = 3;

sockmirror::entry!(main);

/// Tells an address. inet_ntoa has one buffer, so there is one address in a printf.
fn tell_address(address: &sockaddr_in) {
    printf!(c"%s:%d", inet_ntoa(address.sin_addr), c_int::from(ntohs(address.sin_port)));
}

/// Asks for a socket's own address, and tells it.
fn tell_own(sock: c_int) -> sockaddr_in {
    let mut own = MaybeUninit::<sockaddr_in>::uninit();
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    // SAFETY: `length` is the size of `own`.
    unsafe { getsockname(sock, own.as_mut_ptr().cast(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockname", error));

    // SAFETY: getsockname has filled it in.
    let own = unsafe { own.assume_init() };
    tell_address(&own);
    own
}

/// Tells the socket pair: a socket's own address, and that of its other end.
fn tell_pair(sock: c_int) {
    let mut peer = MaybeUninit::<sockaddr_in>::uninit();
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    tell_own(sock);

    // SAFETY: `length` is the size of `peer`.
    unsafe { getpeername(sock, peer.as_mut_ptr().cast(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getpeername", error));

    printf!(c" -> ");
    // SAFETY: getpeername has filled it in.
    tell_address(unsafe { peer.assume_init_ref() });
}

/// Takes the next client. Erratum 11: accept stores a struct sockaddr; there is no struct socket.
fn tell_accept(listener: c_int) -> c_int {
    let mut client = MaybeUninit::<sockaddr_in>::uninit();
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    // SAFETY: `length` is the size of `client`.
    let sock = unsafe { accept(listener, client.as_mut_ptr().cast(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"accept", error));

    printf!(c"accept() stores ");
    // SAFETY: accept has filled it in.
    tell_address(unsafe { client.assume_init_ref() });
    sock
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let names = [c"x", c"y", c"z"];
    let (mut clients, mut servers) = ([0; CLIENTS], [0; CLIENTS]);
    let mut letter: c_char = 0;

    // [1] There is nothing to take from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Listen on every interface
    let listener = bound_socket(PROGRAM, INADDR_ANY);

    listen(listener, CLIENTS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"A server bound to INADDR_ANY: ");
    let mut server = tell_own(listener);
    printf!(c"\n");

    // [3] Connect x to 127.0.0.1, y to 127.0.0.2, and z, which has asked for an address, to 127.0.0.1
    for i in 0..CLIENTS {
        clients[i] = open_socket(PROGRAM);

        if i == 2 {
            bind_to(PROGRAM, clients[i], INADDR_LOOPBACK + 2);
        }

        printf!(c"\nClient %s: ", names[i]);
        tell_own(clients[i]);
        server.sin_addr.s_addr = htonl(if i == 1 { INADDR_LOOPBACK + 1 } else { INADDR_LOOPBACK });

        // SAFETY: the size is that of the variable.
        unsafe { connect(clients[i], (&raw const server).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
            .unwrap_or_else(|error| fail(PROGRAM, c"connect", error));

        printf!(c", and after connect() ");
        tell_pair(clients[i]);
        printf!(c"\n  ");
        servers[i] = tell_accept(listener);
        printf!(c", and the server has ");
        tell_pair(servers[i]);
        printf!(c"\n");
    }

    // [4] Let each client send its name: it comes out of the server's socket for this client
    printf!(c"\nThe server's three sockets receive:");

    for i in 0..CLIENTS {
        // SAFETY: a name has one byte.
        unsafe { send(clients[i], names[i].as_ptr().cast(), 1, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"send", error));

        // SAFETY: `letter` has one byte.
        unsafe { recv(servers[i], (&raw mut letter).cast(), 1, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

        printf!(c" %c", c_int::from(letter));
    }

    // [5] Listen on one address alone
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK + 1);

    listen(listener, CLIENTS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    printf!(c"\n\nA server bound to one address: ");
    let mut server = tell_own(listener);

    // [6] Connect to another address of the same interface, and to this one
    for i in 0..2 {
        let sock = bound_socket(PROGRAM, INADDR_LOOPBACK + 3 + i);
        server.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
        printf!(c"\n  connect() to ");
        tell_address(&server);

        // SAFETY: the size is that of the variable.
        match unsafe { connect(sock, (&raw const server).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) } {
            Err(error) => printf!(c" fails: %s (errno %d)", strerror(error.0), error.0),
            Ok(()) => {
                printf!(c": ");
                tell_accept(listener);
            }
        }
    }

    printf!(c"\n");
    succeed(PROGRAM);
}

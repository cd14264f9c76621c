//! Reuse of an address: why a restarted server cannot bind to its port, and how it can.
//!
//! The tutorial's section on SO_REUSEADDR (lines 386-393), with its fragment (390-391) in set_reuse_address. A
//! connection that the server has closed first stays in TIME_WAIT for a minute and keeps the port in use (erratum 29).
//! With the option, a restarted server can bind nevertheless. On Linux, the first server must have set it as well, and
//! both before bind().
//!
//! Usage: `reuse_address`. All servers and clients are in this program. Read next: `linger`, `echo_server`.
//!
//! In the fragment, erratum 8 is corrected.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, EADDRINUSE, INADDR_LOOPBACK, SHUT_WR, SO_LINGER, SO_REUSEADDR, SOL_SOCKET, c_char, c_int, in_addr_t,
    linger, sa_family_t, sockaddr, sockaddr_in, socklen_t,
};
use sockmirror::arpa::inet::htonl;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{bind, listen, recv, setsockopt, shutdown};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{accept_client, connect_to, open_socket, own_address};

const PROGRAM: &CStr = c"reuse_address";
const USAGE: &CStr = c"./reuse_address";

/// When a server sets the option.
const NEVER: c_int = 0;
const BEFORE_BIND: c_int = 1;
const AFTER_BIND: c_int = 2;

sockmirror::entry!(main);

/// Closes a socket that nothing uses any more.
fn close_socket(sock: c_int) {
    // SAFETY: no caller uses the socket afterwards.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
}

/// Sets SO_REUSEADDR.
fn set_reuse_address(listen_socket: c_int) {
    // Erratum 8: the fragment declares nResue and then uses nReuse.
    let n_reuse: c_int = 1;

    // SAFETY: the size is that of `n_reuse`.
    unsafe {
        setsockopt(
            listen_socket,
            SOL_SOCKET,
            SO_REUSEADDR,
            (&raw const n_reuse).cast(),
            size_of::<c_int>() as socklen_t,
        )
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));
}

/// Returns an address for a server, with port 0, so that the kernel chooses the port.
fn server_address(number: in_addr_t) -> sockaddr_in {
    let mut address: sockaddr_in = zeroed();
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
    address
}

/// Starts a server. Returns its socket, or -1 if the port is in use.
fn start_server(address: &mut sockaddr_in, when: c_int) -> c_int {
    let listen_socket = open_socket(PROGRAM);

    if when == BEFORE_BIND {
        set_reuse_address(listen_socket);
    }
    // SAFETY: the size is that of `address`.
    let bound =
        unsafe { bind(listen_socket, (&raw const *address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) };
    bound.unwrap_or_else(|error| {
        if error.0 != EADDRINUSE || address.sin_port == 0 {
            fail(PROGRAM, c"bind", error);
        }
    });
    if when == AFTER_BIND {
        set_reuse_address(listen_socket);
    }

    if bound.is_err() {
        close_socket(listen_socket);
        return -1;
    }
    listen(listen_socket, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
    *address = own_address(PROGRAM, listen_socket);
    listen_socket
}

/// Starts a server again, prints whether it could, and stops it.
fn restart_server(how: &CStr, address: &mut sockaddr_in, when: c_int) {
    let listener = start_server(address, when);

    if listener < 0 {
        printf!(c"  %s: Address already in use\n", how);
    } else {
        printf!(c"  %s: it listens\n", how);
        close_socket(listener);
    }
}

/// Waits until the other end has closed the connection.
fn wait_for_close(sock: c_int) {
    let mut byte: c_char = 0;

    // SAFETY: `byte` is one byte.
    unsafe { recv(sock, (&raw mut byte).cast(), 1, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
}

/// Connects a client to a server, and closes the connection: first one end, then the other.
fn serve_client(listener: c_int, address: &sockaddr_in, server_closes_first: bool) {
    // close() waits until the FIN is acknowledged, so that the connection is over when it returns.
    let linger = linger { l_onoff: 1, l_linger: 60 };

    let client = open_socket(PROGRAM);
    connect_to(PROGRAM, client, address);
    let server = accept_client(PROGRAM, listener);

    let first = if server_closes_first { server } else { client };
    let second = if server_closes_first { client } else { server };
    // SAFETY: the size is that of `linger`.
    unsafe { setsockopt(second, SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));
    shutdown(first, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));
    wait_for_close(second);
    close_socket(second);
    wait_for_close(first);
    close_socket(first);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Start a server without the option, and let it close a connection first
    printf!(c"Without SO_REUSEADDR, connection ended by the server; started again\n");
    let mut address = server_address(0);
    let listener = start_server(&mut address, NEVER);
    serve_client(listener, &address, true);
    close_socket(listener);

    // [2] Start it again, without the option and with it
    restart_server(c"without the option", &mut address, NEVER);
    restart_server(c"with the option", &mut address, BEFORE_BIND);

    // [3] Let the client close first: the connection is in TIME_WAIT at its end
    printf!(c"Without SO_REUSEADDR, connection ended by the client; started again\n");
    let mut address = server_address(1);
    let listener = start_server(&mut address, NEVER);
    serve_client(listener, &address, false);
    close_socket(listener);
    restart_server(c"without the option", &mut address, NEVER);

    // [4] Start a server with the option, and a second one while it listens
    printf!(c"With SO_REUSEADDR, connection ended by the server; started again\n");
    let mut address = server_address(2);
    let listener = start_server(&mut address, BEFORE_BIND);
    serve_client(listener, &address, true);
    restart_server(c"with the option, while the first one listens", &mut address, BEFORE_BIND);
    close_socket(listener);

    // [5] Start it again: without the option, with the option too late, and in time
    restart_server(c"without the option", &mut address, NEVER);
    restart_server(c"with the option after bind()", &mut address, AFTER_BIND);
    restart_server(c"with the option before bind()", &mut address, BEFORE_BIND);
    succeed(PROGRAM);
}

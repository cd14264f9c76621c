//! Reuse of an address: why a restarted server cannot bind to its port, and how it can.
//!
//! The tutorial's section on SO_REUSEADDR (lines 386-393), with its fragment (390-391) in set_reuse_address. A
//! connection that the server has closed first stays in TIME_WAIT for a minute and keeps the port in use (erratum 29).
//! With the option, a restarted server can bind nevertheless: it sets it before bind(). On Linux, the first server must
//! have set it as well, before its client connects (erratum 31). SO_LINGER {1, 0}, the tutorial's first remedy, frees
//! the port, too, but by a reset: the client loses what has not been sent yet. TIME_WAIT keeps the port even if
//! everything has arrived (erratum 36).
//!
//! Usage: `reuse_address`. All servers and clients are in this program. Read next: `linger`, `echo_server`.
//!
//! In the fragment, erratum 8 is corrected.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, EADDRINUSE, INADDR_LOOPBACK, MSG_DONTWAIT, MSG_WAITALL, SHUT_WR, SO_LINGER, SO_RCVBUF, SO_REUSEADDR,
    SO_SNDBUF, SOL_SOCKET, c_char, c_int, in_addr_t, linger, pollfd, sa_family_t, sockaddr, sockaddr_in, socklen_t,
    ssize_t,
};
use sockmirror::arpa::inet::htonl;
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{strerror, zeroed};
use sockmirror::sys::socket::{bind, listen, recv, send, setsockopt, shutdown};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};
use sockmirror::common::loopback::{accept_client, connect_to, open_socket, own_address, set_option};

const PROGRAM: &CStr = c"reuse_address";
const USAGE: &CStr = c"./reuse_address";

/// The bytes that a server sends, and buffer sizes: one that is too small for these bytes, one that is large enough.
const DATA_SIZE: usize = 32768;
const SMALL_BUFFER_SIZE: c_int = 4096;
const LARGE_BUFFER_SIZE: c_int = 65536;

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

/// Sends a client more than it has room for, closes the connection, and prints what the client can read of it.
fn send_and_close(listener: c_int, address: &sockaddr_in, linger: linger) {
    let mut data: [c_char; DATA_SIZE] = zeroed();
    let mut total: c_int = 0;

    let client = open_socket(PROGRAM);
    set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL_BUFFER_SIZE);
    connect_to(PROGRAM, client, address);
    let server = accept_client(PROGRAM, listener);
    set_option(PROGRAM, server, SOL_SOCKET, SO_SNDBUF, LARGE_BUFFER_SIZE);
    // SAFETY: the size is that of `linger`.
    unsafe { setsockopt(server, SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));
    // SAFETY: `data` has DATA_SIZE bytes.
    let sent = unsafe { send(server, data.as_ptr().cast(), DATA_SIZE, MSG_DONTWAIT) };
    if sent != Ok(DATA_SIZE as ssize_t) {
        explain_send(PROGRAM, sent, DATA_SIZE as ssize_t);
        exit(1);
    }
    close_socket(server);

    // Where close() resets the connection, wait for the reset.
    if linger.l_onoff != 0 {
        let mut event = pollfd { fd: client, events: 0, revents: 0 };

        // SAFETY: `event` is one entry.
        unsafe { poll(&raw mut event, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));
    }
    // Rust: the value of the loop is what ended it.
    let end = loop {
        // SAFETY: `data` has DATA_SIZE bytes.
        match unsafe { recv(client, data.as_mut_ptr().cast(), DATA_SIZE, MSG_WAITALL) } {
            Ok(received) if received > 0 => total += received as c_int,
            Ok(_) => break c"end of file".into(),
            Err(error) => break strerror(error.0),
        }
    };
    printf!(c"  the client reads %d of %d bytes, then %s\n", total, DATA_SIZE as c_int, end);
    close_socket(client);
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

    // [6] Close with bytes unsent, as by default: they still arrive, and then TIME_WAIT keeps the port in use
    printf!(c"Without SO_REUSEADDR, SO_LINGER {0, 0}, connection ended by the server; started again\n");
    let mut address = server_address(3);
    let listener = start_server(&mut address, NEVER);
    send_and_close(listener, &address, linger { l_onoff: 0, l_linger: 0 });
    close_socket(listener);
    restart_server(c"without the option", &mut address, NEVER);

    // [7] Close so that the connection is reset: the port is free, and the bytes are lost
    printf!(c"Without SO_REUSEADDR, SO_LINGER {1, 0}, connection ended by the server; started again\n");
    let mut address = server_address(4);
    let listener = start_server(&mut address, NEVER);
    send_and_close(listener, &address, linger { l_onoff: 1, l_linger: 0 });
    close_socket(listener);
    restart_server(c"without the option", &mut address, NEVER);
    succeed(PROGRAM);
}

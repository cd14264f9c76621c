//! Reuse of an address: why a server that is started again cannot have its port, and how it gets it.
//!
//! The tutorial's section on SO_REUSEADDR (lines 386-393), with its fragment (390-391) in set_reuse. A
//! connection that the server has ended first rests in TIME_WAIT for a minute, and holds the port
//! (erratum 29). With the option a new server may have it all the same. On Linux the first server must have
//! set it as well, and both of them before bind().
//!
//! Call: `reuse_address`. It plays all servers and clients. Next: `linger`, `echo_server`.
//!
//! Of the fragment, erratum 8 is corrected.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, EADDRINUSE, INADDR_LOOPBACK, SHUT_WR, SO_LINGER, SO_REUSEADDR, SOL_SOCKET, c_char, c_int, linger,
    sa_family_t, sockaddr, sockaddr_in, socklen_t,
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

/// Closes a socket, which nothing uses any more.
fn close_socket(sock: c_int) {
    // SAFETY: the program's own socket.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
}

/// Sets the option.
fn set_reuse(listen_socket: c_int) {
    // Erratum 8: the fragment declares nResue and then uses nReuse.
    let n_reuse: c_int = 1;

    // SAFETY: the size is that of the variable.
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

/// Gives a server an address of its own, with port 0: the kernel is to choose one.
fn new_address(number: u32) -> sockaddr_in {
    let mut address: sockaddr_in = zeroed();
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
    address
}

/// Starts a server. Returns its socket, or -1 if somebody has the port.
fn start(address: &mut sockaddr_in, when: c_int) -> c_int {
    let listen_socket = open_socket(PROGRAM);

    if when == BEFORE_BIND {
        set_reuse(listen_socket);
    }
    // SAFETY: the size is that of the variable, which is filled in.
    let bound =
        unsafe { bind(listen_socket, (&raw const *address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) };
    match bound {
        Err(error) if error.0 != EADDRINUSE || address.sin_port == 0 => fail(PROGRAM, c"bind", error),
        _ => {}
    }
    if when == AFTER_BIND {
        set_reuse(listen_socket);
    }

    if bound.is_err() {
        close_socket(listen_socket);
        return -1;
    }
    listen(listen_socket, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
    *address = own_address(PROGRAM, listen_socket);
    listen_socket
}

/// Starts a server again, says what came of it, and stops it.
fn restart(how: &CStr, address: &mut sockaddr_in, when: c_int) {
    let listener = start(address, when);

    if listener < 0 {
        printf!(c"  %s: Address already in use\n", how);
    } else {
        printf!(c"  %s: it listens\n", how);
        close_socket(listener);
    }
}

/// Waits until the other end of a connection has closed it.
fn wait_for_end(sock: c_int) {
    let mut byte = MaybeUninit::<c_char>::uninit();

    // SAFETY: `byte` is one byte.
    unsafe { recv(sock, byte.as_mut_ptr().cast(), 1, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
}

/// Makes a connection to a server and ends it: one end, and then the other.
fn serve(listener: c_int, address: &sockaddr_in, server_ends_first: bool) {
    // close() is to wait until the end is acknowledged, so that nothing is left behind.
    let linger = linger { l_onoff: 1, l_linger: 60 };

    let client = open_socket(PROGRAM);
    connect_to(PROGRAM, client, address);
    let server = accept_client(PROGRAM, listener);

    let first = if server_ends_first { server } else { client };
    let second = if server_ends_first { client } else { server };
    // SAFETY: the size is that of the variable.
    unsafe { setsockopt(second, SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));
    shutdown(first, SHUT_WR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));
    wait_for_end(second);
    close_socket(second);
    wait_for_end(first);
    close_socket(first);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Start a server without the option, and let it end a connection first
    printf!(c"Without SO_REUSEADDR, connection ended by the server; started again\n");
    let mut address = new_address(0);
    let listener = start(&mut address, NEVER);
    serve(listener, &address, true);
    close_socket(listener);

    // [2] Start it again, without the option and with it
    restart(c"without the option", &mut address, NEVER);
    restart(c"with the option", &mut address, BEFORE_BIND);

    // [3] Let the client end the connection first: it is its end that rests
    printf!(c"Without SO_REUSEADDR, connection ended by the client; started again\n");
    let mut address = new_address(1);
    let listener = start(&mut address, NEVER);
    serve(listener, &address, false);
    close_socket(listener);
    restart(c"without the option", &mut address, NEVER);

    // [4] Start a server with the option, and a second one beside it
    printf!(c"With SO_REUSEADDR, connection ended by the server; started again\n");
    let mut address = new_address(2);
    let listener = start(&mut address, BEFORE_BIND);
    serve(listener, &address, true);
    restart(c"with the option, while the first one listens", &mut address, BEFORE_BIND);
    close_socket(listener);

    // [5] Start it again: without the option, with the option too late, and in time
    restart(c"without the option", &mut address, NEVER);
    restart(c"with the option after bind()", &mut address, AFTER_BIND);
    restart(c"with the option before bind()", &mut address, BEFORE_BIND);
    succeed(PROGRAM);
}

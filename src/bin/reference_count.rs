//! Reference count: close() drops a reference to a socket, shutdown() ends its connection.
//!
//! The tutorial's reference counter (lines 228-238). After a fork() two processes share each socket. close() drops one
//! reference, and TCP ends the connection with the last one. shutdown() ignores the count: it ends the connection for
//! both.
//!
//! Usage: `reference_count`. Both ends of its connections are in this program. Read next: `half_close`, which shows
//! what else shutdown() can do.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr;
use libc::{
    INADDR_LOOPBACK, MSG_NOSIGNAL, SHUT_RDWR, SIG_BLOCK, SIGCHLD, c_char, c_int, in_addr_t, sigset_t, size_t, ssize_t,
};
use sockmirror::runtime::Arguments;
use sockmirror::signal::{sigaddset, sigemptyset, sigprocmask};
use sockmirror::stdio::{fflush, printf, stdout};
use sockmirror::stdlib::exit;
use sockmirror::string::strerror;
use sockmirror::sys::socket::{listen, recv, send, shutdown};
use sockmirror::sys::wait::waitpid;
use sockmirror::unistd::{close, fork};

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{accept_client, bound_socket, connect_client, own_address};

const PROGRAM: &CStr = c"reference_count";
const USAGE: &CStr = c"./reference_count";
const CONNECTIONS: usize = 2;
const BUFFER_SIZE: usize = 16;

sockmirror::entry!(main);

/// Receives what has arrived, or waits for it.
fn receive(sock: c_int, buffer: &mut [c_char; BUFFER_SIZE]) -> ssize_t {
    // SAFETY: `buffer` has BUFFER_SIZE bytes.
    unsafe { recv(sock, buffer.as_mut_ptr().cast(), BUFFER_SIZE, 0) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error))
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let (mut clients, mut servers) = ([0; CONNECTIONS], [0; CONNECTIONS]);
    let mut signals = MaybeUninit::<sigset_t>::uninit();
    let mut status: c_int = 0;
    let mut buffer = [0 as c_char; BUFFER_SIZE];
    let mut received: ssize_t;

    // [1] Take no arguments from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Listen on 127.0.0.1, and find out the port
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    listen(listener, CONNECTIONS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    let server_address = own_address(PROGRAM, listener);

    // [3] Make two connections, from 127.0.0.2 and 127.0.0.3
    for i in 0..CONNECTIONS {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i as in_addr_t, &server_address);
        servers[i] = accept_client(PROGRAM, listener);
    }

    // [4] Block SIGCHLD, which could arrive at any moment: waitpid reports the child's end
    // SAFETY: sigemptyset initialises `signals`.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: `signals` is initialised.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGCHLD) };

    // SAFETY: `signals` is initialised, and there is one thread.
    unsafe { sigprocmask(SIG_BLOCK, signals.as_ptr(), ptr::null_mut()) }
        .unwrap_or_else(|error| fail(PROGRAM, c"sigprocmask", error));

    // [5] Flush the output, or both processes would write it, and create the child
    printf!(c"Two connections to a server, which then calls fork().\n");
    printf!(c"Each of its two sockets has 2 references: the parent's and the child's.\n");

    fflush(stdout()).unwrap_or_else(|error| fail(PROGRAM, c"fflush", error));

    // SAFETY: there is one thread, and no descriptor has an exclusive owner.
    let child = unsafe { fork() }.unwrap_or_else(|error| fail(PROGRAM, c"fork", error));

    if child == 0 {
        // [6] The child closes its copies of the client sockets, so that their connections end with the parent
        // SAFETY: the child does not use this descriptor.
        _ = unsafe { close(clients[0]) };
        // SAFETY: the child does not use this descriptor, either.
        _ = unsafe { close(clients[1]) };

        // [7] Echo once on the first connection, and close it
        received = receive(servers[0], &mut buffer);
        if received == 0 {
            exit(1);
        }

        // SAFETY: `buffer` has at least `received` bytes.
        unsafe { send(servers[0], buffer.as_ptr().cast(), received as size_t, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"send", error));

        // SAFETY: the child no longer uses this descriptor.
        _ = unsafe { close(servers[0]) };

        // [8] Wait until the second one ends. Without MSG_NOSIGNAL, SIGPIPE would kill the child
        received = receive(servers[1], &mut buffer);
        printf!(c"  child:  recv() returns %zd\n", received);

        // SAFETY: the literal has five bytes.
        match unsafe { send(servers[1], c"hello".as_ptr().cast(), 5, MSG_NOSIGNAL) } {
            Err(error) => printf!(c"  child:  send() fails: %s (errno %d)\n", strerror(error.0), error.0),
            Ok(sent) => printf!(c"  child:  send() takes %zd bytes\n", sent),
        }

        succeed(PROGRAM);
    }

    // [9] The parent closes the first socket; the child still serves the client
    printf!(c"\nConnection 1: close() takes one reference away\n");
    // SAFETY: the parent no longer uses this descriptor.
    _ = unsafe { close(servers[0]) };
    printf!(c"  parent: close(), 1 reference is left\n");

    // SAFETY: the literal has five bytes.
    let sent = unsafe { send(clients[0], c"hello".as_ptr().cast(), 5, 0) }
        .unwrap_or_else(|error| fail(PROGRAM, c"send", error));

    printf!(c"  client: send() takes %zd bytes\n", sent);
    received = receive(clients[0], &mut buffer);
    printf!(c"  client: recv() returns %zd bytes, an echo: the child has the connection\n", received);

    // [10] The child closes it, too
    received = receive(clients[0], &mut buffer);
    printf!(c"  client: recv() returns %zd: the child has closed it, 0 references are left\n", received);

    // [11] Shut down the second one. Flush first, so that the parent's output precedes the child's
    printf!(c"\nConnection 2: shutdown() does not count\n");
    printf!(c"  parent: shutdown(SHUT_RDWR), 2 references are left\n");

    fflush(stdout()).unwrap_or_else(|error| fail(PROGRAM, c"fflush", error));

    shutdown(servers[1], SHUT_RDWR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    // SAFETY: `status` is a c_int.
    unsafe { waitpid(child, &raw mut status, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"waitpid", error));

    received = receive(clients[1], &mut buffer);
    printf!(c"  client: recv() returns %zd\n", received);

    if status != 0 {
        exit(1);
    }

    succeed(PROGRAM);
}

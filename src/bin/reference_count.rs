//! Reference count: close() lets go of a socket, shutdown() ends its connection.
//!
//! The tutorial's reference counter (lines 228-238). After a fork() two processes have the same socket.
//! close() takes one reference away, and TCP ends the connection with the last one. shutdown() does not
//! count: it ends the connection for both.
//!
//! Call: `reference_count`. It holds both ends, so there is nothing to run against it. What else
//! shutdown() can do, `half_close` shows.
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

/// Receives what has come, or waits for it.
fn receive(sock: c_int, buffer: &mut [c_char; BUFFER_SIZE]) -> ssize_t {
    // SAFETY: `buffer` has BUFFER_SIZE bytes.
    match unsafe { recv(sock, buffer.as_mut_ptr().cast(), BUFFER_SIZE, 0) } {
        Err(error) => fail(PROGRAM, c"recv", error),
        Ok(received) => received,
    }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let (mut clients, mut servers) = ([0; CONNECTIONS], [0; CONNECTIONS]);
    let mut signals = MaybeUninit::<sigset_t>::uninit();
    let mut status: c_int = 0;
    let mut buffer = [0 as c_char; BUFFER_SIZE];
    let mut received: ssize_t;

    // [1] There is nothing to take from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Listen on 127.0.0.1, and ask which port it is
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    listen(listener, CONNECTIONS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    let server_addr = own_address(PROGRAM, listener);

    // [3] Make two connections, from 127.0.0.2 and 127.0.0.3
    for i in 0..CONNECTIONS {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i as in_addr_t, &server_addr);
        servers[i] = accept_client(PROGRAM, listener);
    }

    // [4] Keep back the signal that tells of a child's end at any moment: waitpid will tell
    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: the same, and sigemptyset has made it a set.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGCHLD) };

    // SAFETY: one thread; the set is made, and the old one is not asked for.
    unsafe { sigprocmask(SIG_BLOCK, signals.as_ptr(), ptr::null_mut()) }
        .unwrap_or_else(|error| fail(PROGRAM, c"sigprocmask", error));

    // [5] Write out what is said so far, or both processes will, and make the second one
    printf!(c"Two connections to a server, which then calls fork().\n");
    printf!(c"Each of its two sockets has 2 references: the parent's and the child's.\n");

    // SAFETY: the stream is open until the process ends.
    fflush(stdout()).unwrap_or_else(|error| fail(PROGRAM, c"fflush", error));

    // SAFETY: one thread, and no descriptor has an owner that must have it alone.
    let child = unsafe { fork() }.unwrap_or_else(|error| fail(PROGRAM, c"fork", error));

    if child == 0 {
        // [6] The child leaves the clients to the parent, and so notices if the parent ends
        // SAFETY: a socket of this program, which the child does not use.
        _ = unsafe { close(clients[0]) };
        // SAFETY: the same.
        _ = unsafe { close(clients[1]) };

        // [7] Echo once on the first connection, and close it
        received = receive(servers[0], &mut buffer);
        if received == 0 {
            exit(1);
        }

        // SAFETY: recv stored so many bytes in `buffer`.
        unsafe { send(servers[0], buffer.as_ptr().cast(), received as size_t, 0) }
            .unwrap_or_else(|error| fail(PROGRAM, c"send", error));

        // SAFETY: a socket of this program, which the child does not use any more.
        _ = unsafe { close(servers[0]) };

        // [8] Wait on the second one until it ends. Without MSG_NOSIGNAL, SIGPIPE would end the child
        received = receive(servers[1], &mut buffer);
        printf!(c"  child:  recv() returns %zd\n", received);

        // SAFETY: the literal has five bytes.
        match unsafe { send(servers[1], c"hello".as_ptr().cast(), 5, MSG_NOSIGNAL) } {
            Err(error) => printf!(c"  child:  send() fails: %s (errno %d)\n", strerror(error.0), error.0),
            Ok(sent) => printf!(c"  child:  send() takes %zd bytes\n", sent),
        }

        succeed(PROGRAM);
    }

    // [9] The parent closes the first socket; the client is still served, by the child
    printf!(c"\nConnection 1: close() takes one reference away\n");
    // SAFETY: a socket of this program, which the parent does not use any more.
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

    // [11] Shut the second one down. What the parent has said comes before what the child will say
    printf!(c"\nConnection 2: shutdown() does not count\n");
    printf!(c"  parent: shutdown(SHUT_RDWR), 2 references are left\n");

    // SAFETY: the stream is open until the process ends.
    fflush(stdout()).unwrap_or_else(|error| fail(PROGRAM, c"fflush", error));

    shutdown(servers[1], SHUT_RDWR).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    // SAFETY: `status` may be written.
    unsafe { waitpid(child, &raw mut status, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"waitpid", error));

    received = receive(clients[1], &mut buffer);
    printf!(c"  client: recv() returns %zd\n", received);

    if status != 0 {
        exit(1);
    }

    succeed(PROGRAM);
}

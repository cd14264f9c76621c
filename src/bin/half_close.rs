//! Half close: what still comes after SHUT_WR, close(), SHUT_RD and SHUT_RDWR.
//!
//! The tutorial's shutdown() (lines 234-238). Four clients each send a question and end the connection, or
//! a part of it, in a way of their own; then the server sends its answer. After SHUT_WR it arrives. After
//! close() it is lost, and the server is told by a reset. SHUT_RD tells the server nothing.
//!
//! Call: `half_close`. It holds both ends, so there is nothing to run against it. How many processes may
//! share what is ended here, `reference_count` shows.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    EPIPE, INADDR_LOOPBACK, MSG_NOSIGNAL, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_LINGER, SOL_SOCKET, c_char, c_int, in_addr_t,
    linger, pollfd, socklen_t,
};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::{strerror, strlen};
use sockmirror::sys::socket::{listen, recv, send, setsockopt, shutdown};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{accept_client, bound_socket, connect_client, own_address};

const PROGRAM: &CStr = c"half_close";
const USAGE: &CStr = c"./half_close";
const CONNECTIONS: usize = 4;
const BUFFER_SIZE: usize = 16;

sockmirror::entry!(main);

/// Sends a word. Without MSG_NOSIGNAL, SIGPIPE would end the program where nothing can be sent any more.
fn tell_send(who: &CStr, sock: c_int, word: &CStr) {
    // SAFETY: `word` is a C string.
    let length = unsafe { strlen(word.as_ptr()) };

    // SAFETY: `word` has as many bytes as strlen counted.
    match unsafe { send(sock, word.as_ptr().cast(), length, MSG_NOSIGNAL) } {
        Ok(sent) => printf!(c"  %s send() takes %zd bytes: %s\n", who, sent, word),
        Err(error) if error.0 == EPIPE => {
            printf!(c"  %s send() fails: %s (errno %d)\n", who, strerror(error.0), error.0);
        }
        Err(error) => fail(PROGRAM, c"send", error),
    }
}

/// Receives what has come, or waits for it.
fn tell_recv(who: &CStr, sock: c_int) {
    let mut buffer = [0 as c_char; BUFFER_SIZE];

    // SAFETY: `buffer` has a byte more than recv may store.
    let received = unsafe { recv(sock, buffer.as_mut_ptr().cast(), BUFFER_SIZE - 1, 0) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    if received > 0 {
        // SAFETY: recv left a byte, and it is 0.
        printf!(c"  %s recv() returns %zd bytes: %s\n", who, received, unsafe { CStr::from_ptr(buffer.as_ptr()) });
    } else {
        printf!(c"  %s recv() returns 0\n", who);
    }
}

/// Ends one direction, or both.
fn tell_shutdown(who: &CStr, sock: c_int, how: c_int, name: &CStr) {
    shutdown(sock, how).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    printf!(c"  %s shutdown(%s)\n", who, name);
}

/// Waits until the other end resets the connection: no event is asked for, so only an error is one.
fn await_reset(sock: c_int) {
    let mut entry = pollfd { fd: sock, events: 0, revents: 0 };

    // SAFETY: one entry, as it says.
    unsafe { poll(&raw mut entry, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let (mut clients, mut servers) = ([0; CONNECTIONS], [0; CONNECTIONS]);
    let until_arrived = linger { l_onoff: 1, l_linger: 60 };

    // [1] There is nothing to take from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Listen on 127.0.0.1, and ask which port it is
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    listen(listener, CONNECTIONS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    let server_addr = own_address(PROGRAM, listener);

    // [3] Make four connections, from 127.0.0.2 to 127.0.0.5
    for i in 0..CONNECTIONS {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i as in_addr_t, &server_addr);
        servers[i] = accept_client(PROGRAM, listener);
    }

    // [4] End sending: the server reads to the end, and its answer arrives
    printf!(c"SHUT_WR: the client has sent everything, and can still receive\n");
    tell_send(c"client:", clients[0], c"question");
    tell_shutdown(c"client:", clients[0], SHUT_WR, c"SHUT_WR");
    tell_send(c"client:", clients[0], c"more");
    tell_recv(c"server:", servers[0]);
    tell_recv(c"server:", servers[0]);
    tell_send(c"server:", servers[0], c"answer");
    tell_recv(c"client:", clients[0]);

    // [5] End everything: send() takes the answer, but it meets nobody, and a reset comes back
    printf!(c"\nclose(): the client has sent everything, and can receive nothing\n");
    tell_send(c"client:", clients[1], c"question");
    // SAFETY: a socket of this program, which it does not use any more.
    _ = unsafe { close(clients[1]) };
    printf!(c"  client: close()\n");
    tell_recv(c"server:", servers[1]);
    tell_recv(c"server:", servers[1]);
    tell_send(c"server:", servers[1], c"answer");
    await_reset(servers[1]);
    tell_send(c"server:", servers[1], c"more");

    // [6] End receiving: recv() waits no more. The server cannot tell, and Linux takes its answer in
    printf!(c"\nSHUT_RD: the client does not wait for anything, and can still send\n");

    // The server's close() shall wait until everything has arrived: the client's recv() will not.
    // SAFETY: the size is that of the variable.
    unsafe {
        setsockopt(
            servers[2],
            SOL_SOCKET,
            SO_LINGER,
            (&raw const until_arrived).cast(),
            size_of::<linger>() as socklen_t,
        )
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    tell_shutdown(c"client:", clients[2], SHUT_RD, c"SHUT_RD");
    tell_recv(c"client:", clients[2]);
    tell_send(c"client:", clients[2], c"question");
    tell_recv(c"server:", servers[2]);
    tell_send(c"server:", servers[2], c"answer");
    // SAFETY: a socket of this program, which it does not use any more.
    _ = unsafe { close(servers[2]) };
    printf!(c"  server: close(), which waits until everything has arrived\n");
    tell_recv(c"client:", clients[2]);

    // [7] End both: the answer is lost as after close(), but the client still has its socket
    printf!(c"\nSHUT_RDWR: the client can neither send nor receive\n");
    tell_send(c"client:", clients[3], c"question");
    tell_shutdown(c"client:", clients[3], SHUT_RDWR, c"SHUT_RDWR");
    tell_send(c"client:", clients[3], c"more");
    tell_recv(c"client:", clients[3]);
    tell_recv(c"server:", servers[3]);
    tell_recv(c"server:", servers[3]);
    tell_send(c"server:", servers[3], c"answer");
    await_reset(servers[3]);
    tell_send(c"server:", servers[3], c"more");
    succeed(PROGRAM);
}

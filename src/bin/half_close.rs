//! Half close: what can still be sent and received after SHUT_WR, close(), SHUT_RD and SHUT_RDWR.
//!
//! The tutorial's shutdown() (lines 234-238). Each of four clients sends a question and then ends its connection, or
//! one direction of it, in a way of its own; then the server sends its answer. After SHUT_WR the answer arrives. After
//! close() it is lost, and a reset tells the server so. SHUT_RD sends the server nothing.
//!
//! Usage: `half_close`. Both ends of its connections are in this program. Read next: `linger`.
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
use sockmirror::string::{strerror, strlen, zeroed};
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

/// Sends a word. Without MSG_NOSIGNAL, SIGPIPE would kill the program once nothing more can be sent.
fn send_and_print(side: &CStr, sock: c_int, word: &CStr) {
    // SAFETY: a CStr ends with a NUL.
    let length = unsafe { strlen(word.as_ptr()) };

    // SAFETY: `word` has `length` bytes.
    match unsafe { send(sock, word.as_ptr().cast(), length, MSG_NOSIGNAL) } {
        Ok(sent) => printf!(c"  %s send() takes %zd bytes: %s\n", side, sent, word),
        Err(error) if error.0 == EPIPE => {
            printf!(c"  %s send() fails: %s (errno %d)\n", side, strerror(error.0), error.0);
        }
        Err(error) => fail(PROGRAM, c"send", error),
    }
}

/// Receives what has arrived, or waits for it.
fn receive_and_print(side: &CStr, sock: c_int) {
    let mut buffer: [c_char; BUFFER_SIZE] = zeroed();

    // SAFETY: `buffer` has one byte more than recv may store.
    let received = unsafe { recv(sock, buffer.as_mut_ptr().cast(), BUFFER_SIZE - 1, 0) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    if received > 0 {
        // SAFETY: recv did not reach the last byte, which is 0.
        printf!(c"  %s recv() returns %zd bytes: %s\n", side, received, unsafe { CStr::from_ptr(buffer.as_ptr()) });
    } else {
        printf!(c"  %s recv() returns 0\n", side);
    }
}

/// Shuts down one direction, or both.
fn shut_down_and_print(side: &CStr, sock: c_int, how: c_int, name: &CStr) {
    shutdown(sock, how).unwrap_or_else(|error| fail(PROGRAM, c"shutdown", error));

    printf!(c"  %s shutdown(%s)\n", side, name);
}

/// Waits for a reset from the other end: with no events requested, poll() returns only on an error or a hang-up.
fn wait_for_reset(sock: c_int) {
    let mut entry = pollfd { fd: sock, events: 0, revents: 0 };

    // SAFETY: the list has one entry.
    unsafe { poll(&raw mut entry, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let (mut clients, mut servers) = ([0; CONNECTIONS], [0; CONNECTIONS]);
    let linger = linger { l_onoff: 1, l_linger: 60 };

    // [1] Take no arguments from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Listen on 127.0.0.1, and find out the port
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);

    listen(listener, CONNECTIONS as c_int).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    let server_address = own_address(PROGRAM, listener);

    // [3] Make four connections, from 127.0.0.2 to 127.0.0.5
    for i in 0..CONNECTIONS {
        clients[i] = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + i as in_addr_t, &server_address);
        servers[i] = accept_client(PROGRAM, listener);
    }

    // [4] Shut down sending: the server reads up to the end, and its answer arrives
    printf!(c"SHUT_WR: the client has sent everything, and can still receive\n");
    send_and_print(c"client:", clients[0], c"question");
    shut_down_and_print(c"client:", clients[0], SHUT_WR, c"SHUT_WR");
    send_and_print(c"client:", clients[0], c"more");
    receive_and_print(c"server:", servers[0]);
    receive_and_print(c"server:", servers[0]);
    send_and_print(c"server:", servers[0], c"answer");
    receive_and_print(c"client:", clients[0]);

    // [5] Close: send() takes the answer, but there is no receiver, and a reset comes back
    printf!(c"\nclose(): the client has sent everything, and can receive nothing\n");
    send_and_print(c"client:", clients[1], c"question");
    // SAFETY: the program no longer uses this descriptor.
    _ = unsafe { close(clients[1]) };
    printf!(c"  client: close()\n");
    receive_and_print(c"server:", servers[1]);
    receive_and_print(c"server:", servers[1]);
    send_and_print(c"server:", servers[1], c"answer");
    wait_for_reset(servers[1]);
    send_and_print(c"server:", servers[1], c"more");

    // [6] Shut down receiving: recv() no longer waits. The server does not notice, and Linux accepts its answer
    printf!(c"\nSHUT_RD: the client does not wait for anything, and can still send\n");

    // Let the server's close() wait until everything has arrived, because the client's recv() will not.
    // SAFETY: the size is that of `linger`.
    unsafe {
        setsockopt(servers[2], SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    shut_down_and_print(c"client:", clients[2], SHUT_RD, c"SHUT_RD");
    receive_and_print(c"client:", clients[2]);
    send_and_print(c"client:", clients[2], c"question");
    receive_and_print(c"server:", servers[2]);
    send_and_print(c"server:", servers[2], c"answer");
    // SAFETY: the program no longer uses this descriptor.
    _ = unsafe { close(servers[2]) };
    printf!(c"  server: close(), which waits until everything has arrived\n");
    receive_and_print(c"client:", clients[2]);

    // [7] Shut down both: the answer is lost as after close(), but the client still has its socket
    printf!(c"\nSHUT_RDWR: the client can neither send nor receive\n");
    send_and_print(c"client:", clients[3], c"question");
    shut_down_and_print(c"client:", clients[3], SHUT_RDWR, c"SHUT_RDWR");
    send_and_print(c"client:", clients[3], c"more");
    receive_and_print(c"client:", clients[3]);
    receive_and_print(c"server:", servers[3]);
    receive_and_print(c"server:", servers[3]);
    send_and_print(c"server:", servers[3], c"answer");
    wait_for_reset(servers[3]);
    send_and_print(c"server:", servers[3], c"more");
    succeed(PROGRAM);
}

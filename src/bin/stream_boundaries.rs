//! Stream boundaries: TCP carries a stream of bytes and keeps no message boundaries.
//!
//! The tutorial's section on send() and recv() (lines 287-304). A client sends three messages of 100, 50 and 250
//! bytes, and the server receives one stream of 400. It shows that:
//!
//! - send returns once the bytes are in the send buffer, here even before the connection is accepted (erratum 18);
//! - recv returns whatever has arrived and fits its buffer: everything, or a piece that begins and ends anywhere;
//! - a receiver that knows the lengths can tell the messages apart;
//! - a send that must not wait (MSG_DONTWAIT) takes as much as there is room for, and fails if there is none (erratum 18);
//! - a recv with MSG_WAITALL returns as many bytes as the receiver wants, even those that have not arrived yet (erratum
//!   47);
//! - recv returns 0 after the other end has closed.
//!
//! Usage: `stream_boundaries`. Both ends of the connection are in this program. Read next: `half_close`.
//!
//! The server waits until all bytes have arrived before it receives them. Otherwise what a recv returns would also
//! depend on timing: any count from 1 up.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU8;
use libc::{
    EAGAIN, INADDR_LOOPBACK, IPPROTO_TCP, MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET,
    TCP_QUICKACK, c_int, size_t, ssize_t,
};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{memset, strerror};
use sockmirror::sys::socket::{listen, recv, send};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};
use sockmirror::common::loopback::{
    accept_client, bound_socket, connect_client, connect_to, open_socket, own_address, set_option,
};

const PROGRAM: &CStr = c"stream_boundaries";
const USAGE: &CStr = c"./stream_boundaries";
/// The three messages together, and the buffers: one for more than all of them, one for less.
const TOTAL_SIZE: size_t = 400;
const LARGE_SIZE: size_t = 512;
const SMALL_SIZE: size_t = 128;
/// A stream, and buffers that are too small for it: in the send buffer fits more than in the receive buffer.
const STREAM_SIZE: size_t = 524288;
const SEND_BUFFER_SIZE: c_int = 65536;
const RECEIVE_BUFFER_SIZE: c_int = 16384;

sockmirror::entry!(main);

/// Sends a message that repeats one letter, so that each byte shows which message it belongs to.
fn send_message(client: c_int, letter: u8, length: size_t) {
    let mut message = MaybeUninit::<[u8; TOTAL_SIZE]>::uninit();

    // SAFETY: no message is longer than TOTAL_SIZE.
    unsafe { memset(message.as_mut_ptr().cast(), c_int::from(letter), length) };

    // SAFETY: memset has set `length` bytes.
    let sent = unsafe { send(client, message.as_ptr().cast(), length, 0) };
    if sent != Ok(length as ssize_t) {
        explain_send(PROGRAM, sent, length as ssize_t);
        exit(1);
    }

    printf!(c"  send of %zu %c: returned %zd\n", length, c_int::from(letter), length as ssize_t);
}

/// Sends the three messages.
fn send_messages(client: c_int) {
    send_message(client, b'a', 100);
    send_message(client, b'b', 50);
    send_message(client, b'c', 250);
}

/// Waits until all three messages have arrived, and leaves them in the receive buffer.
fn wait_for_messages(server: c_int) {
    let mut buffer = MaybeUninit::<[u8; TOTAL_SIZE]>::uninit();

    // SAFETY: `buffer` has TOTAL_SIZE bytes.
    unsafe { recv(server, buffer.as_mut_ptr().cast(), TOTAL_SIZE, MSG_PEEK | MSG_WAITALL) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
}

/// Calls recv once, and prints how many bytes of each message it returned.
fn receive(server: c_int, size: size_t, flags: c_int) -> ssize_t {
    let mut buffer = [0; LARGE_SIZE];
    let (mut first, mut second, mut third) = (0, 0, 0);

    // SAFETY: no caller asks for more than the LARGE_SIZE bytes of `buffer`.
    let received = unsafe { recv(server, buffer.as_mut_ptr().cast(), size, flags) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    for byte in &buffer[..received as usize] {
        first += c_int::from(*byte == b'a');
        second += c_int::from(*byte == b'b');
        third += c_int::from(*byte == b'c');
    }

    printf!(c"  recv of %zu: returned %zd, which are %d a, %d b, %d c\n", size, received, first, second, third);
    received
}

/// Sends without waiting, until there is no room for more. Returns how many bytes were taken.
fn send_until_full(client: c_int, server: c_int) -> size_t {
    // Static, because it is too much for a small stack.
    // Rust: what libc writes to it, the compiler has to expect.
    #[expect(non_upper_case_globals, reason = "a variable, as in C")]
    static stream: [AtomicU8; STREAM_SIZE] = [const { AtomicU8::new(0) }; STREAM_SIZE];
    let mut total = 0;

    // SAFETY: `stream` has STREAM_SIZE bytes, and there is one thread.
    unsafe { memset(stream.as_ptr().cast_mut().cast(), c_int::from(b'd'), STREAM_SIZE) };

    while total < STREAM_SIZE {
        // SAFETY: memset has set all STREAM_SIZE bytes.
        match unsafe { send(client, stream.as_ptr().cast(), STREAM_SIZE - total, MSG_DONTWAIT) } {
            Err(error) => {
                if error.0 != EAGAIN {
                    fail(PROGRAM, c"send", error);
                }

                printf!(c"  send of %zu d: %zu were taken, and then: %s\n", STREAM_SIZE, total, strerror(EAGAIN));
                break;
            }
            Ok(sent) => total += sent as size_t,
        }
        // Have acknowledged at once what has arrived. Otherwise there would be room for more up to 40 ms later.
        set_option(PROGRAM, server, IPPROTO_TCP, TCP_QUICKACK, 1);
    }

    total
}

/// Calls recv once for a part of the stream, and prints how many bytes it returned.
fn receive_stream(server: c_int, size: size_t, flags: c_int) -> size_t {
    #[expect(non_upper_case_globals, reason = "a variable, as in C")]
    static stream: [AtomicU8; STREAM_SIZE] = [const { AtomicU8::new(0) }; STREAM_SIZE];

    // SAFETY: no caller asks for more than the STREAM_SIZE bytes of `stream`, and there is one thread.
    let received = unsafe { recv(server, stream.as_ptr().cast_mut().cast(), size, flags) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    printf!(c"  recv of %zu: returned %zd\n", size, received);
    received as size_t
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Listen on a port of 127.0.0.1 that the kernel chooses
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    let address = own_address(PROGRAM, listener);

    listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    // [2] Connect a client
    let client = open_socket(PROGRAM);
    connect_to(PROGRAM, client, &address);

    // [3] Send the three messages before the connection is accepted
    printf!(c"The client sends before its connection is accepted:\n");
    send_messages(client);

    // [4] Accept the connection, and receive with a buffer larger than all messages together
    let server = accept_client(PROGRAM, listener);
    wait_for_messages(server);
    printf!(c"The server accepts, and receives with a large buffer:\n");
    receive(server, LARGE_SIZE, 0);

    // [5] Send them again, and receive with a smaller buffer
    printf!(c"The client sends again:\n");
    send_messages(client);
    wait_for_messages(server);
    printf!(c"The server receives with a small buffer:\n");
    let mut total = 0;

    loop {
        let received = receive(server, SMALL_SIZE, 0);
        total += received;
        if received == 0 || total >= TOTAL_SIZE as ssize_t {
            break;
        }
    }

    // [6] Send them again, and receive each by its length, which the server has to know
    printf!(c"The client sends again:\n");
    send_messages(client);
    printf!(c"The server knows the lengths, and waits for each message as a whole:\n");
    receive(server, 100, MSG_WAITALL);
    receive(server, 50, MSG_WAITALL);
    receive(server, 250, MSG_WAITALL);

    // [7] Close the client's socket: the server receives end of file
    // SAFETY: nothing uses `client` any more.
    _ = unsafe { close(client) };
    printf!(c"The client has closed:\n");
    receive(server, LARGE_SIZE, 0);

    // SAFETY: nothing uses `server` any more.
    _ = unsafe { close(server) };

    // [8] Connect another client, with buffers that are too small for a stream
    set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_SIZE);
    let client = connect_client(PROGRAM, INADDR_LOOPBACK + 1, &address);
    set_option(PROGRAM, client, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_SIZE);
    let server = accept_client(PROGRAM, listener);

    // [9] Send without waiting, while the server does not receive
    printf!(c"Another client sends with MSG_DONTWAIT, and again what was not taken:\n");
    let taken = send_until_full(client, server);

    // [10] Receive what has arrived, and then wait for the rest: receiving makes room for it
    printf!(c"The server receives what has arrived, and with MSG_WAITALL all the rest:\n");
    let arrived = receive_stream(server, taken, 0);

    if arrived < taken {
        receive_stream(server, taken - arrived, MSG_WAITALL);
    }

    // SAFETY: nothing uses `client` any more.
    _ = unsafe { close(client) };
    // SAFETY: nothing uses `server` any more.
    _ = unsafe { close(server) };
    // SAFETY: nothing uses `listener` any more.
    _ = unsafe { close(listener) };
    succeed(PROGRAM);
}

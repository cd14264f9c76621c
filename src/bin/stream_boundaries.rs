//! Stream boundaries: three messages are sent, and what recv hands out knows nothing of three.
//!
//! The tutorial's section on send() and recv() (lines 287-304). It shows that send returns when the bytes
//! are in the send buffer, here before anybody has accepted the connection (erratum 18); that 100, 50 and
//! 250 bytes arrive as 400, which recv hands out as far as they fit the buffer that it is given, be it all
//! at once or in pieces that begin and end anywhere; that a receiver that knows the lengths finds the
//! messages again; and that recv returns 0 after the other end has closed.
//!
//! Call: `stream_boundaries`. It needs nothing to run against: client and server are in this program. Read
//! next: `half_close`.
//!
//! Before it receives, the server waits until all bytes have come. Without that, how many a recv hands out
//! would also depend on how fast they come: any number from 1 on is right.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    AF_INET, INADDR_LOOPBACK, MSG_PEEK, MSG_WAITALL, PF_INET, SOCK_STREAM, c_char, c_int, sa_family_t, size_t,
    sockaddr, sockaddr_in, socklen_t, ssize_t,
};
use sockmirror::arpa::inet::htonl;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{memset, zeroed};
use sockmirror::sys::socket::{accept, bind, connect, getsockname, listen, recv, send, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};

const PROGRAM: &CStr = c"stream_boundaries";
const USAGE: &CStr = c"./stream_boundaries";
const ALL: usize = 400;
const LARGE: usize = 512;
const SMALL: usize = 128;

sockmirror::entry!(main);

/// Sends a message that consists of one letter, so that it shows to which message a byte belongs.
///
/// # Safety
///
/// A message has ALL bytes at most.
unsafe fn send_message(client: c_int, letter: u8, length: size_t) {
    let mut message = MaybeUninit::<[c_char; ALL]>::uninit();

    // SAFETY: the caller vouches that `length` bytes fit.
    unsafe { memset(message.as_mut_ptr().cast(), c_int::from(letter), length) };
    // SAFETY: these are the bytes that memset has set.
    let sent = unsafe { send(client, message.as_ptr().cast(), length, 0) };

    if sent != Ok(length as ssize_t) {
        explain_send(PROGRAM, sent, length as ssize_t);
        exit(1);
    }

    printf!(c"  send of %zu %c: returned %zd\n", length, c_int::from(letter), length as ssize_t);
}

/// Sends the three messages.
fn send_three(client: c_int) {
    // SAFETY: 100 is not more than ALL.
    unsafe { send_message(client, b'a', 100) };
    // SAFETY: 50 is not more than ALL.
    unsafe { send_message(client, b'b', 50) };
    // SAFETY: 250 is not more than ALL.
    unsafe { send_message(client, b'c', 250) };
}

/// Waits until all bytes have come, and leaves them where they are.
fn wait_for_all(server: c_int) {
    let mut buffer = MaybeUninit::<[c_char; ALL]>::uninit();

    // SAFETY: `buffer` has ALL bytes.
    unsafe { recv(server, buffer.as_mut_ptr().cast(), ALL, MSG_PEEK | MSG_WAITALL) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
}

/// Receives once, and says how much of which message came.
///
/// # Safety
///
/// `size` is LARGE at most.
unsafe fn receive(server: c_int, size: size_t, flags: c_int) -> ssize_t {
    let mut buffer = MaybeUninit::<[u8; LARGE]>::uninit();
    let mut first: c_int = 0;
    let mut second: c_int = 0;
    let mut third: c_int = 0;

    // SAFETY: the caller vouches that `buffer` has `size` bytes.
    let received = unsafe { recv(server, buffer.as_mut_ptr().cast(), size, flags) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    for index in 0..received as usize {
        // SAFETY: recv has stored more bytes than `index`.
        let byte = unsafe { *buffer.as_ptr().cast::<u8>().wrapping_add(index) };

        first += c_int::from(byte == b'a');
        second += c_int::from(byte == b'b');
        third += c_int::from(byte == b'c');
    }

    printf!(c"  recv of %zu: returned %zd, which are %d a, %d b, %d c\n", size, received, first, second, third);
    received
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Listen on a port of 127.0.0.1 that the kernel chooses
    let listener = socket(PF_INET, SOCK_STREAM, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    let mut address: sockaddr_in = zeroed();
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(listener, (&raw const address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    // SAFETY: `length` is the size of `address`.
    unsafe { getsockname(listener, (&raw mut address).cast::<sockaddr>(), &raw mut length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockname", error));

    listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    // [2] Connect a client
    let client = socket(PF_INET, SOCK_STREAM, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { connect(client, (&raw const address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"connect", error));

    // [3] Send three messages, before anybody has accepted the connection
    printf!(c"The client sends. Nobody has accepted its connection yet:\n");
    send_three(client);

    // [4] Accept, and receive with a buffer that is larger than all of them
    // SAFETY: both pointers are null.
    let server =
        unsafe { accept(listener, null_mut(), null_mut()) }.unwrap_or_else(|error| fail(PROGRAM, c"accept", error));

    wait_for_all(server);
    printf!(c"The server accepts, and receives with a large buffer:\n");
    // SAFETY: LARGE itself.
    unsafe { receive(server, LARGE, 0) };

    // [5] The same three messages, received with a smaller buffer
    printf!(c"The client sends again:\n");
    send_three(client);
    wait_for_all(server);
    printf!(c"The server receives with a small buffer:\n");
    let mut total = 0;

    loop {
        // SAFETY: SMALL is less than LARGE.
        let received = unsafe { receive(server, SMALL, 0) };
        total += received;
        if received == 0 || total >= ALL as ssize_t {
            break;
        }
    }

    // [6] The same three messages, received by their lengths, which the server must know
    printf!(c"The client sends again:\n");
    send_three(client);
    printf!(c"The server receives what it knows the messages to be, and waits for all of each:\n");
    // SAFETY: 100 is less than LARGE.
    unsafe { receive(server, 100, MSG_WAITALL) };
    // SAFETY: 50 is less than LARGE.
    unsafe { receive(server, 50, MSG_WAITALL) };
    // SAFETY: 250 is less than LARGE.
    unsafe { receive(server, 250, MSG_WAITALL) };

    // [7] Close the client's end: the server receives the end of the stream
    // SAFETY: socket gave `client` to this program, and nothing uses it any more.
    _ = unsafe { close(client) };
    printf!(c"The client has closed:\n");
    // SAFETY: LARGE itself.
    unsafe { receive(server, LARGE, 0) };

    // SAFETY: accept gave `server` to this program, and nothing uses it any more.
    _ = unsafe { close(server) };
    // SAFETY: socket gave `listener` to this program, and nothing uses it any more.
    _ = unsafe { close(listener) };
    succeed(PROGRAM);
}

//! No delay: how many segments small sends become, with Nagle's algorithm and without it.
//!
//! The tutorial's section on TCP_NODELAY (lines 399-401). It shows that by default a small segment is sent at once
//! only if nothing sent before it is unacknowledged; that what has to wait is sent in one segment; and that with
//! TCP_NODELAY each send becomes a segment of its own, at once. It matters to whichever end sends small messages: here
//! it is the client, which the tutorial leaves to Nagle's algorithm (erratum 44).
//!
//! Usage: `no_delay`. Both ends of its connections are in this program. Read next: `socket_options`.
//!
//! On one host an acknowledgement arrives before the next send, and there would be nothing to see. So the server
//! delays the connection (TCP_DEFER_ACCEPT) until its accept queue is full with another one: the kernel drops what the
//! client sends, and does not acknowledge it. And all sends are made in one system call (sendmmsg), because after 200
//! ms without an acknowledgement the kernel sends what it has held back, to probe for loss.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    INADDR_LOOPBACK, IPPROTO_TCP, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, POLLIN, SIOCOUTQNSD, SO_SNDBUF, SOL_SOCKET,
    TCP_DEFER_ACCEPT, TCP_NODELAY, TIOCOUTQ, c_char, c_int, c_uint, in_addr_t, iovec, mmsghdr, pollfd, size_t, ssize_t,
};
use sockmirror::netinet::tcp::TCP_CLOSE;
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, printf, stderr};
use sockmirror::stdlib::exit;
use sockmirror::string::zeroed;
use sockmirror::sys::ioctl::ioctl;
use sockmirror::sys::socket::{listen, recv, send, sendmmsg};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};
use sockmirror::common::loopback::{
    accept_client, bound_socket, connect_client, effective_backlog, own_address, set_option, tcp_state,
};

const PROGRAM: &CStr = c"no_delay";
const USAGE: &CStr = c"./no_delay";
/// Less than the initial congestion window, which is ten segments.
const SEND_COUNT: c_int = 8;
/// Large enough for the bytes, each of which takes one or two kilobytes of it.
const SEND_BUFFER_SIZE: c_int = 65536;
/// How long a connection may wait for its first byte, in seconds.
const DEFER_ACCEPT_S: c_int = 60;

sockmirror::entry!(main);

/// Reports a connection that was reset: sendmmsg returns how many sends succeeded, not why the next one failed.
fn explain_reset(sock: c_int) {
    if tcp_state(PROGRAM, sock) == TCP_CLOSE {
        fprintf!(stderr(), c"%s: the connection was reset: is net.ipv4.tcp_abort_on_overflow 1?\n", PROGRAM);
    }
}

/// Sends one byte SEND_COUNT times. Returns how many of these bytes have not been transmitted yet.
fn send_bytes(sock: c_int) -> c_int {
    let mut bytes: [u8; SEND_COUNT as usize] = *b"abcdefgh";
    let mut held: c_int = 0;
    let mut unacknowledged: c_int = 0;
    let mut pieces: [iovec; SEND_COUNT as usize] = zeroed();
    let mut messages: [mmsghdr; SEND_COUNT as usize] = zeroed();

    for index in 0..SEND_COUNT as usize {
        pieces[index].iov_base = (&raw mut bytes[index]).cast();
        pieces[index].iov_len = 1;
        messages[index].msg_hdr.msg_iov = &raw mut pieces[index];
        messages[index].msg_hdr.msg_iovlen = 1;
    }

    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_SIZE);

    // SAFETY: there are SEND_COUNT messages, each of one piece, and that of one byte.
    let sent = unsafe { sendmmsg(sock, messages.as_mut_ptr(), SEND_COUNT as c_uint, MSG_DONTWAIT | MSG_NOSIGNAL) };
    if sent != Ok(SEND_COUNT) {
        explain_send(PROGRAM, sent.map(|sent| sent as ssize_t), SEND_COUNT as ssize_t);
        explain_reset(sock);
        exit(1);
    }

    // The bytes in the send buffer that have not been transmitted yet.
    // SAFETY: SIOCOUTQNSD stores an int, which `held` is.
    unsafe { ioctl(sock, SIOCOUTQNSD, &raw mut held) }.unwrap_or_else(|error| fail(PROGRAM, c"ioctl", error));

    // The bytes that are not acknowledged: as soon as one is, those that are held back are sent.
    // SAFETY: TIOCOUTQ stores an int, which `unacknowledged` is.
    unsafe { ioctl(sock, TIOCOUTQ, &raw mut unacknowledged) }.unwrap_or_else(|error| fail(PROGRAM, c"ioctl", error));

    if unacknowledged != SEND_COUNT {
        fprintf!(
            stderr(),
            c"%s: only %d of %d bytes are unacknowledged: is net.ipv4.tcp_syncookies 2?\n",
            PROGRAM,
            unacknowledged,
            SEND_COUNT
        );
        exit(1);
    }

    held
}

/// Receives up to `size` bytes, or with MSG_WAITALL, waits for all of them. Returns how many arrived.
fn receive(sock: c_int, size: c_int, flags: c_int) -> ssize_t {
    let mut buffer = MaybeUninit::<[c_char; SEND_COUNT as usize]>::uninit();

    // SAFETY: no caller asks for more than the SEND_COUNT bytes of `buffer`.
    unsafe { recv(sock, buffer.as_mut_ptr().cast(), size as size_t, flags) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error))
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Create the listener; a connection is not complete until its first byte has arrived
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    set_option(PROGRAM, listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_S);
    let server_address = own_address(PROGRAM, listener);
    printf!(c"%d sends of one byte each, while no acknowledgement comes\n", SEND_COUNT);

    for no_delay in 0..2 as c_int {
        // [2] Connect two clients, from addresses that are not in TIME_WAIT
        listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

        // With less, the second client's SYN would be dropped, and connect would block.
        if effective_backlog(PROGRAM, listener, 1) < 1 {
            fprintf!(stderr(), c"%s: listen: the kernel has cut the backlog to 0: is net.core.somaxconn 0?\n", PROGRAM);
            exit(1);
        }

        let other = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + no_delay as in_addr_t, &server_address);
        let client = connect_client(PROGRAM, INADDR_LOOPBACK + 3 + no_delay as in_addr_t, &server_address);

        // [3] Let the first client complete its connection: with a backlog of 0 the accept queue is full
        listen(listener, 0).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

        // SAFETY: the string has one byte.
        unsafe { send(other, c"x".as_ptr().cast(), 1, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"send", error));

        let mut waiting = pollfd { fd: listener, events: POLLIN, revents: 0 };

        // SAFETY: `waiting` is one entry.
        unsafe { poll(&raw mut waiting, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

        // [4] The second time, turn off Nagle's algorithm; send, and read at once how much has been transmitted
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_NODELAY, no_delay);
        let held = send_bytes(client);
        printf!(c"TCP_NODELAY is %d: %d left at once, %d had to wait\n", no_delay, SEND_COUNT - held, held);

        // [5] Make room for the second client, and wait until one of its segments is retransmitted
        let other_accepted = accept_client(PROGRAM, listener);
        receive(other_accepted, 1, MSG_WAITALL);
        let server = accept_client(PROGRAM, listener);

        // [6] Receive what was sent at once, and then what had to wait: it arrives in one segment
        receive(server, SEND_COUNT - held, MSG_WAITALL);

        if held > 0 {
            printf!(c"  They came later: %zd with one recv\n", receive(server, SEND_COUNT, 0));
        }

        printf!(c"  Segments: %d\n", SEND_COUNT - held + c_int::from(held > 0));
        // SAFETY: nothing uses `client` any more.
        _ = unsafe { close(client) };
        // SAFETY: nothing uses `server` any more.
        _ = unsafe { close(server) };
        // SAFETY: nothing uses `other` any more.
        _ = unsafe { close(other) };
        // SAFETY: nothing uses `other_accepted` any more.
        _ = unsafe { close(other_accepted) };
    }

    // SAFETY: nothing uses `listener` any more.
    _ = unsafe { close(listener) };
    succeed(PROGRAM);
}

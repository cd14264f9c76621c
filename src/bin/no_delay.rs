//! No delay: how many segments small sends become, with Nagle's algorithm and without it.
//!
//! The tutorial's section on TCP_NODELAY (lines 399-401). It shows that by default a small piece leaves at
//! once only if nothing before it waits for its acknowledgement; that those which have to wait share a
//! segment; and that with TCP_NODELAY each leaves at once, in a segment of its own.
//!
//! Call: `no_delay`. It needs nothing to run against: both ends are in this program.
//!
//! On one machine an acknowledgement is back before the next send, and there is nothing to see. So the server
//! keeps the connection waiting (TCP_DEFER_ACCEPT), and then its queue is full with another one's: whatever the
//! client sends is thrown away, and nobody acknowledges it. And all sends are made in one system call
//! (sendmmsg), because after a fifth of a second without an acknowledgement the kernel sends what it has held
//! back, to find out whether something was lost.
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
use sockmirror::string::memset;
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
// Fewer than the ten segments that a new connection may have on their way.
const SENDS: usize = 8;
// For the bytes, each of which takes a kilobyte or two of it.
const SEND_BUFFER: c_int = 65536;
// For how many seconds a connection may wait for its first byte.
const PATIENCE: c_int = 60;

sockmirror::entry!(main);

/// Says so if a connection was reset. sendmmsg tells how many sends succeeded, and not why the next one failed.
fn explain_reset(sock: c_int) {
    if tcp_state(PROGRAM, sock) == TCP_CLOSE {
        fprintf!(stderr(), c"%s: the connection was reset: is net.ipv4.tcp_abort_on_overflow 1?\n", PROGRAM);
    }
}

/// Sends one byte SENDS times, and says how many of these bytes have not left.
fn send_small(sock: c_int) -> c_int {
    let mut bytes: [u8; SENDS] = *b"abcdefgh";
    let mut pieces = [const { MaybeUninit::<iovec>::uninit() }; SENDS];
    let mut messages = MaybeUninit::<[mmsghdr; SENDS]>::uninit();
    let mut held: c_int = 0;
    let mut unacknowledged: c_int = 0;

    // SAFETY: the size is that of the variable.
    unsafe { memset(messages.as_mut_ptr().cast(), 0, size_of::<[mmsghdr; SENDS]>()) };
    // SAFETY: zero is a value of a number, and of a raw pointer.
    let messages = unsafe { messages.assume_init_mut() };

    for index in 0..SENDS {
        messages[index].msg_hdr.msg_iov =
            pieces[index].write(iovec { iov_base: (&raw mut bytes[index]).cast(), iov_len: 1 });
        messages[index].msg_hdr.msg_iovlen = 1;
    }

    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);

    // SAFETY: SENDS entries, each with one piece, and that with one byte; they live until the call returns.
    match unsafe { sendmmsg(sock, messages.as_mut_ptr(), SENDS as c_uint, MSG_DONTWAIT | MSG_NOSIGNAL) } {
        Ok(sent) if sent == SENDS as c_int => {}
        failed => {
            explain_send(PROGRAM, failed.map(|sent| sent as ssize_t), SENDS as ssize_t);
            explain_reset(sock);
            exit(1);
        }
    }

    // How many bytes of the send buffer have not been sent yet, not even once.
    // SAFETY: the request stores an int, and `held` is one.
    unsafe { ioctl(sock, SIOCOUTQNSD, &raw mut held) }.unwrap_or_else(|error| fail(PROGRAM, c"ioctl", error));

    // How many of them are not acknowledged: as soon as one is, those that are held back leave.
    // SAFETY: the request stores an int, and `unacknowledged` is one.
    unsafe { ioctl(sock, TIOCOUTQ, &raw mut unacknowledged) }.unwrap_or_else(|error| fail(PROGRAM, c"ioctl", error));

    if unacknowledged != SENDS as c_int {
        fprintf!(
            stderr(),
            c"%s: only %d of %d bytes are not acknowledged: is net.ipv4.tcp_syncookies 2?\n",
            PROGRAM,
            unacknowledged,
            SENDS as c_int
        );
        exit(1);
    }

    held
}

/// Waits for bytes, SENDS of them at most, and says how many came. With MSG_WAITALL all have to come.
fn receive(sock: c_int, most: c_int, flags: c_int) -> ssize_t {
    let mut buffer = MaybeUninit::<[c_char; SENDS]>::uninit();

    // SAFETY: `buffer` has SENDS bytes, and `most` is no more.
    match unsafe { recv(sock, buffer.as_mut_ptr().cast(), most as size_t, flags) } {
        Ok(received) => received,
        Err(error) => fail(PROGRAM, c"recv", error),
    }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Create the socket that listens; a connection shall not be complete before its first byte has come
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    set_option(PROGRAM, listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, PATIENCE);
    let server_address = own_address(PROGRAM, listener);
    printf!(c"%d sends of one byte each, while no acknowledgement comes\n", SENDS as c_int);

    for no_delay in 0..2 as c_int {
        // [2] Connect two clients, from addresses that are not in TIME_WAIT
        listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

        // With less the second one's SYN would find no room, and connect would wait.
        if effective_backlog(PROGRAM, listener, 1) < 1 {
            fprintf!(stderr(), c"%s: listen: the kernel has cut the backlog to 0: is net.core.somaxconn 0?\n", PROGRAM);
            exit(1);
        }

        let other = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + no_delay as in_addr_t, &server_address);
        let client = connect_client(PROGRAM, INADDR_LOOPBACK + 3 + no_delay as in_addr_t, &server_address);

        // [3] Let the first one complete its connection: with a backlog of 0 the queue is full
        listen(listener, 0).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

        // SAFETY: the literal has one byte.
        unsafe { send(other, c"x".as_ptr().cast(), 1, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"send", error));

        let mut waiting = pollfd { fd: listener, events: POLLIN, revents: 0 };

        // SAFETY: one entry, as it says.
        unsafe { poll(&raw mut waiting, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));

        // [4] Turn Nagle's algorithm off, the second time; send, and look at once how much has left
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_NODELAY, no_delay);
        let held = send_small(client);
        printf!(c"TCP_NODELAY is %d: %d left at once, %d had to wait\n", no_delay, SENDS as c_int - held, held);

        // [5] Make room for the second client, and wait until one of its segments comes again
        let other_accepted = accept_client(PROGRAM, listener);
        receive(other_accepted, 1, MSG_WAITALL);
        let server = accept_client(PROGRAM, listener);

        // [6] Receive what left at once, and then what had to wait: one segment brings all of it
        receive(server, SENDS as c_int - held, MSG_WAITALL);

        if held > 0 {
            printf!(c"  They came later: %zd with one recv\n", receive(server, SENDS as c_int, 0));
        }

        printf!(c"  Segments: %d\n", SENDS as c_int - held + c_int::from(held > 0));
        // SAFETY: connect_client gave `client` to this turn of the loop, and nothing uses it any more.
        _ = unsafe { close(client) };
        // SAFETY: accept_client gave `server` to this turn of the loop, and nothing uses it any more.
        _ = unsafe { close(server) };
        // SAFETY: connect_client gave `other` to this turn of the loop, and nothing uses it any more.
        _ = unsafe { close(other) };
        // SAFETY: accept_client gave `other_accepted` to this turn of the loop, and nothing uses it any more.
        _ = unsafe { close(other_accepted) };
    }

    // SAFETY: bound_socket gave `listener` to this program, and nothing uses it any more.
    _ = unsafe { close(listener) };
    succeed(PROGRAM);
}

//! Linger: what close() does with bytes that have not been delivered yet, as the other end sees it.
//!
//! The tutorial's section on SO_LINGER (lines 370-386), with its fragment (372-378) as step 2; `struct linger` comes
//! from <sys/socket.h>. It shows the tutorial's three cases: close() returns and the kernel sends the rest; the kernel
//! discards the rest and resets the connection; close() blocks. And it shows a case that the tutorial gets wrong: if
//! received bytes are left unread, close() resets the connection, whatever the option says (erratum 21).
//!
//! Usage: `linger`. Both ends of its connections are in this program. Read next: `reuse_address`, `half_close`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    INADDR_LOOPBACK, MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, SO_LINGER, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, c_char, c_int,
    in_addr_t, linger, pollfd, socklen_t, ssize_t,
};
use sockmirror::netinet::tcp::{TCP_CLOSE_WAIT, TCP_ESTABLISHED};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{memset, strerror};
use sockmirror::sys::socket::{listen, recv, send, setsockopt};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};
use sockmirror::common::loopback::{
    accept_client, bind_to, connect_to, open_socket, own_address, set_option, tcp_state,
};

const PROGRAM: &CStr = c"linger";
const USAGE: &CStr = c"./linger";

/// The bytes that are sent before close().
const DATA_SIZE: usize = 32768;
/// Buffer sizes: one too small for these bytes, one large enough.
const SMALL_BUFFER_SIZE: c_int = 4096;
const LARGE_BUFFER_SIZE: c_int = 65536;

sockmirror::entry!(main);

/// Closes a socket that nothing uses any more.
fn close_socket(sock: c_int) {
    // SAFETY: no caller uses the socket afterwards.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
}

/// Connects `sock` to a peer with a receive buffer of this size, at an address of its own.
fn connect_peer(sock: c_int, number: usize, buffer_size: c_int) -> c_int {
    let listener = open_socket(PROGRAM);
    set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, buffer_size);
    bind_to(PROGRAM, listener, INADDR_LOOPBACK + number as in_addr_t);
    let address = own_address(PROGRAM, listener);
    listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
    connect_to(PROGRAM, sock, &address);
    let peer = accept_client(PROGRAM, listener);
    close_socket(listener);
    peer
}

/// Reads until end of file or an error, prints what arrived, and closes the socket.
fn read_and_close(peer: c_int) {
    let mut buffer = MaybeUninit::<[c_char; DATA_SIZE]>::uninit();
    let mut total: c_int = 0;

    // Rust: the value of the loop is what ended it.
    let end = loop {
        // SAFETY: `buffer` has DATA_SIZE bytes.
        match unsafe { recv(peer, buffer.as_mut_ptr().cast(), DATA_SIZE, MSG_WAITALL) } {
            Ok(received) if received > 0 => total += received as c_int,
            Ok(_) => break c"end of file".into(),
            Err(error) => break strerror(error.0),
        }
    };
    printf!(c"  the peer reads %d bytes, then %s\n", total, end);
    close_socket(peer);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let cases = [
        linger { l_onoff: 0, l_linger: 0 },
        linger { l_onoff: 1, l_linger: 0 },
        linger { l_onoff: 1, l_linger: 1 },
        linger { l_onoff: 1, l_linger: 60 },
    ];
    let mut data = MaybeUninit::<[c_char; DATA_SIZE]>::uninit();

    check_arguments(PROGRAM, USAGE, argc, argv, 0);
    // SAFETY: `data` has DATA_SIZE bytes.
    unsafe { memset(data.as_mut_ptr().cast(), c_int::from(b'x'), DATA_SIZE) };

    for (number, linger) in cases.into_iter().enumerate() {
        let room = if linger.l_linger < 60 { SMALL_BUFFER_SIZE } else { LARGE_BUFFER_SIZE };

        // [1] Connect to a peer that does not read yet; only the last one has room for all bytes
        let sock = open_socket(PROGRAM);
        set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, LARGE_BUFFER_SIZE);
        let peer = connect_peer(sock, number, room);

        // [2] Set what close() does
        printf!(
            c"l_onoff %d, l_linger %d; %d bytes, and room for %d:\n",
            linger.l_onoff,
            linger.l_linger,
            DATA_SIZE as c_int,
            room
        );
        // SAFETY: the size is that of `linger`.
        unsafe {
            setsockopt(sock, SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t)
        }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

        // [3] Send; what does not fit the receive buffer stays in the send buffer, which has room for all
        // SAFETY: memset has set the DATA_SIZE bytes of `data`.
        let sent = unsafe { send(sock, data.as_ptr().cast(), DATA_SIZE, MSG_DONTWAIT) };
        if sent != Ok(DATA_SIZE as ssize_t) {
            explain_send(PROGRAM, sent, DATA_SIZE as ssize_t);
            exit(1);
        }

        // [4] Close
        close_socket(sock);

        // [5] Read the TCP state of the peer; where close() resets, wait for the reset
        if linger.l_onoff != 0 && linger.l_linger == 0 {
            let mut event = pollfd { fd: peer, events: 0, revents: 0 };

            // SAFETY: `event` is one entry.
            unsafe { poll(&raw mut event, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));
        }
        let state = tcp_state(PROGRAM, peer);
        if state == TCP_ESTABLISHED {
            printf!(c"  close() returned with bytes unsent\n");
        } else if state == TCP_CLOSE_WAIT {
            printf!(c"  close() returned after every byte was acknowledged\n");
        } else {
            printf!(c"  close() returned and reset the connection\n");
        }

        // [6] Let the peer read
        read_and_close(peer);
    }

    // [7] Close as in the first case, but with received bytes unread
    printf!(c"l_onoff 0; 5 received bytes are left unread:\n");
    let sock = open_socket(PROGRAM);
    let peer = connect_peer(sock, 4, LARGE_BUFFER_SIZE);
    // SAFETY: memset has set more than five bytes of `data`.
    let sent = unsafe { send(peer, data.as_ptr().cast(), 5, 0) };
    if sent != Ok(5) {
        explain_send(PROGRAM, sent, 5);
        exit(1);
    }
    // SAFETY: `data` has more than five bytes.
    unsafe { recv(sock, data.as_mut_ptr().cast(), 5, MSG_PEEK | MSG_WAITALL) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
    close_socket(sock);
    read_and_close(peer);
    succeed(PROGRAM);
}

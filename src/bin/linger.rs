//! Linger: what close() does with bytes that are still on their way, as the other end sees it.
//!
//! The tutorial's section on SO_LINGER (lines 370-386), with its fragment (372-378) as step 2; `struct linger`
//! comes from <sys/socket.h>. Its three cases: the kernel sends the rest after close(); it throws the rest
//! away and resets the connection; close() waits. And one that the tutorial has wrong: bytes that came in
//! and are left unread turn the end into a reset, whatever the option says (erratum 21).
//!
//! Call: `linger`. It holds both ends of its connections. Next: `reuse_address`, `half_close`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    INADDR_LOOPBACK, IPPROTO_TCP, MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, SO_LINGER, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET,
    TCP_INFO, c_char, c_int, in_addr_t, linger, pollfd, socklen_t, ssize_t, tcp_info,
};
use sockmirror::netinet::tcp::{TCP_CLOSE_WAIT, TCP_ESTABLISHED};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{memset, strerror};
use sockmirror::sys::socket::{getsockopt, listen, recv, send, setsockopt};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};
use sockmirror::common::loopback::{accept_client, bind_to, connect_to, open_socket, own_address, set_option};

const PROGRAM: &CStr = c"linger";
const USAGE: &CStr = c"./linger";

/// How many bytes are sent before close().
const SENT: usize = 32768;
/// Buffers: one for a few of these bytes, one for all of them.
const FEW: c_int = 4096;
const ALL: c_int = 65536;

sockmirror::entry!(main);

/// Closes a socket, which nothing uses any more.
fn close_socket(sock: c_int) {
    // SAFETY: the program's own socket.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
}

/// Connects `sock` to a peer that has a receive buffer of its own size, at an address of its own.
fn connect_peer(sock: c_int, number: usize, buffer: c_int) -> c_int {
    let listener = open_socket(PROGRAM);
    set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, buffer);
    bind_to(PROGRAM, listener, INADDR_LOOPBACK + number as in_addr_t);
    let address = own_address(PROGRAM, listener);
    listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
    connect_to(PROGRAM, sock, &address);
    let peer = accept_client(PROGRAM, listener);
    close_socket(listener);
    peer
}

/// Reads what there is to read, up to the end or to an error, says what came, and closes.
fn read_and_close(peer: c_int) {
    let mut buffer = MaybeUninit::<[c_char; SENT]>::uninit();
    let mut total: c_int = 0;

    // Rust: the loop hands out what ended it.
    let end = loop {
        // SAFETY: `buffer` has SENT bytes.
        match unsafe { recv(peer, buffer.as_mut_ptr().cast(), SENT, MSG_WAITALL) } {
            Ok(received) if received > 0 => total += received as c_int,
            Ok(_) => break c"the end".into(),
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
    let mut data = MaybeUninit::<[c_char; SENT]>::uninit();

    check_arguments(PROGRAM, USAGE, argc, argv, 0);
    // SAFETY: the size is that of the variable.
    unsafe { memset(data.as_mut_ptr().cast(), c_int::from(b'x'), SENT) };

    for (number, linger) in cases.into_iter().enumerate() {
        let mut info = MaybeUninit::<tcp_info>::uninit();
        let mut size = size_of::<u8>() as socklen_t;
        let room = if linger.l_linger < 60 { FEW } else { ALL };

        // [1] Connect to a peer that will not read for a while; only the last one has room for all
        let sock = open_socket(PROGRAM);
        set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, ALL);
        let peer = connect_peer(sock, number, room);

        // [2] Say what close() is to do
        printf!(
            c"l_onoff %d, l_linger %d; %d bytes, and room for %d:\n",
            linger.l_onoff,
            linger.l_linger,
            SENT as c_int,
            room
        );
        // SAFETY: the size is that of the variable.
        unsafe {
            setsockopt(sock, SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t)
        }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

        // [3] Send; what the peer has no room for stays in the send buffer, which has room for all
        // SAFETY: `data` has SENT bytes, which memset has set.
        let sent = unsafe { send(sock, data.as_ptr().cast(), SENT, MSG_DONTWAIT) };
        if sent != Ok(SENT as ssize_t) {
            explain_send(PROGRAM, sent, SENT as ssize_t);
            exit(1);
        }

        // [4] Close
        close_socket(sock);

        // [5] Look what the peer has noticed; nothing keeps a reset back, so that it can be waited for
        if linger.l_onoff != 0 && linger.l_linger == 0 {
            let mut event = pollfd { fd: peer, events: 0, revents: 0 };

            // SAFETY: one entry, as it says.
            unsafe { poll(&raw mut event, 1, -1) }.unwrap_or_else(|error| fail(PROGRAM, c"poll", error));
        }
        // SAFETY: `size` is that of the state, with which the structure begins.
        unsafe { getsockopt(peer, IPPROTO_TCP, TCP_INFO, info.as_mut_ptr().cast(), &raw mut size) }
            .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));
        // SAFETY: the kernel has stored the state.
        let state = unsafe { (*info.as_ptr()).tcpi_state };
        if state == TCP_ESTABLISHED {
            printf!(c"  close() is back with bytes unsent\n");
        } else if state == TCP_CLOSE_WAIT {
            printf!(c"  close() is back with every byte acknowledged\n");
        } else {
            printf!(c"  close() is back, and the connection reset\n");
        }

        // [6] Let the peer read
        read_and_close(peer);
    }

    // [7] Close by the first case, but leave bytes unread that have come in
    printf!(c"l_onoff 0; 5 bytes that came in are not read:\n");
    let sock = open_socket(PROGRAM);
    let peer = connect_peer(sock, 4, ALL);
    // SAFETY: `data` has more than five bytes, which memset has set.
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

//! Buffer size: reads and sets the size of a socket's buffers, and shows when a connection takes it into account.
//!
//! The tutorial's section on SO_RCVBUF and SO_SNDBUF (lines 340-368), with its fragment (344-364) as steps 2 and 3.
//! Linux stores twice the value that is set, so a size that is read, doubled and set reads back four times as large, up
//! to the administrator's limit (erratum 19). The buffer size has no influence on the maximum segment size (MSS) that a
//! handshake announces; it determines the window scale, which is fixed by the handshake (erratum 20). A receive buffer
//! that nobody has set grows with the stream; one that was set keeps its size (erratum 37).
//!
//! Usage: `buffer_size`. Both ends of its connections are in this program. Read next: `socket_options`, `handshake`.
//!
//! In the fragment, errata 4, 6 and 7 are corrected.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    INADDR_LOOPBACK, IPPROTO_TCP, MSG_DONTWAIT, MSG_WAITALL, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, TCP_INFO, TCP_MAXSEG,
    c_int, in_addr_t, size_t, socklen_t, ssize_t, tcp_info,
};
use sockmirror::netinet::tcp::tcpi_snd_wscale;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{memset, strerror, zeroed};
use sockmirror::sys::socket::{getsockopt, listen, recv, send, setsockopt};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_errno, explain_send, fail, succeed};
use sockmirror::common::loopback::{
    accept_client, bind_to, bound_socket, connect_to, get_option, open_socket, own_address, set_option,
};

const PROGRAM: &CStr = c"buffer_size";
const USAGE: &CStr = c"./buffer_size";

/// Less than the default, for one end of a connection.
const SMALL_SIZE: c_int = 32768;
/// More than net.core.rmem_max normally allows.
const TOO_LARGE_SIZE: c_int = 1073741823;
/// The MSS that both ends announce, as on an Ethernet.
const ETHERNET_MSS: c_int = 1460;
/// The part of tcp_info up to the window scales; the rest is measurements.
const INFO_SIZE: socklen_t = 7;

/// A stream, and its blocks: each is twice as large as the window that a receiver announces at first.
const BLOCK_SIZE: size_t = 131072;
const STREAM_SIZE: size_t = 1048576;
/// The receive buffer that is set for a stream: Linux stores twice that, which normally is the default.
const FIXED_SIZE: c_int = 65536;

/// When the buffer size is set: indices into the list of moments.
const BEFORE_CONNECT: usize = 1;
const AFTER_CONNECT: usize = 2;
const BEFORE_LISTEN: usize = 3;
const AFTER_LISTEN: usize = 4;
const AFTER_ACCEPT: usize = 5;

sockmirror::entry!(main);

/// Closes a socket that nothing uses any more.
fn close_socket(sock: c_int) {
    // SAFETY: no caller uses the socket afterwards.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
}

/// Sends a stream from a client to a server, block by block, and prints what becomes of the server's receive buffer.
fn measure_growth(client: c_int, server: c_int, how: &CStr) {
    let mut block = MaybeUninit::<[u8; BLOCK_SIZE]>::uninit();

    // SAFETY: `block` has BLOCK_SIZE bytes.
    unsafe { memset(block.as_mut_ptr().cast(), c_int::from(b's'), BLOCK_SIZE) };
    let before = get_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF);

    let mut total = 0;
    while total < STREAM_SIZE {
        // Both ends are in this program: a send that has to wait would wait for ever.
        // SAFETY: memset has set all BLOCK_SIZE bytes.
        let sent = unsafe { send(client, block.as_ptr().cast(), BLOCK_SIZE, MSG_DONTWAIT) };
        if sent != Ok(BLOCK_SIZE as ssize_t) {
            explain_send(PROGRAM, sent, BLOCK_SIZE as ssize_t);
            exit(1);
        }
        // SAFETY: `block` has BLOCK_SIZE bytes.
        unsafe { recv(server, block.as_mut_ptr().cast(), BLOCK_SIZE, MSG_WAITALL) }
            .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
        total += BLOCK_SIZE;
    }
    let after = get_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF);
    printf!(c"  %s: %d at first, %d at the end\n", how, before, after);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut rcv_buffer_size: c_int = 0;
    // Erratum 6: the fragment has an int, but getsockopt takes a pointer to a socklen_t.
    let mut sock_opt_size: socklen_t;
    let moments =
        [c"never", c"before connect()", c"after connect()", c"before listen()", c"after listen()", c"after accept()"];

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Create a socket
    let sock = open_socket(PROGRAM);

    // [2] Read the size of its receive buffer
    sock_opt_size = size_of::<c_int>() as socklen_t;
    // SAFETY: `sock_opt_size` is the size of `rcv_buffer_size`.
    unsafe { getsockopt(sock, SOL_SOCKET, SO_RCVBUF, (&raw mut rcv_buffer_size).cast(), &raw mut sock_opt_size) }
        .unwrap_or_else(|error| {
            explain_errno(PROGRAM, c"getsockopt", error);
            printf!(c"getsockopt() failed\n");
            exit(1);
        });
    printf!(c"SO_RCVBUF at first: %d\n", rcv_buffer_size);

    // [3] Double it
    rcv_buffer_size *= 2;
    // Erratum 7: the fragment's `< 0` is inside the parentheses and makes the length 0.
    // SAFETY: the size is that of `rcv_buffer_size`.
    unsafe {
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, (&raw const rcv_buffer_size).cast(), size_of::<c_int>() as socklen_t)
    }
    .unwrap_or_else(|error| {
        explain_errno(PROGRAM, c"setsockopt", error);
        printf!(c"setsockopt() failed\n");
        exit(1);
    });
    printf!(c"  set to twice that: %d\n", rcv_buffer_size);
    printf!(c"  read back: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF));

    // [4] Set it with a length of 0, as the fragment does, and then to more than the kernel allows
    // SAFETY: with a length of 0, no byte is read.
    unsafe { setsockopt(sock, SOL_SOCKET, SO_RCVBUF, (&raw const rcv_buffer_size).cast(), 0) }
        .unwrap_or_else(|error| printf!(c"  set with a length of 0: %s\n", strerror(error.0)));
    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, TOO_LARGE_SIZE);
    printf!(c"  set to more than the maximum: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF));

    // [5] Double the size of the send buffer
    let mut snd_buffer_size = get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF);
    printf!(c"SO_SNDBUF at first: %d\n", snd_buffer_size);
    snd_buffer_size *= 2;
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, snd_buffer_size);
    printf!(c"  set to twice that: %d\n", snd_buffer_size);
    printf!(c"  read back: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF));

    printf!(c"SO_RCVBUF set to %d at one end, and what the other end knows after the handshake:\n", SMALL_SIZE);
    for (moment, when) in moments.into_iter().enumerate() {
        let mut size = INFO_SIZE;

        // [6] Create a client and a server, for each moment at another address
        let listener = open_socket(PROGRAM);
        let client = open_socket(PROGRAM);
        set_option(PROGRAM, listener, IPPROTO_TCP, TCP_MAXSEG, ETHERNET_MSS);
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_MAXSEG, ETHERNET_MSS);
        bind_to(PROGRAM, listener, INADDR_LOOPBACK + moment as in_addr_t);
        let address = own_address(PROGRAM, listener);

        // [7] Connect them, and set the buffer size of one at this moment
        if moment == BEFORE_LISTEN {
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        }
        listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
        if moment == AFTER_LISTEN {
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        }
        if moment == BEFORE_CONNECT {
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        }
        connect_to(PROGRAM, client, &address);
        if moment == AFTER_CONNECT {
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        }
        let server = accept_client(PROGRAM, listener);
        if moment == AFTER_ACCEPT {
            set_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF, SMALL_SIZE);
        }

        // [8] Read what the other end knows: the largest segment is the announced MSS less the options of each segment
        let mut info: tcp_info = zeroed();
        let end = if moment < BEFORE_LISTEN { client } else { server };
        let other = if moment < BEFORE_LISTEN { server } else { client };
        // SAFETY: `info` has more bytes than `size` says.
        unsafe { getsockopt(other, IPPROTO_TCP, TCP_INFO, (&raw mut info).cast(), &raw mut size) }
            .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));
        let segment = get_option(PROGRAM, other, IPPROTO_TCP, TCP_MAXSEG);
        let stored = get_option(PROGRAM, end, SOL_SOCKET, SO_RCVBUF);
        let scale = tcpi_snd_wscale(info.tcpi_snd_rcv_wscale);
        printf!(c"  %s: size %d, largest segment %d, window scale %d\n", when, stored, segment, c_int::from(scale));

        // [9] Close all sockets
        close_socket(client);
        close_socket(server);
        close_socket(listener);
    }

    printf!(c"SO_RCVBUF of the receiver of a stream of %d bytes:\n", STREAM_SIZE as c_int);
    for fixed in 0..2 {
        // [10] Connect a client and a server; the second time, set the size of the receive buffer before
        let listener = bound_socket(PROGRAM, INADDR_LOOPBACK + moments.len() as in_addr_t + fixed);
        let address = own_address(PROGRAM, listener);
        if fixed != 0 {
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, FIXED_SIZE);
        }
        listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
        let client = open_socket(PROGRAM);
        // So that it takes a block at once, whatever net.ipv4.tcp_wmem says.
        set_option(PROGRAM, client, SOL_SOCKET, SO_SNDBUF, BLOCK_SIZE as c_int);
        connect_to(PROGRAM, client, &address);
        let server = accept_client(PROGRAM, listener);

        // [11] Send a stream, and read the size before it and after it
        measure_growth(client, server, if fixed != 0 { c"set before" } else { c"never set" });

        // [12] Close all sockets
        close_socket(client);
        close_socket(server);
        close_socket(listener);
    }
    succeed(PROGRAM);
}

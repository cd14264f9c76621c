//! Buffer size: reads and sets how much a socket holds, and shows when a connection takes notice.
//!
//! The tutorial's section on SO_RCVBUF and SO_SNDBUF (lines 340-368), with its fragment (344-364) as steps
//! 2 and 3. Linux stores twice what is set, so "make it twice as large" reads back as four times as large
//! (erratum 19). The buffer has no part in the largest segment (MSS) that a handshake announces; it decides
//! the window scale, and that cannot change later (erratum 20).
//!
//! Call: `buffer_size`. It holds both ends of its connections. Next: `socket_options`, `handshake`.
//!
//! Of the fragment, errata 4, 6 and 7 are corrected.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    INADDR_LOOPBACK, IPPROTO_TCP, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, TCP_INFO, TCP_MAXSEG, c_int, in_addr_t, socklen_t,
    tcp_info,
};
use sockmirror::netinet::tcp::tcpi_snd_wscale;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{memset, strerror};
use sockmirror::sys::socket::{getsockopt, listen, setsockopt};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_errno, fail, succeed};
use sockmirror::common::loopback::{
    accept_client, bind_to, connect_to, get_option, open_socket, own_address, set_option,
};

const PROGRAM: &CStr = c"buffer_size";
const USAGE: &CStr = c"./buffer_size";

/// What is set on one end of a connection: fewer bytes than the default.
const SMALL: c_int = 32768;
/// More than any kernel allows, unless it was told to.
const TOO_LARGE: c_int = 1073741823;
/// What both ends announce as the largest segment, as on an Ethernet.
const ETHERNET: c_int = 1460;
/// The beginning of a tcp_info, up to the window scales. What follows are measurements.
const BEGINNING: socklen_t = 7;

/// When the buffer is set: places in the list of moments.
const BEFORE_CONNECT: usize = 1;
const AFTER_CONNECT: usize = 2;
const BEFORE_LISTEN: usize = 3;
const AFTER_LISTEN: usize = 4;
const AFTER_ACCEPT: usize = 5;

sockmirror::entry!(main);

/// Closes a socket, which nothing uses any more.
fn close_socket(sock: c_int) {
    // SAFETY: the program's own socket.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut rcv_buffer_size = MaybeUninit::<c_int>::uninit();
    // Erratum 6: the fragment has an int, but getsockopt takes a pointer to a socklen_t.
    let mut sock_opt_size: socklen_t;
    let moments =
        [c"never", c"before connect()", c"after connect()", c"before listen()", c"after listen()", c"after accept()"];

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Create a socket
    let sock = open_socket(PROGRAM);

    // [2] Read the size of its receive buffer
    sock_opt_size = size_of::<c_int>() as socklen_t;
    // SAFETY: `sock_opt_size` is the size of the variable.
    unsafe { getsockopt(sock, SOL_SOCKET, SO_RCVBUF, rcv_buffer_size.as_mut_ptr().cast(), &raw mut sock_opt_size) }
        .unwrap_or_else(|error| {
            explain_errno(PROGRAM, c"getsockopt", error);
            printf!(c"getsockopt() failed\n");
            exit(1);
        });
    // SAFETY: the kernel has stored the int.
    let mut rcv_buffer_size = unsafe { rcv_buffer_size.assume_init() };
    printf!(c"SO_RCVBUF at first: %d\n", rcv_buffer_size);

    // [3] Make the receive buffer twice as large
    rcv_buffer_size *= 2;
    // Erratum 7: the fragment's `< 0` stands inside the parenthesis, and makes the length 0.
    // SAFETY: the size is that of the variable.
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

    // [4] Give a length of 0, as the fragment does, and then more than the kernel allows
    // SAFETY: of the variable, no byte is read.
    unsafe { setsockopt(sock, SOL_SOCKET, SO_RCVBUF, (&raw const rcv_buffer_size).cast(), 0) }
        .unwrap_or_else(|error| printf!(c"  set with a length of 0: %s\n", strerror(error.0)));
    set_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF, TOO_LARGE);
    printf!(c"  set to more than it may be: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_RCVBUF));

    // [5] The same with the send buffer
    let mut snd_buffer_size = get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF);
    printf!(c"SO_SNDBUF at first: %d\n", snd_buffer_size);
    snd_buffer_size *= 2;
    set_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF, snd_buffer_size);
    printf!(c"  set to twice that: %d\n", snd_buffer_size);
    printf!(c"  read back: %d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_SNDBUF));

    printf!(c"SO_RCVBUF set to %d at one end, and what the handshake told the other end:\n", SMALL);
    for (moment, when) in moments.into_iter().enumerate() {
        let mut size = BEGINNING;
        let mut info = MaybeUninit::<tcp_info>::uninit();

        // [6] Connect a client and a server, at an address of their own for each moment
        let listener = open_socket(PROGRAM);
        let client = open_socket(PROGRAM);
        set_option(PROGRAM, listener, IPPROTO_TCP, TCP_MAXSEG, ETHERNET);
        set_option(PROGRAM, client, IPPROTO_TCP, TCP_MAXSEG, ETHERNET);
        bind_to(PROGRAM, listener, INADDR_LOOPBACK + moment as in_addr_t);
        let address = own_address(PROGRAM, listener);

        // [7] On the way, set the buffer at this moment
        if moment == BEFORE_LISTEN {
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL);
        }
        listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
        if moment == AFTER_LISTEN {
            set_option(PROGRAM, listener, SOL_SOCKET, SO_RCVBUF, SMALL);
        }
        if moment == BEFORE_CONNECT {
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL);
        }
        connect_to(PROGRAM, client, &address);
        if moment == AFTER_CONNECT {
            set_option(PROGRAM, client, SOL_SOCKET, SO_RCVBUF, SMALL);
        }
        let server = accept_client(PROGRAM, listener);
        if moment == AFTER_ACCEPT {
            set_option(PROGRAM, server, SOL_SOCKET, SO_RCVBUF, SMALL);
        }

        // [8] Ask the other end what it was told
        // SAFETY: the size is that of the variable.
        unsafe { memset(info.as_mut_ptr().cast(), 0, size_of::<tcp_info>()) };
        let end = if moment < BEFORE_LISTEN { client } else { server };
        let other = if moment < BEFORE_LISTEN { server } else { client };
        // SAFETY: the variable has more bytes than `size` says.
        unsafe { getsockopt(other, IPPROTO_TCP, TCP_INFO, info.as_mut_ptr().cast(), &raw mut size) }
            .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));
        let largest = get_option(PROGRAM, other, IPPROTO_TCP, TCP_MAXSEG);
        let stored = get_option(PROGRAM, end, SOL_SOCKET, SO_RCVBUF);
        // SAFETY: memset has set every byte.
        let scale = tcpi_snd_wscale(unsafe { (*info.as_ptr()).tcpi_snd_rcv_wscale });
        printf!(c"  %s: size %d, MSS %d, window scale %d\n", when, stored, largest, c_int::from(scale));

        // [9] Close all three
        close_socket(client);
        close_socket(server);
        close_socket(listener);
    }
    succeed(PROGRAM);
}

//! Socket types: what socket() makes of its three arguments.
//!
//! The tutorial's sections on the transport layer and on socket() and close() (lines 56-65 and 206-228). It creates
//! sockets of both types, with protocol 0 and with an explicit protocol, and reads back what the kernel made of them;
//! then it requests three that do not exist, and looks at what is left of a socket after close.
//!
//! A socket's descriptor is a file descriptor (line 208): write and read take it, too. A datagram that finds nobody is
//! answered by ICMP (line 33), which a program learns as an error of its socket if that is connected. A raw socket
//! (line 226) takes a privilege.
//!
//! Usage: `socket_types`. Read next: `socket_options`, which reads the other options of a socket.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, ECONNREFUSED, EPERM, EPROTONOSUPPORT, ESPIPE, INADDR_LOOPBACK, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP,
    PF_INET, S_IFMT, S_IFSOCK, SEEK_CUR, SO_DOMAIN, SO_PROTOCOL, SO_RCVTIMEO, SO_TYPE, SOCK_DGRAM, SOCK_RAW,
    SOCK_STREAM, SOL_SOCKET, c_char, c_int, socklen_t, stat, time_t, timeval,
};
use sockmirror::arpa::inet::htonl;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::strerror;
use sockmirror::sys::socket::{getsockopt, recv, send, setsockopt, socket};
use sockmirror::sys::stat::fstat;
use sockmirror::unistd::{close, lseek, read, write};

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{bind_to, connect_to, get_option, own_address};

const PROGRAM: &CStr = c"socket_types";
const USAGE: &CStr = c"./socket_types";
const WORD: &CStr = c"hello";
const WORD_LENGTH: usize = WORD.count_bytes();
// How long to wait for a datagram. It is there at once, unless a firewall drops it.
const TIMEOUT_S: time_t = 5;

sockmirror::entry!(main);

/// Creates a socket, prints its descriptor, family, type and protocol, and closes it; or prints why there is none.
fn print_socket(request: &CStr, domain: c_int, r#type: c_int, protocol: c_int) {
    let sock = match socket(domain, r#type, protocol) {
        Ok(sock) => sock,
        Err(error) if error.0 != EPROTONOSUPPORT && error.0 != EPERM => fail(PROGRAM, c"socket", error),
        Err(error) => {
            printf!(c"  %-34s none: %s (errno %d)\n", request, strerror(error.0), error.0);
            return;
        }
    };

    printf!(c"  %-34s %10d", request, sock);
    printf!(c" %9d", get_option(PROGRAM, sock, SOL_SOCKET, SO_DOMAIN));
    printf!(c" %7d", get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE));
    printf!(c" %11d\n", get_option(PROGRAM, sock, SOL_SOCKET, SO_PROTOCOL));

    // SAFETY: `sock` is this function's own, and nothing uses it afterwards.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
}

/// Creates a socket, or exits with 1.
fn create_socket(r#type: c_int) -> c_int {
    socket(PF_INET, r#type, 0).unwrap_or_else(|error| fail(PROGRAM, c"socket", error))
}

/// Uses a socket that is connected to itself as a file and as a socket.
fn use_as_file(sock: c_int) {
    let mut status = MaybeUninit::<stat>::uninit();
    let mut buffer = MaybeUninit::<[c_char; WORD_LENGTH]>::uninit();

    // SAFETY: `status` may be written.
    unsafe { fstat(sock, status.as_mut_ptr()) }.unwrap_or_else(|error| fail(PROGRAM, c"fstat", error));
    // SAFETY: fstat has filled it in.
    let status = unsafe { status.assume_init() };

    printf!(
        c"\nfstat(%d) says that descriptor %d stands for %s.\n",
        sock,
        sock,
        if status.st_mode & S_IFMT == S_IFSOCK { c"a socket" } else { c"something else" }
    );

    if let Err(error) = lseek(sock, 0, SEEK_CUR) {
        if error.0 != ESPIPE {
            fail(PROGRAM, c"lseek", error);
        }

        printf!(c"lseek(%d) fails: %s (errno %d): there is no position to move.\n", sock, strerror(error.0), error.0);
    }

    // SAFETY: `WORD` has WORD_LENGTH bytes.
    unsafe { write(sock, WORD.as_ptr().cast(), WORD_LENGTH) }.unwrap_or_else(|error| fail(PROGRAM, c"write", error));

    // SAFETY: `buffer` has WORD_LENGTH bytes.
    let received = unsafe { recv(sock, buffer.as_mut_ptr().cast(), WORD_LENGTH, 0) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));

    printf!(c"write(%d) sent a word, and recv(%d) received %zd bytes.\n", sock, sock, received);

    // SAFETY: `WORD` has WORD_LENGTH bytes.
    unsafe { send(sock, WORD.as_ptr().cast(), WORD_LENGTH, 0) }.unwrap_or_else(|error| fail(PROGRAM, c"send", error));

    // SAFETY: `buffer` has WORD_LENGTH bytes.
    let received = unsafe { read(sock, buffer.as_mut_ptr().cast(), WORD_LENGTH) }
        .unwrap_or_else(|error| fail(PROGRAM, c"read", error));

    printf!(c"send(%d) sent a word, and read(%d) received %zd bytes.\n", sock, sock, received);
}

/// Sends a word that nobody receives, and prints what the next call reports.
fn print_refusal(sock: c_int) {
    let mut buffer = MaybeUninit::<[c_char; WORD_LENGTH]>::uninit();

    // SAFETY: `WORD` has WORD_LENGTH bytes.
    unsafe { write(sock, WORD.as_ptr().cast(), WORD_LENGTH) }.unwrap_or_else(|error| fail(PROGRAM, c"write", error));

    // SAFETY: `buffer` has WORD_LENGTH bytes.
    if let Err(error) = unsafe { read(sock, buffer.as_mut_ptr().cast(), WORD_LENGTH) } {
        if error.0 != ECONNREFUSED {
            fail(PROGRAM, c"read", error);
        }

        printf!(
            c"After write(%d) to a port that nobody has, read(%d) fails: %s (errno %d).\n",
            sock,
            sock,
            strerror(error.0),
            error.0
        );
    }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let timeout = timeval { tv_sec: TIMEOUT_S, tv_usec: 0 };
    let mut r#type: c_int = 0;

    // [1] Take no arguments from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Print the constants
    printf!(c"Families:  PF_INET is %d, AF_INET is %d: the same.\n", PF_INET, AF_INET);
    printf!(c"Types:     SOCK_STREAM is %d, SOCK_DGRAM is %d, SOCK_RAW is %d.\n", SOCK_STREAM, SOCK_DGRAM, SOCK_RAW);
    printf!(
        c"Protocols: IPPROTO_ICMP is %d, IPPROTO_TCP is %d, IPPROTO_UDP is %d.\n\n",
        IPPROTO_ICMP,
        IPPROTO_TCP,
        IPPROTO_UDP
    );

    // [3] Create a socket of each type: protocol 0 is the type's default
    printf!(c"  %-34s descriptor SO_DOMAIN SO_TYPE SO_PROTOCOL\n", c"socket()");
    print_socket(c"PF_INET, SOCK_STREAM, 0", PF_INET, SOCK_STREAM, 0);
    print_socket(c"PF_INET, SOCK_STREAM, IPPROTO_TCP", PF_INET, SOCK_STREAM, IPPROTO_TCP);
    print_socket(c"AF_INET, SOCK_STREAM, 0", AF_INET, SOCK_STREAM, 0);
    print_socket(c"PF_INET, SOCK_DGRAM, 0", PF_INET, SOCK_DGRAM, 0);
    print_socket(c"PF_INET, SOCK_DGRAM, IPPROTO_UDP", PF_INET, SOCK_DGRAM, IPPROTO_UDP);

    // [4] Request what does not exist: a protocol of the other type, a raw socket without a protocol
    print_socket(c"PF_INET, SOCK_STREAM, IPPROTO_UDP", PF_INET, SOCK_STREAM, IPPROTO_UDP);
    print_socket(c"PF_INET, SOCK_DGRAM, IPPROTO_TCP", PF_INET, SOCK_DGRAM, IPPROTO_TCP);
    print_socket(c"PF_INET, SOCK_RAW, 0", PF_INET, SOCK_RAW, 0);

    // [5] Request a raw socket with a protocol: there is one for a process with the capability CAP_NET_RAW
    print_socket(c"PF_INET, SOCK_RAW, IPPROTO_ICMP", PF_INET, SOCK_RAW, IPPROTO_ICMP);

    // [6] Open two at once: a descriptor is the lowest free number
    let sock = create_socket(SOCK_STREAM);
    let other_sock = create_socket(SOCK_DGRAM);
    printf!(c"\nTwo sockets at once have the descriptors %d and %d.\n", sock, other_sock);

    // [7] Close the first one: its number no longer refers to a socket
    // SAFETY: `sock` is this program's own, and nothing relies on it afterwards.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));

    let mut size = size_of::<c_int>() as socklen_t;
    // SAFETY: `size` is that of `type`.
    unsafe { getsockopt(sock, SOL_SOCKET, SO_TYPE, (&raw mut r#type).cast(), &raw mut size) }.unwrap_or_else(|error| {
        printf!(c"After close(%d), getsockopt(%d) fails: %s (errno %d).\n", sock, sock, strerror(error.0), error.0);
    });

    // [8] Create another one: it gets the free number
    let sock = create_socket(SOCK_DGRAM);
    printf!(
        c"The next socket has the descriptor %d again, and the type %d.\n",
        sock,
        get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE)
    );

    // [9] Connect it to its own address: it receives what it sends
    // SAFETY: the size is that of `timeout`.
    unsafe {
        setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, (&raw const timeout).cast(), size_of::<timeval>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    bind_to(PROGRAM, sock, INADDR_LOOPBACK);
    let mut address = own_address(PROGRAM, sock);
    connect_to(PROGRAM, sock, &address);

    // [10] Use it as a file: write and read do what send and recv do without flags
    use_as_file(sock);

    // [11] Connect it to the same port of 127.0.0.2, which nobody has: an ICMP message says so; exit closes both
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    connect_to(PROGRAM, sock, &address);
    print_refusal(sock);

    succeed(PROGRAM);
}

//! Socket types: what socket() makes of its three arguments.
//!
//! The tutorial's sections on the transport layer and on socket() and close() (lines 56-65 and 206-228). It creates
//! sockets of both types, with protocol 0 and with an explicit protocol, and reads back what the kernel made of them;
//! then it requests three that do not exist, and looks at what is left of a socket after close.
//!
//! Usage: `socket_types`. Read next: `socket_options`, which reads the other options of a socket.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, EPROTONOSUPPORT, IPPROTO_TCP, IPPROTO_UDP, PF_INET, SO_DOMAIN, SO_PROTOCOL, SO_TYPE, SOCK_DGRAM, SOCK_RAW,
    SOCK_STREAM, SOL_SOCKET, c_int, socklen_t,
};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::strerror;
use sockmirror::sys::socket::{getsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::get_option;

const PROGRAM: &CStr = c"socket_types";
const USAGE: &CStr = c"./socket_types";

sockmirror::entry!(main);

/// Creates a socket, prints its descriptor, family, type and protocol, and closes it; or prints why there is none.
fn print_socket(request: &CStr, domain: c_int, r#type: c_int, protocol: c_int) {
    let sock = match socket(domain, r#type, protocol) {
        Ok(sock) => sock,
        Err(error) if error.0 != EPROTONOSUPPORT => fail(PROGRAM, c"socket", error),
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

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut r#type: c_int = 0;

    // [1] Take no arguments from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Print the constants
    printf!(c"Families:  PF_INET is %d, AF_INET is %d: the same.\n", PF_INET, AF_INET);
    printf!(c"Types:     SOCK_STREAM is %d, SOCK_DGRAM is %d, SOCK_RAW is %d.\n", SOCK_STREAM, SOCK_DGRAM, SOCK_RAW);
    printf!(c"Protocols: IPPROTO_TCP is %d, IPPROTO_UDP is %d.\n\n", IPPROTO_TCP, IPPROTO_UDP);

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

    // [5] Open two at once: a descriptor is the lowest free number
    let sock = create_socket(SOCK_STREAM);
    let other_sock = create_socket(SOCK_DGRAM);
    printf!(c"\nTwo sockets at once have the descriptors %d and %d.\n", sock, other_sock);

    // [6] Close the first one: its number no longer refers to a socket
    // SAFETY: `sock` is this program's own, and nothing relies on it afterwards.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));

    let mut size = size_of::<c_int>() as socklen_t;
    // SAFETY: `size` is that of `type`.
    unsafe { getsockopt(sock, SOL_SOCKET, SO_TYPE, (&raw mut r#type).cast(), &raw mut size) }.unwrap_or_else(|error| {
        printf!(c"After close(%d), getsockopt(%d) fails: %s (errno %d).\n", sock, sock, strerror(error.0), error.0);
    });

    // [7] Create another one: it gets the free number, and exit closes both
    let sock = create_socket(SOCK_DGRAM);
    printf!(
        c"The next socket has the descriptor %d again, and the type %d.\n",
        sock,
        get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE)
    );

    succeed(PROGRAM);
}

//! Socket types: what socket() makes of its three arguments.
//!
//! The tutorial's sections on the transport layer and on socket() and close() (lines 56-65 and 206-228). It
//! creates sockets of both types, with protocol 0 and with the protocol by its name, and reads back what the
//! kernel made of it; then two that do not exist; and it looks what is left of a socket after close.
//!
//! Call: `socket_types`. `socket_options` reads the other options of a socket.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, EPROTONOSUPPORT, IPPROTO_TCP, IPPROTO_UDP, PF_INET, SO_DOMAIN, SO_PROTOCOL, SO_TYPE,
    SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET, c_char, c_int, c_void, socklen_t,
};
use sockmirror::runtime::arguments;
use sockmirror::stdio::printf;
use sockmirror::string::strerror;
use sockmirror::sys::socket::{getsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::get_option;

const PROGRAM: &CStr = c"socket_types";
const USAGE: &CStr = c"./socket_types";

sockmirror::panic_handler!();

/// Creates a socket, prints its descriptor, family, type and protocol, or why there is none, and closes it.
fn show(asked: &CStr, domain: c_int, r#type: c_int, protocol: c_int) {
    let sock = match socket(domain, r#type, protocol) {
        Ok(sock) => sock,
        Err(error) => {
            if error.0 != EPROTONOSUPPORT {
                fail(PROGRAM, c"socket", error);
            }

            // SAFETY: two C strings and an int, as the format asks.
            unsafe {
                printf(
                    c"  %-34s none: %s (errno %d)\n".as_ptr(),
                    asked.as_ptr(),
                    strerror(error.0),
                    error.0,
                )
            };
            return;
        }
    };

    // SAFETY: a C string and an int, as the format asks.
    unsafe { printf(c"  %-34s %10d".as_ptr(), asked.as_ptr(), sock) };
    // SAFETY: an int, as the format asks.
    unsafe { printf(c" %9d".as_ptr(), get_option(PROGRAM, sock, SOL_SOCKET, SO_DOMAIN)) };
    // SAFETY: an int, as the format asks.
    unsafe { printf(c" %7d".as_ptr(), get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE)) };
    // SAFETY: an int, as the format asks.
    unsafe { printf(c" %11d\n".as_ptr(), get_option(PROGRAM, sock, SOL_SOCKET, SO_PROTOCOL)) };

    // SAFETY: socket gave `sock` to this function, and nothing uses it any more.
    if let Err(error) = unsafe { close(sock) } {
        fail(PROGRAM, c"close", error);
    }
}

/// Creates a socket, or ends the program.
fn create(r#type: c_int) -> c_int {
    match socket(PF_INET, r#type, 0) {
        Ok(sock) => sock,
        Err(error) => fail(PROGRAM, c"socket", error),
    }
}

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *mut *mut c_char) -> c_int {
    let mut r#type: c_int = 0;
    // SAFETY: the C start-up code passes as many strings as argc says, for as long as the process lives.
    let argv = unsafe { arguments(argc, argv) };

    // [1] There is nothing to take from the command line
    // SAFETY: `argv` was made with this argc.
    unsafe { check_arguments(PROGRAM, USAGE, argc, argv, 0) };

    // [2] Name the numbers
    // SAFETY: two ints, as the format asks.
    unsafe {
        printf(c"Families:  PF_INET is %d, AF_INET is %d: the same.\n".as_ptr(), PF_INET, AF_INET)
    };
    // SAFETY: three ints, as the format asks.
    unsafe {
        printf(
            c"Types:     SOCK_STREAM is %d, SOCK_DGRAM is %d, SOCK_RAW is %d.\n".as_ptr(),
            SOCK_STREAM,
            SOCK_DGRAM,
            SOCK_RAW,
        )
    };
    // SAFETY: two ints, as the format asks.
    unsafe {
        printf(
            c"Protocols: IPPROTO_TCP is %d, IPPROTO_UDP is %d.\n\n".as_ptr(),
            IPPROTO_TCP,
            IPPROTO_UDP,
        )
    };

    // [3] Create a socket of each type: 0 is the protocol that the type has by default
    // SAFETY: a C string, as the format asks.
    unsafe {
        printf(c"  %-34s descriptor SO_DOMAIN SO_TYPE SO_PROTOCOL\n".as_ptr(), c"socket()".as_ptr())
    };
    show(c"PF_INET, SOCK_STREAM, 0", PF_INET, SOCK_STREAM, 0);
    show(c"PF_INET, SOCK_STREAM, IPPROTO_TCP", PF_INET, SOCK_STREAM, IPPROTO_TCP);
    show(c"AF_INET, SOCK_STREAM, 0", AF_INET, SOCK_STREAM, 0);
    show(c"PF_INET, SOCK_DGRAM, 0", PF_INET, SOCK_DGRAM, 0);
    show(c"PF_INET, SOCK_DGRAM, IPPROTO_UDP", PF_INET, SOCK_DGRAM, IPPROTO_UDP);

    // [4] Ask for what does not exist: a protocol of the other type, a raw socket without a protocol
    show(c"PF_INET, SOCK_STREAM, IPPROTO_UDP", PF_INET, SOCK_STREAM, IPPROTO_UDP);
    show(c"PF_INET, SOCK_DGRAM, IPPROTO_TCP", PF_INET, SOCK_DGRAM, IPPROTO_TCP);
    show(c"PF_INET, SOCK_RAW, 0", PF_INET, SOCK_RAW, 0);

    // [5] Have two at once: a descriptor is the lowest number that is free
    let sock = create(SOCK_STREAM);
    let other_sock = create(SOCK_DGRAM);
    // SAFETY: two ints, as the format asks.
    unsafe {
        printf(
            c"\nTwo sockets at once have the descriptors %d and %d.\n".as_ptr(),
            sock,
            other_sock,
        )
    };

    // [6] Close the first one: its number does not stand for a socket any more
    // SAFETY: create gave `sock` to this program, and only looks at what is left of it.
    if let Err(error) = unsafe { close(sock) } {
        fail(PROGRAM, c"close", error);
    }

    let mut size = size_of::<c_int>() as socklen_t;
    // SAFETY: `size` is that of the variable.
    if let Err(error) = unsafe {
        getsockopt(sock, SOL_SOCKET, SO_TYPE, (&raw mut r#type).cast::<c_void>(), &raw mut size)
    } {
        // SAFETY: two ints, a C string and an int, as the format asks.
        unsafe {
            printf(
                c"After close(%d), getsockopt(%d) fails: %s (errno %d).\n".as_ptr(),
                sock,
                sock,
                strerror(error.0),
                error.0,
            )
        };
    }

    // [7] Create another one: it gets the number that is free, and exit closes both
    let sock = create(SOCK_DGRAM);
    // SAFETY: two ints, as the format asks.
    unsafe {
        printf(
            c"The next socket has the descriptor %d again, and the type %d.\n".as_ptr(),
            sock,
            get_option(PROGRAM, sock, SOL_SOCKET, SO_TYPE),
        )
    };

    succeed(PROGRAM);
}

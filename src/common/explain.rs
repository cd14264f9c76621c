//! What the programs say on stderr.
//!
//! The tutorial's programs print on stdout that a call failed, and leave the reason in `errno`
//! (lines 222-224). These functions print the reason on stderr, each in one `fprintf`, so that a
//! message is one write.
//!
//! A program explains a failure before it prints the tutorial's words, because `printf` may change
//! `errno`.

use crate::arpa::inet::inet_ntoa;
use crate::errno::Errno;
use crate::stdio::{ferror, fflush, fprintf, stderr, stdout};
use crate::stdlib::exit;
use crate::string::{strcmp, strerror};
use core::ffi::CStr;
use libc::{c_char, c_int, c_ushort, in_addr, in_addr_t, ssize_t};

/// Says why `call` failed.
pub fn explain_errno(program: &CStr, call: &CStr, error: Errno) {
    // SAFETY: three C strings and an int, as the format asks.
    unsafe {
        fprintf(
            stderr(),
            c"%s: %s: %s (errno %d)\n".as_ptr(),
            program.as_ptr(),
            call.as_ptr(),
            strerror(error.0),
            error.0,
        )
    };
}

/// Says why `call` failed, and ends the program with 1: for programs that need not print the tutorial's words.
pub fn fail(program: &CStr, call: &CStr, error: Errno) -> ! {
    explain_errno(program, call, error);
    exit(1);
}

/// Ends with 0 a program that has said all it had to say; with 1 if not all of that could be written.
pub fn succeed(program: &CStr) -> ! {
    // SAFETY: the stream is open.
    if let Err(error) = unsafe { fflush(stdout()) } {
        fail(program, c"fflush", error);
    }

    // An earlier write has failed, where a line ended or the buffer was full: why, nothing tells any more.
    // SAFETY: the stream is open.
    if unsafe { ferror(stdout()) } != 0 {
        // SAFETY: a C string, as the format asks.
        unsafe {
            fprintf(
                stderr(),
                c"%s: a part of the output could not be written\n".as_ptr(),
                program.as_ptr(),
            )
        };
        exit(1);
    }

    exit(0);
}

/// Says why `send` did not take `length` bytes: it failed, or it took fewer.
#[inline] // Rust: so that the loop that calls it need not keep `sent` in memory
pub fn explain_send(program: &CStr, sent: Result<ssize_t, Errno>, length: ssize_t) {
    match sent {
        Err(error) => explain_errno(program, c"send", error),
        Ok(sent) => {
            // SAFETY: a C string and two values of type ssize_t, as the format asks.
            unsafe {
                fprintf(
                    stderr(),
                    c"%s: send: only %zd of %zd bytes were taken\n".as_ptr(),
                    program.as_ptr(),
                    sent,
                    length,
                )
            };
        }
    }
}

/// Says why `recv` brought no more, `total` bytes into an answer of `expected`: it failed, or the server closed.
pub fn explain_recv(
    program: &CStr,
    received: Result<ssize_t, Errno>,
    total: ssize_t,
    expected: ssize_t,
) {
    match received {
        Err(error) => explain_errno(program, c"recv", error),
        Ok(_) => {
            // SAFETY: a C string and two values of type ssize_t, as the format asks.
            unsafe {
                fprintf(
                    stderr(),
                    c"%s: recv: the server closed the connection after %zd of %zd bytes\n".as_ptr(),
                    program.as_ptr(),
                    total,
                    expected,
                )
            };
        }
    }
}

/// Says what became of `argument`, if it is no plain decimal number that fits a port.
///
/// # Safety
///
/// `argument` points to a C string.
pub unsafe fn explain_port(program: &CStr, argument: *const c_char, port: c_ushort) {
    let mut end = argument;
    let mut number = 0;

    // A number that is too large already is not made larger: it could outgrow the int.
    // SAFETY: `end` does not pass the NUL, which is no digit.
    while let digit @ b'0'..=b'9' = unsafe { *end } as u8 {
        if number > 65535 {
            break;
        }
        number = 10 * number + c_int::from(digit - b'0');
        end = end.wrapping_add(1);
    }

    // SAFETY: `end` does not pass the NUL.
    if end != argument && unsafe { *end } == 0 && number <= 65535 {
        return;
    }

    // SAFETY: two C strings and an int, as the format asks.
    unsafe {
        fprintf(
            stderr(),
            c"%s: port \"%s\" is no number from 0 to 65535; atoi() and the 16-bit field make it %d\n".as_ptr(),
            program.as_ptr(),
            argument,
            c_int::from(port),
        )
    };
}

/// Says what became of `argument`, if it is no address in dotted decimal.
///
/// # Safety
///
/// `argument` points to a C string.
pub unsafe fn explain_address(program: &CStr, argument: *const c_char, address: in_addr_t) {
    let taken = in_addr { s_addr: address };

    // inet_addr also reads 127.1, 0x7f.1 and 010.0.0.1, which is octal, and ignores what follows a blank.
    // SAFETY: `argument` is a C string, and inet_ntoa gives one.
    if unsafe { strcmp(argument, inet_ntoa(taken)) } == 0 {
        return;
    }

    // SAFETY: three C strings, as the format asks.
    unsafe {
        fprintf(
            stderr(),
            c"%s: address \"%s\" is not in dotted decimal; inet_addr() makes it %s\n".as_ptr(),
            program.as_ptr(),
            argument,
            inet_ntoa(taken),
        )
    };
}

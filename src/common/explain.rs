//! Error messages, on stderr.
//!
//! The tutorial's programs print on stdout that a call failed, and leave the reason in `errno` (lines 222-224). These
//! functions print the reason on stderr, each with a single `fprintf`, so that a message is a single write.
//!
//! A program prints the reason before the tutorial's message, because `printf` may change `errno`.

use crate::arpa::inet::inet_ntoa;
use crate::errno::Errno;
use crate::stdio::{ferror, fflush, fprintf, stderr, stdout};
use crate::stdlib::exit;
use crate::string::{CharPtr, strcmp, strerror};
use core::ffi::CStr;
use libc::{c_int, c_ushort, in_addr, in_addr_t, ssize_t};

/// Prints why `call` failed.
pub fn explain_errno(program: &CStr, call: &CStr, error: Errno) {
    fprintf!(stderr(), c"%s: %s: %s (errno %d)\n", program, call, strerror(error.0), error.0);
}

/// Prints why `call` failed, and exits with 1: for programs that do not print the tutorial's messages.
pub fn fail(program: &CStr, call: &CStr, error: Errno) -> ! {
    explain_errno(program, call, error);
    exit(1);
}

/// Exits with 0, or with 1 if some of the output could not be written.
pub fn succeed(program: &CStr) -> ! {
    fflush(stdout()).unwrap_or_else(|error| fail(program, c"fflush", error));

    // An earlier write failed, at the end of a line or when the buffer was full; its errno is lost.
    if ferror(stdout()) != 0 {
        fprintf!(stderr(), c"%s: a part of the output could not be written\n", program);
        exit(1);
    }

    exit(0);
}

/// Prints why `send` did not take all `length` bytes: it failed, or it took fewer.
#[inline] // Rust: so that the loop that calls it need not keep `sent` in memory
pub fn explain_send(program: &CStr, sent: Result<ssize_t, Errno>, length: ssize_t) {
    match sent {
        Err(error) => explain_errno(program, c"send", error),
        Ok(sent) => {
            fprintf!(stderr(), c"%s: send: only %zd of %zd bytes were taken\n", program, sent, length);
        }
    }
}

/// Prints why only `total` of `expected` bytes were received: `recv` failed, or the server closed the connection.
pub fn explain_recv(program: &CStr, received: Result<ssize_t, Errno>, total: ssize_t, expected: ssize_t) {
    match received {
        Err(error) => explain_errno(program, c"recv", error),
        Ok(_) => {
            fprintf!(
                stderr(),
                c"%s: recv: the server closed the connection after %zd of %zd bytes\n",
                program,
                total,
                expected
            );
        }
    }
}

/// Prints the port that `argument` became, unless it is a plain decimal port number.
///
/// # Safety
///
/// `argument` is not null.
pub unsafe fn explain_port(program: &CStr, argument: CharPtr, port: c_ushort) {
    let mut end = argument.as_ptr();
    let mut number = 0;

    // Stop once the number is too large, before it overflows the int.
    // SAFETY: `end` does not pass the NUL, which is no digit.
    while let digit @ b'0'..=b'9' = unsafe { *end } as u8 {
        if number > 65535 {
            break;
        }
        number = 10 * number + c_int::from(digit - b'0');
        end = end.wrapping_add(1);
    }

    // SAFETY: `end` does not pass the NUL.
    if end != argument.as_ptr() && unsafe { *end } == 0 && number <= 65535 {
        return;
    }

    fprintf!(
        stderr(),
        c"%s: invalid port \"%s\": expected 0 to 65535; atoi() and the 16-bit field make it %d\n",
        program,
        argument,
        c_int::from(port)
    );
}

/// Prints the address that `argument` became, unless it is one in dotted decimal.
///
/// # Safety
///
/// `argument` is not null.
pub unsafe fn explain_address(program: &CStr, argument: CharPtr, address: in_addr_t) {
    let taken = in_addr { s_addr: address };

    // inet_addr also reads 127.1, 0x7f.1 and 010.0.0.1, which is octal, and ignores whatever follows white space.
    // SAFETY: both are C strings.
    if unsafe { strcmp(argument.as_ptr(), inet_ntoa(taken).as_ptr()) } == 0 {
        return;
    }

    fprintf!(
        stderr(),
        c"%s: invalid address \"%s\": expected dotted decimal; inet_addr() makes it %s\n",
        program,
        argument,
        inet_ntoa(taken)
    );
}

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
use crate::string::{CharPtr, strcmp, strerror};
use core::ffi::CStr;
use libc::{c_int, c_ushort, in_addr, in_addr_t, ssize_t};

/// Says why `call` failed.
pub fn explain_errno(program: &CStr, call: &CStr, error: Errno) {
    fprintf!(stderr(), c"%s: %s: %s (errno %d)\n", program, call, strerror(error.0), error.0);
}

/// Says why `call` failed, and exits with 1: for programs that need not print the tutorial's words.
pub fn fail(program: &CStr, call: &CStr, error: Errno) -> ! {
    explain_errno(program, call, error);
    exit(1);
}

/// Exits with 0, or with 1 if a part of the output could not be written.
pub fn succeed(program: &CStr) -> ! {
    fflush(stdout()).unwrap_or_else(|error| fail(program, c"fflush", error));

    // An earlier write has failed, at the end of a line or when the buffer was full; errno is long gone.
    if ferror(stdout()) != 0 {
        fprintf!(stderr(), c"%s: a part of the output could not be written\n", program);
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
            fprintf!(stderr(), c"%s: send: only %zd of %zd bytes were taken\n", program, sent, length);
        }
    }
}

/// Says why `recv` stopped `total` bytes into an answer of `expected`: it failed, or the server closed.
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

/// Says what became of `argument`, unless it is a plain decimal number that fits a port.
///
/// # Safety
///
/// `argument` is not null.
pub unsafe fn explain_port(program: &CStr, argument: CharPtr, port: c_ushort) {
    let mut end = argument.as_ptr();
    let mut number = 0;

    // Stop at a number that is too large already, before it overflows the int.
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

/// Says what became of `argument`, unless it is an address in dotted decimal.
///
/// # Safety
///
/// `argument` is not null.
pub unsafe fn explain_address(program: &CStr, argument: CharPtr, address: in_addr_t) {
    let taken = in_addr { s_addr: address };

    // inet_addr also reads 127.1, 0x7f.1 and 010.0.0.1, which is octal, and ignores what follows white space.
    // SAFETY: `argument` is a C string, and inet_ntoa gives one.
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

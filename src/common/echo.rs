//! Whether an answer is an echo: for the clients that compare it with what they sent.

use crate::stdio::{fprintf, stderr};
use crate::stdlib::exit;
use core::ffi::CStr;
use libc::{c_char, c_uint, c_ulonglong, size_t};

/// Returns the offset of the first byte that differs, or `length` if all of them are equal.
///
/// # Safety
///
/// Both have `length` bytes, and all of them have a value.
unsafe fn first_difference(sent: *const c_char, received: *const c_char, length: size_t) -> size_t {
    let mut offset = 0;

    while offset < length
        // SAFETY: `offset` is below `length`.
        && unsafe { *received.wrapping_add(offset) }
            // SAFETY: the same.
            == unsafe { *sent.wrapping_add(offset) }
    {
        offset += 1;
    }

    offset
}

/// Exits with 1 if what was received at this offset of a stream is not what was sent, so far as it goes. Prints the first
/// byte that differs.
///
/// # Safety
///
/// `sent` has `sent_length` bytes, `received` has `received_length`, and all of them have a value.
pub unsafe fn check_bytes(
    program: &CStr,
    sent: *const c_char,
    sent_length: size_t,
    received: *const c_char,
    received_length: size_t,
    offset: c_ulonglong,
) {
    let common = sent_length.min(received_length);
    // SAFETY: the shorter length is not beyond either.
    let equal = unsafe { first_difference(sent, received, common) };

    if equal < common {
        fprintf!(
            stderr(),
            c"%s: the byte at offset %llu differs: sent 0x%02x, received 0x%02x\n",
            program,
            offset.wrapping_add(equal as c_ulonglong),
            // SAFETY: `equal` is below both lengths.
            c_uint::from(unsafe { *sent.wrapping_add(equal) } as u8),
            // SAFETY: the same.
            c_uint::from(unsafe { *received.wrapping_add(equal) } as u8)
        );
        exit(1);
    }

    if equal < received_length {
        fprintf!(
            stderr(),
            c"%s: the byte at offset %llu was not sent: received 0x%02x\n",
            program,
            offset.wrapping_add(equal as c_ulonglong),
            // SAFETY: `equal` is below the length.
            c_uint::from(unsafe { *received.wrapping_add(equal) } as u8)
        );
        exit(1);
    }
}

/// Exits with 1 if a datagram is not an echo: not the same bytes, or not as many. Prints where it differs.
///
/// # Safety
///
/// `sent` has `sent_length` bytes, `received` has `received_length`, and all of them have a value.
pub unsafe fn check_echo(
    program: &CStr,
    sent: *const c_char,
    sent_length: size_t,
    received: *const c_char,
    received_length: size_t,
) {
    // SAFETY: the shorter length is not beyond either.
    let offset = unsafe { first_difference(sent, received, sent_length.min(received_length)) };

    if offset < sent_length || offset < received_length {
        fprintf!(
            stderr(),
            c"%s: wrong answer: length %zu, first difference at offset %zu: expected length %zu\n",
            program,
            received_length,
            offset,
            sent_length
        );
        exit(1);
    }
}

//! Options on the command line.
//!
//! In C `optarg`, `optind` and `optopt` are variables, which [`getopt`] sets. Here each is a function that
//! reads one of them.

use crate::ffi;
use libc::{c_char, c_int};

/// `getopt(argc, argv, optstring)` — finds the next option.
///
/// ```c
/// int getopt(int argc, char *const argv[], const char *optstring);
/// ```
///
/// `optstring` has the letters that are options. A colon after a letter says that a value belongs to it: the
/// rest of the word, or the next word. A `+` in front ends the options at the first word that is none; without
/// it glibc moves such words to the end. A colon in front (after the `+`) tells a missing value from an unknown
/// letter, and prints nothing for either.
///
/// Returns the letter, and [`optarg`] is its value; −1 after the last one, and [`optind`] is the first word
/// that is left. `?` is a letter that is no option, `:` one whose value is missing; [`optopt`] is the letter.
///
/// # Safety
///
/// `argv` points to `argc` C strings and a null pointer after them, `optstring` to a C string. There is one thread.
/// The pointers at `argv` may be written, whatever the type says: without the `+`, glibc puts them into another order.
///
/// # Source
///
/// getopt(3).
#[inline]
pub unsafe fn getopt(argc: c_int, argv: *const *mut c_char, optstring: *const c_char) -> c_int {
    // SAFETY: the caller vouches for the strings and for one thread.
    unsafe { libc::getopt(argc, argv, optstring) }
}

/// `optarg` — the value of the option that [`getopt`] found, as a function, because in C it is a variable.
///
/// ```c
/// extern char *optarg;
/// ```
///
/// Null if the option has none. It points into the command line.
///
/// # Source
///
/// getopt(3).
#[inline]
#[must_use]
pub fn optarg() -> *mut c_char {
    // SAFETY: a pointer that is read; getopt asks for one thread, and nothing else writes it.
    unsafe { ffi::optarg }
}

/// `optind` — the word at which [`getopt`] goes on, as a function, because in C it is a variable.
///
/// ```c
/// extern int optind;
/// ```
///
/// # Source
///
/// getopt(3).
#[inline]
#[must_use]
pub fn optind() -> c_int {
    // SAFETY: an integer that is read; getopt asks for one thread, and nothing else writes it.
    unsafe { ffi::optind }
}

/// `optopt` — the letter that [`getopt`] complains of, as a function, because in C it is a variable.
///
/// ```c
/// extern int optopt;
/// ```
///
/// # Source
///
/// getopt(3).
#[inline]
#[must_use]
pub fn optopt() -> c_int {
    // SAFETY: an integer that is read; getopt asks for one thread, and nothing else writes it.
    unsafe { ffi::optopt }
}

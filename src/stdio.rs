//! What prints.
//!
//! [`printf`] and [`fprintf`] are libc's own, not wrapped: they take any number of arguments, and stable
//! Rust cannot define a function that does. They are called as in C, and with C's duty: as many arguments
//! as the format asks for, each of the type that it asks for, all pointers to C strings valid. Rust
//! widens nothing by itself: what is smaller than an int is made a `c_int` first.
//!
//! What goes to stdout is kept in a buffer, until a line ends if it is a terminal, until the buffer is full
//! or the program exits if it is not. What goes to [`stderr()`] is written at once, one write for a call.
//!
//! Both return how many bytes they wrote, or a negative number. The tutorial never looks at it.
//!
//! Source: printf(3), stdio(3), stderr(3).

use crate::ffi;
use libc::FILE;

pub use libc::{fprintf, printf};

/// `stderr` — the stream for what goes wrong, as a function, because in C it is a variable.
///
/// ```c
/// extern FILE *stderr;
/// ```
///
/// # Source
///
/// stderr(3).
#[inline]
#[must_use]
pub fn stderr() -> *mut FILE {
    // SAFETY: libc sets the pointer before main starts, and nothing here sets it again.
    unsafe { ffi::stderr }
}

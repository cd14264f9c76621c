//! `<errno.h>`: from C's −1 and `errno` to Rust's [`Result`].
//!
//! [`errno()`] and [`set_errno`] are the variable `errno` itself, read and set, for the few functions that
//! report an error by nothing else. They come from the errno crate.

pub use errno::{Errno, errno, set_errno};

/// Turns a negative result into the error that `errno` holds, and passes every other value on.
///
/// libc reports every failure as −1. The test is `< 0`, the listings' own, because the compiler can
/// join it with the test for 0 that often follows. Nothing may come between the C call and this one,
/// or `errno` may belong to something else: hence `cvt(unsafe { libc::bind(…) })`, the call as the
/// argument.
///
/// # Errors
///
/// `Err(errno)` if `result` is negative, and in no other case.
#[inline]
pub fn cvt<T: Default + PartialOrd>(result: T) -> Result<T, Errno> {
    // Rust: the default of every integer type is 0.
    if result < T::default() { Err(failure()) } else { Ok(result) }
}

/// Keeps the way of a failure out of the way of what goes well.
#[cold]
fn failure() -> Errno {
    errno()
}

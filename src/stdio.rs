//! `<stdio.h>`: what prints.
//!
//! [`printf`] and [`fprintf`] are libc's own, not wrapped: they take any number of arguments, and stable
//! Rust cannot define a function that does. They are called as in C, and with C's duty: as many arguments
//! as the format asks for, each of the type that it asks for, all pointers to C strings valid. Rust
//! widens nothing by itself: what is smaller than an int is made a `c_int` first.
//!
//! What goes to stdout is kept in a buffer, until a line ends if it is a terminal, until the buffer is full
//! or the program exits if it is not. What goes to [`stderr()`] is written at once, one write for a call.
//!
//! In C both return how many bytes they wrote, or a negative number. The tutorial never looks at it, and here
//! they are declared to return nothing, which the caller of a C function may leave where it is. So LLVM does not
//! take them for functions that it knows, and does not put `puts` or `fwrite` in their place, which write a line's
//! end to a terminal apart: what the source says is what is called, as in the C (`-fno-builtin-printf`).
//!
//! Source: printf(3), stdio(3), stderr(3).

use crate::errno::{Errno, cvt};
use libc::{FILE, c_char, c_int, c_void, size_t};

unsafe extern "C" {
    /// `printf(format, …)` — prints on stdout; see the [module](self), which says why nothing is returned.
    ///
    /// ```c
    /// int printf(const char *format, ...);
    /// ```
    ///
    /// # Safety
    ///
    /// `format` is a C string, and there is an argument of the right type for each conversion in it.
    ///
    /// # Source
    ///
    /// printf(3).
    pub unsafe fn printf(format: *const c_char, ...);

    /// `fprintf(stream, format, …)` — prints on a stream; see the [module](self).
    ///
    /// ```c
    /// int fprintf(FILE *stream, const char *format, ...);
    /// ```
    ///
    /// # Safety
    ///
    /// That of [`printf`]; and the stream is open.
    ///
    /// # Source
    ///
    /// fprintf(3).
    pub unsafe fn fprintf(stream: *mut FILE, format: *const c_char, ...);
}

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
    unsafe extern "C" {
        static stderr: *mut FILE;
    }

    // SAFETY: libc sets the pointer before main starts, and nothing here sets it again.
    unsafe { stderr }
}

/// `stdout` — the stream for what a program has to say, as a function, because in C it is a variable.
///
/// ```c
/// extern FILE *stdout;
/// ```
///
/// # Source
///
/// stdout(3).
#[inline]
#[must_use]
pub fn stdout() -> *mut FILE {
    unsafe extern "C" {
        static stdout: *mut FILE;
    }

    // SAFETY: libc sets the pointer before main starts, and nothing here sets it again.
    unsafe { stdout }
}

/// `fwrite(ptr, size, n, stream)` — puts `n` items of `size` bytes each on a stream, whatever they are.
///
/// ```c
/// size_t fwrite(const void *ptr, size_t size, size_t n, FILE *stream);
/// ```
///
/// Unlike the `%s` of [`printf`], it does not stop at a NUL. Returns how many whole items went to the
/// stream, or to its buffer; fewer than `n` only if a write failed. That sets `errno`, but the result is a
/// number all the same: hence no `Result`.
///
/// # Errors
///
/// - `EAGAIN`: the descriptor is non-blocking, and there is no room.
/// - `EBADF`: the descriptor is closed, or the stream is not open for writing.
/// - `EDQUOT`, `ENOSPC`: there is no room for it: the user has used up his own, or all is.
/// - `EFBIG`: the file would be larger than it may be. If that is by `RLIMIT_FSIZE`, SIGXFSZ comes, too, and ends the
///   process.
/// - `EINTR`: a signal was caught before anything was written.
/// - `EINVAL`: the descriptor cannot be written to.
/// - `EIO`: output failed.
/// - `EPIPE`: nobody reads the pipe, or the connection can send no more. **SIGPIPE comes, too, and ends the process**,
///   unless it is ignored: stdio has nothing like `MSG_NOSIGNAL`.
/// - To a socket, those of [`send`](crate::sys::socket::send) as well.
///
/// # Safety
///
/// `ptr` points to `size * n` bytes that are initialised and may be read, and `stream` is open.
///
/// # Source
///
/// fwrite(3), stdio(3); tutorial, line 662, which has `printf` in its place (see errata 5 and 28).
#[inline]
pub unsafe fn fwrite(ptr: *const c_void, size: size_t, n: size_t, stream: *mut FILE) -> size_t {
    // SAFETY: the caller vouches for `size * n` bytes at `ptr` and that the stream is open.
    unsafe { libc::fwrite(ptr, size, n, stream) }
}

/// `fflush(stream)` — writes out what a stream has buffered.
///
/// ```c
/// int fflush(FILE *stream);
/// ```
///
/// A null pointer means every stream. Before [`fork`](crate::unistd::fork) it keeps the child from having
/// a copy of what is not written yet; before a program waits, it shows what it has said so far.
///
/// # Errors
///
/// Those of [`fwrite`], with the signals that come, too; a stream that is open for reading has none. What could not be
/// written may be lost.
///
/// - `EBADF`: the descriptor is closed.
///
/// # Safety
///
/// `stream` is null or a stream that is open.
///
/// # Source
///
/// fflush(3), stdio(3).
#[inline]
pub unsafe fn fflush(stream: *mut FILE) -> Result<(), Errno> {
    // SAFETY: the caller vouches that the stream is open.
    cvt(unsafe { libc::fflush(stream) }).map(drop)
}

/// `ferror(stream)` — whether a write to a stream, or a read from it, has failed.
///
/// ```c
/// int ferror(FILE *stream);
/// ```
///
/// Returns 0 if none has, and another number if one has. What failed was perhaps long ago: it does not set
/// `errno`, hence no `Result`.
///
/// # Safety
///
/// `stream` is open.
///
/// # Source
///
/// ferror(3).
#[inline]
#[must_use]
pub unsafe fn ferror(stream: *mut FILE) -> c_int {
    // SAFETY: the caller vouches that the stream is open.
    unsafe { libc::ferror(stream) }
}

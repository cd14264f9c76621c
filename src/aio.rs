//! `<aio.h>`: POSIX AIO, requests that are handed over, and done while the program goes on.
//!
//! In glibc they are done by threads of the library; the kernel knows nothing of them.

use crate::errno::{Errno, cvt};
use libc::{aiocb, c_int, ssize_t};

/// How glibc does the requests: `struct aioinit` of `<aio.h>`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct aioinit {
    /// How many threads there may be.
    pub aio_threads: c_int,
    /// How many requests are expected at the same time.
    pub aio_num: c_int,
    /// Not used.
    pub aio_locks: c_int,
    /// Not used.
    pub aio_usedba: c_int,
    /// Not used.
    pub aio_debug: c_int,
    /// Not used.
    pub aio_numusers: c_int,
    /// After how many seconds a thread ends that has nothing to do; 0 leaves it at 1.
    pub aio_idle_time: c_int,
    /// Not used.
    pub aio_reserved: c_int,
}

unsafe extern "C" {
    /// `aio_init(init)` — says how many threads do the requests.
    ///
    /// ```c
    /// #define _GNU_SOURCE
    /// void aio_init(const struct aioinit *init);
    /// ```
    ///
    /// It comes before the first request. Without it there are 20 threads at most, and a request that finds none of
    /// them free waits for one.
    ///
    /// # Safety
    ///
    /// `init` points to a structure that may be read until the call returns.
    ///
    /// # Source
    ///
    /// aio_init(3).
    pub unsafe fn aio_init(init: *const aioinit);
}

/// `aio_read(aiocbp)` — hands over a request to read.
///
/// ```c
/// int aio_read(struct aiocb *aiocbp);
/// ```
///
/// `aio_fildes` is the descriptor, `aio_buf` and `aio_nbytes` where the bytes go to and how many there is room for,
/// `aio_offset` where in a file they come from (a socket has no places; 0). `aio_sigevent` says how the program is
/// told that the request is done: by the signal `sigev_signo` if `sigev_notify` is `SIGEV_SIGNAL`. The rest is 0.
///
/// In glibc a thread makes the call; if all of them are busy and no more can be made, the request waits until one
/// is free, and nobody is told. Requests for the same descriptor are done one after the other.
///
/// # Errors
///
/// - `EAGAIN`: there is no memory for the request, or no thread at all.
/// - `EINVAL`: `aio_reqprio` is invalid.
/// - `ENOSYS`: the C library has no AIO.
///
/// glibc checks nothing else: the other errors of aio_read(3), as a descriptor that is not open or a bad offset, are
/// reported by [`aio_error`].
///
/// # Safety
///
/// `aiocbp` points to a request that is filled in, and `aio_buf` to `aio_nbytes` bytes that may be written. Both stay
/// where they are, and nobody else uses them, until [`aio_error`] no longer says `EINPROGRESS`; nor is the descriptor
/// closed before.
///
/// # Source
///
/// aio_read(3), aio(7); tutorial, lines 671 to the end (asynchronous I/O).
#[inline]
pub unsafe fn aio_read(aiocbp: *mut aiocb) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the request and for its bytes, until it is done.
    cvt(unsafe { libc::aio_read(aiocbp) }).map(drop)
}

/// `aio_write(aiocbp)` — hands over a request to write.
///
/// ```c
/// int aio_write(struct aiocb *aiocbp);
/// ```
///
/// As [`aio_read`], but the bytes go from `aio_buf` to the descriptor. It may be that fewer are written.
///
/// # Errors
///
/// Those of [`aio_read`], with writing for reading.
///
/// # Safety
///
/// That of [`aio_read`]; the bytes are initialised, and need only be readable.
///
/// # Source
///
/// aio_write(3), aio(7); tutorial, lines 671 to the end (asynchronous I/O).
#[inline]
pub unsafe fn aio_write(aiocbp: *mut aiocb) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the request and for its bytes, until it is done.
    cvt(unsafe { libc::aio_write(aiocbp) }).map(drop)
}

/// `aio_error(aiocbp)` — asks what has become of a request.
///
/// ```c
/// int aio_error(const struct aiocb *aiocbp);
/// ```
///
/// Returns `EINPROGRESS` as long as the request is not done, 0 if it is, `ECANCELED` if [`aio_cancel`] has taken it
/// back, or the error of the call that was made for it. That is no `Result`: each of them is an answer.
///
/// # Errors
///
/// All of them are returned, none is in `errno`:
///
/// - `EINPROGRESS`, `ECANCELED`: as above.
/// - `EBADF`: `aio_fildes` is not open for reading, or for writing.
/// - `EFAULT`: `aio_buf` is outside the memory of the process.
/// - `EFBIG`: the file would be larger than it may be (`RLIMIT_FSIZE`, or the file system's limit).
/// - `EINVAL`: `aio_offset` is negative, or beyond all files with `aio_nbytes`. (aio_error(3) has it also for what
///   is no request; glibc does not look.)
/// - `EISDIR`: `aio_fildes` is a directory.
/// - `ENOSPC`: there is no room for what is written.
/// - `EOVERFLOW`: aio_read(3) has it for a place beyond what the program can count. On Linux it is `EINVAL`, or the end
///   of the file.
/// - `EPIPE`: nobody reads. No SIGPIPE comes, nor SIGXFSZ with `EFBIG`: glibc's threads block all signals.
/// - For a socket, those of [`recv`](crate::sys::socket::recv) or those of [`send`](crate::sys::socket::send).
///
/// # Safety
///
/// `aiocbp` points to a request that was handed over, and that may be read.
///
/// # Source
///
/// aio_error(3).
#[inline]
pub unsafe fn aio_error(aiocbp: *const aiocb) -> c_int {
    // SAFETY: the caller vouches for the request.
    unsafe { libc::aio_error(aiocbp) }
}

/// `aio_return(aiocbp)` — takes the result of a request that is done.
///
/// ```c
/// ssize_t aio_return(struct aiocb *aiocbp);
/// ```
///
/// It is asked once, after [`aio_error`] has said anything but `EINPROGRESS`.
///
/// Returns what the call has returned that was made for the request: how many bytes were read or written.
///
/// # Errors
///
/// A request that has failed returns −1, and does not set `errno`: [`aio_error`] tells why. So the number is not
/// to be had here as an `Err`, and is returned as it is.
///
/// # Safety
///
/// `aiocbp` points to a request that is done.
///
/// # Source
///
/// aio_return(3).
#[inline]
pub unsafe fn aio_return(aiocbp: *mut aiocb) -> ssize_t {
    // SAFETY: the caller vouches for the request.
    unsafe { libc::aio_return(aiocbp) }
}

/// `aio_cancel(fd, aiocbp)` — takes a request back.
///
/// ```c
/// int aio_cancel(int fd, struct aiocb *aiocbp);
/// ```
///
/// `fd` is the request's descriptor; with a null pointer all requests for it are meant.
///
/// Returns `AIO_CANCELED`, `AIO_NOTCANCELED` (in glibc: a thread is at work on it) or `AIO_ALLDONE`.
///
/// # Errors
///
/// - `EBADF`: `fd` is not open.
/// - `EINVAL`: `fd` is not the request's (in glibc).
///
/// # Safety
///
/// `aiocbp` is null or points to a request that was handed over.
///
/// # Source
///
/// aio_cancel(3).
#[inline]
pub unsafe fn aio_cancel(fd: c_int, aiocbp: *mut aiocb) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches for the request.
    cvt(unsafe { libc::aio_cancel(fd, aiocbp) })
}

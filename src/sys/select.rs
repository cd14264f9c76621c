//! `<sys/select.h>`: waiting for several descriptors at once, as sets of bits.

use crate::errno::{Errno, cvt};
use libc::{c_int, fd_set, timeval};

/// `FD_ZERO(set)` — makes a set of no descriptors.
///
/// ```c
/// void FD_ZERO(fd_set *set);
/// ```
///
/// # Safety
///
/// `set` may be written.
///
/// # Source
///
/// select(2); tutorial, lines 671 to the end (multiplexing).
#[inline]
#[expect(non_snake_case, reason = "C's name")]
pub unsafe fn FD_ZERO(set: *mut fd_set) {
    // SAFETY: the caller vouches that `set` may be written.
    unsafe { libc::FD_ZERO(set) };
}

/// `FD_SET(fd, set)` — puts a descriptor into a set.
///
/// ```c
/// void FD_SET(int fd, fd_set *set);
/// ```
///
/// A set has room for `FD_SETSIZE` descriptors, 1024 with glibc. In C a higher one is written beside the set,
/// and nobody notices (unless the program was compiled with `_FORTIFY_SOURCE`). Here it is a panic.
///
/// # Safety
///
/// [`FD_ZERO`] has made the set, and it may be written.
///
/// # Source
///
/// select(2); tutorial, lines 671 to the end (multiplexing).
#[inline]
#[expect(non_snake_case, reason = "C's name")]
pub unsafe fn FD_SET(fd: c_int, set: *mut fd_set) {
    // SAFETY: the caller vouches that `set` is made and may be written.
    unsafe { libc::FD_SET(fd, set) };
}

/// `FD_CLR(fd, set)` — takes a descriptor out of a set.
///
/// ```c
/// void FD_CLR(int fd, fd_set *set);
/// ```
///
/// The descriptor is below `FD_SETSIZE`, as for [`FD_SET`].
///
/// # Safety
///
/// [`FD_ZERO`] has made the set, and it may be written.
///
/// # Source
///
/// select(2); tutorial, lines 671 to the end (multiplexing).
#[inline]
#[expect(non_snake_case, reason = "C's name")]
pub unsafe fn FD_CLR(fd: c_int, set: *mut fd_set) {
    // SAFETY: the caller vouches that `set` is made and may be written.
    unsafe { libc::FD_CLR(fd, set) };
}

/// `FD_ISSET(fd, set)` — asks whether a descriptor is in a set.
///
/// ```c
/// int FD_ISSET(int fd, const fd_set *set);
/// ```
///
/// The descriptor is below `FD_SETSIZE`, as for [`FD_SET`].
///
/// # Safety
///
/// [`FD_ZERO`] has made the set.
///
/// # Source
///
/// select(2); tutorial, lines 671 to the end (multiplexing).
#[inline]
#[must_use]
#[expect(non_snake_case, reason = "C's name")]
pub unsafe fn FD_ISSET(fd: c_int, set: *const fd_set) -> bool {
    // SAFETY: the caller vouches that `set` is made.
    unsafe { libc::FD_ISSET(fd, set) }
}

/// `select(nfds, readfds, writefds, exceptfds, timeout)` — waits until something can be done with one of the
/// descriptors.
///
/// ```c
/// int select(int nfds, fd_set *readfds, fd_set *writefds, fd_set *exceptfds, struct timeval *timeout);
/// ```
///
/// `nfds` is the number after the highest descriptor in any set. The call waits until one of `readfds` can be
/// received from or accepted on, one of `writefds` sent to, or one of `exceptfds` has urgent data; a null
/// pointer is an empty set. It leaves in the sets what is ready, and takes all else out. `timeout` is how long
/// it waits, null for ever; on Linux what is left of it is stored there.
///
/// On Linux the system call is `select` or `pselect6`, as the machine has it.
///
/// Returns how many descriptors are left in the sets, each set counted by itself; 0 means that the time is over.
///
/// # Errors
///
/// - `EBADF`: one of the descriptors is not open. Linux checks only as far as the process's table of descriptors has
///   grown: it never reports a descriptor beyond that, and the call can wait for ever.
/// - `EFAULT`: a set is outside the memory that the process may write. glibc itself reads and writes `timeout`: if that
///   is outside, the process gets SIGSEGV instead of an error.
/// - `EINTR`: a signal was caught before anything happened.
/// - `EINVAL`: `nfds` or the time is negative. Linux accepts an `nfds` above the process's limit, contrary to select(2).
/// - `ENOMEM`: no memory in the kernel.
///
/// # Safety
///
/// Each set is null, or [`FD_ZERO`] has made it and it may be written until the call returns; so may `timeout`,
/// unless it is null. `nfds` is not above `FD_SETSIZE`.
///
/// # Source
///
/// select(2); tutorial, lines 671 to the end (multiplexing).
#[inline]
pub unsafe fn select(
    nfds: c_int,
    readfds: *mut fd_set,
    writefds: *mut fd_set,
    exceptfds: *mut fd_set,
    timeout: *mut timeval,
) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches for the sets, for the time, and for `nfds`.
    cvt(unsafe { libc::select(nfds, readfds, writefds, exceptfds, timeout) })
}

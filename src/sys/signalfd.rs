//! `<sys/signalfd.h>`: signals read from a descriptor.

use crate::errno::{Errno, cvt};
use libc::{c_int, sigset_t};

/// `signalfd(fd, mask, flags)` — makes a descriptor from which signals are read.
///
/// ```c
/// #include <sys/signalfd.h>
/// int signalfd(int fd, const sigset_t *mask, int flags);
/// ```
///
/// `fd` is −1 for a new descriptor; otherwise one of this kind, whose signals become those of `mask`. The signals
/// are kept back ([`sigprocmask`](crate::signal::sigprocmask)), so that they do nothing else. [`read`](crate::unistd::read) takes one
/// `struct signalfd_siginfo` (128 bytes) for each; `ssi_signo` is its number. The descriptor is ready to read
/// when a signal waits for the process that asks. `flags` are `SFD_NONBLOCK` and `SFD_CLOEXEC`, or 0.
///
/// On Linux the system call is `signalfd4`.
///
/// Returns the descriptor.
///
/// # Errors
///
/// - `EBADF`: `fd` is neither −1 nor open.
/// - `EFAULT`: `mask` is outside the memory of the process.
/// - `EINVAL`: `fd` is of another kind, or `flags` has an unknown one.
/// - `EMFILE`, `ENFILE`: the process or the system has as many descriptors as it may.
/// - `ENODEV`: the kernel could not make the file that is behind the descriptor.
/// - `ENOMEM`: no memory.
///
/// # Safety
///
/// `mask` points to a set that may be read until the call returns.
///
/// # Source
///
/// signalfd(2).
#[inline]
pub unsafe fn signalfd(fd: c_int, mask: *const sigset_t, flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that `mask` may be read.
    cvt(unsafe { libc::signalfd(fd, mask, flags) })
}

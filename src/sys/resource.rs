//! `<sys/resource.h>`: how much a process may use.

use crate::errno::{Errno, cvt};
use libc::{__rlimit_resource_t, rlimit};

/// `getrlimit(resource, rlim)` — asks how much of something the process may use.
///
/// ```c
/// int getrlimit(int resource, struct rlimit *rlim);
/// ```
///
/// `rlim_cur` is the limit that holds; a process may change it itself, up to `rlim_max`. `RLIM_INFINITY` is none.
///
/// | `resource` | what it limits |
/// |---|---|
/// | `RLIMIT_NOFILE` | descriptors: the number after the highest that the process may have |
/// | `RLIMIT_NPROC` | the user's processes and threads |
/// | `RLIMIT_SIGPENDING` | the signals that wait for the user's processes |
///
/// On Linux the system call is `prlimit64`.
///
/// # Errors
///
/// - `EFAULT`: `rlim` is outside the memory of the process.
/// - `EINVAL`: the kernel does not know `resource`.
///
/// # Safety
///
/// `rlim` may be written until the call returns.
///
/// # Source
///
/// getrlimit(2).
#[inline]
pub unsafe fn getrlimit(resource: __rlimit_resource_t, rlim: *mut rlimit) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `rlim` may be written.
    cvt(unsafe { libc::getrlimit(resource, rlim) }).map(drop)
}

/// `setrlimit(resource, rlim)` — says how much of something the process may use.
///
/// ```c
/// int setrlimit(int resource, const struct rlimit *rlim);
/// ```
///
/// See [`getrlimit`]. `rlim_max` can be lowered by everybody, and raised only with a privilege.
///
/// On Linux the system call is `prlimit64`.
///
/// # Errors
///
/// - `EFAULT`: `rlim` is outside the memory of the process.
/// - `EINVAL`: `rlim_cur` is above `rlim_max`, or the kernel does not know `resource`.
/// - `EPERM`: `rlim_max` is above what it was, or `RLIMIT_NOFILE` above the system's own limit.
///
/// # Safety
///
/// `rlim` points to a structure that may be read until the call returns.
///
/// # Source
///
/// setrlimit(2).
#[inline]
pub unsafe fn setrlimit(resource: __rlimit_resource_t, rlim: *const rlimit) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `rlim` may be read.
    cvt(unsafe { libc::setrlimit(resource, rlim) }).map(drop)
}

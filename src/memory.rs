//! Memory from the kernel.

use errno::{Errno, errno};
use libc::{MAP_FAILED, c_int, c_void, off_t, size_t};

/// `mmap(addr, length, prot, flags, fd, offset)` — maps memory into the process.
///
/// ```c
/// void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
/// ```
///
/// With `addr` null the kernel chooses where. With `MAP_ANONYMOUS` the memory is new, zero, and takes up room page
/// by page as it is written; `fd` is -1. Without it, it is that of `fd` from `offset` on: of a file, or what a driver
/// shares, as io_uring's queues. `MAP_SHARED` lets others see what is written there, `MAP_PRIVATE` does not.
///
/// Returns where the memory is. It fails with `MAP_FAILED`, which is not null, but the highest address.
///
/// # Errors
///
/// - `EACCES`: `fd` is no regular file, or is not open for what `prot` and `flags` ask.
/// - `EAGAIN`: the file is locked, or too much memory is.
/// - `EBADF`: `fd` is not open.
/// - `EINVAL`: `addr`, `length` or `offset` is no multiple of the page size where it must be; `length` is 0; `flags`.
/// - `ENFILE`: the system has as many files open as it may.
/// - `ENODEV`: what `fd` refers to cannot be mapped.
/// - `ENOMEM`: no memory, or too many maps.
/// - `EOVERFLOW`: `offset` is beyond what can be counted.
/// - `EPERM`: `prot` asks for what the file system or a seal forbids.
///
/// # Safety
///
/// `flags` has no `MAP_FIXED`: it would take the place of memory that is in use.
///
/// # Source
///
/// mmap(2).
#[inline]
pub unsafe fn mmap(
    addr: *mut c_void,
    length: size_t,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> Result<*mut c_void, Errno> {
    // SAFETY: the caller vouches that no memory in use is replaced.
    let memory = unsafe { libc::mmap(addr, length, prot, flags, fd, offset) };
    if memory == MAP_FAILED { Err(errno()) } else { Ok(memory) }
}

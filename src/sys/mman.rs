//! `<sys/mman.h>`: memory from the kernel.

use crate::errno::{Errno, errno};
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
/// - `EACCES`: `fd` is not open for reading, or not for writing, which `MAP_SHARED` with `PROT_WRITE` needs.
/// - `EAGAIN`: more memory would be locked than may be (`MAP_LOCKED`, `RLIMIT_MEMLOCK`).
/// - `EBADF`: `fd` is not open.
/// - `EEXIST`: memory is in use there (`MAP_FIXED_NOREPLACE`).
/// - `EINVAL`: `addr` or `offset` is no multiple of the page size where it must be; `length` is 0; or `flags` has neither
///   `MAP_SHARED` nor `MAP_PRIVATE`.
/// - `ENFILE`: the system has as many files open as it may.
/// - `ENODEV`: what `fd` refers to cannot be mapped: a pipe, a UDP socket, a directory.
/// - `ENOMEM`: no memory, not so many addresses (`RLIMIT_AS`), or too many maps.
/// - `EOPNOTSUPP`: `MAP_SHARED_VALIDATE`, and a flag that the file does not know, as `MAP_SYNC`.
/// - `EOVERFLOW`: `offset` is beyond what can be counted.
/// - `EPERM`: `prot` asks for what the file system or a seal forbids; or no memory may be locked (`MAP_LOCKED`).
/// - `ETXTBSY`: the system swaps to the file.
///
/// A signal can come later: SIGBUS for a page beyond the end of the file, SIGSEGV for what `prot` does not allow.
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

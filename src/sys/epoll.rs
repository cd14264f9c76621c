//! `<sys/epoll.h>`: multiplexing; the kernel keeps the set of descriptors that are watched.

use crate::errno::{Errno, cvt};
use libc::{c_int, epoll_event};

/// `epoll_create1(flags)` — makes a set of descriptors to watch, at first empty.
///
/// ```c
/// #include <sys/epoll.h>
/// int epoll_create1(int flags);
/// ```
///
/// `flags` is `EPOLL_CLOEXEC` or 0. The set goes when its last descriptor is closed.
///
/// Returns the set's descriptor.
///
/// # Errors
///
/// - `EINVAL`: `flags` has an unknown one.
/// - `EMFILE`, `ENFILE`: the process or the system has as many descriptors as it may.
/// - `ENOMEM`: no memory.
///
/// # Source
///
/// epoll_create1(2), epoll(7); tutorial, lines 671 to the end (multiplexing).
#[inline]
pub fn epoll_create1(flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: an integer.
    cvt(unsafe { libc::epoll_create1(flags) })
}

/// `epoll_ctl(epfd, op, fd, event)` — adds a descriptor to a set, changes what is watched of it, or takes it out.
///
/// ```c
/// int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
/// ```
///
/// `op` is `EPOLL_CTL_ADD`, `EPOLL_CTL_MOD` or `EPOLL_CTL_DEL`, which needs no `event`. `event->events` is what is
/// watched, and `event->data` comes back with it (the libc crate has its `u64`; a program keeps in it what it
/// likes). A descriptor that is closed leaves the set, once its last copy is closed.
///
/// | event | what it says |
/// |---|---|
/// | `EPOLLIN` | `recv` or `accept` will not wait: bytes, the end of the stream, or a connection is there |
/// | `EPOLLOUT` | `send` will not wait |
/// | `EPOLLRDHUP` | the other end sends no more |
/// | `EPOLLHUP`, `EPOLLERR` | both directions have ended; an error waits. Watched always |
/// | `EPOLLET` | no event, but how: edge-triggered, told once for each thing that comes, not as long as it is there |
///
/// What is there already when a descriptor is added or changed is told, edge-triggered or not.
///
/// # Errors
///
/// - `EBADF`: `epfd` or `fd` is not open.
/// - `EEXIST`: `fd` is in the set already (`EPOLL_CTL_ADD`).
/// - `EFAULT`: `event` is outside the memory of the process, or null where it is needed.
/// - `EINVAL`: `epfd` is no such set, or is `fd`; or `op` is invalid, or a flag with `EPOLLEXCLUSIVE`, or
///   `EPOLLEXCLUSIVE` with `EPOLL_CTL_MOD`.
/// - `ELOOP`: sets that watch each other.
/// - `ENOENT`: `fd` is not in the set (`EPOLL_CTL_MOD`, `EPOLL_CTL_DEL`).
/// - `ENOMEM`: no memory.
/// - `ENOSPC`: the user watches as many descriptors as he may (`/proc/sys/fs/epoll/max_user_watches`).
/// - `EPERM`: `fd` cannot be watched: a file or a directory.
///
/// # Safety
///
/// `event` points to a structure that may be read until the call returns; with `EPOLL_CTL_DEL` it may be null.
///
/// # Source
///
/// epoll_ctl(2), epoll(7); tutorial, lines 671 to the end (multiplexing).
#[inline]
pub unsafe fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `event` may be read, or is not needed.
    cvt(unsafe { libc::epoll_ctl(epfd, op, fd, event) }).map(drop)
}

/// `epoll_wait(epfd, events, maxevents, timeout)` — sleeps until something can be done with one of the descriptors.
///
/// ```c
/// int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout);
/// ```
///
/// Stores what is ready, `maxevents` at most; what finds no place is stored the next time. `timeout` is in
/// milliseconds: 0 does not wait at all, a negative number waits for ever.
///
/// Returns how many were stored; 0 means that the time is over.
///
/// # Errors
///
/// - `EBADF`: `epfd` is not open.
/// - `EFAULT`: `events` is outside the memory that the process may write, and there is something to store.
/// - `EINTR`: a signal was caught before anything happened.
/// - `EINVAL`: `epfd` is no such set, or `maxevents` is not above 0.
///
/// # Safety
///
/// `events` points to `maxevents` structures that may be written until the call returns.
///
/// # Source
///
/// epoll_wait(2), epoll(7); tutorial, lines 671 to the end (multiplexing).
#[inline]
pub unsafe fn epoll_wait(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: c_int,
) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches for `maxevents` structures at `events`.
    cvt(unsafe { libc::epoll_wait(epfd, events, maxevents, timeout) })
}

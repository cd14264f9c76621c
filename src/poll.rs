//! `<poll.h>`: waiting for several descriptors at once, as a list.

use crate::errno::{Errno, cvt};
use libc::{c_int, nfds_t, pollfd};

/// `poll(fds, nfds, timeout)` — waits until something can be done with one of the descriptors.
///
/// ```c
/// int poll(struct pollfd *fds, nfds_t nfds, int timeout);
/// ```
///
/// In each of the `nfds` entries, `fd` is the descriptor (a negative one is passed over) and `events` what
/// is waited for; the call writes to `revents` what is there. `timeout` is in milliseconds: 0 does not wait
/// at all, a negative number waits for ever.
///
/// | event | what it says |
/// |---|---|
/// | `POLLIN` | `recv` or `accept` will not wait: bytes, the end of the stream, or a connection is there |
/// | `POLLOUT` | `send` will not wait; or a non-blocking `connect` has ended |
/// | `POLLRDHUP` | the other end sends no more |
/// | `POLLHUP` | both directions have ended, or there is no connection yet; only in `revents` |
/// | `POLLERR` | an error waits: `SO_ERROR` has it; only in `revents` |
/// | `POLLNVAL` | `fd` is not open; only in `revents` |
///
/// Returns how many entries have an event; 0 means that the time is over.
///
/// # Errors
///
/// - `EFAULT`: `fds` is outside the memory that the process may write.
/// - `EINTR`: a signal was caught before anything happened.
/// - `EINVAL`: `nfds` is more than the process may have descriptors (`RLIMIT_NOFILE`).
/// - `ENOMEM`: no memory in the kernel.
///
/// # Safety
///
/// `fds` points to `nfds` entries that may be read and written until the call returns.
///
/// # Source
///
/// poll(2); tutorial, lines 671 to the end.
///
/// # Examples
///
/// ```
/// use libc::{POLLIN, pollfd};
/// use sockmirror::poll::poll;
///
/// // Nobody is waited for, for no time.
/// let mut fds = [pollfd { fd: -1, events: POLLIN, revents: 0 }];
/// // SAFETY: one entry, as it says.
/// assert_eq!(unsafe { poll(fds.as_mut_ptr(), 1, 0) }, Ok(0));
/// ```
#[inline]
pub unsafe fn poll(fds: *mut pollfd, nfds: nfds_t, timeout: c_int) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that `fds` points to `nfds` entries that may be read and written.
    cvt(unsafe { libc::poll(fds, nfds, timeout) })
}

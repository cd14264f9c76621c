//! `<sys/time.h>`: a timer that sends a signal.

use crate::errno::{Errno, cvt};
use libc::{c_int, itimerval};

/// `setitimer(which, new_value, old_value)` — sets a timer, which sends a signal when its time is over.
///
/// ```c
/// int setitimer(int which, const struct itimerval *new_value, struct itimerval *old_value);
/// ```
///
/// `which` is `ITIMER_REAL`: real time, and SIGALRM. (`ITIMER_VIRTUAL` and `ITIMER_PROF` count the time that the
/// process runs.) `it_value` is how long it takes, in seconds and microseconds; all zero stops the timer.
/// `it_interval` is how often it comes again after that; zero: never. The process has one timer of each kind,
/// and `alarm` sets the same one. What was set before is stored at `old_value`, unless that is null.
///
/// # Errors
///
/// - `EFAULT`: `new_value` or `old_value` is outside the memory of the process.
/// - `EINVAL`: there is no such timer, or a number of microseconds is not 0 to 999999.
///
/// # Safety
///
/// `new_value` points to a structure that may be read, and `old_value` is null or points to one that may be
/// written, until the call returns.
///
/// # Source
///
/// setitimer(2).
#[inline]
pub unsafe fn setitimer(which: c_int, new_value: *const itimerval, old_value: *mut itimerval) -> Result<(), Errno> {
    // SAFETY: the caller vouches for what the two pointers point to.
    cvt(unsafe { libc::setitimer(which, new_value, old_value) }).map(drop)
}

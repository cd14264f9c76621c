//! `<time.h>`: the clock, and sleep.

use crate::errno::{Errno, cvt};
use libc::{clockid_t, timespec};

/// `clock_gettime(clockid, tp)` — reads a clock.
///
/// ```c
/// int clock_gettime(clockid_t clockid, struct timespec *tp);
/// ```
///
/// `tv_sec` is in seconds, `tv_nsec` in nanoseconds below one second. `CLOCK_MONOTONIC` counts from some moment
/// and never jumps; it is the one for how long something took. `CLOCK_REALTIME` is the time of day.
///
/// Mostly there is no system call: glibc reads what the kernel lays out for everyone (vdso(7)).
///
/// # Errors
///
/// - `EFAULT`: `tp` is outside the memory that the process may write, and there is a system call
///   (`CLOCK_PROCESS_CPUTIME_ID`). Where there is none, as for `CLOCK_MONOTONIC` and `CLOCK_REALTIME`, the process gets
///   SIGSEGV instead of an error.
/// - `EINVAL`: there is no such clock, or no such process (for a process's clock).
///
/// # Safety
///
/// `tp` may be written until the call returns.
///
/// # Source
///
/// clock_gettime(2).
#[inline]
pub unsafe fn clock_gettime(clockid: clockid_t, tp: *mut timespec) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `tp` may be written.
    cvt(unsafe { libc::clock_gettime(clockid, tp) }).map(drop)
}

/// `nanosleep(duration, rem)` — sleeps for so long.
///
/// ```c
/// int nanosleep(const struct timespec *duration, struct timespec *rem);
/// ```
///
/// `tv_sec` is in seconds, `tv_nsec` in nanoseconds below one second. If a signal is caught before that, what is
/// left is stored at `rem`, unless that is null.
///
/// On Linux glibc makes the system call `clock_nanosleep`.
///
/// # Errors
///
/// - `EFAULT`: `duration` is outside the memory of the process; or `rem` is, and a signal was caught.
/// - `EINTR`: a signal was caught.
/// - `EINVAL`: `tv_sec` is negative, or `tv_nsec` is not 0 to 999999999.
///
/// # Safety
///
/// `duration` points to a structure that may be read, and `rem` is null or points to one that may be written,
/// until the call returns.
///
/// # Source
///
/// nanosleep(2).
#[inline]
pub unsafe fn nanosleep(duration: *const timespec, rem: *mut timespec) -> Result<(), Errno> {
    // SAFETY: the caller vouches for what the two pointers point to.
    cvt(unsafe { libc::nanosleep(duration, rem) }).map(drop)
}

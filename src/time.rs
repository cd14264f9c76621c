//! The clock, sleep, and a timer that sends a signal.

use crate::error::cvt;
use errno::Errno;
use libc::{c_int, c_uint, clockid_t, itimerval, timespec};

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
pub unsafe fn setitimer(
    which: c_int,
    new_value: *const itimerval,
    old_value: *mut itimerval,
) -> Result<(), Errno> {
    // SAFETY: the caller vouches for what the two pointers point to.
    cvt(unsafe { libc::setitimer(which, new_value, old_value) }).map(drop)
}

/// `alarm(seconds)` — has SIGALRM sent after so long.
///
/// ```c
/// unsigned int alarm(unsigned int seconds);
/// ```
///
/// The timer is that of [`setitimer`]; 0 stops it. A signal handler may call this function (signal-safety(7)).
///
/// Returns how many seconds were left of what was set before, or 0. It cannot fail.
///
/// # Source
///
/// alarm(2).
#[inline]
pub fn alarm(seconds: c_uint) -> c_uint {
    // SAFETY: an integer.
    unsafe { libc::alarm(seconds) }
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

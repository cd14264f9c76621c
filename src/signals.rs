//! Signals: which of them are kept back.

use crate::error::cvt;
use errno::Errno;
use libc::{c_int, sigset_t};

/// `sigemptyset(set)` — makes a set of no signals.
///
/// ```c
/// int sigemptyset(sigset_t *set);
/// ```
///
/// It comes before [`sigaddset`], which puts signals into the set.
///
/// # Errors
///
/// - `EINVAL`: `set` is a null pointer (in glibc; POSIX knows no error).
///
/// # Safety
///
/// `set` points to a set that may be written.
///
/// # Source
///
/// sigsetops(3); tutorial, lines 228-232, for which a process waits for another one's end.
#[inline]
pub unsafe fn sigemptyset(set: *mut sigset_t) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `set` may be written.
    cvt(unsafe { libc::sigemptyset(set) }).map(drop)
}

/// `sigaddset(set, signum)` — puts a signal into a set.
///
/// ```c
/// int sigaddset(sigset_t *set, int signum);
/// ```
///
/// # Errors
///
/// - `EINVAL`: there is no signal `signum`.
///
/// # Safety
///
/// `set` points to a set that [`sigemptyset`] has made, and that may be written.
///
/// # Source
///
/// sigsetops(3); tutorial, lines 228-232, for which a process waits for another one's end.
#[inline]
pub unsafe fn sigaddset(set: *mut sigset_t, signum: c_int) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `set` is a set and may be written.
    cvt(unsafe { libc::sigaddset(set, signum) }).map(drop)
}

/// `sigprocmask(how, set, oldset)` — says which signals are kept back.
///
/// ```c
/// int sigprocmask(int how, const sigset_t *set, sigset_t *oldset);
/// ```
///
/// | `how` | what becomes of the signals of `set` |
/// |---|---|
/// | `SIG_BLOCK` (0) | they are kept back, besides those that are already |
/// | `SIG_UNBLOCK` (1) | they are let through |
/// | `SIG_SETMASK` (2) | they, and no others, are kept back |
///
/// A signal that is kept back waits until it is let through. SIGKILL and SIGSTOP cannot be kept back, which
/// is no error. The signals that were kept back before are stored at `oldset`. Either pointer may be null:
/// then nothing is changed, or nothing stored. A child of [`fork`](crate::process::fork) keeps back the same.
///
/// On Linux the system call is `rt_sigprocmask`.
///
/// # Errors
///
/// - `EFAULT`: `set` or `oldset` is outside the memory that the process may use.
/// - `EINVAL`: `how` is none of the three.
///
/// # Safety
///
/// The process has one thread. `set` is null or points to a set that may be read, and `oldset` is null or
/// points to one that may be written, until the call returns.
///
/// # Source
///
/// sigprocmask(2), signal(7); tutorial, lines 228-232, for which a process waits for another one's end.
///
/// # Examples
///
/// ```
/// use core::mem::MaybeUninit;
/// use core::ptr;
/// use libc::{SIG_BLOCK, SIGCHLD, sigset_t};
/// use sockmirror::signals::{sigaddset, sigemptyset, sigprocmask};
///
/// let mut signals = MaybeUninit::<sigset_t>::uninit();
/// // SAFETY: the set may be written.
/// unsafe { sigemptyset(signals.as_mut_ptr()) }.unwrap();
/// // SAFETY: the same, and the line above made it a set.
/// unsafe { sigaddset(signals.as_mut_ptr(), SIGCHLD) }.unwrap();
/// // SAFETY: the set may be read; the old one is not asked for.
/// unsafe { sigprocmask(SIG_BLOCK, signals.as_ptr(), ptr::null_mut()) }.unwrap();
/// ```
#[inline]
pub unsafe fn sigprocmask(
    how: c_int,
    set: *const sigset_t,
    oldset: *mut sigset_t,
) -> Result<(), Errno> {
    // SAFETY: the caller vouches for one thread, and for what the two pointers point to.
    cvt(unsafe { libc::sigprocmask(how, set, oldset) }).map(drop)
}

//! `<signal.h>`: which signals are blocked, what they do, and how they are sent and taken.

use crate::errno::{Errno, cvt};
use libc::{SIG_ERR, c_int, pid_t, sighandler_t, siginfo_t, sigset_t, sigval, timespec};

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
/// - `EINVAL`: there is no signal `signum`, or glibc keeps it to itself (32 and 33); or `set` is a null pointer (in
///   glibc).
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

/// `sigdelset(set, signum)` — takes a signal out of a set.
///
/// ```c
/// int sigdelset(sigset_t *set, int signum);
/// ```
///
/// # Errors
///
/// - `EINVAL`: there is no signal `signum`, or glibc keeps it to itself (32 and 33); or `set` is a null pointer (in
///   glibc).
///
/// # Safety
///
/// `set` points to a set that has been made and may be written.
///
/// # Source
///
/// sigsetops(3).
#[inline]
pub unsafe fn sigdelset(set: *mut sigset_t, signum: c_int) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the set.
    cvt(unsafe { libc::sigdelset(set, signum) }).map(drop)
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
/// then nothing is changed, or nothing stored. A child of [`fork`](crate::unistd::fork) keeps back the same.
///
/// On Linux the system call is `rt_sigprocmask`.
///
/// # Errors
///
/// - `EFAULT`: `oldset` is outside the memory that the process may write. glibc itself reads `set`: if that is
///   outside, the process gets SIGSEGV instead of an error.
/// - `EINVAL`: `how` is none of the three, and `set` is not null.
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
/// use sockmirror::signal::{sigaddset, sigemptyset, sigprocmask};
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
pub unsafe fn sigprocmask(how: c_int, set: *const sigset_t, oldset: *mut sigset_t) -> Result<(), Errno> {
    // SAFETY: the caller vouches for one thread, and for what the two pointers point to.
    cvt(unsafe { libc::sigprocmask(how, set, oldset) }).map(drop)
}

/// `sigwaitinfo(set, info)` — sleeps until one of these signals comes, and takes it.
///
/// ```c
/// int sigwaitinfo(const sigset_t *set, siginfo_t *info);
/// ```
///
/// The signals of `set` are kept back ([`sigprocmask`]), so that they do nothing else. One that waits already
/// is taken at once; of several, the one with the lowest number. What the kernel knows of it is stored at `info`,
/// unless that is null.
///
/// On Linux the system call is `rt_sigtimedwait`, without a time.
///
/// Returns the signal's number.
///
/// # Errors
///
/// - `EFAULT`: `set` or `info` is outside the memory that the process may use.
/// - `EINTR`: another signal was caught first.
///
/// # Safety
///
/// `set` points to a set that may be read, and `info` is null or points to a `siginfo_t` that may be written,
/// until the call returns.
///
/// # Source
///
/// sigwaitinfo(2), signal(7); tutorial, lines 671 to the end (signal-driven I/O).
#[inline]
pub unsafe fn sigwaitinfo(set: *const sigset_t, info: *mut siginfo_t) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches for what the two pointers point to.
    cvt(unsafe { libc::sigwaitinfo(set, info) })
}

/// `sigtimedwait(set, info, timeout)` — takes one of these signals, if one waits or comes in time.
///
/// ```c
/// int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);
/// ```
///
/// It is [`sigwaitinfo`] with a bound: `timeout` is how long to sleep at most, in seconds and nanoseconds. With zero it
/// takes what waits already, or fails at once.
///
/// On Linux the system call is `rt_sigtimedwait`.
///
/// Returns the signal's number.
///
/// # Errors
///
/// - `EAGAIN`: none has come in time.
/// - `EFAULT`: one of the pointers is outside the memory that the process may use.
/// - `EINTR`: another signal was caught first.
/// - `EINVAL`: the time is negative, or its nanoseconds are not below one second.
///
/// # Safety
///
/// `set` and `timeout` point to what may be read, and `info` is null or points to a `siginfo_t` that may be written,
/// until the call returns.
///
/// # Source
///
/// sigtimedwait(2), signal(7).
#[inline]
pub unsafe fn sigtimedwait(
    set: *const sigset_t,
    info: *mut siginfo_t,
    timeout: *const timespec,
) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches for what the three pointers point to.
    cvt(unsafe { libc::sigtimedwait(set, info, timeout) })
}

/// `signal(signum, handler)` — says what a signal does.
///
/// ```c
/// sighandler_t signal(int signum, sighandler_t handler);
/// ```
///
/// `handler` is `SIG_IGN` (nothing), `SIG_DFL` (what it does by itself) or a function.
///
/// On Linux the system call is `rt_sigaction`.
///
/// Returns what the signal did before.
///
/// # Errors
///
/// - `EINVAL`: there is no signal `signum`, or it is SIGKILL or SIGSTOP, or glibc keeps it to itself (32 and 33).
///
/// # Safety
///
/// `handler` is `SIG_IGN`, `SIG_DFL` or the address of an `extern "C" fn(c_int)` that does only what signal-safety(7)
/// allows.
///
/// # Source
///
/// signal(2); tutorial, lines 671 to the end (signal-driven I/O).
#[inline]
pub unsafe fn signal(signum: c_int, handler: sighandler_t) -> Result<sighandler_t, Errno> {
    // SAFETY: the caller vouches for the handler.
    let before = unsafe { libc::signal(signum, handler) };
    if before == SIG_ERR { Err(errno::errno()) } else { Ok(before) }
}

/// `kill(pid, sig)` — sends a signal.
///
/// ```c
/// int kill(pid_t pid, int sig);
/// ```
///
/// `pid` is a process; 0 means every process of this one's group, −1 every process there is, another negative
/// number the group of that number. `sig` 0 sends nothing, and only asks whether it could.
///
/// # Errors
///
/// - `EINVAL`: there is no signal `sig`.
/// - `EPERM`: the process is another user's.
/// - `ESRCH`: there is no such process or group. A process that has ended is there until somebody has waited for it.
///
/// # Source
///
/// kill(2).
#[inline]
pub fn kill(pid: pid_t, sig: c_int) -> Result<(), Errno> {
    // SAFETY: integers.
    cvt(unsafe { libc::kill(pid, sig) }).map(drop)
}

/// `sigqueue(pid, sig, value)` — queues a signal, with a value.
///
/// ```c
/// int sigqueue(pid_t pid, int sig, const union sigval value);
/// ```
///
/// As [`kill`], for one process. A real-time signal (`SIGRTMIN` and above) waits as often as it was sent, and each
/// tells its `value` (`si_value`; its pointer is the libc crate's only member), with `SI_QUEUE` as `si_code`. Others
/// wait once.
///
/// On Linux the system call is `rt_sigqueueinfo`; glibc calls `getpid` and `getuid` before it.
///
/// # Errors
///
/// - `EAGAIN`: as many signals as may (`RLIMIT_SIGPENDING`) wait for the user's processes. Only a real-time signal has it;
///   another one is sent nevertheless, without its value.
/// - `EINVAL`: there is no signal `sig`.
/// - `EPERM`: the process is another user's.
/// - `ESRCH`: there is no such process.
///
/// # Source
///
/// sigqueue(3), rt_sigqueueinfo(2), signal(7); tutorial, lines 671 to the end (signal-driven I/O).
#[inline]
pub fn sigqueue(pid: pid_t, sig: c_int, value: sigval) -> Result<(), Errno> {
    // SAFETY: two integers, and a value that is handed on as it is.
    cvt(unsafe { libc::sigqueue(pid, sig, value) }).map(drop)
}

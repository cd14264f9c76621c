//! Processes: a second one, and its end.

use crate::error::cvt;
use errno::Errno;
use libc::{c_int, c_ulong, pid_t};

/// `fork()` — makes a second process, a copy of this one.
///
/// ```c
/// pid_t fork(void);
/// ```
///
/// Both go on from here: the parent with the child's number, the child with 0. The child has a copy of the
/// memory, also of what stdio has buffered and not written yet (see [`fflush`](crate::stdio::fflush)), and
/// of the descriptors: each socket has one reference more, and is open until all are closed.
///
/// On Linux glibc makes the system call `clone`.
///
/// # Errors
///
/// - `EAGAIN`: the user (`RLIMIT_NPROC`), the control group or the system has as many processes as it may.
/// - `ENOMEM`: no memory in the kernel; or the process that a namespace of process numbers hangs on has ended.
/// - `ENOSYS`: the machine cannot (no memory management unit).
///
/// # Safety
///
/// The process has one thread. (Of several, only the one that calls is copied, and locks that the others
/// hold stay locked for ever in the child.) A descriptor that one owner must have alone is not used by both.
///
/// # Source
///
/// fork(2); tutorial, lines 228-232 and 671 to the end.
#[inline]
pub unsafe fn fork() -> Result<pid_t, Errno> {
    // SAFETY: the caller vouches that there is one thread.
    cvt(unsafe { libc::fork() })
}

/// `waitpid(pid, wstatus, options)` — waits until a child ends, and says how.
///
/// ```c
/// pid_t waitpid(pid_t pid, int *wstatus, int options);
/// ```
///
/// `pid` is the child's number, or −1 for any child. `*wstatus` is read with `WIFEXITED`, `WEXITSTATUS`,
/// `WIFSIGNALED` and `WTERMSIG`; the pointer may be null. `options` is 0, or `WNOHANG`: do not wait. Until
/// somebody waits for it, a child that has ended keeps its number (a "zombie").
///
/// On Linux the system call is `wait4`.
///
/// Returns the child's number; with `WNOHANG` 0, if no child has ended yet.
///
/// # Errors
///
/// - `ECHILD`: there is no such child, or SIGCHLD is ignored, so that children leave nothing behind.
/// - `EINTR`: a signal was caught first.
/// - `EINVAL`: `options` has an unknown flag.
/// - `ESRCH`: `pid` is `INT_MIN`.
///
/// # Safety
///
/// `wstatus` is null or points to an int that may be written until the call returns.
///
/// # Source
///
/// waitpid(2); tutorial, lines 228-232 and 671 to the end.
#[inline]
pub unsafe fn waitpid(pid: pid_t, wstatus: *mut c_int, options: c_int) -> Result<pid_t, Errno> {
    // SAFETY: the caller vouches that `wstatus` is null or may be written.
    cvt(unsafe { libc::waitpid(pid, wstatus, options) })
}

/// `prctl(option, arg2)` — changes how the kernel treats this process.
///
/// ```c
/// int prctl(int option, ... /* unsigned long arg2 */);
/// ```
///
/// `PR_SET_PDEATHSIG`: the process gets the signal `arg2` when the thread that forked it ends; 0 takes that
/// back. A child of `fork` does not inherit it. If that thread has ended already, no signal comes.
///
/// # Errors
///
/// - `EINVAL`: `arg2` is no signal, or the kernel does not know `option`.
///
/// # Safety
///
/// `option` takes one integer, as `PR_SET_PDEATHSIG` does: others take a pointer, or change what code elsewhere
/// relies on.
///
/// # Source
///
/// prctl(2), PR_SET_PDEATHSIG(2const).
#[inline]
pub unsafe fn prctl(option: c_int, arg2: c_ulong) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that the option takes an integer.
    cvt(unsafe { libc::prctl(option, arg2) })
}

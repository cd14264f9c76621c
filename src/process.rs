//! Processes: a second one, and its end.

use crate::error::cvt;
use errno::Errno;
use libc::{c_int, pid_t};

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

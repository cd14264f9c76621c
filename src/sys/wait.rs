//! `<sys/wait.h>`: the end of a child process.

use crate::errno::{Errno, cvt};
use libc::{c_int, pid_t};

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
/// - `EFAULT`: `wstatus` is outside the memory that the process may write. The child is gone nevertheless.
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

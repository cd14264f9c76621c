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

/// `prctl(option, arg2)` — changes how the kernel treats this process.
///
/// ```c
/// int prctl(int option, ... /* unsigned long arg2 */);
/// ```
///
/// `PR_SET_PDEATHSIG`: the process gets the signal `arg2` when the thread that forked it ends; 0 takes that
/// back. A child of `fork` does not inherit it. If that thread has ended already, no signal comes.
///
/// `PR_SET_CHILD_SUBREAPER`: with `arg2` 1, a process whose parent ends becomes a child of this one, if it descends
/// from it; otherwise it would become one of the first process of all. A child of `fork` does not inherit it.
///
/// # Errors
///
/// - `EINVAL`: `arg2` is no signal, or the kernel does not know `option`.
///
/// # Safety
///
/// `option` takes one integer, as these two do: others take a pointer, or change what code elsewhere relies on.
///
/// # Source
///
/// prctl(2), PR_SET_PDEATHSIG(2const), PR_SET_CHILD_SUBREAPER(2const).
#[inline]
pub unsafe fn prctl(option: c_int, arg2: c_ulong) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that the option takes an integer.
    cvt(unsafe { libc::prctl(option, arg2) })
}

/// `setpgid(pid, pgid)` — puts a process into a group of processes.
///
/// ```c
/// int setpgid(pid_t pid, pid_t pgid);
/// ```
///
/// `pid` is this process or a child of it; 0 means this one. `pgid` is the group's number; 0, or the number of the
/// process itself, makes a new group. A child of `fork` is in its parent's group. [`kill`](crate::signals::kill)
/// with a negative number reaches all of a group; so does what is typed on a terminal, as Ctrl-C, the group that
/// is in its foreground.
///
/// # Errors
///
/// - `EACCES`: the child has called `execve` since.
/// - `EINVAL`: `pgid` is negative.
/// - `EPERM`: the process leads a session, or it or the group belongs to another one; or there is no such group.
/// - `ESRCH`: `pid` is neither this process nor a child of it.
///
/// # Source
///
/// setpgid(2).
#[inline]
pub fn setpgid(pid: pid_t, pgid: pid_t) -> Result<(), Errno> {
    // SAFETY: integers.
    cvt(unsafe { libc::setpgid(pid, pgid) }).map(drop)
}

/// `getpid()` — the number of this process.
///
/// ```c
/// pid_t getpid(void);
/// ```
///
/// # Source
///
/// getpid(2).
#[inline]
#[must_use]
pub fn getpid() -> pid_t {
    // SAFETY: no arguments.
    unsafe { libc::getpid() }
}

/// `getppid()` — the number of the process that has made this one.
///
/// ```c
/// pid_t getppid(void);
/// ```
///
/// When that one has ended, the number is that of the process which children are left to: the nearest one above it that
/// has asked for them ([`prctl`], `PR_SET_CHILD_SUBREAPER`), or else the first one of the system.
///
/// # Source
///
/// getppid(2).
#[inline]
#[must_use]
pub fn getppid() -> pid_t {
    // SAFETY: no arguments.
    unsafe { libc::getppid() }
}

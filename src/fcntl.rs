//! `<fcntl.h>`: a descriptor for a file, and the flags of a descriptor.
//!
//! In C [`fcntl`] takes what its second argument asks for. Here it has the one form that the programs use, with an int.

use crate::errno::{Errno, cvt};
use libc::{c_char, c_int};

/// For [`fcntl`]: which signal, in place of SIGIO. The libc crate lacks it.
pub const F_SETSIG: c_int = 10;

/// `fcntl(fd, cmd, arg)` — looks at a descriptor or changes how it works.
///
/// ```c
/// int fcntl(int fd, int cmd, ... /* int arg */);
/// ```
///
/// | `cmd` | `arg` | what it does |
/// |---|---|---|
/// | `F_GETFL` | 0 | returns the file status flags, `O_NONBLOCK` and others |
/// | `F_SETFL` | the flags | sets them; those that were there have to be or-ed in |
/// | `F_GETFD`, `F_SETFD` | 0, `FD_CLOEXEC` | the flag of the descriptor itself: close it on `execve` |
/// | `F_SETOWN` | a process | who gets SIGIO when `O_ASYNC` is set |
/// | `F_SETSIG` | a signal | which signal, in place of SIGIO |
///
/// The status flags belong to the open file: all its descriptors, in all processes, have the same.
///
/// Returns what `cmd` asked for, or 0.
///
/// # Errors
///
/// - `EBADF`: `fd` is not open, or it was opened with `O_PATH` and `cmd` needs more.
/// - `EINVAL`: the kernel does not know `cmd`, or `arg` does not fit it or the file (`F_SETFL` with `O_DIRECT`).
/// - `EMFILE`: the process has as many descriptors open as it may (`F_DUPFD`).
/// - `EPERM`: `O_APPEND` of an append-only file cannot be cleared (`F_SETFL`); the file takes no more seals
///   (`F_ADD_SEALS`); the size needs a capability (`F_SETPIPE_SZ`).
/// - `ESRCH`: there is no such process or group (`F_SETOWN`).
/// - `EACCES`: another user's file (`F_SETLEASE`).
/// - `EAGAIN`: others have the file open (`F_SETLEASE`).
/// - `EBUSY`: the file is mapped for writing (`F_ADD_SEALS`), or the pipe holds more (`F_SETPIPE_SZ`).
/// - `ENOTDIR`: `fd` is no directory (`F_NOTIFY`).
/// - `EDEADLK`, `EFAULT`, `EINTR`, `ENOLCK`: from locks, whose commands take a pointer; never from those above.
///
/// # Safety
///
/// `cmd` takes an int or nothing: the locks (`F_GETLK`, …) take a pointer, and would use the number as one.
/// If the flags are changed, whoever else uses the descriptor is ready for it.
///
/// # Source
///
/// fcntl(2); tutorial, lines 671 to the end.
#[inline]
pub unsafe fn fcntl(fd: c_int, cmd: c_int, arg: c_int) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that `cmd` takes an int.
    cvt(unsafe { libc::fcntl(fd, cmd, arg) })
}

/// `open(pathname, flags)` — opens a file that is there.
///
/// ```c
/// int open(const char *pathname, int flags, ... /* mode_t mode */);
/// ```
///
/// `flags` are `O_RDONLY`, `O_WRONLY` or `O_RDWR`, and what is or-ed to them: `O_NONBLOCK` for a pipe or a terminal,
/// `O_NOCTTY` so that a terminal does not become that of the process. C takes a third argument with `O_CREAT`, and so
/// would this function have to: a file that is not there is not made here. `/proc/self/fd/N` names what descriptor N
/// stands for; opened anew, it has flags of its own.
///
/// On Linux the system call of glibc is `openat`.
///
/// Returns the descriptor: the lowest number that is free.
///
/// # Errors
///
/// - `EACCES`: the file may not be opened so, or a directory on the way may not be searched.
/// - `EAGAIN`, which is `EWOULDBLOCK`: somebody has a lease on the file, and `flags` has `O_NONBLOCK`.
/// - `EFAULT`: `pathname` is outside the memory of the process.
/// - `EINTR`: a signal was caught while it waited.
/// - `EINVAL`: the file cannot do what `flags` asks for (`O_DIRECT`).
/// - `EISDIR`: it is a directory, and should be written.
/// - `ELOOP`: too many symbolic links on the way; or it is one, and `flags` has `O_NOFOLLOW`.
/// - `EMFILE`, `ENFILE`: the process or the system has as many descriptors as it may.
/// - `ENAMETOOLONG`: `pathname` is too long.
/// - `ENOENT`: there is no such file.
/// - `ENOMEM`: no memory in the kernel.
/// - `ENOTDIR`: what should be a directory on the way, or with `O_DIRECTORY` at its end, is none.
/// - `ENXIO`: it is a socket; or a pipe that nobody reads, to be written without waiting.
/// - `EPERM`: it is another user's file (`O_NOATIME`).
/// - `EROFS`: it should be written, and cannot be: its file system is read-only.
/// - `ETXTBSY`: it should be written, and is a program that runs.
///
/// # Safety
///
/// `pathname` points to a C string, and `flags` has neither `O_CREAT` nor `O_TMPFILE`.
///
/// # Source
///
/// open(2), proc_pid_fd(5).
#[inline]
pub unsafe fn open(pathname: *const c_char, flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches for the string, and that no mode is asked for.
    cvt(unsafe { libc::open(pathname, flags) })
}

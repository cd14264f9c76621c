//! What can be done with any descriptor, be it a socket or not.
//!
//! In C `fcntl` and `ioctl` take what their second argument asks for. Here each has the one form that the
//! programs use: `fcntl` with an int, `ioctl` with a pointer to an int.

use crate::error::cvt;
use errno::Errno;
use libc::{Ioctl, c_int, c_void, size_t, ssize_t};

/// `read(fd, buf, count)` — takes bytes from a descriptor.
///
/// ```c
/// ssize_t read(int fd, void *buf, size_t count);
/// ```
///
/// `count` is how many bytes there are at `buf`. From a socket it is [`recv`](crate::socket::recv) without
/// flags; from a descriptor of [`signalfd`](crate::signals::signalfd) it takes whole `signalfd_siginfo`s.
///
/// Returns how many bytes were stored; 0 at the end of a file or a stream.
///
/// # Errors
///
/// - `EAGAIN`, which is `EWOULDBLOCK`: the descriptor is non-blocking, and nothing is there.
/// - `EBADF`: `fd` is not open for reading.
/// - `EFAULT`: `buf` is outside the memory that the process may write.
/// - `EINTR`: a signal was caught before anything was there.
/// - `EINVAL`: `fd` cannot be read from; or `count` is too small (less than a `signalfd_siginfo`).
/// - `EIO`: input failed (files).
/// - `EISDIR`: `fd` is a directory.
/// - From a socket, those of [`recv`](crate::socket::recv) as well.
///
/// # Safety
///
/// `buf` points to `count` bytes that may be written until the call returns.
///
/// # Source
///
/// read(2), signalfd(2); tutorial, lines 671 to the end.
#[inline]
pub unsafe fn read(fd: c_int, buf: *mut c_void, count: size_t) -> Result<ssize_t, Errno> {
    // SAFETY: the caller vouches that `buf` points to `count` bytes that may be written.
    cvt(unsafe { libc::read(fd, buf, count) })
}

/// `write(fd, buf, count)` — writes bytes to a descriptor.
///
/// ```c
/// ssize_t write(int fd, const void *buf, size_t count);
/// ```
///
/// `count` is how many bytes there are at `buf`. To a socket it is [`send`](crate::socket::send) without flags.
///
/// Returns how many bytes were taken, which may be fewer.
///
/// # Errors
///
/// - `EAGAIN`, which is `EWOULDBLOCK`: the descriptor is non-blocking, and there is no room.
/// - `EBADF`: `fd` is not open for writing.
/// - `EFAULT`: `buf` is outside the memory of the process.
/// - `EFBIG`: the file would be larger than it may (`RLIMIT_FSIZE`); `SIGXFSZ` comes as well, and ends the process
///   unless it is ignored or caught.
/// - `EINTR`: a signal was caught before anything was written.
/// - `EINVAL`: `fd` cannot be written to.
/// - `EIO`: output failed (files, terminals).
/// - `ENOSPC`: no room on the device.
/// - `EPERM`: a seal forbids it (`F_ADD_SEALS`).
/// - `EPIPE`: nobody reads the pipe any more, or the socket was shut down; `SIGPIPE` comes as well, and ends the process
///   unless it is ignored or caught.
/// - To a socket, those of [`send`](crate::socket::send) as well.
///
/// # Safety
///
/// `buf` points to `count` bytes that may be read until the call returns.
///
/// # Source
///
/// write(2), pipe(7).
#[inline]
pub unsafe fn write(fd: c_int, buf: *const c_void, count: size_t) -> Result<ssize_t, Errno> {
    // SAFETY: the caller vouches that `buf` points to `count` bytes that may be read.
    cvt(unsafe { libc::write(fd, buf, count) })
}

/// `pipe2(pipefd, flags)` — makes a pipe.
///
/// ```c
/// #define _GNU_SOURCE
/// int pipe2(int pipefd[2], int flags);
/// ```
///
/// What is written to `pipefd[1]` is read from `pipefd[0]`. `flags` are `O_CLOEXEC` and `O_NONBLOCK`, or 0. When all
/// copies of the one descriptor are closed, whoever uses the other learns it: [`read`] returns 0, [`write()`] fails
/// with `EPIPE`.
///
/// # Errors
///
/// - `EFAULT`: `pipefd` is outside the memory of the process.
/// - `EINVAL`: an unknown flag.
/// - `EMFILE`: the process has as many descriptors as it may.
/// - `ENFILE`: the system has as many files as it may, or the user has as much memory in pipes as allowed.
///
/// # Safety
///
/// `pipefd` points to two ints that may be written until the call returns.
///
/// # Source
///
/// pipe(2), pipe(7).
#[inline]
pub unsafe fn pipe2(pipefd: *mut c_int, flags: c_int) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the two ints.
    cvt(unsafe { libc::pipe2(pipefd, flags) }).map(drop)
}

/// `dup2(oldfd, newfd)` — gives a descriptor another number.
///
/// ```c
/// int dup2(int oldfd, int newfd);
/// ```
///
/// `newfd` then stands for what `oldfd` stands for, which stays open. What `newfd` was before is closed first, without a
/// word if that fails.
///
/// Returns `newfd`.
///
/// # Errors
///
/// - `EBADF`: `oldfd` is not open, or `newfd` is no number that a descriptor can have.
/// - `EBUSY`: another thread opens something that gets the same number at this moment.
/// - `EINTR`: a signal was caught while the old one was closed (other kernels).
///
/// # Safety
///
/// Nothing relies on what `newfd` was before.
///
/// # Source
///
/// dup(2).
#[inline]
pub unsafe fn dup2(oldfd: c_int, newfd: c_int) -> Result<c_int, Errno> {
    // SAFETY: integers; the caller vouches that nothing is lost with `newfd`.
    cvt(unsafe { libc::dup2(oldfd, newfd) })
}

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

/// `ioctl(fd, request, argp)` — asks a device, or a socket, for something of its own.
///
/// ```c
/// int ioctl(int fd, unsigned long request, ... /* int *argp */);
/// ```
///
/// | `request` | `*argp` for a TCP socket |
/// |---|---|
/// | `FIONREAD` | how many bytes can be read at once |
/// | `TIOCOUTQ` (`SIOCOUTQ`) | how many bytes in the send buffer are not acknowledged yet |
/// | `SIOCOUTQNSD` | how many of them have not been sent yet |
/// | `FIONBIO` | read: 1 makes the socket non-blocking, 0 blocking |
///
/// For a UDP socket `FIONREAD` is the size of the next datagram.
///
/// Returns 0, or what the request says.
///
/// # Errors
///
/// - `EBADF`: `fd` is not open.
/// - `EFAULT`: `argp` is outside the memory that the process may use.
/// - `EINVAL`: the request does not fit, as `FIONREAD` and `TIOCOUTQ` of a socket that listens.
/// - `ENOTTY`: `fd` does not know the request.
///
/// # Safety
///
/// `request` takes a pointer to one int, and `argp` points to an int that may be read and written until the
/// call returns.
///
/// # Source
///
/// ioctl(2), tcp(7), udp(7); tutorial, lines 287-304.
#[inline]
pub unsafe fn ioctl(fd: c_int, request: Ioctl, argp: *mut c_int) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that the request uses one int, and that `argp` points to it.
    cvt(unsafe { libc::ioctl(fd, request, argp) })
}

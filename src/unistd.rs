//! `<unistd.h>`: descriptors, processes, and the options on the command line.
//!
//! In C `optarg`, `optind` and `optopt` are variables, which [`getopt`] sets. Here each is a function that
//! reads one of them.
//!
//! `syscall` is libc's own, not wrapped: it takes any number of arguments. Each of them is a `long` or a pointer.

use crate::errno::{Errno, cvt};
use crate::string::CharPtr;
use libc::{c_char, c_int, c_uint, c_void, off_t, pid_t, size_t, ssize_t};

pub use libc::syscall;

/// `close(fd)` — gives a descriptor back.
///
/// ```c
/// int close(int fd);
/// ```
///
/// The number is free from now on, and the next socket may get it. The socket itself ends with its last
/// descriptor (a `fork` or a `dup` makes another one): TCP then sends what is in the send buffer and a FIN,
/// or, if bytes were left unread, a reset. The call does not wait for that, unless `SO_LINGER` says so.
///
/// # Errors
///
/// Whatever the error, except `EBADF`, the descriptor is closed: never call `close` again for it.
///
/// - `EBADF`: `fd` is not open.
/// - `EINTR`: a signal was caught.
/// - `EIO`: input or output failed (files).
/// - `ENOSPC`, `EDQUOT`: an earlier write did not fit after all (files on NFS).
///
/// # Safety
///
/// `fd` is the caller's own, and nothing uses it afterwards. The other calls leave a descriptor that they
/// are wrongly given where it is; this one takes it from its owner. The number may then name another file,
/// and code that relies on owning it, as `std::os::fd::OwnedFd` does, is no longer sound.
///
/// # Source
///
/// close(2), socket(7), RFC 9293 section 3.6; tutorial, lines 228-232 (see erratum 21).
#[inline]
pub unsafe fn close(fd: c_int) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `fd` is its own to close.
    cvt(unsafe { libc::close(fd) }).map(drop)
}

/// `read(fd, buf, count)` — takes bytes from a descriptor.
///
/// ```c
/// ssize_t read(int fd, void *buf, size_t count);
/// ```
///
/// `count` is how many bytes there are at `buf`. From a socket it is [`recv`](crate::sys::socket::recv) without
/// flags; from a descriptor of [`signalfd`](crate::sys::signalfd::signalfd) it takes whole `signalfd_siginfo`s.
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
/// - From a socket, those of [`recv`](crate::sys::socket::recv) as well.
///
/// # Safety
///
/// `buf` points to `count` bytes that may be written until the call returns.
///
/// # Source
///
/// read(2), signalfd(2); tutorial, line 208, and lines 671 to the end.
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
/// `count` is how many bytes there are at `buf`. To a socket it is [`send`](crate::sys::socket::send) without flags.
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
/// - To a socket, those of [`send`](crate::sys::socket::send) as well.
///
/// # Safety
///
/// `buf` points to `count` bytes that may be read until the call returns.
///
/// # Source
///
/// write(2), pipe(7); tutorial, line 208.
#[inline]
pub unsafe fn write(fd: c_int, buf: *const c_void, count: size_t) -> Result<ssize_t, Errno> {
    // SAFETY: the caller vouches that `buf` points to `count` bytes that may be read.
    cvt(unsafe { libc::write(fd, buf, count) })
}

/// `lseek(fd, offset, whence)` — moves the position in a file at which the next read or write begins.
///
/// ```c
/// off_t lseek(int fd, off_t offset, int whence);
/// ```
///
/// `offset` is in bytes, and counts from the beginning (`SEEK_SET`), from the position (`SEEK_CUR`) or from the end
/// (`SEEK_END`). `SEEK_DATA` and `SEEK_HOLE` look for the next data or hole from `offset` on. The position belongs to
/// the open file: whoever has a copy of the descriptor shares it. A socket has none: its bytes come in the order in
/// which they arrive.
///
/// Returns the new position, in bytes from the beginning.
///
/// # Errors
///
/// - `EBADF`: `fd` is not open.
/// - `EINVAL`: an unknown `whence`, or the position would be negative or beyond what a file can have.
/// - `ENXIO`: `offset` is beyond the end of the file (`SEEK_DATA`, `SEEK_HOLE`).
/// - `EOVERFLOW`: the position does not fit an `off_t`.
/// - `ESPIPE`: `fd` is a pipe or a socket.
///
/// # Source
///
/// lseek(2); tutorial, line 208, which says that a socket's descriptor is a file's.
///
/// # Examples
///
/// ```
/// use libc::{PF_INET, SEEK_CUR, SOCK_STREAM};
/// use sockmirror::sys::socket::socket;
/// use sockmirror::unistd::lseek;
///
/// let sock = socket(PF_INET, SOCK_STREAM, 0).unwrap();
/// assert_eq!(lseek(sock, 0, SEEK_CUR).unwrap_err().0, libc::ESPIPE);
/// ```
#[inline]
pub fn lseek(fd: c_int, offset: off_t, whence: c_int) -> Result<off_t, Errno> {
    // SAFETY: integers.
    cvt(unsafe { libc::lseek(fd, offset, whence) })
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
/// - `EBADF`: `oldfd` is not open, or `newfd` is outside the range of descriptors.
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
/// has asked for them ([`prctl`](crate::sys::prctl::prctl), `PR_SET_CHILD_SUBREAPER`), or else the first one of the system.
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

/// `setpgid(pid, pgid)` — puts a process into a group of processes.
///
/// ```c
/// int setpgid(pid_t pid, pid_t pgid);
/// ```
///
/// `pid` is this process or a child of it; 0 means this one. `pgid` is the group's number; 0, or the number of the
/// process itself, makes a new group. A child of `fork` is in its parent's group. [`kill`](crate::signal::kill)
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

/// `alarm(seconds)` — has SIGALRM sent after so long.
///
/// ```c
/// unsigned int alarm(unsigned int seconds);
/// ```
///
/// The timer is that of [`setitimer`](crate::sys::time::setitimer); 0 stops it. A signal handler may call this function (signal-safety(7)).
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

/// `getopt(argc, argv, optstring)` — finds the next option.
///
/// ```c
/// int getopt(int argc, char *const argv[], const char *optstring);
/// ```
///
/// `optstring` has the letters that are options. A colon after a letter says that a value belongs to it: the
/// rest of the word, or the next word. A `+` in front ends the options at the first word that is none; without
/// it glibc moves such words to the end. A colon in front (after the `+`) tells a missing value from an unknown
/// letter, and prints nothing for either.
///
/// Returns the letter, and [`optarg`] is its value; −1 after the last one, and [`optind`] is the first word
/// that is left. `?` reports an unknown option, `:` one whose value is missing; [`optopt`] is its letter.
///
/// # Safety
///
/// `argv` points to `argc` C strings and a null pointer after them, which stay as long as the process lives, and
/// `optstring` to a C string. There is one thread.
/// The pointers at `argv` may be written, whatever the type says: without the `+`, glibc puts them into another order.
///
/// # Source
///
/// getopt(3).
#[inline]
pub unsafe fn getopt(argc: c_int, argv: *const *mut c_char, optstring: *const c_char) -> c_int {
    // SAFETY: the caller vouches for the strings and for one thread.
    unsafe { libc::getopt(argc, argv, optstring) }
}

/// `optarg` — the value of the option that [`getopt`] found, as a function, because in C it is a variable.
///
/// ```c
/// extern char *optarg;
/// ```
///
/// Null if the option has none. It points into the command line.
///
/// # Source
///
/// getopt(3).
#[inline]
#[must_use]
pub fn optarg() -> CharPtr {
    unsafe extern "C" {
        static optarg: *mut c_char;
    }

    // SAFETY: a pointer that is read; getopt asks for one thread, and nothing else writes it.
    let text = unsafe { optarg };
    // SAFETY: getopt asks for strings that stay, and the value is a part of one.
    unsafe { CharPtr::new(text) }
}

/// `optind` — the word at which [`getopt`] goes on, as a function, because in C it is a variable.
///
/// ```c
/// extern int optind;
/// ```
///
/// # Source
///
/// getopt(3).
#[inline]
#[must_use]
pub fn optind() -> c_int {
    unsafe extern "C" {
        static optind: c_int;
    }

    // SAFETY: an integer that is read; getopt asks for one thread, and nothing else writes it.
    unsafe { optind }
}

/// `optopt` — the letter that [`getopt`] complains of, as a function, because in C it is a variable.
///
/// ```c
/// extern int optopt;
/// ```
///
/// # Source
///
/// getopt(3).
#[inline]
#[must_use]
pub fn optopt() -> c_int {
    unsafe extern "C" {
        static optopt: c_int;
    }

    // SAFETY: an integer that is read; getopt asks for one thread, and nothing else writes it.
    unsafe { optopt }
}

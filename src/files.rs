//! Files: what is known of one, and a descriptor for it.

use crate::error::cvt;
use errno::Errno;
use libc::{c_char, c_int};

/// `stat(pathname, statbuf)` — asks what is known of a file.
///
/// ```c
/// int stat(const char *pathname, struct stat *statbuf);
/// ```
///
/// `st_nlink` is how many names the file has. A directory has its own name, a name in itself, and one in each
/// directory that is in it: `/proc/self/task`, in which there is one for each thread, has two more than threads.
///
/// On Linux the system call is `newfstatat`.
///
/// # Errors
///
/// - `EACCES`: a directory on the way may not be searched.
/// - `EFAULT`: `pathname` or `statbuf` is outside the memory of the process.
/// - `ELOOP`: too many symbolic links on the way.
/// - `ENAMETOOLONG`: `pathname` is too long.
/// - `ENOENT`: there is no such file.
/// - `ENOMEM`: no memory in the kernel.
/// - `ENOTDIR`: what should be a directory on the way is none.
/// - `EOVERFLOW`: a number does not fit its field.
///
/// # Safety
///
/// `pathname` points to a C string, and `statbuf` to a structure that may be written until the call returns.
///
/// # Source
///
/// stat(2), proc(5).
#[inline]
pub unsafe fn stat(pathname: *const c_char, statbuf: *mut libc::stat) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the string and for the structure.
    cvt(unsafe { libc::stat(pathname, statbuf) }).map(drop)
}

/// `fstat(fd, statbuf)` — asks what is known of what a descriptor stands for.
///
/// ```c
/// int fstat(int fd, struct stat *statbuf);
/// ```
///
/// `st_mode` says what it is: of its bits `S_IFMT`, `S_IFIFO` stands for a pipe, `S_IFCHR` for a terminal or another
/// device of characters, `S_IFSOCK` for a socket.
///
/// On Linux the system call of glibc is `newfstatat`, with an empty path.
///
/// # Errors
///
/// - `EBADF`: `fd` is not open.
/// - `EFAULT`: `statbuf` is outside the memory of the process.
/// - `EOVERFLOW`: a number does not fit its field.
///
/// # Safety
///
/// `statbuf` points to a structure that may be written until the call returns.
///
/// # Source
///
/// fstat(2), inode(7).
#[inline]
pub unsafe fn fstat(fd: c_int, statbuf: *mut libc::stat) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the structure.
    cvt(unsafe { libc::fstat(fd, statbuf) }).map(drop)
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

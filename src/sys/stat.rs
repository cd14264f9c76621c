//! `<sys/stat.h>`: what is known of a file.

use crate::errno::{Errno, cvt};
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

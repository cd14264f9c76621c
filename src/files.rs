//! What is known of a file.

use crate::error::cvt;
use errno::Errno;
use libc::c_char;

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

//! `<sys/ioctl.h>`: what a driver can be asked.
//!
//! In C [`ioctl`] takes what its second argument asks for. Here it has the one form that the programs use, with a
//! pointer to an int.

use crate::errno::{Errno, cvt};
use libc::{Ioctl, c_int};

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

//! `<sys/ioctl.h>`: what a driver can be asked.
//!
//! In C [`ioctl`] takes what its second argument asks for. Here it has the form that the programs use, with a pointer
//! to a value.

use crate::errno::{Errno, cvt};
use libc::{Ioctl, c_int};

/// `ioctl(fd, request, argp)` — asks a device, or a socket, for something of its own.
///
/// ```c
/// int ioctl(int fd, unsigned long request, ... /* void *argp */);
/// ```
///
/// | `request` | `*argp` | what it is, for a TCP socket |
/// |---|---|---|
/// | `FIONREAD` | `int` | how many bytes can be read at once |
/// | `TIOCOUTQ` (`SIOCOUTQ`) | `int` | how many bytes in the send buffer are not acknowledged yet |
/// | `SIOCOUTQNSD` | `int` | how many of them have not been sent yet |
/// | `FIONBIO` | `int` | read: 1 makes the socket non-blocking, 0 blocking |
/// | `SIOCGIFMTU` | `ifreq` | of any socket: for the interface called `ifr_name`, the MTU in bytes, in `ifr_mtu` |
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
/// - `ENODEV`: there is no interface of this name.
/// - `ENOTTY`: `fd` does not know the request.
///
/// # Safety
///
/// `argp` points to a value of the type that `request` takes, which may be read and written until the call returns.
///
/// # Source
///
/// ioctl(2), tcp(7), udp(7), netdevice(7); tutorial, lines 97-99 and 287-304.
#[inline]
pub unsafe fn ioctl<T>(fd: c_int, request: Ioctl, argp: *mut T) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that the request takes a value as `argp` points to.
    cvt(unsafe { libc::ioctl(fd, request, argp) })
}

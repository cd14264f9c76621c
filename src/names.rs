//! The two addresses of a socket: its own and the other end's. Together they are the socket pair, by which
//! connections to the same port are told apart.

use crate::error::cvt;
use errno::Errno;
use libc::{c_int, sockaddr, socklen_t};

/// `getsockname(sockfd, addr, addrlen)` — the local address of a socket.
///
/// ```c
/// int getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
/// ```
///
/// `*addrlen` says before the call how many bytes there are at `addr`, and after it how many bytes the
/// address has (16 for IPv4): more than there were means that it was cut off. Port and address are in
/// network byte order. A socket that is not bound yet has 0.0.0.0 and port 0; after `bind` to port 0, or
/// after `connect`, here is the port that the kernel chose.
///
/// # Errors
///
/// - `EBADF`: `sockfd` is not open.
/// - `EFAULT`: `addr` or `addrlen` is outside the memory that the process may write.
/// - `EINVAL`: `*addrlen` is negative as an int.
/// - `ENOBUFS`: no memory in the kernel.
/// - `ENOTSOCK`: `sockfd` is no socket.
///
/// # Safety
///
/// `addrlen` may be read and written and `addr` points to `*addrlen` bytes that may be written, until the
/// call returns.
///
/// # Source
///
/// getsockname(2), ip(7); tutorial, lines 253-269 and 306-320.
#[inline]
pub unsafe fn getsockname(
    sockfd: c_int,
    addr: *mut sockaddr,
    addrlen: *mut socklen_t,
) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `addr` points to `*addrlen` bytes that may be written.
    cvt(unsafe { libc::getsockname(sockfd, addr, addrlen) }).map(drop)
}

/// `getpeername(sockfd, addr, addrlen)` — the address of the other end of a connection.
///
/// ```c
/// int getpeername(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
/// ```
///
/// `addr` and `addrlen` are as for [`getsockname`]. For a socket that `accept` gave, it is the address that
/// `accept` had stored. A datagram socket has one after `connect`.
///
/// # Errors
///
/// - `EBADF`: `sockfd` is not open.
/// - `EFAULT`: `addr` or `addrlen` is outside the memory that the process may write.
/// - `EINVAL`: `*addrlen` is negative as an int.
/// - `ENOBUFS`: no memory in the kernel.
/// - `ENOTCONN`: the socket is not connected, or no longer, as after a reset.
/// - `ENOTSOCK`: `sockfd` is no socket.
///
/// # Safety
///
/// `addrlen` may be read and written and `addr` points to `*addrlen` bytes that may be written, until the
/// call returns.
///
/// # Source
///
/// getpeername(2), ip(7); tutorial, lines 253-269 and 306-320.
#[inline]
pub unsafe fn getpeername(
    sockfd: c_int,
    addr: *mut sockaddr,
    addrlen: *mut socklen_t,
) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `addr` points to `*addrlen` bytes that may be written.
    cvt(unsafe { libc::getpeername(sockfd, addr, addrlen) }).map(drop)
}

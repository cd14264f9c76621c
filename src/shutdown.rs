//! The end of one direction of a connection, or of both.

use crate::error::cvt;
use errno::Errno;
use libc::c_int;

/// `shutdown(sockfd, how)` — ends sending, receiving or both, whoever else has the socket.
///
/// ```c
/// int shutdown(int sockfd, int how);
/// ```
///
/// `how` is one of three:
///
/// | `how` | what ends | what a TCP socket does on Linux |
/// |---|---|---|
/// | `SHUT_RD` (0) | receiving | sends nothing; [`recv`] hands out what is there, and then 0 in place of waiting. Bytes that arrive later are still taken in |
/// | `SHUT_WR` (1) | sending | sends what is in the send buffer, then a FIN; [`send`] fails with `EPIPE`. Receiving goes on |
/// | `SHUT_RDWR` (2) | both | both of them |
///
/// Unlike [`close`], it does not count descriptors: it works for every process that has the socket. And
/// it frees no descriptor: `close` is still due. It returns at once, with or without `SO_LINGER`. A socket
/// that listens stops listening with `SHUT_RD`.
///
/// # Errors
///
/// - `EBADF`: `sockfd` is not open.
/// - `EINVAL`: `how` is none of the three.
/// - `ENOTCONN`: the socket is not connected, or no longer, as after a reset.
/// - `ENOTSOCK`: `sockfd` is no socket.
///
/// # Source
///
/// shutdown(2), tcp(7), RFC 9293 section 3.6; tutorial, lines 234-238.
///
/// # Examples
///
/// ```
/// use libc::{PF_INET, SHUT_WR, SOCK_STREAM};
/// use sockmirror::shutdown::shutdown;
/// use sockmirror::socket::socket;
///
/// // There is no connection of which a direction could end.
/// let sock = socket(PF_INET, SOCK_STREAM, 0).unwrap();
/// assert_eq!(shutdown(sock, SHUT_WR).unwrap_err().0, libc::ENOTCONN);
/// ```
///
/// [`close`]: crate::socket::close
/// [`recv`]: crate::socket::recv
/// [`send`]: crate::socket::send
#[inline]
pub fn shutdown(sockfd: c_int, how: c_int) -> Result<(), Errno> {
    // SAFETY: two integers; the kernel refuses those that it does not know.
    cvt(unsafe { libc::shutdown(sockfd, how) }).map(drop)
}

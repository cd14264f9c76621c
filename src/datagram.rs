//! Datagrams: single messages, each with its own address.
//!
//! Nobody is connected. Each call sends or takes exactly one message; its boundaries are kept. UDP carries
//! up to 65507 bytes in one over IPv4 (65535 less 20 for the IP header and 8 for UDP's), and promises
//! neither that a message arrives, nor that messages arrive in order, nor that each arrives only once.

use crate::error::cvt;
use errno::Errno;
use libc::{c_int, c_void, size_t, sockaddr, socklen_t, ssize_t};

/// `sendto(sockfd, buf, len, flags, dest_addr, addrlen)` — sends one message to an address.
///
/// ```c
/// ssize_t sendto(int sockfd, const void *buf, size_t len, int flags,
///                const struct sockaddr *dest_addr, socklen_t addrlen);
/// ```
///
/// `len` is in bytes; 0 is a message too. `dest_addr` is a `sockaddr_in`, seen as a `sockaddr`, and
/// `addrlen` its size in bytes (16). A socket that is not bound gets an address and an ephemeral port.
/// With a null pointer and 0 in place of the address, it is [`send`].
///
/// Returns how many bytes were taken: of a datagram, all of them. That it was taken does not say that it
/// arrives.
///
/// # Errors
///
/// Those of [`send`]; about the address:
///
/// - `EACCES`: a broadcast address, and `SO_BROADCAST` is not set.
/// - `EAFNOSUPPORT`: the family in `dest_addr` is not the socket's.
/// - `EDESTADDRREQ`: there is no address, and the socket is not connected.
/// - `EFAULT`: `dest_addr` is outside the memory of the process.
/// - `EINPROGRESS`: the socket is non-blocking, and a TCP Fast Open (`MSG_FASTOPEN`) has begun.
/// - `EINVAL`: `addrlen` is too small or larger than any address (128), or the port is 0.
/// - `EISCONN`: the socket is a connected UNIX stream, which takes no address. (TCP does not look at
///   it; a connected UDP socket sends to `dest_addr` this once.)
/// - `EMSGSIZE`: the message is larger than 65507 bytes, or than the path's MTU and may not be fragmented
///   (`IP_MTU_DISCOVER`).
/// - `EOPNOTSUPP`: a flag that this type of socket does not know; or a UNIX stream is not connected.
/// - `EPIPE`: a TCP socket is not connected; the address does not connect it. SIGPIPE comes, too, unless `flags` has
///   `MSG_NOSIGNAL`.
///
/// # Safety
///
/// `buf` points to `len` bytes that are initialised and may be read until the call returns. `dest_addr` is
/// null and `addrlen` 0, or `dest_addr` points to `addrlen` bytes of which the same is true.
///
/// # Source
///
/// sendto(2), udp(7), RFC 768; tutorial, lines 62-65.
///
/// [`send`]: crate::socket::send
#[inline]
pub unsafe fn sendto(
    sockfd: c_int,
    buf: *const c_void,
    len: size_t,
    flags: c_int,
    dest_addr: *const sockaddr,
    addrlen: socklen_t,
) -> Result<ssize_t, Errno> {
    // SAFETY: the caller vouches for `len` bytes at `buf` and for `addrlen` bytes at `dest_addr`.
    cvt(unsafe { libc::sendto(sockfd, buf, len, flags, dest_addr, addrlen) })
}

/// `recvfrom(sockfd, buf, len, flags, src_addr, addrlen)` — takes one message, or waits for one, and says
/// who sent it.
///
/// ```c
/// ssize_t recvfrom(int sockfd, void *buf, size_t len, int flags,
///                  struct sockaddr *src_addr, socklen_t *addrlen);
/// ```
///
/// `len` is how many bytes there are at `buf`. What does not fit is lost, without an error: with
/// `MSG_TRUNC` in `flags` the call returns the message's true length. `*addrlen` says before the call how
/// many bytes there are at `src_addr`, and after it how many bytes the address has (16 for IPv4): more than
/// there were means that it was cut off. Both pointers may be null; then it is [`recv`]. A TCP socket
/// gives no address: it sets `*addrlen` to 0.
///
/// Returns how many bytes were stored. 0 is an empty message, not an end.
///
/// # Errors
///
/// Those of [`recv`]; about the address:
///
/// - `EFAULT`: `src_addr` or `addrlen` is outside the memory that the process may write. (The message is lost.)
/// - `EINVAL`: `*addrlen` is negative as an int. (The message is lost.)
///
/// # Safety
///
/// `buf` points to `len` bytes that may be written until the call returns. Either both other pointers are
/// null, or `addrlen` may be read and written and `src_addr` points to `*addrlen` bytes that may be
/// written, until the call returns.
///
/// # Source
///
/// recvfrom(2), udp(7), RFC 768; tutorial, lines 62-65.
///
/// [`recv`]: crate::socket::recv
#[inline]
pub unsafe fn recvfrom(
    sockfd: c_int,
    buf: *mut c_void,
    len: size_t,
    flags: c_int,
    src_addr: *mut sockaddr,
    addrlen: *mut socklen_t,
) -> Result<ssize_t, Errno> {
    // SAFETY: the caller vouches for `len` bytes at `buf` and for `*addrlen` bytes at `src_addr`.
    cvt(unsafe { libc::recvfrom(sockfd, buf, len, flags, src_addr, addrlen) })
}

//! Socket options: what can be read of a socket, and set.
//!
//! An option is known by its level (which part of the kernel it belongs to) and its name. The value is
//! whatever lies at the pointer, so its C type has to be known:
//!
//! | level | option | C type | what it is |
//! |---|---|---|---|
//! | `SOL_SOCKET` | `SO_RCVBUF` | `int` | receive buffer, bytes. Linux stores twice the value set, at most twice `net.core.rmem_max`, and reads back what it stored |
//! | | `SO_SNDBUF` | `int` | send buffer, bytes; the same, with `net.core.wmem_max` |
//! | | `SO_LINGER` | `struct linger` | what `close` does with bytes not yet sent: `l_onoff` 0, they go out behind its back; 1 with `l_linger` 0, they are thrown away and a reset goes out; 1 with seconds, it waits that long |
//! | | `SO_REUSEADDR` | `int` | 1: `bind` takes an address of which only `TIME_WAIT` is left; before `bind` |
//! | | `SO_TYPE` | `int` | `SOCK_STREAM` (1), `SOCK_DGRAM` (2); read only |
//! | | `SO_PROTOCOL` | `int` | `IPPROTO_TCP` (6), `IPPROTO_UDP` (17), …; read only |
//! | | `SO_DOMAIN` | `int` | `AF_INET` (2), …; read only |
//! | | `SO_ERROR` | `int` | the error that waits, an `errno` value, or 0; reading clears it; read only |
//! | | `SO_RCVTIMEO` | `struct timeval` | how long receiving and `accept` wait, in seconds and microseconds, before `EAGAIN`; 0 s 0 µs: for ever |
//! | `IPPROTO_IP` | `IP_TTL` | `int` | how many routers a packet may pass, 1 to 255 (64); −1 sets the default |
//! | | `IP_MTU` | `int` | the path's MTU as far as it is known, bytes; connected sockets, read only |
//! | | `IP_MTU_DISCOVER` | `int` | `IP_PMTUDISC_WANT` (1, the default), `_DONT` (0), `_DO` (2: never fragment), `_PROBE` (3) |
//! | | `IP_ADD_MEMBERSHIP` | `struct ip_mreq` | group to join, and the address of the interface (`INADDR_ANY`: the kernel chooses); set only |
//! | | `IP_MULTICAST_IF` | `struct in_addr` | the address of the interface by which multicast leaves |
//! | | `IP_MULTICAST_TTL` | `int` | as `IP_TTL`, for multicast (1: not beyond the first router) |
//! | | `IP_MULTICAST_LOOP` | `int` | 1: receivers on this machine get it too (1) |
//! | `IPPROTO_TCP` | `TCP_NODELAY` | `int` | 1: small pieces go out at once (0: Nagle's algorithm holds them back) |
//! | | `TCP_INFO` | `struct tcp_info` | state, measurements; read only |
//! | | `TCP_MAXSEG` | `int` | the largest segment, bytes, 88 to 32767; before a connection exists, what is read is 536 unless it was set |
//!
//! `IP_MULTICAST_TTL` and `IP_MULTICAST_LOOP` also take one byte (an `unsigned char`), as on BSD.
//!
//! # `TCP_INFO`
//!
//! `struct tcp_info` grows: glibc's has 104 bytes up to `tcpi_total_retrans`, newer headers and the libc
//! crate's have more. The kernel fills in as much as `*optlen` asks for, so a program says 104, whatever the
//! size of its own structure is; or 136, to have `tcpi_bytes_received`, too, which is at byte 128.
//! `tcpi_state` is one of the `TCP_…` constants below, which the libc crate lacks.

use crate::error::cvt;
use errno::Errno;
use libc::{c_int, c_void, socklen_t};

/// `getsockopt(sockfd, level, optname, optval, optlen)` — reads an option.
///
/// ```c
/// int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen);
/// ```
///
/// `*optlen` says before the call how many bytes there are at `optval`, and after it how many the kernel
/// has written there. The table above has the type of each option.
///
/// # Errors
///
/// - `EBADF`: `sockfd` is not open.
/// - `EFAULT`: `optval` or `optlen` is outside the memory that the process may write.
/// - `EINVAL`: `*optlen` is negative as an int.
/// - `ENODATA`: there is no process at the other end (`SO_PEERGROUPS` of a TCP socket).
/// - `ENOPROTOOPT`: the level has no such option, or not for reading.
/// - `ENOTCONN`: the option needs a connection (`IP_MTU`).
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `EOPNOTSUPP`: the socket does not have the level (`IPPROTO_TCP` of a UDP socket).
/// - `EPERM`: the option needs a capability (none of the table).
///
/// # Safety
///
/// `optlen` may be read and written and `optval` points to `*optlen` bytes that may be written, until the
/// call returns. For the few options whose value holds addresses of its own (none of the table), these are
/// valid as well.
///
/// # Source
///
/// getsockopt(2), socket(7), ip(7), tcp(7); tutorial, lines 322-338.
///
/// # Examples
///
/// ```
/// use libc::{PF_INET, SO_TYPE, SOCK_STREAM, SOL_SOCKET, c_int, socklen_t};
/// use sockmirror::options::getsockopt;
/// use sockmirror::socket::socket;
///
/// let sock = socket(PF_INET, SOCK_STREAM, 0).unwrap();
/// let mut r#type: c_int = 0;
/// let mut size = size_of::<c_int>() as socklen_t;
///
/// // SAFETY: `size` is that of the variable.
/// unsafe { getsockopt(sock, SOL_SOCKET, SO_TYPE, (&raw mut r#type).cast(), &raw mut size) }.unwrap();
/// assert_eq!((r#type, size), (SOCK_STREAM, 4));
/// ```
#[inline]
pub unsafe fn getsockopt(
    sockfd: c_int,
    level: c_int,
    optname: c_int,
    optval: *mut c_void,
    optlen: *mut socklen_t,
) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `optval` points to `*optlen` bytes that may be written.
    cvt(unsafe { libc::getsockopt(sockfd, level, optname, optval, optlen) }).map(drop)
}

/// `setsockopt(sockfd, level, optname, optval, optlen)` — sets an option.
///
/// ```c
/// int setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen);
/// ```
///
/// `optlen` is the size of the value in bytes, and not a pointer to it, as for [`getsockopt`]. The table
/// above has the type of each option. Some only take effect before `bind`, `listen` or `connect`.
///
/// # Errors
///
/// - `EACCES`: `SO_DEBUG` needs a capability, `CAP_NET_ADMIN`. (Other options have `EPERM`.)
/// - `EADDRINUSE`: the socket is in the group already (`IP_ADD_MEMBERSHIP`).
/// - `EADDRNOTAVAIL`: no interface has the address (`IP_MULTICAST_IF`); the socket is not in the group
///   (`IP_DROP_MEMBERSHIP`).
/// - `EBADF`: `sockfd` is not open.
/// - `EDOM`: the microseconds of a timeout are not 0 to 999999 (`SO_RCVTIMEO`).
/// - `EFAULT`: `optval` is outside the memory of the process.
/// - `EINVAL`: `optlen` is too small, or the value is out of range; or the address is no multicast group.
/// - `ENOBUFS`: the socket is in as many groups as it may (`net.ipv4.igmp_max_memberships`, 20).
/// - `ENODEV`: no interface fits (`IP_ADD_MEMBERSHIP`, `SO_BINDTODEVICE`).
/// - `ENOENT`: nothing has the name (`TCP_CONGESTION`), or there is no filter (`SO_DETACH_FILTER`).
/// - `ENOMEM`: no memory in the kernel.
/// - `ENOPROTOOPT`: the level has no such option, or not for setting; or the socket does not have the level
///   (`IPPROTO_TCP` of a UDP socket).
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `EOPNOTSUPP`: the option, or the level, is for another kind of socket (`SO_PASSCRED` of a TCP socket; `IPPROTO_TCP`
///   of a UNIX socket).
/// - `EPERM`: the option needs a capability.
/// - `EPROTO`: a stream joins no group (`IP_ADD_MEMBERSHIP` of a TCP socket).
///
/// # Safety
///
/// `optval` points to `optlen` bytes that are initialised and may be read until the call returns. For the
/// few options whose value holds addresses of its own (none of the table), these are valid as well.
///
/// # Source
///
/// setsockopt(2), socket(7), ip(7), tcp(7); tutorial, lines 322-401 (see errata 7, 8, 12, 19 and 20).
#[inline]
pub unsafe fn setsockopt(
    sockfd: c_int,
    level: c_int,
    optname: c_int,
    optval: *const c_void,
    optlen: socklen_t,
) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `optval` points to `optlen` bytes that may be read.
    cvt(unsafe { libc::setsockopt(sockfd, level, optname, optval, optlen) }).map(drop)
}

/// `tcpi_snd_wscale` — the window scale that the other end has announced: a bit-field of `struct tcp_info` in C.
///
/// Rust has no bit-fields: the libc crate has the byte that this one shares with `tcpi_rcv_wscale`. C puts the
/// first of two into the low half of the byte on a little-endian machine, and into the high half on a
/// big-endian one.
///
/// # Source
///
/// `<netinet/tcp.h>`, `<linux/tcp.h>`.
///
/// # Examples
///
/// ```
/// use sockmirror::options::tcpi_snd_wscale;
///
/// let byte = if cfg!(target_endian = "little") { 0xa7 } else { 0x7a };
/// assert_eq!(tcpi_snd_wscale(byte), 7);
/// ```
#[inline]
#[must_use]
pub fn tcpi_snd_wscale(snd_rcv_wscale: u8) -> u8 {
    if cfg!(target_endian = "little") { snd_rcv_wscale & 0x0f } else { snd_rcv_wscale >> 4 }
}

// The states of a connection, an enum in <netinet/tcp.h>; here each has the type of `tcpi_state`.

/// The connection is open: both may send.
pub const TCP_ESTABLISHED: u8 = 1;
/// This end has sent its SYN.
pub const TCP_SYN_SENT: u8 = 2;
/// A SYN has come and been answered; the last acknowledgement is due.
pub const TCP_SYN_RECV: u8 = 3;
/// This end has sent its FIN, which is not acknowledged yet (FIN-WAIT-1).
pub const TCP_FIN_WAIT1: u8 = 4;
/// The FIN is acknowledged, the other end's is due (FIN-WAIT-2).
pub const TCP_FIN_WAIT2: u8 = 5;
/// Both have sent their FIN, this end first; the pair of addresses rests for a minute.
pub const TCP_TIME_WAIT: u8 = 6;
/// There is no connection.
pub const TCP_CLOSE: u8 = 7;
/// The other end's FIN has come, this end has not sent its own.
pub const TCP_CLOSE_WAIT: u8 = 8;
/// This end has sent its FIN second; its acknowledgement is due.
pub const TCP_LAST_ACK: u8 = 9;
/// The socket listens.
pub const TCP_LISTEN: u8 = 10;
/// Both have sent their FIN at the same time; the acknowledgement of this end's is due.
pub const TCP_CLOSING: u8 = 11;

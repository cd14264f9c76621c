//! `<sys/socket.h>`: sockets are created, named, listen, accept, connect, send, receive, and are shut down.
//!
//! A failed call returns `Err` with the `errno` that the kernel gave. The lists of errors are those of
//! the manual pages of each call, with what ip(7), tcp(7) and udp(7) add for IPv4, and say where Linux 6.18
//! does something else. A test (`tests/errnos`) makes each of them come, or says why it cannot.
//!
//! # Datagrams
//!
//! Nobody is connected. Each call sends or takes exactly one message; its boundaries are kept. UDP carries
//! up to 65507 bytes in one over IPv4 (65535 less 20 for the IP header and 8 for UDP's), and promises
//! neither that a message arrives, nor that messages arrive in order, nor that each arrives only once.
//!
//! # Options
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
//! | | `SO_ATTACH_FILTER` | `struct sock_fprog` | a classic BPF program, run for each packet that arrives: 0 drops it. Of a TCP socket, newer kernels demand `CAP_NET_ADMIN` |
//! | | `SO_MEMINFO` | `uint32_t[9]` | memory in use, and at `SK_MEMINFO_DROPS` how many packets for the socket were dropped; read only |
//! | `IPPROTO_IP` | `IP_TTL` | `int` | how many routers a packet may pass, 1 to 255 (64); −1 sets the default |
//! | | `IP_MINTTL` | `int` | TCP drops what arrives with a smaller TTL, 1 to 255 (0: nothing); UDP ignores it |
//! | | `IP_MTU` | `int` | the path's MTU as far as it is known, bytes; connected sockets, read only |
//! | | `IP_MTU_DISCOVER` | `int` | `IP_PMTUDISC_WANT` (1, the default), `_DONT` (0), `_DO` (2: never fragment), `_PROBE` (3) |
//! | | `IP_ADD_MEMBERSHIP` | `struct ip_mreq` | group to join, and the address of the interface (`INADDR_ANY`: the kernel chooses); set only |
//! | | `IP_MULTICAST_IF` | `struct in_addr` | the address of the interface by which multicast leaves |
//! | | `IP_MULTICAST_TTL` | `int` | as `IP_TTL`, for multicast (1: not beyond the first router) |
//! | | `IP_MULTICAST_LOOP` | `int` | 1: receivers on this machine get it too (1) |
//! | `IPPROTO_TCP` | `TCP_NODELAY` | `int` | 1: small pieces go out at once (0: Nagle's algorithm holds them back) |
//! | | `TCP_INFO` | `struct tcp_info` | state, measurements; read only |
//! | | `TCP_QUICKACK` | `int` | 1: what has been received is acknowledged at once, and for some time; not for good |
//! | | `TCP_USER_TIMEOUT` | `int` | how long sent data may stay unacknowledged, in milliseconds, before the connection fails with `ETIMEDOUT` (0: as long as `net.ipv4.tcp_retries2` allows) |
//! | | `TCP_MAXSEG` | `int` | the largest segment, bytes, 88 to 32767; before a connection exists, what is read is 536 unless it was set |
//!
//! `IP_MULTICAST_TTL` and `IP_MULTICAST_LOOP` also take one byte (an `unsigned char`), as on BSD.
//!
//! ## `TCP_INFO`
//!
//! `struct tcp_info` grows: glibc's has 104 bytes up to `tcpi_total_retrans`, newer headers and the libc
//! crate's have more. The kernel fills in as much as `*optlen` asks for, so a program says 104, whatever the
//! size of its own structure is; or 136, to have `tcpi_bytes_received`, too, which is at byte 128; or 144, to have
//! `tcpi_segs_out` and `tcpi_segs_in` behind it.
//! `tcpi_state` is one of the `TCP_…` constants of [`netinet::tcp`](crate::netinet::tcp).

use crate::errno::{Errno, cvt};
use libc::{c_int, c_uint, c_void, mmsghdr, size_t, sockaddr, socklen_t, ssize_t};

/// `socket(domain, type, protocol)` — asks the kernel for a new socket.
///
/// ```c
/// int socket(int domain, int type, int protocol);
/// ```
///
/// `domain` is the family of protocols: `PF_INET` for IPv4, the same number as `AF_INET`. `type` is the
/// kind of service: `SOCK_STREAM` for a connection that carries bytes in order (TCP), `SOCK_DGRAM` for
/// single messages (UDP). `SOCK_NONBLOCK` and `SOCK_CLOEXEC` may be or-ed to it; nothing adds them by
/// itself. `protocol` is `IPPROTO_TCP`, `IPPROTO_UDP`, or 0 for the default of the type.
///
/// Returns the descriptor of the socket: the lowest number, from 0 on, that is free.
///
/// # Errors
///
/// - `EACCES`, `EPERM`: the process may not create a socket of this type: `EPERM` for a raw one, which needs the
///   capability `CAP_NET_RAW`; `EACCES` for `IPPROTO_ICMP` datagrams, if `net.ipv4.ping_group_range` leaves out the
///   process's groups.
/// - `EAFNOSUPPORT`: this kernel does not have the family, or there is no such number.
/// - `EINVAL`: the protocol or the type is out of range, or `type` has an unknown flag.
/// - `EMFILE`: the process has as many descriptors open as it may.
/// - `ENFILE`: the whole system has as many files open as it may.
/// - `ENOBUFS`, `ENOMEM`: no memory.
/// - `EPROTONOSUPPORT`: the family does not have the protocol, or not with this type.
/// - `ESOCKTNOSUPPORT`: the family does not have the type.
///
/// # Source
///
/// socket(2), ip(7), tcp(7); tutorial, lines 206-226.
///
/// # Examples
///
/// ```
/// use libc::{IPPROTO_UDP, PF_INET, SOCK_STREAM};
/// use sockmirror::sys::socket::socket;
///
/// // A stream socket does not speak UDP.
/// let error = socket(PF_INET, SOCK_STREAM, IPPROTO_UDP).unwrap_err();
/// assert_eq!(error.0, libc::EPROTONOSUPPORT);
/// ```
#[inline]
pub fn socket(domain: c_int, r#type: c_int, protocol: c_int) -> Result<c_int, Errno> {
    // SAFETY: three integers; the kernel refuses those that it does not know.
    cvt(unsafe { libc::socket(domain, r#type, protocol) })
}

/// `bind(sockfd, addr, addrlen)` — gives a socket its local address.
///
/// ```c
/// int bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
/// ```
///
/// `addr` is a `sockaddr_in`, seen as a `sockaddr`, and `addrlen` its size in bytes (16). Port and
/// address are in network byte order. `INADDR_ANY` means every interface; port 0 lets the kernel choose a
/// free port. A client need not bind: [`connect`] gives it an address.
///
/// # Errors
///
/// - `EACCES`: the port is below 1024 (`ip_unprivileged_port_start`) and the process has not the
///   capability `CAP_NET_BIND_SERVICE`. A broadcast address is allowed.
/// - `EADDRINUSE`: another socket has the address and port, or connections of an earlier one are still in
///   `TIME_WAIT` and `SO_REUSEADDR` is not set, for both the earlier socket and this one; or port 0 was asked for and
///   no ephemeral port is free. (For a UNIX socket: the path exists.)
/// - `EADDRNOTAVAIL`: no interface of this machine has the address.
/// - `EAFNOSUPPORT`: the family in `addr` is not the socket's.
/// - `EBADF`: `sockfd` is not open.
/// - `EFAULT`: `addr` is outside the memory of the process.
/// - `EINVAL`: the socket has an address already; or `addrlen` is too small, or larger than any address (128).
/// - `ENOMEM`: no memory in the kernel.
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `ELOOP`, `ENAMETOOLONG`, `ENOENT`, `ENOTDIR`, `EROFS`: the path of a UNIX socket cannot be used (nor can it if
///   it is `EACCES`); never for IPv4.
///
/// # Safety
///
/// `addr` points to `addrlen` bytes that may be read until the call returns.
///
/// # Source
///
/// bind(2), ip(7); tutorial, lines 253-269.
#[inline]
pub unsafe fn bind(sockfd: c_int, addr: *const sockaddr, addrlen: socklen_t) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `addr` points to `addrlen` bytes that may be read.
    cvt(unsafe { libc::bind(sockfd, addr, addrlen) }).map(drop)
}

/// `listen(sockfd, backlog)` — lets connections arrive at a socket.
///
/// ```c
/// int listen(int sockfd, int backlog);
/// ```
///
/// From now on the kernel completes handshakes by itself and keeps the connections until [`accept`] takes
/// them. `backlog` is how many may wait; Linux keeps one more than that, and cuts the number off at
/// `net.core.somaxconn` (4096 since Linux 5.4). Handshakes that are only half done have a queue of their
/// own. While the queue is full, the kernel drops what would fill it, and the client tries again.
///
/// # Errors
///
/// - `EADDRINUSE`: another socket listens on the port already; or the socket had no port, and no
///   ephemeral port is free.
/// - `EBADF`: `sockfd` is not open.
/// - `EINVAL`: the socket is connected already, or it is a UNIX socket without an address.
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `EOPNOTSUPP`: the socket is of a type that knows no connections, as `SOCK_DGRAM`.
///
/// # Source
///
/// listen(2), tcp(7), RFC 9293 section 3.9.1.1 (passive open); tutorial, lines 271-276.
#[inline]
pub fn listen(sockfd: c_int, backlog: c_int) -> Result<(), Errno> {
    // SAFETY: two integers; the kernel refuses a descriptor that is no socket.
    cvt(unsafe { libc::listen(sockfd, backlog) }).map(drop)
}

/// `accept(sockfd, addr, addrlen)` — takes the oldest connection that waits, or waits for one.
///
/// ```c
/// int accept(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
/// ```
///
/// `sockfd` goes on listening; the connection gets a socket of its own. The client's address goes to
/// `addr`. `*addrlen` says before the call how many bytes there are at `addr`, and after it how many bytes
/// the address has (16 for IPv4): more than there were means that it was cut off. Both pointers may be
/// null, if the address does not matter.
///
/// Returns the descriptor of the new socket. On Linux it takes over no file status flag, so it is
/// blocking even if `sockfd` is not.
///
/// # Errors
///
/// - `EAGAIN`, which is `EWOULDBLOCK`: the socket is non-blocking, or its receive timeout is over, and
///   nobody waits.
/// - `EBADF`: `sockfd` is not open.
/// - `ECONNABORTED`: the connection was broken off while it waited. On Linux `accept` takes it nevertheless, and the
///   first receive fails with `ECONNRESET`.
/// - `EFAULT`: `addr` or `addrlen` is outside the memory that the process may write. The connection is lost.
/// - `EINTR`: a signal was caught before a connection came.
/// - `EINVAL`: the socket does not listen, or no longer; or `*addrlen` is negative as an int.
/// - `EMFILE`: the process has as many descriptors open as it may, whether a connection waits or not. It goes on
///   waiting.
/// - `ENFILE`: the whole system has as many files open as it may.
/// - `ENOBUFS`, `ENOMEM`: no memory; often that of the socket buffers, not of the machine.
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `EOPNOTSUPP`: the socket is of a type that knows no connections.
/// - `EPERM`: a security policy forbids it (accept(2): a firewall rule).
/// - `EPROTO`: an error of the protocol.
/// - `ENETDOWN`, `ENOPROTOOPT`, `EHOSTDOWN`, `ENONET`, `EHOSTUNREACH`, `ENETUNREACH` (and `EPROTO`,
///   `EOPNOTSUPP` again): an error of the network that had already hit the new connection. accept(2) says that Linux
///   hands it out here; Linux 6.18 leaves it to the first receive or send. A robust server treats it as `EAGAIN`.
/// - `ENOSR`, `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`, `ETIMEDOUT`: from some kernels and protocols.
///
/// # Safety
///
/// Either both pointers are null, or `addrlen` may be read and written and `addr` points to `*addrlen`
/// bytes that may be written, until the call returns.
///
/// # Source
///
/// accept(2), tcp(7); tutorial, lines 278-285, where `struct socket` should be `struct sockaddr`
/// (erratum 11).
#[inline]
pub unsafe fn accept(sockfd: c_int, addr: *mut sockaddr, addrlen: *mut socklen_t) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that `addr` points to `*addrlen` bytes that may be written.
    cvt(unsafe { libc::accept(sockfd, addr, addrlen) })
}

/// `accept4(sockfd, addr, addrlen, flags)` — [`accept`] that sets flags of the new socket.
///
/// ```c
/// #define _GNU_SOURCE
/// int accept4(int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags);
/// ```
///
/// `flags` are `SOCK_NONBLOCK` and `SOCK_CLOEXEC`, or 0: on Linux a new socket does not inherit them from the
/// listening one. All else is as with [`accept`].
///
/// Returns the new descriptor.
///
/// # Errors
///
/// Those of [`accept`], and
///
/// - `EINVAL`: `flags` has an unknown one.
///
/// # Safety
///
/// `addr` points to `*addrlen` bytes that may be written, and `addrlen` may be written, until the call returns;
/// or both are null.
///
/// # Source
///
/// accept4(2); tutorial, lines 271-285 and 671 to the end.
#[inline]
pub unsafe fn accept4(
    sockfd: c_int,
    addr: *mut sockaddr,
    addrlen: *mut socklen_t,
    flags: c_int,
) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that both pointers are null or may be written.
    cvt(unsafe { libc::accept4(sockfd, addr, addrlen, flags) })
}

/// `connect(sockfd, addr, addrlen)` — connects a socket to an address.
///
/// ```c
/// int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
/// ```
///
/// `addr` is the server's `sockaddr_in`, seen as a `sockaddr`, and `addrlen` its size in bytes (16). A
/// stream socket goes through the handshake, and the call waits for its end. For a datagram socket nothing
/// is sent: it only fixes where datagrams go and from where they are taken. A socket that is not bound gets
/// a local address and an ephemeral port. After a failure, close the socket and begin with a new one.
///
/// # Errors
///
/// - `EACCES`, `EPERM`: `EACCES` if the address is a broadcast address and `SO_BROADCAST` is not set (UDP), or the route
///   prohibits it; `EPERM` if a security policy forbids it. (For a UNIX socket `EACCES` is about its path. A handshake
///   that a firewall drops is tried again, as if no answer came.)
/// - `EADDRINUSE`: connect(2) has it for a local address and port that have this connection already. Linux has
///   `EADDRNOTAVAIL` in its place.
/// - `EADDRNOTAVAIL`: no ephemeral port is free; or the local address and port have this connection already.
/// - `EAFNOSUPPORT`: the family in `addr` is not the socket's.
/// - `EAGAIN`: no ephemeral port is free (UDP). A non-blocking UNIX socket: the backlog is full.
/// - `EALREADY`: the socket is non-blocking and still busy with the connect before this one.
/// - `EBADF`: `sockfd` is not open.
/// - `ECONNREFUSED`: nobody listens there; the other side answered with a reset.
/// - `EFAULT`: `addr` is outside the memory of the process.
/// - `EHOSTUNREACH`, `ENETUNREACH`: no route leads there, or a router said so; `ENETUNREACH` also for TCP to a
///   broadcast or multicast address.
/// - `EINPROGRESS`: the socket is non-blocking, or its send timeout (`SO_SNDTIMEO`) is over, and the handshake goes
///   on. When the socket becomes writable, `SO_ERROR` tells how it ended.
/// - `EINTR`: a signal was caught. The handshake goes on without the caller.
/// - `EINVAL`: `addrlen` is too small, or larger than any address (128); or the route is a blackhole.
/// - `EISCONN`: the socket is connected already, or it listens.
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `ELOOP`, `ENOENT`, `ENOTDIR`: the path of a UNIX socket cannot be used; never for IPv4.
/// - `EPROTOTYPE`: the socket's type does not fit the address's (UNIX sockets).
/// - `ETIMEDOUT`: no answer, however often it was tried.
///
/// # Safety
///
/// `addr` points to `addrlen` bytes that may be read until the call returns.
///
/// # Source
///
/// connect(2), ip(7), tcp(7), RFC 9293 section 3.5; tutorial, lines 306-320.
#[inline]
pub unsafe fn connect(sockfd: c_int, addr: *const sockaddr, addrlen: socklen_t) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `addr` points to `addrlen` bytes that may be read.
    cvt(unsafe { libc::connect(sockfd, addr, addrlen) }).map(drop)
}

/// `send(sockfd, buf, len, flags)` — hands bytes to the kernel, for the other end of the connection.
///
/// ```c
/// ssize_t send(int sockfd, const void *buf, size_t len, int flags);
/// ```
///
/// `len` is in bytes. The call returns as soon as the bytes are in the send buffer: not when they have
/// arrived. A blocking stream socket waits until all of them have found room there; it takes fewer only if
/// a signal or an error cuts it short, a non-blocking one whenever there is not enough room. `flags` is 0
/// or, among others, `MSG_NOSIGNAL` (see `EPIPE`) or `MSG_DONTWAIT` (this call does not block).
///
/// On Linux the system call is `sendto`, without an address.
///
/// Returns how many bytes were taken.
///
/// # Errors
///
/// - `EACCES`: a datagram to a broadcast address without `SO_BROADCAST`, or a route that forbids it.
/// - `EAGAIN`, which is `EWOULDBLOCK`: the socket is non-blocking, or its send timeout is over, and there is
///   no room, or the handshake goes on; or a datagram socket needs an ephemeral port and none is free.
/// - `EALREADY`: another TCP Fast Open is under way.
/// - `EBADF`: `sockfd` is not open.
/// - `ECONNREFUSED`: an earlier datagram of this connected UDP socket met no receiver.
/// - `ECONNRESET`: the other end reset the connection. It is reported once, without SIGPIPE; the next send fails with
///   `EPIPE`.
/// - `EDESTADDRREQ`: a datagram socket that is not connected has no address to send to.
/// - `EFAULT`: `buf` is outside the memory of the process.
/// - `EHOSTUNREACH`, `ENETUNREACH`: no route leads there, or a router said so.
/// - `EINTR`: a signal was caught before any byte was taken.
/// - `EINVAL`: an argument is invalid, or the route is a blackhole.
/// - `EMSGSIZE`: a datagram is too large to be sent in one piece.
/// - `ENOBUFS`: the queue of the interface is full. Linux usually drops the packet instead.
/// - `ENOMEM`: no memory.
/// - `ENOTCONN`: a UNIX socket is not connected. (For TCP it is `EPIPE`, for UDP `EDESTADDRREQ`.)
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `EOPNOTSUPP`: a flag that this type of socket does not know.
/// - `EPERM`: a firewall rule forbids it (UDP).
/// - `EPIPE`: the connection can send no more, because this end shut it down or the other end reset it; or there is
///   none: a TCP socket that is not connected, or that listens. **With a stream the process also gets SIGPIPE, which
///   ends it**, unless the signal is ignored or `flags` has `MSG_NOSIGNAL`. Rust's `std` ignores the signal; a program
///   without it, as a C program, does not.
/// - `ETIMEDOUT`: the other end stopped acknowledging. It is reported once, as `ECONNRESET` is.
///
/// # Safety
///
/// `buf` points to `len` bytes that are initialised and may be read until the call returns.
///
/// # Source
///
/// send(2), tcp(7), udp(7), RFC 9293 section 3.9.1.2; tutorial, lines 287-304 (see errata 6 and 18).
#[inline]
pub unsafe fn send(sockfd: c_int, buf: *const c_void, len: size_t, flags: c_int) -> Result<ssize_t, Errno> {
    // SAFETY: the caller vouches that `buf` points to `len` bytes that may be read.
    cvt(unsafe { libc::send(sockfd, buf, len, flags) })
}

/// `sendmmsg(sockfd, msgvec, vlen, flags)` — many sends in one system call.
///
/// ```c
/// #define _GNU_SOURCE
/// int sendmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags);
/// ```
///
/// Each of the `vlen` entries at `msgvec` is one send: its bytes are those that `msg_hdr.msg_iov` points to,
/// in `msg_hdr.msg_iovlen` pieces, its address is at `msg_hdr.msg_name` (null for a connection), and
/// `msg_len` becomes how many bytes were taken. `flags` are those of [`send`], for all of them. It is what
/// as many calls of `sendmsg` would do, but nothing of the program comes between them.
///
/// Returns how many sends were made: fewer than `vlen` if a later one failed, and then nobody learns why.
///
/// # Errors
///
/// Those of [`send`], for the first entry.
///
/// # Safety
///
/// `msgvec` points to `vlen` entries that are initialised and may be written, and every pointer in them is
/// null with a length of 0, or points to as many bytes or pieces as the length beside it says, which may be
/// read. All of it until the call returns.
///
/// # Source
///
/// sendmmsg(2), sendmsg(2); tutorial, lines 399-401, for which sends must follow each other at once.
#[inline]
pub unsafe fn sendmmsg(sockfd: c_int, msgvec: *mut mmsghdr, vlen: c_uint, flags: c_int) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches for `vlen` entries at `msgvec`, and for all that they point to.
    cvt(unsafe { libc::sendmmsg(sockfd, msgvec, vlen, flags) })
}

/// `recv(sockfd, buf, len, flags)` — takes bytes that have arrived, or waits for some.
///
/// ```c
/// ssize_t recv(int sockfd, void *buf, size_t len, int flags);
/// ```
///
/// `len` is how many bytes there are at `buf`. A stream hands out what is there, from one byte up to
/// `len`, whatever the pieces were in which it was sent. A datagram comes whole; what does not fit is lost.
/// `flags` is 0 or, among others, `MSG_PEEK` (leave the bytes there), `MSG_WAITALL` (wait for all `len`) or
/// `MSG_DONTWAIT` (this call does not block).
///
/// On Linux the system call is `recvfrom`, without an address.
///
/// Returns how many bytes were stored. 0 from a stream means that the other end has sent all it will ever
/// send (or that `len` is 0); from a datagram socket it is an empty datagram.
///
/// # Errors
///
/// - `EAGAIN`, which is `EWOULDBLOCK`: the socket is non-blocking, or its receive timeout is over, and
///   nothing has arrived.
/// - `EBADF`: `sockfd` is not open.
/// - `ECONNREFUSED`: the other side refused; for UDP, an earlier datagram met no receiver.
/// - `ECONNRESET`: the other end reset the connection. It is reported once; the next call returns 0.
/// - `EFAULT`: `buf` is outside the memory that the process may write.
/// - `EHOSTUNREACH`, `ENETUNREACH`: a router said that there is no way to the other end.
/// - `EHOSTDOWN`, `EMSGSIZE`, `ENONET`, `ENOPROTOOPT`, `EPROTO`: from a router or the other side, as the two before and
///   `EOPNOTSUPP`: host unknown; a datagram should have been fragmented; host isolated; protocol unreachable; a bad
///   header. A UDP socket learns of some of them only with `IP_RECVERR`.
/// - `EINTR`: a signal was caught before anything arrived.
/// - `EINVAL`: an argument is invalid, as `MSG_OOB` where there are no urgent data; or a UNIX stream is not connected.
/// - `ENOMEM`: no memory.
/// - `ENOTCONN`: the stream is not connected.
/// - `ENOTSOCK`: `sockfd` is no socket.
/// - `EOPNOTSUPP`: a flag that this type of socket does not know.
/// - `EPIPE`: tcp(7) lists it for a read on a socket that was shut down; Linux returns 0 there.
/// - `ETIMEDOUT`: the other end stopped acknowledging.
///
/// # Safety
///
/// `buf` points to `len` bytes that may be written until the call returns.
///
/// # Source
///
/// recv(2), tcp(7), udp(7), RFC 9293 section 3.9.1.3; tutorial, lines 287-304.
#[inline]
pub unsafe fn recv(sockfd: c_int, buf: *mut c_void, len: size_t, flags: c_int) -> Result<ssize_t, Errno> {
    // SAFETY: the caller vouches that `buf` points to `len` bytes that may be written.
    cvt(unsafe { libc::recv(sockfd, buf, len, flags) })
}

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
/// [`send`]: crate::sys::socket::send
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
/// [`recv`]: crate::sys::socket::recv
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
pub unsafe fn getsockname(sockfd: c_int, addr: *mut sockaddr, addrlen: *mut socklen_t) -> Result<(), Errno> {
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
pub unsafe fn getpeername(sockfd: c_int, addr: *mut sockaddr, addrlen: *mut socklen_t) -> Result<(), Errno> {
    // SAFETY: the caller vouches that `addr` points to `*addrlen` bytes that may be written.
    cvt(unsafe { libc::getpeername(sockfd, addr, addrlen) }).map(drop)
}

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
/// use sockmirror::sys::socket::getsockopt;
/// use sockmirror::sys::socket::socket;
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
/// few options whose value holds addresses of its own (of the table, `SO_ATTACH_FILTER`), these are valid as well.
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
/// use sockmirror::sys::socket::shutdown;
/// use sockmirror::sys::socket::socket;
///
/// // There is no connection of which a direction could end.
/// let sock = socket(PF_INET, SOCK_STREAM, 0).unwrap();
/// assert_eq!(shutdown(sock, SHUT_WR).unwrap_err().0, libc::ENOTCONN);
/// ```
///
/// [`close`]: crate::unistd::close
/// [`recv`]: crate::sys::socket::recv
/// [`send`]: crate::sys::socket::send
#[inline]
pub fn shutdown(sockfd: c_int, how: c_int) -> Result<(), Errno> {
    // SAFETY: two integers; the kernel refuses those that it does not know.
    cvt(unsafe { libc::shutdown(sockfd, how) }).map(drop)
}

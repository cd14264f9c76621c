//! `<ifaddrs.h>`: the network interfaces of this machine.

use crate::errno::{Errno, cvt};
use libc::ifaddrs;

/// `getifaddrs(ifap)` — lists the network interfaces and their addresses.
///
/// ```c
/// int getifaddrs(struct ifaddrs **ifap);
/// ```
///
/// On success `*ifap` is the first entry of a list linked by `ifa_next`, in memory that [`freeifaddrs`] frees. An
/// interface has one entry of the family `AF_PACKET`, and one for each of its addresses, of `AF_INET` or `AF_INET6`.
/// Each has the interface's name in `ifa_name` and its flags, those of netdevice(7), in `ifa_flags`.
///
/// | field | in an entry of `AF_INET` | of `AF_PACKET` |
/// |---|---|---|
/// | `ifa_addr` | a `sockaddr_in` with the address | a `sockaddr_ll` |
/// | `ifa_netmask` | a `sockaddr_in` with the network mask | null |
/// | `ifa_ifu` | with `IFF_BROADCAST`, the broadcast address; with `IFF_POINTOPOINT`, the peer's; else the address again | as in `ifa_addr` |
/// | `ifa_data` | null | the counters, a [`rtnl_link_stats`](crate::linux::if_link::rtnl_link_stats) |
///
/// Any pointer of an entry but `ifa_name` may be null. The C library requests all of this from the kernel over netlink.
///
/// # Errors
///
/// Those of [`socket`](crate::sys::socket::socket), [`bind`](crate::sys::socket::bind),
/// [`getsockname`](crate::sys::socket::getsockname), [`sendto`](crate::sys::socket::sendto) and `recvmsg`, which it
/// calls.
///
/// - `EMFILE`: the process has as many descriptors open as it may: one is needed for the netlink socket.
/// - `ENOMEM`: no memory.
///
/// # Safety
///
/// `ifap` points to a pointer that may be written.
///
/// # Source
///
/// getifaddrs(3), netdevice(7), rtnetlink(7); tutorial, lines 48-50, 73 and 268.
#[inline]
pub unsafe fn getifaddrs(ifap: *mut *mut ifaddrs) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the pointer.
    cvt(unsafe { libc::getifaddrs(ifap) }).map(drop)
}

/// `freeifaddrs(ifa)` — frees the list of [`getifaddrs`].
///
/// ```c
/// void freeifaddrs(struct ifaddrs *ifa);
/// ```
///
/// # Safety
///
/// `ifa` is what [`getifaddrs`] stored when it succeeded. It is freed once, and nothing uses the list afterwards.
///
/// # Source
///
/// freeifaddrs(3); tutorial, lines 48-50, 73 and 268.
#[inline]
pub unsafe fn freeifaddrs(ifa: *mut ifaddrs) {
    // SAFETY: the caller vouches that the list is its own to free.
    unsafe { libc::freeifaddrs(ifa) }
}

//! Interfaces: the network interfaces of this machine, and which datagrams travel by the loopback interface.
//!
//! The tutorial's network cards and their addresses (lines 48-50, 73, 268), loopback (93-95) and MTU (97-99). Each
//! interface is printed with its flags, its MTU and its IPv4 addresses. Then the program sends itself up to four datagrams
//! by one of them, and reads from the counter of the loopback interface which of them went by that. Erratum 38: the
//! loopback addresses begin at 127.0.0.0, and a broadcast or a multicast is not copied to the loopback interface. This
//! host receives its copy on the interface that sends it.
//!
//! Usage: `interfaces [INTERFACE]`, by default `lo`. What other programs send to this host is counted, too, as long as
//! the program runs. Read next: `socket_address`, `ttl_mtu`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::ptr::null_mut;
use libc::{
    AF_INET, AF_PACKET, EAGAIN, IFF_BROADCAST, IFF_LOOPBACK, IFF_MULTICAST, IFF_NOARP, IFF_POINTOPOINT, IFF_PROMISC,
    IFF_RUNNING, IFF_UP, INADDR_ANY, IP_MULTICAST_IF, IPPROTO_IP, IPPROTO_UDP, PF_INET, SIOCGIFMTU, SO_BROADCAST,
    SO_RCVTIMEO, SOCK_DGRAM, SOL_SOCKET, c_char, c_int, c_uint, ifaddrs, ifreq, in_addr, in_addr_t, sockaddr,
    sockaddr_in, socklen_t, time_t, timeval,
};
use sockmirror::arpa::inet::{htonl, inet_ntoa, ntohl};
use sockmirror::ifaddrs::{freeifaddrs, getifaddrs};
use sockmirror::linux::if_link::rtnl_link_stats;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, printf, stderr};
use sockmirror::stdlib::exit;
use sockmirror::string::{CharPtr, memcpy, strlen, zeroed};
use sockmirror::sys::ioctl::ioctl;
use sockmirror::sys::socket::{recv, sendto, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{check_arguments, reject_argument};
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{bind_to, own_address, set_option};

const PROGRAM: &CStr = c"interfaces";
const USAGE: &CStr = c"./interfaces [INTERFACE]";
const FLAGS: usize = 8;
/// 127.0.0.0, the first of 127.0.0.0/8.
const LOOPBACK_NET: in_addr_t = 0x7f00_0000;
/// 224.0.0.1, the multicast group that every host has joined.
const ALL_HOSTS: in_addr_t = 0xe000_0001;
/// How long to wait for a datagram, in seconds. Within one host it takes no time.
const TIMEOUT_S: time_t = 1;

sockmirror::entry!(main);

/// Whether an entry has an address of this family.
fn has_family(entry: &ifaddrs, family: c_int) -> bool {
    // SAFETY: null, or an address, which begins with its family.
    unsafe { entry.ifa_addr.as_ref() }.is_some_and(|address| c_int::from(address.sa_family) == family)
}

/// Whether an entry is of this interface. An address with a label has that as its name: the interface's, and `:1`.
///
/// # Safety
///
/// `entry` is in a list of getifaddrs, and `name` is a C string.
unsafe fn has_name(entry: &ifaddrs, name: CharPtr) -> bool {
    let mut name = name.as_ptr();
    let mut own = entry.ifa_name.cast_const();

    // SAFETY: the name ends with a NUL.
    while unsafe { *name } != 0 {
        // SAFETY: so far both were the same, and had no NUL.
        if unsafe { *own } != unsafe { *name } {
            return false;
        }

        name = name.wrapping_add(1);
        own = own.wrapping_add(1);
    }

    // SAFETY: so far it had no NUL.
    matches!(unsafe { *own } as u8, b'\0' | b':')
}

/// Returns the first entry of the interface that an entry of the list is of.
///
/// # Safety
///
/// `first` is the first of a list of getifaddrs, and `entry` is in it.
unsafe fn first_of_interface(mut first: *const ifaddrs, entry: &ifaddrs) -> *const ifaddrs {
    // SAFETY: the list ends with a null pointer.
    while let Some(earlier) = unsafe { first.as_ref() } {
        // SAFETY: each entry has a name, which is a C string.
        let name = unsafe { CharPtr::new(earlier.ifa_name) };
        // SAFETY: both are.
        if unsafe { has_name(entry, name) } {
            return earlier;
        }

        first = earlier.ifa_next;
    }

    entry
}

/// Returns the first entry of this interface and family.
///
/// # Safety
///
/// `first` is null or in a list of getifaddrs that is not freed yet, and `name` is a C string.
unsafe fn find<'a>(mut first: *const ifaddrs, name: CharPtr, family: c_int) -> Option<&'a ifaddrs> {
    // SAFETY: the list ends with a null pointer.
    while let Some(entry) = unsafe { first.as_ref() } {
        // SAFETY: the entry is in the list.
        if has_family(entry, family) && unsafe { has_name(entry, name) } {
            return Some(entry);
        }

        first = entry.ifa_next;
    }

    None
}

/// Returns the address that a pointer of an entry leads to, or 0.0.0.0: in the family AF_INET, it is a sockaddr_in.
///
/// # Safety
///
/// `pointer` is null or points to a `sockaddr_in`.
unsafe fn address_of(pointer: *const sockaddr) -> in_addr {
    let mut address: in_addr = zeroed();

    // SAFETY: the caller vouches for it.
    if let Some(pointer) = unsafe { pointer.cast::<sockaddr_in>().as_ref() } {
        address = pointer.sin_addr;
    }

    address
}

/// Returns the last address of the range that the mask of an address makes.
///
/// # Safety
///
/// `entry` is in a list of getifaddrs, and its family is AF_INET.
unsafe fn last_address(entry: &ifaddrs) -> in_addr {
    // SAFETY: in this family each address is a sockaddr_in.
    let mut last = unsafe { address_of(entry.ifa_addr) };

    // SAFETY: the same holds for the mask.
    last.s_addr |= !unsafe { address_of(entry.ifa_netmask) }.s_addr;
    last
}

/// Whether the last address is for broadcasts. Of two addresses or one (/31, /32), and between two peers, it is not.
///
/// # Safety
///
/// `entry` is in a list of getifaddrs, and its family is AF_INET.
unsafe fn has_broadcast(entry: &ifaddrs) -> bool {
    // SAFETY: in this family each address is a sockaddr_in.
    let own = unsafe { address_of(entry.ifa_addr) };
    // SAFETY: the same holds for the mask.
    let mask = unsafe { address_of(entry.ifa_netmask) };
    // SAFETY: the caller vouches for it.
    let last = unsafe { last_address(entry) };
    // SAFETY: and for this one.
    let given = unsafe { address_of(entry.ifa_ifu) };

    // Without a broadcast address and a peer, glibc stores the address itself.
    entry.ifa_flags & (IFF_BROADCAST | IFF_LOOPBACK) as c_uint != 0
        && ntohl(!mask.s_addr) > 1
        && (given.s_addr == own.s_addr || given.s_addr == last.s_addr)
}

/// Prints the name, the flags and the MTU of an interface.
///
/// # Safety
///
/// `entry` is in a list of getifaddrs.
unsafe fn print_interface(sock: c_int, entry: &ifaddrs) {
    let flags: [c_int; FLAGS] =
        [IFF_UP, IFF_BROADCAST, IFF_LOOPBACK, IFF_POINTOPOINT, IFF_RUNNING, IFF_NOARP, IFF_PROMISC, IFF_MULTICAST];
    let names: [&CStr; FLAGS] =
        [c"UP", c"BROADCAST", c"LOOPBACK", c"POINTOPOINT", c"RUNNING", c"NOARP", c"PROMISC", c"MULTICAST"];

    // SAFETY: a name is a C string.
    let length = unsafe { strlen(entry.ifa_name) };

    // A name has at most IFNAMSIZ bytes, with the NUL at its end.
    let mut request: ifreq = zeroed();
    // SAFETY: `ifr_name` has IFNAMSIZ bytes.
    unsafe { memcpy((&raw mut request.ifr_name).cast(), entry.ifa_name.cast(), length) };

    // SAFETY: the request takes an ifreq.
    unsafe { ioctl(sock, SIOCGIFMTU, &raw mut request) }.unwrap_or_else(|error| fail(PROGRAM, c"ioctl", error));

    // SAFETY: a name is a C string, and the kernel has stored the MTU.
    printf!(c"%s: MTU %d,", unsafe { CharPtr::new(entry.ifa_name) }, unsafe { request.ifr_ifru.ifru_mtu });

    for i in 0..FLAGS {
        if entry.ifa_flags & flags[i] as c_uint != 0 {
            printf!(c" %s", names[i]);
        }
    }

    printf!(c"\n");
}

/// Prints an address of an interface, the range that its mask makes, and the broadcast address or the peer's.
///
/// # Safety
///
/// `entry` is in a list of getifaddrs, and its family is AF_INET.
unsafe fn print_address(entry: &ifaddrs) {
    // SAFETY: in this family each address is a sockaddr_in.
    let address = unsafe { address_of(entry.ifa_addr) };
    // SAFETY: the same holds for the mask.
    let mask = unsafe { address_of(entry.ifa_netmask) };

    printf!(c"    address %s", inet_ntoa(address));
    printf!(c", mask %s", inet_ntoa(mask));
    let mut end = in_addr { s_addr: address.s_addr & mask.s_addr };
    printf!(c": %s", inet_ntoa(end));
    // SAFETY: the caller vouches for it.
    printf!(c" to %s", inet_ntoa(unsafe { last_address(entry) }));

    // One field is for both, and a device for broadcasts can have a peer, too.
    // SAFETY: and for this one.
    end = unsafe { address_of(entry.ifa_ifu) };
    if end.s_addr != address.s_addr {
        // SAFETY: the caller vouches for it.
        let broadcast = unsafe { has_broadcast(entry) };
        printf!(c", %s %s", if broadcast { c"broadcast" } else { c"peer" }, inet_ntoa(end));
    }

    printf!(c"\n");
}

/// Prints each interface of the list, and below it its IPv4 addresses, which come later in the list. The first entry of
/// an interface has its flags, and perhaps no address: a tunnel has none of its link.
///
/// # Safety
///
/// `first` is null or in a list of getifaddrs that is not freed yet.
unsafe fn print_interfaces(sock: c_int, first: *const ifaddrs) {
    let mut next = first;

    // SAFETY: the list ends with a null pointer.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;

        // SAFETY: `first` is the first of the list.
        if unsafe { first_of_interface(first, entry) } != &raw const *entry {
            continue;
        }

        // SAFETY: the entry is in the list.
        unsafe { print_interface(sock, entry) };

        // SAFETY: a name is a C string, which lives as long as the list.
        let name = unsafe { CharPtr::new(entry.ifa_name) };
        // SAFETY: the rest of the list is one, too.
        let mut address = unsafe { find(next, name, AF_INET) };

        if address.is_none() {
            printf!(c"    no IPv4 address\n");
        }

        while let Some(entry) = address {
            // SAFETY: it has been found by its family.
            unsafe { print_address(entry) };
            // SAFETY: the rest of the list is one, too.
            address = unsafe { find(entry.ifa_next, name, AF_INET) };
        }
    }
}

/// Returns how many packets the loopback interface has received. All that it sends, it receives.
fn packets_on_loopback() -> c_uint {
    let mut first: *mut ifaddrs = null_mut();
    let mut packets = 0;

    // SAFETY: `first` may be written.
    unsafe { getifaddrs(&raw mut first) }.unwrap_or_else(|error| fail(PROGRAM, c"getifaddrs", error));

    // SAFETY: the list is freed below.
    let loopback = unsafe { find(first, c"lo".into(), AF_PACKET) };
    if let Some(loopback) = loopback {
        // SAFETY: in this family the data are null or the counters.
        if let Some(statistics) = unsafe { loopback.ifa_data.cast::<rtnl_link_stats>().as_ref() } {
            packets = statistics.rx_packets;
        }
    }

    // SAFETY: nothing uses the list any more.
    unsafe { freeifaddrs(first) };
    packets
}

/// Sends a datagram to the socket's own port, and prints whether it went by the loopback interface and arrived.
fn send_datagram(sock: c_int, mut address: sockaddr_in, destination: in_addr, kind: &CStr) {
    let mut byte = b'x' as c_char;
    let before = packets_on_loopback();

    address.sin_addr = destination;
    // SAFETY: the sizes are those of `byte` and `address`.
    unsafe {
        sendto(
            sock,
            (&raw const byte).cast(),
            1,
            0,
            (&raw const address).cast::<sockaddr>(),
            size_of::<sockaddr_in>() as socklen_t,
        )
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"sendto", error));

    // SAFETY: `byte` is one byte.
    let received = unsafe { recv(sock, (&raw mut byte).cast(), 1, 0) };
    if let Err(error) = received
        && error.0 != EAGAIN
    {
        fail(PROGRAM, c"recv", error);
    }

    let packets = packets_on_loopback().wrapping_sub(before);
    printf!(
        c"%-15s  %-16s  %13u  %s\n",
        inet_ntoa(destination),
        kind,
        packets,
        if received.is_err() { c"no" } else { c"yes" }
    );
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let timeout = timeval { tv_sec: TIMEOUT_S, tv_usec: 0 };
    let mut name: CharPtr = c"lo".into();
    let mut first: *mut ifaddrs = null_mut();

    // [1] Take the interface from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    if argc > 1 {
        name = argv[1];
    }

    // [2] List the interfaces: an entry for each of them, and one for each address
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));
    // SAFETY: `first` may be written.
    unsafe { getifaddrs(&raw mut first) }.unwrap_or_else(|error| fail(PROGRAM, c"getifaddrs", error));

    // [3] Print each interface, with its IPv4 addresses below
    // SAFETY: getifaddrs made the list.
    unsafe { print_interfaces(sock, first) };

    // [4] Take the first address of the interface, and the last of its range, which may be for broadcasts
    // SAFETY: getifaddrs made the list, and an argument is a C string.
    let address = unsafe { find(first, name, AF_INET) };
    if address.is_none() && argc > 1 {
        reject_argument(PROGRAM, USAGE, c"INTERFACE", name, c"an interface with an IPv4 address");
    }
    let Some(address) = address.filter(|address| address.ifa_flags & IFF_UP as c_uint != 0) else {
        fprintf!(stderr(), c"%s: %s is down, or has no IPv4 address\n", PROGRAM, name);
        exit(1);
    };
    // SAFETY: in this family each address is a sockaddr_in.
    let own = unsafe { address_of(address.ifa_addr) };
    // SAFETY: it is of this family.
    let last = unsafe { last_address(address) };
    // SAFETY: the same.
    let broadcast = unsafe { has_broadcast(address) };
    // SAFETY: nothing uses the list any more.
    unsafe { freeifaddrs(first) };

    // [5] Permit broadcasts, send multicasts by the interface, and receive what is sent to any address of this host
    set_option(PROGRAM, sock, SOL_SOCKET, SO_BROADCAST, 1);
    set_option(PROGRAM, sock, IPPROTO_IP, IP_MULTICAST_IF, own.s_addr as c_int);
    // SAFETY: the size is that of `timeout`.
    unsafe {
        setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, (&raw const timeout).cast(), size_of::<timeval>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));
    bind_to(PROGRAM, sock, INADDR_ANY);
    let port = own_address(PROGRAM, sock);

    // [6] Send four datagrams, or three where none can be broadcast, and count the packets on the loopback interface
    printf!(c"\n%-15s  %-16s  %13s  %s\n", c"sent to", c"which is", c"packets on lo", c"received");
    send_datagram(sock, port, in_addr { s_addr: htonl(LOOPBACK_NET) }, c"loopback's first");
    send_datagram(sock, port, own, c"own address");
    if broadcast {
        send_datagram(sock, port, last, c"broadcast");
    }
    send_datagram(sock, port, in_addr { s_addr: htonl(ALL_HOSTS) }, c"multicast");

    // [7] Close the socket
    // SAFETY: nothing uses `sock` any more.
    unsafe { close(sock) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
    succeed(PROGRAM);
}

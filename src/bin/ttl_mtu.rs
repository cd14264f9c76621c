//! TTL and MTU: how many hops a packet may take, and how large it may be on the way.
//!
//! The tutorial's sections on MTU, path MTU and TTL (lines 97-111), with the options of IPPROTO_IP that concern them
//! (395-397): IP_TTL, IP_MTU and IP_MTU_DISCOVER. The path MTU is computed for the tutorial's route A - B - C - D, and
//! read from the kernel for the route to 127.0.0.1. Erratum 20: it also decides the largest segment of TCP (MSS).
//!
//! Usage: `ttl_mtu`. All sockets are in this program. Read next: `interfaces`, `socket_options`, `multicast_sender`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    INADDR_LOOPBACK, IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_TTL, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, PF_INET,
    SOCK_DGRAM, TCP_MAXSEG, c_char, c_int, in_addr_t, size_t, socklen_t,
};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::{memset, strerror};
use sockmirror::sys::socket::{getsockopt, listen, recv, send, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{bind_to, bound_socket, connect_client, connect_to, get_option, own_address};

const PROGRAM: &CStr = c"ttl_mtu";
const USAGE: &CStr = c"./ttl_mtu";

/// The bytes of an IP header without options.
const IP_HEADER_SIZE: c_int = 20;
/// The bytes of a UDP header.
const UDP_HEADER_SIZE: c_int = 8;
/// The largest datagram: 65535 bytes, less 20 for the IP header and 8 for that of UDP.
const MAX_DATAGRAM_SIZE: size_t = 65507;

sockmirror::entry!(main);

/// Sets an option of IP, and prints the error or the value that reads back.
fn try_option(sock: c_int, name: &CStr, option: c_int, value: c_int) {
    // SAFETY: the size is that of `value`.
    match unsafe { setsockopt(sock, IPPROTO_IP, option, (&raw const value).cast(), size_of::<c_int>() as socklen_t) } {
        Err(error) => printf!(c"%s set to %d: %s\n", name, value, strerror(error.0)),
        Ok(()) => printf!(c"%s set to %d: reads back %d\n", name, value, get_option(PROGRAM, sock, IPPROTO_IP, option)),
    }
}

/// Opens a datagram socket at an address of its own; the kernel chooses the port.
fn open_datagram_socket(number: in_addr_t) -> c_int {
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));
    bind_to(PROGRAM, sock, INADDR_LOOPBACK + number);
    sock
}

/// Sends a datagram of `length` bytes, and waits for it at the other end.
fn send_datagram(sender: c_int, receiver: c_int, length: size_t) {
    let mut data = MaybeUninit::<[c_char; MAX_DATAGRAM_SIZE + 1]>::uninit();

    // SAFETY: `data` has MAX_DATAGRAM_SIZE + 1 bytes.
    unsafe { memset(data.as_mut_ptr().cast(), c_int::from(b'x'), MAX_DATAGRAM_SIZE + 1) };
    // SAFETY: memset has set MAX_DATAGRAM_SIZE + 1 bytes, and no caller sends more.
    if let Err(error) = unsafe { send(sender, data.as_ptr().cast(), length, 0) } {
        printf!(c"%zu bytes sent: %s\n", length, strerror(error.0));
        return;
    }
    // SAFETY: `data` has MAX_DATAGRAM_SIZE + 1 bytes.
    let received = unsafe { recv(receiver, data.as_mut_ptr().cast(), MAX_DATAGRAM_SIZE + 1, 0) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
    printf!(c"%zu bytes sent: %zd bytes arrive\n", length, received);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mtus: [c_int; 4] = [100, 200, 70, 80];
    let mut mtu: c_int = 0;
    let mut size = size_of::<c_int>() as socklen_t;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Find the path MTU, the smallest on the tutorial's route from A to D
    printf!(c"MTUs on the route:");
    let mut path_mtu = mtus[0];
    for (hop, mtu) in mtus.into_iter().enumerate() {
        printf!(c" %c %d", c_int::from(b'A') + hop as c_int, mtu);
        if mtu < path_mtu {
            path_mtu = mtu;
        }
    }
    printf!(c"; path MTU: %d\n", path_mtu);

    // [2] Fragment a packet of A's MTU to fit; the data of each fragment but the last is a multiple of 8 bytes
    printf!(c"a packet of %d bytes, %d of them header, is fragmented into", mtus[0], IP_HEADER_SIZE);
    let max_data = (path_mtu - IP_HEADER_SIZE) / 8 * 8;
    let mut remaining = mtus[0] - IP_HEADER_SIZE;
    while remaining > 0 {
        let data = if remaining < max_data { remaining } else { max_data };
        printf!(c" %d", IP_HEADER_SIZE + data);
        remaining -= data;
    }
    printf!(c" bytes, each with a header\n");

    // [3] Open two sockets on this host
    let sender = open_datagram_socket(1);
    let receiver = open_datagram_socket(0);
    let address = own_address(PROGRAM, receiver);

    // [4] Read and set the TTL: how many hops a packet may take
    printf!(c"IP_TTL at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_TTL));
    try_option(sender, c"IP_TTL", IP_TTL, 255);
    try_option(sender, c"IP_TTL", IP_TTL, 256);
    try_option(sender, c"IP_TTL", IP_TTL, 0);
    try_option(sender, c"IP_TTL", IP_TTL, -1);
    try_option(sender, c"IP_TTL", IP_TTL, 1);

    // [5] Read the MTU of the route, before and after connecting
    // SAFETY: `size` is that of `mtu`.
    unsafe { getsockopt(sender, IPPROTO_IP, IP_MTU, (&raw mut mtu).cast(), &raw mut size) }
        .unwrap_or_else(|error| printf!(c"IP_MTU without a destination: %s\n", strerror(error.0)));
    connect_to(PROGRAM, sender, &address);
    mtu = get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU);
    printf!(c"IP_MTU to 127.0.0.1: %d\n", mtu);

    // [6] Forbid fragmentation: each packet has "don't fragment" set, and what does not fit is rejected
    printf!(c"IP_MTU_DISCOVER at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU_DISCOVER));
    try_option(sender, c"IP_MTU_DISCOVER", IP_MTU_DISCOVER, IP_PMTUDISC_DO);

    // [7] Send the largest datagram that fits, and a byte more, with a TTL of 1: there is no router on the route
    let mut length = (mtu - IP_HEADER_SIZE - UDP_HEADER_SIZE) as size_t;
    if length > MAX_DATAGRAM_SIZE {
        length = MAX_DATAGRAM_SIZE;
    }
    send_datagram(sender, receiver, length);
    send_datagram(sender, receiver, length + 1);

    // [8] Connect by TCP: the largest segment is what the MTU leaves for data, unless the receive window is small
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));
    let address = own_address(PROGRAM, listener);
    let client = connect_client(PROGRAM, INADDR_LOOPBACK + 1, &address);
    mtu = get_option(PROGRAM, client, IPPROTO_IP, IP_MTU);
    printf!(c"TCP: MTU %d, largest segment %d\n", mtu, get_option(PROGRAM, client, IPPROTO_TCP, TCP_MAXSEG));

    // [9] Close all sockets
    // SAFETY: nothing uses `client` any more.
    unsafe { close(client) }
        // SAFETY: nothing uses `listener` any more.
        .and_then(|()| unsafe { close(listener) })
        // SAFETY: nothing uses `sender` any more.
        .and_then(|()| unsafe { close(sender) })
        // SAFETY: nothing uses `receiver` any more.
        .and_then(|()| unsafe { close(receiver) })
        .unwrap_or_else(|error| fail(PROGRAM, c"close", error));
    succeed(PROGRAM);
}

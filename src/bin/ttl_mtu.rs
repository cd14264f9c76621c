//! TTL and MTU: how far a packet may go, and how large it may be on the way.
//!
//! The tutorial's sections on MTU, path MTU and TTL (lines 97-111), with the options of IPPROTO_IP that are
//! about them (395-397): IP_TTL, IP_MTU and IP_MTU_DISCOVER. The smallest MTU on the way is computed for the
//! tutorial's A - B - C - D, and asked of the kernel for the way to this machine itself.
//!
//! Call: `ttl_mtu`. It sends to itself. Next: `socket_options`, `multicast_sender`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    INADDR_LOOPBACK, IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_TTL, IPPROTO_IP, IPPROTO_UDP, PF_INET, SOCK_DGRAM,
    c_char, c_int, size_t, sockaddr_in, socklen_t,
};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::{memset, strerror};
use sockmirror::sys::socket::{getsockopt, recv, send, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::{bind_to, connect_to, get_option, own_address};

const PROGRAM: &CStr = c"ttl_mtu";
const USAGE: &CStr = c"./ttl_mtu";

/// An IP header without options, in bytes.
const HEADER: c_int = 20;
/// The largest datagram: 65535 bytes, less 20 for the IP header and 8 for UDP's.
const LARGEST: size_t = 65507;

sockmirror::entry!(main);

/// Sets an option of IP, and says what came of it.
fn try_option(sock: c_int, name: &CStr, option: c_int, value: c_int) {
    // SAFETY: the size is that of the variable.
    match unsafe { setsockopt(sock, IPPROTO_IP, option, (&raw const value).cast(), size_of::<c_int>() as socklen_t) } {
        Err(error) => printf!(c"%s set to %d: %s\n", name, value, strerror(error.0)),
        Ok(()) => printf!(c"%s set to %d: reads back %d\n", name, value, get_option(PROGRAM, sock, IPPROTO_IP, option)),
    }
}

/// Opens a datagram socket at an address of its own. The kernel chooses the port.
fn open_at(address: &mut MaybeUninit<sockaddr_in>, number: u32) -> c_int {
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));
    bind_to(PROGRAM, sock, INADDR_LOOPBACK + number);
    address.write(own_address(PROGRAM, sock));
    sock
}

/// Sends a datagram of so many bytes, and waits for it at the other end.
///
/// # Safety
///
/// `length` is LARGEST + 1 at most.
unsafe fn send_to_itself(sender: c_int, receiver: c_int, length: size_t) {
    let mut data = MaybeUninit::<[c_char; LARGEST + 1]>::uninit();

    // SAFETY: the size is that of the variable.
    unsafe { memset(data.as_mut_ptr().cast(), c_int::from(b'x'), LARGEST + 1) };
    // SAFETY: `data` has as many bytes, by what the caller vouches for, and memset has set them.
    if let Err(error) = unsafe { send(sender, data.as_ptr().cast(), length, 0) } {
        printf!(c"%zu bytes sent: %s\n", length, strerror(error.0));
        return;
    }
    // SAFETY: the size is that of the variable.
    let received = unsafe { recv(receiver, data.as_mut_ptr().cast(), LARGEST + 1, 0) }
        .unwrap_or_else(|error| fail(PROGRAM, c"recv", error));
    printf!(c"%zu bytes sent: %zd bytes arrive\n", length, received);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mtus: [c_int; 4] = [100, 200, 70, 80];
    let mut address = MaybeUninit::<sockaddr_in>::uninit();
    let mut mtu = MaybeUninit::<c_int>::uninit();
    let mut size = size_of::<c_int>() as socklen_t;

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Find the smallest MTU on the tutorial's way from A to D
    printf!(c"MTUs on the way:");
    let mut smallest = mtus[0];
    for (place, mtu) in mtus.into_iter().enumerate() {
        printf!(c" %c %d", c_int::from(b'A') + place as c_int, mtu);
        if mtu < smallest {
            smallest = mtu;
        }
    }
    printf!(c"; path MTU: %d\n", smallest);

    // [2] Cut a packet as large as A's MTU so that it fits: each piece but the last is a multiple of 8
    printf!(c"a packet of %d bytes, %d of them its header, is cut into", mtus[0], HEADER);
    let most = (smallest - HEADER) / 8 * 8;
    let mut rest = mtus[0] - HEADER;
    while rest > 0 {
        let part = if rest < most { rest } else { most };
        printf!(c" %d", HEADER + part);
        rest -= part;
    }
    printf!(c" bytes, each with a header\n");

    // [3] Open two sockets of this machine
    let sender = open_at(&mut address, 1);
    let receiver = open_at(&mut address, 0);

    // [4] Read and set how many routers a packet may pass
    printf!(c"IP_TTL at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_TTL));
    try_option(sender, c"IP_TTL", IP_TTL, 255);
    try_option(sender, c"IP_TTL", IP_TTL, 256);
    try_option(sender, c"IP_TTL", IP_TTL, 0);
    try_option(sender, c"IP_TTL", IP_TTL, -1);
    try_option(sender, c"IP_TTL", IP_TTL, 1);

    // [5] Ask for the MTU of the way, before there is one and after
    // SAFETY: `size` is that of the variable.
    unsafe { getsockopt(sender, IPPROTO_IP, IP_MTU, mtu.as_mut_ptr().cast(), &raw mut size) }
        .unwrap_or_else(|error| printf!(c"IP_MTU without a destination: %s\n", strerror(error.0)));
    // SAFETY: open_at has filled it in.
    connect_to(PROGRAM, sender, unsafe { address.assume_init_ref() });
    printf!(c"IP_MTU to 127.0.0.1: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU));

    // [6] Forbid that packets are cut: each says "don't fragment", and what does not fit is refused
    printf!(c"IP_MTU_DISCOVER at first: %d\n", get_option(PROGRAM, sender, IPPROTO_IP, IP_MTU_DISCOVER));
    try_option(sender, c"IP_MTU_DISCOVER", IP_MTU_DISCOVER, IP_PMTUDISC_DO);

    // [7] Send, with a TTL of 1: no router is on the way
    // SAFETY: not more than LARGEST + 1.
    unsafe { send_to_itself(sender, receiver, LARGEST) };
    // SAFETY: not more than LARGEST + 1.
    unsafe { send_to_itself(sender, receiver, LARGEST + 1) };

    // [8] Close both
    // SAFETY: the program's own socket, and nothing uses it any more.
    unsafe { close(sender) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
    // SAFETY: the program's own socket, and nothing uses it any more.
    unsafe { close(receiver) }.unwrap_or_else(|error| fail(PROGRAM, c"close", error));
    succeed(PROGRAM);
}

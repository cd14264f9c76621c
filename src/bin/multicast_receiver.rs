//! Multicast receiver: joins a group and waits for the first datagram sent to it.
//!
//! The tutorial's section on the options of IPPROTO_IP (lines 395-397), and its class D addresses (78). It shows that
//! a socket option joins a group, that several receivers can share a port (SO_REUSEADDR), and that each of them
//! receives the datagram, although it is sent once.
//!
//! Usage: `multicast_receiver GROUP PORT`, as many times as you like; then `multicast_sender GROUP PORT WORD`. GROUP
//! is an address from 224.0.0.0 to 239.255.255.255; those that begin with 239 are free for private use.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, INADDR_ANY, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IPPROTO_IP, IPPROTO_UDP, MSG_TRUNC, PF_INET,
    SO_REUSEADDR, SOCK_DGRAM, SOL_SOCKET, c_char, c_int, in_addr, in_port_t, ip_mreq, sa_family_t, sockaddr,
    sockaddr_in, socklen_t, ssize_t,
};
use sockmirror::arpa::inet::{htonl, htons, inet_ntoa, ntohl};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fflush, printf, stdout};
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{bind, recvfrom, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{address_argument, check_arguments, number_argument, reject_argument};
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::set_option;

const PROGRAM: &CStr = c"multicast_receiver";
const USAGE: &CStr = c"./multicast_receiver GROUP PORT";
const RCVBUFSIZE: usize = 128;

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut sender_length = size_of::<sockaddr_in>() as socklen_t;
    let mut buffer = [0 as c_char; RCVBUFSIZE + 1];

    // [1] Take the group and the port from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 2);
    let group = address_argument(PROGRAM, USAGE, c"GROUP", argv[1]);

    // Class D: the first four bits are 1110.
    if ntohl(group.s_addr) >> 28 != 14 {
        reject_argument(PROGRAM, USAGE, c"GROUP", argv[1], c"a multicast address (224.0.0.0 to 239.255.255.255)");
    }

    let port = number_argument(PROGRAM, USAGE, c"PORT", argv[2], 10, 1, 65535) as in_port_t;

    // [2] Create the socket, and let other receivers bind to the same port
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    set_option(PROGRAM, sock, SOL_SOCKET, SO_REUSEADDR, 1);

    // [3] Bind it to the group and the port, so that datagrams to other addresses of this host do not arrive
    let mut group_address: sockaddr_in = zeroed();
    group_address.sin_family = AF_INET as sa_family_t;
    group_address.sin_addr = group;
    group_address.sin_port = htons(port);

    // SAFETY: the size is that of `group_address`.
    unsafe { bind(sock, (&raw const group_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    // [4] Join the group, on the interface that the routing table selects
    let mreq = ip_mreq { imr_multiaddr: group, imr_interface: in_addr { s_addr: htonl(INADDR_ANY) } };

    // SAFETY: the size is that of `mreq`.
    unsafe {
        setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, (&raw const mreq).cast(), size_of::<ip_mreq>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    printf!(c"Joined the group %s, port %d\n", inet_ntoa(group), c_int::from(port));

    // Whoever runs the sender can do so from now on.
    _ = fflush(stdout());

    // [5] Wait for a datagram; with MSG_TRUNC, recvfrom returns its length even if it does not fit
    let mut sender: sockaddr_in = zeroed();

    // SAFETY: `buffer` has more than RCVBUFSIZE bytes, and `sender_length` is the size of `sender`.
    let received = unsafe {
        recvfrom(
            sock,
            buffer.as_mut_ptr().cast(),
            RCVBUFSIZE,
            MSG_TRUNC,
            (&raw mut sender).cast::<sockaddr>(),
            &raw mut sender_length,
        )
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"recvfrom", error));

    let shown = if received < RCVBUFSIZE as ssize_t { received } else { RCVBUFSIZE as ssize_t };
    buffer[shown as usize] = 0;
    // SAFETY: the NUL makes `buffer` a C string.
    let buffer = unsafe { CStr::from_ptr(buffer.as_ptr()) };
    printf!(c"Received %zd bytes from %s: %s\n", received, inet_ntoa(sender.sin_addr), buffer);

    if shown < received {
        printf!(c"Only the first %zd bytes fit\n", shown);
    }

    // [6] Leave the group; closing the socket would do so, too
    // SAFETY: the size is that of `mreq`.
    unsafe {
        setsockopt(sock, IPPROTO_IP, IP_DROP_MEMBERSHIP, (&raw const mreq).cast(), size_of::<ip_mreq>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    // SAFETY: nothing uses `sock` any more.
    _ = unsafe { close(sock) };
    succeed(PROGRAM);
}

//! Multicast sender: sends one datagram to a group, and whoever has joined gets it.
//!
//! The tutorial's section on the options of IPPROTO_IP (lines 395-397), and its class D (78). It shows the
//! two options that a sender has: how many routers the datagram may pass, and whether receivers on this
//! machine get it, too.
//!
//! Call: `multicast_sender GROUP PORT WORD`. Run against it, before: `multicast_receiver GROUP PORT`.
//!
//! Nobody answers: the sender does not know how many receivers there are, or whether there are any.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IPPROTO_IP, IPPROTO_UDP, PF_INET, SOCK_DGRAM, c_int, in_port_t,
    sa_family_t, sockaddr, sockaddr_in, socklen_t,
};
use sockmirror::arpa::inet::{htons, inet_ntoa, ntohl};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::{strlen, zeroed};
use sockmirror::sys::socket::{sendto, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{
    address_argument, check_arguments, number_argument, reject_argument, string_argument,
};
use sockmirror::common::explain::{fail, succeed};

const PROGRAM: &CStr = c"multicast_sender";
const USAGE: &CStr = c"./multicast_sender GROUP PORT WORD";

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let ttl: c_int = 1;
    let r#loop: c_int = 1;

    // [1] Take the group, the port and the word from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    let group = address_argument(PROGRAM, USAGE, c"GROUP", argv[1]);

    // Class D: the first four bits are 1110.
    if ntohl(group.s_addr) >> 28 != 14 {
        reject_argument(PROGRAM, USAGE, c"GROUP", argv[1], c"a multicast address (224.0.0.0 to 239.255.255.255)");
    }

    let port = number_argument(PROGRAM, USAGE, c"PORT", argv[2], 10, 1, 65535) as in_port_t;
    let word = string_argument(PROGRAM, USAGE, c"WORD", argv[3]);

    // [2] Create the socket
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // [3] Let the datagram pass no router, and come back to receivers on this machine
    // SAFETY: the size is that of the variable.
    unsafe { setsockopt(sock, IPPROTO_IP, IP_MULTICAST_TTL, (&raw const ttl).cast(), size_of::<c_int>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    // SAFETY: the size is that of the variable.
    unsafe {
        setsockopt(sock, IPPROTO_IP, IP_MULTICAST_LOOP, (&raw const r#loop).cast(), size_of::<c_int>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    // [4] Send the word to the group, by the interface that the routing table has for it
    let mut group_address: sockaddr_in = zeroed();
    group_address.sin_family = AF_INET as sa_family_t;
    group_address.sin_addr = group;
    group_address.sin_port = htons(port);

    // SAFETY: `word` is a C string.
    let length = unsafe { strlen(word.as_ptr()) };

    // SAFETY: `word` has as many bytes as strlen counted; the other size is that of the variable, which is
    // filled in.
    let sent = unsafe {
        sendto(
            sock,
            word.as_ptr().cast(),
            length,
            0,
            (&raw const group_address).cast::<sockaddr>(),
            size_of::<sockaddr_in>() as socklen_t,
        )
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"sendto", error));

    printf!(
        c"Sent %zd bytes to the group %s, port %d, once for all receivers\n",
        sent,
        inet_ntoa(group),
        c_int::from(port)
    );
    // SAFETY: socket gave `sock` to this program, and nothing uses it any more.
    _ = unsafe { close(sock) };
    succeed(PROGRAM);
}

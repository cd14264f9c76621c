//! Multicast sender: sends one datagram to a group; every member receives it.
//!
//! The tutorial's section on the options of IPPROTO_IP (lines 395-397), and its class D addresses (78). It shows the
//! two options of a sender: how many hops the datagram may take, and whether receivers on this host receive it, too.
//!
//! Usage: `multicast_sender GROUP PORT WORD`. Before it, start `multicast_receiver GROUP PORT`.
//!
//! There is no reply: the sender cannot know how many receivers there are, or whether there are any.
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
use sockmirror::sys::socket::{sendto, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{
    address_argument, check_arguments, number_argument, reject_argument, string_argument,
};
use sockmirror::common::explain::{fail, succeed};
use sockmirror::common::loopback::set_option;

const PROGRAM: &CStr = c"multicast_sender";
const USAGE: &CStr = c"./multicast_sender GROUP PORT WORD";

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
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

    // [3] Allow one hop, so that no router forwards the datagram; loop it back to receivers on this host
    set_option(PROGRAM, sock, IPPROTO_IP, IP_MULTICAST_TTL, 1);
    set_option(PROGRAM, sock, IPPROTO_IP, IP_MULTICAST_LOOP, 1);

    // [4] Send the word to the group, on the interface that the routing table selects
    let mut group_address: sockaddr_in = zeroed();
    group_address.sin_family = AF_INET as sa_family_t;
    group_address.sin_addr = group;
    group_address.sin_port = htons(port);

    // SAFETY: `word` is a C string.
    let length = unsafe { strlen(word.as_ptr()) };

    // SAFETY: `word` has `length` bytes, and the other size is that of `group_address`.
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
    // SAFETY: nothing uses `sock` any more.
    _ = unsafe { close(sock) };
    succeed(PROGRAM);
}

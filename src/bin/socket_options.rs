//! Socket options: a table of what can be read of a new TCP socket, with C type and default value.
//!
//! The tutorial's section on socket options (lines 322-338), and the options of its three levels. It shows that
//! the type depends on the option, and that getsockopt takes a pointer to the length and setsockopt the length
//! itself.
//!
//! Call: `socket_options`. Of single options tell `buffer_size`, `linger`, `reuse_address`, `ttl_mtu`, `no_delay`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    IP_MTU_DISCOVER, IP_MULTICAST_IF, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_TCP,
    PF_INET, SO_BROADCAST, SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE, SO_RCVBUF, SO_RCVLOWAT, SO_RCVTIMEO,
    SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDTIMEO, SO_TYPE, SOCK_STREAM, SOL_SOCKET, TCP_CORK, TCP_KEEPCNT,
    TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_MAXSEG, TCP_NODELAY, TCP_SYNCNT, c_int, c_long, c_uchar, c_void, in_addr, linger,
    socklen_t, timeval,
};
use sockmirror::arpa::inet::inet_ntoa;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::sys::socket::{getsockopt, setsockopt, socket};

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{fail, succeed};

const PROGRAM: &CStr = c"socket_options";
const USAGE: &CStr = c"./socket_options";

sockmirror::entry!(main);

/// Reads an option into `value`, which has `size` bytes. Returns how many of them getsockopt used; if it used
/// fewer, the others stay what they were.
///
/// # Safety
///
/// The bytes may be written.
unsafe fn read_option(sock: c_int, level: c_int, optname: c_int, value: *mut c_void, size: usize) -> socklen_t {
    // Rust: C makes the size a socklen_t without a word.
    let mut size = size as socklen_t;

    // SAFETY: the caller vouches for `size` bytes at `value`.
    unsafe { getsockopt(sock, level, optname, value, &raw mut size) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));

    size
}

/// Shows an option that is an int: most are.
fn show(sock: c_int, level: c_int, optname: c_int, name: &CStr, meaning: &CStr) {
    let mut value: c_int = 0;

    // SAFETY: the size is that of the variable.
    let size = unsafe { read_option(sock, level, optname, (&raw mut value).cast(), size_of::<c_int>()) };
    printf!(c"  %-17s  int             %5u  %-34s  %d\n", name, size, meaning, value);
}

/// Shows an option that may be a single byte.
fn show_byte(sock: c_int, optname: c_int, name: &CStr, meaning: &CStr) {
    let mut value: c_uchar = 0;

    // SAFETY: the size is that of the variable.
    let size = unsafe { read_option(sock, IPPROTO_IP, optname, (&raw mut value).cast(), size_of::<c_uchar>()) };
    printf!(c"  %-17s  unsigned char   %5u  %-34s  %d\n", name, size, meaning, c_int::from(value));
}

/// Shows an option that is a length of time.
fn show_time(sock: c_int, optname: c_int, name: &CStr, meaning: &CStr) {
    let mut value = timeval { tv_sec: 0, tv_usec: 0 };

    // SAFETY: the size is that of the variable.
    let size = unsafe { read_option(sock, SOL_SOCKET, optname, (&raw mut value).cast(), size_of::<timeval>()) };
    printf!(
        c"  %-17s  struct timeval  %5u  %-34s  %ld s %ld us\n",
        name,
        size,
        meaning,
        value.tv_sec as c_long,
        value.tv_usec as c_long
    );
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut linger = linger { l_onoff: 0, l_linger: 0 };
    let mut interface = in_addr { s_addr: 0 };

    // [1] There is nothing to take from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [2] Create the socket
    let sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // [3] Show the options of every socket
    printf!(c"SOL_SOCKET           type            bytes  what it is                          default\n");
    show(sock, SOL_SOCKET, SO_BROADCAST, c"SO_BROADCAST", c"1: may send to all hosts");
    show(sock, SOL_SOCKET, SO_ERROR, c"SO_ERROR", c"the errno that waits; read only");
    show(sock, SOL_SOCKET, SO_KEEPALIVE, c"SO_KEEPALIVE", c"1: asks whether the peer is there");
    // SAFETY: the size is that of the variable.
    let size = unsafe { read_option(sock, SOL_SOCKET, SO_LINGER, (&raw mut linger).cast(), size_of::<linger>()) };
    printf!(
        c"  SO_LINGER          struct linger   %5u  on or off; how long close waits     %d, %d s\n",
        size,
        linger.l_onoff,
        linger.l_linger
    );
    show(sock, SOL_SOCKET, SO_OOBINLINE, c"SO_OOBINLINE", c"1: urgent bytes like all others");
    show(sock, SOL_SOCKET, SO_RCVBUF, c"SO_RCVBUF", c"receive buffer, bytes");
    show(sock, SOL_SOCKET, SO_SNDBUF, c"SO_SNDBUF", c"send buffer, bytes");
    show(sock, SOL_SOCKET, SO_RCVLOWAT, c"SO_RCVLOWAT", c"bytes that make recv return");
    show_time(sock, SO_RCVTIMEO, c"SO_RCVTIMEO", c"how long recv waits; 0: for ever");
    show_time(sock, SO_SNDTIMEO, c"SO_SNDTIMEO", c"how long send waits; 0: for ever");
    show(sock, SOL_SOCKET, SO_REUSEADDR, c"SO_REUSEADDR", c"1: bind in spite of TIME_WAIT");
    show(sock, SOL_SOCKET, SO_REUSEPORT, c"SO_REUSEPORT", c"1: several sockets share a port");
    show(sock, SOL_SOCKET, SO_TYPE, c"SO_TYPE", c"1 is SOCK_STREAM; read only");

    // [4] Show the options of IP
    printf!(c"IPPROTO_IP           type            bytes  what it is                          default\n");
    show(sock, IPPROTO_IP, IP_TTL, c"IP_TTL", c"routers that a packet may pass");
    show(sock, IPPROTO_IP, IP_TOS, c"IP_TOS", c"kind of service asked of routers");
    show(sock, IPPROTO_IP, IP_MTU_DISCOVER, c"IP_MTU_DISCOVER", c"1: finds the path MTU");
    show_byte(sock, IP_MULTICAST_TTL, c"IP_MULTICAST_TTL", c"IP_TTL of multicast");
    show_byte(sock, IP_MULTICAST_LOOP, c"IP_MULTICAST_LOOP", c"1: this host gets it, too");
    // SAFETY: the size is that of the variable.
    let size =
        unsafe { read_option(sock, IPPROTO_IP, IP_MULTICAST_IF, (&raw mut interface).cast(), size_of::<in_addr>()) };
    printf!(
        c"  IP_MULTICAST_IF    struct in_addr  %5u  its interface; 0.0.0.0: any         %s\n",
        size,
        inet_ntoa(interface)
    );

    // [5] Show the options of TCP
    printf!(c"IPPROTO_TCP          type            bytes  what it is                          default\n");
    show(sock, IPPROTO_TCP, TCP_NODELAY, c"TCP_NODELAY", c"1: without Nagle's algorithm");
    show(sock, IPPROTO_TCP, TCP_CORK, c"TCP_CORK", c"1: sends full segments only");
    show(sock, IPPROTO_TCP, TCP_MAXSEG, c"TCP_MAXSEG", c"largest segment, bytes");
    show(sock, IPPROTO_TCP, TCP_SYNCNT, c"TCP_SYNCNT", c"SYNs that connect repeats");
    show(sock, IPPROTO_TCP, TCP_KEEPIDLE, c"TCP_KEEPIDLE", c"seconds of silence until it asks");
    show(sock, IPPROTO_TCP, TCP_KEEPINTVL, c"TCP_KEEPINTVL", c"seconds until it asks again");
    show(sock, IPPROTO_TCP, TCP_KEEPCNT, c"TCP_KEEPCNT", c"how often it asks");

    // [6] Set an option and read it back
    let one: c_int = 1;

    // Erratum 12: the tutorial has a pointer to the length, but only getsockopt takes one.
    // SAFETY: the size is that of the variable.
    unsafe { setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, (&raw const one).cast(), size_of::<c_int>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    printf!(c"\nTCP_NODELAY is set, with the length %zu itself, not a pointer to it:\n", size_of::<c_int>());
    show(sock, IPPROTO_TCP, TCP_NODELAY, c"TCP_NODELAY", c"1: without Nagle's algorithm");

    succeed(PROGRAM);
}

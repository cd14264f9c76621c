//! Socket options: a table of the options of a new TCP socket, with C type, size, meaning and default value.
//!
//! The tutorial's section on socket options (lines 322-338), and options of its three levels. It shows that the type
//! of the value depends on the option, and that getsockopt takes a pointer to the length, setsockopt the length
//! itself.
//!
//! Usage: `socket_options`. Read next: `buffer_size`, `linger`, `reuse_address`, `ttl_mtu` and `no_delay`, each on one
//! option.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    IP_MTU_DISCOVER, IP_MULTICAST_IF, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_TCP,
    PF_INET, SO_BROADCAST, SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_OOBINLINE, SO_RCVBUF, SO_RCVLOWAT, SO_RCVTIMEO,
    SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDTIMEO, SO_TYPE, SOCK_STREAM, SOL_SOCKET, TCP_CORK, TCP_KEEPCNT,
    TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_MAXSEG, TCP_NODELAY, TCP_SYNCNT, c_int, c_long, c_uchar, in_addr, linger,
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

/// Reads an option into `value`, of `size` bytes. Returns how many bytes the kernel stored; the others are kept.
fn read_option<T>(sock: c_int, level: c_int, optname: c_int, value: &mut T) -> socklen_t {
    let mut size = size_of::<T>() as socklen_t;

    // SAFETY: `size` is that of `value`, and every caller has one of integers, which may have any bytes.
    unsafe { getsockopt(sock, level, optname, (&raw mut *value).cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));

    size
}

/// Prints an option whose value is an int, as most are.
fn print_option(sock: c_int, level: c_int, optname: c_int, name: &CStr, meaning: &CStr) {
    let mut value: c_int = 0;
    let size = read_option(sock, level, optname, &mut value);

    printf!(c"  %-17s  int             %5u  %-34s  %d\n", name, size, meaning, value);
}

/// Prints an option of IP whose value may be a single byte.
fn print_byte_option(sock: c_int, optname: c_int, name: &CStr, meaning: &CStr) {
    let mut value: c_uchar = 0;
    let size = read_option(sock, IPPROTO_IP, optname, &mut value);

    printf!(c"  %-17s  unsigned char   %5u  %-34s  %d\n", name, size, meaning, c_int::from(value));
}

/// Prints an option whose value is a timeout.
fn print_timeout(sock: c_int, optname: c_int, name: &CStr, meaning: &CStr) {
    let mut value = timeval { tv_sec: 0, tv_usec: 0 };
    let size = read_option(sock, SOL_SOCKET, optname, &mut value);

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
    let on: c_int = 1;
    let mut linger = linger { l_onoff: 0, l_linger: 0 };
    let mut interface = in_addr { s_addr: 0 };

    check_arguments(PROGRAM, USAGE, argc, argv, 0);

    // [1] Create a socket
    let sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // [2] Print the options of every socket
    printf!(c"SOL_SOCKET           type            bytes  meaning                             default\n");
    print_option(sock, SOL_SOCKET, SO_BROADCAST, c"SO_BROADCAST", c"1: may send broadcasts");
    print_option(sock, SOL_SOCKET, SO_ERROR, c"SO_ERROR", c"pending error; read-only");
    print_option(sock, SOL_SOCKET, SO_KEEPALIVE, c"SO_KEEPALIVE", c"1: sends keepalive probes");
    let size = read_option(sock, SOL_SOCKET, SO_LINGER, &mut linger);
    printf!(
        c"  SO_LINGER          struct linger   %5u  on or off; how long close waits     %d, %d s\n",
        size,
        linger.l_onoff,
        linger.l_linger
    );
    print_option(sock, SOL_SOCKET, SO_OOBINLINE, c"SO_OOBINLINE", c"1: urgent data is received in line");
    print_option(sock, SOL_SOCKET, SO_RCVBUF, c"SO_RCVBUF", c"receive buffer, bytes");
    print_option(sock, SOL_SOCKET, SO_SNDBUF, c"SO_SNDBUF", c"send buffer, bytes");
    print_option(sock, SOL_SOCKET, SO_RCVLOWAT, c"SO_RCVLOWAT", c"minimum bytes for recv to return");
    print_timeout(sock, SO_RCVTIMEO, c"SO_RCVTIMEO", c"timeout of recv; 0: none");
    print_timeout(sock, SO_SNDTIMEO, c"SO_SNDTIMEO", c"timeout of send; 0: none");
    print_option(sock, SOL_SOCKET, SO_REUSEADDR, c"SO_REUSEADDR", c"1: may bind despite TIME_WAIT");
    print_option(sock, SOL_SOCKET, SO_REUSEPORT, c"SO_REUSEPORT", c"1: several sockets share a port");
    print_option(sock, SOL_SOCKET, SO_TYPE, c"SO_TYPE", c"1: SOCK_STREAM; read-only");

    // [3] Print the options of IP
    printf!(c"IPPROTO_IP           type            bytes  meaning                             default\n");
    print_option(sock, IPPROTO_IP, IP_TTL, c"IP_TTL", c"hop limit");
    print_option(sock, IPPROTO_IP, IP_TOS, c"IP_TOS", c"type of service");
    print_option(sock, IPPROTO_IP, IP_MTU_DISCOVER, c"IP_MTU_DISCOVER", c"1: discovers the path MTU");
    print_byte_option(sock, IP_MULTICAST_TTL, c"IP_MULTICAST_TTL", c"hop limit of multicast");
    print_byte_option(sock, IP_MULTICAST_LOOP, c"IP_MULTICAST_LOOP", c"1: this host receives it, too");
    let size = read_option(sock, IPPROTO_IP, IP_MULTICAST_IF, &mut interface);
    printf!(
        c"  IP_MULTICAST_IF    struct in_addr  %5u  its interface; 0.0.0.0: default     %s\n",
        size,
        inet_ntoa(interface)
    );

    // [4] Print the options of TCP
    printf!(c"IPPROTO_TCP          type            bytes  meaning                             default\n");
    print_option(sock, IPPROTO_TCP, TCP_NODELAY, c"TCP_NODELAY", c"1: Nagle's algorithm is off");
    print_option(sock, IPPROTO_TCP, TCP_CORK, c"TCP_CORK", c"1: sends full segments only");
    print_option(sock, IPPROTO_TCP, TCP_MAXSEG, c"TCP_MAXSEG", c"maximum segment size (MSS), bytes");
    print_option(sock, IPPROTO_TCP, TCP_SYNCNT, c"TCP_SYNCNT", c"SYN retransmissions");
    print_option(sock, IPPROTO_TCP, TCP_KEEPIDLE, c"TCP_KEEPIDLE", c"idle seconds before a probe");
    print_option(sock, IPPROTO_TCP, TCP_KEEPINTVL, c"TCP_KEEPINTVL", c"seconds between probes");
    print_option(sock, IPPROTO_TCP, TCP_KEEPCNT, c"TCP_KEEPCNT", c"probes before it gives up");

    // [5] Set an option and read it back
    // Erratum 12: the tutorial has a pointer to the length, but only getsockopt takes one.
    // SAFETY: the size is that of `on`.
    unsafe { setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, (&raw const on).cast(), size_of::<c_int>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    printf!(
        c"\nTCP_NODELAY set to 1; setsockopt takes the length itself (%zu), not a pointer to it:\n",
        size_of::<c_int>()
    );
    print_option(sock, IPPROTO_TCP, TCP_NODELAY, c"TCP_NODELAY", c"1: Nagle's algorithm is off");

    succeed(PROGRAM);
}

//! Loopback connections: what the programs that hold both ends of a connection have in common.
//!
//! Such a program creates its sockets here, on addresses of this machine, and reads and sets their options. Each
//! function makes the calls named in its first line, and exits with 1 if one of them fails.
//!
//! `program` is the name in the error message. `host` is an address in host byte order, as INADDR_LOOPBACK is: all of
//! 127.0.0.0/8 is this machine, so each end can have an address of its own.

use crate::arpa::inet::htonl;
use crate::string::zeroed;
use crate::sys::socket::{accept, bind, connect, getsockname, getsockopt, setsockopt, socket};
use core::ffi::CStr;
use core::mem::offset_of;
use core::ptr::null_mut;
use libc::{
    AF_INET, IPPROTO_TCP, PF_INET, SOCK_STREAM, TCP_INFO, c_int, c_uchar, in_addr_t, sa_family_t, sockaddr,
    sockaddr_in, socklen_t, tcp_info,
};

use crate::common::explain::fail;

/// The index of tcpi_segs_out in the kernel's struct tcp_info, as an array of uint32_t: glibc's ends before it.
pub const SEGMENTS_OUT: usize = 34;
/// The index of tcpi_segs_in.
pub const SEGMENTS_IN: usize = 35;

/// socket(): creates a TCP socket, which has no address yet.
pub fn open_socket(program: &CStr) -> c_int {
    socket(PF_INET, SOCK_STREAM, IPPROTO_TCP).unwrap_or_else(|error| fail(program, c"socket", error))
}

/// bind(): gives a socket an address; the kernel chooses the port.
pub fn bind_to(program: &CStr, sock: c_int, host: in_addr_t) {
    let mut address: sockaddr_in = zeroed();
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(host);

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(sock, (&raw const address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(program, c"bind", error));
}

/// socket() and bind(): creates a TCP socket that has an address.
pub fn bound_socket(program: &CStr, host: in_addr_t) -> c_int {
    let sock = open_socket(program);

    bind_to(program, sock, host);
    sock
}

/// getsockname(): returns a socket's own address, with the port that the kernel chose.
pub fn own_address(program: &CStr, sock: c_int) -> sockaddr_in {
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    // The address of another kind of socket may be shorter.
    let mut address: sockaddr_in = zeroed();

    // SAFETY: `length` is the size of `address`.
    unsafe { getsockname(sock, (&raw mut address).cast::<sockaddr>(), &raw mut length) }
        .unwrap_or_else(|error| fail(program, c"getsockname", error));

    address
}

/// connect(): connects a socket to an address.
pub fn connect_to(program: &CStr, sock: c_int, address: &sockaddr_in) {
    // SAFETY: the size is that of the address, which is filled in.
    unsafe { connect(sock, (&raw const *address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(program, c"connect", error));
}

/// socket(), bind() and connect(): connects a client from an address of its own.
pub fn connect_client(program: &CStr, host: in_addr_t, server_address: &sockaddr_in) -> c_int {
    let client = bound_socket(program, host);

    connect_to(program, client, server_address);
    client
}

/// accept(): takes the oldest pending connection, without its client's address.
pub fn accept_client(program: &CStr, listener: c_int) -> c_int {
    // SAFETY: both pointers are null.
    unsafe { accept(listener, null_mut(), null_mut()) }.unwrap_or_else(|error| fail(program, c"accept", error))
}

/// getsockopt(): returns an option whose value is an int.
pub fn get_option(program: &CStr, sock: c_int, level: c_int, option: c_int) -> c_int {
    // Set to 0 first: of an option with fewer bytes, the kernel stores only those.
    let mut value: c_int = 0;
    let mut size = size_of::<c_int>() as socklen_t;

    // SAFETY: `size` is that of the variable, and the kernel stores no more.
    unsafe { getsockopt(sock, level, option, (&raw mut value).cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(program, c"getsockopt", error));

    value
}

/// getsockopt(): returns the state of a TCP socket, the first byte of TCP_INFO.
pub fn tcp_state(program: &CStr, sock: c_int) -> c_uchar {
    let mut state: c_uchar = 0;
    let mut size = size_of::<c_uchar>() as socklen_t;

    // SAFETY: `size` is that of the variable.
    unsafe { getsockopt(sock, IPPROTO_TCP, TCP_INFO, (&raw mut state).cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(program, c"getsockopt", error));

    state
}

/// getsockopt(): returns what the kernel made of the backlog passed to listen(). It is reported nowhere else.
pub fn effective_backlog(program: &CStr, listener: c_int, requested: c_int) -> c_int {
    let mut size = offset_of!(tcp_info, tcpi_lost) as socklen_t;

    let mut info: tcp_info = zeroed();
    info.tcpi_sacked = requested as u32;

    // SAFETY: the variable has more bytes than `size` says.
    unsafe { getsockopt(listener, IPPROTO_TCP, TCP_INFO, (&raw mut info).cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(program, c"getsockopt", error));

    // The field before tcpi_lost is the backlog of a listening socket. If the kernel stores less, it stays as it is.
    info.tcpi_sacked as c_int
}

/// getsockopt(): stores how many segments a TCP socket has sent and received. If the kernel stores less, they stay 0.
pub fn count_segments(program: &CStr, sock: c_int, sent: &mut u32, received: &mut u32) {
    let mut info: [u32; SEGMENTS_IN + 1] = zeroed();
    let mut size = size_of::<[u32; SEGMENTS_IN + 1]>() as socklen_t;

    // SAFETY: `size` is the size of `info`.
    unsafe { getsockopt(sock, IPPROTO_TCP, TCP_INFO, info.as_mut_ptr().cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(program, c"getsockopt", error));

    *sent = info[SEGMENTS_OUT];
    *received = info[SEGMENTS_IN];
}

/// getsockopt(): returns how many connections are complete and wait for accept().
pub fn queue_length(program: &CStr, listener: c_int) -> c_int {
    let mut size = offset_of!(tcp_info, tcpi_sacked) as socklen_t;

    let mut info: tcp_info = zeroed();

    // SAFETY: the variable has more bytes than `size` says.
    unsafe { getsockopt(listener, IPPROTO_TCP, TCP_INFO, (&raw mut info).cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(program, c"getsockopt", error));

    // The field before tcpi_sacked is the length of a listening socket's queue.
    info.tcpi_unacked as c_int
}

/// setsockopt(): sets an option whose value is an int.
#[inline] // Rust: so that two equal calls of it stay two, each at its own line
pub fn set_option(program: &CStr, sock: c_int, level: c_int, option: c_int, value: c_int) {
    // SAFETY: the size is that of the variable.
    unsafe { setsockopt(sock, level, option, (&raw const value).cast(), size_of::<c_int>() as socklen_t) }
        .unwrap_or_else(|error| fail(program, c"setsockopt", error));
}

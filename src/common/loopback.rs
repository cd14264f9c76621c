//! What the programs that hold both ends of a connection do alike, before they come to what they show.
//!
//! `half_close`, `reference_count`, `socket_pair`, `buffer_size`, `linger`, `reuse_address`, `ttl_mtu`, `no_delay`
//! and `handshake` make their sockets here, on addresses of this machine; `socket_types` reads options here, and
//! `listen_backlog` the backlog. Each function makes the calls that its first line names, and ends the program with
//! 1 if one of them fails.
//!
//! `program` is who says so. `host` is an address in host byte order, as INADDR_LOOPBACK is: all of 127.0.0.0/8 is
//! this machine, so that each end can have an address of its own.

use crate::arpa::inet::htonl;
use crate::string::memset;
use crate::sys::socket::{accept, bind, connect, getsockname, getsockopt, setsockopt, socket};
use core::ffi::CStr;
use core::mem::{MaybeUninit, offset_of};
use core::ptr::null_mut;
use libc::{
    AF_INET, IPPROTO_TCP, PF_INET, SOCK_STREAM, TCP_INFO, c_int, c_uchar, in_addr_t, sa_family_t,
    sockaddr, sockaddr_in, socklen_t, tcp_info,
};

use crate::common::explain::fail;

/// socket(): makes a TCP socket, which has no address yet.
pub fn open_socket(program: &CStr) -> c_int {
    match socket(PF_INET, SOCK_STREAM, IPPROTO_TCP) {
        Ok(sock) => sock,
        Err(error) => fail(program, c"socket", error),
    }
}

/// bind(): gives a socket an address; the kernel chooses the port.
pub fn bind_to(program: &CStr, sock: c_int, host: in_addr_t) {
    let mut address = MaybeUninit::<sockaddr_in>::uninit();

    // SAFETY: the size is that of the variable.
    unsafe { memset(address.as_mut_ptr().cast(), 0, size_of::<sockaddr_in>()) };
    // SAFETY: a sockaddr_in consists of integers, and zero is a value of each.
    let mut address = unsafe { address.assume_init() };
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(host);

    // SAFETY: the size is that of the variable, which is filled in.
    if let Err(error) = unsafe {
        bind(sock, (&raw const address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t)
    } {
        fail(program, c"bind", error);
    }
}

/// socket() and bind(): makes a TCP socket that has an address.
pub fn bound_socket(program: &CStr, host: in_addr_t) -> c_int {
    let sock = open_socket(program);

    bind_to(program, sock, host);
    sock
}

/// getsockname(): asks for a socket's own address, and with it for the port that the kernel has chosen.
pub fn own_address(program: &CStr, sock: c_int) -> sockaddr_in {
    let mut address = MaybeUninit::<sockaddr_in>::uninit();
    let mut length = size_of::<sockaddr_in>() as socklen_t;

    // The address of another kind of socket may be shorter.
    // SAFETY: the size is that of the variable.
    unsafe { memset(address.as_mut_ptr().cast(), 0, size_of::<sockaddr_in>()) };

    if let Err(error) =
        // SAFETY: `length` is the size of `address`.
        unsafe {
            getsockname(sock, address.as_mut_ptr().cast::<sockaddr>(), &raw mut length)
        }
    {
        fail(program, c"getsockname", error);
    }

    // SAFETY: a sockaddr_in consists of integers, each of which is zero or what getsockname has stored.
    unsafe { address.assume_init() }
}

/// connect(): connects a socket to an address.
pub fn connect_to(program: &CStr, sock: c_int, address: &sockaddr_in) {
    // SAFETY: the size is that of the address, which is filled in.
    if let Err(error) = unsafe {
        connect(
            sock,
            (&raw const *address).cast::<sockaddr>(),
            size_of::<sockaddr_in>() as socklen_t,
        )
    } {
        fail(program, c"connect", error);
    }
}

/// socket(), bind() and connect(): connects a client that has an address of its own.
pub fn connect_client(program: &CStr, host: in_addr_t, server_address: &sockaddr_in) -> c_int {
    let client = bound_socket(program, host);

    connect_to(program, client, server_address);
    client
}

/// accept(): takes the oldest connection that waits, and does not ask whose it is.
pub fn accept_client(program: &CStr, listener: c_int) -> c_int {
    // SAFETY: both pointers are null.
    match unsafe { accept(listener, null_mut(), null_mut()) } {
        Ok(accepted) => accepted,
        Err(error) => fail(program, c"accept", error),
    }
}

/// getsockopt(): reads an option whose value is an int.
pub fn get_option(program: &CStr, sock: c_int, level: c_int, option: c_int) -> c_int {
    // A value from the start, since the kernel stores less of an option that has fewer bytes.
    let mut value: c_int = 0;
    let mut size = size_of::<c_int>() as socklen_t;

    if let Err(error) =
        // SAFETY: `size` is that of the variable, and the kernel stores no more.
        unsafe { getsockopt(sock, level, option, (&raw mut value).cast(), &raw mut size) }
    {
        fail(program, c"getsockopt", error);
    }

    value
}

/// getsockopt(): reads the state of a TCP socket, the first byte of TCP_INFO.
pub fn tcp_state(program: &CStr, sock: c_int) -> c_uchar {
    let mut state: c_uchar = 0;
    let mut size = size_of::<c_uchar>() as socklen_t;

    if let Err(error) =
        // SAFETY: `size` is that of the variable.
        unsafe {
            getsockopt(sock, IPPROTO_TCP, TCP_INFO, (&raw mut state).cast(), &raw mut size)
        }
    {
        fail(program, c"getsockopt", error);
    }

    state
}

/// getsockopt(): reads what the kernel has made of the backlog that listen() asked for. It says so nowhere else.
pub fn backlog_of(program: &CStr, listener: c_int, asked: c_int) -> c_int {
    let mut info = MaybeUninit::<tcp_info>::uninit();
    let mut size = offset_of!(tcp_info, tcpi_lost) as socklen_t;

    // SAFETY: the size is that of the variable.
    unsafe { memset(info.as_mut_ptr().cast(), 0, size_of::<tcp_info>()) };
    // SAFETY: a tcp_info consists of integers, and zero is a value of each.
    let mut info = unsafe { info.assume_init() };
    info.tcpi_sacked = asked as u32;

    if let Err(error) =
        // SAFETY: the variable has more bytes than `size` says.
        unsafe {
            getsockopt(listener, IPPROTO_TCP, TCP_INFO, (&raw mut info).cast(), &raw mut size)
        }
    {
        fail(program, c"getsockopt", error);
    }

    // The last field before tcpi_lost is the backlog if the socket listens. Where less is stored, it is what it was.
    info.tcpi_sacked as c_int
}

/// setsockopt(): sets an option whose value is an int.
#[inline] // Rust: so that two equal calls of it stay two, each at its own line
pub fn set_option(program: &CStr, sock: c_int, level: c_int, option: c_int, value: c_int) {
    // SAFETY: the size is that of the variable.
    if let Err(error) = unsafe {
        setsockopt(sock, level, option, (&raw const value).cast(), size_of::<c_int>() as socklen_t)
    } {
        fail(program, c"setsockopt", error);
    }
}

//! Socket address: an IP address and a port, as the kernel wants to have them.
//!
//! The tutorial's sections on IP, ports, loopback and the address structures (lines 71-82, 88-95 and
//! 143-168). It shows every field of a sockaddr_in where it lies in memory, the same bytes seen as a
//! sockaddr, the way from text to 32 bits and back, the class of the address, and what kind of port it is.
//!
//! Call: `socket_address IP PORT`. See `byte_order` for the order of the bytes.
//!
//! Class C ends at 223.255.255.255 (erratum 13), the well-known ports are 0 to 1023 (erratum 14), an
//! address is written with dots (erratum 15), and its bits are those that this program prints (erratum 16).
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::offset_of;
use libc::{
    AF_INET, INADDR_NONE, c_int, c_uchar, c_uint, c_ulong, in_addr, in_addr_t, in_port_t, sa_family_t, size_t,
    sockaddr, sockaddr_in,
};
use sockmirror::arpa::inet::{htons, inet_addr, inet_ntoa, ntohl};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::zeroed;

use sockmirror::common::command_line::{address_argument, check_arguments, number_argument};
use sockmirror::common::explain::succeed;

const PROGRAM: &CStr = c"socket_address";
const USAGE: &CStr = c"./socket_address IP PORT";

sockmirror::entry!(main);

/// Prints a field of a structure: where it begins, how long it is, and its bytes as they lie in memory.
///
/// # Safety
///
/// `offset + size` bytes at `addr` may be read.
unsafe fn show(name: &CStr, addr: *const sockaddr, offset: size_t, size: size_t) {
    let bytes = addr.cast::<c_uchar>();
    let mut i = offset;

    printf!(c"  %2zu  %2zu  %-10s", offset, size, name);

    while i < offset + size {
        // SAFETY: the caller vouches for the bytes up to `offset + size`.
        let byte = unsafe { *bytes.wrapping_add(i) };

        printf!(c" %02x", c_uint::from(byte));
        i += 1;
    }

    printf!(c"\n");
}

/// Prints 32 bits, the highest first, in groups of eight.
fn show_bits(number: in_addr_t) {
    for i in (0..=31).rev() {
        let bit: c_uint = (number >> i) & 1;

        printf!(c"%s%u", if i % 8 == 7 { c" " } else { c"" }, bit);
    }

    printf!(c"\n");
}

/// The class of an address in host order: its first bits are 0, 10, 110, 1110 or 1111.
fn class_of(address: in_addr_t) -> &'static CStr {
    if address >> 31 == 0 {
        return c"A, 0.0.0.0 - 127.255.255.255";
    }
    if address >> 30 == 2 {
        return c"B, 128.0.0.0 - 191.255.255.255";
    }
    if address >> 29 == 6 {
        return c"C, 192.0.0.0 - 223.255.255.255";
    }
    if address >> 28 == 14 {
        return c"D, 224.0.0.0 - 239.255.255.255: a multicast group";
    }
    c"E, 240.0.0.0 - 255.255.255.255: reserved"
}

/// The kind of a port, as IANA divides the 16 bits.
fn kind_of(port: in_port_t) -> &'static CStr {
    if port < 1024 {
        return c"well-known, 0 - 1023";
    }
    if port < 49152 {
        return c"registered, 1024 - 49151";
    }
    c"dynamic, 49152 - 65535"
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    // [1] Take the address and the port from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 2);

    // [2] Fill in the structure: address and port in network order, the rest zero
    let mut addr: sockaddr_in = zeroed();
    addr.sin_family = AF_INET as sa_family_t;
    addr.sin_addr = address_argument(PROGRAM, USAGE, c"IP", argv[1]);
    // Rust: C makes the number 16 bits without a word; they hold all that is taken.
    let port = number_argument(PROGRAM, USAGE, c"PORT", argv[2], 10, 0, 65535) as in_port_t;
    addr.sin_port = htons(port);

    // [3] Show its fields
    let any = (&raw const addr).cast::<sockaddr>();
    printf!(c"struct sockaddr_in has %zu bytes (offset, size, field, bytes):\n", size_of::<sockaddr_in>());
    // SAFETY: the first field of `addr`, and its size.
    unsafe { show(c"sin_family", any, offset_of!(sockaddr_in, sin_family), size_of::<sa_family_t>()) };
    // SAFETY: the second field of `addr`, and its size.
    unsafe { show(c"sin_port", any, offset_of!(sockaddr_in, sin_port), size_of::<in_port_t>()) };
    // SAFETY: the third field of `addr`, and its size.
    unsafe { show(c"sin_addr", any, offset_of!(sockaddr_in, sin_addr), size_of::<in_addr>()) };
    // SAFETY: the last field of `addr`, and what is left for it.
    unsafe { show(c"sin_zero", any, offset_of!(sockaddr_in, sin_zero), addr.sin_zero.len()) };

    // [4] Show the same bytes as the structure that bind, connect and accept take, for any family
    printf!(c"struct sockaddr has %zu bytes:\n", size_of::<sockaddr>());
    // SAFETY: the first field, which is that of `addr` as well.
    unsafe { show(c"sa_family", any, offset_of!(sockaddr, sa_family), size_of::<sa_family_t>()) };
    let data = offset_of!(sockaddr, sa_data);
    // SAFETY: the rest; the two structures have the same size.
    unsafe { show(c"sa_data", any, data, size_of::<sockaddr>() - data) };

    // Erratum 9: the tutorial has an unsigned long.
    printf!(c"s_addr has %zu bytes; an unsigned long has %zu.\n\n", size_of::<in_addr_t>(), size_of::<c_ulong>());

    // [5] Turn the text into 32 bits and back
    // SAFETY: argv[1] is a C string: it was taken above.
    let address = unsafe { inet_addr(argv[1].as_ptr()) };
    let host_address = ntohl(address);
    printf!(c"inet_addr gives 0x%08x (host order), the bits", host_address);
    show_bits(host_address);

    // inet_addr has the one value for both, inet_aton says on its own whether it could read the text.
    if address == INADDR_NONE {
        printf!(c"That is INADDR_NONE, which also means an error; inet_aton says: no error.\n");
    }

    printf!(c"inet_ntoa gives %s.\n\n", inet_ntoa(addr.sin_addr));

    // [6] Say what kind of address and of port they are
    let loopback = host_address >> 24 == 127;
    printf!(
        c"Class:     %s\nLoopback:  %s\nPort %-5u %s\n",
        class_of(host_address),
        if loopback { c"yes, 127.0.0.0 - 127.255.255.255" } else { c"no" },
        c_uint::from(port),
        kind_of(port)
    );

    succeed(PROGRAM);
}

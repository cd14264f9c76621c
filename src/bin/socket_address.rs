//! Socket address: an IP address and a port, in the form that the kernel takes.
//!
//! The tutorial's sections on IP, ports, loopback and the address structures (lines 71-82, 88-95 and 143-168). It shows
//! where every field of a sockaddr_in lies in memory, the same bytes seen as a sockaddr, the conversion from text to 32
//! bits and back, the class of the address, the range that the port is in, and the services that have names for ports.
//!
//! Usage: `socket_address IP PORT`. Byte order is the subject of `byte_order`. Read next: `resolve`.
//!
//! Class C ends at 223.255.255.255 (erratum 13), the well-known ports are 0 to 1023 (erratum 14), an address is written
//! with dots (erratum 15), and its bits are those that this program prints (erratum 16).
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::offset_of;
use core::ptr::null;
use libc::{
    AF_INET, INADDR_NONE, c_int, c_uchar, c_uint, c_ulong, in_addr, in_addr_t, in_port_t, sa_family_t, size_t,
    sockaddr, sockaddr_in,
};
use sockmirror::arpa::inet::{htons, inet_addr, inet_ntoa, ntohl, ntohs};
use sockmirror::netdb::{getservbyname, getservbyport};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::string::zeroed;

use sockmirror::common::command_line::{address_argument, check_arguments, number_argument};
use sockmirror::common::explain::succeed;

const PROGRAM: &CStr = c"socket_address";
const USAGE: &CStr = c"./socket_address IP PORT";

sockmirror::entry!(main);

/// Prints a field of a structure: its offset, its size, and its bytes in memory order.
fn print_field(name: &CStr, addr: &sockaddr, offset: size_t, size: size_t) {
    // SAFETY: a sockaddr consists of so many bytes, without padding.
    let bytes = unsafe { &*(&raw const *addr).cast::<[c_uchar; size_of::<sockaddr>()]>() };

    printf!(c"  %2zu  %2zu  %-10s", offset, size, name);

    for i in 0..size {
        printf!(c" %02x", c_uint::from(bytes[offset + i]));
    }

    printf!(c"\n");
}

/// Prints 32 bits, the highest first, in groups of eight.
fn print_bits(number: in_addr_t) {
    for i in (0..=31).rev() {
        printf!(c"%s%u", if i % 8 == 7 { c" " } else { c"" }, (number >> i) & 1);
    }

    printf!(c"\n");
}

/// Returns the class of an address in host byte order: its first bits are 0, 10, 110, 1110 or 1111.
fn address_class(address: in_addr_t) -> &'static CStr {
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

/// Returns the IANA range that a port is in.
fn port_range(port: in_port_t) -> &'static CStr {
    if port < 1024 {
        return c"well-known, 0 - 1023";
    }
    if port < 49152 {
        return c"registered, 1024 - 49151";
    }
    c"dynamic, 49152 - 65535"
}

/// Prints the port of a service, whatever the protocol.
fn print_service(name: &CStr) {
    // SAFETY: `name` is a C string, and there is one thread.
    let service = unsafe { getservbyname(name.as_ptr(), null()) };

    if service.is_null() {
        printf!(c"Service:   %s is unknown here\n", name);
    } else {
        // SAFETY: getservbyname has filled the structure in, and nothing has been looked up since.
        let service = unsafe { &*service };
        printf!(c"Service:   %s is port %u\n", name, c_uint::from(ntohs(service.s_port as in_port_t)));
    }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    // [1] Take the address and the port from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 2);

    // [2] Fill in the structure: address and port in network byte order, the rest zero
    let mut addr: sockaddr_in = zeroed();
    addr.sin_family = AF_INET as sa_family_t;
    addr.sin_addr = address_argument(PROGRAM, USAGE, c"IP", argv[1]);
    // Rust: C narrows the number to 16 bits implicitly; it fits.
    let port = number_argument(PROGRAM, USAGE, c"PORT", argv[2], 10, 0, 65535) as in_port_t;
    addr.sin_port = htons(port);

    // [3] Print its fields
    // SAFETY: a sockaddr_in has the size of a sockaddr, and is aligned for one.
    let generic = unsafe { &*(&raw const addr).cast::<sockaddr>() };
    printf!(c"struct sockaddr_in has %zu bytes (offset, size, field, bytes):\n", size_of::<sockaddr_in>());
    print_field(c"sin_family", generic, offset_of!(sockaddr_in, sin_family), size_of::<sa_family_t>());
    print_field(c"sin_port", generic, offset_of!(sockaddr_in, sin_port), size_of::<in_port_t>());
    print_field(c"sin_addr", generic, offset_of!(sockaddr_in, sin_addr), size_of::<in_addr>());
    print_field(c"sin_zero", generic, offset_of!(sockaddr_in, sin_zero), addr.sin_zero.len());

    // [4] Print the same bytes as a struct sockaddr, which bind, connect and accept take for any family
    printf!(c"struct sockaddr has %zu bytes:\n", size_of::<sockaddr>());
    print_field(c"sa_family", generic, offset_of!(sockaddr, sa_family), size_of::<sa_family_t>());
    let data_offset = offset_of!(sockaddr, sa_data);
    print_field(c"sa_data", generic, data_offset, size_of::<sockaddr>() - data_offset);

    // Erratum 9: the tutorial has an unsigned long.
    printf!(c"s_addr has %zu bytes; an unsigned long has %zu.\n\n", size_of::<in_addr_t>(), size_of::<c_ulong>());

    // [5] Convert the text to 32 bits and back
    // SAFETY: address_argument accepted argv[1], so it is not null.
    let address = unsafe { inet_addr(argv[1].as_ptr()) };
    let host_address = ntohl(address);
    printf!(c"inet_addr gives 0x%08x (host order), the bits", host_address);
    print_bits(host_address);

    // inet_addr returns this value for an error, too; inet_aton returns success or failure apart from the address.
    if address == INADDR_NONE {
        printf!(c"That is INADDR_NONE, which also means an error; inet_aton says: no error.\n");
    }

    printf!(c"inet_ntoa gives %s.\n\n", inet_ntoa(addr.sin_addr));

    // [6] Classify the address
    let loopback = host_address >> 24 == 127;
    printf!(
        c"Class:     %s\nLoopback:  %s\n",
        address_class(host_address),
        if loopback { c"yes, 127.0.0.0 - 127.255.255.255" } else { c"no" }
    );

    // [7] Classify the port, and look up its service, usually in /etc/services
    // SAFETY: there is one thread.
    let service = unsafe { getservbyport(c_int::from(addr.sin_port), null()) };
    printf!(c"Port %-5u %s", c_uint::from(port), port_range(port));

    if !service.is_null() {
        // SAFETY: getservbyport has filled the structure in, and nothing has been looked up since.
        let service = unsafe { &*service };
        // SAFETY: the name is a C string.
        printf!(c" (%s)", unsafe { CStr::from_ptr(service.s_name) });
    }

    printf!(c"\n");

    // [8] Look up the ports of two services by their names
    print_service(c"echo");
    print_service(c"http");

    succeed(PROGRAM);
}

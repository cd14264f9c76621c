//! Byte order: how this machine stores a number in memory, and how the network expects it.
//!
//! The tutorial's section on byte ordering (lines 170-204). It shows the bytes of a number before and after htonl (32
//! bits) and htons (16 bits), that ntohl and ntohs undo the conversion, and which byte order this machine has.
//!
//! The order matters between equal machines, too (erratum 45): ports and addresses are in headers, whose order is the
//! network's. Without htons a program means another port than everybody who converts it.
//!
//! Usage: `byte_order [VALUE]`; the default is 0x01020304. Read next: `socket_address`, which uses htons.
//!
//! The tutorial's figure numbers the bytes from the lowest, so its number is 0x04030201.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{c_int, c_long, c_short, c_uchar, c_uint, c_void, size_t};
use sockmirror::arpa::inet::{htonl, htons, ntohl, ntohs};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;

use sockmirror::common::command_line::{check_arguments, number_argument};
use sockmirror::common::explain::succeed;

const PROGRAM: &CStr = c"byte_order";
const USAGE: &CStr = c"./byte_order [VALUE]";
// The port of the tutorial's server.
const PORT: u16 = 5000;

sockmirror::entry!(main);

/// Prints bytes in memory order.
///
/// # Safety
///
/// `number` points to `size` bytes that may be read.
unsafe fn print_bytes(number: *const c_void, size: size_t) {
    let bytes = number.cast::<c_uchar>();

    for i in 0..size {
        // SAFETY: the caller vouches for `size` bytes.
        printf!(c" %02x", c_uint::from(unsafe { *bytes.wrapping_add(i) }));
    }
}

/// Prints 32 bits: their bytes, and the number that this machine reads in them.
fn print_long(name: &CStr, number: u32) {
    printf!(c"  %-13s", name);
    // SAFETY: the size is that of the number.
    unsafe { print_bytes((&raw const number).cast(), size_of::<u32>()) };
    printf!(c"    0x%08x\n", number);
}

/// Prints 16 bits in the same way.
fn print_short(name: &CStr, number: u16) {
    printf!(c"  %-13s", name);
    // SAFETY: the size is that of the number.
    unsafe { print_bytes((&raw const number).cast(), size_of::<u16>()) };
    printf!(c"          0x%04x\n", c_uint::from(number));
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    // Erratum 10: the tutorial has long and short, but these functions take and return exactly 32 and 16 bits.

    // [1] Take the number from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    let mut host_long: u32 = 0x0102_0304;

    if argc > 1 {
        // Rust: C narrows the number to 32 bits implicitly; it fits.
        host_long = number_argument(PROGRAM, USAGE, c"VALUE", argv[1], 0, 0, 4_294_967_295) as u32;
    }

    // [2] See which byte of the number 1 comes first in memory
    let one: u16 = 1;
    // SAFETY: a u16 has a first byte.
    let first = unsafe { *(&raw const one).cast::<c_uchar>() };
    printf!(
        c"This machine is %s.\n",
        if first == 1 {
            c"little-endian: the lowest byte comes first"
        } else {
            c"big-endian: the highest byte comes first"
        }
    );
    printf!(c"The network is big-endian.\n\n");

    // [3] Convert 32 bits, such as an address, to network byte order and back
    let net_long = htonl(host_long);
    printf!(c"32 bits         in memory      read here\n");
    print_long(c"the number", host_long);
    print_long(c"after htonl", net_long);
    print_long(c"then ntohl", ntohl(net_long));

    // [4] Do the same with 16 bits, such as a port: the low half of the number
    let host_short = (host_long & 0xffff) as u16;
    let net_short = htons(host_short);
    printf!(c"\n16 bits         in memory      read here\n");
    print_short(c"its low half", host_short);
    print_short(c"after htons", net_short);
    print_short(c"then ntohs", ntohs(net_short));

    // [5] Forget htons: in a header, the bytes of the port are another number
    let wrong_port = ntohs(PORT);
    printf!(
        c"\nPort %d without htons is %d%s.\n",
        c_int::from(PORT),
        c_int::from(wrong_port),
        if wrong_port == PORT { c", the same" } else { c"" }
    );

    // [6] Compare with the types that the tutorial has for these functions
    printf!(c"htonl gives %zu bytes; a long has %zu.\n", size_of::<u32>(), size_of::<c_long>());
    printf!(
        c"htons gives %zu bytes without a sign, here %u; in a short it would be %d.\n",
        size_of::<u16>(),
        c_uint::from(net_short),
        c_int::from(net_short as c_short)
    );

    succeed(PROGRAM);
}

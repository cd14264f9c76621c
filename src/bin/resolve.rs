//! Resolve: every IPv4 address of a name.
//!
//! The tutorial says that people use names and computers use addresses (lines 84-86), and queries a name server with
//! nslookup (lines 525-531). A program calls getaddrinfo, which looks wherever this machine is configured to: usually
//! in /etc/hosts first, then at a name server. A name may have several addresses. The list may contain the same one
//! twice: glibc takes a ::1 in /etc/hosts for 127.0.0.1.
//!
//! Usage: `resolve NAME`, such as `resolve localhost`. Read next: `socket_types`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::ptr;
use libc::{AF_INET, EAI_SYSTEM, SOCK_STREAM, addrinfo, c_int, in_addr, sockaddr_in};
use sockmirror::arpa::inet::inet_ntoa;
use sockmirror::errno::errno;
use sockmirror::netdb::{freeaddrinfo, gai_strerror, getaddrinfo};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, printf, stderr};
use sockmirror::stdlib::exit;
use sockmirror::string::zeroed;

use sockmirror::common::command_line::{check_arguments, string_argument};
use sockmirror::common::explain::{fail, succeed};

const PROGRAM: &CStr = c"resolve";
const USAGE: &CStr = c"./resolve NAME";

sockmirror::entry!(main);

/// Returns the address of an entry: in the family AF_INET, ai_addr points to a sockaddr_in.
///
/// # Safety
///
/// `entry` is in a list that getaddrinfo made for AF_INET.
unsafe fn address_of(entry: *const addrinfo) -> in_addr {
    // SAFETY: the caller vouches for the entry.
    let address = unsafe { (*entry).ai_addr }.cast::<sockaddr_in>();
    // SAFETY: the family is AF_INET.
    unsafe { (*address).sin_addr }
}

/// Whether an earlier entry of the list has the same address.
///
/// # Safety
///
/// `first` is a list that getaddrinfo made for AF_INET, and `entry` is in it.
unsafe fn is_repeated(first: *const addrinfo, entry: *const addrinfo) -> bool {
    let mut earlier = first;

    while earlier != entry {
        // SAFETY: both are in the list.
        if unsafe { address_of(earlier) }.s_addr == unsafe { address_of(entry) }.s_addr {
            return true;
        }

        // SAFETY: `earlier` comes before `entry` in the list.
        earlier = unsafe { (*earlier).ai_next };
    }

    false
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut first: *mut addrinfo = ptr::null_mut();
    let mut count: c_int;

    // [1] Take the name from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    let name = string_argument(PROGRAM, USAGE, c"NAME", argv[1]);

    // [2] Ask for IPv4 only, and for one socket type: otherwise each address is listed once per type
    let mut hints: addrinfo = zeroed();
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;

    // [3] Look up the addresses of the name, without a port
    // SAFETY: `name` is not null, `hints` is filled in, and there is one thread.
    let status = unsafe { getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut first) };

    // [4] If the lookup failed, say why: only EAI_SYSTEM comes with an errno
    if status == EAI_SYSTEM {
        fail(PROGRAM, c"getaddrinfo", errno());
    }

    if status != 0 {
        fprintf!(stderr(), c"%s: getaddrinfo: \"%s\": %s\n", PROGRAM, name, gai_strerror(status));
        exit(1);
    }

    // [5] Walk the list, and print each address once
    printf!(c"Addresses of %s:\n", name);
    count = 0;

    let mut entry = first;

    while !entry.is_null() {
        // SAFETY: `entry` is in the list `first`, which is not freed yet.
        if !unsafe { is_repeated(first, entry) } {
            // SAFETY: `entry` is in the list.
            printf!(c"%s\n", inet_ntoa(unsafe { address_of(entry) }));
            count += 1;
        }

        // SAFETY: `entry` is in the list.
        entry = unsafe { (*entry).ai_next };
    }

    printf!(c"Number of addresses: %d\n", count);

    // [6] Free the list
    // SAFETY: getaddrinfo made the list, and nothing uses it afterwards.
    unsafe { freeaddrinfo(first) };
    succeed(PROGRAM);
}

//! Resolve: every IPv4 address behind a name.
//!
//! The tutorial says that people use names and computers addresses (lines 84-86), and asks a name server about
//! one with nslookup (lines 525-531). A program asks getaddrinfo, which looks wherever this machine is set up
//! to look: usually in /etc/hosts first, and then at a name server. One name may have several addresses. The
//! list may have the same one again: glibc takes an ::1 of /etc/hosts for 127.0.0.1.
//!
//! Call: `resolve NAME`, as in `resolve localhost`. Read next: `socket_address`, which takes an address apart.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr;
use libc::{AF_INET, EAI_SYSTEM, SOCK_STREAM, addrinfo, c_int, sockaddr_in};
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

/// Whether the address of an entry is that of one before it in the list, too.
///
/// # Safety
///
/// `first` is a list of getaddrinfo, with addresses of the family AF_INET only, and `entry` is in it.
unsafe fn is_repeated(first: *const addrinfo, entry: *const addrinfo) -> bool {
    // SAFETY: the caller vouches that `entry` is in the list.
    let address = unsafe { (*entry).ai_addr }.cast::<sockaddr_in>();
    // SAFETY: the address is of the family AF_INET.
    let address = unsafe { &*address };
    let mut earlier = first;

    while earlier != entry {
        // SAFETY: `earlier` comes before `entry` in the list.
        let other = unsafe { (*earlier).ai_addr }.cast::<sockaddr_in>();
        // SAFETY: the address is of the family AF_INET.
        let other = unsafe { &*other };

        if other.sin_addr.s_addr == address.sin_addr.s_addr {
            return true;
        }

        // SAFETY: `earlier` comes before `entry` in the list.
        earlier = unsafe { (*earlier).ai_next };
    }

    false
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut first = MaybeUninit::<*mut addrinfo>::uninit();
    let mut count: c_int;

    // [1] Take the name from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    let name = string_argument(PROGRAM, USAGE, c"NAME", argv[1]);

    // [2] Say what is wanted: IPv4, and an address for one type of socket, not for every one
    let mut hints: addrinfo = zeroed();
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;

    // [3] Ask for the addresses of the name; no port is wanted
    // SAFETY: `name` is a C string, `hints` is filled in, and `first` may be written; there is one thread.
    let status = unsafe { getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, first.as_mut_ptr()) };

    // [4] Tell a name without an address from a question that could not be asked: only then errno knows why
    if status == EAI_SYSTEM {
        fail(PROGRAM, c"getaddrinfo", errno());
    }

    if status != 0 {
        fprintf!(stderr(), c"%s: getaddrinfo: \"%s\": %s\n", PROGRAM, name, gai_strerror(status));
        exit(1);
    }

    // [5] Walk through the list of addresses, and tell each once
    // SAFETY: getaddrinfo has succeeded, and stored the list.
    let first = unsafe { first.assume_init() };
    printf!(c"Addresses of %s:\n", name);
    count = 0;

    let mut entry = first;

    while !entry.is_null() {
        // Of the family AF_INET, an address is a sockaddr_in.
        // SAFETY: `entry` is in the list of getaddrinfo, which is not given back yet.
        let address = unsafe { (*entry).ai_addr }.cast::<sockaddr_in>();
        // SAFETY: the list holds only addresses of the family that was asked for.
        let address = unsafe { &*address };

        // SAFETY: `entry` is in the list of getaddrinfo, which is not given back yet.
        if !unsafe { is_repeated(first, entry) } {
            printf!(c"%s\n", inet_ntoa(address.sin_addr));
            count += 1;
        }

        // SAFETY: `entry` is in the list of getaddrinfo, which is not given back yet.
        entry = unsafe { (*entry).ai_next };
    }

    printf!(c"Number of addresses: %d\n", count);

    // [6] Give the list back
    // SAFETY: getaddrinfo has made the list, and nothing uses it any more.
    unsafe { freeaddrinfo(first) };
    succeed(PROGRAM);
}

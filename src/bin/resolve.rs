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
use libc::{AF_INET, EAI_SYSTEM, SOCK_STREAM, addrinfo, c_char, c_int, sockaddr_in};
use sockmirror::arpa::inet::inet_ntoa;
use sockmirror::errno::errno;
use sockmirror::netdb::{freeaddrinfo, gai_strerror, getaddrinfo};
use sockmirror::runtime::arguments;
use sockmirror::stdio::{fprintf, printf, stderr};
use sockmirror::stdlib::exit;
use sockmirror::string::memset;

use sockmirror::common::command_line::{check_arguments, word_argument};
use sockmirror::common::explain::{fail, succeed};

const PROGRAM: &CStr = c"resolve";
const USAGE: &CStr = c"./resolve NAME";

sockmirror::panic_handler!();

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

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *mut *mut c_char) -> c_int {
    let mut hints = MaybeUninit::<addrinfo>::uninit();
    let mut first = MaybeUninit::<*mut addrinfo>::uninit();
    let mut count: c_int;
    // SAFETY: the C start-up code passes as many strings as argc says, for as long as the process lives.
    let argv = unsafe { arguments(argc, argv) };

    // [1] Take the name from the command line
    // SAFETY: argv was made with this argc.
    unsafe { check_arguments(PROGRAM, USAGE, argc, argv, 1) };
    // SAFETY: argv[1] is a C string, or null if there is none.
    let name = unsafe { word_argument(PROGRAM, USAGE, c"NAME", argv[1]) };

    // [2] Say what is wanted: IPv4, and an address for one type of socket, not for every one
    // SAFETY: the size is that of the variable.
    unsafe { memset(hints.as_mut_ptr().cast(), 0, size_of::<addrinfo>()) };
    // SAFETY: an addrinfo consists of integers and pointers, and zero is a value of each.
    let mut hints = unsafe { hints.assume_init() };
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;

    // [3] Ask for the addresses of the name; no port is wanted
    // SAFETY: `name` is a C string, `hints` is filled in, and `first` may be written; there is one thread.
    let status = unsafe { getaddrinfo(name, ptr::null(), &raw const hints, first.as_mut_ptr()) };

    // [4] Tell a name without an address from a question that could not be asked: only then errno knows why
    if status == EAI_SYSTEM {
        fail(PROGRAM, c"getaddrinfo", errno());
    }

    if status != 0 {
        // SAFETY: three C strings, as the format asks.
        unsafe {
            fprintf(
                stderr(),
                c"%s: getaddrinfo: \"%s\": %s\n".as_ptr(),
                PROGRAM.as_ptr(),
                name,
                gai_strerror(status),
            )
        };
        exit(1);
    }

    // [5] Walk through the list of addresses, and tell each once
    // SAFETY: getaddrinfo has succeeded, and stored the list.
    let first = unsafe { first.assume_init() };
    // SAFETY: a C string, as the format asks.
    unsafe { printf(c"Addresses of %s:\n".as_ptr(), name) };
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
            // SAFETY: a C string, as the format asks.
            unsafe { printf(c"%s\n".as_ptr(), inet_ntoa(address.sin_addr)) };
            count += 1;
        }

        // SAFETY: `entry` is in the list of getaddrinfo, which is not given back yet.
        entry = unsafe { (*entry).ai_next };
    }

    // SAFETY: an int, as the format asks.
    unsafe { printf(c"Number of addresses: %d\n".as_ptr(), count) };

    // [6] Give the list back
    // SAFETY: getaddrinfo has made the list, and nothing uses it any more.
    unsafe { freeaddrinfo(first) };
    succeed(PROGRAM);
}

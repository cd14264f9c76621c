//! What reports an error in another way: `strtol`, `malloc`, `realloc`, `getaddrinfo`, `getservbyname`, `getservbyport`; and
//! `getifaddrs`.

use std::ptr::{null, null_mut};

use crate::world::*;
use errno::{errno, set_errno};
use libc::{addrinfo, c_int, c_long};
use sockmirror::ifaddrs::getifaddrs;
use sockmirror::netdb::{getaddrinfo, getservbyname, getservbyport};
use sockmirror::stdlib::{malloc, realloc, strtol};

/// `errno` after a number was read.
fn number(digits: &str, base: c_int) -> c_int {
    set_errno(errno::Errno(0));
    let number: c_long = c!(strtol(text(digits), null_mut(), base));
    std::hint::black_box(number);
    errno().0
}

/// `errno` after memory was asked for.
fn memory(address: *mut libc::c_void) -> c_int {
    if address.is_null() { errno().0 } else { 0 }
}

/// `getaddrinfo` with a flag, a family and a type of socket.
fn resolved(node: &str, service: Option<&str>, hints: [c_int; 3]) -> c_int {
    let wanted: *mut addrinfo = zero();
    c!((*wanted).ai_flags = hints[0]);
    c!((*wanted).ai_family = hints[1]);
    c!((*wanted).ai_socktype = hints[2]);
    let service = service.map_or(null_mut(), text);
    c!(getaddrinfo(text(node), service, wanted, new(null_mut())))
}

rows! {
    strtol {
        "a number" => OK: number("80x", 10);
        "no digit" => OK: number("x", 10);
        "too large" => ERANGE: number("9223372036854775808", 10);
        "too small" => ERANGE: number("-9223372036854775809", 10);
        "base 1" => EINVAL: number("1", 1);
        "base 37" => EINVAL: number("1", 37);
    }
    malloc {
        "a byte" => OK: memory(malloc(1));
        "more than all addresses" => ENOMEM: memory(malloc(usize::MAX));
        "more than the address space may be" => ENOMEM: {
            limit(libc::RLIMIT_AS, 1 << 30);
            memory(malloc(1 << 31))
        };
    }
    realloc {
        "larger" => OK: memory(realloc(malloc(1), 2));
        "more than all addresses" => ENOMEM: memory(realloc(malloc(1), usize::MAX));
    }
    getaddrinfo {
        "an address" => OK: resolved("127.0.0.1", Some("80"), [0, libc::AF_INET, libc::SOCK_STREAM]);
        "an unknown flag" => EAI_BADFLAGS: resolved("127.0.0.1", None, [0x4000_0000, 0, 0]);
        "AI_CANONNAME of no name" => EAI_BADFLAGS: {
            let hints: *mut addrinfo = zero();
            (*hints).ai_flags = libc::AI_CANONNAME;
            getaddrinfo(null(), text("80"), hints, new(null_mut()))
        };
        "a family that IP lacks" => EAI_FAMILY: resolved("127.0.0.1", None, [0, libc::AF_NETLINK, 0]);
        "an IPv4 address, IPv6 only" => EAI_ADDRFAMILY: {
            resolved("127.0.0.1", None, [libc::AI_NUMERICHOST, libc::AF_INET6, 0])
        };
        "a name that is not a number, AI_NUMERICHOST" => EAI_NONAME: {
            resolved("localhost", None, [libc::AI_NUMERICHOST, libc::AF_INET, 0])
        };
        "neither name nor service" => EAI_NONAME: getaddrinfo(null(), null(), null(), new(null_mut()));
        "a service that is not a number, AI_NUMERICSERV" => EAI_NONAME: {
            resolved("127.0.0.1", Some("http"), [libc::AI_NUMERICSERV, libc::AF_INET, libc::SOCK_STREAM])
        };
        "a service that does not exist" => EAI_SERVICE: {
            resolved("127.0.0.1", Some("nonexistent"), [0, libc::AF_INET, libc::SOCK_STREAM])
        };
        "a type of socket that does not exist" => EAI_SOCKTYPE: resolved("127.0.0.1", None, [0, libc::AF_INET, 99]);
    }
    getservbyname {
        "no such service" => OK: getservbyname(text("nonexistent"), null()).is_null();
        "no such protocol" => OK: getservbyname(text("echo"), text("nonexistent")).is_null();
    }
    getservbyport {
        "a port without a service" => OK: getservbyport(0, null()).is_null();
        "no such protocol" => OK: getservbyport(7_u16.to_be().into(), text("nonexistent")).is_null();
    }
    getifaddrs {
        "the interfaces" => OK: getifaddrs(new(null_mut()));
        "no descriptor is left" => EMFILE: {
            limit(libc::RLIMIT_NOFILE, 3);
            getifaddrs(new(null_mut()))
        };
    }
}

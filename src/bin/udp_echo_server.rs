//! UDP echo server: sends every datagram back to its sender.
//!
//! The tutorial describes UDP (lines 62-65) without a listing. There is no connection: no listen and no accept, one
//! socket serves every client, and each datagram comes with its sender's address. A datagram arrives whole and goes
//! back whole, even an empty one; two are never joined.
//!
//! Usage: `udp_echo_server [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one. SIGTERM or Ctrl-C ends it.
//! Read next: `udp_echo_client`, which sends to it (`udp_echo_client 127.0.0.1 WORD PORT`).
//!
//! A sender's address is easily forged. A datagram that seems to come from another echo service would go back and forth
//! between the two forever (CVE-1999-0103). So a datagram from a well-known port, 0 to 1023, or from the server's own
//! port gets no answer. An echo service on any other port cannot be told from a client.
//!
//! A shortcut: on a machine with several addresses, the kernel chooses the one that an answer comes from. It need not
//! be the one that the client sent to, and udp_echo_client accepts no answer from another. With -l there is one address
//! only, which the answers come from.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    AF_INET, EINTR, ENOBUFS, ENOMEM, INADDR_ANY, IPPROTO_UDP, MSG_DONTWAIT, PF_INET, SOCK_DGRAM, c_char, c_int, c_long,
    in_port_t, sa_family_t, size_t, sockaddr, sockaddr_in, socklen_t, timespec,
};
use sockmirror::arpa::inet::{htonl, htons, inet_ntoa, ntohs};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fflush, fprintf, printf, stderr, stdout};
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{bind, getsockname, recvfrom, sendto, socket};
use sockmirror::time::nanosleep;

use sockmirror::common::explain::{explain_errno, fail};
use sockmirror::server::start::{read_settings, reset_inherited_state};

const PROGRAM: &CStr = c"udp_echo_server";
const USAGE: &CStr = c"./udp_echo_server [-l ADDRESS] PORT
  -l  listen on this address only (0.0.0.0: on all)";
// The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header.
const DATAGRAM_SIZE: usize = 65507;
// How long to back off when the system is out of memory.
const BACKOFF_NS: c_long = 100_000_000;
// The ports below are those of well-known services.
const MIN_CLIENT_PORT: in_port_t = 1024;

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let backoff = timespec { tv_sec: 0, tv_nsec: BACKOFF_NS };
    let mut client_address: sockaddr_in = zeroed();
    let mut address_length: socklen_t;
    let mut last_error = 0;
    let mut buffer = MaybeUninit::<[c_char; DATAGRAM_SIZE]>::uninit();

    // [1] Take address and port from the command line, and nothing else from whoever started the server
    // SAFETY: nothing was done before.
    unsafe { reset_inherited_state(PROGRAM) };
    let settings = read_settings(PROGRAM, USAGE, c"+:l:h", argc, argv);

    // [2] Create the datagram socket
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // [3] Fill in the server's address: the port, on every interface unless -l names an address
    let mut server_address: sockaddr_in = zeroed();
    server_address.sin_family = AF_INET as sa_family_t;
    server_address.sin_addr = settings.address;
    server_address.sin_port = htons(settings.port);

    // [4] Bind the socket to the address: from here on it receives datagrams
    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(sock, (&raw const server_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    // [5] Read the port back: the kernel has chosen one if it was 0
    address_length = size_of::<sockaddr_in>() as socklen_t;

    // SAFETY: `address_length` is the size of `server_address`.
    unsafe { getsockname(sock, (&raw mut server_address).cast::<sockaddr>(), &raw mut address_length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockname", error));

    let server_port = ntohs(server_address.sin_port);

    if settings.address.s_addr == htonl(INADDR_ANY) {
        printf!(c"Waiting for datagrams on port %d; nobody connects\n", c_int::from(server_port));
    } else {
        printf!(
            c"Waiting for datagrams on %s, port %d; nobody connects\n",
            inet_ntoa(settings.address),
            c_int::from(server_port)
        );
    }

    // Rust: C ignores what fflush returns.
    _ = fflush(stdout());

    loop {
        address_length = size_of::<sockaddr_in>() as socklen_t;

        // [6] Receive the next datagram, or wait for one: it arrives whole, with its sender's address
        // SAFETY: `buffer` has DATAGRAM_SIZE bytes, and `client_address` has `address_length` bytes.
        let length = match unsafe {
            recvfrom(
                sock,
                buffer.as_mut_ptr().cast(),
                DATAGRAM_SIZE,
                0,
                (&raw mut client_address).cast::<sockaddr>(),
                &raw mut address_length,
            )
        } {
            Ok(length) => length,
            Err(error) => {
                // These are transient. No client can cause others: a socket that is not connected gets no ICMP errors.
                if !matches!(error.0, EINTR | ENOBUFS | ENOMEM) {
                    fail(PROGRAM, c"recvfrom", error);
                }

                // Report it once, however long it lasts, and do not spin.
                if error.0 != last_error {
                    explain_errno(PROGRAM, c"recvfrom", error);
                }

                last_error = error.0;
                // SAFETY: `backoff` is a valid time, and the second pointer is null.
                _ = unsafe { nanosleep(&raw const backoff, null_mut()) };
                continue;
            }
        };

        last_error = 0;

        // [7] Do not answer a service, because it could answer in turn
        let client_port = ntohs(client_address.sin_port);

        if client_port < MIN_CLIENT_PORT || client_port == server_port {
            fprintf!(
                stderr(),
                c"%s: ignored a datagram from %s, port %d: a service there could answer forever\n",
                PROGRAM,
                inet_ntoa(client_address.sin_addr),
                c_int::from(client_port)
            );
            continue;
        }

        // [8] Send it back, or drop it if it cannot be sent at once: waiting would delay all other clients
        // SAFETY: recvfrom stored `length` bytes in `buffer`, and `client_address` has `address_length` bytes.
        if let Err(error) = unsafe {
            sendto(
                sock,
                buffer.as_ptr().cast(),
                length as size_t,
                MSG_DONTWAIT,
                (&raw const client_address).cast::<sockaddr>(),
                address_length,
            )
        } {
            explain_errno(PROGRAM, c"sendto", error);
            continue;
        }

        printf!(
            c"Datagram of length %zd from %s, port %d: sent back\n",
            length,
            inet_ntoa(client_address.sin_addr),
            c_int::from(client_port)
        );
        _ = fflush(stdout());
    }
}

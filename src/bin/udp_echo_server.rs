//! UDP echo server: every datagram goes back to where it came from.
//!
//! The tutorial describes UDP (lines 62-65) without a listing. Nobody is connected: there is no listen and no
//! accept, one socket serves everyone, and each datagram brings its sender's address along. A datagram comes
//! whole and goes back whole, an empty one too; two are never joined.
//!
//! Call: `udp_echo_server PORT`; with port 0 the kernel chooses a free one. Run against it:
//! `udp_echo_client 127.0.0.1 WORD PORT`. SIGTERM or Ctrl-C ends it.
//!
//! Anyone can write any sender into a datagram. One that seems to come from another echo service would go back
//! and forth between the two for ever (CVE-1999-0103). So a datagram from the ports of the well-known services,
//! 0 to 1023, or from the server's own port gets no answer. An echo service on any other port cannot be told
//! from a client.
//!
//! A shortcut: on a machine with several addresses the kernel chooses from which one an answer comes. It need
//! not be the one that the client had asked, and udp_echo_client takes no answer from another.
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

use sockmirror::common::command_line::{check_arguments, number_argument};
use sockmirror::common::explain::{explain_errno, fail};
use sockmirror::server::start::reset_inherited_state;

const PROGRAM: &CStr = c"udp_echo_server";
const USAGE: &CStr = c"./udp_echo_server PORT";
// The most that a datagram carries over IPv4: 65535 bytes less 20 for the IP header and 8 for UDP's.
const DATAGRAM_SIZE: usize = 65507;
// How long to rest when the system has no memory, in nanoseconds.
const REST: c_long = 100_000_000;
// Below it are the ports of the well-known services.
const FIRST_CLIENT_PORT: in_port_t = 1024;

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let rest = timespec { tv_sec: 0, tv_nsec: REST };
    let mut client_address = MaybeUninit::<sockaddr_in>::uninit();
    let mut address_length: socklen_t;
    let mut said = 0;
    let mut buffer = MaybeUninit::<[c_char; DATAGRAM_SIZE]>::uninit();

    // [1] Take the port from the command line, and nothing else from whoever has started the server
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    check_arguments(PROGRAM, USAGE, argc, argv, 1);
    let port = number_argument(PROGRAM, USAGE, c"PORT", argv[1], 10, 0, 65535) as in_port_t;

    // [2] Create the socket, for datagrams
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // [3] Fill in the server's address: the port, on every interface
    let mut server_address: sockaddr_in = zeroed();
    server_address.sin_family = AF_INET as sa_family_t;
    server_address.sin_addr.s_addr = htonl(INADDR_ANY);
    // Rust: C narrows the long to 16 bits without a word; it is no larger.
    server_address.sin_port = htons(port);

    // [4] Bind the socket to the address: from here on datagrams arrive
    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(sock, (&raw const server_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind", error));

    // [5] Read the port back: the kernel has chosen one if it was 0
    address_length = size_of::<sockaddr_in>() as socklen_t;

    // SAFETY: `address_length` is the size of `server_address`.
    unsafe { getsockname(sock, (&raw mut server_address).cast::<sockaddr>(), &raw mut address_length) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockname", error));

    let server_port = ntohs(server_address.sin_port);
    printf!(c"Waiting for datagrams on port %d; nobody connects\n", c_int::from(server_port));
    // Rust: C does not look at what fflush returns.
    // SAFETY: the stream stays open until the program ends.
    _ = fflush(stdout());

    loop {
        address_length = size_of::<sockaddr_in>() as socklen_t;

        // [6] Take the next datagram, or wait for one: it comes whole, with its sender's address
        // SAFETY: `buffer` has DATAGRAM_SIZE bytes, and `address_length` is the size of `client_address`.
        let length = match unsafe {
            recvfrom(
                sock,
                buffer.as_mut_ptr().cast(),
                DATAGRAM_SIZE,
                0,
                client_address.as_mut_ptr().cast::<sockaddr>(),
                &raw mut address_length,
            )
        } {
            Ok(length) => length,
            Err(error) => {
                // These pass. No client causes another one: a socket that is not connected hears of no refusal.
                if !matches!(error.0, EINTR | ENOBUFS | ENOMEM) {
                    fail(PROGRAM, c"recvfrom", error);
                }

                // As long as it does not pass, it is said once, and the server does not spin.
                if error.0 != said {
                    explain_errno(PROGRAM, c"recvfrom", error);
                }

                said = error.0;
                // SAFETY: the structure is filled in, and what is left is not asked for.
                _ = unsafe { nanosleep(&raw const rest, null_mut()) };
                continue;
            }
        };

        said = 0;

        // [7] Give a service no answer, because it could answer in turn
        // SAFETY: recvfrom has stored the address.
        let client_address = unsafe { client_address.assume_init_ref() };
        let client_port = ntohs(client_address.sin_port);

        if client_port < FIRST_CLIENT_PORT || client_port == server_port {
            fprintf!(
                stderr(),
                c"%s: ignored a datagram from %s, port %d: a service there could answer for ever\n",
                PROGRAM,
                inet_ntoa(client_address.sin_addr),
                c_int::from(client_port)
            );
            continue;
        }

        // [8] Send it back. An answer that cannot go out at once is lost: to wait would hold up all others
        // SAFETY: recvfrom has stored `length` bytes in `buffer` and `address_length` in `client_address`.
        if let Err(error) = unsafe {
            sendto(
                sock,
                buffer.as_ptr().cast(),
                length as size_t,
                MSG_DONTWAIT,
                (&raw const *client_address).cast::<sockaddr>(),
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
        // SAFETY: the stream stays open until the program ends.
        _ = fflush(stdout());
    }
}

//! UDP echo client: sends a word in one datagram to an echo server and prints and checks the answer.
//!
//! The tutorial describes UDP (lines 62-65) without a listing. There is no connection: the first datagram is sent
//! without any agreement, and the socket receives what anybody sends to it. So the client checks the sender of each
//! datagram, and accepts only one from the server. Datagrams can get lost without notice, so it does not wait forever;
//! it does not send again. Nor does UDP make a datagram an echo: the answer is compared with the word, and another one
//! ends the program with 1.
//!
//! Usage: `udp_echo_client SERVER_IP WORD [PORT]`, with `udp_echo_server PORT` running. Read next:
//! `multicast_receiver`.
//!
//! A UDP socket can be given to `connect`, too. That sends no packet: the kernel itself then drops what others send,
//! and reports a port that nobody listens on (ECONNREFUSED), as `socket_types` shows. Here the socket is not connected,
//! to show UDP itself. Nor may it send to a broadcast address (EACCES): that takes the option SO_BROADCAST.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, EAGAIN, EINTR, INADDR_ANY, INADDR_LOOPBACK, IPPROTO_UDP, PF_INET, SO_RCVTIMEO, SOCK_DGRAM, SOL_SOCKET,
    c_char, c_int, in_port_t, sa_family_t, size_t, sockaddr, sockaddr_in, socklen_t, time_t, timeval,
};
use sockmirror::arpa::inet::{htonl, htons, inet_ntoa, ntohs};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, fwrite, printf, stderr, stdout};
use sockmirror::stdlib::exit;
use sockmirror::string::{strlen, zeroed};
use sockmirror::sys::socket::{recvfrom, sendto, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{check_arguments, number_argument, string_argument, unicast_argument};
use sockmirror::common::echo::check_echo;
use sockmirror::common::explain::{fail, succeed};

const PROGRAM: &CStr = c"udp_echo_client";
const USAGE: &CStr = c"./udp_echo_client SERVER_IP WORD [PORT]";
// The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header.
const DATAGRAM_SIZE: usize = 65507;
// How long to wait for a datagram.
const TIMEOUT_S: c_int = 5;
// How many datagrams from others to ignore: each restarts the timeout.
const MAX_STRAYS: c_int = 16;

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut sender_address: sockaddr_in = zeroed();
    let mut address_length: socklen_t;
    let timeout = timeval { tv_sec: TIMEOUT_S as time_t, tv_usec: 0 };
    let mut buffer = MaybeUninit::<[c_char; DATAGRAM_SIZE]>::uninit();
    let mut strays: c_int;

    // [1] Take the address, the word and the port from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    let server_ip = unicast_argument(PROGRAM, USAGE, c"SERVER_IP", argv[1]);
    let word = string_argument(PROGRAM, USAGE, c"WORD", argv[2]);

    // Without a port: 7, the well-known port of the echo service.
    let mut port: in_port_t = 7;

    if argc > 3 {
        port = number_argument(PROGRAM, USAGE, c"PORT", argv[3], 10, 1, 65535) as in_port_t;
    }

    // [2] Create the datagram socket
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // [3] Set a timeout for recvfrom
    // SAFETY: the size is that of `timeout`.
    unsafe {
        setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, (&raw const timeout).cast(), size_of::<timeval>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    // [4] Fill in the server's address
    let mut server_address: sockaddr_in = zeroed();
    server_address.sin_family = AF_INET as sa_family_t;
    server_address.sin_addr = server_ip;
    server_address.sin_port = htons(port);

    // A datagram to 0.0.0.0 goes to 127.0.0.1, and the answer comes from there.
    if server_ip.s_addr == htonl(INADDR_ANY) {
        server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }

    // [5] Send the word in one datagram, without the NUL that ends it: an empty word is an empty datagram
    // SAFETY: `word` is not null.
    let word_length = unsafe { strlen(word.as_ptr()) };

    // SAFETY: `word` has `word_length` bytes, and the size is that of `server_address`, which is filled in.
    unsafe {
        sendto(
            sock,
            word.as_ptr().cast(),
            word_length,
            0,
            (&raw const server_address).cast::<sockaddr>(),
            size_of::<sockaddr_in>() as socklen_t,
        )
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"sendto", error));

    strays = 0;

    let length = loop {
        address_length = size_of::<sockaddr_in>() as socklen_t;

        // [6] Receive a datagram, or wait for one: it arrives whole, whoever sent it
        // SAFETY: `buffer` has DATAGRAM_SIZE bytes, and `sender_address` has `address_length` bytes.
        let length = match unsafe {
            recvfrom(
                sock,
                buffer.as_mut_ptr().cast(),
                DATAGRAM_SIZE,
                0,
                (&raw mut sender_address).cast::<sockaddr>(),
                &raw mut address_length,
            )
        } {
            Ok(length) => length,
            // The process was stopped and continued.
            Err(error) if error.0 == EINTR => continue,
            Err(error) if error.0 != EAGAIN => fail(PROGRAM, c"recvfrom", error),
            Err(_) => {
                fprintf!(
                    stderr(),
                    c"%s: no answer within %d seconds: a datagram was lost, or nobody is there\n",
                    PROGRAM,
                    TIMEOUT_S
                );
                exit(1);
            }
        };

        // [7] Accept it as the answer only if it comes from the server's address and port
        if sender_address.sin_addr.s_addr == server_address.sin_addr.s_addr
            && sender_address.sin_port == server_address.sin_port
        {
            break length;
        }

        fprintf!(
            stderr(),
            c"%s: ignored a datagram from %s, port %d: not from the server\n",
            PROGRAM,
            inet_ntoa(sender_address.sin_addr),
            c_int::from(ntohs(sender_address.sin_port))
        );
        strays += 1;

        if strays == MAX_STRAYS {
            fprintf!(stderr(), c"%s: no answer, but %d datagrams from others\n", PROGRAM, strays);
            exit(1);
        }
    };

    // [8] Print the answer, which may contain a NUL
    printf!(c"Received: ");
    // SAFETY: recvfrom stored `length` bytes in `buffer`.
    unsafe { fwrite(buffer.as_ptr().cast(), 1, length as size_t, stdout()) };
    printf!(c"\n");

    // [9] Close the socket: nothing is sent, because there was no connection
    // Rust: C ignores what close returns.
    // SAFETY: `sock` is this program's own, and nothing uses it afterwards.
    _ = unsafe { close(sock) };

    // [10] Compare the answer with the word: an echo has the same bytes, and as many
    // SAFETY: `word` has `word_length` bytes, and recvfrom stored `length` bytes in `buffer`.
    unsafe { check_echo(PROGRAM, word.as_ptr(), word_length, buffer.as_ptr().cast(), length as size_t) };
    succeed(PROGRAM);
}

//! UDP echo client: sends a word in one datagram to an echo server and prints the one that comes back.
//!
//! The tutorial describes UDP (lines 62-65) without a listing. Nobody is connected: the first datagram goes out
//! with nothing agreed before, and whatever anybody sends to this socket arrives. So the client looks at who
//! sent each datagram, and takes only that of the server it asked. Datagrams get lost without a sign, so it
//! does not wait for ever; it does not send a second time.
//!
//! Call: `udp_echo_client SERVER_IP WORD [PORT]`. Run against it: `udp_echo_server PORT`.
//!
//! A UDP socket can be given to `connect`, too. No packet goes out then: the kernel itself drops what others
//! send, and tells of a port where nobody is (ECONNREFUSED). Here the socket stays without, as UDP itself is.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, EAGAIN, EINTR, INADDR_ANY, INADDR_LOOPBACK, IPPROTO_UDP, PF_INET, SO_RCVTIMEO, SOCK_DGRAM, SOL_SOCKET,
    c_char, c_int, in_port_t, sa_family_t, size_t, sockaddr, sockaddr_in, socklen_t, time_t, timeval,
};
use sockmirror::arpa::inet::{htonl, htons, inet_ntoa, ntohl, ntohs};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, fwrite, printf, stderr, stdout};
use sockmirror::stdlib::exit;
use sockmirror::string::{strlen, zeroed};
use sockmirror::sys::socket::{recvfrom, sendto, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::{
    address_argument, check_arguments, number_argument, reject_argument, string_argument,
};
use sockmirror::common::explain::{fail, succeed};

const PROGRAM: &CStr = c"udp_echo_client";
const USAGE: &CStr = c"./udp_echo_client SERVER_IP WORD [PORT]";
// The most that a datagram carries over IPv4: 65535 bytes less 20 for the IP header and 8 for UDP's.
const DATAGRAM_SIZE: usize = 65507;
// How long to wait for a datagram.
const SECONDS: c_int = 5;
// How many of others to wait through: each starts the time anew.
const MOST_STRAYS: c_int = 16;

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut sender_address = MaybeUninit::<sockaddr_in>::uninit();
    let mut address_length: socklen_t;
    let mut buffer = MaybeUninit::<[c_char; DATAGRAM_SIZE]>::uninit();
    let mut strays: c_int;

    // [1] Take the address, the word and the port from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, 3);
    let server_ip = address_argument(PROGRAM, USAGE, c"SERVER_IP", argv[1]);

    // Class D: the first four bits are 1110.
    if ntohl(server_ip.s_addr) >> 28 == 14 {
        reject_argument(PROGRAM, USAGE, c"SERVER_IP", argv[1], c"a unicast address");
    }

    let word = string_argument(PROGRAM, USAGE, c"WORD", argv[2]);

    // Without a port: 7, the well-known port of the echo service.
    let mut port: in_port_t = 7;

    if argc > 3 {
        port = number_argument(PROGRAM, USAGE, c"PORT", argv[3], 10, 1, 65535) as in_port_t;
    }

    // [2] Create the socket, for datagrams
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // [3] Let no recvfrom wait for ever
    let mut timeout: timeval = zeroed();
    timeout.tv_sec = SECONDS as time_t;

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe {
        setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, (&raw const timeout).cast(), size_of::<timeval>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

    // [4] Fill in the server's address
    let mut server_address: sockaddr_in = zeroed();
    server_address.sin_family = AF_INET as sa_family_t;
    server_address.sin_addr = server_ip;
    server_address.sin_port = htons(port);

    // What is sent to 0.0.0.0 goes to 127.0.0.1, and the answer comes from there.
    if server_ip.s_addr == htonl(INADDR_ANY) {
        server_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }

    // [5] Send the word, without the NUL that ends it, in one datagram: an empty word is one, too
    // SAFETY: `word` is a C string.
    let word_length = unsafe { strlen(word.as_ptr()) };

    // SAFETY: `word` has as many bytes as strlen counted; the size is that of the variable, which is filled in.
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

        // [6] Take a datagram, or wait for one: it comes whole, whoever sent it
        // SAFETY: `buffer` has DATAGRAM_SIZE bytes, and `address_length` is the size of `sender_address`.
        let length = match unsafe {
            recvfrom(
                sock,
                buffer.as_mut_ptr().cast(),
                DATAGRAM_SIZE,
                0,
                sender_address.as_mut_ptr().cast::<sockaddr>(),
                &raw mut address_length,
            )
        } {
            Ok(length) => length,
            // A process that was stopped and goes on.
            Err(error) if error.0 == EINTR => continue,
            Err(error) if error.0 != EAGAIN => fail(PROGRAM, c"recvfrom", error),
            Err(_) => {
                fprintf!(
                    stderr(),
                    c"%s: no answer within %d seconds: a datagram was lost, or nobody is there\n",
                    PROGRAM,
                    SECONDS
                );
                exit(1);
            }
        };

        // [7] Take it for the answer only if the server sent it, by address and port
        // SAFETY: recvfrom has stored the address.
        let sender_address = unsafe { sender_address.assume_init_ref() };

        if sender_address.sin_addr.s_addr == server_address.sin_addr.s_addr
            && sender_address.sin_port == server_address.sin_port
        {
            break length;
        }

        fprintf!(
            stderr(),
            c"%s: ignored a datagram from %s, port %d: it was not asked\n",
            PROGRAM,
            inet_ntoa(sender_address.sin_addr),
            c_int::from(ntohs(sender_address.sin_port))
        );
        strays += 1;

        if strays == MOST_STRAYS {
            fprintf!(stderr(), c"%s: no answer, but %d datagrams from others\n", PROGRAM, strays);
            exit(1);
        }
    };

    // [8] Print the answer; it is bytes, and may hold a NUL
    printf!(c"Received: ");
    // SAFETY: recvfrom has stored `length` bytes in `buffer`, and the stream is open.
    unsafe { fwrite(buffer.as_ptr().cast(), 1, length as size_t, stdout()) };
    printf!(c"\n");

    // [9] Close the socket: nothing is sent, because there was no connection
    // Rust: C does not look at what close returns.
    // SAFETY: socket gave `sock` to this program, and nothing uses it any more.
    _ = unsafe { close(sock) };
    succeed(PROGRAM);
}

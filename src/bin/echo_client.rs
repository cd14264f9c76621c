//! Echo client: sends a word to an echo server and prints what comes back.
//!
//! The tutorial's second listing (lines 578-669), statement for statement. It shows the calls of a TCP client in their
//! order: socket, connect, send, then recv until as many bytes have come back as were sent.
//!
//! Usage: `echo_client SERVER_IP WORD [PORT]`, with `echo_server PORT` running. Read next: `stream_boundaries`.
//!
//! Where the listing did not compile, or was unsafe to run, it is corrected, and a comment names the erratum; its
//! strings have their double quotes and their `\n` back (erratum 4). Its weaknesses are kept (errata 27 and 28): an
//! invalid address or port goes unnoticed, and of an answer that holds a NUL byte, what follows the NUL is not shown.
//!
//! The includes are sorted, the comments beside them are left out (erratum 48), and the other comments are translated.
//!
//! Ours are the explain_... calls, which print on stderr why a call failed, and `sent`, a variable that one of them
//! needs.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{
    AF_INET, IPPROTO_TCP, PF_INET, SOCK_STREAM, c_char, c_int, c_ushort, sa_family_t, size_t, sockaddr, sockaddr_in,
    socklen_t, ssize_t,
};
use sockmirror::arpa::inet::{htons, inet_addr};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::{atoi, exit};
use sockmirror::string::{strlen, zeroed};
use sockmirror::sys::socket::{connect, recv, send, socket};
use sockmirror::unistd::close;

use sockmirror::common::explain::{explain_address, explain_errno, explain_port, explain_recv, explain_send};

const PROGRAM: &CStr = c"echo_client";
const RCVBUFSIZE: usize = 128;

sockmirror::entry!(main);

#[expect(clippy::manual_range_contains, reason = "the listing tests argc so")]
fn main(argc: c_int, argv: Arguments) -> c_int {
    let echo_serv_port: c_ushort;
    let mut echo_buffer = [0 as c_char; RCVBUFSIZE];
    // Erratum 6: the listing has unsigned int and int, but recv and send return an ssize_t.
    let mut total_bytes_rcvd: ssize_t;

    // [1] Take the address, the word and the port from the command line
    if (argc < 3) || (argc > 4) {
        printf!(c"Usage: %s <Server IP> <Echo Word> [<Echo Port>]\n", argv[0]);
        exit(1);
    }

    let serv_ip = argv[1];
    let echo_string = argv[2];

    // Without a port: 7, the well-known port of the echo service.
    if argc == 4 {
        // Rust: C narrows the int to 16 bits implicitly.
        // SAFETY: argc is 4, so argv[3] is not null.
        echo_serv_port = unsafe { atoi(argv[3].as_ptr()) } as c_ushort;
        // SAFETY: argc is 4, so argv[3] is not null.
        unsafe { explain_port(PROGRAM, argv[3], echo_serv_port) };
    } else {
        echo_serv_port = 7;
    }

    // [2] Create the socket
    let sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP).unwrap_or_else(|error| {
        explain_errno(PROGRAM, c"socket", error);
        printf!(c"socket() failed");
        exit(1);
    });

    // [3] Fill in the server's address
    let mut echo_serv_addr: sockaddr_in = zeroed();
    echo_serv_addr.sin_family = AF_INET as sa_family_t;
    // SAFETY: argc is at least 3, so argv[1] is not null.
    echo_serv_addr.sin_addr.s_addr = unsafe { inet_addr(serv_ip.as_ptr()) };
    // SAFETY: argc is at least 3, so argv[1] is not null.
    unsafe { explain_address(PROGRAM, serv_ip, echo_serv_addr.sin_addr.s_addr) };
    echo_serv_addr.sin_port = htons(echo_serv_port);

    // [4] Connect to the server
    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { connect(sock, (&raw const echo_serv_addr).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| {
            explain_errno(PROGRAM, c"connect", error);
            printf!(c"connect() failed");
            exit(1);
        });

    // [5] Send the word, without the NUL that ends it
    // SAFETY: argc is at least 3, so argv[2] is not null.
    let echo_string_len = unsafe { strlen(echo_string.as_ptr()) } as ssize_t;

    // Rust: C converts the length to size_t implicitly.
    // SAFETY: `echo_string` has as many bytes as strlen counted.
    let sent = unsafe { send(sock, echo_string.as_ptr().cast(), echo_string_len as size_t, 0) };
    if sent != Ok(echo_string_len) {
        explain_send(PROGRAM, sent, echo_string_len);
        printf!(c"send() failed");
        exit(1);
    }

    // [6] Receive until the whole word is back: one recv may return only part of it
    total_bytes_rcvd = 0;
    printf!(c"Received: ");

    while total_bytes_rcvd < echo_string_len {
        // One byte of the buffer is left for the NUL. recv returns 0 if the server has closed the connection.
        // SAFETY: `echo_buffer` has one byte more than recv may store.
        let bytes_rcvd = match unsafe { recv(sock, echo_buffer.as_mut_ptr().cast(), RCVBUFSIZE - 1, 0) } {
            Ok(bytes_rcvd) if bytes_rcvd > 0 => bytes_rcvd,
            failed => {
                explain_recv(PROGRAM, failed, total_bytes_rcvd, echo_string_len);
                printf!(c"recv() 실패 혹은 서버와 연결이 끊어졌다.");
                exit(1);
            }
        };

        total_bytes_rcvd += bytes_rcvd;
        // Erratum 4: the listing has lost the \0 between the quotes.
        // SAFETY: recv stored at most RCVBUFSIZE - 1 bytes, so one is left.
        *unsafe { echo_buffer.get_unchecked_mut(bytes_rcvd as usize) } = 0;
        // Erratum 5: the listing uses the server's bytes as the format.
        // SAFETY: the NUL that was just stored ends the string.
        printf!(c"%s", unsafe { CStr::from_ptr(echo_buffer.as_ptr()) });
    }
    printf!(c"\n");

    // [7] Close the socket
    // Rust: the listing ignores what close returns.
    // SAFETY: `sock` is this program's own, and nothing uses it afterwards.
    _ = unsafe { close(sock) };
    exit(0);
}

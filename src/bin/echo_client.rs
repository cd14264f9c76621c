//! Echo client: sends a word to an echo server and prints what comes back.
//!
//! The tutorial's second listing (lines 578-669), statement for statement. It shows the calls of a TCP
//! client in their order: socket, connect, send, then recv until as many bytes came back as went out.
//!
//! Call: `echo_client SERVER_IP WORD [PORT]`. Run against it: `echo_server PORT`.
//!
//! What could not compile, or was unsafe to run, is corrected where a comment names the erratum; the
//! strings have got back their double quotes and their `\n` (erratum 4). The listing's weaknesses are
//! kept (errata 27 and 28): an address or a port that cannot be read is not noticed, and of an answer
//! that holds a NUL byte, what follows the NUL is not shown.
//!
//! Ours are the explain_... calls, which say on stderr why a call failed, and `sent`, the value that
//! one of them needs.
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

#[expect(clippy::manual_range_contains, reason = "argc is tested in the listing's words")]
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
        // Rust: C narrows the int to 16 bits without a word.
        // SAFETY: argv[3] is a C string.
        echo_serv_port = unsafe { atoi(argv[3].as_ptr()) } as c_ushort;
        // SAFETY: argv[3] is a C string.
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
    // SAFETY: argv[1] is a C string.
    echo_serv_addr.sin_addr.s_addr = unsafe { inet_addr(serv_ip.as_ptr()) };
    // SAFETY: argv[1] is a C string.
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
    // SAFETY: argv[2] is a C string.
    let echo_string_len = unsafe { strlen(echo_string.as_ptr()) } as ssize_t;

    // Rust: C makes the length a size_t without a word.
    // SAFETY: `echo_string` has as many bytes as strlen counted.
    let sent = unsafe { send(sock, echo_string.as_ptr().cast(), echo_string_len as size_t, 0) };
    if sent != Ok(echo_string_len) {
        explain_send(PROGRAM, sent, echo_string_len);
        printf!(c"send() failed");
        exit(1);
    }

    // [6] Receive until the whole word is back: one recv may bring only a part of it
    total_bytes_rcvd = 0;
    printf!(c"Received: ");

    while total_bytes_rcvd < echo_string_len {
        // One byte of the buffer is left for the NUL. recv returns 0 when the server has closed.
        // SAFETY: `echo_buffer` has a byte more than recv may store.
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
        // SAFETY: recv stored RCVBUFSIZE - 1 bytes at most, so there is one left.
        *unsafe { echo_buffer.get_unchecked_mut(bytes_rcvd as usize) } = 0;
        // Erratum 5: the listing lets the server's bytes be the format.
        // SAFETY: the NUL ends it.
        printf!(c"%s", unsafe { CStr::from_ptr(echo_buffer.as_ptr()) });
    }
    printf!(c"\n");

    // [7] Close the socket
    // Rust: the listing does not look at what close returns.
    // SAFETY: socket gave `sock` to this program, and nothing uses it any more.
    _ = unsafe { close(sock) };
    exit(0);
}

//! Echo server: sends back every byte that a client sends.
//!
//! The tutorial's first listing (lines 405-576), statement for statement. It shows the calls of a TCP server in their
//! order: socket, bind, listen, accept, then recv and send until the client closes.
//!
//! Usage: `echo_server PORT`. Connect to it with `echo_client 127.0.0.1 WORD PORT`. Read next: `echo_client`.
//!
//! Where the listing did not compile, it is corrected, and a comment names the erratum; its strings have their double
//! quotes and their `\n` back (erratum 4). Its weaknesses are kept (errata 24 to 27 and 29): it serves one client at a
//! time, so a silent one keeps the others waiting; a client that resets the connection, or is gone before its bytes are
//! sent back, ends the server for all; an invalid port goes unnoticed; and for a minute after a connection that the
//! server closed first, a restart fails.
//!
//! The includes are sorted; the comments beside them, which are the only ones in the listing, are left out (erratum 48).
//!
//! Ours are the explain_... calls, which print on stderr why a call failed, and `sent`, a variable that one of them
//! needs.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, INADDR_ANY, IPPROTO_TCP, PF_INET, SOCK_STREAM, c_char, c_int, c_ushort, sa_family_t, size_t, sockaddr,
    sockaddr_in, socklen_t, ssize_t,
};
use sockmirror::arpa::inet::{htonl, htons};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::{atoi, exit};
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{accept, bind, listen, recv, send, socket};
use sockmirror::unistd::close;

use sockmirror::common::explain::{explain_errno, explain_port, explain_send};

const PROGRAM: &CStr = c"echo_server";
const RCVBUFSIZE: usize = 128;
const MAXPENDING: c_int = 5;

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut echo_clnt_addr = MaybeUninit::<sockaddr_in>::uninit();
    // Erratum 6: the listing has an unsigned int, but accept takes a socklen_t.
    let mut clnt_len: socklen_t;
    // Erratum 1: the listing has BUF_LEN, which is not defined.
    let mut echo_buffer = MaybeUninit::<[c_char; RCVBUFSIZE]>::uninit();
    // Erratum 6: the listing has an int, but recv and send return an ssize_t.
    let mut recv_msg_size: ssize_t;

    // [1] Take the port from the command line
    if argc != 2 {
        printf!(c"Usage : %s port\n", argv[0]);
        exit(1);
    }

    // Rust: C narrows the int to 16 bits implicitly.
    // SAFETY: argc is 2, so argv[1] is not null.
    let echo_serv_port = unsafe { atoi(argv[1].as_ptr()) } as c_ushort;
    // SAFETY: argc is 2, so argv[1] is not null.
    unsafe { explain_port(PROGRAM, argv[1], echo_serv_port) };

    // [2] Create the listening socket
    let serv_sock = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP).unwrap_or_else(|error| {
        explain_errno(PROGRAM, c"socket", error);
        printf!(c"socket() failed\n");
        exit(1);
    });

    // [3] Fill in the server's address: the port, on every interface
    let mut echo_serv_addr: sockaddr_in = zeroed();
    echo_serv_addr.sin_family = AF_INET as sa_family_t;
    echo_serv_addr.sin_addr.s_addr = htonl(INADDR_ANY);
    echo_serv_addr.sin_port = htons(echo_serv_port);

    // [4] Bind the socket to the address
    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(serv_sock, (&raw const echo_serv_addr).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| {
            explain_errno(PROGRAM, c"bind", error);
            printf!(c"bind() failed\n");
            exit(1);
        });

    // [5] Listen: from here on the kernel accepts connections and queues them
    listen(serv_sock, MAXPENDING).unwrap_or_else(|error| {
        explain_errno(PROGRAM, c"listen", error);
        printf!(c"listen() failed\n");
        exit(1);
    });

    loop {
        clnt_len = size_of::<sockaddr_in>() as socklen_t;

        // [6] Accept the next client, or wait for one: it gets a socket of its own
        // SAFETY: `clnt_len` is the size of `echo_clnt_addr`.
        let clnt_sock = unsafe { accept(serv_sock, echo_clnt_addr.as_mut_ptr().cast::<sockaddr>(), &raw mut clnt_len) }
            .unwrap_or_else(|error| {
                explain_errno(PROGRAM, c"accept", error);
                printf!(c"accept() failed");
                exit(1);
            });

        // [7] Receive what the client sends, 128 bytes at most
        // Erratum 2: from here on the listing has clntSocket, but it declares clntSock.
        // SAFETY: `echo_buffer` has RCVBUFSIZE bytes.
        recv_msg_size =
            unsafe { recv(clnt_sock, echo_buffer.as_mut_ptr().cast(), RCVBUFSIZE, 0) }.unwrap_or_else(|error| {
                explain_errno(PROGRAM, c"recv", error);
                printf!(c"recv() failed");
                exit(1);
            });

        // [8] Send it back and receive more, until recv returns 0: the client has closed the connection
        while recv_msg_size > 0 {
            // Rust: C converts the length to size_t implicitly.
            // SAFETY: recv stored recv_msg_size bytes in `echo_buffer`.
            let sent = unsafe { send(clnt_sock, echo_buffer.as_ptr().cast(), recv_msg_size as size_t, 0) };
            if sent != Ok(recv_msg_size) {
                explain_send(PROGRAM, sent, recv_msg_size);
                printf!(c"send() failed");
                exit(1);
            }

            // Erratum 3: the listing has RECVBUFSIZE, but it defines RCVBUFSIZE.
            // SAFETY: `echo_buffer` has RCVBUFSIZE bytes.
            recv_msg_size =
                unsafe { recv(clnt_sock, echo_buffer.as_mut_ptr().cast(), RCVBUFSIZE, 0) }.unwrap_or_else(|error| {
                    explain_errno(PROGRAM, c"recv", error);
                    printf!(c"recv() failed");
                    exit(1);
                });
        }

        // [9] Close the client's socket; the listening socket stays open
        // Rust: the listing ignores what close returns.
        // SAFETY: `clnt_sock` is this iteration's own, and nothing uses it afterwards.
        _ = unsafe { close(clnt_sock) };
    }
}

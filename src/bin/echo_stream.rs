//! Echo client for data of any length: sends standard input to an echo server, and compares what comes back.
//!
//! The tutorial's client sends one word, a C string without a NUL, and then waits for all of it (lines 578-669). That
//! does not work for more than the buffers between the two ends hold: the server does not receive while it cannot send,
//! so a client that only sends and a server that echoes wait for each other. This client sends and receives at the same
//! time, in one poll(). What comes back is compared byte by byte, and counted; it is not printed.
//!
//! Whatever has not come back yet must be remembered, so this is limited to WINDOW_SIZE bytes: as long as so much is
//! missing, no more is read. A server that keeps more than that to itself would be waited for forever. At the end of
//! the input the client closes its sending direction only, and waits for the rest.
//!
//! With -u each read of standard input becomes a datagram, which must come back whole before the next is sent. Any
//! datagram can get lost, so an answer is waited for as long as `udp_echo_client` does.
//!
//! Usage: `echo_stream [-u] ADDRESS PORT < FILE`. Exits with 1 if anything is missing, late or different. Run it with
//! any of the servers. Read next: `echo_server_fork`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, EAGAIN, EINTR, MSG_DONTWAIT, MSG_NOSIGNAL, PF_INET, POLLIN, POLLOUT, SHUT_WR, SO_RCVTIMEO, SOCK_DGRAM,
    SOCK_STREAM, SOL_SOCKET, c_char, c_int, c_ulonglong, in_port_t, pollfd, sa_family_t, size_t, sockaddr, sockaddr_in,
    socklen_t, time_t, timeval,
};
use sockmirror::arpa::inet::htons;
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, printf, stderr};
use sockmirror::stdlib::exit;
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{connect, recv, send, setsockopt, shutdown, socket};
use sockmirror::unistd::{close, getopt, optind, optopt, read};

use sockmirror::common::command_line::{check_arguments, number_argument, unicast_argument};
use sockmirror::common::echo::check_bytes;
use sockmirror::common::explain::{explain_errno, fail, succeed};

const PROGRAM: &CStr = c"echo_stream";
const USAGE: &CStr = c"./echo_stream [-u] ADDRESS PORT
  -u  send datagrams (UDP) of at most 1472 bytes, one after the other";
// How many bytes may be on their way: sent or to be sent, and not back yet.
const WINDOW_SIZE: usize = 262_144;
// What fits in one packet of an Ethernet: 1500 bytes less 20 for the IP header and 8 for the UDP header.
const DATAGRAM_SIZE: usize = 1472;
// The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header.
const ANSWER_SIZE: usize = 65507;
// How long to wait for a datagram.
const TIMEOUT_S: c_int = 5;

sockmirror::entry!(main);

/// How far the stream has come, in bytes from its beginning.
struct Progress {
    taken: c_ulonglong,
    sent: c_ulonglong,
    returned: c_ulonglong,
}

/// Says how much is missing, after the reason was printed, and exits with 1.
fn give_up(progress: &Progress) -> ! {
    fprintf!(
        stderr(),
        c"%s: %llu bytes sent, %llu came back, %llu are missing\n",
        PROGRAM,
        progress.sent,
        progress.returned,
        progress.sent - progress.returned
    );
    exit(1);
}

/// read(), send() and recv(): sends standard input in datagrams, each once the one before has come back.
fn echo_datagrams(sock: c_int) {
    let mut progress = Progress { taken: 0, sent: 0, returned: 0 };
    let mut datagram = MaybeUninit::<[c_char; DATAGRAM_SIZE]>::uninit();
    let mut answer = MaybeUninit::<[c_char; ANSWER_SIZE]>::uninit();
    let mut count: c_ulonglong = 0;

    loop {
        // SAFETY: `datagram` has DATAGRAM_SIZE bytes.
        let length = unsafe { read(0, datagram.as_mut_ptr().cast(), DATAGRAM_SIZE) }
            .unwrap_or_else(|error| fail(PROGRAM, c"read", error));

        if length == 0 {
            break;
        }

        // SAFETY: read has stored `length` bytes.
        unsafe { send(sock, datagram.as_ptr().cast(), length as size_t, 0) }.unwrap_or_else(|error| {
            explain_errno(PROGRAM, c"send", error);
            give_up(&progress);
        });

        progress.sent += length as c_ulonglong;

        let received = loop {
            // SAFETY: `answer` has ANSWER_SIZE bytes.
            match unsafe { recv(sock, answer.as_mut_ptr().cast(), ANSWER_SIZE, 0) } {
                Err(error) if error.0 == EINTR => {}
                received => break received,
            }
        }
        .unwrap_or_else(|error| {
            if error.0 == EAGAIN {
                fprintf!(
                    stderr(),
                    c"%s: no answer within %d seconds: a datagram was lost, or nobody is there\n",
                    PROGRAM,
                    TIMEOUT_S
                );
            } else {
                explain_errno(PROGRAM, c"recv", error);
            }

            give_up(&progress);
        });

        // SAFETY: read has stored `length` bytes, and recv `received`.
        unsafe {
            check_bytes(
                PROGRAM,
                datagram.as_ptr().cast(),
                length as size_t,
                answer.as_ptr().cast(),
                received as size_t,
                progress.returned,
            );
        }

        progress.returned += received as c_ulonglong;

        if received < length {
            fprintf!(stderr(), c"%s: wrong answer: length %zd: expected length %zd\n", PROGRAM, received, length);
            give_up(&progress);
        }

        count += 1;
    }

    printf!(c"%llu bytes came back as they were sent; datagrams: %llu\n", progress.returned, count);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let timeout = timeval { tv_sec: TIMEOUT_S as time_t, tv_usec: 0 };
    let mut progress = Progress { taken: 0, sent: 0, returned: 0 };
    let mut fds = [pollfd { fd: -1, events: 0, revents: 0 }; 2];
    let mut window = MaybeUninit::<[c_char; WINDOW_SIZE]>::uninit();
    let mut answer = MaybeUninit::<[c_char; WINDOW_SIZE]>::uninit();
    let mut datagrams = false;
    let mut input_ended = false;
    let mut half_closed = false;
    let mut place: size_t;
    let mut room: size_t;

    // [1] Take the option, the address and the port from the command line
    check_arguments(PROGRAM, USAGE, argc, argv, argc);

    loop {
        // SAFETY: `argc` C strings and a null pointer, and a C string; there is one thread.
        let letter = unsafe { getopt(argc, argv.as_mut_ptr(), c"+:u".as_ptr()) };
        if letter == -1 {
            break;
        }

        if letter != c_int::from(b'u') {
            fprintf!(stderr(), c"%s: invalid option -- '%c'\nUsage: %s\n", PROGRAM, optopt(), USAGE);
            exit(2);
        }

        datagrams = true;
    }

    let operands = argv.from(optind() - 1);
    check_arguments(PROGRAM, USAGE, argc - optind() + 1, operands, 2);
    let mut server_address: sockaddr_in = zeroed();
    server_address.sin_family = AF_INET as sa_family_t;
    server_address.sin_addr = unicast_argument(PROGRAM, USAGE, c"ADDRESS", operands[1]);
    server_address.sin_port = htons(number_argument(PROGRAM, USAGE, c"PORT", operands[2], 10, 1, 65535) as in_port_t);

    // [2] Create a socket for a stream, or for datagrams
    let sock = socket(PF_INET, if datagrams { SOCK_DGRAM } else { SOCK_STREAM }, 0)
        .unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    // Otherwise it would be read, or printed to, in place of a standard stream.
    if sock <= 2 {
        fprintf!(stderr(), c"%s: standard stream %d is closed\n", PROGRAM, sock);
        exit(1);
    }

    // [3] Connect: with UDP no packet is sent, but then the socket receives from this address only
    // SAFETY: the size is that of `server_address`.
    unsafe { connect(sock, (&raw const server_address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"connect", error));

    // [4] With -u, send datagrams, with a timeout for each answer
    if datagrams {
        // SAFETY: the size is that of `timeout`.
        unsafe {
            setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, (&raw const timeout).cast(), size_of::<timeval>() as socklen_t)
        }
        .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));

        echo_datagrams(sock);
        // SAFETY: `sock` is this program's own, and nothing uses it afterwards.
        _ = unsafe { close(sock) };
        succeed(PROGRAM);
    }

    loop {
        // [5] Sleep until there is input and room for it, the socket takes what must be sent, or something came back
        room = WINDOW_SIZE - (progress.taken - progress.returned) as size_t;
        fds[0].fd = if !input_ended && room > 0 { 0 } else { -1 };
        fds[0].events = POLLIN;
        fds[1].fd = sock;
        fds[1].events = if progress.sent < progress.taken { POLLIN | POLLOUT } else { POLLIN };

        // SAFETY: two entries, as it says.
        if let Err(error) = unsafe { poll(fds.as_mut_ptr(), 2, -1) } {
            if error.0 == EINTR {
                continue;
            }

            fail(PROGRAM, c"poll", error);
        }

        // [6] Receive what has come back, and compare it with what was sent. 0 is the end: was that all?
        if fds[1].revents & !POLLOUT != 0 {
            place = (progress.returned % WINDOW_SIZE as c_ulonglong) as size_t;

            // SAFETY: `answer` has WINDOW_SIZE bytes.
            match unsafe { recv(sock, answer.as_mut_ptr().cast(), WINDOW_SIZE - place, MSG_DONTWAIT) } {
                Ok(0) if half_closed && progress.returned == progress.sent => break,
                Ok(0) => {
                    fprintf!(
                        stderr(),
                        c"%s: the server closed the connection before the end of the %s\n",
                        PROGRAM,
                        if half_closed { c"echo" } else { c"input" }
                    );
                    give_up(&progress);
                }
                Err(error) if error.0 != EAGAIN && error.0 != EINTR => {
                    explain_errno(PROGRAM, c"recv", error);
                    give_up(&progress);
                }
                Err(_) => {}
                Ok(length) => {
                    // SAFETY: what was sent and has not come back is in the window, of which `length` bytes follow
                    // `place`; and recv has stored `length` bytes.
                    unsafe {
                        check_bytes(
                            PROGRAM,
                            window.as_ptr().cast::<c_char>().wrapping_add(place),
                            (progress.sent - progress.returned) as size_t,
                            answer.as_ptr().cast(),
                            length as size_t,
                            progress.returned,
                        );
                    }
                    progress.returned += length as c_ulonglong;
                }
            }
        }

        // [7] Read as much of standard input as there is room for. 0 is its end
        if fds[0].fd == 0 && fds[0].revents != 0 {
            place = (progress.taken % WINDOW_SIZE as c_ulonglong) as size_t;

            // SAFETY: as many bytes follow `place` in the window.
            let length = unsafe {
                read(0, window.as_mut_ptr().cast::<c_char>().wrapping_add(place).cast(), room.min(WINDOW_SIZE - place))
            }
            .unwrap_or_else(|error| fail(PROGRAM, c"read", error));

            input_ended = length == 0;
            progress.taken += length as c_ulonglong;
        }

        // [8] Send what the socket takes at once
        if progress.sent < progress.taken {
            place = (progress.sent % WINDOW_SIZE as c_ulonglong) as size_t;
            room = (progress.taken - progress.sent) as size_t;

            // SAFETY: as many bytes follow `place` in the window, which were read from standard input.
            match unsafe {
                send(
                    sock,
                    window.as_ptr().cast::<c_char>().wrapping_add(place).cast(),
                    room.min(WINDOW_SIZE - place),
                    MSG_DONTWAIT | MSG_NOSIGNAL,
                )
            } {
                Err(error) if error.0 != EAGAIN && error.0 != EINTR => {
                    explain_errno(PROGRAM, c"send", error);
                    give_up(&progress);
                }
                Err(_) => {}
                Ok(length) => progress.sent += length as c_ulonglong,
            }
        }

        // [9] Close the sending direction once all the input is sent: the server gets an end of file
        if input_ended && !half_closed && progress.sent == progress.taken {
            shutdown(sock, SHUT_WR).unwrap_or_else(|error| {
                explain_errno(PROGRAM, c"shutdown", error);
                give_up(&progress);
            });

            half_closed = true;
        }
    }

    // [10] Say how much came back
    printf!(c"%llu bytes came back as they were sent\n", progress.returned);
    // SAFETY: `sock` is this program's own, and nothing uses it afterwards.
    _ = unsafe { close(sock) };
    succeed(PROGRAM);
}

//! Echo server, multiplexing with epoll: one process asks the kernel which of all its sockets are ready.
//!
//! The tutorial's multiplexing model (lines 671 to the end) with a call that Linux adds to select and poll.
//! They are given all descriptors each time, and look at all of them. Here each is given once; the kernel
//! notes what becomes ready, and epoll_wait() returns that alone. So the cost of a message does not depend on
//! how many clients there are.
//!
//! A connection is edge-triggered: it is told once, when something new has come, and not again as long as it
//! is not served. So a connection that is served by halves must be asked about anew. The listening socket is
//! level-triggered: it is told as long as connections wait.
//!
//! Call: `echo_server_epoll [-b MICROSECONDS] [-w WORKERS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLET, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, SOCK_CLOEXEC,
    SOCK_NONBLOCK, c_int, epoll_event,
};
use sockmirror::errno::Errno;
use sockmirror::runtime::Arguments;
use sockmirror::stdlib::exit;
use sockmirror::string::zeroed;
use sockmirror::sys::epoll::{epoll_create1, epoll_ctl, epoll_wait};

use sockmirror::common::explain::{explain_errno, fail};
use sockmirror::server::connections::{
    CLOSED, WANT_READ, WANT_WRITE, accept_connection, handle_signalfd, new_server, poll_timeout, reset_connection,
    serve, wait_failed,
};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_epoll";
const USAGE: &CStr = c"./echo_server_epoll [-b MICROSECONDS] [-w WORKERS] PORT
  -b  ask again and again for so long before sleeping, 0 to 1000000 (0)
  -w  serve with so many processes, 1 to 64 (this process alone)";
const MAX_EVENTS: usize = 512;
// What a connection that waits to receive is told of: bytes, the end, and an urgent byte. A recv() stops before that
// one, and has not emptied the socket although it brings less than there is room for.
const READ_EVENTS: c_int = EPOLLIN | EPOLLRDHUP | EPOLLPRI;

sockmirror::entry!(main);

/// epoll_ctl(): adds a socket, or asks about it anew. What is there already is told, too.
#[cold]
fn watch(epoll: c_int, operation: c_int, sock: c_int, wanted: c_int) -> Result<(), Errno> {
    let mut event: epoll_event = zeroed();
    event.events = wanted as u32;
    event.u64 = sock as u64;
    // SAFETY: the structure is filled in.
    unsafe { epoll_ctl(epoll, operation, sock, &raw mut event) }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut events = [MaybeUninit::<epoll_event>::uninit(); MAX_EVENTS];
    let mut count = 0;
    let mut listening = true;
    let mut signalled: bool;

    // [1] Take options and port, and keep signals back
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:b:w:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and let signals be read like bytes. With workers, each goes on from here
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: the socket is the server's.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    let signals = open_signalfd(PROGRAM, &set);
    server.busy_poll = settings.busy_poll;
    server.is_worker = settings.is_worker;

    // [3] Make the set of sockets that the kernel watches: first the listening one, and the signals
    let epoll = epoll_create1(EPOLL_CLOEXEC).unwrap_or_else(|error| fail(PROGRAM, c"epoll_create1", error));

    watch(epoll, EPOLL_CTL_ADD, server.listener(), EPOLLIN)
        .and_then(|()| watch(epoll, EPOLL_CTL_ADD, signals, EPOLLIN))
        .unwrap_or_else(|error| fail(PROGRAM, c"epoll_ctl", error));

    announce_ready(PROGRAM, &mut settings);

    while !server.draining() || server.open > 0 {
        signalled = false;

        // [4] Sleep until something is ready; the kernel says what
        count = match
            // SAFETY: `events` has MOST_EVENTS entries.
            unsafe {
                epoll_wait(
                    epoll,
                    events.as_mut_ptr().cast(),
                    MAX_EVENTS as c_int,
                    poll_timeout(&mut server, count),
                )
            }
        {
            Ok(count) => count,
            Err(error) => {
                wait_failed(&mut server, c"epoll_wait", error);
                signalled = true;
                0
            }
        };

        for event in &events[..count as usize] {
            // SAFETY: epoll_wait has stored so many.
            let event = unsafe { event.assume_init_ref() };
            let sock = event.u64 as c_int;

            if sock == server.listener() {
                // [5] A connection waits: take it, and have it watched
                let sock = accept_connection(&mut server);
                if sock < 0 {
                    continue;
                }

                if let Err(error) = watch(epoll, EPOLL_CTL_ADD, sock, READ_EVENTS | EPOLLET) {
                    reset_connection(&mut server, sock, c"epoll_ctl", error);
                }
            } else if sock == signals {
                signalled = true;
            } else {
                // [6] A connection is ready: serve it
                let wanted = serve(&mut server, sock);

                // [7] Mostly it waits for what it waited for. Ask anew if not, or if more is there already
                if wanted == CLOSED || (wanted == WANT_READ && event.events == EPOLLIN as u32) {
                    continue;
                }

                watch(
                    epoll,
                    EPOLL_CTL_MOD,
                    sock,
                    EPOLLET | (if wanted == WANT_WRITE { EPOLLOUT } else { READ_EVENTS }),
                )
                .unwrap_or_else(|error| {
                    reset_connection(&mut server, sock, c"epoll_ctl", error);
                });
            }
        }

        // [8] A signal begins the end, which is when the last connection has ended
        if signalled {
            handle_signalfd(&mut server, signals);
        }

        // [9] Watch the listening socket only while accept() does not rest
        if listening == server.accept_paused && !server.draining() {
            listening = !listening;

            if let Err(error) = watch(epoll, EPOLL_CTL_MOD, server.listener(), if listening { EPOLLIN } else { 0 }) {
                explain_errno(PROGRAM, c"epoll_ctl", error);
            }
        }
    }

    exit(0);
}

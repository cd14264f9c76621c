//! Echo server, multiplexing with epoll: one process waits until any of its sockets is ready.
//!
//! Waits: one process, for all sockets.
//! In: epoll_wait().
//! For: readiness, edge-triggered; of the listening socket and the signals, level-triggered.
//!
//! The tutorial's multiplexing model (lines 671 to the end) with a call that Linux adds to select and poll. Those take
//! all descriptors in each call, and check all of them. Here each descriptor is registered once; the kernel notes those
//! that become ready, and epoll_wait() returns only these. So the cost of a message does not depend on the number of
//! clients.
//!
//! A connection is edge-triggered: it is reported once when something arrives, and not again while it is not served. So
//! a connection that still has data after its turn must be armed again. The listening socket is level-triggered: it is
//! reported as long as connections are waiting.
//!
//! Call: `echo_server_epoll [-b MICROSECONDS] [-l ADDRESS] [-w WORKERS] PORT`; with port 0 the kernel chooses one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `echo_server_sigio`, where signals are queued in place of a list of ready sockets.
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
const USAGE: &CStr = c"./echo_server_epoll [-b MICROSECONDS] [-l ADDRESS] [-w WORKERS] PORT
  -b  poll busily for this long before sleeping, 0 to 1000000 (0)
  -l  listen on this address only (0.0.0.0: on all)
  -w  serve with this many worker processes, 1 to 64 (none)";
const MAX_EVENTS: usize = 512;
// The events of a connection that waits to receive: data, end of file, and urgent data. A recv() stops before an urgent
// byte; then it has not drained the socket, although it returns less than the buffer holds.
const READ_EVENTS: c_int = EPOLLIN | EPOLLRDHUP | EPOLLPRI;

sockmirror::entry!(main);

/// epoll_ctl(): registers a socket, or arms it again. What is ready already is reported, too.
#[cold]
fn watch(epoll: c_int, operation: c_int, sock: c_int, events: c_int) -> Result<(), Errno> {
    let mut event: epoll_event = zeroed();
    event.events = events as u32;
    event.u64 = sock as u64;
    // SAFETY: the structure is filled in.
    unsafe { epoll_ctl(epoll, operation, sock, &raw mut event) }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut events = [MaybeUninit::<epoll_event>::uninit(); MAX_EVENTS];
    let mut count = 0;
    let mut listening = true;
    let mut signalled: bool;

    // [1] Read options and port, and block the signals
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:b:l:w:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and open a descriptor from which signals are read. With workers, each of them continues from here
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: nobody else has the socket.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    let signals = open_signalfd(PROGRAM, &set);
    server.busy_poll = settings.busy_poll;
    server.is_worker = settings.is_worker;

    // [3] Create the epoll instance, and register the listening socket and the signals
    let epoll = epoll_create1(EPOLL_CLOEXEC).unwrap_or_else(|error| fail(PROGRAM, c"epoll_create1", error));

    watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN)
        .and_then(|()| watch(epoll, EPOLL_CTL_ADD, signals, EPOLLIN))
        .unwrap_or_else(|error| fail(PROGRAM, c"epoll_ctl", error));

    announce_ready(PROGRAM, &mut settings);

    while !server.draining() || server.open > 0 {
        signalled = false;

        // [4] Sleep until descriptors are ready; the kernel says which
        let timeout = poll_timeout(&mut server, count);

        // SAFETY: `events` has MAX_EVENTS entries.
        count = unsafe { epoll_wait(epoll, events.as_mut_ptr().cast(), MAX_EVENTS as c_int, timeout) }.unwrap_or_else(
            |error| {
                wait_failed(&mut server, c"epoll_wait", error);
                signalled = true;
                0
            },
        );

        for event in &events[..count as usize] {
            // SAFETY: epoll_wait() has stored so many.
            let event = unsafe { event.assume_init_ref() };
            let sock = event.u64 as c_int;

            if sock == listener {
                // [5] A connection is waiting: accept it, and register it
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

                // [7] Usually it still waits to receive. Arm it again if not, or if there may be more already
                if wanted == CLOSED || (wanted == WANT_READ && event.events == EPOLLIN as u32) {
                    continue;
                }

                let events = EPOLLET | if wanted == WANT_WRITE { EPOLLOUT } else { READ_EVENTS };

                if let Err(error) = watch(epoll, EPOLL_CTL_MOD, sock, events) {
                    reset_connection(&mut server, sock, c"epoll_ctl", error);
                }
            }
        }

        // [8] Handle a signal: it starts the shutdown, which ends with the last connection
        if signalled {
            handle_signalfd(&mut server, signals);
        }

        // [9] Watch the listening socket only while accept() is not paused
        if listening == server.accept_paused && !server.draining() {
            listening = !listening;

            if let Err(error) = watch(epoll, EPOLL_CTL_MOD, listener, if listening { EPOLLIN } else { 0 }) {
                explain_errno(PROGRAM, c"epoll_ctl", error);
            }
        }
    }

    exit(0);
}

//! Echo server, multiplexing with poll: one process waits for all its sockets at once.
//!
//! The tutorial's multiplexing model (lines 671 to the end). poll() is given a list of sockets, each with what
//! is waited for, and sleeps until at least one is ready. It does not limit how many there are, but the kernel
//! looks at all of them each time, and so does the server afterwards: a message costs the more, the more
//! clients there are, even if they are silent. See `echo_server_epoll`.
//!
//! It is level-triggered: a socket is told again and again as long as it is ready. So whatever is left can
//! wait for the next turn.
//!
//! Call: `echo_server_poll [-b MICROSECONDS] PORT`; with port 0 the kernel chooses a free one. Run against it:
//! `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::ptr::null_mut;
use libc::{POLLIN, POLLOUT, SOCK_CLOEXEC, SOCK_NONBLOCK, c_int, nfds_t, pollfd};
use sockmirror::errno::{Errno, errno};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdlib::{exit, realloc};

use sockmirror::common::explain::fail;
use sockmirror::server::connections::{
    CLOSED, MAX_ACCEPTS, WANT_WRITE, accept_connection, can_accept, handle_signalfd, new_server, poll_timeout,
    reset_connection, serve, wait_failed,
};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_poll";
const USAGE: &CStr = c"./echo_server_poll [-b MICROSECONDS] PORT
  -b  ask again and again for so long before sleeping, 0 to 1000000 (0)";
// The places of the listening socket, of the signals and of the first connection in the list.
const LISTENER: usize = 0;
const SIGNALS: usize = 1;
const FIRST: usize = 2;

sockmirror::entry!(main);

/// The list: what is asked of the kernel, and its answer.
struct List {
    fds: *mut pollfd,
    capacity: usize,
    count: usize,
}

/// realloc(): puts a socket at the end of the list, to wait until it can be received from.
fn add(list: &mut List, sock: c_int) -> Result<(), Errno> {
    let capacity = if list.capacity > 0 { 2 * list.capacity } else { 64 };

    if list.count == list.capacity {
        // SAFETY: null, or what realloc returned the last time.
        let fds = unsafe { realloc(list.fds.cast(), capacity * size_of::<pollfd>()) };
        if fds.is_null() {
            return Err(errno());
        }

        list.fds = fds.cast();
        list.capacity = capacity;
    }

    // SAFETY: there is room for one entry more.
    unsafe { list.fds.wrapping_add(list.count).write(pollfd { fd: sock, events: POLLIN, revents: 0 }) };
    list.count += 1;
    Ok(())
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut list = List { fds: null_mut(), capacity: 0, count: 0 };
    let mut ready = 0;

    // [1] Take options and port, and keep signals back
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:b:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and let signals be read like bytes
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: the socket is the server's.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    let signals = open_signalfd(PROGRAM, &set);
    announce_ready(PROGRAM, &mut settings);
    server.busy_poll = settings.busy_poll;

    // [3] Begin the list with the listening socket and the signals
    add(&mut list, server.listener())
        .and_then(|()| add(&mut list, signals))
        .unwrap_or_else(|error| fail(PROGRAM, c"realloc", error));

    while !server.draining() || server.open > 0 {
        // [4] A negative descriptor is passed over, as the listening socket is while accept() rests
        // SAFETY: the list has this entry.
        unsafe {
            (*list.fds.wrapping_add(LISTENER)).fd = if can_accept(&server) { server.listener() } else { -1 };
        }

        // [5] Sleep until something is ready; the kernel marks what
        ready = match
            // SAFETY: the list has `count` entries.
            unsafe { poll(list.fds, list.count as nfds_t, poll_timeout(&mut server, ready)) }
        {
            Ok(ready) => ready,
            Err(error) => {
                wait_failed(&mut server, c"poll", error);
                handle_signalfd(&mut server, signals);
                ready = 0;
                continue;
            }
        };

        let mut left = ready;

        // [6] Look for the connections that are marked: from the end, so that one that goes is replaced by one
        // that has been looked at
        for i in (FIRST..list.count).rev() {
            if left == 0 {
                break;
            }

            // SAFETY: the list had `count` entries, and only those behind this one may be gone.
            let entry = unsafe { &mut *list.fds.wrapping_add(i) };

            if entry.revents == 0 {
                continue;
            }

            // [7] Serve it, and wait for what it waits for now
            left -= 1;
            let wanted = serve(&mut server, entry.fd);

            if wanted == CLOSED {
                list.count -= 1;
                // SAFETY: the last entry; it is this one, or has been looked at.
                *entry = unsafe { list.fds.wrapping_add(list.count).read() };
            } else {
                entry.events = if wanted == WANT_WRITE { POLLOUT } else { POLLIN };
            }
        }

        // [8] Take connections that wait
        // SAFETY: the list has this entry.
        if unsafe { (*list.fds.wrapping_add(LISTENER)).revents } != 0 {
            let mut taken = 0;

            while taken < MAX_ACCEPTS {
                taken += 1;

                let sock = accept_connection(&mut server);
                if sock < 0 {
                    break;
                }

                if let Err(error) = add(&mut list, sock) {
                    reset_connection(&mut server, sock, c"realloc", error);
                }
            }
        }

        // [9] A signal begins the end, which is when the last connection has ended
        // SAFETY: the list has this entry.
        if unsafe { (*list.fds.wrapping_add(SIGNALS)).revents } != 0 {
            handle_signalfd(&mut server, signals);
        }
    }

    exit(0);
}

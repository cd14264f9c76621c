//! Echo server, multiplexing with select: one process waits for all its sockets at once.
//!
//! The tutorial's multiplexing model (lines 671 to the end), with its oldest call. select() is given sets of
//! descriptors, one bit for each, and sleeps until at least one is ready. What it is given, it overwrites with
//! its answer, so that the sets are copied each time; and the kernel and the server look at every bit up to the
//! highest. A set has room for FD_SETSIZE descriptors, 1024 with glibc: FD_SET() of a higher one writes outside
//! the set. So the server refuses a connection whose descriptor is higher, and those that it has go on. See
//! `echo_server_poll`, which has no such limit.
//!
//! It is level-triggered: a socket is told again and again as long as it is ready. So whatever is left can
//! wait for the next turn.
//!
//! Call: `echo_server_select PORT`; with port 0 the kernel chooses a free one. Run against it:
//! `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{FD_SETSIZE, SOCK_CLOEXEC, SOCK_NONBLOCK, c_int, fd_set};
use sockmirror::runtime::Arguments;
use sockmirror::stdio::{fprintf, stderr};
use sockmirror::stdlib::exit;
use sockmirror::sys::select::{FD_CLR, FD_ISSET, FD_SET, FD_ZERO, select};

use sockmirror::server::connections::{
    CLOSED, MAX_ACCEPTS, Server, WANT_WRITE, accept_connection, can_accept, close_connection, handle_signalfd,
    new_server, serve, wait_failed,
};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_select";
const USAGE: &CStr = c"./echo_server_select PORT";

sockmirror::entry!(main);

/// Refuses a connection that no set has room for. As long as that goes on, it is said once.
///
/// # Safety
///
/// `sock` is a connection of this server.
unsafe fn refuse_connection(server: &mut Server<'_>, sock: c_int, full: &mut bool) {
    if !*full {
        fprintf!(
            stderr(),
            c"%s: select() has no room for descriptor %d, only below %d: connections are refused\n",
            PROGRAM,
            sock,
            FD_SETSIZE as c_int
        );
    }

    *full = true;
    close_connection(server, sock);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut want_read = MaybeUninit::<fd_set>::uninit();
    let mut want_write = MaybeUninit::<fd_set>::uninit();
    let (mut readable, mut writable): (fd_set, fd_set);
    let mut signalled: bool;
    let mut full = false;

    // [1] Take the port, and keep signals back
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and let signals be read like bytes
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: the socket is the server's.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    let signals = open_signalfd(PROGRAM, &set);
    let mut highest = if signals > server.listener() { signals } else { server.listener() };

    if highest >= FD_SETSIZE as c_int {
        fprintf!(
            stderr(),
            c"%s: select() has no room for descriptor %d, only below %d: too many were open at the start\n",
            PROGRAM,
            highest,
            FD_SETSIZE as c_int
        );
        exit(1);
    }

    announce_ready(PROGRAM, &mut settings);

    // [3] Make the sets: of what waits to receive, at first the listening socket and the signals, and to send
    // SAFETY: the set may be written.
    unsafe { FD_ZERO(want_read.as_mut_ptr()) };
    // SAFETY: the same.
    unsafe { FD_ZERO(want_write.as_mut_ptr()) };
    // SAFETY: FD_ZERO has made the set.
    let mut want_read = unsafe { want_read.assume_init() };
    // SAFETY: the same.
    let mut want_write = unsafe { want_write.assume_init() };
    // SAFETY: the set is made.
    unsafe { FD_SET(signals, &raw mut want_read) };
    // SAFETY: the same.
    unsafe { FD_SET(server.listener(), &raw mut want_read) };

    while !server.draining() || server.open > 0 {
        readable = want_read;
        writable = want_write;

        // [4] Leave the listening socket out while accept() rests
        if !can_accept(&server) {
            // SAFETY: the set is made.
            unsafe { FD_CLR(server.listener(), &raw mut readable) };
        }

        // [5] Sleep until something is ready; the kernel leaves it, and nothing else, in the sets
        let mut ready = match
            // SAFETY: the sets are made, and `highest` was found to be below FD_SETSIZE.
            unsafe {
                select(highest + 1, &raw mut readable, &raw mut writable, null_mut(), null_mut())
            }
        {
            Ok(ready) => ready,
            Err(error) => {
                wait_failed(&mut server, c"select", error);
                handle_signalfd(&mut server, signals);
                continue;
            }
        };

        signalled = false;

        // [6] Look for what is in them
        for sock in 0..FD_SETSIZE as c_int {
            if ready == 0 {
                break;
            }

            // SAFETY: the set is made.
            if !unsafe { FD_ISSET(sock, &raw const readable) }
                // SAFETY: the same.
                && !unsafe { FD_ISSET(sock, &raw const writable) }
            {
                continue;
            }

            ready -= 1;

            if sock == server.listener() {
                // [7] Take connections that wait, if the sets have room for them
                let mut taken = 0;

                while taken < MAX_ACCEPTS {
                    taken += 1;

                    let accepted = accept_connection(&mut server);
                    if accepted < 0 {
                        break;
                    }

                    if accepted >= FD_SETSIZE as c_int {
                        // SAFETY: it was just accepted.
                        unsafe { refuse_connection(&mut server, accepted, &mut full) };
                        continue;
                    }

                    // SAFETY: the set is made.
                    unsafe { FD_SET(accepted, &raw mut want_read) };
                    highest = if accepted > highest { accepted } else { highest };
                    full = false;
                }
            } else if sock == signals {
                signalled = true;
            } else {
                // [8] A connection is ready: serve it, and put it into the set of what it waits for now
                let wanted = serve(&mut server, sock);
                // SAFETY: the set is made.
                unsafe { FD_CLR(sock, &raw mut want_read) };
                // SAFETY: the same.
                unsafe { FD_CLR(sock, &raw mut want_write) };

                if wanted != CLOSED {
                    let waiting = if wanted == WANT_WRITE { &mut want_write } else { &mut want_read };
                    // SAFETY: the same.
                    unsafe { FD_SET(sock, waiting) };
                }
            }
        }

        // [9] A signal begins the end, which is when the last connection has ended
        if signalled {
            handle_signalfd(&mut server, signals);
        }
    }

    exit(0);
}

//! Echo server, multiplexing with select: one process waits for all its sockets at once.
//!
//! Waits: one process, for all sockets.
//! In: select().
//! For: readiness, level-triggered.
//!
//! The tutorial's multiplexing model (lines 671 to the end), with its oldest call. select() takes sets of descriptors,
//! one bit for each, and sleeps until at least one is ready. It overwrites the sets with its result, so that they are
//! copied before each call; and both the kernel and the server go through all bits up to the highest descriptor. A set
//! has room for FD_SETSIZE descriptors, 1024 with glibc: FD_SET() of a higher one writes outside of the set. So the
//! server refuses a connection with a higher descriptor, and goes on serving the others.
//!
//! Level-triggered means that select() reports a socket as long as it is ready. So it need not be emptied at once:
//! the rest can wait for the next turn.
//!
//! Call: `echo_server_select [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `echo_server_poll`, which has no such limit.
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
const USAGE: &CStr = c"./echo_server_select [-l ADDRESS] PORT
  -l  listen on this address only (0.0.0.0: on all)";

sockmirror::entry!(main);

/// Refuses a connection that no set has room for. This is reported once, until a connection fits again.
fn refuse_connection(server: &mut Server<'_>, sock: c_int, full: &mut bool) {
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
    let mut full = false;

    // [1] Read options and port, and block the signals
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:l:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and open a descriptor from which signals are read
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: nobody else has the socket.
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

    // [3] Make two sets: what to wait for to be readable, at first listener and signals, and to be writable
    // SAFETY: the set may be written.
    unsafe { FD_ZERO(want_read.as_mut_ptr()) };
    // SAFETY: the same.
    unsafe { FD_ZERO(want_write.as_mut_ptr()) };
    // SAFETY: FD_ZERO has made it a set.
    let mut want_read = unsafe { want_read.assume_init() };
    // SAFETY: the same.
    let mut want_write = unsafe { want_write.assume_init() };
    // SAFETY: it is a set.
    unsafe { FD_SET(signals, &raw mut want_read) };
    // SAFETY: the same.
    unsafe { FD_SET(server.listener(), &raw mut want_read) };

    while !server.draining() || server.open > 0 {
        let mut readable = want_read;
        let mut writable = want_write;

        // [4] Leave the listener out while accept() is paused
        if !can_accept(&server) {
            // SAFETY: it is a set.
            unsafe { FD_CLR(server.listener(), &raw mut readable) };
        }

        // [5] Sleep until a descriptor is ready; the kernel leaves only those that are in the sets
        // SAFETY: the sets may be written, and have room for `highest`; a null pointer asks for no timeout.
        let mut ready =
            match unsafe { select(highest + 1, &raw mut readable, &raw mut writable, null_mut(), null_mut()) } {
                Ok(ready) => ready,
                Err(error) => {
                    wait_failed(&mut server, c"select", error);
                    handle_signalfd(&mut server, signals);
                    continue;
                }
            };

        let mut signalled = false;

        // [6] Go through the sets
        for sock in 0..FD_SETSIZE as c_int {
            if ready == 0 {
                break;
            }

            // SAFETY: it is a set.
            if !unsafe { FD_ISSET(sock, &raw const readable) }
                // SAFETY: the same.
                && !unsafe { FD_ISSET(sock, &raw const writable) }
            {
                continue;
            }

            ready -= 1;

            if sock == server.listener() {
                // [7] Accept connections, if the sets have room for them
                let mut accepts = 0;

                while accepts < MAX_ACCEPTS {
                    accepts += 1;

                    let accepted = accept_connection(&mut server);
                    if accepted < 0 {
                        break;
                    }

                    if accepted >= FD_SETSIZE as c_int {
                        refuse_connection(&mut server, accepted, &mut full);
                        continue;
                    }

                    // SAFETY: it is a set.
                    unsafe { FD_SET(accepted, &raw mut want_read) };
                    highest = if accepted > highest { accepted } else { highest };
                    full = false;
                }
            } else if sock == signals {
                signalled = true;
            } else {
                // [8] Serve a connection that is ready, and put it into the set of what it waits for now
                let state = serve(&mut server, sock);
                // SAFETY: it is a set.
                unsafe { FD_CLR(sock, &raw mut want_read) };
                // SAFETY: the same.
                unsafe { FD_CLR(sock, &raw mut want_write) };

                if state != CLOSED {
                    let wanted = if state == WANT_WRITE { &mut want_write } else { &mut want_read };
                    // SAFETY: the same.
                    unsafe { FD_SET(sock, wanted) };
                }
            }
        }

        // [9] Handle a signal: it starts the shutdown, which ends with the last connection
        if signalled {
            handle_signalfd(&mut server, signals);
        }
    }

    exit(0);
}

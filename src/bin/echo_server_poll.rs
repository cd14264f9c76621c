//! Echo server, multiplexing with poll: one process waits for all its sockets at once.
//!
//! Waits: one process, for all sockets.
//! In: poll().
//! For: readiness, level-triggered.
//!
//! The tutorial's multiplexing model (lines 671 to the end). poll() takes a list of sockets, each with the events to
//! wait for, and sleeps until at least one is ready. The list may have any length, but the kernel goes through all of
//! it each time, and so does the server afterwards: the more clients there are, even idle ones, the more a message
//! costs.
//!
//! Level-triggered means that poll() reports a socket as long as it is ready. So it need not be emptied at once: the
//! rest can wait for the next turn.
//!
//! Call: `echo_server_poll [-b MICROSECONDS] [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `echo_server_epoll`, where the kernel keeps the list.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{POLLIN, POLLOUT, SOCK_CLOEXEC, SOCK_NONBLOCK, c_int, nfds_t};
use sockmirror::errno::errno;
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdlib::exit;

use sockmirror::common::explain::fail;
use sockmirror::server::connections::{
    CLOSED, MAX_ACCEPTS, WANT_WRITE, accept_connection, can_accept, handle_signalfd, new_server, poll_timeout,
    reset_connection, serve, wait_failed,
};
use sockmirror::server::poll_list::{add_entry, new_poll_list, remove_entry};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_poll";
const USAGE: &CStr = c"./echo_server_poll [-b MICROSECONDS] [-l ADDRESS] PORT
  -b  poll busily for this long before sleeping, 0 to 1000000 (0)
  -l  listen on this address only (0.0.0.0: on all)";
// The places in the list of the listening socket, of the signals and of the first connection.
const LISTENER: usize = 0;
const SIGNALS: usize = 1;
const FIRST: usize = 2;

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut list = new_poll_list();
    let mut ready = 0;

    // [1] Read options and port, and block the signals
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:b:l:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and open a descriptor from which signals are read
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: nobody else has the socket.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    let signals = open_signalfd(PROGRAM, &set);
    announce_ready(PROGRAM, &mut settings);
    server.busy_poll = settings.busy_poll;

    // [3] Put the listening socket and the signals into the list
    if !add_entry(&mut list, server.listener()) || !add_entry(&mut list, signals) {
        fail(PROGRAM, c"realloc", errno());
    }

    while !server.draining() || server.open > 0 {
        // [4] Leave the listening socket out while accept() is paused: poll() ignores a negative descriptor
        list.entries()[LISTENER].fd = if can_accept(&server) { server.listener() } else { -1 };

        // [5] Sleep until a descriptor is ready; the kernel stores its events in `revents`
        let entries = list.entries();
        // SAFETY: as many entries as the list has.
        ready = match unsafe { poll(entries.as_mut_ptr(), entries.len() as nfds_t, poll_timeout(&mut server, ready)) } {
            Ok(ready) => ready,
            Err(error) => {
                wait_failed(&mut server, c"poll", error);
                // It has stored no events; those in the list are older. Only a signal may have come.
                entries[LISTENER].revents = 0;
                entries[SIGNALS].revents = POLLIN;
                0
            }
        };

        let mut unseen = ready;

        // [6] Go through the connections, from the last one: an entry that is removed is replaced by the last one,
        // which has had its turn
        for i in (FIRST..list.entries().len()).rev() {
            if unseen == 0 {
                break;
            }

            let entry = &mut list.entries()[i];

            if entry.revents == 0 {
                continue;
            }

            // [7] Serve a connection that is ready, and note what it waits for now
            unseen -= 1;
            let state = serve(&mut server, entry.fd);

            if state == CLOSED {
                remove_entry(&mut list, i);
            } else {
                entry.events = if state == WANT_WRITE { POLLOUT } else { POLLIN };
            }
        }

        // [8] Accept connections
        if list.entries()[LISTENER].revents != 0 {
            let mut accepts = 0;

            while accepts < MAX_ACCEPTS {
                accepts += 1;

                let sock = accept_connection(&mut server);
                if sock < 0 {
                    break;
                }

                if !add_entry(&mut list, sock) {
                    reset_connection(&mut server, sock, c"realloc", errno());
                }
            }
        }

        // [9] Handle a signal: it starts the shutdown, which ends with the last connection
        if list.entries()[SIGNALS].revents != 0 {
            handle_signalfd(&mut server, signals);
        }
    }

    exit(0);
}

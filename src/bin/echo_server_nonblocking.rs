//! Echo server, non-blocking: one process tries each of its sockets in turn, again and again.
//!
//! Waits: nobody; one process tries all sockets in turn.
//! In: no call.
//! For: nothing: every call returns at once, with EAGAIN if there is nothing to do.
//!
//! The tutorial's non-blocking model (lines 671 to the end), also called polling. Since no call blocks, one process can
//! serve any number of clients with the calls that serve a single one. The price is a processor that is busy even when
//! nobody sends anything, and a call for each connection in each round. The multiplexing models need one call for all.
//!
//! Call: `echo_server_nonblocking [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `echo_server_select`, which sleeps until a socket is ready.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{SOCK_CLOEXEC, SOCK_NONBLOCK, c_int};
use sockmirror::runtime::Arguments;
use sockmirror::stdlib::exit;

use sockmirror::server::connections::{
    MAX_ACCEPTS, accept_connection, can_accept, handle_signalfd, is_open, new_server, serve,
};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_nonblocking";
const USAGE: &CStr = c"./echo_server_nonblocking [-l ADDRESS] PORT
  -l  listen on this address only (0.0.0.0: on all)";

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut highest: c_int = -1;

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
    announce_ready(PROGRAM, &mut settings);

    while !server.draining() || server.open > 0 {
        // [3] Accept connections until none is left in the queue, or the others have to have their turn
        let mut accepts = 0;

        while accepts < MAX_ACCEPTS && can_accept(&server) {
            accepts += 1;

            let sock = accept_connection(&mut server);
            if sock < 0 {
                break;
            }

            highest = highest.max(sock);
        }

        // [4] Serve every connection until recv() or send() fails with EAGAIN
        for sock in 0..=highest {
            if is_open(&server, sock) {
                serve(&mut server, sock);
            }
        }

        // A new descriptor is the lowest that is free, so there are few gaps below the highest.
        while highest >= 0 && !is_open(&server, highest) {
            highest -= 1;
        }

        // [5] Handle a signal: it starts the shutdown, which ends with the last connection
        handle_signalfd(&mut server, signals);
    }

    exit(0);
}

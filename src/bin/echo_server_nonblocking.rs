//! Echo server, non-blocking: one process asks each of its sockets in turn, again and again.
//!
//! The tutorial's non-blocking model (lines 671 to the end), also called polling. No call ever sleeps: a call
//! that has nothing to do fails at once, with EAGAIN. So one process serves any number of clients with the
//! calls of a single one. What it costs is a processor, which is busy even when nobody sends anything, and
//! a call for each connection in each round. The multiplexing models ask for all of them with one call.
//!
//! Call: `echo_server_nonblocking PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
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
const USAGE: &CStr = c"./echo_server_nonblocking PORT";

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut highest: c_int = -1;

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
    announce_ready(PROGRAM, &mut settings);

    while !server.draining() || server.open > 0 {
        // [3] Take the clients that wait, until accept() says that there is none, or others had no turn for long
        let mut taken = 0;

        while taken < MAX_ACCEPTS && can_accept(&server) {
            taken += 1;

            let sock = accept_connection(&mut server);
            if sock < 0 {
                break;
            }

            highest = highest.max(sock);
        }

        // [4] Serve every connection, until recv() or send() says that it has to wait
        for sock in 0..=highest {
            if is_open(&server, sock) {
                serve(&mut server, sock);
            }
        }

        // A new descriptor is the lowest that is free, so that there are few gaps below the highest.
        while highest >= 0 && !is_open(&server, highest) {
            highest -= 1;
        }

        // [5] A signal begins the end, which is when the last connection has ended
        handle_signalfd(&mut server, signals);
    }

    exit(0);
}

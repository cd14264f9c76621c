//! Echo server, asynchronous with POSIX AIO: requests to read and write are submitted, and a signal says when they
//! have completed.
//!
//! Waits: one process, for all sockets; behind it a thread of the C library for each request.
//! In: sigwaitinfo().
//! For: completions. A connection waiting for accept() is a signal of its own.
//!
//! The last of the five I/O models that the tutorial's chapter begins to describe (lines 671 to the end). With the
//! others, the server learns that a socket is ready, and then receives; here the data is already in the buffer when
//! the server is notified. Each connection has one request in progress at any time: to read, or to write what was read.
//!
//! The kernel has no part in it: glibc hands each request to a thread, which makes the call (pread(), which fails on a
//! socket, and then read()) and blocks in it. So each client costs a thread, idle or not. The cost of a message grows
//! with the number of clients, because the library searches the list of all requests for each one.
//!
//! The signal for completions is SIGIO, which is pending only once, however many requests have completed. So it cannot
//! be lost, as one queued signal for each request would be when the queue is full; but all requests must be checked.
//!
//! Call: `echo_server_aio [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `server/aio_requests`, the requests; then `echo_server_uring`, where the kernel does the work.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::ptr::null_mut;
use libc::{POLLIN, SIGIO, SIGUSR1, SOCK_CLOEXEC, SOCK_NONBLOCK, c_int, pollfd};
use sockmirror::aio::{aio_init, aioinit};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::signal::{kill, sigaddset, sigwaitinfo};
use sockmirror::stdlib::exit;
use sockmirror::string::zeroed;
use sockmirror::unistd::getpid;

use sockmirror::common::explain::fail;
use sockmirror::server::aio_requests::{
    aio_on_signal, lacks_threads, new_exchanges, reap_completions, start_exchange, wait_for_thread,
    wait_longer_for_thread,
};
use sockmirror::server::connections::{accept_connection, can_accept, new_server, wait_failed};
use sockmirror::server::signals::{block_set, block_signals, enable_sigio};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_aio";
const USAGE: &CStr = c"./echo_server_aio [-l ADDRESS] PORT
  -l  listen on this address only (0.0.0.0: on all)";

sockmirror::entry!(main);

/// poll() and kill(): if a connection is waiting, sends a signal for it, whatever signals there were before.
fn requeue_if_ready(listener: c_int) {
    let mut entry = pollfd { fd: listener, events: POLLIN, revents: 0 };

    // SAFETY: one entry, as it says.
    if unsafe { poll(&raw mut entry, 1, 0) } != Ok(0) {
        _ = kill(getpid(), SIGUSR1);
    }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut listening = false;

    // [1] Read options and port, and block the signals. SIGPIPE is ignored: a write to a gone client fails instead
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:l:h", argc, argv);
    let mut signals = block_signals(PROGRAM);
    // SAFETY: block_signals() has made the set.
    _ = unsafe { sigaddset(&raw mut signals, SIGIO) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(&raw mut signals, SIGUSR1) };
    block_set(PROGRAM, &signals);

    // [2] Allow as many threads as the system creates, and keep those that are idle
    let mut threads: aioinit = zeroed();
    threads.aio_threads = c_int::MAX;
    threads.aio_idle_time = c_int::MAX;
    // SAFETY: the structure is filled in.
    unsafe { aio_init(&raw const threads) };

    // [3] Listen, and request a signal when a connection is waiting. Connections block: it is threads that wait
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut signals, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: nobody else has the socket.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    server.flags = SOCK_CLOEXEC;
    // SAFETY: the server is new, and only the functions of the module use its connections.
    let mut exchanges = unsafe { new_exchanges(server) };
    announce_ready(PROGRAM, &mut settings);

    // SAFETY: the listening socket is the server's own, which takes these signals.
    unsafe { enable_sigio(listener, SIGUSR1) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    while !exchanges.server.draining() || exchanges.server.open > 0 {
        // [4] Look for connections that arrived before the signal was requested, or while accept() was paused
        if can_accept(&exchanges.server) && !listening {
            requeue_if_ready(listener);
        }

        listening = can_accept(&exchanges.server);

        // [5] Sleep until a signal arrives
        // SAFETY: the set is made; details of the signal are not requested.
        match unsafe { sigwaitinfo(&raw const signals, null_mut()) } {
            Err(error) => wait_failed(&mut exchanges.server, c"sigwaitinfo", error),
            Ok(SIGUSR1) => {
                // [6] Accept a connection and start to read. If others are waiting, they have the next turn
                if can_accept(&exchanges.server) {
                    let sock = accept_connection(&mut exchanges.server);
                    if sock >= 0 {
                        // SAFETY: it was just accepted.
                        unsafe { start_exchange(&mut exchanges, sock) };
                    }
                }

                // [7] A thread is missing: it is not created yet, or cannot be. Pause accept(), and count again later
                if can_accept(&exchanges.server) && lacks_threads(&exchanges) {
                    wait_for_thread(&mut exchanges);
                }

                if can_accept(&exchanges.server) {
                    requeue_if_ready(listener);
                }
            }
            Ok(SIGIO) => {
                // [8] Requests have completed: continue with those connections
                reap_completions(&mut exchanges);
            }
            Ok(number) => {
                // [9] Handle a signal: it starts the shutdown, which ends with the last connection; or ends a pause
                aio_on_signal(&mut exchanges, number);

                // [10] A thread is still missing: extend the pause. In the end, give up the connections without one
                if can_accept(&exchanges.server) && lacks_threads(&exchanges) {
                    wait_longer_for_thread(&mut exchanges);
                }
            }
        }
    }

    exit(0);
}

//! Echo server, asynchronous with io_uring: the kernel does the work, and reports when it is done.
//!
//! Waits: one process, for all sockets.
//! In: io_uring_enter().
//! For: completions.
//!
//! The tutorial's asynchronous model (lines 671 to the end). With the other models, a program is notified that it can
//! call accept(), recv() or send(), and then calls it. Here it calls none of them: it submits requests, and is notified
//! of their results. One call, io_uring_enter(), submits all requests and waits for the completions of all connections.
//! So the more clients there are, the fewer calls each message costs.
//!
//! Two kinds of requests are multishot, submitted once and completed many times: to accept, and to receive from a
//! connection. For each message there is one request, to send it back, and two completions.
//!
//! Linux 6.1 or later is needed. A server that is killed keeps its port a little longer than the others do: the kernel
//! takes down the rings and their requests after the process is gone.
//!
//! Call: `echo_server_uring [-l ADDRESS] [-w WORKERS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `server/uring`, the rings; then `server/uring_connections`, the requests of a connection.
#![no_std]
#![no_main]

use core::ffi::CStr;
use libc::{EBUSY, SOCK_CLOEXEC, c_int};
use sockmirror::errno::{Errno, errno};
use sockmirror::linux::io_uring::{
    IORING_CQE_F_MORE, IORING_OP_ACCEPT, IORING_OP_POLL_ADD, IORING_OP_RECV, IORING_OP_SEND,
};
use sockmirror::runtime::Arguments;
use sockmirror::stdlib::exit;

use sockmirror::server::connections::{can_accept, new_server, read_signalfd, wait_failed};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::uring::{next_cqe, prep_accept_multishot, prep_poll_add, submit_and_wait};
use sockmirror::server::uring_connections::{
    new_streams, on_accept, on_recv, on_send, resume_waiting, uring_on_signal,
};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_uring";
const USAGE: &CStr = c"./echo_server_uring [-l ADDRESS] [-w WORKERS] PORT
  -l  listen on this address only (0.0.0.0: on all)
  -w  serve with this many worker processes, 1 to 64 (none)";

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut polling = false;
    let mut accepting = false;
    let mut signalled: bool;

    // [1] Read options and port, and block the signals
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:l:w:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and open a descriptor from which signals are read. With workers, each of them continues from here
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_CLOEXEC) };
    let signals = open_signalfd(PROGRAM, &set);

    // [3] Create the rings, and the buffers to receive into
    // SAFETY: nobody else has the socket.
    let server = unsafe { new_server(PROGRAM, listener) };
    // SAFETY: the server is new, and only the functions of the module use its connections.
    let mut streams = unsafe { new_streams(server) };
    streams.server.is_worker = settings.is_worker;
    announce_ready(PROGRAM, &mut settings);

    while !streams.server.draining() || streams.server.open > 0 || accepting {
        // [4] Wait for the next signal, unless that request is in progress
        if !polling {
            polling = true;
            prep_poll_add(&mut streams.uring, signals);
        }

        // [5] Accept connections, unless that request is in progress, or accept() is paused
        if !accepting && can_accept(&streams.server) {
            accepting = true;
            prep_accept_multishot(&mut streams.uring, streams.server.listener());
        }

        // [6] Submit the requests, and sleep until one completes
        signalled = false;

        if submit_and_wait(&mut streams.uring, 1) < 0 && errno() != Errno(EBUSY) {
            wait_failed(&mut streams.server, c"io_uring_enter", errno());
            signalled = true;
        }

        while let Some(cqe) = next_cqe(&mut streams.uring) {
            let sock = cqe.user_data as c_int;

            match (cqe.user_data >> 32) as u8 {
                IORING_OP_RECV => {
                    // [7] Data was received: send it back. Or the client has sent its last
                    // SAFETY: all of it is of this completion.
                    unsafe { on_recv(&mut streams, sock, cqe.res, cqe.flags) };
                }
                IORING_OP_SEND => {
                    // [8] Data was sent: send what was received since
                    // SAFETY: the same.
                    unsafe { on_send(&mut streams, sock, cqe.res) };
                }
                IORING_OP_ACCEPT => {
                    // [9] A client has connected: receive from it. Or the request to accept has ended
                    accepting = cqe.flags & IORING_CQE_F_MORE != 0;
                    // SAFETY: the same.
                    unsafe { on_accept(&mut streams, cqe.res) };
                }
                IORING_OP_POLL_ADD => {
                    signalled = true;
                    polling = false;
                }
                _ => {}
            }
        }

        // [10] Handle a signal: it starts the shutdown, which ends with the last connection
        if signalled {
            let number = read_signalfd(&mut streams.server, signals);
            uring_on_signal(&mut streams, number);
        }

        // [11] Receive again where no buffer was free
        resume_waiting(&mut streams);
    }

    exit(0);
}

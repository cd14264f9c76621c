//! Echo server, asynchronous with io_uring: the kernel does the work, and says when it is done.
//!
//! The tutorial's asynchronous model (lines 671 to the end). In the other models a program is told when it can
//! call accept(), recv() or send(), and then calls it. Here it calls none of them. It asks for what shall be
//! done, and is told what has come of it: a client is accepted, bytes are received, bytes are sent. One call,
//! io_uring_enter(), hands over all that is asked and waits for all that is done, for every connection. So
//! the more clients there are, the less of a call a message costs.
//!
//! Two things are asked only once, and go on by themselves: to accept, and to receive from a connection. For
//! a message there is one request, to send it back, and two completions.
//!
//! Linux 6.1 or later is needed. A server that is killed keeps its port a little longer than others do:
//! the kernel takes down the queues and what is asked in them after the process is gone.
//!
//! Call: `echo_server_uring [-w WORKERS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{EBUSY, SOCK_CLOEXEC, c_int};
use sockmirror::errno::{Errno, errno};
use sockmirror::linux::io_uring::{
    IORING_CQE_F_MORE, IORING_OP_ACCEPT, IORING_OP_POLL_ADD, IORING_OP_RECV, IORING_OP_SEND, io_uring_cqe,
};
use sockmirror::runtime::Arguments;
use sockmirror::stdlib::exit;

use sockmirror::server::connections::{can_accept, new_server, read_signalfd, wait_failed};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::uring::{next_cqe, prep_accept_multishot, prep_poll_add, submit_and_wait};
use sockmirror::server::uring_connections::{new_streams, on_accept, on_signal, received, resume_waiting, sent};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_uring";
const USAGE: &CStr = c"./echo_server_uring [-w WORKERS] PORT
  -w  serve with so many processes, 1 to 64 (this process alone)";

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut cqe = MaybeUninit::<io_uring_cqe>::uninit();
    let mut watching = false;
    let mut listening = false;
    let mut signalled: bool;

    // [1] Take options and port, and keep signals back
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:w:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen, and let signals be read like bytes. With workers, each goes on from here
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_CLOEXEC) };
    let signals = open_signalfd(PROGRAM, &set);

    // [3] Make the two queues, and the buffers to receive into
    // SAFETY: the socket is the server's.
    let server = unsafe { new_server(PROGRAM, listener) };
    // SAFETY: it has just been made, and all that is below is left to the functions of the module.
    let mut streams = unsafe { new_streams(server) };
    streams.server.is_worker = settings.is_worker;
    announce_ready(PROGRAM, &mut settings);

    while !streams.server.draining() || streams.server.open > 0 || listening {
        // [4] Ask for the next signal, unless that is done already
        if !watching {
            watching = true;
            prep_poll_add(&mut streams.uring, signals);
        }

        // [5] Ask for connections, unless that is done already, or accept() rests
        if !listening && can_accept(&streams.server) {
            listening = true;
            prep_accept_multishot(&mut streams.uring, streams.server.listener());
        }

        // [6] Hand over what is asked, and sleep until something is done
        signalled = false;

        if submit_and_wait(&mut streams.uring, 1) < 0 && errno() != Errno(EBUSY) {
            wait_failed(&mut streams.server, c"io_uring_enter", errno());
            signalled = true;
        }

        while next_cqe(&mut streams.uring, &mut cqe) {
            // SAFETY: next_completion has stored one.
            let cqe = unsafe { cqe.assume_init_ref() };
            let sock = cqe.user_data as c_int;

            match (cqe.user_data >> 32) as u8 {
                IORING_OP_RECV => {
                    // [7] Bytes have been received, or will be no more: ask to send them back
                    // SAFETY: all of this completion.
                    unsafe { received(&mut streams, sock, cqe.res, cqe.flags) };
                }
                IORING_OP_SEND => {
                    // [8] Bytes have been sent: ask to send what has come since
                    // SAFETY: the same.
                    unsafe { sent(&mut streams, sock, cqe.res) };
                }
                IORING_OP_ACCEPT => {
                    // [9] A client is there: ask to receive from it. Or there will be none any more
                    listening = cqe.flags & IORING_CQE_F_MORE != 0;
                    // SAFETY: the same.
                    unsafe { on_accept(&mut streams, cqe.res) };
                }
                IORING_OP_POLL_ADD => {
                    signalled = true;
                    watching = false;
                }
                _ => {}
            }
        }

        // [10] A signal begins the end, which is when the last connection has ended
        if signalled {
            let number = read_signalfd(&mut streams.server, signals);
            on_signal(&mut streams, number);
        }

        // [11] Ask to receive again where there was no buffer
        resume_waiting(&mut streams);
    }

    exit(0);
}

//! Echo server, signal-driven: the kernel queues a signal for each event on a socket.
//!
//! Waits: one process, for all sockets.
//! In: sigwaitinfo().
//! For: a signal for each event.
//!
//! The tutorial's signal-driven model (lines 671 to the end). Each socket is given an owner and a signal, once. From
//! then on, the server need not ask which socket is ready: a signal says so. It is a real-time signal, so each event is
//! queued as a signal of its own, with the descriptor; SIGIO, the default, is pending only once and names none.
//!
//! A client that sends much causes many signals. So all pending signals are taken before any socket is served, and then
//! each socket that they name has one turn: nobody waits longer than one turn of each of the others.
//!
//! A signal reports that something has arrived, not that something is there. So the server must look for what no
//! signal reports: what arrived before a socket had its owner, while accept() was paused, or while a connection
//! waited to send; and what is left after a turn. Such a socket is put at the end of the queue with a signal of the
//! server's own. The queue has a limit (RLIMIT_SIGPENDING). When it is full, the kernel sends SIGIO, and all sockets
//! are checked.
//!
//! Call: `echo_server_sigio [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `server/sigio_rounds`, the turns; then `echo_server_aio`, where a signal means that data was read.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{POLLIN, SI_QUEUE, SIGIO, SIGRTMIN, SIGURG, SOCK_CLOEXEC, SOCK_NONBLOCK, c_int, siginfo_t, timespec};
use sockmirror::runtime::Arguments;
use sockmirror::signal::{sigaddset, sigtimedwait, sigwaitinfo};
use sockmirror::stdlib::exit;

use sockmirror::common::explain::fail;
use sockmirror::server::connections::{can_accept, handle_signal, new_server, wait_failed};
use sockmirror::server::sigio_rounds::{
    new_round, requeue_if_ready, run_round, schedule, schedule_accept, schedule_all,
};
use sockmirror::server::signals::{block_set, block_signals, enable_sigio};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_sigio";
const USAGE: &CStr = c"./echo_server_sigio [-l ADDRESS] PORT
  -l  listen on this address only (0.0.0.0: on all)";

sockmirror::entry!(main);

fn main(argc: c_int, argv: Arguments) -> c_int {
    let no_wait = timespec { tv_sec: 0, tv_nsec: 0 };
    let mut info = MaybeUninit::<siginfo_t>::uninit();
    let mut listening = false;
    let mut urgent = false;

    // [1] Read options and port, and block the signals: they stay pending until they are taken
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:l:h", argc, argv);
    let mut signals = block_signals(PROGRAM);
    // SAFETY: block_signals() has made the set.
    _ = unsafe { sigaddset(&raw mut signals, SIGIO) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(&raw mut signals, SIGURG) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(&raw mut signals, SIGRTMIN()) };
    block_set(PROGRAM, &signals);

    // [2] Listen, and request a signal for each connection
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut signals, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: nobody else has the socket.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    let mut round = new_round();
    announce_ready(PROGRAM, &mut settings);

    // SAFETY: the listening socket is the server's own, which takes these signals.
    unsafe { enable_sigio(listener, SIGRTMIN()) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    while !server.draining() || server.open > 0 {
        // [3] Look for connections that arrived before the signal was requested, or while accept() was paused
        if can_accept(&server) && !listening {
            requeue_if_ready(listener, POLLIN);
        }

        listening = can_accept(&server);

        // [4] Sleep until a signal arrives
        // SAFETY: the set is made, and the details of the signal may be written.
        let mut number = unsafe { sigwaitinfo(&raw const signals, info.as_mut_ptr()) }.unwrap_or_else(|error| {
            wait_failed(&mut server, c"sigwaitinfo", error);
            -1
        });

        // [5] Take it, and then all others that are pending: some sockets have many, and others are behind these
        while number > 0 {
            if number == SIGRTMIN() {
                // [6] Schedule the socket that it names. It may be the server's own signal, for another turn
                // SAFETY: sigwaitinfo() or sigtimedwait() has stored it.
                let info = unsafe { info.assume_init_ref() };
                let requeued = info.si_code == SI_QUEUE;
                // SAFETY: sigqueue() has sent a value, and the kernel the descriptor that F_SETSIG requests.
                let sock = if requeued { unsafe { info.si_ptr() as c_int } } else { unsafe { info.si_fd() } };

                if sock == listener {
                    schedule_accept(&mut round, requeued);
                } else {
                    schedule(&mut server, &mut round, sock, requeued);
                }
            } else if number == SIGIO {
                // [7] The queue was full, and nobody knows which sockets have lost a signal: schedule all
                schedule_all(&mut server, &mut round);
            } else if number == SIGURG {
                // [8] A recv() stops before an urgent byte. From now on, a short one may not have drained a socket
                urgent = true;
                schedule_all(&mut server, &mut round);
            } else {
                // [9] Handle a signal: it starts the shutdown, which ends with the last connection
                handle_signal(&mut server, number);
            }

            // SAFETY: as for sigwaitinfo(); the time may be read.
            number = unsafe { sigtimedwait(&raw const signals, info.as_mut_ptr(), &raw const no_wait) }.unwrap_or(-1);
        }

        // [10] Serve each socket that was scheduled, once
        run_round(&mut server, &mut round, urgent);
    }

    exit(0);
}

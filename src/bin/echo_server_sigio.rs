//! Echo server, signal-driven: the kernel sends a signal for everything that happens on a socket.
//!
//! The tutorial's signal-driven model (lines 671 to the end). Each socket is given an owner and a signal, once.
//! From then on nobody asks which socket is ready: the signal says so, and waits in a queue until it is taken.
//! It is a real-time signal, so that each event is queued as one signal of its own and tells the descriptor;
//! SIGIO, which comes otherwise, tells none.
//!
//! A signal tells that something has come, not that something is there. So what no signal tells of must be
//! looked for: what came before a socket had its owner, while accept() rested, or while a connection waited to
//! send; and what is left after a turn. Such a socket is put at the end of the queue with a signal of our own.
//! The queue has a limit (RLIMIT_SIGPENDING). When it is full the kernel sends SIGIO, and all sockets are asked.
//!
//! Call: `echo_server_sigio PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    EINTR, POLLIN, POLLOUT, SI_QUEUE, SIGIO, SIGRTMIN, SOCK_CLOEXEC, SOCK_NONBLOCK, c_char, c_int,
    c_short, pollfd, siginfo_t, sigset_t, sigval,
};
use sockmirror::connections::{
    NEXT_TURN, Server, TO_RECEIVE, TO_SEND, accept_connection, accepting, is_open, is_sending,
    new_server, obey_signal, reset_connection, serve,
};
use sockmirror::explain::{explain_errno, fail};
use sockmirror::multiplexing::poll;
use sockmirror::process::getpid;
use sockmirror::server::{
    block_signals, drive_by_signals, keep_back_signals, read_settings, start_listening,
};
use sockmirror::signals::{kill, sigaddset, sigqueue, sigwaitinfo};
use sockmirror::stdlib::exit;

const PROGRAM: &CStr = c"echo_server_sigio";
const USAGE: &CStr = c"./echo_server_sigio PORT";

sockmirror::panic_handler!();

/// poll(): if the socket is ready, whatever the signals have told, it has another turn, after all that are told of
/// already. If the queue is full, all have one.
#[cold]
fn look(sock: c_int, events: c_short) {
    let mut asked = pollfd { fd: sock, events, revents: 0 };
    let value = sigval { sival_ptr: null_mut::<c_char>().wrapping_add(sock as usize).cast() };

    // SAFETY: one entry, as it says.
    if unsafe { poll(&raw mut asked, 1, 0) } != Ok(0)
        && sigqueue(getpid(), SIGRTMIN(), value).is_err()
    {
        _ = kill(getpid(), SIGIO);
    }
}

/// Takes a connection. `untold` says that more may wait than the signals tell of.
#[inline(never)]
fn take(server: &mut Server<'_>, mut untold: bool) {
    if !accepting(server) {
        return;
    }

    let sock = accept_connection(server);
    if sock < 0 {
        untold = true;
    } else if let Err(error) = drive_by_signals(sock, SIGRTMIN()) {
        reset_connection(server, sock, c"fcntl", error);
    } else {
        look(sock, POLLIN);
    }

    if untold && accepting(server) {
        look(server.listener, POLLIN);
    }
}

/// Serves a connection, if it is still there: a signal can be older than the end of its socket.
fn attend(server: &mut Server<'_>, sock: c_int, mut untold: bool) {
    if sock < 0 || !is_open(server, sock) {
        return;
    }

    // What came while it waited to send has used up its signals.
    if is_sending(server, sock) {
        untold = true;
    }

    let wanted = serve(server, sock);

    // There is room already if it was not for want of room that nothing was sent.
    if wanted == TO_SEND {
        look(sock, POLLOUT);
    } else if wanted == NEXT_TURN || (wanted == TO_RECEIVE && untold) {
        look(sock, POLLIN);
    }
}

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *mut *mut c_char) -> c_int {
    let mut signals = MaybeUninit::<sigset_t>::uninit();
    let mut told = MaybeUninit::<siginfo_t>::uninit();
    let mut listening = false;

    // [1] Take the port, and let signals wait until they are asked for
    // SAFETY: the C start-up code passes as many strings as argc says, and a null pointer.
    let settings = unsafe { read_settings(PROGRAM, USAGE, c"+:h", argc, argv) };
    keep_back_signals(PROGRAM, &mut signals);
    // SAFETY: keep_back_signals has made it a set.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGIO) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGRTMIN()) };
    // SAFETY: one thread; the set is made.
    unsafe { block_signals(PROGRAM, signals.as_ptr()) };

    // [2] Listen, and be told by a signal of each connection
    let mut server =
        new_server(PROGRAM, start_listening(PROGRAM, settings, SOCK_NONBLOCK | SOCK_CLOEXEC));

    if let Err(error) = drive_by_signals(server.listener, SIGRTMIN()) {
        fail(PROGRAM, c"fcntl", error);
    }

    while !server.finishing || server.open > 0 {
        // [3] Look for connections that came when accept() was not to be called: before now, or while it rested
        if accepting(&server) && !listening {
            look(server.listener, POLLIN);
        }

        listening = accepting(&server);

        // [4] Sleep until a signal comes
        // SAFETY: the set is made, and what is known of the signal may be written.
        match unsafe { sigwaitinfo(signals.as_ptr(), told.as_mut_ptr()) } {
            Err(error) => {
                if error.0 != EINTR {
                    explain_errno(PROGRAM, c"sigwaitinfo", error);
                }
            }
            Ok(number) if number == SIGRTMIN() => {
                // [5] Serve the socket that it tells of. It may be our own signal, for the next turn
                // SAFETY: sigwaitinfo has stored it.
                let told = unsafe { told.assume_init_ref() };
                let own = told.si_code == SI_QUEUE;
                let sock = if own {
                    // SAFETY: sigqueue() was called, with a value.
                    unsafe { told.si_ptr() as c_int }
                } else {
                    // SAFETY: the kernel tells the descriptor for which F_SETSIG has asked.
                    unsafe { told.si_fd() }
                };

                if sock == server.listener {
                    take(&mut server, own);
                } else {
                    attend(&mut server, sock, own);
                }
            }
            Ok(SIGIO) => {
                // [6] The queue was full, and nobody knows which sockets the lost signals told of: serve all
                take(&mut server, true);

                for sock in 0..server.capacity {
                    attend(&mut server, sock, true);
                }
            }
            Ok(number) => {
                // [7] A signal begins the end, which is when the last connection has ended
                obey_signal(&mut server, number);
            }
        }
    }

    exit(0);
}

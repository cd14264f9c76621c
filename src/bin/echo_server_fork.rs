//! Echo server, blocking, with a process for each client: every call sleeps until it is done.
//!
//! Waits: a process for each client, one for new clients, one for signals.
//! In: recv() and send(); accept4(); sigwaitinfo().
//! For: nothing beforehand: each call blocks until it is done.
//!
//! The tutorial's blocking model (lines 671 to the end), with what it lacks to serve more than one client. A call that
//! blocks keeps its process from everything else, so whatever is waited for has a process of its own, made by fork():
//! each client; the next client; and signals. Each process is as simple as can be, and the kernel does the scheduling.
//! The price is a process per client.
//!
//! The first process, the supervisor, takes the signals, and exits when all others have, which are a process group. The
//! acceptor is sent SIGTERM and exits at once. Its children, the clients' processes, are then sent SIGTERM by the
//! kernel, because their parent has exited: each finishes its echo. If the supervisor itself is killed, the kernel
//! sends SIGTERM to the acceptor.
//!
//! Call: `echo_server_fork [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
//! Read next: `echo_server_nonblocking`, where one process serves all clients.
#![no_std]
#![no_main]
#![expect(non_upper_case_globals, reason = "variables, as in C")]

use core::ffi::{CStr, c_void};
use core::ptr::null_mut;
use core::sync::atomic::AtomicI32;
use core::sync::atomic::Ordering::Relaxed;
use libc::{
    EAGAIN, EINTR, ETIMEDOUT, F_SETFL, MSG_NOSIGNAL, O_NONBLOCK, PR_SET_CHILD_SUBREAPER, SHUT_WR, SIG_IGN, SIG_UNBLOCK,
    SIGALRM, SIGCHLD, SIGINT, SIGTERM, SOCK_CLOEXEC, WIFSIGNALED, WNOHANG, WTERMSIG, c_int, c_long, c_uint, pid_t,
    sighandler_t, sigset_t, size_t, timespec,
};
use sockmirror::errno::{Errno, errno};
use sockmirror::fcntl::fcntl;
use sockmirror::runtime::Arguments;
use sockmirror::signal::{kill, sigaddset, sigdelset, signal, sigprocmask, sigwaitinfo};
use sockmirror::stdio::{fprintf, stderr};
use sockmirror::stdlib::{exit, malloc};
use sockmirror::string::strerror;
use sockmirror::sys::prctl::prctl;
use sockmirror::sys::socket::{accept4, recv, send, shutdown};
use sockmirror::sys::wait::waitpid;
use sockmirror::time::nanosleep;
use sockmirror::unistd::{alarm, close, fork, getpid, setpgid};

use sockmirror::common::explain::{explain_errno, fail};
use sockmirror::server::connections::{DRAIN_TIMEOUT_MS, is_fully_received, is_transient_accept_error, reset_on_close};
use sockmirror::server::signals::{block_set, block_signals, coalesce_requests, set_timer};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::{exit_with_parent, start_listening};

const PROGRAM: &CStr = c"echo_server_fork";
const USAGE: &CStr = c"./echo_server_fork [-l ADDRESS] PORT
  -l  listen on this address only (0.0.0.0: on all)";
// The most bytes that one recv() takes. Of this buffer a process occupies only what its client has filled.
const BUFFER_SIZE: size_t = 262144;
// How long accept() and fork() are paused when there is a shortage, in milliseconds.
const ACCEPT_BACKOFF_MS: c_long = 100;
// After so long without another failure a shortage is over, in milliseconds.
const RECOVERY_MS: c_long = 1000;
// The states of a client's process once it is to shut down.
const DRAINING: c_int = 1;
const TIMED_OUT: c_int = 2;

// What the signal handlers use. In the supervisor: the acceptor's process group.
static group: AtomicI32 = AtomicI32::new(0);
// In the acceptor: whether a shortage is over.
static recovered: AtomicI32 = AtomicI32::new(0);
// In a client's process: its connection, and its state, 0 until it is to shut down.
static connection: AtomicI32 = AtomicI32::new(0);
static shutdown_state: AtomicI32 = AtomicI32::new(0);

sockmirror::entry!(main);

/// signal(): installs a handler for the signals that request or complete a shutdown.
///
/// # Safety
///
/// The handler calls only what signal-safety(7) lists.
unsafe fn handle_shutdown(handler: extern "C" fn(c_int)) {
    // SAFETY: the caller vouches for the handler.
    _ = unsafe { signal(SIGTERM, handler as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGINT, handler as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGALRM, handler as sighandler_t) };
}

/// kill(): handles the supervisor's signals during a shutdown: all exit at once. SIGALRM says so, because SIGTERM may
/// also reach the others from elsewhere, any number of times, and is one request.
extern "C" fn forward_signal(number: c_int) {
    _ = number;
    _ = kill(-group.load(Relaxed), SIGALRM);
}

/// sigwaitinfo(): the supervisor waits until a shutdown is requested, passes it on, and exits after all others.
fn supervise(acceptor: pid_t, signals: &mut sigset_t) -> ! {
    let mut exited = 0;
    let mut status = 0;
    let mut failed = 0;

    // Both parent and child make the group, so that it exists whichever of them runs first.
    group.store(acceptor, Relaxed);
    _ = setpgid(acceptor, acceptor);

    loop {
        // SAFETY: a set; a null pointer asks for no details.
        let number = unsafe { sigwaitinfo(signals, null_mut()) }.unwrap_or(-1);
        if number == SIGCHLD {
            // SAFETY: `status` may be written.
            exited = unsafe { waitpid(acceptor, &raw mut status, WNOHANG) }.unwrap_or(-1);
        }

        if !(number < 0 || number == SIGALRM || (number == SIGCHLD && exited != acceptor)) {
            break;
        }
    }

    // Without the acceptor the server shuts down. If SIGTERM or SIGINT has ended it, that was a request.
    if exited == acceptor && !(WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT)) {
        fprintf!(stderr(), c"%s: the acceptor has exited\n", PROGRAM);
        failed = 1;
    }

    coalesce_requests();
    // SAFETY: the handler reads an atomic and sends a signal.
    unsafe { handle_shutdown(forward_signal) };
    // SAFETY: it is a set.
    _ = unsafe { sigdelset(signals, SIGCHLD) };

    // SAFETY: a set; a null pointer asks for no old mask.
    unsafe { sigprocmask(SIG_UNBLOCK, signals, null_mut()) }
        .unwrap_or_else(|error| fail(PROGRAM, c"sigprocmask", error));

    // When the acceptor exits, its children are sent SIGTERM and become this process's.
    if exited != acceptor {
        _ = kill(acceptor, SIGTERM);

        // SAFETY: a null pointer asks for no status.
        while unsafe { waitpid(acceptor, null_mut(), 0) } == Err(Errno(EINTR)) {}
    }

    // Only the group: this process may have had other children before exec().
    // SAFETY: a null pointer asks for no status.
    while let Ok(1..) | Err(Errno(EINTR)) = unsafe { waitpid(-acceptor, null_mut(), 0) } {}

    exit(failed);
}

/// Handles the timer that runs during a shortage.
extern "C" fn on_recovery_timer(number: c_int) {
    _ = number;
    recovered.store(1, Relaxed);
}

/// nanosleep(): pauses, because `call` failed for want of a resource. Says why, once per shortage.
fn back_off(shortage: &mut c_int, call: &CStr, error: Errno) {
    let delay = timespec { tv_sec: 0, tv_nsec: ACCEPT_BACKOFF_MS * 1_000_000 };

    if *shortage == 0 {
        explain_errno(PROGRAM, call, error);
    }

    *shortage = error.0;
    recovered.store(0, Relaxed);
    set_timer(PROGRAM, RECOVERY_MS);
    // SAFETY: `delay` may be read; the remainder is not needed.
    _ = unsafe { nanosleep(&raw const delay, null_mut()) };
}

/// Reports that a shortage is over.
fn report_recovery(shortage: &mut c_int) {
    fprintf!(stderr(), c"%s: resumed after: %s (errno %d)\n", PROGRAM, strerror(*shortage), *shortage);
    *shortage = 0;
    recovered.store(0, Relaxed);
}

/// fcntl(): handles the signals of a client's process: SIGTERM, and SIGALRM at the drain timeout. The connection becomes
/// non-blocking, so that neither a call that sleeps now nor one that is about to be made misses the signal.
extern "C" fn on_signal(number: c_int) {
    if number == SIGALRM {
        shutdown_state.store(TIMED_OUT, Relaxed);
    }

    if shutdown_state.load(Relaxed) == 0 {
        shutdown_state.store(DRAINING, Relaxed);
        alarm((DRAIN_TIMEOUT_MS / 1000) as c_uint);
    }

    // SAFETY: the command takes flags, and this process alone uses the connection.
    _ = unsafe { fcntl(connection.load(Relaxed), F_SETFL, O_NONBLOCK) };
}

/// fcntl(): whether a call failed only because of a signal. From now on calls block again.
fn interrupted(error: Errno) -> bool {
    // SAFETY: the command takes flags, and this process alone uses the connection.
    _ = unsafe { fcntl(connection.load(Relaxed), F_SETFL, 0) };
    error.0 == EAGAIN || error.0 == EINTR
}

/// Resets the connection, because `call` failed, and exits.
fn reset_and_exit(call: &CStr, error: Errno) -> ! {
    reset_on_close(PROGRAM, connection.load(Relaxed), call, error);
    exit(1);
}

/// Whether the echo is complete after `received` bytes.
fn is_complete(received: u64) -> bool {
    is_fully_received(connection.load(Relaxed), received).unwrap_or_else(|error| reset_and_exit(c"getsockopt", error))
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    // [1] Read options and port, and block the signals
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:l:h", argc, argv);
    let mut signals = block_signals(PROGRAM);
    // SAFETY: it is a set.
    _ = unsafe { sigaddset(&raw mut signals, SIGCHLD) };
    block_set(PROGRAM, &signals);

    // [2] Listen
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut signals, SOCK_CLOEXEC) };
    announce_ready(PROGRAM, &mut settings);

    let buffer = malloc(BUFFER_SIZE);
    if buffer.is_null() {
        fail(PROGRAM, c"malloc", errno());
    }

    // [3] Fork the acceptor. The supervisor waits for signals, and inherits the acceptor's children when it exits
    // SAFETY: the option takes 0 or 1.
    unsafe { prctl(PR_SET_CHILD_SUBREAPER, 1) }.unwrap_or_else(|error| fail(PROGRAM, c"prctl", error));

    let mut parent = getpid();
    // SAFETY: one thread, and only the child uses the listening socket.
    let acceptor = unsafe { fork() }.unwrap_or_else(|error| fail(PROGRAM, c"fork", error));

    if acceptor > 0 {
        // SAFETY: the child's, which this process does not use.
        _ = unsafe { close(listener) };
        supervise(acceptor, &mut signals);
    }

    // [4] In the acceptor: exit with the supervisor or by SIGTERM. The kernel reaps its children (SIG_IGN)
    setpgid(0, 0).unwrap_or_else(|error| fail(PROGRAM, c"setpgid", error));

    exit_with_parent(parent);
    // SAFETY: no handler.
    _ = unsafe { signal(SIGCHLD, SIG_IGN) };
    // SAFETY: the handler stores an atomic.
    _ = unsafe { signal(SIGALRM, on_recovery_timer as *const () as sighandler_t) };

    // SAFETY: a set; a null pointer asks for no old mask.
    unsafe { sigprocmask(SIG_UNBLOCK, &raw const signals, null_mut()) }
        .unwrap_or_else(|error| fail(PROGRAM, c"sigprocmask", error));

    parent = getpid();
    // SAFETY: one thread, and the socket is this process's.
    let sock = unsafe { accept_clients(listener) };
    // SAFETY: `buffer` has BUFFER_SIZE bytes.
    unsafe { serve_client(sock, parent, buffer) };
}

/// Accepts clients, and forks a process for each. Returns only in such a process, with the connection.
///
/// # Safety
///
/// The process has one thread, and nobody else uses the listening socket.
unsafe fn accept_clients(listener: c_int) -> c_int {
    let mut shortage = 0;

    loop {
        // [5] Sleep until a client connects
        let sock = loop {
            // SAFETY: null pointers: the address is not needed.
            match unsafe { accept4(listener, null_mut(), null_mut(), SOCK_CLOEXEC) } {
                Ok(sock) => break sock,
                Err(error) if is_transient_accept_error(error) => {}
                Err(error) => back_off(&mut shortage, c"accept4", error),
            }
        };

        // [6] Fork a process for it. That one closes the listening socket, the acceptor the connection
        let child = loop {
            // SAFETY: one thread, and each process closes what is the other's.
            match unsafe { fork() } {
                Ok(child) => break child,
                Err(error) => back_off(&mut shortage, c"fork", error),
            }
        };

        if child == 0 {
            // SAFETY: the acceptor's, which this process does not use.
            _ = unsafe { close(listener) };
            return sock;
        }

        // SAFETY: the child's, which this process does not use.
        unsafe { close(sock) }.unwrap_or_else(|error| explain_errno(PROGRAM, c"close", error));

        if recovered.load(Relaxed) != 0 {
            report_recovery(&mut shortage);
        }
    }
}

/// Echoes until the client closes, or until the echo is complete if the server shuts down.
///
/// # Safety
///
/// `buffer` has BUFFER_SIZE bytes.
unsafe fn serve_client(sock: c_int, parent: pid_t, buffer: *mut c_void) -> ! {
    let mut total = 0;

    // [7] In the client's process: handle the signals that shut it down, and exit with the acceptor
    connection.store(sock, Relaxed);
    // SAFETY: the handler uses atomics, and calls alarm() and fcntl().
    unsafe { handle_shutdown(on_signal) };
    exit_with_parent(parent);

    while shutdown_state.load(Relaxed) == 0 || !is_complete(total) {
        if shutdown_state.load(Relaxed) == TIMED_OUT {
            reset_and_exit(c"recv", Errno(ETIMEDOUT));
        }

        // [8] Sleep until the client sends something. If it has closed, exit, which closes this end, too
        // SAFETY: `buffer` has BUFFER_SIZE bytes.
        let received = match unsafe { recv(sock, buffer, BUFFER_SIZE, 0) } {
            Ok(0) => exit(0),
            Ok(received) => received,
            Err(error) if interrupted(error) => continue,
            Err(error) => reset_and_exit(c"recv", error),
        };

        // [9] Send it back, and sleep while the client does not read
        total += received as u64;
        let mut sent = 0;

        while sent < received {
            // SAFETY: recv has stored `received` bytes in `buffer`.
            match unsafe { send(sock, buffer.wrapping_byte_offset(sent), (received - sent) as size_t, MSG_NOSIGNAL) } {
                Ok(count) => sent += count,
                Err(error) if !interrupted(error) => reset_and_exit(c"send", error),
                Err(_) if shutdown_state.load(Relaxed) == TIMED_OUT => reset_and_exit(c"send", Errno(ETIMEDOUT)),
                Err(_) => {}
            }
        }
    }

    // [10] The echo is complete: send an end of file. What the client still sends until it closes is not echoed
    shutdown(sock, SHUT_WR).unwrap_or_else(|error| reset_and_exit(c"shutdown", error));

    while shutdown_state.load(Relaxed) != TIMED_OUT {
        // SAFETY: `buffer` has BUFFER_SIZE bytes.
        match unsafe { recv(sock, buffer, BUFFER_SIZE, 0) } {
            Ok(0) => break,
            Err(error) if !interrupted(error) => break,
            _ => {}
        }
    }

    exit(0);
}

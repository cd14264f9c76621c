//! Echo server, blocking, a process for each client: every call sleeps until it can be done.
//!
//! The tutorial's blocking model (lines 671 to the end), with what it lacks to serve more than one client. A
//! call that blocks keeps its process from everything else, so whatever is to be waited for has a process of
//! its own, which fork() makes: each client; the next client; and signals, for which the first process waits.
//! Each is as simple as can be, and the kernel does the rest. What it costs is a process per client.
//!
//! The first process is told that the end has come, and ends when all the others have ended, which are a group. The one
//! that accepts ends at once. That tells those that it has made, whose parent it is, to let go out what was received. It
//! is told itself, too, when the first process is gone.
//!
//! Call: `echo_server_fork PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::ptr::null_mut;
use core::sync::atomic::AtomicI32;
use core::sync::atomic::Ordering::Relaxed;
use libc::{
    EAGAIN, EINTR, ETIMEDOUT, F_SETFL, MSG_NOSIGNAL, O_NONBLOCK, PR_SET_CHILD_SUBREAPER, SHUT_WR, SIG_IGN, SIG_UNBLOCK,
    SIGALRM, SIGCHLD, SIGINT, SIGTERM, SOCK_CLOEXEC, WIFSIGNALED, WNOHANG, WTERMSIG, c_int, c_long, c_uint,
    sighandler_t, sigset_t, size_t, ssize_t, timespec,
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
const USAGE: &CStr = c"./echo_server_fork PORT";
// What is received at once, at most. A process has as much of it in memory as its client has filled.
const BUFFER_SIZE: size_t = 262144;
// How long accept() and fork() rest if the system has not enough for another client, in nanoseconds.
const ACCEPT_BACKOFF_NS: c_long = 100_000_000;
// After so long without a failure a shortage is over, in milliseconds.
const RECOVERY_MS: c_long = 1000;
// What a process is told by signals.
const DRAINING: c_int = 1;
const TIMED_OUT: c_int = 2;

#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static shutdown_state: AtomicI32 = AtomicI32::new(0);
#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static connection: AtomicI32 = AtomicI32::new(0);
// The process that accepts, and the group of all but the first process.
#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static acceptor: AtomicI32 = AtomicI32::new(0);
// What is short, as long as accept() or fork() fails, and whether it has not failed for some time.
#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static shortage: AtomicI32 = AtomicI32::new(0);
#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static recovered: AtomicI32 = AtomicI32::new(0);

sockmirror::entry!(main);

/// Takes the signals of a client's process: SIGTERM, and SIGALRM, which comes when the time is over. No call on
/// the connection sleeps from now on, be it asleep already or about to be made, so that no moment is wrong.
extern "C" fn on_signal(number: c_int) {
    if number == SIGALRM {
        shutdown_state.store(TIMED_OUT, Relaxed);
    }

    if shutdown_state.load(Relaxed) == 0 {
        shutdown_state.store(DRAINING, Relaxed);
        alarm((DRAIN_TIMEOUT_MS / 1000) as c_uint);
    }

    // SAFETY: the command takes an int, and this process alone uses the connection.
    _ = unsafe { fcntl(connection.load(Relaxed), F_SETFL, O_NONBLOCK) };
}

/// Whether a call on the connection failed for nothing but a signal. From now on calls may sleep again.
fn interrupted(error: Errno) -> bool {
    // SAFETY: as above.
    _ = unsafe { fcntl(connection.load(Relaxed), F_SETFL, 0) };
    error.0 == EAGAIN || error.0 == EINTR
}

/// Resets the connection, because `call` failed, and ends its process.
fn reset_and_exit(call: &CStr, error: Errno) -> ! {
    reset_on_close(PROGRAM, connection.load(Relaxed), call, error);
    exit(1);
}

/// Whether the echo is complete, of so many bytes.
fn is_complete(received: u64) -> bool {
    let all = is_fully_received(connection.load(Relaxed), received);

    all.unwrap_or_else(|error| reset_and_exit(c"getsockopt", error))
}

/// Takes the signal of the timer that runs while something is short.
extern "C" fn on_recovery_timer(number: c_int) {
    _ = number;
    recovered.store(1, Relaxed);
}

/// nanosleep(): rests after `call` failed for want of something. That is said once, however often it happens.
fn back_off(call: &CStr, error: Errno) {
    let rest = timespec { tv_sec: 0, tv_nsec: ACCEPT_BACKOFF_NS };

    if shortage.load(Relaxed) == 0 {
        explain_errno(PROGRAM, call, error);
    }

    shortage.store(error.0, Relaxed);
    recovered.store(0, Relaxed);
    set_timer(PROGRAM, RECOVERY_MS);
    // SAFETY: the structure is filled in, and what is left is not asked for.
    _ = unsafe { nanosleep(&raw const rest, null_mut()) };
}

/// Says that a shortage is over.
fn report_recovery() {
    fprintf!(
        stderr(),
        c"%s: it is over: %s (errno %d)\n",
        PROGRAM,
        strerror(shortage.load(Relaxed)),
        shortage.load(Relaxed)
    );
    shortage.store(0, Relaxed);
    recovered.store(0, Relaxed);
}

/// Takes the signals of the first process once the end has begun. SIGTERM may reach the others from elsewhere as well, and
/// counts once. So it is SIGALRM that tells them to end at once.
extern "C" fn forward_signal(number: c_int) {
    _ = number;
    _ = kill(-acceptor.load(Relaxed), SIGALRM);
}

/// Passes requests to end on to the others, and ends with the last of them.
fn supervise(signals: &mut sigset_t) -> ! {
    let mut ended = 0;
    let mut status: c_int = 0;
    let mut failed = 0;

    // Whoever comes first makes the group: this process, which sends to it, or the one that is in it.
    _ = setpgid(acceptor.load(Relaxed), acceptor.load(Relaxed));

    // Sleep until a request comes, or the acceptor has ended.
    loop {
        // SAFETY: a set, and a null pointer.
        let number = unsafe { sigwaitinfo(&raw const *signals, null_mut()) }.unwrap_or(-1);
        if number == SIGCHLD {
            // SAFETY: `status` may be written.
            ended = unsafe { waitpid(acceptor.load(Relaxed), &raw mut status, WNOHANG) }.unwrap_or(-1);
        }

        if !(number < 0 || number == SIGALRM || (number == SIGCHLD && ended != acceptor.load(Relaxed))) {
            break;
        }
    }

    // Nobody accepts any more. A request may have reached the acceptor alone, or before this process.
    if ended == acceptor.load(Relaxed)
        && !(WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT))
    {
        fprintf!(stderr(), c"%s: the process that accepts has ended\n", PROGRAM);
        failed = 1;
    }

    coalesce_requests();
    // SAFETY: the handler sends a signal and reads an atomic, no more.
    _ = unsafe { signal(SIGTERM, forward_signal as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGINT, forward_signal as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGALRM, forward_signal as *const () as sighandler_t) };
    // SAFETY: it is a set.
    _ = unsafe { sigdelset(&raw mut *signals, SIGCHLD) };

    // SAFETY: one thread; the set is made, and the old one is not asked for.
    unsafe { sigprocmask(SIG_UNBLOCK, &raw const *signals, null_mut()) }
        .unwrap_or_else(|error| fail(PROGRAM, c"sigprocmask", error));

    // The end of the acceptor tells its children, which are this process's from then on.
    if ended != acceptor.load(Relaxed) {
        _ = kill(acceptor.load(Relaxed), SIGTERM);

        loop {
            // SAFETY: how it ended is not asked for.
            let ended = unsafe { waitpid(acceptor.load(Relaxed), null_mut(), 0) };
            if ended != Err(Errno(EINTR)) {
                break;
            }
        }
    }

    // Children that this process had from the start are not in the group.
    loop {
        // SAFETY: as above.
        let ended = unsafe { waitpid(-acceptor.load(Relaxed), null_mut(), 0) };
        if !matches!(ended, Ok(1..) | Err(Errno(EINTR))) {
            break;
        }
    }

    exit(failed);
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut sock;
    let mut total = 0;

    // [1] Take the port, and keep signals back
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:h", argc, argv);
    let mut signals = block_signals(PROGRAM);
    // SAFETY: block_signals has made the set.
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

    // [3] Make the process that accepts. This one waits for signals, and for the others when that one is gone
    // SAFETY: the option takes 0 or 1.
    unsafe { prctl(PR_SET_CHILD_SUBREAPER, 1) }.unwrap_or_else(|error| fail(PROGRAM, c"prctl", error));

    let mut parent = getpid();
    // SAFETY: one thread, and only the child uses the listening socket.
    acceptor.store(unsafe { fork() }.unwrap_or_else(|error| fail(PROGRAM, c"fork", error)), Relaxed);

    if acceptor.load(Relaxed) > 0 {
        // SAFETY: the child's, which this process does not use.
        _ = unsafe { close(listener) };
        supervise(&mut signals);
    }

    // [4] End when the first process has ended, or sends SIGTERM. Of children that have ended, keep nothing
    setpgid(0, 0).unwrap_or_else(|error| fail(PROGRAM, c"setpgid", error));

    exit_with_parent(parent);
    // SAFETY: no handler.
    _ = unsafe { signal(SIGCHLD, SIG_IGN) };
    // SAFETY: the handler stores a number.
    _ = unsafe { signal(SIGALRM, on_recovery_timer as *const () as sighandler_t) };

    // SAFETY: one thread; the set is made, and the old one is not asked for.
    unsafe { sigprocmask(SIG_UNBLOCK, &raw const signals, null_mut()) }
        .unwrap_or_else(|error| fail(PROGRAM, c"sigprocmask", error));

    parent = getpid();

    loop {
        // [5] Sleep until a client comes
        sock = loop {
            // SAFETY: both pointers are null.
            match unsafe { accept4(listener, null_mut(), null_mut(), SOCK_CLOEXEC) } {
                Ok(sock) => break sock,
                Err(error) => {
                    if !is_transient_accept_error(error) {
                        back_off(c"accept4", error);
                    }
                }
            }
        };

        // [6] Make a process for it. The connection is that one's: this one waits for the next client
        let child = loop {
            // SAFETY: one thread, and each process closes what is the other's.
            match unsafe { fork() } {
                Ok(child) => break child,
                Err(error) => back_off(c"fork", error),
            }
        };

        if child == 0 {
            break;
        }

        // SAFETY: the child's, which this process does not use.
        if let Err(error) = unsafe { close(sock) } {
            explain_errno(PROGRAM, c"close", error);
        }

        if recovered.load(Relaxed) != 0 {
            report_recovery();
        }
    }

    // [7] In the client's process, signals are heard. It ends with the one that has made it
    // SAFETY: the parent's, which this process does not use.
    _ = unsafe { close(listener) };
    connection.store(sock, Relaxed);
    // SAFETY: what `on_signal` calls is allowed in a handler.
    _ = unsafe { signal(SIGTERM, on_signal as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGINT, on_signal as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGALRM, on_signal as *const () as sighandler_t) };
    exit_with_parent(parent);

    while shutdown_state.load(Relaxed) == 0 || !is_complete(total) {
        if shutdown_state.load(Relaxed) == TIMED_OUT {
            reset_and_exit(c"recv", Errno(ETIMEDOUT));
        }

        // [8] Sleep until the client sends something. When it has closed, the end of this process does so, too
        // SAFETY: `buffer` has BUFFER_SIZE bytes.
        let received = match unsafe { recv(sock, buffer, BUFFER_SIZE, 0) } {
            Ok(0) => exit(0),
            Ok(received) => received,
            Err(error) => {
                if !interrupted(error) {
                    reset_and_exit(c"recv", error);
                }

                continue;
            }
        };

        // [9] Send it back, and sleep as long as the client does not read
        total += received as u64;
        let mut sent: ssize_t = 0;

        while sent < received {
            match
                // SAFETY: recv has stored so many bytes in `buffer`.
                unsafe {
                    send(
                        sock,
                        buffer.wrapping_add(sent as size_t),
                        (received - sent) as size_t,
                        MSG_NOSIGNAL,
                    )
                }
            {
                Ok(count) => sent += count,
                Err(error) => {
                    if !interrupted(error) {
                        reset_and_exit(c"send", error);
                    }

                    if shutdown_state.load(Relaxed) == TIMED_OUT {
                        reset_and_exit(c"send", Errno(ETIMEDOUT));
                    }
                }
            }
        }
    }

    // [10] The echo is complete, and the client learns it. What it still sends, until it closes, gets no answer
    if let Err(error) = shutdown(sock, SHUT_WR) {
        reset_and_exit(c"shutdown", error);
    }

    while shutdown_state.load(Relaxed) != TIMED_OUT {
        // SAFETY: as above.
        match unsafe { recv(sock, buffer, BUFFER_SIZE, 0) } {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                if !interrupted(error) {
                    break;
                }
            }
        }
    }

    exit(0);
}

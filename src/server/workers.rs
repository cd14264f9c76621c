//! Several processes that serve the same port (`-w`), and their parent, which supervises them.
//!
//! The parent opens a listening socket for each worker and forks the workers; only they accept connections.
//!
//! A request to shut down may reach one process or all of them (Ctrl-C, a service manager), in any order. So a worker
//! takes any number of them for one, and only the parent tells the second request from the first.
#![expect(clippy::needless_range_loop, reason = "the loops count as in C")]

use crate::arpa::inet::ntohs;
use crate::errno::Errno;
use crate::signal::{kill, sigaddset, sigemptyset, signal, sigprocmask, sigwaitinfo};
use crate::stdio::{fprintf, stderr};
use crate::stdlib::exit;
use crate::sys::prctl::prctl;
use crate::sys::wait::waitpid;
use crate::time::nanosleep;
use crate::unistd::{close, fork, getpid, getppid, pipe2, read};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::AtomicI32;
use core::sync::atomic::Ordering::Relaxed;
use libc::{
    EINTR, O_CLOEXEC, PR_SET_PDEATHSIG, SIG_UNBLOCK, SIGALRM, SIGCHLD, SIGINT, SIGTERM, SIGUSR2, WEXITSTATUS,
    WIFSIGNALED, WNOHANG, WTERMSIG, c_char, c_int, c_long, c_ulong, pid_t, sighandler_t, sigset_t, timespec,
};

use crate::common::explain::{explain_errno, fail};
use crate::common::loopback::own_address;
use crate::server::signals::{block_set, coalesce_requests};
use crate::server::start::{MAX_WORKERS, Settings, announce_ready, listen_on, raise_descriptor_limit};

// How long the parent waits before it replaces a worker that was killed, in nanoseconds.
const RESPAWN_DELAY_NS: c_long = 100_000_000;

/// What the parent knows of its workers.
// Rust: only start_listening makes one, and the process has one thread.
struct Workers {
    count: usize,
    parent: pid_t,
    /// Whether one of them has failed.
    failed: bool,
    /// The socket of each worker, or −1. The parent keeps them open for workers that replace others.
    listeners: [c_int; MAX_WORKERS],
}

// The process IDs of the workers; 0 where one has exited.
#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static pids: [AtomicI32; MAX_WORKERS] = [const { AtomicI32::new(0) }; MAX_WORKERS];

/// prctl(): has SIGTERM sent to this process when its parent exits, or at once if it is gone already.
pub fn exit_with_parent(parent: pid_t) {
    // SAFETY: the option takes a signal.
    _ = unsafe { prctl(PR_SET_PDEATHSIG, SIGTERM as c_ulong) };

    if getppid() != parent {
        _ = kill(getpid(), SIGTERM);
    }
}

/// fork(): starts a worker, which keeps no listening socket but its own. Returns true in the worker.
fn fork_worker(program: &CStr, workers: &mut Workers, number: usize) -> bool {
    pids[number].store(
        // SAFETY: there is one thread, and no descriptor is used by parent and worker.
        unsafe { fork() }.unwrap_or_else(|error| {
            explain_errno(program, c"fork", error);
            -1
        }),
        Relaxed,
    );

    if pids[number].load(Relaxed) != 0 {
        return false;
    }

    exit_with_parent(workers.parent);

    for i in 0..workers.count {
        if i != number && workers.listeners[i] >= 0 {
            // SAFETY: another worker's, which this one does not use.
            _ = unsafe { close(workers.listeners[i]) };
        }
    }

    true
}

/// close(): new connections now go to the other workers, or are refused if there are none.
fn close_listener(workers: &mut Workers, number: usize) {
    if workers.listeners[number] >= 0 {
        // SAFETY: a worker's, which this process does not use.
        _ = unsafe { close(workers.listeners[number]) };
    }

    workers.listeners[number] = -1;
}

/// kill(): handles the second request to shut down: all workers exit at once.
extern "C" fn on_second_request(number: c_int) {
    _ = number;

    for i in 0..MAX_WORKERS {
        if pids[i].load(Relaxed) > 0 {
            _ = kill(pids[i].load(Relaxed), SIGUSR2);
        }
    }
}

/// Shuts the workers down, and exits once all have: with 1 if one has failed.
fn stop_workers(program: &CStr, workers: &mut Workers, signals: &sigset_t) -> ! {
    let numbers: [c_int; 3] = [SIGTERM, SIGINT, SIGUSR2];

    for i in 0..workers.count {
        close_listener(workers, i);

        if pids[i].load(Relaxed) > 0 {
            _ = kill(pids[i].load(Relaxed), SIGTERM);
        }
    }

    for i in 0..3 {
        // SAFETY: the handler reads atomics and sends signals, no more.
        _ = unsafe { signal(numbers[i], on_second_request as *const () as sighandler_t) };
    }

    // SAFETY: a set; a null pointer asks for no old mask.
    unsafe { sigprocmask(SIG_UNBLOCK, &raw const *signals, null_mut()) }
        .unwrap_or_else(|error| fail(program, c"sigprocmask", error));

    for i in 0..workers.count {
        let mut status = 0;

        while pids[i].load(Relaxed) > 0 {
            // SAFETY: `status` may be written.
            let exited = unsafe { waitpid(pids[i].load(Relaxed), &raw mut status, 0) };
            if exited != Err(Errno(EINTR)) {
                break;
            }
        }

        pids[i].store(0, Relaxed);
        workers.failed = workers.failed || status != 0;
    }

    exit(if workers.failed { 1 } else { 0 });
}

/// waitpid(): if a worker has exited, reports it, and replaces it if it was killed. Returns true in the new worker.
fn reap_worker(program: &CStr, workers: &mut Workers, number: usize) -> bool {
    let delay = timespec { tv_sec: 0, tv_nsec: RESPAWN_DELAY_NS };
    let worker = pids[number].load(Relaxed);
    let mut status = 0;

    // SAFETY: `status` may be written.
    if worker <= 0 || unsafe { waitpid(worker, &raw mut status, WNOHANG) } != Ok(worker) {
        return false;
    }

    pids[number].store(0, Relaxed);

    if WIFSIGNALED(status) {
        fprintf!(stderr(), c"%s: worker %d was killed by signal %d: replacing it\n", program, worker, WTERMSIG(status));
        // If the new one is killed, too, this keeps the log from filling up.
        // SAFETY: `delay` may be read; the remainder is not needed.
        _ = unsafe { nanosleep(&raw const delay, null_mut()) };

        if fork_worker(program, workers, number) {
            return true;
        }

        if pids[number].load(Relaxed) > 0 {
            return false;
        }
    } else {
        fprintf!(stderr(), c"%s: worker %d exited with %d: not replaced\n", program, worker, WEXITSTATUS(status));
    }

    workers.failed = workers.failed || status != 0;
    close_listener(workers, number);
    false
}

/// sigwaitinfo(): waits until all workers have exited or a shutdown is requested, and then stops the server. Returns
/// only in a worker that replaces another one, with its number.
fn supervise(program: &CStr, workers: &mut Workers, signals: &sigset_t) -> usize {
    let mut awaited = *signals;
    let mut number = SIGCHLD;
    let mut left = workers.count;

    // SAFETY: it is a set.
    _ = unsafe { sigaddset(&raw mut awaited, SIGCHLD) };

    while left > 0 && (number < 0 || number == SIGCHLD || number == SIGALRM) {
        // SAFETY: a set; a null pointer asks for no details.
        number = unsafe { sigwaitinfo(&raw const awaited, null_mut()) }.unwrap_or(-1);
        if number != SIGCHLD {
            continue;
        }

        left = 0;

        // One SIGCHLD may stand for several workers.
        for i in 0..workers.count {
            if reap_worker(program, workers, i) {
                return i;
            }

            left += usize::from(pids[i].load(Relaxed) > 0);
        }
    }

    // A repeated signal must not count as the second request, which only this process passes on to the workers.
    if left > 0 {
        coalesce_requests();
    }

    stop_workers(program, workers, signals);
}

/// Starts the workers, and announces the server once all are ready. Returns only in a worker, with its number.
fn start_workers(program: &CStr, workers: &mut Workers, settings: &mut Settings, signals: &sigset_t) -> usize {
    let mut ready_pipe = [-1; 2];
    let mut byte: c_char = 0;

    // SAFETY: two ints may be written.
    unsafe { pipe2(ready_pipe.as_mut_ptr(), O_CLOEXEC) }.unwrap_or_else(|error| fail(program, c"pipe2", error));

    for i in 0..workers.count {
        if workers.failed {
            break;
        }

        if fork_worker(program, workers, i) {
            // SAFETY: the parent's end.
            _ = unsafe { close(ready_pipe[0]) };
            settings.ready_pipe = ready_pipe[1];
            return i;
        }

        workers.failed = pids[i].load(Relaxed) < 0;
    }

    // SAFETY: the workers' end.
    _ = unsafe { close(ready_pipe[1]) };

    // A worker that fails says why. Once it has exited, the pipe is at its end, one byte short. Even if the last one could
    // not be made, the others are waited for, so that they are all at the same point when they are stopped.
    for i in 0..workers.count {
        if pids[i].load(Relaxed) <= 0 {
            break;
        }

        // SAFETY: one byte may be written.
        workers.failed = unsafe { read(ready_pipe[0], (&raw mut byte).cast(), 1) } != Ok(1) || workers.failed;
    }

    // SAFETY: opened above, for this process alone.
    _ = unsafe { close(ready_pipe[0]) };

    if workers.failed {
        stop_workers(program, workers, signals);
    }

    announce_ready(program, settings);
    supervise(program, workers, signals)
}

/// Returns the listening socket. With workers it returns in each of them, with a socket of its own: the kernel
/// distributes the connections among the sockets of a port. In the parent, which only supervises them, it does not
/// return.
///
/// # Safety
///
/// The process has one thread. With workers it is copied: whatever it has open belongs to all.
pub unsafe fn start_listening(program: &CStr, settings: &mut Settings, signals: &mut sigset_t, flags: c_int) -> c_int {
    let mut workers =
        Workers { count: settings.workers as usize, parent: getpid(), failed: false, listeners: [0; MAX_WORKERS] };
    let mut children = MaybeUninit::<sigset_t>::uninit();
    let mut number = 0;

    raise_descriptor_limit(program);

    // All sockets listen before a worker starts, so that none misses a connection.
    loop {
        workers.listeners[number] = listen_on(program, settings, number, flags);

        if settings.port == 0 {
            settings.port = ntohs(own_address(program, workers.listeners[number]).sin_port);
        }

        number += 1;

        if number >= workers.count {
            break;
        }
    }

    if settings.workers == 0 {
        return workers.listeners[0];
    }

    // SIGUSR2 makes a worker exit at once. SIGCHLD notifies the parent that one has exited.
    // SAFETY: it is a set.
    _ = unsafe { sigaddset(signals, SIGUSR2) };
    block_set(program, signals);
    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(children.as_mut_ptr()) };
    // SAFETY: sigemptyset has made it a set.
    _ = unsafe { sigaddset(children.as_mut_ptr(), SIGCHLD) };
    // SAFETY: the same.
    block_set(program, unsafe { children.assume_init_ref() });
    number = start_workers(program, &mut workers, settings, signals);
    settings.is_worker = true;
    workers.listeners[number]
}

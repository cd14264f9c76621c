//! Several processes that serve at one port, with `-w`, and the first process, which looks after them.
//!
//! A server listens once for each worker, makes the workers, and only they serve.
//!
//! A request to end may reach one process only or all of them, by Ctrl-C or from a service manager, and in any order.
//! So a worker takes any number of them for one, and only the first process tells the second request from the first.
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

// How long it takes until a worker that was killed is replaced, in nanoseconds.
const RESPAWN_DELAY_NS: c_long = 100_000_000;

/// What the first process knows of its workers.
struct Workers {
    count: usize,
    first: pid_t,
    /// Whether one of them has failed.
    failed: bool,
    /// −1 where a socket is closed. The first process has them for workers to come.
    listeners: [c_int; MAX_WORKERS],
}

// The workers; 0 where one has ended.
#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static pids: [AtomicI32; MAX_WORKERS] = [const { AtomicI32::new(0) }; MAX_WORKERS];

/// prctl(): tells this process by SIGTERM when its parent has ended. If that one is gone already, it tells itself.
pub fn exit_with_parent(parent: pid_t) {
    // SAFETY: the option takes a signal.
    _ = unsafe { prctl(PR_SET_PDEATHSIG, SIGTERM as c_ulong) };

    if getppid() != parent {
        _ = kill(getpid(), SIGTERM);
    }
}

/// fork(): makes a worker, and returns true in it. Of the listening sockets it keeps its own alone.
///
/// # Safety
///
/// The process has one thread, and the listening sockets are its own.
unsafe fn fork_worker(program: &CStr, workers: &mut Workers, number: usize) -> bool {
    pids[number].store(
        // SAFETY: one thread; each process keeps the descriptors that are its own.
        unsafe { fork() }.unwrap_or_else(|error| {
            explain_errno(program, c"fork", error);
            -1
        }),
        Relaxed,
    );

    if pids[number].load(Relaxed) != 0 {
        return false;
    }

    exit_with_parent(workers.first);

    for i in 0..workers.count {
        if i != number && workers.listeners[i] >= 0 {
            // SAFETY: another worker's, which this one does not use.
            _ = unsafe { close(workers.listeners[i]) };
        }
    }

    true
}

/// close(): what connects to this worker from now on goes to the others, or is refused if there are none.
fn close_listener(workers: &mut Workers, number: usize) {
    if workers.listeners[number] >= 0 {
        // SAFETY: a worker's, which this process does not use.
        _ = unsafe { close(workers.listeners[number]) };
    }

    workers.listeners[number] = -1;
}

/// kill(): takes the second request, and has all workers end at once.
extern "C" fn on_second_request(number: c_int) {
    _ = number;

    for i in 0..MAX_WORKERS {
        if pids[i].load(Relaxed) > 0 {
            _ = kill(pids[i].load(Relaxed), SIGUSR2);
        }
    }
}

/// Ends the workers, and with the last of them itself: with 1 if one has failed.
///
/// # Safety
///
/// As for [`supervise`].
unsafe fn stop_workers(program: &CStr, workers: &mut Workers, signals: &sigset_t) -> ! {
    for i in 0..workers.count {
        close_listener(workers, i);

        if pids[i].load(Relaxed) > 0 {
            _ = kill(pids[i].load(Relaxed), SIGTERM);
        }
    }

    // SAFETY: the handler sends signals and reads atomics, no more.
    _ = unsafe { signal(SIGTERM, on_second_request as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGINT, on_second_request as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGUSR2, on_second_request as *const () as sighandler_t) };

    // SAFETY: one thread; the set is made, and the old one is not asked for.
    unsafe { sigprocmask(SIG_UNBLOCK, &raw const *signals, null_mut()) }
        .unwrap_or_else(|error| fail(program, c"sigprocmask", error));

    for i in 0..workers.count {
        let mut status = 0;

        while pids[i].load(Relaxed) > 0 {
            // SAFETY: `status` may be written.
            let ended = unsafe { waitpid(pids[i].load(Relaxed), &raw mut status, 0) };
            if ended != Err(Errno(EINTR)) {
                break;
            }
        }

        pids[i].store(0, Relaxed);
        workers.failed = workers.failed || status != 0;
    }

    exit(if workers.failed { 1 } else { 0 });
}

/// waitpid(): if this worker has ended, says so, and makes another one if it was killed. Returns true in that one.
///
/// # Safety
///
/// As for [`fork_worker`].
unsafe fn reap_worker(program: &CStr, workers: &mut Workers, number: usize) -> bool {
    let rest = timespec { tv_sec: 0, tv_nsec: RESPAWN_DELAY_NS };
    let worker = pids[number].load(Relaxed);
    let mut status = 0;

    // SAFETY: `status` may be written.
    if worker <= 0 || unsafe { waitpid(worker, &raw mut status, WNOHANG) } != Ok(worker) {
        return false;
    }

    pids[number].store(0, Relaxed);

    if WIFSIGNALED(status) {
        fprintf!(
            stderr(),
            c"%s: worker %d was killed by signal %d, and another one takes its place\n",
            program,
            worker,
            WTERMSIG(status)
        );
        // If that one is killed, too, the log is not filled.
        // SAFETY: the time may be read, and what is left is not asked for.
        _ = unsafe { nanosleep(&raw const rest, null_mut()) };

        // SAFETY: the caller vouches for it.
        if unsafe { fork_worker(program, workers, number) } {
            return true;
        }

        if pids[number].load(Relaxed) > 0 {
            return false;
        }
    } else {
        fprintf!(
            stderr(),
            c"%s: worker %d has ended with %d, and the others go on\n",
            program,
            worker,
            WEXITSTATUS(status)
        );
    }

    workers.failed = workers.failed || status != 0;
    close_listener(workers, number);
    false
}

/// Looks after the workers until all have ended, or are to end. Returns only in a worker that has taken the place of
/// another one, with its number.
///
/// # Safety
///
/// As for [`fork_worker`]; and `signals` is made.
unsafe fn supervise(program: &CStr, workers: &mut Workers, signals: &sigset_t) -> usize {
    let mut awaited = *signals;
    let mut number = SIGCHLD;
    let mut left = workers.count;

    // SAFETY: the caller has made it a set.
    _ = unsafe { sigaddset(&raw mut awaited, SIGCHLD) };

    while left > 0 && (number < 0 || number == SIGCHLD || number == SIGALRM) {
        // SAFETY: the set is made, and what is known of the signal is not asked for.
        number = unsafe { sigwaitinfo(&raw const awaited, null_mut()) }.unwrap_or(-1);
        if number != SIGCHLD {
            continue;
        }

        left = 0;

        // One SIGCHLD may stand for several workers.
        for i in 0..workers.count {
            // SAFETY: the caller vouches for it.
            if unsafe { reap_worker(program, workers, i) } {
                return i;
            }

            left += usize::from(pids[i].load(Relaxed) > 0);
        }
    }

    // A worker hears of the end from anybody, but that it is to end at once only from this process.
    if left > 0 {
        coalesce_requests();
    }

    // SAFETY: the caller vouches for it.
    unsafe { stop_workers(program, workers, signals) };
}

/// Makes the workers, and announces the server once each of them is ready. Returns only in a worker, with its number.
///
/// # Safety
///
/// As for [`supervise`].
unsafe fn start_workers(program: &CStr, workers: &mut Workers, settings: &mut Settings, signals: &sigset_t) -> usize {
    let mut ready = [-1; 2];
    let mut byte: c_char = 0;

    // SAFETY: there are two ints.
    unsafe { pipe2(ready.as_mut_ptr(), O_CLOEXEC) }.unwrap_or_else(|error| fail(program, c"pipe2", error));

    for i in 0..workers.count {
        if workers.failed {
            break;
        }

        // SAFETY: the caller vouches for it.
        if unsafe { fork_worker(program, workers, i) } {
            // SAFETY: the first process's end.
            _ = unsafe { close(ready[0]) };
            settings.ready = ready[1];
            return i;
        }

        workers.failed = pids[i].load(Relaxed) < 0;
    }

    // SAFETY: the workers' end.
    _ = unsafe { close(ready[1]) };

    // One that cannot serve has said why. When it ends, the pipe does so for want of its byte.
    for _ in 0..workers.count {
        if workers.failed {
            break;
        }

        // SAFETY: there is one byte.
        workers.failed = unsafe { read(ready[0], (&raw mut byte).cast(), 1) } != Ok(1);
    }

    // SAFETY: it is not used any more.
    _ = unsafe { close(ready[0]) };

    if workers.failed {
        // SAFETY: the caller vouches for it.
        unsafe { stop_workers(program, workers, signals) };
    }

    announce_ready(program, settings);
    // SAFETY: the caller vouches for it.
    unsafe { supervise(program, workers, signals) }
}

/// Returns the listening socket. With workers it returns in each of them, with a socket of its own, since the kernel
/// shares the connections out among the sockets of a port; the first process only looks after them.
///
/// # Safety
///
/// The process has one thread. With workers it is copied: whatever it has open belongs to all.
pub unsafe fn start_listening(program: &CStr, settings: &mut Settings, signals: &mut sigset_t, flags: c_int) -> c_int {
    let mut workers =
        Workers { count: settings.workers as usize, first: getpid(), failed: false, listeners: [0; MAX_WORKERS] };
    let mut children = MaybeUninit::<sigset_t>::uninit();
    let mut number = 0;

    raise_descriptor_limit(program);

    // All of them listen before there are workers, so that none misses a connection.
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

    // SIGUSR2 tells a worker to end at once, and SIGCHLD the first process that one has ended.
    // SAFETY: the caller has made it a set.
    _ = unsafe { sigaddset(&raw mut *signals, SIGUSR2) };
    block_set(program, signals);
    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(children.as_mut_ptr()) };
    // SAFETY: the same, and sigemptyset has made it a set.
    _ = unsafe { sigaddset(children.as_mut_ptr(), SIGCHLD) };
    // SAFETY: it is a set.
    block_set(program, unsafe { children.assume_init_ref() });
    // SAFETY: the caller vouches for one thread; the listening sockets were made above.
    number = unsafe { start_workers(program, &mut workers, settings, signals) };
    settings.is_worker = true;
    workers.listeners[number]
}

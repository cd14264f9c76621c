//! What the servers do alike with signals.
//!
//! A server is told by signals what does not come from a socket, and keeps them back, so that none arrives
//! in the middle of something else. SIGTERM, SIGINT and SIGHUP ask it to end. SIGALRM is its own timer.
#![expect(clippy::needless_range_loop, reason = "the loops count as in C")]

use crate::errno::Errno;
use crate::fcntl::{F_SETSIG, fcntl};
use crate::signal::{sigaddset, sigemptyset, signal, sigprocmask, sigtimedwait};
use crate::string::zeroed;
use crate::sys::signalfd::signalfd;
use crate::sys::time::setitimer;
use crate::time::nanosleep;
use crate::unistd::getpid;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    F_SETFL, F_SETOWN, ITIMER_REAL, O_ASYNC, O_NONBLOCK, SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_IGN, SIGALRM,
    SIGHUP, SIGINT, SIGTERM, c_int, c_long, itimerval, sigset_t, timespec,
};

use crate::common::explain::{explain_errno, fail};

// How long it takes until a request to end counts as another one, in nanoseconds.
const COALESCE_NS: c_long = 30_000_000;

/// sigprocmask(): from now on these signals come only when they are asked for.
pub fn block_set(program: &CStr, signals: &sigset_t) {
    // SAFETY: a set, and a null pointer: the old mask is not needed.
    unsafe { sigprocmask(SIG_BLOCK, &raw const *signals, null_mut()) }
        .unwrap_or_else(|error| fail(program, c"sigprocmask", error));
}

/// Keeps back those that every server is told by, and leaves them in the set.
pub fn block_signals(program: &CStr) -> sigset_t {
    let numbers: [c_int; 3] = [SIGTERM, SIGINT, SIGALRM];
    let mut signals = MaybeUninit::<sigset_t>::uninit();

    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: sigemptyset has made it a set.
    let mut signals = unsafe { signals.assume_init() };

    for i in 0..3 {
        // SAFETY: it is a set.
        _ = unsafe { sigaddset(&raw mut signals, numbers[i]) };
    }

    // The terminal is gone, which ends a server like the others; but not if it was started by nohup.
    // SAFETY: no handler.
    if unsafe { signal(SIGHUP, SIG_IGN) } != Ok(SIG_IGN) {
        // SAFETY: it is a set.
        _ = unsafe { sigaddset(&raw mut signals, SIGHUP) };
    }

    block_set(program, &signals);
    signals
}

/// nanosleep() and sigtimedwait(): takes what asks for the end once more at the same moment for the same request.
/// timeout(1) sends its signal to a process and then to the group that it is in. SIGALRM is that of an older timer.
pub fn coalesce_requests() {
    let moment = timespec { tv_sec: 0, tv_nsec: COALESCE_NS };
    let none = timespec { tv_sec: 0, tv_nsec: 0 };
    let numbers: [c_int; 4] = [SIGTERM, SIGINT, SIGHUP, SIGALRM];
    let mut requests = MaybeUninit::<sigset_t>::uninit();

    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(requests.as_mut_ptr()) };

    for i in 0..4 {
        // SAFETY: sigemptyset has made it a set.
        _ = unsafe { sigaddset(requests.as_mut_ptr(), numbers[i]) };
    }

    // SAFETY: `moment` may be read; the remainder is not needed.
    _ = unsafe { nanosleep(&raw const moment, null_mut()) };

    // SAFETY: the set is made, the time may be read, and what is known of the signal is not asked for.
    while unsafe { sigtimedwait(requests.as_ptr(), null_mut(), &raw const none) }.is_ok() {}
}

/// signalfd(): a descriptor from which the signals are read.
pub fn open_signalfd(program: &CStr, signals: &sigset_t) -> c_int {
    // SAFETY: a new descriptor, for a set.
    unsafe { signalfd(-1, &raw const *signals, SFD_NONBLOCK | SFD_CLOEXEC) }
        .unwrap_or_else(|error| fail(program, c"signalfd", error))
}

/// fcntl(): from now on this process gets a signal for what happens on the socket, which is non-blocking.
///
/// # Safety
///
/// Whoever uses the socket is ready for that.
pub unsafe fn enable_sigio(sock: c_int, number: c_int) -> Result<(), Errno> {
    // SAFETY: the command takes a process.
    unsafe { fcntl(sock, F_SETOWN, getpid()) }?;
    // SAFETY: the command takes a signal.
    unsafe { fcntl(sock, F_SETSIG, number) }?;
    // SAFETY: the command takes flags, and the caller vouches for whoever uses the socket.
    unsafe { fcntl(sock, F_SETFL, O_NONBLOCK | O_ASYNC) }.map(drop)
}

/// setitimer(): SIGALRM comes after so long.
pub fn set_timer(program: &CStr, milliseconds: c_long) {
    let mut timer: itimerval = zeroed();
    timer.it_value.tv_sec = milliseconds / 1000;
    timer.it_value.tv_usec = milliseconds % 1000 * 1000;

    // SAFETY: the structure is filled in, and what was set before is not asked for.
    if let Err(error) = unsafe { setitimer(ITIMER_REAL, &raw const timer, null_mut()) } {
        explain_errno(program, c"setitimer", error);
    }
}

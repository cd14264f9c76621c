//! How the servers deal with signals.
//!
//! A server blocks the signals that it handles and takes them where it waits, so that none interrupts it elsewhere.
//! SIGTERM, SIGINT and SIGHUP request a shutdown. SIGALRM is from the server's own timer.
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

// Requests to shut down that come within this time count as one, in nanoseconds.
const COALESCE_NS: c_long = 30_000_000;

/// sigprocmask(): blocks these signals: they stay pending until the server takes them.
pub fn block_set(program: &CStr, signals: &sigset_t) {
    // SAFETY: a set; a null pointer asks for no old mask.
    unsafe { sigprocmask(SIG_BLOCK, &raw const *signals, null_mut()) }
        .unwrap_or_else(|error| fail(program, c"sigprocmask", error));
}

/// Blocks the signals that every server handles, and returns their set.
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

    // The terminal is gone: a request to shut down, unless nohup has made the server ignore it.
    // SAFETY: no handler.
    if unsafe { signal(SIGHUP, SIG_IGN) } != Ok(SIG_IGN) {
        // SAFETY: it is a set.
        _ = unsafe { sigaddset(&raw mut signals, SIGHUP) };
    }

    block_set(program, &signals);
    signals
}

/// nanosleep() and sigtimedwait(): discards signals that repeat a request to shut down within a moment. timeout(1), for
/// one, signals the process and then its whole process group. A SIGALRM that is pending is from an earlier timer.
pub fn coalesce_requests() {
    let window = timespec { tv_sec: 0, tv_nsec: COALESCE_NS };
    let no_wait = timespec { tv_sec: 0, tv_nsec: 0 };
    let numbers: [c_int; 4] = [SIGTERM, SIGINT, SIGHUP, SIGALRM];
    let mut requests = MaybeUninit::<sigset_t>::uninit();

    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(requests.as_mut_ptr()) };

    for i in 0..4 {
        // SAFETY: sigemptyset has made it a set.
        _ = unsafe { sigaddset(requests.as_mut_ptr(), numbers[i]) };
    }

    // SAFETY: `window` may be read; the remainder is not needed.
    _ = unsafe { nanosleep(&raw const window, null_mut()) };

    // SAFETY: `requests` and `no_wait` may be read; a null pointer asks for no details.
    while unsafe { sigtimedwait(requests.as_ptr(), null_mut(), &raw const no_wait) }.is_ok() {}
}

/// signalfd(): makes a descriptor from which these signals are read.
pub fn open_signalfd(program: &CStr, signals: &sigset_t) -> c_int {
    // SAFETY: a set; −1 asks for a new descriptor.
    unsafe { signalfd(-1, &raw const *signals, SFD_NONBLOCK | SFD_CLOEXEC) }
        .unwrap_or_else(|error| fail(program, c"signalfd", error))
}

/// fcntl(): makes a socket non-blocking, and has the kernel send this process a signal for each event on it.
///
/// # Safety
///
/// Nobody relies on the socket's blocking, nor on the process's not getting these signals.
pub unsafe fn enable_sigio(sock: c_int, number: c_int) -> Result<(), Errno> {
    // SAFETY: the command takes a process.
    unsafe { fcntl(sock, F_SETOWN, getpid()) }?;
    // SAFETY: the command takes a signal.
    unsafe { fcntl(sock, F_SETSIG, number) }?;
    // SAFETY: the command takes flags; the caller vouches for the socket.
    unsafe { fcntl(sock, F_SETFL, O_NONBLOCK | O_ASYNC) }.map(drop)
}

/// setitimer(): has SIGALRM sent after so many milliseconds. 0 disarms the timer.
pub fn set_timer(program: &CStr, milliseconds: c_long) {
    let mut timer: itimerval = zeroed();
    timer.it_value.tv_sec = milliseconds / 1000;
    timer.it_value.tv_usec = milliseconds % 1000 * 1000;

    // SAFETY: `timer` may be read; a null pointer asks for no old value.
    unsafe { setitimer(ITIMER_REAL, &raw const timer, null_mut()) }
        .unwrap_or_else(|error| explain_errno(program, c"setitimer", error));
}

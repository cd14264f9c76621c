//! What a server takes over from whoever started it: nothing that could harm it later.
//!
//! A process inherits much over exec(): which descriptors are open, which signals are ignored and which are kept
//! back, timers that run. A server that relies on what is usual can then be ended by somebody else's alarm, send
//! its messages to a client, or never be ended at all.
#![expect(clippy::needless_range_loop, reason = "the loops count as in C")]

use crate::descriptor::{dup2, fcntl};
use crate::error::errno;
use crate::explain::fail;
use crate::files::{fstat, open};
use crate::signals::{sigemptyset, signal, sigprocmask};
use crate::socket::close;
use crate::string::memset;
use crate::time::setitimer;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    F_SETFL, ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, O_NOCTTY, O_NONBLOCK, O_RDWR, O_WRONLY,
    S_IFCHR, S_IFIFO, S_IFMT, S_IFSOCK, SIG_DFL, SIG_IGN, SIG_SETMASK, SIGALRM, SIGCHLD, SIGINT,
    SIGPIPE, SIGPROF, SIGTERM, SIGTTOU, SIGVTALRM, SIGXFSZ, c_int, itimerval, sigset_t, stat,
};

/// Has what is written to a standard stream be lost where its reader has no room for it, or is gone: a server does not
/// wait for its log. A pipe or terminal is opened anew, so that nobody else who has it open notices.
///
/// # Safety
///
/// Nobody else in this process uses the descriptor meanwhile.
unsafe fn never_wait_for(descriptor: c_int, path: &CStr) {
    let mut status = MaybeUninit::<stat>::uninit();

    // SAFETY: the structure may be written.
    if unsafe { fstat(descriptor, status.as_mut_ptr()) }.is_err() {
        return;
    }

    // SAFETY: fstat has filled it in.
    let status = unsafe { status.assume_init() };

    if status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFCHR {
        // SAFETY: a C string, and no file is to be made.
        if let Ok(opened) = unsafe { open(path.as_ptr(), O_WRONLY | O_NONBLOCK | O_NOCTTY) } {
            // SAFETY: it is the same pipe or terminal as before.
            _ = unsafe { dup2(opened, descriptor) };
            // SAFETY: nobody else uses it.
            _ = unsafe { close(opened) };
            return;
        }
    }

    // A socket cannot be opened, nor another user's pipe. A terminal stays as it is: others type there.
    if status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFSOCK {
        // SAFETY: the command takes flags.
        _ = unsafe { fcntl(descriptor, F_SETFL, O_NONBLOCK) };
    }
}

/// Makes the process what it would be if it had been started in the usual way. Comes before all else.
///
/// # Safety
///
/// The process has one thread, and nothing relies on its standard streams, signals and timers.
pub unsafe fn inherit_nothing(program: &CStr) {
    let timers: [c_int; 3] = [ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF];
    let heard: [c_int; 3] = [SIGTERM, SIGINT, SIGCHLD];
    let ignored: [c_int; 6] = [SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGXFSZ, SIGTTOU];
    let mut none = MaybeUninit::<itimerval>::uninit();
    let mut status = MaybeUninit::<stat>::uninit();
    let mut signals = MaybeUninit::<sigset_t>::uninit();

    // Without this a socket could get the number of a standard stream, and a client what is said there.
    for descriptor in 0..=2 {
        // SAFETY: the structure may be written.
        if unsafe { fstat(descriptor, status.as_mut_ptr()) }.is_err()
            // SAFETY: a C string, and no file is to be made.
            && unsafe { open(c"/dev/null".as_ptr(), O_RDWR) }.is_err()
        {
            fail(program, c"open", errno());
        }
    }

    // SAFETY: the caller vouches for the standard streams.
    unsafe { never_wait_for(1, c"/proc/self/fd/1") };
    // SAFETY: the same.
    unsafe { never_wait_for(2, c"/proc/self/fd/2") };

    // Timers that run would go off here.
    // SAFETY: the size is that of the variable.
    unsafe { memset(none.as_mut_ptr().cast(), 0, size_of::<itimerval>()) };

    for i in 0..3 {
        // SAFETY: an itimerval consists of integers, and zero is a value of each; the old one is not asked for.
        _ = unsafe { setitimer(timers[i], none.as_ptr(), null_mut()) };
    }

    // Children whose end is not told cannot be waited for, and a request to end must not go unheard.
    for i in 0..3 {
        // SAFETY: no handler.
        _ = unsafe { signal(heard[i], SIG_DFL) };
    }

    // A log that is gone, full or of a terminal in use by others must not end or stop the server.
    for i in 0..6 {
        // SAFETY: no handler.
        _ = unsafe { signal(ignored[i], SIG_IGN) };
    }

    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };

    // SAFETY: one thread; sigemptyset has made the set, and the old one is not asked for.
    if let Err(error) = unsafe { sigprocmask(SIG_SETMASK, signals.as_ptr(), null_mut()) } {
        fail(program, c"sigprocmask", error);
    }
}

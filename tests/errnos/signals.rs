//! The wrappers of signals.

use std::ptr::null_mut;

use crate::world::{self, *};
use libc::*;
use sockmirror::signal::{
    kill, sigaddset, sigdelset, sigemptyset, signal, sigprocmask, sigqueue, sigtimedwait, sigwaitinfo,
};
use sockmirror::sys::signalfd::signalfd;

/// A time.
fn time(tv_sec: time_t, tv_nsec: c_long) -> *mut timespec {
    new(timespec { tv_sec, tv_nsec })
}

/// A value of 0.
fn value() -> sigval {
    sigval { sival_ptr: null_mut() }
}

/// The first process, if it is another user's.
fn of_another_user() -> pid_t {
    ordinary_user();
    let file: *mut stat = zero();
    must(c!(libc::stat(c"/proc/1".as_ptr(), file)));
    if c!((*file).st_uid) == c!(getuid()) {
        not_run("the first process is this user's");
    }
    1
}

rows! {
    sigemptyset {
        "a set" => OK: sigemptyset(zero());
        "a null pointer" => EINVAL: sigemptyset(null_mut());
    }
    sigaddset {
        "SIGCHLD" => OK: sigaddset(world::signals(&[]), SIGCHLD);
        "signal 0" => EINVAL: sigaddset(world::signals(&[]), 0);
        "signal 65" => EINVAL: sigaddset(world::signals(&[]), 65);
        "a negative signal" => EINVAL: sigaddset(world::signals(&[]), -1);
        "a signal that glibc keeps to itself" => EINVAL: sigaddset(world::signals(&[]), 32);
        "a null pointer" => EINVAL: sigaddset(null_mut(), SIGCHLD);
    }
    sigdelset {
        "SIGCHLD" => OK: {
            let set = world::signals(&[SIGCHLD]);
            sigdelset(set, SIGCHLD).unwrap();
            sigismember(set, SIGCHLD) == 0
        };
        "a signal that is not in it" => OK: sigdelset(world::signals(&[]), SIGCHLD);
        "signal 0" => EINVAL: sigdelset(world::signals(&[]), 0);
        "signal 65" => EINVAL: sigdelset(world::signals(&[]), 65);
        "a negative signal" => EINVAL: sigdelset(world::signals(&[]), -1);
        "a signal that glibc keeps to itself" => EINVAL: sigdelset(world::signals(&[]), 32);
        "a null pointer" => EINVAL: sigdelset(null_mut(), SIGCHLD);
    }
    sigprocmask {
        "SIG_BLOCK" => OK: sigprocmask(SIG_BLOCK, world::signals(&[SIGCHLD]), zero());
        "SIGKILL" => OK: sigprocmask(SIG_BLOCK, world::signals(&[SIGKILL]), null_mut());
        "two null pointers" => OK: sigprocmask(99, null_mut(), null_mut());
        "bad memory for the set" => SIGSEGV: sigprocmask(SIG_BLOCK, nowhere(), null_mut());
        "bad memory for the old set" => EFAULT: sigprocmask(SIG_BLOCK, world::signals(&[]), nowhere());
        "an unknown way" => EINVAL: sigprocmask(99, world::signals(&[]), null_mut());
    }
    sigwaitinfo {
        "a signal waits" => OK: {
            let set = blocked(&[SIGUSR2]);
            must(libc::raise(SIGUSR2));
            sigwaitinfo(set, zero())
        };
        "bad memory for the set" => EFAULT: sigwaitinfo(nowhere(), null_mut());
        "bad memory for what is known" => EFAULT: {
            let set = blocked(&[SIGUSR2]);
            must(libc::raise(SIGUSR2));
            sigwaitinfo(set, nowhere())
        };
        "another signal" => EINTR: {
            interrupted();
            sigwaitinfo(blocked(&[SIGUSR2]), null_mut())
        };
    }
    sigtimedwait {
        "a signal waits" => OK: {
            let set = blocked(&[SIGUSR2]);
            must(libc::raise(SIGUSR2));
            sigtimedwait(set, zero(), time(0, 0)) == Ok(SIGUSR2)
        };
        "none waits, no time" => EAGAIN: sigtimedwait(blocked(&[SIGUSR2]), zero(), time(0, 0));
        "none comes" => EAGAIN: sigtimedwait(blocked(&[SIGUSR2]), null_mut(), time(0, 1));
        "bad memory for the set" => EFAULT: sigtimedwait(nowhere(), null_mut(), time(0, 0));
        "bad memory for what is known" => EFAULT: {
            let set = blocked(&[SIGUSR2]);
            must(libc::raise(SIGUSR2));
            sigtimedwait(set, nowhere(), time(0, 0))
        };
        "bad memory for the time" => EFAULT: sigtimedwait(blocked(&[SIGUSR2]), null_mut(), nowhere());
        "another signal" => EINTR: {
            interrupted();
            sigtimedwait(blocked(&[SIGUSR2]), null_mut(), time(1000, 0))
        };
        "negative seconds" => EINVAL: sigtimedwait(blocked(&[SIGUSR2]), null_mut(), time(-1, 0));
        "negative nanoseconds" => EINVAL: sigtimedwait(blocked(&[SIGUSR2]), null_mut(), time(0, -1));
        "nanoseconds above one second" => EINVAL: {
            sigtimedwait(blocked(&[SIGUSR2]), null_mut(), time(0, 1_000_000_000))
        };
    }
    signalfd {
        "a descriptor" => OK: signalfd(-1, blocked(&[SIGUSR1]), SFD_NONBLOCK | SFD_CLOEXEC);
        "other signals for a descriptor" => OK: {
            let fd = signalfd(-1, blocked(&[SIGUSR1]), 0).unwrap();
            signalfd(fd, blocked(&[SIGUSR2]), 0)
        };
        "not open" => EBADF: signalfd(NOT_OPEN, world::signals(&[]), 0);
        "bad memory" => EFAULT: signalfd(-1, nowhere(), 0);
        "another kind of descriptor" => EINVAL: signalfd(tcp(), world::signals(&[]), 0);
        "an unknown flag" => EINVAL: signalfd(-1, world::signals(&[]), 1);
        "no descriptor left" => EMFILE: {
            let set = world::signals(&[]);
            no_descriptors();
            signalfd(-1, set, 0)
        };
    }
    signal {
        "SIGPIPE" => OK: signal(SIGPIPE, SIG_IGN);
        "signal 0" => EINVAL: signal(0, SIG_IGN);
        "signal 65" => EINVAL: signal(65, SIG_IGN);
        "SIGKILL" => EINVAL: signal(SIGKILL, SIG_IGN);
        "SIGSTOP" => EINVAL: signal(SIGSTOP, SIG_DFL);
        "a signal that glibc keeps to itself" => EINVAL: signal(32, SIG_IGN);
    }
    kill {
        "nothing to this process" => OK: kill(getpid(), 0);
        "a child that has ended" => OK: kill(ended_child(), SIGTERM);
        "no such signal" => EINVAL: kill(getpid(), 65);
        "a negative signal" => EINVAL: kill(getpid(), -1);
        "another user's process" => EPERM: kill(of_another_user(), 0);
        "no process" => ESRCH: kill(no_process(), 0);
        "no group" => ESRCH: kill(-no_process(), 0);
    }
    sigqueue {
        "SIGUSR1, blocked" => OK: {
            blocked(&[SIGUSR1]);
            sigqueue(getpid(), SIGUSR1, value())
        };
        "as many signals as may wait" => EAGAIN: {
            blocked(&[SIGRTMIN()]);
            limit(RLIMIT_SIGPENDING, 0);
            sigqueue(getpid(), SIGRTMIN(), value())
        };
        "as many signals as may wait, not a real-time signal" => OK: {
            blocked(&[SIGUSR1]);
            limit(RLIMIT_SIGPENDING, 0);
            sigqueue(getpid(), SIGUSR1, value())
        };
        "no such signal" => EINVAL: sigqueue(getpid(), 65, value());
        "another user's process" => EPERM: sigqueue(of_another_user(), SIGUSR1, value());
        "no process" => ESRCH: sigqueue(no_process(), 0, value());
        "a group" => ESRCH: sigqueue(-getpgrp(), 0, value());
    }
}

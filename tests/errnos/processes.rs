//! `fork`, `waitpid`, `prctl`, `setpgid`, `getrlimit` and `setrlimit`.

use std::ptr::null_mut;

use crate::world::*;
use errno::Errno;
use libc::*;
use sockmirror::sys::prctl::prctl;
use sockmirror::sys::resource::{getrlimit, setrlimit};
use sockmirror::sys::wait::waitpid;
use sockmirror::unistd::{fork, setpgid};

/// `fork`, of which the child ends at once.
fn forked() -> Result<pid_t, Errno> {
    let result = c!(fork());
    if result == Ok(0) {
        c!(_exit(0));
    }
    result
}

/// A child that leads a session.
fn leader() -> pid_t {
    let (reading, writing) = new_pipe();
    let child = child(|| {
        must(c!(setsid()));
        must(c!(libc::write(writing, room(), 1)));
    });
    assert_eq!(c!(libc::read(reading, room(), 1)), 1);
    child
}

/// A limit.
fn limits(rlim_cur: u64, rlim_max: u64) -> *mut rlimit {
    new(rlimit { rlim_cur, rlim_max })
}

rows! {
    fork {
        "a child" => OK: forked();
        "as many processes as the user may have" => EAGAIN: {
            ordinary_user();
            without_capabilities();
            limit(RLIMIT_NPROC, 0);
            forked()
        };
        "the first process of the namespace has ended" => ENOMEM: {
            own_processes();
            let first = forked().unwrap();
            must(libc::waitpid(first, null_mut(), 0));
            forked()
        };
    }
    waitpid {
        "a child that has ended" => OK: waitpid(ended_child(), new(0), 0);
        "WNOHANG, no child has ended" => OK: waitpid(child(|| ()), new(0), WNOHANG) == Ok(0);
        "no child" => ECHILD: waitpid(-1, null_mut(), 0);
        "not a child" => ECHILD: waitpid(getppid(), null_mut(), 0);
        "waited for already" => ECHILD: waitpid(no_process(), null_mut(), 0);
        "SIGCHLD is ignored" => ECHILD: {
            signal(SIGCHLD, SIG_IGN);
            waitpid(forked().unwrap(), null_mut(), 0)
        };
        "a signal" => EINTR: {
            let child = child(|| ());
            interrupted();
            waitpid(child, null_mut(), 0)
        };
        "an unknown option" => EINVAL: waitpid(-1, null_mut(), 0x100);
        "INT_MIN" => ESRCH: waitpid(c_int::MIN, null_mut(), 0);
        "bad memory" => EFAULT: waitpid(ended_child(), nowhere(), 0);
        "bad memory: the child is gone" => ECHILD: {
            let child = ended_child();
            assert_eq!(waitpid(child, nowhere(), 0).unwrap_err().0, EFAULT);
            waitpid(child, null_mut(), 0)
        };
    }
    prctl {
        "PR_SET_PDEATHSIG" => OK: prctl(PR_SET_PDEATHSIG, SIGKILL as c_ulong);
        "PR_SET_CHILD_SUBREAPER" => OK: prctl(PR_SET_CHILD_SUBREAPER, 1);
        "no signal" => EINVAL: prctl(PR_SET_PDEATHSIG, 65);
        "an unknown option" => EINVAL: prctl(9999, 0);
    }
    setpgid {
        "a new group" => OK: setpgid(child(|| ()), 0);
        "this process" => OK: setpgid(0, 0);
        "a child that has called execve" => EACCES: setpgid(executed("/proc/self/exe"), 0);
        "a negative group" => EINVAL: setpgid(0, -1);
        "a child that leads a session" => EPERM: setpgid(leader(), 0);
        "no such group" => EPERM: setpgid(0, no_process());
        "a group of another session" => EPERM: setpgid(0, leader());
        "no process" => ESRCH: setpgid(no_process(), 0);
        "not a child" => ESRCH: setpgid(getppid(), 0);
    }
    getrlimit {
        "RLIMIT_NOFILE" => OK: getrlimit(RLIMIT_NOFILE, zero());
        "bad memory" => EFAULT: getrlimit(RLIMIT_NOFILE, nowhere());
        "an unknown resource" => EINVAL: getrlimit(99, zero());
    }
    setrlimit {
        "lower" => OK: setrlimit(RLIMIT_NOFILE, limits(10, 10));
        "bad memory" => EFAULT: setrlimit(RLIMIT_NOFILE, nowhere());
        "above its own maximum" => EINVAL: setrlimit(RLIMIT_NOFILE, limits(11, 10));
        "an unknown resource" => EINVAL: setrlimit(99, limits(1, 1));
        "a higher maximum without a capability" => EPERM: {
            without_capabilities();
            limit(RLIMIT_NOFILE, 10);
            setrlimit(RLIMIT_NOFILE, limits(10, 11))
        };
        "more descriptors than a process of this system may have" => EPERM: {
            setrlimit(RLIMIT_NOFILE, limits(10, RLIM_INFINITY))
        };
    }
}

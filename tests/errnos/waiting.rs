//! `select`, `poll`, `epoll`, the clocks, and io_uring.

use std::ptr::null_mut;

use crate::world::*;
use errno::Errno;
use libc::*;
use sockmirror::errno::cvt;
use sockmirror::linux::io_uring::*;
use sockmirror::poll::poll;
use sockmirror::sys::epoll::{epoll_create1, epoll_ctl, epoll_wait};
use sockmirror::sys::select::select;
use sockmirror::sys::time::setitimer;
use sockmirror::time::{clock_gettime, nanosleep};
use sockmirror::unistd::syscall;

/// A set of one descriptor.
fn set_of(fd: c_int) -> *mut fd_set {
    let set = zero();
    c!(FD_SET(fd, set));
    set
}

/// No time.
fn now() -> *mut timeval {
    zero()
}

/// An epoll set.
fn epoll() -> c_int {
    epoll_create1(0).unwrap()
}

/// What is watched.
fn event(events: c_int) -> *mut epoll_event {
    new(epoll_event { events: events as u32, u64: 0 })
}

/// An epoll set that watches a descriptor.
fn watching(fd: c_int) -> c_int {
    let set = epoll();
    c!(epoll_ctl(set, EPOLL_CTL_ADD, fd, event(EPOLLIN))).unwrap();
    set
}

/// A time of so many seconds and nanoseconds.
fn duration(tv_sec: time_t, tv_nsec: c_long) -> *mut timespec {
    new(timespec { tv_sec, tv_nsec })
}

/// A timer of so many microseconds.
fn timer(tv_usec: suseconds_t) -> *mut itimerval {
    new(itimerval { it_interval: timeval { tv_sec: 0, tv_usec: 0 }, it_value: timeval { tv_sec: 0, tv_usec } })
}

/// `io_uring_setup`.
fn set_up(entries: c_long, parameters: *mut io_uring_params) -> Result<c_long, Errno> {
    cvt(c!(syscall(SYS_io_uring_setup, entries, parameters)))
}

/// `io_uring_enter`.
fn enter(ring: c_int, submit: c_long, complete: c_long, flags: c_long) -> Result<c_long, Errno> {
    let nothing: *mut c_void = null_mut();
    cvt(c!(syscall(SYS_io_uring_enter, c_long::from(ring), submit, complete, flags, nothing, 0 as c_long)))
}

/// `io_uring_register`.
fn register(ring: c_int, opcode: c_long, argument: *mut io_uring_buf_reg, number: c_long) -> Result<c_long, Errno> {
    cvt(c!(syscall(SYS_io_uring_register, c_long::from(ring), opcode, argument, number)))
}

/// The parameters of queues.
fn parameters(flags: u32) -> *mut io_uring_params {
    let parameters: *mut io_uring_params = zero();
    c!((*parameters).flags = flags);
    parameters
}

/// The queues of io_uring.
fn ring(flags: u32) -> c_int {
    match set_up(4, parameters(flags)) {
        Ok(ring) => ring as c_int,
        Err(error) if [ENOSYS, EPERM].contains(&error.0) => not_run("there is no io_uring here"),
        Err(error) => panic!("io_uring_setup: {error}"),
    }
}

/// A queue of buffers.
fn buffers(entries: u32) -> *mut io_uring_buf_reg {
    let prot = PROT_READ | PROT_WRITE;
    let memory = c!(libc::mmap(null_mut(), 65536, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    let buffers: *mut io_uring_buf_reg = zero();
    c!((*buffers).ring_addr = memory as u64);
    c!((*buffers).ring_entries = entries);
    buffers
}

const PBUF_RING: c_long = IORING_REGISTER_PBUF_RING as c_long;
const GETEVENTS: c_long = IORING_ENTER_GETEVENTS as c_long;
/// The queues are made, but not enabled.
const R_DISABLED: u32 = 1 << 6;

rows! {
    select {
        "nothing, no time" => OK: select(0, null_mut(), null_mut(), null_mut(), now());
        "a connection waits" => OK: {
            let listener = waited_for();
            select(listener + 1, set_of(listener), null_mut(), null_mut(), null_mut())
        };
        "a descriptor of the table that is not open" => EBADF: {
            select(31, set_of(30), null_mut(), null_mut(), now())
        };
        "a descriptor beyond the table, no time" => OK: {
            let set = set_of(1000);
            select(1001, set, null_mut(), null_mut(), now()) == Ok(0)
        };
        "a descriptor beyond the table, for ever" => EINTR: {
            interrupted();
            select(1001, set_of(1000), null_mut(), null_mut(), null_mut())
        };
        "bad memory for a set" => EFAULT: select(1, nowhere(), null_mut(), null_mut(), now());
        "bad memory for the time" => SIGSEGV: select(0, null_mut(), null_mut(), null_mut(), nowhere());
        "a signal" => EINTR: {
            interrupted();
            let listener = listener();
            select(listener + 1, set_of(listener), null_mut(), null_mut(), null_mut())
        };
        "a negative number" => EINVAL: select(-1, null_mut(), null_mut(), null_mut(), now());
        "a number above the limit" => OK: {
            limit(RLIMIT_NOFILE, 10);
            select(1000, zero(), null_mut(), null_mut(), now())
        };
        "negative seconds" => EINVAL: {
            select(0, null_mut(), null_mut(), null_mut(), new(timeval { tv_sec: -1, tv_usec: 0 }))
        };
        "negative microseconds" => EINVAL: {
            select(0, null_mut(), null_mut(), null_mut(), new(timeval { tv_sec: 0, tv_usec: -1 }))
        };
    }
    poll {
        "nothing, no time" => OK: poll(null_mut(), 0, 0);
        "a descriptor that is not open" => OK: {
            let entry = new(pollfd { fd: NOT_OPEN, events: POLLIN, revents: 0 });
            poll(entry, 1, -1).unwrap() == 1 && (*entry).revents == POLLNVAL
        };
        "bad memory" => EFAULT: poll(nowhere(), 1, 0);
        "a signal" => EINTR: {
            interrupted();
            poll(null_mut(), 0, -1)
        };
        "more entries than descriptors may be" => EINVAL: {
            limit(RLIMIT_NOFILE, 10);
            poll(room().cast(), 11, 0)
        };
    }
    epoll_create1 {
        "close-on-exec" => OK: epoll_create1(EPOLL_CLOEXEC);
        "an unknown flag" => EINVAL: epoll_create1(1);
        "no descriptor left" => EMFILE: {
            no_descriptors();
            epoll_create1(0)
        };
    }
    epoll_ctl {
        "a socket" => OK: epoll_ctl(epoll(), EPOLL_CTL_ADD, tcp(), event(EPOLLIN));
        "taken out, no event" => OK: {
            let sock = tcp();
            epoll_ctl(watching(sock), EPOLL_CTL_DEL, sock, null_mut())
        };
        "the set is not open" => EBADF: epoll_ctl(NOT_OPEN, EPOLL_CTL_ADD, tcp(), event(EPOLLIN));
        "the descriptor is not open" => EBADF: epoll_ctl(epoll(), EPOLL_CTL_ADD, NOT_OPEN, event(EPOLLIN));
        "in the set already" => EEXIST: {
            let sock = tcp();
            epoll_ctl(watching(sock), EPOLL_CTL_ADD, sock, event(EPOLLIN))
        };
        "bad memory" => EFAULT: epoll_ctl(epoll(), EPOLL_CTL_ADD, tcp(), nowhere());
        "a null pointer" => EFAULT: epoll_ctl(epoll(), EPOLL_CTL_MOD, tcp(), null_mut());
        "not a set" => EINVAL: epoll_ctl(tcp(), EPOLL_CTL_ADD, tcp(), event(EPOLLIN));
        "the set itself" => EINVAL: {
            let set = epoll();
            epoll_ctl(set, EPOLL_CTL_ADD, set, event(EPOLLIN))
        };
        "an unknown operation" => EINVAL: epoll_ctl(epoll(), 9, tcp(), event(EPOLLIN));
        "EPOLLEXCLUSIVE with EPOLLONESHOT" => EINVAL: {
            epoll_ctl(epoll(), EPOLL_CTL_ADD, tcp(), event(EPOLLEXCLUSIVE | EPOLLONESHOT))
        };
        "EPOLLEXCLUSIVE added by a change" => EINVAL: {
            let sock = tcp();
            epoll_ctl(watching(sock), EPOLL_CTL_MOD, sock, event(EPOLLIN | EPOLLEXCLUSIVE))
        };
        "sets that watch each other" => ELOOP: {
            let set = epoll();
            epoll_ctl(set, EPOLL_CTL_ADD, watching(set), event(EPOLLIN))
        };
        "changed, but not in the set" => ENOENT: epoll_ctl(epoll(), EPOLL_CTL_MOD, tcp(), event(EPOLLIN));
        "taken out, but not in the set" => ENOENT: epoll_ctl(epoll(), EPOLL_CTL_DEL, tcp(), null_mut());
        "a file" => EPERM: epoll_ctl(epoll(), EPOLL_CTL_ADD, file(), event(EPOLLIN));
        "a directory" => EPERM: epoll_ctl(epoll(), EPOLL_CTL_ADD, opened("/", O_RDONLY), event(EPOLLIN));
    }
    epoll_wait {
        "nothing, no time" => OK: epoll_wait(epoll(), event(0), 1, 0);
        "a connection waits" => OK: epoll_wait(watching(waited_for()), event(0), 1, -1);
        "not open" => EBADF: epoll_wait(NOT_OPEN, event(0), 1, 0);
        "bad memory" => EFAULT: epoll_wait(watching(waited_for()), nowhere(), 1, -1);
        "bad memory, and nothing to store" => OK: epoll_wait(epoll(), nowhere(), 1, 0);
        "a signal" => EINTR: {
            interrupted();
            epoll_wait(epoll(), event(0), 1, -1)
        };
        "not a set" => EINVAL: epoll_wait(tcp(), event(0), 1, 0);
        "room for nothing" => EINVAL: epoll_wait(epoll(), event(0), 0, 0);
        "negative room" => EINVAL: epoll_wait(epoll(), event(0), -1, 0);
    }
    clock_gettime {
        "CLOCK_MONOTONIC" => OK: clock_gettime(CLOCK_MONOTONIC, zero());
        "bad memory, without a system call" => SIGSEGV: clock_gettime(CLOCK_MONOTONIC, nowhere());
        "bad memory, a clock that takes a system call" => EFAULT: clock_gettime(CLOCK_PROCESS_CPUTIME_ID, nowhere());
        "no such clock" => EINVAL: clock_gettime(99, zero());
        "the clock of no process" => EINVAL: {
            clock_gettime((!no_process() << 3) | 2, zero()) // as clock_getcpuclockid makes it
        };
    }
    setitimer {
        "a timer is stopped" => OK: setitimer(ITIMER_VIRTUAL, timer(0), null_mut());
        "bad memory" => EFAULT: setitimer(ITIMER_VIRTUAL, nowhere(), null_mut());
        "bad memory for the old value" => EFAULT: setitimer(ITIMER_VIRTUAL, timer(0), nowhere());
        "no such timer" => EINVAL: setitimer(3, timer(0), null_mut());
        "microseconds above one second" => EINVAL: setitimer(ITIMER_VIRTUAL, timer(1_000_000), null_mut());
        "negative microseconds" => EINVAL: setitimer(ITIMER_VIRTUAL, timer(-1), null_mut());
    }
    nanosleep {
        "no time" => OK: nanosleep(duration(0, 0), null_mut());
        "bad memory" => EFAULT: nanosleep(nowhere(), null_mut());
        "bad memory for the rest" => EFAULT: {
            interrupted();
            nanosleep(duration(1000, 0), nowhere())
        };
        "a signal" => EINTR: {
            interrupted();
            nanosleep(duration(1000, 0), null_mut())
        };
        "negative seconds" => EINVAL: nanosleep(duration(-1, 0), null_mut());
        "nanoseconds above one second" => EINVAL: nanosleep(duration(0, 1_000_000_000), null_mut());
        "negative nanoseconds" => EINVAL: nanosleep(duration(0, -1), null_mut());
    }
    io_uring_setup {
        "queues" => OK: {
            ring(0);
            set_up(4, parameters(0))
        };
        "bad memory" => EFAULT: {
            ring(0);
            set_up(4, nowhere())
        };
        "no entries" => EINVAL: {
            ring(0);
            set_up(0, parameters(0))
        };
        "too many entries" => EINVAL: {
            ring(0);
            set_up(1 << 20, parameters(0))
        };
        "an unknown flag" => EINVAL: {
            ring(0);
            set_up(4, parameters(1 << 31))
        };
        "IORING_SETUP_DEFER_TASKRUN alone" => EINVAL: {
            ring(0);
            set_up(4, parameters(IORING_SETUP_DEFER_TASKRUN))
        };
        "no descriptor left" => EMFILE: {
            ring(0);
            no_descriptors();
            set_up(4, parameters(0))
        };
    }
    io_uring_enter {
        "nothing to do" => OK: enter(ring(0), 0, 0, 0);
        "not open" => EBADF: {
            ring(0);
            enter(NOT_OPEN, 0, 0, 0)
        };
        "not io_uring's" => EOPNOTSUPP: {
            ring(0);
            enter(tcp(), 0, 0, 0)
        };
        "not enabled yet" => EBADFD: enter(ring(R_DISABLED), 1, 0, 0);
        "another process than the one that made the queues" => EEXIST: {
            let ring = ring(IORING_SETUP_SINGLE_ISSUER);
            std::thread::spawn(move || enter(ring, 1, 0, 0)).join().unwrap()
        };
        "an unknown flag" => EINVAL: enter(ring(0), 0, 0, 1 << 31);
        "bad memory for the signals" => EFAULT: {
            let argument: *mut c_void = nowhere();
            cvt(syscall(SYS_io_uring_enter, c_long::from(ring(0)), 0 as c_long, 1 as c_long, GETEVENTS, argument, 8 as c_long))
        };
        "a signal" => EINTR: {
            let ring = ring(0);
            interrupted();
            enter(ring, 0, 1, GETEVENTS)
        };
    }
    io_uring_register {
        "a queue of buffers" => OK: register(ring(0), PBUF_RING, buffers(8), 1);
        "not open" => EBADF: {
            ring(0);
            register(NOT_OPEN, PBUF_RING, buffers(8), 1)
        };
        "not io_uring's" => EOPNOTSUPP: {
            ring(0);
            register(tcp(), PBUF_RING, buffers(8), 1)
        };
        "there is such a queue" => EEXIST: {
            let ring = ring(0);
            register(ring, PBUF_RING, buffers(8), 1).unwrap();
            register(ring, PBUF_RING, buffers(8), 1)
        };
        "another process than the one that made the queues" => EEXIST: {
            let ring = ring(IORING_SETUP_SINGLE_ISSUER);
            std::thread::spawn(move || register(ring, PBUF_RING, buffers(8), 1)).join().unwrap()
        };
        "bad memory" => EFAULT: register(ring(0), PBUF_RING, nowhere(), 1);
        "a number of entries that is no power of two" => EINVAL: register(ring(0), PBUF_RING, buffers(7), 1);
        "two at once" => EINVAL: register(ring(0), PBUF_RING, buffers(8), 2);
        "an unknown operation" => EINVAL: register(ring(0), 999, buffers(8), 1);
    }
}

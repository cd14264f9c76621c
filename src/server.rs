//! What the servers of the I/O models do alike before they come to their model: arguments, socket, signals.
//!
//! A server takes options and a port, raises its limit of descriptors, listens, and says on which port.
//! With `-w` it listens once for each worker, makes the workers, and waits for them: only they serve.
//!
//! A server is told by signals what does not come from a socket, and keeps them back, so that none arrives
//! in the middle of something else. SIGTERM and SIGINT ask it to end. SIGALRM is its own timer.
#![expect(clippy::needless_range_loop, reason = "the loops count as in C")]

use crate::byte_order::{htonl, htons, ntohs};
use crate::command_line::{check_arguments, number_argument};
use crate::descriptor::{F_SETSIG, fcntl};
use crate::explain::{explain_errno, fail};
use crate::getopt::{getopt, optarg, optind, optopt};
use crate::limits::{getrlimit, setrlimit};
use crate::loopback::{own_address, set_option};
use crate::process::{fork, getpid, prctl, waitpid};
use crate::runtime::arguments;
use crate::signals::{kill, sigaddset, sigemptyset, signal, signalfd, sigprocmask, sigwaitinfo};
use crate::socket::{bind, close, listen, socket};
use crate::stdio::{fflush, fprintf, printf, stderr, stdout};
use crate::stdlib::exit;
use crate::string::memset;
use crate::time::setitimer;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use errno::Errno;
use libc::{
    AF_INET, F_SETFL, F_SETOWN, INADDR_ANY, IPPROTO_TCP, ITIMER_REAL, O_ASYNC, O_NONBLOCK, PF_INET,
    PR_SET_PDEATHSIG, RLIMIT_NOFILE, SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIG_IGN, SIGALRM,
    SIGCHLD, SIGINT, SIGTERM, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY,
    WNOHANG, c_char, c_int, c_long, c_ulong, in_port_t, itimerval, pid_t, rlimit, sa_family_t,
    sigset_t, sockaddr, sockaddr_in, socklen_t,
};

/// What the options and the one argument say.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The port to listen on; 0: one that the kernel chooses.
    pub port: in_port_t,
    /// -b, in microseconds.
    pub busy_poll: c_long,
    /// -w; 0: the process itself serves.
    pub workers: c_long,
}

// How many connections wait for accept() at most; the kernel has a limit of its own (somaxconn).
const BACKLOG: c_int = 4096;
const MOST_WORKERS: usize = 64;

/// Takes the options that `letters` names, in getopt's notation, and the port.
///
/// # Safety
///
/// `argv` points to `argc` C strings and a null pointer after them, as in `main`.
pub unsafe fn read_settings(
    program: &CStr,
    usage: &CStr,
    letters: &CStr,
    argc: c_int,
    argv: *mut *mut c_char,
) -> Settings {
    let mut settings = Settings { port: 0, busy_poll: 0, workers: 0 };

    // For --help; how many words there may be depends on the options.
    // SAFETY: there are `argc` strings at `argv`.
    let words = unsafe { arguments(argc, argv) };
    // SAFETY: the same.
    unsafe { check_arguments(program, usage, argc, words, argc) };

    loop {
        // SAFETY: `argc` strings and a null pointer at `argv`, and a literal; there is one thread.
        let letter = unsafe { getopt(argc, argv, letters.as_ptr()) };
        if letter == -1 {
            break;
        }

        match letter as u8 {
            b'b' => {
                settings.busy_poll =
                    // SAFETY: getopt has found the option's value, a C string.
                    unsafe { number_argument(program, usage, c"MICROSECONDS", optarg(), 10, 0, 1_000_000) };
            }
            b'w' => {
                settings.workers =
                    // SAFETY: the same.
                    unsafe { number_argument(program, usage, c"WORKERS", optarg(), 10, 1, MOST_WORKERS as c_long) };
            }
            b'h' => {
                // SAFETY: a C string, as the format asks.
                unsafe { printf(c"Usage: %s\n".as_ptr(), usage.as_ptr()) };
                exit(0);
            }
            _ => {
                // SAFETY: a C string, a character and a C string, as the format asks.
                unsafe {
                    fprintf(
                        stderr(),
                        c"%s: -%c is no option, or its value is missing\nUsage: %s\n".as_ptr(),
                        program.as_ptr(),
                        optopt(),
                        usage.as_ptr(),
                    )
                };
                exit(2);
            }
        }
    }

    // What is left is as if there were no options.
    // SAFETY: getopt has passed over some of the `argc` strings, the first one at least.
    let words =
        unsafe { arguments(argc - optind() + 1, argv.wrapping_offset(optind() as isize - 1)) };
    // SAFETY: the same.
    unsafe { check_arguments(program, usage, argc - optind() + 1, words, 1) };
    // SAFETY: words[1] is a C string, or null if there is none.
    settings.port =
        unsafe { number_argument(program, usage, c"PORT", words[1], 10, 0, 65535) } as in_port_t;
    settings
}

/// setrlimit(): lets the process have as many descriptors as it may.
pub fn raise_descriptor_limit(program: &CStr) {
    let mut limit = MaybeUninit::<rlimit>::uninit();

    // SAFETY: the structure may be written.
    if let Err(error) = unsafe { getrlimit(RLIMIT_NOFILE, limit.as_mut_ptr()) } {
        fail(program, c"getrlimit", error);
    }

    // SAFETY: getrlimit has filled it in.
    let mut limit = unsafe { limit.assume_init() };
    limit.rlim_cur = limit.rlim_max;

    // SAFETY: the structure may be read.
    if let Err(error) = unsafe { setrlimit(RLIMIT_NOFILE, &raw const limit) } {
        fail(program, c"setrlimit", error);
    }
}

/// socket(), bind() and listen(): on every interface. `flags` are those of the socket, as SOCK_NONBLOCK.
pub fn listen_on(program: &CStr, port: in_port_t, flags: c_int, shared: bool) -> c_int {
    let mut address = MaybeUninit::<sockaddr_in>::uninit();

    let listener = match socket(PF_INET, SOCK_STREAM | flags, IPPROTO_TCP) {
        Ok(listener) => listener,
        Err(error) => fail(program, c"socket", error),
    };

    // A restart need not wait until the old connections are forgotten.
    set_option(program, listener, SOL_SOCKET, SO_REUSEADDR, 1);

    if shared {
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);
    }

    // Every echo leaves at once. On Linux the connections have it from the listening socket.
    set_option(program, listener, IPPROTO_TCP, TCP_NODELAY, 1);

    // SAFETY: the size is that of the variable.
    unsafe { memset(address.as_mut_ptr().cast(), 0, size_of::<sockaddr_in>()) };
    // SAFETY: a sockaddr_in consists of integers, and zero is a value of each.
    let mut address = unsafe { address.assume_init() };
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(port);

    // SAFETY: the size is that of the variable, which is filled in.
    if let Err(error) = unsafe {
        bind(
            listener,
            (&raw const address).cast::<sockaddr>(),
            size_of::<sockaddr_in>() as socklen_t,
        )
    } {
        fail(program, c"bind", error);
    }

    if let Err(error) = listen(listener, BACKLOG) {
        fail(program, c"listen", error);
    }

    listener
}

/// Ends the workers when it is told to, and itself when all have ended: with 1 if one of them has failed.
fn wait_for_workers(program: &CStr, workers: &mut [pid_t; MOST_WORKERS], count: usize) -> ! {
    let mut signals = MaybeUninit::<sigset_t>::uninit();
    let mut left = count;
    let mut worst = 0;
    let mut status: c_int = 0;

    keep_back_signals(program, &mut signals);
    // SAFETY: keep_back_signals has made it a set.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGCHLD) };
    // SAFETY: the set is made.
    unsafe { block_signals(program, signals.as_ptr()) };

    while left > 0 {
        // SAFETY: the set is made, and what is known of the signal is not asked for.
        let Ok(number) = (unsafe { sigwaitinfo(signals.as_ptr(), null_mut()) }) else {
            continue;
        };

        // One SIGCHLD may stand for several workers. The number of one that has ended can be another's soon.
        // SAFETY: `status` may be written.
        while let Ok(ended @ 1..) = unsafe { waitpid(-1, &raw mut status, WNOHANG) } {
            left -= 1;
            worst = if status != 0 { 1 } else { worst };

            for i in 0..count {
                if workers[i] == ended {
                    workers[i] = 0;
                }
            }
        }

        for i in 0..count {
            if number != SIGCHLD && workers[i] != 0 {
                _ = kill(workers[i], SIGTERM);
            }
        }
    }

    exit(worst);
}

/// Returns the listening socket, once it is said that it listens. With workers it returns in each of
/// them, with a socket of its own: the kernel shares the connections out among the sockets of a port.
pub fn start_listening(program: &CStr, settings: Settings, flags: c_int) -> c_int {
    let mut listeners = [0; MOST_WORKERS];
    let mut workers = [0; MOST_WORKERS];
    let mut port = settings.port;
    let count = if settings.workers > 0 { settings.workers as usize } else { 1 };

    raise_descriptor_limit(program);

    // All of them listen before there are workers, so that none misses a connection.
    for i in 0..count {
        listeners[i] = listen_on(program, port, flags, settings.workers > 0);

        if port == 0 {
            port = ntohs(own_address(program, listeners[i]).sin_port);
        }
    }

    // SAFETY: an int, as the format asks.
    unsafe { printf(c"Waiting for connections on port %d\n".as_ptr(), c_int::from(port)) };
    // SAFETY: the stream stays open until the program ends.
    _ = unsafe { fflush(stdout()) };

    if settings.workers == 0 {
        return listeners[0];
    }

    for i in 0..count {
        // SAFETY: one thread; each process keeps the descriptors that are its own.
        workers[i] = unsafe { fork() }.unwrap_or_else(|error| fail(program, c"fork", error));

        if workers[i] > 0 {
            continue;
        }

        // A worker ends with the one that made it. Ctrl-C reaches both, and only that one passes it on.
        // SAFETY: the option takes a signal.
        _ = unsafe { prctl(PR_SET_PDEATHSIG, SIGTERM as c_ulong) };
        // SAFETY: no handler.
        _ = unsafe { signal(SIGINT, SIG_IGN) };

        for j in 0..count {
            if j != i {
                // SAFETY: another worker's, which this one does not use.
                _ = unsafe { close(listeners[j]) };
            }
        }

        return listeners[i];
    }

    for i in 0..count {
        // SAFETY: a worker's, which this process does not use.
        _ = unsafe { close(listeners[i]) };
    }

    wait_for_workers(program, &mut workers, count);
}

/// sigprocmask(): from now on these signals come only when they are asked for.
///
/// # Safety
///
/// The process has one thread, and `signals` points to a set that has been made.
pub unsafe fn block_signals(program: &CStr, signals: *const sigset_t) {
    // SAFETY: the caller vouches for one thread and for the set; the old one is not asked for.
    if let Err(error) = unsafe { sigprocmask(SIG_BLOCK, signals, null_mut()) } {
        fail(program, c"sigprocmask", error);
    }
}

/// Keeps back those that every server is told by, and leaves them in the set.
pub fn keep_back_signals(program: &CStr, signals: &mut MaybeUninit<sigset_t>) {
    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: the same, and sigemptyset has made it a set.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGTERM) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGINT) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGALRM) };
    // SAFETY: the set is made.
    unsafe { block_signals(program, signals.as_ptr()) };
}

/// signalfd(): a descriptor from which the signals are read.
pub fn open_signals(program: &CStr) -> c_int {
    let mut signals = MaybeUninit::<sigset_t>::uninit();

    keep_back_signals(program, &mut signals);

    // SAFETY: keep_back_signals has made it a set.
    match unsafe { signalfd(-1, signals.as_ptr(), SFD_NONBLOCK | SFD_CLOEXEC) } {
        Ok(descriptor) => descriptor,
        Err(error) => fail(program, c"signalfd", error),
    }
}

/// fcntl(): from now on this process gets a signal for what happens on the socket, which is non-blocking.
pub fn drive_by_signals(sock: c_int, number: c_int) -> Result<(), Errno> {
    // SAFETY: the command takes a process.
    unsafe { fcntl(sock, F_SETOWN, getpid()) }?;
    // SAFETY: the command takes a signal.
    unsafe { fcntl(sock, F_SETSIG, number) }?;
    // SAFETY: the command takes flags, and nobody else uses the socket.
    unsafe { fcntl(sock, F_SETFL, O_NONBLOCK | O_ASYNC) }.map(drop)
}

/// setitimer(): SIGALRM comes after so long.
pub fn set_timer(program: &CStr, milliseconds: c_long) {
    let mut timer = MaybeUninit::<itimerval>::uninit();

    // SAFETY: the size is that of the variable.
    unsafe { memset(timer.as_mut_ptr().cast(), 0, size_of::<itimerval>()) };
    // SAFETY: an itimerval consists of integers, and zero is a value of each.
    let mut timer = unsafe { timer.assume_init() };
    timer.it_value.tv_sec = milliseconds / 1000;
    timer.it_value.tv_usec = milliseconds % 1000 * 1000;

    // SAFETY: the structure is filled in, and what was set before is not asked for.
    if let Err(error) = unsafe { setitimer(ITIMER_REAL, &raw const timer, null_mut()) } {
        explain_errno(program, c"setitimer", error);
    }
}

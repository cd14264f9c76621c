//! How a server starts: the state that it inherits, its command line, and its listening socket.
//!
//! A process inherits much across exec(): open descriptors, ignored and blocked signals, running timers. A server that
//! relies on the usual defaults can be killed by a timer that somebody else has set, send its messages to a client, or
//! be impossible to stop. So it first resets whatever could harm it later.
//!
//! Then it reads options and port, raises its limit of descriptors, listens, and prints on which port, and with -l on
//! which address.
#![expect(clippy::needless_range_loop, reason = "the loops count as in C")]

use crate::arpa::inet::{htonl, htons, inet_ntoa};
use crate::errno::errno;
use crate::fcntl::{fcntl, open};
use crate::runtime::Arguments;
use crate::signal::{sigemptyset, signal, sigprocmask};
use crate::stdio::{fflush, fprintf, printf, stderr, stdout};
use crate::stdlib::exit;
use crate::string::zeroed;
use crate::sys::resource::{getrlimit, setrlimit};
use crate::sys::socket::{bind, listen, socket};
use crate::sys::stat::fstat;
use crate::sys::time::setitimer;
use crate::unistd::{close, dup2, getopt, optarg, optind, optopt, write};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    AF_INET, EPIPE, F_SETFL, INADDR_ANY, IPPROTO_TCP, ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, O_NOCTTY, O_NONBLOCK,
    O_RDWR, O_WRONLY, PF_INET, RLIMIT_NOFILE, S_IFCHR, S_IFIFO, S_IFMT, S_IFSOCK, SIG_DFL, SIG_IGN, SIG_SETMASK,
    SIGALRM, SIGCHLD, SIGINT, SIGPIPE, SIGPROF, SIGTERM, SIGTTOU, SIGVTALRM, SIGXFSZ, SO_KEEPALIVE, SO_OOBINLINE,
    SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY, c_int,
    c_long, c_longlong, in_addr, in_port_t, itimerval, rlimit, sa_family_t, sigset_t, sockaddr, sockaddr_in, socklen_t,
    stat,
};

use crate::common::command_line::{check_arguments, number_argument, unicast_argument};
use crate::common::explain::{explain_errno, fail, succeed};
use crate::common::loopback::set_option;

/// What the command line says.
#[derive(Debug)]
pub struct Settings {
    /// The port to listen on; with 0 the kernel chooses one.
    pub port: in_port_t,
    /// -l, the address to listen on; with INADDR_ANY, every address of this machine.
    pub address: in_addr,
    /// -b, in microseconds.
    pub busy_poll: c_long,
    /// -w; without workers 0: this process serves.
    pub workers: c_long,
    /// Whether this process is a worker.
    pub is_worker: bool,
    /// The pipe on which a worker tells its parent that it is ready, or −1.
    pub(crate) ready_pipe: c_int,
}

/// The most workers that a server may have.
pub(crate) const MAX_WORKERS: usize = 64;

// The length of the accept queue; the kernel limits it further (net.core.somaxconn).
const BACKLOG: c_int = 4096;

/// Makes a standard stream non-blocking: a message is lost if its reader is slow or gone, since a server must not wait
/// for its log. A pipe or terminal is opened anew, so that other processes that have it open are not affected.
///
/// # Safety
///
/// Nobody else in this process uses the descriptor meanwhile.
unsafe fn make_nonblocking(descriptor: c_int, path: &CStr) {
    let mut status = MaybeUninit::<stat>::uninit();

    // SAFETY: `status` may be written.
    if unsafe { fstat(descriptor, status.as_mut_ptr()) }.is_err() {
        return;
    }

    // SAFETY: fstat has filled it in.
    let status = unsafe { status.assume_init() };

    if status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFCHR {
        // SAFETY: a C string, and flags that create no file.
        if let Ok(reopened) = unsafe { open(path.as_ptr(), O_WRONLY | O_NONBLOCK | O_NOCTTY) } {
            // SAFETY: nobody else uses the descriptor, and what replaces it is the same pipe or terminal.
            _ = unsafe { dup2(reopened, descriptor) };
            // SAFETY: it was opened here.
            _ = unsafe { close(reopened) };
            return;
        }
    }

    // A socket cannot be opened anew, nor another user's pipe. A terminal is left alone: a shell may read from it.
    if status.st_mode & S_IFMT == S_IFIFO || status.st_mode & S_IFMT == S_IFSOCK {
        // SAFETY: the command takes flags, and nobody else uses the descriptor.
        _ = unsafe { fcntl(descriptor, F_SETFL, O_NONBLOCK) };
    }
}

/// Resets what the process has inherited to the defaults. To be called before anything else.
///
/// # Safety
///
/// The process has one thread, and nothing relies on its standard streams, signals and timers.
pub unsafe fn reset_inherited_state(program: &CStr) {
    let timers: [c_int; 3] = [ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF];
    let restored: [c_int; 3] = [SIGTERM, SIGINT, SIGCHLD];
    let ignored: [c_int; 6] = [SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGXFSZ, SIGTTOU];
    let mut status = MaybeUninit::<stat>::uninit();
    let mut signals = MaybeUninit::<sigset_t>::uninit();

    // Without this a socket could get the number of a standard stream, and a client would get what is printed.
    for descriptor in 0..=2 {
        // SAFETY: `status` may be written.
        if unsafe { fstat(descriptor, status.as_mut_ptr()) }.is_err()
            // SAFETY: a C string, and flags that create no file.
            && unsafe { open(c"/dev/null".as_ptr(), O_RDWR) }.is_err()
        {
            fail(program, c"open", errno());
        }
    }

    // SAFETY: the caller vouches for the standard streams.
    unsafe { make_nonblocking(1, c"/proc/self/fd/1") };
    // SAFETY: the same.
    unsafe { make_nonblocking(2, c"/proc/self/fd/2") };

    // A timer survives exec(), and its signal would come here.
    let disarmed: itimerval = zeroed();

    for i in 0..3 {
        // SAFETY: `disarmed` may be read; a null pointer asks for no old value.
        _ = unsafe { setitimer(timers[i], &raw const disarmed, null_mut()) };
    }

    // If SIGCHLD is ignored, waitpid() finds no children; if SIGTERM is, the server cannot be stopped.
    for i in 0..3 {
        // SAFETY: no handler.
        _ = unsafe { signal(restored[i], SIG_DFL) };
    }

    // The signal of an old timer must not end the server, nor a log that is closed or full, nor a terminal stop it.
    for i in 0..6 {
        // SAFETY: no handler.
        _ = unsafe { signal(ignored[i], SIG_IGN) };
    }

    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };

    // SAFETY: sigemptyset has made the set; a null pointer asks for no old mask.
    unsafe { sigprocmask(SIG_SETMASK, signals.as_ptr(), null_mut()) }
        .unwrap_or_else(|error| fail(program, c"sigprocmask", error));
}

/// Reads the options that `letters` names, in getopt()'s notation, and the port.
pub fn read_settings(program: &CStr, usage: &CStr, letters: &CStr, argc: c_int, argv: Arguments) -> Settings {
    let mut settings = Settings {
        port: 0,
        address: in_addr { s_addr: htonl(INADDR_ANY) },
        busy_poll: 0,
        workers: 0,
        is_worker: false,
        ready_pipe: -1,
    };
    // Rust: nobody vouches that argv has as many arguments as argc says.
    let argc = argc.clamp(0, argv.count());

    // For --help; how many arguments there may be depends on the options.
    check_arguments(program, usage, argc, argv, argc);

    loop {
        // SAFETY: `argc` C strings and a null pointer, and a C string; there is one thread.
        let letter = unsafe { getopt(argc, argv.as_mut_ptr(), letters.as_ptr()) };
        if letter == -1 {
            break;
        }

        match letter as u8 {
            b'b' => {
                settings.busy_poll =
                    number_argument(program, usage, c"MICROSECONDS", optarg(), 10, 0, 1_000_000) as c_long;
            }
            b'l' => {
                settings.address = unicast_argument(program, usage, c"ADDRESS", optarg());
            }
            b'w' => {
                settings.workers =
                    number_argument(program, usage, c"WORKERS", optarg(), 10, 1, MAX_WORKERS as c_longlong) as c_long;
            }
            b'h' => {
                printf!(c"Usage: %s\n", usage);
                succeed(program);
            }
            b':' => {
                fprintf!(stderr(), c"%s: option requires an argument -- '%c'\nUsage: %s\n", program, optopt(), usage,);
                exit(2);
            }
            _ => {
                fprintf!(stderr(), c"%s: invalid option -- '%c'\nUsage: %s\n", program, optopt(), usage);
                exit(2);
            }
        }
    }

    // What follows the options is checked as if there were none.
    let operands = argv.from(optind() - 1);
    check_arguments(program, usage, argc - optind() + 1, operands, 1);
    settings.port = number_argument(program, usage, c"PORT", operands[1], 10, 0, 65535) as in_port_t;
    settings
}

/// setrlimit(): raises the limit of descriptors as far as allowed. If that fails, the server runs with what it has.
pub fn raise_descriptor_limit(program: &CStr) {
    let mut limit = MaybeUninit::<rlimit>::uninit();

    // SAFETY: `limit` may be written.
    if let Err(error) = unsafe { getrlimit(RLIMIT_NOFILE, limit.as_mut_ptr()) } {
        explain_errno(program, c"getrlimit", error);
        return;
    }

    // SAFETY: getrlimit has filled it in.
    let mut limit = unsafe { limit.assume_init() };
    limit.rlim_cur = limit.rlim_max;

    // SAFETY: `limit` may be read.
    unsafe { setrlimit(RLIMIT_NOFILE, &raw const limit) }
        .unwrap_or_else(|error| explain_errno(program, c"setrlimit", error));
}

/// socket(), bind() and listen(): listens on the address of -l, or on every one. `flags` are those of the socket, such
/// as SOCK_NONBLOCK. Each worker has a socket of its own; `number` is the worker's, from 0.
pub fn listen_on(program: &CStr, settings: &Settings, number: usize, flags: c_int) -> c_int {
    let listener =
        socket(PF_INET, SOCK_STREAM | flags, IPPROTO_TCP).unwrap_or_else(|error| fail(program, c"socket", error));

    // A restart need not wait for old connections in TIME_WAIT.
    set_option(program, listener, SOL_SOCKET, SO_REUSEADDR, 1);

    if number > 0 {
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);
    }

    // On Linux a connection inherits these from its listening socket. An echo is sent without delay.
    set_option(program, listener, IPPROTO_TCP, TCP_NODELAY, 1);
    // Urgent data is echoed in its place, like all other data.
    set_option(program, listener, SOL_SOCKET, SO_OOBINLINE, 1);
    // A client that vanishes without a FIN is detected after two minutes, which frees its descriptor.
    set_option(program, listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPCNT, 6);

    let mut address: sockaddr_in = zeroed();
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr = settings.address;
    address.sin_port = htons(settings.port);

    // SAFETY: the size is that of `address`.
    unsafe { bind(listener, (&raw const address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(program, c"bind", error));

    // Set after bind() on the first socket: bind() fails if the port is in use, even by a server with workers.
    if settings.workers > 0 && number == 0 {
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);
    }

    listen(listener, BACKLOG).unwrap_or_else(|error| fail(program, c"listen", error));

    listener
}

/// Announces that the server is ready: a worker to its parent, any other process on stdout.
pub fn announce_ready(program: &CStr, settings: &mut Settings) {
    if settings.ready_pipe >= 0 {
        // The parent may have given up and closed the pipe.
        // SAFETY: the string has one byte, the NUL.
        if let Err(error) = unsafe { write(settings.ready_pipe, c"".as_ptr().cast(), 1) } {
            if error.0 != EPIPE {
                explain_errno(program, c"write", error);
            }
        }

        // SAFETY: start_workers has opened it for this process alone.
        _ = unsafe { close(settings.ready_pipe) };
        settings.ready_pipe = -1;
    } else if !settings.is_worker {
        if settings.address.s_addr == htonl(INADDR_ANY) {
            printf!(c"Waiting for connections on port %d\n", c_int::from(settings.port));
        } else {
            printf!(
                c"Waiting for connections on %s, port %d\n",
                inet_ntoa(settings.address),
                c_int::from(settings.port)
            );
        }

        _ = fflush(stdout());
    }
}

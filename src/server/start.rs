//! How a server comes up: what it takes over from whoever started it, its command line, and its listening socket.
//!
//! A process inherits much over exec(): which descriptors are open, which signals are ignored and which are blocked,
//! timers that run. A server that relies on what is usual can then be ended by somebody else's alarm, send its
//! messages to a client, or never be ended at all. So it takes over nothing that could harm it later.
//!
//! A server takes options and a port, raises its limit of descriptors, listens, and says on which port.
#![expect(clippy::needless_range_loop, reason = "the loops count as in C")]

use crate::arpa::inet::{htonl, htons};
use crate::errno::errno;
use crate::fcntl::{fcntl, open};
use crate::runtime::Arguments;
use crate::signal::{sigemptyset, signal, sigprocmask};
use crate::stdio::{fflush, fprintf, printf, stderr, stdout};
use crate::stdlib::exit;
use crate::string::{memset, zeroed};
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
    c_long, c_longlong, in_port_t, itimerval, rlimit, sa_family_t, sigset_t, sockaddr, sockaddr_in, socklen_t, stat,
};

use crate::common::command_line::{check_arguments, number_argument};
use crate::common::explain::{explain_errno, fail, succeed};
use crate::common::loopback::set_option;

/// What the options and the one argument say.
#[derive(Debug)]
pub struct Settings {
    /// The port to listen on; 0: one that the kernel chooses.
    pub port: in_port_t,
    /// -b, in microseconds.
    pub busy_poll: c_long,
    /// -w; 0: the process itself serves.
    pub workers: c_long,
    /// Whether this process is a worker.
    pub is_worker: bool,
    /// Where a worker tells the first process that it is ready, or −1.
    pub(crate) ready: c_int,
}

/// The most workers that a server may have.
pub(crate) const MAX_WORKERS: usize = 64;

// How many connections wait for accept() at most; the kernel has a limit of its own (somaxconn).
const BACKLOG: c_int = 4096;

/// Has what is written to a standard stream be lost where its reader has no room for it, or is gone: a server does not
/// wait for its log. A pipe or terminal is opened anew, so that nobody else who has it open notices.
///
/// # Safety
///
/// Nobody else in this process uses the descriptor meanwhile.
unsafe fn make_nonblocking(descriptor: c_int, path: &CStr) {
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
pub unsafe fn reset_inherited_state(program: &CStr) {
    let timers: [c_int; 3] = [ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF];
    let restored: [c_int; 3] = [SIGTERM, SIGINT, SIGCHLD];
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
    unsafe { make_nonblocking(1, c"/proc/self/fd/1") };
    // SAFETY: the same.
    unsafe { make_nonblocking(2, c"/proc/self/fd/2") };

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
        _ = unsafe { signal(restored[i], SIG_DFL) };
    }

    // A log that is gone, full or of a terminal in use by others must not end or stop the server.
    for i in 0..6 {
        // SAFETY: no handler.
        _ = unsafe { signal(ignored[i], SIG_IGN) };
    }

    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };

    // SAFETY: one thread; sigemptyset has made the set, and the old one is not asked for.
    unsafe { sigprocmask(SIG_SETMASK, signals.as_ptr(), null_mut()) }
        .unwrap_or_else(|error| fail(program, c"sigprocmask", error));
}

/// Takes the options that `letters` names, in getopt's notation, and the port.
pub fn read_settings(program: &CStr, usage: &CStr, letters: &CStr, argc: c_int, argv: Arguments) -> Settings {
    let mut settings = Settings { port: 0, busy_poll: 0, workers: 0, is_worker: false, ready: -1 };
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

    // The rest is as if there were no options.
    let operands = argv.from(optind() - 1);
    check_arguments(program, usage, argc - optind() + 1, operands, 1);
    settings.port = number_argument(program, usage, c"PORT", operands[1], 10, 0, 65535) as in_port_t;
    settings
}

/// setrlimit(): lets the process have as many descriptors as it may. If it cannot, it serves with those that it has.
pub fn raise_descriptor_limit(program: &CStr) {
    let mut limit = MaybeUninit::<rlimit>::uninit();

    // SAFETY: the structure may be written.
    if let Err(error) = unsafe { getrlimit(RLIMIT_NOFILE, limit.as_mut_ptr()) } {
        explain_errno(program, c"getrlimit", error);
        return;
    }

    // SAFETY: getrlimit has filled it in.
    let mut limit = unsafe { limit.assume_init() };
    limit.rlim_cur = limit.rlim_max;

    // SAFETY: the structure may be read.
    if let Err(error) = unsafe { setrlimit(RLIMIT_NOFILE, &raw const limit) } {
        explain_errno(program, c"setrlimit", error);
    }
}

/// socket(), bind() and listen(): on every interface. `flags` are those of the socket, as SOCK_NONBLOCK. Of several
/// workers each has a socket, with a number from 0 on.
pub fn listen_on(program: &CStr, settings: &Settings, number: usize, flags: c_int) -> c_int {
    let listener =
        socket(PF_INET, SOCK_STREAM | flags, IPPROTO_TCP).unwrap_or_else(|error| fail(program, c"socket", error));

    // A restart need not wait until the old connections are forgotten.
    set_option(program, listener, SOL_SOCKET, SO_REUSEADDR, 1);

    if number > 0 {
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);
    }

    // The connections have these from the listening socket, on Linux. Every echo leaves at once.
    set_option(program, listener, IPPROTO_TCP, TCP_NODELAY, 1);
    // An urgent byte is one like the others.
    set_option(program, listener, SOL_SOCKET, SO_OOBINLINE, 1);
    // A client that is gone without a word does not keep its descriptor: two minutes later it is found out.
    set_option(program, listener, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_option(program, listener, IPPROTO_TCP, TCP_KEEPCNT, 6);

    let mut address: sockaddr_in = zeroed();
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(settings.port);

    // SAFETY: the size is that of the variable, which is filled in.
    unsafe { bind(listener, (&raw const address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(program, c"bind", error));

    // The first one gets the port only if nobody has it, another server with workers neither.
    if settings.workers > 0 && number == 0 {
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);
    }

    listen(listener, BACKLOG).unwrap_or_else(|error| fail(program, c"listen", error));

    listener
}

/// Says that the server serves: a worker to the first process, and that one, or one that is alone, to everybody.
pub fn announce_ready(program: &CStr, settings: &mut Settings) {
    if settings.ready >= 0 {
        // That one may have given up waiting.
        // SAFETY: there is one byte.
        if let Err(error) = unsafe { write(settings.ready, c"".as_ptr().cast(), 1) } {
            if error.0 != EPIPE {
                explain_errno(program, c"write", error);
            }
        }

        // SAFETY: lead() has made it, and it is not used any more.
        _ = unsafe { close(settings.ready) };
        settings.ready = -1;
    } else if !settings.is_worker {
        printf!(c"Waiting for connections on port %d\n", c_int::from(settings.port));
        // SAFETY: the stream stays open until the program ends.
        _ = fflush(stdout());
    }
}

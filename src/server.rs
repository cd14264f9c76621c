//! What the servers of the I/O models do alike before they come to their model: arguments, socket, signals.
//!
//! A server takes options and a port, raises its limit of descriptors, listens, and says on which port.
//! With `-w` it listens once for each worker, makes the workers, and looks after them: only they serve.
//!
//! A server is told by signals what does not come from a socket, and keeps them back, so that none arrives
//! in the middle of something else. SIGTERM, SIGINT and SIGHUP ask it to end. SIGALRM is its own timer.
//!
//! Such a request may reach one process only or all of them, by Ctrl-C or from a service manager, and in any order.
//! So a worker takes any number of them for one, and only the first process tells the second request from the first.
#![expect(clippy::needless_range_loop, reason = "the loops count as in C")]

use crate::byte_order::{htonl, htons, ntohs};
use crate::command_line::{check_arguments, number_argument};
use crate::descriptor::{F_SETSIG, fcntl, pipe2, read, write};
use crate::explain::{explain_errno, fail, succeed};
use crate::getopt::{getopt, optarg, optind, optopt};
use crate::limits::{getrlimit, setrlimit};
use crate::loopback::{own_address, set_option};
use crate::process::{fork, getpid, getppid, prctl, waitpid};
use crate::runtime::arguments;
use crate::signals::{
    kill, sigaddset, sigemptyset, signal, signalfd, sigprocmask, sigtimedwait, sigwaitinfo,
};
use crate::socket::{bind, close, listen, socket};
use crate::stdio::{fflush, fprintf, printf, stderr, stdout};
use crate::stdlib::exit;
use crate::string::memset;
use crate::time::{nanosleep, setitimer};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::AtomicI32;
use core::sync::atomic::Ordering::Relaxed;
use errno::Errno;
use libc::{
    AF_INET, EINTR, EPIPE, F_SETFL, F_SETOWN, INADDR_ANY, IPPROTO_TCP, ITIMER_REAL, O_ASYNC,
    O_CLOEXEC, O_NONBLOCK, PF_INET, PR_SET_PDEATHSIG, RLIMIT_NOFILE, SFD_CLOEXEC, SFD_NONBLOCK,
    SIG_BLOCK, SIG_IGN, SIG_UNBLOCK, SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR2,
    SO_KEEPALIVE, SO_OOBINLINE, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET, TCP_KEEPCNT,
    TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY, WEXITSTATUS, WIFSIGNALED, WNOHANG, WTERMSIG, c_char,
    c_int, c_long, c_longlong, c_ulong, in_port_t, itimerval, pid_t, rlimit, sa_family_t,
    sighandler_t, sigset_t, sockaddr, sockaddr_in, socklen_t, timespec,
};

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
    pub led: bool,
    /// Where a worker tells the first process that it is ready, or −1.
    ready: c_int,
}

// How many connections wait for accept() at most; the kernel has a limit of its own (somaxconn).
const BACKLOG: c_int = 4096;
const MOST_WORKERS: usize = 64;
// How long it takes until a worker that was killed is replaced, and until a request to end counts as another one. In
// nanoseconds.
const REST: c_long = 100_000_000;
const MOMENT: c_long = 30_000_000;

/// What the first process knows of its workers.
struct Workers {
    count: usize,
    first: pid_t,
    /// Whether one of them has failed.
    failed: bool,
    /// −1 where a socket is closed. The first process has them for workers to come.
    listeners: [c_int; MOST_WORKERS],
}

// The workers; 0 where one has ended.
#[expect(non_upper_case_globals, reason = "a variable, as in C")]
static pids: [AtomicI32; MOST_WORKERS] = [const { AtomicI32::new(0) }; MOST_WORKERS];

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
    let mut settings = Settings { port: 0, busy_poll: 0, workers: 0, led: false, ready: -1 };

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
                    unsafe { number_argument(program, usage, c"MICROSECONDS", optarg(), 10, 0, 1_000_000) as c_long };
            }
            b'w' => {
                settings.workers =
                    // SAFETY: the same.
                    unsafe { number_argument(program, usage, c"WORKERS", optarg(), 10, 1, MOST_WORKERS as c_longlong) as c_long };
            }
            b'h' => {
                // SAFETY: a C string, as the format asks.
                unsafe { printf(c"Usage: %s\n".as_ptr(), usage.as_ptr()) };
                succeed(program);
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
    let mut address = MaybeUninit::<sockaddr_in>::uninit();

    let listener = match socket(PF_INET, SOCK_STREAM | flags, IPPROTO_TCP) {
        Ok(listener) => listener,
        Err(error) => fail(program, c"socket", error),
    };

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

    // SAFETY: the size is that of the variable.
    unsafe { memset(address.as_mut_ptr().cast(), 0, size_of::<sockaddr_in>()) };
    // SAFETY: a sockaddr_in consists of integers, and zero is a value of each.
    let mut address = unsafe { address.assume_init() };
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(settings.port);

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

    // The first one gets the port only if nobody has it, another server with workers neither.
    if settings.workers > 0 && number == 0 {
        set_option(program, listener, SOL_SOCKET, SO_REUSEPORT, 1);
    }

    if let Err(error) = listen(listener, BACKLOG) {
        fail(program, c"listen", error);
    }

    listener
}

/// prctl(): tells this process by SIGTERM when its parent has ended. If that one is gone already, it tells itself.
pub fn end_with(parent: pid_t) {
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
unsafe fn make_worker(program: &CStr, workers: &mut Workers, number: usize) -> bool {
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

    end_with(workers.first);

    for i in 0..workers.count {
        if i != number && workers.listeners[i] >= 0 {
            // SAFETY: another worker's, which this one does not use.
            _ = unsafe { close(workers.listeners[i]) };
        }
    }

    true
}

/// close(): what connects to this worker from now on goes to the others, or is refused if there are none.
fn stop_listening(workers: &mut Workers, number: usize) {
    if workers.listeners[number] >= 0 {
        // SAFETY: a worker's, which this process does not use.
        _ = unsafe { close(workers.listeners[number]) };
    }

    workers.listeners[number] = -1;
}

/// kill(): takes the second request, and has all workers end at once.
extern "C" fn hurry(number: c_int) {
    _ = number;

    for i in 0..MOST_WORKERS {
        if pids[i].load(Relaxed) > 0 {
            _ = kill(pids[i].load(Relaxed), SIGUSR2);
        }
    }
}

/// Ends the workers, and with the last of them itself: with 1 if one has failed.
///
/// # Safety
///
/// As for [`watch_over`].
unsafe fn end_workers(program: &CStr, workers: &mut Workers, signals: &MaybeUninit<sigset_t>) -> ! {
    for i in 0..workers.count {
        stop_listening(workers, i);

        if pids[i].load(Relaxed) > 0 {
            _ = kill(pids[i].load(Relaxed), SIGTERM);
        }
    }

    // SAFETY: the handler sends signals and reads atomics, no more.
    _ = unsafe { signal(SIGTERM, hurry as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGINT, hurry as *const () as sighandler_t) };
    // SAFETY: the same.
    _ = unsafe { signal(SIGUSR2, hurry as *const () as sighandler_t) };

    // SAFETY: one thread; the set is made, and the old one is not asked for.
    if let Err(error) = unsafe { sigprocmask(SIG_UNBLOCK, signals.as_ptr(), null_mut()) } {
        fail(program, c"sigprocmask", error);
    }

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
/// As for [`make_worker`].
unsafe fn look_after(program: &CStr, workers: &mut Workers, number: usize) -> bool {
    let rest = timespec { tv_sec: 0, tv_nsec: REST };
    let worker = pids[number].load(Relaxed);
    let mut status = 0;

    // SAFETY: `status` may be written.
    if worker <= 0 || unsafe { waitpid(worker, &raw mut status, WNOHANG) } != Ok(worker) {
        return false;
    }

    pids[number].store(0, Relaxed);

    if WIFSIGNALED(status) {
        // SAFETY: a C string and two ints, as the format asks.
        unsafe {
            fprintf(
                stderr(),
                c"%s: worker %d was killed by signal %d, and another one takes its place\n"
                    .as_ptr(),
                program.as_ptr(),
                worker,
                WTERMSIG(status),
            )
        };
        // If that one is killed, too, the log is not filled.
        // SAFETY: the time may be read, and what is left is not asked for.
        _ = unsafe { nanosleep(&raw const rest, null_mut()) };

        // SAFETY: the caller vouches for it.
        if unsafe { make_worker(program, workers, number) } {
            return true;
        }

        if pids[number].load(Relaxed) > 0 {
            return false;
        }
    } else {
        // SAFETY: a C string and two ints, as the format asks.
        unsafe {
            fprintf(
                stderr(),
                c"%s: worker %d has ended with %d, and the others go on\n".as_ptr(),
                program.as_ptr(),
                worker,
                WEXITSTATUS(status),
            )
        };
    }

    workers.failed = workers.failed || status != 0;
    stop_listening(workers, number);
    false
}

/// Looks after the workers until all have ended, or are to end. Returns only in a worker that has taken the place of
/// another one, with its number.
///
/// # Safety
///
/// As for [`make_worker`]; and `signals` is made.
unsafe fn watch_over(
    program: &CStr,
    workers: &mut Workers,
    signals: &MaybeUninit<sigset_t>,
) -> usize {
    let mut heard = *signals;
    let mut number = SIGCHLD;
    let mut left = workers.count;

    // SAFETY: the caller has made it a set.
    _ = unsafe { sigaddset(heard.as_mut_ptr(), SIGCHLD) };

    while left > 0 && (number < 0 || number == SIGCHLD || number == SIGALRM) {
        // SAFETY: the set is made, and what is known of the signal is not asked for.
        number = unsafe { sigwaitinfo(heard.as_ptr(), null_mut()) }.unwrap_or(-1);
        if number != SIGCHLD {
            continue;
        }

        left = 0;

        // One SIGCHLD may stand for several workers.
        for i in 0..workers.count {
            // SAFETY: the caller vouches for it.
            if unsafe { look_after(program, workers, i) } {
                return i;
            }

            left += usize::from(pids[i].load(Relaxed) > 0);
        }
    }

    // A worker hears of the end from anybody, but that it is to end at once only from this process.
    if left > 0 {
        take_as_one();
    }

    // SAFETY: the caller vouches for it.
    unsafe { end_workers(program, workers, signals) };
}

/// Makes the workers, and announces the server once each of them is ready. Returns only in a worker, with its number.
///
/// # Safety
///
/// As for [`watch_over`].
unsafe fn lead(
    program: &CStr,
    workers: &mut Workers,
    settings: &mut Settings,
    signals: &MaybeUninit<sigset_t>,
) -> usize {
    let mut ready = [-1; 2];
    let mut byte: c_char = 0;

    // SAFETY: there are two ints.
    if let Err(error) = unsafe { pipe2(ready.as_mut_ptr(), O_CLOEXEC) } {
        fail(program, c"pipe2", error);
    }

    for i in 0..workers.count {
        if workers.failed {
            break;
        }

        // SAFETY: the caller vouches for it.
        if unsafe { make_worker(program, workers, i) } {
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
        unsafe { end_workers(program, workers, signals) };
    }

    announce(program, settings);
    // SAFETY: the caller vouches for it.
    unsafe { watch_over(program, workers, signals) }
}

/// Returns the listening socket. With workers it returns in each of them, with a socket of its own, since the kernel
/// shares the connections out among the sockets of a port; the first process only looks after them.
///
/// # Safety
///
/// The process has one thread, and [`keep_back_signals`] has made the set. With workers it is copied: whatever it has
/// open belongs to all.
pub unsafe fn start_listening(
    program: &CStr,
    settings: &mut Settings,
    signals: &mut MaybeUninit<sigset_t>,
    flags: c_int,
) -> c_int {
    let mut workers = Workers {
        count: settings.workers as usize,
        first: getpid(),
        failed: false,
        listeners: [0; MOST_WORKERS],
    };
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
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGUSR2) };
    // SAFETY: one thread, and the set is made.
    unsafe { block_signals(program, signals.as_ptr()) };
    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(children.as_mut_ptr()) };
    // SAFETY: the same, and sigemptyset has made it a set.
    _ = unsafe { sigaddset(children.as_mut_ptr(), SIGCHLD) };
    // SAFETY: one thread, and the set is made.
    unsafe { block_signals(program, children.as_ptr()) };
    // SAFETY: the caller vouches for one thread; the listening sockets were made above.
    number = unsafe { lead(program, &mut workers, settings, signals) };
    settings.led = true;
    workers.listeners[number]
}

/// Says that the server serves: a worker to the first process, and that one, or one that is alone, to everybody.
pub fn announce(program: &CStr, settings: &mut Settings) {
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
    } else if !settings.led {
        // SAFETY: an int, as the format asks.
        unsafe {
            printf(c"Waiting for connections on port %d\n".as_ptr(), c_int::from(settings.port))
        };
        // SAFETY: the stream stays open until the program ends.
        _ = unsafe { fflush(stdout()) };
    }
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
///
/// # Safety
///
/// The process has one thread, and relies on none of these signals.
pub unsafe fn keep_back_signals(program: &CStr, signals: &mut MaybeUninit<sigset_t>) {
    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: the same, and sigemptyset has made it a set.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGTERM) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGINT) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGALRM) };

    // The terminal is gone, which ends a server like the others; but not if it was started by nohup.
    // SAFETY: no handler.
    if unsafe { signal(SIGHUP, SIG_IGN) } != Ok(SIG_IGN) {
        // SAFETY: as above.
        _ = unsafe { sigaddset(signals.as_mut_ptr(), SIGHUP) };
    }

    // SAFETY: the set is made.
    unsafe { block_signals(program, signals.as_ptr()) };
}

/// nanosleep() and sigtimedwait(): takes what asks for the end once more at the same moment for the same request.
/// timeout(1) sends its signal to a process and then to the group that it is in. SIGALRM is that of an older timer.
pub fn take_as_one() {
    let moment = timespec { tv_sec: 0, tv_nsec: MOMENT };
    let none = timespec { tv_sec: 0, tv_nsec: 0 };
    let mut requests = MaybeUninit::<sigset_t>::uninit();

    // SAFETY: the set may be written.
    _ = unsafe { sigemptyset(requests.as_mut_ptr()) };
    // SAFETY: the same, and sigemptyset has made it a set.
    _ = unsafe { sigaddset(requests.as_mut_ptr(), SIGTERM) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(requests.as_mut_ptr(), SIGINT) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(requests.as_mut_ptr(), SIGHUP) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(requests.as_mut_ptr(), SIGALRM) };
    // SAFETY: the time may be read, and what is left is not asked for.
    _ = unsafe { nanosleep(&raw const moment, null_mut()) };

    // SAFETY: the set is made, the time may be read, and what is known of the signal is not asked for.
    while unsafe { sigtimedwait(requests.as_ptr(), null_mut(), &raw const none) }.is_ok() {}
}

/// signalfd(): a descriptor from which the signals are read.
///
/// # Safety
///
/// The set is made.
pub unsafe fn open_signals(program: &CStr, signals: &MaybeUninit<sigset_t>) -> c_int {
    // SAFETY: the caller vouches for the set.
    match unsafe { signalfd(-1, signals.as_ptr(), SFD_NONBLOCK | SFD_CLOEXEC) } {
        Ok(descriptor) => descriptor,
        Err(error) => fail(program, c"signalfd", error),
    }
}

/// fcntl(): from now on this process gets a signal for what happens on the socket, which is non-blocking.
///
/// # Safety
///
/// Whoever uses the socket is ready for that.
pub unsafe fn drive_by_signals(sock: c_int, number: c_int) -> Result<(), Errno> {
    // SAFETY: the command takes a process.
    unsafe { fcntl(sock, F_SETOWN, getpid()) }?;
    // SAFETY: the command takes a signal.
    unsafe { fcntl(sock, F_SETSIG, number) }?;
    // SAFETY: the command takes flags, and the caller vouches for whoever uses the socket.
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

//! Echo server, signal-driven: the kernel sends a signal for everything that happens on a socket.
//!
//! The tutorial's signal-driven model (lines 671 to the end). Each socket is given an owner and a signal, once.
//! From then on nobody asks which socket is ready: the signal says so, and waits in a queue until it is taken.
//! It is a real-time signal, so that each event is queued as one signal of its own and tells the descriptor;
//! SIGIO, which comes otherwise, tells none.
//!
//! A client that sends much causes many signals. So all that wait in the queue are taken before any socket is
//! served, and then each that they tell of has one turn: nobody waits longer than one turn of each of the others.
//!
//! A signal tells that something has come, not that something is there. So what no signal tells of must be
//! looked for: what came before a socket had its owner, while accept() rested, or while a connection waited to
//! send; and what is left after a turn. Such a socket is put at the end of the queue with a signal of our own.
//! The queue has a limit (RLIMIT_SIGPENDING). When it is full the kernel sends SIGIO, and all sockets are asked.
//!
//! Call: `echo_server_sigio PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    POLLIN, POLLOUT, SI_QUEUE, SIGIO, SIGRTMIN, SIGURG, SOCK_CLOEXEC, SOCK_NONBLOCK, c_char, c_int, c_short, pollfd,
    siginfo_t, sigval, timespec,
};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::signal::{kill, sigaddset, sigqueue, sigtimedwait, sigwaitinfo};
use sockmirror::stdlib::{exit, realloc};
use sockmirror::string::memset;
use sockmirror::unistd::getpid;

use sockmirror::common::explain::fail;
use sockmirror::server::connections::{
    MAX_ACCEPTS, Server, WANT_READ, WANT_WRITE, YIELD, accept_connection, can_accept, handle_signal, has_pending,
    is_open, new_server, reset_connection, serve, wait_failed,
};
use sockmirror::server::signals::{block_set, block_signals, enable_sigio};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_sigio";
const USAGE: &CStr = c"./echo_server_sigio PORT";

sockmirror::entry!(main);

/// One entry of the table, which has one for each descriptor: whether the connection has a turn, and who is the next.
struct Turn {
    next: c_int,
    told: bool,
    /// Whether more may be there than the signals tell of.
    may_have_missed: bool,
}

/// Those that have a turn in this round, each once, however many signals tell of it.
struct Round {
    table: *mut Turn,
    capacity: c_int,
    first: c_int,
    last: c_int,
    /// How many clients wait, and whether more may.
    clients: c_int,
    may_have_missed: bool,
}

/// poll(): if the socket is ready, whatever the signals have told, it has another turn in the next round. If the queue
/// is full, all have one.
#[cold]
fn requeue_if_ready(sock: c_int, events: c_short) {
    let mut entry = pollfd { fd: sock, events, revents: 0 };
    let value = sigval { sival_ptr: null_mut::<c_char>().wrapping_add(sock as usize).cast() };

    // SAFETY: one entry, as it says.
    if unsafe { poll(&raw mut entry, 1, 0) } != Ok(0) && sigqueue(getpid(), SIGRTMIN(), value).is_err() {
        _ = kill(getpid(), SIGIO);
    }
}

/// Takes connections: as many as signals tell of.
#[inline(never)]
fn accept_clients(server: &mut Server<'_>, clients: c_int, mut may_have_missed: bool) {
    for taken in 0..clients {
        if !can_accept(server) {
            break;
        }

        let sock = if taken == MAX_ACCEPTS { -1 } else { accept_connection(server) };
        if sock < 0 {
            may_have_missed = true;
            break;
        }

        // SAFETY: it was just accepted, and whatever uses it takes these signals.
        if let Err(error) = unsafe { enable_sigio(sock, SIGRTMIN()) } {
            reset_connection(server, sock, c"fcntl", error);
        } else {
            requeue_if_ready(sock, POLLIN);
        }
    }

    if may_have_missed && can_accept(server) {
        requeue_if_ready(server.listener(), POLLIN);
    }
}

/// Serves a connection, if it is still there: a signal can be older than the end of its socket.
fn serve_if_open(server: &mut Server<'_>, sock: c_int, mut may_have_missed: bool) {
    if !is_open(server, sock) {
        return;
    }

    // What came while it waited to send has used up its signals.
    if has_pending(server, sock) {
        may_have_missed = true;
    }

    let wanted = serve(server, sock);

    // There is room already if it was not for want of room that nothing was sent.
    if wanted == WANT_WRITE {
        requeue_if_ready(sock, POLLOUT);
    } else if wanted == YIELD || (wanted == WANT_READ && may_have_missed) {
        requeue_if_ready(sock, POLLIN);
    }
}

/// realloc(): gives a connection its turn in this round. Without memory it has it at once.
fn schedule(server: &mut Server<'_>, round: &mut Round, sock: c_int, may_have_missed: bool) {
    let capacity = server.capacity();

    if !is_open(server, sock) {
        return;
    }

    if round.capacity < capacity {
        let table =
            // SAFETY: null, or what realloc returned the last time.
            unsafe { realloc(round.table.cast(), capacity as usize * size_of::<Turn>()) }
                .cast::<Turn>();
        if table.is_null() {
            serve_if_open(server, sock, true);
            return;
        }

        // SAFETY: there are as many entries behind those that were there. Zero is a number and false.
        unsafe {
            memset(
                table.wrapping_add(round.capacity as usize).cast(),
                0,
                (capacity - round.capacity) as usize * size_of::<Turn>(),
            )
        };
        round.table = table;
        round.capacity = capacity;
    }

    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let turn = unsafe { &mut *round.table.wrapping_add(sock as usize) };
    // Of two signals the first may tell of bytes and the second of the end, which one recv() does not bring.
    turn.may_have_missed = turn.may_have_missed || may_have_missed || turn.told;

    if turn.told {
        return;
    }

    turn.told = true;
    turn.next = -1;

    if round.first < 0 {
        round.first = sock;
    } else {
        // SAFETY: a connection, too, and another one: this one had no turn.
        unsafe { (*round.table.wrapping_add(round.last as usize)).next = sock };
    }

    round.last = sock;
}

/// Gives everybody a turn, since nobody knows of which sockets there was no signal.
fn schedule_all(server: &mut Server<'_>, round: &mut Round) {
    round.clients += 1;
    round.may_have_missed = true;

    for sock in 0..server.capacity() {
        schedule(server, round, sock, true);
    }
}

/// Serves those that have a turn, and takes the clients that wait.
fn run_round(server: &mut Server<'_>, round: &mut Round, urgent: bool) {
    while round.first >= 0 {
        let sock = round.first;
        // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
        let turn = unsafe { &mut *round.table.wrapping_add(sock as usize) };
        let may_have_missed = turn.may_have_missed || urgent;

        turn.told = false;
        turn.may_have_missed = false;
        round.first = turn.next;
        serve_if_open(server, sock, may_have_missed);
    }

    accept_clients(server, round.clients, round.may_have_missed);
    round.clients = 0;
    round.may_have_missed = false;
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let at_once = timespec { tv_sec: 0, tv_nsec: 0 };
    let mut round = Round { table: null_mut(), capacity: 0, first: -1, last: 0, clients: 0, may_have_missed: false };
    let mut told = MaybeUninit::<siginfo_t>::uninit();
    let mut listening = false;
    let mut urgent = false;

    // [1] Take the port, and let signals wait until they are asked for
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:h", argc, argv);
    let mut signals = block_signals(PROGRAM);
    // SAFETY: block_signals has made the set.
    _ = unsafe { sigaddset(&raw mut signals, SIGIO) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(&raw mut signals, SIGURG) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(&raw mut signals, SIGRTMIN()) };
    block_set(PROGRAM, &signals);

    // [2] Listen, and be told by a signal of each connection
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut signals, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: the socket is the server's.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    announce_ready(PROGRAM, &mut settings);

    // SAFETY: the listening socket is the server's own, which takes these signals.
    unsafe { enable_sigio(server.listener(), SIGRTMIN()) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    while !server.draining() || server.open > 0 {
        // [3] Look for connections that came when accept() was not to be called: before now, or while it rested
        if can_accept(&server) && !listening {
            requeue_if_ready(server.listener(), POLLIN);
        }

        listening = can_accept(&server);

        // [4] Sleep until a signal comes
        let mut number = match
            // SAFETY: the set is made, and what is known of the signal may be written.
            unsafe { sigwaitinfo(&raw const signals, told.as_mut_ptr()) }
        {
            Ok(number) => number,
            Err(error) => {
                wait_failed(&mut server, c"sigwaitinfo", error);
                -1
            }
        };

        // [5] Take it, and then all others that have come: some sockets have many, and others wait behind these
        while number > 0 {
            if number == SIGRTMIN() {
                // [6] Note the socket that it tells of. It may be our own signal, for the next turn
                // SAFETY: sigwaitinfo or sigtimedwait has stored it.
                let told = unsafe { told.assume_init_ref() };
                let own = told.si_code == SI_QUEUE;
                let sock = if own {
                    // SAFETY: sigqueue() was called, with a value.
                    unsafe { told.si_ptr() as c_int }
                } else {
                    // SAFETY: the kernel tells the descriptor for which F_SETSIG has asked.
                    unsafe { told.si_fd() }
                };

                if sock == server.listener() {
                    round.clients += 1;
                    round.may_have_missed = round.may_have_missed || own;
                } else {
                    schedule(&mut server, &mut round, sock, own);
                }
            } else if number == SIGIO {
                // [7] The queue was full, and nobody knows which sockets the lost signals told of: note all
                schedule_all(&mut server, &mut round);
            } else if number == SIGURG {
                // [8] A recv() stops before an urgent byte. From now on it is not taken to have emptied a socket
                urgent = true;
                schedule_all(&mut server, &mut round);
            } else {
                // [9] A signal begins the end, which is when the last connection has ended
                handle_signal(&mut server, number);
            }

            // SAFETY: the same as for sigwaitinfo; the time may be read.
            number = unsafe { sigtimedwait(&raw const signals, told.as_mut_ptr(), &raw const at_once) }.unwrap_or(-1);
        }

        // [10] Serve each socket that was noted, once
        run_round(&mut server, &mut round, urgent);
    }

    exit(0);
}

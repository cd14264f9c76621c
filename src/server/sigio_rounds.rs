//! The turns of the signal-driven server: each socket that signals name has one turn in a round, however many signals
//! it has caused.
//!
//! The sockets of a round are in a list, in the order in which they were first named. A socket that is not drained
//! after its turn is put at the end of the signal queue, and so into a later round.

use crate::poll::poll;
use crate::runtime::{Table, Zeroed};
use crate::signal::{kill, sigqueue};
use crate::unistd::getpid;
use core::ptr::null_mut;
use libc::{POLLIN, POLLOUT, SIGIO, SIGRTMIN, c_int, c_short, c_void, pollfd, sigval};

use crate::server::connections::{
    MAX_ACCEPTS, Server, WANT_READ, WANT_WRITE, YIELD, accept_connection, can_accept, grow_array, has_pending, is_open,
    reset_connection, serve,
};
use crate::server::signals::enable_sigio;

/// One entry of the table, which has one for each descriptor: whether the connection has a turn, and who is next.
struct Turn {
    next: c_int,
    scheduled: bool,
    /// Whether there may be more to receive than the signals say.
    may_have_missed: bool,
}

// SAFETY: a number and two times false.
unsafe impl Zeroed for Turn {}

/// The connections that have a turn in this round.
pub struct Round {
    table: Table<Turn>,
    capacity: c_int,
    first: c_int,
    last: c_int,
    /// How many connections are waiting for accept(), and whether there may be more.
    clients: c_int,
    may_have_missed: bool,
}

/// A round in which nobody has a turn yet.
pub fn new_round() -> Round {
    Round {
        // SAFETY: no element.
        table: unsafe { Table::new(null_mut(), 0) },
        capacity: 0,
        first: -1,
        last: 0,
        clients: 0,
        may_have_missed: false,
    }
}

/// poll() and sigqueue(): if the socket is ready, whatever its signals say, it has another turn in a later round. If
/// the queue is full, all sockets have one.
#[cold]
pub fn requeue_if_ready(sock: c_int, events: c_short) {
    let mut entry = pollfd { fd: sock, events, revents: 0 };
    let value = sigval { sival_ptr: sock as isize as *mut c_void };

    // SAFETY: one entry, as it says.
    if unsafe { poll(&raw mut entry, 1, 0) } != Ok(0) && sigqueue(getpid(), SIGRTMIN(), value).is_err() {
        _ = kill(getpid(), SIGIO);
    }
}

/// Accepts as many connections as signals have announced.
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
        requeue_if_ready(server.listener, POLLIN);
    }
}

/// Serves a connection, unless it is closed by now: a signal can be older than that.
fn serve_if_open(server: &mut Server<'_>, sock: c_int, mut may_have_missed: bool) {
    if !is_open(server, sock) {
        return;
    }

    // What arrived while it waited to send has used up its signals.
    if has_pending(server, sock) {
        may_have_missed = true;
    }

    let wanted = serve(server, sock);

    // It may be writable already, if send() failed for another reason than a full send buffer.
    if wanted == WANT_WRITE {
        requeue_if_ready(sock, POLLOUT);
    } else if wanted == YIELD || (wanted == WANT_READ && may_have_missed) {
        requeue_if_ready(sock, POLLIN);
    }
}

/// Notes that a connection is waiting.
pub fn schedule_accept(round: &mut Round, may_have_missed: bool) {
    round.clients += 1;
    round.may_have_missed = round.may_have_missed || may_have_missed;
}

/// Gives a connection a turn in this round. If there is no memory for that, serves it at once.
pub fn schedule(server: &mut Server<'_>, round: &mut Round, sock: c_int, may_have_missed: bool) {
    let capacity = server.capacity;

    if !is_open(server, sock) {
        return;
    }

    if round.capacity < capacity {
        // SAFETY: the table has `round.capacity` elements, and `capacity` is more.
        let table = unsafe { grow_array(round.table.as_mut_ptr().cast(), size_of::<Turn>(), round.capacity, capacity) };
        if table.is_null() {
            serve_if_open(server, sock, true);
            return;
        }

        // SAFETY: there are `capacity` elements, the new ones all zero.
        round.table = unsafe { Table::new(table.cast(), capacity) };
        round.capacity = capacity;
    }

    let turn = &mut round.table[sock];
    // Of two signals, one may be for data and one for the end of file, and a single recv() does not return both.
    turn.may_have_missed = turn.may_have_missed || may_have_missed || turn.scheduled;

    if turn.scheduled {
        return;
    }

    turn.scheduled = true;
    turn.next = -1;

    if round.first < 0 {
        round.first = sock;
    } else {
        round.table[round.last].next = sock;
    }

    round.last = sock;
}

/// Gives all sockets a turn, since nobody knows which of them have lost a signal.
pub fn schedule_all(server: &mut Server<'_>, round: &mut Round) {
    schedule_accept(round, true);

    for sock in 0..server.capacity {
        schedule(server, round, sock, true);
    }
}

/// Serves the connections that have a turn, and accepts those that are waiting.
pub fn run_round(server: &mut Server<'_>, round: &mut Round, urgent: bool) {
    while round.first >= 0 {
        let sock = round.first;
        let turn = &mut round.table[sock];
        let may_have_missed = turn.may_have_missed || urgent;

        turn.scheduled = false;
        turn.may_have_missed = false;
        round.first = turn.next;
        serve_if_open(server, sock, may_have_missed);
    }

    accept_clients(server, round.clients, round.may_have_missed);
    round.clients = 0;
    round.may_have_missed = false;
}

//! What the servers of the I/O models do alike with their connections, once the model says which one is ready.
//!
//! All sockets are non-blocking. A connection that is ready is served at once: what has come is received into
//! one large buffer, which all connections share, and sent back. What cannot be sent, because the client does
//! not read, is kept for this connection alone; until it is sent, nothing more is received from the client. So
//! a slow client slows only itself, and never costs more than the buffer's size.
//!
//! When bytes that were received cannot be sent back, the connection is reset, so that no client takes a
//! cut-off echo for a whole one. For the same reason the end waits for a connection until all that the kernel
//! has taken from the client is sent back, even what was still to be received when the signal came.

use crate::errno::{Errno, errno};
use crate::stdio::{fprintf, stderr};
use crate::stdlib::{free, malloc, realloc};
use crate::string::{memcpy, memset, strerror};
use crate::sys::socket::{accept4, getsockopt, recv, send, setsockopt, shutdown};
use crate::time::{clock_gettime, nanosleep};
use crate::unistd::{close, read};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use libc::{
    CLOCK_MONOTONIC, EAGAIN, ECONNABORTED, ECONNRESET, EHOSTDOWN, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, ENOMEM,
    ENONET, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPERM, EPIPE, EPROTO, ETIMEDOUT, IPPROTO_TCP, MSG_NOSIGNAL, SHUT_WR,
    SIGALRM, SIGUSR2, SO_LINGER, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET, TCP_INFO, c_char, c_int, c_long, c_void,
    linger, signalfd_siginfo, size_t, socklen_t, ssize_t, timespec,
};

use crate::common::explain::{explain_errno, fail};
use crate::server::signals::{coalesce_requests, set_timer};

/// What a connection waits for once it is served: nothing, because it is over.
pub const CLOSED: c_int = 0;
/// Until it can receive.
pub const WANT_READ: c_int = 1;
/// Until it can send.
pub const WANT_WRITE: c_int = 2;
/// For its next turn: more is there already, but others come first.
pub const YIELD: c_int = 3;

/// What a signal asks for: nothing.
pub const CONTINUE: c_int = 0;
/// That the end begins.
pub const DRAIN: c_int = 1;
/// That it is completed at once.
pub const ABORT: c_int = 2;

/// How many connections are taken in one turn, at most: then those that are there have theirs.
pub const MAX_ACCEPTS: c_int = 64;
/// How long the connections have to end once the server shuts down, in milliseconds.
pub const DRAIN_TIMEOUT_MS: c_long = 5000;

/// What was received and could not be sent yet: `length` bytes, of which `sent` are on their way.
#[repr(C)]
pub(crate) struct Pending {
    pub(crate) length: size_t,
    pub(crate) sent: size_t,
    pub(crate) bytes: [c_char; 0],
}

/// One entry of the table, which has one for each descriptor.
pub(crate) struct Connection {
    pub(crate) pending: *mut Pending,
    /// How many bytes were received.
    pub(crate) received: u64,
    open: bool,
    /// Whether the client has been told that the echo is complete.
    pub(crate) shut: bool,
}

/// The state of a server.
pub struct Server<'a> {
    pub(crate) program: &'a CStr,
    /// The listening socket.
    pub(crate) listener: c_int,
    /// Those that a connection gets from accept4().
    pub flags: c_int,
    pub(crate) connections: *mut Connection,
    /// How many entries the table has.
    pub(crate) capacity: c_int,
    /// How many connections there are.
    pub open: c_int,
    /// Whether accept() rests, for want of what the error says, which is 0 if nothing is short.
    pub accept_paused: bool,
    shortage: c_int,
    /// How many rests have passed since it failed.
    quiet_backoffs: c_int,
    /// The last error of a call that waits or asks.
    wait_error: c_int,
    /// Whether the process is a worker.
    pub is_worker: bool,
    /// Whether the end has begun.
    pub(crate) draining: bool,
    buffer: *mut c_void,
    /// For how many microseconds the server polls busily.
    pub busy_poll: c_long,
    last_ready: timespec,
}

// What is received at once, at most. The larger, the fewer calls for a client that sends much.
const BUFFER_SIZE: usize = 262144;
// How long accept() is left alone at least while there is a shortage, in milliseconds.
const ACCEPT_BACKOFF_MS: c_long = 100;
// After so many rests without another one, a shortage is over.
const RECOVERY_BACKOFFS: c_int = 10;
/// Where the kernel's struct tcp_info has tcpi_bytes_received, in units of its size: the C library's ends before it.
pub const BYTES_RECEIVED: usize = 16;

/// malloc(): the state of a server that has a listening socket and no connection.
///
/// # Safety
///
/// `listener` is a listening socket that nobody else closes: the server does so at its end.
pub unsafe fn new_server(program: &CStr, listener: c_int) -> Server<'_> {
    let mut server = Server {
        program,
        listener,
        flags: SOCK_NONBLOCK | SOCK_CLOEXEC,
        connections: null_mut(),
        capacity: 0,
        open: 0,
        accept_paused: false,
        shortage: 0,
        quiet_backoffs: 0,
        wait_error: 0,
        is_worker: false,
        draining: false,
        buffer: null_mut(),
        busy_poll: 0,
        last_ready: timespec { tv_sec: 0, tv_nsec: 0 },
    };

    server.buffer = malloc(BUFFER_SIZE);
    if server.buffer.is_null() {
        fail(program, c"malloc", errno());
    }

    server
}

/// close(): the connection is over. A descriptor is free, so that accept() may go on.
///
/// # Safety
///
/// `sock` is a connection of this server ([`is_open`]).
#[inline(never)] // Rust: so that the way of a message is short
pub unsafe fn close_connection(server: &mut Server<'_>, sock: c_int) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };

    // SAFETY: null, or what malloc gave out for this connection alone.
    unsafe { free(connection.pending.cast()) };
    connection.pending = null_mut();
    connection.open = false;
    server.open -= 1;
    server.accept_paused = false;

    // SAFETY: a connection of this server, which is not used any more.
    if let Err(error) = unsafe { close(sock) } {
        explain_errno(server.program, c"close", error);
    }
}

/// Has close() reset a connection for which `call` failed, and says why, unless the client has done it.
pub fn reset_on_close(program: &CStr, sock: c_int, call: &CStr, error: Errno) {
    let linger = linger { l_onoff: 1, l_linger: 0 };

    if error.0 != ECONNRESET && error.0 != EPIPE && error.0 != ENOTCONN {
        explain_errno(program, call, error);
    }

    // SAFETY: the size is that of the structure.
    unsafe { setsockopt(sock, SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t) }
        .unwrap_or_else(|error| explain_errno(program, c"setsockopt", error));
}

/// Resets a connection for which `call` failed.
///
/// # Safety
///
/// As for [`close_connection`].
#[cold]
pub unsafe fn reset_connection(server: &mut Server<'_>, sock: c_int, call: &CStr, error: Errno) {
    reset_on_close(server.program, sock, call, error);
    // SAFETY: the caller vouches for the connection.
    unsafe { close_connection(server, sock) };
}

/// realloc(): makes the table reach a descriptor.
#[cold]
fn grow_table(server: &mut Server<'_>, sock: c_int) -> bool {
    let before = server.capacity;
    let mut capacity = if before > 0 { before } else { 64 };

    if sock < before {
        return true;
    }

    while capacity <= sock {
        capacity *= 2;
    }

    // SAFETY: null, or what realloc returned the last time.
    let connections =
        unsafe { realloc(server.connections.cast(), capacity as usize * size_of::<Connection>()) }.cast::<Connection>();
    if connections.is_null() {
        return false;
    }

    // SAFETY: there are as many entries behind those that were there. Zero is a null pointer, a number and false.
    unsafe {
        memset(
            connections.wrapping_add(before as usize).cast(),
            0,
            (capacity - before) as usize * size_of::<Connection>(),
        )
    };
    server.connections = connections;
    server.capacity = capacity;
    true
}

/// Whether accept() can be called again at once, although it has failed.
pub fn is_transient_accept_error(error: Errno) -> bool {
    // This connection is over already, or somebody else has it. The next one may be there.
    matches!(
        error.0,
        EAGAIN
            | EINTR
            | ECONNABORTED
            | EPROTO
            | EPERM
            | ETIMEDOUT
            | ENETDOWN
            | ENETUNREACH
            | ENOPROTOOPT
            | EHOSTDOWN
            | EHOSTUNREACH
            | ENONET
            | EOPNOTSUPP
    )
}

/// Decides what becomes of a failed accept().
#[cold]
pub fn accept_failed(server: &mut Server<'_>, error: Errno) {
    if is_transient_accept_error(error) {
        return;
    }

    // There is no descriptor or no memory: the connection waits in the backlog, and to ask at once would spin.
    server.accept_paused = true;
    server.quiet_backoffs = 0;

    if server.shortage != 0 {
        return;
    }

    // It is said once, however often a connection that ends makes room for another one.
    explain_errno(server.program, c"accept4", error);
    server.shortage = error.0;
    set_timer(server.program, ACCEPT_BACKOFF_MS);
}

/// Lets accept() be called again, and says when it has not failed for some time.
fn resume_accepting(server: &mut Server<'_>) {
    server.accept_paused = false;

    if server.shortage == 0 {
        return;
    }

    server.quiet_backoffs += 1;

    if server.quiet_backoffs < RECOVERY_BACKOFFS {
        set_timer(server.program, ACCEPT_BACKOFF_MS);
        return;
    }

    fprintf!(
        stderr(),
        c"%s: accept4: it is over: %s (errno %d)\n",
        server.program,
        strerror(server.shortage),
        server.shortage
    );
    server.shortage = 0;
}

/// nanosleep(): what becomes of a call that failed although it only waits or asks. It is made again, and as long as it
/// fails in the same way, that is said once, and the server does not spin.
#[cold]
pub fn wait_failed(server: &mut Server<'_>, call: &CStr, error: Errno) {
    let rest = timespec { tv_sec: 0, tv_nsec: ACCEPT_BACKOFF_MS * 1_000_000 };

    if error.0 == EINTR {
        return;
    }

    if server.wait_error != error.0 {
        explain_errno(server.program, call, error);
    }

    server.wait_error = error.0;
    // SAFETY: the time may be read, and what is left is not asked for.
    _ = unsafe { nanosleep(&raw const rest, null_mut()) };
}

/// Enters a new connection into the table. Returns false, and closes it, if there is no memory.
///
/// # Safety
///
/// `sock` is a socket that is nobody else's; accept() has just returned it.
pub unsafe fn add_connection(server: &mut Server<'_>, sock: c_int) -> bool {
    if !grow_table(server, sock) {
        explain_errno(server.program, c"realloc", Errno(ENOMEM));
        // SAFETY: the new connection, which nobody uses.
        _ = unsafe { close(sock) };
        return false;
    }

    // SAFETY: the table reaches every connection, and now this one, too.
    let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };
    connection.received = 0;
    connection.open = true;
    connection.shut = false;
    server.open += 1;
    true
}

/// accept4(): takes one connection. Returns −1 if there is none.
#[inline(never)]
pub fn accept_connection(server: &mut Server<'_>) -> c_int {
    let sock = match
        // SAFETY: both pointers are null.
        unsafe { accept4(server.listener, null_mut(), null_mut(), server.flags) }
    {
        Ok(sock) => sock,
        Err(error) => {
            accept_failed(server, error);
            return -1;
        }
    };

    // SAFETY: accept4() has just returned it.
    if unsafe { add_connection(server, sock) } { sock } else { -1 }
}

/// How long the next wait may last, in milliseconds, after one that found so many ready: for ever, or not at
/// all as long as the server polls busily.
pub fn poll_timeout(server: &mut Server<'_>, ready: c_int) -> c_int {
    let mut now = MaybeUninit::<timespec>::uninit();

    if server.busy_poll == 0 {
        return -1;
    }

    // SAFETY: the structure may be written.
    _ = unsafe { clock_gettime(CLOCK_MONOTONIC, now.as_mut_ptr()) };
    // SAFETY: this clock is always there, so that it has been filled in.
    let now = unsafe { now.assume_init() };

    if ready > 0 {
        server.last_ready = now;
    }

    if (now.tv_sec - server.last_ready.tv_sec) * 1_000_000 + (now.tv_nsec - server.last_ready.tv_nsec) / 1000
        < server.busy_poll
    {
        return 0;
    }

    -1
}

/// Whether a descriptor is a connection.
pub fn is_open(server: &Server<'_>, sock: c_int) -> bool {
    sock >= 0
        && sock < server.capacity
        // SAFETY: the table reaches it.
        && unsafe { (*server.connections.wrapping_add(sock as usize)).open }
}

/// Whether a connection has something to send before it receives more.
///
/// # Safety
///
/// As for [`close_connection`].
pub unsafe fn has_pending(server: &Server<'_>, sock: c_int) -> bool {
    // SAFETY: the table reaches every connection.
    unsafe { !(*server.connections.wrapping_add(sock as usize)).pending.is_null() }
}

/// Whether accept() is to be called when a connection waits.
pub fn can_accept(server: &Server<'_>) -> bool {
    !server.accept_paused && !server.draining
}

/// Counts what was received from a client. Says whether it is to be sent back: not after the end of the echo.
///
/// # Safety
///
/// As for [`close_connection`].
#[inline]
pub unsafe fn count_received(server: &mut Server<'_>, sock: c_int, length: size_t) -> bool {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };

    connection.received += length as u64;
    !connection.shut
}

/// getsockopt(): whether so many bytes are all that the kernel has taken from a client, whose end counts as one
/// more. To ask whether more can be received is not enough: a thread may have received it just now.
#[cold]
pub fn is_fully_received(sock: c_int, received: u64) -> Result<bool, Errno> {
    let mut info = [0_u64; BYTES_RECEIVED + 1];
    let mut length = size_of::<[u64; BYTES_RECEIVED + 1]>() as socklen_t;

    // SAFETY: `length` is the size of what may be written.
    unsafe {
        getsockopt(sock, IPPROTO_TCP, TCP_INFO, info.as_mut_ptr().cast(), &raw mut length)?;
    }

    Ok(info[BYTES_RECEIVED] == received)
}

/// shutdown(): if the echo is complete, the client learns it. What it still sends gets no answer. Otherwise there is
/// more to receive, and this is called again after that. Returns false if the connection is over instead.
///
/// # Safety
///
/// As for [`close_connection`].
#[cold]
pub unsafe fn drain_connection(server: &mut Server<'_>, sock: c_int) -> bool {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };
    let all = match is_fully_received(sock, connection.received) {
        Ok(all) => all,
        Err(error) => {
            // SAFETY: the caller vouches for the connection.
            unsafe { reset_connection(server, sock, c"getsockopt", error) };
            return false;
        }
    };

    if !all {
        return true;
    }

    connection.shut = true;

    match shutdown(sock, SHUT_WR) {
        Ok(()) => true,
        Err(error) => {
            // SAFETY: the caller vouches for the connection.
            unsafe { reset_connection(server, sock, c"shutdown", error) };
            false
        }
    }
}

/// Decides what becomes of a connection if send() failed.
///
/// # Safety
///
/// As for [`close_connection`].
unsafe fn send_failed(server: &mut Server<'_>, sock: c_int, error: Errno) -> c_int {
    if error.0 == EAGAIN || error.0 == EINTR {
        return WANT_WRITE;
    }

    // SAFETY: the caller vouches for the connection.
    unsafe { reset_connection(server, sock, c"send", error) };
    CLOSED
}

/// send(): sends on what was kept. Returns what the connection waits for, TO_RECEIVE once all is sent.
///
/// # Safety
///
/// As for [`close_connection`].
#[cold]
unsafe fn send_pending(server: &mut Server<'_>, sock: c_int) -> c_int {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };
    // SAFETY: what keep_rest() has made, and nothing else refers to it.
    let pending = unsafe { &mut *connection.pending };

    // SAFETY: there are `length` bytes behind the structure, of which `sent` are passed over.
    let sent = match unsafe {
        send(
            sock,
            connection.pending.wrapping_add(1).cast::<c_char>().wrapping_add(pending.sent).cast(),
            pending.length - pending.sent,
            MSG_NOSIGNAL,
        )
    } {
        Ok(sent) => sent,
        // SAFETY: the caller vouches for the connection.
        Err(error) => return unsafe { send_failed(server, sock, error) },
    };

    pending.sent += sent as size_t;

    if pending.sent < pending.length {
        return WANT_WRITE;
    }

    // SAFETY: what malloc gave out; it is not used any more.
    unsafe { free(connection.pending.cast()) };
    connection.pending = null_mut();

    // SAFETY: the caller vouches for the connection.
    if server.draining && !unsafe { drain_connection(server, sock) } {
        return CLOSED;
    }

    WANT_READ
}

/// malloc(): keeps what send() has not taken, all of it if it failed.
///
/// # Safety
///
/// As for [`close_connection`].
#[cold]
unsafe fn keep_unsent(server: &mut Server<'_>, sock: c_int, received: ssize_t, sent: Result<ssize_t, Errno>) -> c_int {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };

    let sent = match sent {
        Ok(sent) => sent,
        // SAFETY: the caller vouches for the connection.
        Err(error) if unsafe { send_failed(server, sock, error) } == CLOSED => return CLOSED,
        Err(_) => 0,
    };

    let length = (received - sent) as size_t;
    let pending = malloc(size_of::<Pending>() + length).cast::<Pending>();
    if pending.is_null() {
        // SAFETY: the caller vouches for the connection.
        unsafe { reset_connection(server, sock, c"malloc", errno()) };
        return CLOSED;
    }

    // SAFETY: the memory is large enough, and nothing is in it yet.
    unsafe { pending.write(Pending { length, sent: 0, bytes: [] }) };
    // SAFETY: it has room for so many bytes behind that, and recv stored `received` in the buffer.
    unsafe { memcpy(pending.wrapping_add(1).cast(), server.buffer.wrapping_byte_offset(sent), length) };
    connection.pending = pending;
    WANT_WRITE
}

/// Decides what becomes of a connection if recv() brought nothing.
///
/// # Safety
///
/// As for [`close_connection`].
#[cold]
unsafe fn handle_no_data(server: &mut Server<'_>, sock: c_int, received: Result<ssize_t, Errno>) -> c_int {
    match received {
        // SAFETY: the caller vouches for the connection.
        Ok(_) => unsafe { close_connection(server, sock) },
        Err(Errno(EAGAIN)) => return WANT_READ,
        Err(Errno(EINTR)) => return YIELD,
        // SAFETY: the caller vouches for the connection.
        Err(error) => unsafe { reset_connection(server, sock, c"recv", error) },
    }

    CLOSED
}

/// Sends and receives what can be without waiting, once. Returns what the connection waits for now.
///
/// # Safety
///
/// As for [`close_connection`].
pub unsafe fn serve(server: &mut Server<'_>, sock: c_int) -> c_int {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };

    if !connection.pending.is_null() {
        // SAFETY: the caller vouches for the connection.
        let wanted = unsafe { send_pending(server, sock) };
        if wanted != WANT_READ {
            return wanted;
        }
    }

    // SAFETY: `buffer` has BUFFER_SIZE bytes.
    let received = match unsafe { recv(sock, server.buffer, BUFFER_SIZE, 0) } {
        Ok(received @ 1..) => received,
        // SAFETY: the caller vouches for the connection.
        received => return unsafe { handle_no_data(server, sock, received) },
    };

    // SAFETY: the caller vouches for the connection.
    if !unsafe { count_received(server, sock, received as size_t) } {
        return YIELD;
    }

    // SAFETY: recv stored so many bytes in `buffer`.
    let sent = unsafe { send(sock, server.buffer, received as size_t, MSG_NOSIGNAL) };
    if sent != Ok(received) {
        // SAFETY: the caller vouches for the connection.
        return unsafe { keep_unsent(server, sock, received, sent) };
    }

    // SAFETY: the caller vouches for the connection.
    if server.draining && !unsafe { drain_connection(server, sock) } {
        return CLOSED;
    }

    // A buffer that is not full has emptied the socket. Otherwise others come first.
    if received < BUFFER_SIZE as ssize_t { WANT_READ } else { YIELD }
}

/// close(): nobody is accepted any more, and SIGALRM will come when the end takes too long.
///
/// # Safety
///
/// It is called once: the listening socket's number may be another's then.
pub unsafe fn stop_accepting(server: &mut Server<'_>) {
    server.draining = true;
    // SAFETY: the server's own, which is not used any more.
    _ = unsafe { close(server.listener) };
    set_timer(server.program, DRAIN_TIMEOUT_MS);
}

/// Begins the end: each connection ends once all that was taken from it is sent back.
fn start_draining(server: &mut Server<'_>) {
    // SAFETY: the end begins once.
    unsafe { stop_accepting(server) };

    for sock in 0..server.capacity {
        // SAFETY: the table has so many entries, and nothing else refers to this one.
        let connection = unsafe { &mut *server.connections.wrapping_add(sock as usize) };

        if connection.open && connection.pending.is_null() {
            // SAFETY: it is open.
            unsafe { drain_connection(server, sock) };
        }
    }
}

/// Ends a connection at once. If its echo is not complete, for want of `call`, it is reset.
///
/// # Safety
///
/// As for [`close_connection`].
pub unsafe fn abort_connection(server: &mut Server<'_>, sock: c_int, call: &CStr) {
    // SAFETY: the table reaches every connection.
    if unsafe { (*server.connections.wrapping_add(sock as usize)).shut } {
        // SAFETY: the caller vouches for the connection.
        unsafe { close_connection(server, sock) };
    } else {
        // SAFETY: the same.
        unsafe { reset_connection(server, sock, call, Errno(ETIMEDOUT)) };
    }
}

/// Ends all connections at once.
fn abort_all(server: &mut Server<'_>) {
    for sock in 0..server.capacity {
        if is_open(server, sock) {
            // SAFETY: it is open.
            let sending = unsafe { has_pending(server, sock) };
            // SAFETY: the same.
            unsafe { abort_connection(server, sock, if sending { c"send" } else { c"recv" }) };
        }
    }
}

/// What a signal asks for. SIGTERM, SIGINT and SIGHUP begin the end; the second request, or the time, completes it. A
/// worker takes any number of them for one, and SIGUSR2 for the second. Before the end, SIGALRM ends a rest.
pub fn shutdown_request(server: &mut Server<'_>, number: c_int) -> c_int {
    if number == 0 {
        return CONTINUE;
    }

    if number == SIGALRM && !server.draining {
        resume_accepting(server);
        return CONTINUE;
    }

    if number == SIGALRM || number == SIGUSR2 {
        return ABORT;
    }

    // A timer that has ended a rest must not be taken for the one that will end all.
    if !server.draining {
        set_timer(server.program, 0);
        coalesce_requests();
        return DRAIN;
    }

    if server.is_worker { CONTINUE } else { ABORT }
}

/// Does what a signal asks for.
pub fn handle_signal(server: &mut Server<'_>, number: c_int) {
    let wanted = shutdown_request(server, number);

    if wanted != CONTINUE && !server.draining {
        start_draining(server);
    }

    if wanted == ABORT {
        abort_all(server);
    }
}

/// read(): takes a signal from the descriptor that signalfd() made. Returns 0 if there is none.
pub fn read_signalfd(server: &mut Server<'_>, signals: c_int) -> c_int {
    let mut signal = MaybeUninit::<signalfd_siginfo>::uninit();
    // SAFETY: the size is that of the structure.
    let length = unsafe { read(signals, signal.as_mut_ptr().cast(), size_of::<signalfd_siginfo>()) };

    if length == Ok(size_of::<signalfd_siginfo>() as ssize_t) {
        // SAFETY: read() has stored one; of integers, whatever they are.
        return unsafe { signal.assume_init_ref() }.ssi_signo as c_int;
    }

    if let Err(error) = length {
        if error.0 != EAGAIN {
            wait_failed(server, c"read", error);
        }
    }

    0
}

/// Takes a signal, if there is one, and obeys it.
#[cold]
pub fn handle_signalfd(server: &mut Server<'_>, signals: c_int) {
    let number = read_signalfd(server, signals);
    handle_signal(server, number);
}

impl Server<'_> {
    /// Rust: whether the end has begun, which it does only once.
    pub fn draining(&self) -> bool {
        self.draining
    }

    /// Rust: the listening socket, which nobody else may change.
    pub fn listener(&self) -> c_int {
        self.listener
    }

    /// Rust: how many entries the table has; connections have numbers below that.
    pub fn capacity(&self) -> c_int {
        self.capacity
    }
}

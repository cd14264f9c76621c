//! What the servers of the I/O models have in common once the model says which socket is ready: how they accept,
//! echo and shut down.
//!
//! All sockets are non-blocking. A connection that is ready is served at once: bytes are received into one large
//! buffer, which all connections share, and sent back. What send() does not take, because the client does not read, is
//! copied and kept pending for this connection alone; until it is sent, nothing more is received from the client. With
//! this back-pressure a slow client slows only itself, and never costs more than the buffer's size.
//!
//! When bytes that were received cannot be sent back, the connection is reset, so that no client takes a truncated
//! echo for a complete one. For the same reason a shutdown waits for each connection until all bytes that the kernel
//! has received from the client are sent back, even those that were still unread when the signal came.

use crate::errno::{Errno, errno};
use crate::runtime::Table;
use crate::stdio::{fprintf, stderr};
use crate::stdlib::{free, malloc, realloc};
use crate::string::{Zeroed, memcpy, memset, strerror, zeroed};
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

/// What serve() leaves a connection in: it is closed.
pub const CLOSED: c_int = 0;
/// It is to be served again once it is readable.
pub const WANT_READ: c_int = 1;
/// It is to be served again once it is writable: bytes are pending.
pub const WANT_WRITE: c_int = 2;
/// It may be readable still, but other connections are served first.
pub const YIELD: c_int = 3;

/// What a signal requests: nothing.
pub const CONTINUE: c_int = 0;
/// To stop accepting, and to close each connection once its echo is complete.
pub const DRAIN: c_int = 1;
/// To close all connections at once.
pub const ABORT: c_int = 2;

/// The most connections to accept in one turn, so that those that are open have theirs.
pub const MAX_ACCEPTS: c_int = 64;
/// How long the connections have to drain once the server shuts down, in milliseconds.
pub const DRAIN_TIMEOUT_MS: c_long = 5000;

/// Bytes that were received and not yet sent back: `length` of them, of which send() has taken `sent`.
#[repr(C)]
pub(crate) struct Pending {
    pub(crate) length: size_t,
    pub(crate) sent: size_t,
    pub(crate) bytes: [c_char; 0],
}

/// One entry of the table of connections, which is indexed by descriptor.
pub(crate) struct Connection {
    // Rust: null, or the memory that malloc gave out for this connection alone, filled in by keep_unsent.
    pub(crate) pending: *mut Pending,
    /// How many bytes were received.
    pub(crate) received: u64,
    open: bool,
    /// Whether the sending side is shut down: the echo is complete.
    pub(crate) shut: bool,
}

// SAFETY: a null pointer, a number and two times false.
unsafe impl Zeroed for Connection {}

/// The state of a server.
pub struct Server<'a> {
    pub(crate) program: &'a CStr,
    /// The listening socket.
    pub(crate) listener: c_int,
    /// The flags that accept4() sets on a connection.
    pub flags: c_int,
    pub(crate) connections: Table<Connection>,
    /// How many entries the table has.
    pub(crate) capacity: c_int,
    /// How many connections are open.
    pub open: c_int,
    /// Whether accept() is paused because of a shortage, and the error that reported it, or 0.
    pub accept_paused: bool,
    shortage: c_int,
    /// How many pauses have passed since accept() last failed.
    quiet_backoffs: c_int,
    /// The last error of a call that waits.
    wait_error: c_int,
    /// Whether the process is a worker.
    pub is_worker: bool,
    /// Whether the server is shutting down.
    pub(crate) draining: bool,
    // Rust: BUFFER_SIZE bytes.
    buffer: *mut c_void,
    /// How long to busy-poll before a wait sleeps, in microseconds.
    pub busy_poll: c_long,
    last_ready: timespec,
}

// The most bytes that one recv() takes. The larger, the fewer calls for a client that sends much.
const BUFFER_SIZE: usize = 262144;
// How long accept() is paused at least when there is a shortage, in milliseconds.
const ACCEPT_BACKOFF_MS: c_long = 100;
// After so many pauses without another failure, a shortage is over.
const RECOVERY_BACKOFFS: c_int = 10;
/// The index of tcpi_bytes_received in the kernel's struct tcp_info, as an array of uint64_t: glibc's ends before it.
pub const BYTES_RECEIVED: usize = 16;

/// malloc(): the state of a server that has a listening socket and no connection.
///
/// # Safety
///
/// `listener` is a listening socket that nobody else closes: the server does when it shuts down.
pub unsafe fn new_server(program: &CStr, listener: c_int) -> Server<'_> {
    let mut server = Server {
        program,
        listener,
        flags: SOCK_NONBLOCK | SOCK_CLOEXEC,
        // SAFETY: no entry.
        connections: unsafe { Table::new(null_mut(), 0) },
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

/// close(): closes a connection. That frees a descriptor, so accept() may be called again.
#[inline(never)] // Rust: so that the way of a message is short
pub fn close_connection(server: &mut Server<'_>, sock: c_int) {
    let connection = &mut server.connections[sock];

    // Rust: a descriptor that is not the server's stays open.
    if !connection.open {
        return;
    }

    // SAFETY: what malloc gave out, or null; nothing else refers to it.
    unsafe { free(connection.pending.cast()) };
    connection.pending = null_mut();
    connection.open = false;
    server.open -= 1;
    server.accept_paused = false;

    // SAFETY: it was open, and the server's own.
    unsafe { close(sock) }.unwrap_or_else(|error| explain_errno(server.program, c"close", error));
}

/// setsockopt(): makes close() reset a connection, because `call` failed. Says why, unless the client has reset it.
pub fn reset_on_close(program: &CStr, sock: c_int, call: &CStr, error: Errno) {
    let linger = linger { l_onoff: 1, l_linger: 0 };

    if error.0 != ECONNRESET && error.0 != EPIPE && error.0 != ENOTCONN {
        explain_errno(program, call, error);
    }

    // SAFETY: the size is that of the structure.
    unsafe { setsockopt(sock, SOL_SOCKET, SO_LINGER, (&raw const linger).cast(), size_of::<linger>() as socklen_t) }
        .unwrap_or_else(|error| explain_errno(program, c"setsockopt", error));
}

/// Resets and closes a connection, because `call` failed.
#[cold]
pub fn reset_connection(server: &mut Server<'_>, sock: c_int, call: &CStr, error: Errno) {
    reset_on_close(server.program, sock, call, error);
    close_connection(server, sock);
}

/// realloc(): grows an array of `before` elements, each of `size` bytes, to `capacity`, and sets the new ones to zero.
/// Returns NULL, and leaves the array as it is, if there is no memory.
///
/// # Safety
///
/// `array` is null, or what this function returned for `before` elements; it is not used afterwards, unless the result
/// is null. `capacity` is not less than `before`.
#[cold]
pub(crate) unsafe fn grow_array(array: *mut c_void, size: size_t, before: c_int, capacity: c_int) -> *mut c_void {
    // SAFETY: null, or what realloc gave out the last time.
    let grown = unsafe { realloc(array, capacity as usize * size) };
    if !grown.is_null() {
        // SAFETY: these are the elements that realloc has added.
        unsafe { memset(grown.wrapping_add(before as usize * size), 0, (capacity - before) as usize * size) };
    }

    grown
}

/// Grows the table until it has an entry for a descriptor.
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

    // SAFETY: the table has `before` entries, and `capacity` is more.
    let connections =
        unsafe { grow_array(server.connections.as_mut_ptr().cast(), size_of::<Connection>(), before, capacity) };
    if connections.is_null() {
        return false;
    }

    // SAFETY: there are `capacity` entries, the new ones all zero.
    server.connections = unsafe { Table::new(connections.cast(), capacity) };
    server.capacity = capacity;
    true
}

/// Whether accept() can be called again at once after this error.
pub fn is_transient_accept_error(error: Errno) -> bool {
    // The connection is gone, or another process has accepted it. The next one may be in the queue.
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

/// Handles an error of accept(): pauses it, unless the error is transient.
#[cold]
pub fn accept_failed(server: &mut Server<'_>, error: Errno) {
    if is_transient_accept_error(error) {
        return;
    }

    // Out of descriptors or memory: the connection stays in the queue, so that a call at once would fail again.
    server.accept_paused = true;
    server.quiet_backoffs = 0;

    if server.shortage != 0 {
        return;
    }

    // Reported once per shortage, even if accept() succeeds now and then because a connection was closed.
    explain_errno(server.program, c"accept4", error);
    server.shortage = error.0;
    set_timer(server.program, ACCEPT_BACKOFF_MS);
}

/// Resumes accept(), and reports the end of a shortage once accept() has not failed for some time.
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
        c"%s: accept4: resumed after: %s (errno %d)\n",
        server.program,
        strerror(server.shortage),
        server.shortage
    );
    server.shortage = 0;
}

/// nanosleep(): handles an error of a call that only waits, and that the server will make again. Backs off, so that
/// the server does not spin, and reports an error that repeats only once.
#[cold]
pub fn wait_failed(server: &mut Server<'_>, call: &CStr, error: Errno) {
    let delay = timespec { tv_sec: 0, tv_nsec: ACCEPT_BACKOFF_MS * 1_000_000 };

    if error.0 == EINTR {
        return;
    }

    if server.wait_error != error.0 {
        explain_errno(server.program, call, error);
    }

    server.wait_error = error.0;
    // SAFETY: `delay` may be read; the remainder is not needed.
    _ = unsafe { nanosleep(&raw const delay, null_mut()) };
}

/// Adds a connection to the table. If there is no memory, closes it and returns false.
///
/// # Safety
///
/// `sock` is a socket that nobody else has: accept() has just returned it.
pub unsafe fn add_connection(server: &mut Server<'_>, sock: c_int) -> bool {
    if !grow_table(server, sock) {
        explain_errno(server.program, c"realloc", Errno(ENOMEM));
        // SAFETY: nobody else has it.
        _ = unsafe { close(sock) };
        return false;
    }

    let connection = &mut server.connections[sock];
    connection.received = 0;
    connection.open = true;
    connection.shut = false;
    server.open += 1;
    true
}

/// accept4(): accepts a connection, if one is in the queue, and returns it, or −1.
#[inline(never)]
pub fn accept_connection(server: &mut Server<'_>) -> c_int {
    // SAFETY: null pointers: the address is not needed.
    let sock = match unsafe { accept4(server.listener, null_mut(), null_mut(), server.flags) } {
        Ok(sock) => sock,
        Err(error) => {
            accept_failed(server, error);
            return -1;
        }
    };

    // SAFETY: accept4() has just returned it.
    if unsafe { add_connection(server, sock) } { sock } else { -1 }
}

/// clock_gettime(): the timeout of the next wait, in milliseconds, after one that found so many descriptors ready: 0
/// while the server busy-polls, else −1, which is none.
pub fn poll_timeout(server: &mut Server<'_>, ready: c_int) -> c_int {
    let mut now = MaybeUninit::<timespec>::uninit();

    if server.busy_poll == 0 {
        return -1;
    }

    // SAFETY: `now` may be written.
    _ = unsafe { clock_gettime(CLOCK_MONOTONIC, now.as_mut_ptr()) };
    // SAFETY: Linux always has this clock, so that it has been filled in.
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

/// Whether a descriptor is that of an open connection.
pub fn is_open(server: &Server<'_>, sock: c_int) -> bool {
    sock >= 0 && sock < server.capacity && server.connections[sock].open
}

/// Whether bytes are pending, which are sent before more is received.
#[inline]
pub fn has_pending(server: &Server<'_>, sock: c_int) -> bool {
    !server.connections[sock].pending.is_null()
}

/// Whether the server accepts connections: it is neither paused nor shutting down.
pub fn can_accept(server: &Server<'_>) -> bool {
    !server.accept_paused && !server.draining
}

/// Counts bytes that were received. Returns whether to send them back: not once the echo is complete.
#[inline]
pub fn count_received(server: &mut Server<'_>, sock: c_int, length: size_t) -> bool {
    let connection = &mut server.connections[sock];

    connection.received = connection.received.wrapping_add(length as u64);
    !connection.shut
}

/// getsockopt(): whether `received` bytes are all that the kernel has received from a client, whose end of file counts
/// as one more. Whether recv() finds more would not tell: a thread may have received it just now.
#[cold]
pub fn is_fully_received(sock: c_int, received: u64) -> Result<bool, Errno> {
    let mut info: [u64; BYTES_RECEIVED + 1] = zeroed();
    let mut length = size_of::<[u64; BYTES_RECEIVED + 1]>() as socklen_t;

    // SAFETY: `length` is the size of `info`.
    unsafe { getsockopt(sock, IPPROTO_TCP, TCP_INFO, info.as_mut_ptr().cast(), &raw mut length) }?;

    Ok(info[BYTES_RECEIVED] == received)
}

/// shutdown(): sends the client an end of file if its echo is complete. What it still sends is received and not echoed.
/// Otherwise there is more to receive, after which this is called again. Returns false if the connection was reset.
#[cold]
pub fn drain_connection(server: &mut Server<'_>, sock: c_int) -> bool {
    let connection = &mut server.connections[sock];
    let complete = match is_fully_received(sock, connection.received) {
        Ok(complete) => complete,
        Err(error) => {
            reset_connection(server, sock, c"getsockopt", error);
            return false;
        }
    };

    if !complete {
        return true;
    }

    connection.shut = true;

    let Err(error) = shutdown(sock, SHUT_WR) else {
        return true;
    };

    reset_connection(server, sock, c"shutdown", error);
    false
}

/// Handles an error of send(). Returns the state of the connection.
fn send_failed(server: &mut Server<'_>, sock: c_int, error: Errno) -> c_int {
    if error.0 == EAGAIN || error.0 == EINTR {
        return WANT_WRITE;
    }

    reset_connection(server, sock, c"send", error);
    CLOSED
}

/// send(): sends pending bytes. Returns the state of the connection, WANT_READ once all are sent.
#[cold]
fn send_pending(server: &mut Server<'_>, sock: c_int) -> c_int {
    let connection = &mut server.connections[sock];
    // SAFETY: bytes are pending, and only the entry refers to them.
    let pending = unsafe { &mut *connection.pending };
    let unsent = connection.pending.wrapping_add(1).wrapping_byte_add(pending.sent);

    // SAFETY: `length` bytes follow the structure, and `sent` is not more.
    let sent = match unsafe { send(sock, unsent.cast(), pending.length - pending.sent, MSG_NOSIGNAL) } {
        Ok(sent) => sent,
        Err(error) => return send_failed(server, sock, error),
    };

    pending.sent += sent as size_t;

    if pending.sent < pending.length {
        return WANT_WRITE;
    }

    // SAFETY: what malloc gave out; nothing else refers to it.
    unsafe { free(connection.pending.cast()) };
    connection.pending = null_mut();

    if server.draining && !drain_connection(server, sock) {
        return CLOSED;
    }

    WANT_READ
}

/// malloc(): keeps what send() has not taken: all of it if it failed, the rest after a short write.
#[cold]
fn keep_unsent(server: &mut Server<'_>, sock: c_int, received: ssize_t, sent: Result<ssize_t, Errno>) -> c_int {
    let sent = match sent {
        Ok(sent) => sent,
        Err(error) if send_failed(server, sock, error) == CLOSED => return CLOSED,
        Err(_) => 0,
    };

    let length = (received - sent) as size_t;
    let pending = malloc(size_of::<Pending>() + length).cast::<Pending>();
    if pending.is_null() {
        reset_connection(server, sock, c"malloc", errno());
        return CLOSED;
    }

    // SAFETY: malloc gave out memory for this and `length` bytes behind it.
    unsafe { pending.write(Pending { length, sent: 0, bytes: [] }) };
    // SAFETY: recv has stored `received` bytes in the buffer.
    unsafe { memcpy(pending.wrapping_add(1).cast(), server.buffer.wrapping_byte_offset(sent), length) };
    server.connections[sock].pending = pending;
    WANT_WRITE
}

/// Handles a recv() that returned no data: an end of file or an error.
#[cold]
fn handle_no_data(server: &mut Server<'_>, sock: c_int, received: Result<ssize_t, Errno>) -> c_int {
    match received {
        Ok(_) => close_connection(server, sock),
        Err(Errno(EAGAIN)) => return WANT_READ,
        Err(Errno(EINTR)) => return YIELD,
        Err(error) => reset_connection(server, sock, c"recv", error),
    }

    CLOSED
}

/// Sends and receives once, as far as possible without blocking. Returns the state of the connection.
pub fn serve(server: &mut Server<'_>, sock: c_int) -> c_int {
    if has_pending(server, sock) {
        let state = send_pending(server, sock);
        if state != WANT_READ {
            return state;
        }
    }

    // SAFETY: `buffer` has BUFFER_SIZE bytes.
    let received = match unsafe { recv(sock, server.buffer, BUFFER_SIZE, 0) } {
        Ok(received @ 1..) => received,
        received => return handle_no_data(server, sock, received),
    };

    if !count_received(server, sock, received as size_t) {
        return YIELD;
    }

    // SAFETY: recv has stored `received` bytes in `buffer`.
    let sent = unsafe { send(sock, server.buffer, received as size_t, MSG_NOSIGNAL) };
    if sent != Ok(received) {
        return keep_unsent(server, sock, received, sent);
    }

    if server.draining && !drain_connection(server, sock) {
        return CLOSED;
    }

    // If the buffer is not full, the socket is empty. Otherwise the other connections come first.
    if received < BUFFER_SIZE as ssize_t { WANT_READ } else { YIELD }
}

/// close(): accepts no more connections. SIGALRM will come if those that are open do not drain in time.
pub fn stop_accepting(server: &mut Server<'_>) {
    // Rust: once: afterwards the number may be that of another descriptor.
    if server.draining {
        return;
    }

    server.draining = true;
    // SAFETY: the server's own, and still open.
    _ = unsafe { close(server.listener) };
    set_timer(server.program, DRAIN_TIMEOUT_MS);
}

/// Starts to shut down: each connection is closed once its echo is complete.
fn start_draining(server: &mut Server<'_>) {
    stop_accepting(server);

    for sock in 0..server.capacity {
        if is_open(server, sock) && !has_pending(server, sock) {
            drain_connection(server, sock);
        }
    }
}

/// Closes a connection at once. If its echo is not complete, it is reset, and `call` is reported to have timed out.
pub fn abort_connection(server: &mut Server<'_>, sock: c_int, call: &CStr) {
    if server.connections[sock].shut {
        close_connection(server, sock);
    } else {
        reset_connection(server, sock, call, Errno(ETIMEDOUT));
    }
}

/// Closes all connections at once.
fn abort_all(server: &mut Server<'_>) {
    for sock in 0..server.capacity {
        if is_open(server, sock) {
            let call = if has_pending(server, sock) { c"send" } else { c"recv" };
            abort_connection(server, sock, call);
        }
    }
}

/// What a signal requests. SIGTERM, SIGINT and SIGHUP start a shutdown; a second one, or the timer, completes it. For a
/// worker any number of them is one request, and SIGUSR2 is the second. Before a shutdown, SIGALRM ends a pause.
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

    // The SIGALRM of a pause must not be mistaken for that of the drain timeout.
    if !server.draining {
        set_timer(server.program, 0);
        coalesce_requests();
        return DRAIN;
    }

    if server.is_worker { CONTINUE } else { ABORT }
}

/// Does what a signal requests.
pub fn handle_signal(server: &mut Server<'_>, number: c_int) {
    let request = shutdown_request(server, number);

    if request != CONTINUE && !server.draining {
        start_draining(server);
    }

    if request == ABORT {
        abort_all(server);
    }
}

/// read(): reads a signal from the descriptor that signalfd() made. Returns 0 if none is pending.
pub fn read_signalfd(server: &mut Server<'_>, signals: c_int) -> c_int {
    let mut signal = MaybeUninit::<signalfd_siginfo>::uninit();
    // SAFETY: the size is that of the structure.
    let length = unsafe { read(signals, signal.as_mut_ptr().cast(), size_of::<signalfd_siginfo>()) };

    if length == Ok(size_of::<signalfd_siginfo>() as ssize_t) {
        // SAFETY: read() has filled it in, and any bytes are a value.
        return unsafe { signal.assume_init_ref() }.ssi_signo as c_int;
    }

    if let Err(error) = length {
        if error.0 != EAGAIN {
            wait_failed(server, c"read", error);
        }
    }

    0
}

/// Reads a signal, if one is pending, and does what it requests.
#[cold]
pub fn handle_signalfd(server: &mut Server<'_>, signals: c_int) {
    let number = read_signalfd(server, signals);
    handle_signal(server, number);
}

impl Server<'_> {
    /// Rust: whether the server is shutting down, which it does only once.
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

//! The requests of the io_uring server for each connection, and what it does when one completes.
//!
//! A request to receive is submitted once, and completes for each piece that arrives. A piece is in a buffer of the
//! kernel's choice, and is sent back from there, as far as it fits into the send buffer at once. The pieces of a
//! connection are sent one after another, so their order is kept.
//!
//! If the send buffer is full, because the client does not read, the buffers must not wait with it: other clients need
//! them. What they hold is then copied to memory of this connection, the request to receive is cancelled, and only then
//! the rest is sent, which may take its time. After that, the connection receives again. So a slow client slows only
//! itself, and costs at most as much memory as all buffers hold.
//!
//! If no buffer is free, receiving ends for the connections that need one. They wait in a list until there are some
//! again, and then each of them gets one, so that none is left out.
//!
//! A socket is closed only when none of its requests is in progress: until then the kernel keeps the connection open.

use crate::errno::{Errno, errno};
use crate::linux::io_uring::{
    IORING_CQE_BUFFER_SHIFT, IORING_CQE_F_MORE, IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,
};
use crate::runtime::Table;
use crate::stdlib::{free, realloc};
use crate::string::{Zeroed, memcpy, zeroed};
use crate::sys::socket::shutdown;
use crate::unistd::close;
use core::ffi::CStr;
use core::ptr::null_mut;
use libc::{EAGAIN, ECANCELED, EINTR, ENOBUFS, ETIMEDOUT, MSG_DONTWAIT, MSG_WAITALL, SHUT_WR, c_char, c_int, size_t};

use crate::common::explain::explain_errno;
use crate::server::connections::{
    ABORT, CONTINUE, Connection, Pending, Server, accept_failed, add_connection, close_connection, count_received,
    grow_array, is_fully_received, is_open, reset_on_close, shutdown_request, stop_accepting,
};
use crate::server::uring::{
    BUFFER_COUNT, Uring, buffer_address, new_uring, prep_cancel, prep_recv_multishot, prep_send, provide_buffer,
};

/// The requests of a connection, and its state.
struct Stream {
    /// The next connection that waits for buffers.
    next: c_int,
    /// The list of buffers to be sent: the first one and the last one.
    first: u8,
    last: u8,
    receiving: bool,
    cancelled: bool,
    waiting: bool,
    /// Whether it has waited, and is to receive one piece only.
    once: bool,
    sending: bool,
    ended: bool,
    failed: bool,
}

// SAFETY: numbers and false.
unsafe impl Zeroed for Stream {}

/// What a buffer holds, and the next one in the list.
#[derive(Clone, Copy)]
struct Piece {
    length: u32,
    next: u8,
}

/// The state of the server.
pub struct Streams<'a> {
    /// What it has in common with other servers.
    pub server: Server<'a>,
    /// The rings.
    pub uring: Uring<'a>,
    table: Table<Stream>,
    capacity: c_int,
    first_waiting: c_int,
    last_waiting: c_int,
    pieces: [Piece; BUFFER_COUNT],
}

// The end of a list of buffers.
const NO_BUFFER: u8 = 255;

/// The state of a server that has no connection yet.
///
/// # Safety
///
/// Only the functions of this module open and close its connections: requests refer to their memory. Neither `server`
/// nor `uring` is replaced.
pub unsafe fn new_streams(server: Server<'_>) -> Streams<'_> {
    let uring = new_uring(server.program);

    Streams {
        server,
        uring,
        // SAFETY: no element.
        table: unsafe { Table::new(null_mut(), 0) },
        capacity: 0,
        first_waiting: -1,
        last_waiting: 0,
        pieces: [Piece { length: 0, next: NO_BUFFER }; BUFFER_COUNT],
    }
}

/// Removes the first piece of a connection, and provides its buffer again.
#[inline]
fn release_first(streams: &mut Streams<'_>, sock: c_int) {
    let stream = &mut streams.table[sock];
    let buffer = stream.first;

    stream.first = streams.pieces[buffer as usize].next;
    // SAFETY: the kernel has taken it from the ring, and no list has it any more.
    unsafe { provide_buffer(&mut streams.uring, buffer.into()) };
}

/// Makes close() reset a connection, because `call` failed. It is closed when no request is in progress.
#[cold]
fn fail_stream(streams: &mut Streams<'_>, sock: c_int, call: &CStr, error: Errno) {
    let stream = &mut streams.table[sock];

    if stream.failed {
        return;
    }

    stream.failed = true;
    reset_on_close(streams.server.program, sock, call, error);
}

/// shutdown(): sends the client an end of file if its echo is complete. Otherwise there is more to receive first.
#[cold]
fn drain_stream(streams: &mut Streams<'_>, sock: c_int) {
    let connection = &mut streams.server.connections[sock];
    let complete = match is_fully_received(sock, connection.received) {
        Ok(complete) => complete,
        Err(error) => return fail_stream(streams, sock, c"getsockopt", error),
    };

    if !complete {
        return;
    }

    connection.shut = true;
    shutdown(sock, SHUT_WR).unwrap_or_else(|error| fail_stream(streams, sock, c"shutdown", error));
}

/// Submits the next request of a connection, unless one is in progress that must complete first.
fn advance(streams: &mut Streams<'_>, sock: c_int) {
    if streams.table[sock].sending {
        return;
    }

    while streams.table[sock].failed && streams.table[sock].first != NO_BUFFER {
        release_first(streams, sock);
    }

    let stream = &mut streams.table[sock];
    let buffer = stream.first;
    if buffer != NO_BUFFER {
        let bytes = buffer_address(&streams.uring, buffer.into());
        let length = streams.pieces[buffer as usize].length as size_t;
        stream.sending = true;
        // SAFETY: the buffer holds so many bytes, and is provided again when they have been sent.
        unsafe { prep_send(&mut streams.uring, sock, bytes, length, MSG_DONTWAIT) };
        return;
    }

    if stream.waiting {
        return;
    }

    let connection = &streams.server.connections[sock];
    // SAFETY: null, or what keep_unsent() has made.
    let pending = unsafe { connection.pending.as_ref() };

    if streams.server.draining && pending.is_none() && !connection.shut && !stream.ended && !stream.failed {
        drain_stream(streams, sock);
    }

    let stream = &mut streams.table[sock];

    if stream.receiving {
        if !stream.cancelled && (stream.failed || stream.ended || pending.is_some()) {
            stream.cancelled = true;
            prep_cancel(&mut streams.uring, IORING_OP_RECV, sock);
        }
    } else if stream.failed || (stream.ended && pending.is_none()) {
        close_connection(&mut streams.server, sock);
    } else if let Some(pending) = pending {
        let bytes = streams.server.connections[sock].pending.wrapping_add(1).wrapping_byte_add(pending.sent);
        let length = pending.length - pending.sent;
        stream.sending = true;
        // SAFETY: so many bytes are pending, and are freed when they have been sent.
        unsafe { prep_send(&mut streams.uring, sock, bytes.cast(), length, MSG_WAITALL) };
    } else {
        stream.receiving = true;
        prep_recv_multishot(&mut streams.uring, sock, stream.once);
        stream.once = false;
    }
}

/// Starts to receive from a new connection.
///
/// # Safety
///
/// As for [`add_connection`].
unsafe fn start_stream(streams: &mut Streams<'_>, sock: c_int) {
    // SAFETY: the caller vouches for the socket.
    if !unsafe { add_connection(&mut streams.server, sock) } {
        return;
    }

    let capacity = streams.server.capacity;
    if streams.capacity < capacity {
        // SAFETY: the table has `streams.capacity` elements, and `capacity` is more.
        let table =
            unsafe { grow_array(streams.table.as_mut_ptr().cast(), size_of::<Stream>(), streams.capacity, capacity) };
        if table.is_null() {
            explain_errno(streams.server.program, c"realloc", errno());
            close_connection(&mut streams.server, sock);
            return;
        }

        // SAFETY: there are `capacity` elements, the new ones all zero.
        streams.table = unsafe { Table::new(table.cast(), capacity) };
        streams.capacity = capacity;
    }

    let stream = &mut streams.table[sock];
    *stream = zeroed();
    stream.first = NO_BUFFER;
    advance(streams, sock);
}

/// A client has connected, or the request to accept has ended.
///
/// # Safety
///
/// `result` is that of a completion of [`prep_accept_multishot`](crate::server::uring::prep_accept_multishot).
pub unsafe fn on_accept(streams: &mut Streams<'_>, result: c_int) {
    if result >= 0 && !streams.server.draining {
        // SAFETY: the kernel has just accepted it.
        unsafe { start_stream(streams, result) };
    } else if result >= 0 {
        // SAFETY: the kernel has just accepted it, and nobody uses it.
        _ = unsafe { close(result) };
    } else if !streams.server.draining {
        accept_failed(&mut streams.server, Errno(-result));
    }
}

/// realloc(): copies bytes that could not be sent behind those that are pending already.
///
/// # Safety
///
/// There are `length` bytes at `bytes`.
#[cold]
unsafe fn keep_unsent(streams: &mut Streams<'_>, sock: c_int, bytes: *const c_char, length: size_t) -> bool {
    let connection = &mut streams.server.connections[sock];
    // SAFETY: null, or what this function has made.
    let kept = unsafe { connection.pending.as_ref() }.map_or(0, |pending| pending.length);

    // SAFETY: null, or what realloc() gave out the last time.
    let pending = unsafe { realloc(connection.pending.cast(), size_of::<Pending>() + kept + length) }.cast::<Pending>();
    if pending.is_null() {
        fail_stream(streams, sock, c"realloc", errno());
        return false;
    }

    // SAFETY: there is room for so many bytes behind the structure and what is pending already.
    unsafe { memcpy(pending.wrapping_add(1).wrapping_byte_add(kept).cast(), bytes.cast(), length) };
    // SAFETY: there is room for the structure.
    unsafe { pending.write(Pending { length: kept + length, sent: 0, bytes: [] }) };
    connection.pending = pending;
    true
}

/// Handles a piece that was received: usually it is to be sent next.
///
/// # Safety
///
/// The kernel has received `length` bytes into `buffer`, which it has taken from the ring.
#[inline]
unsafe fn add_piece(streams: &mut Streams<'_>, sock: c_int, buffer: u8, length: u32) {
    let stream = &mut streams.table[sock];
    let pending = streams.server.connections[sock].pending;

    streams.uring.free_buffers -= 1;

    if !count_received(&mut streams.server, sock, length as size_t) || stream.failed {
        // SAFETY: the caller vouches for the buffer, which nothing uses.
        unsafe { provide_buffer(&mut streams.uring, buffer.into()) };
    } else if !pending.is_null() {
        let bytes = buffer_address(&streams.uring, buffer.into());
        // SAFETY: the caller vouches for the bytes.
        unsafe { keep_unsent(streams, sock, bytes, length as size_t) };
        // SAFETY: the caller vouches for the buffer, whose bytes were copied.
        unsafe { provide_buffer(&mut streams.uring, buffer.into()) };
    } else {
        streams.pieces[buffer as usize] = Piece { length, next: NO_BUFFER };

        if stream.first == NO_BUFFER {
            stream.first = buffer;
        } else {
            streams.pieces[stream.last as usize].next = buffer;
        }

        stream.last = buffer;
    }
}

/// Puts a connection at the end of the list of those that wait for buffers.
#[cold]
fn wait_for_buffers(streams: &mut Streams<'_>, sock: c_int) {
    let stream = &mut streams.table[sock];

    stream.waiting = true;
    stream.once = true;
    stream.next = -1;

    if streams.first_waiting < 0 {
        streams.first_waiting = sock;
    } else {
        streams.table[streams.last_waiting].next = sock;
    }

    streams.last_waiting = sock;
}

/// A piece was received, or the request to receive has ended.
///
/// # Safety
///
/// All arguments are those of a completion of a request of `advance`.
pub unsafe fn on_recv(streams: &mut Streams<'_>, sock: c_int, result: c_int, flags: u32) {
    let stream = &mut streams.table[sock];

    if flags & IORING_CQE_F_MORE == 0 {
        stream.receiving = false;
        stream.cancelled = false;
    }

    if result > 0 {
        // SAFETY: the completion says so.
        unsafe { add_piece(streams, sock, (flags >> IORING_CQE_BUFFER_SHIFT) as u8, result as u32) };
    } else if result == 0 {
        stream.ended = true;
    } else if result == -ENOBUFS {
        wait_for_buffers(streams, sock);
    } else if result != -ECANCELED && result != -EINTR && result != -EAGAIN {
        fail_stream(streams, sock, c"recv", Errno(-result));
    }

    advance(streams, sock);
}

/// Pending bytes were sent, usually all of them.
#[cold]
fn on_pending_sent(connection: &mut Connection, length: u32) {
    // SAFETY: what keep_unsent() has made; nothing else refers to it.
    let pending = unsafe { &mut *connection.pending };

    pending.sent += length as size_t;

    if pending.sent < pending.length {
        return;
    }

    // SAFETY: what realloc() gave out; nothing refers to it any more.
    unsafe { free(connection.pending.cast()) };
    connection.pending = null_mut();
}

/// The send buffer had no room for all of the first piece: keeps the rest of it, and the other pieces.
#[cold]
fn keep_pieces(streams: &mut Streams<'_>, sock: c_int, mut done: u32) {
    while streams.table[sock].first != NO_BUFFER {
        let buffer = streams.table[sock].first;
        let bytes = buffer_address(&streams.uring, buffer.into()).wrapping_add(done as usize);
        let length = (streams.pieces[buffer as usize].length - done) as size_t;

        // SAFETY: the buffer holds so many bytes behind those that were sent.
        if !unsafe { keep_unsent(streams, sock, bytes, length) } {
            return;
        }

        release_first(streams, sock);
        done = 0;
    }
}

/// Bytes were sent, or send() failed.
///
/// # Safety
///
/// As for [`on_recv`].
pub unsafe fn on_send(streams: &mut Streams<'_>, sock: c_int, result: c_int) {
    let stream = &mut streams.table[sock];
    let connection = &mut streams.server.connections[sock];
    let done = result.max(0) as u32;

    stream.sending = false;

    if result < 0 && result != -EAGAIN && result != -EINTR {
        fail_stream(streams, sock, c"send", Errno(-result));
    } else if !connection.pending.is_null() {
        on_pending_sent(connection, done);
    } else if done == streams.pieces[stream.first as usize].length {
        release_first(streams, sock);
    } else {
        keep_pieces(streams, sock, done);
    }

    advance(streams, sock);
}

/// Receives again from connections that have waited for buffers, from as many as there are free buffers.
pub fn resume_waiting(streams: &mut Streams<'_>) {
    let mut left = streams.uring.free_buffers;

    while left > 0 && streams.first_waiting >= 0 {
        let sock = streams.first_waiting;
        let stream = &mut streams.table[sock];

        streams.first_waiting = stream.next;
        stream.waiting = false;
        advance(streams, sock);
        left -= 1;
    }
}

/// Ends a connection at once, and resets it if its echo is not complete.
fn abort_stream(streams: &mut Streams<'_>, sock: c_int) {
    let stream = &mut streams.table[sock];
    let connection = &streams.server.connections[sock];
    let sending = stream.sending || !connection.pending.is_null();

    if stream.sending {
        prep_cancel(&mut streams.uring, IORING_OP_SEND, sock);
    }

    if connection.shut {
        stream.ended = true;
    } else {
        fail_stream(streams, sock, if sending { c"send" } else { c"recv" }, Errno(ETIMEDOUT));
    }
}

/// Starts the shutdown: each connection is closed once its echo is complete.
fn start_draining(streams: &mut Streams<'_>) {
    prep_cancel(&mut streams.uring, IORING_OP_ACCEPT, streams.server.listener);
    stop_accepting(&mut streams.server);

    for sock in 0..streams.capacity {
        if is_open(&streams.server, sock) {
            advance(streams, sock);
        }
    }
}

/// Ends all connections at once.
fn abort_all(streams: &mut Streams<'_>) {
    for sock in 0..streams.capacity {
        if is_open(&streams.server, sock) {
            abort_stream(streams, sock);
            advance(streams, sock);
        }
    }
}

/// Does what a signal requests.
pub fn uring_on_signal(streams: &mut Streams<'_>, number: c_int) {
    let wanted = shutdown_request(&mut streams.server, number);

    if wanted != CONTINUE && !streams.server.draining {
        start_draining(streams);
    }

    if wanted == ABORT {
        abort_all(streams);
    }
}

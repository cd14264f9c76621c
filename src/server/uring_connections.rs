//! What the io_uring server asks the kernel to do for a connection, and what it does when that is done.
//!
//! Receiving is asked for once and goes on. Each piece comes in a buffer of the kernel's choice, and is sent
//! back from there: as much as there is room for, at once. One piece of a connection is sent after another, so
//! that their order is kept.
//!
//! If there is no room, because the client does not read, the buffers must not wait with it: other clients
//! need them. Then what they hold is kept for this connection alone, receiving is taken back, and only then
//! the rest is sent, which now may take its time. After that all is as before. So a slow client slows only
//! itself, and costs at most as much as all buffers hold.
//!
//! If more comes at once than there are buffers, receiving ends for those that got none. They wait in a line
//! until there are some again, and then each gets one of them, so that none is left out.
//!
//! A socket is closed only when nothing is asked for it any more: as long as something is, the kernel keeps
//! the connection.

use crate::errno::{Errno, errno};
use crate::linux::io_uring::{
    IORING_CQE_BUFFER_SHIFT, IORING_CQE_F_MORE, IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,
};
use crate::stdlib::{free, realloc};
use crate::string::{memcpy, memset};
use crate::sys::socket::shutdown;
use crate::unistd::close;
use core::ffi::CStr;
use core::ptr::null_mut;
use libc::{EAGAIN, ECANCELED, EINTR, ENOBUFS, ETIMEDOUT, MSG_DONTWAIT, MSG_WAITALL, SHUT_WR, c_char, c_int, size_t};

use crate::common::explain::explain_errno;
use crate::server::connections::{
    ABORT, CONTINUE, Connection, Pending, Server, accept_failed, add_connection, close_connection, count_received,
    is_fully_received, is_open, reset_on_close, shutdown_request, stop_accepting,
};
use crate::server::uring::{
    BUFFER_COUNT, Uring, buffer_address, new_uring, prep_cancel, prep_recv_multishot, prep_send, provide_buffer,
};

/// What the kernel is asked to do for a connection, and what is known of it.
#[derive(Clone, Copy)]
struct Stream {
    /// The next one in the line of those that wait for buffers.
    next: c_int,
    /// Buffers with what was received, from the one that is sent first to the last.
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

/// What a buffer holds, and which one comes after it.
#[derive(Clone, Copy)]
struct Piece {
    length: u32,
    next: u8,
}

/// The state of the server.
pub struct Streams<'a> {
    /// What it has in common with other servers.
    pub server: Server<'a>,
    /// The queues.
    pub uring: Uring<'a>,
    table: *mut Stream,
    capacity: c_int,
    first_waiting: c_int,
    last_waiting: c_int,
    pieces: [Piece; BUFFER_COUNT],
}

// The number of no buffer.
const NO_BUFFER: u8 = 255;

/// new_uring(): the state of a server that has nothing to do yet.
///
/// # Safety
///
/// The server has no connection yet, and only the functions of this module begin and end its connections: what is asked
/// for one refers to its memory. Neither `server` nor `uring` is replaced.
pub unsafe fn new_streams(server: Server<'_>) -> Streams<'_> {
    let uring = new_uring(server.program);

    Streams {
        server,
        uring,
        table: null_mut(),
        capacity: 0,
        first_waiting: -1,
        last_waiting: 0,
        pieces: [Piece { length: 0, next: NO_BUFFER }; BUFFER_COUNT],
    }
}

/// Takes the first piece from a connection, and offers its buffer.
#[inline]
fn release_first(streams: &mut Streams<'_>, stream: &mut Stream) {
    let buffer = stream.first;

    stream.first = streams.pieces[buffer as usize].next;
    // SAFETY: a buffer that the kernel has given out; nothing uses it any more.
    unsafe { provide_buffer(&mut streams.uring, buffer.into()) };
}

/// Notes that a connection cannot go on, and why. It is reset once nothing is asked for it any more.
#[cold]
fn fail_stream(streams: &mut Streams<'_>, sock: c_int, call: &CStr, error: Errno) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };

    if stream.failed {
        return;
    }

    stream.failed = true;
    reset_on_close(streams.server.program, sock, call, error);
}

/// shutdown(): if the echo is complete, the client learns it. Otherwise there is more to receive first.
#[cold]
fn drain_stream(streams: &mut Streams<'_>, sock: c_int) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *streams.server.connections.as_mut_ptr().wrapping_add(sock as usize) };
    let all = match is_fully_received(sock, connection.received) {
        Ok(all) => all,
        Err(error) => return fail_stream(streams, sock, c"getsockopt", error),
    };

    if !all {
        return;
    }

    connection.shut = true;

    if let Err(error) = shutdown(sock, SHUT_WR) {
        fail_stream(streams, sock, c"shutdown", error);
    }
}

/// Asks for what comes next for a connection: nothing, as long as something is asked that must be done first.
fn advance(streams: &mut Streams<'_>, sock: c_int) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };
    // SAFETY: the same.
    let connection = unsafe { &mut *streams.server.connections.as_mut_ptr().wrapping_add(sock as usize) };
    let pending = connection.pending;

    if stream.sending {
        return;
    }

    while stream.failed && stream.first != NO_BUFFER {
        release_first(streams, stream);
    }

    let buffer = stream.first;
    if buffer != NO_BUFFER {
        let bytes = buffer_address(&streams.uring, buffer.into());
        let length = streams.pieces[buffer as usize].length as size_t;
        stream.sending = true;
        // SAFETY: the kernel has received so many bytes into the buffer, which is offered again once they are sent.
        unsafe { prep_send(&mut streams.uring, sock, bytes, length, MSG_DONTWAIT) };
        return;
    }

    if stream.waiting {
        return;
    }

    if streams.server.draining && pending.is_null() && !connection.shut && !stream.ended && !stream.failed {
        drain_stream(streams, sock);
    }

    // SAFETY: the same as above.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };

    if stream.receiving {
        if !stream.cancelled && (stream.failed || stream.ended || !pending.is_null()) {
            stream.cancelled = true;
            prep_cancel(&mut streams.uring, IORING_OP_RECV, sock);
        }
    } else if stream.failed || (stream.ended && pending.is_null()) {
        close_connection(&mut streams.server, sock);
    } else if !pending.is_null() {
        // SAFETY: what keep() has made.
        let bytes = pending.wrapping_add(1).wrapping_byte_add(unsafe { (*pending).sent });
        // SAFETY: the same.
        let length = unsafe { (*pending).length }
            // SAFETY: the same.
            - unsafe { (*pending).sent };
        stream.sending = true;
        // SAFETY: so many bytes are there, and they are freed once they are sent.
        unsafe { prep_send(&mut streams.uring, sock, bytes.cast(), length, MSG_WAITALL) };
    } else {
        stream.receiving = true;
        prep_recv_multishot(&mut streams.uring, sock, stream.once);
        stream.once = false;
    }
}

/// Begins with a new connection: the first thing is to receive from it.
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
        // SAFETY: null, or what realloc returned the last time.
        let table = unsafe { realloc(streams.table.cast(), capacity as usize * size_of::<Stream>()) };
        if table.is_null() {
            explain_errno(streams.server.program, c"realloc", errno());
            close_connection(&mut streams.server, sock);
            return;
        }

        streams.table = table.cast();
        streams.capacity = capacity;
    }

    let stream = streams.table.wrapping_add(sock as usize);
    // SAFETY: an entry of the table. Zero is a value of everything in it.
    unsafe { memset(stream.cast(), 0, size_of::<Stream>()) };
    // SAFETY: the same.
    unsafe { (*stream).first = NO_BUFFER };
    advance(streams, sock);
}

/// A client is there, or accepting has ended.
///
/// # Safety
///
/// `result` is that of a completion of [`prep_accept_multishot`](crate::server::uring::ask_accept).
pub unsafe fn on_accept(streams: &mut Streams<'_>, result: c_int) {
    if result >= 0 && !streams.server.draining {
        // SAFETY: the kernel has just accepted it.
        unsafe { start_stream(streams, result) };
    } else if result >= 0 {
        // SAFETY: the new connection, which nobody uses.
        _ = unsafe { close(result) };
    } else if !streams.server.draining {
        accept_failed(&mut streams.server, Errno(-result));
    }
}

/// realloc(): keeps bytes that could not be sent, after those that are kept already.
///
/// # Safety
///
/// There are `length` bytes at `bytes`.
#[cold]
unsafe fn keep_unsent(streams: &mut Streams<'_>, sock: c_int, bytes: *const c_char, length: size_t) -> bool {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let connection = unsafe { &mut *streams.server.connections.as_mut_ptr().wrapping_add(sock as usize) };
    // SAFETY: null, or what this function has made.
    let kept = unsafe { connection.pending.as_ref() }.map_or(0, |pending| pending.length);

    let pending =
        // SAFETY: the same.
        unsafe { realloc(connection.pending.cast(), size_of::<Pending>() + kept + length) }
            .cast::<Pending>();
    if pending.is_null() {
        fail_stream(streams, sock, c"realloc", errno());
        return false;
    }

    // SAFETY: there is room for so many bytes behind the structure and what is kept already.
    unsafe { memcpy(pending.wrapping_add(1).wrapping_byte_add(kept).cast(), bytes.cast(), length) };
    // SAFETY: there is room for the structure.
    unsafe { pending.write(Pending { length: kept + length, sent: 0, bytes: [] }) };
    connection.pending = pending;
    true
}

/// Decides what becomes of a piece: mostly it is the next to be sent.
#[inline]
fn add_piece(streams: &mut Streams<'_>, sock: c_int, buffer: u8, length: u32) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };
    // SAFETY: the same.
    let pending = unsafe { (*streams.server.connections.as_mut_ptr().wrapping_add(sock as usize)).pending };

    streams.uring.free_buffers -= 1;

    if !count_received(&mut streams.server, sock, length as size_t) || stream.failed {
        // SAFETY: the kernel has given it out, and nothing uses it.
        unsafe { provide_buffer(&mut streams.uring, buffer.into()) };
    } else if !pending.is_null() {
        let bytes = buffer_address(&streams.uring, buffer.into());
        // SAFETY: the kernel has received so many bytes into the buffer.
        unsafe { keep_unsent(streams, sock, bytes, length as size_t) };
        // SAFETY: the kernel has given it out, and its bytes are kept elsewhere.
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

/// Puts a connection into the line of those that wait for buffers.
#[cold]
fn wait_for_buffers(streams: &mut Streams<'_>, sock: c_int) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };

    stream.waiting = true;
    stream.once = true;
    stream.next = -1;

    if streams.first_waiting < 0 {
        streams.first_waiting = sock;
    } else {
        // SAFETY: a connection, too, and another one: this one was not in the line.
        unsafe { (*streams.table.wrapping_add(streams.last_waiting as usize)).next = sock };
    }

    streams.last_waiting = sock;
}

/// A piece has been received, or receiving has ended.
///
/// # Safety
///
/// All is that of a completion of what [`start_stream`](accepted) and what follows it have asked for.
pub unsafe fn received(streams: &mut Streams<'_>, sock: c_int, result: c_int, flags: u32) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };

    if flags & IORING_CQE_F_MORE == 0 {
        stream.receiving = false;
        stream.cancelled = false;
    }

    if result > 0 {
        add_piece(streams, sock, (flags >> IORING_CQE_BUFFER_SHIFT) as u8, result as u32);
    } else if result == 0 {
        stream.ended = true;
    } else if result == -ENOBUFS {
        wait_for_buffers(streams, sock);
    } else if result != -ECANCELED && result != -EINTR && result != -EAGAIN {
        fail_stream(streams, sock, c"recv", Errno(-result));
    }

    advance(streams, sock);
}

/// A part of what was kept has been sent, mostly all of it.
#[cold]
fn on_pending_sent(connection: &mut Connection, length: u32) {
    // SAFETY: what keep() has made, and nothing else refers to it.
    let pending = unsafe { &mut *connection.pending };

    pending.sent += length as size_t;

    if pending.sent < pending.length {
        return;
    }

    // SAFETY: what realloc gave out; it is not used any more.
    unsafe { free(connection.pending.cast()) };
    connection.pending = null_mut();
}

/// There was no room for all of the first piece: keeps the rest of it, and what comes after it.
#[cold]
fn keep_pieces(streams: &mut Streams<'_>, sock: c_int, mut done: u32) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };

    while stream.first != NO_BUFFER {
        let buffer = stream.first;
        let bytes = buffer_address(&streams.uring, buffer.into()).wrapping_add(done as usize);
        let length = (streams.pieces[buffer as usize].length - done) as size_t;

        // SAFETY: the kernel has received so many bytes into the buffer.
        if !unsafe { keep_unsent(streams, sock, bytes, length) } {
            return;
        }

        release_first(streams, stream);
        done = 0;
    }
}

/// Something has been sent, or could not be.
///
/// # Safety
///
/// As for [`received`].
pub unsafe fn sent(streams: &mut Streams<'_>, sock: c_int, result: c_int) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };
    // SAFETY: the same.
    let connection = unsafe { &mut *streams.server.connections.as_mut_ptr().wrapping_add(sock as usize) };
    let done = result.max(0) as u32;

    stream.sending = false;

    if result < 0 && result != -EAGAIN && result != -EINTR {
        fail_stream(streams, sock, c"send", Errno(-result));
    } else if !connection.pending.is_null() {
        on_pending_sent(connection, done);
    } else if done == streams.pieces[stream.first as usize].length {
        release_first(streams, stream);
    } else {
        keep_pieces(streams, sock, done);
    }

    advance(streams, sock);
}

/// Receives again from those that have waited for buffers, as many as there are buffers now.
pub fn resume_waiting(streams: &mut Streams<'_>) {
    let mut left = streams.uring.free_buffers;

    while left > 0 && streams.first_waiting >= 0 {
        let sock = streams.first_waiting;
        // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
        let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };

        streams.first_waiting = stream.next;
        stream.waiting = false;
        advance(streams, sock);
        left -= 1;
    }
}

/// Ends a connection at once. If its echo is not complete, it is reset.
fn abort_stream(streams: &mut Streams<'_>, sock: c_int) {
    // SAFETY: the table reaches every connection, and nothing else refers to the entry now.
    let stream = unsafe { &mut *streams.table.wrapping_add(sock as usize) };
    // SAFETY: the same.
    let connection = unsafe { &mut *streams.server.connections.as_mut_ptr().wrapping_add(sock as usize) };
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

/// Begins the end: each connection ends once all that was taken from it is sent back.
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

/// Does what a signal asks for.
pub fn on_signal(streams: &mut Streams<'_>, number: c_int) {
    let wanted = shutdown_request(&mut streams.server, number);

    if wanted != CONTINUE && !streams.server.draining {
        start_draining(streams);
    }

    if wanted == ABORT {
        abort_all(streams);
    }
}

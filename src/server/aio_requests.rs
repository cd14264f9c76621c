//! The requests of the POSIX AIO server: one for each connection, to read, or to write what was read.
//!
//! glibc hands each request to a thread, which makes the call and blocks in it. If the system creates no more threads,
//! aio_read() reports no error: the request waits, unnoticed, until another connection ends. So the server counts the
//! threads after each accept(), and pauses accept() while there are fewer than connections.
//!
//! A thread uses its request and the buffer until the request completes. Only then are they freed; those of requests
//! still in progress at shutdown are left to exit().

use crate::aio::{aio_cancel, aio_error, aio_read, aio_return, aio_write};
use crate::errno::{Errno, errno};
use crate::stdlib::{free, malloc};
use crate::string::memset;
use crate::sys::stat::stat;
use core::cell::{Cell, UnsafeCell};
use core::ffi::CStr;
use core::mem::{MaybeUninit, offset_of};
use core::ptr::null_mut;
use libc::{AIO_CANCELED, EAGAIN, EINPROGRESS, SIGEV_SIGNAL, SIGIO, aiocb, c_char, c_int, c_long, size_t};

use crate::server::connections::{
    ABORT, CONTINUE, Server, abort_connection, close_connection, count_received, drain_connection, reset_connection,
    shutdown_request, stop_accepting,
};
use crate::server::signals::set_timer;

/// How many bytes are read at once, at most.
const BUFFER_SIZE: usize = 65536;

/// A connection's request, and what was read and is to be written: `length` bytes, of which `sent` are written.
// Rust: a thread of the C library uses what is in an UnsafeCell while a request is in progress. The request of each
// exchange in the list was submitted.
#[repr(C)]
struct Exchange {
    next: Link,
    sock: c_int,
    request: UnsafeCell<aiocb>,
    length: Cell<size_t>,
    sent: Cell<size_t>,
    bytes: UnsafeCell<MaybeUninit<[c_char; BUFFER_SIZE]>>,
}

/// The state of the server.
pub struct Exchanges<'a> {
    /// What it has in common with other servers.
    pub server: Server<'a>,
    /// A list with one exchange for each connection.
    first: Link,
    /// How long accept() is paused until the threads are counted again, in milliseconds.
    thread_wait: c_long,
}

// The longest wait for a missing thread, in milliseconds. The first is 1, and each is twice the one before.
const MAX_THREAD_WAIT_MS: c_long = 64;

// Rust: a place in the list: null at its end, or the exchange that comes next.
struct Link(Cell<*mut Exchange>);

impl Link {
    fn at(&self) -> Option<&Exchange> {
        // SAFETY: null, or an exchange, which is freed only when it has been removed from the list.
        unsafe { self.0.get().as_ref() }
    }
}

/// The state of a server that has no connection yet.
///
/// # Safety
///
/// Only the functions of this module close its connections, which threads use. `server` is not replaced.
pub unsafe fn new_exchanges(server: Server<'_>) -> Exchanges<'_> {
    Exchanges { server, first: Link(Cell::new(null_mut())), thread_wait: 0 }
}

/// aio_read(), or aio_write() if there is something to write: submits the next request.
fn submit(exchange: &Exchange) -> Result<(), Errno> {
    // SAFETY: no request is in progress, so nothing else refers to it.
    let request = unsafe { &mut *exchange.request.get() };

    request.aio_buf = exchange.bytes.get().cast::<c_char>().wrapping_add(exchange.sent.get()).cast();

    if exchange.length.get() == 0 {
        request.aio_nbytes = BUFFER_SIZE;
        // SAFETY: there is room for so many bytes, until the request has completed.
        return unsafe { aio_read(request) };
    }

    request.aio_nbytes = exchange.length.get() - exchange.sent.get();
    // SAFETY: so many bytes were read and are not written yet. They stay until the request has completed.
    unsafe { aio_write(request) }
}

/// Which of the two the request is.
fn call_name(exchange: &Exchange) -> &'static CStr {
    if exchange.length.get() == 0 { c"aio_read" } else { c"aio_write" }
}

/// Resets a connection whose request failed.
fn reset_exchange(server: &mut Server<'_>, exchange: &Exchange, error: Errno) {
    reset_connection(server, exchange.sock, call_name(exchange), error);
}

/// free(): removes the exchange of a closed connection from the list.
fn free_exchange(place: &Link) {
    let exchange = place.0.get();

    // SAFETY: it is in the list.
    place.0.set(unsafe { (*exchange).next.0.get() });
    // SAFETY: what malloc() returned; its request has completed, and the list had the only reference.
    unsafe { free(exchange.cast()) };
}

/// malloc(): starts to read from a new connection.
///
/// # Safety
///
/// accept_connection() has just returned `sock`.
#[inline(never)]
pub unsafe fn start_exchange(exchanges: &mut Exchanges<'_>, sock: c_int) {
    let exchange = malloc(size_of::<Exchange>()).cast::<Exchange>();
    if exchange.is_null() {
        reset_connection(&mut exchanges.server, sock, c"malloc", errno());
        return;
    }

    // SAFETY: the memory is larger.
    unsafe { memset(exchange.cast(), 0, offset_of!(Exchange, bytes)) };
    // SAFETY: zero is a value of all in front of the bytes, which need none; nothing else refers to it.
    let exchange = unsafe { &mut *exchange };
    exchange.sock = sock;
    let request = exchange.request.get_mut();
    request.aio_fildes = sock;
    request.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    request.aio_sigevent.sigev_signo = SIGIO;
    exchange.next.0.set(exchanges.first.0.get());
    exchanges.first.0.set(&raw mut *exchange);

    if let Err(error) = submit(exchange) {
        reset_exchange(&mut exchanges.server, exchange, error);
        free_exchange(&exchanges.first);
    }
}

/// stat(): whether a connection has no thread. The link count is 2, and 1 for each thread, of which main() has one.
pub fn lacks_threads(exchanges: &Exchanges<'_>) -> bool {
    let mut threads = MaybeUninit::<libc::stat>::uninit();

    // SAFETY: a C string, and a structure that may be written.
    if unsafe { stat(c"/proc/self/task".as_ptr(), threads.as_mut_ptr()) }.is_err() {
        return false;
    }

    // SAFETY: stat() has filled it in.
    let threads = unsafe { threads.assume_init() };
    (threads.st_nlink as c_int - 3) < exchanges.server.open
}

/// setitimer(): pauses accept() while a thread is missing.
pub fn wait_for_thread(exchanges: &mut Exchanges<'_>) {
    exchanges.server.accept_paused = true;
    exchanges.thread_wait = 1;
    set_timer(exchanges.server.program, exchanges.thread_wait);
}

/// aio_cancel(): resets a connection whose request is waiting for a thread, if there is one.
fn cancel_one(exchanges: &mut Exchanges<'_>) -> bool {
    let mut place = &exchanges.first;

    while let Some(exchange) = place.at() {
        // SAFETY: it is in the list.
        if unsafe { aio_cancel(exchange.sock, exchange.request.get()) } == Ok(AIO_CANCELED) {
            reset_exchange(&mut exchanges.server, exchange, Errno(EAGAIN));
            free_exchange(place);
            return true;
        }

        place = &exchange.next;
    }

    false
}

/// setitimer(): extends the pause if a thread is still missing. After the longest one, a connection is given up.
pub fn wait_longer_for_thread(exchanges: &mut Exchanges<'_>) {
    if exchanges.thread_wait < MAX_THREAD_WAIT_MS {
        exchanges.thread_wait *= 2;
        exchanges.server.accept_paused = true;
    } else {
        exchanges.server.accept_paused = cancel_one(exchanges);
    }

    if lacks_threads(exchanges) {
        set_timer(exchanges.server.program, exchanges.thread_wait);
    }
}

/// aio_error() and aio_return(): if the request has completed, submits the next one. Returns false if it is over.
fn reap_completion(server: &mut Server<'_>, exchange: &Exchange) -> bool {
    let request = exchange.request.get();
    // SAFETY: it is in the list.
    let error = unsafe { aio_error(request) };

    if error == EINPROGRESS {
        return true;
    }

    // SAFETY: the request has completed.
    let done = unsafe { aio_return(request) };
    if done < 0 {
        reset_exchange(server, exchange, Errno(error));
        return false;
    }

    if exchange.length.get() == 0 {
        if done == 0 {
            close_connection(server, exchange.sock);
            return false;
        }

        if count_received(server, exchange.sock, done as size_t) {
            exchange.length.set(done as size_t);
        }
    } else {
        exchange.sent.set(exchange.sent.get() + done as size_t);
    }

    if exchange.length.get() > 0 && exchange.sent == exchange.length {
        exchange.length.set(0);
        exchange.sent.set(0);

        if server.draining && !drain_connection(server, exchange.sock) {
            return false;
        }
    }

    let Err(error) = submit(exchange) else { return true };

    reset_exchange(server, exchange, error);
    false
}

/// Checks all requests, since the signal does not say which have completed.
pub fn reap_completions(exchanges: &mut Exchanges<'_>) {
    let mut place = &exchanges.first;

    while let Some(exchange) = place.at() {
        if reap_completion(&mut exchanges.server, exchange) {
            place = &exchange.next;
        } else {
            free_exchange(place);
        }
    }
}

/// Starts the shutdown: what the kernel has received is echoed, and then each connection waits only for the client.
fn start_draining(exchanges: &mut Exchanges<'_>) {
    reap_completions(exchanges);
    stop_accepting(&mut exchanges.server);

    let mut place = &exchanges.first;

    while let Some(exchange) = place.at() {
        // A thread may still use what is removed from the list here, so it is not freed.
        if exchange.length.get() == 0 && !drain_connection(&mut exchanges.server, exchange.sock) {
            place.0.set(exchange.next.0.get());
        } else {
            place = &exchange.next;
        }
    }
}

/// Ends all connections at once, and resets those whose echo is not complete. Nothing is freed, as above.
fn abort_all(exchanges: &mut Exchanges<'_>) {
    while let Some(exchange) = exchanges.first.at() {
        abort_connection(&mut exchanges.server, exchange.sock, call_name(exchange));
        exchanges.first.0.set(exchange.next.0.get());
    }
}

/// Does what a signal requests.
pub fn aio_on_signal(exchanges: &mut Exchanges<'_>, number: c_int) {
    let wanted = shutdown_request(&mut exchanges.server, number);

    if wanted != CONTINUE && !exchanges.server.draining {
        start_draining(exchanges);
    }

    if wanted == ABORT {
        abort_all(exchanges);
    }
}

//! Echo server, asynchronous with POSIX AIO: a request to read or write is handed over, and a signal tells that it
//! is done.
//!
//! The last of the five I/O models of which the tutorial's chapter begins to tell (lines 671 to the end). The
//! others learn that a socket is ready, and then receive; here the bytes are in the buffer when the server hears
//! of them. Each connection has one request under way at any time: it is read, and what was read is written.
//!
//! The kernel has no part in it: the C library hands each request to a thread, which makes the call (pread, which
//! fails for a socket, and then read) and waits in it. So each client costs a thread, idle or not, and a message
//! costs the more the more clients there are, because the library looks for each request among all. Where the
//! system makes no more threads, a request would wait without a word until another client is gone; so that is
//! looked for, and the server then takes no more clients until one has gone.
//!
//! The signal is SIGIO, which waits once, however many requests are done: so it is never lost, as a signal that is
//! queued for each would be when the queue is full, and all requests are looked at. SIGUSR1 tells of connections.
//!
//! Call: `echo_server_aio PORT`; with port 0 the kernel chooses a free one.
//! Run against it: `echo_client 127.0.0.1 WORD PORT`, any number of them at once. SIGTERM or Ctrl-C ends it.
#![no_std]
#![no_main]

use core::cell::{Cell, UnsafeCell};
use core::ffi::CStr;
use core::mem::{MaybeUninit, offset_of};
use core::ptr::null_mut;
use libc::{
    AIO_CANCELED, EAGAIN, EINPROGRESS, POLLIN, SIGEV_SIGNAL, SIGIO, SIGUSR1, SOCK_CLOEXEC, SOCK_NONBLOCK, aiocb,
    c_char, c_int, c_long, pollfd, size_t,
};
use sockmirror::aio::{aio_cancel, aio_error, aio_init, aio_read, aio_return, aio_write, aioinit};
use sockmirror::errno::{Errno, errno};
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::signal::{kill, sigaddset, sigwaitinfo};
use sockmirror::stdlib::{exit, free, malloc};
use sockmirror::string::memset;
use sockmirror::sys::stat::stat;
use sockmirror::unistd::getpid;

use sockmirror::common::explain::fail;
use sockmirror::server::connections::{
    ABORT, CONTINUE, Server, abort_connection, accept_connection, can_accept, close_connection, count_received,
    drain_connection, new_server, reset_connection, shutdown_request, stop_accepting, wait_failed,
};
use sockmirror::server::signals::{block_set, block_signals, enable_sigio, set_timer};
use sockmirror::server::start::{announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"echo_server_aio";
const USAGE: &CStr = c"./echo_server_aio PORT";
const BUFFER_SIZE: usize = 65536;
// The last wait for a thread that is lacking, in milliseconds. The first is 1, and each is twice the one before.
const MAX_WAIT_MS: c_long = 64;

/// A connection's request, and what was read and is to be written: `length` bytes, of which `sent` are.
// Rust: a thread of the C library uses what is in an UnsafeCell, so no reference to it is ever made.
#[repr(C)]
struct Exchange {
    next: Cell<*mut Exchange>,
    sock: c_int,
    request: UnsafeCell<aiocb>,
    length: Cell<size_t>,
    sent: Cell<size_t>,
    bytes: UnsafeCell<MaybeUninit<[c_char; BUFFER_SIZE]>>,
}

sockmirror::entry!(main);

/// aio_read(), or aio_write() if there is something to write: hands the next request over.
fn submit(exchange: &Exchange) -> Result<(), Errno> {
    let request = exchange.request.get();

    // SAFETY: no request is under way.
    unsafe {
        (*request).aio_buf = exchange.bytes.get().cast::<c_char>().wrapping_add(exchange.sent.get()).cast();
    }

    if exchange.length.get() == 0 {
        // SAFETY: the same.
        unsafe { (*request).aio_nbytes = BUFFER_SIZE };
        // SAFETY: the request is filled in, and has so many bytes; all of it stays until the request is done.
        return unsafe { aio_read(request) };
    }

    // SAFETY: the same.
    unsafe { (*request).aio_nbytes = exchange.length.get() - exchange.sent.get() };
    // SAFETY: the same; so many bytes were read and are not written yet.
    unsafe { aio_write(request) }
}

/// Which of the two it is.
fn call_name(exchange: &Exchange) -> &'static CStr {
    if exchange.length.get() == 0 { c"aio_read" } else { c"aio_write" }
}

/// free(): forgets a connection that is over.
fn free_exchange(place: &Cell<*mut Exchange>) {
    let exchange = place.get();

    // SAFETY: it is in the list.
    place.set(unsafe { (*exchange).next.get() });
    // SAFETY: what malloc gave out; its request is done, and it is in no list any more.
    unsafe { free(exchange.cast()) };
}

/// malloc(): begins with a connection.
#[inline(never)]
fn start_exchange(server: &mut Server<'_>, first: &Cell<*mut Exchange>, sock: c_int) {
    let exchange = malloc(size_of::<Exchange>()).cast::<Exchange>();
    if exchange.is_null() {
        reset_connection(server, sock, c"malloc", errno());
        return;
    }

    // SAFETY: the memory is larger. Zero is a value of all that comes before the bytes.
    unsafe { memset(exchange.cast(), 0, offset_of!(Exchange, bytes)) };
    // SAFETY: nobody else knows of it yet.
    unsafe { (*exchange).sock = sock };
    // SAFETY: it has a value, of whose bytes none is needed.
    let exchange = unsafe { &*exchange };
    // SAFETY: no request is under way.
    let request = unsafe { &mut *exchange.request.get() };
    request.aio_fildes = sock;
    request.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    request.aio_sigevent.sigev_signo = SIGIO;
    exchange.next.set(first.get());
    first.set((&raw const *exchange).cast_mut());

    if let Err(error) = submit(exchange) {
        reset_connection(server, sock, call_name(exchange), error);
        free_exchange(first);
    }
}

/// poll(): if a connection waits, whatever the signals have told, there is another one.
fn requeue_if_ready(listener: c_int) {
    let mut entry = pollfd { fd: listener, events: POLLIN, revents: 0 };

    // SAFETY: one entry, as it says.
    if unsafe { poll(&raw mut entry, 1, 0) } != Ok(0) {
        _ = kill(getpid(), SIGUSR1);
    }
}

/// stat(): whether each connection has a thread. The directory has a link for each, one for main()'s, and two more.
fn enough_threads(server: &Server<'_>) -> bool {
    let mut threads = MaybeUninit::<libc::stat>::uninit();

    // SAFETY: a C string, and a structure that may be written.
    if unsafe { stat(c"/proc/self/task".as_ptr(), threads.as_mut_ptr()) }.is_err() {
        return true;
    }

    // SAFETY: stat has filled it in.
    let threads = unsafe { threads.assume_init() };
    threads.st_nlink as c_int - 3 >= server.open
}

/// aio_cancel(): resets a connection whose request waits for a thread, if there is one.
fn cancel_one(server: &mut Server<'_>, mut place: &Cell<*mut Exchange>) -> bool {
    // SAFETY: null, or a connection in the list.
    while let Some(exchange) = unsafe { place.get().as_ref() } {
        // SAFETY: the request was handed over.
        if unsafe { aio_cancel(exchange.sock, exchange.request.get()) } == Ok(AIO_CANCELED) {
            reset_connection(server, exchange.sock, call_name(exchange), Errno(EAGAIN));
            free_exchange(place);
            return true;
        }

        place = &exchange.next;
    }

    false
}

/// aio_error() and aio_return(): goes on with a connection if its request is done. Says whether it is still there.
fn reap_completion(server: &mut Server<'_>, exchange: &Exchange) -> bool {
    let request = exchange.request.get();
    // SAFETY: the request was handed over.
    let error = unsafe { aio_error(request) };

    if error == EINPROGRESS {
        return true;
    }

    // SAFETY: the request is done.
    let done = unsafe { aio_return(request) };
    if done < 0 {
        reset_connection(server, exchange.sock, call_name(exchange), Errno(error));
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

        if server.draining() && !drain_connection(server, exchange.sock) {
            return false;
        }
    }

    match submit(exchange) {
        Ok(()) => true,
        Err(error) => {
            reset_connection(server, exchange.sock, call_name(exchange), error);
            false
        }
    }
}

/// Looks at all requests, since nobody knows which of them are done.
fn reap_completions(server: &mut Server<'_>, mut place: &Cell<*mut Exchange>) {
    // SAFETY: null, or a connection in the list.
    while let Some(exchange) = unsafe { place.get().as_ref() } {
        if reap_completion(server, exchange) {
            place = &exchange.next;
        } else {
            free_exchange(place);
        }
    }
}

/// Begins the end: what comes is read and written, and then each connection has only the client's end to wait for.
fn start_draining(server: &mut Server<'_>, mut place: &Cell<*mut Exchange>) {
    reap_completions(server, place);
    stop_accepting(server);

    // SAFETY: null, or a connection in the list.
    while let Some(exchange) = unsafe { place.get().as_ref() } {
        // A thread waits with what is left out of the list, and has it until the server ends.
        if exchange.length.get() == 0 && !drain_connection(server, exchange.sock) {
            place.set(exchange.next.get());
        } else {
            place = &exchange.next;
        }
    }
}

/// Ends at once. A client whose echo is not complete is reset. The threads still have what they wait with.
fn abort_all(server: &mut Server<'_>, mut place: &Cell<*mut Exchange>) {
    // SAFETY: null, or a connection in the list.
    while let Some(exchange) = unsafe { place.get().as_ref() } {
        abort_connection(server, exchange.sock, call_name(exchange));
        place = &exchange.next;
    }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let threads = aioinit {
        aio_threads: c_int::MAX,
        aio_num: 0,
        aio_locks: 0,
        aio_usedba: 0,
        aio_debug: 0,
        aio_numusers: 0,
        aio_idle_time: c_int::MAX,
        aio_reserved: 0,
    };
    let first = Cell::new(null_mut());
    let mut wait = 0;
    let mut listening = false;

    // [1] Take the port, and let signals wait until they are asked for. A client that is gone sends none (SIGPIPE)
    // SAFETY: nothing was done yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:h", argc, argv);
    let mut signals = block_signals(PROGRAM);
    // SAFETY: block_signals has made the set.
    _ = unsafe { sigaddset(&raw mut signals, SIGIO) };
    // SAFETY: the same.
    _ = unsafe { sigaddset(&raw mut signals, SIGUSR1) };
    block_set(PROGRAM, &signals);

    // [2] Have as many threads as the system makes, and keep them
    // SAFETY: the structure is filled in.
    unsafe { aio_init(&raw const threads) };

    // [3] Listen, and be told by a signal that connections wait. The connections block: it is threads that wait
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut signals, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: the socket is the server's.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    announce_ready(PROGRAM, &mut settings);
    server.flags = SOCK_CLOEXEC;

    // SAFETY: the listening socket is the server's own, which takes these signals.
    unsafe { enable_sigio(server.listener(), SIGUSR1) }.unwrap_or_else(|error| fail(PROGRAM, c"fcntl", error));

    while !server.draining() || server.open > 0 {
        // [4] Look for connections that came when accept() was not to be called: before now, or while it rested
        if can_accept(&server) && !listening {
            requeue_if_ready(server.listener());
        }

        listening = can_accept(&server);

        // [5] Sleep until a signal comes
        // SAFETY: the set is made, and what is known of the signal is not asked for.
        match unsafe { sigwaitinfo(&raw const signals, null_mut()) } {
            Err(error) => {
                wait_failed(&mut server, c"sigwaitinfo", error);
            }
            Ok(number) if number == SIGUSR1 => {
                // [6] Take a connection and begin to read. If others wait, they have the next turn
                if can_accept(&server) {
                    let sock = accept_connection(&mut server);
                    if sock >= 0 {
                        start_exchange(&mut server, &first, sock);
                    }
                }

                // [7] A thread is lacking: it is not made yet, or cannot be made. Rest, and see
                if can_accept(&server) && !enough_threads(&server) {
                    server.accept_paused = true;
                    wait = 1;
                    set_timer(PROGRAM, wait);
                }

                if can_accept(&server) {
                    requeue_if_ready(server.listener());
                }
            }
            Ok(number) if number == SIGIO => {
                // [8] Requests are done: go on with those connections
                reap_completions(&mut server, &first);
            }
            Ok(number) => {
                // [9] A signal begins the end, which is when the last connection has ended; or ends a rest
                let wanted = shutdown_request(&mut server, number);

                if wanted != CONTINUE && !server.draining() {
                    start_draining(&mut server, &first);
                }

                if wanted == ABORT {
                    abort_all(&mut server, &first);
                }

                // [10] It goes on as long as threads are lacking. In the end connections are given up for the others
                if can_accept(&server) && !enough_threads(&server) {
                    if wait < MAX_WAIT_MS {
                        wait *= 2;
                        server.accept_paused = true;
                    } else {
                        server.accept_paused = cancel_one(&mut server, &first);
                    }

                    if !enough_threads(&server) {
                        set_timer(PROGRAM, wait);
                    }
                }
            }
        }
    }

    exit(0);
}

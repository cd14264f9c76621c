//! What a row has that safe code alone cannot have: a server, its settings, and the streams of one. They are made as
//! the contracts ask.
#![expect(unsafe_code, reason = "the constructors of the servers are unsafe: they take over a descriptor")]

use std::ffi::CString;
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::process::exit;
use std::ptr::null_mut;

use libc::{c_char, c_int};
use sockmirror::runtime::Arguments;
use sockmirror::signal::signal;
use sockmirror::sys::socket::socket;
use sockmirror::unistd::alarm;

use sockmirror::common::loopback::{connect_to, own_address};
use sockmirror::server::aio_requests::{Exchanges, new_exchanges, start_exchange};
use sockmirror::server::connections::{Server, accept_connection, new_server};
use sockmirror::server::sigio_rounds::{Round, new_round};
use sockmirror::server::start::{Settings, read_settings};
use sockmirror::server::uring_connections::{Streams, new_streams};

use crate::own_process::NOT_RUN;
use crate::rows::PROGRAM;

/// How long a row may take. Only a call that hangs takes as long.
const LIMIT_S: u32 = 60;

/// Bounds the process: an alarm ends it, whatever it was started with. Where 127.0.0.1 is missing, no row runs.
pub fn begin() {
    // SAFETY: no handler.
    unsafe { signal(libc::SIGALRM, libc::SIG_DFL) }.unwrap();
    alarm(LIMIT_S);
    let listener = TcpListener::bind("127.0.0.1:0");
    if let Err(error) = listener.and_then(|listener| TcpStream::connect(listener.local_addr()?)) {
        println!("{NOT_RUN}127.0.0.1: {error}");
        exit(0);
    }
}

/// A server that listens on a port of this machine.
pub fn server() -> Server<'static> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    // SAFETY: the socket listens, and is given up here.
    unsafe { new_server(PROGRAM, listener.into_raw_fd()) }
}

/// The arguments of a program.
pub fn arguments(words: &[&str]) -> Arguments {
    let words = words.iter().map(|word| CString::new(*word).unwrap().into_raw());
    let words: &'static mut [*mut c_char] = words.chain([null_mut()]).collect::<Vec<_>>().leak();
    let count = c_int::try_from(words.len() - 1).unwrap();
    // SAFETY: so many C strings and a null pointer, which nobody frees.
    unsafe { Arguments::new(count, words.as_mut_ptr()) }
}

/// The settings of a server with the option `-w 2` and the port 0.
pub fn settings() -> Settings {
    read_settings(PROGRAM, c"server [-w WORKERS] PORT", c"+:w:", 4, arguments(&["server", "-w", "2", "0"]))
}

/// The exchanges of a server with a connection, whose client is in this process. Completions are ignored.
pub fn exchanges() -> Exchanges<'static> {
    exchanges_with(|_| {})
}

/// The same, of which something happens to the client.
pub fn exchanges_with(change: impl FnOnce(c_int)) -> Exchanges<'static> {
    // SAFETY: no handler.
    unsafe { signal(libc::SIGIO, libc::SIG_IGN) }.unwrap();
    // SAFETY: the server is new, and the rows use the functions of the module alone.
    let mut exchanges = unsafe { new_exchanges(server()) };
    // Connections block, so that a request is in progress until the client does something.
    exchanges.server.flags = libc::SOCK_CLOEXEC;
    let address = own_address(PROGRAM, exchanges.server.listener());
    let client = socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
    connect_to(PROGRAM, client, &address);
    let sock = accept_connection(&mut exchanges.server);
    assert!(sock >= 0);
    // SAFETY: it was just accepted.
    unsafe { start_exchange(&mut exchanges, sock) };
    change(client);
    exchanges
}

/// A round, whose signals are ignored.
pub fn round() -> Round {
    for number in [libc::SIGIO, libc::SIGRTMIN()] {
        // SAFETY: no handler.
        unsafe { signal(number, libc::SIG_IGN) }.unwrap();
    }
    new_round()
}

/// Ends a row where the kernel does not allow io_uring.
pub fn needs_uring() {
    // SAFETY: a null pointer in place of the structure, which the kernel refuses.
    unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, null_mut::<u8>()) };
    let error = std::io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::EFAULT) {
        println!("{NOT_RUN}io_uring_setup: {error}");
        exit(0);
    }
}

/// The streams of a server without a connection.
pub fn streams() -> Streams<'static> {
    needs_uring();
    // SAFETY: the server is new, and the rows use the functions of the module alone.
    unsafe { new_streams(server()) }
}

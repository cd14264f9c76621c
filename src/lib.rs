//! Sockmirror: a C socket tutorial in raw libc Rust, line beside line with its C.
//!
//! Each program of the tutorial (`socket-lecture.ko.txt`; "tutorial, lines …" refers to it) exists twice, as
//! `c-reference/NAME.c` and as `src/bin/NAME.rs`, and the two make the same system calls, print the same
//! bytes and exit alike. This library is what the Rust programs call.
//!
//! # The rule
//!
//! A wrapper has C's name, C's arguments in C's order, and C's types. It makes one call into libc and
//! changes one thing: what C reports as −1 with `errno` becomes `Err(Errno)` ([`errno::cvt`]). It does not
//! retry, it sets no flag of its own, it has no defaults. It is an `unsafe fn` where an argument can break
//! memory safety, and its documentation says what the caller owes.
//!
//! # What is where
//!
//! A module stands for a header, at the header's path: what C includes as `<sys/socket.h>` is in [`sys::socket`].
//! What the libc crate does not declare is declared in the module of its header. Types and constants come from the
//! libc crate.
//!
//! | tutorial (lines) | C | here | programs |
//! |---|---|---|---|
//! | Socket address structures (143-168) | `inet_addr` `inet_aton` `inet_ntoa` | [`arpa::inet`] | `echo_client`, `socket_address` |
//! | The link layer (48-50), interfaces (73, 268), loopback (93-95), MTU (97-99) | `getifaddrs` `freeifaddrs`; `rtnl_link_stats`; `ioctl` | [`mod@ifaddrs`], [`linux::if_link`], [`sys::ioctl`] | `interfaces` |
//! | Ports (88-91) | `getservbyname` `getservbyport` | [`netdb`] | `socket_address` |
//! | Byte ordering (170-204) | `htonl` `htons` `ntohl` `ntohs` | [`arpa::inet`] | `byte_order`, all with an address |
//! | Domain address (84-86, 525-531) | `getaddrinfo` `freeaddrinfo` `gai_strerror` | [`netdb`] | `resolve` |
//! | `socket()` (206-226) | `socket` | [`sys::socket`] | `echo_server`, `echo_client`, `socket_types` |
//! | `close()` (228-232) | `close` | [`unistd`] | `echo_server`, `echo_client` |
//! | The reference counter (228-232) | `fork` `waitpid` | [`unistd`], [`sys::wait`] | `reference_count` |
//! | | `sigemptyset` `sigaddset` `sigdelset` `sigprocmask` | [`signal`] | `reference_count` |
//! | `shutdown()` (234-238) | `shutdown` | [`sys::socket`] | `half_close` |
//! | `bind()`, `listen()`, `accept()` (253-285) | `bind` `listen` `accept` | [`sys::socket`] | `echo_server`, `listen_backlog` |
//! | The socket pair (253-269, 306-320) | `getsockname` `getpeername` | [`sys::socket`] | `socket_pair` |
//! | `send()`, `recv()` (287-304) | `send` `recv` | [`sys::socket`] | `echo_server`, `echo_client`, `stream_boundaries` |
//! | `connect()` (306-320) | `connect` | [`sys::socket`] | `echo_client` |
//! | UDP (62-65) | `sendto` `recvfrom` | [`sys::socket`] | `udp_echo_server`, `udp_echo_client`, `tcp_udp_echo_server` |
//! | Lost packets (60-65, 111) | `getsockopt` `setsockopt`; `TCPI_OPT_SACK` | [`sys::socket`], [`netinet::tcp`] | `lost_packet` |
//! | Socket options (322-401), MTU, TTL (97-111) | `getsockopt` `setsockopt` | [`sys::socket`] | `socket_options` `buffer_size` `linger` `reuse_address` `ttl_mtu` `no_delay` |
//! | The handshake (113-133) | `TCP_ESTABLISHED` … | [`netinet::tcp`] | `handshake` |
//! | Multicast (395-397) | `setsockopt` `sendto` `recvfrom` | [`sys::socket`] | `multicast_receiver`, `multicast_sender` |
//! | Client and server, P2P (16-25); I/O models (671-end) | `poll` `select` `FD_ZERO` `FD_SET` `FD_CLR` `FD_ISSET` | [`mod@poll`], [`sys::select`] | `peer`, `echo_server_poll`, `echo_server_select`, `tcp_udp_echo_server` |
//! | I/O models (671-end) | `epoll_create1` `epoll_ctl` `epoll_wait` | [`sys::epoll`] | `echo_server_epoll` |
//! | | `sigwaitinfo` `sigtimedwait` `sigqueue` `kill` `signal`; `signalfd` | [`signal`], [`sys::signalfd`] | the servers of the I/O models |
//! | | `aio_init` `aio_read` `aio_write` `aio_error` `aio_return` `aio_cancel` | [`aio`] | `echo_server_aio` |
//! | | `syscall`: `io_uring_setup` `io_uring_enter` `io_uring_register`; `mmap` | [`linux::io_uring`], [`unistd`], [`sys::mman`] | `echo_server_uring` |
//! | | `accept4` `sendmmsg`; `fcntl` `open`; `ioctl`; `stat` `fstat` | [`sys::socket`], [`mod@fcntl`], [`sys::ioctl`], [`sys::stat`] | the servers of the I/O models, `no_delay` |
//! | A socket's descriptor (206-208) | `lseek`; `read` `write`; `fstat` | [`unistd`], [`sys::stat`] | `socket_types` |
//! | | `read` `write` `dup2` `pipe2` `getpid` `getppid` `setpgid` `alarm` `getopt` `optarg` `optind` `optopt` | [`unistd`] | the servers of the I/O models |
//! | | `prctl`, `getrlimit` `setrlimit`, `setitimer`, `clock_gettime` `nanosleep` | [`sys::prctl`], [`sys::resource`], [`sys::time`], [`time`] | the servers of the I/O models |
//! | errno (222) | `errno` | [`mod@errno`] | all |
//! | Echo program (405-669) | `printf` `fprintf` `fwrite` `fflush` `ferror` `stdout` `stderr` | [`stdio`] | all |
//! | | `atoi` `strtol` `strtoll` `malloc` `realloc` `free` `exit` `abort` | [`stdlib`] | all |
//! | | `memset` `memcpy` `strlen` `strcmp` `strchr` `strpbrk` `strerror` | [`string`] | all |
//!
//! What programs share has the names that it has in `c-reference`:
//!
//! | here | what it is | programs |
//! |---|---|---|
//! | [`common::explain`] | what the programs say on stderr | all |
//! | [`common::command_line`] | the arguments | all but the two listings |
//! | [`common::echo`] | whether an answer is an echo | `udp_echo_client`, `echo_stream` |
//! | [`common::loopback`] | both ends of a connection in one program | `half_close` … `no_delay`, `handshake`, `lost_packet` |
//! | [`server::start`] | how a server comes up | the servers of the I/O models, `udp_echo_server`, `tcp_udp_echo_server` |
//! | [`server::signals`], [`server::workers`], [`server::connections`] | signals, workers, clients | the servers of the I/O models, `tcp_udp_echo_server` |
//! | [`server::poll_list`] | the list that `poll` takes | `echo_server_poll`, `tcp_udp_echo_server` |
//! | [`server::aio_requests`] | the requests of POSIX AIO | `echo_server_aio` |
//! | [`server::sigio_rounds`] | the turns of the signal-driven server | `echo_server_sigio` |
//! | [`server::uring`], [`server::uring_connections`] | the queues of io_uring, and its clients | `echo_server_uring` |
//! | [`runtime`] | the start of `main`, and arrays as C indexes them; in Rust only | all |
#![no_std]

pub mod aio;
pub mod errno;
pub mod fcntl;
pub mod ifaddrs;
pub mod netdb;
pub mod poll;
pub mod runtime;
pub mod signal;
pub mod stdio;
pub mod stdlib;
pub mod string;
pub mod time;
pub mod unistd;

/// `<arpa/…>`.
pub mod arpa {
    pub mod inet;
}

/// `<linux/…>`.
pub mod linux {
    pub mod if_link;
    pub mod io_uring;
}

/// `<netinet/…>`.
pub mod netinet {
    pub mod tcp;
}

/// `<sys/…>`.
pub mod sys {
    pub mod epoll;
    pub mod ioctl;
    pub mod mman;
    pub mod prctl;
    pub mod resource;
    pub mod select;
    pub mod signalfd;
    pub mod socket;
    pub mod stat;
    pub mod time;
    pub mod wait;
}

/// What the programs share.
pub mod common {
    pub mod command_line;
    pub mod echo;
    pub mod explain;
    pub mod loopback;
}

/// What the servers of the I/O models share.
pub mod server {
    pub mod aio_requests;
    pub mod connections;
    pub mod poll_list;
    pub mod sigio_rounds;
    pub mod signals;
    pub mod start;
    pub mod uring;
    pub mod uring_connections;
    pub mod workers;
}

// The libc crate itself names the C library only as long as no crate of the build turns on its `std` feature.
#[link(name = "c")]
unsafe extern "C" {}

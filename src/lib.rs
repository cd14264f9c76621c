//! Sockmirror: a C socket tutorial in raw libc Rust, line beside line with its C.
//!
//! Each program of the tutorial (`socket-lecture.ko.txt`; "tutorial, lines …" refers to it) exists twice, as
//! `c-reference/NAME.c` and as `src/bin/NAME.rs`, and the two make the same system calls, print the same
//! bytes and exit alike. This library is what the Rust programs call.
//!
//! # The rule
//!
//! A wrapper has C's name, C's arguments in C's order, and C's types. It makes one call into libc and
//! changes one thing: what C reports as −1 with `errno` becomes `Err(Errno)` ([`error::cvt`]). It does not
//! retry, it sets no flag of its own, it has no defaults. It is an `unsafe fn` where an argument can break
//! memory safety, and its documentation says what the caller owes.
//!
//! # What is where
//!
//! | tutorial (lines) | C | here | programs |
//! |---|---|---|---|
//! | Socket address structures (143-168) | `inet_addr` `inet_aton` `inet_ntoa` | [`address`] | `echo_client`, `socket_address` |
//! | Domain address (84-86, 525-531) | `getaddrinfo` `freeaddrinfo` `gai_strerror` | [`resolver`] | `resolve` |
//! | Byte ordering (170-204) | `htonl` `htons` `ntohl` `ntohs` | [`byte_order`] | `byte_order`, all with an address |
//! | `socket()`, `close()` (206-232) | `socket` `close` | [`mod@socket`] | `echo_server`, `echo_client`, `socket_types` |
//! | The reference counter (228-232) | `fork` `waitpid` | [`process`] | `reference_count` |
//! | | `sigemptyset` `sigaddset` `sigprocmask` | [`signals`] | `reference_count` |
//! | `shutdown()` (234-238) | `shutdown` | [`mod@shutdown`] | `half_close` |
//! | `bind()`, `listen()`, `accept()` (253-285) | `bind` `listen` `accept` | [`mod@socket`] | `echo_server`, `listen_backlog` |
//! | The socket pair (253-269, 306-320) | `getsockname` `getpeername` | [`names`] | `socket_pair` |
//! | `send()`, `recv()` (287-304) | `send` `recv` | [`mod@socket`] | `echo_server`, `echo_client`, `stream_boundaries` |
//! | | `ioctl` `fcntl` `read` `write` `pipe2` `dup2` | [`descriptor`] | |
//! | `connect()` (306-320) | `connect` | [`mod@socket`] | `echo_client` |
//! | UDP (62-65) | `sendto` `recvfrom` | [`datagram`] | `udp_echo_server`, `udp_echo_client` |
//! | Socket options (322-401), MTU, TTL (97-111) | `getsockopt` `setsockopt` | [`options`] | `socket_options` `buffer_size` `linger` `reuse_address` `ttl_mtu` `no_delay` |
//! | The handshake (113-133) | `TCP_ESTABLISHED` … | [`options`] | `handshake` |
//! | Multicast (395-397) | `setsockopt` `sendto` `recvfrom` | [`options`], [`datagram`] | `multicast_receiver`, `multicast_sender` |
//! | | `aio_init` `aio_read` `aio_write` `aio_error` `aio_return` `aio_cancel` | [`aio`] | `echo_server_aio` |
//! | | `stat` `fstat` `open` | [`files`] | the servers of the I/O models |
//! | | `syscall`: `io_uring_setup` `io_uring_enter` `io_uring_register`; `mmap` | [`io_uring`], [`memory`] | `echo_server_uring` |
//! | Client and server, P2P (16-25); I/O models (671-end) | `poll` `select` `FD_SET` … | [`multiplexing`] | `peer`, `echo_server_poll`, `echo_server_select` |
//! | I/O models (671-end) | `epoll_create1` `epoll_ctl` `epoll_wait` | [`epoll`] | `echo_server_epoll` |
//! | | `sigwaitinfo` `sigtimedwait` `signalfd` `sigqueue` `kill` `signal` | [`signals`] | the servers of the I/O models |
//! | | `accept4` | [`mod@socket`] | the servers of the I/O models |
//! | errno (222) | `errno` | [`error`], [`explain`] | all |
//! | Echo program (405-669) | `printf` `fprintf` `fwrite` `fflush` `ferror` `stdout` `stderr` | [`stdio`] | all |
//! | | `atoi` `strtol` `strtoll` `exit` `abort` | [`stdlib`] | all |
//! | | `memset` `strlen` `strcmp` `strchr` `strpbrk` `strerror` | [`string`] | all |
//! | | the arguments of our own programs | [`command_line`] | all but the two listings |
//! | | options on the command line, limits, timers | [`mod@getopt`], [`limits`], [`time`] | the servers of the I/O models |
//! | | what a server does not take over from its starter | [`start`] | the servers of the I/O models, `udp_echo_server` |
//! | | what the servers of the I/O models do alike | [`server`], [`connections`]; [`uring`], [`streams`] | `echo_server_fork` … `echo_server_uring` |
//! | | what those with both ends in one do alike | [`loopback`] | `half_close` `reference_count` `socket_pair` `buffer_size` `linger` `reuse_address` `ttl_mtu` `no_delay` `handshake`; `socket_types` `listen_backlog` |
//! | | the start of `main` | [`runtime`] | all |
//!
//! Most functions and all types and constants come from the libc crate. The few that it lacks are declared
//! in one private module, `ffi`.
#![no_std]

pub mod address;
pub mod aio;
pub mod byte_order;
pub mod command_line;
pub mod connections;
pub mod datagram;
pub mod descriptor;
pub mod epoll;
pub mod error;
pub mod explain;
mod ffi;
pub mod files;
pub mod getopt;
pub mod io_uring;
pub mod limits;
pub mod loopback;
pub mod memory;
pub mod multiplexing;
pub mod names;
pub mod options;
pub mod process;
pub mod resolver;
pub mod runtime;
pub mod server;
pub mod shutdown;
pub mod signals;
pub mod socket;
pub mod start;
pub mod stdio;
pub mod stdlib;
pub mod streams;
pub mod string;
pub mod time;
pub mod uring;

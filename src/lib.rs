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
//! | Byte ordering (170-204) | `htonl` `htons` `ntohl` `ntohs` | [`byte_order`] | both |
//! | Socket address structures (143-168) | `inet_addr` `inet_ntoa` | [`address`] | `echo_client` |
//! | `socket()`, `close()` (206-232) | `socket` `close` | [`mod@socket`] | both |
//! | `bind()`, `listen()`, `accept()` (253-285) | `bind` `listen` `accept` | [`mod@socket`] | `echo_server` |
//! | `send()`, `recv()` (287-304) | `send` `recv` | [`mod@socket`] | both |
//! | `connect()` (306-320) | `connect` | [`mod@socket`] | `echo_client` |
//! | errno (222) | `errno` | [`error`], [`explain`] | both |
//! | Echo program (405-669) | `printf` `fprintf` `stderr` | [`stdio`] | both |
//! | | `atoi` `exit` `abort` | [`stdlib`] | both |
//! | | `memset` `strlen` `strcmp` `strerror` | [`string`] | both |
//! | | the start of `main` | [`runtime`] | both |
//!
//! Most functions and all types and constants come from the libc crate. The few that it lacks are declared
//! in one private module, `ffi`.
#![no_std]

pub mod address;
pub mod byte_order;
pub mod error;
pub mod explain;
mod ffi;
pub mod runtime;
pub mod socket;
pub mod stdio;
pub mod stdlib;
pub mod string;

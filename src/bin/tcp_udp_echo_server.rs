//! Echo server for TCP and UDP: both services on one port, in one poll.
//!
//! Waits: one process, for all sockets.
//! In: poll().
//! For: readiness, level-triggered.
//!
//! The tutorial says that games often mix TCP and UDP (line 63). Such a program waits for sockets of both kinds at once.
//! They can have the same port, because TCP and UDP number theirs separately. For poll() they are descriptors like any
//! others; what a readable one means differs. On the listening socket, a client connects: it gets a socket of its own,
//! and the server keeps a state for it until it closes. On the datagram socket, a datagram has arrived, from anybody: it
//! is sent back, and the server keeps nothing.
//!
//! The TCP side is that of `echo_server_poll`. On the UDP side, as in `udp_echo_server`, a well-known port or the
//! server's own gets no answer. Nothing is printed about a datagram: its sender's address is easily forged, and whoever
//! sends many would fill the log. A shutdown closes the datagram socket at once: UDP has promised nobody an answer.
//!
//! Call: `tcp_udp_echo_server [-l ADDRESS] PORT`; with port 0 the kernel chooses a free one for TCP, which UDP needs,
//! too. Run against it: `echo_client 127.0.0.1 WORD PORT` and `udp_echo_client 127.0.0.1 WORD PORT`. SIGTERM or Ctrl-C
//! ends it. Read next: `echo_server_poll`.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::MaybeUninit;
use libc::{
    AF_INET, EAGAIN, IPPROTO_UDP, PF_INET, POLLIN, POLLOUT, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, c_char, c_int,
    in_port_t, nfds_t, sa_family_t, size_t, sockaddr, sockaddr_in, socklen_t,
};
use sockmirror::arpa::inet::{htons, ntohs};
use sockmirror::errno::errno;
use sockmirror::poll::poll;
use sockmirror::runtime::Arguments;
use sockmirror::stdlib::exit;
use sockmirror::string::zeroed;
use sockmirror::sys::socket::{bind, recvfrom, sendto, socket};
use sockmirror::unistd::close;

use sockmirror::common::explain::fail;
use sockmirror::server::connections::{
    CLOSED, MAX_ACCEPTS, Server, WANT_WRITE, accept_connection, can_accept, handle_signalfd, new_server,
    reset_connection, serve, wait_failed,
};
use sockmirror::server::poll_list::{add_entry, new_poll_list, remove_entry};
use sockmirror::server::signals::{block_signals, open_signalfd};
use sockmirror::server::start::{Settings, announce_ready, read_settings, reset_inherited_state};
use sockmirror::server::workers::start_listening;

const PROGRAM: &CStr = c"tcp_udp_echo_server";
const USAGE: &CStr = c"./tcp_udp_echo_server [-l ADDRESS] PORT
  -l  listen on this address only (0.0.0.0: on all)";
// The places in the list of the two sockets, of the signals and of the first connection.
const LISTENER: usize = 0;
const DATAGRAMS: usize = 1;
const SIGNALS: usize = 2;
const FIRST: usize = 3;
// The largest payload over IPv4: 65535 bytes less 20 for the IP header and 8 for the UDP header.
const DATAGRAM_SIZE: usize = 65507;
// The ports below are those of well-known services.
const MIN_CLIENT_PORT: in_port_t = 1024;

sockmirror::entry!(main);

/// socket() and bind(): opens a datagram socket on the address and port that the listening socket has.
fn open_datagrams(settings: &Settings) -> c_int {
    let sock = socket(PF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)
        .unwrap_or_else(|error| fail(PROGRAM, c"socket (UDP)", error));

    let mut address: sockaddr_in = zeroed();
    address.sin_family = AF_INET as sa_family_t;
    address.sin_addr = settings.address;
    address.sin_port = htons(settings.port);

    // SAFETY: the size is that of `address`.
    unsafe { bind(sock, (&raw const address).cast::<sockaddr>(), size_of::<sockaddr_in>() as socklen_t) }
        .unwrap_or_else(|error| fail(PROGRAM, c"bind (UDP)", error));

    sock
}

/// recvfrom() and sendto(): sends a datagram back, unless a service has sent it, which could answer in turn.
fn echo_datagram(server: &mut Server<'_>, sock: c_int, server_port: in_port_t) {
    let mut client_address: sockaddr_in = zeroed();
    let mut address_length = size_of::<sockaddr_in>() as socklen_t;
    let mut buffer = MaybeUninit::<[c_char; DATAGRAM_SIZE]>::uninit();

    // SAFETY: `buffer` has DATAGRAM_SIZE bytes, and `client_address` has `address_length` bytes.
    let length = match unsafe {
        recvfrom(
            sock,
            buffer.as_mut_ptr().cast(),
            DATAGRAM_SIZE,
            0,
            (&raw mut client_address).cast::<sockaddr>(),
            &raw mut address_length,
        )
    } {
        Ok(length) => length,
        Err(error) => {
            // EAGAIN: only after poll() has the kernel found that the datagram's checksum is wrong, and dropped it.
            if error.0 != EAGAIN {
                wait_failed(server, c"recvfrom", error);
            }

            return;
        }
    };

    let client_port = ntohs(client_address.sin_port);

    // If it cannot be sent at once, or not at all, it is lost, as any datagram can be.
    if client_port >= MIN_CLIENT_PORT && client_port != server_port {
        // SAFETY: recvfrom stored `length` bytes in `buffer`, and `client_address` has `address_length` bytes.
        _ = unsafe {
            sendto(
                sock,
                buffer.as_ptr().cast(),
                length as size_t,
                0,
                (&raw const client_address).cast::<sockaddr>(),
                address_length,
            )
        };
    }
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    let mut list = new_poll_list();

    // [1] Read options and port, and block the signals
    // SAFETY: the process has done nothing yet.
    unsafe { reset_inherited_state(PROGRAM) };
    let mut settings = read_settings(PROGRAM, USAGE, c"+:l:h", argc, argv);
    let mut set = block_signals(PROGRAM);

    // [2] Listen for connections, and open a descriptor from which signals are read
    // SAFETY: the process has one thread.
    let listener = unsafe { start_listening(PROGRAM, &mut settings, &mut set, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    // SAFETY: nobody else has the socket.
    let mut server = unsafe { new_server(PROGRAM, listener) };
    let signals = open_signalfd(PROGRAM, &set);

    // [3] Open a datagram socket on the port of the same number
    let mut datagrams = open_datagrams(&settings);
    announce_ready(PROGRAM, &mut settings);

    // [4] Put the three descriptors into the list
    if !add_entry(&mut list, server.listener()) || !add_entry(&mut list, datagrams) || !add_entry(&mut list, signals) {
        fail(PROGRAM, c"realloc", errno());
    }

    while !server.draining() || server.open > 0 {
        // [5] During a shutdown, receive no datagrams, and leave the port to another server
        if server.draining() && datagrams >= 0 {
            // SAFETY: it was opened here, and is still open.
            _ = unsafe { close(datagrams) };
            datagrams = -1;
        }

        // [6] Leave out what is closed, and the listening socket while accept() is paused: poll() ignores −1
        list.entries()[LISTENER].fd = if can_accept(&server) { server.listener() } else { -1 };
        list.entries()[DATAGRAMS].fd = datagrams;

        // [7] Sleep until a descriptor of either kind is ready
        let entries = list.entries();
        // SAFETY: as many entries as the list has.
        let mut unseen = match unsafe { poll(entries.as_mut_ptr(), entries.len() as nfds_t, -1) } {
            Ok(unseen) => unseen,
            Err(error) => {
                wait_failed(&mut server, c"poll", error);
                // It has stored no events; those in the list are older. Only a signal may have come.
                entries[LISTENER].revents = 0;
                entries[DATAGRAMS].revents = 0;
                entries[SIGNALS].revents = POLLIN;
                0
            }
        };

        // [8] Serve the connections that are ready, from the last one, and note what each waits for now
        for i in (FIRST..list.entries().len()).rev() {
            if unseen == 0 {
                break;
            }

            let entry = &mut list.entries()[i];

            if entry.revents == 0 {
                continue;
            }

            unseen -= 1;
            let state = serve(&mut server, entry.fd);

            if state == CLOSED {
                remove_entry(&mut list, i);
            } else {
                entry.events = if state == WANT_WRITE { POLLOUT } else { POLLIN };
            }
        }

        // [9] Serve one datagram: if there are more, poll() returns at once, and the connections have their turn
        if list.entries()[DATAGRAMS].revents != 0 {
            echo_datagram(&mut server, datagrams, settings.port);
        }

        // [10] Accept connections
        if list.entries()[LISTENER].revents != 0 {
            let mut accepts = 0;

            while accepts < MAX_ACCEPTS {
                accepts += 1;

                let sock = accept_connection(&mut server);
                if sock < 0 {
                    break;
                }

                if !add_entry(&mut list, sock) {
                    reset_connection(&mut server, sock, c"realloc", errno());
                }
            }
        }

        // [11] Handle a signal: it starts the shutdown, which ends with the last connection
        if list.entries()[SIGNALS].revents != 0 {
            handle_signalfd(&mut server, signals);
        }
    }

    exit(0);
}

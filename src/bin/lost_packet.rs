//! Lost packet: what TCP and UDP make of a packet that is lost on its way.
//!
//! The tutorial's section on the network and the transport layer (lines 54, 60-65), with its example of three packets
//! of which the first is lost (65), and the section on the TTL (111). It shows that TCP delivers all bytes in order;
//! that it resends only what is missing, with selective acknowledgements or without (erratum 22); that it is the sender
//! who notices the loss, and who gets an error if nothing arrives (erratum 34); and that UDP delivers what arrives, and
//! nothing tells the receiver that there was more.
//!
//! Usage: `lost_packet`. Both ends of its connections are in this program. Read next: `ttl_mtu`, `no_delay`.
//!
//! A packet with a TTL of 1 gets no further than the first router. On one host there is none, so the receiver's socket
//! drops what a router would, before TCP or UDP sees it. TCP has an option for that, IP_MINTTL. UDP ignores it, so the
//! datagram socket has a filter, a classic BPF program that the kernel runs for each packet. (Newer kernels let only
//! CAP_NET_ADMIN attach one to a TCP socket.) What TCP resends has the TTL that the sender's socket has by then.
#![no_std]
#![no_main]

use core::ffi::CStr;
use core::mem::offset_of;
use libc::{
    BPF_ABS, BPF_B, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, EAGAIN, ETIMEDOUT, INADDR_LOOPBACK, IP_MINTTL, IP_TTL,
    IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, PF_INET, SK_MEMINFO_DROPS,
    SKF_NET_OFF, SO_ATTACH_FILTER, SO_MEMINFO, SOCK_DGRAM, SOL_SOCKET, TCP_INFO, TCP_NODELAY, TCP_USER_TIMEOUT, c_char,
    c_int, c_uint, c_ushort, in_addr_t, sock_filter, sock_fprog, socklen_t, ssize_t, tcp_info,
};
use sockmirror::netinet::tcp::TCPI_OPT_SACK;
use sockmirror::runtime::Arguments;
use sockmirror::stdio::printf;
use sockmirror::stdlib::exit;
use sockmirror::string::{strerror, strlen, zeroed};
use sockmirror::sys::socket::{getsockopt, listen, recv, send, setsockopt, socket};
use sockmirror::unistd::close;

use sockmirror::common::command_line::check_arguments;
use sockmirror::common::explain::{explain_send, fail, succeed};
use sockmirror::common::loopback::{
    accept_client, bind_to, bound_socket, connect_client, connect_to, own_address, set_option,
};

const PROGRAM: &CStr = c"lost_packet";
const USAGE: &CStr = c"./lost_packet";
/// The bytes of the three messages together.
const TOTAL_SIZE: usize = 11;
/// A TTL that is enough for every router on the way. It is Linux's default.
const LARGE_TTL: c_int = 64;
/// The receivers drop what has less.
const MIN_TTL: c_int = 2;
/// Where an IP header has its TTL, in bytes.
const TTL_OFFSET: c_int = 8;
/// What a filter returns to keep a packet: how many of its bytes, at most.
const WHOLE_PACKET: c_uint = 0xffff_ffff;
/// How long TCP resends without an acknowledgement before it gives up; by default, about a quarter of an hour.
const USER_TIMEOUT_MS: c_int = 100;

sockmirror::entry!(main);

/// Attaches a filter to a datagram socket: what arrives for it with a TTL below MIN_TTL is dropped.
fn attach_filter(sock: c_int) {
    // Load the TTL; if it is MIN_TTL or more, go on with the next instruction, otherwise skip it.
    let mut instructions = [
        sock_filter {
            code: (BPF_LD | BPF_B | BPF_ABS) as c_ushort,
            jt: 0,
            jf: 0,
            k: (SKF_NET_OFF + TTL_OFFSET) as c_uint,
        },
        sock_filter { code: (BPF_JMP | BPF_JGE | BPF_K) as c_ushort, jt: 0, jf: 1, k: MIN_TTL as c_uint },
        sock_filter { code: (BPF_RET | BPF_K) as c_ushort, jt: 0, jf: 0, k: WHOLE_PACKET },
        sock_filter { code: (BPF_RET | BPF_K) as c_ushort, jt: 0, jf: 0, k: 0 },
    ];
    let filter = sock_fprog { len: 4, filter: instructions.as_mut_ptr() };

    // SAFETY: the size is that of `filter`, which points to four instructions.
    unsafe {
        setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, (&raw const filter).cast(), size_of::<sock_fprog>() as socklen_t)
    }
    .unwrap_or_else(|error| fail(PROGRAM, c"setsockopt", error));
}

/// Returns how many packets for a socket were dropped.
fn dropped(sock: c_int) -> c_uint {
    let mut counts: [c_uint; SK_MEMINFO_DROPS as usize + 1] = zeroed();
    let mut size = size_of::<[c_uint; SK_MEMINFO_DROPS as usize + 1]>() as socklen_t;

    // SAFETY: `size` is that of `counts`.
    unsafe { getsockopt(sock, SOL_SOCKET, SO_MEMINFO, counts.as_mut_ptr().cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));

    counts[SK_MEMINFO_DROPS as usize]
}

/// Prints how many segments were lost, and how many were resent.
fn print_segments(sender: c_int, receiver: c_int) {
    let mut size = (offset_of!(tcp_info, tcpi_total_retrans) + size_of::<c_uint>()) as socklen_t;
    let lost = dropped(receiver);

    let mut info: tcp_info = zeroed();

    // SAFETY: `info` has more bytes than `size` says.
    unsafe { getsockopt(sender, IPPROTO_TCP, TCP_INFO, (&raw mut info).cast(), &raw mut size) }
        .unwrap_or_else(|error| fail(PROGRAM, c"getsockopt", error));

    printf!(
        c"  Segments lost: %u, resent: %u; selective acknowledgements: %s\n",
        lost,
        info.tcpi_total_retrans,
        if info.tcpi_options & TCPI_OPT_SACK != 0 { c"yes" } else { c"no" }
    );
}

/// Sends a message in a packet with this TTL.
fn send_message(sock: c_int, ttl: c_int, message: &CStr) {
    // SAFETY: `message` is a C string.
    let length = unsafe { strlen(message.as_ptr()) };

    set_option(PROGRAM, sock, IPPROTO_IP, IP_TTL, ttl);

    // SAFETY: `message` has `length` bytes.
    let sent = unsafe { send(sock, message.as_ptr().cast(), length, MSG_NOSIGNAL) };
    if sent != Ok(length as ssize_t) {
        explain_send(PROGRAM, sent, length as ssize_t);
        exit(1);
    }
}

/// Calls recv once, and prints what it returns, or that it fails with the error `expected`.
fn receive(whose: &CStr, sock: c_int, flags: c_int, expected: c_int) {
    let mut buffer: [c_char; TOTAL_SIZE + 1] = zeroed();

    // SAFETY: `buffer` has one byte more than recv may store.
    match unsafe { recv(sock, buffer.as_mut_ptr().cast(), TOTAL_SIZE, flags) } {
        Ok(received) => {
            // SAFETY: recv did not reach the last byte, which is 0.
            let buffer = unsafe { CStr::from_ptr(buffer.as_ptr()) };
            printf!(c"  The %s's recv returns %zd bytes: %s\n", whose, received, buffer);
        }
        Err(error) if error.0 == expected => printf!(c"  The %s's recv fails: %s\n", whose, strerror(error.0)),
        Err(error) => fail(PROGRAM, c"recv", error),
    }
}

/// Opens a datagram socket at an address of its own; the kernel chooses the port.
fn open_datagram_socket(host: in_addr_t) -> c_int {
    let sock = socket(PF_INET, SOCK_DGRAM, IPPROTO_UDP).unwrap_or_else(|error| fail(PROGRAM, c"socket", error));

    bind_to(PROGRAM, sock, host);
    sock
}

fn main(argc: c_int, argv: Arguments) -> c_int {
    check_arguments(PROGRAM, USAGE, argc, argv, 0);
    printf!(c"What is sent with a TTL of 1 is lost, as at the first router\n");

    // [1] Create the listener
    let listener = bound_socket(PROGRAM, INADDR_LOOPBACK);
    let mut address = own_address(PROGRAM, listener);

    listen(listener, 1).unwrap_or_else(|error| fail(PROGRAM, c"listen", error));

    for round in 0..2 {
        // [2] Connect, from an address that is not in TIME_WAIT; the receiver drops what has a TTL of 1
        let sender = connect_client(PROGRAM, INADDR_LOOPBACK + 1 + round, &address);
        let receiver = accept_client(PROGRAM, listener);
        set_option(PROGRAM, receiver, IPPROTO_IP, IP_MINTTL, MIN_TTL);

        // [3] Let each message be a segment of its own, which does not wait for the one before it
        set_option(PROGRAM, sender, IPPROTO_TCP, TCP_NODELAY, 1);

        if round == 0 {
            // [4] Send, the first message with a TTL of 1: all bytes arrive, in order
            printf!(c"TCP, three messages, the first with a TTL of 1:\n");
            send_message(sender, 1, c"one");
            send_message(sender, LARGE_TTL, c"two");
            send_message(sender, LARGE_TTL, c"three");
            receive(c"receiver", receiver, MSG_WAITALL, 0);
        } else {
            // [5] Send a message with a TTL of 1, and resend it with the same: the sender gets an error
            printf!(c"TCP, one message, always with a TTL of 1:\n");
            set_option(PROGRAM, sender, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
            send_message(sender, 1, c"one");
            receive(c"sender", sender, 0, ETIMEDOUT);
        }

        // [6] Compare what was lost with what was resent
        print_segments(sender, receiver);
        // SAFETY: nothing uses `sender` any more.
        _ = unsafe { close(sender) };
        // SAFETY: nothing uses `receiver` any more.
        _ = unsafe { close(receiver) };
    }

    // SAFETY: nothing uses `listener` any more.
    _ = unsafe { close(listener) };

    // [7] Open two datagram sockets; the receiver drops what has a TTL of 1
    let sender = open_datagram_socket(INADDR_LOOPBACK + 1);
    let receiver = open_datagram_socket(INADDR_LOOPBACK);
    address = own_address(PROGRAM, receiver);
    connect_to(PROGRAM, sender, &address);
    attach_filter(receiver);

    // [8] Send, the first message with a TTL of 1: the others arrive, and then there is nothing to receive
    printf!(c"UDP, three messages, the first with a TTL of 1:\n");
    send_message(sender, 1, c"one");
    send_message(sender, LARGE_TTL, c"two");
    send_message(sender, LARGE_TTL, c"three");
    receive(c"receiver", receiver, 0, 0);
    receive(c"receiver", receiver, 0, 0);
    receive(c"receiver", receiver, MSG_DONTWAIT, EAGAIN);
    printf!(c"  Datagrams lost: %u; nobody resends them, and nobody tells the receiver\n", dropped(receiver));

    // SAFETY: nothing uses `sender` any more.
    _ = unsafe { close(sender) };
    // SAFETY: nothing uses `receiver` any more.
    _ = unsafe { close(receiver) };
    succeed(PROGRAM);
}

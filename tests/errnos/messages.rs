//! `send`, `sendmmsg`, `recv`, `sendto`, `recvfrom`.

use std::ptr::null_mut;

use crate::world::*;
use errno::Errno;
use libc::*;
use sockmirror::sys::socket::{recv, recvfrom, send, sendmmsg, sendto};

/// `send` of some bytes.
fn sent(sock: c_int, length: usize, flags: c_int) -> Result<ssize_t, Errno> {
    c!(send(sock, room(), length, flags))
}

/// `sendto` of some bytes.
fn sent_to(sock: c_int, length: usize, to: *const sockaddr) -> Result<ssize_t, Errno> {
    c!(sendto(sock, room(), length, MSG_NOSIGNAL, to, IPV4))
}

/// `recv` into enough room.
fn received(sock: c_int, flags: c_int) -> Result<ssize_t, Errno> {
    c!(recv(sock, room(), 100, flags))
}

/// Messages of one piece each, of a length each.
fn messages(lengths: &[usize]) -> *mut mmsghdr {
    let message = |&length| {
        let mut message: mmsghdr = c!(std::mem::zeroed());
        message.msg_hdr.msg_iov = new(iovec { iov_base: room(), iov_len: length });
        message.msg_hdr.msg_iovlen = 1;
        message
    };
    lengths.iter().map(message).collect::<Vec<_>>().leak().as_mut_ptr()
}

/// A UDP socket that is connected to another machine, by a route that then gets another type.
fn rerouted(kind: u8) -> c_int {
    own_network();
    route(RTN_UNICAST);
    let sock = udp();
    must(c!(libc::connect(sock, ip(ELSEWHERE, 9), IPV4)));
    route(kind);
    sock
}

/// A connection of which this end was shut down for sending.
fn half_closed() -> c_int {
    let (client, _) = connection();
    must(c!(libc::shutdown(client, SHUT_WR)));
    client
}

/// A connection whose other end was closed, and then reset this one.
fn closed_then_reset() -> c_int {
    let (client, server) = connection();
    must(c!(libc::shutdown(server, SHUT_WR)));
    until(client, POLLIN);
    reset(client, server)
}

/// A socket with a TCP Fast Open under way.
fn fast_open() -> c_int {
    own_network();
    setting("tcp_fastopen", "1");
    let sock = nonblocking(tcp());
    let flags = MSG_FASTOPEN;
    let result = c!(sendto(sock, room(), 1, flags, unanswered(), IPV4));
    assert_eq!(result.unwrap_err().0, EINPROGRESS);
    sock
}

/// A UDP socket for which a datagram has arrived.
fn datagram() -> c_int {
    let sock = bound(udp());
    sent_to(udp(), 5, address(sock)).unwrap();
    until(sock, POLLIN);
    sock
}

rows! {
    send {
        "a connection" => OK: sent(connection().0, 5, 0);
        "no bytes" => OK: sent(connection().0, 0, 0);
        "UDP, connected" => OK: sent(connected(udp(), bound(udp())), 5, 0);
        "the other end has closed, no answer yet" => OK: {
            let (client, server) = connection();
            must(libc::close(server));
            until(client, POLLIN);
            sent(client, 5, 0)
        };
        "UDP: a route that prohibits" => EACCES: sent(rerouted(RTN_PROHIBIT), 5, 0);
        "non-blocking, no room" => EAGAIN: sent(nonblocking(full()), 5, 0);
        "MSG_DONTWAIT, no room" => EAGAIN: sent(full(), 5, MSG_DONTWAIT);
        "the send timeout is over" => EAGAIN: sent(timed(SO_SNDTIMEO, full()), 5, 0);
        "a Fast Open is under way" => EALREADY: sent(fast_open(), 5, MSG_FASTOPEN);
        "the handshake goes on, non-blocking" => EAGAIN: {
            own_network();
            let sock = nonblocking(tcp());
            assert!(libc::connect(sock, unanswered(), IPV4) < 0);
            sent(sock, 5, 0)
        };
        "not open" => EBADF: sent(NOT_OPEN, 5, 0);
        "UDP: an earlier datagram met nobody" => ECONNREFUSED: sent(refused(), 5, 0);
        "reset by the other end" => ECONNRESET: sent(reset_connection(), 5, 0);
        "reset by the other end, a second time" => SIGPIPE: {
            let client = reset_connection();
            assert_eq!(sent(client, 5, 0).unwrap_err().0, ECONNRESET);
            sent(client, 5, 0)
        };
        "reset by the other end, a second time, MSG_NOSIGNAL" => EPIPE: {
            let client = reset_connection();
            assert_eq!(sent(client, 5, 0).unwrap_err().0, ECONNRESET);
            sent(client, 5, MSG_NOSIGNAL)
        };
        "closed, then reset by the other end" => SIGPIPE: sent(closed_then_reset(), 5, 0);
        "closed, then reset by the other end, MSG_NOSIGNAL" => EPIPE: sent(closed_then_reset(), 5, MSG_NOSIGNAL);
        "TCP, not connected" => SIGPIPE: sent(tcp(), 5, 0);
        "TCP, not connected, MSG_NOSIGNAL" => EPIPE: sent(tcp(), 5, MSG_NOSIGNAL);
        "TCP, not connected, SIGPIPE ignored" => EPIPE: {
            libc::signal(SIGPIPE, SIG_IGN);
            sent(tcp(), 5, 0)
        };
        "listens" => SIGPIPE: sent(listener(), 5, 0);
        "listens, MSG_NOSIGNAL" => EPIPE: sent(listener(), 5, MSG_NOSIGNAL);
        "shut down for sending" => SIGPIPE: sent(half_closed(), 5, 0);
        "shut down for sending, MSG_NOSIGNAL" => EPIPE: sent(half_closed(), 5, MSG_NOSIGNAL);
        "UDP, shut down for sending" => EPIPE: {
            let sock = connected(udp(), bound(udp()));
            must(libc::shutdown(sock, SHUT_WR));
            sent(sock, 5, 0)
        };
        "UDP, not connected" => EDESTADDRREQ: sent(udp(), 5, 0);
        "bad memory" => EFAULT: send(connection().0, nowhere(), 5, 0);
        "UDP: an unreachable route" => EHOSTUNREACH: sent(rerouted(RTN_UNREACHABLE), 5, 0);
        "UDP: no route any more" => ENETUNREACH: sent(rerouted(RTN_THROW), 5, 0);
        "a signal" => EINTR: {
            let client = full();
            interrupted();
            sent(client, 5, 0)
        };
        "UDP: a blackhole route" => EINVAL: sent(rerouted(RTN_BLACKHOLE), 5, 0);
        "UDP: a datagram that is too large" => EMSGSIZE: sent(connected(udp(), bound(udp())), 65508, 0);
        "UDP: the largest datagram" => OK: sent(connected(udp(), bound(udp())), 65507, 0);
        "UDP: larger than the MTU, never to be fragmented" => EMSGSIZE: {
            own_network();
            let receiver = bound(udp());
            let sock = connected(set(udp(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO), receiver);
            set(sock, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
            let request = loopback();
            (*request).ifr_ifru.ifru_mtu = 1500;
            must(libc::ioctl(sock, SIOCSIFMTU, request));
            sent(sock, 3000, 0)
        };
        "UNIX: a datagram larger than the send buffer" => EMSGSIZE: {
            let (first, _) = pair(SOCK_DGRAM);
            sent(set(first, SOL_SOCKET, SO_SNDBUF, 4608), 100_000, 0)
        };
        "UNIX: a stream that is not connected" => ENOTCONN: sent(local(SOCK_STREAM), 5, 0);
        "UNIX: a datagram socket that is not connected" => ENOTCONN: sent(local(SOCK_DGRAM), 5, 0);
        "a file" => ENOTSOCK: sent(file(), 5, 0);
        "UDP: a firewall" => EPERM: {
            own_network();
            let sock = connected(udp(), bound(udp()));
            firewall();
            sent(sock, 5, 0)
        };
        "UDP: MSG_OOB" => EOPNOTSUPP: sent(connected(udp(), bound(udp())), 5, MSG_OOB);
        "MSG_FASTOPEN that is turned off" => EOPNOTSUPP: {
            own_network();
            setting("tcp_fastopen", "0");
            sent(tcp(), 5, MSG_FASTOPEN)
        };
        "the other end stopped acknowledging" => ETIMEDOUT: sent(timed_out(), 5, 0);
        "the other end stopped acknowledging, a second time" => SIGPIPE: {
            let client = timed_out();
            assert_eq!(sent(client, 5, 0).unwrap_err().0, ETIMEDOUT);
            sent(client, 5, 0)
        };
    }
    sendmmsg {
        "two messages" => OK: sendmmsg(connected(udp(), bound(udp())), messages(&[5, 5]), 2, 0);
        "no messages" => OK: sendmmsg(udp(), messages(&[]), 0, 0);
        "the second message is too large" => OK: {
            sendmmsg(connected(udp(), bound(udp())), messages(&[5, 65508]), 2, 0) == Ok(1)
        };
        "the first message is too large" => EMSGSIZE: {
            sendmmsg(connected(udp(), bound(udp())), messages(&[65508, 5]), 2, 0)
        };
        "more pieces than a message may have" => EMSGSIZE: {
            let messages = messages(&[5]);
            (*messages).msg_hdr.msg_iovlen = 1025;
            sendmmsg(connected(udp(), bound(udp())), messages, 1, 0)
        };
        "not open" => EBADF: sendmmsg(NOT_OPEN, messages(&[5]), 1, 0);
        "a file" => ENOTSOCK: sendmmsg(file(), messages(&[5]), 1, 0);
        "bad memory" => EFAULT: sendmmsg(connected(udp(), bound(udp())), nowhere(), 1, 0);
        "UDP, not connected" => EDESTADDRREQ: sendmmsg(udp(), messages(&[5]), 1, 0);
        "TCP, not connected" => SIGPIPE: sendmmsg(tcp(), messages(&[5]), 1, 0);
        "TCP, not connected, MSG_NOSIGNAL" => EPIPE: sendmmsg(tcp(), messages(&[5]), 1, MSG_NOSIGNAL);
        "no room" => EAGAIN: sendmmsg(full(), messages(&[5]), 1, MSG_DONTWAIT);
        "a signal" => EINTR: {
            let client = full();
            interrupted();
            sendmmsg(client, messages(&[5]), 1, 0)
        };
        "reset by the other end" => ECONNRESET: sendmmsg(reset_connection(), messages(&[5]), 1, 0);
        "an earlier datagram met nobody" => ECONNREFUSED: sendmmsg(refused(), messages(&[5]), 1, 0);
    }
    sendto {
        "a UDP socket" => OK: sent_to(udp(), 5, address(bound(udp())));
        "nobody is there" => OK: sent_to(udp(), 5, ip(HERE, 9));
        "an empty message" => OK: sent_to(udp(), 0, ip(HERE, 9));
        "a connection of TCP, whose address is not looked at" => OK: sent_to(connection().0, 5, unix("/x"));
        "a connected UDP socket, another address" => OK: sent_to(connected(udp(), bound(udp())), 5, ip(HERE, 9));
        "a broadcast address without SO_BROADCAST" => EACCES: {
            own_network();
            sent_to(udp(), 5, ip([127, 255, 255, 255], 9))
        };
        "a broadcast address with SO_BROADCAST" => OK: {
            own_network();
            sent_to(with(SO_BROADCAST, udp()), 5, ip([127, 255, 255, 255], 9))
        };
        "a route that prohibits" => EACCES: {
            own_network();
            route(RTN_PROHIBIT);
            sent_to(udp(), 5, ip(ELSEWHERE, 9))
        };
        "another family" => EAFNOSUPPORT: sent_to(udp(), 5, unix("/x"));
        "no address, not connected" => EDESTADDRREQ: sendto(udp(), room(), 5, 0, null_mut(), 0);
        "bad memory for the address" => EFAULT: sent_to(udp(), 5, nowhere());
        "bad memory for the bytes" => EFAULT: sendto(udp(), nowhere(), 5, 0, ip(HERE, 9), IPV4);
        "a size that is too small" => EINVAL: sendto(udp(), room(), 5, 0, ip(HERE, 9), IPV4 - 1);
        "a size that is too large" => EINVAL: sendto(udp(), room(), 5, 0, room().cast(), 129);
        "port 0" => EINVAL: sent_to(udp(), 5, ip(HERE, 0));
        "a blackhole route" => EINVAL: {
            own_network();
            route(RTN_BLACKHOLE);
            sent_to(udp(), 5, ip(ELSEWHERE, 9))
        };
        "UNIX: a connected stream" => EISCONN: {
            sendto(pair(SOCK_STREAM).0, room(), 5, 0, unix("\0sockmirror"), UNIX)
        };
        "UNIX: a stream that is not connected" => EOPNOTSUPP: {
            sendto(local(SOCK_STREAM), room(), 5, 0, unix("\0sockmirror"), UNIX)
        };
        "larger than any datagram" => EMSGSIZE: sent_to(udp(), 65508, ip(HERE, 9));
        "an unreachable route" => EHOSTUNREACH: {
            own_network();
            route(RTN_UNREACHABLE);
            sent_to(udp(), 5, ip(ELSEWHERE, 9))
        };
        "no route" => ENETUNREACH: {
            own_network();
            sent_to(udp(), 5, ip(ELSEWHERE, 9))
        };
        "no ephemeral port" => EAGAIN: {
            no_ephemeral_port(SOCK_DGRAM);
            sent_to(udp(), 5, ip(HERE, 9))
        };
        "a firewall" => EPERM: {
            own_network();
            firewall();
            sent_to(udp(), 5, ip(HERE, 9))
        };
        "MSG_OOB" => EOPNOTSUPP: sendto(udp(), room(), 5, MSG_OOB, ip(HERE, 9), IPV4);
        "TCP, not connected" => SIGPIPE: sendto(tcp(), room(), 5, 0, address(listener()), IPV4);
        "TCP, not connected, MSG_NOSIGNAL" => EPIPE: sent_to(tcp(), 5, address(listener()));
        "Fast Open of a non-blocking socket" => EINPROGRESS: {
            own_network();
            setting("tcp_fastopen", "1");
            sendto(nonblocking(tcp()), room(), 5, MSG_FASTOPEN, unanswered(), IPV4)
        };
        "not open" => EBADF: sent_to(NOT_OPEN, 5, ip(HERE, 9));
        "a file" => ENOTSOCK: sent_to(file(), 5, ip(HERE, 9));
        "an earlier datagram met nobody" => ECONNREFUSED: sent_to(refused(), 5, ip(HERE, 9));
    }
    recv {
        "bytes are there" => OK: {
            let (client, server) = connection();
            sent(server, 5, 0).unwrap();
            received(client, 0) == Ok(5)
        };
        "the other end has closed" => OK: {
            let (client, server) = connection();
            must(libc::close(server));
            received(client, 0) == Ok(0)
        };
        "shut down for receiving" => OK: {
            let (client, _server) = connection();
            must(libc::shutdown(client, SHUT_RD));
            received(client, 0) == Ok(0)
        };
        "a datagram longer than the room" => OK: recv(datagram(), room(), 2, 0) == Ok(2);
        "non-blocking, nothing is there" => EAGAIN: received(nonblocking(connection().0), 0);
        "MSG_DONTWAIT, nothing is there" => EAGAIN: received(udp(), MSG_DONTWAIT);
        "the receive timeout is over" => EAGAIN: received(timed(SO_RCVTIMEO, udp()), 0);
        "MSG_ERRQUEUE, no error" => EAGAIN: received(udp(), MSG_ERRQUEUE);
        "not open" => EBADF: received(NOT_OPEN, 0);
        "UDP: an earlier datagram met nobody" => ECONNREFUSED: received(refused(), 0);
        "reset by the other end" => ECONNRESET: received(reset_connection(), 0);
        "reset by the other end, a second time" => OK: {
            let client = reset_connection();
            assert_eq!(received(client, 0).unwrap_err().0, ECONNRESET);
            received(client, 0) == Ok(0)
        };
        "reset before it was accepted" => ECONNRESET: {
            let listener = listener();
            let client = connected(tcp(), listener);
            let now = linger { l_onoff: 1, l_linger: 0 };
            until(listener, POLLIN);
            must(libc::setsockopt(client, SOL_SOCKET, SO_LINGER, new(now).cast(), 8));
            must(libc::close(client));
            let server = must(libc::accept(listener, null_mut(), null_mut()));
            until(server, POLLERR);
            received(server, 0)
        };
        "bad memory" => EFAULT: {
            let (client, server) = connection();
            sent(server, 5, 0).unwrap();
            recv(client, nowhere(), 5, 0)
        };
        "UDP: bad memory" => EFAULT: recv(datagram(), nowhere(), 5, 0);
        "a router: network unreachable" => ENETUNREACH: received(told(3, 0), 0);
        "a router: host unreachable" => EHOSTUNREACH: received(told(3, 1), 0);
        "a router: protocol unreachable" => ENOPROTOOPT: received(told(3, 2), 0);
        "a router: a fragment was needed" => EMSGSIZE: received(told(3, 4), 0);
        "a router: source route failed" => EOPNOTSUPP: received(told(3, 5), 0);
        "a router: host unknown" => EHOSTDOWN: received(told(3, 7), 0);
        "a router: source host isolated" => ENONET: received(told(3, 8), 0);
        "a router: a parameter problem" => EPROTO: received(told(12, 0), 0);
        "a signal" => EINTR: {
            interrupted();
            received(connection().0, 0)
        };
        "MSG_OOB, no urgent data" => EINVAL: received(connection().0, MSG_OOB);
        "TCP, not connected" => ENOTCONN: received(tcp(), 0);
        "listens" => ENOTCONN: received(listener(), 0);
        "UNIX: a stream that is not connected" => EINVAL: received(local(SOCK_STREAM), 0);
        "a file" => ENOTSOCK: received(file(), 0);
        "UNIX: MSG_OOB of a datagram socket" => EOPNOTSUPP: received(pair(SOCK_DGRAM).0, MSG_OOB);
        "the other end stopped acknowledging" => ETIMEDOUT: received(timed_out(), 0);
    }
    recvfrom {
        "a datagram" => OK: recvfrom(datagram(), room(), 5, 0, ip(HERE, 0), new(IPV4));
        "null pointers" => OK: recvfrom(datagram(), room(), 5, 0, null_mut(), null_mut());
        "TCP gives no address" => OK: {
            let (client, server) = connection();
            sent(server, 5, 0).unwrap();
            let size = new(IPV4);
            recvfrom(client, room(), 5, 0, ip(HERE, 0), size).unwrap();
            *size == 0
        };
        "MSG_TRUNC tells the true length" => OK: {
            recvfrom(datagram(), room(), 2, MSG_TRUNC, null_mut(), null_mut()) == Ok(5)
        };
        "bad memory for the address" => EFAULT: recvfrom(datagram(), room(), 5, 0, nowhere(), new(IPV4));
        "bad memory for the size" => EFAULT: recvfrom(datagram(), room(), 5, 0, ip(HERE, 0), nowhere());
        "bad memory for the bytes" => EFAULT: recvfrom(datagram(), nowhere(), 5, 0, null_mut(), null_mut());
        "a negative size" => EINVAL: recvfrom(datagram(), room(), 5, 0, ip(HERE, 0), new(u32::MAX));
        "a negative size: the message is lost" => EAGAIN: {
            let sock = datagram();
            let result = recvfrom(sock, room(), 5, 0, ip(HERE, 0), new(u32::MAX));
            assert_eq!(result.unwrap_err().0, EINVAL);
            recvfrom(sock, room(), 5, MSG_DONTWAIT, null_mut(), null_mut())
        };
        "nothing is there" => EAGAIN: recvfrom(udp(), room(), 5, MSG_DONTWAIT, null_mut(), null_mut());
        "a signal" => EINTR: {
            interrupted();
            recvfrom(udp(), room(), 5, 0, null_mut(), null_mut())
        };
        "an earlier datagram met nobody" => ECONNREFUSED: recvfrom(refused(), room(), 5, 0, null_mut(), null_mut());
        "TCP, not connected" => ENOTCONN: recvfrom(tcp(), room(), 5, 0, null_mut(), null_mut());
        "not open" => EBADF: recvfrom(NOT_OPEN, room(), 5, 0, null_mut(), null_mut());
        "a file" => ENOTSOCK: recvfrom(file(), room(), 5, 0, null_mut(), null_mut());
    }
}

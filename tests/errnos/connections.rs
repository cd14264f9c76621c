//! `socket`, `bind`, `listen`, `accept`, `connect`, `shutdown`, `close` and the two names of a socket.

use std::ptr::null_mut;

use crate::world::*;
use libc::*;
use sockmirror::sys::socket::{accept, accept4, bind, connect, getpeername, getsockname, listen, shutdown, socket};
use sockmirror::unistd::close;

/// Two sockets of the same port, both with `SO_REUSEADDR`, and neither listens yet.
fn shared_port() -> (c_int, c_int) {
    let first = bound(with(SO_REUSEADDR, tcp()));
    let second = with(SO_REUSEADDR, tcp());
    c!(bind(second, address(first), IPV4)).unwrap();
    (first, second)
}

/// The address of a server that has ended a connection, whose remains are still there.
fn ended_connection(listener: c_int) -> *mut sockaddr {
    let address = address(listener);
    let client = connected(tcp(), listener);
    let server = c!(accept(listener, null_mut(), null_mut())).unwrap();
    must(c!(libc::close(listener)));
    must(c!(libc::close(server)));
    until(client, POLLIN);
    must(c!(libc::close(client)));
    address
}

/// A non-blocking socket whose handshake goes on.
fn connecting(to: *const sockaddr) -> c_int {
    let sock = nonblocking(tcp());
    assert_eq!(c!(connect(sock, to, IPV4)).unwrap_err().0, EINPROGRESS);
    sock
}

/// A symbolic link to itself, in the working folder.
fn looping_link() {
    own_folder();
    must(c!(libc::symlink(c"loop".as_ptr(), c"loop".as_ptr())));
}

/// A folder in the working folder, in which nothing can be made or found.
fn closed_folder() {
    own_folder();
    must(c!(libc::mkdir(c"closed".as_ptr(), 0)));
    without_capabilities();
}

rows! {
    socket {
        "TCP" => OK: socket(PF_INET, SOCK_STREAM, IPPROTO_TCP);
        "UDP, non-blocking and close-on-exec" => OK: socket(PF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        "a negative family" => EAFNOSUPPORT: socket(-1, SOCK_STREAM, 0);
        "a family above all" => EAFNOSUPPORT: socket(1000, SOCK_STREAM, 0);
        "a negative protocol" => EINVAL: socket(PF_INET, SOCK_STREAM, -1);
        "a protocol out of range" => EINVAL: socket(PF_INET, SOCK_STREAM, 100_000);
        "a type out of range" => EINVAL: socket(PF_INET, 15, 0);
        "an unknown flag in the type" => EINVAL: socket(PF_INET, SOCK_STREAM | 0x10, 0);
        "a stream that speaks UDP" => EPROTONOSUPPORT: socket(PF_INET, SOCK_STREAM, IPPROTO_UDP);
        "datagrams that speak TCP" => EPROTONOSUPPORT: socket(PF_INET, SOCK_DGRAM, IPPROTO_TCP);
        "a UNIX socket with a protocol" => EPROTONOSUPPORT: socket(PF_UNIX, SOCK_STREAM, IPPROTO_TCP);
        "a type that IPv4 lacks" => ESOCKTNOSUPPORT: socket(PF_INET, SOCK_RDM, 0);
        "a raw socket without a capability" => EPERM: {
            without_capabilities();
            socket(PF_INET, SOCK_RAW, IPPROTO_ICMP)
        };
        "a packet socket without a capability" => EPERM: {
            without_capabilities();
            socket(PF_PACKET, SOCK_RAW, 0)
        };
        "a ping socket of a group that may not" => EACCES: {
            own_network();
            socket(PF_INET, SOCK_DGRAM, IPPROTO_ICMP)
        };
        "no descriptor left" => EMFILE: {
            no_descriptors();
            socket(PF_INET, SOCK_STREAM, 0)
        };
    }
    bind {
        "a free port" => OK: bind(tcp(), ip(HERE, 0), IPV4);
        "every interface" => OK: bind(udp(), ip([0; 4], 0), IPV4);
        "a broadcast address" => OK: bind(udp(), ip([127, 255, 255, 255], 0), IPV4);
        "the broadcast address of all networks" => OK: bind(udp(), ip([255; 4], 0), IPV4);
        "a multicast address" => OK: bind(udp(), ip([224, 0, 0, 251], 0), IPV4);
        "family 0 with INADDR_ANY" => OK: bind(tcp(), zero::<sockaddr_in>().cast(), IPV4);
        "a low port without a capability" => EACCES: {
            own_network();
            without_capabilities();
            bind(tcp(), ip(HERE, 80), IPV4)
        };
        "a low port with the capability" => OK: {
            own_network();
            bind(tcp(), ip(HERE, 80), IPV4)
        };
        "the port of a listener" => EADDRINUSE: bind(tcp(), address(listener()), IPV4);
        "the port of a listener, with SO_REUSEADDR" => EADDRINUSE: {
            bind(with(SO_REUSEADDR, tcp()), address(listener()), IPV4)
        };
        "the port of another UDP socket" => EADDRINUSE: bind(udp(), address(bound(udp())), IPV4);
        "the port of a TCP socket, for UDP" => OK: {
            own_network();
            bind(udp(), address(listener()), IPV4)
        };
        "the remains of a connection" => EADDRINUSE: {
            bind(tcp(), ended_connection(listening(bound(with(SO_REUSEADDR, tcp())))), IPV4)
        };
        "the remains of a connection, both with SO_REUSEADDR" => OK: {
            let earlier = listening(bound(with(SO_REUSEADDR, tcp())));
            bind(with(SO_REUSEADDR, tcp()), ended_connection(earlier), IPV4)
        };
        "the remains of a connection without SO_REUSEADDR" => EADDRINUSE: {
            bind(with(SO_REUSEADDR, tcp()), ended_connection(listener()), IPV4)
        };
        "no ephemeral port" => EADDRINUSE: {
            no_ephemeral_port(SOCK_STREAM);
            bind(tcp(), ip(HERE, 0), IPV4)
        };
        "another machine's address" => EADDRNOTAVAIL: {
            own_network();
            bind(tcp(), ip(ELSEWHERE, 0), IPV4)
        };
        "another family" => EAFNOSUPPORT: bind(tcp(), unix("/x"), IPV4);
        "not open" => EBADF: bind(NOT_OPEN, ip(HERE, 0), IPV4);
        "bad memory" => EFAULT: bind(tcp(), nowhere(), IPV4);
        "bound already" => EINVAL: bind(bound(tcp()), ip(HERE, 0), IPV4);
        "connected already" => EINVAL: bind(connection().0, ip(HERE, 0), IPV4);
        "a size that is too small" => EINVAL: bind(tcp(), ip(HERE, 0), IPV4 - 1);
        "a size that is too large" => EINVAL: bind(tcp(), room().cast(), 129);
        "a negative size" => EINVAL: bind(tcp(), ip(HERE, 0), u32::MAX);
        "a file" => ENOTSOCK: bind(file(), ip(HERE, 0), IPV4);
        "UNIX: a path in no folder" => ENOENT: bind(local(SOCK_STREAM), unix("/nonexistent/x"), UNIX);
        "UNIX: a path in a file" => ENOTDIR: bind(local(SOCK_STREAM), unix("/dev/null/x"), UNIX);
        "UNIX: a file that is there" => EADDRINUSE: {
            own_folder();
            bind(local(SOCK_STREAM), unix("x"), UNIX).unwrap();
            bind(local(SOCK_STREAM), unix("x"), UNIX)
        };
        "UNIX: a link to itself" => ELOOP: {
            looping_link();
            bind(local(SOCK_STREAM), unix("loop/x"), UNIX)
        };
        "UNIX: a folder that may not be written" => EACCES: {
            closed_folder();
            bind(local(SOCK_STREAM), unix("closed/x"), UNIX)
        };
        "UNIX: a file system that may not be written" => EROFS: {
            own_folder();
            read_only_folder();
            bind(local(SOCK_STREAM), unix("x"), UNIX)
        };
    }
    listen {
        "bound" => OK: listen(bound(tcp()), 5);
        "not bound" => OK: listen(tcp(), 5);
        "listening already" => OK: listen(listener(), 10);
        "a negative backlog" => OK: listen(tcp(), -1);
        "another listener of the port" => EADDRINUSE: {
            let (first, second) = shared_port();
            listening(first);
            listen(second, 5)
        };
        "no ephemeral port" => EADDRINUSE: {
            no_ephemeral_port(SOCK_STREAM);
            listen(tcp(), 5)
        };
        "not open" => EBADF: listen(NOT_OPEN, 5);
        "connected" => EINVAL: listen(connection().0, 5);
        "UNIX: not bound" => EINVAL: listen(local(SOCK_STREAM), 5);
        "a file" => ENOTSOCK: listen(file(), 5);
        "UDP" => EOPNOTSUPP: listen(udp(), 5);
    }
    accept {
        "a connection waits" => OK: accept(waited_for(), ip(HERE, 0), new(IPV4));
        "a connection waits, null pointers" => OK: accept(waited_for(), null_mut(), null_mut());
        "the connection was reset while it waited" => OK: {
            let listener = listener();
            let client = connected(tcp(), listener);
            until(listener, POLLIN);
            let now = linger { l_onoff: 1, l_linger: 0 };
            must(libc::setsockopt(client, SOL_SOCKET, SO_LINGER, new(now).cast(), 8));
            must(libc::close(client));
            accept(listener, ip(HERE, 0), new(IPV4))
        };
        "non-blocking, nobody waits" => EAGAIN: accept(nonblocking(listener()), null_mut(), null_mut());
        "the receive timeout is over" => EAGAIN: accept(timed(SO_RCVTIMEO, listener()), null_mut(), null_mut());
        "not open" => EBADF: accept(NOT_OPEN, null_mut(), null_mut());
        "bad memory for the address" => EFAULT: accept(waited_for(), nowhere(), new(IPV4));
        "bad memory for the size" => EFAULT: accept(waited_for(), ip(HERE, 0), nowhere());
        "bad memory: the connection is lost" => EAGAIN: {
            let listener = nonblocking(waited_for());
            assert_eq!(accept(listener, nowhere(), new(IPV4)).unwrap_err().0, EFAULT);
            accept(listener, null_mut(), null_mut())
        };
        "a signal" => EINTR: {
            interrupted();
            accept(listener(), null_mut(), null_mut())
        };
        "does not listen" => EINVAL: accept(tcp(), null_mut(), null_mut());
        "is a connection" => EINVAL: accept(connection().0, null_mut(), null_mut());
        "stopped listening" => EINVAL: {
            let listener = listener();
            must(libc::shutdown(listener, SHUT_RD));
            accept(listener, null_mut(), null_mut())
        };
        "a negative size" => EINVAL: accept(waited_for(), ip(HERE, 0), new(u32::MAX));
        "no descriptor left" => EMFILE: {
            let listener = waited_for();
            no_descriptors();
            accept(listener, null_mut(), null_mut())
        };
        "no descriptor left, nobody waits" => EMFILE: {
            let listener = listener();
            no_descriptors();
            accept(listener, null_mut(), null_mut())
        };
        "a file" => ENOTSOCK: accept(file(), null_mut(), null_mut());
        "UDP" => EOPNOTSUPP: accept(udp(), null_mut(), null_mut());
    }
    accept4 {
        "both flags" => OK: accept4(waited_for(), null_mut(), null_mut(), SOCK_NONBLOCK | SOCK_CLOEXEC);
        "an unknown flag" => EINVAL: accept4(waited_for(), null_mut(), null_mut(), 1);
        "non-blocking, nobody waits" => EAGAIN: accept4(nonblocking(listener()), null_mut(), null_mut(), 0);
        "the listener blocks, the flag is for the new socket" => EINTR: {
            interrupted();
            accept4(listener(), null_mut(), null_mut(), SOCK_NONBLOCK)
        };
        "not open" => EBADF: accept4(NOT_OPEN, null_mut(), null_mut(), 0);
        "a file" => ENOTSOCK: accept4(file(), null_mut(), null_mut(), 0);
        "UDP" => EOPNOTSUPP: accept4(udp(), null_mut(), null_mut(), 0);
        "no descriptor left" => EMFILE: {
            let listener = waited_for();
            no_descriptors();
            accept4(listener, null_mut(), null_mut(), 0)
        };
        "bad memory" => EFAULT: accept4(waited_for(), nowhere(), new(IPV4), 0);
    }
    connect {
        "a listener" => OK: connect(tcp(), address(listener()), IPV4);
        "UDP: nobody is there" => OK: connect(udp(), ip(HERE, 9), IPV4);
        "UDP: connected already" => OK: connect(connected(udp(), bound(udp())), ip(HERE, 9), IPV4);
        "a broadcast address without SO_BROADCAST" => EACCES: {
            own_network();
            connect(udp(), ip([127, 255, 255, 255], 9), IPV4)
        };
        "a broadcast address with SO_BROADCAST" => OK: {
            own_network();
            connect(with(SO_BROADCAST, udp()), ip([127, 255, 255, 255], 9), IPV4)
        };
        "a route that prohibits" => EACCES: {
            own_network();
            route(RTN_PROHIBIT);
            connect(tcp(), ip(ELSEWHERE, 9), IPV4)
        };
        "a connection of the same two addresses" => EADDRNOTAVAIL: {
            let listener = listener();
            let (first, second) = shared_port();
            connected(first, listener);
            connect(second, address(listener), IPV4)
        };
        "no ephemeral port" => EADDRNOTAVAIL: {
            no_ephemeral_port(SOCK_STREAM);
            connect(tcp(), ip(HERE, 40000), IPV4)
        };
        "UDP: no ephemeral port" => EAGAIN: {
            no_ephemeral_port(SOCK_DGRAM);
            connect(udp(), ip(HERE, 9), IPV4)
        };
        "UNIX: non-blocking, the backlog is full" => EAGAIN: {
            own_folder();
            let listener = local(SOCK_STREAM);
            bind(listener, unix("x"), UNIX).unwrap();
            listen(listener, 0).unwrap();
            connect(local(SOCK_STREAM), unix("x"), UNIX).unwrap();
            connect(nonblocking(local(SOCK_STREAM)), unix("x"), UNIX)
        };
        "another family" => EAFNOSUPPORT: connect(tcp(), unix("/x"), IPV4);
        "non-blocking, no answer yet" => EINPROGRESS: {
            own_network();
            connect(nonblocking(tcp()), unanswered(), IPV4)
        };
        "the send timeout is over" => EINPROGRESS: {
            own_network();
            connect(timed(SO_SNDTIMEO, tcp()), unanswered(), IPV4)
        };
        "non-blocking, a firewall drops the handshake" => EINPROGRESS: {
            own_network();
            let address = address(listener());
            firewall();
            connect(nonblocking(tcp()), address, IPV4)
        };
        "busy with a connect" => EALREADY: {
            let address = unanswered();
            connect(connecting(address), address, IPV4)
        };
        "not open" => EBADF: connect(NOT_OPEN, ip(HERE, 9), IPV4);
        "nobody listens" => ECONNREFUSED: connect(tcp(), address(bound(tcp())), IPV4);
        "UNIX: nobody listens" => ECONNREFUSED: connect(local(SOCK_STREAM), unix("\0sockmirror-nobody"), UNIX);
        "bad memory" => EFAULT: connect(tcp(), nowhere(), IPV4);
        "an unreachable route" => EHOSTUNREACH: {
            own_network();
            route(RTN_UNREACHABLE);
            connect(tcp(), ip(ELSEWHERE, 9), IPV4)
        };
        "no route" => ENETUNREACH: {
            own_network();
            connect(tcp(), ip(ELSEWHERE, 9), IPV4)
        };
        "TCP to a broadcast address" => ENETUNREACH: {
            own_network();
            connect(with(SO_BROADCAST, tcp()), ip([127, 255, 255, 255], 9), IPV4)
        };
        "TCP to a multicast address" => ENETUNREACH: {
            own_network();
            connect(tcp(), ip([224, 0, 0, 251], 9), IPV4)
        };
        "a signal" => EINTR: {
            own_network();
            interrupted();
            connect(tcp(), unanswered(), IPV4)
        };
        "a size that is too small" => EINVAL: connect(tcp(), ip(HERE, 9), IPV4 - 1);
        "a size that is too large" => EINVAL: connect(tcp(), room().cast(), 129);
        "a blackhole route" => EINVAL: {
            own_network();
            route(RTN_BLACKHOLE);
            connect(tcp(), ip(ELSEWHERE, 9), IPV4)
        };
        "connected already" => EISCONN: connect(connection().0, address(listener()), IPV4);
        "listens" => EISCONN: connect(listener(), address(listener()), IPV4);
        "a file" => ENOTSOCK: connect(file(), ip(HERE, 9), IPV4);
        "UNIX: a stream to a datagram socket" => EPROTOTYPE: {
            own_folder();
            bind(local(SOCK_DGRAM), unix("x"), UNIX).unwrap();
            connect(local(SOCK_STREAM), unix("x"), UNIX)
        };
        "UNIX: no such file" => ENOENT: connect(local(SOCK_STREAM), unix("/nonexistent"), UNIX);
        "UNIX: a path in a file" => ENOTDIR: connect(local(SOCK_STREAM), unix("/dev/null/x"), UNIX);
        "UNIX: a link to itself" => ELOOP: {
            looping_link();
            connect(local(SOCK_STREAM), unix("loop"), UNIX)
        };
        "UNIX: a folder that may not be searched" => EACCES: {
            closed_folder();
            connect(local(SOCK_STREAM), unix("closed/x"), UNIX)
        };
        "no answer in the time that the socket has" => ETIMEDOUT: {
            own_network();
            connect(set(tcp(), IPPROTO_TCP, TCP_USER_TIMEOUT, 1), unanswered(), IPV4)
        };
        "non-blocking, then reset by the other end" => ECONNREFUSED: {
            let sock = connecting(address(bound(tcp())));
            until(sock, POLLOUT);
            connect(sock, ip(HERE, 9), IPV4)
        };
    }
    shutdown {
        "a connection" => OK: shutdown(connection().0, SHUT_WR);
        "shut down already" => OK: {
            let (client, _) = connection();
            shutdown(client, SHUT_WR).unwrap();
            shutdown(client, SHUT_WR)
        };
        "a listener" => OK: shutdown(listener(), SHUT_RD);
        "not open" => EBADF: shutdown(NOT_OPEN, SHUT_WR);
        "a direction that there is not" => EINVAL: shutdown(connection().0, 3);
        "a negative direction" => EINVAL: shutdown(connection().0, -1);
        "not connected" => ENOTCONN: shutdown(tcp(), SHUT_WR);
        "UDP, not connected" => ENOTCONN: shutdown(udp(), SHUT_WR);
        "after a reset" => ENOTCONN: shutdown(reset_connection(), SHUT_WR);
        "a file" => ENOTSOCK: shutdown(file(), SHUT_WR);
    }
    close {
        "a socket" => OK: close(tcp());
        "not open" => EBADF: close(NOT_OPEN);
        "closed already" => EBADF: {
            let sock = tcp();
            close(sock).unwrap();
            close(sock)
        };
        "bytes that could not be sent, with a linger time" => OK: {
            let client = full();
            let time = new(linger { l_onoff: 1, l_linger: 60 });
            must(libc::setsockopt(client, SOL_SOCKET, SO_LINGER, time.cast(), 8));
            interrupted();
            close(client)
        };
    }
    getsockname {
        "bound" => OK: getsockname(bound(tcp()), ip(HERE, 0), new(IPV4));
        "not bound" => OK: getsockname(tcp(), ip(HERE, 0), new(IPV4));
        "no room for the address" => OK: getsockname(bound(tcp()), ip(HERE, 0), new(0));
        "not open" => EBADF: getsockname(NOT_OPEN, ip(HERE, 0), new(IPV4));
        "bad memory for the address" => EFAULT: getsockname(tcp(), nowhere(), new(IPV4));
        "bad memory for the size" => EFAULT: getsockname(tcp(), ip(HERE, 0), nowhere());
        "a negative size" => EINVAL: getsockname(tcp(), ip(HERE, 0), new(u32::MAX));
        "a file" => ENOTSOCK: getsockname(file(), ip(HERE, 0), new(IPV4));
    }
    getpeername {
        "a connection" => OK: getpeername(connection().0, ip(HERE, 0), new(IPV4));
        "UDP, connected" => OK: getpeername(connected(udp(), bound(udp())), ip(HERE, 0), new(IPV4));
        "not open" => EBADF: getpeername(NOT_OPEN, ip(HERE, 0), new(IPV4));
        "bad memory for the address" => EFAULT: getpeername(connection().0, nowhere(), new(IPV4));
        "bad memory for the size" => EFAULT: getpeername(connection().0, ip(HERE, 0), nowhere());
        "a negative size" => EINVAL: getpeername(connection().0, ip(HERE, 0), new(u32::MAX));
        "not connected" => ENOTCONN: getpeername(tcp(), ip(HERE, 0), new(IPV4));
        "listens" => ENOTCONN: getpeername(listener(), ip(HERE, 0), new(IPV4));
        "after a reset" => ENOTCONN: getpeername(reset_connection(), ip(HERE, 0), new(IPV4));
        "handshake goes on" => ENOTCONN: getpeername(connecting(unanswered()), ip(HERE, 0), new(IPV4));
        "a file" => ENOTSOCK: getpeername(file(), ip(HERE, 0), new(IPV4));
    }
}

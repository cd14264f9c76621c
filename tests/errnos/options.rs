//! `getsockopt` and `setsockopt`.

use crate::world::*;
use errno::Errno;
use libc::*;
use sockmirror::sys::socket::{getsockopt, setsockopt};

/// `getsockopt` of an int.
fn got(sock: c_int, level: c_int, option: c_int) -> Result<(), Errno> {
    c!(getsockopt(sock, level, option, room(), new(4)))
}

/// `setsockopt` with an int.
fn made(sock: c_int, level: c_int, option: c_int, value: c_int) -> Result<(), Errno> {
    c!(setsockopt(sock, level, option, new(value).cast(), 4))
}

/// `setsockopt(IP_ADD_MEMBERSHIP)`, with the group and the interface's address.
fn joined(sock: c_int, group: [u8; 4], interface: [u8; 4]) -> Result<(), Errno> {
    let group = [group, interface].concat().leak().as_ptr();
    c!(setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, group.cast(), 8))
}

/// `setsockopt` with a time of so many microseconds.
fn timeout(microseconds: i64) -> Result<(), Errno> {
    let time = new(timeval { tv_sec: 0, tv_usec: microseconds });
    c!(setsockopt(tcp(), SOL_SOCKET, SO_RCVTIMEO, time.cast(), 16))
}

rows! {
    getsockopt {
        "SO_TYPE" => OK: got(tcp(), SOL_SOCKET, SO_TYPE);
        "IP_MTU of a connection" => OK: got(connection().0, IPPROTO_IP, IP_MTU);
        "not open" => EBADF: got(NOT_OPEN, SOL_SOCKET, SO_TYPE);
        "bad memory for the value" => EFAULT: getsockopt(tcp(), SOL_SOCKET, SO_TYPE, nowhere(), new(4));
        "bad memory for the size" => EFAULT: getsockopt(tcp(), SOL_SOCKET, SO_TYPE, room(), nowhere());
        "a negative size" => EINVAL: getsockopt(tcp(), SOL_SOCKET, SO_TYPE, room(), new(u32::MAX));
        "an unknown option of SOL_SOCKET" => ENOPROTOOPT: got(tcp(), SOL_SOCKET, 9999);
        "an unknown option of IPPROTO_IP" => ENOPROTOOPT: got(tcp(), IPPROTO_IP, 9999);
        "an unknown option of IPPROTO_TCP" => ENOPROTOOPT: got(tcp(), IPPROTO_TCP, 9999);
        "IP_ADD_MEMBERSHIP, which is for setting only" => ENOPROTOOPT: got(udp(), IPPROTO_IP, IP_ADD_MEMBERSHIP);
        "IP_MTU, not connected" => ENOTCONN: got(udp(), IPPROTO_IP, IP_MTU);
        "SO_PEERNAME, not connected" => ENOTCONN: got(tcp(), SOL_SOCKET, SO_PEERNAME);
        "SO_PEERGROUPS of TCP" => ENODATA: got(tcp(), SOL_SOCKET, SO_PEERGROUPS);
        "a file" => ENOTSOCK: got(file(), SOL_SOCKET, SO_TYPE);
        "IPPROTO_TCP of a UDP socket" => EOPNOTSUPP: got(udp(), IPPROTO_TCP, TCP_NODELAY);
        "an unknown level" => EOPNOTSUPP: got(tcp(), 9999, 1);
        "IPPROTO_TCP of a UNIX socket" => EOPNOTSUPP: got(local(SOCK_STREAM), IPPROTO_TCP, TCP_NODELAY);
        "the rules of the firewall without a capability" => EPERM: {
            const IPT_SO_GET_INFO: c_int = 64;
            own_network();
            if got(tcp(), IPPROTO_IP, IPT_SO_GET_INFO) == Err(Errno(ENOPROTOOPT)) {
                not_run("the kernel lacks iptables");
            }
            without_capabilities();
            got(tcp(), IPPROTO_IP, IPT_SO_GET_INFO)
        };
    }
    setsockopt {
        "TCP_NODELAY" => OK: made(tcp(), IPPROTO_TCP, TCP_NODELAY, 1);
        "a buffer larger than may be" => OK: made(tcp(), SOL_SOCKET, SO_RCVBUF, c_int::MAX);
        "a negative buffer" => OK: made(tcp(), SOL_SOCKET, SO_RCVBUF, -1);
        "SO_DEBUG without a capability" => EACCES: {
            without_capabilities();
            made(tcp(), SOL_SOCKET, SO_DEBUG, 1)
        };
        "a group that the socket is in" => EADDRINUSE: {
            own_network();
            let sock = udp();
            joined(sock, [224, 0, 0, 251], HERE).unwrap();
            joined(sock, [224, 0, 0, 251], HERE)
        };
        "the address of no interface" => EADDRNOTAVAIL: {
            own_network();
            let interface = ELSEWHERE.to_vec().leak().as_ptr();
            setsockopt(udp(), IPPROTO_IP, IP_MULTICAST_IF, interface.cast(), 4)
        };
        "a group that the socket is not in" => EADDRNOTAVAIL: {
            own_network();
            let group = [[224, 0, 0, 251], HERE].concat().leak().as_ptr();
            setsockopt(udp(), IPPROTO_IP, IP_DROP_MEMBERSHIP, group.cast(), 8)
        };
        "not open" => EBADF: made(NOT_OPEN, SOL_SOCKET, SO_REUSEADDR, 1);
        "microseconds above one second" => EDOM: timeout(1_000_000);
        "negative microseconds" => EDOM: timeout(-1);
        "bad memory" => EFAULT: setsockopt(tcp(), SOL_SOCKET, SO_REUSEADDR, nowhere(), 4);
        "a size that is too small" => EINVAL: setsockopt(tcp(), SOL_SOCKET, SO_REUSEADDR, room(), 3);
        "a size that is too small, of a timeout" => EINVAL: setsockopt(tcp(), SOL_SOCKET, SO_RCVTIMEO, room(), 8);
        "IP_TTL 0" => EINVAL: made(tcp(), IPPROTO_IP, IP_TTL, 0);
        "IP_TTL 256" => EINVAL: made(tcp(), IPPROTO_IP, IP_TTL, 256);
        "IP_TTL -1" => OK: made(tcp(), IPPROTO_IP, IP_TTL, -1);
        "TCP_MAXSEG 87" => EINVAL: made(tcp(), IPPROTO_TCP, TCP_MAXSEG, 87);
        "TCP_MAXSEG 88" => OK: made(tcp(), IPPROTO_TCP, TCP_MAXSEG, 88);
        "TCP_MAXSEG 32768" => EINVAL: made(tcp(), IPPROTO_TCP, TCP_MAXSEG, 32768);
        "no multicast group" => EINVAL: joined(udp(), HERE, HERE);
        "IP_MULTICAST_TTL of a TCP socket" => EINVAL: made(tcp(), IPPROTO_IP, IP_MULTICAST_TTL, 1);
        "more groups than may be" => ENOBUFS: {
            own_network();
            setting("igmp_max_memberships", "1");
            let sock = udp();
            joined(sock, [224, 0, 0, 251], HERE).unwrap();
            joined(sock, [224, 0, 0, 252], HERE)
        };
        "a group, and no interface" => ENODEV: {
            own_network();
            joined(udp(), [224, 0, 0, 251], ELSEWHERE)
        };
        "SO_BINDTODEVICE to no interface" => ENODEV: {
            setsockopt(udp(), SOL_SOCKET, SO_BINDTODEVICE, c"nonexistent".as_ptr().cast(), 11)
        };
        "SO_DETACH_FILTER without a filter" => ENOENT: made(tcp(), SOL_SOCKET, SO_DETACH_FILTER, 0);
        "TCP_CONGESTION of an unknown name" => ENOENT: {
            setsockopt(tcp(), IPPROTO_TCP, TCP_CONGESTION, c"nonexistent".as_ptr().cast(), 11)
        };
        "an unknown option of SOL_SOCKET" => ENOPROTOOPT: made(tcp(), SOL_SOCKET, 9999, 1);
        "SO_TYPE, which is for reading only" => ENOPROTOOPT: made(tcp(), SOL_SOCKET, SO_TYPE, 1);
        "SO_ERROR, which is for reading only" => ENOPROTOOPT: made(tcp(), SOL_SOCKET, SO_ERROR, 1);
        "TCP_INFO, which is for reading only" => ENOPROTOOPT: made(tcp(), IPPROTO_TCP, TCP_INFO, 1);
        "IPPROTO_TCP of a UDP socket" => ENOPROTOOPT: made(udp(), IPPROTO_TCP, TCP_NODELAY, 1);
        "an unknown level" => ENOPROTOOPT: made(tcp(), 9999, 1, 1);
        "a file" => ENOTSOCK: made(file(), SOL_SOCKET, SO_REUSEADDR, 1);
        "SO_PASSCRED of a TCP socket" => EOPNOTSUPP: made(tcp(), SOL_SOCKET, SO_PASSCRED, 1);
        "IPPROTO_TCP of a UNIX socket" => EOPNOTSUPP: made(local(SOCK_STREAM), IPPROTO_TCP, TCP_NODELAY, 1);
        "SO_RCVBUFFORCE without a capability" => EPERM: {
            without_capabilities();
            made(tcp(), SOL_SOCKET, SO_RCVBUFFORCE, 100_000)
        };
        "SO_PRIORITY above 6 without a capability" => EPERM: {
            without_capabilities();
            made(tcp(), SOL_SOCKET, SO_PRIORITY, 7)
        };
        "IP_ADD_MEMBERSHIP of a TCP socket" => EPROTO: joined(tcp(), [224, 0, 0, 251], HERE);
    }
}

//! What a row makes its condition of: sockets, files, limits, namespaces.
//!
//! A row's process ends with the row, so nothing is given back: memory stays valid, and descriptors stay open. What
//! cannot be made panics, and the row fails; where the system forbids it, the row is not run.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::mem::zeroed;
use std::process::exit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{c_char, c_int, c_void, in_addr, sockaddr, sockaddr_in, sockaddr_un, socklen_t};
use sockmirror::sys::socket::{accept, bind, connect, listen, socket};

use crate::own_process::NOT_RUN;

/// The argument of a process that waits until its standard input ends.
pub const HOLD: &str = "--hold";
/// No row has so many descriptors.
pub const NOT_OPEN: c_int = 500;
/// The size of `sockaddr_in`.
pub const IPV4: socklen_t = size_of::<sockaddr_in>() as socklen_t;
/// The size of `sockaddr_un`.
pub const UNIX: socklen_t = size_of::<sockaddr_un>() as socklen_t;
/// This machine.
pub const HERE: [u8; 4] = [127, 0, 0, 1];
/// No machine has this address (RFC 5737).
pub const ELSEWHERE: [u8; 4] = [192, 0, 2, 1];
/// A user and group without rights.
const NOBODY: libc::uid_t = 65534;
/// How long a row may take. Only a call that hangs takes as long.
const LIMIT_S: u32 = 60;

/// A call of C for its result.
macro_rules! c {
    ($call:expr) => {{
        // SAFETY: the process has one thread, and what it passes stays valid until the process ends.
        unsafe { $call }
    }};
}

/// The result of a call that must succeed.
#[track_caller]
pub fn must<T: PartialOrd + Default>(result: T) -> T {
    let error = std::io::Error::last_os_error();
    assert!(result >= T::default(), "the condition could not be made: {error}");
    result
}

/// Ends the process: the row needs what is not to be had here.
pub fn not_run(reason: &str) -> ! {
    println!("{NOT_RUN}{reason}");
    exit(0)
}

/// Makes a process the same on every machine. Where there is no network at all, the process makes one.
pub fn begin() {
    must(c!(libc::close_range(3, u32::MAX, 0)));
    for signal in 1..=64 {
        c!(libc::signal(signal, libc::SIG_DFL));
    }
    let none = signals(&[]);
    must(c!(libc::sigprocmask(libc::SIG_SETMASK, none, null_mut())));
    limit(libc::RLIMIT_CORE, 0);
    c!(libc::alarm(LIMIT_S));
    let flags = loopback();
    must(c!(libc::ioctl(udp(), libc::SIOCGIFFLAGS, flags)));
    if c!(i32::from((*flags).ifr_ifru.ifru_flags)) & libc::IFF_UP == 0 {
        own_network();
    }
    must(c!(libc::close_range(3, u32::MAX, 0)));
}

/// A value in memory that is never freed.
pub fn new<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// A value of zeros.
pub fn zero<T: Copy>() -> *mut T {
    new(c!(zeroed::<T>()))
}

/// Memory for a message, with room for the largest.
pub fn room() -> *mut c_void {
    new([0u8; 1 << 17]).cast()
}

/// An address where nothing may be read or written.
pub fn nowhere<T>() -> *mut T {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let page = c!(libc::mmap(null_mut(), 8192, libc::PROT_NONE, flags, -1, 0));
    assert_ne!(page, libc::MAP_FAILED);
    page.cast()
}

/// A C string.
pub fn text(text: &str) -> *mut c_char {
    CString::new(text).unwrap().into_raw()
}

/// An IPv4 address.
pub fn ip(host: [u8; 4], port: u16) -> *mut sockaddr {
    let sin_addr = in_addr { s_addr: u32::from_ne_bytes(host) };
    let address: *mut sockaddr_in =
        new(sockaddr_in { sin_family: libc::AF_INET as u16, sin_port: port.to_be(), sin_addr, sin_zero: [0; 8] });
    address.cast()
}

/// The address of a UNIX socket. One that begins with a NUL is not a file.
pub fn unix(path: &str) -> *mut sockaddr {
    let address: *mut sockaddr_un = zero();
    // SAFETY: the address was just made, and nobody else has it.
    let address = unsafe { &mut *address };
    address.sun_family = libc::AF_UNIX as u16;
    for (place, byte) in address.sun_path.iter_mut().zip(path.bytes()) {
        *place = byte as c_char;
    }
    (&raw mut *address).cast()
}

/// A TCP socket.
pub fn tcp() -> c_int {
    socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap()
}

/// A UDP socket.
pub fn udp() -> c_int {
    socket(libc::AF_INET, libc::SOCK_DGRAM, 0).unwrap()
}

/// A UNIX socket.
pub fn local(kind: c_int) -> c_int {
    socket(libc::AF_UNIX, kind, 0).unwrap()
}

/// Sets an option whose value is an int.
pub fn set(sock: c_int, level: c_int, option: c_int, value: c_int) -> c_int {
    must(c!(libc::setsockopt(sock, level, option, new(value).cast::<c_void>(), 4)));
    sock
}

/// Sets an option of `SOL_SOCKET`.
pub fn with(option: c_int, sock: c_int) -> c_int {
    set(sock, libc::SOL_SOCKET, option, 1)
}

/// Binds a socket to a port that the kernel chooses.
pub fn bound(sock: c_int) -> c_int {
    c!(bind(sock, ip(HERE, 0), IPV4)).unwrap();
    sock
}

/// The address of a socket.
pub fn address(sock: c_int) -> *mut sockaddr {
    let address = ip(HERE, 0);
    must(c!(libc::getsockname(sock, address, new(IPV4))));
    address
}

/// The port of a socket.
pub fn port(sock: c_int) -> u16 {
    let address: *mut sockaddr_in = address(sock).cast();
    u16::from_be(c!((*address).sin_port))
}

/// Has a socket listen.
pub fn listening(sock: c_int) -> c_int {
    listen(sock, 5).unwrap();
    sock
}

/// A TCP socket that listens.
pub fn listener() -> c_int {
    listening(bound(tcp()))
}

/// A connection: the client's end and the server's.
pub fn connection() -> (c_int, c_int) {
    let listener = listener();
    let client = connected(tcp(), listener);
    (client, c!(accept(listener, null_mut(), null_mut())).unwrap())
}

/// Connects a socket to another one's address.
pub fn connected(sock: c_int, to: c_int) -> c_int {
    c!(connect(sock, address(to), IPV4)).unwrap();
    sock
}

/// A listener for which a connection waits.
pub fn waited_for() -> c_int {
    let listener = listener();
    connected(tcp(), listener);
    until(listener, libc::POLLIN);
    listener
}

/// Has a connection reset by its other end, and waits until the reset is there.
pub fn reset(sock: c_int, other: c_int) -> c_int {
    let now = libc::linger { l_onoff: 1, l_linger: 0 };
    must(c!(libc::setsockopt(other, libc::SOL_SOCKET, libc::SO_LINGER, new(now).cast(), 8)));
    must(c!(libc::close(other)));
    until(sock, libc::POLLERR);
    sock
}

/// The client's end of a connection that the server has reset.
pub fn reset_connection() -> c_int {
    let (client, server) = connection();
    reset(client, server)
}

/// A socket that drops every packet that arrives: its other end gets no answer. It takes a capability in its network.
fn deaf(sock: c_int) -> c_int {
    let drop = libc::sock_filter { code: 6, jt: 0, jf: 0, k: 0 };
    let program = new(libc::sock_fprog { len: 1, filter: new(drop) });
    let size = size_of::<libc::sock_fprog>() as socklen_t;
    must(c!(libc::setsockopt(sock, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program.cast(), size)));
    sock
}

/// The address of a listener that answers no handshake, in a network of the process's own.
pub fn unanswered() -> *mut sockaddr {
    own_network();
    address(deaf(listener()))
}

/// Makes a descriptor non-blocking.
pub fn nonblocking(fd: c_int) -> c_int {
    let flags = must(c!(libc::fcntl(fd, libc::F_GETFL)));
    must(c!(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK)));
    fd
}

/// Gives a socket the shortest timeout there is, for `SO_RCVTIMEO` or `SO_SNDTIMEO`.
pub fn timed(option: c_int, sock: c_int) -> c_int {
    let time = new(libc::timeval { tv_sec: 0, tv_usec: 1 });
    must(c!(libc::setsockopt(sock, libc::SOL_SOCKET, option, time.cast(), 16)));
    sock
}

/// The end of a connection whose send buffer is full and stays so, since nothing is acknowledged.
pub fn full() -> c_int {
    own_network();
    let (client, server) = connection();
    deaf(server);
    while c!(libc::send(client, room(), 1 << 17, libc::MSG_DONTWAIT)) > 0 {}
    client
}

/// The end of a connection whose other end has stopped acknowledging, after the connection has been given up.
pub fn timed_out() -> c_int {
    own_network();
    let (client, server) = connection();
    deaf(server);
    set(client, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 1);
    must(c!(libc::send(client, room(), 1, 0)));
    until(client, libc::POLLERR);
    client
}

/// A connected UDP socket that learned that nobody receives its datagrams.
pub fn refused() -> c_int {
    let receiver = bound(udp());
    let sock = connected(udp(), receiver);
    must(c!(libc::close(receiver)));
    must(c!(libc::send(sock, room(), 1, 0)));
    until(sock, libc::POLLERR);
    sock
}

/// Waits until a descriptor has an event.
pub fn until(fd: c_int, events: i16) {
    let poll = new(libc::pollfd { fd, events, revents: 0 });
    must(c!(libc::poll(poll, 1, -1)));
}

/// A file, opened for reading and writing, in no directory.
pub fn file() -> c_int {
    must(c!(libc::memfd_create(c"file".as_ptr(), libc::MFD_CLOEXEC)))
}

/// A file of one page.
pub fn page() -> c_int {
    let file = file();
    must(c!(libc::ftruncate(file, 4096)));
    file
}

/// Opens a path.
pub fn opened(path: &str, flags: c_int) -> c_int {
    must(c!(libc::open(text(path), flags)))
}

/// The same file, opened anew.
pub fn reopened(fd: c_int, flags: c_int) -> c_int {
    opened(&format!("/proc/self/fd/{fd}"), flags)
}

/// The ends of a pipe: for reading and for writing.
pub fn new_pipe() -> (c_int, c_int) {
    let ends = new([0; 2]);
    must(c!(libc::pipe(ends.cast())));
    c!(((*ends)[0], (*ends)[1]))
}

/// The end of a pipe that nobody reads, for writing.
pub fn broken_pipe() -> c_int {
    let (reading, writing) = new_pipe();
    must(c!(libc::close(reading)));
    writing
}

/// A pair of UNIX sockets.
pub fn pair(kind: c_int) -> (c_int, c_int) {
    let ends = new([0; 2]);
    must(c!(libc::socketpair(libc::AF_UNIX, kind, 0, ends.cast())));
    c!(((*ends)[0], (*ends)[1]))
}

/// A limit of the process.
pub fn limit(resource: libc::__rlimit_resource_t, number: u64) {
    let limit = new(libc::rlimit { rlim_cur: number, rlim_max: number });
    must(c!(libc::setrlimit(resource, limit)));
}

/// Leaves the process no descriptor but those that it has.
pub fn no_descriptors() {
    let next = must(c!(libc::dup(0)));
    must(c!(libc::close(next)));
    limit(libc::RLIMIT_NOFILE, next as u64);
}

/// A set of signals.
pub fn signals(members: &[c_int]) -> *mut libc::sigset_t {
    let set = zero();
    must(c!(libc::sigemptyset(set)));
    for &member in members {
        must(c!(libc::sigaddset(set, member)));
    }
    set
}

/// A set of signals, which are blocked.
pub fn blocked(members: &[c_int]) -> *mut libc::sigset_t {
    let set = signals(members);
    must(c!(libc::sigprocmask(libc::SIG_BLOCK, set, null_mut())));
    set
}

extern "C" fn nothing(_: c_int) {}

/// Has a signal caught again and again, so that a call that waits is interrupted, whenever it begins to.
pub fn interrupted() {
    let action: *mut libc::sigaction = zero();
    c!((*action).sa_sigaction = nothing as extern "C" fn(c_int) as usize);
    must(c!(libc::sigaction(libc::SIGUSR1, action, null_mut())));
    let event: *mut libc::sigevent = zero();
    c!((*event).sigev_notify = libc::SIGEV_SIGNAL);
    c!((*event).sigev_signo = libc::SIGUSR1);
    let timer = zero();
    must(c!(libc::timer_create(libc::CLOCK_MONOTONIC, event, timer)));
    let often = libc::timespec { tv_sec: 0, tv_nsec: 2_000_000 };
    let time = new(libc::itimerspec { it_interval: often, it_value: often });
    must(c!(libc::timer_settime(*timer, 0, time, null_mut())));
}

/// A child that does something and then waits for a signal; its number.
pub fn child(does: impl FnOnce()) -> libc::pid_t {
    let parent = c!(libc::getpid());
    let pid = must(c!(libc::fork()));
    if pid == 0 {
        must(c!(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)));
        // The parent may have ended before.
        if c!(libc::getppid()) != parent {
            c!(libc::_exit(0));
        }
        c!(libc::alarm(LIMIT_S));
        does();
        loop {
            c!(libc::pause());
        }
    }
    pid
}

/// A child that has ended with 0.
pub fn ended_child() -> libc::pid_t {
    let pid = child(|| c!(libc::_exit(0)));
    let information: *mut libc::siginfo_t = zero();
    must(c!(libc::waitid(libc::P_PID, pid as u32, information, libc::WEXITED | libc::WNOWAIT)));
    pid
}

/// A child that has called `execve` of a copy of this program since, and waits.
pub fn executed(program: &str) -> libc::pid_t {
    let (reading, writing) = new_pipe();
    must(c!(libc::fcntl(writing, libc::F_SETFD, libc::FD_CLOEXEC)));
    let (kept, holds) = new_pipe();
    let path = text(program);
    let arguments = new([path.cast_const(), text(HOLD).cast_const(), null()]);
    let child = child(|| {
        must(c!(libc::dup2(kept, 0)));
        must(c!(libc::close(holds)));
        must(c!(libc::execv(path, arguments.cast())));
    });
    must(c!(libc::close(writing)));
    // The pipe ends with the execve.
    assert_eq!(c!(libc::read(reading, room(), 1)), 0);
    child
}

/// The number of a process that there was.
pub fn no_process() -> libc::pid_t {
    let pid = ended_child();
    must(c!(libc::waitpid(pid, null_mut(), 0)));
    pid
}

/// Reads standard input until it ends.
pub fn hold() {
    let byte = room();
    while c!(libc::read(0, byte, 1)) > 0 {}
}

/// Takes every capability from the process. A file's owner is still its owner.
pub fn without_capabilities() {
    let header = new([0x2008_0522u32, 0]); // _LINUX_CAPABILITY_VERSION_3, this process
    must(c!(libc::syscall(libc::SYS_capset, header, new([0u32; 6]))));
}

/// Makes root an ordinary user.
pub fn ordinary_user() {
    if c!(libc::getuid()) == 0
        && (c!(libc::setgroups(0, null())) < 0
            || c!(libc::setresgid(NOBODY, NOBODY, NOBODY)) < 0
            || c!(libc::setresuid(NOBODY, NOBODY, NOBODY)) < 0)
    {
        not_run("this root cannot become another user");
    }
}

/// A user namespace with others, in which the process is root.
fn namespaces(flags: c_int) {
    let (user, group) = (c!(libc::getuid()), c!(libc::getgid()));
    if c!(libc::unshare(libc::CLONE_NEWUSER | flags)) < 0 {
        not_run(&format!("unshare: {}", std::io::Error::last_os_error()));
    }
    let maps =
        [("setgroups", "deny".to_owned()), ("uid_map", format!("0 {user} 1")), ("gid_map", format!("0 {group} 1"))];
    for (map, content) in maps {
        if let Err(error) = fs::write(format!("/proc/self/{map}"), content) {
            not_run(&format!("/proc/self/{map}: {error}"));
        }
    }
}

/// A request about the loopback interface.
pub fn loopback() -> *mut libc::ifreq {
    let request: *mut libc::ifreq = zero();
    c!((*request).ifr_name[0] = b'l' as c_char);
    c!((*request).ifr_name[1] = b'o' as c_char);
    request
}

/// A network of the process's own, which consists of the loopback interface and has the kernel's defaults.
///
/// Sockets that were made before do not belong to it.
pub fn own_network() {
    static MADE: AtomicBool = AtomicBool::new(false);
    if MADE.swap(true, Ordering::Relaxed) {
        return;
    }
    namespaces(libc::CLONE_NEWNET);
    let request = loopback();
    c!((*request).ifr_ifru.ifru_flags = libc::IFF_UP as i16);
    must(c!(libc::ioctl(udp(), libc::SIOCSIFFLAGS, request)));
}

/// Numbers of processes of the process's own: its next child is 1.
pub fn own_processes() {
    namespaces(libc::CLONE_NEWPID);
}

/// A working folder of the process's own, empty and in memory.
pub fn own_folder() {
    namespaces(libc::CLONE_NEWNS);
    must(c!(libc::mount(c"none".as_ptr(), c"/".as_ptr(), null(), libc::MS_REC | libc::MS_PRIVATE, null())));
    let tmpfs = c"tmpfs".as_ptr();
    if c!(libc::mount(tmpfs, c"/tmp".as_ptr(), tmpfs, 0, null())) < 0 {
        not_run(&format!("mount: {}", std::io::Error::last_os_error()));
    }
    must(c!(libc::chdir(c"/tmp".as_ptr())));
}

/// Lets nothing be written to the working folder.
pub fn read_only_folder() {
    let flags = libc::MS_REMOUNT | libc::MS_RDONLY | libc::MS_BIND;
    must(c!(libc::mount(null(), c"/tmp".as_ptr(), null(), flags, null())));
    must(c!(libc::chdir(c"/tmp".as_ptr())));
}

/// A setting of the network.
pub fn setting(name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
}

/// Leaves a network of the process's own one ephemeral port, which a socket of this type has.
pub fn no_ephemeral_port(kind: c_int) {
    own_network();
    setting("ip_local_port_range", "40000 40000");
    let sock = bound(socket(libc::AF_INET, kind, 0).unwrap());
    if kind == libc::SOCK_STREAM {
        listening(sock);
    }
}

/// An attribute of a netlink message.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = [4 + value.len() as u16, kind].map(u16::to_ne_bytes).concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// A netlink message that makes something: its header, the header of its family, and attributes.
fn message(kind: u16, header: &[u8], attributes: &[Vec<u8>]) -> Vec<u8> {
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    let content = [header, &attributes.concat()].concat();
    let mut message = (16 + content.len() as u32).to_ne_bytes().to_vec();
    message.extend([kind, flags as u16].map(u16::to_ne_bytes).concat());
    message.extend([0; 8]);
    message.extend(content);
    message
}

/// Sends netlink messages; the errno in the first answer, or 0.
fn ask(family: c_int, messages: &[Vec<u8>]) -> c_int {
    let Ok(netlink) = socket(libc::AF_NETLINK, libc::SOCK_RAW, family) else {
        not_run("the kernel lacks a netlink family");
    };
    let messages = messages.concat();
    must(c!(libc::send(netlink, messages.as_ptr().cast(), messages.len(), 0)));
    let answer = room();
    must(c!(libc::recv(netlink, answer, 1 << 17, 0)));
    -c!(*answer.cast::<c_int>().add(4))
}

/// Adds a route to [`ELSEWHERE`]: `RTN_UNICAST` by the loopback interface, or one that refuses.
pub fn route(kind: u8) {
    let mut attributes = vec![attribute(libc::RTA_DST, &ELSEWHERE)];
    let mut scope = libc::RT_SCOPE_UNIVERSE;
    if kind == libc::RTN_UNICAST {
        attributes.push(attribute(libc::RTA_OIF, &1u32.to_ne_bytes()));
        scope = libc::RT_SCOPE_LINK;
    }
    let (family, table, protocol) = (libc::AF_INET as u8, libc::RT_TABLE_MAIN, libc::RTPROT_STATIC);
    let header = [family, 32, 0, 0, table, protocol, scope, kind, 0, 0, 0, 0];
    let message = message(libc::RTM_NEWROUTE, &header, &attributes);
    assert_eq!(ask(libc::NETLINK_ROUTE, &[message]), 0, "the route was refused");
}

// What the libc crate lacks of <linux/netfilter/nf_tables.h>.
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;

/// A firewall of the process's own network, which lets nothing leave.
pub fn firewall() {
    let nftables = libc::NFNL_SUBSYS_NFTABLES as u8;
    let of_nftables = |kind: c_int| u16::from_ne_bytes([kind as u8, nftables]);
    let (batch, family) = ([0, 0, 0, nftables], [libc::NFPROTO_IPV4 as u8, 0, 0, 0]);
    let number = |number: c_int| number.to_be_bytes();
    let hook =
        [attribute(NFTA_HOOK_HOOKNUM, &number(libc::NF_INET_LOCAL_OUT)), attribute(NFTA_HOOK_PRIORITY, &number(0))];
    let table = [attribute(NFTA_TABLE_NAME, b"table\0")];
    let chain = [
        attribute(NFTA_CHAIN_TABLE, b"table\0"),
        attribute(NFTA_CHAIN_NAME, b"chain\0"),
        attribute(NFTA_CHAIN_HOOK | libc::NLA_F_NESTED as u16, &hook.concat()),
        attribute(NFTA_CHAIN_POLICY, &number(libc::NF_DROP)),
        attribute(NFTA_CHAIN_TYPE, b"filter\0"),
    ];
    let messages = [
        message(libc::NFNL_MSG_BATCH_BEGIN as u16, &batch, &[]),
        message(of_nftables(libc::NFT_MSG_NEWTABLE), &family, &table),
        message(of_nftables(libc::NFT_MSG_NEWCHAIN), &family, &chain),
        message(libc::NFNL_MSG_BATCH_END as u16, &batch, &[]),
    ];
    let refused = ask(libc::NETLINK_NETFILTER, &messages);
    if refused != 0 {
        not_run(&format!("nftables: {}", std::io::Error::from_raw_os_error(refused)));
    }
}

/// A connected UDP socket, to which a router says that a datagram could not be forwarded. It wants to know.
pub fn told(kind: u8, code: u8) -> c_int {
    own_network();
    let sock = bound(udp());
    set(sock, libc::IPPROTO_IP, libc::IP_RECVERR, 1);
    let receiver = connected(bound(udp()), sock);
    connected(sock, receiver);
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    message.extend([port(sock), port(receiver), 8, 0].map(u16::to_be_bytes).concat());
    let words = message.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    (&mut message[2..4]).write_all(&checksum.to_be_bytes()).unwrap();
    let raw = socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP).unwrap();
    must(c!(libc::sendto(raw, message.as_ptr().cast(), message.len(), 0, ip(HERE, 0), IPV4)));
    until(sock, libc::POLLERR);
    sock
}

//! The rows: each safe function of the library, with absurd values.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::fmt::Debug;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::mem::{forget, swap};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::ptr::without_provenance_mut;

use errno::Errno;
use libc::{c_int, c_long, in_addr, sigval, sockaddr_in};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::unistd::pipe2;
use sockmirror::stdio::{Format, stderr, stdout};
use sockmirror::string::CharPtr;
use sockmirror::sys::epoll::epoll_create1;
use sockmirror::sys::socket::{shutdown, socket};
use sockmirror::unistd::getpid;

use sockmirror::server::connections::{Server, accept_connection, handle_signal};
use sockmirror::server::poll_list::{PollList, add_entry, new_poll_list, remove_entry};
use sockmirror::server::signals::block_signals;
use sockmirror::server::start::{Settings, announce_ready};
use sockmirror::server::uring::{Uring, new_uring, next_cqe, prep_poll_add, submit_and_wait};

use crate::given::{arguments, exchanges, exchanges_with, needs_uring, round, server, settings, streams};

/// Who says what a function says.
pub const PROGRAM: &CStr = c"safe_functions";

/// A call, and how its process may end.
pub struct Row {
    /// `module::function` or `module::Type::method`.
    pub function: String,
    /// What it is given.
    pub given: String,
    pub end: End,
    /// Makes the call.
    pub call: Box<dyn Fn()>,
}

impl Row {
    /// What the row is called on the command line.
    pub fn name(&self) -> String {
        format!("{}({})", self.function, self.given)
    }
}

/// How a row's process may end.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The call returns.
    Returns,
    /// It returns, or says why not and ends the process with 1.
    MayFail,
    /// It returns, or ends the process with 0, 1 or 2.
    MayExit,
    /// It ends the process.
    Exits(c_int),
    /// The process is killed by a signal.
    Killed(Signal),
}
use End::*;

/// Numbers that hardly anything is the number of.
const NUMBERS: [c_int; 6] = [-1, c_int::MIN, c_int::MAX, 0, 99_999, 1 << 30];
const LONGS: [c_long; 6] = [-1, c_long::MIN, c_long::MAX, 0, 999, 99_999];
/// Addresses in host byte order; none of them is another machine's.
const HOSTS: [u32; 4] = [0, u32::MAX, 0x7f00_0001, 0x7fff_ffff];

/// What a function gets in place of the descriptor that it expects. None of them blocks.
#[derive(Clone, Copy, Debug)]
enum Descriptor {
    /// A number that was never open.
    Number(c_int),
    Closed,
    DevNull,
    Directory,
    PipeToRead,
    PipeToWrite,
    /// A UNIX socket without an address, connected to another one.
    Unix,
    UnixDatagram,
    /// A UNIX socket from which 128 bytes can be received, as many as a signal has, each of them 255.
    UnixWithASignal,
    /// The same, and a byte less.
    UnixWithLess,
    Udp,
    Tcp,
    Listener,
    /// A listener for which a connection waits.
    WaitedFor,
    Connection,
    Epoll,
}

impl Descriptor {
    const ALL: [Descriptor; 20] = [
        Descriptor::Number(-1),
        Descriptor::Number(c_int::MIN),
        Descriptor::Number(c_int::MAX),
        Descriptor::Number(99_999),
        Descriptor::Number(1 << 30),
        Descriptor::Closed,
        Descriptor::DevNull,
        Descriptor::Directory,
        Descriptor::PipeToRead,
        Descriptor::PipeToWrite,
        Descriptor::Unix,
        Descriptor::UnixDatagram,
        Descriptor::UnixWithASignal,
        Descriptor::UnixWithLess,
        Descriptor::Udp,
        Descriptor::Tcp,
        Descriptor::Listener,
        Descriptor::WaitedFor,
        Descriptor::Connection,
        Descriptor::Epoll,
    ];
    /// Those with options of all kinds.
    const SOCKETS: [Descriptor; 4] = [Descriptor::Unix, Descriptor::Udp, Descriptor::Listener, Descriptor::Connection];

    /// Opens it. What belongs to it stays open until the process ends.
    fn open(self) -> c_int {
        let number = match self {
            Descriptor::Number(number) => number,
            Descriptor::Closed => {
                let (number, closed) = (File::open("/").unwrap(), File::open("/").unwrap());
                let closed = closed.into_raw_fd();
                drop(number);
                // The lowest free number is that of the first file.
                closed - 1
            }
            Descriptor::DevNull => File::options().read(true).write(true).open("/dev/null").unwrap().into_raw_fd(),
            Descriptor::Directory => File::open("/").unwrap().into_raw_fd(),
            Descriptor::PipeToRead => pipe().0,
            Descriptor::PipeToWrite => pipe().1,
            Descriptor::Unix => unix(0),
            Descriptor::UnixDatagram => {
                let sock = UnixDatagram::unbound().unwrap();
                sock.set_nonblocking(true).unwrap();
                sock.into_raw_fd()
            }
            Descriptor::UnixWithASignal => unix(128),
            Descriptor::UnixWithLess => unix(127),
            Descriptor::Udp => {
                let sock = UdpSocket::bind("127.0.0.1:0").unwrap();
                sock.set_nonblocking(true).unwrap();
                sock.into_raw_fd()
            }
            Descriptor::Tcp => socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0).unwrap(),
            Descriptor::Listener => listener().into_raw_fd(),
            Descriptor::WaitedFor => {
                let listener = listener();
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                forget(client);
                listener.into_raw_fd()
            }
            Descriptor::Connection => {
                let listener = listener();
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                forget(listener);
                client.set_nonblocking(true).unwrap();
                client.into_raw_fd()
            }
            Descriptor::Epoll => epoll_create1(0).unwrap(),
        };
        black_box(number)
    }
}

fn pipe() -> (c_int, c_int) {
    let (reading, writing) = pipe2(OFlag::O_NONBLOCK).unwrap();
    (reading.into_raw_fd(), writing.into_raw_fd())
}

fn unix(received: usize) -> c_int {
    let (sock, mut other) = UnixStream::pair().unwrap();
    other.write_all(&vec![255; received]).unwrap();
    forget(other);
    sock.set_nonblocking(true).unwrap();
    sock.into_raw_fd()
}

fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// A server of which something is absurd.
fn server_with(change: impl FnOnce(&mut Server<'_>)) -> Server<'static> {
    let mut server = server();
    change(&mut server);
    server
}

/// A server that has a connection, and its number.
fn busy_server() -> (Server<'static>, c_int) {
    let mut server = server();
    let (sock, address) = (server.listener(), sockmirror::common::loopback::own_address);
    let address = address(PROGRAM, sock);
    let client = socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
    sockmirror::common::loopback::connect_to(PROGRAM, client, &address);
    let sock = accept_connection(&mut server);
    assert!(sock >= 0);
    (server, sock)
}

/// Settings of which something is absurd.
fn settings_with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = settings();
    settings.workers = 0;
    change(&mut settings);
    settings
}

/// The two queues.
fn uring() -> Uring<'static> {
    needs_uring();
    new_uring(PROGRAM)
}

/// Hands over what is asked, takes what has come of it, and hands over what that allows. It does not sleep, since a
/// descriptor that is not open is asked for, too, which fails at once.
fn submit_all(uring: &mut Uring<'_>) {
    for _ in 0..3 {
        prep_poll_add(uring, -1);
        submit_and_wait(uring, 1);
        while next_cqe(uring).is_some() {}
    }
}

/// An address of some family.
fn address(family: u16, port: u16, host: u32) -> sockaddr_in {
    let sin_addr = in_addr { s_addr: host.to_be() };
    sockaddr_in { sin_family: family, sin_port: port.to_be(), sin_addr, sin_zero: [255; 8] }
}

/// Leaves a byte all over the stack that the next call will have.
#[inline(never)]
fn paint(byte: u8) {
    black_box([byte; 1 << 16]);
}

/// Makes a call, and drops what it returns.
fn once<T>(call: impl FnOnce() -> T) {
    black_box(call());
}

/// Makes a call on stacks of different contents, of which its result must have nothing.
fn on_each_stack<T: Debug>(mut call: impl FnMut() -> T) {
    let mut result = |byte| {
        paint(byte);
        format!("{:?}", call())
    };
    let first = result(0x00);
    for byte in [0xff, 0x5a, 0xa5] {
        assert_eq!(first, result(byte), "the result depends on what was on the stack");
    }
}

/// Adds a row: what the call is given in words, how it may end, and the call of a function of the library with its
/// arguments. A block before it makes what it is called with.
macro_rules! row {
    ($rows:ident, $given:expr => $end:expr, $({ $($made:stmt;)* })? $($path:ident)::+$(::<$($type:ty),+>)?($($argument:expr),*)) => {
        $rows.push(Row {
            function: stringify!($($path)::+).replace(' ', ""),
            given: $given.to_string(),
            end: $end,
            call: Box::new(move || {
                $($($made)*)?
                once(|| sockmirror::$($path)::+$(::<$($type),+>)?($($argument),*));
            }),
        });
    };
}

/// The same for a call that returns what the kernel has stored. What the block makes is made once.
macro_rules! row_on_each_stack {
    ($rows:ident, $given:expr => $end:expr, { $($made:stmt;)* } $($path:ident)::+($($argument:expr),*)) => {
        $rows.push(Row {
            function: stringify!($($path)::+).replace(' ', ""),
            given: format!("{}, on each stack", $given),
            end: $end,
            call: Box::new(move || {
                $($made)*
                on_each_stack(|| sockmirror::$($path)::+($($argument),*));
            }),
        });
    };
}

/// A format with an argument that is a string.
struct Text;

impl Format for Text {
    const TEXT: &CStr = c"%s%%";
}

/// The rows of what has to do with the command line.
fn command_line(rows: &mut Vec<Row>) {
    const USAGE: &CStr = c"%s%n";
    for words in
        [&[][..], &["p"], &["p", "-h"], &["p", "--help", "x"], &["p", "-w"], &["p", "-z", "5"], &["p", "5", "6"]]
    {
        for number in [c_int::MIN, -1, 0, 1, 2, 3, c_int::MAX] {
            let argv = arguments(words);
            let given = format!("{words:?}, {number}");
            for most in [c_int::MIN, -1, 0, 1, c_int::MAX] {
                row! { rows, format!("{given}, {most}") => MayExit,
                    common::command_line::check_arguments(PROGRAM, USAGE, number, argv, most)
                }
            }
            row! { rows, given => MayExit, server::start::read_settings(PROGRAM, USAGE, c"+:b:w:h", number, argv) }
            row! { rows, given => Returns, runtime::Arguments::from(argv, number) }
            row! { rows, given => MayExit, common::command_line::check_arguments(PROGRAM, USAGE, number, argv.from(number), 1) }
        }
        let argv = arguments(words);
        row! { rows, format!("{words:?}") => Returns, runtime::Arguments::count(argv) }
        row! { rows, format!("{words:?}") => Returns, runtime::Arguments::as_mut_ptr(argv) }
        for index in [0, 1, 2, 3, usize::MAX] {
            let (given, text) = (format!("{words:?}, {index}"), argv[index]);
            row! { rows, given => Returns, string::CharPtr::as_ptr(text) }
            row! { rows, given => Returns, string::CharPtr::is_null(text) }
            row! { rows, given => Returns, stdio::print::<Text, (CharPtr,)>((text,)) }
            row! { rows, given => Returns, stdio::print_on::<Text, (CharPtr,)>(stderr(), (text,)) }
            row! { rows, given => MayExit, common::command_line::string_argument(PROGRAM, USAGE, c"", text) }
            row! { rows, given => MayExit, common::command_line::address_argument(PROGRAM, USAGE, c"", text) }
            row! { rows, given => MayExit, common::command_line::unicast_argument(PROGRAM, USAGE, c"", text) }
            row! { rows, given => Exits(2), common::command_line::reject_argument(PROGRAM, USAGE, c"", text, c"%n") }
            for base in [c_int::MIN, -1, 0, 1, 10, 37] {
                row! { rows, format!("{given}, {base}") => MayExit,
                    common::command_line::number_argument(PROGRAM, USAGE, c"", text, base, i64::MAX, i64::MIN)
                }
            }
        }
    }
}

/// All rows.
pub fn table() -> Vec<Row> {
    let mut rows = Vec::new();
    numbers(&mut rows);
    words(&mut rows);
    descriptors(&mut rows);
    options(&mut rows);
    addresses(&mut rows);
    processes(&mut rows);
    servers(&mut rows);
    signals_of_servers(&mut rows);
    aio(&mut rows);
    poll_lists(&mut rows);
    sigio(&mut rows);
    urings(&mut rows);
    rows
}

/// What takes numbers and returns one, or a pointer that is not followed.
fn numbers(rows: &mut Vec<Row>) {
    row! { rows, "" => Returns, unistd::optarg() }
    row! { rows, "" => Returns, unistd::optind() }
    row! { rows, "" => Returns, unistd::optopt() }
    row! { rows, "" => Returns, stdio::stderr() }
    row! { rows, "" => Returns, stdio::stdout() }
    for (name, stream) in [("stdout", stdout()), ("stderr", stderr())] {
        row! { rows, name => Returns, stdio::fflush(stream) }
        row! { rows, name => Returns, stdio::ferror(stream) }
        row! { rows, name => Returns, stdio::Stream::as_ptr(stream) }
    }
    command_line(rows);
    row! { rows, "" => Returns, string::zeroed::<sockaddr_in>() }
    for number in NUMBERS {
        let (given, unsigned) = (format!("{number}"), number as u32);
        row! { rows, given => Returns, arpa::inet::inet_ntoa(in_addr { s_addr: unsigned }) }
        row! { rows, given => Returns, arpa::inet::htonl(unsigned) }
        row! { rows, given => Returns, arpa::inet::htons(number as u16) }
        row! { rows, given => Returns, netinet::tcp::tcpi_snd_wscale(number as u8) }
        row! { rows, given => Killed(Signal::SIGTERM), server::workers::exit_with_parent(number) }
        row! { rows, given => Returns, arpa::inet::ntohl(unsigned) }
        row! { rows, given => Returns, arpa::inet::ntohs(number as u16) }
        row! { rows, given => Returns, server::connections::is_transient_accept_error(Errno(number)) }
        row! { rows, given => Returns, sys::epoll::epoll_create1(number) }
        row! { rows, given => Returns, errno::cvt(number) }
        row! { rows, given => Returns, netdb::gai_strerror(number) }
        row! { rows, given => Returns, string::strerror(number) }
        row! { rows, given => Returns, unistd::alarm(unsigned) }
        for second in NUMBERS {
            for third in NUMBERS {
                let given = format!("{number}, {second}, {third}");
                row! { rows, given => Returns, sys::socket::socket(number, second, third) }
            }
        }
    }
    for size in [0, 1, 1 << 40, usize::MAX, usize::MAX - 4096, isize::MAX as usize] {
        row! { rows, size => Returns, stdlib::malloc(size) }
    }
}

/// What says something.
fn words(rows: &mut Vec<Row>) {
    for number in NUMBERS {
        let error = Errno(number);
        row! { rows, number => Returns, common::explain::explain_errno(PROGRAM, c"", error) }
        row! { rows, number => Exits(1), common::explain::fail(PROGRAM, c"%s%n", error) }
        row! { rows, format!("Err({number}), -1") => Returns, common::explain::explain_send(PROGRAM, Err(error), -1) }
        row! { rows, format!("Err({number}), 0, 0") => Returns, common::explain::explain_recv(PROGRAM, Err(error), 0, 0) }
        let size = number as isize;
        row! { rows, format!("Ok({number}), MIN") => Returns, common::explain::explain_send(PROGRAM, Ok(size), isize::MIN) }
        row! { rows, format!("Ok({number}), MIN, MAX") => Returns,
            common::explain::explain_recv(PROGRAM, Ok(size), isize::MIN, isize::MAX)
        }
    }
    row! { rows, "" => Exits(0), common::explain::succeed(PROGRAM) }
    row! { rows, "words with formats" => Returns, common::explain::explain_errno(c"%s%s%s%n", c"%n%n%n", Errno(0)) }
}

/// What takes a descriptor.
fn descriptors(rows: &mut Vec<Row>) {
    for fd in Descriptor::ALL {
        for number in NUMBERS {
            let given = format!("{fd:?}, {number}");
            row! { rows, given => Returns, server::connections::reset_on_close(PROGRAM, fd.open(), c"call", Errno(number)) }
            row! { rows, given => Returns, sys::socket::shutdown(fd.open(), number) }
            row! { rows, given => Returns, sys::socket::listen(fd.open(), number) }
            row! { rows, given => Returns, unistd::lseek(fd.open(), number.into(), number) }
        }
        for host in HOSTS {
            row! { rows, format!("{fd:?}, {host:#x}") => MayFail, common::loopback::bind_to(PROGRAM, fd.open(), host) }
        }
        for received in [0, u64::MAX] {
            let given = format!("{fd:?}, {received}");
            row_on_each_stack! { rows, given => Returns, { let sock = fd.open(); } server::connections::is_fully_received(sock, received) }
        }
        row! { rows, format!("{fd:?}") => MayFail, common::loopback::accept_client(PROGRAM, fd.open()) }
        row_on_each_stack! { rows, format!("{fd:?}") => MayFail,
            {
                let sock = fd.open();
            }
            common::loopback::own_address(PROGRAM, sock)
        }
    }
}

/// The options of sockets, all that there are.
fn options(rows: &mut Vec<Row>) {
    for fd in Descriptor::ALL {
        for (level, option, value) in
            [(-1, -1, -1), (c_int::MIN, c_int::MAX, c_int::MIN), (libc::SOL_SOCKET, 99_999, 0)]
        {
            let given = format!("{fd:?}, {level}, {option}");
            row! { rows, given => MayFail, common::loopback::get_option(PROGRAM, fd.open(), level, option) }
            row! { rows, given => MayFail, common::loopback::set_option(PROGRAM, fd.open(), level, option, value) }
            row! { rows, given => MayFail, common::loopback::tcp_state(PROGRAM, fd.open()) }
            row! { rows, given => MayFail, common::loopback::effective_backlog(PROGRAM, fd.open(), value) }
            row! { rows, given => MayFail, common::loopback::count_segments(PROGRAM, fd.open(), &mut 0, &mut 0) }
            row! { rows, given => MayFail, common::loopback::queue_length(PROGRAM, fd.open()) }
        }
    }
    for fd in Descriptor::SOCKETS {
        for (level, last) in [(libc::SOL_SOCKET, 90), (libc::IPPROTO_IP, 60), (libc::IPPROTO_TCP, 50)] {
            for option in 0..=last {
                let given = format!("{fd:?}, {level}, {option}");
                row! { rows, given => MayFail, common::loopback::get_option(PROGRAM, fd.open(), level, option) }
                row! { rows, given => MayFail, common::loopback::set_option(PROGRAM, fd.open(), level, option, -1) }
            }
        }
        // Values of other types: some are empty, others shorter than an int, or longer.
        for (level, option) in [
            (libc::SOL_SOCKET, libc::SO_BINDTODEVICE),
            (libc::SOL_SOCKET, libc::SO_GET_FILTER),
            (libc::SOL_SOCKET, libc::SO_LINGER),
            (libc::SOL_SOCKET, libc::SO_PEERNAME),
            (libc::SOL_SOCKET, libc::SO_RCVTIMEO),
            (libc::IPPROTO_IP, libc::IP_OPTIONS),
            (libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP),
            (libc::IPPROTO_TCP, libc::TCP_CONGESTION),
            (libc::IPPROTO_TCP, libc::TCP_ULP),
        ] {
            let given = format!("{fd:?}, {level}, {option}");
            row_on_each_stack! { rows, given => MayFail,
                {
                    let sock = fd.open();
                }
                common::loopback::get_option(PROGRAM, sock, level, option)
            }
        }
    }
}

/// What makes a socket, or takes an address.
fn addresses(rows: &mut Vec<Row>) {
    row! { rows, "" => Returns, common::loopback::open_socket(PROGRAM) }
    let unspecified = libc::AF_UNSPEC as u16;
    for family in [unspecified, libc::AF_INET as u16, libc::AF_UNIX as u16, u16::MAX] {
        for host in HOSTS {
            for fd in Descriptor::ALL {
                let given = format!("{fd:?}, {family}, {host:#x}");
                row! { rows, given => MayFail, common::loopback::connect_to(PROGRAM, fd.open(), &address(family, 9, host)) }
            }
            for own in HOSTS {
                let given = format!("{own:#x}, {family}, {host:#x}");
                row! { rows, given => MayFail, common::loopback::connect_client(PROGRAM, own, &address(family, 9, host)) }
            }
        }
    }
    for host in HOSTS {
        row! { rows, format!("{host:#x}") => MayFail, common::loopback::bound_socket(PROGRAM, host) }
    }
}

/// Processes and signals.
fn processes(rows: &mut Vec<Row>) {
    row! { rows, "" => Returns, unistd::getpid() }
    row! { rows, "" => Returns, unistd::getppid() }
    row! { rows, "" => Killed(Signal::SIGABRT), stdlib::abort() }
    for number in NUMBERS {
        row! { rows, number => Exits(number & 0xff), stdlib::exit(number) }
        for second in NUMBERS {
            row! { rows, format!("{number}, {second}") => Returns, unistd::setpgid(number, second) }
        }
    }
    // None of the signals is one, so that nobody gets any.
    for signal in [-1, c_int::MIN, c_int::MAX, 0, 65, 99_999] {
        for process in [c_int::MIN, c_int::MAX, -c_int::MAX, -1, 0] {
            let given = format!("{process}, {signal}");
            row! { rows, given => Returns, signal::kill(process, signal) }
            row! { rows, given => Returns, signal::sigqueue(process, signal, value()) }
        }
    }
    row! { rows, "this process, SIGKILL" => Killed(Signal::SIGKILL), signal::kill(getpid(), libc::SIGKILL) }
    row! { rows, "this process, SIGTERM" => Killed(Signal::SIGTERM),
        signal::sigqueue(getpid(), libc::SIGTERM, value())
    }
    row! { rows, "this process, SIGURG" => Returns, signal::sigqueue(getpid(), libc::SIGURG, value()) }
}

/// A value that points nowhere.
fn value() -> sigval {
    sigval { sival_ptr: without_provenance_mut(usize::MAX) }
}

/// What servers do.
fn servers(rows: &mut Vec<Row>) {
    row! { rows, "" => Returns, server::start::raise_descriptor_limit(PROGRAM) }
    row! { rows, "" => Returns, server::signals::coalesce_requests() }
    row! { rows, "" => Returns, server::signals::block_signals(PROGRAM) }
    row! { rows, "" => Returns, { let signals = block_signals(PROGRAM); } server::signals::block_set(PROGRAM, &signals) }
    row! { rows, "" => Returns, { let signals = block_signals(PROGRAM); } server::signals::open_signalfd(PROGRAM, &signals) }
    row! { rows, "" => Returns, server::connections::can_accept(&server()) }
    row! { rows, "" => Returns, server::connections::Server::capacity(&server()) }
    row! { rows, "" => Returns, server::connections::Server::draining(&server()) }
    row! { rows, "" => Returns, server::connections::Server::listener(&server()) }
    row! { rows, "nobody waits" => Returns, server::connections::accept_connection(&mut server()) }
    row! { rows, "two servers that were exchanged" => Returns,
        {
            let mut pair = (busy_server().0, server());
            swap(&mut pair.0, &mut pair.1);
        }
        server::connections::accept_connection(&mut pair.1)
    }
    row! { rows, "the end has begun" => Returns,
        {
            let mut server = server();
            handle_signal(&mut server, libc::SIGTERM);
        }
        server::connections::accept_connection(&mut server)
    }
    for number in NUMBERS {
        row! { rows, number => Returns, server::connections::accept_failed(&mut server(), Errno(number)) }
        row! { rows, number => Returns, server::connections::wait_failed(&mut server(), c"call", Errno(number)) }
        row! { rows, number => Returns, server::connections::is_open(&server(), number) }
        row! { rows, format!("{number}, a connection") => Returns, server::connections::is_open(&busy_server().0, number) }
        row! { rows, format!("flags {number}") => Returns,
            {
                let mut server = server_with(|server| server.flags = number);
                let client = socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
                let address = sockmirror::common::loopback::own_address(PROGRAM, server.listener());
                sockmirror::common::loopback::connect_to(PROGRAM, client, &address);
            }
            server::connections::accept_connection(&mut server)
        }
        connection_of_nobody(rows, number);
        for busy_poll in LONGS {
            row! { rows, format!("{number}, polls for {busy_poll}") => Returns,
                {
                    let mut server = server_with(|server| server.busy_poll = busy_poll);
                }
                server::connections::poll_timeout(&mut server, number)
            }
        }
        for port in [0, u16::MAX] {
            row! { rows, format!("port {port}, flags {number}") => MayFail,
                {
                    let settings = settings_with(|settings| settings.port = port);
                }
                server::start::listen_on(PROGRAM, &settings, 0, number)
            }
        }
    }
    row! { rows, "a connection" => Returns,
        {
            let (server, sock) = busy_server();
        }
        server::connections::is_open(&server, sock)
    }
    row! { rows, "beside a connection" => Returns,
        {
            let (server, sock) = busy_server();
        }
        server::connections::is_open(&server, sock + 1)
    }
    row! { rows, "at the end of the table" => Returns,
        {
            let (server, _) = busy_server();
        }
        server::connections::is_open(&server, server.capacity())
    }
    row! { rows, "closed already, and another's now" => Returns,
        {
            let (mut server, sock) = busy_server();
            sockmirror::server::connections::close_connection(&mut server, sock);
            // Where it is closed once more, it cannot be closed when it goes out of scope.
            let other = UdpSocket::bind("127.0.0.1:0").unwrap();
            assert_eq!(other.as_raw_fd(), sock);
        }
        server::connections::close_connection(&mut server, sock)
    }
    row! { rows, "twice, and the number is another's now" => Returns,
        {
            let mut server = server();
            sockmirror::server::connections::stop_accepting(&mut server);
            let other = UdpSocket::bind("127.0.0.1:0").unwrap();
            assert_eq!(other.as_raw_fd(), server.listener());
        }
        server::connections::stop_accepting(&mut server)
    }
    for number in [1, usize::MAX] {
        for workers in LONGS {
            row! { rows, format!("worker {number} of {workers}") => MayFail,
                {
                    let settings = settings_with(|settings| settings.workers = workers);
                }
                server::start::listen_on(PROGRAM, &settings, number, 0)
            }
        }
    }
    for is_worker in [false, true] {
        row! { rows, format!("a worker: {is_worker}, twice") => Returns,
            {
                let mut settings = settings_with(|settings| settings.is_worker = is_worker);
                announce_ready(PROGRAM, &mut settings);
            }
            server::start::announce_ready(PROGRAM, &mut settings)
        }
    }
    for milliseconds in LONGS {
        row! { rows, milliseconds => Returns, server::signals::set_timer(PROGRAM, milliseconds) }
    }
}

/// What is done to a connection, with a number that is none's.
fn connection_of_nobody(rows: &mut Vec<Row>, sock: c_int) {
    row! { rows, sock => Returns, server::connections::serve(&mut busy_server().0, sock) }
    row! { rows, sock => Returns, server::connections::has_pending(&busy_server().0, sock) }
    row! { rows, sock => Returns, server::connections::close_connection(&mut busy_server().0, sock) }
    row! { rows, sock => Returns, server::connections::drain_connection(&mut busy_server().0, sock) }
    row! { rows, sock => Returns, server::connections::abort_connection(&mut busy_server().0, sock, c"call") }
    row! { rows, sock => Returns, server::connections::reset_connection(&mut busy_server().0, sock, c"call", Errno(0)) }
    row! { rows, sock => Returns,
        {
            let (mut server, _) = busy_server();
            let _counted = sockmirror::server::connections::count_received(&mut server, sock, usize::MAX);
        }
        server::connections::count_received(&mut server, sock, usize::MAX)
    }
}

/// What becomes of a signal, be it one or not.
fn signals_of_servers(rows: &mut Vec<Row>) {
    let signals = [libc::SIGALRM, libc::SIGTERM, libc::SIGUSR2, libc::SIGSEGV];
    for number in NUMBERS.into_iter().chain(signals) {
        row! { rows, number => Returns, server::connections::shutdown_request(&mut server(), number) }
        row! { rows, number => Returns, server::connections::handle_signal(&mut busy_server().0, number) }
        row! { rows, format!("{number}, twice") => Returns,
            {
                let (mut server, _) = busy_server();
                handle_signal(&mut server, number);
            }
            server::connections::handle_signal(&mut server, number)
        }
        row! { rows, number => Returns, server::aio_requests::aio_on_signal(&mut exchanges(), number) }
        row! { rows, format!("{number}, twice") => Returns,
            {
                let mut exchanges = exchanges();
                sockmirror::server::aio_requests::aio_on_signal(&mut exchanges, number);
            }
            server::aio_requests::aio_on_signal(&mut exchanges, number)
        }
        row! { rows, number => Returns, server::uring_connections::uring_on_signal(&mut streams(), number) }
        row! { rows, format!("{number}, twice") => Returns,
            {
                let mut streams = streams();
                sockmirror::server::uring_connections::uring_on_signal(&mut streams, number);
            }
            server::uring_connections::uring_on_signal(&mut streams, number)
        }
    }
    for fd in Descriptor::ALL {
        row! { rows, format!("{fd:?}") => Returns, server::connections::handle_signalfd(&mut busy_server().0, fd.open()) }
        row! { rows, format!("{fd:?}") => Returns, server::connections::read_signalfd(&mut server(), fd.open()) }
    }
    for fd in [Descriptor::UnixWithLess, Descriptor::DevNull, Descriptor::PipeToRead] {
        row_on_each_stack! { rows, format!("{fd:?}") => Returns,
            {
                let mut server = server();
                let signals = fd.open();
            }
            server::connections::read_signalfd(&mut server, signals)
        }
    }
}

/// The requests of POSIX AIO.
fn aio(rows: &mut Vec<Row>) {
    row! { rows, "" => Returns, server::aio_requests::lacks_threads(&exchanges()) }
    row! { rows, "" => Returns, server::aio_requests::wait_for_thread(&mut exchanges()) }
    row! { rows, "" => Returns, server::aio_requests::reap_completions(&mut exchanges()) }
    for (given, number) in [("shut down", libc::SIGTERM), ("ended", libc::SIGUSR2)] {
        row! { rows, given => Returns,
            {
                let mut exchanges = exchanges();
                sockmirror::server::aio_requests::aio_on_signal(&mut exchanges, number);
            }
            server::aio_requests::reap_completions(&mut exchanges)
        }
    }
    row! { rows, "until the client is gone" => Returns,
        {
            let mut exchanges = exchanges_with(|client| shutdown(client, libc::SHUT_WR).unwrap());
            while exchanges.server.open > 0 {
                sockmirror::server::aio_requests::reap_completions(&mut exchanges);
            };
        }
        server::aio_requests::reap_completions(&mut exchanges)
    }
    row! { rows, "" => Returns, server::aio_requests::wait_longer_for_thread(&mut exchanges()) }
    row! { rows, "when the last wait is over" => Returns,
        {
            let mut exchanges = exchanges();
            sockmirror::server::aio_requests::wait_for_thread(&mut exchanges);
            (0..10).for_each(|_| sockmirror::server::aio_requests::wait_longer_for_thread(&mut exchanges));
        }
        server::aio_requests::wait_longer_for_thread(&mut exchanges)
    }
}

/// The list that poll() takes.
fn poll_lists(rows: &mut Vec<Row>) {
    const PLACES: [usize; 5] = [0, 1, 99, 100, usize::MAX];

    row! { rows, "" => Returns, server::poll_list::new_poll_list() }
    for number in NUMBERS {
        row! { rows, number => Returns, server::poll_list::add_entry(&mut poll_list(0), number) }
        row! { rows, format!("{number}, after others") => Returns, server::poll_list::add_entry(&mut poll_list(64), number) }
    }
    for place in PLACES {
        row! { rows, format!("{place}, empty") => Returns, server::poll_list::remove_entry(&mut poll_list(0), place) }
        row! { rows, place => Returns, server::poll_list::remove_entry(&mut poll_list(100), place) }
    }
    for count in [0, 1, 100] {
        row! { rows, count => Returns, server::poll_list::PollList::entries(leak(poll_list(count))) }
    }
    row! { rows, "all were removed" => Returns,
        {
            let mut list = poll_list(100);
            list.entries().iter_mut().for_each(|entry| entry.fd = -1);
            (0..101).for_each(|_| remove_entry(&mut list, 0));
        }
        server::poll_list::PollList::entries(leak(list))
    }
}

/// A list of so many entries.
fn poll_list(count: c_int) -> PollList {
    let mut list = new_poll_list();
    for number in 0..count {
        assert!(add_entry(&mut list, number));
    }
    list
}

/// A value that stays until the process ends.
fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// The turns of the signal-driven server.
fn sigio(rows: &mut Vec<Row>) {
    use sockmirror::server::sigio_rounds::{run_round, schedule, schedule_accept, schedule_all};

    row! { rows, "" => Returns, server::sigio_rounds::new_round() }
    for fd in Descriptor::ALL {
        row! { rows, format!("{fd:?}") => Returns, { let _ignored = round(); }
            server::sigio_rounds::requeue_if_ready(fd.open(), libc::POLLIN)
        }
    }
    for may_have_missed in [false, true] {
        row! { rows, may_have_missed => Returns,
            server::sigio_rounds::schedule_accept(&mut round(), may_have_missed)
        }
        for number in NUMBERS {
            row! { rows, format!("{number}, {may_have_missed}") => Returns,
                server::sigio_rounds::schedule(&mut busy_server().0, &mut round(), number, may_have_missed)
            }
        }
        row! { rows, format!("a connection, {may_have_missed}") => Returns,
            { let (mut server, sock) = busy_server(); }
            server::sigio_rounds::schedule(&mut server, &mut round(), sock, may_have_missed)
        }
    }
    row! { rows, "" => Returns, server::sigio_rounds::schedule_all(&mut busy_server().0, &mut round()) }
    row! { rows, "nobody" => Returns, server::sigio_rounds::run_round(&mut busy_server().0, &mut round(), true) }
    row! { rows, "a connection" => Returns,
        {
            let ((mut server, sock), mut round) = (busy_server(), round());
            schedule(&mut server, &mut round, sock, true);
            schedule(&mut server, &mut round, sock, true);
        }
        server::sigio_rounds::run_round(&mut server, &mut round, true)
    }
    row! { rows, "a connection of another server" => Returns,
        {
            let ((mut server, _), mut round) = (busy_server(), round());
            schedule_all(&mut server, &mut round);
            schedule_accept(&mut round, true);
        }
        server::sigio_rounds::run_round(&mut server_with(|_| {}), &mut round, false)
    }
    row! { rows, "a connection that has ended" => Returns,
        {
            let ((mut server, _), mut round) = (busy_server(), round());
            schedule_all(&mut server, &mut round);
            handle_signal(&mut server, libc::SIGUSR2);
            run_round(&mut server, &mut round, false);
        }
        server::sigio_rounds::run_round(&mut server, &mut round, false)
    }
}

/// The queues of io_uring.
fn urings(rows: &mut Vec<Row>) {
    row! { rows, "" => Returns, { needs_uring(); } server::uring::new_uring(PROGRAM) }
    row! { rows, "a second time" => Returns, { let _first = uring(); } server::uring::new_uring(PROGRAM) }
    row! { rows, "nothing" => Returns, server::uring::submit_and_wait(&mut uring(), 0) }
    row! { rows, "nothing" => Returns, server::uring::next_cqe(&mut uring()) }
    row! { rows, "" => Returns, server::uring_connections::resume_waiting(&mut streams()) }
    for buffer in [0, 127, 128, u16::MAX] {
        row! { rows, buffer => Returns, server::uring::buffer_address(&uring(), buffer) }
    }
    for fd in Descriptor::ALL {
        let given = format!("{fd:?}");
        row! { rows, given => Returns,
            {
                let mut uring = uring();
                sockmirror::server::uring::prep_accept_multishot(&mut uring, fd.open());
            }
            server::uring::submit_and_wait(&mut uring, 0)
        }
        asked(rows, format!("{fd:?}"), "prep_accept_multishot", move |uring| {
            sockmirror::server::uring::prep_accept_multishot(uring, fd.open())
        });
        asked(rows, format!("{fd:?}"), "prep_poll_add", move |uring| {
            sockmirror::server::uring::prep_poll_add(uring, fd.open())
        });
        asked(rows, format!("{fd:?}"), "prep_recv_multishot", move |uring| {
            sockmirror::server::uring::prep_recv_multishot(uring, fd.open(), false)
        });
        for operation in [0, u8::MAX] {
            asked(rows, format!("{operation}, {fd:?}"), "prep_cancel", move |uring| {
                sockmirror::server::uring::prep_cancel(uring, operation, fd.open());
            });
        }
    }
    asked(rows, "more than there is room for".to_owned(), "prep_recv_multishot", |uring| {
        let sock = Descriptor::UnixWithASignal.open();
        for _ in 0..10_000 {
            sockmirror::server::uring::prep_recv_multishot(uring, sock, true);
        }
    });
}

/// A row of a function that asks. What it has asked for is handed over, and looked at.
fn asked(rows: &mut Vec<Row>, given: String, function: &str, ask: impl Fn(&mut Uring<'_>) + 'static) {
    rows.push(Row {
        function: format!("server::uring::{function}"),
        given,
        end: Returns,
        call: Box::new(move || {
            let mut uring = uring();
            ask(&mut uring);
            submit_all(&mut uring);
        }),
    });
}

//! Every erratum in `docs/errata.md` has its proof: a scenario that names its number in `errata`,
//! a test here that has it in its name, or, where no program can show it, the section of an RFC that
//! the entry ends with. Most tests here ask the C compiler about the tutorial's lines as they are
//! printed: it refuses them or warns, and takes them as corrected.

#[path = "../common/root.rs"]
mod root;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, c_char, c_int};
use std::fs;
use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;

use mirror::project::Project;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use root::root;

/// What the compiler says of some C below the tutorial's headers; nothing, if it takes it.
fn compiler_says(erratum: u32, text: &str) -> String {
    let headers = ["stdio", "stdlib", "string", "sys/socket", "arpa/inet", "netinet/in"];
    let includes = headers.map(|name| format!("#include <{name}.h>\n")).concat();
    compiler_says_of_file(erratum, &format!("{includes}{text}\n"))
}

fn compiler_says_of_file(erratum: u32, text: &str) -> String {
    let folder = root().join("target/errata");
    fs::create_dir_all(&folder).unwrap();
    let source = folder.join(format!("{erratum}.c"));
    fs::write(&source, text).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(compiler)
        .args(["-std=c17", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-fsyntax-only"])
        .arg(&source)
        .env("LC_ALL", "C")
        .output()
        .expect("there is a C compiler");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Statements as a function's body. `sock` is a socket.
fn body(statements: &str) -> String {
    format!("void f(int sock);\nvoid f(int sock)\n{{\n(void)sock;\n{statements}\n}}")
}

fn proves(erratum: u32, printed: &str, complaint: &str, corrected: &str) {
    let said = compiler_says(erratum, printed);
    assert!(said.contains(complaint), "{printed}\nthe compiler said: {said}");
    assert_eq!(compiler_says(erratum, corrected), "", "{corrected}");
}

#[test]
fn erratum_1_buf_len_is_not_defined() {
    let text = |size| format!("#define RCVBUFSIZE 128\nextern char echoBuffer[{size}];");
    proves(1, &text("BUF_LEN"), "'BUF_LEN' undeclared", &text("RCVBUFSIZE"));
}

#[test]
fn erratum_2_clnt_socket_is_not_declared() {
    let text = |name| body(&format!("int clntSock = 0;\nshutdown({name}, SHUT_RDWR);"));
    proves(2, &text("clntSocket"), "'clntSocket' undeclared", &text("clntSock"));
}

#[test]
fn erratum_3_recvbufsize_is_not_defined() {
    let line = |size| body(&format!("char b[128];\nrecv(sock, b, {size}, 0);"));
    let text = |size| format!("#define RCVBUFSIZE 128\n{}", line(size));
    proves(3, &text("RECVBUFSIZE"), "'RECVBUFSIZE' undeclared", &text("RCVBUFSIZE"));
}

#[test]
fn erratum_4_strings_have_double_quotes_and_addresses_an_ampersand() {
    let print = |literal| body(&format!("printf({literal});"));
    proves(
        4,
        &print("'bind() failed'"),
        "passing argument 1 of 'printf' makes pointer from integer",
        &print("\"bind() failed\""),
    );
    let broken = "missing terminating \" character";
    proves(4, &print("\"bind() failed\n\""), broken, &print("\"bind() failed\\n\""));
    let address = |sign| body(&format!("int n = 1;\nint *p = {sign}n;\n(void)p;"));
    proves(4, &address("&amp;"), "'amp' undeclared", &address("&"));
}

#[test]
fn erratum_6_lengths_have_types_of_their_own() {
    let server = |length, size| {
        body(&format!(
            "struct sockaddr_in echoClntAddr;
             {length} clntLen = sizeof(echoClntAddr);
             {size} recvMsgSize;
             char echoBuffer[128];
             int clntSock = accept(sock, (struct sockaddr *)&echoClntAddr, &clntLen);
             if ((recvMsgSize = recv(clntSock, echoBuffer, 128, 0)) < 0) exit(1);
             if (send(clntSock, echoBuffer, recvMsgSize, 0) != recvMsgSize) exit(1);"
        ))
    };
    // As it is printed the server compiles, without a warning: on Linux both are the same type.
    assert_eq!(compiler_says(6, &server("unsigned int", "int")), "");
    assert_eq!(compiler_says(6, &server("socklen_t", "ssize_t")), "");
    let same = "_Static_assert(_Generic((socklen_t)0, unsigned int: 1, default: 0), \"another type\");";
    assert_eq!(compiler_says(6, same), "");
    let size = |kind| format!("_Static_assert(sizeof({kind}) == sizeof(ssize_t), \"another size\");");
    proves(6, &size("int"), "another size", &size("ssize_t"));

    let client = |length, size| {
        body(&format!(
            "const char *echoString = \"hello\";
             {length} echoStringLen = strlen(echoString);
             {size} bytesRcvd = 1, totalBytesRcvd = 0;
             if (send(sock, echoString, echoStringLen, 0) != echoStringLen) exit(1);
             while (totalBytesRcvd < echoStringLen) totalBytesRcvd += bytesRcvd;"
        ))
    };
    proves(6, &client("unsigned int", "int"), "different signedness", &client("ssize_t", "ssize_t"));
    let fragment = |length| {
        body(&format!(
            "int rcvBufferSize;
             {length} sockOptSize = sizeof(rcvBufferSize);
             getsockopt(sock, SOL_SOCKET, SO_RCVBUF, &rcvBufferSize, &sockOptSize);"
        ))
    };
    proves(6, &fragment("int"), "differ in signedness", &fragment("socklen_t"));
}

#[test]
fn erratum_7_the_misplaced_parenthesis_makes_the_length_0() {
    let text = |length| format!("_Static_assert({length} > 0, \"the length is 0\");");
    proves(7, &text("(sizeof(int) < 0)"), "the length is 0", &text("sizeof(int)"));

    // And with a length of 0 the call fails, whatever the value.
    // SAFETY: three integers.
    let sock = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    let n: libc::c_int = 1;
    let value = (&raw const n).cast();
    // SAFETY: 0 bytes are read of an integer that lives until the call returns.
    let result = unsafe { libc::setsockopt(sock, libc::SOL_SOCKET, libc::SO_RCVBUF, value, 0) };
    let errno = std::io::Error::last_os_error().raw_os_error();
    // SAFETY: nothing else knows this descriptor.
    unsafe { libc::close(sock) };
    assert_eq!((result, errno), (-1, Some(libc::EINVAL)));
}

#[test]
fn erratum_8_n_reuse_is_not_declared() {
    let text =
        |name| body(&format!("int {name} = 1;\nsetsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &nReuse, sizeof(nReuse));"));
    proves(8, &text("nResue"), "'nReuse' undeclared", &text("nReuse"));
}

#[test]
fn erratum_9_s_addr_has_four_bytes() {
    let text = |kind| {
        let size = "sizeof(((struct in_addr *)0)->s_addr)";
        format!("_Static_assert({size} == sizeof({kind}), \"another size\");")
    };
    proves(9, &text("unsigned long"), "another size", &text("uint32_t"));
}

#[test]
fn erratum_10_byte_order_functions_take_fixed_sizes() {
    let complaint = "conflicting types";
    for (name, long, fixed) in [
        ("htonl", "long int", "uint32_t"),
        ("ntohl", "long int", "uint32_t"),
        ("htons", "short int", "uint16_t"),
        ("ntohs", "short int", "uint16_t"),
    ] {
        let text = |kind| format!("{kind} {name}({kind} value);");
        proves(10, &text(long), complaint, &text(fixed));
    }
}

#[test]
fn erratum_11_accept_takes_a_sockaddr() {
    let text = |kind| format!("struct socket;\nint accept(int, struct {kind} *, socklen_t *);");
    let printed = text("socket");
    assert!(compiler_says(11, &printed).contains("conflicting types for 'accept'"), "{printed}");
    // The corrected prototype needs glibc's own type, a transparent union in C, so it is used.
    let corrected = body("accept(sock, (struct sockaddr *)0, (socklen_t *)0);");
    assert_eq!(compiler_says(11, &corrected), "");
}

#[test]
fn erratum_12_setsockopt_takes_the_length_by_value() {
    let text = |length| format!("int setsockopt(int, int, int, const void *, {length});");
    proves(12, &text("unsigned int *"), "conflicting types for 'setsockopt'", &text("socklen_t"));
}

#[test]
fn erratum_30_send_and_recv_take_a_size_t_and_return_an_ssize_t() {
    let send = |result, length| format!("{result} send(int, const void *, {length}, int);");
    let complaint = "conflicting types for 'send'";
    proves(30, &send("int", "unsigned int"), complaint, &send("ssize_t", "size_t"));
    let recv = |result, length| format!("{result} recv(int, void *, {length}, int);");
    let complaint = "conflicting types for 'recv'";
    proves(30, &recv("int", "unsigned int"), complaint, &recv("ssize_t", "size_t"));
}

/// Runs `wait` in a thread until it sleeps there, says in which system call, and ends it with `wake`.
fn sleeps_in(wait: impl FnOnce() + Send, wake: impl FnOnce()) -> i64 {
    let task = AtomicI32::new(0);
    thread::scope(|threads| {
        threads.spawn(|| {
            // SAFETY: it has no arguments.
            task.store(unsafe { libc::gettid() }, Ordering::Release);
            wait();
        });
        while task.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        let folder = format!("/proc/self/task/{}", task.load(Ordering::Acquire));
        let read = |name| fs::read_to_string(format!("{folder}/{name}")).expect("the thread has not ended");
        let call = loop {
            // In stat the state follows the name, which is in parentheses; while a thread runs, its call is "running".
            let (stat, call) = (read("stat"), read("syscall"));
            let number = call.split(' ').next().and_then(|number| number.parse().ok());
            match number.filter(|number| stat.contains(") S ") && WAITS.contains(number)) {
                Some(number) => break number,
                None => thread::yield_now(),
            }
        };
        wake();
        call
    })
}

/// The system calls that the C library may make for `select` and `poll`.
const WAITS: &[i64] = &[
    libc::SYS_pselect6,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// `select`, for one descriptor that is to become readable.
fn select_one(sock: RawFd) -> c_int {
    let nothing = std::ptr::null_mut();
    // SAFETY: a set is an array of bits, and zero is none of them.
    let mut set: libc::fd_set = unsafe { std::mem::zeroed() };
    assert!(usize::try_from(sock).unwrap() < libc::FD_SETSIZE);
    // SAFETY: the descriptor is below FD_SETSIZE.
    unsafe { libc::FD_SET(sock, &raw mut set) };
    // SAFETY: the set lives until the call returns.
    unsafe { libc::select(sock + 1, &raw mut set, nothing, nothing, std::ptr::null_mut()) }
}

/// `poll`, for one descriptor that is to become readable.
fn poll_one(sock: RawFd) -> c_int {
    let mut list = libc::pollfd { fd: sock, events: libc::POLLIN, revents: 0 };
    // SAFETY: the list of one lives until the call returns.
    unsafe { libc::poll(&raw mut list, 1, -1) }
}

#[test]
fn erratum_35_the_program_sleeps_in_select_and_poll() {
    for (wait, calls) in [(select_one as fn(RawFd) -> c_int, ["select", "pselect6"]), (poll_one, ["poll", "ppoll"])] {
        let (ours, other) = UnixStream::pair().unwrap();
        let sock = ours.as_raw_fd();
        let call = sleeps_in(|| assert_eq!(wait(sock), 1), || drop(other));
        let name = match call {
            libc::SYS_pselect6 => "pselect6",
            libc::SYS_ppoll => "ppoll",
            #[cfg(target_arch = "x86_64")]
            libc::SYS_select => "select",
            _ => "poll",
        };
        assert!(calls.contains(&name), "{name} instead of one of {calls:?}");
    }
}

#[test]
fn erratum_35_a_descriptor_above_fd_setsize_fits_poll_alone() {
    // A set has FD_SETSIZE bits, one for each descriptor below that number, and no other.
    let set = format!("_Static_assert(8 * sizeof(fd_set) == {}, \"another size\");", libc::FD_SETSIZE);
    assert_eq!(compiler_says(35, &format!("#include <sys/select.h>\n{set}")), "");

    let first = libc::FD_SETSIZE as c_int;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard > libc::FD_SETSIZE as u64, "this test needs a descriptor {first}, and the hard limit is {hard}");
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(libc::FD_SETSIZE as u64 + 1), hard).unwrap();
    let (ours, other) = UnixStream::pair().unwrap();
    // SAFETY: three integers; the descriptor is this test's own.
    let sock = unsafe { libc::fcntl(ours.as_raw_fd(), libc::F_DUPFD_CLOEXEC, first) };
    assert!(sock >= first, "{}", Errno::last());
    drop(other);
    assert_eq!(poll_one(sock), 1);
    // SAFETY: nothing else knows this descriptor.
    unsafe { libc::close(sock) };
}

#[test]
fn erratum_35_an_error_makes_a_socket_readable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    nix::sys::socket::setsockopt(&client, nix::sys::socket::sockopt::Linger, &at_once).unwrap();
    drop(client);
    let sock = server.as_raw_fd();
    // Returns when the reset is there: nothing is asked for.
    let mut asked = libc::pollfd { fd: sock, events: 0, revents: 0 };
    // SAFETY: one entry, which is written to until the call returns.
    assert_eq!(unsafe { libc::poll(&raw mut asked, 1, -1) }, 1);
    assert_eq!(asked.revents, libc::POLLERR | libc::POLLHUP);
    // SAFETY: an fd_set of zeros is empty.
    let mut sets: [libc::fd_set; 3] = unsafe { std::mem::zeroed() };
    for set in &mut sets {
        // SAFETY: the descriptor is below FD_SETSIZE: this process has few.
        unsafe { libc::FD_SET(sock, set) };
    }
    let [read, write, except] = &mut sets;
    // SAFETY: three sets, which are written to until the call returns; without a time-out it may wait.
    let ready = unsafe { libc::select(sock + 1, read, write, except, ptr::null_mut()) };
    // SAFETY: as above.
    let has = sets.each_ref().map(|set| unsafe { libc::FD_ISSET(sock, set) });
    assert_eq!((ready, has), (2, [true, true, false]));
}

/// How many segments a client has received when its connection has ended, both ends having closed at once.
fn segments_received() -> u32 {
    /// Where the kernel's struct tcp_info has tcpi_segs_in: libc's ends before it.
    const SEGS_IN: usize = 140;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    drop(server);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);

    let mut info = [0; SEGS_IN + 4];
    let mut size = info.len() as libc::socklen_t;
    let value = info.as_mut_ptr().cast();
    // SAFETY: `size` is the number of bytes of `info`.
    let result =
        unsafe { libc::getsockopt(client.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, value, &raw mut size) };
    assert_eq!((result, size as usize), (0, info.len()));
    u32::from_ne_bytes(info[SEGS_IN..].try_into().unwrap())
}

#[test]
fn erratum_43_the_end_may_take_three_segments() {
    // The SYN with the ACK, and the FIN with the ACK. If the server does not close in time, because the machine is
    // busy, the ACK comes alone: the end has four segments then, and the client has received three.
    let received: Vec<u32> = (0..100).map(|_| segments_received()).collect();
    assert!(received.contains(&2), "{received:?}");
}

unsafe extern "C" {
    fn inet_addr(address: *const c_char) -> libc::in_addr_t;
}

#[test]
fn erratum_46_errno_belongs_to_a_thread_and_some_calls_leave_it_alone() {
    let (set, failed) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|threads| {
        let other = threads.spawn(|| {
            while !set.load(Ordering::Acquire) {
                thread::yield_now();
            }
            // SAFETY: an integer, which is nobody's descriptor.
            let result = unsafe { libc::close(-1) };
            let errno = Errno::last();
            failed.store(true, Ordering::Release);
            (result, errno)
        });
        Errno::EDOM.set();
        set.store(true, Ordering::Release);
        // This thread makes no call that could fail until the other one's has failed.
        while !failed.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert_eq!(Errno::last(), Errno::EDOM);
        assert_eq!(other.join().unwrap(), (-1, Errno::EBADF));
    });

    let name: &CStr = c"no address";
    Errno::EDOM.set();
    // SAFETY: a string that ends with a NUL.
    let address = unsafe { inet_addr(name.as_ptr()) };
    assert_eq!((address, Errno::last()), (libc::INADDR_NONE, Errno::EDOM));

    // SAFETY: it consists of integers and pointers, for which zero is a value.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = libc::AF_INET;
    hints.ai_flags = libc::AI_NUMERICHOST;
    let mut list = std::ptr::null_mut();
    Errno::EDOM.set();
    // SAFETY: a string that ends with a NUL, no service, and two variables that live until the call returns.
    let result = unsafe { libc::getaddrinfo(name.as_ptr(), std::ptr::null(), &raw const hints, &raw mut list) };
    assert_eq!((result, Errno::last()), (libc::EAI_NONAME, Errno::EDOM));
}

#[test]
fn erratum_48_what_the_comments_of_the_listings_say() {
    let address = |kind| body(&format!("struct {kind} a;\nmemset(&a, 0, sizeof(a));"));
    proves(48, &address("socketaddr_in"), "storage size of 'a' isn't known", &address("sockaddr_in"));
    // It is in the header that is said to be FreeBSD's, and on Linux in what arpa/inet.h includes.
    for header in ["netinet/in", "arpa/inet"] {
        let alone = format!("#include <{header}.h>\nextern struct sockaddr_in address;\nstruct sockaddr_in address;\n");
        assert_eq!(compiler_says_of_file(48, &alone), "");
    }
    for listing in ["c-reference/echo_server.c", "c-reference/echo_client.c"] {
        assert!(!fs::read_to_string(root().join(listing)).unwrap().contains("inet_ntoa("), "{listing}");
    }
    let end = |value| body(&format!("char echoBuffer[128];\nechoBuffer[0] = {value};\nputs(echoBuffer);"));
    proves(48, &end("NULL"), "makes integer from pointer", &end("'\\0'"));
}

#[test]
fn erratum_49_bind_and_connect_take_a_const_address() {
    for name in ["bind", "connect"] {
        let text = |address, length| format!("int {name}(int, {address} *, {length});");
        let complaint = format!("conflicting types for '{name}'");
        let constant = "const struct sockaddr";
        proves(49, &text("struct sockaddr", "socklen_t"), &complaint, &text(constant, "socklen_t"));
        // On Linux socklen_t is the type that is printed.
        assert_eq!(compiler_says(49, &text(constant, "unsigned int")), "");
    }
    for length in ["unsigned int", "socklen_t"] {
        let accept = format!("int accept(int, struct sockaddr *, {length} *);");
        assert_eq!(compiler_says(49, &accept), "");
        let getsockopt = format!("int getsockopt(int, int, int, void *, {length} *);");
        assert_eq!(compiler_says(49, &getsockopt), "");
    }
}

#[test]
fn erratum_50_brackets_and_names_that_the_copy_has_changed() {
    let buffer = |size| body(&format!("char buffer{size};\nrecv(sock, buffer, 512, 0);"));
    proves(50, &buffer("(512)"), "expected declaration specifiers", &buffer("[512]"));
    let zero = |size| format!("struct address {{ char sin_zero{size}; }};");
    proves(50, &zero("(8)"), "expected", &zero("[8]"));
    let option =
        |name| body(&format!("int n;\nsocklen_t size = sizeof(n);\n{name}(sock, SOL_SOCKET, SO_RCVBUF, &n, &size);"));
    proves(50, &option("getsocketopt"), "implicit declaration of function 'getsocketopt'", &option("getsockopt"));
    let wait = |name| {
        let call = body(&format!("fd_set set;\nFD_ZERO(&set);\n{name}(sock, &set, NULL, NULL, NULL);"));
        format!("#include <sys/select.h>\n{call}")
    };
    proves(50, &wait("selcet"), "implicit declaration of function 'selcet'", &wait("select"));
}

/// A page of errata, and the words that it has for proofs.
struct Page {
    path: &'static str,
    scenario: &'static [&'static str],
    test: &'static [&'static str],
    source: &'static str,
    /// What stands before and after the number of a section.
    section: (&'static str, &'static str),
}

const PAGES: [Page; 2] = [
    Page {
        path: "docs/errata.md",
        scenario: &["Scenario", "Scenarios"],
        test: &["Test", "Tests"],
        source: "Source: ",
        section: ("section ", ""),
    },
    Page {
        path: "docs/errata.ko.md",
        scenario: &["시나리오"],
        test: &["테스트"],
        source: "출처: ",
        section: ("", "절"),
    },
];

/// What an entry names as its proof.
#[derive(Debug, Default, PartialEq, Eq)]
struct Proofs {
    /// Programs and their scenarios.
    scenarios: Vec<(String, String)>,
    tests: Vec<String>,
    /// RFCs and their sections.
    sources: Vec<(String, String)>,
}

impl Page {
    /// The entries by their numbers, each as one line.
    fn entries(&self) -> BTreeMap<u32, String> {
        let mut entries: BTreeMap<u32, String> = BTreeMap::new();
        let mut current = None;
        for line in fs::read_to_string(root().join(self.path)).unwrap().lines() {
            if let Some(title) = line.strip_prefix("### ") {
                let (number, _) = title.split_once(". ").expect("a dot follows the number");
                let number = number.parse().expect("a title begins with a number");
                assert!(entries.insert(number, String::new()).is_none(), "{}: {number} occurs twice", self.path);
                current = Some(number);
            } else if line.starts_with('#') {
                current = None;
            } else if let Some(number) = current {
                let text = entries.get_mut(&number).expect("it was inserted");
                text.extend([line, " "]);
            }
        }
        entries
    }

    /// What an entry names: after "Scenario" and "Test", between backquotes and separated by commas, and
    /// what it ends with.
    fn proofs(&self, entry: &str) -> Result<Proofs, String> {
        enum List {
            None,
            Scenarios,
            Tests,
        }
        let mut proofs = Proofs { sources: self.sources(entry)?, ..Proofs::default() };
        let mut list = List::None;
        let parts: Vec<&str> = entry.split('`').collect();
        for pair in parts.chunks_exact(2) {
            let (before, quoted) = (pair[0], pair[1]);
            let word = before.split_whitespace().next_back().unwrap_or_default();
            if self.scenario.contains(&word) {
                list = List::Scenarios;
            } else if self.test.contains(&word) {
                list = List::Tests;
            } else if before.trim() != "," {
                list = List::None;
            }
            match list {
                List::Scenarios => {
                    let last = proofs.scenarios.last().filter(|_| before.trim() == ",");
                    let (program, name) = match quoted.split_once(' ') {
                        Some((program, name)) => (program.to_owned(), name),
                        None => (last.ok_or(format!("scenario `{quoted}` of which program?"))?.0.clone(), quoted),
                    };
                    proofs.scenarios.push((program, name.to_owned()));
                }
                List::Tests => proofs.tests.push(quoted.to_owned()),
                List::None => {}
            }
        }
        Ok(proofs)
    }

    /// The sources that an entry ends with, in exactly this form: `Source: RFC 1918, section 3; RFC 4632, section 3.1.`
    fn sources(&self, entry: &str) -> Result<Vec<(String, String)>, String> {
        let word = self.source.trim_end();
        let Some((_, sources)) = entry.split_once(word) else {
            return Ok(Vec::new());
        };
        let form = || format!("\"{word}{sources}\" is not of the form {}", self.form());
        let sources = sources.trim_end().strip_prefix(' ').and_then(|text| text.strip_suffix('.')).ok_or_else(form)?;
        let source = |text: &str| {
            let (rfc, section) = text.strip_prefix("RFC ")?.split_once(", ")?;
            let section = section.strip_prefix(self.section.0)?.strip_suffix(self.section.1)?;
            let numbers = |text: &str| text.split('.').all(|part| !part.is_empty() && is_number(part));
            (is_number(rfc) && numbers(rfc) && numbers(section)).then(|| (rfc.to_owned(), section.to_owned()))
        };
        sources.split("; ").map(|text| source(text).ok_or_else(form)).collect()
    }

    fn form(&self) -> String {
        format!("\"{}RFC 1918, {}3{}.\", at the end of the entry", self.source, self.section.0, self.section.1)
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The tests here that prove an erratum: its number, and the test's name.
fn tests() -> Vec<(u32, &'static str)> {
    let functions = include_str!("errata.rs").lines().filter_map(|line| line.strip_prefix("fn erratum_"));
    let numbered = functions.map(|rest| {
        let (number, _) = rest.split_once('_').expect("a name follows the number");
        (number.parse().expect("a number follows erratum_"), rest.split('(').next().expect("there is a first part"))
    });
    numbered.collect()
}

/// The errata that each scenario proves, by program and name.
fn scenarios() -> BTreeMap<(String, String), Vec<u32>> {
    let pairs = Project::find().unwrap().pairs(&[]).unwrap();
    let of = |pair: mirror::project::Pair| {
        let file = pair.scenarios;
        let program = file.program.clone();
        file.scenarios.into_iter().map(move |scenario| ((program.clone(), scenario.name), scenario.errata))
    };
    pairs.into_iter().flat_map(of).collect()
}

#[test]
fn every_erratum_has_a_proof() {
    let mut proved: BTreeSet<u32> = scenarios().into_values().flatten().collect();
    proved.extend(tests().iter().map(|(number, _)| number));
    for page in &PAGES {
        let mut proved = proved.clone();
        let entries = page.entries();
        let sourced = entries.iter().filter(|(_, entry)| page.sources(entry).is_ok_and(|sources| !sources.is_empty()));
        proved.extend(sourced.map(|(number, _)| number));
        let listed: BTreeSet<u32> = entries.into_keys().collect();
        let without: Vec<_> = listed.difference(&proved).collect();
        assert!(without.is_empty(), "{}: errata that nothing proves: {without:?}", page.path);
        let missing: Vec<_> = proved.difference(&listed).collect();
        assert!(missing.is_empty(), "{}: errata that are proved and not listed: {missing:?}", page.path);
    }
}

#[test]
fn every_proof_that_an_entry_names_exists() {
    let (scenarios, tests) = (scenarios(), tests());
    let programs: BTreeSet<&str> = scenarios.keys().map(|(program, _)| program.as_str()).collect();
    let mut mistakes = Vec::new();
    let mut pages = Vec::new();
    for page in &PAGES {
        let mut proofs_of_page = BTreeMap::new();
        for (number, entry) in page.entries() {
            let mut wrong = |what: String| mistakes.push(format!("{}: erratum {number}: {what}", page.path));
            let proofs = match page.proofs(&entry) {
                Ok(proofs) => proofs,
                Err(error) => {
                    wrong(error);
                    continue;
                }
            };
            if proofs == Proofs::default() {
                wrong(format!("it names no scenario, no test and no source ({})", page.form()));
            }
            for scenario @ (program, name) in &proofs.scenarios {
                match scenarios.get(scenario) {
                    None => wrong(format!("there is no scenario `{program} {name}`")),
                    Some(errata) if !errata.contains(&number) => {
                        wrong(format!("scenario `{program} {name}` does not have it in its `errata`, {errata:?}"));
                    }
                    Some(_) => {}
                }
            }
            for name in &proofs.tests {
                if *name != format!("erratum_{number}") {
                    wrong(format!("test `{name}`: `erratum_{number}` was expected"));
                } else if !tests.iter().any(|(of, _)| *of == number) {
                    wrong(format!("there is no test `{name}`"));
                }
            }
            // A program and a name that stand anywhere else would not be checked.
            for quoted in entry.split('`').skip(1).step_by(2) {
                let Some((program, name)) = quoted.split_once(' ') else { continue };
                let named = (program.to_owned(), name.to_owned());
                if programs.contains(program) && !proofs.scenarios.contains(&named) {
                    wrong(format!("`{quoted}` does not follow \"{}\" or a comma", page.scenario[0]));
                }
            }
            proofs_of_page.insert(number, proofs);
        }
        pages.push(proofs_of_page);
    }
    let numbers: BTreeSet<u32> = pages.iter().flat_map(|page| page.keys().copied()).collect();
    for number in numbers {
        let [one, other] = [&pages[0], &pages[1]].map(|page| page.get(&number));
        if one != other {
            mistakes.push(format!("erratum {number}: one page names {one:?}, the other {other:?}"));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn a_source_has_one_form() {
    let [english, korean] = &PAGES;
    let rfc = |rfc: &str, section: &str| (rfc.to_owned(), section.to_owned());
    assert_eq!(english.sources("It is so. Source: RFC 1918, section 3. "), Ok(vec![rfc("1918", "3")]));
    assert_eq!(korean.sources("그렇습니다. 출처: RFC 1918, 3절. "), Ok(vec![rfc("1918", "3")]));
    let two = Ok(vec![rfc("1009", "1"), rfc("1812", "2.2.3")]);
    assert_eq!(english.sources("Source: RFC 1009, section 1; RFC 1812, section 2.2.3."), two);
    assert_eq!(korean.sources("출처: RFC 1009, 1절; RFC 1812, 2.2.3절."), two);
    assert_eq!(english.sources("No source."), Ok(Vec::new()));
    for wrong in [
        "Source: RFC 1918.",
        "Source: RFC 1918, section 3",
        "Source: RFC 1918, section 3. And more.",
        "Source: RFC 1918, section .",
        "Source: RFC 1918, section 3..1.",
        "Source: RFC , section 3.",
        "Source: RFC 1918, 3.",
        "Source: RFC 1918 section 3.",
        "Source: RFC 1918, section 3, RFC 4632, section 3.1.",
        "Source: a book, section 3.",
        "Source:RFC 1918, section 3.",
        "Source: .",
        "Source:",
    ] {
        assert!(english.sources(wrong).is_err(), "{wrong}");
    }
    assert!(korean.sources("출처: RFC 1918, section 3.").is_err());
}

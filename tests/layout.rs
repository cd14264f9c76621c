//! The libc crate describes C's structures, types and constants by hand. Here the C compiler says
//! what they are on this machine, and the crate must say the same: wherever a Rust program hands
//! memory to the kernel, this is what makes the bytes mean the same as in C.
//!
//! The table below makes both sides: a C program that prints, and the values that Rust has. Two
//! more tests find what the sources use and the table lacks.

#[path = "common/root.rs"]
mod root;
#[path = "common/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fmt::{Debug, Write};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use root::root;
use sockmirror::common::loopback;
use sockmirror::linux::{if_link, io_uring};
use sockmirror::netinet::tcp::{self, tcpi_snd_wscale};
use sockmirror::{aio, fcntl};
use sources::files;
use tree_sitter::{Node, Parser};

/// The Makefile's `C_LANGUAGE`: language and features decide what the headers define.
const C_RULES: [&str; 6] = ["-std=c17", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Names that have no place in the table, and why.
const NOT_IN_THE_TABLE: [(&str, &str); 14] = [
    ("FILE", "only libc knows what is in it; a program has a pointer"),
    ("bool", "a type of both languages; Rust's is defined to be C's"),
    ("c_void", "no type of its own: a pointer to it points to anything"),
    ("void", "the same, in C"),
    ("sighandler_t", "the address of a function, which C does not compare with numbers"),
    ("INT_MAX", "c_int::MAX in Rust"),
    ("SIGRTMIN", "a function in Rust, and both ask the C library"),
    ("SIG_ERR", "the address that is -1, which Rust has as a number without a sign"),
    ("MAP_FAILED", "the same: an address"),
    ("RLIM_INFINITY", "the largest unsigned number, larger than a long long"),
    ("WEXITSTATUS", "a function in Rust"),
    ("WIFSIGNALED", "a function in Rust"),
    ("WTERMSIG", "a function in Rust"),
    ("syscall", "a function"),
];

/// One line of the comparison.
struct Item {
    /// A C expression with an integer value: what the item is called, and what C evaluates.
    expression: String,
    rust: i128,
}

/// What the table has, by the names in use.
#[derive(Default)]
struct Table {
    items: Vec<Item>,
    names_in_c: BTreeSet<&'static str>,
    names_in_rust: BTreeSet<&'static str>,
}

/// Defines `table()`: each name is written once, and both languages get it from here.
macro_rules! table {
    (
        structures { $($structure:ident { $($field:ident $(= $field_in_c:literal)?)* })* }
        beginnings { $($beginning:ident { $($first:ident)* })* }
        opaque { $($opaque:ident $(= $opaque_in_c:literal)?)* }
        types { $($type:ident $(= $in_c:literal)?)* }
        constants { $($constant:ident $(= $value_in_c:literal)?)* }
        ours { $($module:ident { $($ours:ident)* })* }
        structures_of_ours { $($place:ident { $($our_structure:ident { $($our_field:ident $(= [$($name_in_c:literal)*])?)* })* })* }
    ) => {
        fn table() -> Table {
            let mut table = Table::default();
            $({
                let name = stringify!($structure);
                let c = format!("struct {name}");
                table.name(name, name);
                table.add(format!("sizeof({c})"), size_of::<libc::$structure>());
                table.add(format!("_Alignof({c})"), align_of::<libc::$structure>());
                $({
                    // The name in C, if one is given, comes before the name in Rust.
                    let field = [$($field_in_c,)? stringify!($field)][0];
                    let offset = core::mem::offset_of!(libc::$structure, $field);
                    // SAFETY: never called; no more than a type is asked for.
                    let size = size_of_field(|whole: *const libc::$structure| unsafe {
                        &raw const (*whole).$field
                    });
                    table.add(format!("offsetof({c}, {field})"), offset);
                    table.add(format!("sizeof((({c} *)0)->{field})"), size);
                })*
                // Does not compile if a field is missing in the table.
                let _ = |libc::$structure { $($field: _),* }| ();
            })*
            // Of a structure that grows, what the programs use; its size is not the same everywhere.
            $({
                let name = stringify!($beginning);
                let c = format!("struct {name}");
                table.name(name, name);
                $({
                    let field = stringify!($first);
                    let offset = core::mem::offset_of!(libc::$beginning, $first);
                    // SAFETY: never called; no more than a type is asked for.
                    let size = size_of_field(|whole: *const libc::$beginning| unsafe {
                        &raw const (*whole).$first
                    });
                    table.add(format!("offsetof({c}, {field})"), offset);
                    table.add(format!("sizeof((({c} *)0)->{field})"), size);
                })*
            })*
            // A type whose inside only libc looks at.
            $({
                let name = stringify!($opaque);
                let c = [$($opaque_in_c,)? name][0];
                table.name(c, name);
                table.add(format!("sizeof({c})"), size_of::<libc::$opaque>());
                table.add(format!("_Alignof({c})"), align_of::<libc::$opaque>());
            })*
            $({
                let name = stringify!($type);
                // The name in C, if one is given, comes before the name in Rust.
                let c = [$($in_c,)? name][0];
                table.name(c, name);
                table.add(format!("sizeof({c})"), size_of::<libc::$type>());
                table.add(format!("_Alignof({c})"), align_of::<libc::$type>());
                let signed = usize::from(libc::$type::MIN != 0);
                table.add(format!("({c})-1 < ({c})1"), signed);
            })*
            $({
                let name = stringify!($constant);
                table.name(name, name);
                // Its value in C, if one is given, is the name with a cast to the type in Rust.
                let value = [$($value_in_c,)? name][0];
                table.add(value.to_owned(), libc::$constant);
            })*
            // What the libc crate lacks.
            $($({
                let name = stringify!($ours);
                table.name(name, name);
                table.add(name.to_owned(), $module::$ours);
            })*)*
            $($({
                type Ours = $place::$our_structure;
                let name = stringify!($our_structure);
                let c = format!("struct {name}");
                table.name(name, name);
                table.add(format!("sizeof({c})"), size_of::<Ours>());
                table.add(format!("_Alignof({c})"), align_of::<Ours>());
                $({
                    let field = stringify!($our_field);
                    let offset = core::mem::offset_of!(Ours, $our_field);
                    // SAFETY: never called; no more than a type is asked for.
                    let size = size_of_field(|whole: *const Ours| unsafe {
                        &raw const (*whole).$our_field
                    });
                    let names_in_c: &[&str] = &[$($($name_in_c),*)?];
                    if names_in_c.is_empty() {
                        table.add(format!("offsetof({c}, {field})"), offset);
                        table.add(format!("sizeof((({c} *)0)->{field})"), size);
                    } else {
                        // With another name it may have had another size, too. How much room there is, the
                        // next field's place says, or the size of the whole.
                        let places = names_in_c.iter().map(|name| format!("offsetof({c}, {name})"));
                        table.add(first_known(&places.collect::<Vec<_>>()), offset);
                    }
                })*
                // Does not compile if a field is missing in the table.
                let _ = |Ours { $($our_field: _),* }: Ours| ();
            })*)*
            table
        }
    };
}

table! {
    structures {
        addrinfo { ai_flags ai_family ai_socktype ai_protocol ai_addrlen ai_addr ai_canonname ai_next }
        epoll_event { events u64 = "data" }
        ifaddrs { ifa_next ifa_name ifa_flags ifa_addr ifa_netmask ifa_ifu ifa_data }
        ifreq { ifr_name ifr_ifru }
        in_addr { s_addr }
        iovec { iov_base iov_len }
        ip_mreq { imr_multiaddr imr_interface }
        itimerval { it_interval it_value }
        linger { l_onoff l_linger }
        mmsghdr { msg_hdr msg_len }
        msghdr { msg_name msg_namelen msg_iov msg_iovlen msg_control msg_controllen msg_flags }
        pollfd { fd events revents }
        rlimit { rlim_cur rlim_max }
        servent { s_name s_aliases s_port s_proto }
        sockaddr { sa_family sa_data }
        sock_filter { code jt jf k }
        sock_fprog { len filter }
        sockaddr_in { sin_family sin_port sin_addr sin_zero }
        timespec { tv_sec tv_nsec }
        timeval { tv_sec tv_usec }
    }
    beginnings {
        aiocb { aio_fildes aio_lio_opcode aio_reqprio aio_buf aio_nbytes aio_sigevent aio_offset }
        sigevent { sigev_value sigev_signo sigev_notify }
        signalfd_siginfo { ssi_signo ssi_errno ssi_code ssi_pid ssi_uid ssi_fd }
        stat { st_dev st_ino st_nlink st_mode }
        tcp_info {
            tcpi_state tcpi_ca_state tcpi_retransmits tcpi_probes tcpi_backoff tcpi_options tcpi_sacked tcpi_lost
            tcpi_total_retrans
        }
    }
    opaque {
        fd_set
        siginfo_t
        sigset_t
        sigval = "sigval_t"
    }
    types {
        Ioctl = "unsigned long"
        __rlimit_resource_t = "enum __rlimit_resource"
        c_char = "char"
        c_int = "int"
        c_int = "sig_atomic_t"
        c_long = "long"
        c_longlong = "long long"
        c_short = "short"
        c_uchar = "uint8_t"
        c_uchar = "unsigned char"
        c_uint = "uint32_t"
        c_uint = "unsigned int"
        c_ulong = "uint64_t"
        c_ulong = "uintptr_t"
        c_ulong = "unsigned long"
        c_ulonglong = "unsigned long long"
        c_ushort = "uint16_t"
        c_ushort = "unsigned short"
        clockid_t
        in_addr_t
        in_port_t
        intptr_t
        nfds_t
        off_t
        pid_t
        sa_family_t
        size_t
        socklen_t
        ssize_t
        time_t
    }
    constants {
        AF_INET
        AF_PACKET
        AIO_CANCELED
        BPF_ABS
        BPF_B
        BPF_JGE
        BPF_JMP
        BPF_K
        BPF_LD
        BPF_RET
        CLOCK_MONOTONIC
        EADDRINUSE
        EAGAIN
        EAI_NONAME
        EAI_SYSTEM
        EBUSY
        ECANCELED
        ECONNABORTED
        ECONNREFUSED
        ECONNRESET
        EHOSTDOWN
        EHOSTUNREACH
        EINPROGRESS
        EINTR
        EINVAL
        EMFILE
        ENETDOWN
        ENETUNREACH
        ENOBUFS
        ENOMEM
        ENONET
        ENOPROTOOPT
        ENOSYS
        ENOTCONN
        EOPNOTSUPP
        EPERM
        EPIPE
        EPOLLET = "(int)EPOLLET"
        EPOLLIN
        EPOLLOUT
        EPOLLPRI
        EPOLLRDHUP
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_MOD
        EPROTO
        EPROTONOSUPPORT
        ESPIPE
        ETIMEDOUT
        FD_SETSIZE
        F_SETFL
        F_SETOWN
        IFF_BROADCAST
        IFF_LOOPBACK
        IFF_MULTICAST
        IFF_NOARP
        IFF_POINTOPOINT
        IFF_PROMISC
        IFF_RUNNING
        IFF_UP
        INADDR_ANY
        INADDR_LOOPBACK
        INADDR_NONE
        IPPROTO_ICMP
        IPPROTO_IP
        IPPROTO_TCP
        IPPROTO_UDP
        IP_ADD_MEMBERSHIP
        IP_DROP_MEMBERSHIP
        IP_MINTTL
        IP_MTU
        IP_MTU_DISCOVER
        IP_MULTICAST_IF
        IP_MULTICAST_LOOP
        IP_MULTICAST_TTL
        IP_PMTUDISC_DO
        IP_TOS
        IP_TTL
        ITIMER_PROF
        ITIMER_REAL
        ITIMER_VIRTUAL
        MAP_ANONYMOUS
        MAP_PRIVATE
        MAP_SHARED
        MSG_DONTWAIT
        MSG_NOSIGNAL
        MSG_PEEK
        MSG_TRUNC
        MSG_WAITALL
        O_ASYNC
        O_CLOEXEC
        O_NOCTTY
        O_NONBLOCK
        O_RDWR
        O_WRONLY
        PF_INET
        POLLIN
        POLLOUT
        PROT_READ
        PROT_WRITE
        PR_SET_CHILD_SUBREAPER
        PR_SET_PDEATHSIG
        RLIMIT_MEMLOCK
        RLIMIT_NOFILE
        SEEK_CUR
        SFD_CLOEXEC
        SFD_NONBLOCK
        SHUT_RD
        SHUT_RDWR
        SHUT_WR
        SIGALRM
        SIGCHLD
        SIGEV_SIGNAL
        SIGHUP
        SIGINT
        SIGIO
        SIGPIPE
        SIGPROF
        SIGTERM
        SIGTTOU
        SIGURG
        SIGUSR1
        SIGUSR2
        SIGVTALRM
        SIGXFSZ
        SIG_BLOCK
        SIG_DFL
        SIG_IGN
        SIG_SETMASK
        SIG_UNBLOCK
        SIOCGIFMTU
        SIOCOUTQNSD
        SI_QUEUE
        SKF_NET_OFF
        SK_MEMINFO_DROPS
        SOCK_CLOEXEC
        SOCK_DGRAM
        SOCK_NONBLOCK
        SOCK_RAW
        SOCK_STREAM
        SOL_SOCKET
        SO_ATTACH_FILTER
        SO_BROADCAST
        SO_DOMAIN
        SO_ERROR
        SO_KEEPALIVE
        SO_LINGER
        SO_MEMINFO
        SO_OOBINLINE
        SO_PROTOCOL
        SO_RCVBUF
        SO_RCVLOWAT
        SO_RCVTIMEO
        SO_REUSEADDR
        SO_REUSEPORT
        SO_SNDBUF
        SO_SNDTIMEO
        SO_TYPE
        SYS_io_uring_enter
        SYS_io_uring_register
        SYS_io_uring_setup
        S_IFCHR
        S_IFIFO
        S_IFMT
        S_IFSOCK
        TCP_CORK
        TCP_DEFER_ACCEPT
        TCP_INFO
        TCP_KEEPCNT
        TCP_KEEPIDLE
        TCP_KEEPINTVL
        TCP_MAXSEG
        TCP_NODELAY
        TCP_QUICKACK
        TCP_SYNCNT
        TCP_USER_TIMEOUT
        TIOCOUTQ
        WNOHANG
    }
    ours {
        fcntl {
            F_SETSIG
        }
        io_uring {
            IORING_ACCEPT_MULTISHOT
            IORING_CQE_BUFFER_SHIFT
            IORING_CQE_F_MORE
            IORING_ENTER_GETEVENTS
            IORING_OFF_SQES
            IORING_OFF_SQ_RING
            IORING_OP_ACCEPT
            IORING_OP_ASYNC_CANCEL
            IORING_OP_POLL_ADD
            IORING_OP_RECV
            IORING_OP_SEND
            IORING_RECV_MULTISHOT
            IORING_REGISTER_PBUF_RING
            IORING_SETUP_CQSIZE
            IORING_SETUP_DEFER_TASKRUN
            IORING_SETUP_SINGLE_ISSUER
            IORING_SETUP_SUBMIT_ALL
            IOSQE_BUFFER_SELECT
        }
        tcp {
            TCP_CLOSE
            TCP_CLOSE_WAIT
            TCP_CLOSING
            TCP_ESTABLISHED
            TCP_FIN_WAIT1
            TCP_FIN_WAIT2
            TCP_LAST_ACK
            TCP_LISTEN
            TCP_SYN_RECV
            TCP_SYN_SENT
            TCP_TIME_WAIT
            TCPI_OPT_SACK
        }
    }
    structures_of_ours {
        aio {
            aioinit { aio_threads aio_num aio_locks aio_usedba aio_debug aio_numusers aio_idle_time aio_reserved }
        }
        if_link {
            rtnl_link_stats {
                rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped multicast collisions
                rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors
                tx_aborted_errors tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors rx_compressed
                tx_compressed rx_nohandler
            }
        }
        io_uring {
            io_cqring_offsets { head tail ring_mask ring_entries overflow cqes flags resv1 user_addr = ["user_addr" "resv2"] }
            io_sqring_offsets { head tail ring_mask ring_entries flags dropped array resv1 user_addr = ["user_addr" "resv2"] }
            io_uring_buf { addr len bid resv }
            io_uring_buf_reg { ring_addr ring_entries bgid flags = ["flags" "pad"] resv = ["min_left" "resv"] }
            io_uring_buf_ring { resv1 resv2 resv3 tail }
            io_uring_cqe { user_data res flags }
            io_uring_params {
                sq_entries cq_entries flags sq_thread_cpu sq_thread_idle features wq_fd resv sq_off cq_off
            }
            io_uring_sqe {
                opcode flags ioprio fd off addr len msg_flags user_data buf_group personality splice_fd_in addr3 __pad2
            }
        }
    }
}

impl Table {
    fn name(&mut self, in_c: &'static str, in_rust: &'static str) {
        self.names_in_c.insert(in_c);
        self.names_in_rust.insert(in_rust);
    }

    fn add(&mut self, expression: String, rust: impl TryInto<i128, Error: Debug>) {
        let rust = rust.try_into().expect("no integer of C is wider than 128 bits");
        self.items.push(Item { expression, rust });
    }
}

/// The size of what a function picks out of a structure. The function is never called.
fn size_of_field<Whole, Field>(_: fn(*const Whole) -> *const Field) -> usize {
    size_of::<Field>()
}

#[test]
fn c_and_rust_agree() {
    let items = table().items;
    let printed = run_probe("probe", &probe(&items));
    let differences = differences(&items, &printed);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// C's bit fields have no offset. The two of `tcp_info` that are scales are the two halves of one byte of the
/// libc crate's; which half is which, depends on the machine.
#[test]
fn bit_fields_share_a_byte() {
    let place = core::mem::offset_of!(libc::tcp_info, tcpi_snd_rcv_wscale);
    let byte = |field: &str| Item {
        expression: format!(
            "((union {{ struct tcp_info all; unsigned char bytes[104]; }})\
             {{ .all = {{ .{field} = 5 }} }}).bytes[{place}]"
        ),
        rust: 0,
    };
    let printed = run_probe("bit-fields", &probe(&[byte("tcpi_snd_wscale"), byte("tcpi_rcv_wscale")]));
    let scales = printed.lines().map(|byte| tcpi_snd_wscale(byte.parse().unwrap()));
    assert_eq!(scales.collect::<Vec<_>>(), [5, 0]);
}

/// The servers find `tcpi_bytes_received` by its place: the C library's `tcp_info` lacks it, and the
/// kernel's cannot be included beside that.
#[test]
fn bytes_received_has_its_place() {
    let place = core::mem::offset_of!(libc::tcp_info, tcpi_bytes_received);
    assert_eq!(place, sockmirror::server::connections::BYTES_RECEIVED * size_of::<u64>());
    let kernel = "#include <linux/tcp.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void)\n{\n    \
                  printf(\"%zu\\n\", offsetof(struct tcp_info, tcpi_bytes_received));\n    return 0;\n}\n";
    assert_eq!(run_probe("bytes-received", kernel).trim(), place.to_string());
}

/// `handshake` finds the two counters of segments in the same way.
#[test]
fn segment_counters_have_their_places() {
    let places =
        [core::mem::offset_of!(libc::tcp_info, tcpi_segs_out), core::mem::offset_of!(libc::tcp_info, tcpi_segs_in)];
    assert_eq!(places, [loopback::SEGMENTS_OUT, loopback::SEGMENTS_IN].map(|index| index * size_of::<u32>()));
    let kernel = "#include <linux/tcp.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void)\n{\n    \
                  printf(\"%zu %zu\\n\", offsetof(struct tcp_info, tcpi_segs_out),\n           \
                  offsetof(struct tcp_info, tcpi_segs_in));\n    return 0;\n}\n";
    assert_eq!(run_probe("segment-counters", kernel).trim(), places.map(|place| place.to_string()).join(" "));
}

#[test]
fn a_difference_is_named() {
    let item = |expression: &str, rust| Item { expression: expression.to_owned(), rust };
    let items = [item("sizeof(int)", 4), item("_Alignof(int)", 8), item("AF_INET", 2)];
    let expected = ["_Alignof(int): C has 4, Rust has 8", "AF_INET: C has nothing, Rust has 2"];
    assert_eq!(differences(&items, "4\n4\n"), expected);
}

#[test]
fn names_that_rust_uses_are_in_the_table() {
    let mut used = BTreeSet::new();
    for source in sources("src", "rs") {
        used.extend(names_from_libc(&source));
    }
    assert_known(&used, &table().names_in_rust);
}

#[test]
fn names_that_c_uses_are_in_the_table() {
    let mut used = BTreeSet::new();
    let mut defined = BTreeSet::new();
    for extension in ["c", "h"] {
        for source in sources("c-reference", extension) {
            used.extend(types_and_constants(&source));
            defined.extend(definitions(&source));
        }
    }
    let used = used.difference(&defined).cloned().collect();
    assert_known(&used, &table().names_in_c);
}

#[test]
fn a_name_in_use_is_noticed() {
    let rust = "/// use libc::{EINTR,\n/// linger};\nlet size = size_of::<libc::timeval>(); libc::bind(1)";
    assert_eq!(names_from_libc(rust), names(&["EINTR", "linger", "timeval"]));

    let c = "#define MOST 5\nstruct ours { time_t t; };\n\
             /* EINTR */ struct linger l = {MOST, SO_LINGER}; unsigned long n; struct ours o; FD_ZERO(&s);";
    let used = ["MOST", "SO_LINGER", "linger", "ours", "time_t", "unsigned long"];
    assert_eq!(types_and_constants(c), names(&used));
    assert_eq!(definitions(c), names(&["MOST", "ours"]));
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn assert_known(used: &BTreeSet<String>, table: &BTreeSet<&str>) {
    assert!(!used.is_empty(), "the sources use nothing");
    let exception = |name: &str| NOT_IN_THE_TABLE.iter().any(|(other, _)| *other == name);
    let unknown = used.iter().filter(|name| !table.contains(name.as_str()) && !exception(name));
    let unknown: Vec<_> = unknown.collect();
    assert!(unknown.is_empty(), "in use, and not in the table: {unknown:?}");
}

/// A C program that prints the value of each item on a line of its own.
fn probe(items: &[Item]) -> String {
    // What the programs include is what declares the names that they use.
    let mut headers = BTreeSet::from(["#include <stddef.h>".to_owned()]);
    for extension in ["c", "h"] {
        for source in sources("c-reference", extension) {
            let lines = source.lines().filter(|line| {
                // Some names are declared only for who asks for GNU's extensions; `#d` comes before `#i`.
                line.starts_with("#include <") || *line == "#define _GNU_SOURCE"
            });
            headers.extend(lines.map(str::to_owned));
        }
    }
    let mut program: String = headers.into_iter().map(|header| header + "\n").collect();
    program.push_str("int main(void)\n{\n");
    for Item { expression, .. } in items {
        writeln!(program, "    printf(\"%lld\\n\", (long long)({expression}));").expect("a string takes any text");
    }
    program.push_str("    return 0;\n}\n");
    program
}

/// The first of several expressions whose names the headers at hand have: names change with the years.
fn first_known(expressions: &[String]) -> String {
    let is_known = |expression: &&String| {
        let item = Item { expression: expression.to_string(), rust: 0 };
        let file = write_probe("name", &probe(&[item]));
        let compiler = &mut compiler();
        compiler.arg("-fsyntax-only").arg(file).stderr(Stdio::null());
        compiler.status().expect("the C compiler does not start").success()
    };
    // One that is not known is an error of the whole probe.
    expressions.iter().find(is_known).unwrap_or(&expressions[0]).clone()
}

fn run_probe(name: &str, source: &str) -> String {
    let file = write_probe(name, source);
    let program = file.with_extension("");
    let compiler = &mut compiler();
    let status = compiler.arg(&file).arg("-o").arg(&program).status();
    let status = status.expect("the C compiler does not start");
    assert!(status.success(), "{} does not compile", file.display());
    let output = Command::new(&program).output().expect("the probe does not start");
    assert!(output.status.success(), "{} fails", program.display());
    String::from_utf8(output.stdout).expect("the probe prints numbers")
}

/// Writes a source that no other thread uses at the same time.
fn write_probe(name: &str, source: &str) -> PathBuf {
    let folder = root().join("target/layout");
    fs::create_dir_all(&folder).expect("target/ is ours");
    let thread = std::thread::current();
    let test = thread.name().expect("the test runner names its threads");
    let file = folder.join(format!("{test}-{name}.c"));
    fs::write(&file, source).expect("target/ is ours");
    file
}

/// The C compiler and its rules. CC may hold options, too.
fn compiler() -> Command {
    let words = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut words = words.split_whitespace();
    let mut compiler = Command::new(words.next().expect("CC is empty"));
    compiler.args(words).args(C_RULES);
    compiler
}

fn differences(items: &[Item], printed: &str) -> Vec<String> {
    let mut lines = printed.lines();
    let mut differences = Vec::new();
    for Item { expression, rust } in items {
        let c = lines.next().unwrap_or("nothing");
        if c != rust.to_string() {
            differences.push(format!("{expression}: C has {c}, Rust has {rust}"));
        }
    }
    differences
}

/// What a Rust source, its examples included, takes from the libc crate and does not call.
fn names_from_libc(source: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut names = BTreeSet::new();
    for after in source.split("libc::").skip(1) {
        if let Some(list) = after.strip_prefix('{') {
            let list = list.split('}').next().unwrap_or(list);
            names.extend(list.split(|letter| !is_name(letter)).map(str::to_owned));
        } else {
            let name = after.split(|letter| !is_name(letter)).next().unwrap_or(after);
            if !after[name.len()..].starts_with('(') {
                names.insert(name.to_owned());
            }
        }
    }
    names.remove("");
    names
}

/// The types in a C source, by their names without `struct`, and the names in capitals, unless they
/// are called as `FD_SET` is.
fn types_and_constants(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    walk_c(source, |node, text| match node.kind() {
        "type_identifier" | "primitive_type" | "sized_type_specifier" => {
            names.insert(text.to_owned());
        }
        "identifier" if !text.contains(char::is_lowercase) && !is_called(node) => {
            names.insert(text.to_owned());
        }
        _ => {}
    });
    names
}

fn is_called(node: Node<'_>) -> bool {
    let call = node.parent().filter(|parent| parent.kind() == "call_expression");
    call.and_then(|call| call.child_by_field_name("function")) == Some(node)
}

/// The macros and the structures that a C source defines.
fn definitions(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    walk_c(source, |node, text| {
        let Some(parent) = node.parent() else { return };
        let defines = match parent.kind() {
            "preproc_def" => node.kind() == "identifier",
            "struct_specifier" => node.kind() == "type_identifier" && parent.child_by_field_name("body").is_some(),
            _ => false,
        };
        if defines {
            names.insert(text.to_owned());
        }
    });
    names
}

fn walk_c(source: &str, mut visit: impl FnMut(Node<'_>, &str)) {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_c::LANGUAGE.into()).expect("the grammar fits the parser");
    let tree = parser.parse(source, None).expect("nothing stops the parser");
    let mut rest = vec![tree.root_node()];
    while let Some(node) = rest.pop() {
        visit(node, &source[node.byte_range()]);
        rest.extend(node.children(&mut node.walk()));
    }
}

fn sources(folder: &str, extension: &str) -> Vec<String> {
    let paths = files(&root().join(folder), extension).expect("the folder can be read").into_iter();
    paths.map(|path| fs::read_to_string(path).expect("the file can be read")).collect()
}

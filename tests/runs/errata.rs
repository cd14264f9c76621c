//! Every erratum in `docs/errata.md` has its proof: a scenario that names its number in `errata`,
//! or a test here that has it in its name. Those here ask the C compiler about the tutorial's lines
//! as they are printed: it refuses them or warns, and takes them as corrected.

#[path = "../common/root.rs"]
mod root;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use mirror::project::Project;
use root::root;

/// What the compiler says of some C below the tutorial's headers; nothing, if it takes it.
fn compiler_says(erratum: u32, text: &str) -> String {
    let folder = root().join("target/errata");
    fs::create_dir_all(&folder).unwrap();
    let source = folder.join(format!("{erratum}.c"));
    let headers = ["stdio", "stdlib", "string", "sys/socket", "arpa/inet", "netinet/in"];
    let includes = headers.map(|name| format!("#include <{name}.h>\n")).concat();
    fs::write(&source, format!("{includes}{text}\n")).unwrap();
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
fn erratum_6_lengths_are_socklen_t_and_ssize_t() {
    let send = |kind| body(&format!("{kind} n = 5;\nif (send(sock, \"hello\", n, 0) != n)\nexit(1);"));
    // On a 64-bit machine an unsigned int fits into the ssize_t that it is compared with; a size_t,
    // as unsigned, does not.
    proves(6, &send("size_t"), "different signedness", &send("ssize_t"));
    let accept =
        |kind| body(&format!("struct sockaddr_in a;\n{kind} n = sizeof(a);\naccept(sock, (struct sockaddr *)&a, &n);"));
    proves(6, &accept("int"), "pointer", &accept("socklen_t"));
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

/// The numbers that `docs/errata.md` and its translation list.
fn listed(page: &str) -> BTreeSet<u32> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let number = |line: &str| line.strip_prefix("### ")?.split_once('.')?.0.parse().ok();
    text.lines().filter_map(number).collect()
}

#[test]
fn every_erratum_has_a_proof() {
    let mut proved = BTreeSet::new();
    for pair in Project::find().unwrap().pairs(&[]).unwrap() {
        proved.extend(pair.scenarios.scenarios.iter().flat_map(|s| s.errata.iter().copied()));
    }
    for line in include_str!("errata.rs").lines() {
        if let Some(name) = line.strip_prefix("fn erratum_") {
            let (number, _) = name.split_once('_').expect("a name follows the number");
            proved.insert(number.parse().unwrap());
        }
    }
    assert_eq!(listed("docs/errata.md"), proved);
    assert_eq!(listed("docs/errata.ko.md"), proved);
}

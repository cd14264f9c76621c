//! The lists of errors in the documentation, and what they have to do with the table: the same errnos, both ways.
//!
//! A list is what follows `# Errors` in the documentation of a function, or "# Errors of `name`" in that of a module.
//! Its items begin with the errnos, up to the first colon. "Those of" another function are taken over; they need rows
//! at that function only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use libtest_mimic::{Failed, Trial};

use crate::root::root;
use crate::sources::files;
use crate::table;

/// Errnos that no row can provoke, and why.
const NOT_PROVOKED: &[(&str, &[&str], &str)] = &[
    (
        "ENOMEM",
        &[
            "accept",
            "bind",
            "epoll_create1",
            "epoll_ctl",
            "getifaddrs",
            "io_uring_register",
            "io_uring_setup",
            "open",
            "poll",
            "recv",
            "select",
            "send",
            "setsockopt",
            "signalfd",
            "socket",
            "stat",
        ],
        "the kernel would have to run out of memory",
    ),
    (
        "ENOBUFS",
        &["accept", "getpeername", "getsockname", "send", "socket"],
        "the kernel, or the queue of an interface, would have to run out of memory",
    ),
    (
        "ENFILE",
        &["accept", "epoll_create1", "io_uring_setup", "mmap", "open", "pipe2", "signalfd", "socket"],
        "the whole system would have to run out of files",
    ),
    ("EAGAIN", &["aio_read", "io_uring_enter"], "the library or the kernel would have to run out of memory"),
    ("EBUSY", &["io_uring_enter"], "the kernel would have to run out of memory for completions"),
    ("ENXIO", &["io_uring_enter"], "the queues would have to be taken down while the call is made"),
    ("ENOSYS", &["aio_read", "fork", "io_uring_setup"], "this kernel and this library have it"),
    ("EPERM", &["accept", "connect"], "it takes a rule of a security module"),
    ("EPERM", &["io_uring_setup"], "it takes a setting of the whole system, or a filter"),
    ("ENOSPC", &["epoll_ctl"], "it takes a setting of the whole system"),
    ("ECONNABORTED", &["accept"], "Linux tells the first receive of the new socket instead"),
    ("EHOSTDOWN", &["accept"], "the same"),
    ("EHOSTUNREACH", &["accept"], "the same"),
    ("ENETDOWN", &["accept"], "the same"),
    ("ENETUNREACH", &["accept"], "the same"),
    ("ENONET", &["accept"], "the same"),
    ("ENOPROTOOPT", &["accept"], "the same"),
    ("EPROTO", &["accept"], "the same"),
    ("ENOSR", &["accept"], "other kernels have it"),
    ("EPROTONOSUPPORT", &["accept"], "other kernels have it"),
    ("ESOCKTNOSUPPORT", &["accept"], "other kernels have it"),
    ("ETIMEDOUT", &["accept"], "other kernels have it"),
    ("ENAMETOOLONG", &["bind"], "the path of a UNIX socket has 108 bytes at most"),
    ("EADDRINUSE", &["connect"], "Linux has EADDRNOTAVAIL in its place"),
    ("EPIPE", &["recv"], "Linux returns 0"),
    ("EINTR", &["close"], "it takes a network file system"),
    ("EIO", &["close"], "it takes a file system that fails"),
    ("ENOSPC", &["close"], "it takes a network file system"),
    ("EDQUOT", &["close", "fwrite"], "it takes a file system with quotas"),
    ("EBUSY", &["dup2"], "another thread would have to be in the middle of an open"),
    ("EINTR", &["dup2"], "Linux does not say how the old one was closed"),
    ("EDEADLK", &["fcntl"], "only commands that take a pointer have it, which the wrapper does not"),
    ("EFAULT", &["fcntl"], "the same"),
    ("EINTR", &["fcntl"], "the same"),
    ("ENOLCK", &["fcntl"], "the same"),
    ("ENODEV", &["signalfd"], "it takes a kernel that cannot mount its own file system of descriptors"),
    ("EOVERFLOW", &["fstat", "lseek", "stat"], "every number fits the fields of a 64-bit machine"),
    ("EOVERFLOW", &["aio_error"], "Linux has EINVAL in its place, or the end of the file"),
    ("ETXTBSY", &["mmap"], "it takes a file to which the system swaps"),
    ("EAI_MEMORY", &["getaddrinfo"], "the process would have to run out of memory at the right place"),
    ("EAI_AGAIN", &["getaddrinfo"], "it takes a name server that does not answer"),
    ("EAI_FAIL", &["getaddrinfo"], "it takes a name server that fails"),
    ("EAI_NODATA", &["getaddrinfo"], "it takes a name server that knows the name"),
    ("EAI_SYSTEM", &["getaddrinfo"], "it depends on the machine's files"),
];

/// What the documentation of a function says of errors.
#[derive(Default)]
struct Documented {
    errnos: BTreeSet<String>,
    /// Whose errnos it has as well.
    those_of: BTreeSet<String>,
    text: String,
}

type Documentation = BTreeMap<String, Documented>;

/// The checks.
pub fn trials() -> Vec<Trial> {
    let trial = |name, check: fn(&Documentation) -> Vec<String>| {
        Trial::test(name, move || {
            let problems = check(&documentation()?);
            if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
        })
    };
    vec![
        trial("documentation: each errno has a row", each_errno_has_a_row),
        trial("documentation: each row's result is named", each_result_is_named),
        trial("documentation: each wrapper has a list", each_wrapper_has_a_list),
        trial("documentation: no exception is stale", no_exception_is_stale),
        Trial::test("table: each row once", || {
            let mut names = BTreeSet::new();
            match table().find(|row| !names.insert(row.name())) {
                Some(row) => Err(Failed::from(row.name())),
                None => Ok(()),
            }
        }),
    ]
}

/// Reads the sources.
fn documentation() -> Result<Documentation, Failed> {
    let mut documentation = Documentation::new();
    for path in files(&root().join("src"), "rs")? {
        read(&fs::read_to_string(path)?, &mut documentation);
    }
    Ok(documentation)
}

/// Reads a source: the documentation before each public function, and that of the module.
fn read(source: &str, documentation: &mut Documentation) {
    let module: Vec<&str> = source.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    for section in module.join("\n").split("\n # ").skip(1) {
        if let Some((name, text)) = section.strip_prefix("Errors of `").and_then(|section| section.split_once('`')) {
            documentation.insert(name.to_owned(), documented(text, text));
        }
    }
    let mut comment = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("///") {
            comment += text;
            comment += "\n";
        } else if let Some(name) = function(line) {
            let end = |line: &&str| !line.starts_with('}');
            let body: Vec<&str> = std::iter::once(line).chain(lines.by_ref().take_while(end)).collect();
            let body = body.join(" ");
            let list = comment.split_once("\n # Errors\n").map(|(_, rest)| rest);
            let list = list.map(|rest| rest.split("\n # ").next().unwrap_or(rest));
            let wraps = body.contains(&format!("libc::{name}(")) && body.contains("Errno>");
            if list.is_some() || wraps {
                documentation.insert(name.to_owned(), documented(list.unwrap_or(""), &comment));
            }
            comment.clear();
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
}

/// The name of a public function.
fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub unsafe fn "))?;
    let end = rest.find(['(', '<'])?;
    Some(rest[..end].trim_start_matches("r#"))
}

/// Takes a list apart.
fn documented(list: &str, comment: &str) -> Documented {
    let mut documented = Documented { text: comment.to_owned(), ..Documented::default() };
    let list: Vec<&str> = list.lines().map(str::trim).collect();
    let list = list.join("\n");
    for item in list.split("\n- ").skip(1) {
        let (names, _) = item.split_once(':').unwrap_or((item, ""));
        documented.errnos.extend(quoted(names).filter(|name| is_errno(name)).map(canonical));
    }
    for others in list.split("hose of ").skip(1) {
        documented.those_of.extend(quoted(others.lines().next().unwrap_or("")).take(1).map(str::to_owned));
    }
    documented
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_errno(word: &str) -> bool {
    let of_errno = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    word.len() > 2 && word.starts_with('E') && word.chars().all(of_errno)
}

/// Two names are of the same number.
fn canonical(name: &str) -> String {
    if name == "EWOULDBLOCK" { "EAGAIN" } else { name }.to_owned()
}

/// What the table has for a wrapper.
fn in_the_table(wrapper: &str) -> BTreeSet<String> {
    table().filter(|row| row.wrapper == wrapper).map(|row| canonical(row.expected)).collect()
}

fn is_exception(wrapper: &str, errno: &str) -> bool {
    NOT_PROVOKED.iter().any(|(name, wrappers, _)| *name == errno && wrappers.contains(&wrapper))
}

fn each_errno_has_a_row(documentation: &Documentation) -> Vec<String> {
    let mut problems = Vec::new();
    for (wrapper, documented) in documentation {
        let rows = in_the_table(wrapper);
        for errno in documented.errnos.difference(&rows) {
            if !is_exception(wrapper, errno) {
                problems.push(format!("{wrapper}: the documentation names {errno}, of which there is no row"));
            }
        }
    }
    problems
}

/// Whether a wrapper's documentation names a result, in its own list or in those that it refers to.
fn names(documentation: &Documentation, wrapper: &str, result: &str) -> bool {
    let Some(documented) = documentation.get(wrapper) else { return false };
    let named =
        if result.starts_with("SIG") { documented.text.contains(result) } else { documented.errnos.contains(result) };
    named || documented.those_of.iter().any(|other| names(documentation, other, result))
}

fn each_result_is_named(documentation: &Documentation) -> Vec<String> {
    let rows = table().filter(|row| row.expected != "OK");
    let missing = rows.filter(|row| !names(documentation, row.wrapper, &canonical(row.expected)));
    let problems: BTreeSet<String> = missing
        .map(|row| format!("{}: {} has a row, but the documentation does not name it", row.wrapper, row.expected))
        .collect();
    problems.into_iter().collect()
}

fn each_wrapper_has_a_list(documentation: &Documentation) -> Vec<String> {
    let empty = documentation
        .iter()
        .filter(|(name, documented)| documented.errnos.is_empty() && documented.those_of.is_empty() && !is_ours(name));
    empty.map(|(name, _)| format!("{name}: its documentation has no list of errors")).collect()
}

/// Functions that are not C's, or that report no errno, and say so below `# Errors`.
fn is_ours(name: &str) -> bool {
    ["cvt", "aio_return"].contains(&name)
}

fn no_exception_is_stale(documentation: &Documentation) -> Vec<String> {
    let mut problems = Vec::new();
    for (errno, wrappers, _) in NOT_PROVOKED {
        for wrapper in *wrappers {
            if !documentation.get(*wrapper).is_some_and(|documented| documented.errnos.contains(*errno)) {
                problems.push(format!("{wrapper}: {errno} is an exception, but not documented"));
            }
            if in_the_table(wrapper).contains(*errno) {
                problems.push(format!("{wrapper}: {errno} is an exception, and has a row"));
            }
        }
    }
    problems
}

//! A line of the trace, taken apart.

use serde::Serialize;

use super::Deed;
use super::places::Place;
use crate::read::trace::{Event, outside_strings, unescape};

/// A system call, a signal, or the end of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// What it is.
    pub kind: Kind,
    /// The system call's name, the signal's, or `exited`, `killed`.
    pub name: String,
    /// What a C program calls to make this call: `recv` for `recvfrom` without an address.
    pub function: String,
    /// The arguments as strace prints them.
    pub arguments: Vec<String>,
    /// The result as strace prints it, without the error.
    pub result: String,
    /// The error, if it failed.
    pub error: Option<Error>,
    /// What the result means where strace does not say it: the state of a connection.
    pub meaning: Option<String>,
    /// Whether the scenario made it fail.
    pub injected: bool,
    /// The whole line as strace prints it.
    pub text: String,
    /// The same, with what may differ replaced.
    pub compared: String,
    /// The ID of the process or thread in the run.
    pub thread: u32,
    /// The process or thread, in words; empty if there is only one.
    pub owner: String,
    /// Which part of the run it belongs to.
    pub phase: Phase,
    /// The number of the step that led to it.
    pub step: Option<u32>,
    /// The lines that led to it, innermost first: the first is the one that makes the call.
    pub places: Vec<Place>,
    /// When it began, in nanoseconds from the program's start.
    pub begin: i64,
    /// When it was over.
    pub end: i64,
}

impl Call {
    /// Whether it waited until one of these was done.
    pub fn waited(&self, deeds: &[Deed]) -> bool {
        deeds.iter().any(|deed| (self.begin..self.end).contains(&deed.time))
    }
}

/// What a line of the trace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A system call.
    Call,
    /// A signal that a process got.
    Signal,
    /// The end of a process or thread.
    End,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// `execve` and the dynamic loader.
    Loader,
    /// The C library before `main`.
    Start,
    /// From the first call that a line of the program makes.
    Program,
    /// Meanwhile, but in a thread that the C library has started for itself.
    Library,
    /// After the last one.
    End,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Error {
    /// `ECONNRESET`.
    pub name: String,
    /// `Connection reset by peer`.
    pub meaning: String,
}

/// A line without what only its neighbours tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub kind: Kind,
    pub name: String,
    pub arguments: Vec<String>,
    pub result: String,
    pub error: Option<Error>,
    pub injected: bool,
}

/// Takes a line apart.
pub(super) fn parse(event: &Event) -> Parsed {
    let text = event.text.as_str();
    let other = |kind, name: &str, result: &str| Parsed {
        kind,
        name: name.to_owned(),
        arguments: Vec::new(),
        result: result.to_owned(),
        error: None,
        injected: false,
    };
    if let Some(signal) = text.strip_prefix("--- ").and_then(|text| text.strip_suffix(" ---")) {
        let (name, information) = signal.split_once(' ').unwrap_or((signal, ""));
        return other(Kind::Signal, name, information);
    }
    if let Some(end) = text.strip_prefix("+++ ").and_then(|text| text.strip_suffix(" +++")) {
        let (name, how) = end.split_once(' ').unwrap_or((end, ""));
        return other(Kind::End, name, how);
    }
    let (text, injected) = match text.strip_suffix(" (INJECTED)") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (name, rest) = text.split_once('(').unwrap_or((text, ""));
    // The last " = " that is not in a string: the result.
    let equals = outside_strings(rest).into_iter().rev().find_map(|part| Some(part.start + rest[part].rfind(") = ")?));
    let (arguments, result) = match equals {
        Some(place) => (&rest[..place], &rest[place + ") = ".len()..]),
        None => (rest, ""),
    };
    let mut parsed = Parsed { arguments: split(arguments), injected, ..other(Kind::Call, name, result) };
    if let Some((code, meaning)) = result.strip_suffix(')').and_then(|result| result.split_once(" ("))
        && let Some(error) = code.split(' ').nth(1).filter(|name| name.starts_with('E'))
    {
        parsed.error = Some(Error { name: error.to_owned(), meaning: meaning.to_owned() });
        parsed.result = code.split(' ').next().unwrap_or_default().to_owned();
    }
    parsed
}

/// The arguments of a call: what commas separate outside of strings and brackets.
fn split(text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let (mut depth, mut from) = (0_usize, 0);
    for part in outside_strings(text) {
        for (place, character) in text[part.clone()].char_indices() {
            match character {
                '(' | '{' | '[' => depth += 1,
                ')' | '}' | ']' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    arguments.push(text[from..part.start + place].trim().to_owned());
                    from = part.start + place + 1;
                }
                _ => {}
            }
        }
    }
    let last = text[from..].trim();
    if !last.is_empty() {
        arguments.push(last.to_owned());
    }
    arguments
}

/// The function of the C library that makes a system call under another name, by its arguments.
pub(super) fn function(name: &str, arguments: &[String]) -> String {
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let function = match name {
        "recvfrom" if argument(4) == "NULL" => "recv",
        "sendto" if argument(4) == "NULL" => "send",
        "pselect6" => "select",
        "newfstatat" if argument(3).contains("AT_EMPTY_PATH") => "fstat",
        "newfstatat" => "stat",
        "exit_group" => "exit",
        "wait4" if argument(3) == "NULL" => "waitpid",
        "rt_sigaction" => "sigaction",
        "rt_sigprocmask" => "sigprocmask",
        "rt_sigtimedwait" if argument(2) == "NULL" => "sigwaitinfo",
        "rt_sigtimedwait" => "sigtimedwait",
        "rt_sigqueueinfo" => "sigqueue",
        "rt_sigsuspend" => "sigsuspend",
        "prlimit64" if argument(2) == "NULL" => "getrlimit",
        "prlimit64" => "setrlimit",
        "clock_nanosleep" => "nanosleep",
        "clone" | "clone3" if arguments.iter().any(|argument| argument.contains("CLONE_THREAD")) => "pthread_create",
        "clone" | "clone3" => "fork",
        "openat" if argument(0) == "AT_FDCWD" => "open",
        "pread64" => "pread",
        "pwrite64" => "pwrite",
        "signalfd4" => "signalfd",
        "eventfd2" => "eventfd",
        "getdents64" => "readdir",
        _ => name,
    };
    function.to_owned()
}

/// The states of a connection, in the order of their numbers, from 1 (tcp_states.h).
const STATES: [&str; 12] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
];

/// What the bytes of a TCP_INFO begin with.
pub(super) fn meaning(name: &str, arguments: &[String]) -> Option<String> {
    if name != "getsockopt" || arguments.get(2)? != "TCP_INFO" {
        return None;
    }
    let state = usize::from(*unescape(arguments.get(3)?)?.first()?);
    Some(STATES.get(state.checked_sub(1)?)?.to_string())
}

/// A call of the program, for tests of what accounts are made of.
#[cfg(test)]
pub(super) fn of_event(event: &Event) -> Call {
    let Parsed { kind, name, arguments, result, error, injected } = parse(event);
    Call {
        kind,
        function: function(&name, &arguments),
        name,
        arguments,
        result,
        error,
        meaning: None,
        injected,
        text: event.text.clone(),
        compared: event.text.clone(),
        thread: event.process,
        owner: String::new(),
        phase: Phase::Program,
        step: None,
        places: Vec::new(),
        begin: 0,
        end: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::trace;

    fn parsed(line: &str) -> Parsed {
        parse(&trace::parse(&format!("3 {line}\n"))[0])
    }

    #[test]
    fn a_call_is_taken_apart() {
        let call = parsed(r#"bind(3, {sa_family=AF_INET, sin_addr=inet_addr("1.2, ) = 3")}, 16) = 0"#);
        assert_eq!((call.name.as_str(), call.arguments.len(), call.result.as_str()), ("bind", 3, "0"));
        assert_eq!(call.arguments[1], r#"{sa_family=AF_INET, sin_addr=inet_addr("1.2, ) = 3")}"#);
        assert_eq!(parsed("getpid() = 9").arguments, [""; 0]);
    }

    #[test]
    fn errors_have_a_name_and_a_meaning() {
        let call = parsed(r#"recvfrom(4, 0x7f, 9, 0, NULL, NULL) = -1 EINTR (Interrupted system call) (INJECTED)"#);
        let error = Error { name: "EINTR".into(), meaning: "Interrupted system call".into() };
        assert_eq!((call.error, call.result.as_str(), call.injected), (Some(error), "-1", true));
        let call = parsed("accept(3, 0x7f, [16]) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)");
        assert_eq!((call.error.unwrap().name.as_str(), call.result.as_str()), ("ERESTARTSYS", "?"));
        let call = parsed("poll([{fd=3, events=POLLIN}], 1, 5) = 0 (Timeout)");
        assert_eq!((call.error, call.result.as_str()), (None, "0 (Timeout)"));
        assert_eq!(parsed("fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)").error, None);
    }

    #[test]
    fn signals_and_ends() {
        let signal = parsed("--- SIGTERM {si_signo=SIGTERM} ---");
        assert_eq!(
            (signal.kind, signal.name.as_str(), signal.result.as_str()),
            (Kind::Signal, "SIGTERM", "{si_signo=SIGTERM}")
        );
        let end = parsed("+++ killed by SIGTERM +++");
        assert_eq!((end.kind, end.name.as_str(), end.result.as_str()), (Kind::End, "killed", "by SIGTERM"));
    }

    #[test]
    fn the_state_of_a_connection() {
        let state = |bytes: &str| {
            let call = parsed(&format!("getsockopt(5, SOL_TCP, TCP_INFO, \"{bytes}\", [1]) = 0"));
            meaning(&call.name, &call.arguments)
        };
        assert_eq!(state("\\7").as_deref(), Some("CLOSE"));
        assert_eq!(state("\\1\\0\\0").as_deref(), Some("ESTABLISHED"));
        assert_eq!(state("\\n").as_deref(), Some("LISTEN"));
        assert_eq!(state("\\10").as_deref(), Some("CLOSE_WAIT"));
        assert_eq!(state("\\0"), None);
    }

    #[test]
    fn c_calls_it_otherwise() {
        let name = |line: &str| {
            let call = parsed(line);
            function(&call.name, &call.arguments)
        };
        assert_eq!(name(r#"recvfrom(4, "a", 9, 0, NULL, NULL) = 1"#), "recv");
        assert_eq!(name(r#"recvfrom(4, "a", 9, 0, {sa_family=AF_INET}, [16]) = 1"#), "recvfrom");
        assert_eq!(name("clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 4"), "pthread_create");
        assert_eq!(name("clone(child_stack=NULL, flags=SIGCHLD) = 4"), "fork");
        assert_eq!(name("listen(3, 5) = 0"), "listen");
    }
}

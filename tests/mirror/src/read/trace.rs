//! Parses strace's log into events.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use crate::run::strace::{self, Line};

/// One line of a trace: a system call with its result, a signal, or the end of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The process or thread ID in the PID namespace of the run.
    pub process: u32,
    /// The line as strace writes it.
    pub text: String,
    /// The call stack, innermost frame first; empty unless strace recorded stacks.
    pub stack: Vec<Frame>,
    /// When it began and, for a call that returned, when it was over; only with stacks.
    pub times: Option<Times>,
}

/// When a call began and was over, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it began.
    pub begin: Duration,
    /// When it was over; for a call that did not return and for a signal, when it began.
    pub end: Duration,
}

/// A return address on the call stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The file that the code is mapped from.
    pub object: String,
    /// Where it is in that file, in bytes from its beginning.
    pub address: u64,
}

impl Event {
    /// Whether this is a system call, not a signal or the end of a process.
    pub fn is_call(&self) -> bool {
        !self.text.starts_with("---") && !self.text.starts_with("+++")
    }

    /// Whether strace has truncated a string at this limit.
    pub fn is_truncated(&self, limit: usize) -> bool {
        // A shorter line cannot hold such a string.
        self.text.len() > limit && {
            let outside = outside_strings(&self.text);
            outside.into_iter().skip(1).any(|part| self.text[part].starts_with("..."))
        }
    }

    /// Whether this is a call that failed because it would have blocked.
    pub fn would_block(&self) -> bool {
        strace::would_block(&self.text)
    }

    /// Whether this is a poll of descriptors with timeout 0 that found none ready.
    pub fn found_nothing_ready(&self) -> bool {
        strace::found_nothing_ready(&self.text)
    }

    /// Whether this is a completed nanosleep.
    pub fn is_pause(&self) -> bool {
        strace::is_pause(&self.text)
    }

    /// The ID of the process or thread that this call has created.
    pub fn created(&self) -> Option<u32> {
        let (call, _) = self.text.split_once('(')?;
        let (_, result) = self.text.rsplit_once(" = ")?;
        let makes = ["clone", "clone3", "fork", "vfork"].contains(&call);
        result.parse().ok().filter(|_| makes)
    }
}

/// The parts of a line that are outside quotation marks.
pub fn outside_strings(row: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(opening) = row[from..].find('"').map(|place| from + place) {
        parts.push(from..opening);
        let mut end = opening + 1;
        loop {
            let Some(mark) = row[end..].find('"').map(|place| end + place) else {
                return parts;
            };
            let escapes = row[opening + 1..mark].bytes().rev().take_while(|b| *b == b'\\').count();
            end = mark + 1;
            if escapes % 2 == 0 {
                break;
            }
        }
        from = end;
    }
    parts.push(from..row.len());
    parts
}

/// The bytes of a string as strace prints it.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut text = text.strip_prefix('"')?.trim_end_matches("...").strip_suffix('"')?.bytes().peekable();
    let mut bytes = Vec::new();
    while let Some(byte) = text.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match text.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 11,
            b'f' => 12,
            digit @ b'0'..=b'7' => {
                let mut number = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = text.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                    number = 8 * number + u32::from(digit - b'0');
                }
                u8::try_from(number).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

/// Parses a log written by `strace -f -o`.
///
/// A call that overlaps with those of another process has two lines, `<unfinished ...>` and `<...
/// resumed>`. They become one event, in the place of the first.
pub fn parse(log: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut unfinished: HashMap<u32, usize> = HashMap::new();
    let mut current = None;
    for line in log.lines() {
        if let Some(frame) = line.strip_prefix(" > ") {
            if let (Some(index), Some(frame)) = (current, parse_frame(frame)) {
                let index = stack_owner(&events, index);
                events[index].stack.push(frame);
            }
            continue;
        }
        let Some(Line { process, time, took, text }) = strace::parse_line(line) else {
            continue;
        };
        if let Some((begin, index)) = resumed(text, process, &mut unfinished) {
            events[index].text.push_str(begin);
            if let (Some(times), Some(took)) = (&mut events[index].times, took) {
                times.end = times.begin + took;
            }
            current = Some(index);
            continue;
        }
        let text = match text.strip_suffix(" <unfinished ...>") {
            Some(begin) => {
                unfinished.insert(process, events.len());
                begin
            }
            None => text,
        };
        current = Some(events.len());
        let times = time.map(|begin| Times { begin, end: begin + took.unwrap_or_default() });
        events.push(Event { process, text: text.to_owned(), stack: Vec::new(), times });
    }
    // exit and exit_group never return: if another thread or process is logged in between, they
    // have no second line.
    for index in unfinished.into_values() {
        let text = &mut events[index].text;
        if text.starts_with("exit_group(") || text.starts_with("exit(") {
            text.push_str(") = ?");
        }
    }
    events
}

/// strace prints the stack of `exit_group`, which never returns, below the next line of the
/// process.
fn stack_owner(events: &[Event], index: usize) -> usize {
    let process = events[index].process;
    let before = events[..index].iter().rposition(|event| event.process == process);
    match before {
        Some(before) if events[index].text.starts_with("+++") && events[before].text.starts_with("exit_group(") => {
            before
        }
        _ => index,
    }
}

fn resumed<'a>(text: &'a str, process: u32, unfinished: &mut HashMap<u32, usize>) -> Option<(&'a str, usize)> {
    let (_, rest) = text.strip_prefix("<... ")?.split_once(" resumed>")?;
    Some((rest, unfinished.remove(&process)?))
}

/// `/usr/lib/libc.so.6(__libc_start_main+0x85) [0x27305]`
fn parse_frame(text: &str) -> Option<Frame> {
    let (place, address) = text.strip_suffix(']')?.rsplit_once(" [0x")?;
    let object = place.rsplit_once('(').map_or(place, |(object, _)| object);
    Some(Frame { object: object.to_owned(), address: u64::from_str_radix(address, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_signals_and_stacks() {
        let events = parse(
            "4 close(3) = 0\n > /lib/libc.so.6(__close+0x10) [0xf8350]\n > /a(b)/c() [0x12]\n\
             4 --- SIGTERM {si_signo=SIGTERM} ---\n4 +++ killed by SIGTERM +++\n",
        );
        let texts: Vec<_> = events.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(texts, ["close(3) = 0", "--- SIGTERM {si_signo=SIGTERM} ---", "+++ killed by SIGTERM +++"]);
        assert_eq!(events[0].stack[0], Frame { object: "/lib/libc.so.6".into(), address: 0xf8350 });
        assert_eq!(events[0].stack[1], Frame { object: "/a(b)/c".into(), address: 0x12 });
        let calls: Vec<_> = events.iter().map(Event::is_call).collect();
        assert_eq!(calls, [true, false, false]);
    }

    #[test]
    fn the_parts_outside_strings() {
        let row = r#"write(1, "a\"b\\", 4) = 4"#;
        let parts: Vec<_> = outside_strings(row).into_iter().map(|part| &row[part]).collect();
        assert_eq!(parts, ["write(1, ", ", 4) = 4"]);
        assert_eq!(outside_strings("close(3) = 0").len(), 1);
    }

    #[test]
    fn strings_of_strace_are_read() {
        assert_eq!(unescape(r#""a\n\0\3772\"""#).unwrap(), b"a\n\0\xff2\"");
        assert_eq!(unescape(r#""abc"..."#).unwrap(), b"abc");
        assert_eq!(unescape("NULL"), None);
    }

    #[test]
    fn truncated_strings() {
        let cut = |text: &str| parse(&format!("4 {text}\n"))[0].is_truncated(3);
        assert!(cut(r#"write(1, "abc"..., 4) = 4"#));
        assert!(!cut(r#"write(1, "abc", 3) = 3"#));
        assert!(!cut(r#"write(1, "abc\"...", 7) = 7"#));
        assert!(!cut("fstat(3, {st_mode=S_IFREG|0644, st_size=1, ...}) = 0"));
    }

    #[test]
    fn created_processes() {
        let created = |text: &str| parse(&format!("4 {text}\n"))[0].created();
        assert_eq!(created("clone(child_stack=NULL, flags=SIGCHLD, child_tidptr=0x7f) = 5"), Some(5));
        assert_eq!(created("clone3({flags=CLONE_VM} => {parent_tid=[6]}, 88) = 6"), Some(6));
        assert_eq!(created("vfork() = -1 EAGAIN (Resource temporarily unavailable)"), None);
        assert_eq!(created("dup(5) = 6"), None);
    }

    #[test]
    fn the_stack_of_exit_group_is_its_own() {
        let events = parse("4 exit_group(0) = ?\n4 +++ exited with 0 +++\n > /a(main+0x1) [0x9]\n");
        assert_eq!(events[0].stack, [Frame { object: "/a".into(), address: 9 }]);
        assert_eq!(events[1].stack, []);
    }

    #[test]
    fn an_exit_that_is_not_resumed() {
        let whole = parse("4 exit_group(0) = ?\n4 +++ exited with 0 +++\n");
        let cut = parse("4 exit_group(0 <unfinished ...>\n4 +++ exited with 0 +++\n");
        assert_eq!(cut, whole);
        let resumed = "4 exit_group(0 <unfinished ...>\n4 <... exit_group resumed>) = ?\n\
                       4 +++ exited with 0 +++\n";
        assert_eq!(parse(resumed), whole);
    }

    #[test]
    fn a_call_in_two_lines_is_one_event() {
        let events = parse("4 wait4(-1,  <unfinished ...>\n5 exit_group(0) = ?\n4 <... wait4 resumed>NULL) = 5\n");
        assert_eq!(events[0].text, "wait4(-1, NULL) = 5");
        assert_eq!(events[1].text, "exit_group(0) = ?");
        assert_eq!(events.len(), 2);
    }
}

//! Which events of a trace are compared, and in which order.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::read::trace::Event;

/// The events of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process<'a> {
    /// Its number, which is that of its first thread.
    pub number: u32,
    /// What its threads did, as it was logged.
    pub events: Vec<&'a Event>,
}

/// The events process by process, in the order of their numbers: how the kernel interleaves them is
/// not the program's doing. `threads` gives each further thread's process.
pub fn by_process<'a>(
    trace: impl IntoIterator<Item = &'a Event>,
    threads: &HashMap<u32, u32>,
) -> Vec<Process<'a>> {
    let mut processes: Vec<Process<'_>> = Vec::new();
    let mut places = HashMap::new();
    for event in trace {
        let number = threads.get(&event.process).copied().unwrap_or(event.process);
        let place = *places.entry(number).or_insert_with(|| {
            processes.push(Process { number, events: Vec::new() });
            processes.len() - 1
        });
        processes[place].events.push(event);
    }
    processes.sort_by_key(|process| process.number);
    processes
}

/// The numbers of the threads that processes made, each with that of its process.
pub fn threads<'a>(trace: impl IntoIterator<Item = &'a Event>) -> HashMap<u32, u32> {
    let mut threads = HashMap::new();
    for event in trace {
        if let Some(made) = event.made().filter(|_| event.text.contains("CLONE_THREAD")) {
            let process = threads.get(&event.process).copied().unwrap_or(event.process);
            threads.insert(made, process);
        }
    }
    threads
}

/// Where a row of a process with several threads is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    FirstThread,
    /// What a further thread does before it has named a descriptor, and its end.
    Thread(u32),
    /// What further threads do with this descriptor.
    Descriptor(u64),
}

/// Puts what all threads but the first do together by descriptor. A row that names none stays with
/// the one that its thread named last. How threads wait for each other is left out.
pub fn by_descriptor(process: Process<'_>) -> Process<'_> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:p?(?:read|write)v?(?:64|2)?|(?:recv|send)[a-z]*|f(?:data)?sync)\((\d+)")
            .expect("the pattern is valid")
    });
    let Process { number, events } = process;
    if events.iter().all(|event| event.process == number) {
        return Process { number, events };
    }
    let mut last: HashMap<u32, u64> = HashMap::new();
    let mut rows = Vec::new();
    for event in events.into_iter().filter(|event| !event.text.starts_with("futex(")) {
        let named = NAMED.captures(&event.text).and_then(|named| named[1].parse().ok());
        last.extend(named.map(|descriptor| (event.process, descriptor)));
        let place = match last.get(&event.process) {
            _ if event.process == number => Place::FirstThread,
            Some(descriptor) if event.is_call() => Place::Descriptor(*descriptor),
            _ => Place::Thread(event.process),
        };
        rows.push((place, event));
    }
    rows.sort_by_key(|(place, _)| *place);
    Process { number, events: rows.into_iter().map(|(_, event)| event).collect() }
}

/// The rows that a program decides, whatever the kernel's scheduler does: thread by thread, without
/// how they wait for each other; without when a child's end interrupts its parent; without the numbers
/// that the kernel gives to mounts; and of the children that were waited for only which and what came
/// of them, not in which order nor in how many calls.
///
/// This is no way to compare programs that do the same in every run. It is for those that a second
/// run has shown not to.
pub fn decided(trace: &[Event]) -> Vec<String> {
    static THREAD_ID: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bparent_tid=\[\d+\]").expect("the pattern is valid"));
    // In a line of /proc/self/mountinfo: the mount's, its parent's and its device's number, and where it
    // is on the device.
    static MOUNT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"("|\\n)\d+ \d+ \d+:\d+ /\S* /"#).expect("the pattern is valid")
    });
    let threads = threads(trace);
    let several = |event: &Event| {
        threads.contains_key(&event.process) || threads.values().any(|p| *p == event.process)
    };
    let handled = handled_sigchld(trace);
    let mut rows = Vec::new();
    for thread in by_process(trace, &HashMap::new()) {
        let mut own: Vec<&Event> = Vec::new();
        let mut waits = Vec::new();
        let mut in_handler = 0_usize;
        for event in thread.events {
            let text = event.text.as_str();
            if text.starts_with("--- SIGCHLD ") {
                in_handler += usize::from(handled.contains(&std::ptr::from_ref(event)));
                // The call that it found is made again.
                own.pop_if(|call| call.text.contains(" = ? ERESTART"));
            } else if in_handler > 0 && text.starts_with("rt_sigreturn(") {
                in_handler -= 1;
            } else if let Some(waited) = waited_for(text) {
                waits.push(waited);
            } else if in_handler > 0 && is_wait(text) {
                // In vain: another one has taken the child.
            } else if !(text.starts_with("futex(") && several(event)) {
                own.push(event);
            }
        }
        // Whether a parent looks for any child or waits for it depends on which is first.
        waits.sort_unstable();
        // A thread that is quick has given its number back before strace reads it.
        let text = |event: &&Event| {
            let text = THREAD_ID.replace(&event.text, "parent_tid=[]");
            match MOUNT.replace_all(&text, "${1}/") {
                // How much was read depends on how long the numbers are.
                Cow::Owned(mounts) if text.starts_with("read(") => {
                    mounts.rsplit_once(" = ").map_or(String::new(), |(read, _)| read.to_owned())
                }
                _ => text.into_owned(),
            }
        };
        rows.extend(own.iter().map(text));
        rows.extend(waits.iter().map(|(child, status)| format!("waited for {child}: {status}")));
    }
    rows
}

fn is_wait(text: &str) -> bool {
    ["wait4(", "waitid("].iter().any(|call| text.starts_with(call))
}

/// The child that this call has waited for, if there was one, and what came of it.
fn waited_for(text: &str) -> Option<(u32, &str)> {
    static STATUS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\{.*\}").expect("the pattern is valid"));
    let (_, result) = text.rsplit_once(" = ").filter(|_| is_wait(text))?;
    let child = result.parse().ok().filter(|child| *child > 0)?;
    Some((child, STATUS.find(text).map_or("", |status| status.as_str())))
}

/// The rows of SIGCHLD that a handler of the program's takes.
fn handled_sigchld(trace: &[Event]) -> HashSet<*const Event> {
    let mut handlers: HashMap<u32, bool> = HashMap::new();
    let mut handled = HashSet::new();
    for event in trace {
        let has_handler = handlers.get(&event.process).copied().unwrap_or(false);
        let text = event.text.as_str();
        if let Some(action) = text.strip_prefix("rt_sigaction(SIGCHLD, {sa_handler=") {
            handlers.insert(event.process, !action.starts_with("SIG_"));
        } else if let Some(made) = event.made() {
            handlers.insert(made, has_handler);
        } else if text.starts_with("execve(") && text.ends_with(" = 0") {
            handlers.insert(event.process, false);
        } else if has_handler && text.starts_with("--- SIGCHLD ") {
            handled.insert(std::ptr::from_ref(event));
        }
    }
    handled
}

/// Of consecutive rows for which this holds, keeps each text once, where it comes first.
pub fn fold<'a>(mut process: Process<'a>, vain: impl Fn(&str) -> bool) -> Process<'a> {
    let mut seen: HashSet<&str> = HashSet::new();
    process.events.retain(|event: &&'a Event| {
        if vain(&event.text) {
            return seen.insert(&event.text);
        }
        seen.clear();
        true
    });
    process
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::trace::parse;

    fn texts(process: &Process<'_>) -> Vec<String> {
        process.events.iter().map(|e| format!("{} {}", e.process, e.text)).collect()
    }

    const LOG: &str = "\
        3 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 4\n\
        4 set_robust_list(0x1, 24) = 0\n\
        3 clone(child_stack=NULL, flags=SIGCHLD) = 5\n\
        5 read(6, \"c\", 9) = 1\n\
        4 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 6\n\
        6 set_robust_list(0x2, 24) = 0\n\
        6 pread64(8, \"b\", 9, 0) = 1\n\
        3 futex(0x1, FUTEX_WAIT) = 0\n\
        4 pread64(7, \"a\", 9, 0) = 1\n\
        4 rt_sigqueueinfo(3, SIGUSR1, {}) = 0\n\
        6 futex(0x1, FUTEX_WAKE) = 0\n\
        6 pwrite64(7, \"a\", 1, 0) = 1\n\
        4 +++ exited with 0 +++\n\
        3 exit_group(0) = ?\n";

    #[test]
    fn threads_are_no_processes() {
        let trace = parse(LOG);
        let threads = threads(&trace);
        assert_eq!(threads, HashMap::from([(4, 3), (6, 3)]));
        let numbers = |threads| {
            let processes = by_process(&trace, threads);
            processes.iter().map(|process| process.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&threads), [3, 5]);
        assert_eq!(numbers(&HashMap::new()), [3, 4, 5, 6]);
    }

    #[test]
    fn what_threads_do_is_told_by_descriptor() {
        let trace = parse(LOG);
        let [process, forked] = by_process(&trace, &threads(&trace)).try_into().unwrap();
        assert_eq!(
            texts(&by_descriptor(process)),
            [
                "3 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 4",
                "3 clone(child_stack=NULL, flags=SIGCHLD) = 5",
                "3 exit_group(0) = ?",
                "4 set_robust_list(0x1, 24) = 0",
                "4 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 6",
                "4 +++ exited with 0 +++",
                "6 set_robust_list(0x2, 24) = 0",
                "4 pread64(7, \"a\", 9, 0) = 1",
                "4 rt_sigqueueinfo(3, SIGUSR1, {}) = 0",
                "6 pwrite64(7, \"a\", 1, 0) = 1",
                "6 pread64(8, \"b\", 9, 0) = 1",
            ]
        );
        assert_eq!(by_descriptor(forked.clone()), forked);
    }

    #[test]
    fn a_process_without_threads_keeps_its_futexes() {
        let trace = parse("3 futex(0x1, FUTEX_WAKE) = 0\n3 read(4, \"\", 9) = 0\n");
        let [process] = by_process(&trace, &HashMap::new()).try_into().unwrap();
        assert_eq!(by_descriptor(process.clone()), process);
    }

    #[test]
    fn what_a_program_decides_is_the_same_in_both_orders() {
        let one = parse(
            "3 rt_sigaction(SIGCHLD, {sa_handler=0x1}, NULL, 8) = 0\n\
             3 clone(flags=SIGCHLD) = 4\n3 clone(flags=SIGCHLD) = 5\n\
             4 exit_group(0) = ?\n4 +++ exited with 0 +++\n\
             3 wait4(-1, NULL, 0, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n\
             3 --- SIGCHLD {si_pid=4} ---\n3 rt_sigreturn({mask=[]}) = 61\n\
             3 wait4(-1, NULL, 0, NULL) = 4\n5 exit_group(0) = ?\n\
             3 wait4(-1, NULL, 0, NULL) = 5\n",
        );
        let other = parse(
            "3 rt_sigaction(SIGCHLD, {sa_handler=0x1}, NULL, 8) = 0\n\
             3 clone(flags=SIGCHLD) = 4\n3 clone(flags=SIGCHLD) = 5\n\
             5 exit_group(0) = ?\n4 exit_group(0) = ?\n\
             3 wait4(-1, NULL, 0, NULL) = 5\n3 --- SIGCHLD {si_pid=5} ---\n\
             3 wait4(-1, NULL, WNOHANG, NULL) = 4\n3 wait4(-1, NULL, WNOHANG, NULL) = 0\n\
             3 rt_sigreturn({mask=[]}) = 0\n4 +++ exited with 0 +++\n",
        );
        assert_eq!(decided(&one), decided(&other));
        let more = "3 wait4(-1, NULL, WNOHANG, NULL) = 0\n";
        let more = parse(&format!("3 getpid() = 3\n{more}{more}"));
        assert_eq!(decided(&more).len(), 3, "a program decides to look for children in vain");
        let third = parse("3 clone(flags=SIGCHLD) = 4\n3 wait4(-1, NULL, 0, NULL) = 4\n");
        assert_ne!(decided(&one), decided(&third));
        let quick = parse("3 clone3({flags=CLONE_THREAD} => {parent_tid=[0]}, 88) = 4\n");
        let slow = parse("3 clone3({flags=CLONE_THREAD} => {parent_tid=[4]}, 88) = 4\n");
        assert_eq!(decided(&quick), decided(&slow));
        let mounts = |text: &str| decided(&parse(&format!("3 read(3, {text}, 99) = 9\n")));
        let first = mounts(r#""86 65 0:6 /a /b rw\n87 86 0:7 / /proc rw""#);
        assert_eq!(first, mounts(r#""163 65 0:8 / /b rw\n99 63 0:7 / /proc rw""#));
        assert_ne!(first, mounts(r#""63 65 0:8 / /b rw\n99 63 0:7 / /sys rw""#));
    }

    #[test]
    fn rows_between_others_fold() {
        let trace = parse("3 a = -1\n3 b = -1\n3 a = -1\n3 c = 0\n3 c = 0\n3 b = -1\n3 b = -1\n");
        let [process] = by_process(&trace, &HashMap::new()).try_into().unwrap();
        let folded = fold(process, |row| row.ends_with("-1"));
        assert_eq!(texts(&folded), ["3 a = -1", "3 b = -1", "3 c = 0", "3 c = 0", "3 b = -1"]);
    }
}

//! Selects and orders the events of a trace for the comparison.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::read::trace::Event;

/// The events of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process<'a> {
    /// Its ID, which is that of its first thread.
    pub number: u32,
    /// The events of all its threads, in the order of the log.
    pub events: Vec<&'a Event>,
}

/// Groups the events by process, in the order of the IDs: how processes interleave is up to the
/// scheduler. `threads` maps each further thread to its process.
pub fn by_process<'a>(trace: impl IntoIterator<Item = &'a Event>, threads: &HashMap<u32, u32>) -> Vec<Process<'a>> {
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

/// The threads that processes have created: their IDs, and those of their processes.
pub fn threads<'a>(trace: impl IntoIterator<Item = &'a Event>) -> HashMap<u32, u32> {
    let mut threads = HashMap::new();
    for event in trace {
        if let Some(made) = event.created().filter(|_| event.text.contains("CLONE_THREAD")) {
            let process = threads.get(&event.process).copied().unwrap_or(event.process);
            threads.insert(made, process);
        }
    }
    threads
}

/// The group of an event in a process with several threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    FirstThread,
    /// The events of a further thread before its first call on a descriptor, and its end.
    Thread(u32),
    /// The calls of further threads on this descriptor.
    Descriptor(u64),
}

/// Groups the calls of all threads but the first by descriptor. A call without a descriptor goes to
/// the one that its thread used last. Waits for locks are left out, and calls that a thread makes
/// while another one's exit_group ends the process: whether it still gets so far depends on the
/// scheduler, and strace 6.1 then shows the other thread's call as this one's.
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
    let mut ended = false;
    for event in events {
        if event.text.starts_with("futex(") || ended && event.is_call() {
            continue;
        }
        ended |= event.text.starts_with("exit_group(");
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

/// Of consecutive events that match, keeps the first one of each text.
pub fn fold<'a>(mut process: Process<'a>, matches: impl Fn(&Event) -> bool) -> Process<'a> {
    let mut seen: HashSet<&str> = HashSet::new();
    process.events.retain(|event: &&'a Event| {
        if matches(event) {
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
    fn threads_belong_to_processes() {
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
    fn calls_of_threads_are_grouped_by_descriptor() {
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
    fn calls_while_exit_group_ends_the_process_are_left_out() {
        let log = format!("{LOG}6 exit_group(0 <unfinished ...>\n6 +++ exited with 0 +++\n3 +++ exited with 0 +++\n");
        let trace = parse(&log);
        let [process, _] = by_process(&trace, &threads(&trace)).try_into().unwrap();
        let rows = texts(&by_descriptor(process));
        let ends: Vec<_> = rows.iter().filter(|row| row.contains("exit")).collect();
        assert_eq!(
            ends,
            ["3 exit_group(0) = ?", "3 +++ exited with 0 +++", "4 +++ exited with 0 +++", "6 +++ exited with 0 +++"]
        );
    }

    #[test]
    fn a_process_without_threads_keeps_its_futexes() {
        let trace = parse("3 futex(0x1, FUTEX_WAKE) = 0\n3 read(4, \"\", 9) = 0\n");
        let [process] = by_process(&trace, &HashMap::new()).try_into().unwrap();
        assert_eq!(by_descriptor(process.clone()), process);
    }

    #[test]
    fn consecutive_events_fold() {
        let trace = parse("3 a = -1\n3 b = -1\n3 a = -1\n3 c = 0\n3 c = 0\n3 b = -1\n3 b = -1\n");
        let [process] = by_process(&trace, &HashMap::new()).try_into().unwrap();
        let folded = fold(process, |event| event.text.ends_with("-1"));
        assert_eq!(texts(&folded), ["3 a = -1", "3 b = -1", "3 c = 0", "3 c = 0", "3 b = -1"]);
    }
}

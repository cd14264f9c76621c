//! Takes out of a trace what the kernel's scheduler decides.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::compare::rows::{by_process, threads};
use crate::read::trace::Event;

/// The lines that do not depend on the scheduler: thread by thread, without waits for locks,
/// without the point at which SIGCHLD interrupts a parent, without the kernel's mount IDs; and of
/// the children that were waited for only which and their statuses, not in which order or in how
/// many calls.
///
/// It is only for programs whose runs have been seen to differ: it hides differences between
/// others.
pub fn without_scheduling(trace: &[Event]) -> Vec<String> {
    static THREAD_ID: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\bparent_tid=\[\d+\]").expect("the pattern is valid"));
    // In a line of /proc/self/mountinfo: the IDs of the mount, its parent and its device, and its
    // root on the device.
    static MOUNT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"("|\\n)\d+ \d+ \d+:\d+ /\S* /"#).expect("the pattern is valid"));
    let threads = threads(trace);
    let several = |event: &Event| threads.contains_key(&event.process) || threads.values().any(|p| *p == event.process);
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
                // The interrupted call is restarted.
                own.pop_if(|call| call.text.contains(" = ? ERESTART"));
            } else if in_handler > 0 && text.starts_with("rt_sigreturn(") {
                in_handler -= 1;
            } else if let Some(child) = reaped(text) {
                waits.push(child);
            } else if in_handler > 0 && is_wait(text) {
                // Found no child: an earlier call has reaped it.
            } else if !(text.starts_with("futex(") && several(event)) {
                own.push(event);
            }
        }
        // Whether a parent finds an ended child or has to wait depends on the scheduler.
        waits.sort_unstable();
        // A thread that ends quickly has cleared its ID before strace reads it.
        let text = |event: &&Event| {
            let text = THREAD_ID.replace(&event.text, "parent_tid=[]");
            match MOUNT.replace_all(&text, "${1}/") {
                // How much was read depends on the length of the IDs.
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

/// The child that this call has reaped, if any, and its status.
fn reaped(text: &str) -> Option<(u32, &str)> {
    static STATUS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{.*\}").expect("the pattern is valid"));
    let (_, result) = text.rsplit_once(" = ").filter(|_| is_wait(text))?;
    let child = result.parse().ok().filter(|child| *child > 0)?;
    Some((child, STATUS.find(text).map_or("", |status| status.as_str())))
}

/// The SIGCHLD events for which the program has a handler.
fn handled_sigchld(trace: &[Event]) -> HashSet<*const Event> {
    let mut handlers: HashMap<u32, bool> = HashMap::new();
    let mut handled = HashSet::new();
    for event in trace {
        let has_handler = handlers.get(&event.process).copied().unwrap_or(false);
        let text = event.text.as_str();
        if let Some(action) = text.strip_prefix("rt_sigaction(SIGCHLD, {sa_handler=") {
            handlers.insert(event.process, !action.starts_with("SIG_"));
        } else if let Some(made) = event.created() {
            handlers.insert(made, has_handler);
        } else if text.starts_with("execve(") && text.ends_with(" = 0") {
            handlers.insert(event.process, false);
        } else if has_handler && text.starts_with("--- SIGCHLD ") {
            handled.insert(std::ptr::from_ref(event));
        }
    }
    handled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::trace::parse;

    #[test]
    fn both_orders_are_the_same_without_scheduling() {
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
        assert_eq!(without_scheduling(&one), without_scheduling(&other));
        let more = "3 wait4(-1, NULL, WNOHANG, NULL) = 0\n";
        let more = parse(&format!("3 getpid() = 3\n{more}{more}"));
        assert_eq!(without_scheduling(&more).len(), 3, "the number of waits that find no child counts");
        let third = parse("3 clone(flags=SIGCHLD) = 4\n3 wait4(-1, NULL, 0, NULL) = 4\n");
        assert_ne!(without_scheduling(&one), without_scheduling(&third));
        let quick = parse("3 clone3({flags=CLONE_THREAD} => {parent_tid=[0]}, 88) = 4\n");
        let slow = parse("3 clone3({flags=CLONE_THREAD} => {parent_tid=[4]}, 88) = 4\n");
        assert_eq!(without_scheduling(&quick), without_scheduling(&slow));
        let mounts = |text: &str| without_scheduling(&parse(&format!("3 read(3, {text}, 99) = 9\n")));
        let first = mounts(r#""86 65 0:6 /a /b rw\n87 86 0:7 / /proc rw""#);
        assert_eq!(first, mounts(r#""163 65 0:8 / /b rw\n99 63 0:7 / /proc rw""#));
        assert_ne!(first, mounts(r#""63 65 0:8 / /b rw\n99 63 0:7 / /sys rw""#));
    }
}

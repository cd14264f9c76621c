//! What a program decides, whatever the kernel's scheduler does.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::compare::rows::{by_process, threads};
use crate::read::trace::Event;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::trace::parse;

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
}

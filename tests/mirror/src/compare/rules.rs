//! What may differ between two runs of the same program, and so between twins.
//!
//! The table is short on purpose. Every rule states its reason. A test removes each in turn and
//! checks that a comparison then fails: a rule that is no longer needed could hide a difference.

use crate::read::trace::Event;
use crate::scenario::{Polls, Scenario};

/// One thing that may differ.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, in one word.
    pub name: &'static str,
    /// How the trace is changed.
    pub change: Change,
    /// Why this may differ.
    pub reason: &'static str,
}

impl Rule {
    /// Whether the rule applies to this scenario.
    pub fn concerns(&self, scenario: &Scenario) -> bool {
        !matches!(self.change, Change::Fold(_)) || scenario.polls != Polls::Never
    }
}

/// A change to a trace before it is compared.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// A value is replaced.
    Value {
        /// Where it is.
        patterns: &'static [Pattern],
        /// What replaces it.
        replacement: Replacement,
    },
    /// In scenarios where the program polls: of consecutive events of a process that match, each
    /// text is kept once.
    Fold(fn(&Event) -> bool),
    /// The calls of all threads but a process's first are grouped by descriptor, and waits for
    /// locks are left out.
    Threads,
}

/// Where a value is in a line, as a regular expression; the group `value` is replaced.
#[derive(Debug, Clone, Copy)]
pub enum Pattern {
    /// In lines of all calls, but not in strings: what a program reads and writes is left alone.
    Anywhere(&'static str),
    /// In the lines of one call, its strings included.
    Call(&'static str, &'static str),
}

/// What replaces a value that may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// Always the same placeholder.
    Placeholder(&'static str),
    /// For an address in the program's memory, a placeholder with a number: 1 for the first address
    /// that occurs, 2 for the next new one, and so on. So it still matters whether two calls use
    /// the same address.
    Address,
}

/// All rules.
pub const RULES: &[Rule] = &[
    Rule {
        name: "address",
        change: Change::Value {
            patterns: &[Pattern::Anywhere(r"\b(?<value>0x[0-9a-f]{6,12})\b")],
            replacement: Replacement::Address,
        },
        reason: "The addresses of the heap, the stack and what is in them depend on the sizes of the \
                 program and of its variables, which differ between compilers.",
    },
    Rule {
        name: "random",
        change: Change::Value {
            patterns: &[Pattern::Call("getrandom(", r#"^getrandom\((?<value>"(?:[^"\\]|\\.)*")"#)],
            replacement: Replacement::Placeholder("random bytes"),
        },
        reason: "The C library reads random bytes when it first allocates memory, to harden its \
                 bookkeeping.",
    },
    Rule {
        name: "clock",
        change: Change::Value {
            patterns: &[
                Pattern::Anywhere(r"\b(?:nlmsg_seq|cstamp|tstamp)=(?<value>\d+)"),
                Pattern::Call("clock_gettime(", r"^[^,]*, (?<value>\{[^}]*\})"),
                Pattern::Call("gettimeofday(", r"^gettimeofday\((?<value>\{[^}]*\})"),
                Pattern::Call("times(", r"^times\((?<value>.*\) = \d+)$"),
                Pattern::Call("getrusage(", r"^[^,]*, (?<value>\{.*\})\)"),
                Pattern::Call("wait4(", r", (?<value>\{ru_.*\})\)"),
                Pattern::Call("sysinfo(", r"^sysinfo\((?<value>\{.*\})\)"),
                // Absolute times, and the remaining time of a timeout.
                Pattern::Call("clock_nanosleep(", r"TIMER_ABSTIME, (?<value>\{[^}]*\})"),
                Pattern::Call("futex(", r"FUTEX_WAIT_BITSET[^{]*(?<value>\{[^}]*\})"),
                Pattern::Call("timerfd_settime(", r"ABSTIME, (?<value>\{.*\}\}), "),
                Pattern::Call("nanosleep(", r"\}, (?<value>\{[^}]*\})\) "),
                Pattern::Call("clock_nanosleep(", r"\}, (?<value>\{[^}]*\})\) "),
                Pattern::Call("setitimer(", r"\}\}, (?<value>\{.*\})\) "),
                Pattern::Call("getitimer(", r"^[^,]*, (?<value>\{.*\})\) "),
                Pattern::Anywhere(r" = \d+ \(.*left (?<value>\{[^}]*\})\)$"),
            ],
            replacement: Replacement::Placeholder("time"),
        },
        reason: "The time, the remaining time of a timeout, the time that a process has used and the \
                 system's load differ in every run, and so does an absolute time to wait for. When \
                 a name has several addresses, the C library requests this host's addresses over \
                 netlink, with the time as the sequence number, and the reply says when each was set.",
    },
    Rule {
        name: "measurements",
        change: Change::Value {
            // A program that reads only the beginning, such as the state, gets fewer bytes.
            patterns: &[Pattern::Call(
                "getsockopt(",
                r#"^getsockopt\(\d+, SOL_TCP, TCP_INFO, (?<value>"(?:[^"\\]|\\.)*"), \[(?:104|136|144)\]\)"#,
            )],
            replacement: Replacement::Placeholder("measurements"),
        },
        reason: "The kernel reports the numbers of bytes received and of segments together with \
                 measurements of the connection: times, and estimates from them. What a program does with the answer \
                 is compared.",
    },
    Rule {
        name: "again",
        change: Change::Fold(|event| event.would_block() || event.is_pause()),
        reason: "How often a program polls, and pauses, before there is something to do depends on \
                 the speed of the machine. Which calls it makes is compared, and in which order it \
                 first makes them; not how often, or in which order it repeats them.",
    },
    Rule {
        name: "nothing_ready",
        change: Change::Fold(Event::found_nothing_ready),
        reason: "How often a program that polls before it sleeps finds nothing ready depends on the \
                 speed of the machine. That it polls is compared, not how long.",
    },
    Rule {
        name: "threads",
        change: Change::Threads,
        reason: "Which thread takes a request, and which has to wait for a lock, depends on the \
                 scheduler. All calls on a descriptor are compared, in their order; not which \
                 thread makes them, or how they interleave with those on other descriptors. The \
                 rule applies to threads only, not to processes.",
    },
];

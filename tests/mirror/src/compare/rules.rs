//! What may differ between two runs of the same program, and so between two twins.
//!
//! The table is short on purpose. Every rule states its reason, and a test takes each away in turn
//! and demands that a comparison then fails: a rule that is not needed any more hides something.

use crate::read::trace::Event;
use crate::scenario::{Polls, Scenario};

/// One thing that may differ.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, in one word.
    pub name: &'static str,
    /// What is done about it.
    pub change: Change,
    /// Why this may differ.
    pub reason: &'static str,
}

impl Rule {
    /// Whether the rule is applied in this scenario at all.
    pub fn concerns(&self, scenario: &Scenario) -> bool {
        !matches!(self.change, Change::Fold(_)) || scenario.polls != Polls::Never
    }
}

/// What is done to a trace before it is compared.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// A value is replaced.
    Value {
        /// Where it is.
        patterns: &'static [Pattern],
        /// What stands in its place.
        replacement: Replacement,
    },
    /// Where a program polls, consecutive rows of a process for which this holds count once for each
    /// text.
    Fold(fn(&Event) -> bool),
    /// What threads do, but for a process's first, is put together by descriptor, and how threads
    /// wait for each other is left out.
    Threads,
}

/// Where in a row a value is, by regular expressions; what the group `value` matches is replaced.
#[derive(Debug, Clone, Copy)]
pub enum Pattern {
    /// In rows of all calls, but not in strings: what a program reads and writes is never touched.
    Anywhere(&'static str),
    /// In the rows of one call, its strings included.
    Call(&'static str, &'static str),
}

/// What stands in the place of a value that may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// Always the same word.
    Word(&'static str),
    /// If the value is an address in the program's memory, a word and a number: the first one that
    /// occurs is 1, the next new one 2, and so on. So it still counts whether two calls use the same
    /// address.
    Address,
}

/// All the rules there are.
pub const RULES: &[Rule] = &[
    Rule {
        name: "address",
        change: Change::Value {
            patterns: &[Pattern::Anywhere(r"\b(?<value>0x[0-9a-f]{6,12})\b")],
            replacement: Replacement::Address,
        },
        reason: "Where the heap, the stack and what is in them begin depends on the size of the \
                 program and of its functions' variables, which two compilers do not make alike.",
    },
    Rule {
        name: "random",
        change: Change::Value {
            patterns: &[Pattern::Call("getrandom(", r#"^getrandom\((?<value>"(?:[^"\\]|\\.)*")"#)],
            replacement: Replacement::Word("random bytes"),
        },
        reason: "The C library asks the kernel for random bytes when it first allocates memory, \
                 to make its own bookkeeping hard to guess.",
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
                // A time from the clock on, and how much of a timeout is left.
                Pattern::Call("clock_nanosleep(", r"TIMER_ABSTIME, (?<value>\{[^}]*\})"),
                Pattern::Call("futex(", r"FUTEX_WAIT_BITSET[^{]*(?<value>\{[^}]*\})"),
                Pattern::Call("timerfd_settime(", r"ABSTIME, (?<value>\{.*\}\}), "),
                Pattern::Call("nanosleep(", r"\}, (?<value>\{[^}]*\})\) "),
                Pattern::Call("clock_nanosleep(", r"\}, (?<value>\{[^}]*\})\) "),
                Pattern::Call("setitimer(", r"\}\}, (?<value>\{.*\})\) "),
                Pattern::Call("getitimer(", r"^[^,]*, (?<value>\{.*\})\) "),
                Pattern::Anywhere(r" = \d+ \(.*left (?<value>\{[^}]*\})\)$"),
            ],
            replacement: Replacement::Word("time"),
        },
        reason: "What the kernel says of the time, of the time that is left, of the time that a \
                 process has used and of the machine's load is new in every run, and so is a time \
                 to wait for. When a name has several addresses, the C library asks for those of \
                 this machine, with the time as the number of its question, and the kernel tells \
                 when each was set up.",
    },
    Rule {
        name: "measurements",
        change: Change::Value {
            // A program that asks for the beginning alone, as for the state, gets fewer bytes.
            patterns: &[Pattern::Call(
                "getsockopt(",
                r#"^getsockopt\(\d+, SOL_TCP, TCP_INFO, (?<value>"(?:[^"\\]|\\.)*"), \[136\]\)"#,
            )],
            replacement: Replacement::Word("measurements"),
        },
        reason: "How many bytes a client has sent the kernel tells together with what it has \
                 measured of the connection: times, and what it makes of them. What a program does \
                 with the answer is compared.",
    },
    Rule {
        name: "again",
        change: Change::Fold(|event| event.would_wait() || event.paused()),
        reason: "How often a program that polls asks in vain, before there is something for it, and \
                 pauses meanwhile depends on how fast the machine is. What it asks is compared, \
                 and in which order it first does; not how often, nor in which order it goes on.",
    },
    Rule {
        name: "nothing_ready",
        change: Change::Fold(Event::found_none_ready),
        reason: "How often a program that polls before it sleeps finds that nothing is ready \
                 depends on how fast the machine is. That it polled is compared, not how long.",
    },
    Rule {
        name: "threads",
        change: Change::Threads,
        reason: "Which of several threads takes a request, and which of them has to wait for a \
                 lock, the C library and the kernel decide by who is first. All that they do with \
                 a descriptor is compared, in the order in which it is done; not which of them \
                 does it, nor how that interleaves with other descriptors. Processes are not \
                 threads: the rule does not touch them.",
    },
];

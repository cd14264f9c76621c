//! What may differ between two runs of the same program, and so between two twins.
//!
//! The table is short on purpose. Every rule states its reason, and a test takes each away in turn
//! and demands that a comparison then fails: a rule that is not needed any more hides something.

use std::collections::HashMap;

use regex::{Captures, Regex};

use crate::rows;
use crate::scenario::{Polls, Scenario};
use crate::trace::{self, Event};

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
        /// A regular expression; what its group `value` matches is replaced, and what it matches
        /// without that group is passed over.
        pattern: &'static str,
        /// What stands in its place.
        replacement: Replacement,
    },
    /// Where a program polls, consecutive rows of a process for which this holds count once for each
    /// text.
    Fold(fn(&str) -> bool),
    /// What threads do, but for a process's first, is put together by descriptor, and how threads
    /// wait for each other is left out.
    Threads,
}

/// What stands in the place of a value that may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// Always the same word.
    Word(&'static str),
    /// The word and a number: the first value that occurs is 1, the next new one 2, and so on. So
    /// it still counts whether two calls use the same value.
    Numbered(&'static str),
}

/// All the rules there are.
pub const RULES: &[Rule] = &[
    Rule {
        name: "address",
        change: Change::Value {
            // Strings are passed over: what a program reads and writes is never touched.
            pattern: r#""(?:[^"\\]|\\.)*"|\b(?<value>0x[0-9a-f]{12})\b"#,
            replacement: Replacement::Numbered("address"),
        },
        reason: "The kernel places the program, its heap, its stack and its libraries anew in \
                 every run (address-space layout randomisation).",
    },
    Rule {
        name: "random",
        change: Change::Value {
            pattern: r#"^getrandom\((?<value>"(?:[^"\\]|\\.)*")"#,
            replacement: Replacement::Word("random bytes"),
        },
        reason: "The C library asks the kernel for random bytes when it first allocates memory, \
                 to make its own bookkeeping hard to guess.",
    },
    Rule {
        name: "clock",
        change: Change::Value {
            pattern: r#""(?:[^"\\]|\\.)*"|\b(?:nlmsg_seq|cstamp|tstamp)=(?<value>\d+)"#,
            replacement: Replacement::Word("time"),
        },
        reason: "When a name has several addresses, the C library asks the kernel for those of \
                 this machine, with the time as the number of its question, and the kernel tells \
                 when each was set up.",
    },
    Rule {
        name: "measurements",
        change: Change::Value {
            // A program that asks for the beginning alone, as for the state, gets fewer bytes.
            pattern: r#"^getsockopt\(\d+, SOL_TCP, TCP_INFO, (?<value>"(?:[^"\\]|\\.)*"), \[136\]\)"#,
            replacement: Replacement::Word("measurements"),
        },
        reason: "How many bytes a client has sent the kernel tells together with what it has \
                 measured of the connection: times, and what it makes of them. What a program does \
                 with the answer is compared.",
    },
    Rule {
        name: "again",
        change: Change::Fold(trace::would_wait),
        reason: "How often a program that polls asks in vain, before there is something for it, \
                 depends on how fast the machine is. What it asks is compared, and in which order \
                 it first does; not how often, nor in which order it goes on.",
    },
    Rule {
        name: "nothing_ready",
        change: Change::Fold(trace::found_none_ready),
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

/// Rules made ready for use.
#[derive(Debug, Default)]
pub struct Normaliser {
    values: Vec<(Regex, Replacement)>,
    folds: Vec<fn(&str) -> bool>,
    threads: bool,
}

impl Normaliser {
    /// Compiles these rules.
    pub fn new(rules: &[Rule]) -> Self {
        let compile = |pattern| Regex::new(pattern).expect("the patterns of the table are valid");
        let mut normaliser = Self::default();
        for rule in rules {
            match rule.change {
                Change::Value { pattern, replacement } => {
                    normaliser.values.push((compile(pattern), replacement));
                }
                Change::Fold(vain) => normaliser.folds.push(vain),
                Change::Threads => normaliser.threads = true,
            }
        }
        normaliser
    }

    /// The rows of a trace that are compared, process by process.
    pub fn rows<'a>(&self, trace: &'a [Event], polls: Polls) -> Vec<&'a Event> {
        let threads = if self.threads { rows::threads(trace) } else { HashMap::new() };
        let mut rows = Vec::new();
        for process in rows::by_process(trace, &threads) {
            let mut process = rows::by_descriptor(process);
            if polls != Polls::Never {
                process =
                    self.folds.iter().fold(process, |process, vain| rows::fold(process, vain));
            }
            rows.extend(process.events);
        }
        rows
    }

    /// The lines of one trace, with every value that may differ replaced.
    pub fn apply<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        lines
            .into_iter()
            .map(|line| {
                self.values.iter().fold(line.to_owned(), |line, (regex, replacement)| {
                    replace(&line, regex, *replacement, &mut seen)
                })
            })
            .collect()
    }
}

fn replace(
    line: &str,
    regex: &Regex,
    replacement: Replacement,
    seen: &mut HashMap<String, usize>,
) -> String {
    let put = |captures: &Captures<'_>| {
        let whole = captures.get_match();
        let Some(value) = captures.name("value") else {
            return whole.as_str().to_owned();
        };
        let word = match replacement {
            Replacement::Word(word) => format!("<{word}>"),
            Replacement::Numbered(word) => {
                let next = seen.len() + 1;
                let number = *seen.entry(value.as_str().to_owned()).or_insert(next);
                format!("<{word} {number}>")
            }
        };
        let before = &line[whole.start()..value.start()];
        let after = &line[value.end()..whole.end()];
        format!("{before}{word}{after}")
    };
    regex.replace_all(line, put).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbered_by_first_appearance() {
        let normaliser = Normaliser::new(RULES);
        let lines = normaliser.apply([
            "brk(NULL) = 0x564d10d38000",
            "mmap(NULL, 12288, 0x22) = 0x7f4a163b5000",
            "brk(0x564d10d38000) = 0x564d10d38000",
        ]);
        assert_eq!(
            lines,
            [
                "brk(NULL) = <address 1>",
                "mmap(NULL, 12288, 0x22) = <address 2>",
                "brk(<address 1>) = <address 1>",
            ]
        );
    }

    #[test]
    fn random_bytes_go_but_not_how_many() {
        let line = r#"getrandom("\xd0\"\x58", 8, GRND_NONBLOCK) = 8"#;
        let expected = "getrandom(<random bytes>, 8, GRND_NONBLOCK) = 8";
        assert_eq!(Normaliser::new(RULES).apply([line]), [expected]);
    }

    #[test]
    fn measurements_go_but_not_a_state() {
        let line =
            |value: &str, size| format!("getsockopt(4, SOL_TCP, TCP_INFO, {value}, [{size}]) = 0");
        let lines = [line(r#""\1\0\"\7"#, 136), line(r#""\1""#, 1)];
        let lines = Normaliser::new(RULES).apply(lines.iter().map(String::as_str));
        assert_eq!(lines, [line("<measurements>", 136), line(r#""\1""#, 1)]);
    }

    #[test]
    fn what_a_program_sends_is_left_alone() {
        let line = r#"sendto(4, "\"0x7f4a163b5000", 15, 0, NULL, 0) = 15"#;
        assert_eq!(Normaliser::new(RULES).apply([line]), [line]);
    }

    #[test]
    fn vain_asks_fold_where_a_program_polls() {
        let trace = trace::parse(
            "3 epoll_wait(4, [], 512, 0) = 0\n\
             3 epoll_wait(4, [], 512, 0) = 0\n\
             3 epoll_wait(4, [], 512, -1) = 0\n\
             3 recvfrom(5, 0x7f4a163b5000, 9, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily \
             unavailable)\n\
             3 accept(3, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable) (INJECTED)\n\
             3 recvfrom(5, 0x7f4a163b5000, 9, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily \
             unavailable)\n\
             3 recvfrom(5, \"\", 9, 0, NULL, NULL) = 0\n\
             3 poll([{fd=5, events=POLLIN}], 1, 0) = 0 (Timeout)\n\
             3 poll([{fd=5, events=POLLIN}], 1, 0) = 0 (Timeout)\n\
             3 poll([{fd=5, events=POLLIN}], 1, 10) = 0 (Timeout)\n\
             3 poll([{fd=5, events=POLLIN}], 1, 10) = 0 (Timeout)\n",
        );
        let normaliser = Normaliser::new(RULES);
        let kept = |polls| {
            let kept = normaliser.rows(&trace, polls);
            let place = |row: &Event| trace.iter().position(|event| std::ptr::eq(event, row));
            kept.into_iter().map(|row| place(row).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(kept(Polls::Never), (0..11).collect::<Vec<_>>());
        assert_eq!(kept(Polls::BeforeSleep), [0, 2, 3, 4, 6, 7, 9, 10]);
        assert_eq!(kept(Polls::Always), kept(Polls::BeforeSleep));
    }
}

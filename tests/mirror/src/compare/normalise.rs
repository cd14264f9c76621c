//! Applies the rules to a trace before it is compared.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use regex::{Captures, Regex};

use crate::compare::rows;
use crate::compare::rules::{Change, Pattern, Replacement, Rule};
use crate::read::trace::{Event, outside_strings};
use crate::scenario::Polls;

/// The compiled rules.
#[derive(Debug, Default)]
pub struct Normaliser {
    values: Vec<Value>,
    folds: Vec<fn(&Event) -> bool>,
    threads: bool,
}

/// A pattern and what replaces its value.
#[derive(Debug)]
struct Value {
    /// What the lines begin with, if the pattern is for one call only.
    call: Option<&'static str>,
    pattern: Regex,
    replacement: Replacement,
}

impl Normaliser {
    /// Compiles these rules.
    pub fn new(rules: &[Rule]) -> Self {
        let compile = |pattern| Regex::new(pattern).expect("the patterns of the table are valid");
        let mut normaliser = Self::default();
        for rule in rules {
            match rule.change {
                Change::Value { patterns, replacement } => {
                    normaliser.values.extend(patterns.iter().map(|pattern| {
                        let (call, pattern) = match *pattern {
                            Pattern::Anywhere(pattern) => (None, pattern),
                            Pattern::Call(call, pattern) => (Some(call), pattern),
                        };
                        Value { call, pattern: compile(pattern), replacement }
                    }));
                }
                Change::Fold(matches) => normaliser.folds.push(matches),
                Change::Threads => normaliser.threads = true,
            }
        }
        normaliser
    }

    /// The events of a trace to compare, process by process.
    pub fn rows<'a>(&self, trace: &'a [Event], polls: Polls) -> Vec<&'a Event> {
        let threads = if self.threads { rows::threads(trace) } else { HashMap::new() };
        let mut rows = Vec::new();
        for process in rows::by_process(trace, &threads) {
            let mut process = rows::by_descriptor(process);
            if polls != Polls::Never {
                process = self.folds.iter().fold(process, |process, matches| rows::fold(process, matches));
            }
            rows.extend(process.events);
        }
        rows
    }

    /// The lines of a trace, with every value that may differ replaced.
    pub fn apply<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> Vec<Cow<'a, str>> {
        let lines: Vec<&str> = lines.into_iter().collect();
        let mut addresses = Addresses::of(&lines);
        let one = |line: &'a str| {
            self.values.iter().fold(Cow::Borrowed(line), |line, value| match value.call {
                Some(call) if !line.starts_with(call) => line,
                Some(_) => match value.replace(&line, &mut addresses) {
                    Cow::Owned(text) => Cow::Owned(text),
                    Cow::Borrowed(_) => line,
                },
                None => value.replace_outside_strings(line, &mut addresses),
            })
        };
        lines.into_iter().map(one).collect()
    }
}

impl Value {
    fn replace<'a>(&self, text: &'a str, addresses: &mut Addresses) -> Cow<'a, str> {
        let put = |captures: &Captures<'_>| {
            let whole = captures.get_match();
            let Some(value) = captures.name("value") else {
                return whole.as_str().to_owned();
            };
            let word = match self.replacement {
                Replacement::Placeholder(word) => Some(format!("<{word}>")),
                Replacement::Address => addresses.name(value.as_str()),
            };
            let word = word.unwrap_or_else(|| value.as_str().to_owned());
            let before = &text[whole.start()..value.start()];
            let after = &text[value.end()..whole.end()];
            format!("{before}{word}{after}")
        };
        self.pattern.replace_all(text, put)
    }

    fn replace_outside_strings<'a>(&self, line: Cow<'a, str>, addresses: &mut Addresses) -> Cow<'a, str> {
        let mut replaced = String::new();
        let mut copied = 0;
        for part in outside_strings(&line) {
            if let Cow::Owned(text) = self.replace(&line[part.clone()], addresses) {
                replaced.push_str(&line[copied..part.start]);
                replaced.push_str(&text);
                copied = part.end;
            }
        }
        if copied == 0 {
            return line;
        }
        replaced.push_str(&line[copied..]);
        Cow::Owned(replaced)
    }
}

/// The addresses that have occurred in a trace.
struct Addresses {
    /// The range of the program and its heap, if it is not position-independent.
    low: Range<u64>,
    seen: HashMap<String, usize>,
}

/// Where the linkers for x86-64 and aarch64 place programs that are not position-independent.
const LOWEST: u64 = 0x40_0000;

impl Addresses {
    fn of(lines: &[&str]) -> Self {
        let breaks = lines.iter().filter(|line| line.starts_with("brk("));
        let breaks = breaks.filter_map(|line| {
            let (_, result) = line.rsplit_once(" = 0x")?;
            u64::from_str_radix(result, 16).ok()
        });
        // Position-independent programs are far above.
        let highest = breaks.filter(|end| *end < 1 << 32).max();
        Self { low: LOWEST..highest.map_or(0, |end| end + 1), seen: HashMap::new() }
    }

    /// The replacement for this value, if it is an address.
    fn name(&mut self, value: &str) -> Option<String> {
        let digits = value.strip_prefix("0x")?;
        let is_low = u64::from_str_radix(digits, 16).is_ok_and(|value| self.low.contains(&value));
        if digits.len() < 12 && !is_low {
            return None;
        }
        let next = self.seen.len() + 1;
        let number = *self.seen.entry(value.to_owned()).or_insert(next);
        Some(format!("<address {number}>"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::rules::RULES;
    use crate::read::trace::parse;

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
            ["brk(NULL) = <address 1>", "mmap(NULL, 12288, 0x22) = <address 2>", "brk(<address 1>) = <address 1>",]
        );
    }

    #[test]
    fn low_addresses_of_programs_that_are_not_position_independent() {
        let normaliser = Normaliser::new(RULES);
        let lines = ["brk(NULL) = 0x4052a0", "brk(0x4272a0) = 0x4272a0", "read(3, 0x405300, 8) = 0"];
        let names = ["brk(NULL) = <address 1>", "brk(<address 2>) = <address 2>", "read(3, <address 3>, 8) = 0"];
        assert_eq!(normaliser.apply(lines), names);
        let flags = "fcntl(3, F_SETFL, 0x405300) = 0";
        assert_eq!(normaliser.apply(["brk(NULL) = 0x564d10d38000", flags])[1], flags);
    }

    #[test]
    fn random_bytes_are_replaced_but_not_their_number() {
        let line = r#"getrandom("\xd0\"\x58", 8, GRND_NONBLOCK) = 8"#;
        let expected = "getrandom(<random bytes>, 8, GRND_NONBLOCK) = 8";
        assert_eq!(Normaliser::new(RULES).apply([line]), [expected]);
    }

    #[test]
    fn times_are_replaced() {
        let lines = [
            "clock_gettime(CLOCK_REALTIME, {tv_sec=1, tv_nsec=2}) = 0",
            "times({tms_utime=0, tms_stime=1}) = 171800",
            "sysinfo({uptime=26, loads=[92000, 66720, 48032], totalram=25}) = 0",
            "clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=47, tv_nsec=4}, NULL) = 0",
            "select(4, [3], NULL, NULL, {tv_sec=1, tv_usec=0}) = 1 (in [3], left {tv_sec=0, tv_usec=9})",
            "nanosleep({tv_sec=1, tv_nsec=0}, {tv_sec=0, tv_nsec=5}) = ? ERESTART_RESTARTBLOCK",
            "nanosleep({tv_sec=1, tv_nsec=0}, NULL) = 0",
            "setitimer(ITIMER_REAL, {it_interval={tv_sec=0}, it_value={tv_sec=5}}, NULL) = 0",
        ];
        let fails = "times(0x8) = -1 EFAULT (Bad address)";
        assert_eq!(Normaliser::new(RULES).apply([fails]), [fails]);
        let expected = [
            "clock_gettime(CLOCK_REALTIME, <time>) = 0",
            "times(<time>",
            "sysinfo(<time>) = 0",
            "clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, <time>, NULL) = 0",
            "select(4, [3], NULL, NULL, {tv_sec=1, tv_usec=0}) = 1 (in [3], left <time>)",
            "nanosleep({tv_sec=1, tv_nsec=0}, <time>) = ? ERESTART_RESTARTBLOCK",
            lines[6],
            lines[7],
        ];
        assert_eq!(Normaliser::new(RULES).apply(lines), expected);
    }

    #[test]
    fn measurements_are_replaced_but_not_the_state() {
        let line = |value: &str, size| format!("getsockopt(4, SOL_TCP, TCP_INFO, {value}, [{size}]) = 0");
        let lines = [line(r#""\1\0\"\7""#, 136), line(r#""\1\0""#, 104), line(r#""\1\0""#, 144), line(r#""\1""#, 1)];
        let lines = Normaliser::new(RULES).apply(lines.iter().map(String::as_str));
        let [sized_104, sized_136, sized_144] = [104, 136, 144].map(|size| line("<measurements>", size));
        assert_eq!(lines, [sized_136, sized_104, sized_144, line(r#""\1""#, 1)]);
    }

    #[test]
    fn strings_are_left_alone() {
        let line = r#"sendto(4, "\"0x7f4a163b5000", 15, 0, NULL, 0) = 15"#;
        assert_eq!(Normaliser::new(RULES).apply([line]), [line]);
    }

    #[test]
    fn idle_polls_fold() {
        let trace = parse(
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

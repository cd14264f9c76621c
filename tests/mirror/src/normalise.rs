//! What may differ between two runs of the same program, and so between two twins.
//!
//! The table is short on purpose. Every rule states its reason, and a test takes each away in turn
//! and demands that a comparison then fails: a rule that is not needed any more hides something.

use std::collections::HashMap;

use regex::{Captures, Regex};

/// One thing that may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in one word.
    pub name: &'static str,
    /// A regular expression; what its group `value` matches is replaced, and what it matches
    /// without that group is passed over.
    pub pattern: &'static str,
    /// What stands in its place.
    pub replacement: Replacement,
    /// Why this may differ.
    pub reason: &'static str,
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
        // Strings are passed over: what a program reads and writes is never touched.
        pattern: r#""(?:[^"\\]|\\.)*"|\b(?<value>0x[0-9a-f]{12})\b"#,
        replacement: Replacement::Numbered("address"),
        reason: "The kernel places the program, its heap, its stack and its libraries anew in \
                 every run (address-space layout randomisation).",
    },
    Rule {
        name: "random",
        pattern: r#"^getrandom\((?<value>"(?:[^"\\]|\\.)*")"#,
        replacement: Replacement::Word("random bytes"),
        reason: "The C library asks the kernel for random bytes when it first allocates memory, \
                 to make its own bookkeeping hard to guess.",
    },
    Rule {
        name: "clock",
        pattern: r#""(?:[^"\\]|\\.)*"|\b(?:nlmsg_seq|cstamp|tstamp)=(?<value>\d+)"#,
        replacement: Replacement::Word("time"),
        reason: "When a name has several addresses, the C library asks the kernel for those of \
                 this machine, with the time as the number of its question, and the kernel tells \
                 when each was set up.",
    },
];

/// Rules made ready for use.
#[derive(Debug)]
pub struct Normaliser {
    rules: Vec<(Regex, Replacement)>,
}

impl Normaliser {
    /// Compiles these rules.
    pub fn new(rules: &[Rule]) -> Self {
        let compile = |rule: &Rule| {
            let regex = Regex::new(rule.pattern).expect("the patterns of the table are valid");
            (regex, rule.replacement)
        };
        Self { rules: rules.iter().map(compile).collect() }
    }

    /// The lines of one trace, with every value that may differ replaced.
    pub fn apply<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        lines
            .into_iter()
            .map(|line| {
                self.rules.iter().fold(line.to_owned(), |line, (regex, replacement)| {
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
    fn what_a_program_sends_is_left_alone() {
        let line = r#"sendto(4, "\"0x7f4a163b5000", 15, 0, NULL, 0) = 15"#;
        assert_eq!(Normaliser::new(RULES).apply([line]), [line]);
    }
}

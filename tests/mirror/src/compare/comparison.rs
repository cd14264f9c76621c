//! The result of a comparison.

/// The result of comparing two runs of a scenario.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many system calls of each twin were compared.
    pub calls: [usize; 2],
    /// How many lines list each run's packets.
    pub packets: [usize; 2],
    /// How many lines of the traces differ.
    pub differing_lines: usize,
    /// All differences, between the twins and from the scenario.
    pub differences: Vec<Difference>,
    /// Why there is no verdict, if a twin differs from itself.
    pub undecided: Option<Undecided>,
    /// Whether what the scheduler decides was left out: see
    /// [`between_without_scheduling`](super::between_without_scheduling).
    pub scheduling_ignored: bool,
}

/// The verdict on two programs in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are the same, and do what the scenario states.
    Same,
    /// They differ.
    Different,
    /// They are the same, but do not do what the scenario states.
    NotAsStated,
    /// One of them differs from itself, so they cannot be compared.
    Undecided,
}

impl Verdict {
    /// In words, as a report names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "differs",
            Self::NotAsStated => "not as stated",
            Self::Undecided => "undecided",
        }
    }
}

/// A program that differs from itself when it is run again.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// Which twin: 0 left, 1 right.
    pub side: usize,
    /// What differs between two runs of it.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        if self.undecided.is_some() {
            Verdict::Undecided
        } else if self.differences.iter().any(Difference::is_between) {
            Verdict::Different
        } else if self.differences.is_empty() {
            Verdict::Same
        } else {
            Verdict::NotAsStated
        }
    }

    /// Replaces the differences between the twins by those of
    /// [`between_without_scheduling`](super::between_without_scheduling).
    pub fn ignore_scheduling(&mut self, without_scheduling: Vec<Difference>) {
        self.scheduling_ignored = true;
        self.differing_lines = 0;
        self.differences.retain(|difference| !difference.is_between());
        self.differences.extend(without_scheduling);
    }

    /// Whether the twins are the same and do what the scenario states.
    pub fn is_same(&self) -> bool {
        self.verdict() == Verdict::Same
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The twins differ in a value.
    Between {
        /// What differs.
        what: String,
        /// The value of each side.
        sides: [String; 2],
    },
    /// One twin does not do what the scenario states.
    Stated {
        /// Which twin: 0 left, 1 right.
        side: usize,
        /// What the statement is about.
        what: &'static str,
        /// What the scenario states.
        expected: String,
        /// What the twin did.
        actual: String,
    },
    /// A step of the scenario failed.
    Step {
        /// Which twin: 0 left, 1 right.
        side: usize,
        /// Which step, and why.
        failure: String,
    },
    /// The traces or the packets differ; this is the first difference.
    Lines {
        /// Which of them.
        what: &'static str,
        /// The line number on each side, from 0, at which `rows` begins.
        start: [usize; 2],
        /// The lines of both sides, aligned.
        rows: Vec<Row>,
    },
}

impl Difference {
    /// The difference without the lines around it, by which the same one can be recognised in another
    /// scenario.
    pub fn without_context(&self) -> Self {
        let Self::Lines { what, rows, .. } = self else {
            return self.clone();
        };
        let rows = rows.iter().skip_while(|row| row.same).take_while(|row| !row.same);
        Self::Lines { what, start: [0, 0], rows: rows.cloned().collect() }
    }

    /// Whether the two sides differ from each other, not one from the scenario.
    pub fn is_between(&self) -> bool {
        matches!(self, Self::Between { .. } | Self::Lines { .. })
    }
}

/// One row of two aligned traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whether both sides are equal.
    pub same: bool,
    /// The line of each side, where it has one.
    pub sides: [Option<String>; 2],
}

//! What a comparison finds.

/// What came of a comparison.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// How many system calls of each twin were compared.
    pub calls: [usize; 2],
    /// How many lines tell each run's packets.
    pub packets: [usize; 2],
    /// How many lines of the traces have no equal on the other side.
    pub differing_lines: usize,
    /// Everything that is not as it should be.
    pub differences: Vec<Difference>,
    /// Why the differences tell nothing, if they do not.
    pub undecided: Option<Undecided>,
    /// Whether only what the programs decide was compared: see [`between_decided`].
    pub as_decided: bool,
}

/// What a comparison says of two programs in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are the same, and do what the scenario states.
    Same,
    /// They differ.
    Different,
    /// They do not differ, but not do what the scenario states.
    NotAsStated,
    /// One of them differs from itself, so that it cannot be told.
    Undecided,
}

/// A program that differs from itself.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// Which twin: 0 left, 1 right.
    pub side: usize,
    /// What is not the same in two runs of it.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// What it says.
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

    /// Takes these for the differences between the twins, which are those of [`between_decided`].
    pub fn hold_to(&mut self, decided: Vec<Difference>) {
        self.as_decided = true;
        self.differing_lines = 0;
        self.differences.retain(|difference| !difference.is_between());
        self.differences.extend(decided);
    }

    /// Whether the twins are the same and do what the scenario states.
    pub fn is_same(&self) -> bool {
        self.verdict() == Verdict::Same
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The twins differ in something that is not the trace.
    Between {
        /// What differs.
        what: String,
        /// What each side has.
        sides: [String; 2],
    },
    /// One twin does not do what the scenario states.
    Stated {
        /// Which twin: 0 left, 1 right.
        side: usize,
        /// What is stated of.
        what: &'static str,
        /// What the scenario says.
        stated: String,
        /// What was seen.
        seen: String,
    },
    /// A step of the scenario did not go as it says.
    Step {
        /// Which twin: 0 left, 1 right.
        side: usize,
        /// What happened.
        complaint: String,
    },
    /// The traces or the packets differ; this is the first place.
    Lines {
        /// Which of them.
        what: &'static str,
        /// The line number on each side, from 0, at which `rows` begins.
        start: [usize; 2],
        /// Lines of both sides, beside each other where they are equal.
        rows: Vec<Row>,
    },
}

impl Difference {
    /// Whether it is one between the two sides, and not between a side and the scenario.
    pub fn is_between(&self) -> bool {
        matches!(self, Self::Between { .. } | Self::Lines { .. })
    }
}

/// One row of two traces beside each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whether both sides are equal.
    pub same: bool,
    /// The line of each side, where it has one.
    pub sides: [Option<String>; 2],
}

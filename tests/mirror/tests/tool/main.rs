//! The tool as those use it who have not written it.

mod programs;
mod stages;
mod surroundings;
mod verdicts;

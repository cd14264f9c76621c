//! Tests of the tool as its users run it.

mod programs;
mod stages;
mod surroundings;
mod verdicts;

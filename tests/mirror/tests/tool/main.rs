//! Tests of the tool as its users run it.

mod accounts;
mod programs;
mod stages;
mod surroundings;
mod verdicts;

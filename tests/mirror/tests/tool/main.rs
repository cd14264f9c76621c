//! Tests of the tool as its users run it.

mod interop;
mod programs;
mod stages;
mod surroundings;
mod verdicts;

//! Tests of the tool as its users run it.

mod accounts;
mod interop;
mod programs;
mod stages;
mod surroundings;
mod verdicts;

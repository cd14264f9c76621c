//! Runs two programs that should be the same and shows where they differ.
//!
//! Each stage hands a plain value to the next:
//!
//! | stage | takes | gives |
//! |---|---|---|
//! | [`scenario`] | TOML | [`Scenario`](scenario::Scenario) |
//! | [`run`] | a scenario, a program | files |
//! | [`read`] | files | [`Observation`](read::observation::Observation) |
//! | [`compare`] | two observations | [`Comparison`](compare::Comparison) |
//! | [`account`] | two observations and their comparison | [`Account`](account::Account) |
//! | [`show`] | comparisons, accounts | text |
//!
//! And for programs of others: [`interop`] reads what is exchanged with them, and has the type of the results.
//!
//! [`commands`] puts them together, for the programs of a [`project`] or for any two. Utilities for
//! all are in [`common`]. A test checks that no stage uses a later one.

pub mod account;
pub mod commands;
pub mod common;
pub mod compare;
pub mod interop;
pub mod project;
pub mod read;
pub mod run;
pub mod scenario;
pub mod show;

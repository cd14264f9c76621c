//! Runs two programs that should be the same and shows where they are not.
//!
//! Each stage hands a plain value to the next:
//!
//! | stage | takes | gives |
//! |---|---|---|
//! | [`scenario`] | TOML | [`Scenario`](scenario::Scenario) |
//! | [`run`] | a scenario, a program | files |
//! | [`read`] | files | [`Observation`](read::observation::Observation) |
//! | [`compare`] | two observations | [`Comparison`](compare::Comparison) |
//! | [`show`] | comparisons | text |
//!
//! [`commands`] puts them together, for the programs of a [`project`] or for any two; what all use is in
//! [`common`].

pub mod commands;
pub mod common;
pub mod compare;
pub mod project;
pub mod read;
pub mod run;
pub mod scenario;
pub mod show;

//! Runs two programs that should be the same and shows where they are not.
//!
//! | stage | module | takes | gives |
//! |---|---|---|---|
//! | what is to be done | [`scenario`], [`project`] | TOML | [`Scenario`](scenario::Scenario) |
//! | run | [`run`], [`inside`], [`stage`], [`start`], [`peers`], [`watch`], [`polling`], [`capture`] | a scenario, a program | files |
//! | read | [`trace`], [`packets`], [`observation`] | files | [`Observation`](observation::Observation) |
//! | compare | [`normalise`], [`rows`], [`likeness`], [`compare`] | two observations | [`Difference`](compare::Difference)s |
//! | show | [`report`], [`source`], [`commands`] | differences | text |

pub mod capture;
pub mod commands;
pub mod compare;
pub mod inside;
pub mod likeness;
pub mod normalise;
pub mod observation;
pub mod packets;
pub mod parallel;
pub mod peers;
pub mod polling;
pub mod project;
pub mod report;
pub mod rows;
pub mod run;
pub mod scenario;
pub mod source;
pub mod stage;
pub mod start;
pub mod trace;
pub mod watch;

//! Runs two programs that should be the same and shows where they are not.
//!
//! | stage | module | takes | gives |
//! |---|---|---|---|
//! | what is to be done | [`scenario`], [`project`] | TOML | [`Scenario`](scenario::Scenario) |
//! | run | [`run`], [`namespaces`], [`limits`], [`world`], [`etc`], [`kernel`], [`inside`], [`stage`], [`start`], [`peers`], [`watch`], [`log`], [`capture`], [`files`] | a scenario, a program | files |
//! | read | [`trace`], [`packets`], [`observation`] | files | [`Observation`](observation::Observation) |
//! | compare | [`normalise`], [`rows`], [`likeness`], [`compare`] | two observations | [`Comparison`](compare::Comparison) |
//! | show | [`report`], [`source`], [`commands`], [`out`] | comparisons | text |
//!
//! Beside the stages: [`tools`] finds the programs that a run needs, [`parallel`] makes several runs at
//! once, [`lock`] keeps two from one folder.

pub mod capture;
pub mod commands;
pub mod compare;
pub mod etc;
pub mod files;
pub mod inside;
pub mod kernel;
pub mod likeness;
pub mod limits;
pub mod lock;
pub mod log;
pub mod namespaces;
pub mod normalise;
pub mod observation;
pub mod out;
pub mod packets;
pub mod parallel;
pub mod peers;
pub mod project;
pub mod report;
pub mod rows;
pub mod run;
pub mod scenario;
pub mod source;
pub mod stage;
pub mod start;
pub mod tools;
pub mod trace;
pub mod watch;
pub mod world;

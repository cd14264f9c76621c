//! The subcommands. Each returns whether everything was the same, or an error if that could not be
//! determined.

pub mod bench;
pub mod compare;
pub mod interop;
pub mod list;
pub mod report;
pub mod target;
pub mod trace;

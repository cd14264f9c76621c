//! What the tool can be told to do, a module for each subcommand. Each gives whether all was the
//! same, or an error where that could not be found out.

pub mod bench;
pub mod compare;
pub mod interop;
pub mod list;
pub mod trace;

//! Runs one program in one scenario.

pub mod capture;
pub mod etc;
pub mod files;
pub mod inside;
pub mod job;
pub mod kernel;
pub mod limits;
pub mod log;
pub mod namespaces;
pub mod peers;
pub mod stage;
pub mod start;
pub mod watch;
pub mod world;

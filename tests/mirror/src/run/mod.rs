//! Runs a program in a scenario.
//!
//! [`Job::execute`](job::Job::execute) starts a run. The work is done by a process of its own, the
//! first one of new namespaces: `inside` sets up its file system, `driver` starts the program and
//! waits until it sleeps, `steps` takes the scenario's steps, which act through the `peers`.

pub use inside::take_over;

mod capture;
mod driver;
mod etc;
mod files;
mod inside;
pub mod interop;
pub mod job;
mod kernel;
mod limits;
mod log;
pub mod namespaces;
mod network;
mod peers;
mod polling;
pub mod record;
mod sleep;
pub mod start;
mod steps;
pub mod strace;
mod tcp;
mod watch;
pub mod world;

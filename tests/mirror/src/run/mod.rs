//! Runs one program in one scenario.
//!
//! [`Job::execute`](job::Job::execute) is the outer half, in the process that wants to know. It starts
//! the inner half in namespaces of its own: `inside` makes the run's world, `driver` starts the program
//! and tells when it sleeps, `steps` takes the scenario's steps with the `peers`.

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
mod peers;
mod polling;
pub mod record;
mod sleep;
mod stage;
pub mod start;
mod steps;
pub mod strace;
mod tcp;
mod watch;
pub mod world;

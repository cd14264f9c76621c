//! Reads what a run has left.

pub mod observation;
pub mod packets;
pub mod trace;

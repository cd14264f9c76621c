//! Reads the files of a run into an [`Observation`](observation::Observation).

pub mod frames;
pub mod observation;
pub mod packets;
pub mod trace;

//! Utilities that every stage may use.

pub mod lock;
pub mod out;
pub mod parallel;
pub mod printable;
pub mod tools;

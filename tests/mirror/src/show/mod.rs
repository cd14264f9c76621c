//! Shows comparisons and traces to a person.

pub mod interop;
pub mod report;
pub mod source;
pub mod summary;
pub mod terminal;

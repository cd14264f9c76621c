//! Shows comparisons and traces to a person.

pub mod highlight;
pub mod interop;
pub mod ladder;
pub mod page;
pub mod report;
pub mod summary;
pub mod terminal;
pub mod trace;

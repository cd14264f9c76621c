//! Shows what came of the exchanges with the programs of others.

pub mod junit;
pub mod page;
pub mod table;

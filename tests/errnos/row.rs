//! A row of the table, and what came of it.

use errno::Errno;
use libc::c_int;

/// A call, the condition under which it is made, and what it must result in.
pub struct Row {
    pub wrapper: &'static str,
    pub condition: &'static str,
    /// The result's name: `OK`, an errno, a signal that ends the process, or a number of `getaddrinfo`.
    pub expected: &'static str,
    /// The number that goes with the name.
    pub number: c_int,
    /// Makes the condition, and the call.
    pub call: fn() -> Outcome,
}

impl Row {
    /// What the row is called on the command line.
    pub fn name(&self) -> String {
        format!("{}: {} => {}", self.wrapper, self.condition, self.expected)
    }
}

/// What a call returned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Succeeded,
    Failed(c_int),
    /// The call succeeded, but not with what the row says.
    Wrong,
}

impl<T> From<Result<T, Errno>> for Outcome {
    fn from(result: Result<T, Errno>) -> Self {
        result.map_or_else(|error| Outcome::Failed(error.0), |_| Outcome::Succeeded)
    }
}

/// Whether a call that cannot fail did what the row says.
impl From<bool> for Outcome {
    fn from(as_stated: bool) -> Self {
        if as_stated { Outcome::Succeeded } else { Outcome::Wrong }
    }
}

/// The error number itself, or 0: what some functions return.
impl From<c_int> for Outcome {
    fn from(number: c_int) -> Self {
        if number == 0 { Outcome::Succeeded } else { Outcome::Failed(number) }
    }
}

/// The numbers of the results' names.
pub mod expected {
    pub use libc::*;

    pub const OK: c_int = 0;
    /// The libc crate lacks it.
    pub const EAI_ADDRFAMILY: c_int = -9;
}

/// Defines `ROWS`: `wrapper { "condition" => RESULT: call; … }`.
///
/// The call may be a block. Its value is a `Result`, a `bool` (done as stated) or an error number.
macro_rules! rows {
    ($($wrapper:ident { $($condition:literal => $expected:ident: $call:expr;)* })*) => {
        pub const ROWS: &[$crate::row::Row] = &[$($($crate::row::Row {
            wrapper: stringify!($wrapper),
            condition: $condition,
            expected: stringify!($expected),
            number: $crate::row::expected::$expected,
            // SAFETY: the row has a process of its own with one thread. What it passes is valid for ever, or is
            // memory that cannot be accessed, which the kernel refuses.
            call: || unsafe { $call }.into(),
        },)*)*];
    };
}

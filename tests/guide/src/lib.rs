//! The study guide: the chapters of `docs/guide`, in English and Korean, as a site that is opened from disk.
//!
//! A chapter quotes nothing by copying: its directives name a step of a program, a scenario's output, an erratum, and
//! what they name is taken from the sources and from recorded runs when the site is built. What does not exist is an
//! error with the chapter's line.

use anyhow::Result;

pub mod blocks;
pub mod chapter;
pub mod directive;
pub mod documents;
pub mod figures;
pub mod hash;
pub mod markdown;
pub mod page;
pub mod recorded;
pub mod site;
pub mod timeline;

/// Prints a line.
pub fn say(text: &str) -> Result<()> {
    mirror::common::out::print(&format!("{text}\n"))
}

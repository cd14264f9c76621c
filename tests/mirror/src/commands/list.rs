//! `mirror list`.

use anyhow::Result;

use crate::common::out::say;
use crate::project::Project;
use crate::show::terminal::{HEADING, crop, pad, styled, width};

/// Lists the programs and their scenarios.
pub fn run() -> Result<bool> {
    for pair in Project::find()?.pairs(&[])? {
        say!("{}", styled(&pair.scenarios.program, HEADING));
        for scenario in &pair.scenarios.scenarios {
            let about = crop(&scenario.about, 0, width() - 40);
            say!("  {}  {about}", pad(&scenario.name, 36));
        }
    }
    Ok(true)
}

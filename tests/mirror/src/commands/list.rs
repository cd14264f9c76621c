//! `mirror list`.

use anyhow::Result;

use crate::project::Project;
use crate::report::{HEADING, crop, pad, styled, width};
use crate::say;

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

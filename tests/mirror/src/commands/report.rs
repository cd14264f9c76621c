//! `mirror report`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::account::Account;
use crate::commands::target::Target;
use crate::commands::trace;
use crate::common::out::say;
use crate::common::tools::machine;
use crate::scenario::Scenario;
use crate::show::page::{Facts, page};

/// Runs both programs in some scenarios, by default the main one, and writes the page of what they did.
pub fn run(target: &Target, names: &[String], all: bool, file: &Path) -> Result<bool> {
    let pair = target.only()?;
    let scenarios: Vec<&Scenario> = match names {
        _ if all => pair.scenarios.scenarios.iter().collect(),
        [] => vec![pair.scenarios.main()],
        names => names.iter().map(|name| pair.scenarios.find(name)).collect::<Result<_>>()?,
    };
    let accounts = trace::accounts(target, pair, &scenarios)?;
    let again = |account: &Account| target.again("compare", &account.program, &account.scenario);
    let facts = Facts { again: accounts.iter().map(again).collect(), system: machine()?, base: target.base.clone() };
    let html = page(&accounts, &facts)?;
    fs::write(file, &html).with_context(|| format!("cannot write {}", file.display()))?;
    let same = accounts.iter().filter(|account| account.verdict == "same").count();
    say!("{}: {} kB; {same} of {} scenarios the same", file.display(), html.len().div_ceil(1000), accounts.len());
    // One that differs is said before one that is undecided, as by compare.
    let differs = |account: &&Account| !["same", "undecided"].contains(&account.verdict);
    if accounts.iter().any(|account| differs(&account)) {
        return Ok(false);
    }
    accounts.iter().try_for_each(|account| trace::is_same(account).map(|_| ()))?;
    Ok(true)
}

//! `mirror report`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::account::Account;
use crate::commands::target::Target;
use crate::commands::trace;
use crate::common::lock::lock;
use crate::common::out::say;
use crate::common::parallel::processors;
use crate::common::tools::Tools;
use crate::compare::normalise::Normaliser;
use crate::compare::rules::RULES;
use crate::project::Case;
use crate::scenario::{Scenario, check_injections};
use crate::show::page::{Facts, page};

/// Runs both programs in some scenarios, by default the main one, and writes the page of what they did.
pub fn run(target: &Target, names: &[String], all: bool, file: &Path) -> Result<bool> {
    let [pair] = target.pairs.as_slice() else {
        bail!("which program? Name one, e.g. echo_server (`mirror list` shows all)");
    };
    let scenarios: Vec<&Scenario> = match names {
        _ if all => pair.scenarios.scenarios.iter().collect(),
        [] => vec![pair.scenarios.main()],
        names => names.iter().map(|name| pair.scenarios.find(name)).collect::<Result<_>>()?,
    };
    check_injections(&Tools::find()?.strace, &scenarios)?;
    let _lock = lock(&target.output)?;
    let (processor, normaliser) = (processors()?[0], Normaliser::new(RULES));
    let mut accounts: Vec<Account> = Vec::new();
    for scenario in scenarios {
        accounts.push(trace::of(target, &Case { pair, scenario }, processor, &normaliser)?.1);
    }
    let again = |account: &Account| target.again("compare", &account.program, &account.scenario);
    let facts = Facts { again: accounts.iter().map(again).collect(), system: system(), base: target.base.clone() };
    let html = page(&accounts, &facts)?;
    fs::write(file, &html).with_context(|| format!("cannot write {}", file.display()))?;
    let same = accounts.iter().filter(|account| account.verdict == "same").count();
    say!("{}: {} kB; {same} of {} scenarios the same", file.display(), html.len().div_ceil(1000), accounts.len());
    Ok(same == accounts.len())
}

/// The kernel that this runs on.
fn system() -> String {
    let of = |file: &str| fs::read_to_string(Path::new("/proc/sys/kernel").join(file)).unwrap_or_default();
    format!("{} {}, {}", of("ostype").trim(), of("osrelease").trim(), std::env::consts::ARCH)
}

//! `mirror compare`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::commands::target::Target;
use crate::commands::trace;
use crate::common::lock::lock;
use crate::common::out::{print, say};
use crate::common::parallel;
use crate::common::tools::Tools;
use crate::compare::Comparison;
use crate::compare::normalise::Normaliser;
use crate::compare::rules::RULES;
use crate::project::{Case, cases};
use crate::run::job::NotRun;
use crate::scenario::check_injections;
use crate::show::report;
use crate::show::summary::{Findings, Totals};
use crate::show::terminal::{FAINT, HEADING, Progress, styled, width, wrap};

/// Compares programs in all their scenarios, or in the one that is named.
pub fn run(target: &Target, scenario: Option<&str>, verbose: bool, json: Option<&Path>) -> Result<bool> {
    let output = &target.output;
    let cases = cases(&target.pairs, scenario)?;
    check_injections(&Tools::find()?.strace, &cases.iter().map(|case| case.scenario).collect::<Vec<_>>())?;
    // A user who names a scenario wants to see it.
    let verbose = verbose || scenario.is_some();
    let program_of = |case: &Case<'_>| case.pair.scenarios.program.clone();
    let columns = cases.iter().map(|case| program_of(case).len()).max().unwrap_or(0);
    let normaliser = Normaliser::new(RULES);
    let create = |path: &Path| File::create(path).with_context(|| format!("cannot create {}", path.display()));
    let mut accounts = json.map(create).transpose()?;
    let _lock = lock(output)?;
    let progress = Progress::new(cases.len());
    let mut all = Totals::default();
    let mut of_program = (Totals::default(), Findings::default());
    parallel::in_order(
        &cases,
        |case, processor| {
            let result = match json {
                None => case.judge(output, processor, &normaliser).map(|comparison| (comparison, None)),
                Some(_) => trace::of(target, case, processor, &normaliser)
                    .and_then(|(comparison, account)| Ok((comparison, Some(serde_json::to_string(&account)?)))),
            };
            result.map(Ok).or_else(|error| {
                // Any other error would occur in every scenario.
                if error.is::<NotRun>() { Ok(Err(format!("{error:#}"))) } else { Err(error) }
            })
        },
        |index, result: Result<(Comparison, Option<String>), String>| {
            let (result, account) = match result {
                Ok((comparison, account)) => (Ok(comparison), account),
                Err(why) => (Err(why), None),
            };
            if let (Some(file), Some(account)) = (&mut accounts, account) {
                writeln!(file, "{account}").context("cannot write the accounts")?;
            }
            let case = &cases[index];
            let (name, program) = (&case.scenario.name, program_of(case));
            let is_of_another = |other: Option<&Case<'_>>| other.is_none_or(|other| program_of(other) != program);
            progress.clear();
            if verbose {
                if is_of_another(index.checked_sub(1).map(|before| &cases[before])) {
                    say!("{}", styled(&program, HEADING));
                }
                say!("{}", report::scenario(name, &result));
            }
            all.add(&result);
            let (totals, findings) = &mut of_program;
            totals.add(&result);
            findings.add(name, &result, case.labels());
            if is_of_another(cases.get(index + 1)) {
                if !verbose {
                    say!("{}", totals.program(&program, columns));
                }
                for (text, scenarios) in findings.texts() {
                    let first = &scenarios[0];
                    let files = output.join(&program).join(first);
                    print(&text)?;
                    print(&shown_by(scenarios))?;
                    say!("    {}", styled(&format!("again: {}", target.again("compare", &program, first)), FAINT));
                    say!("    {}", styled(&format!("files: {}", files.display()), FAINT));
                }
                of_program = Default::default();
            }
            if let Some(next) = cases.get(index + 1) {
                progress.show(index + 1, &next.scenario.name);
            }
            Ok(())
        },
    )?;
    progress.clear();
    say!("{}", all.all());
    all.answer()
}

/// The list of the scenarios that show a difference.
fn shown_by(scenarios: &[String]) -> String {
    let names = scenarios.join(", ");
    let list = match scenarios.len() {
        1 => format!("in scenario {names}"),
        count => format!("in {count} scenarios: {names}"),
    };
    wrap(list.split(' '), 4, width())
}

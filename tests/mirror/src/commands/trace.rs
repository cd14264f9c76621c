//! `mirror trace`.

use anstream::adapter::strip_str;
use anyhow::{Context, Result, ensure};

use crate::account::Account;
use crate::account::build::{Run, account};
use crate::commands::target::Target;
use crate::common::lock::lock;
use crate::common::out::{print, say};
use crate::common::parallel::processors;
use crate::common::tools::Tools;
use crate::compare::Comparison;
use crate::compare::normalise::Normaliser;
use crate::compare::rules::RULES;
use crate::project::{Case, Pair};
use crate::run::job::{Instrument, PACKETS};
use crate::scenario::{Scenario, check_injections};
use crate::show::ladder::ladders;
use crate::show::report;
use crate::show::terminal::{BAD, FAINT, GOOD, styled};
use crate::show::trace::{Options, trace};

/// Runs both programs and shows their calls, with the lines that make them, and the packets.
pub fn run(target: &Target, scenario: Option<&str>, options: &Options) -> Result<bool> {
    let account = of_one(target, scenario)?;
    let calls = || account.sides.iter().flat_map(|side| &side.calls);
    for name in &options.only {
        ensure!(
            calls().any(|call| call.function == *name || call.name == *name),
            "--only: neither program calls '{name}' in this scenario"
        );
    }
    print(&trace(&account, options))?;
    for difference in &account.differences {
        print(difference)?;
    }
    let same = account.verdict == "same";
    say!("{}", styled(account.verdict, if same { GOOD } else { BAD }));
    let folders = account.sides.each_ref().map(|side| side.folder.as_str());
    say!("{}", styled(&format!("files: {}, {}", folders[0], folders[1]), FAINT));
    is_same(&account)
}

/// Whether both did the same; an error where that could not be decided.
pub fn is_same(account: &Account) -> Result<bool> {
    ensure!(account.verdict != "undecided", "{}: undecided: a program differs from itself", account.scenario);
    Ok(account.verdict == "same")
}

/// Runs both programs and shows their packets.
pub fn packets(target: &Target, scenario: Option<&str>, columns: Option<usize>) -> Result<bool> {
    let account = of_one(target, scenario)?;
    print(&ladders(&account, columns))?;
    for side in &account.sides {
        say!("{}", styled(&format!("{}: {}/{PACKETS} (for Wireshark)", side.label, side.folder), FAINT));
    }
    is_same(&account)
}

/// The account of the one program of the target in a scenario, by default its main one.
fn of_one(target: &Target, scenario: Option<&str>) -> Result<Account> {
    let pair = target.only()?;
    let scenario = match scenario {
        Some(name) => pair.scenarios.find(name)?,
        None => pair.scenarios.main(),
    };
    accounts(target, pair, &[scenario])?.pop().context("there is one scenario")
}

/// The accounts of a pair in some scenarios.
pub fn accounts(target: &Target, pair: &Pair, scenarios: &[&Scenario]) -> Result<Vec<Account>> {
    check_injections(&Tools::find()?.strace, scenarios)?;
    let _lock = lock(&target.output)?;
    let (processor, normaliser) = (processors()?[0], Normaliser::new(RULES));
    let account = |scenario| Ok(of(target, &Case { pair, scenario }, processor, &normaliser)?.1);
    scenarios.iter().copied().map(account).collect()
}

/// The account of a case, which may be the same only after several runs.
pub fn of(
    target: &Target,
    case: &Case<'_>,
    processor: usize,
    normaliser: &Normaliser,
) -> Result<(Comparison, Account)> {
    let instrument = Instrument::TraceWithStacks;
    let (comparison, observations) = case.judge_and_keep(&target.output, processor, normaliser, instrument)?;
    let plain = |text: String| strip_str(&text).to_string();
    let differences = match &comparison.undecided {
        Some(undecided) => vec![plain(report::differs_from_itself(undecided, case.labels()))],
        None => {
            let listed = |difference| plain(report::listed(std::slice::from_ref(difference), case.labels()));
            comparison.differences.iter().map(listed).collect()
        }
    };
    let folder = case.directory(&target.output);
    let folders = case.labels().map(|label| folder.join(label.to_lowercase()));
    let run = |side: usize| Run {
        label: &case.pair.twins[side].label,
        command: &case.pair.twins[side].command,
        own: &case.pair.twins[side].own,
        observation: &observations[side],
        folder: &folders[side],
    };
    let runs = [run(0), run(1)];
    let program = &case.pair.scenarios.program;
    let account = account(program, case.scenario, &runs, &comparison, differences, normaliser, &target.base)?;
    Ok((comparison, account))
}

//! Every scenario of every program is a test of its own name: both twins run, and
//!
//! - `compare`: they are the same and do what the scenario states;
//! - `steps`: each system call comes from the same step of the source in both.
//!
//! And every rule of the normalisation is still needed: without it, something differs.

mod common;
#[path = "../common/root.rs"]
mod root;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use libtest_mimic::Trial;
use mirror::common::parallel::processors;
use mirror::compare::compare;
use mirror::compare::normalise::Normaliser;
use mirror::compare::rules::{RULES, Rule};
use mirror::project::{Case, Pair, cases};
use mirror::run::job::Instrument;
use mirror::show::report;
use mirror::show::source::Sources;
use root::root;

fn main() -> ExitCode {
    common::run(trials)
}

fn trials() -> Result<Vec<Trial>> {
    let project = common::built_project()?;
    // The trials live as long as the process.
    let pairs: &'static [Pair] = project.pairs(&[])?.leak();
    let processors = processors()?;
    let mut trials = Vec::new();
    for (index, case) in cases(pairs, None)?.into_iter().enumerate() {
        let processor = processors[index % processors.len()];
        let kinds: [(&str, Check); 2] = [("compare", same), ("steps", same_steps)];
        for (kind, check) in kinds {
            let name = format!("{kind}::{}::{}", case.pair.scenarios.program, case.scenario.name);
            trials.push(common::trial(name, move || check(&case, processor)));
        }
    }
    ensure!(!trials.is_empty(), "there are no scenarios");
    for rule in RULES {
        trials.push(common::trial(format!("needed::{}", rule.name), || needed(rule, pairs)));
    }
    Ok(trials)
}

type Check = fn(&Case<'_>, usize) -> Result<()>;

fn output(kind: &str) -> PathBuf {
    root().join("target/mirror/test").join(kind)
}

fn same(case: &Case<'_>, processor: usize) -> Result<()> {
    let comparison = case.judge(&output("compare"), processor, &Normaliser::new(RULES))?;
    ensure!(comparison.is_same(), "\n{}", report::differences(&comparison, ["C", "Rust"]));
    Ok(())
}

/// How often both twins may run until their traces are the same row by row. Where they are not because of a timer that
/// expires near a step, `compare` decides what that means.
const ATTEMPTS: usize = 4;

fn same_steps(case: &Case<'_>, processor: usize) -> Result<()> {
    let normaliser = Normaliser::new(RULES);
    let mut attempt = 1;
    let [c, rust] = loop {
        let sides = case.observe(&output("steps"), processor, Instrument::TraceWithStacks)?;
        let comparison = compare(case.scenario, &sides[0], &sides[1], &normaliser);
        if comparison.is_same() {
            break sides;
        }
        ensure!(attempt < ATTEMPTS, "\n{}", report::differences(&comparison, ["C", "Rust"]));
        attempt += 1;
    };
    let sources = case.pair.twins.each_ref().map(|twin| twin.source.as_deref());
    let mut origins = Sources::default();
    let [c, rust] = [&c, &rust].map(|side| normaliser.rows(&side.trace, case.scenario.polls));
    let from_c = origins.origins(&c, sources[0])?;
    let from_rust = origins.origins(&rust, sources[1])?;
    let mut of_the_program = 0;
    for ((event, c), rust) in c.into_iter().zip(from_c).zip(from_rust) {
        let steps = [c, rust].map(|origin| origin.map(|origin| origin.step));
        ensure!(steps[0] == steps[1], "{}: C {c:?}, Rust {rust:?}", event.text);
        of_the_program += usize::from(steps[0].is_some());
    }
    ensure!(of_the_program > 0, "no call could be traced back to the source");
    Ok(())
}

fn needed(rule: &Rule, pairs: &[Pair]) -> Result<()> {
    let others: Vec<Rule> = RULES.iter().filter(|other| other.name != rule.name).copied().collect();
    let normaliser = Normaliser::new(&others);
    let processor = processors()?[0];
    let output = output("needed").join(rule.name);
    let mut cases = cases(pairs, None)?;
    cases.retain(|case| rule.concerns(case.scenario));
    // The first of each program, then the second: programs differ more than what is done to one.
    cases.sort_by_cached_key(|case| {
        let mut all = case.pair.scenarios.scenarios.iter();
        all.position(|scenario| scenario.name == case.scenario.name)
    });
    for case in cases {
        if case.run(&output, processor, &normaliser)?.differing_lines > 0 {
            return Ok(());
        }
    }
    bail!("without the rule {} nothing differs; its reason was: {}", rule.name, rule.reason)
}

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
use mirror::account::calls::{Kind, Phase};
use mirror::account::places::Places;
use mirror::commands::target::Target;
use mirror::commands::trace;
use mirror::common::parallel::processors;
use mirror::compare::compare;
use mirror::compare::normalise::Normaliser;
use mirror::compare::rules::{RULES, Rule};
use mirror::project::{Case, Pair, cases};
use mirror::run::job::Instrument;
use mirror::show::report;
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
    for (index, pair) in pairs.iter().enumerate() {
        let processor = processors[index % processors.len()];
        let name = format!("linked::{}", pair.scenarios.program);
        trials.push(common::trial(name, move || every_call_has_a_line(pair, processor)));
    }
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
    let rows = [&c, &rust].map(|side| normaliser.rows(&side.trace, case.scenario.polls));
    let twins = &case.pair.twins;
    let mut places = twins.each_ref().map(|twin| Places::new(&twin.own, root()));
    let mut of_the_program = 0;
    for (index, event) in rows[0].iter().enumerate() {
        let mut steps = [None; 2];
        for side in 0..2 {
            let lines = places[side].of(rows[side][index])?;
            // A call that comes from the program comes from a line of it and from a step.
            steps[side] = (!lines.is_empty()).then(|| places[side].step(&lines));
        }
        ensure!(steps[0] == steps[1], "{}: C {:?}, Rust {:?}", event.text, steps[0], steps[1]);
        of_the_program += usize::from(steps[0].is_some());
    }
    ensure!(of_the_program > 0, "no call could be traced back to the source");
    Ok(())
}

/// In the scenario that shows what a program is about, each of its calls comes from a line of it, in both languages.
fn every_call_has_a_line(pair: &Pair, processor: usize) -> Result<()> {
    let target = Target::of_pair(pair.clone(), output("linked"), root());
    let case = Case { pair, scenario: pair.scenarios.main() };
    let (_, account) = trace::of(&target, &case, processor, &Normaliser::new(RULES))?;
    let mut linked = 0;
    for side in &account.sides {
        for call in side.calls.iter().filter(|call| call.phase == Phase::Program && call.kind == Kind::Call) {
            // What made the C library start a thread of its own is not on the stack: clone3 has no unwinding
            // information.
            let hidden = call.function == "pthread_create";
            ensure!(hidden || !call.places.is_empty(), "{}: {} comes from no line", side.label, call.text);
            linked += 1;
        }
    }
    ensure!(linked > 0, "no call comes from the program");
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

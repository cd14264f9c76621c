//! Runs a pair of programs in a scenario and compares them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::common::tools::Tools;
use crate::compare::normalise::Normaliser;
use crate::compare::{Comparison, Undecided, between, between_without_scheduling, compare};
use crate::project::pair::Pair;
use crate::read::observation::Observation;
use crate::run::job::{Instrument, Job};
use crate::scenario::Scenario;

/// How often both programs are run again before they are reported as different, to detect one that
/// differs from itself. If it behaves in two ways equally often, this fails to detect it in 1 of
/// 512 cases.
const RERUNS: usize = 4;

/// One scenario of one pair.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// The scenario to run both in.
    pub scenario: &'a Scenario,
}

impl Case<'_> {
    /// Runs both twins and compares them.
    pub fn run(&self, output: &Path, processor: usize, normaliser: &Normaliser) -> Result<Comparison> {
        let [left, right] = self.observe(output, processor, Instrument::Trace)?;
        Ok(compare(self.scenario, &left, &right, normaliser))
    }

    /// Runs both twins and reads their observations.
    pub fn observe(&self, output: &Path, processor: usize, instrument: Instrument) -> Result<[Observation; 2]> {
        let [left, right] = self.jobs(output, processor, instrument)?;
        let observe = |job: Job| Observation::read(&job, job.execute()?);
        Ok([observe(left)?, observe(right)?])
    }

    /// Runs both twins and compares them. If they are not the same, runs both again to check that
    /// each is the same as itself.
    pub fn judge(&self, output: &Path, processor: usize, normaliser: &Normaliser) -> Result<Comparison> {
        Ok(self.judge_and_keep(output, processor, normaliser, Instrument::Trace)?.0)
    }

    /// The same under any instrument, with the observations that the verdict is on.
    pub fn judge_and_keep(
        &self,
        output: &Path,
        processor: usize,
        normaliser: &Normaliser,
        instrument: Instrument,
    ) -> Result<(Comparison, [Observation; 2])> {
        let first = self.observe(output, processor, instrument.clone())?;
        let mut comparison = compare(self.scenario, &first[0], &first[1], normaliser);
        // The differences without scheduling, once a program has differed from itself.
        let mut decided = None;
        for _ in 0..RERUNS {
            if decided.as_ref().map_or_else(|| comparison.is_same(), Vec::is_empty) {
                break;
            }
            let second = self.observe(&output.join("again"), processor, instrument.clone())?;
            if let Some(undecided) = self.undecided(&first, &second, normaliser) {
                let mut sides = first.iter().zip(&second);
                if sides.any(|(a, b)| !between_without_scheduling([a, b], normaliser).is_empty()) {
                    comparison.undecided = Some(undecided);
                    return Ok((comparison, first));
                }
                let [left, right] = &first;
                decided.get_or_insert_with(|| between_without_scheduling([left, right], normaliser));
            }
        }
        if let Some(decided) = decided {
            comparison.ignore_scheduling(decided);
        }
        Ok((comparison, first))
    }

    fn undecided(
        &self,
        first: &[Observation; 2],
        second: &[Observation; 2],
        normaliser: &Normaliser,
    ) -> Option<Undecided> {
        first.iter().zip(second).enumerate().find_map(|(side, (first, second))| {
            let differences = between(self.scenario, first, second, normaliser);
            (!differences.is_empty()).then_some(Undecided { side, differences })
        })
    }

    /// The two runs.
    fn jobs(&self, output: &Path, processor: usize, instrument: Instrument) -> Result<[Job; 2]> {
        let output = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
        let tools = Tools::find()?;
        Ok(self.pair.twins.each_ref().map(|twin| Job {
            name: self.pair.scenarios.program.clone(),
            command: twin.command.clone(),
            scenario: self.scenario.clone(),
            visible: twin.visible.clone(),
            tools: tools.clone(),
            instrument: instrument.clone(),
            processor,
            directory: self.directory(&output).join(twin.label.to_lowercase()),
        }))
    }

    /// Where the runs leave their files.
    pub fn directory(&self, output: &Path) -> PathBuf {
        output.join(&self.pair.scenarios.program).join(&self.scenario.name)
    }

    /// What reports call the twins.
    pub fn labels(&self) -> [&str; 2] {
        self.pair.twins.each_ref().map(|twin| twin.label.as_str())
    }
}

/// The scenarios of these pairs, or only the one with this name.
pub fn cases<'a>(pairs: &'a [Pair], scenario: Option<&str>) -> Result<Vec<Case<'a>>> {
    let mut cases = Vec::new();
    for pair in pairs {
        match scenario {
            Some(name) if pairs.len() == 1 => {
                cases.push(Case { pair, scenario: pair.scenarios.find(name)? });
            }
            Some(name) => cases.extend(
                pair.scenarios.scenarios.iter().filter(|s| s.name == name).map(|scenario| Case { pair, scenario }),
            ),
            None => cases.extend(pair.scenarios.scenarios.iter().map(|scenario| Case { pair, scenario })),
        }
    }
    if let (true, Some(name)) = (cases.is_empty(), scenario) {
        anyhow::bail!("no program has a scenario '{name}'; `mirror list` shows all");
    }
    Ok(cases)
}

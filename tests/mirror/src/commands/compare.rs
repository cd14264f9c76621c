//! `mirror compare`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::compare::{Comparison, compare};
use crate::normalise::{Normaliser, RULES};
use crate::parallel;
use crate::project::{Pair, Project, Twin};
use crate::report::{self, BAD, FAINT, GOOD, HEADING, Progress, styled};
use crate::run::{Instrument, Job};
use crate::scenario::{Scenario, ScenarioFile};

/// Compares the project's own programs.
pub fn programs(
    names: &[String],
    scenario: Option<String>,
    output: Option<PathBuf>,
) -> Result<bool> {
    let project = Project::find()?;
    let pairs = project.pairs(names)?;
    let output = output.unwrap_or_else(|| project.output());
    all(&pairs, scenario.as_deref(), &output, |program, scenario| {
        format!("cargo mirror compare {program} --scenario {scenario}")
    })
}

/// Compares any two programs.
pub fn commands(
    left: &str,
    right: &str,
    scenarios: &Path,
    scenario: Option<String>,
    output: Option<PathBuf>,
) -> Result<bool> {
    let pair = Pair {
        scenarios: ScenarioFile::read(scenarios)?,
        twins: [Twin::from_command_line("left", left)?, Twin::from_command_line("right", right)?],
    };
    let output = output.unwrap_or_else(|| PathBuf::from("mirror-output"));
    let repeat = [
        "mirror",
        "compare",
        "--left",
        left,
        "--right",
        right,
        "--scenarios",
        &scenarios.to_string_lossy(),
    ];
    let repeat = shlex::try_join(repeat)?;
    all(&[pair], scenario.as_deref(), &output, |_, scenario| {
        format!("{repeat} --scenario {scenario}")
    })
}

/// One scenario of one pair.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// What is done to both.
    pub scenario: &'a Scenario,
}

impl Case<'_> {
    /// Runs both twins and compares them.
    pub fn run(
        &self,
        output: &Path,
        processor: usize,
        normaliser: &Normaliser,
    ) -> Result<Comparison> {
        let [left, right] = self.jobs(output, processor, Instrument::Trace);
        Ok(compare(self.scenario, &left.observe()?, &right.observe()?, normaliser))
    }

    /// The two runs.
    pub fn jobs(&self, output: &Path, processor: usize, instrument: Instrument) -> [Job; 2] {
        let output = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
        self.pair.twins.each_ref().map(|twin| Job {
            name: self.pair.scenarios.program.clone(),
            command: twin.command.clone(),
            scenario: self.scenario.clone(),
            instrument,
            processor,
            directory: self.directory(&output).join(twin.label.to_lowercase()),
        })
    }

    fn directory(&self, output: &Path) -> PathBuf {
        output.join(&self.pair.scenarios.program).join(&self.scenario.name)
    }

    fn labels(&self) -> [&str; 2] {
        self.pair.twins.each_ref().map(|twin| twin.label.as_str())
    }
}

/// The scenarios of these pairs; only the one of that name, where one is named.
pub fn cases<'a>(pairs: &'a [Pair], scenario: Option<&str>) -> Result<Vec<Case<'a>>> {
    let mut cases = Vec::new();
    for pair in pairs {
        match scenario {
            Some(name) if pairs.len() == 1 => {
                cases.push(Case { pair, scenario: pair.scenarios.find(name)? });
            }
            Some(name) => cases.extend(
                pair.scenarios
                    .scenarios
                    .iter()
                    .filter(|s| s.name == name)
                    .map(|scenario| Case { pair, scenario }),
            ),
            None => cases
                .extend(pair.scenarios.scenarios.iter().map(|scenario| Case { pair, scenario })),
        }
    }
    if let (true, Some(name)) = (cases.is_empty(), scenario) {
        anyhow::bail!("no program has a scenario '{name}'; `mirror list` shows all");
    }
    Ok(cases)
}

fn all(
    pairs: &[Pair],
    scenario: Option<&str>,
    output: &Path,
    repeat: impl Fn(&str, &str) -> String,
) -> Result<bool> {
    let cases = cases(pairs, scenario)?;
    let normaliser = Normaliser::new(RULES);
    let progress = Progress::new(cases.len());
    let mut totals = Totals::default();
    let mut heading = "";
    parallel::in_order(
        &cases,
        |case, processor| case.run(output, processor, &normaliser),
        |index, comparison| {
            let case = &cases[index];
            let program = case.pair.scenarios.program.as_str();
            progress.clear();
            if heading != program {
                heading = program;
                anstream::println!("{}", styled(heading, HEADING));
            }
            anstream::println!("{}", report::verdict(&case.scenario.name, &comparison));
            if !comparison.is_same() {
                anstream::print!("{}", report::differences(&comparison, case.labels()));
                let again = repeat(program, &case.scenario.name);
                let seen = case.directory(output);
                anstream::println!("    {}", styled(&format!("again: {again}"), FAINT));
                anstream::println!("    {}", styled(&format!("seen:  {}", seen.display()), FAINT));
            }
            totals.add(&comparison);
            if let Some(next) = cases.get(index + 1) {
                progress.show(index + 1, &next.scenario.name);
            }
            Ok(())
        },
    )?;
    progress.clear();
    anstream::println!("{}", totals.line());
    Ok(totals.different == 0)
}

#[derive(Debug, Default)]
struct Totals {
    same: usize,
    different: usize,
    calls: [usize; 2],
    differing_lines: usize,
}

impl Totals {
    fn add(&mut self, comparison: &Comparison) {
        if comparison.is_same() {
            self.same += 1;
        } else {
            self.different += 1;
        }
        for (total, calls) in self.calls.iter_mut().zip(comparison.calls) {
            *total += calls;
        }
        self.differing_lines += comparison.differing_lines;
    }

    fn line(&self) -> String {
        let [left, right] = self.calls;
        let style = if self.different == 0 { GOOD } else { BAD };
        let text = format!(
            "{} scenarios: {} the same, {} different; {left}/{right} system calls, {} trace lines differ",
            self.same + self.different,
            self.same,
            self.different,
            self.differing_lines
        );
        styled(&text, style)
    }
}

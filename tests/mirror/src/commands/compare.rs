//! `mirror compare`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::common::lock::lock;
use crate::common::out::{print, say};
use crate::common::parallel;
use crate::common::tools::Tools;
use crate::compare::normalise::Normaliser;
use crate::compare::rules::RULES;
use crate::compare::{Comparison, Verdict};
use crate::project::{Pair, Project, Twin, cases};
use crate::run::job::NotRun;
use crate::scenario::{ScenarioFile, check_injections};
use crate::show::report;
use crate::show::terminal::{BAD, FAINT, GOOD, HEADING, Progress, styled};

/// Builds the project's programs and compares them.
pub fn programs(
    names: &[String],
    scenario: Option<String>,
    output: Option<PathBuf>,
) -> Result<bool> {
    let project = Project::find()?;
    let pairs = project.pairs(names)?;
    project.build()?;
    let folder = output.clone().unwrap_or_else(|| project.output());
    let repeat = |program: &str| vec!["compare".to_owned(), program.to_owned()];
    all(&pairs, scenario.as_deref(), &folder, |program, scenario| {
        again(repeat(program), scenario, output.as_deref())
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
    let folder = output.clone().unwrap_or_else(|| PathBuf::from("mirror-output"));
    let file = scenarios.to_string_lossy();
    let repeat = ["compare", "--left", left, "--right", right, "--scenarios", &file];
    let repeat = || repeat.map(str::to_owned).to_vec();
    all(&[pair], scenario.as_deref(), &folder, |_, scenario| {
        again(repeat(), scenario, output.as_deref())
    })
}

/// The command that shows a scenario's comparison again, ready to paste.
fn again(mut words: Vec<String>, scenario: &str, output: Option<&Path>) -> String {
    words.insert(0, own_name());
    words.extend(["--scenario".to_owned(), scenario.to_owned()]);
    if let Some(output) = output {
        words.extend(["--output".to_owned(), output.to_string_lossy().into_owned()]);
    }
    // Only a NUL cannot be quoted, and a command line has none.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// The path that runs this program again from the current directory.
fn own_name() -> String {
    let name = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let here = std::env::current_dir().unwrap_or_default();
    let name = name.strip_prefix(&here).unwrap_or(&name);
    name.to_string_lossy().into_owned()
}

fn all(
    pairs: &[Pair],
    scenario: Option<&str>,
    output: &Path,
    repeat: impl Fn(&str, &str) -> String,
) -> Result<bool> {
    let cases = cases(pairs, scenario)?;
    check_injections(
        &Tools::find()?.strace,
        &cases.iter().map(|case| case.scenario).collect::<Vec<_>>(),
    )?;
    let normaliser = Normaliser::new(RULES);
    let _lock = lock(output)?;
    let progress = Progress::new(cases.len());
    let mut totals = Totals::default();
    let mut heading = "";
    parallel::in_order(
        &cases,
        |case, processor| {
            let comparison = case.judge(output, processor, &normaliser);
            comparison.map(Ok).or_else(|error| {
                // Any other error would occur in every scenario.
                if error.is::<NotRun>() { Ok(Err(format!("{error:#}"))) } else { Err(error) }
            })
        },
        |index, result| {
            let case = &cases[index];
            let program = case.pair.scenarios.program.as_str();
            progress.clear();
            if heading != program {
                heading = program;
                say!("{}", styled(heading, HEADING));
            }
            say!("{}", report::verdict(&case.scenario.name, &result));
            match &result {
                Ok(comparison) => print(&report::differences(comparison, case.labels()))?,
                Err(reason) => say!("    {reason}"),
            }
            totals.add(&result);
            if !result.is_ok_and(|comparison| comparison.is_same()) {
                let again = repeat(program, &case.scenario.name);
                let seen = case.directory(output);
                say!("    {}", styled(&format!("again: {again}"), FAINT));
                say!("    {}", styled(&format!("seen:  {}", seen.display()), FAINT));
            }
            if let Some(next) = cases.get(index + 1) {
                progress.show(index + 1, &next.scenario.name);
            }
            Ok(())
        },
    )?;
    progress.clear();
    say!("{}", totals.line());
    totals.answer()
}

#[derive(Debug, Default)]
struct Totals {
    same: usize,
    different: usize,
    not_as_stated: usize,
    undecided: usize,
    not_run: usize,
    calls: [usize; 2],
    differing_lines: usize,
}

impl Totals {
    fn add(&mut self, result: &Result<Comparison, String>) {
        let Ok(comparison) = result else {
            self.not_run += 1;
            return;
        };
        *match comparison.verdict() {
            Verdict::Same => &mut self.same,
            Verdict::Different => &mut self.different,
            Verdict::NotAsStated => &mut self.not_as_stated,
            Verdict::Undecided => &mut self.undecided,
        } += 1;
        for (total, calls) in self.calls.iter_mut().zip(comparison.calls) {
            *total += calls;
        }
        self.differing_lines += comparison.differing_lines;
    }

    /// Whether all were the same; an error if that could not be determined.
    fn answer(&self) -> Result<bool> {
        let differ = self.different + self.not_as_stated > 0;
        if !differ && self.undecided + self.not_run > 0 {
            anyhow::bail!(
                "not all scenarios could be compared: {} undecided, {} not run",
                self.undecided,
                self.not_run
            );
        }
        Ok(!differ)
    }

    fn line(&self) -> String {
        let [left, right] = self.calls;
        let counts = [
            (self.same, "the same"),
            (self.different, "different"),
            (self.not_as_stated, "not as stated"),
            (self.undecided, "undecided"),
            (self.not_run, "not run"),
        ];
        let all: usize = counts.iter().map(|(count, _)| count).sum();
        let always = ["the same", "different"];
        let shown = counts.iter().filter(|(count, what)| *count > 0 || always.contains(what));
        let shown: Vec<_> = shown.map(|(count, what)| format!("{count} {what}")).collect();
        let text = format!(
            "{all} scenarios: {}; {left}/{right} system calls, {} trace lines differ",
            shown.join(", "),
            self.differing_lines
        );
        styled(&text, if self.same == all { GOOD } else { BAD })
    }
}

//! `mirror compare`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::common::lock::lock;
use crate::common::out::{print, say};
use crate::common::parallel;
use crate::common::tools::Tools;
use crate::compare::normalise::Normaliser;
use crate::compare::rules::RULES;
use crate::project::{Case, Pair, Project, Twin, cases};
use crate::run::job::NotRun;
use crate::scenario::{ScenarioFile, check_injections};
use crate::show::report;
use crate::show::summary::{Findings, Totals};
use crate::show::terminal::{FAINT, HEADING, Progress, styled, width, wrap};

/// What to compare, and what to print.
#[derive(Debug)]
pub struct Options {
    /// Only the scenario of this name.
    pub scenario: Option<String>,
    /// A line for each scenario, not only for each program.
    pub verbose: bool,
    /// Where the runs leave their files, if not in the usual place.
    pub output: Option<PathBuf>,
}

/// Builds the project's programs and compares them.
pub fn programs(names: &[String], Options { scenario, verbose, output }: Options) -> Result<bool> {
    let project = Project::find()?;
    let pairs = project.pairs(names)?;
    project.build()?;
    let folder = output.clone().unwrap_or_else(|| project.output());
    let repeat = |program: &str| vec!["compare".to_owned(), program.to_owned()];
    all(&pairs, scenario.as_deref(), verbose, &folder, |program, scenario| {
        again(repeat(program), scenario, output.as_deref())
    })
}

/// Compares any two programs.
pub fn commands(
    left: &str,
    right: &str,
    scenarios: &Path,
    Options { scenario, verbose, output }: Options,
) -> Result<bool> {
    let pair = Pair {
        scenarios: ScenarioFile::read(scenarios)?,
        twins: [Twin::from_command_line("left", left)?, Twin::from_command_line("right", right)?],
    };
    let folder = output.clone().unwrap_or_else(|| PathBuf::from("mirror-output"));
    let file = scenarios.to_string_lossy();
    let repeat = ["compare", "--left", left, "--right", right, "--scenarios", &file];
    let repeat = || repeat.map(str::to_owned).to_vec();
    all(&[pair], scenario.as_deref(), verbose, &folder, |_, scenario| again(repeat(), scenario, output.as_deref()))
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
    verbose: bool,
    output: &Path,
    repeat: impl Fn(&str, &str) -> String,
) -> Result<bool> {
    let cases = cases(pairs, scenario)?;
    check_injections(&Tools::find()?.strace, &cases.iter().map(|case| case.scenario).collect::<Vec<_>>())?;
    // A user who names a scenario wants to see it.
    let verbose = verbose || scenario.is_some();
    let program_of = |case: &Case<'_>| case.pair.scenarios.program.clone();
    let columns = cases.iter().map(|case| program_of(case).len()).max().unwrap_or(0);
    let normaliser = Normaliser::new(RULES);
    let _lock = lock(output)?;
    let progress = Progress::new(cases.len());
    let mut all = Totals::default();
    let mut of_program = (Totals::default(), Findings::default());
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
                    say!("    {}", styled(&format!("again: {}", repeat(&program, first)), FAINT));
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

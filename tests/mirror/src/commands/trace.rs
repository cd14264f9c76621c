//! `mirror trace`.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::common::lock::lock;
use crate::common::out::say;
use crate::common::parallel::processors;
use crate::common::tools::Tools;
use crate::compare::Row;
use crate::compare::diff::align_events;
use crate::compare::normalise::Normaliser;
use crate::compare::rows::{by_process, threads};
use crate::compare::rules::RULES;
use crate::project::{Project, Twin, cases};
use crate::read::trace::Event;
use crate::run::job::Instrument;
use crate::scenario::check_injections;
use crate::show::source::{Origin, Sources};
use crate::show::terminal::{BAD, FAINT, HEADING, crop, pad, styled, width};

/// Prints both traces of a scenario side by side.
pub fn run(program: &str, scenario: Option<&str>, wide: bool) -> Result<bool> {
    let project = Project::find()?;
    let pairs = project.pairs(&[program.to_owned()])?;
    let case = *cases(&pairs, scenario)?.first().context("no scenarios")?;
    check_injections(&Tools::find()?.strace, &[case.scenario])?;
    project.build()?;
    let output: PathBuf = project.output().join("trace");
    let _lock = lock(&output)?;
    let [left, right] = case.observe(&output, processors()?[0], Instrument::TraceWithStacks)?;
    let twins = &case.pair.twins;

    say!("{}  {}", styled(&format!("{program}, {}", case.scenario.name), HEADING), case.scenario.about);
    let normaliser = Normaliser::new(RULES);
    let traces = [&left, &right].map(|side| normaliser.rows(&side.trace, case.scenario.polls));
    let rows = align_events([&traces[0], &traces[1]], &normaliser);
    let mut sources = Sources::default();
    let mut origins_of = |side: usize| sources.origins(&traces[side], twins[side].source.as_deref());
    let origins = [origins_of(0)?, origins_of(1)?];
    let mut origins = origins.map(Vec::into_iter);
    let mut owners = traces.each_ref().map(|rows| owners(rows).into_iter());
    let mut owner = None;
    let column = if wide { 0 } else { (width() - 26) / 2 };
    let heading = |twin: &Twin| {
        let source = twin.source.as_deref().and_then(|path| path.file_name());
        format!("{} ({})", twin.label, source.unwrap_or_default().to_string_lossy())
    };
    let headings = twins.each_ref().map(heading);
    say!("  step line  {}  step line  {}", pad(&headings[0], column), headings[1]);
    for row in &rows {
        let here = [0, 1].map(|side| row.sides[side].as_ref().and_then(|_| origins[side].next()).flatten());
        let [left, right] = [0, 1].map(|side| row.sides[side].as_ref().and_then(|_| owners[side].next()));
        if let Some(now) = left.or(right)
            && owner.as_ref() != Some(&now)
        {
            say!("{}", styled(&now, HEADING));
            owner = Some(now);
        }
        let mut cells = [0, 1].map(|side| cell(row, side, here[side], column));
        if wide {
            // One below the other: a call can be very long.
            cells[0].push_str("\n  ");
        }
        let style = match (row.same, here) {
            (false, _) => BAD,
            (true, [None, None]) => FAINT,
            (true, _) => anstyle::Style::new(),
        };
        let mark = if row.same { ' ' } else { '≠' };
        let shown = format!("{mark} {}  {}", cells[0], cells[1].trim_end());
        say!("{}", styled(&shown, style));
    }
    Ok(rows.iter().all(|row| row.same))
}

/// The process or thread of each event, in words; empty if there is only one thread.
fn owners(rows: &[&Event]) -> Vec<String> {
    let threads = threads(rows.iter().copied());
    let processes = by_process(rows.iter().copied(), &threads);
    if threads.is_empty() && processes.len() == 1 {
        return Vec::new();
    }
    let process = |thread: u32| {
        let number = threads.get(&thread).copied().unwrap_or(thread);
        let place = processes.iter().position(|process| process.number == number);
        format!("process {}", place.map_or(0, |place| place + 1))
    };
    let mut names: HashMap<u32, String> = HashMap::new();
    for (thread, maker) in rows.iter().filter_map(|row| Some((row.created()?, row.process))) {
        let name = if threads.contains_key(&thread) {
            format!("the other threads of {}", process(thread))
        } else {
            format!("{}, forked by {}", process(thread), process(maker))
        };
        names.insert(thread, name);
    }
    let name = |row: &&Event| names.get(&row.process).cloned();
    rows.iter().map(|row| name(row).unwrap_or_else(|| process(row.process))).collect()
}

fn cell(row: &Row, side: usize, origin: Option<Origin>, column: usize) -> String {
    let line = origin.map_or(String::new(), |origin| origin.line.to_string());
    let step = origin.and_then(|origin| origin.step).map_or(String::new(), |n| format!("[{n}]"));
    let text = row.sides[side].as_deref().unwrap_or("");
    let text = if column == 0 { text.to_owned() } else { pad(&crop(text, 0, column), column) };
    format!("{step:>4} {line:>4}  {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::trace::parse;

    #[test]
    fn who_created_whom() {
        let owners = |log: &str| owners(&parse(log).iter().collect::<Vec<_>>());
        assert_eq!(owners("3 close(4) = 0\n3 +++ exited with 0 +++\n"), [""; 0]);
        let log = "3 clone(flags=SIGCHLD) = 7\n7 clone3({flags=CLONE_THREAD}, 88) = 9\n\
                   3 close(4) = 0\n9 read(5, \"\", 1) = 0\n";
        assert_eq!(
            owners(log),
            ["process 1", "process 2, forked by process 1", "process 1", "the other threads of process 2",]
        );
    }
}

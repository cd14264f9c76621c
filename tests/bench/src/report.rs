//! Results as tables: for a terminal, or as Markdown.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use crate::count;
use crate::loads::{LOADS, Load};
use crate::results::{Counted, Results};
use crate::servers::{AGAIN, BASE};
use crate::statistics::{Figure, Spread};
use crate::targets::{self, Limit, Outcome};

/// What tables look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Columns for a terminal.
    Terminal,
    /// Markdown.
    Markdown,
}

/// All tables.
pub fn tables(results: &Results, form: Form) -> String {
    let mut text = method(results);
    for load in &LOADS {
        if results.samples.iter().any(|sample| sample.load == load.name) {
            section(&mut text, form, &format!("{}: {}", load.name, load.about));
            text.push_str(&load_table(results, load, form));
        }
    }
    if !results.counts.is_empty() {
        let title = "Instructions in user space and system calls for each round trip";
        section(&mut text, form, &format!("{title}: 50 connections, messages of 128 bytes"));
        text.push_str(&count_table(results, form));
    }
    section(&mut text, form, "Targets");
    text.push_str(&target_table(results, form));
    section(&mut text, form, "Servers");
    let mut servers = table(form, &["server", "what it is"]);
    servers.add_rows(results.servers.iter().map(|server| [&server.name, &server.about]));
    text.push_str(&finished(servers, 2));
    if !results.missing.is_empty() {
        section(&mut text, form, "Missing");
        let mut missing = table(form, &["server", "why"]);
        missing.add_rows(results.missing.iter().map(|server| [&server.name, &server.reason]));
        text.push_str(&finished(missing, 2));
    }
    if !results.not_measured.is_empty() {
        section(&mut text, form, "Not measured");
        let mut rows = table(form, &["server", "loads", "why"]);
        for (server, loads, reason) in not_measured(results) {
            rows.add_row([server, loads, reason]);
        }
        text.push_str(&finished(rows, 3));
    }
    if !results.failures.is_empty() {
        section(&mut text, form, "FAILED");
        let mut rows = table(form, &["server", "load", "round", "what went wrong"]);
        for failure in &results.failures {
            let round = (failure.round + 1).to_string();
            rows.add_row([&failure.server, &failure.load, &round, &failure.error]);
        }
        text.push_str(&finished(rows, 4));
    }
    text
}

fn method(results: &Results) -> String {
    let machine = &results.machine;
    let again = results.ratio(AGAIN, &[BASE], count::LOAD, Figure::Cpu);
    let mut text = format!(
        "Measured {} on Linux {}, {}, {} processors; {}. TCP congestion control: {}. {} rounds, \
         {} s for each sample; medians, with the least and the most of the rounds in parentheses.",
        machine.date,
        machine.kernel,
        machine.processor,
        machine.processors,
        machine.versions.join("; "),
        machine.congestion,
        machine.rounds,
        machine.seconds,
    );
    if let Some(Spread { least, median, most }) = again {
        let _ = write!(
            text,
            " {BASE} against itself, CPU time at {}: {median:.3} ({least:.3}–{most:.3}).",
            count::LOAD
        );
    }
    for note in &results.notes {
        let _ = write!(text, " {note}.");
    }
    text.push('\n');
    text
}

fn section(text: &mut String, form: Form, title: &str) {
    let _ = match form {
        Form::Terminal => writeln!(text, "\n{title}"),
        Form::Markdown => writeln!(text, "\n### {title}\n"),
    };
}

fn table(form: Form, heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(match form {
        Form::Terminal => presets::NOTHING,
        Form::Markdown => presets::ASCII_MARKDOWN,
    });
    table.set_header(heading);
    table
}

/// The table as text; all columns after the first so many hold numbers.
fn finished(mut table: Table, words: usize) -> String {
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt() + "\n"
}

/// What stands in a table for a server, if anything.
type Cell<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A row for each server. Columns in which nothing would stand are left out.
fn load_table(results: &Results, load: &Load, form: Form) -> String {
    let median = |figure, digits| {
        move |server: &str| {
            let spread = results.figure(server, load.name, figure)?;
            Some(number(spread.median, digits))
        }
    };
    let cpu = |server: &str| Some(spread(results.figure(server, load.name, Figure::Cpu)?));
    let ratio =
        |server: &str| Some(spread(results.ratio(server, &[BASE], load.name, Figure::Cpu)?));
    let columns: [(String, &Cell); 9] = [
        (format!("{}/s", load.units()), &median(Figure::Rate, 0)),
        ("p50 µs".into(), &median(Figure::P50, 0)),
        ("p99 µs".into(), &median(Figure::P99, 0)),
        ("longest gap ms".into(), &median(Figure::LongestGap, 1)),
        ("CPU µs".into(), &cpu),
        (format!("CPU / {BASE}"), &ratio),
        ("busy".into(), &median(Figure::Busy, 2)),
        ("client CPU µs".into(), &median(Figure::ClientCpu, 2)),
        ("MB".into(), &median(Figure::Resident, 1)),
    ];
    let measured = |server: &&String| {
        results.samples.iter().any(|s| s.server == **server && s.load == load.name)
    };
    let servers: Vec<&String> =
        results.servers.iter().map(|server| &server.name).filter(measured).collect();
    let columns: Vec<_> = columns
        .into_iter()
        .filter(|(_, cell)| servers.iter().any(|server| cell(server).is_some()))
        .collect();
    let headings = columns.iter().map(|(heading, _)| heading.as_str());
    let mut table = table(form, &["server"].into_iter().chain(headings).collect::<Vec<_>>());
    for server in servers {
        let cells = columns.iter().map(|(_, cell)| cell(server).unwrap_or_default());
        table.add_row([server.clone()].into_iter().chain(cells));
    }
    finished(table, 1)
}

fn count_table(results: &Results, form: Form) -> String {
    let mut table = table(form, &["server", "instructions", "system calls"]);
    for count in &results.counts {
        let cell = |counted: &Counted, digits| match counted {
            Counted::Each(each) => number(*each, digits),
            Counted::NotMeasured(reason) => format!("not measured: {reason}"),
        };
        let calls = cell(&count.system_calls, 3);
        table.add_row([count.server.clone(), cell(&count.instructions, 1), calls]);
    }
    finished(table, 1)
}

fn target_table(results: &Results, form: Form) -> String {
    let mut table =
        table(form, &["server", "load", "figure", "against", "target", "measured", "outcome"]);
    for target in targets::all() {
        let figure = match target.figure {
            Figure::Rate => "rate",
            Figure::Cpu => "CPU time",
            Figure::ClientCpu => "client CPU time",
            Figure::Busy => "busy",
            Figure::P50 => "p50 µs",
            Figure::P99 => "p99 µs",
            Figure::LongestGap => "longest gap ms",
            Figure::Resident => "resident MB",
            Figure::Instructions => "instructions",
            Figure::SystemCalls => "system calls",
        };
        let against = match target.to.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            several => format!("the best of {}", several.join(", ")),
        };
        let limit = match target.limit {
            Limit::AtMost(limit) => format!("≤ {limit}"),
            Limit::AtLeast(limit) => format!("≥ {limit}"),
        };
        let (measured, outcome) = match target.outcome(results) {
            Outcome::Reached(measured) => (number(measured, 3), "reached"),
            Outcome::NotReached(measured) => (number(measured, 3), "not reached"),
            Outcome::NotMeasured => (String::new(), "not measured"),
        };
        table.add_row([
            target.server.as_str(),
            target.load,
            figure,
            &against,
            &limit,
            &measured,
            outcome,
        ]);
    }
    finished(table, 7)
}

/// What was not measured, with the loads of equal reasons in one row.
fn not_measured(results: &Results) -> Vec<(String, String, String)> {
    let mut rows: Vec<(String, String, String)> = Vec::new();
    for row in &results.not_measured {
        let same = |(server, _, reason): &&mut (String, String, String)| {
            *server == row.server && *reason == row.reason
        };
        match rows.iter_mut().find(same) {
            Some((_, loads, _)) => {
                loads.push_str(", ");
                loads.push_str(&row.load);
            }
            None => rows.push((row.server.clone(), row.load.clone(), row.reason.clone())),
        }
    }
    rows
}

fn spread(Spread { least, median, most }: Spread) -> String {
    if least < most {
        format!("{median:.2} ({least:.2}–{most:.2})")
    } else {
        format!("{median:.2}")
    }
}

/// A number with blanks between thousands.
fn number(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.0, 0), "1 234 567");
        assert_eq!(number(123.456, 1), "123.5");
        assert_eq!(number(1000.25, 2), "1 000.25");
    }
}

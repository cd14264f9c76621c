//! `docs/claims.md` and its translation say what shows each claim of the tutorial: that it exists, that both say the
//! same, and that they leave out no line.

#[path = "../common/root.rs"]
mod root;

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;

use mirror::project::Project;
use root::root;

/// The last line of the tutorial that says something.
const LAST_LINE: u32 = 690;

/// A row of a table: which lines it is about, and its last cell.
#[derive(Debug)]
struct Row {
    lines: RangeInclusive<u32>,
    shown_by: String,
}

/// The rows of the English page and of the Korean one.
fn pages() -> [Vec<Row>; 2] {
    ["docs/claims.md", "docs/claims.ko.md"].map(|page| {
        let text = fs::read_to_string(root().join(page)).unwrap();
        text.lines().filter_map(row).collect()
    })
}

/// `| 23–25 | claim | shown by |`; `None` for any other line.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [lines, _, shown_by] = cells[..] else {
        panic!("not three cells: {line}");
    };
    if lines == "lines" || lines == "줄" {
        return None;
    }
    let (first, last) = lines.split_once('–').unwrap_or((lines, lines));
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("'{lines}' is not a range of lines: {line}"));
    Some(Row { lines: number(first)..=number(last), shown_by: shown_by.to_owned() })
}

/// What a last cell refers to.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    /// Scenarios as "PROGRAM SCENARIO", and errata.
    By { scenarios: Vec<String>, errata: Vec<u32> },
    /// Nothing shows it, for a reason.
    TextOnly,
}

fn shown(cell: &str) -> Shown {
    for text_only in ["*text only*: ", "*설명만*: "] {
        if let Some(reason) = cell.strip_prefix(text_only) {
            assert!(!reason.is_empty() && !reason.contains('`'), "{cell}");
            return Shown::TextOnly;
        }
    }
    let (mut scenarios, mut errata) = (Vec::new(), Vec::new());
    for part in cell.split("; ") {
        let numbers = ["errata ", "erratum ", "정오표 "].iter().find_map(|word| part.strip_prefix(word));
        if let Some(numbers) = numbers {
            errata.extend(numbers.split(", ").map(|number| number.parse::<u32>().expect(cell)));
            continue;
        }
        let names: Vec<&str> = part
            .split(", ")
            .map(|name| name.strip_prefix('`').and_then(|n| n.strip_suffix('`')).expect(cell))
            .collect();
        let (program, first) = names[0].split_once(' ').expect(cell);
        scenarios.push(format!("{program} {first}"));
        scenarios.extend(names[1..].iter().map(|name| format!("{program} {name}")));
    }
    Shown::By { scenarios, errata }
}

#[test]
fn both_languages_refer_to_the_same() {
    let [english, korean] = pages();
    for (row, translated) in english.iter().zip(&korean) {
        assert_eq!(row.lines, translated.lines);
        assert_eq!(shown(&row.shown_by), shown(&translated.shown_by), "lines {:?}", row.lines);
    }
    assert_eq!(english.len(), korean.len());
}

#[test]
fn every_scenario_and_erratum_exists() {
    let mut known = BTreeSet::new();
    for pair in Project::find().unwrap().pairs(&[]).unwrap() {
        known.extend(
            pair.scenarios.scenarios.iter().map(|scenario| format!("{} {}", pair.scenarios.program, scenario.name)),
        );
    }
    let errata = fs::read_to_string(root().join("docs/errata.md")).unwrap();
    let mut missing = BTreeSet::new();
    for row in &pages()[0] {
        let Shown::By { scenarios, errata: numbers } = shown(&row.shown_by) else {
            continue;
        };
        missing.extend(scenarios.into_iter().filter(|name| !known.contains(name)));
        let listed = |number: &u32| errata.contains(&format!("\n### {number}. "));
        missing.extend(numbers.into_iter().filter(|number| !listed(number)).map(|number| format!("erratum {number}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_program_is_left_out() {
    let mut named = BTreeSet::new();
    for row in &pages()[0] {
        if let Shown::By { scenarios, .. } = shown(&row.shown_by) {
            named.extend(scenarios.into_iter().filter_map(|name| Some(name.split_once(' ')?.0.to_owned())));
        }
    }
    // The tutorial knows nothing of these: its fifth model, what came after select and poll, and a client for any length.
    let added = ["echo_server_epoll", "echo_server_aio", "echo_server_uring", "echo_stream"].map(str::to_owned);
    let programs: BTreeSet<String> = Project::find().unwrap().programs().unwrap().into_iter().collect();
    let missing: Vec<&String> = programs.difference(&named).filter(|name| !added.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The copy of the tutorial is not here. Its empty lines stand alone, so that between two rows there is one at most.
#[test]
fn no_line_is_left_out() {
    let mut reached = 0;
    for row in &pages()[0] {
        assert!(*row.lines.start() <= reached + 2, "lines {} to {}", reached + 1, row.lines.start() - 1);
        reached = reached.max(*row.lines.end());
    }
    assert_eq!(reached, LAST_LINE);
}

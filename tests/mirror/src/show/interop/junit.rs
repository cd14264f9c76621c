//! The table as a JUnit report: a suite for each row, a case for each cell.

use super::table::failures_of;
use crate::interop::results::{Missing, Results, Row};

/// The report.
pub fn report(results: &Results) -> String {
    let suites: String = results.rows.iter().map(|row| suite(results, row)).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"interop\">\n{suites}</testsuites>\n")
}

fn suite(results: &Results, row: &Row) -> String {
    let cases: Vec<(&str, String)> = match &row.missing {
        Some(missing) => vec![("all", absent(missing))],
        None => {
            let cells = results.columns.iter().zip(&row.cells);
            let case = |(column, cell): (&String, &Option<_>)| Some((column.clone(), cell.clone()?));
            let cells: Vec<_> = cells.filter_map(case).collect();
            return suite_of(
                row,
                cells.iter().map(|(column, cell)| {
                    let failures = failures_of(row, column, cell).join("\n");
                    let inside =
                        if cell.is_same() { String::new() } else { element("failure", &cell.text(), &failures) };
                    (column.as_str(), inside)
                }),
            );
        }
    };
    suite_of(row, cases.into_iter())
}

fn suite_of<'a>(row: &Row, cases: impl Iterator<Item = (&'a str, String)>) -> String {
    let name = escaped(&row.name);
    let cases: Vec<(&str, String)> = cases.collect();
    let count = |kind: &str| cases.iter().filter(|(_, inside)| inside.starts_with(kind)).count();
    let (failures, errors, skipped) = (count("<failure"), count("<error"), count("<skipped"));
    let total = cases.len();
    let head = format!(
        "  <testsuite name=\"{name}\" tests=\"{total}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n"
    );
    let case = |(column, inside): &(&str, String)| {
        format!("    <testcase classname=\"interop.{name}\" name=\"{}\">{inside}</testcase>\n", escaped(column))
    };
    format!("{head}{}  </testsuite>\n", cases.iter().map(case).collect::<String>())
}

fn absent(missing: &Missing) -> String {
    match missing {
        Missing::NotInstalled(_) => format!("<skipped message=\"{}\"/>", escaped(&missing.text())),
        Missing::NotBuilt(why) => element("error", &missing.text(), why),
    }
}

fn element(name: &str, message: &str, text: &str) -> String {
    format!("<{name} message=\"{}\">{}</{name}>", escaped(message), escaped(text))
}

/// Text in XML. Characters that it cannot hold become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::results::{Cell, Failure};

    #[test]
    fn every_kind_of_case() {
        let failure = Failure { twin: "C".into(), word: Some("a".into()), what: "it printed \"<\u{0}\"".into() };
        let cell = |same, failures| Some(Cell { words: 2, same, cannot_meet: false, exceptions: Vec::new(), failures });
        let row = |name: &str, missing, cells| Row {
            name: name.to_owned(),
            ours: false,
            package: None,
            version: None,
            missing,
            cells,
        };
        let results = Results {
            date: String::new(),
            columns: vec!["x".into(), "y".into()],
            rows: vec![
                row("p", None, vec![cell(2, vec![]), cell(1, vec![failure])]),
                row("q", Some(Missing::NotInstalled("pq".into())), vec![None, None]),
                row("r", Some(Missing::NotBuilt("cc: no".into())), vec![None, None]),
            ],
        };
        assert_eq!(
            report(&results),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"interop\">\n\
             \u{20} <testsuite name=\"p\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">\n\
             \u{20}   <testcase classname=\"interop.p\" name=\"x\"></testcase>\n\
             \u{20}   <testcase classname=\"interop.p\" name=\"y\"><failure message=\"1 of 2\">p, y in C, a: it printed \
             &quot;&lt;\u{fffd}&quot;</failure></testcase>\n\
             \u{20} </testsuite>\n\
             \u{20} <testsuite name=\"q\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\">\n\
             \u{20}   <testcase classname=\"interop.q\" name=\"all\"><skipped message=\"not installed (pq)\"/></testcase>\n\
             \u{20} </testsuite>\n\
             \u{20} <testsuite name=\"r\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n\
             \u{20}   <testcase classname=\"interop.r\" name=\"all\"><error message=\"not built\">cc: no</error></testcase>\n\
             \u{20} </testsuite>\n</testsuites>\n"
        );
    }
}

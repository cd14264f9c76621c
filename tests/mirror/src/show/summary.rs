//! The results of several scenarios, each difference once.

use anyhow::{Result, bail};

use crate::compare::{Comparison, Difference, Verdict};
use crate::show::report::{differs_from_itself, listed};
use crate::show::terminal::{BAD, GOOD, pad, styled};

/// The verdicts on several scenarios.
#[derive(Debug, Default)]
pub struct Totals {
    same: usize,
    different: usize,
    not_as_stated: usize,
    undecided: usize,
    not_run: usize,
    calls: [usize; 2],
    differing_lines: usize,
}

impl Totals {
    /// Adds a scenario; `Err` if it could not be run.
    pub fn add(&mut self, result: &Result<Comparison, String>) {
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
    pub fn answer(&self) -> Result<bool> {
        let differ = self.different + self.not_as_stated > 0;
        if !differ && self.undecided + self.not_run > 0 {
            bail!("not all scenarios could be compared: {} undecided, {} not run", self.undecided, self.not_run);
        }
        Ok(!differ)
    }

    /// The line for a program, whose name is padded to this many columns.
    pub fn program(&self, name: &str, columns: usize) -> String {
        let verdicts = [
            (self.different, "differs"),
            (self.not_as_stated, "not as stated"),
            (self.undecided, "undecided"),
            (self.not_run, "not run"),
        ];
        let worst = verdicts.iter().find(|(count, _)| *count > 0);
        let (verdict, style) = worst.map_or(("same", GOOD), |(_, verdict)| (*verdict, BAD));
        let verdict = styled(&format!("{verdict:<7}"), style);
        let name = pad(name, columns);
        let (scenarios, calls) = (self.count(), self.calls());
        if worst.is_none() {
            return format!("{verdict}  {name}  {scenarios}, {calls}");
        }
        let lines = self.differing_lines;
        format!("{verdict}  {name}  {scenarios}: {}; {calls}, {lines} trace lines differ", self.counts(&[]))
    }

    /// The line for all.
    pub fn all(&self) -> String {
        let (scenarios, calls, lines) = (self.count(), self.calls(), self.differing_lines);
        let counts = self.counts(&["the same", "different"]);
        let text = format!("{scenarios}: {counts}; {calls}, {lines} trace lines differ");
        styled(&text, if self.same == self.scenarios() { GOOD } else { BAD })
    }

    fn scenarios(&self) -> usize {
        self.same + self.different + self.not_as_stated + self.undecided + self.not_run
    }

    fn count(&self) -> String {
        match self.scenarios() {
            1 => "1 scenario".to_owned(),
            count => format!("{count} scenarios"),
        }
    }

    fn calls(&self) -> String {
        format!("{}/{} system calls", self.calls[0], self.calls[1])
    }

    /// How many scenarios have each verdict; 0 only for these.
    fn counts(&self, even_if_0: &[&str]) -> String {
        let counts = [
            (self.same, "the same"),
            (self.different, "different"),
            (self.not_as_stated, "not as stated"),
            (self.undecided, "undecided"),
            (self.not_run, "not run"),
        ];
        let shown = counts.iter().filter(|(count, what)| *count > 0 || even_if_0.contains(what));
        let shown: Vec<_> = shown.map(|(count, what)| format!("{count} {what}")).collect();
        shown.join(", ")
    }
}

/// What is wrong in the scenarios of a program. What several scenarios share is there once.
#[derive(Debug, Default)]
pub struct Findings {
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Finding {
    /// The differences without their context; none if the scenario could not be run.
    differences: Vec<Difference>,
    text: String,
    scenarios: Vec<String>,
}

impl Findings {
    /// Adds what is wrong in a scenario.
    pub fn add(&mut self, scenario: &str, result: &Result<Comparison, String>, labels: [&str; 2]) {
        match result {
            Err(reason) => self.add_finding(scenario, Vec::new(), format!("    {reason}\n")),
            Ok(Comparison { undecided: Some(undecided), .. }) => {
                let text = differs_from_itself(undecided, labels);
                self.add_finding(scenario, undecided.differences.clone(), text);
            }
            Ok(comparison) => {
                for difference in &comparison.differences {
                    let text = listed(std::slice::from_ref(difference), labels);
                    self.add_finding(scenario, vec![difference.clone()], text);
                }
            }
        }
    }

    fn add_finding(&mut self, scenario: &str, differences: Vec<Difference>, text: String) {
        let differences: Vec<_> = differences.iter().map(Difference::without_context).collect();
        let known = self
            .findings
            .iter_mut()
            .find(|known| known.differences == differences && (!differences.is_empty() || known.text == text));
        match known {
            Some(known) => known.scenarios.push(scenario.to_owned()),
            None => {
                let scenarios = vec![scenario.to_owned()];
                self.findings.push(Finding { differences, text, scenarios });
            }
        }
    }

    /// The findings as text, each with the scenarios that show it; together, if they are shown by the
    /// same ones.
    pub fn texts(&self) -> Vec<(String, &[String])> {
        let mut texts: Vec<(String, &[String])> = Vec::new();
        for Finding { text, scenarios, .. } in &self.findings {
            match texts.iter_mut().find(|(_, others)| *others == scenarios.as_slice()) {
                Some((texts, _)) => texts.push_str(text),
                None => texts.push((text.clone(), scenarios)),
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Row;

    fn comparison(differences: Vec<Difference>) -> Result<Comparison, String> {
        let (calls, packets) = ([1, 1], [0, 0]);
        let undecided = None;
        let scheduling_ignored = false;
        Ok(Comparison { calls, packets, differing_lines: 0, differences, undecided, scheduling_ignored })
    }

    #[test]
    fn what_scenarios_share_is_shown_once() {
        let row = |left: &str, right: &str| Row {
            same: left == right,
            sides: [Some(left.to_owned()), Some(right.to_owned())],
        };
        let trace = |before: &str, line: usize| Difference::Lines {
            what: "the traces",
            start: [line, line],
            rows: vec![row(before, before), row("listen(3, 5)", "listen(3, 128)")],
        };
        let end = Difference::Between { what: "the end".into(), sides: ["0".into(), "1".into()] };
        let mut findings = Findings::default();
        let mut add = |name: &str, result| findings.add(name, &result, ["C", "Rust"]);
        add("one", comparison(vec![trace("bind(3)", 30)]));
        add("two", comparison(vec![trace("close(4)", 31), end.clone()]));
        add("three", comparison(Vec::new()));
        add("four", Err("timed out".into()));
        add("five", Err("timed out".into()));
        add("six", Err("no such program".into()));
        let texts = findings.texts();
        let scenarios: Vec<_> = texts.iter().map(|(_, scenarios)| scenarios.join(" ")).collect();
        assert_eq!(scenarios, ["one two", "two", "four five", "six"]);
        assert_eq!(texts[0].0.matches("listen(3, 128)").count(), 1);
        assert!(texts[1].0.contains("the end differs"));
    }

    #[test]
    fn findings_of_the_same_scenarios_stand_together() {
        let differs = |what: &str| Difference::Between { what: what.into(), sides: ["a".into(), "b".into()] };
        let mut findings = Findings::default();
        for name in ["one", "two"] {
            let result = comparison(vec![differs("stdout"), differs("stderr")]);
            findings.add(name, &result, ["C", "Rust"]);
        }
        let texts = findings.texts();
        assert_eq!(texts.len(), 1);
        assert!(texts[0].0.contains("stdout differs") && texts[0].0.contains("stderr differs"));
    }
}

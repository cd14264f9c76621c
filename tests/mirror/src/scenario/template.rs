//! Matches a text against a template with placeholders for integers, and checks relations between
//! them.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail, ensure};
use exmex::{Express, Val, parse_val};
use regex::{Captures, Regex};

/// Why a text does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The text does not match the template.
    Text,
    /// This relation does not hold for these values.
    Relation(String, String),
}

type Values = BTreeMap<String, i64>;

/// Checks that the text matches the template and that the relations hold for its integers.
pub fn check(template: &str, relations: &[String], text: &str) -> Result<(), Mismatch> {
    let values = values(template, text).ok_or(Mismatch::Text)?;
    for relation in relations {
        if !holds(relation, &values).unwrap_or(false) {
            let value = |(name, value): (&String, &i64)| format!("{name} = {value}");
            let values: Vec<_> = values.iter().map(value).collect();
            return Err(Mismatch::Relation(relation.clone(), values.join(", ")));
        }
    }
    Ok(())
}

/// Checks that the relations are well-formed and use only the template's placeholders.
pub fn check_form(template: &str, relations: &[String]) -> Result<()> {
    let open = |found: Captures<'_>| (found["name"].to_owned(), 1);
    let values: Values = placeholder().captures_iter(template).map(open).collect();
    ensure!(!values.is_empty(), "stdout_like has no placeholder {{name}}: use stdout for fixed text");
    for relation in relations {
        holds(relation, &values)?;
    }
    Ok(())
}

fn placeholder() -> Regex {
    Regex::new(r"\{(?<name>[a-z][a-z0-9_]*)\}").expect("the pattern is valid")
}

/// The integers in the text, by name; `None` if it does not match.
fn values(template: &str, text: &str) -> Option<Values> {
    let mut names = Vec::new();
    let pattern = placeholder().replace_all(template, |found: &Captures<'_>| {
        names.push(found["name"].to_owned());
        // A character that regex::escape leaves alone.
        "\u{1}"
    });
    let pattern = regex::escape(&pattern).replace('\u{1}', r"(-?\d+)");
    let regex = Regex::new(&format!("^{pattern}$")).ok()?;
    let found = regex.captures(text)?;
    let mut values = Values::new();
    for (name, group) in names.into_iter().zip(found.iter().skip(1)) {
        let value = group?.as_str().parse().ok()?;
        // A placeholder that occurs twice stands for the same integer.
        if *values.entry(name).or_insert(value) != value {
            return None;
        }
    }
    Some(values)
}

fn holds(relation: &str, values: &Values) -> Result<bool> {
    let problem = |error: exmex::ExError| anyhow!("where {relation:?}: {error}");
    let expression = parse_val::<i64, f64>(relation).map_err(problem)?;
    let mut arguments = Vec::new();
    for name in expression.var_names() {
        match values.get(name) {
            Some(value) => arguments.push(Val::Int(*value)),
            None => bail!("where {relation:?}: stdout_like has no {{{name}}}"),
        }
    }
    let value = expression.eval(&arguments).map_err(problem)?;
    match value {
        Val::Bool(value) => Ok(value),
        other => bail!("where {relation:?}: the value is {other:?}: expected true or false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(template: &str, relation: &str, text: &str) -> Result<(), Mismatch> {
        check(template, &[relation.to_owned()], text)
    }

    #[test]
    fn relations_between_integers() {
        let template = "first {a} (bytes)\nthen {b}\n";
        assert_eq!(checked(template, "b == 4 * a", "first 10 (bytes)\nthen 40\n"), Ok(()));
        assert!(matches!(checked(template, "b == 4 * a", "first 10 (bytes)\nthen 41\n"), Err(Mismatch::Relation(..))));
        assert_eq!(checked(template, "a < b", "first 10 bytes\nthen 40\n"), Err(Mismatch::Text));
        assert_eq!(checked("{a} {a}", "a > 0 && a != 2", "1 1"), Ok(()));
        assert_eq!(checked("{a} {a}", "a > 0", "1 2"), Err(Mismatch::Text));
    }

    #[test]
    fn malformed_relations_are_rejected() {
        let refused = |relation: &str| check_form("{a}", &[relation.to_owned()]).is_err();
        assert!(!refused("a >= 1"));
        assert!(refused("a"));
        assert!(refused("a == b"));
        assert!(refused("a =="));
        assert!(check_form("no number", &[]).is_err());
    }
}

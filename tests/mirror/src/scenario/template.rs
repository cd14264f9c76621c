//! Holds a text against a template in which some integers are open, and those against each other.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail, ensure};
use exmex::{Express, Val, parse_val};
use regex::{Captures, Regex};

/// What is not as stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlike {
    /// The text does not fit the template.
    Text,
    /// This relation does not hold for these values.
    Relation(String, String),
}

type Values = BTreeMap<String, i64>;

/// Whether the text fits the template and the integers in it the relations.
pub fn check(template: &str, relations: &[String], text: &str) -> Result<(), Unlike> {
    let values = values(template, text).ok_or(Unlike::Text)?;
    for relation in relations {
        if !holds(relation, &values).unwrap_or(false) {
            let value = |(name, value): (&String, &i64)| format!("{name} = {value}");
            let values: Vec<_> = values.iter().map(value).collect();
            return Err(Unlike::Relation(relation.clone(), values.join(", ")));
        }
    }
    Ok(())
}

/// Whether the relations can be read and speak of the template's integers only.
pub fn check_form(template: &str, relations: &[String]) -> Result<()> {
    let open = |found: Captures<'_>| (found["name"].to_owned(), 1);
    let values: Values = placeholder().captures_iter(template).map(open).collect();
    ensure!(!values.is_empty(), "stdout_like has no {{name}}; then stdout is the field");
    for relation in relations {
        holds(relation, &values)?;
    }
    Ok(())
}

fn placeholder() -> Regex {
    Regex::new(r"\{(?<name>[a-z][a-z0-9_]*)\}").expect("the pattern is valid")
}

/// The integers of the text by their names; `None` if it does not fit.
fn values(template: &str, text: &str) -> Option<Values> {
    let mut names = Vec::new();
    let pattern = placeholder().replace_all(template, |found: &Captures<'_>| {
        names.push(found["name"].to_owned());
        // Stays as it is when the rest is escaped.
        "\u{1}"
    });
    let pattern = regex::escape(&pattern).replace('\u{1}', r"(-?\d+)");
    let regex = Regex::new(&format!("^{pattern}$")).ok()?;
    let found = regex.captures(text)?;
    let mut values = Values::new();
    for (name, group) in names.into_iter().zip(found.iter().skip(1)) {
        let value = group?.as_str().parse().ok()?;
        // A name that stands there twice stands for the same integer.
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
        other => bail!("where {relation:?} is {other:?}, and neither true nor false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(template: &str, relation: &str, text: &str) -> Result<(), Unlike> {
        check(template, &[relation.to_owned()], text)
    }

    #[test]
    fn integers_are_held_against_each_other() {
        let template = "first {a} (bytes)\nthen {b}\n";
        assert_eq!(checked(template, "b == 4 * a", "first 10 (bytes)\nthen 40\n"), Ok(()));
        assert!(matches!(
            checked(template, "b == 4 * a", "first 10 (bytes)\nthen 41\n"),
            Err(Unlike::Relation(..))
        ));
        assert_eq!(checked(template, "a < b", "first 10 bytes\nthen 40\n"), Err(Unlike::Text));
        assert_eq!(checked("{a} {a}", "a > 0 && a != 2", "1 1"), Ok(()));
        assert_eq!(checked("{a} {a}", "a > 0", "1 2"), Err(Unlike::Text));
    }

    #[test]
    fn relations_that_say_nothing_are_refused() {
        let refused = |relation: &str| check_form("{a}", &[relation.to_owned()]).is_err();
        assert!(!refused("a >= 1"));
        assert!(refused("a"));
        assert!(refused("a == b"));
        assert!(refused("a =="));
        assert!(check_form("no number", &[]).is_err());
    }
}

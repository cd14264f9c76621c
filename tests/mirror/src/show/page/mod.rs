//! Accounts as one page of HTML: a file of its own, which needs no network, and no JavaScript to be read.
//!
//! The page has two views of the same calls: step by step between the sources, and in the order of time beside the
//! packets. `script.js` only marks what belongs together, and finds things; all that it shows is in the page.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::account::Account;
use sources::Sources;
use view::View;

mod calls;
mod ladder;
mod output;
mod packet;
mod sources;
mod steps;
mod time;
mod verdict;
mod view;

/// Its style, which stands in it.
pub const STYLE: &str = include_str!("style.css");
/// Its script, likewise.
pub const SCRIPT: &str = include_str!("script.js");

/// What the page says about the run, and no account knows.
#[derive(Debug)]
pub struct Facts {
    /// The command that repeats each scenario's comparison, in the order of the accounts.
    pub again: Vec<String>,
    /// On which system it ran.
    pub system: String,
    /// The folder that paths are relative to.
    pub base: PathBuf,
}

/// The page of one pair of programs, in one or more scenarios.
pub fn page(accounts: &[Account], facts: &Facts) -> Result<String> {
    let first = accounts.first().context("there is no account to show")?;
    ensure!(
        accounts.iter().all(|account| account.program == first.program),
        "a page shows one program, not {} others",
        accounts.iter().map(|account| &account.program).collect::<HashSet<_>>().len() - 1
    );
    let sources = Sources::new(accounts)?;
    let views: Vec<View<'_>> =
        accounts.iter().enumerate().map(|(index, account)| View::new(account, index, accounts.len())).collect();
    let labels = first.sides.each_ref().map(|side| side.label.as_str());
    let title = match accounts {
        [one] => format!("{}, {}: {}", one.program, one.scenario, one.verdict),
        all => format!("{} in {} scenarios", first.program, all.len()),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // No icon, so that no browser asks for one.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(choosing(accounts.len()))) }
                noscript { style { ".needs-script { display: none !important } .time, .by-step { display: block !important }" } }
            }
            body {
                header { (switches(labels, accounts)) (bar(first, accounts)) }
                main {
                    @for (view, again) in views.iter().zip(&facts.again) {
                        (verdict::verdict(view, again, facts))
                    }
                    (steps::by_step(&views, &sources))
                    @for view in &views { (time::by_time(view, &sources)) }
                    @for view in &views { (output::output(view)) }
                    (steps::shared(&views, &sources))
                    footer { "Made by " code { "mirror report" } " from what both programs did. " (keys()) }
                }
                section #dock.needs-script hidden aria-label="Selection" {}
                p #live .unseen role="status" {}
                svg .unseen aria-hidden="true" width="0" height="0" {
                    defs { marker #head viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" orient="auto" {
                        path d="M0 0.8 L8 4 L0 7.2 z" fill="var(--accent)" {}
                    } }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// The choices that work without JavaScript: the style sheet asks which is checked. They come first in the page, and
/// labels in the bar operate them.
fn switches(labels: [&str; 2], accounts: &[Account]) -> Markup {
    html! {
        fieldset .unseen {
            legend { "View" }
            @for (index, (id, name)) in [("view-step", "by step"), ("view-time", "by time")].into_iter().enumerate() {
                input #(id) type="radio" name="view" checked[index == 0] aria-label=(name);
            }
        }
        fieldset .unseen {
            legend { "Column, where there is room for one" }
            @for (index, (id, name)) in
                [("show-left", labels[0]), ("show-kernel", "the kernel"), ("show-right", labels[1])].into_iter().enumerate()
            {
                input #(id) type="radio" name="show" checked[index == 1] aria-label=(name);
            }
        }
        @if accounts.len() > 1 {
            fieldset .unseen {
                legend { "Scenario" }
                @for (index, account) in accounts.iter().enumerate() {
                    input #{ "scenario-" (index) } type="radio" name="scenario" checked[index == 0]
                        aria-label=(account.scenario) data-name=(account.scenario);
                }
            }
        }
    }
}

/// Hides what belongs to the scenarios that are not chosen, and marks the label of the one that is.
fn choosing(scenarios: usize) -> String {
    let rule = |index: usize| {
        format!(
            "body:has(#scenario-{index}:checked) .of-scenario:not(.s{index}){{display:none}}\
             body:has(#scenario-{index}:checked) label[for=scenario-{index}]{{color:var(--accent);font-weight:600}}"
        )
    };
    if scenarios > 1 { (0..scenarios).map(rule).collect() } else { String::new() }
}

fn bar(first: &Account, accounts: &[Account]) -> Markup {
    let labels = first.sides.each_ref().map(|side| side.label.as_str());
    let different = accounts.iter().filter(|account| account.verdict != "same").count();
    html! {
        h1 { (first.program) }
        @match accounts {
            [one] => { span .scenario { (one.scenario) } span .badge.bad[one.verdict != "same"] { (one.verdict) } },
            all => {
                details .chooser {
                    summary {
                        (all.len()) " scenarios"
                        @if different > 0 { ", " span .worse { (different) " not the same" } } @else { ", all the same" }
                    }
                    div {
                        @for (index, account) in all.iter().enumerate() {
                            label for={ "scenario-" (index) } title=(account.about) {
                                (account.scenario)
                                @if account.verdict != "same" { " " span .worse { (account.verdict) } }
                            }
                        }
                    }
                }
            },
        }
        div .switch.views {
            label for="view-step" { "By step" }
            label for="view-time" { "By time" }
        }
        div .switch.columns {
            label for="show-left" { (labels[0]) }
            label for="show-kernel" { "Kernel" }
            label for="show-right" { (labels[1]) }
        }
        form #search .needs-script role="search" {
            input type="search" placeholder="Search: name, call, packet" aria-label="Search" accesskey="/";
            output {}
        }
    }
}

fn keys() -> Markup {
    html! {
        span .needs-script {
            "Keys: " kbd { "↓" } " " kbd { "↑" } " from call to call, "
            kbd { "←" } " " kbd { "→" } " to what belongs to it, " kbd { "t" } " the other view, "
            kbd { "/" } " search, " kbd { "Esc" } " none."
        }
    }
}

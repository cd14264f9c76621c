//! What was compared, with which result, and how to do it again.

use std::path::Path;

use maud::{Markup, html};

use super::Facts;
use super::view::{Card, View};
use crate::account::Side;
use crate::account::calls::Kind;

/// The head of a scenario.
pub(super) fn verdict(view: &View<'_>, again: &str, facts: &Facts) -> Markup {
    let account = view.account;
    let labels = account.sides.each_ref().map(|side| side.label.as_str());
    html! {
        section class={ "verdict " (view.class()) } aria-label="Verdict" {
            h2 { span .badge.bad[!view.is_same()] { (account.verdict) } " " (account.scenario) }
            p .about { (account.about) }
            p .sentence { (sentence(view)) }
            div .facts {
                table {
                    thead { tr { td {} @for label in labels { th scope="col" { (label) } } td {} } }
                    tbody { @for fact in table(view) { (fact) } }
                }
                dl {
                    dt { "run" } dd { code { (command(&account.sides[0])) } }
                    dt { "compared" } dd { "every call from execve to the end; what each connection opens, carries and closes" }
                    dt { "on" } dd { (facts.system) }
                    dt { "again" } dd { code .again { (again) } }
                    dt { "files" }
                    dd { @for (index, side) in account.sides.iter().enumerate() { @if index > 0 { ", " } code { (relative(&side.folder, facts)) } } }
                }
            }
            @if !view.is_same() { (differences(view)) }
        }
    }
}

fn relative<'a>(folder: &'a str, facts: &Facts) -> std::borrow::Cow<'a, str> {
    Path::new(folder).strip_prefix(&facts.base).unwrap_or(Path::new(folder)).to_string_lossy()
}

fn sentence(view: &View<'_>) -> String {
    let [left, right] = view.account.sides.each_ref().map(|side| side.label.as_str());
    match view.account.verdict {
        "same" => {
            format!("{left} and {right} make the same calls, print the same bytes and put the same data on the wire.")
        }
        "differs" => format!("{left} and {right} do not do the same."),
        "not as stated" => format!("{left} and {right} do the same, but not what the scenario states."),
        _ => "A program differs from itself when it is run again, so the two cannot be compared.".to_owned(),
    }
}

/// The program's name and arguments, from the first call.
fn command(side: &Side) -> String {
    let first = side.calls.iter().find(|call| call.name == "execve");
    let words = first.and_then(|call| call.arguments.get(1)).map(|list| list.trim_matches(['[', ']']));
    words.map_or_else(|| side.command.join(" "), |words| words.replace("\", \"", " ").trim_matches('"').to_owned())
}

fn table(view: &View<'_>) -> Vec<Markup> {
    let [left, right] = &view.account.sides;
    let calls = |side: &Side| side.calls.iter().filter(|call| call.kind == Kind::Call).count();
    let bytes = |hex: &str| format!("{} bytes", hex.len() / 2);
    let received = |side: &Side| side.peers.iter().map(|peer| peer.bytes.hex.len() / 2).sum::<usize>();
    let different = view.account.rows.iter().filter(|row| !row.same).count();
    let rows = [
        ("system calls", [calls(left).to_string(), calls(right).to_string()], different == 0),
        ("packets", [left.packets.len().to_string(), right.packets.len().to_string()], view.account.same_packets),
        ("standard output", [bytes(&left.stdout.hex), bytes(&right.stdout.hex)], left.stdout == right.stdout),
        ("standard error", [bytes(&left.stderr.hex), bytes(&right.stderr.hex)], left.stderr == right.stderr),
        (
            "peers received",
            [format!("{} bytes", received(left)), format!("{} bytes", received(right))],
            left.peers == right.peers,
        ),
        ("end", [left.end.clone(), right.end.clone()], left.end == right.end),
    ];
    let row = |(name, values, same): (&str, [String; 2], bool)| {
        html! {
            tr .differing[!same] {
                th scope="row" { (name) }
                @for value in &values { td { (value) } }
                td .mark { @if same { "=" } @else { "≠" } }
            }
        }
    };
    rows.into_iter().map(row).collect()
}

/// So many calls that differ are shown at once.
const AT_ONCE: usize = 20;

fn listed(view: &View<'_>, cards: &[&Card]) -> Markup {
    html! {
        ol .all {
            @for card in cards {
                li {
                    a href={ "#" (view.call_id(card.number)) } { (card.number) }
                    div { (super::calls::text(view, card.row)) }
                }
            }
        }
    }
}

/// The first difference of each kind, then every call that differs.
fn differences(view: &View<'_>) -> Markup {
    let different: Vec<_> = view.cards.iter().filter(|card| !view.account.rows[card.row].same).collect();
    html! {
        div .differences {
            h3 { "What differs, first of each kind" }
            @for text in &view.account.differences { pre { (text.trim_end()) } }
            @if !different.is_empty() {
                h3 { (different.len()) @if different.len() == 1 { " call differs" } @else { " calls differ" } }
                // All are in the page; so many at once would hide what follows.
                @let (first, more) = different.split_at(different.len().min(AT_ONCE));
                (listed(view, first))
                @if !more.is_empty() {
                    details { summary { "the other " (more.len()) } (listed(view, more)) }
                }
            }
        }
    }
}

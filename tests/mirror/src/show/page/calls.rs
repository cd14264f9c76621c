//! A call as the page shows it.

use maud::{Markup, PreEscaped, html};
use similar::{Algorithm, ChangeTag, TextDiff};

use super::sources::Sources;
use super::view::{Card, View};
use crate::account::Item;
use crate::account::calls::{Call, Kind};
use crate::show::trace::Entry;

/// How much of an argument is shown, in characters.
const SHOWN: usize = 160;

/// What two calls of a row, or one, are: the text.
pub(super) fn text(view: &View<'_>, row: usize) -> Markup {
    let calls = view.calls(row);
    let labels = view.account.sides.each_ref().map(|side| side.label.as_str());
    match calls {
        [Some(left), Some(_)] if view.account.rows[row].same => html! { code .text { (of_call(left, None)) } },
        _ => html! {
            @for (side, call) in calls.iter().enumerate() {
                @if let Some(call) = call {
                    @let other = calls[1 - side].map(|other| other.compared.as_str());
                    code .text.differs { b .side { (labels[side]) } " " (of_call(call, other)) }
                }
            }
            @if calls[0].is_none() { span .missing { "no such call in " (labels[0]) } }
            @if calls[1].is_none() { span .missing { "no such call in " (labels[1]) } }
        },
    }
}

/// One call; what differs from another is marked.
fn of_call(call: &Call, other: Option<&str>) -> Markup {
    if let Some(other) = other {
        return marked(&call.compared, other);
    }
    match call.kind {
        Kind::Signal => html! { span .signal { "signal " b { (call.name) } } " " (shortened(&call.result)) },
        Kind::End => html! { span .signal { b { (call.name) } " " (call.result) } },
        Kind::Call => {
            let text = call.compared.trim_end_matches(" (INJECTED)");
            let (name, rest) = text.split_once('(').unwrap_or((text, ""));
            let (arguments, result) = match rest.rfind(") = ") {
                Some(place) => rest.split_at(place),
                None => (rest, ""),
            };
            html! {
                b { (name) } "(" (shortened(arguments)) span .result.failed[call.error.is_some()] { (result) }
                @if let Some(meaning) = &call.meaning { " " span .tag { (meaning) } }
                @if call.injected { " " span .tag.bad { "injected" } }
            }
        }
    }
}

/// The arguments, each of them shortened if it is long.
fn shortened(text: &str) -> Markup {
    let count = text.chars().count();
    if count <= 2 * SHOWN {
        return html! { (text) };
    }
    let head: String = text.chars().take(SHOWN).collect();
    let tail: String = text.chars().skip(count - SHOWN / 2).collect();
    html! { (head) span .cut { " … " (count - SHOWN - SHOWN / 2) " more characters … " } (tail) }
}

/// A text with what another does not have marked.
fn marked(text: &str, other: &str) -> Markup {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_words(other, text);
    let mut html = String::new();
    for change in diff.iter_all_changes().filter(|change| change.tag() != ChangeTag::Delete) {
        let value = change.value();
        html.push_str(
            &match change.tag() {
                ChangeTag::Insert => html! { mark { (shortened(value)) } },
                _ => html! { (shortened(value)) },
            }
            .into_string(),
        );
    }
    PreEscaped(html)
}

/// Whether the C library makes this call for itself, so that a reader may skip it.
pub(super) fn is_minor(view: &View<'_>, row: usize) -> bool {
    view.account.rows[row].same
        && view.calls(row).iter().flatten().all(|call| call.error.is_none() && crate::show::trace::is_library(call))
}

/// The card of a call in the column of the kernel.
pub(super) fn card(view: &View<'_>, card: &Card, sources: &Sources, owner: &str) -> Markup {
    let calls = view.calls(card.row);
    let id = view.call_id(card.number);
    let is_same = view.account.rows[card.row].same;
    let lines = all_lines(view, card, sources).join(" ");
    let function = calls.iter().flatten().find(|call| call.function != call.name).map(|call| &call.function);
    html! {
        article .call.minor[is_minor(view, card.row)].differing[!is_same] id=(id) data-k=(id) data-lines=(lines)
            data-with=(with(view, card).join(" ")) data-step=[view.step(card.row)]
        {
            @if !owner.is_empty() { p .owner { (owner) } }
            (chips(view, &card.before))
            div .line {
                a .number href={ "#" (id) } aria-label={ "call " (card.number) } { (card.number) }
                div { (text(view, card.row)) }
            }
            p .at {
                @if let Some(function) = function { span .function { (function) } }
                (places(calls, sources))
            }
            (chips(view, &card.after))
        }
    }
}

/// The lines that make the calls, as links.
fn places(calls: [Option<&Call>; 2], sources: &Sources) -> Markup {
    html! {
        @for (side, call) in calls.iter().enumerate() {
            @if let Some(place) = call.and_then(|call| call.places.first()) {
                @let id = sources.id(side, place);
                a href={ "#" (id) } { (id) }
            }
        }
    }
}

/// The packets and deeds that belong to a call.
fn chips(view: &View<'_>, entries: &[usize]) -> Markup {
    html! {
        @if !entries.is_empty() {
            div .chips {
                @for entry in entries {
                    @let only = view.only(*entry);
                    @match (&view.entries[*entry], view.packet(*entry)) {
                        (_, Some((side, place, packet))) => {
                            @let id = view.packet_id(side, place);
                            a .packet href={ "#" (id) } data-k=(id) {
                                @if let Some(label) = only { b .side { (label) } " " }
                                (port(&packet.from)) "→" (port(&packet.to)) " "
                                b { (super::packet::short(packet)) }
                            }
                        },
                        (Entry::Aside { line, item: Item::Deed(_), .. }, _) => {
                            span .deed { @if let Some(label) = only { b .side { (label) } " " } (line) }
                        },
                        _ => {},
                    }
                }
            }
        }
    }
}

/// The port of an address, or all of it if it has none.
pub(super) fn port(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(_, port)| port)
}

/// All lines that led to a call, innermost first, side by side.
pub(super) fn all_lines(view: &View<'_>, card: &Card, sources: &Sources) -> Vec<String> {
    let calls = view.calls(card.row);
    let of_side = |side: usize| calls[side].map_or(&[][..], |call| &call.places).iter().map(move |p| (side, p));
    [0, 1].into_iter().flat_map(of_side).map(|(side, place)| sources.id(side, place)).collect()
}

/// The packets and the output that belong to a call.
fn with(view: &View<'_>, card: &Card) -> Vec<String> {
    let asides = card.before.iter().chain(&card.after);
    let mut with: Vec<String> =
        asides.filter_map(|entry| view.packet(*entry)).map(|(side, place, _)| view.packet_id(side, place)).collect();
    // A packet belongs to the call that its bytes come from, too.
    for (side, account) in view.account.sides.iter().enumerate() {
        let call = view.account.rows[card.row].calls[side];
        for (place, packet) in account.packets.iter().enumerate() {
            // Every packet of a connection has its ports.
            let is_data = |field: usize| packet.fields[field].name == "data";
            let shares = packet.origins.iter().any(|origin| Some(origin.call) == call && is_data(origin.field));
            if shares && view.shows(side, place) {
                let id = view.packet_id(side, place);
                if !with.contains(&id) {
                    with.push(id);
                }
            }
        }
    }
    with.extend(super::output::of_card(view, card));
    with
}

//! Everything in the order of time: the program's calls, the packets, what the peers do.

use maud::{Markup, html};

use super::calls::{is_minor, text};
use super::ladder::Lanes;
use super::packet::opened;
use super::sources::Sources;
use super::view::{View, time};
use crate::account::calls::Phase;
use crate::show::trace::Entry;

/// The view of one scenario.
pub(super) fn by_time(view: &View<'_>, sources: &Sources) -> Markup {
    let lanes = Lanes::new(view.account);
    let style = format!("--lanes:{}", lanes.count());
    let mut owner = "";
    html! {
        section class={ "time " (view.class()) } style=(style) aria-label="By time" {
            h2 { "By time" }
            p .note {
                "Times are those of " (view.account.sides[0].label) ", in milliseconds from its start; strace makes them "
                "long. What the kernel does by itself is not compared: acknowledgments may come at another moment."
            }
            div .row.head {
                span .t { "ms" } span .number { "call" } span .step { "step" } span .what {}
                span .wire { (lanes.heads()) }
            }
            @for (place, entry) in view.entries.iter().enumerate() {
                @match entry {
                    Entry::Row(row) => {
                        @if let Some(number) = view.number(*row) {
                            @let now = view.calls(*row).into_iter().flatten().next().map_or("", |call| call.owner.as_str());
                            @if now != std::mem::replace(&mut owner, now) { p .owner { (now) } }
                            (call_row(view, *row, number, sources))
                        }
                    },
                    Entry::Aside { .. } => (aside(view, place, &lanes)),
                }
            }
        }
    }
}

fn milliseconds(time: i64) -> String {
    format!("{:.2}", time as f64 / 1e6)
}

fn call_row(view: &View<'_>, row: usize, number: usize, sources: &Sources) -> Markup {
    let calls = view.calls(row);
    let id = view.call_id(number);
    let is_same = view.account.rows[row].same;
    let call = calls.iter().flatten().next();
    let waited = call.is_some_and(|call| {
        let side = usize::from(calls[0].is_none());
        call.waited(&view.account.sides[side].deeds)
    });
    html! {
        div .row.minor[is_minor(view, row)].differing[!is_same] data-k=(id) {
            span .t { @if let Some(call) = call { (milliseconds(if waited { call.end } else { call.begin })) } }
            a .number href={ "#" (id) } { (number) }
            span .step { @if let Some(step) = view.step(row) { a href={ "#step-" (step) } { (step) } } }
            div .what {
                (text(view, row))
                @if let Some(call) = call.filter(|_| waited) {
                    " " span .tag { "waited from " (milliseconds(call.begin)) }
                }
                @for (side, call) in calls.iter().enumerate() {
                    @if let Some(place) = call.and_then(|call| call.places.first()) {
                        @let line = sources.id(side, place);
                        " " a .place href={ "#" (line) } { (line) }
                    }
                }
            }
            span .wire {}
        }
    }
}

fn aside(view: &View<'_>, place: usize, lanes: &Lanes) -> Markup {
    let Entry::Aside { sides, item, line } = &view.entries[place] else { return html! {} };
    let side = usize::from(!sides[0]);
    let only = view.only(place);
    let is_other = only.is_some() && !view.is_same();
    let moment = milliseconds(time(view.account, side, *item));
    match view.packet(place) {
        Some((side, index, packet)) => {
            let id = view.packet_id(side, index);
            html! {
                details .packet.differing[is_other] id=(id) data-k=(id) {
                    summary .row {
                        span .t { (moment) }
                        span .number {} span .step {}
                        span .what {
                            @if let Some(label) = only { b .side { (label) } " " }
                            (packet.summary())
                        }
                        span .wire { (lanes.arrow(packet)) }
                    }
                    (opened(view, side, packet))
                }
            }
        }
        None => html! {
            div .row.deed.differing[is_other] {
                span .t { (moment) }
                span .number {} span .step {}
                span .what { @if let Some(label) = only { b .side { (label) } " " } (line) }
                span .wire {}
            }
        },
    }
}

/// The calls of the loader and of the C library's start.
pub(super) fn start(view: &View<'_>) -> Markup {
    let is_start = |row: &usize| view.calls(*row).iter().flatten().all(|call| call.phase <= Phase::Start);
    let rows: Vec<usize> = (0..view.account.rows.len()).filter(is_start).collect();
    let different = rows.iter().filter(|row| !view.account.rows[**row].same).count();
    html! {
        details .start open[different > 0] {
            summary {
                (rows.len()) " calls of the loader and of the C library’s start, "
                @if different == 0 { "the same on both sides" } @else { (different) " of them different" }
            }
            @for row in rows {
                div .startcall.differing[!view.account.rows[row].same] { (text(view, row)) }
            }
        }
    }
}

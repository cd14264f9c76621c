//! The sources step by step, and between them the calls of each step.

use std::ops::Range;

use maud::{Markup, html};

use super::calls::card;
use super::sources::{File, Sources};
use super::time::start;
use super::view::{Card, View};

/// From so many passes through a step on, those in the middle are folded.
const MOST_PASSES: usize = 6;

/// A part of the main file of both sides.
struct Band<'a> {
    /// The step; `None` for what stands before the first.
    step: Option<u32>,
    title: &'a str,
    /// The lines of each side, from 0.
    lines: [Range<usize>; 2],
}

/// The view of all scenarios: the sources are there once.
pub(super) fn by_step(views: &[View<'_>], sources: &Sources) -> Markup {
    let accounts: Vec<_> = views.iter().map(|view| view.account).collect();
    let files = [0, 1].map(|side| sources.main(side, &accounts));
    let bands = match files.iter().flatten().any(|file| !file.steps.is_empty()) {
        true => bands(files),
        false => bands_of_calls(files, views),
    };
    let labels = accounts[0].sides.each_ref().map(|side| side.label.as_str());
    html! {
        section .by-step aria-label="By step" {
            div .cols.heads {
                @for side in 0..2 {
                    div class=(["left", "right"][side]) {
                        b { (labels[side]) } " " @if let Some(file) = files[side] { (file.path) }
                    }
                    @if side == 0 {
                        div .kernel { b { "the kernel" } " one call for both, while they are the same" }
                    }
                }
            }
            @for index in 0..bands.len() { (one(&bands, index, files, views, sources)) }
        }
    }
}

/// The main files divided at their steps.
fn bands<'a>(files: [Option<&'a File>; 2]) -> Vec<Band<'a>> {
    let steps = |side: usize| files[side].map_or(&[][..], |file| file.steps.as_slice());
    let length = |side: usize| files[side].map_or(0, |file| file.text.len());
    let mut numbers: Vec<u32> = steps(0).iter().map(|step| step.number).collect();
    numbers
        .extend(steps(1).iter().map(|step| step.number).filter(|number| steps(0).iter().all(|s| s.number != *number)));
    let part = |side: usize, number: Option<u32>| {
        let starts: Vec<usize> = steps(side).iter().map(|step| step.line as usize - 1).collect();
        let place = match number {
            None => return 0..starts.first().copied().unwrap_or(length(side)),
            Some(number) => steps(side).iter().position(|step| step.number == number),
        };
        place.map_or(0..0, |place| starts[place]..starts.get(place + 1).copied().unwrap_or(length(side)))
    };
    let trimmed = |side: usize, mut lines: Range<usize>| {
        let is_blank = |index: usize| files[side].is_none_or(|file| file.text[index].trim().is_empty());
        while !lines.is_empty() && is_blank(lines.end - 1) {
            lines.end -= 1;
        }
        lines
    };
    let band = |step: Option<u32>| Band {
        step,
        title: steps(0).iter().chain(steps(1)).find(|other| Some(other.number) == step).map_or("", |step| &step.title),
        lines: [0, 1].map(|side| trimmed(side, part(side, step))),
    };
    std::iter::once(None).chain(numbers.into_iter().map(Some)).map(band).collect()
}

/// For sources without steps: they are divided where the same call comes from one line of each.
fn bands_of_calls<'a>(files: [Option<&'a File>; 2], views: &[View<'_>]) -> Vec<Band<'a>> {
    let length = |side: usize| files[side].map_or(0, |file| file.text.len());
    let rows = views.iter().flat_map(|view| view.cards.iter().map(move |card| (view, card.row)));
    let mut pairs: Vec<[usize; 2]> = rows
        .filter(|(view, row)| view.account.rows[*row].same)
        .filter_map(|(view, row)| Some([line(view, row, 0, files)?, line(view, row, 1, files)?]))
        .collect();
    pairs.sort_unstable();
    // Both sources go on from band to band.
    let mut starts = vec![[0, 0]];
    for pair in pairs {
        let last = starts[starts.len() - 1];
        if (0..2).all(|side| pair[side] > last[side]) {
            starts.push(pair);
        }
    }
    starts.push([length(0), length(1)]);
    let band =
        |pair: &[[usize; 2]]| Band { step: None, title: "", lines: [0, 1].map(|side| pair[0][side]..pair[1][side]) };
    starts.windows(2).map(band).collect()
}

/// The line of a side's main file that led to a call, from 0.
fn line(view: &View<'_>, row: usize, side: usize, files: [Option<&File>; 2]) -> Option<usize> {
    let path = files[side]?.path.as_str();
    let place = view.calls(row)[side]?.places.iter().rfind(|place| place.file == path)?;
    Some(place.line as usize - 1)
}

/// The band that a call belongs to.
fn band_of(view: &View<'_>, row: usize, bands: &[Band<'_>], files: [Option<&File>; 2]) -> usize {
    let step = view.step(row);
    if bands.iter().any(|band| band.step.is_some()) {
        return bands.iter().position(|band| band.step == step).unwrap_or(0);
    }
    let by_line = |side: usize| {
        let line = line(view, row, side, files)?;
        bands.iter().position(|band| band.lines[side].contains(&line))
    };
    by_line(0).or_else(|| by_line(1)).unwrap_or(bands.len() - 1)
}

fn one(bands: &[Band<'_>], index: usize, files: [Option<&File>; 2], views: &[View<'_>], sources: &Sources) -> Markup {
    let band = &bands[index];
    let shown = |side: usize| files[side].map(|file| file.show(band.lines[side].clone()));
    let kernel = html! {
        div .kernel {
            @for view in views {
                div class=(view.class()) {
                    @if index == 0 { (start(view)) }
                    @let of_band = view.cards.iter().filter(|card| band_of(view, card.row, bands, files) == index);
                    (calls(view, &of_band.collect::<Vec<_>>(), band.step.is_some(), sources))
                }
            }
        }
    };
    let columns = html! {
        div .cols {
            div .left { @if let Some(code) = shown(0) { (code) } }
            (kernel)
            div .right { @if let Some(code) = shown(1) { (code) } }
        }
    };
    let has_steps = bands.iter().any(|band| band.step.is_some());
    let has_calls = (0..2).any(|side| files[side].is_some_and(|file| file.has_calls(&band.lines[side])));
    html! {
        @match band.step {
            Some(step) => {
                section .band id={ "step-" (step) } data-step=(step) {
                    h2 { a href={ "#step-" (step) } { (step) } " " (band.title) }
                    (columns)
                }
            },
            None if !has_steps => { section .band { (columns) } },
            None => {
                section .band {
                    details open[has_calls] {
                        summary { "Before the first step: comment, includes, constants" }
                        (columns)
                    }
                }
            },
        }
    }
}

/// The calls of a band, pass by pass.
fn calls(view: &View<'_>, cards: &[&Card], is_step: bool, sources: &Sources) -> Markup {
    let passes: Vec<&[&Card]> = cards.chunk_by(|a, b| b.number == a.number + 1).collect();
    let many = passes.len() > 1;
    let fold = if passes.len() > MOST_PASSES { MOST_PASSES / 2..passes.len() - MOST_PASSES / 2 } else { 0..0 };
    let pass = |index: usize| {
        html! {
            @if many {
                p .pass {
                    "pass " (index + 1) " of " (passes.len())
                    @if let Some(before) = passes[index].first().filter(|card| card.number > 1) {
                        ", after " a href={ "#" (view.call_id(before.number - 1)) } { (before.number - 1) }
                    }
                }
            }
            (one_pass(view, passes[index], sources))
        }
    };
    html! {
        @if cards.is_empty() && is_step { p .none { "No system call: memory only." } }
        @for index in 0..fold.start.max(if fold.is_empty() { passes.len() } else { 0 }) { (pass(index)) }
        @if !fold.is_empty() {
            details .fold {
                summary { (fold.len()) " more passes" }
                @for index in fold.clone() { (pass(index)) }
            }
            @for index in fold.end..passes.len() { (pass(index)) }
        }
    }
}

/// Consecutive calls.
fn one_pass(view: &View<'_>, cards: &[&Card], sources: &Sources) -> Markup {
    let mut owner = "";
    html! {
        @for card_of in cards {
            @let now = view.calls(card_of.row).into_iter().flatten().next().map_or("", |call| call.owner.as_str());
            @let is_new = std::mem::replace(&mut owner, now) != now;
            (card(view, card_of, sources, if is_new { now } else { "" }))
        }
    }
}

/// What other files have: the functions that calls come from.
pub(super) fn shared(views: &[View<'_>], sources: &Sources) -> Markup {
    let accounts: Vec<_> = views.iter().map(|view| view.account).collect();
    let main = [0, 1].map(|side| sources.main(side, &accounts).map(|file| file.path.as_str()));
    let others = |side: usize| sources.sides[side].iter().filter(move |file| Some(file.path.as_str()) != main[side]);
    let stem = |file: &File| file.name.rsplit_once('.').map_or(file.name.clone(), |(stem, _)| stem.to_owned());
    let mut stems: Vec<String> = others(0).chain(others(1)).map(stem).collect();
    let mut seen = std::collections::HashSet::new();
    stems.retain(|stem| seen.insert(stem.clone()));
    html! {
        @if !stems.is_empty() {
            section .shared aria-label="Other files" {
                h2 { "Other files: the functions that calls come from" }
                @for name in stems {
                    div .cols.two {
                        @for side in 0..2 {
                            div class=(["left", "right"][side]) {
                                @for file in others(side).filter(|file| stem(file) == name) {
                                    h3 { (file.path) }
                                    @for lines in file.functions() { (file.show(lines)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

//! An account as text: the calls of both sides in one column as long as they are the same, and between them the packets
//! and what the peers did.

use std::fmt::Write;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::account::calls::{Call, Kind};
use crate::account::{Account, Item, Side};
use crate::scenario::network::LOOPBACK;
use crate::show::terminal::{ASIDE, BAD, FAINT, HEADING, crop, pad, styled};

/// What to show, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Also the calls of the loader and of the C library's start, one by one.
    pub all: bool,
    /// Only the calls of these functions or system calls, if there are any.
    pub only: Vec<String>,
    /// Leave out the packets.
    pub no_packets: bool,
    /// How many columns a line may have; all of it if there is no limit.
    pub columns: Option<usize>,
}

/// Calls that the C library makes on its own, for its memory and its streams.
const OWN_OF_THE_LIBRARY: [&str; 10] =
    ["brk", "mmap", "munmap", "mprotect", "madvise", "newfstatat", "fstat", "getrandom", "futex", "set_robust_list"];

/// Shows an account.
pub fn trace(account: &Account, options: &Options) -> String {
    let mut text = String::new();
    let title = format!("{}, {}", account.program, account.scenario);
    let _ = writeln!(text, "{}  {}", styled(&title, HEADING), account.about);
    let table = Table::new(account, options);
    table.heading(&mut text);
    table.folded(&mut text);
    let mut owner = "";
    for entry in entries(account) {
        match entry {
            Entry::Row(row) => table.row(row, &mut owner, &mut text),
            Entry::Aside { sides, item, line } => table.aside(sides, item, &line, &mut text),
        }
    }
    text
}

/// What one line or two are about.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// A place in [`Account::rows`].
    Row(usize),
    /// A packet or a deed, of both sides or of one.
    Aside {
        /// Which sides have it.
        sides: [bool; 2],
        /// Where the first of them has it.
        item: Item,
        /// In words.
        line: String,
    },
}

/// The calls in the order in which the left program made them, each followed by what only the right one called there;
/// between them the packets and deeds: those of the left side if both have the same, of each side otherwise.
pub fn entries(account: &Account) -> Vec<Entry> {
    let asides = account.sides.each_ref().map(asides);
    let (same, rows) = (account.same_packets, account.rows_of(0));
    let of_call = |side: usize, call: Option<usize>| asides[side][after(call)].as_slice();
    let mut entries = Vec::new();
    let add = |left: &[Aside], right: &[Aside], entries: &mut Vec<Entry>| {
        let aside = |sides, (item, line): &Aside| Entry::Aside { sides, item: *item, line: line.clone() };
        let of = |sides, lines: &[Aside]| lines.iter().map(|line| aside(sides, line)).collect();
        let groups: [Vec<Entry>; 2] = match same || words(left) == words(right) {
            true => [of([true; 2], left), Vec::new()],
            false => [of([true, false], left), of([false, true], right)],
        };
        entries.extend(groups.into_iter().flatten());
    };
    let right_only = |from: usize, entries: &mut Vec<Entry>| {
        for (place, row) in account.rows.iter().enumerate().skip(from) {
            let [None, Some(call)] = row.calls else { break };
            entries.push(Entry::Row(place));
            add(&[], of_call(1, Some(call)), entries);
        }
    };
    add(of_call(0, None), of_call(1, None), &mut entries);
    right_only(0, &mut entries);
    for item in &account.sides[0].timeline {
        let Item::Call(call) = *item else { continue };
        let place = rows[call];
        entries.push(Entry::Row(place));
        let right = account.rows[place].calls[1].map_or(&[][..], |call| of_call(1, Some(call)));
        add(of_call(0, Some(call)), right, &mut entries);
        right_only(place + 1, &mut entries);
    }
    entries
}

/// A packet or a deed, and in words.
type Aside = (Item, String);

fn words(asides: &[Aside]) -> Vec<&str> {
    asides.iter().map(|(_, line)| line.as_str()).collect()
}

/// The packets and deeds of a side after each call: see [`after`].
fn asides(side: &Side) -> Vec<Vec<Aside>> {
    let mut groups = vec![Vec::new(); side.calls.len() + 1];
    let mut last = None;
    for item in &side.timeline {
        let line = match *item {
            Item::Call(call) => {
                last = Some(call);
                continue;
            }
            Item::Packet(packet) => {
                let packet = &side.packets[packet];
                let device = if packet.device == LOOPBACK { String::new() } else { format!("{}  ", packet.device) };
                format!("{device}{} → {}  {}", packet.from, packet.to, packet.summary())
            }
            Item::Deed(deed) => side.deeds[deed].text.clone(),
        };
        groups[after(last)].push((*item, line));
    }
    groups
}

/// The place of what comes after a call, or before the first.
fn after(call: Option<usize>) -> usize {
    call.map_or(0, |call| call + 1)
}

struct Table<'a> {
    account: &'a Account,
    options: &'a Options,
    /// How wide the column of each side's lines is.
    columns: [usize; 2],
}

impl<'a> Table<'a> {
    fn new(account: &'a Account, options: &'a Options) -> Self {
        let widest = |side: &Side| {
            let lines = side.calls.iter().map(|call| place(call).len());
            lines.max().unwrap_or(0).max(side.label.len())
        };
        Self { account, options, columns: account.sides.each_ref().map(widest) }
    }

    fn heading(&self, text: &mut String) {
        let [left, right] = self.account.sides.each_ref().map(|side| side.label.as_str());
        let line = self.line(' ', None, [left, right], "");
        let _ = writeln!(text, "{}", styled(line.trim_end(), FAINT));
    }

    /// The line for the rows of the start, if they are folded.
    fn folded(&self, text: &mut String) {
        if self.options.all || !self.options.only.is_empty() {
            return;
        }
        let rows = (0..self.account.rows.len()).filter(|row| self.account.is_start(*row));
        let folded = rows.filter(|row| self.account.rows[*row].same).count();
        if folded > 0 {
            let line = format!(
                "{folded} calls of the loader and of the C library's start, the same on both sides (--all shows them)"
            );
            let _ = writeln!(text, "{}", styled(&self.line(' ', None, ["", ""], &line), FAINT));
        }
    }

    fn is_shown(&self, row: usize) -> bool {
        let only = &self.options.only;
        let is_chosen = |call: &Call| only.contains(&call.function) || only.contains(&call.name);
        if !only.is_empty() && !self.account.calls(row).into_iter().flatten().any(is_chosen) {
            return false;
        }
        self.options.all || !self.account.rows[row].same || !self.account.is_start(row)
    }

    fn row<'b>(&self, row: usize, owner: &mut &'b str, text: &mut String)
    where
        'a: 'b,
    {
        if !self.is_shown(row) {
            return;
        }
        let calls = self.account.calls(row);
        let now = calls.iter().flatten().next().map_or("", |call| call.owner.as_str());
        if now != *owner {
            let _ = writeln!(text, "{}", styled(now, HEADING));
            *owner = now;
        }
        if let (true, [Some(left), Some(right)]) = (self.account.rows[row].same, calls) {
            let style = if is_library(left) { FAINT } else { Style::new() };
            let line = self.line(' ', left.step, [&place(left), &place(right)], &text_of(left));
            let _ = writeln!(text, "{}", styled(&line, style));
            return;
        }
        for (side, call) in calls.iter().enumerate() {
            if let Some(call) = call {
                let place = place(call);
                let mut places = ["", ""];
                places[side] = if place.is_empty() { &self.account.sides[side].label } else { &place };
                let line = self.line('≠', call.step, places, &text_of(call));
                let _ = writeln!(text, "{}", styled(&line, BAD));
            }
        }
    }

    fn aside(&self, sides: [bool; 2], item: Item, line: &str, text: &mut String) {
        let is_packet = matches!(item, Item::Packet(_));
        if is_packet && self.options.no_packets || !self.options.only.is_empty() && !is_packet {
            return;
        }
        let labels = self.account.sides.each_ref().map(|side| side.label.as_str());
        let labels = if sides == [true; 2] { ["", ""] } else { [0, 1].map(|s| if sides[s] { labels[s] } else { "" }) };
        let mark = if sides == [true; 2] { ' ' } else { '≠' };
        let line = self.line(mark, None, labels, &format!("    {line}"));
        let _ = writeln!(text, "{}", styled(&line, ASIDE));
    }

    fn line(&self, mark: char, step: Option<u32>, places: [&str; 2], what: &str) -> String {
        let step = step.map_or(String::new(), |step| format!("[{step}]"));
        let [left, right] = [0, 1].map(|side| pad(places[side], self.columns[side]));
        let line = format!("{mark} {step:>4}  {left}  {right}  {what}");
        let line = line.trim_end();
        self.options.columns.map_or_else(|| line.to_owned(), |columns| crop_middle(line, columns))
    }
}

/// A call as strace prints it, with the function that a C program calls if it has another name.
fn text_of(call: &Call) -> String {
    let function = if call.function == call.name { String::new() } else { format!("{}: ", call.function) };
    let meaning = call.meaning.as_ref().map_or(String::new(), |meaning| format!("  {meaning}"));
    format!("{function}{}{meaning}", call.compared)
}

/// A line that fits so many columns: what is left out comes before the call's result.
fn crop_middle(line: &str, columns: usize) -> String {
    let result = line.rfind(") = ").map(|place| &line[place..]).filter(|result| result.width() < columns / 2);
    match result {
        Some(result) if line.width() > columns => {
            format!("{}{result}", crop(&line[..line.len() - result.len()], 0, columns - result.width()))
        }
        _ => crop(line, 0, columns),
    }
}

/// The line that makes a call, as FILE:LINE.
pub fn place(call: &Call) -> String {
    call.places.first().map_or(String::new(), |place| {
        let file = place.file.rsplit_once('/').map_or(place.file.as_str(), |(_, name)| name);
        format!("{file}:{}", place.line)
    })
}

/// Whether the C library makes this call, whatever function of it was called.
pub fn is_library(call: &Call) -> bool {
    call.kind == Kind::Call && (call.places.is_empty() || OWN_OF_THE_LIBRARY.contains(&call.name.as_str()))
}

//! One account in the order in which the page shows it, and the names that its parts have in the page.

use std::collections::{HashMap, HashSet};

use crate::account::calls::Call;
use crate::account::packets::Packet;
use crate::account::{Account, Item};
use crate::show::trace::{Entry, entries};

/// An account, and what the page calls its parts.
pub(super) struct View<'a> {
    pub account: &'a Account,
    /// Its place among the accounts.
    pub index: usize,
    /// All rows, packets and deeds in order.
    pub entries: Vec<Entry>,
    /// The cards of the rows that belong to the program, in order.
    pub cards: Vec<Card>,
    /// Whether there are other accounts in the page.
    one_of_many: bool,
    /// The number of each row's card.
    numbers: HashMap<usize, usize>,
    /// The row of each call, for each side.
    rows: [Vec<usize>; 2],
    /// The packets that the page shows: sides, and places there.
    shown: HashSet<(usize, usize)>,
}

/// A call, or two that are the same or stand in the same place, with what belongs to it.
pub(super) struct Card {
    /// The place in [`Account::rows`].
    pub row: usize,
    /// From 1, in the order of time.
    pub number: usize,
    /// What came while it waited: places in [`View::entries`].
    pub before: Vec<usize>,
    /// What came after it.
    pub after: Vec<usize>,
}

impl<'a> View<'a> {
    pub fn new(account: &'a Account, index: usize, accounts: usize) -> Self {
        let entries = entries(account);
        let mut cards: Vec<Card> = Vec::new();
        // What stands between two calls belongs to the second if that was waiting already.
        let mut between = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            match entry {
                Entry::Aside { .. } => between.push(place),
                Entry::Row(row) if account.is_start(*row) => {}
                Entry::Row(row) => {
                    let begins = account.calls(*row).map(|call| call.map(|call| call.begin));
                    let waited = |place: &usize| match &entries[*place] {
                        Entry::Aside { sides, item, .. } => {
                            let side = usize::from(!sides[0]);
                            begins[side].is_some_and(|begin| time(account, side, *item) >= begin)
                        }
                        Entry::Row(_) => false,
                    };
                    let first = between.iter().position(waited).unwrap_or(between.len());
                    let before = between.split_off(if cards.is_empty() { 0 } else { first });
                    if let Some(last) = cards.last_mut() {
                        last.after.append(&mut between);
                    }
                    cards.push(Card { row: *row, number: cards.len() + 1, before, after: Vec::new() });
                }
            }
        }
        if let Some(last) = cards.last_mut() {
            last.after = between;
        }
        let numbers = cards.iter().map(|card| (card.row, card.number)).collect();
        let rows = [0, 1].map(|side| account.rows_of(side));
        let mut view =
            Self { account, index, entries, cards, one_of_many: accounts > 1, numbers, rows, shown: HashSet::new() };
        let shown = |entry: usize| view.packet(entry).map(|(side, place, _)| (side, place));
        view.shown = (0..view.entries.len()).filter_map(shown).collect();
        view
    }

    /// The calls of a row.
    pub fn calls(&self, row: usize) -> [Option<&'a Call>; 2] {
        self.account.calls(row)
    }

    /// The step of a row.
    pub fn step(&self, row: usize) -> Option<u32> {
        self.calls(row).iter().flatten().find_map(|call| call.step)
    }

    /// The classes of what belongs to this scenario only.
    pub fn class(&self) -> String {
        format!("of-scenario s{}", self.index)
    }

    /// An ID in the page.
    pub fn id(&self, name: &str) -> String {
        if self.one_of_many { format!("{}/{name}", self.account.scenario) } else { name.to_owned() }
    }

    pub fn call_id(&self, number: usize) -> String {
        self.id(&format!("call-{number}"))
    }

    pub fn packet_id(&self, side: usize, packet: usize) -> String {
        let number = self.account.sides[side].packets[packet].number;
        let label = if side == 0 { String::new() } else { format!("-{}", self.account.sides[1].label.to_lowercase()) };
        self.id(&format!("packet-{number}{label}"))
    }

    /// The number of the card that has this call of a side.
    pub fn number_of(&self, side: usize, call: usize) -> Option<usize> {
        self.number(self.rows[side][call])
    }

    /// The number of a row's card.
    pub fn number(&self, row: usize) -> Option<usize> {
        self.numbers.get(&row).copied()
    }

    /// The packet of an entry, if it is one: its side and its place there.
    pub fn packet(&self, entry: usize) -> Option<(usize, usize, &'a Packet)> {
        match &self.entries[entry] {
            Entry::Aside { sides, item: Item::Packet(packet), .. } => {
                let side = usize::from(!sides[0]);
                Some((side, *packet, &self.account.sides[side].packets[*packet]))
            }
            _ => None,
        }
    }

    /// The label of the only side that has an entry at its place, if it is not both.
    pub fn only(&self, entry: usize) -> Option<&'a str> {
        match &self.entries[entry] {
            Entry::Aside { sides, .. } if sides[0] != sides[1] => {
                Some(&self.account.sides[usize::from(!sides[0])].label)
            }
            _ => None,
        }
    }

    /// Whether the page shows this packet of a side: of packets that are the same it shows the left side's.
    pub fn shows(&self, side: usize, packet: usize) -> bool {
        self.shown.contains(&(side, packet))
    }

    pub fn is_same(&self) -> bool {
        self.account.verdict == "same"
    }
}

/// When an item happened.
pub(super) fn time(account: &Account, side: usize, item: Item) -> i64 {
    let side = &account.sides[side];
    match item {
        Item::Call(call) => side.calls[call].begin,
        Item::Packet(packet) => side.packets[packet].time,
        Item::Deed(deed) => side.deeds[deed].time,
    }
}

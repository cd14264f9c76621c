//! A program that never sleeps, and when it has nothing to do.

use crate::run::strace::{found_none_ready, paused, would_wait};

/// The last rows of such a program, as far as all of them were asked in vain.
#[derive(Debug, Default)]
pub struct Polling {
    asked: Vec<String>,
}

impl Polling {
    /// Notes the next row.
    pub fn row(&mut self, text: &str) {
        if would_wait(text) || found_none_ready(text) || paused(text) {
            self.asked.push(text.to_owned());
        } else {
            self.asked.clear();
        }
    }

    /// What was asked up to now tells nothing more.
    pub fn begin_anew(&mut self) {
        self.asked.clear();
    }

    /// Whether the program has asked for everything twice in vain.
    pub fn asked_twice(&mut self) -> bool {
        let rows = &mut self.asked;
        let twice = |&length: &usize| {
            let (rest, last) = rows.split_at(rows.len() - length);
            rest.ends_with(last)
        };
        let round = (1..=rows.len() / 2).find(twice);
        if let Some(length) = round {
            // What came before tells nothing more.
            rows.drain(..rows.len() - 2 * length);
        }
        round.is_some()
    }
}

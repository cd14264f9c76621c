//! Detects when a program that polls, and never sleeps, is idle.

use crate::run::strace::{found_nothing_ready, is_pause, would_block};

/// The program's latest calls, back to the last one that found something to do.
#[derive(Debug, Default)]
pub struct Polling {
    calls: Vec<String>,
}

impl Polling {
    /// Adds the next line of the trace.
    pub fn add(&mut self, text: &str) {
        if would_block(text) || found_nothing_ready(text) || is_pause(text) {
            self.calls.push(text.to_owned());
        } else {
            self.calls.clear();
        }
    }

    /// Discards the calls so far.
    pub fn reset(&mut self) {
        self.calls.clear();
    }

    /// Whether the latest calls are the same sequence twice: the program has polled everything
    /// twice and found nothing to do.
    pub fn is_idle(&mut self) -> bool {
        let calls = &mut self.calls;
        let twice = |&length: &usize| {
            let (rest, last) = calls.split_at(calls.len() - length);
            rest.ends_with(last)
        };
        let round = (1..=calls.len() / 2).find(twice);
        if let Some(length) = round {
            // Earlier calls no longer matter.
            calls.drain(..calls.len() - 2 * length);
        }
        round.is_some()
    }
}

//! Which line of a program's own source made a system call.

use std::collections::HashMap;
use std::path::Path;

use addr2line::Loader;
use anyhow::{Context, Result, anyhow};
use regex::Regex;

use crate::trace::{Event, Frame};

/// Finds source lines by the programs' debugging information.
#[derive(Default)]
pub struct Sources {
    objects: HashMap<String, Option<Loader>>,
}

/// A place in a program's own source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The line, from 1.
    pub line: u32,
    /// The step that it belongs to: the number of the last comment `[N]` above it.
    pub step: Option<u32>,
}

impl Sources {
    /// What in `source` led to each event; `None` where it was the kernel, the dynamic loader or
    /// the C library's start and end.
    pub fn origins(&mut self, events: &[&Event], source: &Path) -> Result<Vec<Option<Origin>>> {
        let text = std::fs::read_to_string(source)
            .with_context(|| format!("cannot read {}", source.display()))?;
        let steps = steps(&text);
        let origin = |line| Origin { line, step: step_of(&steps, line) };
        events.iter().map(|event| Ok(self.line_of(event, source)?.map(origin))).collect()
    }

    /// The innermost line on the stack, so that a helper of the same file counts before its caller.
    fn line_of(&mut self, event: &Event, source: &Path) -> Result<Option<u32>> {
        for frame in &event.stack {
            if let Some(line) = self.line(frame, source)? {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn line(&mut self, frame: &Frame, source: &Path) -> Result<Option<u32>> {
        let loader = self
            .objects
            .entry(frame.object.clone())
            .or_insert_with(|| Loader::new(&frame.object).ok());
        let Some(loader) = loader else {
            return Ok(None);
        };
        let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // The stack holds return addresses; the call itself ends just before.
        let address = frame.address.saturating_sub(1);
        let mut frames = loader.find_frames(address).map_err(|error| anyhow!("{error}"))?;
        while let Some(frame) = frames.next()? {
            let Some(location) = frame.location else {
                continue;
            };
            let file = location.file.map(Path::new);
            if file.and_then(Path::file_name).is_some_and(|file| file == name) {
                return Ok(location.line);
            }
        }
        Ok(None)
    }
}

/// The lines at which steps begin, with their numbers.
fn steps(text: &str) -> Vec<(u32, u32)> {
    let comment = Regex::new(r"^\s*(?:/\*|//) \[(\d+)\]").expect("the pattern is valid");
    let step = |(number, line)| {
        let step = comment.captures(line)?.get(1)?.as_str().parse().ok()?;
        Some((number, step))
    };
    (1..).zip(text.lines()).filter_map(step).collect()
}

fn step_of(steps: &[(u32, u32)], line: u32) -> Option<u32> {
    steps.iter().rev().find(|(begin, _)| *begin <= line).map(|(_, step)| *step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_the_step_above_it() {
        let steps = steps("x\n    /* [1] Begin */\n\ny\n// [2] End\nz // [3]\n");
        assert_eq!(steps, [(2, 1), (5, 2)]);
        assert_eq!(
            [1, 2, 4, 9].map(|line| step_of(&steps, line)),
            [None, Some(1), Some(1), Some(2)]
        );
    }
}

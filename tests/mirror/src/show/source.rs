//! Finds the source line and the step that made a system call.

use std::collections::HashMap;
use std::path::Path;

use addr2line::Loader;
use anyhow::{Context, Result, anyhow};
use regex::Regex;

use crate::read::trace::{Event, Frame};

/// Looks up source lines in the programs' debugging information.
#[derive(Default)]
pub struct Sources {
    objects: HashMap<String, Option<Loader>>,
}

/// A place in a program's own source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The innermost line on the stack, from 1: that of a helper rather than its caller, unless the
    /// helper ends with a tail call.
    pub line: u32,
    /// The step that led to it: the number in the last comment `[N]` above the innermost line that
    /// has one. Helpers come before the steps, so for a helper it is the caller's step.
    pub step: Option<u32>,
}

impl Sources {
    /// The place in `source` that led to each event; `None` for the kernel, the dynamic loader and
    /// the C library's start and exit.
    pub fn origins(&mut self, events: &[&Event], source: Option<&Path>) -> Result<Vec<Option<Origin>>> {
        let source = source.context("the source is not known")?;
        let text = std::fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
        let steps = steps(&text);
        events.iter().map(|event| self.origin(event, source, &steps)).collect()
    }

    fn origin(&mut self, event: &Event, source: &Path, steps: &[(u32, u32)]) -> Result<Option<Origin>> {
        let mut lines = Vec::new();
        for frame in &event.stack {
            lines.extend(self.lines(frame, source)?);
        }
        let step = lines.iter().find_map(|line| step_of(steps, *line));
        Ok(lines.first().map(|line| Origin { line: *line, step }))
    }

    /// The lines of `source` for a return address: several, innermost first, if functions were
    /// inlined.
    fn lines(&mut self, frame: &Frame, source: &Path) -> Result<Vec<u32>> {
        let loader = self.objects.entry(frame.object.clone()).or_insert_with(|| Loader::new(&frame.object).ok());
        let Some(loader) = loader else {
            return Ok(Vec::new());
        };
        // The call instruction ends just before the return address.
        let address = frame.address.saturating_sub(1);
        let mut frames = loader.find_frames(address).map_err(|error| anyhow!("{error}"))?;
        let mut lines = Vec::new();
        while let Some(frame) = frames.next()? {
            let Some(location) = frame.location else {
                continue;
            };
            let file = location.file.map(Path::new).and_then(Path::file_name);
            if file.is_some() && file == source.file_name() {
                lines.extend(location.line);
            }
        }
        Ok(lines)
    }
}

/// The lines where steps begin, and the steps' numbers.
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
        assert_eq!([1, 2, 4, 9].map(|line| step_of(&steps, line)), [None, Some(1), Some(1), Some(2)]);
    }
}

//! Styles, columns and progress on a terminal.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Success.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Failure.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Headings.
pub const HEADING: Style = Style::new().bold();
/// Less important text.
pub const FAINT: Style = Style::new().dimmed();

/// What stands between the lines of a table.
pub const ASIDE: Style = AnsiColor::Cyan.on_default();

/// Text in a style. [`out`](crate::common::out) removes it unless standard output is a terminal.
pub fn styled(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// The number of columns to print in.
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.or(terminal).unwrap_or(160).clamp(60, 400)
}

/// Shows progress on standard error if it is a terminal.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    shown: bool,
}

impl Progress {
    /// For this many items.
    pub fn new(total: usize) -> Self {
        let progress = Self { total, shown: std::io::stderr().is_terminal() };
        progress.show(0, "");
        progress
    }

    /// Shows how many items are done, and the next one.
    pub fn show(&self, done: usize, next: &str) {
        if self.shown {
            let total = self.total;
            let _ = write!(std::io::stderr(), "\r\x1b[K[{done}/{total}] {next}");
        }
    }

    /// Clears the line for other output.
    pub fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// At most this many columns of a text, beginning at a character, with `…` for what is left out.
pub fn crop(text: &str, from: usize, columns: usize) -> String {
    let mut cropped = String::new();
    if from > 0 {
        cropped.push('…');
    }
    let rest: String = text.chars().skip(from).collect();
    if cropped.width() + rest.width() <= columns {
        cropped.push_str(&rest);
        return cropped;
    }
    for character in rest.chars() {
        if cropped.width() + character.width().unwrap_or(0) + 1 > columns {
            break;
        }
        cropped.push(character);
    }
    cropped.push('…');
    cropped
}

/// A text padded with spaces to this many columns.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// Words on lines of at most this many columns, if they fit, each line indented.
pub fn wrap<'a>(words: impl Iterator<Item = &'a str>, indent: usize, columns: usize) -> String {
    let mut lines = vec![String::new()];
    for word in words {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if indent + line.width() + 1 + word.width() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_by_columns() {
        assert_eq!(crop("abcdef", 0, 6), "abcdef");
        assert_eq!(crop("abcdef", 0, 4), "abc…");
        assert_eq!(crop("abcdef", 3, 6), "…def");
        assert_eq!(crop("한국어", 0, 5), "한국…");
        assert_eq!(pad("한", 4), "한  ");
    }

    #[test]
    fn wraps_by_columns() {
        let words = "in 3 scenarios: one, two, three".split(' ');
        assert_eq!(wrap(words, 2, 19), "  in 3 scenarios:\n  one, two, three\n");
    }
}

//! Colours, columns and progress on a terminal.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Headings.
pub const HEADING: Style = Style::new().bold();
/// What matters less.
pub const FAINT: Style = Style::new().dimmed();

/// Text in a style; whether it shows is decided where it is printed.
pub fn styled(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// How many columns there are to print in.
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.or(terminal).unwrap_or(160).clamp(60, 400)
}

/// Tells on a terminal's standard error how far long work is; silent anywhere else.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    shown: bool,
}

impl Progress {
    /// For so many pieces of work.
    pub fn new(total: usize) -> Self {
        let progress = Self { total, shown: std::io::stderr().is_terminal() };
        progress.show(0, "");
        progress
    }

    /// So many are done, and this comes next.
    pub fn show(&self, done: usize, next: &str) {
        if self.shown {
            let total = self.total;
            let _ = write!(std::io::stderr(), "\r\x1b[K[{done}/{total}] {next}");
        }
    }

    /// Makes room for a line of output.
    pub fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// So many columns of a text from a character on, with `…` where something is left out.
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

/// A text filled up with blanks to so many columns.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
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
}

//! Bytes in a scenario: what is sent, expected and printed.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Longer texts are typing errors: a run would not send them in its two minutes.
const LONGEST_TEXT: usize = 100_000_000;

/// What a repeated string has where the number stands.
const COUNTER: &str = "{n}";

/// Bytes, written down so that a person can read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a text was expected: a string, { pattern = NUMBER }, { hex = \"DIGITS\" }, \
                 { repeat = \"STRING\", times = NUMBER } or a list of these"
)]
pub enum Text {
    /// The bytes of one piece.
    One(Piece),
    /// Several pieces, one after another.
    Many(Vec<Piece>),
}

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Piece {
    /// The UTF-8 bytes of a string.
    Plain(String),
    /// Bytes of an endless pattern of printable characters: `{ pattern = 1000 }`.
    Pattern {
        /// How many bytes.
        pattern: usize,
    },
    /// Bytes in hexadecimal: `{ hex = "00 ff" }`.
    Hex {
        /// Two digits a byte; blanks are passed over.
        hex: String,
    },
    /// A string several times: `{ repeat = "line {n}\n", times = 3 }`.
    Repeat {
        /// The string; `{n}` stands for a number that grows by one each time.
        repeat: String,
        /// How often.
        times: u32,
        /// The first number, if not 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u32>,
    },
}

impl Default for Text {
    fn default() -> Self {
        Text::Many(Vec::new())
    }
}

impl Text {
    /// The bytes that are meant.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces().iter().flat_map(Piece::bytes).collect()
    }

    fn pieces(&self) -> &[Piece] {
        match self {
            Text::One(piece) => std::slice::from_ref(piece),
            Text::Many(pieces) => pieces,
        }
    }

    /// How many bytes are meant.
    pub fn len(&self) -> usize {
        self.pieces().iter().map(Piece::len).fold(0, usize::saturating_add)
    }

    /// Whether no byte is meant.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same text with its strings replaced.
    pub(super) fn with_strings(&self, replace: impl Fn(&str) -> String) -> Self {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => Piece::Plain(replace(text)),
            Piece::Repeat { repeat, times, from } => {
                Piece::Repeat { repeat: replace(repeat), times: *times, from: *from }
            }
            other => other.clone(),
        };
        Text::Many(self.pieces().iter().map(piece).collect())
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.pieces().iter().try_for_each(Piece::check)
    }
}

impl Piece {
    fn check(&self) -> Result<(), String> {
        let is_too_long = self.len() > LONGEST_TEXT;
        match self {
            Piece::Pattern { pattern } if is_too_long => {
                Err(format!("pattern = {pattern}: at most {LONGEST_TEXT} bytes were expected"))
            }
            Piece::Hex { hex } => {
                let digits: String = hex.split_whitespace().collect();
                let are_pairs = digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                let what = || format!("hex = {hex:?}: pairs of hexadecimal digits were expected");
                are_pairs.then_some(()).ok_or_else(what)
            }
            Piece::Repeat { times: 0, .. } => Err("times = 0: a number from 1 on was expected".to_owned()),
            Piece::Repeat { repeat, .. } if repeat.is_empty() => {
                Err("repeat is empty: at least one byte was expected".to_owned())
            }
            Piece::Repeat { repeat, from: Some(from), .. } if !repeat.contains(COUNTER) => {
                Err(format!("from = {from}: {COUNTER} was expected in repeat"))
            }
            Piece::Repeat { times, .. } if is_too_long => {
                Err(format!("times = {times}: at most {LONGEST_TEXT} bytes were expected"))
            }
            _ => Ok(()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Piece::Plain(text) => text.len(),
            Piece::Pattern { pattern } => *pattern,
            Piece::Hex { hex } => hex.chars().filter_map(|c| c.to_digit(16)).count() / 2,
            Piece::Repeat { repeat, times, from } => {
                let counters = repeat.matches(COUNTER).count();
                let others = repeat.len() - counters * COUNTER.len();
                let times_of =
                    |number: u64, size: usize| usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(size);
                times_of((*times).into(), others).saturating_add(times_of(digits(&counted(*times, *from)), counters))
            }
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Piece::Plain(text) => text.as_bytes().to_vec(),
            Piece::Pattern { pattern } => pattern_bytes(*pattern),
            Piece::Hex { hex } => {
                let digits: Vec<u8> =
                    hex.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
                digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
            }
            Piece::Repeat { repeat, times, from } => counted(*times, *from)
                .flat_map(|number| repeat.replace(COUNTER, &number.to_string()).into_bytes())
                .collect(),
        }
    }
}

/// The numbers of a repeated string.
fn counted(times: u32, from: Option<u32>) -> Range<u64> {
    let from = u64::from(from.unwrap_or(1));
    from..from + u64::from(times)
}

/// How many digits these numbers have together.
fn digits(numbers: &Range<u64>) -> u64 {
    // 0 has one, too.
    let least = |digits: u32| if digits == 1 { 0 } else { 10_u64.pow(digits - 1) };
    let at_least = |digits| numbers.end.saturating_sub(numbers.start.max(least(digits)));
    (1..=10).map(at_least).sum()
}

/// Printable bytes that repeat only after 94 × 94, so that a piece of a buffer's size that is lost,
/// doubled or out of place does not look like the right one.
pub fn pattern_bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| b'!' + u8::try_from((i + i / 94) % 94).expect("a remainder of 94 fits in a byte")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Holder {
        text: Text,
    }

    fn text(text: &str) -> Text {
        toml::from_str::<Holder>(&format!("text = {text}")).unwrap().text
    }

    #[test]
    fn text_is_pieces_in_order() {
        let text = text(r#"["a\u0000", { hex = "00 fF" }, { pattern = 2 }]"#);
        assert_eq!(text.bytes(), b"a\0\x00\xff!\"");
        assert_eq!(text.len(), 6);
    }

    #[test]
    fn a_list_is_pieces_however_short() {
        assert_eq!(text("['a']").bytes(), b"a");
        assert!(toml::from_str::<Holder>("text = [['00']]").is_err());
        assert!(toml::from_str::<Holder>("text = { hex = '00', more = 1 }").is_err());
    }

    #[test]
    fn repeated_strings_are_counted() {
        for (repeat, expected) in [
            ("repeat = 'ab', times = 3", "ababab"),
            ("repeat = '{n} ', times = 3", "1 2 3 "),
            ("repeat = '{n}{n} ', times = 3, from = 9", "99 1010 1111 "),
            ("repeat = '{n}', times = 1, from = 0", "0"),
            ("repeat = '{n}', times = 3, from = 99", "99100101"),
            ("repeat = '{n}', times = 1, from = 4294967295", "4294967295"),
        ] {
            let text = text(&format!("{{ {repeat} }}"));
            assert_eq!(String::from_utf8(text.bytes()).unwrap(), expected);
            assert_eq!(text.len(), expected.len(), "{repeat}");
        }
    }

    #[test]
    fn strings_are_replaced_in_repeated_ones_too() {
        let text = text("['x ', { repeat = 'x{n}', times = 2 }]");
        assert_eq!(text.with_strings(|s| s.replace('x', "yy")).bytes(), b"yy yy1yy2");
    }

    #[test]
    fn the_pattern_does_not_repeat_within_a_buffer() {
        let bytes = pattern_bytes(1000);
        assert_ne!(bytes[..128], bytes[128..256]);
        assert!(bytes.iter().all(u8::is_ascii_graphic));
    }
}

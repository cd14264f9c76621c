//! Bytes in a scenario: what is sent, expected and printed.

use serde::{Deserialize, Serialize};

/// Longer patterns are typing errors: a run would not send them in its two minutes.
const LONGEST_PATTERN: usize = 100_000_000;

/// Bytes, written down so that a person can read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a text was expected: a string, { pattern = NUMBER }, { hex = \"DIGITS\" } or a \
                 list of these"
)]
pub enum Text {
    /// The bytes of one piece.
    One(Piece),
    /// Several pieces, one after another.
    Many(Vec<Piece>),
}

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Piece {
    /// The UTF-8 bytes of a string.
    Plain(String),
    /// So many bytes of an endless pattern of printable characters.
    Pattern(Pattern),
    /// Bytes in hexadecimal.
    Hex(Hex),
}

/// `{ pattern = 1000 }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// How many bytes.
    pub pattern: usize,
}

/// `{ hex = "00 ff" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hex {
    /// Two digits a byte; blanks are passed over.
    pub hex: String,
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
        self.pieces().iter().map(Piece::len).sum()
    }

    /// Whether no byte is meant.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same text with its strings replaced.
    pub(super) fn with_strings(&self, replace: impl Fn(&str) -> String) -> Self {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => Piece::Plain(replace(text)),
            other => other.clone(),
        };
        Text::Many(self.pieces().iter().map(piece).collect())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for piece in self.pieces() {
            match piece {
                Piece::Plain(_) => {}
                Piece::Pattern(Pattern { pattern }) if *pattern <= LONGEST_PATTERN => {}
                Piece::Pattern(Pattern { pattern }) => {
                    return Err(format!(
                        "pattern = {pattern}: at most {LONGEST_PATTERN} bytes were expected"
                    ));
                }
                Piece::Hex(Hex { hex }) => {
                    let digits: String = hex.split_whitespace().collect();
                    if !digits.len().is_multiple_of(2)
                        || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                    {
                        return Err(format!(
                            "hex = {hex:?}: pairs of hexadecimal digits were expected"
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Plain(text) => text.len(),
            Piece::Pattern(Pattern { pattern }) => *pattern,
            Piece::Hex(Hex { hex }) => hex.chars().filter_map(|c| c.to_digit(16)).count() / 2,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Piece::Plain(text) => text.as_bytes().to_vec(),
            Piece::Pattern(Pattern { pattern }) => pattern_bytes(*pattern),
            Piece::Hex(Hex { hex }) => {
                let digits: Vec<u8> = hex
                    .chars()
                    .filter_map(|c| c.to_digit(16))
                    .filter_map(|d| u8::try_from(d).ok())
                    .collect();
                digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
            }
        }
    }
}

/// Printable bytes that repeat only after 94 × 94, so that a piece of a buffer's size that is lost,
/// doubled or out of place does not look like the right one.
pub fn pattern_bytes(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| b'!' + u8::try_from((i + i / 94) % 94).expect("a remainder of 94 fits in a byte"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Holder {
        text: Text,
    }

    #[test]
    fn text_is_pieces_in_order() {
        let text = r#"text = ["a\u0000", { hex = "00 fF" }, { pattern = 2 }]"#;
        let holder: Holder = toml::from_str(text).unwrap();
        assert_eq!(holder.text.bytes(), b"a\0\x00\xff!\"");
        assert_eq!(holder.text.len(), 6);
    }

    #[test]
    fn the_pattern_does_not_repeat_within_a_buffer() {
        let bytes = pattern_bytes(1000);
        assert_ne!(bytes[..128], bytes[128..256]);
        assert!(bytes.iter().all(u8::is_ascii_graphic));
    }
}

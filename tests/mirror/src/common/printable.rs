//! Shows arbitrary bytes as text.

/// A number of bytes, in words.
pub fn bytes(number: usize) -> String {
    if number == 1 { "1 byte".to_owned() } else { format!("{number} bytes") }
}

/// Shows bytes unambiguously: UTF-8 text as it is, everything else escaped.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push_str("\\n"),
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => text.extend(c.escape_default()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf_8_is_escaped() {
        assert_eq!(printable("한\n\\\0".as_bytes()), "한\\n\\\\\\u{0}");
        assert_eq!(printable(b"a\xff"), "a\\xff");
    }
}

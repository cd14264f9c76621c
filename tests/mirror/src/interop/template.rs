//! Command lines with `{names}` in them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// What a client's command line may name.
pub const OF_A_CLIENT: [&str; 6] = ["ip", "port", "word", "way", "here", "build"];

/// What a server's may.
pub const OF_A_SERVER: [&str; 4] = ["ip", "port", "here", "build"];

/// What the command that builds something may.
pub const OF_A_BUILD: [&str; 2] = ["here", "build"];

/// The names in a command line, each between braces.
pub fn names(part: &str) -> impl Iterator<Item = &str> {
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    part.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).filter(is_name)
}

/// A part of a command line with each name replaced by its value. Values are not looked at again.
pub fn fill(part: &str, values: &[(&str, &[u8])]) -> OsString {
    let mut filled = Vec::new();
    let mut rest = part;
    while let Some(place) = rest.find('{') {
        filled.extend_from_slice(&rest.as_bytes()[..place]);
        rest = &rest[place..];
        let known = values.iter().find_map(|(name, value)| {
            let after = rest.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?;
            Some((after, value))
        });
        match known {
            Some((after, value)) => {
                filled.extend_from_slice(value);
                rest = after;
            }
            None => {
                filled.push(b'{');
                rest = &rest[1..];
            }
        }
    }
    filled.extend_from_slice(rest.as_bytes());
    OsString::from_vec(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in() {
        let values: [(&str, &[u8]); 2] = [("ip", b"127.0.0.1"), ("word", b"{ip}\xff")];
        assert_eq!(fill("a={ip}, {word}, {x}, {", &values).into_vec(), b"a=127.0.0.1, {ip}\xff, {x}, {");
        assert_eq!(names("{ip}:{port} ${1} {}").collect::<Vec<_>>(), ["ip", "port"]);
    }
}
